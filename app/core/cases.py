"""Cases of CORS calls as JSON: one line in the format of the recorded vectors in, one verdict out.

A case has `request` (origin, url, method, headers as pairs, body, credentials, mode, redirect) and `responses` (by absolute URL
without fragment: `preflight` and `actual`, each with status and header pairs); `id` is passed through. Other keys are ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pydantic_core import from_json

from app.core.cors import judge
from app.core.exchange import Head, Headers
from app.core.verdict import Answer, Body, FetchCall, Missing, SentRequest, Verdict

_CREDENTIALS = ("omit", "same-origin", "include")
_MODES = ("cors", "no-cors", "same-origin")
_REDIRECTS = ("follow", "manual", "error")
_BODY_KINDS = ("text", "urlencoded", "multipart", "blob", "bytes")

# The recorded answers are what a test server was told; these it added by itself, so a script sees them too. It sends neither a body
# nor Content-Length with 204 and 304.
_SERVER_HEADERS: Headers = (("Cache-Control", "no-store"), ("Content-Type", "text/plain"), ("Date", "-"), ("Server", "-"))
_CONTENT_LENGTH: Headers = (("Content-Length", "2"),)
_NO_LENGTH = frozenset({204, 304})
# The origin "null" of a case is a sandboxed frame in this page.
_TOP_LEVEL = "http://app.test"
# What the test server says where it was told nothing.
_UNKNOWN = Answer(Head(404), Head(404, _SERVER_HEADERS))


_LISTS = frozenset({list})
_TWO = frozenset({2})


class BadCase(ValueError):
    """The line is no case; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Case:
    id: Any  # as given; None when there is none
    call: FetchCall
    answers: dict[str, Answer]


def parse_case(line: str | bytes) -> Case:
    """Read one case.

    Raises:
        BadCase: not JSON, a field is missing, or has the wrong type.
    """
    try:
        case = from_json(line)  # three times as fast as json, but strict: no lone surrogates, no byte order mark
    except ValueError:
        case = _slowly(line)
    if not isinstance(case, dict):
        raise BadCase("a case must be a JSON object")
    request = _member(case, "request", dict, "the case")
    responses = _member(case, "responses", dict, "the case")
    origin = _member(request, "origin", str, "request")
    call = FetchCall(
        origin=origin,
        url=_member(request, "url", str, "request"),
        method=_member(request, "method", str, "request", "GET"),
        headers=_headers(request.get("headers", []), "request.headers"),
        body=_body(request.get("body")),
        credentials=_one_of(request, "credentials", _CREDENTIALS, "same-origin"),
        mode=_one_of(request, "mode", _MODES, "cors"),
        redirect=_one_of(request, "redirect", _REDIRECTS, "follow"),
        top_level=_TOP_LEVEL if origin == "null" else "",
    )
    return Case(case.get("id"), call, {url: _answer(url, answer) for url, answer in responses.items()})


def _slowly(line: str | bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise BadCase(f"not JSON: {error}") from error


def _member(data: Mapping[str, Any], name: str, kind: type, where: str, default: Any = None) -> Any:
    value = data.get(name, default)
    if value is None:
        raise BadCase(f"{where} lacks “{name}”")
    if not isinstance(value, kind):
        raise BadCase(f"“{name}” must be {'an object' if kind is dict else 'a text'}")
    return value


def _one_of(request: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = request.get(name, default)
    if value not in allowed:
        raise BadCase(f"“{name}” must be one of {', '.join(allowed)}")
    return value


def _headers(pairs: Any, where: str) -> Headers:
    # Written with functions in C: a case has some twenty pairs, and they are most of what there is to check.
    if isinstance(pairs, list) and _LISTS.issuperset(map(type, pairs)) and _TWO.issuperset(map(len, pairs)):
        try:
            "".join(chain.from_iterable(pairs))
        except TypeError:
            pass
        else:
            return tuple(map(tuple, pairs))
    raise BadCase(f"“{where}” must be a list of [name, value] pairs")


def _body(body: Any) -> Body | None:
    if body is None:
        return None
    if not isinstance(body, dict) or body.get("kind") not in _BODY_KINDS:
        raise BadCase(f"“body” must be null or have a “kind” of {', '.join(_BODY_KINDS)}")
    kind = body.get("type") or ""
    if not isinstance(kind, str):
        raise BadCase("“body.type” must be a text")
    return Body(body["kind"], kind)


def _answer(url: str, answer: Any) -> Answer:
    if not isinstance(answer, dict):
        raise BadCase(f"the response for {url} must be an object")
    preflight = _head(answer.get("preflight"), url)
    actual = _head(answer.get("actual"), url)
    if actual is not None:
        added = _SERVER_HEADERS if actual.status in _NO_LENGTH else _SERVER_HEADERS + _CONTENT_LENGTH
        actual = Head(actual.status, actual.headers + added)
    return Answer(preflight, actual)


def _head(head: Any, url: str) -> Head | None:
    if head is None:
        return None
    if not isinstance(head, dict):
        raise BadCase(f"the response for {url} must be an object with status and headers")
    status = head.get("status")
    if not isinstance(status, int) or isinstance(status, bool):
        raise BadCase(f"the status of {url} must be a whole number")
    return Head(status, _headers(head.get("headers", []), f"headers of {url}"))


def judge_case(case: Case) -> dict[str, Any]:
    """Judge one case without its path.

    Returns:
        id, allowed, allowed_standard, rule, type (null when blocked), preflight, exposed, requests, console.

    Raises:
        BadCase: an answer is needed that the case does not have; the message names the URL.
    """
    verdict = judge(case.call, case.answers, with_path=False, standard_default=_UNKNOWN)
    if isinstance(verdict, Missing):
        what = "preflight" if verdict.kind == "preflight" else f"{verdict.method} request"
        raise BadCase(f"no answer to the {what} at {verdict.url}")
    return as_output(case.id, verdict)


def as_output(case_id: Any, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain values for JSON."""
    return {
        "id": case_id,
        "allowed": verdict.allowed,
        "allowed_standard": verdict.allowed_standard,
        "rule": verdict.rule,
        "type": verdict.type or None,
        "preflight": verdict.preflight,
        "exposed": list(verdict.exposed),
        "requests": [_request(request) for request in verdict.requests],
        "console": verdict.console,
    }


def _request(request: SentRequest) -> dict[str, Any]:
    return {
        "kind": request.kind,
        "url": request.url,
        # The server that recorded the cases reads methods in upper case; only Access-Control-Request-Method keeps "patch".
        "method": request.method if request.kind == "preflight" else request.method.upper(),
        "origin": request.origin,
        "acrh": request.acrh,
        "authorization": request.authorization,
        "content_type": request.content_type,
    }

"""Cases for the lab: ready ones to start from, the one that a console message tells of, and a call as JavaScript, written and read."""

import json
from dataclasses import dataclass, replace
from http import HTTPStatus

from app.core.collect import collect
from app.core.console import ConsoleMatch
from app.core.exchange import Exchange, Head, Purpose
from app.core.inventory import UNKEPT, Call
from app.core.lab import BadText, LabAnswer, LabCase, base_rule, judge_case
from app.core.observation import ScanRequest
from app.core.urls import origin_of

MAX_CODE = 20_000  # characters of pasted JavaScript
PAGE = "https://app.fernway.example"
API = "https://api.fernway.example"
_BODIES = {
    "text": "JSON.stringify(data)",
    "urlencoded": "new URLSearchParams(data)",
    "multipart": "new FormData(form)",
    "bytes": "new Uint8Array(8)",
}


@dataclass(frozen=True, slots=True)
class ReadyCase:
    key: str
    words: str
    rule: str  # the rule it shows
    case: LabCase


def _answer(status: int, *lines: str) -> str:
    return "\n".join([f"{status} {HTTPStatus(status).phrase}", *(line for line in lines if line)])


def _allow(origin: str = PAGE) -> str:
    return f"access-control-allow-origin: {origin}"


_INCLUDE = "access-control-allow-credentials: true"
_INVOICE = f"{API}/api/invoices/88/"
_LIST = f"{API}/api/invoices"

DEFAULT = LabCase(
    PAGE, _INVOICE, "PUT", (("content-type", "application/json"), ("authorization", "Bearer token")), "text", credentials="include",
    answers=(
        LabAnswer(
            _INVOICE,
            _answer(200, _allow(), _INCLUDE, "access-control-allow-methods: GET, POST",
                    "access-control-allow-headers: authorization, content-type", "vary: Origin"),
            _answer(200, "content-type: application/json", _allow(), _INCLUDE, "vary: Origin"),
        ),
    ),
)  # fmt: skip
READY = (
    ReadyCase("method", "Method not listed", "P3", DEFAULT),
    ReadyCase(
        "wildcard", "Wildcard with credentials", "C3",
        LabCase(PAGE, _LIST, credentials="include",
                answers=(LabAnswer(_LIST, "", _answer(200, "content-type: application/json", _allow("*"))),)),
    ),
    ReadyCase(
        "header", "Header not listed", "P5",
        LabCase(
            PAGE, _LIST, "POST", (("content-type", "application/json"), ("x-workspace-id", "7")), "text",
            answers=(LabAnswer(_LIST, _answer(200, _allow(), "access-control-allow-headers: content-type"), _answer(201, _allow())),),
        ),
    ),
    ReadyCase(
        "slash", "Redirect to add a slash", "P0",
        LabCase(
            PAGE, _LIST, "POST", (("content-type", "application/json"),), "text",
            answers=(LabAnswer(_LIST, _answer(308, f"location: {_LIST}/", _allow()), _answer(201, _allow())),),
        ),
    ),
    ReadyCase(
        "double", "Header sent twice", "C2",
        LabCase(PAGE, _LIST, answers=(LabAnswer(_LIST, "", _answer(200, _allow(), _allow("*"))),)),
    ),
    ReadyCase(
        "null", "Page without an origin", "C2",
        LabCase("null", _LIST, answers=(LabAnswer(_LIST, "", _answer(200, _allow())),)),
    ),
    ReadyCase(
        "auth", "Preflight asked to sign in", "P1",
        LabCase(
            PAGE, _LIST, "DELETE", (("authorization", "Bearer token"),),
            answers=(LabAnswer(_LIST, _answer(401, _allow(), "www-authenticate: Bearer"), _answer(204, _allow())),),
        ),
    ),
    ReadyCase(
        "star", "Wildcard and Authorization", "P4",
        LabCase(
            PAGE, _LIST, "GET", (("authorization", "Bearer token"),),
            answers=(LabAnswer(_LIST, _answer(204, _allow("*"), "access-control-allow-headers: *"), _answer(200, _allow("*"))),),
        ),
    ),
    ReadyCase(
        "hops", "Two redirects lose the origin", "C2",
        LabCase(
            PAGE, f"{API}/files/7",
            answers=(
                LabAnswer(f"{API}/files/7", "", _answer(302, "location: https://files.example/7", _allow())),
                LabAnswer("https://files.example/7", "", _answer(200, _allow())),
            ),
        ),
    ),
)  # fmt: skip


def case_of_console(match: ConsoleMatch) -> LabCase | None:
    """Return a case in which a browser says this message, or None where the message tells too little.

    What the message does not name is filled with the most ordinary value; the rule that decides is the message's own.
    """
    origin = origin_of(match.origin) if match.origin else PAGE  # of "null": "null"
    url = match.url if match.url.startswith(("http://", "https://")) else _LIST
    made = _with_message(LabCase(origin, url), match)
    try:
        judgement = judge_case(made)
    except BadText:
        return None
    reached = judgement.verdict.rule if judgement.verdict else ""
    return made if base_rule(reached) == base_rule(match.rule) else None


def _with_message(case: LabCase, match: ConsoleMatch) -> LabCase:
    allow, listed = _allow(case.origin), "access-control-allow-methods: GET, POST, PUT, PATCH, DELETE"
    method = match.method or "PUT"

    def answered(preflight: str = "", actual: str = "", **changes: str) -> LabCase:
        # Where only the preflight is at fault, the answer behind it is in order: so the mend can be seen to work.
        return replace(case, answers=(LabAnswer(case.url, preflight, actual or _answer(200, allow, _INCLUDE)),), **changes)

    match match.rule:
        case "C1" | "PC1":
            faulty, credentials = "", "same-origin"
        case "C2" | "PC2":
            faulty, credentials = _allow(match.value or "https://other.example"), "same-origin"
        case "C3" | "PC3" if match.header.lower().endswith("credentials"):
            faulty, credentials = f"{allow}\naccess-control-allow-credentials: {match.value}", "include"
        case "C3" | "PC3":
            faulty, credentials = _allow("*"), "include"
        case "P0":
            return answered(_answer(301, f"location: {case.url}/", allow), method=method)
        case "P1":
            return answered(_answer(401, allow), method=method)
        case "P2":
            name = (match.header or "access-control-allow-headers").lower()
            return answered(_answer(200, allow, f"{name}: {match.value or 'content-type; x-requested-with'}"), method=method)
        case "P3":
            return answered(_answer(200, allow, "access-control-allow-methods: GET, POST"), method=method)
        case "P4" | "P5":
            named = replace(case, headers=((match.header or "x-requested-with", "1"),))
            return replace(named, answers=(LabAnswer(case.url, _answer(200, allow), _answer(200, allow)),))
        case "M2":
            return replace(case, mode="same-origin")
        case "Q1":
            return replace(case, method=match.method or "CONNECT")
        case "Q2":
            return replace(case, method=method, mode="no-cors")
        case "R1":
            return answered(actual=_answer(200, "cross-origin-resource-policy: same-origin"), mode="no-cors")
        case "D1":
            return answered(actual=_answer(302, "location: /elsewhere", allow), redirect="error")
        case "D5":
            return answered(actual=_answer(302, "location: https://user:password@api.example/", allow))
        case "Q5":
            return replace(case, body="text")
        case _:
            return case
    if match.rule.startswith("PC"):
        return answered(_answer(204, faulty, listed), method=method, credentials=credentials)
    return answered(actual=_answer(200, faulty), credentials=credentials)


def write_fetch(case: LabCase) -> str:
    """Return the call as the JavaScript that makes it; options that are the default are left out."""
    options: list[str] = []
    if case.method and case.method != "GET":
        options.append(f"method: {_quoted(case.method)}")
    if case.headers:
        rows = "".join(f"    {_quoted(name)}: {_quoted(value)},\n" for name, value in case.headers)
        options.append(f"headers: {{\n{rows}  }}")
    if case.body:
        blob = f"new Blob([data], {{ type: {_quoted(case.body_type)} }})" if case.body_type else "new Blob([data])"
        options.append(f"body: {_BODIES.get(case.body, blob)}")
    for name, value, usual in (
        ("credentials", case.credentials, "same-origin"),
        ("mode", case.mode, "cors"),
        ("redirect", case.redirect, "follow"),
    ):
        if value != usual:
            options.append(f"{name}: {_quoted(value)}")
    if not options:
        return f"await fetch({_quoted(case.url)});"
    return f"await fetch({_quoted(case.url)}, {{\n" + "".join(f"  {option},\n" for option in options) + "});"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def read_fetch(code: str, origin: str) -> Call | None:
    """Return the first call that the code makes (fetch, axios, XMLHttpRequest, jQuery), or None when there is none.

    Args:
        origin: of the page, for relative addresses.
    """
    if len(code) > MAX_CODE:
        return None
    page = f"{origin if '://' in origin else PAGE}/"
    script = f"{page}pasted.js"
    html = f'<!doctype html><script type="module" src="{script}"></script>'
    exchanges = (
        Exchange(1, Purpose.PAGE, "GET", page, (), Head(200, (("content-type", "text/html"),)), body=html.encode()),
        Exchange(2, Purpose.SCRIPT, "GET", script, (), Head(200, (("content-type", "text/javascript"),)), body=code.encode()),
    )
    try:
        calls = collect(ScanRequest(page), exchanges).calls
    except RecursionError:
        return None
    # What stands for a secret value may not stand in a header.
    return replace(calls[0], headers=tuple((name, value.replace(UNKEPT, "secret")) for name, value in calls[0].headers)) if calls else None

"""The CORS lab: one call and the server's answers as text, judged; what must change; and a link that holds the case."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.core.cors import judge, preflight_names
from app.core.exchange import Head, Headers
from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mends_for
from app.core.report import CallReport, Report
from app.core.rules.origins import near_miss
from app.core.urls import origin_of
from app.core.verdict import Answer, Body, FetchCall, Missing, Outcome, Verdict

MAX_TEXT = 16_000  # characters of one answer
MAX_LINK = 24_000  # characters of a permalink's case
MAX_UNPACKED = 200_000  # bytes: a small link must not unpack to a large case
MAX_HOPS = 8
MAX_CHANGES = 12
# The headers that a verdict looks at; the rest of an answer would only be noise.
SHOWN_HEADERS = ("access-control-", "cross-origin-resource-policy", "location", "vary", "content-type", "set-cookie", "allow")
_STATUS_LINE = re.compile(r"(?:HTTP/[\d.]+\s+)?([1-9]\d\d)\b")
# The finding that a rule belongs to, and so its mends.
_CODES = {
    "C1": "COR-01",
    "C2": "COR-01",
    "C3": "COR-02",
    "P0": "COR-05",
    "P1": "COR-01",
    "P2": "COR-06",
    "P3": "COR-07",
    "P4": "COR-06",
    "P5": "COR-06",
}


class BadText(ValueError):
    """A text of the lab that cannot be read. The message names the line."""


@dataclass(frozen=True, slots=True)
class LabAnswer:
    """What the server says at one URL, as typed: a status line, then header lines."""

    url: str
    preflight: str = ""
    actual: str = ""


@dataclass(frozen=True, slots=True)
class LabCase:
    """Everything that the lab's page holds, as typed."""

    origin: str
    url: str
    method: str = "GET"
    headers: Headers = ()
    body: str = ""  # "", "text", "urlencoded", "multipart", "blob", "bytes"
    body_type: str = ""  # of a blob
    credentials: str = "same-origin"
    mode: str = "cors"
    redirect: str = "follow"
    answers: tuple[LabAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One line of an answer that must change. Either side may be empty: a line is added, or removed."""

    where: str  # "preflight" or "answer"
    url: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the lab says of a case."""

    verdict: Verdict | None  # None while an answer is missing
    missing: Missing | None
    changes: tuple[Change, ...] = ()
    allowed_after: bool = False  # the verdict when the changes are made
    advice: str = ""  # what to change in the call itself, where no answer can help
    mends: tuple[Mend, ...] = ()
    mended: LabCase | None = None  # the case with the changes made, for "apply it here"


def parse_answer(text: str) -> Head:
    """Read a status line ("200 OK", "HTTP/1.1 204 No Content"; 200 when there is none) and header lines.

    Raises:
        BadText: a line that is neither.
    """
    if len(text) > MAX_TEXT:
        raise BadText(f"An answer may have {MAX_TEXT} characters.")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    status, headers = 200, []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _STATUS_LINE.match(line.strip())
        if match and not headers and (":" not in line or line.upper().startswith("HTTP/")):
            status = int(match[1])
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or " " in name.strip():
            raise BadText(f"Line {number} is not a header: {line.strip()[:60]!r}. Write “name: value”.")
        headers.append((name.strip(), value))
    return Head(status, tuple(headers))


def write_answer(head: Head) -> str:
    """Return a head as the lab shows it: the status, then the header lines."""
    return "\n".join([str(head.status), *(f"{name.lower()}: {value.strip()}" for name, value in head.headers)])


def base_rule(rule: str) -> str:
    """Return the rule without its place: the CORS check of a preflight, "PC2", is the same check as "C2"."""
    return rule.replace("PC", "C")


def as_fetch(case: LabCase) -> FetchCall:
    body = Body(case.body, case.body_type) if case.body else None
    return FetchCall(
        case.origin.strip(), case.url.strip(), case.method.strip(), case.headers, body, case.credentials, case.mode, case.redirect
    )


def answers_of(case: LabCase) -> dict[str, Answer]:
    """Return the case's answers by URL; an empty text is an answer that nobody has given yet. Raises BadText."""
    return {
        answer.url.split("#")[0]: Answer(
            parse_answer(answer.preflight) if answer.preflight.strip() else None,
            parse_answer(answer.actual) if answer.actual.strip() else None,
        )
        for answer in case.answers
    }


def judge_case(case: LabCase, recognised: Sequence[Framework] = ()) -> Judgement:
    """Judge a case, and say what must change.

    Raises:
        BadText: an answer that cannot be read.
    """
    fetch, answers = as_fetch(case), answers_of(case)
    outcome = judge(fetch, answers)
    if isinstance(outcome, Missing):
        return Judgement(None, outcome)
    if outcome.allowed:
        return Judgement(outcome, None)
    changes, mended, allowed = _mended(fetch, answers)
    return Judgement(
        outcome, None, changes, allowed, "" if changes else advice_for(outcome, fetch), _mends(case, outcome, recognised),
        replace(case, answers=_written(case, mended)) if changes else None,
    )  # fmt: skip


def _written(case: LabCase, answers: dict[str, Answer]) -> tuple[LabAnswer, ...]:
    return tuple(
        replace(
            answer,
            preflight=write_answer(head) if (head := answers[answer.url.split("#")[0]].preflight) else "",
            actual=write_answer(head) if (head := answers[answer.url.split("#")[0]].actual) else "",
        )
        for answer in case.answers
    )


def _mended(fetch: FetchCall, answers: dict[str, Answer]) -> tuple[tuple[Change, ...], dict[str, Answer], bool]:
    """Mend the answers step by step until the call is allowed or nothing more can be done by answers alone."""
    changes: list[Change] = []
    mended = dict(answers)
    for _ in range(MAX_CHANGES):
        outcome = judge(fetch, mended)
        if isinstance(outcome, Missing):
            return tuple(changes), mended, False
        if outcome.allowed:
            return tuple(changes), mended, True
        more = _next_change(fetch, outcome, mended)
        if not more:
            return tuple(changes), mended, False
        changes += more
    return tuple(changes), mended, False


def _next_change(fetch: FetchCall, verdict: Verdict, answers: dict[str, Answer]) -> list[Change]:
    """Make the change that the stopping step asks for, in place, and return it; nothing where no answer can help."""
    stop = next((step for step in verdict.path if step.outcome is Outcome.STOP), None)
    rule = base_rule(verdict.rule)
    if stop is None or rule not in _CODES:
        return []
    sent = verdict.requests[-1] if verdict.requests else None
    url = next((known for known in answers if known == (stop.url or "").split("#")[0]), None) or (sent.url if sent else "")
    where = sent.kind if sent else "actual"
    answer = answers.get(url)
    head = (answer.preflight if where == "preflight" else answer.actual) if answer else None
    if answer is None or head is None or sent is None:
        return []
    new, changes = _with_rule(fetch, rule, head, sent.origin or fetch.origin, sent.method, sent.acrh or "")
    if new == head:
        return []
    answers[url] = replace(answer, preflight=new) if where == "preflight" else replace(answer, actual=new)
    label = "preflight" if where == "preflight" else "answer"
    return [Change(label, url, before, after) for before, after in changes]


def _with_rule(fetch: FetchCall, rule: str, head: Head, origin: str, method: str, acrh: str) -> tuple[Head, list[tuple[str, str]]]:
    """Return the head with one rule satisfied, and the lines before and after."""
    include = fetch.credentials == "include"
    if rule in ("P0", "P1"):
        headers = tuple(pair for pair in head.headers if pair[0].lower() != "location")
        removed = [(f"location: {value.strip()}", "") for name, value in head.headers if name.lower() == "location"] if rule == "P0" else []
        return Head(204, headers if rule == "P0" else head.headers), [(str(head.status), "204"), *removed]
    if rule in ("C1", "C2", "C3"):
        new, changes = _set(head, "access-control-allow-origin", origin)
        if include:
            new, more = _set(new, "access-control-allow-credentials", "true")
            changes += more
        return new, changes
    if rule == "P3":
        return _set(head, "access-control-allow-methods", _listed(head, "access-control-allow-methods", (method,)))
    if rule in ("P4", "P5"):
        return _set(head, "access-control-allow-headers", _listed(head, "access-control-allow-headers", tuple(acrh.split(","))))
    if rule == "P2":
        new, changes = _set(head, "access-control-allow-methods", method)
        if acrh:
            new, more = _set(new, "access-control-allow-headers", acrh.replace(",", ", "))
            changes += more
        return new, changes
    return head, []


def _listed(head: Head, name: str, wanted: tuple[str, ...]) -> str:
    present = [item.strip() for item in (head.get(name) or "").split(",") if item.strip() and item.strip() != "*"]
    lower = {item.lower() for item in present} if name.endswith("headers") else set(present)
    return ", ".join([*present, *(item for item in wanted if item and (item.lower() if name.endswith("headers") else item) not in lower)])


def _set(head: Head, name: str, value: str) -> tuple[Head, list[tuple[str, str]]]:
    """Return the head with exactly one line of this name, in the place of the first, and the lines before and after."""
    old = [line for line in head.headers if line[0].lower() == name]
    if len(old) == 1 and old[0][1].strip() == value:
        return head, []
    headers: list[tuple[str, str]] = []
    for line in head.headers:
        if line[0].lower() != name:
            headers.append(line)
        elif line is old[0]:
            headers.append((name, value))
    if not old:
        headers.append((name, value))
    lines = [f"{key.lower()}: {text.strip()}" for key, text in old]
    return Head(head.status, tuple(headers)), [(lines[0] if lines else "", f"{name}: {value}"), *((line, "") for line in lines[1:])]


def advice_for(verdict: Verdict, fetch: FetchCall) -> str:
    """Return what to change in the call, where the server's answers cannot help."""
    rule = verdict.rule
    if rule.startswith("Q"):
        return "The browser refuses the call before it sends anything. Change the call: the first step says what it stumbles over."
    if rule == "T1":
        return "An https page may not call http. Serve the API over https, or under the page's own origin."
    if rule == "M2":
        return "Mode `same-origin` forbids calls to other origins. Use `cors`."
    if rule == "M3":
        return "Mode `no-cors` follows redirects only. Leave `redirect` at `follow`, or use `cors`."
    if rule.startswith("D"):
        return "The redirect is at fault. Call the final URL directly, so that no redirect is needed."
    if rule.startswith("R"):
        return "The server's `Cross-Origin-Resource-Policy` keeps the answer from other origins. Send `cross-origin`, or use mode `cors`."
    return f"Nothing that the server answers can allow this call from {fetch.origin}."


def _mends(case: LabCase, verdict: Verdict, recognised: Sequence[Framework]) -> tuple[Mend, ...]:
    rule = base_rule(verdict.rule)
    code = _CODES.get(rule)
    if code is None:
        return ()
    fetch = as_fetch(case)
    stop = next((step for step in verdict.path if step.outcome is Outcome.STOP), None)
    values = [look.value for step in (stop,) if step for look in step.looks if look.name == "access-control-allow-origin"]
    if rule == "C2" and values:
        code = "COR-08" if "," in values[0] else "COR-09" if near_miss(values[0], fetch.origin) else code
    path = re.sub(r"^[a-z]+://[^/]*", "", fetch.url).split("?")[0] or "/"
    facts = MendFacts(
        page_origin=fetch.origin, api_origin=origin_of(fetch.url), methods=tuple(dict.fromkeys(("GET", fetch.method.upper()))),
        headers=preflight_names(fetch), credentials=fetch.credentials == "include", path=path,
    )  # fmt: skip
    return mends_for(code, facts, recognised)


def case_of_call(call: CallReport, report: Report) -> LabCase:
    """Return the lab's case of one call of a report, with the answers that the scan was given."""
    answers: dict[str, LabAnswer] = {}
    for request in (request for number in call.requests for request in report.requests if request.id == number and request.status):
        shown = tuple(pair for pair in request.response_headers if pair[0].lower().startswith(SHOWN_HEADERS))
        text = write_answer(Head(request.status or 0, shown))
        before = answers.get(request.url, LabAnswer(request.url))
        answers[request.url] = replace(before, preflight=text) if request.method == "OPTIONS" else replace(before, actual=text)
    return LabCase(call.origin, call.url, call.method, call.headers, credentials=call.credentials, answers=tuple(answers.values()))


# A case in a link: compact JSON, deflated, base64url. Nothing in it is secret or trusted.


def to_link(case: LabCase) -> str:
    """Return the case as the text of a link's `case` parameter."""
    raw = json.dumps(asdict(case), separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(zlib.compress(raw, 9)).decode().rstrip("=")


def from_link(text: str) -> LabCase:
    """Read a case from a link.

    Raises:
        BadText: cut off, too large, or not made by `to_link`.
    """
    try:
        if len(text) > MAX_LINK:
            raise ValueError("too long")
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), MAX_UNPACKED)
        return _case(json.loads(raw))
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error, binascii.Error, RecursionError) as error:
        raise BadText("This link's case cannot be read: it was cut off, or it is from elsewhere.") from error


def _case(raw: dict[str, Any]) -> LabCase:
    def text(value: Any) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise ValueError("not a text")
        value.encode()  # half of a surrogate pair, which JSON can name, is no text: UnicodeEncodeError is a ValueError
        return value

    plain = {
        name: text(raw[name]) for name in ("origin", "url", "method", "body", "body_type", "credentials", "mode", "redirect") if name in raw
    }
    headers = tuple((text(name), text(value)) for name, value in raw.get("headers", [])[:50])
    answers = tuple(
        LabAnswer(text(a["url"]), text(a.get("preflight", "")), text(a.get("actual", ""))) for a in raw.get("answers", [])[:MAX_HOPS]
    )
    return LabCase(**plain, headers=headers, answers=answers)

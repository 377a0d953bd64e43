"""What one run of a check shows: each assertion with what was found, each exchange as it was sent and answered, its phases. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.core.assertions import Finding, Subject
from app.core.exchange import Exchange, Headers, Timing

MAX_BODY_CHARS = 6000
_TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript", "application/x-www-form-urlencoded")
_CAUSES = {
    "assertion": "An assertion failed",
    "DNS": "The name was not found",
    "connection": "No connection",
    "TLS": "TLS failed",
    "timeout": "No answer in time",
    "protocol": "The answer is broken",
    "refused address": "The address is not allowed",
    "login": "The login failed",
    "missed": "It was not heard in time",
    "reported": "It reported a failure",
    "parent": "What it depends on is down",
    "our own network": "Our own network failed",
    "configuration": "The check cannot be run",
}
OUTCOMES = {"up": ("ok", "OK"), "degraded": ("degraded", "Degraded"), "down": ("down", "Down"), "unknown": ("unknown", "Unknown")}
OUTCOMES["unreachable"] = ("unknown", "Unreachable")


@dataclass(frozen=True, slots=True)
class FindingView:
    glyph: str  # "ok", "degraded" for one that warns, "down"
    said: str  # for screen readers: "Held", "Failed"
    words: str
    found: str
    wanted: str = ""  # what was expected, where it failed


@dataclass(frozen=True, slots=True)
class PhaseView:
    name: str
    look: str  # class of its colour: "dns", "tcp", "tls", "wait", "read"
    ms: str
    percent: str  # of the whole


@dataclass(frozen=True, slots=True)
class ExchangeView:
    key: str
    number: int
    title: str  # "GET https://…"
    answer: str  # "200 OK"; "" when there was none
    ms: str
    failure: str
    sent: str  # the request's head
    got: str  # the answer's head
    body: str
    body_note: str  # "The first 6,000 characters.", "1,204 bytes of image/png."
    opened: bool


@dataclass(frozen=True, slots=True)
class FactView:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RunView:
    """One run, with or without its details."""

    glyph: str = ""  # "" before there was one
    word: str = ""
    text: str = ""
    took: str = ""
    phases: list[PhaseView] = field(default_factory=list)
    findings: list[FindingView] = field(default_factory=list)
    exchanges: list[ExchangeView] = field(default_factory=list)
    facts: list[FactView] = field(default_factory=list)


def run_view(
    outcome: str,
    text: str,
    timing: Timing | None,
    findings: Iterable[Finding],
    exchanges: Iterable[Exchange],
    facts: Iterable[tuple[str, str]] = (),
) -> RunView:
    glyph, word = OUTCOMES.get(outcome, ("unknown", outcome.capitalize()))
    shown = [exchange_view(place, one) for place, one in enumerate(exchanges)]
    return RunView(
        glyph, word, text, milliseconds(timing.total_ms) if timing else "", phases(timing), [finding_view(one) for one in findings], shown,
        [FactView(name, value) for name, value in facts],
    )  # fmt: skip


def milliseconds(ms: float) -> str:
    """Return "1,240 ms", "0.4 ms"."""
    return f"{ms:,.0f} ms" if ms >= 1 else f"{ms:.1f} ms"


_PHASES = (("DNS", "dns"), ("connect", "tcp"), ("TLS", "tls"), ("wait", "wait"), ("read", "read"))


def spans(timing: Timing) -> list[float]:
    """Return how long each phase took, in ms: DNS, connect, TLS, wait, read. A phase that did not happen took nothing."""
    ends = (timing.dns_ms, timing.connect_ms, timing.tls_ms, timing.first_byte_ms, timing.total_ms)
    took, before = [], 0.0
    for end in ends:
        took.append(max(0.0, end - before) if end else 0.0)
        before = max(before, end)
    return took


def phases(timing: Timing | None) -> list[PhaseView]:
    if timing is None or timing.total_ms <= 0:
        return []
    return [
        PhaseView(name, look, milliseconds(ms), f"{100 * ms / timing.total_ms:.1f}%")
        for (name, look), ms in zip(_PHASES, spans(timing), strict=True)
        if ms > 0
    ]


def longest(timing: Timing | None) -> str:
    """Return "wait 1,131 ms"."""
    if timing is None or timing.total_ms <= 0:
        return ""
    took = spans(timing)
    place = took.index(max(took))
    return f"{_PHASES[place][0]} {milliseconds(took[place])}"


def finding_view(finding: Finding) -> FindingView:
    assertion = finding.assertion
    found = finding.problem or finding.found
    if finding.held:
        # Whether a whole schema or text held is said by the words; a page's text beside them would say nothing.
        quiet = assertion.subject in (Subject.BODY, Subject.SCHEMA)
        return FindingView("ok", "Held", assertion.words, "" if quiet else found)
    return FindingView("degraded" if assertion.warns else "down", "Failed", assertion.words, found, assertion.value)


def exchange_view(place: int, exchange: Exchange) -> ExchangeView:
    answer = f"{exchange.status} {exchange.reason}".strip() if exchange.response else ""
    body, body_note = _body(exchange)
    failed = not exchange.response or exchange.status >= 400
    return ExchangeView(
        key=str(place),
        number=place + 1,
        title=f"{exchange.method} {exchange.url}",
        answer=answer,
        ms=milliseconds(exchange.timing.total_ms) if exchange.timing.total_ms else "",
        failure=exchange.failure_text if exchange.response is None else "",
        sent=_head(f"{exchange.method} {exchange.url}", exchange.request_headers),
        got=_head(f"HTTP/{exchange.http_version or '1.1'} {answer}", exchange.response.headers) if exchange.response else "",
        body=body,
        body_note=body_note,
        opened=failed or place == 0,
    )


def _head(first: str, headers: Headers) -> str:
    return "\n".join([first, *(f"{name}: {value}" for name, value in headers)])


def _body(exchange: Exchange) -> tuple[str, str]:
    kind = exchange.media_type
    if not exchange.body:
        return "", "No body." if exchange.response else ""
    if kind and not kind.startswith(_TEXTUAL) and not kind.endswith(("+json", "+xml")):
        return "", f"{len(exchange.body):,} bytes of {kind}."
    text = exchange.text().replace("\0", "\N{REPLACEMENT CHARACTER}")
    cut = len(text) > MAX_BODY_CHARS or exchange.truncated
    return text[:MAX_BODY_CHARS], f"The first {min(len(text), MAX_BODY_CHARS):,} characters." if cut else ""


def cause_words(cause: str) -> str:
    """Return a cause as people read it, where no sentence says more: most failures of a row keep none."""
    return _CAUSES.get(cause, cause.capitalize())

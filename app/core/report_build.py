"""From an observation to a report: draw the conclusions, run the checks, lay out parts and seams, say it in one sentence."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from app.core.architecture import classify
from app.core.collect import collect
from app.core.examined import Examined
from app.core.exchange import Exchange, Purpose
from app.core.findings import Certainty, Evidence, Finding, SeamKind, Severity
from app.core.fingerprints import identify
from app.core.observation import JudgedCall, Observation
from app.core.redact import redact_evidence, redact_header, redact_headers, redact_text, redact_url
from app.core.report import SCHEMA_VERSION, CallReport, Report, RequestReport, Site
from app.core.rules import run_checks
from app.core.seams import lay_out_seams
from app.core.verdict import Look, Outcome, Step

# Findings on other seams may name a blocked call too, but are not why a browser blocks it.
_BLOCKING = frozenset({SeamKind.CORS, SeamKind.DELIVERY})
EXCERPT_CHARS = 400
TEXTUAL = ("text/", "application/json", "application/javascript", "application/problem+json", "application/xml", "application/vnd.oai")


def conclude(observation: Observation) -> Examined:
    """Draw the inventory, the technologies and the architecture from what was observed."""
    inventory = collect(observation.request, observation.exchanges)
    technologies = identify(observation.exchanges, inventory)
    return Examined(observation, inventory, technologies, classify(observation.exchanges, inventory, technologies))


def build_report(examined: Examined, began_at: datetime, duration_ms: float) -> Report:
    """Run every check and write the report; no secret value is left in it.

    Args:
        began_at: aware UTC.
    """
    observation, inventory = examined.observation, examined.inventory
    notes = (*observation.notes, *inventory.notes)
    findings = tuple(redact_finding(finding) for finding in run_checks(examined))
    calls = tuple(_call_report(judged, observation, inventory.page_origin) for judged in observation.judged)
    parts, seams = lay_out_seams(examined, findings)
    site = Site(
        page_url=redact_url(observation.request.page_url),
        final_url=redact_url(inventory.page_url),
        page_origin=inventory.page_origin,
        api_origins=inventory.api_origins,
        scanned_at=began_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_ms=round(duration_ms),
        sentence=sentence(calls, findings, notes, _unopened(observation)),
        detail=detail(calls, findings),
        notes=notes,
    )
    requests = tuple(request_report(exchange) for exchange in observation.exchanges)
    technologies = tuple(
        replace(technology, evidence=tuple(redact_evidence(line) for line in technology.evidence)) for technology in examined.technologies
    )
    return Report(SCHEMA_VERSION, site, examined.architecture, technologies, parts, seams, calls, findings, requests)


def redact_finding(finding: Finding) -> Finding:
    """Return the finding with the secrets in its texts hashed. Those in its mends were, when they were filled in."""
    return replace(
        finding,
        title=redact_text(finding.title),
        explanation=redact_text(finding.explanation),
        hits=redact_text(finding.hits),
        evidence=tuple(_redact(piece) for piece in finding.evidence),
        console=redact_text(finding.console),
    )


def _redact(evidence: Evidence) -> Evidence:
    return replace(evidence, text=redact_evidence(evidence.text), faulty=redact_evidence(evidence.faulty))


def request_report(exchange: Exchange) -> RequestReport:
    """Return one exchange as it is stored and shown."""
    head = exchange.response
    textual = exchange.media_type.startswith(TEXTUAL)
    # More is read than is kept, so that a secret across the edge is seen whole.
    excerpt = redact_text(exchange.text()[: 20 * EXCERPT_CHARS])[:EXCERPT_CHARS] if textual and exchange.body else ""
    return RequestReport(
        id=exchange.id,
        purpose=exchange.purpose.value,
        method=exchange.method,
        url=redact_url(exchange.url),
        request_headers=redact_headers(exchange.request_headers),
        status=head.status if head else None,
        reason=exchange.reason,
        response_headers=redact_headers(head.headers) if head else (),
        body_bytes=len(exchange.body),
        truncated=exchange.truncated,
        media_type=exchange.media_type,
        excerpt=excerpt,
        failure=exchange.failure_text or (exchange.failure.value if exchange.failure else ""),
        started_ms=round(exchange.started_ms, 1),
        duration_ms=round(exchange.timing.total_ms, 1),
        address=exchange.address,
    )


def _call_report(judged: JudgedCall, observation: Observation, page_origin: str) -> CallReport:
    call, verdict = judged.call, judged.verdict
    answers = [observation.get(number) for number in judged.exchanges if observation.get(number).method != "OPTIONS"]
    last: Exchange | None = answers[-1] if answers else None
    sent_as_asked = judged.certainty is Certainty.OBSERVED
    return CallReport(
        id=judged.id,
        method=call.method,
        url=redact_url(call.url),
        template=redact_text(call.template),
        headers=redact_headers(call.headers),
        credentials=call.credentials,
        origin=page_origin,
        source=call.source.kind.value,
        source_excerpt=redact_text(call.source.excerpt),
        allowed=verdict.allowed if verdict else None,
        allowed_standard=verdict.allowed_standard if verdict else None,
        rule=verdict.rule if verdict else "",
        type=verdict.type if verdict else "",
        preflight=verdict.preflight if verdict else False,
        certainty=judged.certainty,
        why=judged.why,
        status=last.status if last and last.response and sent_as_asked else None,
        duration_ms=round(last.timing.total_ms) if last and last.response and sent_as_asked else None,
        console=redact_text(verdict.console.replace(call.url, redact_url(call.url))) if verdict else "",
        exposed=verdict.exposed if verdict else (),
        path=tuple(_redact_step(step) for step in verdict.path) if verdict else (),
        sent=tuple(replace(sent, url=redact_url(sent.url)) for sent in verdict.requests) if verdict else (),
        requests=judged.exchanges,
    )


def _redact_step(step: Step) -> Step:
    looks = tuple(_redact_look(look) for look in step.looks)
    return replace(step, detail=redact_text(step.detail), looks=looks, url=redact_url(step.url))


def _redact_look(look: Look) -> Look:
    value = redact_url(look.value) if "://" in look.value else redact_header(look.name, look.value)
    return replace(look, value=value, faulty=look.faulty if look.faulty in value else "")


def count_by_severity(findings: Iterable[Finding]) -> dict[Severity, int]:
    """Return severity → number of findings, every severity present, worst first."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return counts


def _unopened(observation: Observation) -> str:
    """Name the first WebSocket that did not open for the page, and why, as a sentence; "" when all did."""
    for exchange in observation.of(Purpose.WEBSOCKET):
        if exchange.status != 101:
            why = f"it answers {exchange.status}." if exchange.response else exchange.failure_text or "no answer came."
            return f"The WebSocket {redact_url(exchange.url.partition('?')[0])} did not open: {why}"
    return ""


def sentence(calls: Sequence[CallReport], findings: Sequence[Finding], notes: Sequence[str], unopened: str = "") -> str:
    """Return the verdict in one sentence: what browsers block and why, else the worst finding, else that nothing was found.

    Args:
        unopened: says of a WebSocket that it did not open, where no finding explains it.
    """
    blocked = [call for call in calls if call.allowed is False]
    judged = [call for call in calls if call.allowed is not None]
    serious = [finding for finding in findings if finding.severity.rank <= Severity.MEDIUM.rank]
    if blocked:
        ids = {call.id for call in blocked}
        cause = next((finding for finding in findings if finding.seam in _BLOCKING and ids & set(finding.calls)), None)
        count = f"Browsers block {_of(len(blocked), len(judged))}"
        return f"{count}: {_lower_first(cause.title) if cause else _why_stopped(blocked[0])}."
    if serious:
        return f"{serious[0].title}."
    if unopened:
        return unopened
    if calls and not judged:
        return f"No call could be judged: {_lower_first(calls[0].why) or 'see what limited this scan.'}"
    if not judged:
        return (
            "Nothing could be judged: see what limited this scan."
            if notes
            else "Nothing found. This page makes no calls that could be blocked."
        )
    unknown = len(calls) - len(judged)
    allowed = f"{_plural(len(judged), 'call is', 'calls are')} allowed in Chromium and by the standard"
    return f"Nothing found. {allowed}{f'; {unknown} not asked' if unknown else ''}."


def _why_stopped(call: CallReport) -> str:
    """Say where a browser stops a call that no finding explains: a preflight that asks for a login, an error without CORS headers."""
    stop = next((step for step in call.path if step.outcome is Outcome.STOP), None)
    if stop is None:
        return call.why.removesuffix(".") or f"rule {call.rule}"
    said = _lower_first(stop.detail or stop.title).removesuffix(".")
    if stop.hop:
        return f"{call.method} {urlsplit(call.url).path} is redirected to {urlsplit(stop.url).netloc}, where {said}"
    statuses = [look.value for step in call.path if step.key == "preflight_status" for look in step.looks if look.name == "status"]
    if stop.key == "preflight_origin" and statuses and not statuses[0].startswith("2"):
        return f"OPTIONS is answered {statuses[0]}, and {said}"
    if stop.key.startswith("answer_") and (call.status or 0) >= 400:
        return f"{call.method} {urlsplit(call.url).path} is answered {call.status}, and {said}"
    return said


def detail(calls: Sequence[CallReport], findings: Sequence[Finding]) -> str:
    """Return the second sentence: the other serious findings, and what is in order."""
    said = sentence(calls, findings, ())
    others = [
        finding
        for finding in findings
        if finding.severity.rank <= Severity.MEDIUM.rank and _lower_first(finding.title) not in _lower_first(said)
    ]
    parts = [f"{finding.title}." for finding in others[:2]]
    if len(others) > 2:
        parts.append(f"And {len(others) - 2} more.")
    allowed = sum(call.allowed is True for call in calls)
    if allowed and (others or any(call.allowed is False for call in calls)):
        parts.append(f"{_plural(allowed, 'call is', 'calls are')} allowed.")
    return " ".join(parts)


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} calls" if whole > 1 else "the only call"


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _lower_first(text: str) -> str:
    """Lower the first letter unless the word is a name or an abbreviation ("API", "Flask's" stays only when it is all capitals)."""
    return (
        text[:1].lower() + text[1:]
        if re.match(r"[A-Z][a-z]*\b", text) and not re.match(r"(Django|Flask|FastAPI|Starlette|Bottle|Socket)", text)
        else text
    )

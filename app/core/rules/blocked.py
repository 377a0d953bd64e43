"""Make one finding of the calls that a browser blocks for one cause."""

from collections.abc import Sequence

from app.core.examined import Examined
from app.core.findings import Certainty, Evidence, Finding, Framework, SeamKind, Severity
from app.core.observation import JudgedCall
from app.core.redact import redact_url
from app.core.rules.diagnosis import Fault
from app.core.rules.facts import blocked, facts_for, mends_of, path_of


def blocked_finding(
    examined: Examined,
    code: str,
    api_origin: str,
    faults: Sequence[Fault],
    *,
    title: str,
    explanation: str,
    evidence: tuple[Evidence, ...],
    first: tuple[Framework, ...] = (),
    location: str = "",
) -> Finding:
    """Make a finding of severity high from faults with one cause; the first one leads."""
    calls = _unique([fault.judged for fault in faults])
    observed = any(fault.certainty is Certainty.OBSERVED for fault in faults)
    lead = faults[0].judged.call
    facts = facts_for(examined, api_origin, path=path_of(lead.url), url=lead.url, code=lead.source.excerpt, location=location)
    return Finding(
        code,
        Severity.HIGH,
        SeamKind.CORS,
        title,
        Certainty.OBSERVED if observed else Certainty.INFERRED,
        explanation,
        hits=blocked(calls),
        evidence=evidence,
        calls=tuple(judged.id for judged in calls),
        console=console_of(calls[0]),
        mends=mends_of(examined, code, facts, first=first),
    )


def console_of(judged: JudgedCall) -> str:
    """Return what a developer sees when this call is made, secrets in its address hashed."""
    text = judged.verdict.console if judged.verdict else ""
    return text.replace(judged.call.url, redact_url(judged.call.url))


def _unique(calls: Sequence[JudgedCall]) -> list[JudgedCall]:
    return list({judged.id: judged for judged in calls}.values())


def _lead(faults: Sequence[Fault]) -> Fault:
    """Return the fault that shows its cause best: one that was observed."""
    return next((fault for fault in faults if fault.certainty is Certainty.OBSERVED), faults[0])


def lead_first(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults, the one first that shows their cause best."""
    lead = _lead(faults)
    return [lead, *(fault for fault in faults if fault is not lead)]

"""What one run of a check found, as every probe reports it."""

from dataclasses import dataclass

from app.core.assertions import Finding
from app.core.exchange import Exchange, Timing
from app.core.incident import Outcome
from app.core.results import Cause


@dataclass(frozen=True, slots=True)
class Checked:
    """One run. Secrets are masked by whoever runs it, before anything is stored or shown."""

    outcome: Outcome
    cause: Cause = Cause.NONE
    text: str = ""  # one sentence for people: why it is not up; "" when it is
    code: int = 0  # HTTP status, close code, exit code; 0 when there is none
    timing: Timing | None = None  # of the last exchange; None: nothing answered
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # what is worth showing beside it: ("certificate ends", "2027-01-04")
    remember: str = ""  # for the next run: what a check of change compares with; "" keeps what there is


def judged(findings: tuple[Finding, ...]) -> tuple[Outcome, Cause, str]:
    """Return what assertions make of an answer: down when one that counts failed, degraded when one that warns did."""
    failed = [finding for finding in findings if not finding.held]
    if not failed:
        return Outcome.UP, Cause.NONE, ""
    worst = next((finding for finding in failed if not finding.assertion.warns), failed[0])
    reason = worst.problem or f"found {worst.found}"
    outcome = Outcome.DEGRADED if worst.assertion.warns else Outcome.DOWN
    return outcome, Cause.ASSERTION, f"It should hold that {worst.assertion.words}; {reason}."

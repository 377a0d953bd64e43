"""Two reports of one site side by side: which findings are new or gone, and which calls a browser judges differently."""

from collections import Counter
from dataclasses import dataclass

from app.core.findings import Finding, SeamKind, Severity
from app.core.report import CallReport, Report


@dataclass(frozen=True, slots=True)
class FindingLine:
    code: str
    severity: Severity
    title: str
    hits: str
    seam: SeamKind


@dataclass(frozen=True, slots=True)
class CallLine:
    method: str
    url: str
    allowed: bool | None  # None: unknown
    rule: str


@dataclass(frozen=True, slots=True)
class CallChange:
    method: str
    url: str
    was: CallLine
    now: CallLine


@dataclass(frozen=True, slots=True)
class Difference:
    """Findings worst first; calls in the order of the newer report, the gone in the order of the older."""

    new: tuple[FindingLine, ...]
    gone: tuple[FindingLine, ...]
    unchanged: tuple[FindingLine, ...]
    calls_new: tuple[CallLine, ...]
    calls_gone: tuple[CallLine, ...]
    calls_changed: tuple[CallChange, ...]
    calls_unchanged: int


def compare(older: Report, newer: Report) -> Difference:
    """Compare by what stays the same between two scans.

    A finding is the same when code, seam and title are: counts and order may differ. A call is the same when method, URL,
    header names and credentials are; it changed when allowed or the deciding rule did.
    """
    was, now = Counter(map(_finding_key, older.findings)), Counter(map(_finding_key, newer.findings))
    new, unchanged = _split(newer.findings, was)
    gone, _ = _split(older.findings, now)
    calls_was = {_call_key(call): call for call in older.calls}
    calls_now = {_call_key(call): call for call in newer.calls}
    both = [(calls_was[key], call) for key, call in calls_now.items() if key in calls_was]
    changed = [(a, b) for a, b in both if (a.allowed, a.rule) != (b.allowed, b.rule)]
    return Difference(
        new=new,
        gone=gone,
        unchanged=unchanged,
        calls_new=tuple(_call_line(call) for key, call in calls_now.items() if key not in calls_was),
        calls_gone=tuple(_call_line(call) for key, call in calls_was.items() if key not in calls_now),
        calls_changed=tuple(CallChange(b.method, b.url, _call_line(a), _call_line(b)) for a, b in changed),
        calls_unchanged=len(both) - len(changed),
    )


def _finding_key(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.seam, finding.title


def _split(findings: tuple[Finding, ...], other: Counter[tuple[str, str, str]]) -> tuple[tuple[FindingLine, ...], tuple[FindingLine, ...]]:
    """Return (those that the other report does not have, those that it has); of three alike against two, one is not there."""
    left = other.copy()
    missing, present = [], []
    for finding in sorted(findings, key=lambda finding: (finding.severity.rank, finding.code, finding.title)):
        key = _finding_key(finding)
        (present if left[key] > 0 else missing).append(
            FindingLine(finding.code, finding.severity, finding.title, finding.hits, finding.seam)
        )
        left[key] -= 1
    return tuple(missing), tuple(present)


def _call_key(call: CallReport) -> tuple[object, ...]:
    return call.method, call.url, tuple(sorted(name.lower() for name, _ in call.headers)), call.credentials


def _call_line(call: CallReport) -> CallLine:
    return CallLine(call.method, call.url, call.allowed, call.rule)

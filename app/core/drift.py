"""What became worse between two reports of one site, and what of a report is remembered to tell it."""

import base64
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.core import report_json
from app.core.comparison import Difference
from app.core.findings import Finding, Severity
from app.core.report import CallReport, Report

MAX_URL_CHARS = 200


@dataclass(frozen=True, slots=True)
class Worsening:
    text: str  # "browsers now block PUT https://api.example/items (P5)"
    breaks: bool  # whether something does not work any more, or is dangerous; else it merely should be looked at


def worsenings(difference: Difference, fail_on: Severity) -> tuple[Worsening, ...]:
    """Return what is worse in the newer report: calls that browsers block, then new findings of this severity or a worse one.

    A call that is unknown now is not worse: it was not asked, or not answered.
    """
    return (*_calls(difference), *_findings(difference, fail_on))


def _calls(difference: Difference) -> Iterator[Worsening]:
    for change in difference.calls_changed:
        if change.was.allowed and change.now.allowed is False:
            yield Worsening(f"browsers now block {change.method} {_shown(change.url)} ({change.now.rule})", True)
    for call in difference.calls_new:
        if call.allowed is False:
            yield Worsening(f"a new call is blocked by browsers: {call.method} {_shown(call.url)} ({call.rule})", True)


def _findings(difference: Difference, fail_on: Severity) -> Iterator[Worsening]:
    for line in difference.new:  # worst first
        if line.severity.rank <= fail_on.rank:
            yield Worsening(f"{line.code} is new ({line.severity}): {line.title}", line.severity.rank <= Severity.HIGH.rank)


def _shown(url: str) -> str:
    return url if len(url) <= MAX_URL_CHARS else f"{url[: MAX_URL_CHARS - 1]}…"


def differs(difference: Difference) -> bool:
    """Whether there is any difference, for better or worse."""
    parts = (difference.new, difference.gone, difference.calls_new, difference.calls_gone, difference.calls_changed)
    return any(parts)


def is_limited(was: Report, now: Report) -> bool:
    """Whether the newer scan saw less than the older one: what it does not tell is not mended then."""
    known = {(call.method, call.url) for call in was.calls if call.allowed is not None}
    unknown = {(call.method, call.url) for call in now.calls if call.allowed is None}
    return bool(set(now.site.notes) - set(was.site.notes) or known & unknown)


def digest(found: tuple[Worsening, ...]) -> str:
    """Return what tells these from others; their order does not count."""
    return hashlib.sha256("\n".join(sorted(worsening.text for worsening in found)).encode()).hexdigest()[:24]


def pack(report: Report) -> str:
    """Return what comparing needs of a report, as one small text: some kB."""
    slim = replace(
        report,
        technologies=(),
        parts=(),
        seams=(),
        requests=(),
        calls=tuple(map(_slim_call, report.calls)),
        findings=tuple(map(_slim_finding, report.findings)),
    )
    return base64.b64encode(zlib.compress(report_json.dump(slim).encode(), 9)).decode()


def unpack(text: str) -> Report | None:
    """Read what `pack` wrote; None for what cannot be read any more."""
    try:
        return report_json.load(zlib.decompress(base64.b64decode(text)))
    except (ValueError, zlib.error):
        return None


def _slim_call(call: CallReport) -> CallReport:
    return replace(call, source_excerpt="", console="", exposed=(), path=(), sent=(), requests=(), why="")


def _slim_finding(finding: Finding) -> Finding:
    return replace(finding, explanation="", evidence=(), calls=(), console="", mends=())

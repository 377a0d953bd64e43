"""The whole scan as a check: what became worse since the last good report is a failure.

The first report is the baseline. One without anything worse takes its place; while something is worse it stays, so that the failure
lasts until it is mended or somebody takes it as the new normal, and not for one run.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from app.core import comparison, drift, placeholders
from app.core.baselines import ScanBaseline
from app.core.checked import Checked
from app.core.checks import ScanCheck
from app.core.exchange import Failure, Timing
from app.core.findings import Severity
from app.core.incident import Outcome
from app.core.observation import ScanRequest
from app.core.report import Report
from app.core.results import Cause
from app.core.urls import InvalidTarget, parse_target
from app.core.withheld import Withheld
from app.engine import scan
from app.net import Net
from app.probes.filled import forms_of
from app.probes.tools import Tools, failed
from app.services import monitor_scans

MAX_AT_ONCE = 2  # a scan reads bundles, which takes CPU that other checks need
WAIT_S = 8.0  # for a place among these; with it and the scan's own limit a check ends within 70 s

_places: WeakKeyDictionary[Net, asyncio.Semaphore] = WeakKeyDictionary()


async def run(check: ScanCheck, tools: Tools, *, workspace_id: int, monitor_id: int | None = None, secrets: Iterable[str] = ()) -> Checked:
    """Scan, compare with the baseline, and store the report at the baseline and whenever something changed.

    Args:
        secrets: what was put into the check from the vault: it stands in nothing that is stored.

    Takes up to 70 s, whatever `tools.timeout_s` says: a scan asks some forty questions.
    """
    places = _places.setdefault(tools.net, asyncio.Semaphore(MAX_AT_ONCE))
    try:
        async with asyncio.timeout(WAIT_S):
            await places.acquire()
    except TimeoutError:
        return Checked(Outcome.UNKNOWN, Cause.OURSELVES, "Other scans are under way, and this one did not get its turn.")
    try:
        request = ScanRequest(parse_target(check.page_url), parse_target(check.api_url) if check.api_url else None)
        begun = time.monotonic()
        report = await scan.run(request, tools.net)
        timing = Timing(total_ms=round((time.monotonic() - begun) * 1000, 3))
    except InvalidTarget as error:
        return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, str(error))
    except scan.ScanFailed as error:
        last = error.exchanges[-1] if error.exchanges else None
        if last and last.status == 429:  # because we ask too much, not because it does not work
            return Checked(Outcome.UNKNOWN, Cause.OURSELVES, str(error), 429)
        return replace(failed(last.failure if last and last.failure else Failure.PROTOCOL, str(error)), code=last.status if last else 0)
    finally:
        places.release()
    forms = forms_of(secrets)
    report = await asyncio.to_thread(_hidden, report, request, forms)
    found = Checked(Outcome.UP, code=_status(report), timing=timing)
    if found.code >= 400:
        text = f"The page answers {found.code}, so there is nothing to compare."
        return replace(found, outcome=Outcome.DOWN, cause=Cause.ASSERTION, text=text)
    if any(scan.BOT_CHECK in note for note in report.site.notes):
        return replace(found, outcome=Outcome.UNKNOWN, cause=Cause.CONFIGURATION, text=" ".join(report.site.notes))
    return await _compared(check, tools, found, report, _Storing(workspace_id, monitor_id, request, forms, tools))


@dataclass(frozen=True, slots=True)
class _Storing:
    """Where a report goes."""

    workspace_id: int
    monitor_id: int | None
    request: ScanRequest
    secrets: tuple[str, ...]
    tools: Tools

    async def keep(self, report: Report, *needed: str) -> str:
        return await monitor_scans.keep(
            self.workspace_id, self.monitor_id, self.request, report, self.tools.now, secrets=self.secrets, needed=needed
        )


def _hidden(report: Report, request: ScanRequest, secrets: tuple[str, ...]) -> Report:
    """Return a report without the vault's secrets, and without what looks secret in its addresses."""
    return Withheld.of(request).hide_all(placeholders.masked(report, secrets))


async def _compared(check: ScanCheck, tools: Tools, found: Checked, report: Report, storing: _Storing) -> Checked:
    memory = ScanBaseline.load(tools.remembered)
    baseline = await asyncio.to_thread(drift.unpack, memory.report) if memory else None
    if memory is None or baseline is None:
        return _with(found, report, await _new_baseline(report, storing))
    difference = await asyncio.to_thread(comparison.compare, baseline, report)
    worse = drift.worsenings(difference, Severity(check.fail_on))
    if worse:
        digest = drift.digest(worse)
        if digest != memory.seen:
            memory = replace(memory, seen=digest, last=await storing.keep(report, memory.scan))
        first, *others = worse
        more = f", and {len(others)} more" if others else ""
        text = f"Worse than on {baseline.site.scanned_at[:16].replace('T', ' ')} UTC: {first.text}{more}."
        outcome = Outcome.DOWN if any(one.breaks for one in worse) else Outcome.DEGRADED
        facts = tuple(("worse", one.text) for one in worse[:10])
        return _with(replace(found, outcome=outcome, cause=Cause.ASSERTION, text=text, facts=facts), report, memory)
    if drift.differs(difference) and not drift.is_limited(baseline, report):
        return _with(found, report, await _new_baseline(report, storing))
    return _with(found, report, replace(memory, seen="", last=""))


async def _new_baseline(report: Report, storing: _Storing) -> ScanBaseline:
    return ScanBaseline(await asyncio.to_thread(drift.pack, report), await storing.keep(report))


def _with(found: Checked, report: Report, memory: ScanBaseline) -> Checked:
    """Add what is worth showing, and what the next run compares with."""
    facts = [("report", memory.last or memory.scan)]
    if memory.last:
        facts.append(("compared with", memory.scan))
    facts += [
        ("verdict", report.site.sentence),
        ("findings", str(len(report.findings))),
        ("calls", f"{len(report.calls)}, of which browsers block {sum(call.allowed is False for call in report.calls)}"),
        *(("note", note) for note in report.site.notes[:5]),
    ]
    return replace(found, facts=(*facts, *found.facts), remember=memory.dump())


def _status(report: Report) -> int:
    """Return the status of the page itself, after redirects."""
    return next((asked.status or 0 for asked in reversed(report.requests) if asked.purpose == "page"), 0)

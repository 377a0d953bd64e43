"""One scan: its progress while it runs, then its end."""

from dataclasses import dataclass
from datetime import datetime

import reflex as rx

from app.core.findings import Severity
from app.core.plan import PHASES
from app.core.scan_events import ScanEvent, ScanStatus
from app.services import scans
from app.services.errors import NotFound, SeamwatchError, Unauthenticated
from app.services.scans import ScanRow
from app.state.gate import internal, signed_in
from app.state.pacing import paced
from app.state.report import ReportState
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, host_of, new_scan_path, seconds, sign_in_path, when

_PUSH_S = 0.25  # at most four pushes a second
_ABOUT = 40  # requests of an ordinary scan, for the progress
_FOUND = 12


@dataclass(frozen=True, slots=True)
class RequestRow:
    id: int
    time: str  # "08:14:09.412"
    method: str
    url: str
    answer: str  # status; "–" when there was none, and `noted` says why
    ms: str
    noted: str
    glyph: str  # "ok", "unknown" for a failure, or a severity


@dataclass(frozen=True, slots=True)
class PhaseRow:
    name: str
    glyph: str  # "ok", "run", "not"
    requests: str
    took: str


@dataclass(frozen=True, slots=True)
class FoundRow:
    severity: str
    text: str


@dataclass(slots=True)
class _Phase:
    """What a phase has cost so far."""

    began: datetime
    last: datetime
    requests: int = 0


class ScanState(rx.State):
    """What the page of one scan shows. The report itself is in `ReportState`."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "running", "done", "failed", "cancelled", "missing", "error"
    host: rx.Field[str] = rx.field("")
    page_url: rx.Field[str] = rx.field("")
    again: rx.Field[str] = rx.field("")  # address of the form, filled in
    error: rx.Field[str] = rx.field("")
    started: rx.Field[str] = rx.field("")
    queued: rx.Field[bool] = rx.field(False)
    cancelling: rx.Field[bool] = rx.field(False)
    requests: rx.Field[int] = rx.field(0)
    elapsed: rx.Field[str] = rx.field("")
    percent: rx.Field[int] = rx.field(0)
    phases: rx.Field[list[PhaseRow]] = rx.field(default_factory=list)
    rows: rx.Field[list[RequestRow]] = rx.field(default_factory=list)  # newest first, at most PAGE_ROWS
    found: rx.Field[list[FoundRow]] = rx.field(default_factory=list)
    only_noteworthy: rx.Field[bool] = rx.field(False)
    title: rx.Field[str] = rx.field("Scan · Seamwatch")
    icon: rx.Field[str] = rx.field("favicon")

    _id: str = ""
    _all: rx.Field[list[RequestRow]] = rx.field(default_factory=list)  # oldest first
    _spent: rx.Field[dict[str, _Phase]] = rx.field(default_factory=dict)
    _worst: rx.Field[dict[str, str]] = rx.field(default_factory=dict)  # text → severity, in the order found
    _began: datetime | None = None

    @rx.event
    @signed_in
    async def open(self):
        """Show the scan that the address names."""
        scan_id = self.router.url.path.strip("/").split("/")[-1]
        if scan_id != self._id:
            self._forget(scan_id)
        try:
            detail = await scans.get(await actor_of(self), scan_id)
        except Unauthenticated:
            return rx.redirect(sign_in_path(f"/scans/{scan_id}"), replace=True)
        except NotFound:
            self.view, self.title = "missing", "No such scan · Seamwatch"
            return None
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        return self._settle(detail.row)

    def _forget(self, scan_id: str) -> None:
        self.reset()
        self._id = scan_id

    def _settle(self, row: ScanRow):
        """Show what a row says of its scan, and go on to what it needs: news while it runs, its report when it is done."""
        self.host, self.page_url, self.again = host_of(row.page_url), row.page_url, new_scan_path(row.page_url, row.api_url)
        self.started = when(row.created_at)
        if not row.status.final:
            self.queued = row.status == ScanStatus.QUEUED
            self.view = "running"
            self._show()
            return ScanState.follow
        self.view, self.cancelling, self.icon = row.status.value, False, "favicon"
        self.error = row.error
        if row.started_at and row.finished_at:
            self.elapsed = seconds((row.finished_at - row.started_at).total_seconds())
        match row.status:
            case ScanStatus.FAILED:
                self.title, self.icon = f"Not scanned: {self.host} · Seamwatch", "favicon-high"
            case ScanStatus.CANCELLED:
                self.title = f"Cancelled: {self.host} · Seamwatch"
            case _:
                self.title, self.icon = _report_title(row), _report_icon(row)
        if row.status == ScanStatus.DONE:
            return ReportState.load
        return None if self._all else ScanState.recall

    @rx.event(background=True, supersedes=True)
    @internal
    async def follow(self):
        """Show what happens to the scan, at most four times a second, until it has ended or another page is open."""
        async with self:
            scan_id, actor = self._id, await actor_of(self)
            self._all, self._spent, self._worst, self._began = [], {}, {}, None
        try:
            async for events in paced(scans.follow(actor, scan_id), _PUSH_S):
                async with self:
                    if self._id != scan_id or self.view != "running":
                        return
                    if await actor_of(self) is None:  # signed out in another tab meanwhile
                        break
                    for event in events:
                        self._take(event)
                    if events[-1].status.final:
                        break
                    self._show()
        except SeamwatchError:
            pass  # signed out or deleted just now, which the next line finds too, and says
        yield ScanState.open

    @rx.event(background=True, supersedes=True)
    @internal
    async def recall(self):
        """Show what a scan without a report asked before it ended, as far as that is still known."""
        async with self:
            scan_id, actor = self._id, await actor_of(self)
        try:
            events = [event async for event in scans.follow(actor, scan_id)]
        except SeamwatchError:  # deleted or signed out just now
            return
        async with self:
            if self._id == scan_id and not self._all:
                for event in events:
                    self._take(event)
                self.requests = len(self._all)
                self._filter()

    def _take(self, event: ScanEvent) -> None:
        at = datetime.fromisoformat(event.at)
        if event.status == ScanStatus.RUNNING:
            self.queued = False
            self._began = self._began or at
        if event.phase:
            phase = self._spent.setdefault(event.phase, _Phase(at, at))
            phase.last = at
            phase.requests += event.request is not None
        if event.noted and event.severity and _rank(event.severity) < _rank(self._worst.get(event.noted, "")):
            self._worst[event.noted] = event.severity.value
        if event.request:
            self._all.append(_row(event, at, self.page_url.partition("://")[0] + "://"))

    def _show(self) -> None:
        """Put what was taken into the vars."""
        reached = [index for index, name in enumerate(PHASES) if name in self._spent]
        now = reached[-1] if reached else -1
        self.requests = len(self._all)
        share = max(self.requests / _ABOUT, (now + 0.5) / len(PHASES) if reached else 0)
        self.percent = max(self.percent, min(97, int(share * 100)))
        if self._began and self._spent:
            self.elapsed = seconds((max(phase.last for phase in self._spent.values()) - self._began).total_seconds())
        self.phases = [self._phase_row(index, name, now) for index, name in enumerate(PHASES)]
        self.found = [
            FoundRow(severity, text) for text, severity in sorted(self._worst.items(), key=lambda found: _rank(found[1]))[:_FOUND]
        ]
        self._filter()
        self.title = f"Scanning ({self.percent}%) {self.host} · Seamwatch"
        self.icon = f"favicon-scan-{min(3, 1 + self.percent // 34)}"

    def _phase_row(self, index: int, name: str, now: int) -> PhaseRow:
        spent = self._spent.get(name)
        glyph = "run" if index == now else "ok" if index < now else "not"
        if spent is None:
            return PhaseRow(name, glyph, "", "")
        return PhaseRow(
            name,
            glyph,
            counted(spent.requests, "request") if spent.requests else "",
            seconds((spent.last - spent.began).total_seconds()) if spent.requests else "",
        )

    def _filter(self) -> None:
        shown = [row for row in self._all if row.glyph != "ok"] if self.only_noteworthy else self._all
        self.rows = shown[-PAGE_ROWS:][::-1]

    @rx.event
    @signed_in
    async def set_only_noteworthy(self, on: bool):
        self.only_noteworthy = bool(on)
        self._filter()

    @rx.event
    @signed_in
    async def cancel(self):
        self.cancelling = True
        yield
        try:
            await scans.cancel(await actor_of(self), self._id)
        except SeamwatchError as error:
            self.cancelling, self.error = False, error.message

    @rx.event
    @signed_in
    async def rescan(self):
        """Queue the same request again and show the new scan."""
        try:
            yield rx.redirect(f"/scans/{await scans.rescan(await actor_of(self), self._id)}")
        except Unauthenticated:
            yield rx.redirect(sign_in_path(f"/scans/{self._id}"))
        except SeamwatchError as error:
            self.error = error.message


def _rank(severity: Severity | str) -> int:
    """Return 0 for critical up to 4 for info, 9 for none."""
    return Severity(severity).rank if severity else 9


def _row(event: ScanEvent, at: datetime, shown_without: str) -> RequestRow:
    """Return the row of a request; the scheme is shown where it differs from the page's."""
    request = event.request
    assert request is not None
    severity = event.severity.value if event.severity else ""
    return RequestRow(
        id=request.id,
        time=at.strftime("%H:%M:%S.%f")[:-3],
        method=request.method,
        url=request.url.removeprefix(shown_without)[:300],
        answer=str(request.status) if request.status else "–",
        ms=f"{request.duration_ms:.0f}",
        noted=event.noted or request.failure,
        glyph=severity or ("ok" if request.status else "unknown"),
    )


def _counts(row: ScanRow) -> dict[str, int]:
    return {"critical": row.critical, "high": row.high, "medium": row.medium, "low": row.low}


def _report_title(row: ScanRow) -> str:
    """Return "(2 high) app.example · Seamwatch": the worst severity leads."""
    worst = next((f"({count} {name}) " for name, count in _counts(row).items() if count), "")
    return f"{worst}{host_of(row.page_url)} · Seamwatch"


def _report_icon(row: ScanRow) -> str:
    if row.critical or row.high:
        return "favicon-high"
    return "favicon-medium" if row.medium or row.low else "favicon"

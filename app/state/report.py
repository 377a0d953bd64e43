"""The report of one scan: what is open, what is filtered."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import reflex as rx

from app.core.findings import Severity
from app.core.lab import case_of_call, to_link
from app.core.report import CallReport, Report
from app.core.report_build import count_by_severity
from app.services import scans
from app.services.errors import SeamwatchError
from app.services.instance import facts
from app.state.gate import signed_in
from app.state.report_map import EMPTY_MAP, MapView, map_view
from app.state.report_view import (
    CallRow,
    FindingRow,
    Piece,
    RequestRow,
    TechnologyRow,
    call_row,
    closed_finding,
    common_host,
    finding_ids,
    open_finding,
    prose,
    request_row,
    shown_call,
    technology_rows,
)
from app.state.session import actor_of
from app.state.shown import counted, seconds, when

_FIRST_CALLS = 8
_MAX_ROWS = 50


@dataclass(frozen=True, slots=True)
class SeamChip:
    name: str
    count: int


class ReportState(rx.State):
    """What the page of one report shows."""

    sentence: rx.Field[list[Piece]] = rx.field(default_factory=list)
    detail: rx.Field[list[Piece]] = rx.field(default_factory=list)
    blocked: rx.Field[bool] = rx.field(False)
    when: rx.Field[str] = rx.field("")
    when_iso: rx.Field[str] = rx.field("")
    cost: rx.Field[str] = rx.field("")
    notes: rx.Field[list[str]] = rx.field(default_factory=list)
    critical: rx.Field[int] = rx.field(0)
    high: rx.Field[int] = rx.field(0)
    medium: rx.Field[int] = rx.field(0)
    low: rx.Field[int] = rx.field(0)
    info: rx.Field[int] = rx.field(0)
    error: rx.Field[str] = rx.field("")

    seams: rx.Field[MapView] = rx.field(default_factory=lambda: EMPTY_MAP)

    findings: rx.Field[list[FindingRow]] = rx.field(default_factory=list)
    total: rx.Field[int] = rx.field(0)
    chips: rx.Field[list[SeamChip]] = rx.field(default_factory=list)
    seam: rx.Field[str] = rx.field("")  # the pressed chip; "" for all

    calls: rx.Field[list[CallRow]] = rx.field(default_factory=list)
    calls_count: rx.Field[str] = rx.field("")
    calls_more: rx.Field[int] = rx.field(0)
    calls_total: rx.Field[int] = rx.field(0)
    call_filter: rx.Field[str] = rx.field("")

    architecture: rx.Field[str] = rx.field("")
    evidence: rx.Field[list[list[Piece]]] = rx.field(default_factory=list)
    technologies: rx.Field[list[TechnologyRow]] = rx.field(default_factory=list)

    requests: rx.Field[list[RequestRow]] = rx.field(default_factory=list)
    requests_more: rx.Field[int] = rx.field(0)
    requests_open: rx.Field[bool] = rx.field(False)
    download: rx.Field[str] = rx.field("")

    target: rx.Field[str] = rx.field("")  # id of the finding that takes the focus when it appears

    shown: rx.Field[str] = rx.field("")  # id of the scan whose report this is

    _report: Report | None = None
    _open: rx.Field[set[str]] = rx.field(default_factory=set)  # ids of findings, calls and requests ("r3") that are open
    _calls_limit: int = _FIRST_CALLS
    _requests_limit: int = _MAX_ROWS

    @rx.event
    @signed_in
    async def load(self):
        """Show the report of the scan in the address, and open the finding that its hash names."""
        scan_id = self.router.url.path.strip("/").split("/")[-1]
        if scan_id == self.shown:
            return  # A report never changes: coming back keeps what was open.
        self.reset()
        try:
            report = await scans.report(await actor_of(self), scan_id)
        except SeamwatchError as error:
            self.error = error.message
            return
        self.shown, self._report, self.download = scan_id, report, f"{facts().backend_url}/download/scans/{scan_id}.json"
        self._show_head(report)
        ids = finding_ids(report.findings)
        rows = dict(zip((finding.code for finding in reversed(report.findings)), reversed(ids), strict=True))
        self.seams = map_view(report, rows)
        asked = str(self.router.url.fragment or "")
        self.target = asked if asked in ids else ""
        self._open = {self.target} if self.target else set(ids[:1])
        self._show_findings()
        self._show_calls()

    def _show_head(self, report: Report) -> None:
        site = report.site
        self.sentence, self.detail, self.notes = prose(site.sentence), prose(site.detail), list(site.notes)
        self.blocked = any(call.allowed is False for call in report.calls)
        self.when_iso, self.when = site.scanned_at, when(datetime.fromisoformat(site.scanned_at))
        self.cost = f"{counted(len(report.requests), 'request')} · {seconds(site.duration_ms / 1000)}"
        counts = count_by_severity(report.findings)
        self.critical, self.high, self.medium, self.low, self.info = (counts[severity] for severity in Severity)
        self.architecture = f"{report.architecture.kind}, {report.architecture.joining}"
        self.evidence = [prose(line) for line in report.architecture.evidence]
        self.technologies = technology_rows(report)

    # Findings.

    def _show_findings(self) -> None:
        report = self._report
        if report is None:
            return
        rows = []
        for row_id, finding in zip(finding_ids(report.findings), report.findings, strict=True):
            if self.seam and finding.seam.value != self.seam:
                continue
            if row_id in self._open:
                rows.append(open_finding(row_id, finding, report, self._lab(shown_call(finding, report))))
            else:
                rows.append(closed_finding(row_id, finding))
        self.findings, self.total = rows, len(report.findings)
        seams = [finding.seam.value for finding in report.findings]
        self.chips = [SeamChip(name, seams.count(name)) for name in dict.fromkeys(seams)]

    def _lab(self, call: CallReport | None) -> str:
        if call is None or self._report is None:
            return ""
        return f"/cors?case={to_link(case_of_call(call, self._report))}"

    @rx.event
    @signed_in
    async def toggle(self, row_id: str):
        """Open or close one finding; an opened one stands in the address."""
        self._open ^= {str(row_id)}
        self._show_findings()
        return rx.redirect(f"#{row_id}", replace=True) if any(row.id == row_id and row.open for row in self.findings) else None

    @rx.event
    @signed_in
    async def open_finding(self, row_id: str):
        """Open one finding, whatever is filtered: a line of the map leads here."""
        self._open |= {str(row_id)}
        self.seam, self.target = "", str(row_id)
        self._show_findings()

    @rx.event
    @signed_in
    async def choose_seam(self, name: str):
        self.seam = "" if name == self.seam else str(name)
        self._show_findings()

    # Calls.

    def _show_calls(self) -> None:
        report = self._report
        if report is None:
            return
        wanted = self.call_filter.strip().lower()
        order = sorted(report.calls, key=lambda call: (call.allowed is not False, call.allowed is None))
        found = [call for call in order if wanted in f"{call.method} {call.url}".lower()]
        limit = max(self._calls_limit, _MAX_ROWS) if wanted else self._calls_limit
        common = common_host(report)
        host = common or urlsplit(report.site.page_origin).netloc
        self.calls = [
            call_row(call, host, open_=call.id in self._open, lab=self._lab(call) if call.id in self._open else "")
            for call in found[:limit]
        ]
        self.calls_more, self.calls_total = max(0, len(found) - limit), len(report.calls)
        blocked = sum(call.allowed is False for call in report.calls)
        said = [f"{len(report.calls)} found", f"{blocked} blocked" if blocked else "", f"all to {common}" if common else ""]
        self.calls_count = ", ".join(part for part in said if part)

    @rx.event
    @signed_in
    async def toggle_call(self, call_id: str):
        self._open ^= {str(call_id)}
        self._show_calls()

    @rx.event
    @signed_in
    async def filter_calls(self, text: str):
        self.call_filter = str(text)[:200]
        self._show_calls()

    @rx.event
    @signed_in
    async def more_calls(self):
        self._calls_limit = self._calls_limit + _MAX_ROWS if self._calls_limit >= _MAX_ROWS else _MAX_ROWS
        self._show_calls()

    # What was asked.

    def _show_requests(self) -> None:
        if self._report is not None:
            rows = self._report.requests[: self._requests_limit] if self.requests_open else ()
            self.requests_more = max(0, len(self._report.requests) - self._requests_limit) if self.requests_open else 0
            self.requests = [request_row(request, open_=f"r{request.id}" in self._open) for request in rows]

    @rx.event
    @signed_in
    async def toggle_requests(self):
        self.requests_open = not self.requests_open
        self._show_requests()

    @rx.event
    @signed_in
    async def more_requests(self):
        self._requests_limit += _MAX_ROWS
        self._show_requests()

    @rx.event
    @signed_in
    async def toggle_request(self, number: int):
        self._open ^= {f"r{number}"}
        self._show_requests()

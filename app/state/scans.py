"""The list of scans: one page of rows, two of which may be chosen to compare."""

import asyncio
from dataclasses import dataclass, replace

import reflex as rx

from app.core.scan_events import ScanStatus
from app.services import scans
from app.services.errors import SeamwatchError, Unauthenticated
from app.services.scans import ScanRow
from app.state.gate import internal, signed_in
from app.state.session import actor_of
from app.state.shown import counted, host_of, iso, plain, sign_in_path, when, without_scheme

_UNDO_S = 8
_WATCH_S = 2


@dataclass(frozen=True, slots=True)
class ListedScan:
    id: str
    host: str
    path: str
    api: str
    status: str
    sentence: str
    glyph: str  # of a scan without a report: "down", "paused"; "" otherwise
    critical: int
    high: int
    medium: int
    low: int
    info: int
    when: str
    at: str
    running: bool
    has_report: bool
    selected: bool


class ScansState(rx.State):
    """One page of rows, sent whole at each change (at most `scans.PAGE_SIZE`)."""

    rows: rx.Field[list[ListedScan]] = rx.field(default_factory=list)
    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "empty", "error"
    error: rx.Field[str] = rx.field("")
    page: rx.Field[int] = rx.field(1)
    pages: rx.Field[int] = rx.field(1)
    total_words: rx.Field[str] = rx.field("")
    selected: rx.Field[list[str]] = rx.field(default_factory=list)  # at most two, in the order chosen
    notice: rx.Field[str] = rx.field("")
    undo_id: rx.Field[str] = rx.field("")

    @rx.event
    @signed_in
    async def load(self):
        """Read the page of rows that the address names, and follow it while a scan of it runs."""
        self.selected, self.notice, self.undo_id = [], "", ""
        self.page = _number(self.router.url.query_parameters.get("page", "1"))
        return await self._read()

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    async def _read(self):
        try:
            listed = await scans.list_(await actor_of(self), self.page)
        except Unauthenticated:
            return rx.redirect(sign_in_path("/scans"), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        self.rows = [_listed(row, self.selected) for row in listed.items]
        self.page, self.pages = listed.number, listed.pages
        self.total_words = counted(listed.total, "scan")
        self.view = "list" if listed.total else "empty"
        return ScansState.watch if any(row.running for row in self.rows) else None

    @rx.event(background=True, supersedes=True)
    @internal
    async def watch(self):
        """Read the rows again every two seconds while one of them runs and the list is open."""
        while True:
            await asyncio.sleep(_WATCH_S)
            async with self:
                if self.router.url.path.strip("/") != "scans" or not any(row.running for row in self.rows):
                    return
                try:
                    listed = await scans.list_(await actor_of(self), self.page)
                except SeamwatchError:  # signed out in another tab: reading the page anew leads to the sign-in
                    break
                rows = [_listed(row, self.selected) for row in listed.items]
                if rows != self.rows:
                    self.rows = rows
        yield ScansState.retry

    @rx.event
    @signed_in
    async def turn(self, step: int):
        return rx.redirect(f"/scans?page={max(1, self.page + (1 if step > 0 else -1))}")

    @rx.event
    @signed_in
    async def choose(self, scan_id: str):
        """Choose a scan to compare, or unchoose it; a third one takes the place of the first."""
        chosen = [kept for kept in self.selected if kept != scan_id]
        if len(chosen) == len(self.selected) and any(row.id == scan_id for row in self.rows):
            chosen = [*chosen[-1:], scan_id]
        self.selected = chosen
        self.rows = [_marked(row, row.id in chosen) for row in self.rows]

    @rx.event
    @signed_in
    async def compare(self):
        if len(self.selected) == 2:
            return rx.redirect(f"/scans/compare?a={self.selected[0]}&b={self.selected[1]}")
        return None

    @rx.event
    @signed_in
    async def rescan(self, scan_id: str):
        try:
            return rx.redirect(f"/scans/{await scans.rescan(await actor_of(self), scan_id)}")
        except SeamwatchError as error:
            self.notice, self.undo_id = error.message, ""
            return ScansState.hush

    @rx.event
    @signed_in
    async def delete(self, scan_id: str):
        """Delete at once; Undo stays for 8 s."""
        host = next((row.host for row in self.rows if row.id == scan_id), "")
        try:
            await scans.delete(await actor_of(self), scan_id)
        except SeamwatchError as error:
            self.notice, self.undo_id = error.message, ""
            return ScansState.hush
        self.selected = [kept for kept in self.selected if kept != scan_id]
        self.notice, self.undo_id = f"Scan of {host} deleted.", scan_id
        follow_up = await self._read()
        return [follow_up, ScansState.hush] if follow_up else ScansState.hush

    @rx.event
    @signed_in
    async def undo(self):
        scan_id, self.undo_id, self.notice = self.undo_id, "", ""
        try:
            await scans.restore(await actor_of(self), scan_id)
        except SeamwatchError as error:
            self.notice = error.message
            return ScansState.hush
        return await self._read()

    @rx.event(background=True, supersedes=True)
    @internal
    async def hush(self):
        await asyncio.sleep(_UNDO_S)
        async with self:
            self.notice, self.undo_id = "", ""

    @rx.event
    @signed_in
    async def close_notice(self):
        self.notice, self.undo_id = "", ""


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 7 else 1


def _marked(row: ListedScan, selected: bool) -> ListedScan:
    return replace(row, selected=selected)


def _listed(row: ScanRow, selected: list[str]) -> ListedScan:
    host = host_of(row.page_url)
    path = without_scheme(row.page_url).partition(host)[2].strip("/")
    api = host_of(row.api_url) if row.api_url else ""
    return ListedScan(
        id=row.id,
        host=host,
        path=f"/{path}" if path else "",
        api=api if api != host else "",
        status=row.status.value,
        sentence=_sentence(row),
        glyph={ScanStatus.FAILED: "down", ScanStatus.CANCELLED: "paused"}.get(row.status, ""),
        critical=row.critical,
        high=row.high,
        medium=row.medium,
        low=row.low,
        info=row.info,
        when=when(row.created_at),
        at=iso(row.created_at),
        running=not row.status.final,
        has_report=row.status == ScanStatus.DONE,
        selected=row.id in selected,
    )


def _sentence(row: ScanRow) -> str:
    match row.status:
        case ScanStatus.QUEUED:
            return "Waiting to start"
        case ScanStatus.RUNNING:
            return "Scanning"
        case ScanStatus.CANCELLED:
            return "Cancelled. Nothing was written."
        case ScanStatus.FAILED:
            return row.error or "The scan failed."
        case ScanStatus.DONE:
            return plain(row.sentence)

"""The incidents of the workspace, open ones first, kept up while the page is open."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import reflex as rx

from app.services import incidents, overview, sites
from app.services.access import Action, Actor, require
from app.services.errors import Forbidden, NotFound, SeamwatchError, Unauthenticated
from app.services.incidents import IncidentRow
from app.services.overview import NavCounts
from app.services.paging import Page
from app.state.exchange_view import cause_words
from app.state.gate import internal, signed_in
from app.state.overview_view import KIND_WORDS, STATUS_WORDS, Choice, favicon
from app.state.session import SessionState, actor_of, show_counts
from app.state.shared_reads import SharedReads
from app.state.shown import PAGE_ROWS, counted, iso, sign_in_path, when

PATH = "/incidents"
_LOOK_S = 3  # so often what is shown is read again while the page is open
_reads: SharedReads[tuple[Page[IncidentRow], NavCounts]] = SharedReads()
_ENDED = {"paused": "The monitor was paused", "deleted": "The monitor was deleted", "maintenance": "Maintenance began"}


@dataclass(frozen=True, slots=True)
class IncidentView:
    id: str
    monitor_id: str
    monitor: str
    kind: str
    open: bool
    status: str  # "Down", "Degraded"; of one that is over, the worst it was
    glyph: str
    cause: str
    why: str
    began: str
    began_at: str
    began_s: int  # in seconds since 1970, for the clock of one that is open
    lasted: str  # of one that is over
    ended: str  # why it ended, when not by a check; "" otherwise


class IncidentsState(rx.State):
    """One page of rows, sent whole when they change."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "empty", "none_open", "none_here", "refused", "error"
    error: rx.Field[str] = rx.field("")
    heading: rx.Field[str] = rx.field("Incidents")
    title: rx.Field[str] = rx.field("Incidents · Seamwatch")
    icon: rx.Field[str] = rx.field("favicon")
    rows: rx.Field[list[IncidentView]] = rx.field(default_factory=list)
    page: rx.Field[int] = rx.field(1)
    pages: rx.Field[int] = rx.field(1)
    total_words: rx.Field[str] = rx.field("")
    open_only: rx.Field[bool] = rx.field(False)
    site: rx.Field[str] = rx.field("")
    sites: rx.Field[list[Choice]] = rx.field(default_factory=list)  # at most 50
    address: rx.Field[str] = rx.field("")

    @rx.event
    @signed_in
    async def load(self):
        """Show what the address asks for."""
        asked = self.router.url.query_parameters
        number = str(asked.get("page", ""))
        self.page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
        self.open_only, self.site = asked.get("show") == "open", str(asked.get("site", ""))[:40]
        return await self._read() or IncidentsState.follow

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read() or IncidentsState.follow

    def _path(self) -> str:
        said = {"show": "open" if self.open_only else "", "site": self.site, "page": str(self.page) if self.page > 1 else ""}
        query = urlencode({name: value for name, value in said.items() if value})
        return f"{PATH}?{query}" if query else PATH

    async def _read(self):
        try:
            actor = await actor_of(self)
            known = require(actor, Action.READ_MONITORS)
            self.sites = [Choice(row.id, row.name) for row in (await sites.list_(known))[:PAGE_ROWS]]
            listed = await incidents.list_(known, self.page, self.open_only, site_id=self.site)
            nav = await overview.counts(known)
        except Unauthenticated:
            return rx.redirect(sign_in_path(self._path()), replace=True)
        except NotFound:  # the site was deleted
            self.site, self.page = "", 1
            return await self._read()
        except SeamwatchError as error:
            self.view, self.error = "refused" if isinstance(error, Forbidden) else "error", error.message
            return None
        await self._take(listed, nav, known.workspace)
        return None

    async def _take(self, listed: Page[IncidentRow], nav: NavCounts, workspace: str) -> None:
        rows = [_view(row) for row in listed.items]
        if rows != self.rows:
            self.rows = rows
        self.page, self.pages = listed.number, listed.pages
        self.total_words = counted(listed.total, "incident")
        self.heading = _heading(nav.open_incidents)
        self.title = f"{f'({nav.open_incidents} open) ' if nav.open_incidents else ''}Incidents · {workspace} · Seamwatch"
        self.icon = favicon(nav)
        self.view = "list" if rows else "none_open" if self.open_only else "none_here" if self.site else "empty"
        self.address = self._path()
        show_counts(await self.get_state(SessionState), nav)

    @rx.event(background=True, supersedes=True)
    @internal
    async def follow(self):
        """Read again every few seconds while the page is open, together with all tabs that show the same."""
        while True:
            await asyncio.sleep(_LOOK_S)
            async with self:
                if self.router.url.path.strip("/") != PATH.strip("/") or self.view in ("refused", "error"):
                    return
                actor, asked = await actor_of(self), (self.page, self.open_only, self.site)
            try:
                known = require(actor, Action.READ_MONITORS)

                listed, nav = await _reads.read((known.workspace_id, *asked), time.monotonic() - _LOOK_S / 2, partial(_both, known, *asked))
            except SeamwatchError:  # the session ended, or the site went: what is clicked next says so
                return
            async with self:
                if (self.page, self.open_only, self.site) == asked:
                    await self._take(listed, nav, known.workspace)

    @rx.event
    @signed_in
    async def show(self, which: str):
        """Show only what is open, or all."""
        self.open_only, self.page = which == "open", 1
        return await self._read()

    @rx.event
    @signed_in
    async def show_site(self, site_id: str):
        self.site, self.page = site_id[:40], 1
        return await self._read()

    @rx.event
    @signed_in
    async def clear(self):
        self.site, self.open_only, self.page = "", False, 1
        return await self._read()

    @rx.event
    @signed_in
    async def turn(self, step: int):
        self.page = max(1, self.page + (1 if step > 0 else -1))
        return await self._read()


async def _both(actor: Actor, page: int, open_only: bool, site_id: str) -> tuple[Page[IncidentRow], NavCounts]:
    return await incidents.list_(actor, page, open_only, site_id=site_id), await overview.counts(actor)


def _heading(count: int) -> str:
    return f"{counted(count, 'incident is', 'incidents are')} open" if count else "No incident is open"


def lasted(span_s: float) -> str:
    """Return "48 s", "14 min", "2 h 5 min", "3 d 4 h"."""
    total = max(0, int(span_s))
    for unit_s, word, smaller_s, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if total >= unit_s:
            rest = total % unit_s // smaller_s
            return f"{total // unit_s} {word}" + (f" {rest} {smaller}" if rest else "")
    return f"{total // 60} min" if total >= 60 else f"{total} s"


def _view(row: IncidentRow) -> IncidentView:
    return IncidentView(
        id=row.id,
        monitor_id=row.monitor_id,
        monitor=row.monitor,
        kind=KIND_WORDS.get(row.kind, row.kind),
        open=row.closed_at is None,
        status=STATUS_WORDS.get(row.severity, row.severity),
        glyph=row.severity if row.closed_at is None else "ok",
        cause=cause_words(row.cause),
        why=row.text,
        began=when(row.opened_at),
        began_at=iso(row.opened_at),
        began_s=int(row.opened_at.timestamp()),
        lasted=lasted((row.closed_at - row.opened_at).total_seconds()) if row.closed_at else "",
        ended=_ENDED.get(row.closed_by, ""),
    )

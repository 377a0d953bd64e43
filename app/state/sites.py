"""The sites of the workspace: what is watched of each, how that stands, and when it was scanned last."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import reflex as rx

from app.services import overview, site_scans, sites
from app.services.access import Action, Actor, may
from app.services.errors import Forbidden, Invalid, SeamwatchError, Unauthenticated
from app.services.scans import ScanRow
from app.services.sites import SiteRow
from app.state.gate import internal, signed_in
from app.state.notice import done, refused
from app.state.overview_view import GLYPHS, STATUS_WORDS
from app.state.roles import why_not
from app.state.session import SessionState, actor_of, show_counts
from app.state.shown import PAGE_ROWS, ago, counted, iso, sign_in_path, without_scheme
from app.state.typed import put_errors, text

PATH = "/sites"
_LOOK_S = 5  # so often what is shown is read again while the page is open
_PLACES = {"name": "name_error", "page_url": "page_error", "api_url": "api_error"}  # of errors, by field


@dataclass(frozen=True, slots=True)
class SiteView:
    id: str
    name: str
    page: str
    page_url: str
    api: str  # "" when it is the page's
    api_url: str
    monitors: str  # "5"
    monitors_words: str  # "5 monitors"
    status: str  # of the monitor that stands worst, in words; "" without monitors
    glyph: str
    incidents: str  # "2 open"; "" when none is
    scan_id: str  # of the newest scan; "" when there is none
    scanned: str
    scanned_at: str


class SitesState(rx.State):
    """One page of sites, the form for one of them, and the question before one is deleted."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "empty", "refused", "error"
    error: rx.Field[str] = rx.field("")
    heading: rx.Field[str] = rx.field("Sites")
    rows: rx.Field[list[SiteView]] = rx.field(default_factory=list)
    page: rx.Field[int] = rx.field(1)
    pages: rx.Field[int] = rx.field(1)
    total_words: rx.Field[str] = rx.field("")
    may_change: rx.Field[bool] = rx.field(False)
    may_scan: rx.Field[bool] = rx.field(False)
    why_not: rx.Field[str] = rx.field("")

    form_open: rx.Field[bool] = rx.field(False)
    editing: rx.Field[str] = rx.field("")  # id of the site in the form; "" for a new one
    name: rx.Field[str] = rx.field("")  # as the form begins, as the next two
    page_url: rx.Field[str] = rx.field("")
    api_url: rx.Field[str] = rx.field("")
    filled: rx.Field[int] = rx.field(0)  # rises when the form is to be filled anew
    name_error: rx.Field[str] = rx.field("")
    page_error: rx.Field[str] = rx.field("")
    api_error: rx.Field[str] = rx.field("")
    form_error: rx.Field[str] = rx.field("")
    saving: rx.Field[bool] = rx.field(False)

    asked_id: rx.Field[str] = rx.field("")
    asked_name: rx.Field[str] = rx.field("")
    asked_monitors: rx.Field[str] = rx.field("")
    deleting: rx.Field[bool] = rx.field(False)

    @rx.event
    @signed_in
    async def load(self):
        self.asked_id, self.saving, self.deleting, self.form_open, self.page = "", False, False, False, 1
        return await self._read() or SitesState.follow

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read() or SitesState.follow

    async def _read(self):
        try:
            actor = await actor_of(self)
            await self._show(actor)
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "refused" if isinstance(error, Forbidden) else "error", error.message
        return None

    async def _show(self, actor: Actor | None) -> None:
        listed = await sites.list_(actor)
        assert actor is not None
        self.pages = max(1, -(-len(listed) // PAGE_ROWS))
        self.page = min(max(1, self.page), self.pages)
        shown = listed[(self.page - 1) * PAGE_ROWS : self.page * PAGE_ROWS]
        scanned = await site_scans.newest(actor, [row.page_url for row in shown]) if may(actor, Action.READ_SCANS) else {}
        at = datetime.now(UTC)
        rows = [_view(row, scanned.get(row.page_url), at) for row in shown]
        if rows != self.rows:
            self.rows = rows
        self.total_words = counted(len(listed), "site")
        self.heading = _heading(listed)
        self.may_change, self.may_scan = may(actor, Action.CHANGE_MONITORS), may(actor, Action.START_SCANS)
        self.why_not = why_not(actor, Action.CHANGE_MONITORS, "An editor can add, change and delete sites.")
        self.view = "list" if listed else "empty"
        show_counts(await self.get_state(SessionState), await overview.counts(actor))

    @rx.event(background=True, supersedes=True)
    @internal
    async def follow(self):
        """Read again every few seconds while the page is open."""
        while True:
            await asyncio.sleep(_LOOK_S)
            async with self:
                if self.router.url.path.strip("/") != PATH.strip("/") or self.view not in ("list", "empty"):
                    return
                try:
                    await self._show(await actor_of(self))
                except SeamwatchError:  # the session ended, or the database does not answer: what is clicked next says so
                    return

    @rx.event
    @signed_in
    async def turn(self, step: int):
        self.page += 1 if step > 0 else -1
        return await self._read()

    # Adding and changing.

    def _fill(self, editing: str, name: str, page_url: str, api_url: str) -> None:
        self.name_error = self.page_error = self.api_error = self.form_error = ""
        self.editing, self.name, self.page_url, self.api_url = editing, name, page_url, api_url
        self.filled += 1

    @rx.event
    @signed_in
    async def add(self):
        """Open the form for a new site."""
        self._fill("", "", "", "")
        self.form_open = True

    @rx.event
    @signed_in
    async def edit(self, site_id: str):
        row = next((row for row in self.rows if row.id == site_id), None)
        if row is not None:
            self._fill(row.id, row.name, row.page_url, row.api_url)
            self.form_open = True

    @rx.event
    @signed_in
    async def cancel(self):
        self.form_open = False

    @rx.event
    @signed_in
    async def save(self, form: dict[str, Any]):
        """Add the site, or write it anew."""
        if self.saving or not self.form_open:
            return  # a second click
        self.name_error = self.page_error = self.api_error = self.form_error = ""
        self.saving = True
        yield
        wanted = text(form, "name"), text(form, "page_url", 2001), text(form, "api_url", 2001)
        try:
            actor = await actor_of(self)
            if self.editing:
                await sites.change(actor, self.editing, *wanted)
            else:
                await sites.create(actor, *wanted)
        except Invalid as error:
            put_errors(self, error, _PLACES)
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            self.form_open = False
            yield done(f"{wanted[0]} {'saved' if self.editing else 'added'}.")
            yield await self._read()
        finally:
            self.saving = False

    # Scanning and deleting.

    @rx.event
    @signed_in
    async def scan(self, site_id: str):
        """Scan a site once more, and show the scan."""
        try:
            return rx.redirect(f"/scans/{await site_scans.scan_again(await actor_of(self), site_id)}")
        except SeamwatchError as error:
            return refused(error, PATH)

    @rx.event
    @signed_in
    async def ask(self, site_id: str):
        """Open the question whether to delete a site."""
        row = next((row for row in self.rows if row.id == site_id), None)
        if row is not None:
            self.asked_id, self.asked_name = row.id, row.name
            self.asked_monitors = f"Its {row.monitors_words} {'stays' if row.monitors == '1' else 'stay'}" if row.monitors != "0" else ""

    @rx.event
    @signed_in
    async def keep(self):
        self.asked_id = ""

    @rx.event
    @signed_in
    async def delete(self):
        if not self.asked_id or self.deleting:
            return  # a second click
        self.deleting = True
        yield
        try:
            await sites.delete(await actor_of(self), self.asked_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            if self.editing == self.asked_id:
                self.form_open = False
            yield done(f"{self.asked_name} deleted.")
        follow_up = await self._read()
        self.deleting, self.asked_id = False, ""
        yield follow_up


def _heading(listed: tuple[SiteRow, ...]) -> str:
    if not listed:
        return "No sites yet"
    down = sum(row.worst == "down" for row in listed)
    if down:
        return f"{counted(down, 'site has something', 'sites have something')} down"
    return f"{counted(len(listed), 'site')} under watch"


def _view(row: SiteRow, scan: ScanRow | None, at: datetime) -> SiteView:
    return SiteView(
        id=row.id,
        name=row.name,
        page=without_scheme(row.page_url).removesuffix("/"),
        page_url=row.page_url,
        api=without_scheme(row.api_url).removesuffix("/"),
        api_url=row.api_url,
        monitors=str(row.monitors),
        monitors_words=counted(row.monitors, "monitor"),
        status=STATUS_WORDS.get(row.worst, ""),
        glyph=GLYPHS.get(row.worst, row.worst),
        incidents=f"{row.open_incidents} open" if row.open_incidents else "",
        scan_id=scan.id if scan else "",
        scanned=ago(scan.created_at, at) if scan else "",
        scanned_at=iso(scan.created_at) if scan else "",
    )

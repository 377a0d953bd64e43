"""Maintenance windows: those of now, of later and of the past, and the form for one of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import reflex as rx

from app.services import maintenance, overview, sites
from app.services.access import Action, may
from app.services.errors import Forbidden, Invalid, SeamwatchError, Unauthenticated
from app.services.maintenance import WindowRow
from app.services.overview import Filter
from app.state import maintenance_form as forms
from app.state.gate import internal, signed_in
from app.state.maintenance_form import EVERYTHING, MONITORS, SITES, TAGS, WindowForm
from app.state.notice import done, refused
from app.state.overview_view import Choice
from app.state.roles import why_not
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, sign_in_path
from app.state.typed import text

PATH = "/maintenance"
_LOOK_S = 10  # so often what is shown is read again while the page is open
_FOUND = 8  # monitors that a search shows
_MAX_CHOSEN = 100
STATES = (("now", "Now"), ("next", "Planned"), ("over", "Over"))
_FIELDS = ("name", "starts", "ends", "days", "at", "cron", "zone", "length", "sites", "tags", "monitors")
# What the service calls otherwise.
_FIELD_OF = {"starts_at": "starts", "ends_at": "ends", "duration_s": "length"}


@dataclass(frozen=True, slots=True)
class WindowView:
    id: str
    state: str  # "now", "next", "over"
    name: str
    words: str
    follows: str
    targets: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """One value of several that can be chosen."""

    value: str
    words: str
    on: bool


class MaintenanceState(rx.State):
    """One page of windows and the form. What was typed is kept here only to say when a window would hold next."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "empty", "refused", "error"
    error: rx.Field[str] = rx.field("")
    heading: rx.Field[str] = rx.field("Maintenance")
    rows: rx.Field[list[WindowView]] = rx.field(default_factory=list)  # at most `PAGE_ROWS`: now, next, over
    page: rx.Field[int] = rx.field(1)
    pages: rx.Field[int] = rx.field(1)
    total_words: rx.Field[str] = rx.field("")
    may_change: rx.Field[bool] = rx.field(False)
    why_not: rx.Field[str] = rx.field("")

    form_open: rx.Field[bool] = rx.field(False)
    editing: rx.Field[str] = rx.field("")  # id of the window in the form; "" for a new one
    editing_name: rx.Field[str] = rx.field("")
    filled: rx.Field[int] = rx.field(0)  # rises when the form is to be filled anew
    fields: rx.Field[dict[str, str]] = rx.field(default_factory=dict)  # as the form begins
    how: rx.Field[str] = rx.field(forms.ONCE)
    what: rx.Field[str] = rx.field(EVERYTHING)
    days: rx.Field[list[Ticked]] = rx.field(default_factory=list)
    sites: rx.Field[list[Ticked]] = rx.field(default_factory=list)  # at most `PAGE_ROWS`
    chosen: rx.Field[list[Choice]] = rx.field(default_factory=list)  # monitors
    found: rx.Field[list[Choice]] = rx.field(default_factory=list)  # monitors that the search names
    searched: rx.Field[bool] = rx.field(False)
    ahead: rx.Field[list[str]] = rx.field(default_factory=list)
    no_times: rx.Field[str] = rx.field("")  # why there are none
    errors: rx.Field[dict[str, str]] = rx.field(default_factory=dict)  # by field, "" while it is right
    form_error: rx.Field[str] = rx.field("")
    saving: rx.Field[bool] = rx.field(False)

    asked_id: rx.Field[str] = rx.field("")
    asked_name: rx.Field[str] = rx.field("")
    deleting: rx.Field[bool] = rx.field(False)

    _typed: rx.Field[dict[str, str]] = rx.field(default_factory=dict)

    @rx.event
    @signed_in
    async def load(self):
        self.asked_id, self.saving, self.deleting, self.form_open, self.page = "", False, False, False, 1
        return await self._read() or MaintenanceState.follow

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read() or MaintenanceState.follow

    async def _read(self):
        try:
            actor = await actor_of(self)
            listed = await maintenance.list_(actor)
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "refused" if isinstance(error, Forbidden) else "error", error.message
            return None
        assert actor is not None
        self.may_change = may(actor, Action.CHANGE_MONITORS)
        self.why_not = why_not(actor, Action.CHANGE_MONITORS, "An editor can plan maintenance.")
        self._show(listed)
        return None

    def _show(self, listed: Sequence[WindowRow]) -> None:
        at = datetime.now(UTC)
        order = [state for state, _ in STATES]
        ordered = sorted(listed, key=lambda row: (order.index(row.state), _when(row, at)))
        self.pages = max(1, -(-len(ordered) // PAGE_ROWS))
        self.page = min(max(1, self.page), self.pages)
        rows = [_view(row, at) for row in ordered[(self.page - 1) * PAGE_ROWS : self.page * PAGE_ROWS]]
        if rows != self.rows:
            self.rows = rows
        holding = sum(row.state == "now" for row in listed)
        self.total_words = counted(len(listed), "window")
        self.heading = (
            f"{counted(holding, 'maintenance window holds', 'maintenance windows hold')} now" if holding else "No maintenance now"
        )
        self.view = "list" if listed else "empty"

    @rx.event(background=True, supersedes=True)
    @internal
    async def follow(self):
        """Read again every few seconds while the page is open: windows begin and end by themselves."""
        while True:
            await asyncio.sleep(_LOOK_S)
            async with self:
                if self.router.url.path.strip("/") != PATH.strip("/") or self.view not in ("list", "empty"):
                    return
                try:
                    self._show(await maintenance.list_(await actor_of(self)))
                except SeamwatchError:  # the session ended, or the database does not answer: what is clicked next says so
                    return

    @rx.event
    @signed_in
    async def turn(self, step: int):
        self.page += 1 if step > 0 else -1
        return await self._read()

    # The form.

    async def _open(self, form: WindowForm, editing: str) -> None:
        actor = await actor_of(self)
        known = await sites.list_(actor)
        # Those that are chosen come first, so that none is out of sight.
        listed = sorted(known, key=lambda row: row.id not in form.sites)[:PAGE_ROWS]
        self.sites = [Ticked(row.id, row.name, row.id in form.sites) for row in listed]
        self.days = [Ticked(day, word, day in form.days) for day, word in forms.DAYS]
        names = await maintenance.monitors_named(actor, form.monitors)
        self.chosen = [Choice(one, names[one]) for one in form.monitors if one in names]
        self.how, self.what, self.editing, self.editing_name = form.how, form.what, editing, form.name
        self.fields = {name: value for name, value in asdict(form).items() if isinstance(value, str)}
        self._typed = {**self.fields, **{f"day-{day}": "on" for day in form.days}, **{f"site-{one}": "on" for one in form.sites}}
        self.errors, self.form_error, self.found, self.searched = dict.fromkeys(_FIELDS, ""), "", [], False
        self.filled += 1
        self.form_open = True
        self._look_ahead()

    @rx.event
    @signed_in
    async def add(self):
        """Open the form for a new window."""
        if not self.may_change:
            return None
        try:
            await self._open(WindowForm(), "")
        except SeamwatchError as error:
            return refused(error, PATH)

    @rx.event
    @signed_in
    async def edit(self, window_id: str):
        try:
            row = await maintenance.get(await actor_of(self), window_id)
            await self._open(forms.of_row(row), row.id)
        except SeamwatchError as error:
            return refused(error, PATH)

    @rx.event
    @signed_in
    async def cancel(self):
        self.form_open = False

    @rx.event
    @signed_in
    async def choose_how(self, how: str):
        self.how = how if how in (forms.ONCE, forms.WEEKLY, forms.CRON) else self.how
        self.errors = dict.fromkeys(_FIELDS, "")
        self._look_ahead()

    @rx.event
    @signed_in
    async def choose_what(self, what: str):
        self.what = what if what in (EVERYTHING, SITES, TAGS, MONITORS) else self.what

    @rx.event
    @signed_in
    async def put(self, name: str, value: str):
        """Keep what a field of the time holds, and say when the window would hold next."""
        if len(self._typed) < 700 and len(name) < 60:
            self._typed = {**self._typed, name: value[:200]}
            self._look_ahead()

    @rx.event
    @signed_in
    async def tick_day(self, day: str, on: bool):
        self._typed = {**self._typed, f"day-{day[:1]}": "on" if on else ""}
        self._look_ahead()

    def _look_ahead(self) -> None:
        form = replace(forms.read(self._typed, self.how, EVERYTHING, ()), name="any")
        self.ahead, self.no_times = forms.coming(form, datetime.now(UTC))

    @rx.event
    @signed_in
    async def search(self, typed: str):
        """Look for monitors by name, address or tag."""
        wanted = typed.strip()[:200]
        self.searched = bool(wanted)
        if not wanted:
            self.found = []
            return None
        try:
            seen = await overview.read(await actor_of(self), Filter(text=wanted, sort="name", group_by="none"))
        except SeamwatchError as error:
            return refused(error, PATH)
        chosen = {one.value for one in self.chosen}
        self.found = [Choice(row.id, row.name) for row in seen.rows if row.id not in chosen][:_FOUND]
        return None

    @rx.event
    @signed_in
    async def choose(self, monitor_id: str):
        """Take a monitor that the search found into the window."""
        picked = next((one for one in self.found if one.value == monitor_id), None)
        if picked is not None and len(self.chosen) < _MAX_CHOSEN:
            self.chosen = [*self.chosen, picked]
            self.found = [one for one in self.found if one.value != monitor_id]

    @rx.event
    @signed_in
    async def leave_out(self, monitor_id: str):
        self.chosen = [one for one in self.chosen if one.value != monitor_id]

    @rx.event
    @signed_in
    async def save(self, form: dict[str, Any]):
        """Add the window, or write it anew."""
        if self.saving or not self.form_open:
            return  # a second click
        self.saving, self.errors, self.form_error = True, dict.fromkeys(_FIELDS, ""), ""
        yield
        try:
            actor = await actor_of(self)
            draft = forms.to_draft(forms.read(form, self.how, self.what, tuple(one.value for one in self.chosen)))
            if self.editing:
                await maintenance.change(actor, self.editing, draft)
            else:
                await maintenance.create(actor, draft)
        except Invalid as error:
            self._blame(error)
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            self.form_open = False
            yield done(f"{text(form, 'name')} {'saved' if self.editing else 'planned'}.")
            yield await self._read()
        finally:
            self.saving = False

    def _blame(self, invalid: Invalid) -> None:
        found: dict[str, str] = dict.fromkeys(_FIELDS, "")
        for error in invalid.errors:
            name = _FIELD_OF.get(error.field, error.field)
            if name in _FIELDS:
                found[name] = found[name] or error.message
            else:
                self.form_error = error.message
        self.errors = found

    # Ending and deleting.

    @rx.event
    @signed_in
    async def end(self, window_id: str):
        """End a window that holds; results count again from now on."""
        try:
            await maintenance.end_now(await actor_of(self), window_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            yield done("Ended. Results count again.")
        yield await self._read()

    @rx.event
    @signed_in
    async def ask(self, window_id: str):
        row = next((row for row in self.rows if row.id == window_id), None)
        if row is not None:
            self.asked_id, self.asked_name = row.id, row.name

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
            await maintenance.delete(await actor_of(self), self.asked_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            if self.editing == self.asked_id:
                self.form_open = False
            yield done(f"{self.asked_name} deleted.")
        follow_up = await self._read()
        self.deleting, self.asked_id = False, ""
        yield follow_up


def _when(row: WindowRow, at: datetime) -> float:
    """Return what windows of one state are ordered by: what ends or comes first, and of the past what ended last."""
    if row.state == "over":
        return -(row.ends_at or row.starts_at or at).timestamp()
    return ((row.until if row.state == "now" else row.next_at) or at).timestamp()


def _view(row: WindowRow, at: datetime) -> WindowView:
    return WindowView(row.id, row.state, row.name, forms.words(row), forms.next_words(row, at), row.targets)

"""What is done to several monitors at once: pause, resume, change, delete; with Undo where it can be undone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import reflex as rx

from app.services import groups, monitors
from app.services.access import Actor
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.services.monitors import BulkChange
from app.state.gate import internal, signed_in
from app.state.overview import OverviewState
from app.state.overview_view import Choice
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, sign_in_path
from app.state.typed import text

MAX_CHOSEN = 500  # what the services take at once
_UNDO_S = 8
INTERVALS = (
    ("10", "10 s"),
    ("20", "20 s"),
    ("30", "30 s"),
    ("60", "1 min"),
    ("120", "2 min"),
    ("300", "5 min"),
    ("600", "10 min"),
    ("1800", "30 min"),
    ("3600", "1 h"),
    ("21600", "6 h"),
    ("86400", "1 day"),
)
DOWN_AFTER = (
    ("1/1", "1 failed check"),
    ("2/2", "2 in a row"),
    ("3/3", "3 in a row"),
    ("2/3", "2 of 3"),
    ("3/5", "3 of 5"),
    ("5/5", "5 in a row"),
)
UP_AFTER = (("1/1", "1 good check"), ("2/2", "2 in a row"), ("3/3", "3 in a row"))


class BulkState(rx.State):
    chosen: rx.Field[list[str]] = rx.field(default_factory=list)  # public ids, at most MAX_CHOSEN; some may be on other pages
    chosen_words: rx.Field[str] = rx.field("")
    all_here: rx.Field[bool] = rx.field(False)  # whether every row of this page is chosen
    choosing: rx.Field[bool] = rx.field(False)  # on phones the boxes are shown when asked for
    asked: rx.Field[str] = rx.field("")  # the dialog that is open: "delete", "change"
    busy: rx.Field[bool] = rx.field(False)
    error: rx.Field[str] = rx.field("")
    groups: rx.Field[list[Choice]] = rx.field(default_factory=list)
    notice: rx.Field[str] = rx.field("")
    failed: rx.Field[bool] = rx.field(False)
    can_undo: rx.Field[bool] = rx.field(False)

    _undo: rx.Field[tuple[str, tuple[str, ...]]] = rx.field(default=("", ()))  # what takes it back, and of which monitors

    @rx.event
    @signed_in
    async def load(self):
        """Nothing is chosen on a page that was just opened."""
        self.reset()

    async def _here(self) -> list[str]:
        return [line.key for line in (await self.get_state(OverviewState)).lines if not line.head]

    async def _choose(self, chosen: Sequence[str]) -> None:
        self.chosen = list(dict.fromkeys(chosen))[:MAX_CHOSEN]
        self.chosen_words = f"{counted(len(self.chosen), 'monitor')} chosen"
        here = await self._here()
        self.all_here = bool(here) and set(here) <= set(self.chosen)

    @rx.event
    @signed_in
    async def choose(self, monitor_id: str):
        """Choose a monitor of this page, or unchoose it."""
        kept = [one for one in self.chosen if one != monitor_id]
        if len(kept) == len(self.chosen) and monitor_id in await self._here():
            kept = [*kept, monitor_id]
        await self._choose(kept)

    @rx.event
    @signed_in
    async def choose_here(self):
        """Choose every monitor of this page, or none of them when all are chosen."""
        here = await self._here()
        rest = [one for one in self.chosen if one not in here]
        await self._choose(rest if self.all_here else [*rest, *here])

    @rx.event
    @signed_in
    async def start_choosing(self):
        self.choosing = True

    @rx.event
    @signed_in
    async def clear(self):
        self.choosing = False
        await self._choose([])

    # What is done.

    @rx.event
    @signed_in
    async def pause(self):
        return await self._do(monitors.pause, tuple(self.chosen), "paused", "resume")

    @rx.event
    @signed_in
    async def resume(self):
        return await self._do(monitors.resume, tuple(self.chosen), "resumed", "pause")

    @rx.event
    @signed_in
    async def ask_delete(self):
        self.asked = "delete" if self.chosen else ""

    @rx.event
    @signed_in
    async def ask_change(self):
        """Open the form, with the groups that there are."""
        try:
            rows = await groups.list_(await actor_of(self))
        except SeamwatchError as error:
            return await self._tell(error)
        self.groups = [Choice(row.id, row.path) for row in rows[: 4 * PAGE_ROWS]]
        self.error = ""
        self.asked = "change" if self.chosen else ""
        return None

    @rx.event
    @signed_in
    async def keep(self):
        self.asked, self.error = "", ""

    @rx.event
    @signed_in
    async def delete(self):
        return await self._do(monitors.delete, tuple(self.chosen), "deleted", "restore")

    @rx.event
    @signed_in
    async def change(self, form: dict[str, Any]):
        """Change what the form says of all that are chosen; what it leaves open stays as it is."""
        change, path = _change(form), text(form, "new_group")
        if change == BulkChange() and not path:
            self.error = "Choose what to change."
            return None

        async def do(actor: Actor | None, ids: tuple[str, ...]) -> None:
            await monitors.bulk(actor, ids, replace(change, group_id=await groups.at(actor, path)) if path else change)

        return await self._do(do, tuple(self.chosen), "changed")

    @rx.event
    @signed_in
    async def undo(self):
        verb, ids = self._undo
        doing = {"resume": monitors.resume, "pause": monitors.pause, "restore": monitors.restore}.get(verb)
        return await self._do(doing, ids, f"{verb}d") if doing and ids else None

    async def _do(self, what: Any, ids: tuple[str, ...], done: str, undo: str = ""):
        """Do it, say it, and show the rows as they are now. `undo`: the verb that takes it back."""
        if not ids:
            return None
        try:
            await what(await actor_of(self), ids)
        except Invalid as error:
            if self.asked == "change":
                self.error = error.message
                return None
            return await self._tell(error)
        except SeamwatchError as error:
            return await self._tell(error)
        self.asked, self.error = "", ""
        self.notice, self.failed = f"{counted(len(ids), 'monitor')} {done}.", False
        self._undo, self.can_undo = (undo, ids), bool(undo)
        self.choosing = False
        await self._choose([])
        return [OverviewState.sort_again, BulkState.hush]

    async def _tell(self, error: SeamwatchError):
        if isinstance(error, Unauthenticated):
            return rx.redirect(sign_in_path((await self.get_state(OverviewState)).address), replace=True)
        self.asked, self.notice, self.failed, self.can_undo = "", error.message, True, False
        return BulkState.hush

    @rx.event(background=True, supersedes=True)
    @internal
    async def hush(self):
        await asyncio.sleep(_UNDO_S)
        async with self:
            self.notice, self.can_undo, self._undo = "", False, ("", ())

    @rx.event
    @signed_in
    async def close_notice(self):
        self.notice, self.can_undo, self._undo = "", False, ("", ())


def _change(form: dict[str, Any]) -> BulkChange:
    interval, down, up = text(form, "interval"), text(form, "down"), text(form, "up")
    group = text(form, "group")
    asked: dict[str, Any] = {}
    if interval in dict(INTERVALS):
        asked["interval_s"] = float(interval)
    if down in dict(DOWN_AFTER):
        asked["down"], asked["down_of"] = map(int, down.split("/"))
    if up in dict(UP_AFTER):
        asked["up"], asked["up_of"] = map(int, up.split("/"))
    if group:
        asked["group_id"] = "" if group == "none" else group
    for name in ("add_tags", "remove_tags"):
        if tags := _words(text(form, name)):
            asked[name] = tags
    return BulkChange(**asked)


def _words(typed: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in typed.split(",") if word.strip()))[:20]

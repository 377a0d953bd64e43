"""Groups of monitors, as they are renamed, moved and deleted over the list."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from app.services import groups
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.state.bulk import BulkState
from app.state.gate import signed_in
from app.state.overview import OverviewState
from app.state.overview_view import Choice
from app.state.session import actor_of
from app.state.shown import counted, sign_in_path
from app.state.typed import put_errors, text


@dataclass(frozen=True, slots=True)
class GroupLine:
    id: str
    path: str  # "Shop / Checkout"
    monitors: str  # "3 monitors"


class GroupingState(rx.State):
    """The dialogs over the list. What groups there are is read when one opens."""

    asked: rx.Field[str] = rx.field("")  # the dialog that is open: "list", "edit", "delete"
    lines: rx.Field[list[GroupLine]] = rx.field(default_factory=list)  # at most `groups.AT_MOST`
    group_id: rx.Field[str] = rx.field("")  # that is changed
    name: rx.Field[str] = rx.field("")
    parent_id: rx.Field[str] = rx.field("")
    places: rx.Field[list[Choice]] = rx.field(default_factory=list)  # in which it can stand
    goes: rx.Field[str] = rx.field("")  # what happens to what stands in it
    name_error: rx.Field[str] = rx.field("")
    error: rx.Field[str] = rx.field("")

    @rx.event
    @signed_in
    async def open_list(self):
        rows = await self._rows()
        if rows is None:
            return await self._leave("Your session has ended.")
        self.lines = [GroupLine(row.id, row.path, counted(row.monitors, "monitor")) for row in rows]
        self.asked = "list"
        return None

    @rx.event
    @signed_in
    async def edit(self, group_id: str):
        """Open the form of one group."""
        rows = await self._rows() or ()
        row = next((row for row in rows if row.id == group_id), None)
        if row is None:
            return await self._leave("There is no such group any more.")
        inside = f"{row.path}{groups.PARTED}"
        self.group_id, self.name, self.parent_id, self.error, self.name_error = row.id, row.name, row.parent_id, "", ""
        self.places = [Choice(one.id, one.path) for one in rows if one.id != row.id and not one.path.startswith(inside)]
        stay = "Its monitor stays" if row.monitors == 1 else f"Its {row.monitors} monitors stay"
        within = sum(one.parent_id == row.id for one in rows)
        self.goes = " ".join(
            part
            for part in (
                f"{stay}, without a group." if row.monitors else "No monitor stands in it.",
                f"The {counted(within, 'group')} in it move up." if within > 1 else "The group in it moves up." if within else "",
            )
            if part
        )
        self.asked = "edit"
        return None

    async def _rows(self) -> tuple[groups.GroupRow, ...] | None:
        try:
            return await groups.list_(await actor_of(self))
        except SeamwatchError:
            return None

    @rx.event
    @signed_in
    async def leave(self, what: str):
        """The list or the form was closed. Where it made room for the next dialog, that one stays."""
        if self.asked == what:
            self.asked = ""

    @rx.event
    @signed_in
    async def ask_delete(self):
        self.asked = "delete" if self.group_id else ""

    @rx.event
    @signed_in
    async def keep(self):
        self.asked = ""

    @rx.event
    @signed_in
    async def save(self, form: dict[str, Any]):
        """Give a group its name and its place."""
        self.error = self.name_error = ""
        try:
            await groups.change(await actor_of(self), self.group_id, text(form, "name"), text(form, "parent"))
        except Invalid as error:
            self.name = text(form, "name")
            put_errors(self, error, {"name": "name_error"}, "error")
            return None
        except SeamwatchError as error:
            return await self._refused(error)
        return await self._leave("Group saved.", failed=False)

    @rx.event
    @signed_in
    async def delete(self):
        if self.asked != "delete":
            return None  # a second click
        try:
            await groups.delete(await actor_of(self), self.group_id)
        except SeamwatchError as error:
            return await self._refused(error)
        return await self._leave(f"{self.name} deleted. Its monitors stayed.", failed=False)

    async def _refused(self, error: SeamwatchError):
        if isinstance(error, Unauthenticated):
            return rx.redirect(sign_in_path((await self.get_state(OverviewState)).address), replace=True)
        return await self._leave(error.message)

    async def _leave(self, told: str, *, failed: bool = True):
        """Close what is open, say what became of it, and show the rows as they are now."""
        self.asked = ""
        bulk = await self.get_state(BulkState)
        bulk.notice, bulk.failed, bulk.can_undo = told, failed, False
        return [OverviewState.sort_again, BulkState.hush]

"""Making another workspace, from any page."""

from typing import Any

import reflex as rx

from app.services import workspaces
from app.services.errors import Invalid, SeamwatchError
from app.state.gate import signed_in
from app.state.session import actor_of
from app.state.typed import text


class NewWorkspaceState(rx.State):
    """The dialog: first the name, then the way into what was made."""

    shown: rx.Field[bool] = rx.field(False)
    busy: rx.Field[bool] = rx.field(False)
    error: rx.Field[str] = rx.field("")
    made_id: rx.Field[str] = rx.field("")  # "" until it is made
    made_name: rx.Field[str] = rx.field("")

    @rx.event
    @signed_in
    async def ask(self):
        self.shown, self.busy, self.error, self.made_id = True, False, "", ""

    @rx.event
    @signed_in
    async def close(self):
        self.shown = False

    @rx.event
    @signed_in
    async def create(self, form: dict[str, Any]):
        if self.made_id:
            return  # a second click
        self.error, self.busy = "", True
        yield
        name = text(form, "workspace-name")
        try:
            self.made_id = await workspaces.create(await actor_of(self), name)
        except Invalid as error:
            self.error = error.message
            yield rx.set_focus("workspace-name")
        except SeamwatchError as error:
            self.error = error.message
        else:
            self.made_name = name
        finally:
            self.busy = False

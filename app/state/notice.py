"""What was just done, or could not be: one sentence on the page, for 8 s. Handlers may not return `rx.toast` under our CSP."""

import asyncio
from typing import cast

import reflex as rx
from reflex.event import EventSpec

from app.services.errors import SeamwatchError, Unauthenticated
from app.state.gate import internal, public
from app.state.shown import sign_in_path

_SHOWN_S = 8


class NoticeState(rx.State):
    said: rx.Field[str] = rx.field("")
    failed: rx.Field[bool] = rx.field(False)

    @rx.event(background=True, supersedes=True)
    @internal
    async def tell(self, said: str, failed: bool = False):
        async with self:
            self.said, self.failed = said, failed
        await asyncio.sleep(_SHOWN_S)
        async with self:
            self.said = ""

    @rx.event
    @public
    async def close(self):
        self.said = ""


def done(said: str) -> EventSpec:
    """Return the event that says what was done."""
    return cast("EventSpec", NoticeState.tell(said, False))


def refused(error: SeamwatchError, path: str) -> EventSpec:
    """Return the event that answers an error no field is to blame for: it is said, and the signed-out are led to the sign-in.

    Args:
        error: what the service raised.
        path: of this page, to come back to.
    """
    if isinstance(error, Unauthenticated):
        return rx.redirect(sign_in_path(path), replace=True)
    return cast("EventSpec", NoticeState.tell(error.message, True))

"""What a handler did not foresee: written to the log with its traceback, and said on the page in one sentence."""

import logging
from typing import cast

import reflex as rx

from app.state.gate import internal, public

_SAID = "That did not work. The reason is in Seamwatch's log."

logger = logging.getLogger(__name__)


class TroubleState(rx.State):
    """The sentence, until it is closed or the next page is opened."""

    said: rx.Field[str] = rx.field("")

    @rx.event
    @internal
    async def tell(self):
        self.said = _SAID

    @rx.event
    @public
    async def close(self):
        self.said = ""


def on_exception(exception: Exception) -> rx.event.EventSpec:
    """Take an exception that a handler let out. Reflex's own way shows a toast by eval, which our CSP stops."""
    logger.error("a handler failed", exc_info=exception)
    return cast("rx.event.EventSpec", TroubleState.tell())

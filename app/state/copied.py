"""Which copy button was pressed last."""

import asyncio

import reflex as rx

from app.state.gate import public

_SHOWN_S = 2


class CopiedState(rx.State):
    """Key of the copy button that says "Copied"; "" when none does."""

    key: rx.Field[str] = rx.field("")

    @rx.event(background=True, supersedes=True)
    @public
    async def show(self, key: str):
        async with self:
            self.key = str(key)[:200]
        await asyncio.sleep(_SHOWN_S)
        async with self:
            self.key = ""

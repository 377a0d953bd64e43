"""Signing in: where one goes after it is kept in the page's address and, for a link opened in another tab, in the browser."""

import time
from urllib.parse import parse_qs, urlsplit

import reflex as rx

from app.core.urls import local_path
from app.state.session import actor_of
from app.state.shown import NEW_SCAN, host_of

_KEPT_S = 3600


class SignInState(rx.State):
    """Where one wanted to go before signing in. The browser keeps it, so it counts as what anybody may have written."""

    pending: str = rx.LocalStorage("", name="seamwatch-next")
    then: rx.Field[str] = rx.field("/scans")
    then_words: rx.Field[str] = rx.field("")  # what is kept, for people; "" for nothing in particular

    @rx.event
    async def load(self):
        """Keep where the visitor wants to go; the signed-in go there at once."""
        then = local_path(str(self.router.url.query_parameters.get("next", "")))
        if await actor_of(self):
            self.pending = ""
            return rx.redirect(then or "/scans", replace=True)
        self.then = then or "/scans"
        asked = parse_qs(urlsplit(then).query).get("url", [""])[0] if then.startswith(NEW_SCAN) else ""
        self.then_words = host_of(asked)[:200] if asked else ""
        if then:
            self.pending = f"{int(time.time())} {then}"
        return None

    @rx.event
    async def resume(self):
        """After the owner link was opened, which leads to the start page: go on to what was kept, once."""
        at, _, path = str(self.pending).partition(" ")
        if not self.pending or not await actor_of(self):
            return None
        self.pending = ""
        fresh = at.isdigit() and len(at) < 12 and time.time() - int(at) <= _KEPT_S
        return rx.redirect(local_path(path) or "/scans", replace=True) if fresh else None

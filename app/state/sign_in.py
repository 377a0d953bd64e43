"""Signing in: which ways there are, and where one goes afterwards.

Where one wanted to go is kept in the page's address and, for a link opened in another tab, in the browser.
"""

import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import reflex as rx

from app.core.urls import HOME, local_path
from app.services import invitations, sessions, ways_in
from app.services.errors import SeamwatchError
from app.services.instance import facts
from app.state.gate import public
from app.state.roles import with_article
from app.state.session import actor_of
from app.state.shown import NEW_SCAN, host_of

_KEPT_S = 3600
_TOKEN_AT_MOST = 200

# Why one stands before the sign-in: glyph, what happened, what follows. Of the address only the code is taken, no text.
WHY: dict[str, tuple[str, str, str]] = {
    "revoked": (
        "degraded",
        "This session was ended.",
        "You signed out in another tab, it was ended elsewhere, or it had lasted 14 days.",
    ),
}


@dataclass(frozen=True, slots=True)
class WayView:
    """A provider that lets people in."""

    key: str
    label: str
    kind: str  # "google", "github", "oidc"
    href: str
    redirect_uri: str


class SignInState(rx.State):
    """The ways in, and where one wanted to go. The browser keeps the latter, so it counts as what anybody may have written."""

    pending: str = rx.LocalStorage("", name="seamwatch-next")
    view: rx.Field[str] = rx.field("loading")  # "loading", "ready", "error"
    error: rx.Field[str] = rx.field("")
    then: rx.Field[str] = rx.field(HOME)
    then_words: rx.Field[str] = rx.field("")  # what is kept, for people; "" for nothing in particular
    why_glyph: rx.Field[str] = rx.field("unknown")
    why: rx.Field[str] = rx.field("")
    why_more: rx.Field[str] = rx.field("")
    ways: rx.Field[list[WayView]] = rx.field(default_factory=list)
    factor_href: rx.Field[str] = rx.field("")  # where a sign-in goes on whose second factor is missing
    passkey_href: rx.Field[str] = rx.field("")  # "" where nobody has a passkey
    configured: rx.Field[list[str]] = rx.field(default_factory=list)  # the keys of `ways`
    has_owner: rx.Field[bool] = rx.field(False)
    callback: rx.Field[str] = rx.field("")  # what every redirect URI begins with
    invited: rx.Field[str] = rx.field("")  # the invitation in a sentence
    invited_more: rx.Field[str] = rx.field("")
    not_invited: rx.Field[str] = rx.field("")  # why the invitation does not count

    @rx.event
    @public
    async def load(self):
        """Show the ways in, and keep where the visitor wants to go; the signed-in go there at once."""
        asked = self.router.url.query_parameters
        then = local_path(str(asked.get("next", "")))
        invitation = str(asked.get("invitation", ""))[:_TOKEN_AT_MOST]
        if await actor_of(self):
            self.pending = ""
            return rx.redirect(then or HOME, replace=True)
        self.then = then or HOME
        self.then_words = _scan_asked(then)
        if then:
            self.pending = f"{int(time.time())} {then}"
        self.why_glyph, self.why, self.why_more = WHY.get(str(asked.get("why", "")), ("unknown", "", ""))
        await self._offer(invitation)
        return await self._ways(invitation)

    @rx.event
    @public
    async def retry(self):
        return SignInState.load

    async def _offer(self, token: str) -> None:
        self.invited, self.invited_more, self.not_invited = "", "", ""
        if not token:
            return
        try:
            offer = await invitations.offer(token)
        except SeamwatchError as error:
            self.not_invited = error.message
            return
        self.invited = f"{offer.by} invites you to {offer.workspace}."
        self.invited_more = f"You become {with_article(offer.role)} there. Sign in to accept."

    async def _ways(self, invitation: str) -> None:
        try:
            options = await ways_in.options()
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return
        here, query = facts().backend_url, {"next": self.then}
        waits = await sessions.pending(self.router.headers.cookie or "")
        self.factor_href = f"{here}/auth/second-factor?{urlencode(query)}" if waits else ""
        if invitation and self.invited:
            query["invitation"] = invitation
        self.ways = [
            WayView(way.key, way.label, way.kind, f"{here}/auth/login/{way.key}?{urlencode(query)}", way.redirect_uri)
            for way in options.providers
        ]
        self.passkey_href = f"{here}/auth/passkeys/sign-in?{urlencode(query)}" if options.passkeys else ""
        self.configured = [way.key for way in options.providers]
        self.has_owner = options.has_owner
        self.callback = ways_in.redirect_uri("")
        self.view = "ready"

    @rx.event
    @public
    async def resume(self):
        """After the owner link was opened, which leads to the start page: go on to what was kept, once."""
        at, _, path = str(self.pending).partition(" ")
        if not self.pending or not await actor_of(self):
            return None
        self.pending = ""
        fresh = at.isdigit() and len(at) < 12 and time.time() - int(at) <= _KEPT_S
        return rx.redirect(local_path(path) or HOME, replace=True) if fresh else None


def _scan_asked(then: str) -> str:
    """Return the host of the application that is to be scanned after signing in; "" when it is something else that waits."""
    asked = parse_qs(urlsplit(then).query).get("url", [""])[0] if then.startswith(NEW_SCAN) else ""
    return host_of(asked)[:200] if asked else ""

"""The cookie that ties a sign-in at a provider to the browser that started it.

What was started stands in the database. The browser holds only the names of what it started, signed, for ten minutes: with a state
that another browser started, a callback is refused, and so nobody can be signed in to an attacker's account by a link.
"""

import hashlib
import hmac

from starlette.middleware.sessions import SessionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.services.ceremonies import LIFETIME
from app.settings import settings

_PATHS = ("/auth/login/", "/auth/callback/", "/auth/link/")


def cookie_name() -> str:
    """Return the cookie's name: over https the `__Host-` prefix, so that no sibling domain can toss in a marker of its own."""
    return "__Host-seam-oauth" if settings().https else "seam-oauth"


def _key() -> str:
    return hmac.new(settings().secret_key.encode(), b"oauth marker", hashlib.sha256).hexdigest()


class Marker:
    """Gives the routes of a sign-in at a provider their `request.session`; all others have none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            return await self._app(scope, receive, send)
        https = settings().https
        marked = SessionMiddleware(
            self._app,
            _key(),
            session_cookie=cookie_name(),
            max_age=int(LIFETIME.total_seconds()),
            path="/" if https else "/auth",  # the prefix demands "/"
            same_site="lax",  # the way back is a navigation from another site, so "strict" would lose it
            https_only=https,
        )
        return await marked(scope, receive, send)

"""Which state a tab gets: bound to its browser's session and workspace, so that the tab's token alone opens nothing.

Reflex hands a tab's whole state to whoever knows its token, which the browser makes with Math.random() and which stands in URLs and logs.
"""

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.services import sessions
from app.settings import settings

BOUND = "seamwatch.bound"  # where the guard leaves a `Bound` in the scope of a socket
_SECRET = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Binding:
    """What a tab's token is bound to."""

    session: str  # hash; "" for the signed-out
    workspace_id: int
    user_id: int
    browser: str  # the secret in the cookie of a signed-out browser; "" without one

    @classmethod
    async def of(cls, cookie_header: str) -> "Binding":
        actor = await sessions.actor(cookie_header)
        if actor is None:
            return cls("", 0, 0, browser_of(cookie_header))
        return cls(actor.session, actor.workspace_id, actor.user_id, "")

    def token(self, token: str, secret_key: str) -> str:
        """Return the tab token that the server works with."""
        bound_to = f"tab|{token}|{self.session}|{self.workspace_id}|{self.browser}"
        mac = hmac.new(secret_key.encode(), bound_to.encode(), hashlib.sha256)
        return str(uuid.UUID(bytes=mac.digest()[:16], version=4))


@dataclass(frozen=True, slots=True)
class Bound:
    """What the guard tells of a socket that it let in."""

    to: Binding
    close: Callable[[], Awaitable[None]]  # ends the connection, whatever the client does


def browser_cookie_name() -> str:
    return "__Host-seam-tab" if settings().https else "seam-tab"


def browser_of(cookie_header: str) -> str:
    """Return the secret of a browser, which its signed-out tabs are bound to; "" when there is none, or more than one."""
    found = sessions.cookies_named(cookie_header, browser_cookie_name())
    return found[0] if len(found) == 1 and _SECRET.fullmatch(found[0]) else ""


def new_browser_cookie() -> str:
    """Return a Set-Cookie value with a new secret. It ends with the browser's session, and identifies nobody to anybody."""
    secure = "; Secure" if settings().https else ""
    return f"{browser_cookie_name()}={secrets.token_urlsafe(16)}; Path=/; HttpOnly; SameSite=Lax{secure}"

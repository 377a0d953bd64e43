"""People of the cast with a session, and with a passkey on a software authenticator."""

from dataclasses import dataclass

from app.services import passkeys, sessions
from app.services.access import Actor
from tests.services.authenticator import Authenticator


@dataclass
class Holder:
    """Who holds a passkey, in a session that showed it."""

    actor: Actor
    cookie: str
    key: Authenticator
    passkey_id: str
    codes: tuple[str, ...]

    async def pending(self) -> str:
        """Return the cookie of a session that showed its first factor only."""
        return await session_of(self.actor)


async def session_of(actor: Actor, *, second_factor: bool = False) -> str:
    """Sign a user in by a first factor; return the Cookie header."""
    secret = await sessions.create(actor.user_id, actor.workspace_id, "owner_link", second_factor=second_factor)
    return f"seam={secret}"


async def signed_in(actor: Actor) -> Actor:
    """Return the user in a session."""
    found = await sessions.actor(await session_of(actor))
    assert found is not None
    return found


async def holder(actor: Actor, key: Authenticator | None = None) -> Holder:
    """Sign a user in and add their first passkey."""
    key = key or Authenticator()
    before = await signed_in(actor)
    added = await passkeys.finish_adding(before, "Laptop", key.make(await passkeys.begin_adding(before)))
    cookie = f"seam={added.secret}"
    now = await sessions.actor(cookie)
    assert now is not None
    return Holder(now, cookie, key, added.id, added.codes)


async def add(holds: Holder, name: str, key: Authenticator | None = None) -> Authenticator:
    """Add another passkey."""
    key = key or Authenticator()
    await passkeys.finish_adding(holds.actor, name, key.make(await passkeys.begin_adding(holds.actor)))
    return key

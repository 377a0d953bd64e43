"""Web sessions: a 256-bit secret in an HttpOnly cookie, its SHA-256 in a row.

The secret does not change while the session lasts: an open socket keeps the cookie of its handshake. A new one is made at each
sign-in. A revocation counts at once in this process, and within `CACHE_S` in the others.
"""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import exists, or_
from sqlmodel import col, delete, select, update

from app.db import reading, transaction
from app.models import Ceremony, LoginLink, Membership, Passkey, User, WebSession, Workspace, now
from app.services.access import Actor, Role
from app.settings import settings

LIFETIME = timedelta(days=14)
CACHE_S = 5.0
_CACHED_AT_MOST = 10_000
_cache: dict[str, tuple[float, Actor | None]] = {}  # token hash → (monotonic time until which it counts, who)


class Ended(StrEnum):
    """Why the open tabs of a session are emptied."""

    REVOKED = "revoked"  # signed out, here or elsewhere, expired, or the user was disabled
    CHANGED = "changed"  # another workspace or another role: the tab starts anew


Listener = Callable[[frozenset[str], Ended], Awaitable[None]]
listeners: list[Listener] = []  # told the hashes of sessions whose tabs must be emptied, after the commit


async def announce(hashes: Collection[str], why: Ended) -> None:
    """Forget what is cached of these sessions and empty their open tabs. Call it after the commit."""
    for token_hash in hashes:
        _cache.pop(token_hash, None)
    if hashes:
        for listener in listeners:
            await listener(frozenset(hashes), why)


def digest(secret: str) -> str:
    """Return what is stored of a secret. No salt: it has 256 random bits, so nobody can list what it may be."""
    return hashlib.sha256(secret.encode()).hexdigest()


def cookie_name() -> str:
    """Return the cookie's name: over https the `__Host-` prefix, which no other host or plain http can set."""
    return "__Host-seam" if settings().https else "seam"


def secret_of(cookie_header: str) -> str | None:
    """Return the session's secret from a Cookie header, or None.

    Two cookies of our name mean that somebody tossed one in from a sibling domain or another path: neither counts.
    """
    prefix = f"{cookie_name()}="
    found = [pair.strip().removeprefix(prefix) for pair in cookie_header.split(";") if pair.strip().startswith(prefix)]
    return found[0] if len(found) == 1 and 20 <= len(found[0]) <= 128 else None


async def create(
    user_id: int, workspace_id: int, method: str, *, second_factor: bool = False, address: str = "", user_agent: str = ""
) -> str:
    """Make a session and return its secret: the only time it is seen.

    Without `second_factor`, the session of a user who has passkeys is pending: it is nobody's until one is shown.
    """
    secret = secrets.token_urlsafe(32)
    async with transaction() as db:
        db.add(
            WebSession(
                token_hash=digest(secret),
                user_id=user_id,
                workspace_id=workspace_id,
                method=method,
                expires_at=now() + LIFETIME,
                second_factor_at=now() if second_factor else None,
                address=address[:64],
                user_agent=user_agent[:256],
            )
        )
    return secret


async def actor(cookie_header: str) -> Actor | None:
    """Return who sent this Cookie header; None for nobody, for an expired, revoked or pending session, and for a disabled user."""
    secret = secret_of(cookie_header)
    return await actor_of(digest(secret)) if secret else None


async def actor_of(token_hash: str) -> Actor | None:
    """Return whose session has this hash, at most `CACHE_S` old."""
    until, who = _cache.get(token_hash, (0.0, None))
    if until > time.monotonic():
        return who
    return (await actors([token_hash])).get(token_hash)


async def actors(hashes: Collection[str]) -> dict[str, Actor]:
    """Return whose sessions have these hashes, fresh from the database by one query; who is missing is nobody."""
    if not hashes:
        return {}
    query = (
        select(WebSession, User, Workspace, Membership)
        .join(User, col(User.id) == WebSession.user_id)
        .join(Workspace, col(Workspace.id) == WebSession.workspace_id)
        .join(Membership, (col(Membership.user_id) == WebSession.user_id) & (col(Membership.workspace_id) == WebSession.workspace_id))
        .where(col(WebSession.token_hash).in_(hashes), col(WebSession.revoked_at).is_(None), WebSession.expires_at > now())
        .where(col(User.disabled_at).is_(None))
        .where(or_(col(WebSession.second_factor_at).is_not(None), ~exists().where(col(Passkey.user_id) == User.id)))
    )
    async with reading() as db:
        found = {row[0].token_hash: _actor(*row) for row in (await db.exec(query)).all()}
    if len(_cache) + len(hashes) > _CACHED_AT_MOST:
        _cache.clear()
    _cache.update({token_hash: (time.monotonic() + CACHE_S, found.get(token_hash)) for token_hash in hashes})
    return found


def _actor(session: WebSession, user: User, workspace: Workspace, membership: Membership) -> Actor:
    assert user.id is not None
    assert workspace.id is not None
    return Actor(
        user.id,
        user.name,
        workspace.id,
        workspace.name,
        Role(membership.role),
        session.token_hash,
        second_factor=session.second_factor_at is not None,
        needs_second_factor=workspace.require_second_factor,
        workspace_public_id=workspace.public_id,
        user_public_id=user.public_id,
    )


@dataclass(frozen=True, slots=True)
class Pending:
    """A session whose user must still show a second factor."""

    user_id: int
    workspace_id: int
    method: str
    token_hash: str


async def pending(cookie_header: str) -> Pending | None:
    """Return the session of this Cookie header when only the second factor is missing."""
    secret = secret_of(cookie_header)
    if not secret or await actor(cookie_header):
        return None
    query = (
        select(WebSession)
        .join(User, col(User.id) == WebSession.user_id)
        .where(WebSession.token_hash == digest(secret), col(WebSession.revoked_at).is_(None), WebSession.expires_at > now())
        .where(col(User.disabled_at).is_(None), exists().where(col(Passkey.user_id) == User.id))
        .where(col(WebSession.second_factor_at).is_(None))
    )
    async with reading() as db:
        row = (await db.exec(query)).first()
    return Pending(row.user_id, row.workspace_id, row.method, row.token_hash) if row else None


async def revoke(cookie_header: str) -> None:
    """End the session of this Cookie header and empty its tabs; nothing happens when there is none."""
    secret = secret_of(cookie_header)
    if not secret:
        return
    token_hash = digest(secret)
    async with transaction() as db:
        query = update(WebSession).where(col(WebSession.token_hash) == token_hash, col(WebSession.revoked_at).is_(None))
        await db.exec(query.values(revoked_at=now()))
    await announce([token_hash], Ended.REVOKED)


async def purge() -> int:
    """Remove sessions, login links and ceremonies that ended of themselves. Return how many."""
    async with transaction() as db:
        ended = [await db.exec(delete(table).where(col(table.expires_at) < now())) for table in (WebSession, LoginLink, Ceremony)]
    return sum(result.rowcount for result in ended)

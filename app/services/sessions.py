"""Web sessions: a 256-bit secret in an HttpOnly cookie, its SHA-256 in a row.

The secret does not change while the session lasts: an open socket keeps the cookie of its handshake. A new one is made at each
sign-in. A revocation counts at once in this process, and within `CACHE_S` in the others.
"""

import hashlib
import secrets
import time
from datetime import timedelta

from sqlmodel import col, delete, select, update

from app.db import reading, transaction
from app.models import Membership, OwnerLink, User, WebSession, Workspace, now
from app.services.access import Actor, Role
from app.settings import settings

LIFETIME = timedelta(days=14)
CACHE_S = 5.0
_CACHED_AT_MOST = 10_000
_cache: dict[str, tuple[float, Actor | None]] = {}  # token hash → (monotonic time until which it counts, who)


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


async def create(user_id: int, workspace_id: int, method: str, *, address: str = "", user_agent: str = "") -> str:
    """Make a session and return its secret: the only time it is seen."""
    secret = secrets.token_urlsafe(32)
    async with transaction() as db:
        db.add(
            WebSession(
                token_hash=digest(secret),
                user_id=user_id,
                workspace_id=workspace_id,
                method=method,
                expires_at=now() + LIFETIME,
                address=address[:64],
                user_agent=user_agent[:256],
            )
        )
    return secret


async def actor(cookie_header: str) -> Actor | None:
    """Return who sent this Cookie header; None for nobody, for an expired or revoked session, and for a disabled user."""
    secret = secret_of(cookie_header)
    return await actor_of(digest(secret)) if secret else None


async def actor_of(token_hash: str) -> Actor | None:
    """Return whose session has this hash, at most `CACHE_S` old."""
    until, who = _cache.get(token_hash, (0.0, None))
    if until > time.monotonic():
        return who
    who = await _load(token_hash)
    if len(_cache) >= _CACHED_AT_MOST:
        _cache.clear()
    _cache[token_hash] = (time.monotonic() + CACHE_S, who)
    return who


async def _load(token_hash: str) -> Actor | None:
    query = (
        select(WebSession, User, Workspace, Membership)
        .join(User, col(User.id) == WebSession.user_id)
        .join(Workspace, col(Workspace.id) == WebSession.workspace_id)
        .join(Membership, (col(Membership.user_id) == WebSession.user_id) & (col(Membership.workspace_id) == WebSession.workspace_id))
        .where(WebSession.token_hash == token_hash)
    )
    async with reading() as db:
        row = (await db.exec(query)).first()
    if row is None:
        return None
    session, user, workspace, membership = row
    if session.revoked_at or session.expires_at <= now() or user.disabled_at:
        return None
    assert user.id is not None
    assert workspace.id is not None
    return Actor(user.id, user.name, workspace.id, workspace.name, Role(membership.role), token_hash)


async def revoke(cookie_header: str) -> None:
    """End the session of this Cookie header; nothing happens when there is none."""
    secret = secret_of(cookie_header)
    if not secret:
        return
    token_hash = digest(secret)
    async with transaction() as db:
        query = update(WebSession).where(col(WebSession.token_hash) == token_hash, col(WebSession.revoked_at).is_(None))
        await db.exec(query.values(revoked_at=now()))
    _cache[token_hash] = (time.monotonic() + CACHE_S, None)


async def purge() -> int:
    """Remove sessions and owner links that ended of themselves. Return how many."""
    async with transaction() as db:
        ended = [await db.exec(delete(table).where(col(table.expires_at) < now())) for table in (WebSession, OwnerLink)]
    return sum(result.rowcount for result in ended)

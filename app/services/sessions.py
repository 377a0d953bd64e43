"""Web sessions: a 256-bit secret in an HttpOnly cookie, its SHA-256 in a row.

The secret does not change while the session lasts: an open socket keeps the cookie of its handshake. A new one is made at each
sign-in. A revocation counts at once in this process, and within `CACHE_S` in the others.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, or_
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Ceremony, LoginLink, Membership, Passkey, User, WebSession, Workspace, now
from app.services import audit, devices, names
from app.services.access import Actor, Role, person
from app.services.audit import Did
from app.services.errors import Forbidden, NotFound, Unauthenticated
from app.settings import settings

LIFETIME = timedelta(days=14)
CACHE_S = 5.0
SEEN_EVERY = timedelta(minutes=1)
MAX_LISTED = 100
DISABLED = "This account is disabled. Ask whoever runs this Seamwatch."
NO_WORKSPACE = "You are in no workspace here any more. Ask for an invitation."
_CACHED_AT_MOST = 10_000
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,128}")
_cache: dict[str, tuple[float, Actor | None]] = {}  # token hash → (monotonic time until which it counts, who)
_seen: dict[str, float] = {}  # token hash → monotonic time of the last write of last_seen_at by this process
_changes = 0  # what was read before one of them is not kept after it


class Ended(StrEnum):
    """Why the open tabs of a session are emptied."""

    REVOKED = "revoked"  # signed out, here or elsewhere, expired, or the user was disabled
    CHANGED = "changed"  # another workspace or another role: the tab starts anew


Listener = Callable[[frozenset[str], Ended], Awaitable[None]]
listeners: list[Listener] = []  # told the hashes of sessions whose tabs must be emptied, after the commit


def forget(hashes: Collection[str]) -> None:
    """Ask the database at the next use of these sessions."""
    global _changes
    _changes += 1
    for token_hash in hashes:
        _cache.pop(token_hash, None)
        _seen.pop(token_hash, None)


async def announce(hashes: Collection[str], why: Ended) -> None:
    """Forget what is cached of these sessions and empty their open tabs. Call it after the commit."""
    forget(hashes)
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
    found = cookies_named(cookie_header, cookie_name())
    return found[0] if len(found) == 1 and _SECRET.fullmatch(found[0]) else None


def cookies_named(cookie_header: str, name: str) -> list[str]:
    """Return the values of all cookies of this name.

    Only blanks are cut off (RFC 6265, 4.2.1). A no-break space before it makes another name: to browsers that is no `__Host-` cookie, so
    any sibling domain may set one, and the layers here decode such bytes as different characters.
    """
    pairs = (pair.strip(" \t").partition("=") for pair in cookie_header.split(";"))
    return [value for found, _, value in pairs if found == name]


async def create(
    user_id: int, workspace_id: int, method: str, *, second_factor: bool = False, address: str = "", user_agent: str = ""
) -> str:
    """Make a session and return its secret: the only time it is seen.

    Without `second_factor`, the session of a user who has passkeys is pending: it is nobody's until one is shown.
    """
    secret = secrets.token_urlsafe(32)
    async with transaction() as db:
        row = WebSession(
            token_hash=digest(secret),
            user_id=user_id,
            workspace_id=workspace_id,
            method=method,
            last_seen_at=_minute(),
            expires_at=now() + LIFETIME,
            second_factor_at=now() if second_factor else None,
            address=address[:64],
            user_agent=user_agent[:256],
        )
        db.add(row)
        if actor := await actor_in(db, user_id, workspace_id):
            audit.record(db, actor, Did.SIGNED_IN, method_words(method), after=devices.words(user_agent))
    return secret


async def actor_in(db: AsyncSession, user_id: int, workspace_id: int) -> Actor | None:
    """Return a user as the one who acts in a workspace, for the audit log of a sign-in; None when they are no member."""
    query = (
        select(User, Workspace, Membership)
        .join(Membership, col(Membership.user_id) == User.id)
        .join(Workspace, col(Workspace.id) == Membership.workspace_id)
        .where(User.id == user_id, Workspace.id == workspace_id)
    )
    row = (await db.exec(query)).first()
    if row is None:
        return None
    user, workspace, membership = row
    return Actor(user_id, user.name, workspace_id, workspace.name, Role(membership.role), user_public_id=user.public_id)


async def has_passkeys(user_id: int) -> bool:
    """Whether a session of this user needs a second factor."""
    async with reading() as db:
        return (await db.exec(select(Passkey.id).where(Passkey.user_id == user_id).limit(1))).first() is not None


async def find_home(db: AsyncSession, user_id: int) -> int | None:
    """Return the workspace in which a user's next session starts: the last one used, else the first joined; None for no member."""
    member = select(Membership.workspace_id).where(Membership.user_id == user_id)
    last = select(WebSession.workspace_id).where(WebSession.user_id == user_id, col(WebSession.workspace_id).in_(member))
    used = (await db.exec(last.order_by(col(WebSession.last_seen_at).desc(), col(WebSession.id).desc()).limit(1))).first()
    return used or (await db.exec(member.order_by(col(Membership.created_at), col(Membership.workspace_id)).limit(1))).first()


async def home(db: AsyncSession, user_id: int) -> int:
    """Return the workspace in which a user's next session starts.

    Raises:
        Forbidden: for a user who is in none.
    """
    found = await find_home(db, user_id)
    if found is None:
        raise Forbidden(NO_WORKSPACE)
    return found


def method_words(method: str) -> str:
    """Return how a session was made, for people: "GitHub", "Passkey"."""
    own = {"owner_link": "Owner link", "login_link": "One-time link", "passkey": "Passkey", "invitation": "Invitation"}
    labels = {provider.key: provider.label for provider in settings().providers}
    return labels.get(method) or own.get(method) or method


def _minute() -> datetime:
    return now().replace(second=0, microsecond=0)


async def actor(cookie_header: str) -> Actor | None:
    """Return who sent this Cookie header; None for nobody, for an expired, revoked or pending session, and for a disabled user."""
    secret = secret_of(cookie_header)
    return await actor_of(digest(secret)) if secret else None


async def actor_of(token_hash: str) -> Actor | None:
    """Return whose session has this hash, at most `CACHE_S` old."""
    until, who = _cache.get(token_hash, (0.0, None))
    if until > time.monotonic():
        return who
    who = (await actors([token_hash])).get(token_hash)
    if who:
        await _see(token_hash)
    return who


async def _see(token_hash: str) -> None:
    """Note that the session is in use, at most once a minute, so that not every event writes."""
    if time.monotonic() - _seen.get(token_hash, -1e9) < SEEN_EVERY.total_seconds():
        return
    if len(_seen) > _CACHED_AT_MOST:
        _seen.clear()
    _seen[token_hash] = time.monotonic()
    async with transaction() as db:
        query = update(WebSession).where(col(WebSession.token_hash) == token_hash, col(WebSession.last_seen_at) < _minute())
        await db.exec(query.values(last_seen_at=_minute()))


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
    read_at = _changes
    async with reading() as db:
        found = {row[0].token_hash: _actor(*row) for row in (await db.exec(query)).all()}
    if read_at != _changes:
        return found
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


async def strengthen(db: AsyncSession, token_hash: str) -> str:
    """Note that the session showed a second factor, within the caller's transaction, and return its new secret.

    After the commit the caller announces the old hash as `Ended.CHANGED`: tabs that carry the old secret start anew.

    Raises:
        Unauthenticated: the session ended meanwhile, or another tab showed the factor at the same moment.
    """
    secret = secrets.token_urlsafe(32)
    query = update(WebSession).where(col(WebSession.token_hash) == token_hash, col(WebSession.revoked_at).is_(None))
    strengthened = await db.exec(query.values(token_hash=digest(secret), second_factor_at=now()))
    if strengthened.rowcount != 1:
        raise Unauthenticated("This sign-in ended, or went on in another tab.")
    return secret


async def revoke(cookie_header: str) -> None:
    """End the session of this Cookie header and empty its tabs; nothing happens when there is none."""
    secret = secret_of(cookie_header)
    if not secret:
        return
    token_hash = digest(secret)
    async with transaction() as db:
        query = update(WebSession).where(col(WebSession.token_hash) == token_hash, col(WebSession.revoked_at).is_(None))
        ended = (await db.exec(query.values(revoked_at=now()).returning(col(WebSession.user_id), col(WebSession.workspace_id)))).first()
        if ended and (who := await actor_in(db, *ended)):
            audit.record(db, who, Did.SIGNED_OUT)
    await announce([token_hash], Ended.REVOKED)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One of my sessions."""

    id: str
    method: str
    method_words: str
    device: str  # "Firefox on Linux"
    address: str
    created_at: datetime
    last_seen_at: datetime  # to the minute
    expires_at: datetime
    this: bool
    second_factor: bool


def _alive(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return (col(WebSession.user_id) == user_id, col(WebSession.revoked_at).is_(None), col(WebSession.expires_at) > now())


async def list_mine(actor: Actor | None) -> tuple[SessionRow, ...]:
    """Return the actor's sessions that have not ended, in every workspace, latest use first; at most `MAX_LISTED`."""
    actor = person(actor)
    # The one in use stands first, also when another was used within the same minute.
    order = ((col(WebSession.token_hash) == actor.session).desc(), col(WebSession.last_seen_at).desc(), col(WebSession.id).desc())
    query = select(WebSession).where(*_alive(actor.user_id)).order_by(*order)
    async with reading() as db:
        rows = (await db.exec(query.limit(MAX_LISTED))).all()
    return tuple(
        SessionRow(
            row.public_id,
            row.method,
            method_words(row.method),
            devices.words(row.user_agent),
            row.address,
            row.created_at,
            row.last_seen_at,
            row.expires_at,
            row.token_hash == actor.session,
            row.second_factor_at is not None,
        )
        for row in rows
    )


async def end_mine(actor: Actor | None, session_id: object) -> None:
    """End one of the actor's sessions; its open tabs are emptied.

    Raises:
        NotFound: for another's id, and for one that does not exist or has ended.
    """
    actor = person(actor)
    wanted = session_id if names.is_public_id(session_id) else ""
    async with transaction() as db:
        query = update(WebSession).where(*_alive(actor.user_id), col(WebSession.public_id) == wanted)
        ended = (await db.exec(query.values(revoked_at=now()).returning(col(WebSession.token_hash), col(WebSession.user_agent)))).first()
        if ended is None:
            raise NotFound("There is no such session. It may have ended already.")
        audit.record(db, actor, Did.SESSION_REVOKED, devices.words(ended[1]))
    await announce([ended[0]], Ended.REVOKED)


async def end_others(actor: Actor | None) -> int:
    """End every session of the actor but this one. Return how many."""
    return await _end_all(actor, but_this=True)


async def end_everywhere(actor: Actor | None) -> int:
    """End every session of the actor, this one too. Return how many."""
    return await _end_all(actor, but_this=False)


async def _end_all(actor: Actor | None, *, but_this: bool) -> int:
    actor = person(actor)
    async with transaction() as db:
        hashes = await end_all_of_user(db, actor.user_id, actor.session if but_this else "")
        if hashes:
            number = f"{len(hashes)} session{'s' if len(hashes) > 1 else ''}"
            audit.record(db, actor, Did.SESSION_REVOKED, number)
    await announce(hashes, Ended.REVOKED)
    return len(hashes)


async def end_all_of_user(db: AsyncSession, user_id: int, except_hash: str = "") -> list[str]:
    """End a user's sessions in this transaction and return their hashes, to announce after the commit."""
    query = update(WebSession).where(*_alive(user_id), col(WebSession.token_hash) != except_hash)
    return list((await db.exec(query.values(revoked_at=now()).returning(col(WebSession.token_hash)))).scalars())


async def purge() -> int:
    """Remove sessions, login links and ceremonies that ended of themselves. Return how many."""
    async with transaction() as db:
        ended = [await db.exec(delete(table).where(col(table.expires_at) < now())) for table in (WebSession, LoginLink, Ceremony)]
    return sum(result.rowcount for result in ended)

"""API tokens: made, listed, revoked. Whom one stands for, `bearers` knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import ApiToken, User, now
from app.services import audit, memberships, token_text
from app.services.access import RULES, Action, Actor, Role, Scope, may, person, require
from app.services.bearers import Kind, forget, scopes_of
from app.services.errors import Conflict, Invalid, NotFound
from app.services.names import is_public_id
from app.services.token_text import Prefix, digest

MAX_LIVE = 100  # of one user in one workspace; and of a workspace's own
MAX_DAYS = 365
MAX_NAME_CHARS = 80
KEPT = timedelta(days=30)  # how long a token that ended is still listed
_LISTED = 200
_SCOPES = frozenset(Scope)
_ROLES = (Role.ADMIN, Role.EDITOR, Role.VIEWER)  # of workspace tokens; owners are people


class State(StrEnum):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class TokenRow:
    id: str
    name: str
    kind: Kind
    hint: str  # its last characters
    scopes: tuple[str, ...]  # as given; what it opens depends on the role too
    role: Role | None  # of a workspace token; None: the role its user has
    created_at: datetime
    expires_at: datetime | None  # None: never
    last_used_at: datetime | None  # to the minute
    last_used_address: str
    created_by: str
    state: State


@dataclass(frozen=True, slots=True)
class NewToken:
    name: str
    scopes: tuple[str, ...]
    days: int | None = 90  # None: until it is revoked; workspace tokens only
    role: str | None = None  # None: a personal token


@dataclass(frozen=True, slots=True)
class MadeToken:
    secret: str  # shown this once
    row: TokenRow


async def mine(actor: Actor | None) -> tuple[TokenRow, ...]:
    """Return the actor's personal tokens in this workspace, newest first; those that ended for a month."""
    actor = require(actor, Action.MAKE_PERSONAL_TOKENS)
    return await _rows(ApiToken.workspace_id == actor.workspace_id, ApiToken.user_id == actor.user_id)


async def of_workspace(actor: Actor | None) -> tuple[TokenRow, ...]:
    """Return the workspace's own tokens, newest first; those that ended for a month."""
    actor = require(actor, Action.MANAGE_WORKSPACE_TOKENS)
    return await _rows(ApiToken.workspace_id == actor.workspace_id, col(ApiToken.user_id).is_(None))


async def _rows(*which: ColumnElement[bool] | bool) -> tuple[TokenRow, ...]:
    recent = now() - KEPT
    query = (
        select(ApiToken, User.name)
        .join(User, col(User.id) == ApiToken.created_by)
        .where(*which)
        .where(or_(col(ApiToken.revoked_at).is_(None), col(ApiToken.revoked_at) > recent))
        .where(or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > recent))
        .order_by(col(ApiToken.revoked_at).is_not(None), col(ApiToken.id).desc())
        .limit(_LISTED)
    )
    async with reading() as db:
        found = (await db.exec(query)).all()
    return tuple(_row(token, name) for token, name in found)


def _row(token: ApiToken, created_by: str) -> TokenRow:
    expired = token.expires_at is not None and token.expires_at <= now()
    return TokenRow(
        id=token.public_id,
        name=token.name,
        kind=Kind.PERSONAL if token.user_id else Kind.WORKSPACE,
        hint=token.hint,
        scopes=tuple(token.scopes.split()),
        role=Role(token.role) if token.role else None,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        last_used_address=token.last_used_address,
        created_by=created_by,
        state=State.REVOKED if token.revoked_at else State.EXPIRED if expired else State.LIVE,
    )


def _given_name(name: object) -> str:
    text = " ".join(name.split()) if isinstance(name, str) else ""
    if not 0 < len(text) <= MAX_NAME_CHARS or not text.isprintable():
        raise Invalid("name", f"Name the token in 1 to {MAX_NAME_CHARS} characters, for example after the program that will hold it.")
    return text


def _given_scopes(scopes: object, role: Role) -> tuple[Scope, ...]:
    asked = [scopes] if isinstance(scopes, str) else list(scopes) if isinstance(scopes, Iterable) else []
    if not asked:
        raise Invalid("scopes", "Choose at least one scope.")
    for word in asked:
        if not isinstance(word, str) or word not in _SCOPES:
            raise Invalid("scopes", f"There is no scope “{str(word)[:40]}”. There are {', '.join(Scope)}.")
        if word not in scopes_of(role):
            raise Invalid("scopes", f"The scope {word} opens nothing to the role {role}.")
    return tuple(scope for scope in Scope if scope in asked)


def _given_days(days: object, kind: Kind) -> int | None:
    if days is None and kind is Kind.WORKSPACE:
        return None
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MAX_DAYS:
        raise Invalid("days", f"A token lives 1 to {MAX_DAYS} days.")
    return days


def _given_role(role: object, actor: Actor) -> Role:
    if role not in _ROLES or not isinstance(role, str):
        raise Invalid("role", f"A workspace token is {', '.join(_ROLES[:-1])} or {_ROLES[-1]}.")
    if not actor.role.at_least(Role(role)):
        raise Invalid("role", f"You are {actor.role} here, and a token of yours can be no more.")
    return Role(role)


async def make(actor: Actor | None, new: NewToken) -> MadeToken:
    """Make a personal token, or with a role one of the workspace.

    Raises:
        Invalid: for "name", "role", "scopes" or "days", whichever is at fault first.
        Forbidden: the actor may not, or was removed meanwhile.
        Conflict: there are `MAX_LIVE` already.
    """
    kind = Kind.PERSONAL if new.role is None else Kind.WORKSPACE
    action = Action.MAKE_PERSONAL_TOKENS if kind is Kind.PERSONAL else Action.MANAGE_WORKSPACE_TOKENS
    actor = require(actor, action)
    async with transaction() as db:
        # A token outlives what its maker is remembered by, so the role of this moment counts, and nobody is removed meanwhile.
        await memberships.lock(db, actor.workspace_id)
        return await _make(db, await memberships.still(db, actor, action), kind, new)


async def _make(db: AsyncSession, actor: Actor, kind: Kind, new: NewToken) -> MadeToken:
    name = _given_name(new.name)
    role = None if kind is Kind.PERSONAL else _given_role(new.role, actor)
    scopes = _given_scopes(new.scopes, role or actor.role)
    days = _given_days(new.days, kind)
    for action, rule in RULES.items():
        if rule.manages and rule.scope in scopes:
            require(actor, action)  # a second factor that is asked for is asked for here too, else a token would do without it
    secret = token_text.make(Prefix.PERSONAL if kind is Kind.PERSONAL else Prefix.WORKSPACE)
    row = ApiToken(
        workspace_id=actor.workspace_id,
        user_id=actor.user_id if kind is Kind.PERSONAL else None,
        created_by=actor.user_id,
        role=role.value if role else None,
        name=name,
        token_hash=digest(secret),
        hint=token_text.hint(secret),
        scopes=" ".join(scopes),
        expires_at=now() + timedelta(days=days) if days else None,
    )
    live = select(func.count()).select_from(ApiToken).where(ApiToken.workspace_id == actor.workspace_id)
    live = live.where(ApiToken.user_id == row.user_id if row.user_id else col(ApiToken.user_id).is_(None))
    live = live.where(col(ApiToken.revoked_at).is_(None), or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > now()))
    if (await db.exec(live)).one() >= MAX_LIVE:
        whose = "You have" if kind is Kind.PERSONAL else "This workspace has"
        raise Conflict(f"{whose} {MAX_LIVE} live tokens here. Revoke one that is not used.")
    db.add(row)
    audit.record(db, actor, audit.Did.TOKEN_MADE, label(row), after=_told(row))
    return MadeToken(secret, _row(row, actor.name))


def label(token: ApiToken) -> str:
    """Return how the audit log names a token."""
    return f"{Kind.PERSONAL if token.user_id else Kind.WORKSPACE} token {token.name} (…{token.hint})"


def _told(token: ApiToken) -> str:
    ends = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "without end"
    return ", ".join(filter(None, (token.role, token.scopes, ends)))


def _no_such_token() -> NotFound:
    return NotFound("There is no such token in this workspace.")


async def revoke(actor: Actor | None, token_id: str) -> None:
    """End a personal token of the actor, or one of the workspace, with every grant it was exchanged for. Once is enough.

    Raises:
        NotFound: also for another member's token, and for one of the workspace to those who cannot see these.
    """
    actor = person(actor)
    if not is_public_id(token_id):
        raise _no_such_token()
    async with transaction() as db:
        query = select(ApiToken).where(ApiToken.public_id == token_id, ApiToken.workspace_id == actor.workspace_id)
        token = (await db.exec(query)).first()
        if token is None or (token.user_id != actor.user_id if token.user_id else not may(actor, Action.MANAGE_WORKSPACE_TOKENS)):
            raise _no_such_token()
        if token.user_id is None:
            require(actor, Action.MANAGE_WORKSPACE_TOKENS)
        await end(db, actor, token)
    forget(token_id)


async def end(db: AsyncSession, actor: Actor, token: ApiToken) -> None:
    """Revoke a token in this transaction unless it was; `forget` it after the commit."""
    ended = update(ApiToken).where(col(ApiToken.id) == token.id, col(ApiToken.revoked_at).is_(None)).values(revoked_at=now())
    if (await db.exec(ended)).rowcount:
        audit.record(db, actor, audit.Did.TOKEN_REVOKED, label(token))


async def purge() -> int:
    """Remove the tokens that ended longer ago than they are listed. Return how many."""
    long_ago = now() - KEPT
    query = delete(ApiToken).where(or_(col(ApiToken.revoked_at) < long_ago, col(ApiToken.expires_at) < long_ago))
    async with transaction() as db:
        return (await db.exec(query)).rowcount

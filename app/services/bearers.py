"""Whom a token stands for.

A personal token acts as its user in the workspace it was made in, with the role that they have there at the time, and ends with the
membership. A workspace token has a role of its own and lives on when its maker leaves. Each opens only what its scopes and its role
both allow. A revocation counts at once in this process, and within `CACHE_S` in the others.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from sqlalchemy import ColumnElement
from sqlmodel import col, select, update

from app.db import reading, transaction
from app.models import ApiToken, Membership, TokenGrant, User, Workspace, now
from app.services import access_tokens, audit, sessions, token_text
from app.services.access import RULES, Actor, Role, Scope
from app.services.errors import Unauthenticated
from app.services.token_text import Prefix, digest

CACHE_S = 4.0  # a revocation counts everywhere within five seconds, the asking included
USE_NOTED_EVERY = timedelta(minutes=1)
_CACHED_AT_MOST = 10_000
_ALL = frozenset(Scope)
NOT_A_TOKEN = "This is not a token. They start with seam_pat_ or seam_wst_; was all of it copied?"


class Kind(StrEnum):
    PERSONAL = "personal"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a bearer showed, and whom it stands for."""

    actor: Actor
    kind: Kind
    name: str  # of the API token
    expires_at: datetime | None  # of what was shown
    grant: str = ""  # public id of the grant of an access token; "" for an API token itself
    user_name: str = ""  # of a personal token's user


_cache: dict[str, tuple[float, Credential]] = {}  # hash of an API token, or "grant:…" → (monotonic time until which it counts, what)
_revocations = 0  # what was read before one of them is not kept after it


def forget(token_id: str | None = None) -> None:
    """Forget what is cached of an API token and its grants, or of all."""
    global _revocations
    _revocations += 1
    if token_id is None:
        _cache.clear()
    for key in [key for key, (_, credential) in _cache.items() if credential.actor.token == token_id]:
        del _cache[key]


def scopes_of(role: Role) -> frozenset[Scope]:
    """Return the scopes that open anything to this role."""
    return frozenset(rule.scope for rule in RULES.values() if rule.scope and role.at_least(rule.least))


def within(scopes: frozenset[Scope], text: str) -> frozenset[Scope]:
    """Return those of the scopes that are also in a row's text."""
    return scopes & {Scope(word) for word in text.split() if word in _ALL}


async def actor_of(bearer: str) -> Actor:
    """Return whom an API token or an access token stands for, at most `CACHE_S` old.

    Raises:
        Unauthenticated: says why in words for whoever holds the token.
    """
    return (await identify(bearer)).actor


async def identify(bearer: object) -> Credential:
    """Return what `actor_of` does, with the token it came by."""
    if not isinstance(bearer, str) or not bearer.isascii():
        raise Unauthenticated(NOT_A_TOKEN)
    if token_text.prefix_of(bearer) in (Prefix.PERSONAL, Prefix.WORKSPACE):
        token_hash = digest(bearer)
        return await _cached(token_hash, ApiToken.token_hash == token_hash)
    if bearer.startswith("seam_") or bearer.count(".") != 2:
        raise Unauthenticated(NOT_A_TOKEN)
    claims = await access_tokens.read(bearer)
    standing = await _of_grant(claims.grant)
    actor = standing.actor
    if claims.client != actor.token or claims.subject != subject_of(actor):
        raise Unauthenticated(access_tokens.NOT_OURS)
    return replace(standing, actor=replace(actor, scopes=actor.scopes & claims.scopes), expires_at=claims.expires_at)


def subject_of(actor: Actor) -> str:
    """Return the claim `sub` of a token's actor: the user, or the workspace token itself (RFC 9068, 2.2)."""
    return actor.user_public_id or actor.token


def _from_cache(key: str) -> Credential | None:
    until, credential = _cache.get(key, (0.0, None))
    return credential if until > time.monotonic() else None


def _keep(key: str, credential: Credential, read_at: int) -> None:
    left_s = CACHE_S if credential.expires_at is None else min(CACHE_S, (credential.expires_at - now()).total_seconds())
    if read_at == _revocations:
        if len(_cache) >= _CACHED_AT_MOST:
            _cache.clear()
        _cache[key] = time.monotonic() + left_s, credential


async def _cached(key: str, which: ColumnElement[bool] | bool) -> Credential:
    if known := _from_cache(key):
        return known
    read_at = _revocations
    credential = await load(which)
    _keep(key, credential, read_at)
    return credential


async def _of_grant(grant_id: str) -> Credential:
    key = f"grant:{grant_id}"
    if known := _from_cache(key):
        return known
    read_at = _revocations
    async with reading() as db:
        grant = (await db.exec(select(TokenGrant).where(TokenGrant.public_id == grant_id))).first()
    if grant is None or grant.revoked_at or grant.expires_at <= now():
        raise Unauthenticated("The grant of this access token has ended. Exchange the API token again.")
    credential = await load(ApiToken.id == grant.api_token_id)
    scopes = within(credential.actor.scopes, grant.scopes)
    ends = min(grant.expires_at, credential.expires_at or grant.expires_at)
    credential = replace(credential, actor=replace(credential.actor, scopes=scopes), grant=grant_id, expires_at=ends)
    _keep(key, credential, read_at)
    return credential


async def load(which: ColumnElement[bool] | bool) -> Credential:
    """Return whom an API token stands for, fresh from the database, and note its use.

    Raises:
        Unauthenticated: when there is none, or it has ended.
    """
    query = (
        select(ApiToken, Workspace, User, Membership)
        .join(Workspace, col(Workspace.id) == ApiToken.workspace_id)
        .join(User, col(User.id) == ApiToken.created_by)
        .outerjoin(Membership, (col(Membership.user_id) == ApiToken.user_id) & (col(Membership.workspace_id) == ApiToken.workspace_id))
        .where(which)
    )
    async with reading() as db:
        found = (await db.exec(query)).first()
    if found is None:
        raise Unauthenticated("This token is not known here.")
    # The join is an outer one: what belongs to a workspace has no membership.
    token, workspace, user, membership = found[0], found[1], found[2], cast("Membership | None", found[3])
    if token.revoked_at:
        raise Unauthenticated("This token was revoked.")
    if token.expires_at and token.expires_at <= now():
        raise Unauthenticated("This token has expired.")
    if token.user_id and user.disabled_at:
        raise Unauthenticated("The account of this token is disabled.")
    role = token.role if token.user_id is None else membership.role if membership else None
    if role is None:
        raise Unauthenticated("The user of this token is no member of its workspace any more.")
    await _note_use(token)
    actor = _actor(token, workspace, user, Role(role))
    if token.user_id and workspace.require_second_factor and not await sessions.has_passkeys(token.user_id):
        # Where the workspace asks its managers for a second factor, a token is no way around it for whoever has none.
        actor = replace(actor, scopes=actor.scopes - _managing())
    personal = token.user_id is not None
    kind = Kind.PERSONAL if personal else Kind.WORKSPACE
    return Credential(actor, kind, token.name, token.expires_at, user_name=user.name if personal else "")


def _managing() -> frozenset[Scope]:
    return frozenset(rule.scope for rule in RULES.values() if rule.scope and rule.manages)


def _actor(token: ApiToken, workspace: Workspace, maker: User, role: Role) -> Actor:
    assert workspace.id is not None
    personal = token.user_id is not None
    return Actor(
        token.created_by,
        # As the audit log names it.
        f"{maker.name} (token {token.name})" if personal else f"{token.name} (workspace token)",
        workspace.id,
        workspace.name,
        role,
        token=token.public_id,
        scopes=within(scopes_of(role), token.scopes),
        needs_second_factor=workspace.require_second_factor,
        workspace_public_id=workspace.public_id,
        user_public_id=maker.public_id if personal else "",
    )


async def _note_use(token: ApiToken) -> None:
    at = now().replace(second=0, microsecond=0)
    if token.last_used_at and at - token.last_used_at < USE_NOTED_EVERY:
        return
    values = {"last_used_at": at, "last_used_address": audit.ADDRESS.get()[:64]}
    async with transaction() as db:
        await db.exec(update(ApiToken).where(col(ApiToken.id) == token.id).values(**values))

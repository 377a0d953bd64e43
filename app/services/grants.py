"""API tokens exchanged for access tokens of ten minutes, and refresh tokens that work once (RFC 8693, RFC 6749, RFC 7009).

A grant is the family of all that came of one exchange; it ends as a whole: after 30 days, with its API token, when it is given back,
and when a refresh token comes a second time. Of the two who sent it one copied it, and nobody can tell which, a retry after a lost
answer included: the holder of the API token exchanges it again, a thief cannot.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import ApiToken, RefreshToken, TokenGrant, now
from app.services import access_tokens, audit, bearers, signing_keys, token_text, tokens
from app.services.access import Scope
from app.services.errors import SeamwatchError, Unauthenticated
from app.services.token_text import Prefix, digest

LIFETIME = timedelta(days=30)
MAX_LIVE = 200  # of one API token; a further exchange ends the oldest
API_TOKENS = (Prefix.PERSONAL, Prefix.WORKSPACE)


class OAuthError(SeamwatchError):
    """An answer of RFC 6749, 5.2: `code` is one of those that stand there. The text is plain ASCII without quotes."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Issued:
    """What an exchange or a refresh answers."""

    access_token: str
    expires_in_s: int
    refresh_token: str
    scopes: tuple[str, ...]  # of the access token


def _scopes(text: str, allowed: frozenset[Scope]) -> frozenset[Scope]:
    """Return what is asked for, all that is allowed unless anything is.

    Raises:
        OAuthError: "invalid_scope".
    """
    if not (asked := text.split()):
        return allowed
    if not set(asked) <= set(Scope):
        raise OAuthError("invalid_scope", f"There is no such scope. There are: {', '.join(Scope)}.")
    wanted = frozenset(map(Scope, asked))
    if wanted - allowed:
        raise OAuthError("invalid_scope", f"Beyond what this token opens: {', '.join(sorted(wanted - allowed))}.")
    return wanted


def _new_refresh_token(grant: TokenGrant) -> tuple[str, RefreshToken]:
    assert grant.id is not None
    secret = token_text.make(Prefix.REFRESH)
    return secret, RefreshToken(grant_id=grant.id, token_hash=digest(secret), expires_at=grant.expires_at)


async def _issue(credential: bearers.Credential, grant: TokenGrant, scopes: frozenset[Scope], refresh_token: str) -> Issued:
    actor = credential.actor
    token, expires_in_s = await access_tokens.mint(bearers.subject_of(actor), actor.token, grant.public_id, scopes, grant.expires_at)
    return Issued(token, expires_in_s, refresh_token, tuple(scope for scope in Scope if scope in scopes))


async def exchange(api_token: str, scope: str = "") -> Issued:
    """Exchange an API token for an access token and a refresh token.

    Args:
        scope: what they are to open, parted by spaces; "" for all that the API token opens now.

    Raises:
        OAuthError: "invalid_request" for a token that does not count (RFC 8693, 2.2.2), or "invalid_scope".
    """
    if token_text.prefix_of(api_token) not in API_TOKENS:
        raise OAuthError("invalid_request", "The subject_token is not an API token. They start with seam_pat_ or seam_wst_.")
    token_hash = digest(api_token)
    try:
        credential = await bearers.load(ApiToken.token_hash == token_hash)
    except Unauthenticated as error:
        raise OAuthError("invalid_request", error.message) from error
    scopes = _scopes(scope, credential.actor.scopes)
    await signing_keys.ready()
    ends = now() + LIFETIME
    async with transaction() as db:
        token = (await db.exec(select(ApiToken).where(ApiToken.token_hash == token_hash, col(ApiToken.revoked_at).is_(None)))).first()
        if token is None or token.id is None:
            raise OAuthError("invalid_request", "This token was revoked.")
        grant = TokenGrant(
            api_token_id=token.id, scopes=" ".join(sorted(scopes)), expires_at=min(ends, token.expires_at) if token.expires_at else ends
        )
        db.add(grant)
        await db.flush()
        refresh_token, row = _new_refresh_token(grant)
        db.add(row)
        await _end_oldest(db, token.id)
    return await _issue(credential, grant, scopes, refresh_token)


async def _end_oldest(db: AsyncSession, api_token_id: int) -> None:
    live = select(TokenGrant.id).where(TokenGrant.api_token_id == api_token_id, col(TokenGrant.revoked_at).is_(None))
    too_many = live.order_by(col(TokenGrant.id).desc()).offset(MAX_LIVE).limit(MAX_LIVE)
    if old := (await db.exec(too_many)).all():
        await db.exec(update(TokenGrant).where(col(TokenGrant.id).in_(old)).values(revoked_at=now()))


async def refresh(refresh_token: str, scope: str = "") -> Issued:
    """Use a refresh token up, for an access token and the next refresh token.

    Args:
        scope: narrows this access token; the next refresh token has the scopes of the first (RFC 6749, 6).

    Raises:
        OAuthError: "invalid_grant", also when it was used before, which ends its grant; "invalid_scope", which uses nothing up.
    """
    if token_text.prefix_of(refresh_token) is not Prefix.REFRESH:
        raise OAuthError("invalid_grant", "This is not a refresh token. They start with seam_rt_.")
    await signing_keys.ready()
    used = "This refresh token was used before, so its grant has ended. Exchange the API token again."
    found = await _find(refresh_token)
    if found is None:
        raise OAuthError("invalid_grant", "This refresh token is not known here.")
    row, grant, token = found
    if grant.revoked_at:
        raise OAuthError("invalid_grant", "The grant of this refresh token has ended. Exchange the API token again.")
    if row.expires_at <= now():
        raise OAuthError("invalid_grant", "This refresh token has expired. Exchange the API token again.")
    try:
        credential = await bearers.load(ApiToken.id == token.id)
    except Unauthenticated as error:
        raise OAuthError("invalid_grant", error.message) from error
    scopes = _scopes(scope, bearers.within(credential.actor.scopes, grant.scopes))
    following, next_row = _new_refresh_token(grant)
    async with transaction() as db:
        # One statement decides who uses it.
        take = update(RefreshToken).where(col(RefreshToken.id) == row.id, col(RefreshToken.used_at).is_(None)).values(used_at=now())
        taken = (await db.exec(take)).rowcount == 1
        if taken:
            db.add(next_row)
        elif await _end(db, grant):
            audit.record(db, credential.actor, audit.Did.TOKEN_REUSED, tokens.label(token))
    if not taken:
        bearers.forget(token.public_id)
        raise OAuthError("invalid_grant", used)
    return await _issue(credential, grant, scopes, following)


async def _find(refresh_token: str) -> tuple[RefreshToken, TokenGrant, ApiToken] | None:
    query = (
        select(RefreshToken, TokenGrant, ApiToken)
        .join(TokenGrant, col(TokenGrant.id) == RefreshToken.grant_id)
        .join(ApiToken, col(ApiToken.id) == TokenGrant.api_token_id)
        .where(RefreshToken.token_hash == digest(refresh_token))
    )
    async with reading() as db:
        found = (await db.exec(query)).first()
    return (found[0], found[1], found[2]) if found else None


async def _end(db: AsyncSession, grant: TokenGrant) -> bool:
    ended = update(TokenGrant).where(col(TokenGrant.id) == grant.id, col(TokenGrant.revoked_at).is_(None)).values(revoked_at=now())
    return (await db.exec(ended)).rowcount == 1


async def give_back(token: str) -> None:
    """End what a token stands for: an API token itself, or the grant of a refresh or an access token.

    Whoever holds a token may end it, whatever its scopes; of one that does not count, nothing is told (RFC 7009, 2.2).
    """
    try:
        if token_text.prefix_of(token) in API_TOKENS:
            return await _give_back_api_token(token)
        if token_text.prefix_of(token) is Prefix.REFRESH:
            found = await _find(token)
            return await _give_back_grant(found[1].public_id) if found else None
        return await _give_back_grant((await bearers.identify(token)).grant)
    except Unauthenticated:
        return None


async def _give_back_api_token(token: str) -> None:
    actor = (await bearers.load(ApiToken.token_hash == digest(token))).actor
    async with transaction() as db:
        await tokens.end(db, actor, (await db.exec(select(ApiToken).where(ApiToken.public_id == actor.token))).one())
    bearers.forget(actor.token)


async def _give_back_grant(grant_id: str) -> None:
    async with transaction() as db:
        query = select(TokenGrant, ApiToken).join(ApiToken, col(ApiToken.id) == TokenGrant.api_token_id)
        found = (await db.exec(query.where(TokenGrant.public_id == grant_id))).first()
        if found is None:
            return
        await _end(db, found[0])
    bearers.forget(found[1].public_id)


async def purge() -> int:
    """Remove the grants that ended a day ago or longer, with their refresh tokens. Return how many."""
    a_day_ago = now() - timedelta(days=1)
    async with transaction() as db:
        ended = delete(TokenGrant).where((col(TokenGrant.revoked_at) < a_day_ago) | (col(TokenGrant.expires_at) < a_day_ago))
        return (await db.exec(ended)).rowcount

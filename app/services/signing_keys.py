"""The keys that sign access tokens: ES256, one EC key on P-256 a row, its private half sealed by the vault.

The newest key signs. One that is retired still verifies as long as a token that it signed can live, so that a rotation is not noticed.
"""

import json
import logging
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry
from sqlalchemy import text
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import SigningKey, now
from app.services import vault
from app.settings import settings

ALGORITHM = "ES256"
TYPE = "at+jwt"  # RFC 9068, 2.1
LIFETIME = timedelta(minutes=10)  # of what is signed, at most
SKEW = timedelta(seconds=30)  # by which clocks of machines may differ
CACHE_S = 4.0  # a key that is trusted no more counts nowhere within five seconds
# How long a retired key verifies: a process that has not heard of the rotation signs with it until its cache ends.
OVERLAP = LIFETIME + 2 * SKEW + timedelta(seconds=CACHE_S)
MAX_CHARS = 4096
_registry = JWSRegistry(algorithms=[ALGORITHM])
logger = logging.getLogger(__name__)


class BadSignature(Exception):
    """Not a token that one of our keys signed."""


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    created_at: datetime
    retired_at: datetime | None
    key: ECKey


_ring: tuple[_Key, ...] = ()  # newest first; those that verify
_fresh_until = 0.0  # monotonic
_opened: dict[str, ECKey] = {}  # kid → key, so that the vault is asked once for each


def forget() -> None:
    """Read the keys anew at their next use."""
    global _ring, _fresh_until
    _ring, _fresh_until = (), 0.0
    _opened.clear()


async def _load(db: AsyncSession | None = None) -> tuple[_Key, ...]:
    global _ring, _fresh_until
    query = select(SigningKey).where((col(SigningKey.retired_at).is_(None)) | (col(SigningKey.retired_at) > now() - OVERLAP))
    query = query.order_by(col(SigningKey.created_at).desc(), col(SigningKey.kid))
    if db:
        rows = (await db.exec(query)).all()
    else:
        async with reading() as session:
            rows = (await session.exec(query)).all()
    found = [_Key(row.kid, row.created_at, row.retired_at, key) for row in rows if (key := _open(row))]
    for kid in _opened.keys() - {key.kid for key in found}:
        del _opened[kid]
    _ring, _fresh_until = tuple(found), time.monotonic() + CACHE_S
    return _ring


def _open(row: SigningKey) -> ECKey | None:
    if row.kid not in _opened:
        try:
            _opened[row.kid] = ECKey.import_key(json.loads(vault.unseal(row.sealed_jwk, _purpose(row.kid))))
        except vault.Sealed:
            # Without it new tokens are signed by a new key, and those of this one must be had again: better than no API at all.
            logger.warning("the signing key %s cannot be unsealed; was the vault's key lost?", row.kid)
            return None
    return _opened[row.kid]


def _purpose(kid: str) -> str:
    return f"signing-key:{kid}"


async def _keys() -> tuple[_Key, ...]:
    return _ring if _fresh_until > time.monotonic() else await _load()


def _newest(keys: tuple[_Key, ...]) -> _Key | None:
    return next((key for key in keys if key.retired_at is None), None)


def _add(db: AsyncSession) -> str:
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)  # kid: RFC 7638's thumbprint
    kid = key.kid
    assert kid
    db.add(SigningKey(kid=kid, sealed_jwk=vault.seal(json.dumps(key.as_dict(private=True)), _purpose(kid))))
    return kid


async def ready() -> None:
    """Make the first key unless there is one. Call it before a transaction in which something is signed."""
    if _newest(await _keys()):
        return
    async with transaction() as db:
        if not settings().sqlite:  # whose writers wait for one another anyway
            await db.exec(text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE"))  # pyright: ignore[reportCallIssue, reportArgumentType]
        if not _newest(await _load(db)):
            _add(db)
    await _load()


async def sign(claims: dict[str, Any]) -> str:
    """Return the claims as a signed JWT of the type `at+jwt`."""
    await ready()
    newest = _newest(await _keys())
    assert newest
    # One key, never a KeySet: with a set joserfc signs by one chosen at random.
    header = {"alg": ALGORITHM, "kid": newest.kid, "typ": TYPE}
    return jwt.encode(header, claims, newest.key, registry=_registry, default_type=None)


def _kid(token: str) -> str:
    """Return the kid of a token whose header is exactly ours.

    Refused by their mere presence: `jku`, `jwk`, `x5u` and `x5c`, by which a token would name its own key, and `crit` and `b64`.
    """
    if len(token) > MAX_CHARS or not token.isascii() or token.count(".") != 2:
        raise BadSignature
    segment = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        raise BadSignature from None
    if not isinstance(header, dict) or header.keys() != {"alg", "kid", "typ"} or header["alg"] != ALGORITHM or header["typ"] != TYPE:
        raise BadSignature
    kid = header["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= 64:
        raise BadSignature
    return kid


async def verify(token: str) -> dict[str, Any]:
    """Return the claims of a token that one of our keys signed; what they say is not judged here.

    Raises:
        BadSignature: for anything else.
    """
    kid = _kid(token)
    matching = [key for key in await _keys() if key.kid == kid] or [key for key in await _load() if key.kid == kid]
    if not matching:
        raise BadSignature
    try:
        return jwt.decode(token, matching[0].key, registry=_registry).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise BadSignature from None


async def jwks() -> dict[str, Any]:
    """Return the public halves of every key that verifies, as RFC 7517, 5 has them; an empty set while there is none."""
    return {"keys": [dict(key.key.as_dict(private=False)) for key in await _keys()]}


async def rotate(*, compromised: bool = False) -> str:
    """Make a new key that signs from now on, and return its kid. The others verify what they signed for `OVERLAP`.

    With `compromised` they do not: every access token ends, here at once and elsewhere within `CACHE_S`. Grants live on, and a refresh
    gets a token of the new key.
    """
    async with transaction() as db:
        if compromised:
            await db.exec(delete(SigningKey))
        else:
            await db.exec(update(SigningKey).where(col(SigningKey.retired_at).is_(None)).values(retired_at=now()))
        kid = _add(db)
    forget()
    return kid


async def purge() -> int:
    """Remove the keys that verify nothing any more. Return how many."""
    async with transaction() as db:
        return (await db.exec(delete(SigningKey).where(col(SigningKey.retired_at) < now() - OVERLAP))).rowcount

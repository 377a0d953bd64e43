"""Access tokens: JWTs of ten minutes, by RFC 9068. What stands in one is judged here; whether its grant lives, `tokens` asks."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from app.models import now
from app.services import signing_keys
from app.services.access import Scope
from app.services.errors import Unauthenticated
from app.services.signing_keys import LIFETIME, SKEW, BadSignature
from app.settings import settings

_SCOPES = frozenset(Scope)
NOT_OURS = "This is not a token of this Seamwatch, or it was changed on the way."
EXPIRED = "This access token has expired. Get another with the refresh token, or exchange the API token again."


@dataclass(frozen=True, slots=True)
class Claims:
    subject: str  # public id of the user, or of the workspace token
    client: str  # public id of the API token that was exchanged
    grant: str  # public id of the TokenGrant
    scopes: frozenset[Scope]
    expires_at: datetime


def issuer() -> str:
    return settings().public_url


def audience() -> str:
    """Return the resource that access tokens are for: this API."""
    return f"{issuer()}/api/v1"


async def mint(subject: str, client: str, grant: str, scopes: frozenset[Scope], until: datetime) -> tuple[str, int]:
    """Return an access token and in how many seconds it ends: ten minutes, or when the grant does."""
    at = now()
    expires_at = min(at + LIFETIME, until)
    issued = int(at.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer(),
        "aud": audience(),
        "sub": subject,
        "client_id": client,
        "sid": grant,
        "scope": " ".join(sorted(scopes)),
        "iat": issued,
        "nbf": issued,
        "exp": int(expires_at.timestamp()),
        "jti": secrets.token_urlsafe(12),
    }
    return await signing_keys.sign(claims), claims["exp"] - issued


async def read(token: str) -> Claims:
    """Return what an access token says, its signature and its claims checked.

    Raises:
        Unauthenticated: with a reason in words that can stand in a header.
    """
    # Without "essential" a missing claim, exp included, would pass.
    registry = JWTClaimsRegistry(
        leeway=int(SKEW.total_seconds()),
        iss={"essential": True, "value": issuer()},
        aud={"essential": True, "value": audience()},
        sub={"essential": True},
        client_id={"essential": True},
        sid={"essential": True},
        scope={"essential": True, "allow_blank": True},
        iat={"essential": True},
        nbf={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        claims = await signing_keys.verify(token)
        registry.validate(claims)
    except ExpiredTokenError:
        raise Unauthenticated(EXPIRED) from None
    except (BadSignature, JoseError, ValueError, TypeError, OverflowError):
        raise Unauthenticated(NOT_OURS) from None
    texts = [claims[name] for name in ("sub", "client_id", "sid", "scope")]
    if not all(isinstance(text, str) and len(text) <= 400 for text in texts):
        raise Unauthenticated(NOT_OURS)
    subject, client, grant, scope = texts
    scopes = frozenset(Scope(word) for word in scope.split() if word in _SCOPES)
    return Claims(subject, client, grant, scopes, datetime.fromtimestamp(claims["exp"], UTC))

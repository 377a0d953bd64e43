"""Where others look: the public halves of the signing keys, and where the OAuth endpoints are (RFC 8414)."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.oauth import EXCHANGE
from app.services import access_tokens, signing_keys
from app.services.access import Scope

router = APIRouter(prefix="/.well-known", tags=["oauth"])
JWKS_MAX_AGE_S = 300


@router.get("/jwks.json", summary="The keys that sign access tokens", operation_id="jwks")
async def jwks() -> JSONResponse:
    """A JWK set (RFC 7517). Whoever meets an unknown `kid` asks again. Signing keys stay for as long as what they signed counts.

    That a token is rightly signed does not say that it was not revoked since: ask the API itself where that matters.
    """
    keys = await signing_keys.jwks()
    # Empty until the first access token is made; whoever keeps that for five minutes would refuse it.
    caching = f"public, max-age={JWKS_MAX_AGE_S}" if keys["keys"] else "no-cache"
    return JSONResponse(keys, headers={"Cache-Control": caching}, media_type="application/jwk-set+json")


@router.get("/oauth-authorization-server", summary="Where the OAuth endpoints are", operation_id="oauth_metadata")
async def metadata() -> dict[str, Any]:
    """RFC 8414."""
    issuer = access_tokens.issuer()
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/api/v1/oauth/token",
        "revocation_endpoint": f"{issuer}/api/v1/oauth/revoke",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "grant_types_supported": [EXCHANGE, "refresh_token"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": list(Scope),
    }

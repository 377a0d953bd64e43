"""Who calls the API: `Authorization: Bearer` alone decides. A cookie counts for nothing here, so no other site can act for anybody."""

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from app.api.problems import Problem
from app.services import audit, bearers, rates
from app.services.access import Actor, Scope
from app.services.bearers import Credential
from app.services.errors import Unauthenticated
from app.services.rates import Rate

MAX_CHARS = 4096
NO_TOKEN = "Send an API token: Authorization: Bearer seam_pat_… Make one under Settings, Tokens."


class _Bearer(HTTPBearer):
    """RFC 6750, 2.1, and no other way: never the query, never the body."""

    async def __call__(self, request: Request) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        shown = request.headers.getlist("authorization")
        if not shown:
            raise Unauthenticated(NO_TOKEN)
        scheme, _, token = shown[0].partition(" ")
        if len(shown) > 1 or scheme.lower() != "bearer" or not 0 < len(token) <= MAX_CHARS:
            raise Unauthenticated("Send one Authorization header with one token: Bearer seam_pat_…")
        return token


_scheme = _Bearer(
    scheme_name="bearer",
    bearerFormat="API token or JWT",
    description=(
        "An API token (`seam_pat_…` of a person, `seam_wst_…` of a workspace) or an access token that one was exchanged for. "
        "Cookies do not count. The list beside an operation names the scope that it needs."
    ),
)


async def shown_token(token: Annotated[str, Depends(_scheme)]) -> str:
    return token


async def credential(request: Request, needed: SecurityScopes, token: Annotated[str, Depends(shown_token)]) -> Credential:
    """Return what was shown and whom it stands for. Whether they may is for the services to say.

    Raises:
        Unauthenticated: for what stands for nobody.
        Limited: too many of those from an address, or too many requests with one token.
    """
    try:
        found = await bearers.identify(token)
    except Unauthenticated:
        await rates.hit(Rate.API_ADDRESS, rates.of_address(audit.ADDRESS.get()))
        raise
    request.state.actor = found.actor
    request.state.scope = Scope(needed.scopes[0]) if needed.scopes else None
    await rates.hit(Rate.API_TOKEN, found.actor.token)
    return found


async def actor(found: Annotated[Credential, Depends(credential)]) -> Actor:
    return found.actor


# One for each scope: the description of the API names it, the services ask for it.
ReadsScans = Annotated[Actor, Security(actor, scopes=[Scope.SCANS_READ.value])]
WritesScans = Annotated[Actor, Security(actor, scopes=[Scope.SCANS_WRITE.value])]
ReadsWorkspace = Annotated[Actor, Security(actor, scopes=[Scope.WORKSPACE_READ.value])]
WritesWorkspace = Annotated[Actor, Security(actor, scopes=[Scope.WORKSPACE_WRITE.value])]
ReadsSecrets = Annotated[Actor, Security(actor, scopes=[Scope.SECRETS_READ.value])]
WritesSecrets = Annotated[Actor, Security(actor, scopes=[Scope.SECRETS_WRITE.value])]
ReadsMonitors = Annotated[Actor, Security(actor, scopes=[Scope.MONITORS_READ.value])]
WritesMonitors = Annotated[Actor, Security(actor, scopes=[Scope.MONITORS_WRITE.value])]
ReadsAudit = Annotated[Actor, Security(actor, scopes=[Scope.AUDIT_READ.value])]
AnyToken = Annotated[Credential, Security(credential)]
TheToken = Annotated[str, Security(shown_token)]


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors that an operation can answer, for its description; those of every operation among them."""
    texts = {
        400: "The body is not JSON.",
        401: "No token, or one that does not count. `WWW-Authenticate` says why (RFC 6750).",
        403: "The token may not do that: its scopes or the role do not reach. `WWW-Authenticate` names the scope that lacks.",
        404: "No such thing in this workspace. What is another's answers alike.",
        409: "It is not in a state in which this can be done.",
        422: "A field cannot be used; `fields` says which and why.",
        429: "Too many requests. `Retry-After` says in how many seconds to come again, where that is known.",
    }
    return {status: {"model": Problem, "description": texts[status]} for status in sorted({401, 403, 422, 429, *statuses})}

"""The OAuth endpoints: API tokens exchanged, refresh tokens used, tokens given back. They answer as RFC 6749, 5 says, errors too.

There are no clients to register: whoever holds an API token is the client, and that token its credential.
"""

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from app.services import access_tokens, audit, grants, rates
from app.services.access import Scope
from app.services.errors import Limited
from app.services.grants import Issued, OAuthError
from app.services.rates import Rate

router = APIRouter(prefix="/oauth", tags=["oauth"])
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
FORM = "application/x-www-form-urlencoded"
MAX_BYTES, MAX_PARAMETERS = 16_384, 30
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, 5.1


class TokenAnswer(BaseModel):
    access_token: str = Field(description="An ES256 JWT of the type `at+jwt` (RFC 9068).")
    issued_token_type: str | None = Field(default=None, description="Of an exchange.", examples=[ACCESS_TOKEN])
    token_type: str = Field(default="Bearer", examples=["Bearer"])
    expires_in: int = Field(description="In seconds.", examples=[600])
    refresh_token: str = Field(description="Works once: each use gives the next. A second use ends the grant.", examples=["seam_rt_…"])
    scope: str = Field(description="What the access token opens.", examples=["scans:read scans:write"])


class OAuthProblem(BaseModel):
    error: str = Field(description="A code of RFC 6749, 5.2.", examples=["invalid_grant"])
    error_description: str


def _form(required: dict[str, str], optional: dict[str, str], example: dict[str, str]) -> dict[str, Any]:
    """Describe the body: it is read by hand, since a parameter that comes twice must be refused."""
    fields = {name: {"type": "string", "description": text} for name, text in (required | optional).items()}
    schema = {"type": "object", "required": list(required), "properties": fields}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema, "example": example}}}}


async def _parameters(request: Request) -> dict[str, str]:
    """Return the parameters of the body; empty ones count as left out, unknown ones for nothing (RFC 6749, 3.2)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthError("invalid_request", f"Send the parameters as {FORM}.")
    body = await request.body()
    try:
        if len(body) > MAX_BYTES:
            raise ValueError
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise OAuthError("invalid_request", "The body cannot be read as a form.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthError("invalid_request", "A parameter comes more than once.")
    return {name: value for name, value in found.items() if value}


async def _count(request: Request) -> None:
    await rates.hit(Rate.TOKEN_EXCHANGE, rates.of_address(audit.ADDRESS.get()))


def _problem(error: OAuthError | Limited) -> JSONResponse:
    code, headers = error.code, dict(_NO_STORE)
    if isinstance(error, Limited):
        code = "temporarily_unavailable"
        headers["Retry-After"] = str(max(1, error.retry_after_s))
    return JSONResponse({"error": code, "error_description": error.message}, error.status, headers)


def _needed(parameters: dict[str, str], name: str) -> str:
    if name not in parameters:
        raise OAuthError("invalid_request", f"The parameter {name} is missing.")
    return parameters[name]


async def _exchange(parameters: dict[str, str]) -> Issued:
    """RFC 8693, 2.1."""
    api_token = _needed(parameters, "subject_token")
    if _needed(parameters, "subject_token_type") != ACCESS_TOKEN:
        raise OAuthError("invalid_request", f"The subject_token_type of an API token is {ACCESS_TOKEN}.")
    if parameters.get("requested_token_type", ACCESS_TOKEN) not in (ACCESS_TOKEN, JWT):
        raise OAuthError("invalid_request", f"The requested_token_type can be {ACCESS_TOKEN}.")
    if "actor_token" in parameters or "actor_token_type" in parameters:
        raise OAuthError("invalid_request", "Nobody acts for another here: leave actor_token out.")
    for name in ("resource", "audience"):
        if parameters.get(name, access_tokens.audience()) != access_tokens.audience():
            raise OAuthError("invalid_target", f"Tokens are for {access_tokens.audience()}.")
    return await grants.exchange(api_token, parameters.get("scope", ""))


@router.post(
    "/token",
    summary="Get an access token",
    operation_id="token",
    response_model=TokenAnswer,
    responses={
        400: {"model": OAuthProblem, "description": "As RFC 6749, 5.2: `invalid_request`, `invalid_grant`, `invalid_scope` …"},
        429: {"model": OAuthProblem, "description": "`temporarily_unavailable`; `Retry-After` says when to come again."},
    },
    openapi_extra=_form(
        {"grant_type": f"`{EXCHANGE}` or `refresh_token`."},
        {
            "subject_token": "For an exchange: the API token.",
            "subject_token_type": f"For an exchange: `{ACCESS_TOKEN}`.",
            "refresh_token": "For a refresh.",
            "scope": f"Narrows what the access token opens, parted by spaces: {', '.join(Scope)}.",
            "requested_token_type": f"`{ACCESS_TOKEN}`, which is what comes anyway.",
            "audience": "The API's address, which is the only one.",
        },
        {"grant_type": EXCHANGE, "subject_token": "seam_pat_…", "subject_token_type": ACCESS_TOKEN, "scope": "scans:read"},
    ),
)
async def token(request: Request) -> Response:
    """Exchange an API token for an access token of ten minutes and a refresh token (RFC 8693), or refresh it (RFC 6749, 6).

    A program that gets access tokens only never needs to hold the API token. A refresh token works once. Coming a second time, it ends
    the grant with all its tokens, and the audit log says so: of the two who sent it one copied it. A retry after a lost answer is
    such a second time too; exchange the API token again then. A grant ends after 30 days.
    """
    try:
        await _count(request)
        parameters = await _parameters(request)
        kind = _needed(parameters, "grant_type")
        if kind == EXCHANGE:
            issued = await _exchange(parameters)
        elif kind == "refresh_token":
            issued = await grants.refresh(_needed(parameters, "refresh_token"), parameters.get("scope", ""))
        else:
            raise OAuthError("unsupported_grant_type", f"There are {EXCHANGE} and refresh_token.")
    except (OAuthError, Limited) as error:
        return _problem(error)
    answer = TokenAnswer(
        access_token=issued.access_token,
        issued_token_type=ACCESS_TOKEN if kind == EXCHANGE else None,
        expires_in=issued.expires_in_s,
        refresh_token=issued.refresh_token,
        scope=" ".join(issued.scopes),
    )
    return JSONResponse(answer.model_dump(exclude_none=True), headers=_NO_STORE)


@router.post(
    "/revoke",
    summary="Give a token back",
    operation_id="revoke_token",
    response_class=Response,
    responses={
        200: {"description": "It does not count any more, or never did."},
        400: {"model": OAuthProblem, "description": "`invalid_request`."},
        429: {"model": OAuthProblem, "description": "`temporarily_unavailable`; `Retry-After` says when to come again."},
    },
    openapi_extra=_form(
        {"token": "Any of ours."}, {"token_type_hint": "Not needed: tokens tell by their looks what they are."}, {"token": "seam_rt_…"}
    ),
)
async def revoke(request: Request) -> Response:
    """RFC 7009. A refresh or an access token ends with its grant, an API token with all of its grants. To hold it is enough."""
    try:
        await _count(request)
        await grants.give_back(_needed(await _parameters(request), "token"))
    except (OAuthError, Limited) as error:
        return _problem(error)
    return Response(status_code=200, headers=_NO_STORE)

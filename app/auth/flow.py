"""One sign-in at a provider, without pages: away to it with something remembered, and back with who arrived.

What was started stands in a single-use row, tied to this browser by `marker`. What a provider wrote is logged and never shown.
"""

import logging
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from joserfc.errors import JoseError
from starlette.requests import Request

from app.auth import arrivals
from app.auth.clients import PinnedApp, ProviderError
from app.services import audit, rates
from app.services.arrival import Arrival
from app.services.errors import Forbidden
from app.services.rates import Rate
from app.services.ways_in import redirect_uri

EXPIRED = "state expired"
_logger = logging.getLogger(__name__)
_MAX_PARAMETER_CHARS = 4096
# What a provider may say instead of a code (RFC 6749, 4.1.2.1), in our words.
_ERRORS = {
    "access_denied": "it was declined there",
    "temporarily_unavailable": "it is not available just now",
    "server_error": "it has an error of its own",
}


class NotConfirmed(Exception):
    """The provider did not confirm the sign-in. The text completes "… did not confirm the sign-in (…)."."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a sign-in at a provider was started for."""

    goal: str = "/"
    invitation: str = ""
    link_session: str = ""  # hash of the session whose user links an account; "" to sign in


@dataclass(frozen=True, slots=True)
class Started:
    """What a browser comes back to: the row that it took, once."""

    purpose: Purpose
    redirect_uri: str
    code_verifier: str
    nonce: str  # "" for GitHub, which has no ID tokens


async def start(request: Request, client: PinnedApp, purpose: Purpose) -> str:
    """Remember what is started and return the provider's address to go to.

    Raises:
        Limited: too many from this address.
        NotConfirmed: the provider's discovery document cannot be had or used.
    """
    await rates.hit(Rate.SIGN_IN, rates.of_address(audit.ADDRESS.get()))
    # Whoever links an account may be signed in there with another one than meant.
    choose = {"prompt": "select_account"} if purpose.link_session and client.provider.kind != "oidc" else {}
    uri = redirect_uri(client.provider.key)
    try:
        made = await client.create_authorization_url(uri, **choose)
    except Exception as error:
        raise _not_confirmed(client, error) from error
    await client.save_authorize_data(
        request, redirect_uri=uri, goal=purpose.goal, invitation=purpose.invitation, link_session=purpose.link_session, **made
    )
    return made["url"]


async def started(request: Request, client: PinnedApp) -> Started:
    """Take what this browser started with the state that came back.

    Raises:
        NotConfirmed: this browser started nothing of the kind, it was used already, or ten minutes have passed.
    """
    state = request.query_params.get("state", "")
    data: dict[str, Any] | None = await client.framework.get_state_data(request.session, state[:_MAX_PARAMETER_CHARS])
    await client.framework.clear_state_data(request.session, state)
    if not data:
        if request.query_params.get("error") == "access_denied":
            raise NotConfirmed(_ERRORS["access_denied"])  # some providers forget the state then
        raise NotConfirmed(EXPIRED)
    purpose = Purpose(data["goal"], data["invitation"], data["link_session"])
    return Started(purpose, data["redirect_uri"], data["code_verifier"], data.get("nonce", ""))


async def arrival(request: Request, client: PinnedApp, of: Started) -> Arrival:
    """Redeem the code and return who arrived.

    Raises:
        NotConfirmed: with the reason, for people.
        Forbidden: the provider does not say who they are.
    """
    query = request.query_params
    if error := query.get("error"):
        _logger.warning("%s refused a sign-in: %.80r %.200r", client.provider.key, error, query.get("error_description", ""))
        raise NotConfirmed(_ERRORS.get(error, "it refused"))
    code = query.get("code", "")
    if not 0 < len(code) <= _MAX_PARAMETER_CHARS:
        raise NotConfirmed("its answer is incomplete")
    try:
        await _check_sender(client, query.get("iss"))
        token = await client.fetch_access_token(code=code, redirect_uri=of.redirect_uri, code_verifier=of.code_verifier)
        if client.provider.kind == "github":
            return await arrivals.of_github(client, token)
        return await arrivals.of_openid(client, token, of.nonce)
    except Forbidden:
        raise
    except Exception as error:
        raise _not_confirmed(client, error) from error


async def _check_sender(client: PinnedApp, issuer: str | None) -> None:
    """Refuse an answer that names another issuer (RFC 9207): it would be one provider's code at another's token endpoint."""
    metadata = await client.load_server_metadata()
    must = metadata.get("authorization_response_iss_parameter_supported") is True
    if (issuer is not None or must) and client.provider.kind != "github" and issuer != client.provider.issuer:
        raise ProviderError(f"the answer names the issuer {issuer!r}")


def _not_confirmed(client: PinnedApp, error: Exception) -> NotConfirmed:
    """Log what went wrong with a provider and return it in a few words for people."""
    key = client.provider.key
    if isinstance(error, TimeoutError | httpx2.HTTPError):
        _logger.warning("%s does not answer as it should: %s %.300s", key, type(error).__name__, error)
        return NotConfirmed("it did not answer" if isinstance(error, TimeoutError | httpx2.TransportError) else "it answered with an error")
    if isinstance(error, JoseError | AuthlibBaseError | ProviderError):
        _logger.warning("%s: a sign-in does not count: %s %.300s", key, type(error).__name__, error)
        return NotConfirmed("its answer does not count; the log says why")
    _logger.error("%s: a sign-in failed", key, exc_info=error)
    return NotConfirmed("its answer cannot be read; the log says why")

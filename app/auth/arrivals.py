"""From what a provider says to who arrived: the claims of an ID token, or GitHub's answers."""

import logging
from typing import Any

import httpx2

from app.auth.clients import PinnedApp, ProviderError
from app.services.arrival import MAX_LABEL_CHARS, MAX_NAME_CHARS, Arrival, shown
from app.settings import settings

LEEWAY_S = 60
MAX_ORG_PAGES = 10  # of 100 each
_ADDRESS = ("email", "email_verified")
_logger = logging.getLogger(__name__)


async def of_openid(client: PinnedApp, token: dict[str, Any], nonce: str) -> Arrival:
    """Check the ID token and return who it is about.

    Raises:
        ProviderError, JoseError, ValueError: it does not count.
    """
    if "id_token" not in token:
        raise ProviderError("the answer holds no ID token")
    issuer, client_id = client.provider.issuer, client.client_id
    claims = await client.parse_id_token(
        token,
        nonce=nonce,
        claims_options={
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        },
        leeway=LEEWAY_S,
    )
    if not claims or not isinstance(claims.get("sub"), str):
        raise ProviderError("the ID token does not say who it is about")
    found: dict[str, Any] = dict(claims)
    if not {*_ADDRESS} <= found.keys():
        told = await _userinfo(client, token, found["sub"])
        # Both of one source: that the one verified an address says nothing of another in the other.
        lacking = found if "email" in told else told
        for name in _ADDRESS:
            lacking.pop(name, None)
        found = {**told, **found}
    email = shown(found.get("email"), MAX_LABEL_CHARS)
    return Arrival(
        provider=client.provider.key,
        issuer=issuer,
        subject=found["sub"],
        name=shown(found.get("name"), MAX_NAME_CHARS),
        email=email if "@" in email else "",
        email_verified=found.get("email_verified") is True or found.get("email_verified") == "true",  # some send it as text
        label=email or shown(found.get("preferred_username"), MAX_LABEL_CHARS),
    )


async def _userinfo(client: PinnedApp, token: dict[str, Any], subject: str) -> dict[str, Any]:
    """Return the claims of the userinfo endpoint, where many providers keep name and address; {} when it has none to give.

    Raises:
        ProviderError: they are about somebody else (OpenID Connect Core 1.0, 5.3.2).
    """
    endpoint = (await client.load_server_metadata()).get("userinfo_endpoint")
    if not endpoint or "access_token" not in token:
        return {}
    answer = await client.get(endpoint, token=token)
    if answer.status_code != 200 or not answer.headers.get("content-type", "").startswith("application/json"):
        _logger.warning("%s answers its userinfo with %s; going on without", client.provider.key, answer.status_code)
        return {}
    claims = answer.json()
    if not isinstance(claims, dict) or claims.get("sub") != subject:
        raise ProviderError("the userinfo is about somebody else")
    return claims


async def of_github(client: PinnedApp, token: dict[str, Any]) -> Arrival:
    """Ask GitHub who the token is of.

    Raises:
        ProviderError: GitHub does not say.
    """
    user = await _github(client, token, "/user")
    number = user.get("id") if isinstance(user, dict) else None
    if not isinstance(user, dict) or not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise ProviderError("GitHub gives no id of the user")
    emails = await _github(client, token, "/user/emails")
    # Of /user the address is what the user chose to show, verified or not. Only this list says which one is.
    email = next((one["email"] for one in _objects(emails) if one.get("primary") is True and one.get("verified") is True), "")
    login = shown(user.get("login"), MAX_LABEL_CHARS)
    return Arrival(
        provider=client.provider.key,
        issuer=client.provider.issuer,
        subject=str(number),  # the login can be changed, and then taken by somebody else
        name=shown(user.get("name"), MAX_NAME_CHARS) or login,
        email=shown(email, MAX_LABEL_CHARS),
        email_verified=bool(email),
        orgs=await _orgs(client, token) if settings().join_github_orgs else (),
        label=login,
    )


async def _orgs(client: PinnedApp, token: dict[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for page in range(1, MAX_ORG_PAGES + 1):
        rows = _objects(await _github(client, token, f"/user/orgs?per_page=100&page={page}"))
        found += [one["login"] for one in rows if isinstance(one.get("login"), str)]
        if len(rows) < 100:
            break
    return tuple(found)


def _objects(found: object) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


async def _github(client: PinnedApp, token: dict[str, Any], path: str) -> object:
    headers = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
    answer: httpx2.Response = await client.get(f"{client.provider.api_url}{path}", token=token, headers=headers)
    if answer.status_code in (403, 404) and path != "/user":
        return None  # the user did not grant this; then there is no verified address, or no organisation
    answer.raise_for_status()
    return answer.json()

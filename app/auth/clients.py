"""Authlib's clients for the configured providers, with what its defaults leave open closed.

Measured with Authlib 1.9.9: it accepts an ID token with `alg: none` when the discovery document lists "none", looks at `aud` only
through `azp`, does not compare the document's issuer with the configured one, keeps that document for ever, hands all of it to the
HTTP client as options, and fetches the keys anew for each unknown `kid`.
"""

import asyncio
import functools
import logging
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.starlette_client import OAuth, StarletteIntegration, StarletteOAuth2App

from app.core.urls import is_loopback_host
from app.services import ceremonies
from app.settings import VERSION, Settings, settings
from app.settings.providers import Provider

_logger = logging.getLogger(__name__)
SAFE_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
ANSWER_S = 10.0  # for one answer, from the first byte sent to the last received
MAX_ANSWER_BYTES = 512_000
METADATA_S = 3600.0  # how long a discovery document counts, and with it the keys
REFETCH_S = 60.0  # how often at most the keys are fetched anew for an unknown `kid`
MAX_STARTED = 5  # sign-ins at one provider that a browser can have open: one a tab
_KEPT = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "authorization_response_iss_parameter_supported",
)


class ProviderError(Exception):
    """The provider's answer cannot be used. The text is for the operator's log."""


class BoundedClient(AsyncOAuth2Client):
    """Reads no more than `MAX_ANSWER_BYTES`, for no longer than `ANSWER_S`."""

    async def send(self, request: httpx2.Request, *, stream: bool = False, **kwargs: Any) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"  # or a small answer could unpack to a large one
        async with asyncio.timeout(ANSWER_S):
            response: httpx2.Response = await super().send(request, stream=True, **kwargs)  # pyright: ignore[reportAttributeAccessIssue]
            try:
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise ProviderError(f"{request.url.host} packed its answer, though asked not to")
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise ProviderError(f"{request.url.host} answers with more than {MAX_ANSWER_BYTES} bytes")
            finally:
                await response.aclose()
        return httpx2.Response(response.status_code, headers=response.headers, content=bytes(body), request=request)


class PinnedApp(StarletteOAuth2App):
    """A provider's client whose discovery document is checked before anything of it is used."""

    client_cls = BoundedClient
    provider: Provider
    server_metadata: dict[str, Any]
    document_url = ""  # of the discovery document; "" for GitHub, which has none
    _keys_at = -REFETCH_S

    async def load_server_metadata(self) -> dict[str, Any]:
        if not self.document_url or time.time() - self.server_metadata.get("_loaded_at", 0) < METADATA_S:
            return self.server_metadata
        async with self._get_session() as client:  # pyright: ignore[reportAttributeAccessIssue]
            answer = await client.request("GET", self.document_url, withhold_token=True)
        answer.raise_for_status()
        self.server_metadata = {**checked_metadata(answer.json(), self.provider.issuer), "_loaded_at": time.time()}
        return self.server_metadata

    async def fetch_jwk_set(self, force: bool = False) -> dict[str, Any]:
        if force and time.monotonic() - self._keys_at < REFETCH_S:
            raise ProviderError("an ID token names a key that the provider does not have")
        if force or "jwks" not in self.server_metadata:
            self._keys_at = time.monotonic()
        return await super().fetch_jwk_set(force)


def checked_metadata(found: object, issuer: str) -> dict[str, Any]:
    """Return what is needed of a discovery document.

    Raises:
        ProviderError: it is another issuer's, lacks an endpoint, names one without TLS, or offers no safe signature.
    """
    if not isinstance(found, dict):
        raise ProviderError("the discovery document is no object")
    if found.get("issuer") != issuer:
        raise ProviderError(f"the discovery document is of issuer {found.get('issuer')!r}, but {issuer!r} is configured")
    kept = {name: found[name] for name in _KEPT if name in found}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(kept.get(name), str):
            raise ProviderError(f"the discovery document has no {name}")
    for name, value in kept.items():
        if name.endswith(("_endpoint", "_uri")) and not _trusted(value):
            raise ProviderError(f"the discovery document's {name} is not https")
    offered = found.get("id_token_signing_alg_values_supported")
    algorithms = [name for name in offered if name in SAFE_ALGORITHMS] if isinstance(offered, list) else ["RS256"]
    if not algorithms:
        raise ProviderError("the provider offers no signature that counts as safe")
    methods = found.get("token_endpoint_auth_methods_supported")
    if isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods:
        kept["token_endpoint_auth_method"] = "client_secret_post"
    return {**kept, "id_token_signing_alg_values_supported": algorithms}


def _trusted(address: object) -> bool:
    """Whether answers from there cannot be changed on the way."""
    if not isinstance(address, str):
        return False
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(parts.hostname or "")))


class Rows:
    """Authlib's cache over single-use rows: reading takes."""

    async def get(self, key: str) -> str | None:
        value = await ceremonies.take(f"oauth|{key}")
        return value["data"] if value else None

    async def set(self, key: str, value: str, _expires_in: float) -> None:
        await ceremonies.begin(f"oauth|{key}", {"data": value})

    async def delete(self, key: str) -> None:
        """Nothing is left to delete: Authlib has read before."""


class Integration(StarletteIntegration):
    """Lets a browser have more than one sign-in open, one a tab."""

    expires_in = int(ceremonies.LIFETIME.total_seconds())

    async def set_state_data(self, session: dict[str, Any] | None, state: str, data: Any) -> None:
        prefix = f"_state_{self.name}_"
        started = {key: value for key, value in (session or {}).items() if key.startswith(prefix)}
        await super().set_state_data(session, state, data)  # which drops all others from the session
        if session is not None:
            session |= dict(list(started.items())[-(MAX_STARTED - 1) :])


class Registry(OAuth):
    oauth2_client_cls = PinnedApp
    framework_integration_cls = Integration


@functools.lru_cache(maxsize=4)
def _registry(of: Settings) -> dict[str, PinnedApp]:
    trust = httpx2.create_ssl_context()
    if of.ca_file:
        try:
            trust.load_verify_locations(of.ca_file)
        except OSError as error:
            _logger.error("%s holds no certificates, so it is not used for providers: %s", of.ca_file, error)
    registry = Registry(cache=Rows())
    found: dict[str, PinnedApp] = {}
    for provider in of.providers:
        options: dict[str, Any] = {"scope": provider.scope, "code_challenge_method": "S256", "timeout": ANSWER_S, "verify": trust}
        where: dict[str, Any] = {}
        if provider.kind == "github":
            where["authorize_url"] = f"{provider.issuer}/login/oauth/authorize"
            where["access_token_url"] = f"{provider.issuer}/login/oauth/access_token"
            options["token_endpoint_auth_method"] = "client_secret_post"
        client = registry.register(
            provider.key,
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            client_kwargs=options,
            user_agent=f"Seamwatch/{VERSION}",
            **where,
        )
        assert isinstance(client, PinnedApp)
        client.provider = provider
        if provider.kind != "github":
            client.document_url = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        found[provider.key] = client
    return found


def client_of(key: str) -> PinnedApp | None:
    """Return the client of a configured provider; None for any other key."""
    return _registry(settings()).get(key)

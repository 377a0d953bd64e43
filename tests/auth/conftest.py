"""What the tests of signing in share: providers on loopback, configured, and a browser without pages."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
import trustme

from app import web
from app.services import rates, sessions
from app.services.access import Actor
from app.settings import _settings
from tests.identity_providers import CLIENT_ID, CLIENT_SECRET, Forger, GitHub

OURS = "http://localhost:3000"


@pytest.fixture
def github() -> Iterator[GitHub]:
    made = GitHub()
    yield made
    made.close()


@pytest.fixture
def forger() -> Iterator[Forger]:
    made = Forger()
    yield made
    made.close()


@pytest.fixture(scope="session")
def one_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One trusted root. Providers here speak plain HTTP, and each of their many clients would read all the roots there are."""
    path = tmp_path_factory.mktemp("roots") / "root.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


@pytest_asyncio.fixture
async def configured(
    database: Path, configure: pytest.MonkeyPatch, github: GitHub, forger: Forger, one_root: Path
) -> AsyncIterator[pytest.MonkeyPatch]:
    """Settings with GitHub (the stand-in) and one OpenID provider (the forger); anybody may join."""
    configure.setenv("SSL_CERT_FILE", str(one_root))
    for name in ("GITHUB", "OIDC_FORGER"):
        configure.setenv(f"SEAMWATCH_{name}_CLIENT_ID", CLIENT_ID)
        configure.setenv(f"SEAMWATCH_{name}_CLIENT_SECRET", CLIENT_SECRET)
    configure.setenv("SEAMWATCH_GITHUB_URL", github.url)
    configure.setenv("SEAMWATCH_GITHUB_API_URL", f"{github.url}/api")
    configure.setenv("SEAMWATCH_OIDC_FORGER_ISSUER", forger.url)
    configure.setenv("SEAMWATCH_JOIN_OPEN", "on")
    _settings.cache_clear()
    yield configure
    await rates.close()


class Browser(httpx.AsyncClient):
    """Keeps cookies as a browser does, and follows no redirect by itself."""

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Go where a redirect leads: over the network to a provider, else to us."""
        assert answer.status_code in (302, 303), answer.text
        return await self.go(answer.headers["location"])

    async def go(self, address: str) -> httpx.Response:
        if urlsplit(address).netloc == "localhost:3000":
            return await self.get(address)
        async with httpx.AsyncClient() as outside:
            return await outside.get(address)

    async def actor(self) -> Actor | None:
        """Return whom the session cookie signs in."""
        return await sessions.actor(f"seam={self.cookies['seam']}" if "seam" in self.cookies else "")

    async def come_back(self, provider: str, login: str = "octo", **start: str) -> str:
        """Start a sign-in, have the provider confirm it, and return the address that it sends the browser back to."""
        away = await self.get(f"/auth/login/{provider}", params=start)
        assert away.status_code == 302, away.text
        return await self.confirm(away.headers["location"], login)

    async def confirm(self, address: str, login: str = "octo") -> str:
        """Confirm at the provider and return the address that it sends the browser back to."""
        async with httpx.AsyncClient() as outside:
            if "/login/oauth/" in address:
                query = dict(httpx.URL(address).params)
                answer = await outside.post(address.partition("?")[0], data={**query, "user": login})
            else:
                answer = await outside.get(address)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def sign_in(self, provider: str, login: str = "octo", **start: str) -> httpx.Response:
        return await self.get(await self.come_back(provider, login, **start))


@pytest_asyncio.fixture
async def open_browser(configured: pytest.MonkeyPatch):
    """Return a function that opens a new browser."""
    async with AsyncExitStack() as stack:

        async def open_one() -> Browser:
            transport = httpx.ASGITransport(web.Guard(web.api))
            return await stack.enter_async_context(Browser(transport=transport, base_url=OURS, headers={"origin": OURS}))

        yield open_one


@pytest_asyncio.fixture
async def browser_of_alice(open_browser) -> Browser:
    return await open_browser()

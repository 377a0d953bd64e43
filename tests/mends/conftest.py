"""One event loop in a thread of its own, with the browser and the scanner on it: the tests themselves stay synchronous."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.async_api import Page, Playwright, async_playwright

from app.core.observation import ScanRequest
from app.core.report import Report
from app.engine.scan import run
from app.net import AddressPolicy, Net
from tests.mends.sites import MOVED, OTHER, SHOP, Site, end_django_forks, server_certificate

Result = TypeVar("Result")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {SHOP} 127.0.0.1,MAP {OTHER} 127.0.0.1,MAP {MOVED} 127.0.0.1",
]
OUTCOME = "() => document.body && document.body.dataset.outcome"


class Loop:
    """An event loop that other threads hand their coroutines to."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(120)

    def close(self) -> None:
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session", autouse=True)
def _end_django_forks() -> Iterator[None]:
    yield
    end_django_forks()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return server_certificate(tmp_path_factory.mktemp("certificates"))


class Visitor:
    """Someone with a real Chromium, who opens a page and sees what became of its call."""

    def __init__(self, loop: Loop, page: Page) -> None:
        self._loop, self._page = loop, page

    def outcome(self, url: str) -> str:
        """Return what the page's script wrote about its call, from a browser that remembers nothing."""
        return self._loop.run(self._outcome(url))

    async def _outcome(self, url: str) -> str:
        await self._page.context.clear_cookies()
        await self._page.goto(url)
        try:
            outcome = await self._page.wait_for_function(OUTCOME)
            return str(await outcome.json_value())
        finally:
            await self._page.goto("about:blank")  # one tab for all: a new one for each visit costs more than the visit


@pytest.fixture(scope="session")
def visitor(loop: Loop, chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    profile = tmp_path_factory.mktemp("profile")
    # Debian's Chromium blocks third-party cookies in a fresh profile; 2 is Chrome's default, which blocks them in Incognito only.
    (profile / "Default").mkdir()
    (profile / "Default" / "Preferences").write_text(json.dumps({"profile": {"cookie_controls_mode": 2}}))

    async def start() -> tuple[Playwright, Page]:
        playwright = await async_playwright().start()
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium_path, args=ARGUMENTS, ignore_https_errors=True
        )
        page = context.pages[0]
        # Without cache: a permanent redirect or a preflight of the faulty run would answer for the mended one.
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        return playwright, page

    async def stop(playwright: Playwright, page: Page) -> None:
        await page.context.close()
        await playwright.stop()

    playwright, page = loop.run(start())
    yield Visitor(loop, page)
    loop.run(stop(playwright, page))


class Scanner:
    """The scanner as the command line uses it, with the sites' names resolved to loopback."""

    def __init__(self, loop: Loop, authority: Path) -> None:
        self._loop, self._authority = loop, authority

    def report(self, site: Site) -> Report:
        return self._loop.run(self._report(site))

    async def _report(self, site: Site) -> Report:
        policy = AddressPolicy(mode="private")
        async with Net(policy, user_agent="Seamwatch-tests", ca_file=str(self._authority), resolve=site.resolve) as net:
            return await run(ScanRequest(site.page_url), net)


@pytest.fixture(scope="session")
def scanner(loop: Loop, certificates: tuple[Path, Path]) -> Scanner:
    return Scanner(loop, certificates[1])

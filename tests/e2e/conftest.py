"""What the tests of the pages share: a signed-in browser, and what holds on every page.

Browser profiles and their first tabs are made once, and emptied after each test. A new profile fetches and compiles our scripts again,
and a new tab is a new process of Chromium's: each costs more than loading a page.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Error, Page, ViewportSize, expect

from tests.conftest import PUBLIC_URL, Running

# Five seconds are too few for a page while other tests have both cores; one that is there at once costs no more for it.
expect.set_options(timeout=30_000)

SIZES: dict[str, ViewportSize] = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 375, "height": 812}}
AXE_RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# A theme changes colours and nothing else, so of one page in two themes these rules alone may say two things.
AXE_RULES_OF_COLOUR = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
LOOK = """async rules => {
    if (!document.getElementById("bars-do-not-cover")) {
        // The bars stand over whatever row is below them just now; scrolled, nothing is covered.
        const style = Object.assign(document.createElement("style"), {id: "bars-do-not-cover"});
        style.textContent = ".top, .bar { position: static !important }";
        document.head.append(style);
    }
    // What a change of the theme sets in motion begins with the next frame.
    await new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)));
    const ends = document.getAnimations().filter(one => one.effect.getTiming().iterations === 1).map(one => one.finished);
    await Promise.allSettled(ends);
    const {violations} = await axe.run({runOnly: rules, resultTypes: ["violations"]});
    return violations.flatMap(({id, nodes}) => nodes.map(node => `${id}: ${node.target} ${(node.failureSummary || "").slice(0, 200)}`));
}"""


async def sign_in(page: Page, link: str) -> None:
    """Open an owner link and press its button; ends on the page that the link leads to."""
    await page.goto(link)
    if await page.get_by_label("Your name").count():
        await page.get_by_label("Your name").fill("Alice Okoye")
    await page.get_by_role("button", name="Sign in").click()


@dataclass(frozen=True)
class Profile:
    """A browser profile and its first tab, which stays open."""

    context: BrowserContext
    tab: Page
    devtools: CDPSession  # of the tab

    @classmethod
    async def of(cls, browser: Browser) -> "Profile":
        context = await browser.new_context(base_url=PUBLIC_URL, locale="en-US")
        tab = await context.new_page()
        return cls(context, tab, await context.new_cdp_session(tab))

    async def empty(self, *, sign_out: bool = True) -> None:
        """Forget what a test left: tabs, storage, permissions, how the tab is shown, and the cookies if it is to `sign_out`."""
        for page in self.context.pages:
            if page is not self.tab:
                await page.close()
        await self.tab.unroute_all()
        # A page that is told just now that its session has ended goes elsewhere by itself, and where we go would not be reached.
        await self.devtools.send("Emulation.setScriptExecutionDisabled", {"value": True})
        await self.tab.goto("/healthz")
        await self.devtools.send("Emulation.setScriptExecutionDisabled", {"value": False})
        await self.tab.evaluate("localStorage.clear(); sessionStorage.clear()")
        await self.tab.goto("about:blank")
        await self.tab.mouse.move(0, 0)
        await self.tab.set_viewport_size({"width": 1280, "height": 720})
        await self.tab.emulate_media(color_scheme="light")
        await self.context.clear_permissions()
        if sign_out:
            await self.context.clear_cookies()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _profiles(browser: Browser) -> AsyncIterator[tuple[Profile, Profile]]:
    profiles = await Profile.of(browser), await Profile.of(browser)
    yield profiles
    for profile in profiles:
        await profile.context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def _here(_profiles: tuple[Profile, Profile], seamwatch: Running) -> AsyncIterator[Profile]:
    yield _profiles[0]
    await _profiles[0].empty()


@pytest.fixture
def context(_here: Profile) -> BrowserContext:
    """A browser profile without a cookie and without storage."""
    return _here.context


@pytest.fixture
def page(_here: Profile) -> Page:
    """Its first tab. Who listens to it, or sets it up for a test, uses a new one, or ends that with the test."""
    return _here.tab


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(_profiles: tuple[Profile, Profile], seamwatch: Running) -> AsyncIterator[Profile]:
    """A second browser, as empty."""
    yield _profiles[1]
    await _profiles[1].empty()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def signed_in(browser: Browser, seamwatch: Running) -> AsyncIterator[Profile]:
    """A browser profile in which Alice has signed in, who owns the first workspace; one link for all tests."""
    profile = await Profile.of(browser)
    await sign_in(profile.tab, await asyncio.to_thread(seamwatch.owner_link))
    await profile.tab.get_by_role("link", name="Incidents").first.wait_for()
    yield profile
    await profile.context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def owner_context(signed_in: Profile) -> AsyncIterator[BrowserContext]:
    """The browser profile in which the owner is signed in. A test that ends sessions needs one of its own."""
    yield signed_in.context
    await signed_in.empty(sign_out=False)


@pytest.fixture
def owner(owner_context: BrowserContext, signed_in: Profile) -> Page:
    """The first tab of the signed-in owner."""
    return signed_in.tab


class Complaints(list[str]):
    """Errors and warnings of a tab's console, and exceptions of its scripts."""

    def __init__(self) -> None:
        self._pages: list[Page] = []

    def listen(self, page: Page) -> None:
        self._pages.append(page)
        page.on("console", self._console)
        page.on("pageerror", self._error)

    def end(self) -> None:
        for page in self._pages:
            page.remove_listener("console", self._console)
            page.remove_listener("pageerror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.append(message.text)

    def _error(self, error: Error) -> None:
        self.append(str(error))


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    complaints = Complaints()
    yield complaints
    complaints.end()


async def violations(page: Page, rules: dict[str, object] = AXE_RULES) -> list[str]:
    """Return what axe finds wrong with the page as it stands, one line each."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(Axe().axe_script)
    return await page.evaluate(LOOK, rules)


async def faults(page: Page) -> list[str]:
    """Return what is wrong with the page at both widths and in both themes: what axe finds, and scrolling sideways."""
    found: list[str] = []
    for size, themes in (("wide", ("light", "dark")), ("phone", ("dark", "light"))):
        await page.set_viewport_size(SIZES[size])
        for theme, rules in zip(themes, (AXE_RULES, AXE_RULES_OF_COLOUR), strict=True):
            await page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
            found += [f"{size}, {theme}: {fault}" for fault in await violations(page, rules)]
        if sideways := await sideways_px(page):
            found.append(f"{size}: {sideways} px sideways")
    return found


async def sideways_px(page: Page) -> int:
    """Return by how much the page can be scrolled sideways."""
    return await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

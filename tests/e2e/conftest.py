"""What the tests of the pages share: a signed-in browser, and what holds on every page.

Browser profiles are made once and emptied after each test, all but their cache: a new one fetches and compiles our scripts again,
which costs as much as two loads of a page.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect

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


async def _profile(browser: Browser) -> BrowserContext:
    return await browser.new_context(base_url=PUBLIC_URL, locale="en-US")


async def _empty(context: BrowserContext, *, sign_out: bool = True) -> None:
    """Close a profile's tabs and forget what they stored and were granted."""
    pages = context.pages
    if pages:
        session = await context.new_cdp_session(pages[0])
        await session.send("Storage.clearDataForOrigin", {"origin": PUBLIC_URL, "storageTypes": "local_storage"})
    for page in pages:
        await page.close()
    await context.clear_permissions()
    if sign_out:
        await context.clear_cookies()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _profiles(browser: Browser) -> AsyncIterator[tuple[BrowserContext, BrowserContext]]:
    profiles = await _profile(browser), await _profile(browser)
    yield profiles
    for profile in profiles:
        await profile.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(_profiles: tuple[BrowserContext, BrowserContext]) -> AsyncIterator[BrowserContext]:
    """A browser profile without a cookie and without storage."""
    yield _profiles[0]
    await _empty(_profiles[0])


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(_profiles: tuple[BrowserContext, BrowserContext]) -> AsyncIterator[BrowserContext]:
    """The same in a second browser."""
    yield _profiles[1]
    await _empty(_profiles[1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def signed_in(browser: Browser, seamwatch: Running) -> AsyncIterator[BrowserContext]:
    """A browser profile in which Alice has signed in, who owns the first workspace; one link for all tests."""
    context = await _profile(browser)
    page = await context.new_page()
    await sign_in(page, await asyncio.to_thread(seamwatch.owner_link))
    await page.get_by_role("link", name="Incidents").first.wait_for()
    await page.close()
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def owner_context(signed_in: BrowserContext) -> AsyncIterator[BrowserContext]:
    """The browser profile in which the owner is signed in. A test that ends sessions needs one of its own."""
    yield signed_in
    await _empty(signed_in, sign_out=False)


@pytest_asyncio.fixture(loop_scope="session")
async def owner(owner_context: BrowserContext) -> Page:
    """A tab of the signed-in owner."""
    return await owner_context.new_page()


class Complaints(list[str]):
    """Errors and warnings of a tab's console, and exceptions of its scripts."""

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.append(message.text)


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


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

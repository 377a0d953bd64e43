"""What the tests of the pages share: a signed-in browser, and the two things that hold on every page."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.conftest import PUBLIC_URL, Running

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def sign_in(page: Page, link: str) -> None:
    """Open an owner link and press its button; ends on the page that the link leads to."""
    await page.goto(link)
    if await page.get_by_label("Your name").count():
        await page.get_by_label("Your name").fill("Alice Okoye")
    await page.get_by_role("button", name="Sign in").click()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def signed_in_state(browser: Browser, seamwatch: Running):
    """Cookies of a signed-in owner; one link for all tests."""
    context = await browser.new_context(base_url=PUBLIC_URL, locale="en-US")
    page = await context.new_page()
    await sign_in(page, await asyncio.to_thread(seamwatch.owner_link))
    await page.get_by_role("link", name="Incidents").first.wait_for()
    state = await context.storage_state()
    await context.close()
    return state


@pytest_asyncio.fixture(loop_scope="session")
async def owner_context(browser: Browser, signed_in_state) -> AsyncIterator[BrowserContext]:
    """A browser profile in which the owner is signed in."""
    context = await browser.new_context(base_url=PUBLIC_URL, locale="en-US", storage_state=signed_in_state)
    yield context
    await context.close()


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


async def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with the page as it stands, one line each."""
    # The bars stand over whatever row is below them just now; scrolled, nothing is covered.
    await page.add_style_tag(content=".top, .bar { position: static !important }")
    # What a change of the theme sets in motion begins with the next frame.
    await page.evaluate("new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)))")
    await page.evaluate(
        "Promise.all(document.getAnimations().filter(one => one.effect.getTiming().iterations === 1).map(one => one.finished))"
    )
    results = await Axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_TAGS}, "resultTypes": ["violations"]})
    return [
        f"{found['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
        for found in results.response["violations"]
        for node in found["nodes"]
    ]


async def sideways_px(page: Page) -> int:
    """Return by how much the page can be scrolled sideways."""
    return await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

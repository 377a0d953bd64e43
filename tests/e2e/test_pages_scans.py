"""From the form through the running scan to the list, against an example application that is scanned for real."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from examples.runner import start
from tests.conftest import Running
from tests.e2e.conftest import Complaints

SCANNED = 60_000  # ms; a scan ends within a minute, whatever happens


@pytest_asyncio.fixture(loop_scope="session")
async def tarpit() -> AsyncIterator[str]:
    """A server that takes a request and never answers, so that a scan of it is still running whatever the machine's load."""

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def scan(page: Page, address: str) -> str:
    """Scan from the start page and wait for the report. Return its path."""
    await page.goto("/")
    await page.get_by_label("Address of your application").fill(address)
    await page.get_by_role("button", name="Scan", exact=True).click()
    await page.wait_for_url("**/scans/*")
    await expect(page.get_by_role("heading", level=1)).not_to_contain_text("Scanning", timeout=SCANNED)
    await expect(page.get_by_role("heading", name="Findings")).to_be_visible(timeout=SCANNED)
    return page.url


async def test_an_address_leads_through_the_live_scan_to_its_report_and_two_are_compared(
    seamwatch: Running, owner: Page, complaints: Complaints
):
    complaints.listen(owner)
    with start("fastapi_data", "broken") as example:
        await scan(owner, example.page_url)
        host = example.page_url.removeprefix("http://").strip("/")
        # The worst severity leads: "(2 high) 127.0.0.1:5101 · Seamwatch".
        await expect(owner).to_have_title(re.compile(rf"^\(\d+ (critical|high)\) {re.escape(host)} · Seamwatch$"))
        await owner.reload()
        await expect(owner.get_by_role("heading", name="Findings")).to_be_visible()
        await scan(owner, example.page_url)
    await owner.goto("/scans")
    boxes = owner.get_by_role("checkbox")
    await expect(owner.get_by_role("button", name="Compare")).to_be_disabled()
    await boxes.nth(0).click()
    await expect(boxes.nth(0)).to_be_checked()
    await boxes.nth(1).click()
    await owner.get_by_role("button", name="Compare").click()
    await expect(owner.get_by_role("heading", level=1)).to_have_text("Nothing changed between these two scans")
    await owner.go_back()
    await expect(owner.get_by_role("heading", level=1)).to_have_text("Scans")
    assert complaints == []


async def test_every_field_at_fault_is_named_at_once_and_nothing_typed_is_lost(seamwatch: Running, owner: Page):
    await owner.goto("/scans/new")
    await owner.get_by_label("Page of the application").fill("http://")
    await owner.get_by_role("button", name="Add a call").click()
    await owner.get_by_label("Path or address").fill("/api/items/1")
    await owner.get_by_label("Method").fill("PU T")
    await owner.get_by_label("Headers, one a line").fill("no colon")
    await owner.get_by_label("Page of the application").press("Enter")
    await expect(owner.get_by_text("is not an address")).to_be_visible()
    await expect(owner.get_by_text("is not a method")).to_be_visible()
    await expect(owner.get_by_text("is not a header")).to_be_visible()
    await expect(owner.get_by_label("Page of the application")).to_be_focused()
    await expect(owner.get_by_label("Page of the application")).to_have_attribute("aria-invalid", "true")
    await expect(owner.get_by_label("Headers, one a line")).to_have_value("no colon")


async def test_a_host_that_refuses_is_said_so_and_can_be_scanned_again(seamwatch: Running, owner: Page):
    await owner.goto("/scans/new?url=http://127.0.0.1:9")
    await owner.get_by_role("button", name="Scan", exact=True).click()
    await expect(owner.get_by_role("heading", level=1)).to_have_text("127.0.0.1:9 could not be scanned", timeout=SCANNED)
    await expect(owner).to_have_title("Not scanned: 127.0.0.1:9 · Seamwatch")
    first = owner.url
    await owner.get_by_role("button", name="Scan again").click()
    await owner.wait_for_url(lambda url: "/scans/" in url and url != first)
    await expect(owner.get_by_role("heading", level=1)).to_have_text("127.0.0.1:9 could not be scanned", timeout=SCANNED)


async def test_a_deleted_scan_leaves_the_list_and_undo_brings_it_back(seamwatch: Running, owner: Page):
    await owner.goto("/scans/new?url=http://127.0.0.1:9/delete-me")
    await owner.get_by_role("button", name="Scan", exact=True).click()
    await expect(owner.get_by_role("button", name="Scan again")).to_be_visible(timeout=SCANNED)
    await owner.goto("/scans")
    row = owner.get_by_role("row").filter(has_text="/delete-me")
    await expect(row).to_have_count(1)
    await row.get_by_role("button", name="Delete").click()
    await expect(owner.get_by_text("Scan of 127.0.0.1:9 deleted.")).to_be_visible()
    await expect(row).to_have_count(0)
    await owner.get_by_role("button", name="Undo").click()
    await expect(row).to_have_count(1)


async def test_two_tabs_follow_one_scan_and_a_cancel_ends_it_in_both(
    seamwatch: Running, owner: Page, owner_context: BrowserContext, tarpit: str
):
    await owner.goto(f"/scans/new?url={tarpit}")
    await owner.get_by_role("button", name="Scan", exact=True).click()
    await expect(owner.get_by_role("heading", level=1)).to_contain_text("Scanning")
    other = await owner_context.new_page()
    await other.goto(owner.url)
    await expect(other.get_by_role("heading", level=1)).to_contain_text("Scanning")
    await other.get_by_role("button", name="Cancel scan").click()
    for tab in (owner, other):
        await expect(tab.get_by_role("heading", level=1)).to_contain_text("was not scanned to the end")

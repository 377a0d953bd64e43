"""The report in the browser, of an example that is scanned for real: from the map to the mend, and out as JSON."""

import json
import re
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from examples.runner import start
from tests.e2e.conftest import Complaints, Profile, faults, violations

SCANNED = 60_000  # ms; a scan ends within a minute, whatever happens


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def report(signed_in: Profile) -> str:
    """Address of the report of an API that allows `*` where calls carry credentials (COR-02)."""
    page = signed_in.tab
    with start("tortoise_api", "broken") as example:
        await page.goto("/")
        await page.get_by_label("Address of your application").fill(example.page_url)
        await page.get_by_role("button", name="Scan", exact=True).click()
        await expect(page.get_by_role("heading", name="Findings")).to_be_visible(timeout=SCANNED)
    return page.url.split("#")[0]


async def open_report(page: Page, url: str) -> None:
    await page.goto(url)
    await expect(page.get_by_role("heading", name="Findings")).to_be_visible()


async def test_a_line_of_the_map_opens_its_finding_with_mends_by_keyboard(owner: Page, report: str, complaints: Complaints):
    complaints.listen(owner)
    await open_report(owner, report)
    finding = owner.locator("#COR-02")
    row = finding.get_by_role("button", name=re.compile("COR-02"))
    await row.click()
    await expect(finding.get_by_role("radiogroup", name="Framework")).to_be_hidden()
    await owner.locator(".map").get_by_role("link", name=re.compile("cors")).click()
    await expect(owner).to_have_url(f"{report}#COR-02")
    await expect(row).to_have_attribute("aria-expanded", "true")
    await expect(finding.get_by_text("Stops here:")).to_be_attached()
    # Recognised first, and one tab stop with arrow keys.
    await expect(finding.get_by_role("radio", name="FastAPI (yours)")).to_be_checked()
    await finding.get_by_role("radio", name="FastAPI (yours)").focus()
    await owner.keyboard.press("ArrowRight")
    await expect(finding.get_by_role("radio", name="Flask")).to_be_checked()
    await expect(finding.get_by_label("Mend for Flask")).to_be_visible()
    await expect(finding.get_by_label("Mend for FastAPI")).to_be_hidden()
    assert complaints == []


async def test_a_mend_is_copied_whole(owner: Page, report: str):
    await owner.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await open_report(owner, f"{report}#COR-02")
    mend = owner.locator("#COR-02").get_by_label("Mend for FastAPI")
    await owner.locator("#COR-02 .mend:visible").get_by_role("button", name="Copy").click()
    await expect(owner.get_by_role("button", name="Copied")).to_be_visible()
    assert await owner.evaluate("navigator.clipboard.readText()") == await mend.inner_text()


async def test_an_address_with_a_hash_opens_that_finding_and_goes_to_it(owner: Page, report: str):
    await open_report(owner, report)
    last = owner.locator(".fl > li[id]").last
    name = await last.get_attribute("id")
    other = await owner.context.new_page()
    await open_report(other, f"{report}#{name}")
    row = other.locator(f"#{name}").get_by_role("button").first
    await expect(row).to_be_focused()
    await expect(row).to_have_attribute("aria-expanded", "true")


async def test_calls_show_their_path_and_lead_into_the_lab(owner: Page, report: str):
    await open_report(owner, report)
    calls = owner.locator("#calls")
    await calls.get_by_role("button", expanded=False).first.click()
    await expect(calls.get_by_text("Stops here:")).to_be_attached()
    await calls.get_by_role("link", name="Try in the lab").click()
    await expect(owner.get_by_role("status", name="Verdict")).to_contain_text("Blocked")
    await expect(owner.get_by_label("Page's origin")).to_have_value(re.compile("^http://"))


async def test_every_request_is_shown_with_its_headers(owner: Page, report: str):
    await open_report(owner, report)
    asked = owner.locator("#asked")
    await asked.get_by_role("button", name="Show all").click()
    preflight = asked.get_by_role("listitem").filter(has_text="preflight").first
    await preflight.get_by_role("button").click()
    await expect(preflight.get_by_label("Request")).to_contain_text("access-control-request-method", ignore_case=True)
    await expect(preflight.get_by_label("Answer")).to_contain_text("access-control-allow-origin", ignore_case=True)


async def test_the_report_is_downloaded_as_json(owner: Page, report: str, tmp_path: Path):
    await open_report(owner, report)
    async with owner.expect_download() as download:
        await owner.get_by_role("link", name="Export").click()
    path = tmp_path / "report.json"
    await (await download.value).save_as(path)
    written = json.loads(path.read_text())
    assert (written["schema_version"], written["site"]["final_url"]) == (1, written["calls"][0]["origin"] + "/")


async def test_a_report_is_in_order_with_its_parts_open_and_loaded_again(owner: Page, report: str, complaints: Complaints):
    complaints.listen(owner)
    await open_report(owner, report)
    await owner.get_by_role("button", name="Show all").click()
    await owner.locator("#calls").get_by_role("button", expanded=False).first.click()
    await owner.reload()
    await expect(owner.get_by_role("heading", level=1)).to_have_count(1)
    # What was opened stays open.
    await expect(owner.locator("#calls").get_by_role("button", expanded=True)).to_have_count(1)
    await owner.wait_for_load_state("networkidle")
    assert await faults(owner) == []
    assert complaints == []


async def test_a_report_is_watched_with_two_clicks_and_undone_with_one(owner: Page, report: str, complaints: Complaints):
    complaints.listen(owner)
    await open_report(owner, report)
    await owner.get_by_role("link", name="Watch this").click()
    button = owner.get_by_role("button", name=re.compile(r"Watch \d+ monitors"))
    count = int((await button.inner_text()).split()[1])
    assert await violations(owner) == []
    await owner.get_by_role("textbox", name=re.compile("^Name of Page")).fill("Our bookmarks")
    await button.dblclick()
    await expect(owner.get_by_text(f"{count} monitors made from this report.")).to_be_visible()
    await expect(owner).to_have_url(re.compile(r"/overview\?site="))
    await expect(owner.get_by_role("link", name="Our bookmarks")).to_be_visible()
    await owner.get_by_role("button", name="Undo").click()
    await expect(owner.get_by_text(f"{count} monitors removed again.")).to_be_visible()
    await expect(owner.get_by_role("link", name="Our bookmarks")).to_have_count(0)
    assert complaints == []

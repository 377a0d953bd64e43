"""A monitor from its form to its page, against a server that can be made to fail."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from playwright.async_api import Dialog, Page, expect

from tests.conftest import Running
from tests.e2e.conftest import Complaints, sideways_px, violations

CHECKED = 30_000  # ms; a check of a loopback server, whatever the machine's load


@dataclass
class Target:
    url: str = ""
    status: str = "200 OK"


@pytest_asyncio.fixture(loop_scope="session")
async def target() -> AsyncIterator[Target]:
    """An API that answers at once, with the status a test gives it."""
    made = Target()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"items": [{"id": 42}]}'
        head = f"HTTP/1.1 {made.status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/items"
    yield made
    server.close()


RECORD = """
    window.told = [];
    window.Notification = new Proxy(window.Notification, {
        construct(real, args) { window.told.push(args[1].body); return Reflect.construct(real, args); },
    });
"""


async def told(*tabs: Page) -> list[str]:
    """Return what notifications of these tabs said, once whatever they want to tell is told."""
    return [text for tab in tabs for text in await tab.evaluate("navigator.locks.request('seam-told', () => window.told)")]


async def test_a_monitor_is_tried_added_checked_found_down_deleted_and_brought_back(
    seamwatch: Running, owner: Page, target: Target, complaints: Complaints
):
    await owner.context.grant_permissions(["notifications"])
    owner = await owner.context.new_page()  # a script that is put into each page stays with its tab
    await owner.add_init_script(RECORD)
    overview = await owner.context.new_page()
    await overview.add_init_script(RECORD)
    complaints.listen(owner)
    complaints.listen(overview)
    await overview.goto("/overview")
    await overview.get_by_role("button", name="Notify me in this browser").click()
    await owner.goto("/monitors/new")
    await owner.get_by_role("link", name="An API call").click()
    await owner.get_by_label("Address", exact=True).fill(target.url)
    await owner.get_by_role("button", name="Add assertion").press("Enter")
    subject = owner.get_by_label("Looked at").nth(1)
    await expect(subject).to_be_focused()
    await subject.select_option("json")
    await owner.get_by_label("JSONPath").fill("$.items[0].id")
    await owner.get_by_label("Value").nth(1).fill("42")
    for name in ("An incident opens when", "bad checks are among the last"):
        await owner.get_by_label(name).fill("1")
    await owner.get_by_role("button", name="Run now").press("Enter")
    await expect(owner.get_by_role("heading", name="Run")).to_be_focused(timeout=CHECKED)
    await expect(owner.get_by_text("json $.items[0].id is 42")).to_be_visible()
    await expect(owner.get_by_text('{"items": [{"id": 42}]}')).to_be_visible()
    assert await violations(owner) == []
    await owner.get_by_label("Address", exact=True).press("Enter")
    await expect(owner.get_by_role("heading", level=1)).to_have_text("GET /api/items")

    check_now, newest = owner.get_by_role("button", name="Check now").first, owner.locator("#results tbody tr").first
    await check_now.click()
    await expect(newest).to_contain_text("OK", timeout=CHECKED)
    target.status = "500 Internal Server Error"
    await check_now.click()
    await expect(owner).to_have_title("Down: GET /api/items · Seamwatch", timeout=CHECKED)
    await expect(newest).to_contain_text("Down")
    await expect(overview.get_by_role("article").filter(has_text="GET /api/items")).to_be_visible()
    (news,) = [text for text in await told(owner, overview) if "GET /api/items" in text]  # of two tabs, one
    assert news.startswith("GET /api/items is down: ")
    await owner.get_by_role("button", name="What was exchanged").first.click()
    await expect(owner.get_by_text(re.compile("HTTP/1.1 500 Internal"))).to_be_visible()
    await owner.set_viewport_size({"width": 375, "height": 812})
    await owner.emulate_media(color_scheme="dark")
    assert await violations(owner) == []
    assert await sideways_px(owner) == 0
    await owner.get_by_role("button", name="More", exact=True).first.click()
    await owner.get_by_role("button", name="Delete…").click()
    await expect(owner.get_by_role("button", name="Keep it")).to_be_focused()
    await owner.get_by_role("button", name="Delete monitor").click()
    await expect(owner.get_by_role("heading", level=1)).to_have_text("GET /api/items was deleted")
    await owner.get_by_role("button", name="Undo").click()
    await expect(owner.get_by_role("heading", level=1)).to_have_text("GET /api/items")
    assert complaints == []


async def test_fields_at_fault_are_named_and_what_was_typed_stays(seamwatch: Running, owner: Page):
    await owner.goto("/monitors/new")
    await owner.locator("a[href='/monitors/new?kind=flow']").click()
    await owner.get_by_role("button", name="Add step").wait_for()
    # Who types on while the step comes keeps the focus.
    await owner.evaluate("""() => {
        document.getElementById("add-check.steps").click();
        document.querySelector("input[name$='.ask.url']").focus();
    }""")
    await expect(owner.get_by_label("Address", exact=True)).to_have_count(2)
    await owner.evaluate("new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)))")
    await owner.keyboard.type("http://127.0.0.1:9/login")
    await owner.get_by_label("Address", exact=True).nth(1).fill("nowhere")
    await owner.get_by_role("button", name="Move Step 2 up").click()
    await expect(owner.get_by_label("Address", exact=True).nth(0)).to_have_value("nowhere")
    await owner.get_by_role("button", name="Add monitor").click()
    wrong = owner.get_by_label("Address", exact=True).nth(0)
    await expect(wrong).to_be_focused()
    await expect(wrong).to_have_attribute("aria-invalid", "true")
    await expect(owner.get_by_label("Address", exact=True).nth(1)).to_have_value("http://127.0.0.1:9/login")
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    owner.on("dialog", stay)
    await owner.get_by_role("link", name="Another kind").click()
    for times in (1, 2):  # asked of every step back, and nothing is lost
        async with owner.expect_event("dialog"):
            await owner.go_back()
        await expect(owner.get_by_label("Address", exact=True).nth(1)).to_have_value("http://127.0.0.1:9/login")
        await expect(owner).to_have_url(re.compile(r"\?kind=flow$"))
        assert asked == ["Leave without saving? What you typed is lost."] * (1 + times)
    await owner.get_by_role("link", name="Cancel").click()
    await owner.wait_for_url("**/monitors")
    assert len(asked) == 3
    owner.remove_listener("dialog", stay)

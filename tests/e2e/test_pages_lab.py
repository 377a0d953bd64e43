"""The CORS lab in the browser: the verdict follows the typing, and a case survives its link, the sign-in and a console message."""

import re

from playwright.async_api import Locator, Page, expect

from tests.conftest import PUBLIC_URL, Running
from tests.e2e.conftest import Complaints, faults

MESSAGE = (
    "Access to fetch at 'http://localhost:8000/items' from origin 'http://localhost:3000' has been blocked by CORS policy: "
    "Request header field x-trace is not allowed by Access-Control-Allow-Headers in preflight response."
)


def verdict(page: Page) -> Locator:
    return page.get_by_role("status", name="Verdict")


async def open_lab(page: Page, path: str = "/cors") -> None:
    await page.goto(path)
    await expect(verdict(page)).to_contain_text(re.compile(r"Blocked|Allowed"))


async def test_the_verdict_follows_what_is_typed_and_a_bad_line_keeps_the_last_one(seamwatch: Running, page: Page, complaints: Complaints):
    complaints.listen(page)
    await open_lab(page)
    await expect(verdict(page)).to_contain_text("Blocked at the preflight.")
    await expect(page).to_have_title("Blocked at P3 · CORS lab · Seamwatch")
    answer = page.get_by_label("To the preflight")
    text = await answer.input_value()
    await answer.fill(text.replace("GET, POST", "GET, POST, PUT"))
    await expect(verdict(page)).to_contain_text("Allowed.")
    await answer.fill(f"{text}\nnot a header")
    await expect(page.get_by_text("Line 7 is not a header")).to_be_visible()
    await expect(verdict(page)).to_contain_text("Allowed.")
    await answer.fill(text)
    await expect(verdict(page)).to_contain_text("Blocked at the preflight.")
    assert complaints == []


async def test_applied_changes_allow_the_call_and_its_link_brings_the_case_back(seamwatch: Running, page: Page):
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await open_lab(page)
    await page.get_by_role("button", name="Apply it here").click()
    await expect(verdict(page)).to_contain_text("Allowed.")
    await page.get_by_role("button", name="Copy link").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = await page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{PUBLIC_URL}/cors?case=")
    other = await page.context.new_page()
    await open_lab(other, link)
    await expect(verdict(other)).to_contain_text("Allowed.")
    await expect(other.get_by_label("To the preflight")).to_have_value(re.compile("GET, POST, PUT"))


async def test_a_damaged_link_is_told_and_a_ready_case_stands_in(seamwatch: Running, page: Page):
    await open_lab(page, "/cors?case=damaged")
    await expect(page.get_by_role("alert")).to_contain_text("cannot be read")
    await expect(verdict(page)).to_contain_text("Blocked at the preflight.")


async def test_a_redirect_asks_for_the_next_servers_answer(seamwatch: Running, page: Page):
    await open_lab(page)
    await page.get_by_role("button", name="Header sent twice").click()
    await expect(verdict(page)).to_contain_text("C2")
    await page.get_by_label("To the request").fill("302 Found\nlocation: https://b.example/x\naccess-control-allow-origin: *")
    await expect(page.get_by_role("heading", name="After the redirect to https://b.example/x")).to_be_visible()
    await expect(verdict(page)).to_contain_text("Not decided yet.")
    await page.get_by_label("To the request").last.fill("200 OK\naccess-control-allow-origin: *")
    await expect(verdict(page)).to_contain_text("Allowed.")


async def test_a_pasted_console_error_finds_its_rule_and_fills_the_case(seamwatch: Running, page: Page):
    await open_lab(page)
    await page.get_by_role("button", name="Paste a console error").click()
    await expect(page.get_by_label("The message")).to_be_focused()
    await page.keyboard.insert_text(MESSAGE)
    await page.get_by_role("button", name="Put it into the lab").click()
    await expect(verdict(page)).to_contain_text("x-trace is not listed")
    await expect(page.get_by_label("URL", exact=True)).to_have_value("http://localhost:8000/items")
    await verdict(page).get_by_role("link", name="P5").click()
    await expect(page).to_have_url(f"{PUBLIC_URL}/cors/rules#P5")
    await expect(page.locator("#P5")).to_be_in_viewport()


async def test_pasted_code_fills_the_call(seamwatch: Running, page: Page):
    await open_lab(page)
    await page.get_by_text("fetch()", exact=True).click()
    await page.get_by_label("Paste a call").fill("axios.patch('https://b.example/x', {a: 1}, {withCredentials: true})")
    await expect(page.get_by_text("Read: PATCH https://b.example/x")).to_be_visible()
    await expect(verdict(page)).to_contain_text("PATCH is not listed")  # the answers stayed


async def test_the_signed_out_are_told_how_to_ask_and_keep_their_case(seamwatch: Running, page: Page):
    await open_lab(page)
    await page.get_by_role("button", name="Ask the server").click()
    link = page.get_by_role("alert").get_by_role("link", name="Sign in")
    await expect(link).to_have_attribute("href", re.compile(r"^/sign-in\?next=%2Fcors%3Fcase%3D"))


async def test_the_signed_in_get_the_servers_own_answers(seamwatch: Running, owner: Page):
    from examples.runner import start

    with start("fastapi_data", "right") as example:
        await open_lab(owner)
        await owner.get_by_label("Page's origin").fill(example.page_url.rstrip("/"))
        await owner.get_by_label("URL", exact=True).fill(f"{example.api_url.rstrip('/')}/api/data")
        await expect(owner.get_by_text("OPTIONS /api/data")).to_be_visible()
        await owner.get_by_role("button", name="Ask the server").click()
        await expect(owner.get_by_label("To the preflight")).to_have_value(re.compile(re.escape(example.page_url.rstrip("/"))))


async def test_the_form_for_a_console_error_is_in_order(seamwatch: Running, page: Page, complaints: Complaints):
    complaints.listen(page)
    await open_lab(page)
    await page.get_by_role("button", name="Paste a console error").click()
    await expect(page.get_by_label("The message")).to_be_visible()
    assert await faults(page) == []
    assert complaints == []

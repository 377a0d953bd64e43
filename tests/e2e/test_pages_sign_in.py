"""Pressing Scan signed out: one is told how to get in, and what was typed is kept."""

import asyncio

from playwright.async_api import BrowserContext, Page, expect

from tests.conftest import Running
from tests.e2e.conftest import sign_in


async def test_scan_pressed_signed_out_tells_how_to_get_in_and_keeps_the_address(seamwatch: Running, page: Page, context: BrowserContext):
    await page.goto("/")
    await page.get_by_label("Address of your application").fill("app.example/shop")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sign-in?next=*")
    await page.get_by_text("Locked out").click()
    await expect(page.get_by_text("python -m app owner-link")).to_be_visible()
    await expect(page.get_by_text("The address you typed is kept")).to_contain_text("app.example/shop")

    # The console's link opens in another tab, and knows nothing of this one.
    other = await context.new_page()
    await sign_in(other, await asyncio.to_thread(seamwatch.owner_link))
    await other.wait_for_url("**/scans/new*")
    await expect(other.get_by_label("Page of the application")).to_have_value("app.example/shop")

    await page.get_by_role("link", name="Go on").click()
    await expect(page.get_by_label("Page of the application")).to_have_value("app.example/shop")


async def test_a_page_of_the_app_opened_signed_out_leads_back_to_itself(seamwatch: Running, page: Page):
    await page.goto("/scans/new?url=app.example&api=api.example")
    await page.wait_for_url("**/sign-in?next=*")
    link = await asyncio.to_thread(seamwatch.owner_link)
    await page.goto(f"{link}&next=/scans/new%3Furl%3Dapp.example%26api%3Dapi.example")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_label("Page of the application")).to_have_value("app.example")
    await expect(page.get_by_label("Address of its API")).to_have_value("api.example")


async def test_a_foreign_address_to_go_on_to_is_not_taken(seamwatch: Running, page: Page):
    await page.goto("/sign-in?next=//evil.example/")
    await page.get_by_text("Locked out").click()
    await expect(page.get_by_role("link", name="Go on")).to_have_attribute("href", "/overview")


async def test_signing_out_ends_the_session(seamwatch: Running, page: Page):
    # A session of its own: the other tests go on with theirs.
    link = await asyncio.to_thread(seamwatch.owner_link)
    await sign_in(page, f"{link}&next=/scans")
    await page.get_by_role("button", name="Alice Okoye").click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    await page.goto("/scans")
    await page.wait_for_url("**/sign-in?next=*")


async def test_scan_pressed_before_the_script_has_loaded_keeps_the_address_too(seamwatch: Running, page: Page):
    await page.route("**/assets/*.js", lambda route: route.abort())
    await page.goto("/", wait_until="domcontentloaded")
    await page.get_by_label("Address of your application").fill("app.example/shop")
    await page.unroute_all()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The address you typed is kept")).to_contain_text("app.example/shop")

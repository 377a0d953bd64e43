"""What holds on every page, at both widths and in both themes: axe finds nothing, no sideways scroll, a quiet console, one h1."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect

from app.app import app
from tests.conftest import Running
from tests.e2e.conftest import Complaints, sideways_px, violations

SIZES: dict[str, ViewportSize] = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 375, "height": 812}}
PUBLIC = {
    "/": "Find what a browser will block",
    "/sign-in": "Sign in to Seamwatch",
    "/cors": "",
    "/cors/rules": "",
    "/findings": "",
}
OWN = {
    "/overview": "",
    "/monitors": "",
    "/monitors/new": "What is to be watched?",
    "/monitors/nothing": "",
    "/sites": "",
    "/incidents": "",
    "/maintenance": "",
    "/scans": "Scans",
    "/scans/new": "Scan an application",
    "/scans/compare": "",
    "/scans/nothing": "There is no such scan",
    "/settings/profile": "Your account",
    "/settings/sessions": "Where you are signed in",
    "/settings/engine": "",
}
# These have tests of their own, with something in them.
ELSEWHERE = {f"settings/{name}" for name in ("workspace", "members", "tokens", "secrets", "audit")}
ROUTES = sorted(route for route in app._unevaluated_pages if "[" not in route and route not in ("404", "settings"))
SCRIPT_BUDGET_BYTES = 450_000


def test_no_page_is_left_out():
    looked_at = {path.removeprefix("/") or "index" for path in (*PUBLIC, *OWN)}
    assert sorted(set(ROUTES) - looked_at - ELSEWHERE) == []


async def _faults(page: Page, path: str, heading: str) -> list[str]:
    """Open a page and return what is wrong with it, in both themes."""
    await page.emulate_media(color_scheme="light")
    await page.goto(path)
    h1 = page.get_by_role("heading", level=1)
    await expect(h1).to_contain_text(heading or re.compile(r"\w"))
    await expect(h1).to_have_count(1)
    await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    await page.wait_for_load_state("networkidle")
    found = await violations(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {fault}" for fault in await violations(page)]
    if sideways := await sideways_px(page):
        found.append(f"{sideways} px sideways")
    return found


async def _tour(page: Page, size: str, pages: dict[str, str], complaints: Complaints) -> dict[str, list[str]]:
    """Return what is wrong with each page that has a fault, what its console says included."""
    complaints.listen(page)
    await page.set_viewport_size(SIZES[size])
    faulty: dict[str, list[str]] = {}
    for path, heading in pages.items():
        found = await _faults(page, path, heading) + complaints
        complaints.clear()
        if found:
            faulty[path] = found
    return faulty


@pytest.mark.parametrize("size", SIZES)
async def test_public_pages_are_in_order(seamwatch: Running, page: Page, complaints: Complaints, size: str):
    assert await _tour(page, size, PUBLIC, complaints) == {}


@pytest.mark.parametrize("size", SIZES)
async def test_pages_of_the_app_are_in_order(seamwatch: Running, owner: Page, complaints: Complaints, size: str):
    assert await _tour(owner, size, OWN, complaints) == {}


async def test_no_page_complains_when_it_is_opened_signed_out(seamwatch: Running, page: Page, complaints: Complaints):
    """A breach of the Content Security Policy is such a complaint, too."""
    complaints.listen(page)
    faulty: dict[str, list[str]] = {}
    for route in ROUTES:
        await page.goto(f"/{route.removeprefix('index')}")
        await page.wait_for_load_state("networkidle")
        if complaints:
            faulty[route] = list(complaints)
            complaints.clear()
    assert faulty == {}


async def test_the_start_page_loads_less_script_than_its_budget(seamwatch: Running, page: Page):
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    scripts: dict[str, str] = {}
    sizes: list[float] = []
    session.on("Network.responseReceived", lambda event: scripts.update({event["requestId"]: event["type"]}))
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.append(event["encodedDataLength"]) if scripts.get(event["requestId"]) == "Script" else None,
    )
    await page.goto("/")
    await page.wait_for_load_state("networkidle")
    assert len(sizes) > 3, "no scripts were seen"
    assert sum(sizes) < SCRIPT_BUDGET_BYTES


async def test_the_theme_button_cycles_and_the_choice_stays(seamwatch: Running, page: Page):
    await page.emulate_media(color_scheme="light")
    await page.goto("/")
    await page.wait_for_load_state("networkidle")  # before its scripts run, a button does nothing
    button = page.get_by_role("button", name="Theme")
    for name, shown in (("light", "light"), ("dark", "dark"), ("system", "light"), ("light", "light"), ("dark", "dark")):
        await button.click()
        await expect(button).to_have_accessible_name(f"Theme: {name}")
        await expect(page.locator("html")).to_have_class(shown)
    await page.reload()
    await expect(button).to_have_accessible_name("Theme: dark")


async def test_the_account_menu_opens_and_closes_by_keyboard(seamwatch: Running, owner: Page):
    await owner.goto("/scans")
    account = owner.get_by_role("button", name="Alice Okoye")
    await account.focus()
    await owner.keyboard.press("Enter")
    await expect(owner.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    await owner.keyboard.press("Escape")
    await expect(owner.get_by_role("button", name="Sign out", exact=True)).to_be_hidden()
    await expect(account).to_be_focused()


def test_every_icon_and_glyph_that_may_be_named_is_in_the_sprite():
    from typing import get_args

    from app.components.icons import GlyphName, IconName

    sprite = (Path(__file__).parents[2] / "assets" / "icons.svg").read_text("utf-8")
    wanted = {f"i-{name}" for name in get_args(IconName)} | {f"g-{name}" for name in get_args(GlyphName)}
    assert [name for name in sorted(wanted) if f'id="{name}"' not in sprite] == []

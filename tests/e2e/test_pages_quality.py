"""What holds on every page, at both widths and in both themes: axe finds nothing, no sideways scroll, a quiet console, one h1."""

from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.conftest import Running
from tests.e2e.conftest import Complaints, sideways_px, violations

SIZES: dict[str, ViewportSize] = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 375, "height": 812}}
PUBLIC = {"/": "Find what a browser will block", "/sign-in": "Sign in to Seamwatch"}
OWN = {
    "/scans": "Scans",
    "/scans/new": "Scan an application",
    "/scans/nothing": "There is no such scan",
    "/settings/profile": "Your account",
    "/settings/sessions": "Where you are signed in",
}
SCRIPT_BUDGET_BYTES = 450_000


async def _is_in_order(page: Page, path: str, heading: str, complaints: Complaints) -> None:
    complaints.listen(page)
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        await page.goto(path)
        h1 = page.get_by_role("heading", level=1)
        await expect(h1).to_contain_text(heading)
        await expect(h1).to_have_count(1)
        await page.wait_for_load_state("networkidle")
        assert await violations(page) == []
        assert await sideways_px(page) == 0
    assert complaints == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PUBLIC)
async def test_a_public_page_is_in_order(seamwatch: Running, page: Page, complaints: Complaints, path: str, size: str):
    await page.set_viewport_size(SIZES[size])
    await _is_in_order(page, path, PUBLIC[path], complaints)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", OWN)
async def test_a_page_of_the_app_is_in_order(seamwatch: Running, owner: Page, complaints: Complaints, path: str, size: str):
    await owner.set_viewport_size(SIZES[size])
    await _is_in_order(owner, path, OWN[path], complaints)


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

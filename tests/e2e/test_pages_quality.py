"""What holds on every page, at both widths and in both themes: axe finds nothing, no sideways scroll, a quiet console, one h1."""

import re
from pathlib import Path

from playwright.async_api import Page, expect

from app.app import app
from tests.conftest import Running
from tests.e2e.conftest import Complaints, faults

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
LISTS = {"/sites": "Sites", "/incidents": "Incidents", "/maintenance": "Maintenance windows"}
# These have tests of their own, with something in them.
ELSEWHERE = {f"settings/{name}" for name in ("workspace", "members", "tokens", "secrets", "audit")}
ROUTES = sorted(route for route in app._unevaluated_pages if "[" not in route and route not in ("404", "settings"))
SCRIPT_BUDGET_BYTES = 450_000


def test_no_page_is_left_out():
    looked_at = {path.removeprefix("/") or "index" for path in (*PUBLIC, *OWN)}
    assert sorted(set(ROUTES) - looked_at - ELSEWHERE) == []


async def _tour(page: Page, pages: dict[str, str], complaints: Complaints) -> dict[str, list[str]]:
    """Return what is wrong with each page that has a fault, what its console says included."""
    complaints.listen(page)
    faulty: dict[str, list[str]] = {}
    for path, heading in pages.items():
        await page.goto(path)
        h1 = page.get_by_role("heading", level=1)
        await expect(h1).to_contain_text(heading or re.compile(r"\w"))
        await expect(h1).to_have_count(1)
        await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
        if path in LISTS:
            await expect(page.get_by_role("region", name=LISTS[path], exact=True)).to_be_visible()
        await page.wait_for_load_state("networkidle")
        if found := await faults(page) + complaints:
            faulty[path] = found
        complaints.clear()
    return faulty


async def test_what_is_wrong_at_one_width_or_in_one_theme_is_found(page: Page):
    await page.set_content("""<!doctype html><html lang=en><title>Faulty</title><style>
        @media (prefers-color-scheme: dark) { .dark { color: #777; background: #888 } }
        @media (min-width: 1000px) { .wide { width: 2000px } }
        @media (min-width: 400px) { img { display: none } }
        </style><main><h1>Faulty</h1><p class=dark>Dark on dark</p><p class=wide>Too wide</p><img src=x></main>""")
    found = [" ".join(re.sub(r"\d+ px", "px", fault).split()[:3]) for fault in await faults(page)]
    assert found == ["wide, dark: color-contrast:", "wide: px sideways", "phone, dark: color-contrast:", "phone, dark: image-alt:"]


async def test_public_pages_are_in_order(seamwatch: Running, page: Page, complaints: Complaints):
    assert await _tour(page, PUBLIC, complaints) == {}


async def test_pages_of_the_app_are_in_order(seamwatch: Running, owner: Page, complaints: Complaints):
    assert await _tour(owner, OWN, complaints) == {}


async def test_no_page_complains_when_it_is_opened_signed_out(seamwatch: Running, page: Page, complaints: Complaints):
    """A breach of the Content Security Policy is such a complaint, too."""
    complaints.listen(page)
    faulty: dict[str, list[str]] = {}
    for route in ROUTES:
        path = f"/{route.removeprefix('index')}"
        if path in PUBLIC:  # looked at above
            continue
        await page.goto(path)
        await page.wait_for_load_state("networkidle")
        if complaints:
            faulty[route] = list(complaints)
            complaints.clear()
    assert faulty == {}


async def test_the_start_page_loads_less_script_than_its_budget(seamwatch: Running, page: Page):
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    scripts: dict[str, str] = {}
    sizes: list[float] = []
    session.on("Network.responseReceived", lambda event: scripts.update({event["requestId"]: event["type"]}))
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.append(event["encodedDataLength"]) if scripts.get(event["requestId"]) == "Script" else None,
    )
    await page.goto("/")
    await page.wait_for_load_state("networkidle")
    await session.detach()
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

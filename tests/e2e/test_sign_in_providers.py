"""Signing in, linking and signing out in a real browser, at a real OpenID provider and a stand-in for GitHub."""

import asyncio
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.conftest import IdentityProviders, Running
from tests.e2e.conftest import Complaints, Profile, sideways_px, violations
from tests.identity_providers import put_openid_user

pytestmark = pytest.mark.usefixtures("signed_in")  # there is an owner, so that there is a workspace to join


async def at_github(page: Page, login: str, path: str = "/auth/login/github?next=/scans") -> None:
    await page.goto(path)
    await page.get_by_role("button", name=f"Sign in as {login}").click()


async def at_openid(page: Page, subject: str) -> None:
    await page.get_by_placeholder("sub").fill(subject)
    await page.get_by_role("button", name="Authorize", exact=True).click()


async def post(page: Page, path: str) -> None:
    """Send a form as a page of ours does."""
    await page.evaluate(
        "path => { const form = Object.assign(document.createElement('form'), {method: 'post', action: path});"
        " document.body.append(form); form.submit() }",
        path,
    )


async def test_github_signs_in_and_leads_to_where_one_wanted_to_go(seamwatch: Running, page: Page):
    await at_github(page, "bob", "/auth/login/github?next=/scans/new%3Furl%3Dapp.example")
    await page.wait_for_url("**/scans/new/?url=app.example*")
    await expect(page.get_by_text("Bob Marsh").first).to_be_attached()


async def test_declining_says_so_on_a_page_that_everybody_can_use(seamwatch: Running, page: Page, complaints: Complaints):
    await page.set_viewport_size({"width": 375, "height": 700})
    await page.goto("/auth/login/github?next=/scans")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("GitHub did not confirm the sign-in (it was declined there). Start again.")).to_be_visible()
    assert not await violations(page)
    assert await sideways_px(page) == 0
    complaints.listen(page)
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        assert not await violations(page)
    await page.get_by_role("link", name="Start again with GitHub").click()
    await page.get_by_role("button", name="Sign in as bob").click()
    await page.wait_for_url("**/scans/")
    assert not complaints


async def test_an_account_is_linked_only_after_confirming_and_then_signs_in(
    seamwatch: Running, page: Page, elsewhere: Profile, identity_providers: IdentityProviders
):
    who = {"email": "bob@mail.example", "email_verified": True, "name": "Robert"}
    await asyncio.to_thread(put_openid_user, identity_providers.google, "bob-at-google", who)
    await at_github(page, "bob")
    await page.wait_for_url("**/scans/")
    for button in ("Cancel", "Link account"):
        await post(page, "/auth/link/google")
        await at_openid(page, "bob-at-google")
        await expect(page.get_by_role("heading", name="Link Google account bob@mail.example to Bob Marsh?")).to_be_visible()
        assert not await violations(page)
        await page.get_by_role("button", name=button).click()
        await page.wait_for_url("**/settings/profile/")

    other = elsewhere.tab
    await other.goto("/auth/login/google?next=/scans")
    await at_openid(other, "bob-at-google")
    await other.wait_for_url("**/scans/")
    await expect(other.get_by_text("Bob Marsh").first).to_be_attached()

    # Somebody else cannot link what is Bob's.
    await at_github(other, "hubot")
    await other.wait_for_url("**/scans/")
    await post(other, "/auth/link/google")
    await at_openid(other, "bob-at-google")
    await expect(other.get_by_text("signs in another account of this Seamwatch")).to_be_visible()


async def test_another_account_in_the_same_tab_sees_nothing_of_the_first(seamwatch: Running, page: Page):
    await at_github(page, "bob")
    await expect(page.get_by_text("Bob Marsh").first).to_be_attached()
    await at_github(page, "hubot")
    await page.wait_for_url("**/scans/")
    await expect(page.get_by_text("hubot").first).to_be_attached()
    assert "Bob Marsh" not in await page.content()


async def test_back_after_signing_out_shows_nothing(seamwatch: Running, page: Page):
    await at_github(page, "bob")
    await expect(page.get_by_text("Bob Marsh").first).to_be_attached()
    await post(page, "/auth/logout")
    await page.wait_for_url(re.compile(r"^http://localhost:3000/$"))
    await page.go_back()
    await page.wait_for_url("**/sign-in*")
    assert "Bob Marsh" not in await page.content()


async def test_an_attackers_way_back_does_not_sign_the_victim_in(
    seamwatch: Running, page: Page, elsewhere: Profile, identity_providers: IdentityProviders
):
    attacker = elsewhere.tab
    await attacker.goto("/auth/login/github")
    query = {name: values[0] for name, values in parse_qs(urlsplit(attacker.url).query).items()}
    code = identity_providers.github.code("mallory", query)
    await page.goto(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")
    await expect(page.get_by_text("GitHub did not confirm the sign-in (state expired). Start again.")).to_be_visible()
    await page.goto("/scans")
    await page.wait_for_url("**/sign-in*")

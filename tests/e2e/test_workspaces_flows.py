"""Workspaces in a real browser: somebody is invited, gets another role and is removed; a workspace is made, taken along and deleted."""

import asyncio
import io
import json
import re
import zipfile
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.conftest import IdentityProviders, Running
from tests.e2e.conftest import Complaints, Profile, sideways_px, sign_in, violations
from tests.identity_providers import GitHubUser, mail

PHONE = {"width": 375, "height": 800}


@pytest_asyncio.fixture(loop_scope="session")
async def owner_tab(elsewhere: Profile, seamwatch: Running) -> Page:
    """The owner in a session of this test's own: it switches the workspace, and others go on in theirs."""
    page = elsewhere.tab
    await sign_in(page, await asyncio.to_thread(seamwatch.owner_link))
    await page.get_by_role("link", name="Incidents").first.wait_for()
    return page


async def invited(owner: Page, role: str) -> str:
    """Make an invitation on the members' page and return its link."""
    await owner.goto("/settings/members")
    await owner.get_by_label("Role", exact=True).select_option(role)
    await owner.get_by_label("For whom").fill("Carla")
    await owner.get_by_role("button", name="Make a link").click()
    return (await owner.get_by_role("region", name="The invitation link").inner_text()).strip()


async def test_who_is_invited_joins_gets_another_role_and_is_removed(
    seamwatch: Running, owner_tab: Page, page: Page, identity_providers: IdentityProviders, complaints: Complaints
):
    identity_providers.github.users["carla"] = GitHubUser(2001, "carla", "Carla Roth", [mail("carla@fernway.example")])
    link = await invited(owner_tab, "editor")
    complaints.listen(page)
    await page.set_viewport_size(PHONE)  # pyright: ignore[reportArgumentType]
    await page.goto(link)
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("invites you to"))
    await expect(page.get_by_text("You would join as editor.")).to_be_visible()
    assert await violations(page) == []
    assert await sideways_px(page) <= 0
    assert complaints == []
    await page.get_by_role("link", name="Sign in with GitHub").click()
    await page.get_by_role("button", name="Sign in as carla").click()
    await page.wait_for_url("**/overview/")
    await page.goto("/settings/workspace")
    await expect(page.get_by_role("definition").get_by_text("Editor", exact=True)).to_be_visible()

    await owner_tab.reload()
    await owner_tab.get_by_label("Role of Carla Roth").select_option("viewer")
    await expect(owner_tab.get_by_text("Carla Roth is a viewer now.")).to_be_visible()
    await expect(page.get_by_role("definition").get_by_text("Viewer", exact=True)).to_be_visible()
    await owner_tab.get_by_role("button", name="Remove Carla Roth").click()
    await owner_tab.get_by_role("button", name="Remove member").click()
    await page.wait_for_url("**/sign-in**")  # by itself: the tab is told

    await page.goto(link)
    await expect(page.get_by_role("heading", level=1)).to_have_text("This invitation does not work")
    assert await violations(page) == []


async def test_a_workspace_is_made_taken_along_and_deleted(seamwatch: Running, owner_tab: Page):
    page = owner_tab
    await page.goto("/scans")
    await page.get_by_role("button", name="Workspace: ").first.click()
    await page.get_by_role("button", name="New workspace…").click()
    await page.get_by_label("Name").fill("Fernway Two")
    await page.get_by_role("button", name="Make workspace").click()
    await page.get_by_role("button", name="Go there").click()
    await page.wait_for_url("**/settings/members**")
    await expect(page.get_by_role("button", name="Workspace: Fernway Two").first).to_be_visible()

    await page.goto("/settings/workspace")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download the export").first.click()
    path = await (await downloading.value).path()
    with zipfile.ZipFile(io.BytesIO(await asyncio.to_thread(Path(path).read_bytes))) as archive:
        assert json.loads(archive.read("workspace.json"))["name"] == "Fernway Two"

    await page.get_by_role("button", name="Delete workspace").first.click()
    question = page.get_by_role("alertdialog").or_(page.get_by_role("dialog"))
    await question.get_by_label("Type Fernway Two to delete it").fill("Fernway")
    await question.get_by_role("button", name="Delete workspace").click()
    await expect(question.get_by_text("This is not the name of the workspace.")).to_be_visible()
    await question.get_by_label("Type Fernway Two to delete it").fill("Fernway Two")
    await question.get_by_role("button", name="Delete workspace").click()
    await expect(page.get_by_role("button", name=re.compile("^Workspace: (?!Fernway Two)")).first).to_be_visible()
    await page.goto("/settings/workspace")
    await expect(page.get_by_role("textbox", name="Name")).not_to_have_value("Fernway Two")

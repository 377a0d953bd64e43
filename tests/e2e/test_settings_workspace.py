"""The workspace's pages as its owner and its viewers meet them, in a real Chromium. Each test has a workspace of its own."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect
from sqlmodel.ext.asyncio.session import AsyncSession

from app import db
from app.models import AuditEvent, Invitation, Membership, Passkey, User, WebSession, Workspace, now
from app.services.audit import Did
from app.services.sessions import LIFETIME, digest
from tests.conftest import PUBLIC_URL, Running
from tests.e2e.conftest import SIZES, Complaints, faults, sideways_px, violations

PAGES = ("workspace", "members", "tokens", "secrets", "audit")
LINES = 60  # of the audit log: more than one page
LONG = "Maximiliane von Hohenstein-Waldburg-Zeil"


@dataclass(frozen=True)
class Team:
    """A workspace of the running product, made in its database: Alice owns it, Bob edits, Vera views."""

    context: BrowserContext
    sessions: dict[str, str]

    async def tab(self, name: str, size: str = "wide") -> Page:
        """Sign the browser in as one of them, and return its first tab; on a phone it is dark."""
        cookie = {"name": "seam", "value": self.sessions[name], "url": PUBLIC_URL}
        await self.context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Lax"}])  # pyright: ignore[reportArgumentType]
        page = self.context.pages[0]
        await page.set_viewport_size(SIZES[size])
        await page.emulate_media(color_scheme="dark" if size == "phone" else "light")
        return page


async def _make(data_dir: Path) -> dict[str, str]:
    """Make the workspace with what it has; return each member's session."""
    engine = db.make_engine(f"sqlite+aiosqlite:///{data_dir / 'seamwatch.db'}")
    made: dict[str, str] = {}
    async with AsyncSession(engine) as session:
        workspace = Workspace(name="Fernway")
        session.add(workspace)
        await session.flush()
        assert workspace.id is not None
        for name, role in (("Alice", "owner"), ("Bob", "editor"), ("Vera", "viewer"), (LONG, "viewer")):
            user = User(name=name, email=f"{name.split()[0].lower()}@fernway.example")
            session.add(user)
            await session.flush()
            assert user.id is not None
            made[name] = secrets.token_urlsafe(32)
            session.add_all(
                [
                    Membership(workspace_id=workspace.id, user_id=user.id, role=role),
                    WebSession(
                        token_hash=digest(made[name]),
                        user_id=user.id,
                        workspace_id=workspace.id,
                        method="github",
                        expires_at=now() + LIFETIME,
                        second_factor_at=now() if name == "Alice" else None,
                    ),
                    Invitation(
                        workspace_id=workspace.id,
                        token_hash=secrets.token_hex(32),
                        role="editor",
                        note=f"A friend of {name}",
                        created_by=user.id,
                        expires_at=now() + timedelta(days=1),
                    ),
                ]
            )
            if name == "Alice":
                session.add(Passkey(user_id=user.id, name="Key", credential_id=secrets.token_bytes(16), public_key=b"-"))
        session.add_all(_line(workspace.id, place) for place in range(LINES))
        await session.commit()
    await engine.dispose()
    return made


def _line(workspace_id: int, place: int) -> AuditEvent:
    did, target = (Did.SECRET_ADDED, f"KEY_{place}") if place % 10 == 0 else (Did.MEMBER_ROLE_CHANGED, "Bob (bob@fernway.example)")
    return AuditEvent(
        workspace_id=workspace_id, actor_kind="user", actor_name="Alice", action=did.value, target=target, before="viewer", after="editor",
        address="203.0.113.7",
    )  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def team(context: BrowserContext, seamwatch: Running) -> Team:
    return Team(context, await _make(seamwatch.data_dir))


async def test_the_pages_of_the_workspace_are_in_order(team: Team, complaints: Complaints):
    page = await team.tab("Alice")
    complaints.listen(page)
    for path in PAGES:
        await page.goto(f"/settings/{path}")
        await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
        await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        await expect(page.locator(".card").first).to_be_visible()
        assert await faults(page) == [], path
    assert complaints == []


async def test_a_member_is_removed_by_keyboard_after_a_confirmation(team: Team, complaints: Complaints):
    alice = await team.tab("Alice")
    complaints.listen(alice)
    await alice.goto("/settings/members")
    remove, dialog = alice.get_by_role("button", name="Remove Bob"), alice.get_by_role("alertdialog", name="Remove Bob?")
    await remove.focus()
    await alice.keyboard.press("Enter")
    await expect(dialog.get_by_role("button", name="Keep member")).to_be_focused()
    assert await violations(alice) == []
    await alice.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(remove).to_be_focused()
    await alice.keyboard.press("Enter")
    await expect(dialog.get_by_role("button", name="Keep member")).to_be_focused()
    await alice.keyboard.press("Tab")
    await alice.keyboard.press("Enter")
    await expect(alice.get_by_role("status").filter(has_text="Bob is not a member any more.")).to_be_visible()
    await expect(remove).to_have_count(0)
    await expect(alice.locator("#members-top")).to_be_focused()
    assert complaints == []


async def test_a_role_is_changed_at_once_and_undone(team: Team):
    alice = await team.tab("Alice")
    await alice.goto("/settings/members")
    role = alice.get_by_label("Role of Bob")
    await role.select_option("admin")
    await expect(alice.get_by_text("Bob is an admin now.")).to_be_visible()
    await alice.get_by_role("button", name="Undo").click()
    await expect(role).to_have_value("editor")
    await alice.reload()
    await expect(role).to_have_value("editor")


async def test_an_invitation_is_shown_once_and_can_be_revoked(team: Team):
    alice = await team.tab("Alice", "phone")
    await alice.goto("/settings/members")
    await alice.get_by_label("For whom").fill("Dana")
    await alice.get_by_role("button", name="Make a link").dblclick()
    await expect(alice.get_by_role("heading", name="Send this link now")).to_be_focused()
    await expect(alice.get_by_text(f"{PUBLIC_URL}/auth/invitation?token=")).to_be_visible()
    assert await violations(alice) == []
    await alice.get_by_role("button", name="I have sent it").click()
    await expect(alice.get_by_role("button", name="Make a link")).to_be_visible()
    assert "invitation?token=" not in await alice.content()
    row = alice.get_by_role("row", name="Dana")
    await expect(row).to_have_count(1)  # the second click made none that nobody saw
    await row.get_by_role("button", name="Revoke").click()
    await expect(row.get_by_text("Revoked").first).to_be_visible()


async def test_a_token_is_shown_once_opens_the_api_and_ends_when_revoked(team: Team, complaints: Complaints):
    alice = await team.tab("Alice")
    complaints.listen(alice)
    await alice.goto("/settings/tokens")
    await alice.get_by_role("button", name="Make token").click()
    await expect(alice.get_by_label("Name", exact=True)).to_be_focused()
    await expect(alice.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    await alice.get_by_label("Name", exact=True).fill("Deploy")
    await alice.get_by_label("Acts as").select_option("workspace")
    await expect(alice.get_by_label("Read the audit log")).to_have_count(0)  # opens nothing to a viewer
    await alice.get_by_label("Role", exact=True).select_option("admin")
    await alice.get_by_label("Read the audit log").check()
    await alice.get_by_label("Read scans").check()
    await alice.get_by_role("button", name="Make token").dblclick()
    await expect(alice.get_by_role("heading", name="Copy the token Deploy now")).to_be_focused()
    token = await alice.get_by_role("region", name="The token", exact=True).inner_text()
    assert token in await alice.get_by_role("region", name="Command").inner_text()
    asked = "token => fetch('/api/v1/me', {headers: {Authorization: `Bearer ${token}`}}).then(answer => answer.status)"
    assert await alice.evaluate(asked, token) == 200
    await alice.get_by_role("button", name="I have stored it").click()
    await expect(alice.get_by_role("button", name="Make token")).to_be_visible()
    assert token not in await alice.content()
    await expect(alice.get_by_role("button", name="Revoke Deploy")).to_have_count(1)
    await alice.get_by_role("button", name="Revoke Deploy").click()
    await alice.get_by_role("alertdialog", name="Revoke Deploy?").get_by_role("button", name="Revoke token").dblclick()
    await expect(alice.get_by_text("Deploy revoked.")).to_be_visible()
    assert complaints == []  # before the refusal, which the browser logs
    assert await alice.evaluate(asked, token) == 401
    await alice.reload()
    await alice.get_by_text("Ended within 30 days: 1").click()
    await expect(alice.get_by_role("cell", name="Revoked", exact=True)).to_be_visible()


async def test_a_secret_is_added_replaced_and_deleted_but_never_shown(team: Team, complaints: Complaints):
    alice = await team.tab("Alice")
    complaints.listen(alice)
    await alice.goto("/settings/secrets")
    await expect(alice.get_by_text("No secrets yet")).to_be_visible()
    await alice.get_by_label("Name", exact=True).fill("1st")
    await alice.get_by_label("Value", exact=True).fill("hunter2-first")
    await alice.get_by_role("button", name="Add secret").click()
    await expect(alice.get_by_text("A name begins with a letter")).to_be_visible()
    await alice.get_by_label("Name", exact=True).fill("SMTP_PASSWORD")
    await alice.get_by_label("Name", exact=True).press("Enter")
    await expect(alice.get_by_role("row", name="SMTP_PASSWORD")).to_be_visible()
    await expect(alice.get_by_label("Value", exact=True)).to_have_value("")
    await alice.get_by_role("button", name="Replace the value of SMTP_PASSWORD").click()
    await expect(alice.get_by_label("Value", exact=True)).to_be_focused()
    await alice.keyboard.type("hunter2-second")
    await alice.keyboard.press("Enter")
    await expect(alice.get_by_text("SMTP_PASSWORD replaced.")).to_be_visible()
    assert "hunter2" not in await alice.content()
    await alice.get_by_role("button", name="Delete SMTP_PASSWORD").click()
    dialog = alice.get_by_role("alertdialog", name="Delete SMTP_PASSWORD?")
    await expect(dialog.get_by_text("No monitor uses it. Its value cannot be brought back.")).to_be_visible()
    await dialog.get_by_role("button", name="Delete secret").click()
    await expect(alice.get_by_text("No secrets yet")).to_be_visible()
    assert complaints == []


async def test_the_audit_log_is_paged_filtered_and_exported_as_filtered(team: Team):
    alice = await team.tab("Alice")
    await alice.goto("/settings/audit")
    lines = alice.locator("tbody tr")
    await expect(alice.get_by_role("table", name="Audit log, newest first")).to_be_visible()
    await expect(lines).to_have_count(50)
    await alice.get_by_role("button", name="Show next").click()
    await expect(lines).to_have_count(LINES - 50)
    await alice.get_by_role("button", name="Back to the newest").click()
    await alice.get_by_label("Action").select_option("secret")
    await expect(lines).to_have_count(LINES // 10)
    await alice.get_by_label("Search").fill("KEY_50")
    await expect(lines).to_have_count(1)
    async with alice.expect_download() as started:
        await alice.get_by_role("link", name="Export as CSV").click()
    exported = (await (await started.value).path()).read_text("utf-8").splitlines()
    assert len(exported) == 2
    assert "KEY_50" in exported[1]
    await alice.get_by_label("Search").fill("no such thing")
    await expect(alice.get_by_text("No line matches")).to_be_visible()
    await alice.get_by_role("button", name="Clear filters").last.click()
    await expect(lines).to_have_count(50)
    await expect(alice.get_by_label("Search")).to_have_value("")


async def test_a_workspace_is_deleted_only_when_its_name_was_typed(team: Team):
    alice = await team.tab("Alice")
    await alice.goto("/settings/workspace")
    await alice.get_by_label("Keep the audit log").fill("3")
    await alice.get_by_role("button", name="Save").click()
    await expect(alice.get_by_text("Enter a number of days")).to_be_visible()
    await alice.get_by_role("button", name="Delete workspace").click()
    dialog = alice.get_by_role("alertdialog", name="Delete Fernway?")
    await expect(dialog.get_by_role("link", name="Download the export")).to_be_visible()
    await dialog.get_by_label("Type Fernway to delete it").fill("fernway")
    await alice.keyboard.press("Enter")
    await expect(dialog.get_by_text("This is not the name of the workspace.")).to_be_visible()
    await dialog.get_by_label("Type Fernway to delete it").fill("Fernway")
    await alice.keyboard.press("Enter")
    await alice.wait_for_url("**/sign-in**")  # Alice is in no other workspace


async def test_a_viewer_sees_what_they_may_and_why_the_rest_is_not_theirs(team: Team):
    vera = await team.tab("Vera", "phone")
    for path, said in {
        "workspace": "You are a viewer here. An admin can rename this workspace and change its settings.",
        "members": "You are a viewer here. An admin can invite, change and remove members.",
        "tokens": "You are a viewer here. An admin can make and revoke workspace tokens.",
        "secrets": "You are a viewer here and may not see the names of secrets. Editors can.",
        "audit": "You are a viewer here and may not read the audit log. Admins can.",
    }.items():
        await vera.goto(f"/settings/{path}")
        await expect(vera.get_by_text(said)).to_be_visible()
    await expect(vera.get_by_role("button", name="Remove")).to_have_count(0)


async def test_the_longest_name_without_a_space_stays_on_a_phone(team: Team):
    alice = await team.tab("Alice", "phone")
    await alice.goto("/settings/workspace")
    longest = "Wolfeschlegelsteinhausenbergerdorff" * 3
    await alice.get_by_label("Name").fill(longest)
    await alice.get_by_role("button", name="Save").click()
    await expect(alice.get_by_role("heading", level=1, name=longest)).to_be_visible()
    assert await sideways_px(alice) == 0

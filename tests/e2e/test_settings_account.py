"""The account's own pages and the shell's menus, as whoever owns the account meets them, in a real Chromium."""

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect
from sqlmodel.ext.asyncio.session import AsyncSession

from app import db
from app.models import Identity, Membership, Passkey, RecoveryCode, User, WebSession, Workspace, now
from app.services.sessions import LIFETIME, digest
from tests.conftest import PUBLIC_URL, IdentityProviders, Running
from tests.e2e.conftest import SIZES, Complaints, Profile, sideways_px, violations
from tests.identity_providers import put_openid_user

PROFILE, SESSIONS = "/settings/profile", "/settings/sessions"
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/604.1"


@dataclass
class Account:
    """A user of the running product, made in its database: named anew for each test, so that no test meets another's."""

    data_dir: Path
    name: str
    user_id: int = 0
    workspace_ids: list[int] = field(default_factory=list)

    async def add(self, *rows: object) -> None:
        engine = db.make_engine(f"sqlite+aiosqlite:///{self.data_dir / 'seamwatch.db'}")
        async with AsyncSession(engine) as session:
            session.add_all(rows)
            await session.commit()
        await engine.dispose()

    async def make(self, *workspaces: str) -> None:
        engine = db.make_engine(f"sqlite+aiosqlite:///{self.data_dir / 'seamwatch.db'}")
        async with AsyncSession(engine) as session:
            user = User(name=self.name)
            made = [Workspace(name=name) for name in workspaces or (f"{self.name}'s workspace",)]
            session.add_all([user, *made])
            await session.flush()
            assert user.id is not None
            self.user_id = user.id
            self.workspace_ids = [workspace.id for workspace in made if workspace.id is not None]
            roles = ("owner", "viewer", "editor")
            session.add_all(
                Membership(workspace_id=workspace_id, user_id=user.id, role=role)
                for workspace_id, role in zip(self.workspace_ids, roles, strict=False)
            )
            await session.commit()
        await engine.dispose()

    async def session(self, *, user_agent: str = _FIREFOX, past: timedelta = timedelta(), shown: bool = False) -> str:
        """Add a session and return its secret. `shown`: with a second factor."""
        secret = secrets.token_urlsafe(32)
        at = now() - past
        await self.add(
            WebSession(
                token_hash=digest(secret),
                user_id=self.user_id,
                workspace_id=self.workspace_ids[0],
                method="github",
                created_at=at,
                last_seen_at=at,
                expires_at=at + LIFETIME,
                second_factor_at=at if shown else None,
                address="203.0.113.7",
                user_agent=user_agent,
            )
        )
        return secret

    async def sign_in(self, context: BrowserContext, *, shown: bool = False) -> Page:
        """Sign a browser in and return its first tab."""
        secret = await self.session(shown=shown)
        await context.add_cookies([{"name": "seam", "value": secret, "url": PUBLIC_URL, "httpOnly": True, "sameSite": "Lax"}])
        return context.pages[0]


@pytest_asyncio.fixture(loop_scope="session")
async def account(seamwatch: Running, signed_in: Profile) -> Account:
    made = Account(seamwatch.data_dir, f"Dana {secrets.token_hex(3)}")
    await made.make()
    return made


async def test_settings_leads_to_the_profile(account: Account, context: BrowserContext):
    page = await account.sign_in(context)
    await page.goto("/settings")
    await page.wait_for_url(re.compile("/settings/profile/?$"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")


async def test_the_signed_out_are_led_to_the_sign_in_and_back(seamwatch: Running, page: Page):
    await page.goto(SESSIONS)
    await page.wait_for_url("**/sign-in*next=*settings*sessions*")


async def test_a_new_name_is_shown_at_once_and_an_empty_one_is_refused(account: Account, context: BrowserContext, complaints: Complaints):
    page = await account.sign_in(context)
    complaints.listen(page)
    await page.goto(PROFILE)
    name = page.get_by_label("Name", exact=True)
    await name.fill("   ")
    await name.press("Enter")
    await expect(name).to_have_accessible_description(re.compile("Enter a name"))
    await expect(name).to_be_focused()
    await name.fill("Dana Winter")
    await name.press("Enter")
    await expect(page.get_by_text("Your name is Dana Winter now.")).to_be_visible()
    await expect(page.get_by_role("button", name="Dana Winter")).to_be_visible()
    await page.reload()
    await expect(name).to_have_value("Dana Winter")
    assert complaints == []


async def test_the_only_way_in_says_why_it_stays_and_goes_once_there_is_another(
    account: Account, identity_providers: IdentityProviders, context: BrowserContext
):
    await account.add(
        Identity(user_id=account.user_id, provider="github", issuer=identity_providers.github.url, subject=account.name, label="dana")
    )
    subject = secrets.token_hex(4)
    claims = {"name": account.name, "email": f"{subject}@team.example", "email_verified": True}
    await asyncio.to_thread(put_openid_user, identity_providers.google, subject, claims)
    page = await account.sign_in(context)
    await page.goto(PROFILE)
    unlink = page.get_by_role("button", name="Unlink GitHub dana")
    await expect(unlink).to_be_disabled()
    await expect(unlink).to_have_accessible_description("This is your only way in. Link another one first.")

    await page.get_by_role("button", name="Link Google").click()
    await page.get_by_placeholder("sub").fill(subject)
    await page.get_by_role("button", name="Authorize", exact=True).click()
    await page.get_by_role("button", name=re.compile("^Link")).click()
    await page.goto(PROFILE)
    await expect(page.get_by_role("button", name="Unlink Google")).to_be_enabled()

    await unlink.press("Enter")
    dialog = page.get_by_role("alertdialog", name="Unlink GitHub (dana)?")
    await expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(unlink).to_be_focused()
    await unlink.press("Enter")
    await dialog.get_by_role("button", name="Unlink", exact=True).press("Enter")
    await expect(page.get_by_text("GitHub (dana) is unlinked.")).to_be_visible()
    await expect(unlink).to_have_count(0)
    await expect(page.get_by_role("button", name="Link GitHub")).to_be_visible()


async def test_passkeys_are_renamed_and_removed_and_recovery_codes_shown_once(
    account: Account, context: BrowserContext, complaints: Complaints
):
    for name in ("Laptop", "Blue key"):
        await account.add(Passkey(user_id=account.user_id, name=name, credential_id=secrets.token_bytes(16), public_key=b"none"))
    await account.add(*(RecoveryCode(user_id=account.user_id, code_hash=digest(secrets.token_hex())) for _ in range(7)))
    page = await account.sign_in(context, shown=True)
    complaints.listen(page)
    await page.goto(PROFILE)

    await page.get_by_role("button", name="Rename Laptop").press("Enter")
    name = page.get_by_label("Name of the passkey")
    await expect(name).to_be_focused()
    await name.fill("")
    await name.press("Enter")
    await expect(name).to_have_accessible_description(re.compile("Enter a name"))
    await name.fill("Old laptop")
    await name.press("Enter")
    await page.get_by_role("button", name="Remove Old laptop").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Remove passkey").click()
    await expect(page.get_by_text("The passkey Old laptop is removed.")).to_be_visible()
    await expect(page.get_by_role("button", name="Remove Old laptop")).to_have_count(0)
    await expect(page.get_by_role("button", name="Remove Blue key")).to_be_visible()

    await expect(page.get_by_text("7 of 10 left")).to_be_visible()
    await page.get_by_role("button", name="Make new ones…").click()
    dialog = page.get_by_role("alertdialog", name="Make new recovery codes?")
    await expect(dialog).to_contain_text("The 7 that are left work no more.")
    await dialog.get_by_role("button", name="Make new codes").click()
    await expect(page.get_by_role("heading", name="Store these codes now")).to_be_focused()
    shown = (await page.get_by_role("region", name="Recovery codes", exact=True).inner_text()).split()
    assert len(set(shown)) == 10
    assert await violations(page) == []
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Download as text").click()
    download = await begun.value
    assert (await asyncio.to_thread(Path(await download.path()).read_text, "utf-8")).split()[-10:] == shown
    await page.get_by_role("button", name="I have stored them").click()
    await expect(page.get_by_text("10 of 10 left")).to_be_visible()
    assert shown[0] not in await page.content()
    assert complaints == []


async def test_a_session_ended_from_another_browser_empties_its_tab_and_says_so(
    account: Account, context: BrowserContext, elsewhere: Profile
):
    await account.session(user_agent=_IPHONE, past=timedelta(days=3))
    other = await account.sign_in(elsewhere.context)
    await other.goto(PROFILE)
    await expect(other.get_by_label("Name", exact=True)).to_have_value(account.name)

    page = await account.sign_in(context)
    await page.goto(SESSIONS)
    rows = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Sign out"))
    await expect(rows).to_have_count(3)
    await expect(rows.filter(has_text="This browser")).to_contain_text("active now")
    await expect(rows.filter(has_text="iPhone")).to_contain_text("3 days ago")
    await expect(rows.filter(has_text="iPhone")).to_contain_text("203.0.113.7")

    await page.get_by_role("button", name="Sign out Firefox on Linux, active now").click()
    await other.wait_for_url("**/sign-in*why=revoked*")
    await expect(other.get_by_text("This session was ended.")).to_be_visible()
    await expect(other.get_by_text(account.name)).to_have_count(0)
    await expect(rows).to_have_count(2)

    await page.get_by_role("button", name="Sign out all others").first.press("Enter")
    dialog = page.get_by_role("alertdialog", name="Sign out 1 other session?")
    await expect(dialog.get_by_role("button", name="Keep them")).to_be_focused()
    await dialog.get_by_role("button", name="Sign out all others").click()
    await expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    await expect(rows).to_have_count(1)


async def test_signing_out_everywhere_asks_first_and_ends_this_browser_too(account: Account, context: BrowserContext, elsewhere: Profile):
    other = await account.sign_in(elsewhere.context)
    await other.goto(SESSIONS)
    page = await account.sign_in(context)
    await page.goto("/scans")
    await page.get_by_role("button", name=account.name, exact=True).press("Enter")
    await page.get_by_role("button", name="Sign out everywhere…").press("Enter")
    dialog = page.get_by_role("alertdialog", name="Sign out everywhere?")
    await expect(dialog.get_by_role("button", name="Stay signed in")).to_be_focused()
    assert await violations(page) == []
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()

    await page.goto(SESSIONS)
    await page.get_by_role("button", name="Sign out everywhere…").last.click()
    await dialog.get_by_role("button", name="Sign out everywhere").click()
    await other.wait_for_url("**/sign-in*")
    await page.goto(SESSIONS)
    await page.wait_for_url("**/sign-in*next=*")


async def test_the_switcher_lists_my_workspaces_and_leads_into_another(seamwatch: Running, signed_in: Profile, context: BrowserContext):
    account = Account(seamwatch.data_dir, f"Dana {secrets.token_hex(3)}")
    await account.make("Fernway", "Acme")
    page = await account.sign_in(context)
    await page.set_viewport_size(SIZES["phone"])
    await page.goto(SESSIONS)
    await page.get_by_role("button", name="Workspace: Fernway").press("Enter")
    acme = page.get_by_role("button", name="Acme Viewer")
    await expect(page.get_by_role("button", name="Fernway Owner")).to_have_attribute("aria-current", "true")
    assert await violations(page) == []
    assert await sideways_px(page) == 0
    await page.keyboard.press("Escape")
    await expect(acme).to_be_hidden()
    await page.keyboard.press("Enter")
    await acme.press("Enter")
    await page.wait_for_url(re.compile("/settings/sessions/?$"))
    await expect(page.get_by_role("button", name="Workspace: Acme")).to_be_visible()


async def test_a_workspace_is_made_from_the_switcher(account: Account, context: BrowserContext, complaints: Complaints):
    page = await account.sign_in(context)
    complaints.listen(page)
    await page.goto("/scans")
    await page.get_by_role("button", name="Workspace:").click()
    await page.get_by_role("button", name="New workspace…").click()
    dialog = page.get_by_role("dialog", name="New workspace")
    name = dialog.get_by_label("Name")
    await expect(name).to_be_focused()
    await name.press("Enter")
    await expect(name).to_have_accessible_description(re.compile("Enter a name"))
    assert await violations(page) == []
    await name.fill("Invoices")
    await name.press("Enter")
    await page.get_by_role("button", name="Go there").click()
    await page.wait_for_url(re.compile("/settings/members/?$"))
    await expect(page.get_by_role("button", name="Workspace: Invoices")).to_be_visible()
    assert complaints == []


async def test_the_sign_in_says_why_one_stands_there(seamwatch: Running, page: Page):
    await page.goto("/sign-in?why=revoked")
    await expect(page.get_by_role("status").filter(has_text="This session was ended.")).to_be_visible()


async def test_the_sign_in_repeats_no_text_of_its_address(seamwatch: Running, page: Page):
    await page.goto("/sign-in?why=Call+0800&invitation=not-one-that-we-made-at-all")
    await expect(page.get_by_role("link", name="Sign in with GitHub")).to_be_visible()
    await expect(page.get_by_text("This invitation does not exist")).to_be_visible()
    await expect(page.get_by_text("0800")).to_have_count(0)


async def test_buttons_lead_to_what_is_configured_and_back_to_where_one_wanted_to_go(seamwatch: Running, page: Page):
    await page.goto("/sign-in?next=/scans/new")
    for key, label in (("google", "Google"), ("github", "GitHub"), ("keycloak", "Keycloak")):
        link = page.get_by_role("link", name=f"Sign in with {label}")
        await expect(link).to_have_attribute("href", f"/auth/login/{key}?next=%2Fscans%2Fnew")
    await page.get_by_role("link", name="Sign in with GitHub").click()
    await expect(page.get_by_role("button", name="Sign in as bob")).to_be_visible()


async def test_the_operator_finds_redirect_uris_and_variables_to_copy(seamwatch: Running, page: Page, context: BrowserContext):
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto("/sign-in")
    await page.get_by_text("For the operator").click()
    google = page.get_by_role("listitem").filter(has=page.get_by_role("region", name="Redirect URI for Google"))
    await google.get_by_role("button", name="Copy").click()
    await expect(google.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == f"{PUBLIC_URL}/auth/callback/google"
    await page.get_by_text("any OpenID provider").click()
    await expect(page.get_by_role("region", name="Variables for Keycloak")).to_contain_text("SEAMWATCH_OIDC_KEYCLOAK_ISSUER=")
    await page.set_viewport_size(SIZES["phone"])
    assert await violations(page) == []
    assert await sideways_px(page) == 0


def test_every_variable_of_the_guides_is_explained_where_operators_look():
    from app.components.provider_setup import _JOIN, GUIDES

    explained = (Path(__file__).parents[2] / ".env.example").read_text("utf-8")
    wanted = [line.partition("=")[0] for text in (*(guide.variables for guide in GUIDES), _JOIN) for line in text.splitlines()]
    assert [name for name in wanted if name not in explained] == []

"""Passkeys in a real Chromium, whose own virtual authenticator makes and shows them, against the product as people run it."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio
from playwright.async_api import BrowserContext, CDPSession, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from app import db
from app.models import Membership, User, WebSession, Workspace, now
from app.services.sessions import LIFETIME, digest
from tests.conftest import PUBLIC_URL, Running
from tests.e2e.conftest import Complaints, Profile, faults, violations

NEW, SECOND, ALONE = "/auth/passkeys/new", "/auth/second-factor", "/auth/passkeys/sign-in"
SCANS = re.compile(r"localhost:3000/scans/?$")


class Person:
    """A user of the running product."""

    def __init__(self, engine: AsyncEngine, user_id: int, workspace_id: int) -> None:
        self._engine, self._user_id, self._workspace_id = engine, user_id, workspace_id

    async def show_first_factor(self, context: BrowserContext) -> None:
        """Sign this browser in as a provider's callback would."""
        secret = secrets.token_urlsafe(32)
        async with AsyncSession(self._engine) as session:
            session.add(
                WebSession(
                    token_hash=digest(secret),
                    user_id=self._user_id,
                    workspace_id=self._workspace_id,
                    method="github",
                    expires_at=now() + LIFETIME,
                )
            )
            await session.commit()
        await context.clear_cookies(name="seam")
        await context.add_cookies([{"name": "seam", "value": secret, "url": PUBLIC_URL, "httpOnly": True, "sameSite": "Lax"}])


Meet = Callable[[str], Awaitable[Person]]


@pytest_asyncio.fixture(loop_scope="session")
async def meet(seamwatch: Running) -> AsyncIterator[Meet]:
    """Add a user of this name to the running product, with a workspace of their own."""
    engine = db.make_engine(f"sqlite+aiosqlite:///{seamwatch.data_dir / 'seamwatch.db'}")

    async def add(name: str) -> Person:
        async with AsyncSession(engine) as session:
            user, workspace = User(name=name), Workspace(name=f"{name[:80]}'s workspace")
            session.add_all([user, workspace])
            await session.flush()
            assert user.id is not None
            assert workspace.id is not None
            session.add(Membership(workspace_id=workspace.id, user_id=user.id, role="owner"))
            person = Person(engine, user.id, workspace.id)
            await session.commit()
        return person

    yield add
    await engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def bob(meet: Meet) -> Person:
    return await meet("Bob Marsh")


class Device:
    """The authenticator of one tab: it opens by itself, as if its user touched it each time."""

    def __init__(self, cdp: CDPSession, authenticator: str) -> None:
        self._cdp, self._authenticator = cdp, authenticator

    @classmethod
    async def of(cls, page: Page) -> "Device":
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("WebAuthn.enable")
        made = await cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        return cls(cdp, made["authenticatorId"])

    async def recognises_its_user(self, yes: bool) -> None:
        await self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._authenticator, "isUserVerified": yes})

    async def passkeys(self) -> list[dict]:
        return (await self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._authenticator}))["credentials"]

    async def forget(self) -> None:
        await self._cdp.send("WebAuthn.clearCredentials", {"authenticatorId": self._authenticator})

    async def count_from(self, count: int) -> None:
        """Put the only passkey's counter back, as it stands in a copy that was made earlier."""
        (passkey,) = await self.passkeys()
        await self.forget()
        copied = {**passkey, "signCount": count}
        await self._cdp.send("WebAuthn.addCredential", {"authenticatorId": self._authenticator, "credential": copied})


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    """A new tab: an authenticator stays with its tab."""
    return await context.new_page()


async def add_passkey(page: Page, name: str = "Laptop") -> list[str]:
    """Add the first passkey; ends on its recovery codes, and returns them."""
    await page.goto(f"{NEW}?next=/scans")
    await page.get_by_label("Name of this passkey").fill(name)
    await page.get_by_role("button", name="Add passkey").click()
    await expect(page.get_by_role("heading", name="Keep your recovery codes")).to_be_focused()
    return await page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_text_contents()


async def test_a_passkey_is_added_and_from_then_on_asked_for(
    bob: Person, context: BrowserContext, elsewhere: Profile, complaints: Complaints
):
    await bob.show_first_factor(elsewhere.context)
    other = elsewhere.tab
    await other.goto("/scans")
    await expect(other.get_by_role("button", name="Bob Marsh").first).to_be_visible()

    await bob.show_first_factor(context)
    second = await context.new_page()
    await second.goto("/scans")
    await expect(second.get_by_role("button", name="Bob Marsh").first).to_be_visible()
    page = await context.new_page()
    complaints.listen(page)
    device = await Device.of(page)
    codes = await add_passkey(page)
    assert len(set(codes)) == 10
    assert [passkey["rpId"] for passkey in await device.passkeys()] == ["localhost"]
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Download").click()
    download = await begun.value
    assert download.suggested_filename == "seamwatch-recovery-codes.txt"
    assert (await asyncio.to_thread(Path(await download.path()).read_text, "utf-8")).split()[-10:] == codes
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).split() == codes
    await page.get_by_role("link", name="I have kept them, go on").click()
    await page.wait_for_url(SCANS)
    await expect(page.get_by_role("button", name="Bob Marsh").first).to_be_visible()

    # This browser's second tab goes on. The other browser's shows nothing any more: its session waits for the passkey.
    await second.get_by_role("link", name="New scan").first.click()
    await expect(second.get_by_label("Page of the application")).to_be_visible()
    await second.close()
    await other.wait_for_url("**/sign-in?*")
    await other.goto(f"{SECOND}?next=/scans")
    await expect(other.get_by_text("You are almost signed in as Bob Marsh.")).to_be_visible()

    # Signed out, and in again by the first factor.
    await bob.show_first_factor(context)
    await page.goto("/scans")
    await page.wait_for_url("**/sign-in?next=*")
    await page.goto(f"{SECOND}?next=/scans")
    await page.get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url(SCANS)
    await expect(page.get_by_role("button", name="Bob Marsh").first).to_be_visible()
    assert complaints == []


async def test_the_same_device_is_not_taken_twice(bob: Person, page: Page, context: BrowserContext):
    await bob.show_first_factor(context)
    await Device.of(page)
    await add_passkey(page)
    await page.goto(NEW)
    await page.get_by_role("button", name="Add passkey").click()
    await expect(page.get_by_role("alert")).to_contain_text("This device holds a passkey of yours already.")


async def test_a_recovery_code_stands_in_once(bob: Person, page: Page, context: BrowserContext):
    await bob.show_first_factor(context)
    await Device.of(page)
    codes = await add_passkey(page)

    for time in (1, 2):
        await bob.show_first_factor(context)
        await page.goto(f"{SECOND}?next=/scans")
        await page.get_by_text("Use a recovery code").click()
        await page.get_by_label("Recovery code").fill(codes[0].lower())
        await page.get_by_role("button", name="Use this code").click()
        if time == 1:
            await page.wait_for_url(SCANS)
    await expect(page.get_by_role("alert").filter(has_text="Each works once")).to_be_visible()
    await expect(page.get_by_text("9 of your codes are left.")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_label("Recovery code").fill(codes[1])
    await page.keyboard.press("Enter")
    await page.wait_for_url(SCANS)


async def test_a_passkey_alone_signs_in_and_a_copy_of_it_does_not(bob: Person, page: Page, context: BrowserContext):
    await bob.show_first_factor(context)
    device = await Device.of(page)
    await add_passkey(page)
    await context.clear_cookies()
    await page.goto(f"{ALONE}?next=/scans")
    await page.get_by_role("button", name="Use a passkey").press("Enter")
    await page.wait_for_url(SCANS)
    await expect(page.get_by_role("button", name="Bob Marsh").first).to_be_visible()
    (cookie,) = [cookie for cookie in await context.cookies() if cookie.get("name") == "seam"]
    assert cookie.get("httpOnly")

    await device.count_from(1)
    await context.clear_cookies()
    await page.goto(ALONE)
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.get_by_role("alert")).to_contain_text("there may be a copy of it")
    assert not [cookie for cookie in await context.cookies() if cookie.get("name") == "seam"]


async def test_what_does_not_work_says_what_to_do_and_can_be_tried_again(bob: Person, page: Page, context: BrowserContext):
    await bob.show_first_factor(context)
    device = await Device.of(page)
    await add_passkey(page)
    trouble, button = page.get_by_role("alert"), page.get_by_role("button", name="Use a passkey")

    # Not recognised is answered as cancelled and as none at hand are: the browser tells no page which it was.
    await bob.show_first_factor(context)
    await page.goto(f"{SECOND}?next=/scans")
    await device.recognises_its_user(False)
    await button.click()
    await expect(trouble).to_contain_text("No passkey was shown: it was cancelled")
    await expect(trouble).to_contain_text("or use a recovery code")
    await page.route(f"**{SECOND}/begin", lambda route: route.abort())
    await button.click()
    await expect(trouble).to_have_text("Seamwatch does not answer. Check the connection and try again.")
    await page.unroute_all()
    await device.recognises_its_user(True)
    await button.click()
    await page.wait_for_url(SCANS)

    # The session ends while the page is open.
    await bob.show_first_factor(context)
    await page.goto(f"{SECOND}?next=/scans")
    await context.clear_cookies(name="seam")
    await button.click()
    await expect(trouble).to_contain_text("Sign in again")

    await device.forget()
    await page.goto(ALONE)
    await button.click()
    await expect(trouble).to_contain_text("this device has none for Seamwatch")


async def test_where_no_passkey_can_be_used_the_page_says_why_before_one_tries(seamwatch: Running, page: Page, context: BrowserContext):
    button, trouble = page.get_by_role("button", name="Use a passkey"), page.get_by_role("alert")
    await page.goto(f"http://127.0.0.1:{seamwatch.port}{ALONE}?next=/scans")
    await expect(button).to_be_disabled()
    await expect(trouble).to_contain_text("Passkeys of this Seamwatch belong to localhost. Open")
    await expect(trouble.get_by_role("link")).to_have_attribute("href", f"{PUBLIC_URL}{ALONE}?next=/scans")

    old = await context.new_page()
    await old.add_init_script("delete window.PublicKeyCredential")
    await old.goto(ALONE)
    await expect(old.get_by_role("button", name="Use a passkey")).to_be_disabled()
    await expect(old.get_by_role("alert")).to_have_text("This browser knows no passkeys. Use a current one.")


async def test_the_pages_are_accessible_and_fit(meet: Meet, page: Page, context: BrowserContext, complaints: Complaints):
    complaints.listen(page)
    bob = await meet("B" * 120)
    await bob.show_first_factor(context)
    await Device.of(page)
    await page.goto(NEW)
    assert await faults(page) == []
    await add_passkey(page)
    assert await faults(page) == []
    await bob.show_first_factor(context)
    await page.goto(f"{SECOND}?next=/scans")
    await page.get_by_text("Use a recovery code").click()
    assert await faults(page) == []
    await page.goto(ALONE)
    assert await faults(page) == []
    assert complaints == []

"""Linking another account: proved at the provider, confirmed here, and never taken from somebody else."""

import re

import httpx
import pytest
from sqlmodel import select

from app import db
from app.models import Identity, User
from tests.auth.conftest import OURS, Browser
from tests.identity_providers import Answer, Forger


async def identities() -> list[Identity]:
    async with db.reading() as session:
        return list((await session.exec(select(Identity).order_by(Identity.id))).all())  # pyright: ignore[reportArgumentType]


async def way_back(browser: Browser, provider: str, login: str = "octo") -> str:
    """Ask to link, confirm at the provider, and return the address that it sends the browser back to."""
    leaving = await browser.post(f"/auth/link/{provider}")
    assert leaving.status_code == 200, leaving.text
    [address] = re.findall(r'content="0; url=([^"]+)"', leaving.text)
    return await browser.confirm(address.replace("&amp;", "&"), login)


async def to_confirm(browser: Browser, provider: str, login: str = "octo") -> tuple[httpx.Response, str]:
    """Go on to the page that asks for confirmation; return it and its ticket."""
    back = await browser.get(await way_back(browser, provider, login))
    assert back.status_code == 303, back.text
    shown = await browser.follow(back)
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', shown.text)
    return shown, ticket


async def test_a_confirmed_account_signs_the_same_user_in(browser_of_alice: Browser, forger: Forger):
    await browser_of_alice.sign_in("github")
    shown, ticket = await to_confirm(browser_of_alice, "forger")
    assert "Link Forger account one@forger.example to Octo Cat?" in shown.text
    assert len(await identities()) == 1  # nothing before the confirmation
    done = await browser_of_alice.post("/auth/link", data={"ticket": ticket, "answer": "link"})
    assert (done.status_code, done.headers["location"]) == (303, f"{OURS}/settings/profile")
    first, second = await identities()
    assert first.user_id == second.user_id
    assert (second.issuer, second.subject) == (forger.url, "subject-1")
    await browser_of_alice.sign_in("forger")
    actor = await browser_of_alice.actor()
    assert actor is not None
    assert actor.user_id == first.user_id


async def test_cancelling_links_nothing_and_uses_the_step_up(browser_of_alice: Browser):
    await browser_of_alice.sign_in("github")
    _, ticket = await to_confirm(browser_of_alice, "forger")
    for answer in ("cancel", ""):
        assert (await browser_of_alice.post("/auth/link", data={"ticket": ticket, "answer": answer})).status_code in (303, 410)
    assert (await browser_of_alice.post("/auth/link", data={"ticket": ticket, "answer": "link"})).status_code == 410
    assert len(await identities()) == 1


async def test_an_account_of_somebody_else_is_refused_with_words(open_browser):
    alice, bob = await open_browser(), await open_browser()
    await alice.sign_in("github")
    await bob.sign_in("forger")
    answer = await bob.get(await way_back(bob, "github"))
    assert answer.status_code == 409
    assert "The GitHub account octo signs in another account of this Seamwatch." in answer.text
    assert len({identity.user_id for identity in await identities()}) == 2


async def test_an_account_that_somebody_else_got_before_the_confirmation_is_refused(open_browser):
    alice, bob = await open_browser(), await open_browser()
    await bob.sign_in("github", "mallory")
    _, ticket = await to_confirm(bob, "forger")
    await alice.sign_in("forger")
    answer = await bob.post("/auth/link", data={"ticket": ticket, "answer": "link"})
    assert answer.status_code == 409
    assert "signs in another account" in answer.text


async def test_an_account_that_is_mine_already_is_said_so(browser_of_alice: Browser):
    await browser_of_alice.sign_in("github")
    answer = await browser_of_alice.get(await way_back(browser_of_alice, "github"))
    assert (answer.status_code, "linked already" in answer.text) == (200, True)


async def test_the_step_of_one_session_cannot_be_confirmed_by_another(open_browser):
    alice, bob = await open_browser(), await open_browser()
    await alice.sign_in("github")
    await bob.sign_in("github", "mallory")
    _, ticket = await to_confirm(alice, "forger")
    assert (await bob.get("/auth/link", params={"ticket": ticket})).status_code == 410
    assert (await bob.post("/auth/link", data={"ticket": ticket, "answer": "link"})).status_code == 410
    assert len(await identities()) == 2


async def test_who_signed_in_as_somebody_else_meanwhile_gets_nothing_linked(browser_of_alice: Browser):
    await browser_of_alice.sign_in("github")
    back = await way_back(browser_of_alice, "forger")
    await browser_of_alice.sign_in("github", "mallory")
    answer = await browser_of_alice.get(back)
    assert (answer.status_code, "You signed out or in meanwhile" in answer.text) == (403, True)
    assert len(await identities()) == 2


async def test_linking_needs_to_be_signed_in(browser_of_alice: Browser):
    for answer in (
        await browser_of_alice.post("/auth/link/github"),
        await browser_of_alice.get("/auth/link", params={"ticket": "x" * 32}),
        await browser_of_alice.post("/auth/link", data={"ticket": "x" * 32, "answer": "link"}),
    ):
        assert answer.status_code == 401
        assert "not signed in any more" in answer.text


async def test_linking_cannot_be_started_from_elsewhere(browser_of_alice: Browser):
    await browser_of_alice.sign_in("github")
    assert (await browser_of_alice.get("/auth/link/forger")).status_code in (404, 405)
    assert (await browser_of_alice.post("/auth/link/forger", headers={"origin": "https://evil.example"})).status_code == 403


@pytest.mark.parametrize("fails", ["declined", "expired"])
async def test_what_fails_on_the_way_leads_back_to_the_profile(browser_of_alice: Browser, forger: Forger, fails: str):
    await browser_of_alice.sign_in("github")
    if fails == "declined":
        forger.change_back = lambda made: {"error": "access_denied"}
    else:
        forger.change_claims = lambda claims: {**claims, "exp": 1}
    answer = await browser_of_alice.get(await way_back(browser_of_alice, "forger"))
    assert answer.status_code == 400
    assert f"{OURS}/settings/profile" in answer.text
    assert len(await identities()) == 1


async def test_an_address_links_nothing_by_itself(browser_of_alice: Browser, forger: Forger):
    forger.userinfo = Answer(body={"sub": "subject-1", "email": "octo@github.example", "email_verified": True})
    await browser_of_alice.sign_in("github")
    await browser_of_alice.sign_in("forger")
    async with db.reading() as session:
        users = (await session.exec(select(User))).all()
    assert [user.email for user in users] == ["octo@github.example"] * 2

"""The page of an invitation, and switching the workspace, as a browser meets them: through the guard, with its headers."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient, Response
from sqlmodel import select, update

from app import db
from app.models import Invitation, Passkey, User, WebSession, Workspace, now
from app.services import invitations, sessions
from app.services.access import Actor, Role
from app.settings import _settings
from app.web import Guard, api
from tests.conftest import PUBLIC_URL, Cast
from tests.services.signed_in import add_member, again, also_member, cookie_of, roles, signed_in

OURS = {"origin": PUBLIC_URL}


@pytest_asyncio.fixture
async def client(cast: Cast) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(Guard(api)), base_url=PUBLIC_URL) as client:
        yield client


@pytest_asyncio.fixture
async def alice(cast: Cast) -> Actor:
    return await signed_in(cast.alice)


@pytest_asyncio.fixture
async def token(alice: Actor) -> str:
    return await token_of(alice, "editor")


async def token_of(actor: Actor, role: str) -> str:
    return parse_qs(urlsplit((await invitations.make(actor, role)).link).query)["token"][0]


def words(answer: Response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def session_of(answer: Response) -> str:
    """Return the session that the answer gives the browser, as it would send it; "" for none."""
    return next((line.partition(";")[0] for line in answer.headers.get_list("set-cookie") if line.startswith("seam=")), "")


async def opened(client: AsyncClient, token: str, cookie: str = "") -> Response:
    client.cookies.clear()  # each request sends the cookies that it names
    return await client.get("/auth/invitation", params={"token": token}, headers={"cookie": cookie} if cookie else {})


async def pressed(client: AsyncClient, token: str, how: str, cookie: str = "", name: str = "", **headers: str) -> Response:
    client.cookies.clear()
    sent = {**OURS, **headers, **({"cookie": cookie} if cookie else {})}
    return await client.post("/auth/invitation", data={"token": token, "how": how, "name": name}, headers=sent)


async def test_the_page_says_who_invites_to_what_and_as_what(client: AsyncClient, token: str):
    answer = await opened(client, token)
    assert answer.status_code == 200
    assert "Alice invites you to Alice's workspace" in words(answer)
    assert "You would join as editor." in words(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert not session_of(answer)
    assert "<script" not in answer.text


async def test_looking_uses_nothing_up_and_a_name_makes_an_account_and_a_session(client: AsyncClient, token: str, alice: Actor):
    for _ in range(3):
        await opened(client, token)
    answer = await pressed(client, token, "new", name="Carla")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/auth/passkeys/new?next=%2Foverview")
    assert (await roles(alice))["Carla"] == "editor"
    carla = await sessions.actor(session_of(answer))
    assert carla
    assert (carla.name, carla.workspace_id, carla.role) == ("Carla", alice.workspace_id, Role.EDITOR)
    async with db.reading() as session:
        row = (await session.exec(select(WebSession).where(WebSession.token_hash == carla.session))).one()
    assert row.method == "invitation"


async def test_of_two_presses_at_once_one_makes_an_account(client: AsyncClient, token: str, alice: Actor):
    answers = await asyncio.gather(*(pressed(client, token, "new", name=f"Carla {n}") for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 403, 403, 403]
    assert sum(name.startswith("Carla") for name in await roles(alice)) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\u202eb", "<b>\n"])
async def test_a_name_that_cannot_be_used_is_asked_for_again(client: AsyncClient, token: str, name: str):
    answer = await pressed(client, token, "new", name=name)
    if name == "<b>\n":  # a line break at the end is no part of the name, and markup is text
        assert answer.status_code == 303
        return
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert (await opened(client, token)).status_code == 200


async def test_who_is_signed_in_joins_with_their_account(client: AsyncClient, token: str, cast: Cast, alice: Actor):
    charlie = await signed_in(cast.charlie)
    cookie = await cookie_of(charlie)
    assert "Join as Charlie" in words(await opened(client, token, cookie))
    assert "Charlie" not in await roles(alice)
    answer = await pressed(client, token, "join", cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/overview")
    assert (await roles(alice))["Charlie"] == "editor"
    moved = await sessions.actor(cookie)
    assert moved
    assert moved.workspace_id == alice.workspace_id
    assert not session_of(answer)


async def test_who_is_a_member_is_offered_to_switch_and_the_link_stays_open(client: AsyncClient, token: str, cast: Cast, alice: Actor):
    cookie = await cookie_of(cast.bob)
    answer = await opened(client, token, cookie)
    assert "You are a member of Alice's workspace already" in words(answer)
    assert "Go to Alice's workspace" in words(answer)
    charlie = await signed_in(cast.charlie)
    await also_member(charlie, alice, Role.ADMIN)
    assert "Switch to Alice's workspace" in words(await opened(client, token, await cookie_of(charlie)))
    await pressed(client, token, "join", cookie)
    assert (await roles(alice))["Bob"] == "editor"
    assert "Alice invites you" in words(await opened(client, token))


async def test_a_member_with_a_lower_role_is_told_what_changes(client: AsyncClient, cast: Cast, alice: Actor):
    token, cookie = await token_of(alice, "admin"), await cookie_of(cast.bob)
    answer = await opened(client, token, cookie)
    assert "You are its editor and would become admin." in words(answer)
    await pressed(client, token, "join", cookie)
    assert (await roles(alice))["Bob"] == "admin"


async def test_a_page_that_asked_one_question_does_not_answer_the_other(client: AsyncClient, token: str, cast: Cast, alice: Actor):
    """Somebody signed in or out meanwhile: no account is made for whom is signed in, and nobody joins as whom the page did not name."""
    cookie = await cookie_of(cast.charlie)
    answer = await pressed(client, token, "new", cookie, "Carla")
    assert "Join as Charlie" in words(answer)
    answer = await pressed(client, token, "join")
    assert "Your name" in words(answer)
    assert set(await roles(alice)) == {"Alice", "Bob"}
    assert (await pressed(client, token, "neither")).status_code == 422


async def test_buttons_of_providers_carry_the_invitation_and_no_name_makes_an_account(
    client: AsyncClient, token: str, alice: Actor, configure: pytest.MonkeyPatch
):
    configure.setenv("SEAMWATCH_GITHUB_CLIENT_ID", "id")
    configure.setenv("SEAMWATCH_GITHUB_CLIENT_SECRET", "secret")
    _settings.cache_clear()
    answer = await opened(client, token)
    (href,) = re.findall(r'href="(/auth/login/github[^"]+)"', unescape(answer.text))
    assert parse_qs(urlsplit(href).query) == {"invitation": [token], "next": ["/overview"]}
    assert "Your name" not in words(answer)
    refused = await pressed(client, token, "new", name="Carla")
    assert refused.status_code == 403
    assert "Carla" not in await roles(alice)


async def test_passkeys_are_offered_where_somebody_has_one_and_lead_back(client: AsyncClient, token: str, cast: Cast):
    assert "use my passkey" not in words(await opened(client, token))
    async with db.transaction() as session:
        session.add(Passkey(user_id=cast.charlie.user_id, name="Key", credential_id=b"1", public_key=b"2"))
    (href,) = re.findall(r'href="(/auth/passkeys/sign-in[^"]+)"', unescape((await opened(client, token)).text))
    assert parse_qs(urlsplit(href).query) == {"next": [f"/auth/invitation?token={token}"]}


async def test_who_must_still_show_a_second_factor_does_so_first(client: AsyncClient, token: str, cast: Cast, alice: Actor):
    async with db.transaction() as session:
        session.add(Passkey(user_id=cast.charlie.user_id, name="Key", credential_id=b"1", public_key=b"2"))
    cookie = await cookie_of(cast.charlie)
    for answer in (await opened(client, token, cookie), await pressed(client, token, "join", cookie)):
        assert answer.status_code == 303
        assert urlsplit(answer.headers["location"]).path == "/auth/second-factor"
        assert parse_qs(urlsplit(answer.headers["location"]).query) == {"next": [f"/auth/invitation?token={token}"]}
    assert "Charlie" not in await roles(alice)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"used_at": now()}, "was used already; it works once. Ask Alice for a new one."),
        ({"expires_at": now() - timedelta(days=1)}, "has expired. Ask Alice for a new one."),
        ({"revoked_at": now()}, "was taken back. Ask Alice for a new one."),
        ({"token_hash": "other"}, "does not exist, or it was deleted. Ask whoever sent it for a new one."),
    ],
)
async def test_a_link_that_works_no_more_says_why_and_whom_to_ask(
    client: AsyncClient, token: str, cast: Cast, alice: Actor, what: dict[str, object], said: str
):
    async with db.transaction() as session:
        await session.exec(update(Invitation).values(**what))
    cookie = await cookie_of(cast.charlie)
    for answer in (
        await opened(client, token),
        await opened(client, token, cookie),
        await pressed(client, token, "new", name="Carla"),
        await pressed(client, token, "join", cookie),
    ):
        assert answer.status_code == 403
        assert said in words(answer)
        assert not session_of(answer)
    assert set(await roles(alice)) == {"Alice", "Bob"}


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 199, "\x00" * 43, "../../" * 8])
async def test_made_up_links_do_not_exist(client: AsyncClient, token: str):
    answer = await opened(client, token)
    assert answer.status_code == 403
    assert "does not exist" in words(answer)


async def test_names_are_text_and_never_markup(client: AsyncClient, cast: Cast, alice: Actor):
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    async with db.transaction() as session:
        await session.exec(update(User).values(name=evil))
        await session.exec(update(Workspace).values(name=evil))
    token = await token_of(alice, "editor")
    for cookie in ("", await cookie_of(cast.charlie), await cookie_of(cast.bob)):
        answer = await opened(client, token, cookie)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "{{ 7*7 }}" in words(answer)


@pytest.mark.parametrize("headers", [{"origin": "https://evil.test"}, {"origin": "null"}, {"origin": "", "sec-fetch-site": "cross-site"}])
async def test_another_site_can_neither_join_nor_switch_for_somebody(
    client: AsyncClient, token: str, cast: Cast, alice: Actor, headers: dict[str, str]
):
    cookie = await cookie_of(cast.charlie)
    assert (await pressed(client, token, "join", cookie, **headers)).status_code == 403
    sent = {"cookie": cookie, **headers}
    assert (await client.post("/auth/workspace", data={"id": alice.workspace_public_id}, headers=sent)).status_code == 403
    assert "Charlie" not in await roles(alice)


async def test_opening_links_is_limited_by_address(client: AsyncClient, token: str, monkeypatch: pytest.MonkeyPatch):
    from app.auth import invitation
    from app.services.errors import Limited

    async def full(*_: object) -> None:
        raise Limited("Too many links opened from your address. Try again in 60 seconds.")

    monkeypatch.setattr(invitation.rates, "hit", full)
    for answer in (await opened(client, token), await pressed(client, token, "new", name="Carla")):
        assert answer.status_code == 429
        assert "Too many links" in words(answer)


async def test_switching_answers_with_a_full_load_of_where_one_was(client: AsyncClient, cast: Cast, alice: Actor):
    bob = await signed_in(cast.bob)
    charlie = await signed_in(cast.charlie)
    await also_member(bob, charlie, Role.VIEWER)
    cookie = await cookie_of(bob)
    for workspace_id, goal, leads_to in (
        (charlie.workspace_public_id, "/settings/members", "/settings/members"),
        (alice.workspace_public_id, "//evil.test", "/"),
    ):
        answer = await client.post("/auth/workspace", data={"id": workspace_id, "next": goal}, headers={**OURS, "cookie": cookie})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}{leads_to}")
        moved = await sessions.actor(cookie)
        assert moved
        assert moved.workspace_public_id == workspace_id
    assert await again(bob) == bob, "another session of theirs stays where it is"


async def test_a_workspace_of_others_answers_as_one_that_is_not(client: AsyncClient, cast: Cast, alice: Actor):
    cookie = await cookie_of(cast.charlie)
    answers = [
        await client.post("/auth/workspace", data={"id": workspace_id}, headers={**OURS, "cookie": cookie})
        for workspace_id in (alice.workspace_public_id, "nothing")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].text == answers[1].text
    signed_out = await client.post("/auth/workspace", data={"id": alice.workspace_public_id}, headers=OURS)
    assert (signed_out.status_code, signed_out.headers["location"]) == (303, f"{PUBLIC_URL}/sign-in")


async def test_a_viewer_by_invitation_gets_no_more_than_that(client: AsyncClient, alice: Actor):
    answer = await pressed(client, await token_of(alice, "viewer"), "new", name="Vera")
    vera = await sessions.actor(session_of(answer))
    assert vera
    assert vera.role is Role.VIEWER
    assert (await add_member("Dora", Role.ADMIN, alice)).role is Role.ADMIN

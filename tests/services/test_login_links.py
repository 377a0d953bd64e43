"""The owner's one-time link: once, for fifteen minutes, and one owner whatever happens at the same time."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import col, delete, select, update

from app import db
from app.models import AuditEvent, LoginLink, Membership, User, Workspace, now
from app.services import login_links, users
from app.services.access import Actor, Role
from app.services.errors import Conflict, Forbidden, NotFound
from tests.conftest import Cast, add_actor

pytestmark = pytest.mark.usefixtures("database")


async def token() -> str:
    return parse_qs(urlsplit(await login_links.issue()).query)["token"][0]


async def count(model: type) -> int:
    async with db.reading() as session:
        return len((await session.exec(select(model))).all())


async def test_the_first_use_makes_the_owner_and_their_workspace():
    assert not await login_links.has_owner()
    owner = await login_links.consume(await token(), "  Alice  ")
    assert await login_links.has_owner()
    async with db.reading() as session:
        user = await session.get_one(User, owner.user_id)
        membership = (await session.exec(select(Membership))).one()
    assert user.name == "Alice"
    assert (membership.user_id, membership.workspace_id, membership.role) == (owner.user_id, owner.workspace_id, "owner")


async def test_the_log_tells_of_the_first_workspace_and_of_every_later_link():
    owner = await login_links.consume(await token(), "Alice")
    await login_links.issue()
    await login_links.issue("alice")
    async with db.reading() as session:
        lines = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all()
    assert [(line.workspace_id, line.action, line.actor_name, line.target) for line in lines] == [
        (owner.workspace_id, "workspace.created", "Alice", "My workspace"),
        (owner.workspace_id, "user.login_link", "Seamwatch", "Alice"),
        (owner.workspace_id, "user.login_link", "Seamwatch", "Alice"),
    ]


async def test_a_later_link_signs_in_the_same_owner():
    first = await login_links.consume(await token(), "Alice")
    assert await login_links.consume(await token(), "Mallory") == first
    assert await count(User) == 1


async def test_a_link_works_once():
    secret = await token()
    await login_links.consume(secret)
    assert not await login_links.usable(secret)
    with pytest.raises(Forbidden, match="used up"):
        await login_links.consume(secret)


async def test_looking_at_a_link_uses_nothing_up():
    secret = await token()
    assert await login_links.usable(secret)
    assert await login_links.usable(secret)
    await login_links.consume(secret)


async def test_a_link_ends_after_fifteen_minutes():
    secret = await token()
    async with db.transaction() as session:
        link = (await session.exec(select(LoginLink))).one()
        assert timedelta(minutes=14) < link.expires_at - now() <= timedelta(minutes=15)
        link.expires_at = now() - timedelta(milliseconds=1)
    assert not await login_links.usable(secret)
    with pytest.raises(Forbidden):
        await login_links.consume(secret)


async def test_an_unknown_token_is_refused():
    await token()
    for wrong in ("", "x", "é" * 43):
        with pytest.raises(Forbidden):
            await login_links.consume(wrong)


async def test_only_the_hash_is_stored():
    secret = await token()
    async with db.reading() as session:
        link = (await session.exec(select(LoginLink))).one()
    assert secret not in link.model_dump_json()


async def test_of_two_uses_at_once_one_wins():
    secret = await token()
    results = await asyncio.gather(*(login_links.consume(secret) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, login_links.Bearer) for result in results) == 1
    assert sum(isinstance(result, Forbidden) for result in results) == 4


async def test_of_two_first_links_at_once_both_sign_in_the_same_owner():
    secrets = [await token() for _ in range(4)]
    owners = await asyncio.gather(*(login_links.consume(secret) for secret in secrets))
    assert len(set(owners)) == 1
    assert (await count(User), await count(Workspace), await count(Membership)) == (1, 1, 1)


async def test_a_disabled_owner_does_not_get_in():
    await login_links.consume(await token())
    async with db.transaction() as session:
        await session.exec(update(User).values(disabled_at=now()))
    with pytest.raises(Forbidden, match="disabled"):
        await login_links.consume(await token())


# Links for whoever is locked out


def secret_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


async def with_address(actor: Actor, email: str) -> None:
    async with db.transaction() as session:
        await session.exec(update(User).where(col(User.id) == actor.user_id).values(email=email))


async def test_a_link_signs_in_the_user_it_names_by_address_name_or_id(cast: Cast):
    await with_address(cast.bob, "Bob@Team.example")
    async with db.reading() as session:
        public_id = (await session.get_one(User, cast.bob.user_id)).public_id
    for asked in ("bob@team.example", " Bob ", "bob", public_id):
        bearer = await login_links.consume(secret_of(await login_links.issue(asked)))
        assert (bearer.user_id, bearer.workspace_id, bearer.method) == (cast.bob.user_id, cast.bob.workspace_id, "login_link")


async def test_the_page_of_such_a_link_names_the_user(cast: Cast):
    assert await login_links.name_of(secret_of(await login_links.issue("Bob"))) == "Bob"
    assert await login_links.name_of(secret_of(await login_links.issue())) == ""


async def test_a_name_of_several_lists_them(cast: Cast):
    await add_actor("Bob", Role.OWNER)
    with pytest.raises(users.Ambiguous) as raised:
        await login_links.issue("bob")
    assert [one.name for one in raised.value.candidates] == ["Bob", "Bob"]
    assert len({one.id for one in raised.value.candidates}) == 2
    assert (await login_links.consume(secret_of(await login_links.issue(raised.value.candidates[0].id)))).user_id == cast.bob.user_id


@pytest.mark.parametrize("asked", ["", " ", "nobody", "%", "x" * 1000])
async def test_there_is_no_link_for_nobody(cast: Cast, asked: str):
    with pytest.raises(NotFound):
        await login_links.issue(asked)


async def test_a_disabled_user_gets_no_link_and_uses_none(cast: Cast):
    link = await login_links.issue("Bob")
    async with db.transaction() as session:
        await session.exec(update(User).where(col(User.id) == cast.bob.user_id).values(disabled_at=now()))
    with pytest.raises(Conflict, match="disabled"):
        await login_links.issue("Bob")
    with pytest.raises(Forbidden, match="disabled"):
        await login_links.consume(secret_of(link))


async def test_a_user_of_no_workspace_is_told_to_ask_for_an_invitation(cast: Cast):
    link = await login_links.issue("Bob")
    async with db.transaction() as session:
        await session.exec(delete(Membership))
    with pytest.raises(Forbidden, match="Ask for an invitation"):
        await login_links.consume(secret_of(link))

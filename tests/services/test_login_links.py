"""The owner's one-time link: once, for fifteen minutes, and one owner whatever happens at the same time."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select, update

from app import db
from app.models import LoginLink, Membership, User, Workspace, now
from app.services import login_links
from app.services.errors import Forbidden

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

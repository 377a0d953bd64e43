"""Invitations. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger with a workspace of his own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from sqlmodel import col, select, update

from app import db
from app.models import Invitation, Membership, User, WebSession, now
from app.services import invitations, members, sessions
from app.services.access import Actor, Role, Scope
from app.services.errors import Conflict, Forbidden, Invalid, Limited, NotFound, SeamwatchError, Unauthenticated
from app.services.invitations import State
from app.services.sessions import Ended
from app.settings import _settings
from tests.conftest import Cast
from tests.services.signed_in import Heard, add_member, again, also_member, roles, signed_in, written


@pytest_asyncio.fixture
async def alice(cast: Cast) -> AsyncIterator[Actor]:
    yield await signed_in(cast.alice)


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    sessions.listeners.append(heard)
    yield heard
    sessions.listeners.remove(heard)


async def token_for(actor: Actor, role: str = "editor", **more: object) -> str:
    link = (await invitations.make(actor, role, **more)).link  # pyright: ignore[reportArgumentType]
    return parse_qs(urlsplit(link).query)["token"][0]


async def change(**values: object) -> None:
    async with db.transaction() as session:
        await session.exec(update(Invitation).values(**values))


async def accept(user: Actor, token: str) -> int:
    async with db.transaction() as session:
        return await invitations.accept(session, user.user_id, token)


async def test_a_link_is_shown_once_and_only_its_hash_is_stored(alice: Actor):
    made = await invitations.make(alice, "viewer", "  Carla of Fernway ", 30)
    assert made.link.startswith("http://localhost:3000/auth/invitation?token=")
    secret = made.link.partition("token=")[2]
    assert len(secret) == 43  # 256 bits
    (row,) = await invitations.list_(alice)
    assert row == made.row
    assert secret not in repr(row)
    async with db.reading() as session:
        stored = (await session.exec(select(Invitation))).one()
    assert secret not in stored.model_dump_json()
    assert (row.role, row.note, row.created_by, row.state, row.used_by) == (Role.VIEWER, "Carla of Fernway", "Alice", State.OPEN, "")
    assert timedelta(days=29.9) < row.expires_at - now() < timedelta(days=30.1)
    assert not any(secret in event.model_dump_json() for event in await written(alice))


async def test_looking_at_an_offer_uses_nothing_up(alice: Actor, cast: Cast):
    token = await token_for(alice)
    for _ in range(3):
        offer = await invitations.offer(token)
        assert (offer.workspace, offer.role, offer.by) == ("Alice's workspace", Role.EDITOR, "Alice")
    assert await accept(cast.charlie, token) == alice.workspace_id


async def test_a_stranger_becomes_a_member_in_the_role_of_the_link(alice: Actor, cast: Cast):
    await accept(cast.charlie, await token_for(alice, "viewer"))
    assert (await roles(alice))["Charlie"] == "viewer"
    (row,) = await invitations.list_(alice)
    assert (row.state, row.used_by) == (State.USED, "Charlie")
    assert [(event.action, event.actor_name, event.after) for event in await written(alice)] == [
        ("invitation.made", "Alice", "viewer, 7 days"),
        ("member.joined", "Charlie", "viewer, invited by Alice"),
    ]


async def test_a_used_link_names_whom_to_ask(alice: Actor, cast: Cast):
    token = await token_for(alice)
    await accept(cast.charlie, token)
    for use in (invitations.offer(token), accept(await add_member("Dora", Role.VIEWER, cast.charlie), token)):
        with pytest.raises(Forbidden, match=r"used already.*Ask Alice for a new one"):
            await use
    assert "Dora" not in await roles(alice)


async def test_an_expired_link_opens_nothing(alice: Actor, cast: Cast):
    token = await token_for(alice, days=1)
    await change(expires_at=now() - timedelta(seconds=1))
    for use in (invitations.offer(token), accept(cast.charlie, token)):
        with pytest.raises(Forbidden, match=r"has expired\. Ask Alice"):
            await use
    assert [row.state for row in await invitations.list_(alice)] == [State.EXPIRED]
    assert "Charlie" not in await roles(alice)


async def test_a_revoked_link_opens_nothing(alice: Actor, cast: Cast):
    token = await token_for(alice)
    (row,) = await invitations.list_(alice)
    await invitations.revoke(alice, row.id)
    await invitations.revoke(alice, row.id)
    for use in (invitations.offer(token), accept(cast.charlie, token)):
        with pytest.raises(Forbidden, match=r"taken back\. Ask Alice"):
            await use
    assert [event.action for event in await written(alice)] == ["invitation.made", "invitation.revoked"]


async def test_a_used_link_is_not_revoked_any_more(alice: Actor, cast: Cast):
    await accept(cast.charlie, await token_for(alice))
    (row,) = await invitations.list_(alice)
    with pytest.raises(Conflict, match="Remove the member"):
        await invitations.revoke(alice, row.id)


@pytest.mark.parametrize("token", ["", "x" * 19, "x" * 43, "x" * 999, "\x00" * 43, "ü" * 43, "\ud800" * 43, None, 7, ["a"], {}])
async def test_what_is_no_link_of_ours_is_unknown(alice: Actor, cast: Cast, token: object):
    await token_for(alice)
    for use in (invitations.offer(token), accept(cast.charlie, token)):  # pyright: ignore[reportArgumentType]
        with pytest.raises(Forbidden, match="does not exist"):
            await use


async def test_of_two_who_open_one_link_at_once_one_joins(alice: Actor, cast: Cast):
    token = await token_for(alice)
    strangers = [await add_member(f"Stranger {n}", Role.VIEWER, cast.charlie) for n in range(6)]
    results = await asyncio.gather(*(accept(stranger, token) for stranger in strangers), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Forbidden"] * 5 + ["int"]
    assert sum(name.startswith("Stranger") for name in await roles(alice)) == 1


async def test_an_invitation_never_lowers_a_role_and_stays_open_for_whom_it_was_meant(alice: Actor, cast: Cast):
    for role in ("viewer", "editor"):
        token = await token_for(alice, role)
        assert await accept(cast.bob, token) == alice.workspace_id
        assert (await roles(alice))["Bob"] == "editor"
        await invitations.offer(token)
    assert await accept(alice, await token_for(alice, "admin")) == alice.workspace_id
    assert (await roles(alice))["Alice"] == "owner"


async def test_an_invitation_raises_a_lower_role(alice: Actor, cast: Cast, heard: Heard):
    bob = await signed_in(cast.bob)
    await invitations.join(bob, await token_for(alice, "admin"))
    assert (await roles(alice))["Bob"] == "admin"
    assert heard.of(bob) == [Ended.CHANGED]
    assert [(event.action, event.before, event.after) for event in await written(alice)][1:] == [("member.role_changed", "editor", "admin")]


async def test_who_joins_while_signed_in_looks_at_the_workspace(alice: Actor, cast: Cast, heard: Heard):
    charlie = await signed_in(cast.charlie)
    await invitations.join(charlie, await token_for(alice, "viewer"))
    moved = await again(charlie)
    assert moved
    assert (moved.workspace_id, moved.role) == (alice.workspace_id, Role.VIEWER)
    assert heard.of(charlie) == [Ended.CHANGED]


async def test_an_account_can_be_made_by_an_invitation_alone(alice: Actor):
    joined = await invitations.join_as_new("  Carla ", await token_for(alice, "viewer"))
    assert joined.workspace_id == alice.workspace_id
    assert (await roles(alice))["Carla"] == "viewer"


async def test_no_account_is_left_when_the_link_does_not_work(alice: Actor, cast: Cast):
    token = await token_for(alice)
    await accept(cast.charlie, token)
    with pytest.raises(Forbidden):
        await invitations.join_as_new("Carla", token)
    async with db.reading() as session:
        assert not (await session.exec(select(User).where(User.name == "Carla"))).all()


async def test_where_providers_are_configured_a_link_alone_makes_no_account(alice: Actor, configure: pytest.MonkeyPatch):
    token = await token_for(alice)
    configure.setenv("SEAMWATCH_GOOGLE_CLIENT_ID", "id")
    configure.setenv("SEAMWATCH_GOOGLE_CLIENT_SECRET", "secret")
    _settings.cache_clear()
    with pytest.raises(Forbidden, match="Sign in first"):
        await invitations.join_as_new("Carla", token)
    await invitations.offer(token)


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\nb", "a\x00b", "a\u202eb", "\ud800", None, 3, ["a"]])
async def test_names_that_are_none_make_no_account(alice: Actor, name: object):
    token = await token_for(alice)
    with pytest.raises(Invalid):
        await invitations.join_as_new(name, token)  # pyright: ignore[reportArgumentType]
    await invitations.offer(token)


@pytest.mark.parametrize(
    ("role", "note", "days", "field"),
    [
        ("owner", "", 7, "role"),
        ("boss", "", 7, "role"),
        (None, "", 7, "role"),
        ([], "", 7, "role"),
        ("viewer", "x" * 121, 7, "note"),
        ("viewer", "a\nb", 7, "note"),
        ("viewer", 7, 7, "note"),
        ("viewer", "", 0, "days"),
        ("viewer", "", 31, "days"),
        ("viewer", "", True, "days"),
        ("viewer", "", "7", "days"),
        ("viewer", "", 1e9, "days"),
    ],
)
async def test_what_cannot_be_offered_is_named(alice: Actor, role: object, note: object, days: object, field: str):
    with pytest.raises(Invalid) as refused:
        await invitations.make(alice, role, note, days)  # pyright: ignore[reportArgumentType]
    assert refused.value.field == field
    assert not await invitations.list_(alice)


async def test_admins_invite_up_to_their_own_role_and_editors_nobody(alice: Actor, cast: Cast):
    dora = await add_member("Dora", Role.ADMIN, alice)
    for role in ("admin", "editor", "viewer"):
        await invitations.make(dora, role)
    with pytest.raises(Forbidden):
        await invitations.make(cast.bob, "viewer")
    with pytest.raises(Forbidden):
        await invitations.list_(cast.bob)


async def test_a_token_invites_with_its_scope_and_up_to_its_role(alice: Actor):
    token = replace(alice, session="", token="tok", user_public_id="", role=Role.ADMIN, scopes=frozenset({Scope.WORKSPACE_WRITE}))
    await accept(await add_member("Dora", Role.VIEWER, await signed_in(alice)), await token_for(token, "admin"))
    with pytest.raises(Forbidden, match="scope"):
        await invitations.make(replace(token, scopes=frozenset({Scope.SCANS_WRITE})), "viewer")


async def test_an_invitation_counts_only_while_its_maker_may_invite(alice: Actor, cast: Cast):
    dora = await add_member("Dora", Role.ADMIN, alice)
    token = await token_for(dora, "admin")
    async with db.transaction() as session:
        await session.exec(update(User).where(col(User.id) == dora.user_id).values(disabled_at=now()))
    with pytest.raises(Forbidden, match="Ask an admin of Alice's workspace"):
        await invitations.offer(token)
    with pytest.raises(Forbidden):
        await accept(cast.charlie, token)
    assert "Charlie" not in await roles(alice)


async def test_there_are_only_so_many_open_invitations(alice: Actor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(invitations, "MAX_OPEN", 3)
    results = await asyncio.gather(*(invitations.make(alice, "viewer") for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(result, Limited) for result in results) == 3
    await invitations.revoke(alice, (await invitations.list_(alice))[0].id)
    await invitations.make(alice, "viewer")


async def test_one_person_makes_only_so_many_an_hour(alice: Actor, monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[object, ...]] = []

    async def full(*key: object) -> None:
        asked.append(key)
        raise Limited("Too many invitations.")

    monkeypatch.setattr(invitations.rates, "hit", full)
    with pytest.raises(Limited):
        await invitations.make(alice, "viewer")
    assert asked == [(invitations.Rate.INVITATIONS, str(alice.user_id))]
    assert not await invitations.list_(alice)


async def test_the_list_has_what_is_open_first_and_comes_in_pages(alice: Actor):
    async with db.transaction() as session:
        session.add_all(
            Invitation(
                workspace_id=alice.workspace_id,
                token_hash=str(n),
                role="viewer",
                note=str(n),
                expires_at=now() + timedelta(days=1 if n < 10 else -1),
            )
            for n in range(70)
        )
    first, second, third = [await invitations.list_(alice, page) for page in (1, 2, 3)]
    assert [row.note for row in first[:11]] == [*map(str, reversed(range(10))), "69"]
    assert (len(first), len(second), third) == (50, 20, ())
    assert {row.created_by for row in first} == {""}


USES: dict[str, Callable[[Actor | None, str], Awaitable[object]]] = {"revoke": invitations.revoke}


async def test_a_stranger_learns_the_same_of_an_invitation_as_of_none(alice: Actor, cast: Cast):
    token = await token_for(alice)
    (row,) = await invitations.list_(alice)
    said = set[tuple[type[SeamwatchError], str]]()
    for invitation_id in (row.id, "nothing", "", "x" * 99, "\x00", None, 3, [row.id]):
        with pytest.raises(SeamwatchError) as refused:
            await invitations.revoke(cast.charlie, invitation_id)  # pyright: ignore[reportArgumentType]
        said.add((type(refused.value), str(refused.value)))
    assert said == {(NotFound, "There is no such invitation in this workspace.")}
    assert await invitations.list_(cast.charlie) == ()
    await invitations.offer(token)


async def test_nobody_invites_nobody(database: Path):
    for use in (invitations.list_(None), invitations.make(None, "viewer"), invitations.revoke(None, "x"), invitations.join(None, "x" * 43)):
        with pytest.raises(Unauthenticated):
            await use


async def test_an_invitation_is_no_way_back_for_whom_was_removed_by_their_own_link(alice: Actor, cast: Cast):
    dora = await add_member("Dora", Role.ADMIN, alice)
    await also_member(dora, cast.charlie, Role.VIEWER)
    own = await token_for(dora, "admin")
    await members.remove(alice, dora.user_public_id)
    with pytest.raises(Forbidden):
        await accept(dora, own)
    async with db.reading() as session:
        rows = (await session.exec(select(Membership.workspace_id).where(Membership.user_id == dora.user_id))).all()
        looking = (await session.exec(select(WebSession.workspace_id).where(WebSession.token_hash == dora.session))).one()
    assert rows == [cast.charlie.workspace_id]
    assert looking == cast.charlie.workspace_id

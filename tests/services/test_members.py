"""Members. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger; Dora and Eve are admins where they appear."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlmodel import select, update

from app import db
from app.models import ApiToken, Membership, Passkey, TokenGrant, User, WebSession
from app.services import bearers, invitations, members, sessions, tokens
from app.services.access import Actor, Role, Scope
from app.services.errors import Conflict, Forbidden, Invalid, NotFound, SeamwatchError, Unauthenticated
from app.services.sessions import Ended
from app.services.tokens import NewToken
from tests.conftest import Cast, add_actor, once
from tests.services.signed_in import Heard, add_member, again, also_member, cookie_of, roles, signed_in, written


@dataclass(frozen=True)
class People:
    alice: Actor  # owner
    dora: Actor  # admin
    bob: Actor  # editor
    victor: Actor  # viewer
    charlie: Actor  # owner of another workspace


@pytest_asyncio.fixture
async def people(database: Path, cast: Cast) -> People:
    async def make() -> People:
        return People(
            alice=await signed_in(cast.alice),
            dora=await add_member("Dora", Role.ADMIN, cast.alice),
            bob=await signed_in(cast.bob),
            victor=await add_member("Victor", Role.VIEWER, cast.alice),
            charlie=await signed_in(cast.charlie),
        )

    return await once(database, make)


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    sessions.listeners.append(heard)
    yield heard
    sessions.listeners.remove(heard)


ROLES = [Role.OWNER, Role.ADMIN, Role.EDITOR, Role.VIEWER]
MANAGED = {
    Role.OWNER: {Role.ADMIN, Role.EDITOR, Role.VIEWER},
    Role.ADMIN: {Role.EDITOR, Role.VIEWER},
    Role.EDITOR: set(),
    Role.VIEWER: set(),
}
GIVEN = {
    Role.OWNER: {Role.ADMIN, Role.EDITOR, Role.VIEWER},
    Role.ADMIN: {Role.ADMIN, Role.EDITOR, Role.VIEWER},
    Role.EDITOR: set(),
    Role.VIEWER: set(),
}


@pytest.mark.parametrize("acting", ROLES)
@pytest.mark.parametrize("other", ROLES)
def test_who_may_manage_whom_and_give_what(acting: Role, other: Role):
    assert members.may_manage(acting, other) == (other in MANAGED[acting])
    assert members.may_give(acting, other) == (other in GIVEN[acting])


@pytest.mark.parametrize("acting", ["alice", "dora", "bob", "victor"])
@pytest.mark.parametrize("target", ["alice", "dora", "bob", "victor"])
async def test_removal_follows_the_table(people: People, acting: str, target: str):
    actor, member = getattr(people, acting), getattr(people, target)
    allowed = acting != target and member.role in MANAGED[actor.role]
    if allowed:
        await members.remove(actor, member.user_public_id)
    else:
        with pytest.raises((Forbidden, Conflict)):
            await members.remove(actor, member.user_public_id)
    assert (member.name in await roles(people.alice)) is not allowed


@pytest.mark.parametrize("given", ["admin", "editor", "viewer"])
@pytest.mark.parametrize("acting", ["alice", "dora", "bob"])
@pytest.mark.parametrize("target", ["alice", "dora", "victor"])
async def test_changes_of_role_follow_the_table(people: People, acting: str, target: str, given: str):
    actor, member = getattr(people, acting), getattr(people, target)
    allowed = acting != target and member.role in MANAGED[actor.role] and Role(given) in GIVEN[actor.role]
    if allowed:
        await members.change_role(actor, member.user_public_id, given)
    else:
        with pytest.raises((Forbidden, Conflict)):
            await members.change_role(actor, member.user_public_id, given)
    assert (await roles(people.alice))[member.name] == (given if allowed else member.role)


async def test_the_list_shows_who_is_what_the_highest_first(people: People):
    async with db.transaction() as session:
        session.add(Passkey(user_id=people.bob.user_id, name="Key", credential_id=b"1", public_key=b"2"))
        await session.exec(update(User).where(User.id == people.bob.user_id).values(email="bob@fernway.example"))  # pyright: ignore[reportArgumentType]
    listed = await members.list_(people.dora)
    assert [(row.name, row.role, row.you, row.may_change, row.second_factor) for row in listed.items] == [
        ("Alice", Role.OWNER, False, False, False),
        ("Dora", Role.ADMIN, True, False, False),
        ("Bob", Role.EDITOR, False, True, True),
        ("Victor", Role.VIEWER, False, True, False),
    ]
    bob = listed.items[2]
    assert (bob.id, bob.email) == (people.bob.user_public_id, "bob@fernway.example")
    assert bob.joined_at.tzinfo
    assert bob.last_seen_at
    assert bob.last_seen_at.tzinfo
    assert (listed.number, listed.pages, listed.total) == (1, 1, 4)


async def test_who_does_not_manage_learns_nothing_of_second_factors(people: People):
    assert {(row.second_factor, row.may_change) for row in (await members.list_(people.victor)).items} == {(None, False)}


async def test_the_list_comes_in_pages_by_two_queries(people: People):
    async with db.transaction() as session:
        users = [User(name=f"Member {n:03}") for n in range(60)]
        session.add_all(users)
        await session.flush()
        session.add_all(Membership(workspace_id=people.alice.workspace_id, user_id=user.id or 0, role="viewer") for user in users)
    asked: list[str] = []
    engine = db.engine().sync_engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        second = await members.list_(people.alice, 2)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert (len(second.items), second.number, second.pages, second.total) == (14, 2, 2, 64)
    assert len(asked) == 2
    assert (await members.list_(people.alice, 99)).number == 2


async def test_a_new_role_counts_at_once_and_open_tabs_start_anew(people: People, heard: Heard):
    await members.change_role(people.alice, people.bob.user_public_id, "viewer")
    assert heard.of(people.bob) == [Ended.CHANGED]
    assert not heard.of(people.alice)
    bob = await sessions.actor_of(people.bob.session)
    assert bob
    assert bob.role is Role.VIEWER


async def test_the_same_role_changes_nothing(people: People, heard: Heard):
    await members.change_role(people.alice, people.bob.user_public_id, "editor")
    assert not heard
    assert not await written(people.alice)


async def test_changes_stand_in_the_audit_log(people: People):
    await members.change_role(people.alice, people.bob.user_public_id, "viewer")
    await members.remove(people.dora, people.bob.user_public_id)
    assert [(row.actor_name, row.action, row.target, row.before, row.after) for row in await written(people.alice)] == [
        ("Alice", "member.role_changed", "Bob", "editor", "viewer"),
        ("Dora", "member.removed", "Bob", "viewer", ""),
    ]


async def test_who_is_removed_and_has_no_other_workspace_is_signed_out(people: People, heard: Heard):
    await members.remove(people.alice, people.bob.user_public_id)
    assert heard.of(people.bob) == [Ended.REVOKED]
    assert await sessions.actor_of(people.bob.session) is None


async def test_who_is_removed_looks_at_another_workspace_of_theirs(people: People, heard: Heard):
    await also_member(people.bob, people.charlie, Role.VIEWER)
    elsewhere = await signed_in(replace(people.bob, workspace_id=people.charlie.workspace_id))
    await members.remove(people.alice, people.bob.user_public_id)
    assert heard.of(people.bob) == [Ended.CHANGED]
    moved = await sessions.actor_of(people.bob.session)
    assert moved
    assert (moved.workspace_id, moved.role) == (people.charlie.workspace_id, Role.VIEWER)
    assert not heard.of(elsewhere)
    assert await again(elsewhere) == elsewhere


async def test_a_pending_session_of_the_removed_ends_too(people: People):
    async with db.transaction() as session:
        session.add(Passkey(user_id=people.bob.user_id, name="Key", credential_id=b"1", public_key=b"2"))
    cookie = await cookie_of(people.bob)
    assert await sessions.pending(cookie)
    await members.remove(people.alice, people.bob.user_public_id)
    assert await sessions.pending(cookie) is None


async def test_personal_tokens_of_the_removed_end_here_and_nowhere_else(people: People):
    await also_member(people.bob, people.charlie, Role.EDITOR)

    def token(name: str, workspace: Actor, user: Actor | None) -> ApiToken:
        return ApiToken(
            workspace_id=workspace.workspace_id,
            user_id=user.user_id if user else None,
            created_by=people.bob.user_id,
            role=None if user else "editor",
            name=name,
            token_hash=name,
            hint="abcd",
            scopes="",
        )

    async with db.transaction() as session:
        here, there = token("here", people.alice, people.bob), token("there", people.charlie, people.bob)
        session.add_all([here, there, token("workspace", people.alice, None), token("Victor's", people.alice, people.victor)])
        await session.flush()
        session.add_all(TokenGrant(api_token_id=row.id or 0, scopes="", expires_at=row.created_at) for row in (here, there))
    await members.remove(people.alice, people.bob.user_public_id)
    async with db.reading() as session:
        ended = {row.name for row in (await session.exec(select(ApiToken))).all() if row.revoked_at}
        grants = [row.revoked_at is not None for row in (await session.exec(select(TokenGrant).order_by("id"))).all()]
    assert ended == {"here"}
    assert grants == [True, False]


async def test_a_token_that_is_in_use_ends_at_once_with_the_membership_and_follows_the_role(people: People):
    secret = (await tokens.make(people.bob, NewToken("ci", ("scans:read",)))).secret
    assert (await bearers.actor_of(secret)).role is Role.EDITOR
    await members.change_role(people.alice, people.bob.user_public_id, "viewer")
    assert (await bearers.actor_of(secret)).role is Role.VIEWER
    await members.remove(people.alice, people.bob.user_public_id)
    with pytest.raises(Unauthenticated):
        await bearers.actor_of(secret)


async def test_whoever_is_an_admin_no_more_makes_no_token_by_what_is_remembered_of_them(people: People):
    await members.change_role(people.alice, people.dora.user_public_id, "viewer")
    with pytest.raises(Forbidden, match="You are a viewer here"):
        await tokens.make(people.dora, NewToken("deploy", ("workspace:write",), None, "admin"))
    with pytest.raises(Invalid, match="opens nothing to the role viewer"):
        await tokens.make(people.dora, NewToken("ci", ("scans:write",)))
    await members.remove(people.alice, people.dora.user_public_id)
    with pytest.raises(Forbidden, match="not a member"):
        await tokens.make(people.dora, NewToken("ci", ("scans:read",)))


async def test_whoever_may_not_invite_any_more_leaves_no_door_behind(people: People):
    removed = (await invitations.make(people.dora, "admin")).link.partition("token=")[2]
    kept = (await invitations.make(people.alice, "viewer")).link.partition("token=")[2]
    await members.change_role(people.alice, people.dora.user_public_id, "editor")
    with pytest.raises(Forbidden, match="taken back"):
        await invitations.offer(removed)
    await members.change_role(people.alice, people.dora.user_public_id, "admin")
    with pytest.raises(Forbidden, match="taken back"):
        await invitations.offer(removed)
    await invitations.offer(kept)


async def test_what_a_session_is_known_by_is_not_trusted_for_changes(people: People):
    """An actor from before a demotion, as another process may still hold for seconds."""
    await members.change_role(people.alice, people.dora.user_public_id, "viewer")
    with pytest.raises(Forbidden):
        await members.remove(people.dora, people.bob.user_public_id)
    await members.remove(people.alice, people.dora.user_public_id)
    with pytest.raises(Forbidden, match="not a member"):
        await members.change_role(people.dora, people.bob.user_public_id, "viewer")
    assert (await roles(people.alice))["Bob"] == "editor"


@pytest.mark.parametrize("role", ["owner", "root", "", "Admin", None, 1, ["admin"], {"a": 1}])
async def test_only_roles_can_be_given_and_never_the_owners(people: People, role: object):
    with pytest.raises(Invalid):
        await members.change_role(people.alice, people.bob.user_public_id, role)  # pyright: ignore[reportArgumentType]
    assert (await roles(people.alice))["Bob"] == "editor"


USES: dict[str, Callable[[Actor | None, str], Awaitable[object]]] = {
    "change_role": lambda actor, member_id: members.change_role(actor, member_id, "viewer"),
    "remove": members.remove,
}


@pytest.mark.parametrize("use", USES)
async def test_a_stranger_learns_the_same_of_a_member_as_of_nobody(people: People, use: str):
    said = set[tuple[type[SeamwatchError], str]]()
    odd: list[object] = [people.bob.user_public_id, people.alice.user_public_id, "nobody", "", "x" * 999, "\x00", None, 7, True, ["a"], {}]
    for member_id in odd:
        with pytest.raises(SeamwatchError) as refused:
            await USES[use](people.charlie, member_id)  # pyright: ignore[reportArgumentType]
        said.add((type(refused.value), str(refused.value)))
    assert {kind for kind, _ in said} == {NotFound}
    assert len(said) == 1
    assert (await roles(people.alice))["Bob"] == "editor"


async def test_a_stranger_sees_only_their_own_members(people: People):
    assert [row.name for row in (await members.list_(people.charlie)).items] == ["Charlie"]


async def test_nobody_sees_nothing(database: Path):
    for use in (members.list_(None), members.remove(None, "x"), members.change_role(None, "x", "viewer")):
        with pytest.raises(Unauthenticated):
            await use


async def test_a_token_needs_the_scope_and_manages_with_its_own_role(people: People):
    token = replace(
        people.alice,
        session="",
        token="tok",
        user_public_id="",
        role=Role.ADMIN,
        scopes=frozenset({Scope.WORKSPACE_READ, Scope.WORKSPACE_WRITE}),
    )
    assert not any(row.you for row in (await members.list_(token)).items)
    with pytest.raises(Forbidden, match="Only the owner"):
        await members.remove(token, people.dora.user_public_id)
    await members.remove(token, people.bob.user_public_id)
    with pytest.raises(Forbidden, match="scope"):
        await members.remove(replace(token, scopes=frozenset({Scope.WORKSPACE_READ})), people.victor.user_public_id)


async def test_sessions_of_others_are_left_alone(people: People, heard: Heard):
    other = await add_actor("Zoe", Role.OWNER)
    zoe = await signed_in(other)
    await members.remove(people.alice, people.bob.user_public_id)
    assert {session for hashes, _ in heard for session in hashes} == {people.bob.session}
    for actor in (zoe, people.alice, people.victor):
        assert await again(actor) == actor
    async with db.reading() as session:
        assert len((await session.exec(select(WebSession).where(WebSession.revoked_at != None))).all()) == 1  # noqa: E711

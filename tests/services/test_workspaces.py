"""Workspaces. Alice owns the installation's first, Bob is an editor in it, Charlie is a stranger with one of his own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel import SQLModel, col, func, select

from app import db
from app.core.scan_events import ScanStatus
from app.models import (
    ApiToken,
    AuditEvent,
    Installation,
    Invitation,
    Membership,
    RefreshToken,
    Scan,
    Secret,
    TokenGrant,
    WebSession,
    Workspace,
    now,
)
from app.services import bearers, invitations, members, scan_feed, scan_queue, scans, sessions, tokens, workspaces
from app.services.access import Actor, Role
from app.services.errors import Conflict, Forbidden, Invalid, Limited, NotFound, SeamwatchError, Unauthenticated
from app.services.scan_form import ScanForm
from app.services.sessions import Ended
from app.services.tokens import NewToken
from app.settings import _settings
from tests.conftest import Cast
from tests.engine.test_scan_worker import Examination, working
from tests.services.reports import report
from tests.services.signed_in import Heard, add_member, again, also_member, roles, signed_in, written


@pytest_asyncio.fixture
async def alice(cast: Cast) -> AsyncIterator[Actor]:
    async with db.transaction() as session:
        session.add(Installation(owner_id=cast.alice.user_id, workspace_id=cast.alice.workspace_id))
    yield await signed_in(cast.alice)


@pytest_asyncio.fixture
async def bob(cast: Cast) -> Actor:
    return await signed_in(cast.bob)


@pytest_asyncio.fixture
async def charlie(cast: Cast) -> Actor:
    return await signed_in(cast.charlie)


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    sessions.listeners.append(heard)
    yield heard
    sessions.listeners.remove(heard)


async def installation() -> tuple[int, int]:
    """Return the row ids of the installation's owner and workspace."""
    async with db.reading() as session:
        row = (await session.exec(select(Installation))).one()
    return row.owner_id, row.workspace_id


async def test_the_switcher_lists_the_workspaces_of_the_actor_and_marks_the_current(alice: Actor, bob: Actor, charlie: Actor):
    await also_member(bob, charlie, Role.VIEWER)
    rows = await workspaces.mine(bob)
    assert [(row.name, row.role, row.current) for row in rows] == [
        ("Alice's workspace", Role.EDITOR, True),
        ("Charlie's workspace", Role.VIEWER, False),
    ]
    assert rows[0].id == alice.workspace_public_id


async def test_switching_shows_the_other_workspace_with_the_role_there(alice: Actor, bob: Actor, charlie: Actor, heard: Heard):
    await also_member(bob, charlie, Role.VIEWER)
    await workspaces.switch(bob, charlie.workspace_public_id)
    moved = await sessions.actor_of(bob.session)
    assert moved
    assert (moved.workspace_id, moved.role, moved.workspace) == (charlie.workspace_id, Role.VIEWER, "Charlie's workspace")
    assert heard == [(frozenset({bob.session}), Ended.CHANGED)]
    await workspaces.switch(moved, charlie.workspace_public_id)
    assert len(heard) == 1, "nothing changed"


async def test_switching_needs_membership_and_says_the_same_of_every_other_id(alice: Actor, charlie: Actor):
    said = set[tuple[type[SeamwatchError], str]]()
    for workspace_id in (alice.workspace_public_id, "nothing", "", "\x00", "x" * 99, None, 3, [alice.workspace_public_id], {}):
        with pytest.raises(SeamwatchError) as refused:
            await workspaces.switch(charlie, workspace_id)  # pyright: ignore[reportArgumentType]
        said.add((type(refused.value), str(refused.value)))
    assert said == {(NotFound, "There is no such workspace, or you are not a member of it.")}
    assert await again(charlie) == charlie


async def test_details_tell_what_the_actor_may_do(alice: Actor, bob: Actor):
    mine, his = await workspaces.details(alice), await workspaces.details(bob)
    assert (mine.id, mine.name, mine.role, mine.members, mine.audit_days) == (
        alice.workspace_public_id,
        "Alice's workspace",
        Role.OWNER,
        2,
        365,
    )
    assert (mine.you_own, mine.may_create, mine.require_second_factor) == (True, True, False)
    assert (his.you_own, his.may_create, his.role) == (False, False, Role.EDITOR)
    assert mine.created_at.tzinfo


async def test_what_is_changed_counts_at_once_and_stands_in_the_log(alice: Actor, bob: Actor):
    await workspaces.change(alice, name="  Fernway ", audit_days=90)
    details = await workspaces.details(alice)
    assert (details.name, details.audit_days) == ("Fernway", 90)
    looking = await sessions.actor_of(bob.session)
    assert looking
    assert looking.workspace == "Fernway"
    assert [(row.action, row.target, row.before, row.after) for row in await written(alice)] == [
        ("workspace.changed", "name", "Alice's workspace", "Fernway"),
        ("workspace.changed", "days the audit log is kept", "365", "90"),
    ]
    await workspaces.change(alice, name="Fernway", audit_days=90)
    assert len(await written(alice)) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", name) for name in ("", "  ", "x" * 121, "a\nb", "a\x7fb", "a\u2028b", "a\u202eb", "\ud800", 3, ["a"], True)),
        *(("audit_days", days) for days in (1, 29, 3651, -1, True, "90", 90.0, [90])),
        *(("require_second_factor", value) for value in (1, "true", 0, [])),
    ],
)
async def test_values_that_cannot_be_used_are_named_and_change_nothing(alice: Actor, field: str, value: object):
    before = await workspaces.details(alice)
    with pytest.raises(Invalid) as refused:
        await workspaces.change(alice, **{"name": "Other", field: value})  # pyright: ignore[reportArgumentType]
    assert refused.value.field == field
    assert await workspaces.details(alice) == before


async def test_names_of_all_scripts_fit(alice: Actor):
    for name in ("x" * 120, "Ålesund", "株式会社", "فريق", "👩‍💻 Team"):
        await workspaces.change(alice, name=name)
        assert (await workspaces.details(alice)).name == name


async def test_only_who_showed_a_second_factor_asks_others_for_one(alice: Actor, bob: Actor):
    with pytest.raises(Conflict, match="passkey of your own"):
        await workspaces.change(alice, require_second_factor=True)
    await workspaces.change(replace(alice, second_factor=True), require_second_factor=True)
    assert (await workspaces.details(alice)).require_second_factor
    known = await sessions.actor_of(alice.session)
    assert known
    assert known.needs_second_factor
    for use in (
        workspaces.change(known, name="X"),
        workspaces.transfer(known, bob.user_public_id),
        members.remove(known, bob.user_public_id),
    ):
        with pytest.raises(Forbidden, match="second factor"):
            await use


async def test_a_token_changes_the_name_but_not_what_guards_it(alice: Actor):
    token = replace(alice, session="", token="tok", user_public_id="", role=Role.ADMIN)
    await workspaces.change(token, name="By token")
    guards: tuple[dict[str, Any], ...] = ({"audit_days": 30}, {"require_second_factor": False}, {"require_second_factor": True})
    for values in guards:
        with pytest.raises(Forbidden, match="not a token"):
            await workspaces.change(token, **values)
    for use in (workspaces.delete(token, "By token"), workspaces.transfer(token, "x"), workspaces.leave(token)):
        with pytest.raises(Forbidden):
            await use
    for use in (workspaces.create(token, "New"), workspaces.switch(token, alice.workspace_public_id), workspaces.mine(token)):
        with pytest.raises(Forbidden, match="not a token"):
            await use


async def test_the_owner_of_the_installation_makes_workspaces(alice: Actor):
    new = await workspaces.create(alice, " Second ")
    assert [(row.id == new, row.name, row.role, row.current) for row in await workspaces.mine(alice)] == [
        (False, "Alice's workspace", Role.OWNER, True),
        (True, "Second", Role.OWNER, False),
    ]
    await workspaces.switch(alice, new)
    there = await again(alice)
    assert there
    assert [(row.action, row.target) for row in await written(there)] == [("workspace.created", "Second")]


async def test_nobody_else_makes_workspaces_unless_anybody_may_join(alice: Actor, bob: Actor, configure: pytest.MonkeyPatch):
    viewer = await add_member("Victor", Role.VIEWER, alice)
    for actor in (bob, viewer, await add_member("Dora", Role.ADMIN, alice)):
        with pytest.raises(Forbidden):
            await workspaces.create(actor, "Mine")
    assert not (await workspaces.details(viewer)).may_create
    configure.setenv("SEAMWATCH_JOIN_OPEN", "on")
    _settings.cache_clear()
    await workspaces.create(viewer, "Mine")
    assert (await workspaces.details(viewer)).may_create


async def test_one_person_owns_only_so_many_workspaces(alice: Actor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workspaces, "MAX_OWNED", 3)
    results = await asyncio.gather(*(workspaces.create(alice, f"W{n}") for n in range(5)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Limited"] * 3 + ["str"] * 2
    with pytest.raises(Limited, match="You own 3 workspaces"):
        await workspaces.create(alice, "One more")


async def test_a_transfer_makes_one_owner_and_an_admin_and_the_installation_follows(alice: Actor, bob: Actor, heard: Heard):
    await workspaces.transfer(alice, bob.user_public_id)
    assert await roles(alice) == {"Alice": "admin", "Bob": "owner"}
    assert await installation() == (bob.user_id, alice.workspace_id)
    assert heard.of(alice) == heard.of(bob) == [Ended.CHANGED]
    new = await sessions.actor_of(bob.session)
    assert new
    assert new.role is Role.OWNER
    assert [(row.action, row.target, row.before, row.after) for row in await written(alice)] == [
        ("workspace.transferred", "Bob", "editor", "owner")
    ]
    with pytest.raises(Forbidden):
        await workspaces.transfer(alice, bob.user_public_id)
    assert (await workspaces.details(new)).may_create


async def test_the_installation_stays_when_another_workspace_is_transferred(alice: Actor, bob: Actor, charlie: Actor):
    await also_member(bob, charlie, Role.VIEWER)
    await workspaces.transfer(charlie, bob.user_public_id)
    assert await installation() == (alice.user_id, alice.workspace_id)
    assert await roles(charlie) == {"Charlie": "admin", "Bob": "owner"}


async def test_of_two_transfers_at_once_one_happens(alice: Actor, bob: Actor):
    others = [bob, *[await add_member(f"M{n}", Role.ADMIN, alice) for n in range(4)]]
    results = await asyncio.gather(*(workspaces.transfer(alice, other.user_public_id) for other in others), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Forbidden"] * 4 + ["NoneType"]
    assert sorted((await roles(alice)).values()).count("owner") == 1
    assert (await roles(alice))["Alice"] == "admin"


async def test_only_the_owner_transfers_and_only_to_a_member(alice: Actor, bob: Actor, charlie: Actor):
    with pytest.raises(Forbidden):
        await workspaces.transfer(await add_member("Dora", Role.ADMIN, alice), bob.user_public_id)
    with pytest.raises(Conflict, match="owner already"):
        await workspaces.transfer(alice, alice.user_public_id)
    said = set[tuple[type[SeamwatchError], str]]()
    for member_id in (charlie.user_public_id, "nobody", "", "\x00", None, 1, []):
        with pytest.raises(SeamwatchError) as refused:
            await workspaces.transfer(alice, member_id)  # pyright: ignore[reportArgumentType]
        said.add((type(refused.value), str(refused.value)))
    assert said == {(NotFound, "There is no such member in this workspace.")}
    assert (await roles(alice))["Alice"] == "owner"


async def test_who_leaves_is_no_member_and_the_owner_must_transfer_first(alice: Actor, bob: Actor, heard: Heard):
    with pytest.raises(Conflict, match="Transfer it"):
        await workspaces.leave(alice)
    await workspaces.leave(bob)
    assert await roles(alice) == {"Alice": "owner"}
    assert heard.of(bob) == [Ended.REVOKED]
    assert await sessions.actor_of(bob.session) is None
    assert [(row.action, row.actor_name, row.before) for row in await written(alice)] == [("member.left", "Bob", "editor")]
    with pytest.raises(Forbidden, match="not a member"):
        await workspaces.leave(bob)


async def test_a_token_that_is_in_use_ends_at_once_with_leaving_and_with_the_workspace(alice: Actor, bob: Actor):
    bobs = (await tokens.make(bob, NewToken("ci", ("scans:read",)))).secret
    shared = (await tokens.make(alice, NewToken("deploy", ("scans:read",), None, "viewer"))).secret
    assert await bearers.actor_of(bobs)
    assert await bearers.actor_of(shared)
    await workspaces.leave(bob)
    with pytest.raises(Unauthenticated):
        await bearers.actor_of(bobs)
    await workspaces.delete(alice, alice.workspace)
    with pytest.raises(Unauthenticated):
        await bearers.actor_of(shared)


async def fill(actor: Actor, name: str) -> None:
    """Put one row of everything into the actor's workspace."""
    async with db.transaction() as session:
        token = ApiToken(
            workspace_id=actor.workspace_id,
            user_id=None,
            created_by=actor.user_id,
            role="viewer",
            name=name,
            token_hash=name,
            hint="x",
            scopes="",
        )
        session.add_all(
            [
                token,
                Secret(workspace_id=actor.workspace_id, name="KEY", sealed="x", created_by=actor.user_id),
                Invitation(workspace_id=actor.workspace_id, token_hash=name, role="viewer", expires_at=now()),
                Scan(public_id=name, workspace_id=actor.workspace_id, created_by=actor.user_id, request="{}", page_url="", status="done"),
            ]
        )
        await session.flush()
        grant = TokenGrant(api_token_id=token.id or 0, scopes="", expires_at=now())
        session.add(grant)
        await session.flush()
        session.add(RefreshToken(grant_id=grant.id or 0, token_hash=name, expires_at=now()))


async def counts(*tables: type[SQLModel]) -> dict[str, int]:
    async with db.reading() as session:
        return {table.__name__: (await session.exec(select(func.count()).select_from(table))).one() for table in tables}


FILLED: tuple[type[SQLModel], ...] = (ApiToken, TokenGrant, RefreshToken, Secret, Invitation, Scan, Workspace)


async def test_everything_goes_with_a_deleted_workspace_and_nothing_else(alice: Actor, charlie: Actor):
    await fill(alice, "alice")
    await fill(charlie, "charlie")
    await workspaces.delete(charlie, "Charlie's workspace")
    assert set((await counts(*FILLED)).values()) == {1}
    assert await roles(charlie) == {}
    async with db.reading() as session:
        left = (await session.exec(select(Scan.public_id))).all()
        assert not (await session.exec(select(AuditEvent).where(AuditEvent.workspace_id == charlie.workspace_id))).all()
    assert left == ["alice"]


async def test_a_deletion_that_a_restart_interrupted_is_finished_by_the_housekeeping(
    alice: Actor, charlie: Actor, monkeypatch: pytest.MonkeyPatch
):
    await fill(charlie, "charlie")
    monkeypatch.setattr(workspaces, "_SCANS_AT_ONCE", 2)
    async with db.transaction() as session:
        session.add_all(
            Scan(public_id=f"s{n}", workspace_id=charlie.workspace_id, created_by=charlie.user_id, request="{}", page_url="", status="done")
            for n in range(4)
        )

    async def interrupted() -> int:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(workspaces, "purge", interrupted)
        with pytest.raises(asyncio.CancelledError):
            await workspaces.delete(charlie, "Charlie's workspace")
    assert await again(charlie) is None
    left = await counts(*FILLED)
    assert left == {"ApiToken": 0, "TokenGrant": 0, "RefreshToken": 0, "Secret": 0, "Invitation": 0, "Scan": 5, "Workspace": 2}
    assert await workspaces.purge() == 1
    assert {**await counts(*FILLED), "Workspace": 0} == dict.fromkeys(left, 0)
    assert await workspaces.purge() == 0
    assert await workspaces.details(alice)


@pytest.mark.parametrize("typed", ["", "alice's workspace", "Alice's", "Charlie's workspace", None, 1, ["Alice's workspace"], True])
async def test_nothing_is_deleted_without_its_name(alice: Actor, typed: object):
    with pytest.raises(Invalid) as refused:
        await workspaces.delete(alice, typed)  # pyright: ignore[reportArgumentType]
    assert refused.value.field == "typed_name"
    assert await workspaces.details(alice)


async def test_only_the_owner_deletes(alice: Actor, bob: Actor):
    for actor in (bob, await add_member("Dora", Role.ADMIN, alice)):
        with pytest.raises(Forbidden):
            await workspaces.delete(actor, "Alice's workspace")
    await workspaces.transfer(alice, bob.user_public_id)
    with pytest.raises(Forbidden):
        await workspaces.delete(alice, "Alice's workspace")
    assert await workspaces.details(bob)


async def test_sessions_of_a_deleted_workspace_move_or_end(alice: Actor, bob: Actor, charlie: Actor, heard: Heard):
    await also_member(bob, charlie, Role.VIEWER)
    await workspaces.switch(bob, charlie.workspace_public_id)
    heard.clear()
    await workspaces.delete(charlie, "Charlie's workspace")
    assert heard.of(bob) == [Ended.CHANGED]
    assert heard.of(charlie) == [Ended.REVOKED]
    assert not heard.of(alice)
    back = await sessions.actor_of(bob.session)
    assert back
    assert (back.workspace_id, back.role) == (alice.workspace_id, Role.EDITOR)
    assert await sessions.actor_of(charlie.session) is None
    async with db.reading() as session:
        assert not (await session.exec(select(WebSession).where(col(WebSession.token_hash) == charlie.session))).all()


async def test_in_the_place_of_the_installations_workspace_comes_an_empty_one(alice: Actor, bob: Actor, charlie: Actor, heard: Heard):
    await fill(alice, "alice")
    await also_member(alice, charlie, Role.VIEWER)
    await workspaces.delete(alice, "  Alice's workspace ")
    owner, workspace_id = await installation()
    assert owner == alice.user_id
    moved = await sessions.actor_of(alice.session)
    assert moved
    assert (moved.workspace_id, moved.role, moved.workspace) == (workspace_id, Role.OWNER, "My workspace")
    assert heard.of(alice) == [Ended.CHANGED]
    assert heard.of(bob) == [Ended.REVOKED]
    assert await roles(moved) == {"Alice": "owner"}
    assert (await scans.list_(moved)).total == 0
    assert [row.action for row in await written(moved)] == ["workspace.created"]


async def test_scans_of_a_deleted_workspace_are_cancelled_and_end_without_trouble(alice: Actor):
    running, waiting = [await scans.start(alice, ScanForm("http://app.test/")) for _ in range(2)]
    claim = await scan_queue.claim("worker")
    assert claim
    assert claim.public_id == running
    followed = asyncio.Event()
    follower = asyncio.ensure_future(_last(alice, running, followed))
    async with scan_feed.orders() as orders, asyncio.timeout(30):
        await followed.wait()  # who asks after the deletion finds no such scan
        await workspaces.delete(alice, "Alice's workspace")
        assert {await orders.next_cancel(5), await orders.next_cancel(5)} == {running, waiting}
    assert not await scan_queue.renew(claim)
    await scan_queue.finish(claim, report())
    await scan_queue.fail(claim, "late")
    await scan_queue.cancelled(claim)
    await scan_queue.release(claim)
    assert await scan_queue.claim("worker") is None
    assert await scan_queue.recover() == 0
    assert await follower is not ScanStatus.DONE


async def _last(actor: Actor, scan_id: str, followed: asyncio.Event | None = None) -> ScanStatus | None:
    status = None
    async for happened in scans.follow(actor, scan_id):
        status = happened.status
        if followed:
            followed.set()
    return status


async def test_the_worker_stops_scans_of_a_deleted_workspace_and_goes_on(alice: Actor, charlie: Actor, caplog: pytest.LogCaptureFixture):
    stopped = Examination()
    async with working(stopped), asyncio.timeout(20):
        await scans.start(charlie, ScanForm("http://app.test/"))
        await stopped.begun.acquire()
        await workspaces.delete(charlie, "Charlie's workspace")
        await stopped.ended.wait()
        stopped.go_on.set()
        assert await _last(alice, await scans.start(alice, ScanForm("http://app.test/"))) is ScanStatus.DONE
    assert stopped.cancelled == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_removal_and_switching_at_once_leave_no_session_where_its_user_is_no_member(alice: Actor, charlie: Actor):
    people = [await add_member(f"M{n}", Role.VIEWER, charlie) for n in range(6)]
    for person in people:
        await also_member(person, alice, Role.VIEWER)
    await asyncio.gather(
        *(workspaces.switch(person, alice.workspace_public_id) for person in people),
        *(members.remove(alice, person.user_public_id) for person in people),
        return_exceptions=True,
    )
    for person in people:
        known = await again(person)
        assert known
        assert known.workspace_id == charlie.workspace_id


async def test_a_deletion_and_joining_at_once_leave_nothing_behind(alice: Actor, charlie: Actor):
    token = (await invitations.make(charlie, "viewer")).link.partition("token=")[2]
    await asyncio.gather(workspaces.delete(charlie, "Charlie's workspace"), invitations.join(alice, token), return_exceptions=True)
    async with db.reading() as session:
        looking = (await session.exec(select(Membership.workspace_id).where(Membership.user_id == alice.user_id))).all()
    assert looking == [alice.workspace_id]
    assert await again(alice)


USES: dict[str, Callable[[Actor | None], Awaitable[object]]] = {
    "mine": workspaces.mine,
    "details": workspaces.details,
    "change": lambda actor: workspaces.change(actor, name="Taken"),
    "create": lambda actor: workspaces.create(actor, "Taken"),
    "switch": lambda actor: workspaces.switch(actor, "x"),
    "transfer": lambda actor: workspaces.transfer(actor, "x"),
    "leave": workspaces.leave,
    "delete": lambda actor: workspaces.delete(actor, "x"),
}


@pytest.mark.parametrize("use", USES)
async def test_nobody_does_nothing(database: Path, use: str):
    with pytest.raises(Unauthenticated):
        await USES[use](None)


async def test_a_stranger_sees_and_changes_only_what_is_theirs(alice: Actor, charlie: Actor):
    assert [row.name for row in await workspaces.mine(charlie)] == ["Charlie's workspace"]
    assert (await workspaces.details(charlie)).id == charlie.workspace_public_id
    await workspaces.change(charlie, name="Charlie's own")
    with pytest.raises(Invalid):
        await workspaces.delete(charlie, "Alice's workspace")
    assert (await workspaces.details(alice)).name == "Alice's workspace"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
async def test_editors_and_viewers_change_nothing_of_the_workspace(alice: Actor, role: Role):
    member = await add_member("Member", role, alice)
    for use in (workspaces.change(member, name="X"), workspaces.transfer(member, member.user_public_id), workspaces.delete(member, "X")):
        with pytest.raises(Forbidden):
            await use
    assert timedelta(0) <= now() - (await workspaces.details(member)).created_at < timedelta(hours=1)  # the cast is made once a run

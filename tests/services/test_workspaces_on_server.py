"""On PostgreSQL, where transactions run side by side: the same cases of workspaces, members and invitations, and those that only it has."""

import asyncio
from pathlib import Path

import pytest
from sqlmodel import col, delete, select

from app import db
from app.models import Invitation, Membership, WebSession
from app.services import invitations, members, workspaces
from app.services.access import Actor, Role
from app.services.errors import SeamwatchError
from tests.services import test_invitations, test_members, test_workspace_export, test_workspaces
from tests.services.signed_in import add_member, again, also_member, roles, signed_in

alice, bob, charlie, heard = test_workspaces.alice, test_workspaces.bob, test_workspaces.charlie, test_workspaces.heard
people = test_members.people


@pytest.fixture
def database(migrated_postgres: str, tmp_path: Path) -> Path:
    """Stands in for the SQLite file of the same name."""
    return tmp_path


test_a_transfer = test_workspaces.test_a_transfer_makes_one_owner_and_an_admin_and_the_installation_follows
test_two_transfers_at_once = test_workspaces.test_of_two_transfers_at_once_one_happens
test_a_deletion = test_workspaces.test_everything_goes_with_a_deleted_workspace_and_nothing_else
test_sessions_of_a_deleted_workspace = test_workspaces.test_sessions_of_a_deleted_workspace_move_or_end
test_the_installations_workspace = test_workspaces.test_in_the_place_of_the_installations_workspace_comes_an_empty_one
test_scans_of_a_deleted_workspace = test_workspaces.test_scans_of_a_deleted_workspace_are_cancelled_and_end_without_trouble
test_removal_and_switching = test_workspaces.test_removal_and_switching_at_once_leave_no_session_where_its_user_is_no_member
test_deletion_and_joining = test_workspaces.test_a_deletion_and_joining_at_once_leave_nothing_behind
test_many_workspaces_at_once = test_workspaces.test_one_person_owns_only_so_many_workspaces
test_the_list_of_members = test_members.test_the_list_shows_who_is_what_the_highest_first
test_tokens_of_the_removed = test_members.test_personal_tokens_of_the_removed_end_here_and_nowhere_else
test_odd_ids_of_members = test_members.test_a_stranger_learns_the_same_of_a_member_as_of_nobody
test_two_who_open_one_link = test_invitations.test_of_two_who_open_one_link_at_once_one_joins
test_odd_links = test_invitations.test_what_is_no_link_of_ours_is_unknown
test_the_list_of_invitations = test_invitations.test_the_list_has_what_is_open_first_and_comes_in_pages
test_many_invitations_at_once = test_invitations.test_there_are_only_so_many_open_invitations
test_the_archive = test_workspace_export.test_everything_of_the_workspace_is_in_the_archive


async def settled(*uses: object) -> list[object]:
    """Run all at once; what is refused is refused in words, and nothing breaks or waits for ever."""
    async with asyncio.timeout(30):
        results = await asyncio.gather(*uses, return_exceptions=True)  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert all(result is None or isinstance(result, SeamwatchError | str | int) for result in results), results
    return results


async def test_who_is_removed_from_two_workspaces_at_once_is_signed_out_of_both(alice: Actor, charlie: Actor):
    """Each removal would move the session to the other workspace, if it did not see that one end."""
    people = [await add_member(f"M{n}", Role.VIEWER, charlie) for n in range(8)]
    for person in people:
        await also_member(person, alice, Role.VIEWER)
    await settled(
        *(members.remove(charlie, person.user_public_id) for person in people),
        *(members.remove(alice, person.user_public_id) for person in people),
    )
    async with db.reading() as session:
        hashes = [person.session for person in people]
        rows = (await session.exec(select(WebSession).where(col(WebSession.token_hash).in_(hashes)))).all()
    assert len(rows) == 8
    assert all(row.revoked_at for row in rows)


async def test_two_workspaces_that_share_members_can_be_deleted_at_once(alice: Actor, charlie: Actor):
    people = [await add_member(f"M{n}", Role.VIEWER, of) for n in range(8) for of in (alice, charlie)]
    for person in people:
        await also_member(person, charlie if person.workspace_id == alice.workspace_id else alice, Role.VIEWER)
    await settled(workspaces.delete(alice, "Alice's workspace"), workspaces.delete(charlie, "Charlie's workspace"))
    async with db.reading() as session:
        left = (await session.exec(select(Membership.user_id))).all()
    assert left == [alice.user_id], "of the new workspace in the place of the first"
    assert not [person for person in people if await again(person)]


async def test_whatever_happens_at_once_there_is_one_owner_and_no_session_without_membership(alice: Actor, bob: Actor, charlie: Actor):
    dora = await add_member("Dora", Role.ADMIN, alice)
    for person in (bob, dora):
        await also_member(person, charlie, Role.VIEWER)
    for _ in range(5):
        tokens = [(await invitations.make(alice, "editor")).link.partition("token=")[2] for _ in range(3)]
        await settled(
            workspaces.transfer(alice, dora.user_public_id),
            workspaces.transfer(alice, bob.user_public_id),
            members.change_role(alice, bob.user_public_id, "admin"),
            members.change_role(dora, bob.user_public_id, "viewer"),
            members.remove(alice, bob.user_public_id),
            members.remove(dora, bob.user_public_id),
            workspaces.leave(bob),
            workspaces.switch(bob, charlie.workspace_public_id),
            workspaces.switch(dora, alice.workspace_public_id),
            *(invitations.join(bob, token) for token in tokens),
        )
        held = await roles(alice)
        assert list(held.values()).count("owner") == 1
        for person in (alice, bob, dora, charlie):
            known = await again(person)
            async with db.reading() as session:
                looking = select(WebSession).where(WebSession.token_hash == person.session, col(WebSession.revoked_at).is_(None))
                assert (known is None) == ((await session.exec(looking)).first() is None)
        if held["Alice"] != "owner":
            owner = await signed_in(dora if held["Dora"] == "owner" else bob)
            await workspaces.transfer(await _in(owner, alice), alice.user_public_id)
        async with db.transaction() as session:
            await session.exec(delete(Membership).where(col(Membership.user_id).in_([bob.user_id, dora.user_id])))
            await session.exec(delete(Invitation))
        for person, role in ((bob, Role.EDITOR), (dora, Role.ADMIN)):
            await also_member(person, alice, role)
            await also_member(person, charlie, Role.VIEWER)


async def _in(actor: Actor, of: Actor) -> Actor:
    await workspaces.switch(actor, of.workspace_public_id)
    found = await again(actor)
    assert found
    return found

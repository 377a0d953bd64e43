"""Workspaces as people use them: see, name, make, switch between, hand over, leave and delete. Their export is `workspace_export`."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func
from sqlmodel import col, select, update
from sqlmodel import delete as delete_from
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.scan_events import ScanStatus
from app.db import reading, transaction
from app.models import (
    ApiToken,
    AuditEvent,
    Installation,
    Invitation,
    Membership,
    Monitor,
    Scan,
    Secret,
    User,
    WebSession,
    Workspace,
    now,
)
from app.services import audit, bearers, engine_orders, members, memberships, names, scan_feed, sessions
from app.services.access import Action, Actor, Role, person, require
from app.services.audit import Did
from app.services.errors import Conflict, Forbidden, Invalid, Limited, NotFound
from app.services.memberships import Touched
from app.services.sessions import Ended
from app.settings import settings

AUDIT_DAYS = (30, 3650)  # how short and how long an audit log may be kept; 0 is for ever
MAX_OWNED = 50  # workspaces of one user
MAX_LISTED = 500  # workspaces of one user that the switcher shows
FIRST_NAME = "My workspace"
_SCANS_AT_ONCE, _LINES_AT_ONCE, _MONITORS_AT_ONCE = 50, 2000, 200  # removed in one transaction of `purge`

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    id: str
    name: str
    role: Role
    current: bool  # whether this session looks at it


@dataclass(frozen=True, slots=True)
class Details:
    id: str
    name: str
    role: Role  # the actor's
    created_at: datetime
    audit_days: int
    require_second_factor: bool
    members: int
    may_create: bool  # whether the actor may make another workspace
    you_own: bool


def _not_found() -> NotFound:
    return NotFound("There is no such workspace, or you are not a member of it.")


async def mine(actor: Actor | None) -> tuple[WorkspaceRow, ...]:
    """Return the workspaces that the actor is a member of, by name; at most `MAX_LISTED`."""
    actor = person(actor)
    query = (
        select(Workspace.id, Workspace.public_id, Workspace.name, Membership.role)
        .join(Membership, col(Membership.workspace_id) == Workspace.id)
        .where(Membership.user_id == actor.user_id)
        .order_by(func.lower(Workspace.name), col(Workspace.id))
        .limit(MAX_LISTED)
    )
    async with reading() as db:
        rows = (await db.exec(query)).all()
    return tuple(WorkspaceRow(public_id, name, Role(role), row_id == actor.workspace_id) for row_id, public_id, name, role in rows)


async def details(actor: Actor | None) -> Details:
    """Return what there is to know of the workspace that the actor looks at."""
    actor = require(actor, Action.READ_MEMBERS)
    async with reading() as db:
        workspace = (await db.exec(select(Workspace).where(Workspace.id == actor.workspace_id))).first()
        if workspace is None:
            raise _not_found()
        count = select(func.count()).select_from(Membership).where(Membership.workspace_id == actor.workspace_id)
        return Details(
            id=workspace.public_id,
            name=workspace.name,
            role=actor.role,
            created_at=workspace.created_at,
            audit_days=workspace.audit_days,
            require_second_factor=workspace.require_second_factor,
            members=(await db.exec(count)).one(),
            may_create=not actor.token and await _may_create(db, actor.user_id),
            you_own=actor.role is Role.OWNER and not actor.token,
        )


async def _may_create(db: AsyncSession, user_id: int) -> bool:
    """Whether this user may have another workspace.

    In one of their own they would be owner and might scan. So a viewer somewhere may not make one, unless anybody may join anyway.
    """
    if settings().join_open:
        return True
    return (await db.exec(select(Installation.id).where(Installation.owner_id == user_id))).first() is not None


def _audit_days(value: object) -> int:
    low, high = AUDIT_DAYS
    if not isinstance(value, int) or isinstance(value, bool) or not (value == 0 or low <= value <= high):
        raise Invalid("audit_days", f"Enter a number of days from {low} to {high}, or 0 to keep it for ever.")
    return value


async def change(
    actor: Actor | None, *, name: str | None = None, audit_days: int | None = None, require_second_factor: bool | None = None
) -> None:
    """Change what is given; None leaves as it is.

    How long the audit log is kept and whether a second factor is asked for are for people to decide, not for tokens: a stolen
    token could otherwise cover its tracks, and it shows no second factor.

    Raises:
        Invalid: names the field at fault.
        Conflict: whoever asks for a second factor must have shown one, or they could not undo it.
    """
    actor = require(actor, Action.CHANGE_WORKSPACE)
    new_name = None if name is None else names.name(name, "name")
    new_days = None if audit_days is None else _audit_days(audit_days)
    if require_second_factor is not None and not isinstance(require_second_factor, bool):
        raise Invalid("require_second_factor", "This is neither on nor off.")
    if audit_days is not None or require_second_factor is not None:
        actor = person(actor)
    if require_second_factor and not actor.second_factor:
        raise Conflict("Add a passkey of your own and sign in with it first. Otherwise you could not manage this workspace any more.")
    async with transaction() as db:
        workspace = await memberships.lock(db, actor.workspace_id)
        actor = await memberships.still(db, actor, Action.CHANGE_WORKSPACE)
        _set(db, actor, workspace, "name", new_name)
        _set(db, actor, workspace, "audit_days", new_days)
        _set(db, actor, workspace, "require_second_factor", require_second_factor)
        looking = await _looking(db, actor.workspace_id)
    sessions.forget(looking)  # so that this process knows at once
    bearers.forget()


_WORDS = {"name": "name", "audit_days": "days the audit log is kept", "require_second_factor": "second factor for those who manage"}


def _set(db: AsyncSession, actor: Actor, workspace: Workspace, field: str, value: str | int | bool | None) -> None:
    before = getattr(workspace, field)
    if value is not None and value != before:
        setattr(workspace, field, value)
        audit.record(db, actor, Did.WORKSPACE_CHANGED, _WORDS[field], before=_word(before), after=_word(value))


def _word(value: str | int | bool) -> str:
    return ("required" if value else "not required") if isinstance(value, bool) else str(value)


async def _looking(db: AsyncSession, workspace_id: int) -> tuple[str, ...]:
    query = select(WebSession.token_hash).where(
        WebSession.workspace_id == workspace_id, col(WebSession.revoked_at).is_(None), WebSession.expires_at > now()
    )
    return tuple((await db.exec(query.limit(1000))).all())


async def create(actor: Actor | None, name: str) -> str:
    """Make a workspace that the actor owns, and return its id. The session goes on looking at the one it looked at.

    Raises:
        Forbidden: only the owner of this installation may, unless anybody may join it.
        Invalid: the name cannot be used.
        Limited: they own too many.
    """
    actor = person(actor)
    name = names.name(name, "name")
    async with transaction() as db:
        await memberships.lock_users(db, col(User.id) == actor.user_id)  # so that the count holds for several at once
        if not await _may_create(db, actor.user_id):
            raise Forbidden("Only the owner of this Seamwatch may make workspaces.")
        owned = select(func.count()).select_from(Membership)
        owned = owned.where(Membership.user_id == actor.user_id, Membership.role == Role.OWNER.value)
        if (count := (await db.exec(owned)).one()) >= MAX_OWNED:
            raise Limited(f"You own {count} workspaces. Delete one that you no longer need.")
        return (await add(db, name, actor.user_id)).public_id


async def add(db: AsyncSession, name: str, owner_id: int) -> Workspace:
    """Add a workspace with its owner, in this transaction, and say so in its log."""
    workspace = Workspace(name=name)
    db.add(workspace)
    await db.flush()
    assert workspace.id is not None
    db.add(Membership(workspace_id=workspace.id, user_id=owner_id, role=Role.OWNER.value))
    await db.flush()
    owner = await sessions.actor_in(db, owner_id, workspace.id)
    assert owner
    audit.record(db, owner, Did.WORKSPACE_CREATED, name)
    return workspace


async def switch(actor: Actor | None, workspace_id: str) -> None:
    """Let this session look at another workspace of the actor's. Its other tabs start anew there.

    Raises:
        NotFound: no such workspace, or the actor is not a member.
    """
    actor = person(actor)
    if not names.is_public_id(workspace_id):
        raise _not_found()
    async with transaction() as db:
        # Whoever ends their membership of it waits until we have switched, and then moves this session along.
        await memberships.lock_users(db, col(User.id) == actor.user_id)
        query = (
            select(Workspace.id)
            .join(Membership, col(Membership.workspace_id) == Workspace.id)
            .where(Workspace.public_id == workspace_id, Membership.user_id == actor.user_id)
        )
        target = (await db.exec(query)).first()
        if target is None:
            raise _not_found()
        changed = await look_at(db, actor.session, target)
    if changed:
        await sessions.announce([actor.session], Ended.CHANGED)


async def look_at(db: AsyncSession, session_hash: str, workspace_id: int) -> bool:
    """Let a session look at a workspace that its user is a member of. False when it does already, or has ended."""
    this = (col(WebSession.token_hash) == session_hash, col(WebSession.revoked_at).is_(None))
    done = await db.exec(update(WebSession).where(*this, col(WebSession.workspace_id) != workspace_id).values(workspace_id=workspace_id))
    return done.rowcount == 1


async def transfer(actor: Actor | None, member_id: str) -> None:
    """Make another member the owner and the actor an admin. With the installation's first workspace the installation goes along.

    Raises:
        NotFound: no such member here.
        Conflict: it is the actor, their account is disabled, or the actor does not own the workspace any more.
    """
    actor = person(require(actor, Action.TRANSFER_WORKSPACE))
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        await memberships.still(db, actor, Action.TRANSFER_WORKSPACE)
        user, role = await members.get_member(db, actor, member_id)
        if user.id == actor.user_id:
            raise Conflict("You are the owner already.")
        if user.disabled_at:
            raise Conflict(f"The account of {user.name} is disabled.")
        assert user.id is not None
        # The lock makes the two one step for everybody who takes it; the old owner first, so that there are never two.
        await members.set_role(db, actor.workspace_id, actor.user_id, Role.ADMIN)
        await members.set_role(db, actor.workspace_id, user.id, Role.OWNER)
        await db.exec(update(Installation).where(col(Installation.workspace_id) == actor.workspace_id).values(owner_id=user.id))
        audit.record(db, actor, Did.WORKSPACE_TRANSFERRED, members.described(user), before=f"{role}", after=Role.OWNER)
        touched = Touched(changed=await memberships.sessions_of(db, actor.workspace_id, actor.user_id, user.id))
    await touched.announce()


async def leave(actor: Actor | None) -> None:
    """End the actor's own membership of the workspace they look at. Their sessions show another of theirs, or end.

    Raises:
        Conflict: the actor owns it.
    """
    actor = person(actor)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        actor = await memberships.still(db, actor, Action.READ_MEMBERS)
        if actor.role is Role.OWNER:
            raise Conflict("You own this workspace. Transfer it to another member first, or delete it.")
        audit.record(db, actor, Did.MEMBER_LEFT, actor.name, before=actor.role)
        touched = await memberships.end(db, actor.workspace_id, actor.user_id)
    await touched.announce()


async def delete(actor: Actor | None, typed_name: str) -> None:
    """Delete the workspace with everything in it: scans, monitors, secrets, tokens, invitations, audit log. Nothing brings it back.

    In the place of the installation's first workspace comes a new, empty one of the same owner. Sessions that looked at the
    deleted one look at another of their user's, or end. For people it is gone at once; `purge` removes the bulk.

    Raises:
        Invalid: `typed_name` is not the workspace's name.
    """
    actor = person(require(actor, Action.DELETE_WORKSPACE))
    async with transaction() as db:
        workspace = await memberships.lock(db, actor.workspace_id)
        await memberships.still(db, actor, Action.DELETE_WORKSPACE)
        if not isinstance(typed_name, str) or typed_name.strip() != workspace.name:
            raise Invalid("typed_name", "This is not the name of the workspace.")
        belonging = select(Membership.user_id).where(Membership.workspace_id == actor.workspace_id)
        await memberships.lock_users(db, col(User.id).in_(belonging))
        under_way = select(Scan.public_id).where(
            Scan.workspace_id == actor.workspace_id, col(Scan.status).in_([ScanStatus.QUEUED.value, ScanStatus.RUNNING.value])
        )
        scan_ids = (await db.exec(under_way)).all()
        await _replace_first(db, actor)
        touched = await memberships.move_sessions(db, actor.workspace_id)
        monitor_ids = (await db.exec(select(Monitor.id).where(Monitor.workspace_id == actor.workspace_id))).all()
        at = now()
        # From now on nobody checks them and nobody is heard at their addresses; `purge` removes them.
        await db.exec(update(Monitor).where(col(Monitor.workspace_id) == actor.workspace_id).values(deleted_at=at, changed_at=at))
        for table in (Membership, ApiToken, Invitation, Secret):
            await db.exec(delete_from(table).where(col(table.workspace_id) == actor.workspace_id))
    logger.warning("workspace %s was deleted by its owner, user %s", workspace.public_id, actor.user_public_id)
    await touched.announce()
    await engine_orders.changed(one for one in monitor_ids if one is not None)
    for scan_id in scan_ids:
        await scan_feed.request_cancel(scan_id)
        await scan_feed.publish(scan_id, ScanStatus.CANCELLED)  # the worker finds no row whose end it could tell
    await purge()


async def purge() -> int:
    """Remove what is left of workspaces that nobody belongs to: those whose deletion began. Return how many.

    A gigabyte of reports takes SQLite half a minute, in which nobody else could write. So it goes in many short transactions,
    and whoever keeps house finishes what a restart interrupted.
    """
    deserted = select(Workspace.id).where(~exists().where(col(Membership.workspace_id) == Workspace.id))
    async with reading() as db:
        row_ids = (await db.exec(deserted)).all()
    for row_id in row_ids:
        for table, at_once in ((Scan, _SCANS_AT_ONCE), (AuditEvent, _LINES_AT_ONCE), (Monitor, _MONITORS_AT_ONCE)):
            # Another process may be at it too: what it removes just now is left to it.
            some = select(table.id).where(table.workspace_id == row_id).limit(at_once).with_for_update(skip_locked=True)
            removed = at_once
            while removed == at_once:
                async with transaction() as db:
                    ids = (await db.exec(some)).all()
                    await db.exec(delete_from(table).where(col(table.id).in_(ids)))
                removed = len(ids)
        async with transaction() as db:
            # Foreign keys delete the rest, such as the rows of sessions that ended.
            await db.exec(delete_from(Workspace).where(col(Workspace.id) == row_id))
    return len(row_ids)


async def _replace_first(db: AsyncSession, actor: Actor) -> None:
    """Put a new workspace in the place of the installation's first, when the actor's is that."""
    installation = (await db.exec(select(Installation).where(Installation.workspace_id == actor.workspace_id))).first()
    if installation is None:
        return
    workspace = await add(db, FIRST_NAME, actor.user_id)
    assert workspace.id is not None
    installation.workspace_id = workspace.id
    await db.flush()

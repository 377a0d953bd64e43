"""Invitations: links that make whoever opens them a member, once each.

An invitation counts only while whoever made it may still invite. Of its secret only the hash is stored.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, and_, case, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Invitation, Membership, User, Workspace, now
from app.services import audit, members, memberships, names, rates, workspaces
from app.services.access import Action, Actor, Role, person, require
from app.services.audit import Did
from app.services.errors import Conflict, Forbidden, Invalid, Limited, NotFound
from app.services.memberships import Touched
from app.services.paging import page_number
from app.services.rates import Rate
from app.services.sessions import digest
from app.settings import settings

METHOD = "invitation"
PAGE_SIZE = 50
MAX_OPEN = 500  # of one workspace
DAYS = (1, 30)
MAX_NOTE_CHARS = 120
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,128}")
_UNKNOWN = "This invitation does not exist, or it was deleted. Ask whoever sent it for a new one."


class State(StrEnum):
    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class InvitationRow:
    id: str
    role: Role
    note: str  # whom it is for, in the inviter's words
    created_by: str  # a name; "" when the account is gone
    created_at: datetime
    expires_at: datetime
    state: State
    used_by: str  # a name; "" when nobody used it


@dataclass(frozen=True, slots=True)
class MadeInvitation:
    link: str  # the only time it is seen
    row: InvitationRow


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invitation's page says before anybody accepts."""

    workspace: str
    workspace_id: str  # public
    role: Role
    by: str  # who invites


@dataclass(frozen=True, slots=True)
class Joined:
    user_id: int
    workspace_id: int


def _state(invitation: Invitation, *, valid: bool = True) -> State:
    if invitation.used_at:
        return State.USED
    if invitation.revoked_at or not valid:
        return State.REVOKED
    return State.EXPIRED if invitation.expires_at <= now() else State.OPEN


def _row(invitation: Invitation, created_by: str | None, used_by: str | None) -> InvitationRow:
    return InvitationRow(
        id=invitation.public_id,
        role=Role(invitation.role),
        note=invitation.note,
        created_by=created_by or "",
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        state=_state(invitation),
        used_by=used_by or "",
    )


def _open() -> tuple[ColumnElement[bool], ...]:
    return col(Invitation.used_at).is_(None), col(Invitation.revoked_at).is_(None), col(Invitation.expires_at) > now()


async def make(actor: Actor | None, role: str, note: str = "", days: int = 7) -> MadeInvitation:
    """Make an invitation and return its link: the only time it is seen.

    Raises:
        Invalid: no such role, a note that is too long, or a number of days out of range.
        Forbidden: the role is higher than the actor's.
        Limited: the workspace has too many open invitations, or the actor made too many within the hour.
    """
    actor = require(actor, Action.MANAGE_MEMBERS)
    given = members.role_given(role)
    note = names.name(note, "note", most_chars=MAX_NOTE_CHARS, empty=True)
    if not isinstance(days, int) or isinstance(days, bool) or not DAYS[0] <= days <= DAYS[1]:
        raise Invalid("days", f"Enter a number of days from {DAYS[0]} to {DAYS[1]}.")
    await rates.hit(Rate.INVITATIONS, str(actor.user_id))
    secret = secrets.token_urlsafe(32)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        actor = await memberships.still(db, actor, Action.MANAGE_MEMBERS)
        if not members.may_give(actor.role, given):
            raise Forbidden(f"You cannot invite anybody as {given}: your own role is {actor.role}.")
        waiting = select(func.count()).select_from(Invitation).where(Invitation.workspace_id == actor.workspace_id, *_open())
        if (await db.exec(waiting)).one() >= MAX_OPEN:
            raise Limited(f"This workspace has {MAX_OPEN} open invitations. Revoke some of them first.")
        invitation = Invitation(
            workspace_id=actor.workspace_id,
            token_hash=digest(secret),
            role=given.value,
            note=note,
            created_by=actor.user_id,
            expires_at=now() + timedelta(days=days),
        )
        db.add(invitation)
        audit.record(db, actor, Did.INVITATION_MADE, note, after=f"{given}, {days} days")
    link = f"{settings().backend_url}/auth/invitation?{urlencode({'token': secret})}"
    return MadeInvitation(link, _row(invitation, actor.name, None))


async def list_(actor: Actor | None, page: int = 1) -> tuple[InvitationRow, ...]:
    """Return one page of the workspace's invitations: those that are open first, then the newest. Fewer than 50 end the list."""
    actor = require(actor, Action.MANAGE_MEMBERS)
    maker, taker = aliased(User), aliased(User)
    query = (
        select(Invitation, maker.name, taker.name)
        .outerjoin(maker, col(maker.id) == Invitation.created_by)
        .outerjoin(taker, col(taker.id) == Invitation.used_by)
        .where(Invitation.workspace_id == actor.workspace_id)
        .order_by(case((and_(*_open()), 0), else_=1), col(Invitation.id).desc())
        .offset((page_number(page) - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE)
    )
    async with reading() as db:
        rows = (await db.exec(query)).all()
    return tuple(_row(*row) for row in rows)


async def revoke(actor: Actor | None, invitation_id: str) -> None:
    """End an open invitation.

    Raises:
        NotFound: no such invitation in this workspace.
        Conflict: it was used.
    """
    actor = require(actor, Action.MANAGE_MEMBERS)
    if not names.is_public_id(invitation_id):
        raise _not_found()
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        actor = await memberships.still(db, actor, Action.MANAGE_MEMBERS)
        query = select(Invitation).where(Invitation.public_id == invitation_id, Invitation.workspace_id == actor.workspace_id)
        invitation = (await db.exec(query)).first()
        if invitation is None:
            raise _not_found()
        if invitation.used_at:
            raise Conflict("Somebody used this invitation already. Remove the member instead.")
        if invitation.revoked_at:
            return
        invitation.revoked_at = now()
        audit.record(db, actor, Did.INVITATION_REVOKED, invitation.note, before=invitation.role)


def _not_found() -> NotFound:
    return NotFound("There is no such invitation in this workspace.")


async def _find(db: AsyncSession, token: object) -> tuple[Invitation, Offer]:
    """Return the invitation of this link and what it offers, while it can be used.

    Raises:
        Forbidden: it cannot, with words that say why and whom to ask. Only who has the link learns them.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Forbidden(_UNKNOWN)
    query = (
        select(Invitation, Workspace, User, Membership.role)
        .join(Workspace, col(Workspace.id) == Invitation.workspace_id)
        .outerjoin(User, col(User.id) == Invitation.created_by)
        .outerjoin(
            Membership,
            (col(Membership.user_id) == Invitation.created_by) & (col(Membership.workspace_id) == Invitation.workspace_id),
        )
        .where(Invitation.token_hash == digest(token))
        .execution_options(populate_existing=True)
    )
    found = (await db.exec(query)).first()
    if found is None:
        raise Forbidden(_UNKNOWN)
    invitation, workspace, maker, maker_role = found
    may_still = maker is not None and maker.disabled_at is None and maker_role in (Role.OWNER, Role.ADMIN)
    whom = maker.name if maker and may_still else f"an admin of {workspace.name}"
    match _state(invitation, valid=may_still):
        case State.USED:
            raise Forbidden(f"This invitation was used already; it works once. Ask {whom} for a new one.")
        case State.EXPIRED:
            raise Forbidden(f"This invitation has expired. Ask {whom} for a new one.")
        case State.REVOKED:
            raise Forbidden(f"This invitation was taken back. Ask {whom} for a new one.")
        case State.OPEN:
            return invitation, Offer(workspace.name, workspace.public_id, Role(invitation.role), whom)


async def offer(token: str) -> Offer:
    """Return what this link offers. Uses nothing up: previews of a link in a chat or a mail client ask this.

    Raises:
        Forbidden: the link is unknown, used, expired or revoked; the words are for whoever opened it.
    """
    async with reading() as db:
        return (await _find(db, token))[1]


async def accept(db: AsyncSession, user_id: int, token: str) -> int:
    """Make the user a member by this link, in the caller's transaction, and return the workspace's row id.

    An existing member keeps a role that is as high, and then the link stays open for whom it was meant; else it raises theirs.
    Call it before other changes of the user's row, so that no two transactions wait for one another.

    Raises:
        Forbidden: as `offer`.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Forbidden(_UNKNOWN)
    row_id = (await db.exec(select(Invitation.workspace_id).where(Invitation.token_hash == digest(token)))).first()
    if row_id is None:
        raise Forbidden(_UNKNOWN)
    workspace = await memberships.lock(db, row_id)
    invitation, offered = await _find(db, token)
    this = (Membership.workspace_id == row_id, Membership.user_id == user_id)
    held = (await db.exec(select(Membership.role).where(*this))).first()
    if held and Role(held).at_least(offered.role):
        return row_id
    used = await db.exec(
        update(Invitation).where(col(Invitation.id) == invitation.id, *_open()).values(used_at=now(), used_by=user_id),
        execution_options={"synchronize_session": False},
    )
    if used.rowcount != 1:
        raise Forbidden(f"This invitation was used already; it works once. Ask {offered.by} for a new one.")
    user = (await db.exec(select(User).where(User.id == user_id))).one()
    actor = Actor(user_id, user.name, row_id, workspace.name, offered.role, user_public_id=user.public_id)
    if held:
        await members.set_role(db, row_id, user_id, offered.role)
        audit.record(db, actor, Did.MEMBER_ROLE_CHANGED, members.described(user), before=held, after=offered.role)
    else:
        db.add(Membership(workspace_id=row_id, user_id=user_id, role=offered.role.value))
        audit.record(db, actor, Did.MEMBER_JOINED, members.described(user), after=f"{offered.role}, invited by {offered.by}")
    await db.flush()
    return row_id


async def join(actor: Actor | None, token: str) -> None:
    """Make whoever is signed in a member by this link, and let their session look at the workspace.

    Raises:
        Forbidden: as `offer`.
    """
    actor = person(actor)
    async with transaction() as db:
        workspace_id = await accept(db, actor.user_id, token)
        await memberships.lock_users(db, col(User.id) == actor.user_id)
        await workspaces.look_at(db, actor.session, workspace_id)
        touched = Touched(changed=await memberships.sessions_of(db, workspace_id, actor.user_id))
    await touched.announce()


async def join_as_new(name: str, token: str) -> Joined:
    """Make an account by this link alone: the way in where no provider is configured.

    Raises:
        Invalid: the name cannot be used.
        Forbidden: as `offer`; or there are providers, and whoever they do not know does not come in by a link alone.
    """
    name = names.name(name, "name")
    if settings().providers:
        raise Forbidden("Sign in first. Here an invitation alone makes no account.")
    async with transaction() as db:
        user = User(name=name)
        db.add(user)
        await db.flush()
        assert user.id is not None
        return Joined(user.id, await accept(db, user.id, token))

"""The members of a workspace: who they are, what they may do, and their removal.

Who may change whom, as people know it from GitHub and Slack:
- The owner may change and remove everybody else.
- Admins may change and remove editors and viewers, and may make them admins; only the owner changes or removes an admin.
- Nobody changes or removes themselves here, and nobody the owner: there is transferring, and there is leaving.
- Nobody becomes owner by a change of role.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, exists, func
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Membership, Passkey, User, WebSession
from app.services import audit, memberships
from app.services.access import Action, Actor, Role, may, require
from app.services.audit import Did
from app.services.errors import Conflict, Forbidden, Invalid, NotFound
from app.services.memberships import Touched
from app.services.names import is_public_id
from app.services.paging import Page, page_number

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class MemberRow:
    id: str  # of the user
    name: str
    email: str  # "" when no provider gave one
    role: Role
    joined_at: datetime
    last_seen_at: datetime | None  # in this workspace; None when no session of theirs is left
    second_factor: bool | None  # whether they have a passkey; None for whoever may not manage members
    you: bool
    may_change: bool  # whether the actor may change their role and remove them


def may_manage(acting: Role, member: Role) -> bool:
    """Whether somebody with the role `acting` may change or remove another with the role `member`."""
    if acting is Role.OWNER:
        return member is not Role.OWNER
    return acting is Role.ADMIN and not member.at_least(Role.ADMIN)


def may_give(acting: Role, role: Role) -> bool:
    """Whether somebody with the role `acting` may make another person this: at most what they are, and never owner."""
    return role is not Role.OWNER and acting.at_least(Role.ADMIN) and acting.at_least(role)


def role_given(value: object) -> Role:
    """Return the role that a client named. Raises Invalid."""
    if not isinstance(value, str) or value not in list(Role):
        raise Invalid("role", "This is none of the roles: admin, editor, viewer.")
    if value == Role.OWNER:
        raise Invalid("role", "A workspace has one owner. Transfer it to make somebody else the owner.")
    return Role(value)


def described(user: User) -> str:
    """Return whom the audit log means: names alone need not be unique."""
    return f"{user.name} ({user.email})" if user.email else user.name


async def list_(actor: Actor | None, page: int = 1) -> Page[MemberRow]:
    """Return one page of the workspace's members, the highest role first, then by name. A page beyond the last is the last."""
    actor = require(actor, Action.READ_MEMBERS)
    manages = may(actor, Action.MANAGE_MEMBERS)
    here = Membership.workspace_id == actor.workspace_id
    last_seen = (
        select(func.max(WebSession.last_seen_at))
        .where(WebSession.user_id == User.id, WebSession.workspace_id == actor.workspace_id)
        .scalar_subquery()
    )
    passkeys = exists().where(col(Passkey.user_id) == User.id)
    rank = case({role.value: place for place, role in enumerate(Role)}, value=col(Membership.role), else_=len(Role))
    async with reading() as db:
        total = (await db.exec(select(func.count()).select_from(Membership).where(here))).one()
        pages = max(1, -(-total // PAGE_SIZE))
        number = min(page_number(page), pages)
        query = (
            select(User, Membership, last_seen, passkeys)
            .join(Membership, col(Membership.user_id) == User.id)
            .where(here)
            .order_by(rank, func.lower(User.name), col(User.id))
            .offset((number - 1) * PAGE_SIZE)
            .limit(PAGE_SIZE)
        )
        rows = (await db.exec(query)).all()
    items: list[MemberRow] = []
    for user, membership, last_seen_at, second_factor in rows:
        role = Role(membership.role)
        you = user.id == actor.user_id and not memberships.of_workspace_token(actor)
        items.append(
            MemberRow(
                id=user.public_id,
                name=user.name,
                email=user.email or "",
                role=role,
                joined_at=membership.created_at,
                last_seen_at=last_seen_at,
                # Whose account is the easier one to take is for those to know who can do something about it.
                second_factor=bool(second_factor) if manages else None,
                you=you,
                may_change=manages and not you and may_manage(actor.role, role),
            )
        )
    return Page(tuple(items), number, pages, total)


async def get_member(db: AsyncSession, actor: Actor, member_id: object) -> tuple[User, Role]:
    """Return a member of the actor's workspace, and their role there.

    Raises:
        NotFound: no such member here, whether or not there is such a user elsewhere.
    """
    found = None
    if is_public_id(member_id):
        query = (
            select(User, Membership.role)
            .join(Membership, col(Membership.user_id) == User.id)
            .where(User.public_id == member_id, Membership.workspace_id == actor.workspace_id)
        )
        found = (await db.exec(query)).first()
    if found is None:
        raise NotFound("There is no such member in this workspace.")
    return found[0], Role(found[1])


def _check(actor: Actor, user: User, role: Role) -> None:
    if user.id == actor.user_id and not memberships.of_workspace_token(actor):
        raise Conflict("You cannot change your own role or remove yourself. Ask another admin, or leave the workspace.")
    if role is Role.OWNER:
        raise Conflict(f"{user.name} is the owner. A workspace always has one; only they can transfer it.")
    if not may_manage(actor.role, role):
        raise Forbidden(f"{user.name} is an admin. Only the owner changes or removes admins.")


async def change_role(actor: Actor | None, member_id: str, role: str) -> None:
    """Give a member another role. Their open tabs start anew with it.

    Raises:
        NotFound: no such member here.
        Conflict: it is the actor or the owner.
        Forbidden: the member is an admin and the actor not the owner.
        Invalid: no such role, or the owner's.
    """
    actor = require(actor, Action.MANAGE_MEMBERS)
    given = role_given(role)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        actor = await memberships.still(db, actor, Action.MANAGE_MEMBERS)
        user, before = await get_member(db, actor, member_id)
        _check(actor, user, before)
        if not may_give(actor.role, given):
            raise Forbidden(f"You cannot make anybody {given}.")
        if given is before:
            return
        assert user.id is not None
        await set_role(db, actor.workspace_id, user.id, given)
        if not given.at_least(Role.ADMIN):
            await memberships.revoke_invitations(db, actor.workspace_id, user.id)
        audit.record(db, actor, Did.MEMBER_ROLE_CHANGED, described(user), before=before, after=given)
        touched = Touched(changed=await memberships.sessions_of(db, actor.workspace_id, user.id))
    await touched.announce()


async def set_role(db: AsyncSession, workspace_id: int, user_id: int, role: Role) -> None:
    this = (col(Membership.workspace_id) == workspace_id, col(Membership.user_id) == user_id)
    await db.exec(update(Membership).where(*this).values(role=role.value))


async def remove(actor: Actor | None, member_id: str) -> None:
    """End somebody's membership. Their open tabs show another workspace of theirs, or the sign-in; their personal tokens end.

    Raises:
        NotFound: no such member here.
        Conflict: it is the actor or the owner.
        Forbidden: the member is an admin and the actor not the owner.
    """
    actor = require(actor, Action.MANAGE_MEMBERS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        actor = await memberships.still(db, actor, Action.MANAGE_MEMBERS)
        user, role = await get_member(db, actor, member_id)
        _check(actor, user, role)
        assert user.id is not None
        audit.record(db, actor, Did.MEMBER_REMOVED, described(user), before=role)
        touched = await memberships.end(db, actor.workspace_id, user.id)
    await touched.announce()

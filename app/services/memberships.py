"""Who belongs to a workspace: what the use cases of members, invitations and workspaces share, inside their transactions.

Whoever changes who belongs to a workspace, or what they may do there, holds its lock from the first statement on. Then two
transfers, a removal and a switch, or two uses of one link follow one another. SQLite lets one transaction write at a time anyway.
"""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import ApiToken, Invitation, Membership, TokenGrant, User, WebSession, Workspace, now
from app.services import bearers
from app.services.access import Action, Actor, Role, require
from app.services.errors import Forbidden, NotFound
from app.services.sessions import Ended, announce


@dataclass(frozen=True, slots=True)
class Touched:
    """Hashes of the sessions that a change concerns, to be announced after the commit. Tokens may be concerned by each of them."""

    changed: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()

    async def announce(self) -> None:
        bearers.forget()
        await announce(self.changed, Ended.CHANGED)
        await announce(self.revoked, Ended.REVOKED)


async def lock(db: AsyncSession, workspace_id: int) -> Workspace:
    """Return the workspace, locked until this transaction ends. Raises NotFound when it was deleted.

    FOR NO KEY UPDATE in PostgreSQL: rows that merely refer to the workspace can be written meanwhile, and two transactions that
    move sessions into each other's workspace do not wait for one another.
    """
    query = select(Workspace).where(Workspace.id == workspace_id).with_for_update(key_share=True)
    workspace = (await db.exec(query)).first()
    if workspace is None:
        raise NotFound("This workspace does not exist any more.")
    return workspace


async def lock_users(db: AsyncSession, who: ColumnElement[bool]) -> None:
    """Let nobody else change which workspaces these users' sessions look at. Comes after `lock`, so that no two wait in a ring."""
    await db.exec(select(User.id).where(who).order_by(col(User.id)).with_for_update(key_share=True))


def of_workspace_token(actor: Actor) -> bool:
    """Whether a workspace token acts: it has a role of its own and is nobody's membership."""
    return bool(actor.token) and not actor.user_public_id


async def still(db: AsyncSession, actor: Actor, action: Action) -> Actor:
    """Return the actor with the role of this moment, when they still may: what a session is known by can be seconds old.

    Raises:
        Forbidden: they are no member any more, or their role is too low now.
    """
    if of_workspace_token(actor):
        return require(actor, action)
    query = select(Membership.role).where(Membership.workspace_id == actor.workspace_id, Membership.user_id == actor.user_id)
    role = (await db.exec(query)).first()
    if role is None:
        raise Forbidden("You are not a member of this workspace any more.")
    return require(replace(actor, role=Role(role)), action)


async def sessions_of(db: AsyncSession, workspace_id: int, *user_ids: int) -> tuple[str, ...]:
    """Return the hashes of these users' sessions that look at the workspace."""
    query = select(WebSession.token_hash).where(
        WebSession.workspace_id == workspace_id, col(WebSession.user_id).in_(user_ids), col(WebSession.revoked_at).is_(None)
    )
    return tuple((await db.exec(query)).all())


async def revoke_invitations(db: AsyncSession, workspace_id: int, user_id: int) -> None:
    """End the open invitations that this user made: whoever may not invite any more leaves no door behind."""
    await db.exec(
        update(Invitation)
        .where(col(Invitation.workspace_id) == workspace_id, col(Invitation.created_by) == user_id)
        .where(col(Invitation.used_at).is_(None), col(Invitation.revoked_at).is_(None))
        .values(revoked_at=now())
    )


async def end(db: AsyncSession, workspace_id: int, user_id: int) -> Touched:
    """End a membership and what hangs on it: the user's personal tokens and open invitations here, and their sessions' view.

    Workspace tokens that they made stay: programs of the whole workspace live on them.
    """
    await lock_users(db, col(User.id) == user_id)
    await db.exec(delete(Membership).where(col(Membership.workspace_id) == workspace_id, col(Membership.user_id) == user_id))
    await revoke_invitations(db, workspace_id, user_id)
    personal = (col(ApiToken.workspace_id) == workspace_id, col(ApiToken.user_id) == user_id)
    ids = select(ApiToken.id).where(*personal)
    await db.exec(
        update(TokenGrant).where(col(TokenGrant.api_token_id).in_(ids), col(TokenGrant.revoked_at).is_(None)).values(revoked_at=now())
    )
    await db.exec(update(ApiToken).where(*personal, col(ApiToken.revoked_at).is_(None)).values(revoked_at=now()))
    return await move_sessions(db, workspace_id, col(WebSession.user_id) == user_id)


async def move_sessions(db: AsyncSession, workspace_id: int, *whose: ColumnElement[bool]) -> Touched:
    """Let sessions that look at the workspace look at the one their user joined last, or end where there is none.

    The users must be locked.
    """
    looking = (col(WebSession.workspace_id) == workspace_id, *whose, col(WebSession.revoked_at).is_(None))
    elsewhere = (
        select(Membership.workspace_id)
        .where(Membership.user_id == WebSession.user_id, Membership.workspace_id != workspace_id)
        .order_by(col(Membership.created_at).desc(), col(Membership.workspace_id).desc())
        .limit(1)
        .correlate(WebSession)
    )
    moved = update(WebSession).where(*looking, elsewhere.exists()).values(workspace_id=elsewhere.scalar_subquery())
    ended = update(WebSession).where(*looking).values(revoked_at=now())
    by_hash = {"synchronize_session": False}
    changed = (await db.exec(moved.returning(col(WebSession.token_hash)), execution_options=by_hash)).scalars().all()
    revoked = (await db.exec(ended.returning(col(WebSession.token_hash)), execution_options=by_hash)).scalars().all()
    return Touched(tuple(changed), tuple(revoked))

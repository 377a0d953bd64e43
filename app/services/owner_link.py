"""The owner's one-time link: how the first user signs in, and how whoever has a shell on the machine gets in again.

A shell is ownership: it could read the database as well. So a link needs no password, works once, for fifteen minutes, and only
its hash is stored.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Installation, LoginLink, Membership, User, Workspace, now
from app.services.access import Role
from app.services.errors import Forbidden
from app.services.sessions import digest
from app.settings import settings

LIFETIME = timedelta(minutes=15)
METHOD = "owner_link"
USED_UP = "This link is used up or older than 15 minutes. Run `python -m app owner-link` for a new one."


@dataclass(frozen=True, slots=True)
class Owner:
    user_id: int
    workspace_id: int


async def issue() -> str:
    """Make a link and return it: the only time its secret is seen."""
    secret = secrets.token_urlsafe(32)
    async with transaction() as db:
        db.add(LoginLink(token_hash=digest(secret), expires_at=now() + LIFETIME))
    return f"{settings().backend_url}/auth/owner?{urlencode({'token': secret})}"


async def has_owner() -> bool:
    async with reading() as db:
        return (await db.exec(select(Installation.id))).first() is not None


async def usable(token: str) -> bool:
    """Whether the link would work now. Consumes nothing: previews of a link in a chat or a mail client ask this."""
    query = select(LoginLink.id).where(
        LoginLink.token_hash == digest(token), col(LoginLink.used_at).is_(None), LoginLink.expires_at > now()
    )
    async with reading() as db:
        return (await db.exec(query)).first() is not None


async def consume(token: str, name: str = "") -> Owner:
    """Use the link up and return the owner; the first use makes the owner and their workspace.

    Raises:
        Forbidden: for a link that is unknown, used or expired, and for an owner who was disabled.
    """
    try:
        return await _consume(token, name)
    except IntegrityError:
        # Two links were used at the same moment, and the other one made the owner. That made this transaction undo its use.
        return await _consume(token, name)


async def _consume(token: str, name: str) -> Owner:
    async with transaction() as db:
        used = await db.exec(
            update(LoginLink)
            .where(col(LoginLink.token_hash) == digest(token), col(LoginLink.used_at).is_(None), col(LoginLink.expires_at) > now())
            .values(used_at=now())
        )
        if used.rowcount != 1:
            raise Forbidden(USED_UP)
        installation = (await db.exec(select(Installation))).first()
        if installation is None:
            return await _first_owner(db, name)
        owner = await db.get(User, installation.owner_id)
        if owner is None or owner.disabled_at:
            raise Forbidden("The owner's account is disabled.")
        return Owner(installation.owner_id, installation.workspace_id)


async def _first_owner(db: AsyncSession, name: str) -> Owner:
    user, workspace = User(name=name.strip()[:120] or "Owner"), Workspace(name="My workspace")
    db.add_all([user, workspace])
    await db.flush()
    assert user.id is not None
    assert workspace.id is not None
    db.add(Membership(workspace_id=workspace.id, user_id=user.id, role=Role.OWNER.value))
    db.add(Installation(owner_id=user.id, workspace_id=workspace.id))
    await db.flush()  # here a second first owner fails
    return Owner(user.id, workspace.id)

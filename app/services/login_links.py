"""One-time links: how the first user signs in, and how whoever has a shell on the machine lets somebody in again.

A shell is ownership: it could read the database as well. So a link needs no password and no second factor, works once, for fifteen
minutes, and only its hash is stored.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Installation, LoginLink, User, now
from app.services import audit, users, workspaces
from app.services.arrival import MAX_NAME_CHARS, shown
from app.services.audit import Did
from app.services.errors import Conflict, Forbidden
from app.services.sessions import DISABLED, digest, find_home, home
from app.settings import settings

LIFETIME = timedelta(minutes=15)
METHOD, METHOD_OF_USER = "owner_link", "login_link"
USED_UP = "This link is used up or older than 15 minutes. Run `python -m app owner-link` for a new one."


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a used link signs in, and where."""

    user_id: int
    workspace_id: int
    method: str = METHOD


async def issue(user: str | None = None) -> str:
    """Make a link and return it: the only time its secret is seen.

    Args:
        user: public id, e-mail address or name of the one it signs in; None for the owner, who is made if there is none.

    Raises:
        NotFound: for nobody of that name.
        users.Ambiguous: for several.
        Conflict: for a user who is disabled.
    """
    secret = secrets.token_urlsafe(32)
    async with transaction() as db:
        user_id = await _user_id(db, user) if user is not None else None
        db.add(LoginLink(token_hash=digest(secret), user_id=user_id, expires_at=now() + LIFETIME))
        whose = user_id or (await db.exec(select(Installation.owner_id))).first()
        # It asks for no second factor, so those whose workspace it opens can see that it was made.
        if whose and (workspace_id := await find_home(db, whose)):
            audit.system(db, workspace_id, Did.LOGIN_LINK_MADE, (await db.get_one(User, whose)).name)
    return f"{settings().backend_url}/auth/owner?{urlencode({'token': secret})}"


async def _user_id(db: AsyncSession, asked: str) -> int:
    user = await users.find(db, asked)
    if user.disabled_at:
        raise Conflict(f"The account of {user.name} is disabled. To let them in again: python -m app enable-user")
    assert user.id is not None
    return user.id


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


async def name_of(token: str) -> str:
    """Return the name of the user whom this link is for; "" when it is the owner's, or unknown."""
    query = select(User.name).join(LoginLink, col(LoginLink.user_id) == User.id).where(LoginLink.token_hash == digest(token))
    async with reading() as db:
        return (await db.exec(query)).first() or ""


async def consume(token: str, name: str = "") -> Bearer:
    """Use the link up and return whom it signs in; the first use of an owner's link makes the owner and their workspace.

    Raises:
        Forbidden: for a link that is unknown, used or expired, for a disabled user, and for one without a workspace.
    """
    try:
        return await _consume(token, name)
    except IntegrityError:
        # Two links were used at the same moment, and the other one made the owner. That made this transaction undo its use.
        return await _consume(token, name)


async def _consume(token: str, name: str) -> Bearer:
    async with transaction() as db:
        used = await db.exec(
            update(LoginLink)
            .where(col(LoginLink.token_hash) == digest(token), col(LoginLink.used_at).is_(None), col(LoginLink.expires_at) > now())
            .values(used_at=now())
            .returning(col(LoginLink.user_id))
        )
        row = used.first()
        if row is None:
            raise Forbidden(USED_UP)
        if row[0] is not None:
            return await _user(db, row[0])
        installation = (await db.exec(select(Installation))).first()
        if installation is None:
            return await _first_owner(db, name)
        owner = await db.get(User, installation.owner_id)
        if owner is None or owner.disabled_at:
            raise Forbidden(DISABLED)
        return Bearer(installation.owner_id, await home(db, installation.owner_id))


async def _user(db: AsyncSession, user_id: int) -> Bearer:
    user = await db.get(User, user_id)
    if user is None or user.disabled_at:
        raise Forbidden(DISABLED)
    return Bearer(user_id, await home(db, user_id), METHOD_OF_USER)


async def _first_owner(db: AsyncSession, name: str) -> Bearer:
    user = User(name=shown(name, MAX_NAME_CHARS) or "Owner")
    db.add(user)
    await db.flush()
    assert user.id is not None
    workspace = await workspaces.add(db, workspaces.FIRST_NAME, user.id)
    assert workspace.id is not None
    db.add(Installation(owner_id=user.id, workspace_id=workspace.id))
    await db.flush()  # here a second first owner fails
    return Bearer(user.id, workspace.id)

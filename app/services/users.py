"""Accounts, as whoever has a shell on the machine sees them: found by a word for them, disabled, and enabled again."""

from dataclasses import dataclass

from sqlalchemy import func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import transaction
from app.models import Installation, User, now
from app.services import audit, sessions
from app.services.audit import Did
from app.services.errors import Conflict, NotFound
from app.services.sessions import Ended

_LISTED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user whom an ambiguous word may mean."""

    id: str  # public
    name: str
    email: str


class Ambiguous(Conflict):
    """Several users go by that name or address."""

    def __init__(self, asked: str, candidates: tuple[Candidate, ...]) -> None:
        super().__init__(f"More than one user goes by '{asked}'. Name one by the id.")
        self.candidates = candidates


async def find(db: AsyncSession, asked: str) -> User:
    """Return the user of this public id, e-mail address or name; letters of either case.

    Raises:
        NotFound: for nobody of that name.
        Ambiguous: for several.
    """
    wanted = asked.strip()
    by_id = (await db.exec(select(User).where(User.public_id == wanted))).first()
    low = wanted.lower()
    query = select(User).where(or_(func.lower(col(User.email)) == low, func.lower(User.name) == low)).order_by(col(User.id))
    found = [by_id] if by_id else list((await db.exec(query.limit(_LISTED_AT_MOST))).all())
    if not found:
        raise NotFound(f"There is no user '{wanted}'. Name one by e-mail address, name or id.")
    if len(found) > 1:
        raise Ambiguous(wanted, tuple(Candidate(one.public_id, one.name, one.email or "") for one in found))
    return found[0]


async def disable(asked: str) -> str:
    """Lock a user out: no way in works, sessions end, personal tokens stop within seconds. Return the name.

    What they made stays, and `enable` lets them in again.

    Raises:
        NotFound, Ambiguous: as `find`.
        Conflict: it is the owner of this installation, or disabled already.
    """
    async with transaction() as db:
        user = await find(db, asked)
        assert user.id is not None
        if user.disabled_at:
            raise Conflict(f"The account of {user.name} is disabled already.")
        if (await db.exec(select(Installation.id).where(Installation.owner_id == user.id))).first() is not None:
            raise Conflict(f"{user.name} owns this Seamwatch. Transfer the first workspace to another member before.")
        user.disabled_at = now()
        if workspace_id := await sessions.find_home(db, user.id):
            audit.system(db, workspace_id, Did.USER_DISABLED, user.name)
        hashes = await sessions.end_all_of_user(db, user.id)
    await sessions.announce(hashes, Ended.REVOKED)
    return user.name


async def enable(asked: str) -> str:
    """Let a disabled user in again. Their sessions stay ended. Return the name.

    Raises:
        NotFound, Ambiguous: as `find`.
        Conflict: they are not disabled.
    """
    async with transaction() as db:
        user = await find(db, asked)
        assert user.id is not None
        if not user.disabled_at:
            raise Conflict(f"The account of {user.name} is not disabled.")
        user.disabled_at = None
        if workspace_id := await sessions.find_home(db, user.id):
            audit.system(db, workspace_id, Did.USER_ENABLED, user.name)
    return user.name

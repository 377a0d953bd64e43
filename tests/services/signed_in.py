"""People with sessions: the same cast, as the cookie of a browser makes them known."""

from sqlmodel import select

from app import db
from app.models import AuditEvent, Membership, User, Workspace
from app.services import sessions
from app.services.access import Actor, Role
from app.services.sessions import Ended
from tests.conftest import add_actor


async def cookie_of(actor: Actor) -> str:
    """Return the Cookie header of a new session that looks at the actor's workspace."""
    return f"{sessions.cookie_name()}={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link')}"


async def signed_in(actor: Actor) -> Actor:
    """Return the same person as they are known by a new session."""
    found = await sessions.actor(await cookie_of(actor))
    assert found is not None
    return found


async def again(actor: Actor) -> Actor | None:
    """Return who the actor's session stands for now, from the database."""
    return (await sessions.actors([actor.session])).get(actor.session)


async def add_member(name: str, role: Role, of: Actor) -> Actor:
    """Add a user to the actor's workspace and sign them in."""
    async with db.reading() as session:
        workspace = await session.get_one(Workspace, of.workspace_id)
    return await signed_in(await add_actor(name, role, workspace))


async def also_member(actor: Actor, of: Actor, role: Role) -> None:
    """Make an existing user a member of another's workspace too."""
    async with db.transaction() as session:
        session.add(Membership(workspace_id=of.workspace_id, user_id=actor.user_id, role=role.value))


async def roles(of: Actor) -> dict[str, str]:
    """Return who is what in the actor's workspace."""
    query = select(User.name, Membership.role).join(Membership).where(Membership.workspace_id == of.workspace_id)  # pyright: ignore[reportArgumentType]
    async with db.reading() as session:
        return dict((await session.exec(query)).all())


async def written(of: Actor) -> list[AuditEvent]:
    """Return the audit log of the actor's workspace, oldest first, without the signing in of the cast."""
    query = select(AuditEvent).where(AuditEvent.workspace_id == of.workspace_id, AuditEvent.action != "user.signed_in").order_by("id")
    async with db.reading() as session:
        return list((await session.exec(query)).all())


class Heard(list[tuple[frozenset[str], Ended]]):
    """What was announced."""

    async def __call__(self, hashes: frozenset[str], why: Ended) -> None:
        self.append((hashes, why))

    def of(self, actor: Actor) -> list[Ended]:
        return [why for hashes, why in self if actor.session in hashes]

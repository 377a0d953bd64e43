"""People's accounts: who arrives from an identity provider, and what they see and change of their own."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Identity, Invitation, Membership, User, now
from app.services import audit, invitations, join_policy, names, sessions, ways_in
from app.services.access import Actor, person
from app.services.arrival import MAX_LABEL_CHARS, MAX_NAME_CHARS, Arrival
from app.services.audit import Did
from app.services.errors import Conflict, Forbidden, NotFound
from app.services.ways_in import ProviderButton
from app.settings import settings


@dataclass(frozen=True, slots=True)
class Arrived:
    """Whom a sign-in by a provider signs in, and where."""

    user_id: int
    workspace_id: int
    asked: bool = False  # whether the invitation that they came with waits for their answer


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """One identity of mine at a provider."""

    id: str
    provider: str
    provider_label: str
    label: str  # the login or address there
    created_at: datetime
    last_used_at: datetime | None
    only_way_in: bool  # then it cannot be unlinked


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    email: str  # as a provider verified it; "" for none
    identities: tuple[IdentityRow, ...]
    linkable: tuple[ProviderButton, ...]  # providers without an identity of mine


async def arrive(arrival: Arrival, invitation_token: str = "", link_user_id: int | None = None) -> Arrived:
    """Return the user of this identity; by invitation or policy, make one.

    Args:
        invitation_token: of an invitation that they came with; "" for none. Whoever has a workspace is asked on its page first: a
            link to the sign-in, which anybody can write, makes nobody a member of somebody's workspace.
        link_user_id: the signed-in user who confirmed that this identity is theirs.

    Raises:
        Forbidden: no rule lets them in, the account is disabled, or the invitation cannot be used; with words for them.
        Conflict: the identity to be linked belongs to another account.
    """
    try:
        return await _arrive(arrival, invitation_token, link_user_id)
    except IntegrityError:
        # The same identity came in twice at once, and the other one made the user.
        return await _arrive(arrival, invitation_token, link_user_id)


async def _arrive(arrival: Arrival, invitation_token: str, link_user_id: int | None) -> Arrived:
    async with transaction() as db:
        identity = await _find_identity(db, arrival)
        if link_user_id is not None:
            return await _link(db, arrival, identity, link_user_id)
        user = await db.get_one(User, identity.user_id) if identity else await _new_user(db, arrival)
        if user.disabled_at:
            raise Forbidden(sessions.DISABLED)
        assert user.id is not None
        workspace_id, asked = await sessions.find_home(db, user.id), False
        if workspace_id is None and invitation_token:
            workspace_id = await invitations.accept(db, user.id, invitation_token)
        elif workspace_id is None:
            workspace_id = await join_policy.admit(db, user, arrival)
        elif invitation_token:
            asked = not await _used(db, user.id, invitation_token)
        if identity is None:
            await _add(db, arrival, user.id, workspace_id)
        else:
            _use(identity, arrival)
            if user.email is None and arrival.email_verified:
                user.email = arrival.email
        return Arrived(user.id, workspace_id, asked)


async def _find_identity(db: AsyncSession, arrival: Arrival) -> Identity | None:
    query = select(Identity).where(Identity.issuer == arrival.issuer, Identity.subject == arrival.subject)
    return (await db.exec(query)).first()


async def _new_user(db: AsyncSession, arrival: Arrival) -> User:
    user = User(
        name=(arrival.name or arrival.label.partition("@")[0] or "New member")[:MAX_NAME_CHARS],
        email=arrival.email if arrival.email and arrival.email_verified else None,
    )
    db.add(user)
    await db.flush()
    return user


async def _used(db: AsyncSession, user_id: int, token: str) -> bool:
    """Whether this user used the invitation and is a member by it: of two tabs that came back at once, the second is no stranger."""
    used_by_me = (
        select(Invitation.id)
        .join(Membership, (col(Membership.workspace_id) == Invitation.workspace_id) & (col(Membership.user_id) == Invitation.used_by))
        .where(Invitation.token_hash == sessions.digest(token), Invitation.used_by == user_id)
    )
    return (await db.exec(used_by_me)).first() is not None


async def _add(db: AsyncSession, arrival: Arrival, user_id: int, workspace_id: int) -> None:
    identity = Identity(user_id=user_id, provider=arrival.provider, issuer=arrival.issuer, subject=arrival.subject)
    _use(identity, arrival)
    db.add(identity)
    await db.flush()  # here the second of two arrivals at once fails
    if actor := await sessions.actor_in(db, user_id, workspace_id):
        audit.record(db, actor, Did.IDENTITY_LINKED, _described(identity))


def _use(identity: Identity, arrival: Arrival) -> None:
    identity.last_used_at = now()
    identity.label = (arrival.label or arrival.email or arrival.name)[:MAX_LABEL_CHARS]


def _described(identity: Identity) -> str:
    return f"{_label_of(identity.provider)} account {identity.label}".strip()[:320]


def _label_of(provider: str) -> str:
    return next((one.label for one in settings().providers if one.key == provider), provider)


async def _link(db: AsyncSession, arrival: Arrival, identity: Identity | None, user_id: int) -> Arrived:
    user = await db.get(User, user_id)
    if user is None or user.disabled_at:
        raise Forbidden(sessions.DISABLED)
    workspace_id = await sessions.home(db, user_id)
    if identity is None:
        await _add(db, arrival, user_id, workspace_id)
    elif identity.user_id != user_id:
        raise Conflict(taken(arrival))
    return Arrived(user_id, workspace_id)


def taken(arrival: Arrival) -> str:
    """Return why an identity of another account is not linked."""
    return (
        f"The {arrival.provider_label} account {arrival.label or arrival.email} signs in another account of this Seamwatch. "
        "Unlink it there first, then link it here."
    )


async def owner_of(arrival: Arrival) -> int | None:
    """Return the user id of whoever this identity signs in; None for nobody."""
    async with reading() as db:
        identity = await _find_identity(db, arrival)
    return identity.user_id if identity else None


async def profile(actor: Actor | None) -> Profile:
    """Return what the actor sees of their own account."""
    actor = person(actor)
    async with reading() as db:
        user = await db.get_one(User, actor.user_id)
        identities = (await db.exec(select(Identity).where(Identity.user_id == actor.user_id).order_by(col(Identity.id)))).all()
        only = await ways_in.count(db, actor.user_id) <= 1
    linked, configured = {identity.provider for identity in identities}, {provider.key for provider in settings().providers}
    rows = tuple(
        IdentityRow(
            one.public_id,
            one.provider,
            _label_of(one.provider),
            one.label,
            one.created_at,
            one.last_used_at,
            only and one.provider in configured,
        )
        for one in identities
    )
    linkable = tuple(ways_in.button(provider) for provider in settings().providers if provider.key not in linked)
    return Profile(user.name, user.email or "", rows, linkable)


async def rename(actor: Actor | None, name: object) -> None:
    """Change the actor's name.

    Raises:
        Invalid: when it cannot be used.
    """
    actor = person(actor)
    new = names.name(name, "name", most_chars=MAX_NAME_CHARS)
    async with transaction() as db:
        user = await db.get_one(User, actor.user_id)
        if user.name == new:
            return
        audit.record(db, actor, Did.PROFILE_CHANGED, before=user.name, after=new)
        user.name = new
    sessions.forget([actor.session])


async def unlink(actor: Actor | None, identity_id: object) -> None:
    """Remove one of the actor's identities: it signs them in no more.

    Raises:
        NotFound: for another's id, and for one that does not exist.
        Conflict: when it is the only way in.
    """
    actor = person(actor)
    wanted = identity_id if names.is_public_id(identity_id) else ""
    async with transaction() as db:
        # Locked, so that of two ways in that are removed at once one stays; `passkeys` locks the same row.
        await db.exec(select(User.id).where(User.id == actor.user_id).with_for_update(key_share=True))
        query = select(Identity).where(Identity.user_id == actor.user_id, Identity.public_id == wanted)
        identity = (await db.exec(query)).first()
        if identity is None:
            raise NotFound("There is no such account among yours. It may have been unlinked already.")
        counts = any(provider.key == identity.provider for provider in settings().providers)
        if await ways_in.count(db, actor.user_id) <= (1 if counts else 0):
            raise Conflict("This is your only way in. Link another account or add a passkey first.")
        audit.record(db, actor, Did.IDENTITY_UNLINKED, _described(identity))
        await db.delete(identity)

"""The ways to get in that this installation offers, and what an operator must do to offer another."""

from dataclasses import dataclass

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading
from app.models import Identity, Installation, Passkey
from app.services import login_links
from app.settings import settings
from app.settings.providers import Kind, Provider


@dataclass(frozen=True, slots=True)
class ProviderButton:
    """One way to sign in; it starts at /auth/login/{key}."""

    key: str
    label: str  # "Google"
    kind: Kind
    redirect_uri: str  # what must be registered at the provider, to the letter


@dataclass(frozen=True, slots=True)
class Options:
    providers: tuple[ProviderButton, ...]
    passkeys: bool  # whether anybody here has one
    has_owner: bool


def redirect_uri(key: str) -> str:
    """Return where a provider sends browsers back to. Never made from a request: a forged Host would choose it."""
    return f"{settings().backend_url}/auth/callback/{key}"


def button(provider: Provider) -> ProviderButton:
    return ProviderButton(provider.key, provider.label, provider.kind, redirect_uri(provider.key))


async def count(db: AsyncSession, user_id: int) -> int:
    """Return how many ways in a user has: identities at providers that are configured, passkeys, and the owner's link."""
    keys = [provider.key for provider in settings().providers]
    of_user = (
        select(func.count()).select_from(Identity).where(Identity.user_id == user_id, col(Identity.provider).in_(keys)),
        select(func.count()).select_from(Passkey).where(Passkey.user_id == user_id),
        # Whoever owns the installation can always have the console print a link.
        select(func.count()).select_from(Installation).where(Installation.owner_id == user_id),
    )
    return sum([(await db.exec(query)).one() for query in of_user])


async def options() -> Options:
    """Return what the sign-in page offers. Needs no actor: all of it is public."""
    async with reading() as db:
        passkeys = (await db.exec(select(Passkey.id).limit(1))).first() is not None
    return Options(tuple(map(button, settings().providers)), passkeys, await login_links.has_owner())

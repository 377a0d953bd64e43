"""Recovery codes: ten at a time, each stands in once for a passkey that is lost.

75 random bits in Crockford's base 32, in three groups of five. Only SHA-256 is stored: nobody can list 2^75 codes, so no salt.
"""

import hashlib
import secrets

from sqlalchemy import func
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Passkey, RecoveryCode, User, now
from app.services import audit
from app.services.access import Actor, person
from app.services.errors import Conflict, Forbidden

HOW_MANY = 10
CHARS = 15
FEW = 3  # from here on, whoever uses one is told to make new ones
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: without I, L, O and U
_MISREAD = str.maketrans("ILO", "110")


async def recovery_codes_left(actor: Actor | None) -> int:
    """Return how many codes the actor has not used."""
    user = person(actor).user_id
    async with reading() as db:
        return await left(db, user)


async def make_recovery_codes(actor: Actor | None) -> tuple[str, ...]:
    """Make ten codes and return them: the only time they are seen. Those from before work no more.

    Raises:
        Unauthenticated, Forbidden: for a token, and for a session that showed no second factor itself.
        Conflict: for whoever has no passkey that a code could stand in for.
    """
    who = person(actor)
    async with transaction() as db:
        await db.get(User, who.user_id, with_for_update=True)  # two at once would make twenty
        if (await db.exec(select(Passkey.id).where(Passkey.user_id == who.user_id))).first() is None:
            raise Conflict("Recovery codes stand in for a passkey. Add a passkey first.")
        if not who.second_factor:
            raise Forbidden("Sign in again and show a passkey before you make recovery codes.")
        return await replace(db, who)


async def replace(db: AsyncSession, actor: Actor) -> tuple[str, ...]:
    """Put ten new codes in the place of the user's old ones, within the caller's transaction."""
    codes = tuple(_new() for _ in range(HOW_MANY))
    await db.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == actor.user_id))
    db.add_all(RecoveryCode(user_id=actor.user_id, code_hash=_digest(code)) for code in codes)
    audit.record(db, actor, audit.Did.RECOVERY_CODES_MADE, after=f"{HOW_MANY} codes")
    return codes


async def redeem(db: AsyncSession, user_id: int, typed: str) -> bool:
    """Use a code up, within the caller's transaction. Return False when it is none of the user's, or was used."""
    query = update(RecoveryCode).where(
        col(RecoveryCode.user_id) == user_id, col(RecoveryCode.code_hash) == _digest(typed), col(RecoveryCode.used_at).is_(None)
    )
    return (await db.exec(query.values(used_at=now()))).rowcount == 1


async def left(db: AsyncSession, user_id: int) -> int:
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id, col(RecoveryCode.used_at).is_(None))
    return (await db.exec(query)).one()


def _new() -> str:
    code = "".join(secrets.choice(_ALPHABET) for _ in range(CHARS))
    return "-".join(code[start : start + 5] for start in range(0, CHARS, 5))


def _digest(typed: str) -> str:
    """Return what is stored of a code, however it was typed: small letters, spaces or none, 0 as O and 1 as I or L."""
    code = "".join(character for character in typed.upper().translate(_MISREAD) if character in _ALPHABET)
    return hashlib.sha256(code.encode()).hexdigest()

"""The second factor at sign-in: what a pending session may do, and nothing else may.

The session of a user with passkeys is nobody's until a passkey is shown, or a recovery code is typed. Then it gets a new secret.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import User, WebSession
from app.services import audit, passkeys, rates, recovery_codes, sessions, webauthn_ceremonies
from app.services.access import Actor
from app.services.audit import Did
from app.services.errors import Forbidden, Invalid, Unauthenticated
from app.services.sessions import Ended, Pending
from app.services.webauthn_ceremonies import Purpose

NOT_WAITING = "This sign-in ended or took too long. Sign in again."
NO_SUCH_CODE = "This is none of your recovery codes, or it was used already. Each works once."


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who is asked for the second factor."""

    name: str
    codes_left: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    secret: str  # the session's new one, for its cookie
    codes_left: int


async def waiting(cookie_header: str) -> Waiting | None:
    """Return who this browser's pending session belongs to; None when it has none."""
    pending = await sessions.pending(cookie_header)
    if pending is None:
        return None
    async with reading() as db:
        name = (await db.exec(select(User.name).where(User.id == pending.user_id))).one()
        return Waiting(name, await recovery_codes.left(db, pending.user_id))


async def begin(cookie_header: str) -> dict[str, Any]:
    """Return the options with which this browser shows a passkey of whoever its pending session belongs to.

    Raises:
        Unauthenticated: without a pending session.
        Limited: after too many tries from this address or for this account.
    """
    pending = await _pending(cookie_header)
    return await passkeys.begin_second_factor(pending.user_id, pending.token_hash)


async def finish(cookie_header: str, credential: object) -> str:
    """Let the pending session in by the passkey that was shown, and return its new secret.

    Raises:
        Unauthenticated: without a pending session.
        Forbidden: for what cannot be verified, a removed or copied passkey, a disabled user, and one who is in no workspace.
        Limited: after too many tries from this address or for this account.
    """
    pending = await _pending(cookie_header)
    given = await webauthn_ceremonies.answer(credential, Purpose.SECOND_FACTOR, pending.token_hash)
    secret = ""
    async with transaction() as db:
        shown = await passkeys.show(db, given, pending.user_id)
        if shown.copied:
            audit.record(db, await _actor(db, pending), Did.PASSKEY_REFUSED, shown.name)
        else:
            audit.record(db, await _actor(db, pending), Did.SECOND_FACTOR_SHOWN, shown.name)
            secret = await sessions.strengthen(db, pending.token_hash)
    if shown.copied:
        raise Forbidden(passkeys.COPIED)
    await sessions.announce([pending.token_hash], Ended.CHANGED)
    return secret


async def redeem(cookie_header: str, code: str) -> Redeemed:
    """Let the pending session in by a recovery code, which is then used up.

    Raises:
        Unauthenticated: without a pending session.
        Invalid: for `code`, when it is none of the user's or was used.
        Forbidden: for a user who is in no workspace.
        Limited: after too many tries from this address or for this account.
    """
    pending = await _pending(cookie_header)
    async with transaction() as db:
        if not await recovery_codes.redeem(db, pending.user_id, code):
            raise Invalid("code", NO_SUCH_CODE)
        left = await recovery_codes.left(db, pending.user_id)
        audit.record(db, await _actor(db, pending), Did.RECOVERY_CODE_USED, before=f"{left + 1} left", after=f"{left} left")
        secret = await sessions.strengthen(db, pending.token_hash)
    await sessions.announce([pending.token_hash], Ended.CHANGED)
    return Redeemed(secret, left)


async def _pending(cookie_header: str) -> Pending:
    await rates.hit(rates.Rate.SECOND_FACTOR, rates.of_address(audit.ADDRESS.get()))
    pending = await sessions.pending(cookie_header)
    if pending is None:
        raise Unauthenticated(NOT_WAITING)
    await rates.hit(rates.Rate.SECOND_FACTOR_OF_ACCOUNT, str(pending.user_id))
    return pending


async def _actor(db: AsyncSession, pending: Pending) -> Actor:
    """Return the user in the workspace that the session looks at; in another of theirs when they are no member there any more."""
    actor = await sessions.actor_in(db, pending.user_id, pending.workspace_id)
    if actor is None:
        home = await sessions.home(db, pending.user_id)
        await db.exec(update(WebSession).where(col(WebSession.token_hash) == pending.token_hash).values(workspace_id=home))
        actor = await sessions.actor_in(db, pending.user_id, home)
        assert actor is not None  # home() names a workspace of theirs
    return actor

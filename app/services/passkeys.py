"""Passkeys: a user's own, and signing in with one alone.

A passkey is shown with the user verified, so it is two factors in one: the device, and what unlocks it. From the first passkey on,
every other way in needs one as well (`second_factor`). What a session may do to its user's passkeys:

* Add: any session of a user without passkeys; later, only one that showed a second factor. All that a user with passkeys has are
  such sessions, but for the seconds in which other processes still remember one from before.
* Rename, remove, make recovery codes: a session that showed a second factor. A passkey, a recovery code and a one-time link count.
* Remove the only way in: refused (`ways_in.count`). With the last passkey its recovery codes go, and the sessions that still wait
  for a second factor end: it was never shown to them, and without passkeys they would otherwise be let in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Passkey, RecoveryCode, User, WebSession, now
from app.services import audit, names, rates, recovery_codes, sessions, ways_in, webauthn_ceremonies
from app.services.access import Actor, person
from app.services.errors import Conflict, Forbidden, NotFound, Unauthenticated
from app.services.webauthn_ceremonies import Answer, Known, Purpose

METHOD = "passkey"
MAX_PASSKEYS = 20
MAX_NAME_CHARS = 80

NO_SUCH = "There is no such passkey. It may have been removed."
UNKNOWN = "This passkey is not known here any more, or never was. Choose another one, or sign in another way."
COPIED = (
    "This passkey counted less than at its last use, so there may be a copy of it. It was not let in. "
    "Use another way in, then remove this passkey under Settings, Profile."
)
SHOW_FIRST = "This session showed no passkey. Sign in again with one."


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Added:
    id: str
    name: str
    codes: tuple[str, ...]  # recovery codes, seen only now; () unless it is the first passkey
    secret: str | None  # the session's new secret, for its cookie; None when it had shown a second factor before


@dataclass(frozen=True, slots=True)
class Shown:
    """A passkey that was shown, verified."""

    user_id: int
    name: str
    copied: bool  # its count did not go up


async def list_mine(actor: Actor | None) -> tuple[PasskeyRow, ...]:
    """Return the actor's passkeys, oldest first."""
    user = person(actor).user_id
    async with reading() as db:
        rows = (await db.exec(select(Passkey).where(Passkey.user_id == user).order_by(col(Passkey.id)))).all()
    return tuple(PasskeyRow(row.public_id, row.name, row.created_at, row.last_used_at) for row in rows)


async def rename_mine(actor: Actor | None, passkey_id: object, name: object) -> None:
    """Give a passkey of the actor's another name.

    Raises:
        Unauthenticated, Forbidden: for a token, and for a session that showed no second factor.
        Invalid: for `name`.
        NotFound: for another's passkey as for none.
    """
    who = _shown(actor)
    new = names.name(name, "name", most_chars=MAX_NAME_CHARS)
    async with transaction() as db:
        row = await _mine(db, who, passkey_id)
        if row.name == new:
            return
        audit.record(db, who, audit.Did.PASSKEY_RENAMED, new, before=row.name, after=new)
        row.name = new


async def remove_mine(actor: Actor | None, passkey_id: object) -> None:
    """Remove a passkey of the actor's.

    Raises:
        Unauthenticated, Forbidden: for a token, and for a session that showed no second factor.
        NotFound: for another's passkey as for none.
        Conflict: when the actor could not sign in without it.
    """
    who = _shown(actor)
    ended: Sequence[str] = ()
    async with transaction() as db:
        await _lock(db, who.user_id)
        row = await _mine(db, who, passkey_id)
        if len(await _known(db, who.user_id)) == 1:
            if await ways_in.count(db, who.user_id) == 1:
                raise Conflict(f"“{row.name}” is your only way in. Add another passkey before you remove it.")
            await db.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == who.user_id))
            ended = await _without_second_factor(db, who.user_id)
            await db.exec(update(WebSession).where(col(WebSession.token_hash).in_(ended)).values(revoked_at=now()))
        audit.record(db, who, audit.Did.PASSKEY_REMOVED, row.name)
        await db.delete(row)
    await sessions.announce(ended, sessions.Ended.REVOKED)


async def begin_adding(actor: Actor | None) -> dict[str, Any]:
    """Return the options with which the actor's browser makes a passkey.

    Raises:
        Unauthenticated, Forbidden: for a token.
        Conflict: for whoever has `MAX_PASSKEYS`.
        Limited: after too many tries.
    """
    who = person(actor)
    await rates.hit(rates.Rate.SECOND_FACTOR_OF_ACCOUNT, "add", str(who.user_id))
    async with reading() as db:
        known = await _known(db, who.user_id)
        user = await db.get_one(User, who.user_id)
    _check_room(known)
    return await webauthn_ceremonies.begin_making(
        who.session, handle=_handle(user), account=user.email or user.name, name=user.name, known=known
    )


async def finish_adding(actor: Actor | None, name: object, credential: object) -> Added:
    """Store the passkey that the actor's browser made. The first one makes recovery codes too.

    The session counts as having shown a second factor from here on, under a new secret; the user's other sessions that have not
    are nobody's until they do, and their tabs empty.

    Raises:
        Unauthenticated, Forbidden: for a token, and for what cannot be verified.
        Invalid: for `name`.
        Conflict: for a passkey that is stored already, and for whoever has `MAX_PASSKEYS`.
    """
    who = person(actor)
    named = names.name(name, "name", most_chars=MAX_NAME_CHARS)
    made = webauthn_ceremonies.verify_made(await webauthn_ceremonies.answer(credential, Purpose.ADD, who.session))
    try:
        async with transaction() as db:
            await _lock(db, who.user_id)
            known = await _known(db, who.user_id)
            _check_room(known)
            session = await _session(db, who)
            if known and session.second_factor_at is None:
                raise Forbidden(SHOW_FIRST)
            row = Passkey(
                user_id=who.user_id,
                name=named,
                credential_id=made.credential_id,
                public_key=made.public_key,
                sign_count=made.sign_count,
                transports=made.transports,
            )
            db.add(row)
            await db.flush()
            audit.record(db, who, audit.Did.PASSKEY_ADDED, named)
            codes = () if known else await recovery_codes.replace(db, who)
            waiting: Sequence[str] = ()
            secret = None
            if session.second_factor_at is None:
                secret = await sessions.strengthen(db, who.session)
            if not known:
                waiting = await _without_second_factor(db, who.user_id)
    except IntegrityError as error:
        raise Conflict("This passkey is known here already.") from error
    if secret:
        await sessions.announce([who.session], sessions.Ended.CHANGED)
    await sessions.announce(waiting, sessions.Ended.REVOKED)
    return Added(row.public_id, named, codes, secret)


async def begin_sign_in(browser: str) -> dict[str, Any]:
    """Return the options with which a browser shows any passkey for this host. `browser`: a secret of it, which must finish as well.

    Raises:
        Limited: after too many from this address.
    """
    await rates.hit(rates.Rate.SIGN_IN, rates.of_address(audit.ADDRESS.get()))
    return await webauthn_ceremonies.begin_showing(Purpose.SIGN_IN, sessions.digest(browser))


async def finish_sign_in(browser: str, credential: object) -> tuple[int, int]:
    """Return (user, workspace) of whom the shown passkey signs in, both factors at once.

    Raises:
        Forbidden: for what cannot be verified, a removed or copied passkey, a disabled user, and one who is in no workspace.
        Limited: after too many from this address.
    """
    await rates.hit(rates.Rate.SIGN_IN, rates.of_address(audit.ADDRESS.get()))
    given = await webauthn_ceremonies.answer(credential, Purpose.SIGN_IN, sessions.digest(browser))
    async with transaction() as db:
        shown = await show(db, given)
        workspace_id = await sessions.home(db, shown.user_id)
        if shown.copied and (actor := await sessions.actor_in(db, shown.user_id, workspace_id)):
            audit.record(db, actor, audit.Did.PASSKEY_REFUSED, shown.name)
    if shown.copied:
        raise Forbidden(COPIED)
    return shown.user_id, workspace_id


async def show(db: AsyncSession, given: Answer, user_id: int | None = None) -> Shown:
    """Verify a passkey of this user's, or of anybody's, and count its use, within the caller's transaction.

    One whose count went back is returned as `copied` and not raised for, so that the caller can commit what stands in the log.

    Raises:
        Forbidden: for anything else.
    """
    query = select(Passkey, User).join(User, col(User.id) == Passkey.user_id).where(Passkey.credential_id == given.credential_id)
    row = (await db.exec(query)).first()
    if row is None:
        raise Forbidden(UNKNOWN)
    passkey, user = row
    # WebAuthn, 7.2 step 6: a user who was not known before must be named by the handle, and a handle must name the right one.
    named = given.user_handle == _handle(user) or (given.user_handle is None and user_id is not None)
    if not named or (user_id is not None and user.id != user_id):
        raise Forbidden(UNKNOWN)
    count = webauthn_ceremonies.verify_shown(given, passkey.public_key)
    if user.disabled_at:
        raise Forbidden(sessions.DISABLED)
    # Step 22. Both 0: the passkey does not count. One statement, so that of two uses with the same count one is the copy.
    grown = (col(Passkey.sign_count) < count) | ((col(Passkey.sign_count) == 0) & (count == 0))
    counted = await db.exec(update(Passkey).where(col(Passkey.id) == passkey.id, grown).values(sign_count=count, last_used_at=now()))
    return Shown(passkey.user_id, passkey.name, copied=counted.rowcount != 1)


async def begin_second_factor(user_id: int, bound_to: str) -> dict[str, Any]:
    """Return the options with which a browser shows one of this user's passkeys."""
    async with reading() as db:
        known = await _known(db, user_id)
    return await webauthn_ceremonies.begin_showing(Purpose.SECOND_FACTOR, bound_to, known)


def _shown(actor: Actor | None) -> Actor:
    who = person(actor)
    if not who.second_factor:
        raise Forbidden(SHOW_FIRST)
    return who


def _handle(user: User) -> bytes:
    return user.public_id.encode()


async def _lock(db: AsyncSession, user_id: int) -> None:
    """Two changes at once to what one user has would each see the state before both."""
    await db.exec(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def _mine(db: AsyncSession, who: Actor, passkey_id: object) -> Passkey:
    query = select(Passkey).where(Passkey.public_id == passkey_id, Passkey.user_id == who.user_id)
    row = (await db.exec(query)).first() if names.is_public_id(passkey_id) else None
    if row is None:
        raise NotFound(NO_SUCH)
    return row


async def _known(db: AsyncSession, user_id: int) -> list[Known]:
    query = select(Passkey.credential_id, Passkey.transports).where(Passkey.user_id == user_id)
    return [Known(*row) for row in (await db.exec(query)).all()]


def _check_room(known: Sequence[Known]) -> None:
    if len(known) >= MAX_PASSKEYS:
        raise Conflict(f"You have {MAX_PASSKEYS} passkeys, and more are not kept. Remove one under Settings, Profile.")


async def _session(db: AsyncSession, who: Actor) -> WebSession:
    """Return the actor's session as it is now; what is remembered of it may be seconds old."""
    query = select(WebSession).where(
        WebSession.token_hash == who.session, WebSession.user_id == who.user_id, col(WebSession.revoked_at).is_(None)
    )
    row = (await db.exec(query)).first()
    if row is None:
        raise Unauthenticated
    return row


async def _without_second_factor(db: AsyncSession, user_id: int) -> Sequence[str]:
    query = select(WebSession.token_hash).where(
        WebSession.user_id == user_id, col(WebSession.second_factor_at).is_(None), col(WebSession.revoked_at).is_(None)
    )
    return (await db.exec(query)).all()

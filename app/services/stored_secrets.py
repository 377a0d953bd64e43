"""Named secrets of a workspace, for monitors and channels: put in once, never shown again, opened only where they are used."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlalchemy.orm import defer
from sqlmodel import col, select, update
from sqlmodel import delete as delete_from
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Secret, User, Workspace, now
from app.services import audit, engine_orders, vault
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Invalid, Limited, NotFound
from app.services.names import is_public_id

AT_MOST = 200  # of one workspace
MAX_VALUE_BYTES = 8 * 1024  # in UTF-8
_USED_TO = timedelta(minutes=1)  # how exactly the last use is known: a write for each use would queue behind all others
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class SecretRow:
    """What people see of a secret: everything but its value."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime  # when its value was put in
    last_used_at: datetime | None  # to the minute
    created_by: str  # "" when that user is gone


async def list_(actor: Actor | None) -> tuple[SecretRow, ...]:
    """Return the workspace's secrets by name, without their values."""
    actor = require(actor, Action.READ_SECRETS)
    query = (
        select(Secret, User.name)
        .join(User, col(User.id) == Secret.created_by, isouter=True)
        .where(Secret.workspace_id == actor.workspace_id)
        .order_by(func.lower(Secret.name), col(Secret.name))
        .options(defer(Secret.sealed, raiseload=True))  # pyright: ignore[reportArgumentType]
    )
    async with reading() as db:
        rows = (await db.exec(query)).all()
    return tuple(
        SecretRow(row.public_id, row.name, row.created_at, row.updated_at, row.last_used_at, created_by or "") for row, created_by in rows
    )


async def put(actor: Actor | None, name: str, value: str) -> bool:
    """Store a secret under a name; whatever was stored under it is overwritten. Return whether there was something.

    Args:
        name: a letter, then letters, digits and underscores, at most 64 in all.
        value: not empty, at most `MAX_VALUE_BYTES`.

    Raises:
        Invalid: for field "name" or "value".
        Limited: there are `AT_MOST` already.
    """
    actor = require(actor, Action.CHANGE_SECRETS)
    async with transaction() as db:
        replaced = await put_in(db, actor, name, value)
    await engine_orders.secrets_changed(actor.workspace_id)
    return replaced


async def put_in(db: AsyncSession, actor: Actor | None, name: str, value: str) -> bool:
    """Do what `put` does, within a transaction of whoever needs the secret for something else as well."""
    actor = require(actor, Action.CHANGE_SECRETS)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Invalid("name", "A name begins with a letter and has letters, digits and underscores, at most 64: SMTP_PASSWORD.")
    _check(value)
    # Whoever else puts a secret into this workspace waits here, so that both see the right count. SQLite's writers wait anyway.
    await db.exec(select(Workspace.id).where(Workspace.id == actor.workspace_id).with_for_update())
    sealed = vault.seal(value, _purpose(actor.workspace_id, name))
    row_id = (await db.exec(select(Secret.id).where(*_named(actor.workspace_id, name)))).first()
    if row_id is None:
        count = select(func.count()).select_from(Secret).where(Secret.workspace_id == actor.workspace_id)
        if (await db.exec(count)).one() >= AT_MOST:
            raise Limited(f"A workspace can have {AT_MOST} secrets. Delete one that is not used any more.")
        db.add(Secret(workspace_id=actor.workspace_id, name=name, sealed=sealed, created_by=actor.user_id))
        await db.flush()
    else:
        await db.exec(update(Secret).where(col(Secret.id) == row_id).values(sealed=sealed, updated_at=now()))
    audit.record(db, actor, Did.SECRET_ADDED if row_id is None else Did.SECRET_REPLACED, name)
    return row_id is not None


async def delete(actor: Actor | None, secret_id: str) -> None:
    """Remove a secret for good. Raises NotFound."""
    actor = require(actor, Action.CHANGE_SECRETS)
    if not is_public_id(secret_id):
        raise _not_found()
    async with transaction() as db:
        this = (col(Secret.public_id) == secret_id, col(Secret.workspace_id) == actor.workspace_id)
        name = (await db.exec(select(Secret.name).where(*this))).first()
        if name is None or (await db.exec(delete_from(Secret).where(*this))).rowcount != 1:
            raise _not_found()
        audit.record(db, actor, Did.SECRET_DELETED, name)
    await engine_orders.secrets_changed(actor.workspace_id)


async def value(workspace_id: int, name: str) -> str:
    """Return a secret's value and note its use. For the engine and for notices only: never for a page, a route or a log.

    Raises:
        NotFound: no secret of this name in this workspace.
        Sealed: it cannot be read any more.
    """
    async with reading() as db:
        found = (await db.exec(select(Secret.id, Secret.sealed, Secret.last_used_at).where(*_named(workspace_id, name)))).first()
    if found is None:
        raise NotFound(f"There is no secret “{name}” in this workspace.")
    row_id, sealed, last_used_at = found
    text = vault.unseal(sealed, _purpose(workspace_id, name))
    if last_used_at is None or last_used_at < now() - _USED_TO:
        async with transaction() as db:
            await _note_use(db, row_id)
    return text


async def _note_use(db: AsyncSession, row_id: int | None) -> None:
    await db.exec(update(Secret).where(col(Secret.id) == row_id).values(last_used_at=now().replace(second=0, microsecond=0)))


def _check(value: object) -> None:
    if not isinstance(value, str) or not value:
        raise Invalid("value", "Enter the secret's value.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:  # half a surrogate pair, which no keyboard types
        raise Invalid("value", "This value is no text.") from error
    if size > MAX_VALUE_BYTES:
        raise Invalid("value", f"A value can have {MAX_VALUE_BYTES // 1024} KiB; this one has {-(-size // 1024)}.")


def _named(workspace_id: int, name: str) -> tuple[bool, bool]:
    return (Secret.workspace_id == workspace_id, Secret.name == name)


def _purpose(workspace_id: int, name: str) -> str:
    # Whoever can write to the database but has no key gains nothing by exchanging rows.
    return f"secret:{workspace_id}:{name}"


def _not_found() -> NotFound:
    return NotFound("There is no such secret in this workspace.")

"""Everything that is sealed, sealed anew under the newest key, while Seamwatch runs; then the old keys are dropped.

The order makes it safe to be stopped anywhere. A new key is put on top of the file before anything is sealed with it, so every
process can open what comes. The old ones go when nothing is left under them. Run again, it goes on where it was.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import ColumnElement, func
from sqlalchemy.engine import make_url
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import select, update

from app.db import reading, transaction
from app.models import Ceremony, Scan, Secret, SigningKey
from app.services import vault
from app.services.errors import Conflict
from app.settings import settings

# Every column that holds sealed text. A test compares it with the models.
SEALED: tuple[Any, ...] = (Secret.sealed, SigningKey.sealed_jwk, Scan.sealed_request, Ceremony.value)
BATCH = 20  # rows read at once, and at most written in one transaction: the request of a scan can have a megabyte
# How long the old keys stay when nothing is left under them: whoever read a row or a key before that is done with it by then. It is
# longer than a transaction can wait for another (`db.make_engine`).
SETTLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pass is."""

    table: str
    seen: int  # rows of this table
    of: int
    resealed: int  # of all tables and passes


@dataclass(frozen=True, slots=True)
class Rotation:
    """What was done."""

    resealed: int
    unreadable: int  # values that no key opens; they were left as they are
    new_key: bool  # whether a key was made; False when an interrupted rotation was finished, or the keys come from the settings
    dropped: int  # keys that were removed from the file
    removable: int  # keys that whoever runs Seamwatch may now remove from the settings


async def rotate(on_progress: Callable[[Progress], None] = lambda progress: None, *, settle_s: float | None = None) -> Rotation:
    """Seal everything under the newest key: a new one in the key file, or the first in SEAMWATCH_VAULT_KEYS.

    Args:
        on_progress: called after each batch; it must not block.
        settle_s: how long to wait before the last look; `SETTLE_S` when not given.

    Raises:
        Conflict: another rotation is under way, or the settings hold one key only.
        VaultUnusable: the key file cannot be used.
    """
    with _alone():
        before = vault.keys().texts
        if settings().vault_keys:
            if len(before) == 1:
                raise Conflict(
                    "SEAMWATCH_VAULT_KEYS holds one key. Put a new one and a comma before it (`python -m app vault-key` prints one), "
                    "restart Seamwatch, and run this again."
                )
            resealed, unreadable = await _all(before[0], on_progress, settle_s)
            return Rotation(resealed, unreadable, new_key=False, dropped=0, removable=len(before) - 1)
        interrupted = len(before) > 1
        newest = before[0] if interrupted else vault.new_key()
        if not interrupted:
            vault.write(vault.file(), [newest, *before])
        resealed, unreadable = await _all(newest, on_progress, settle_s)
        _make_durable()
        vault.write(vault.file(), [newest])
        return Rotation(resealed, unreadable, new_key=not interrupted, dropped=len(before) - interrupted, removable=0)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of rotations on this machine; it ends with the process, however that ends."""
    with (settings().data_dir / "vault_keys.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("Another rotation is under way. Wait for it to end.") from error
        yield


async def _all(newest: str, on_progress: Callable[[Progress], None], settle_s: float | None) -> tuple[int, int]:
    """Seal everything under the key; return how many values were sealed, and how many cannot be opened.

    A process that looked at the keys just before they changed may still write under an old one. So there is another pass after a
    while, until one finds nothing to do.
    """
    resealed, unreadable = await _pass(newest, on_progress, 0)
    while True:
        await asyncio.sleep(SETTLE_S if settle_s is None else settle_s)
        more, unreadable = await _pass(newest, on_progress, resealed)
        if not more:
            return resealed, unreadable
        resealed += more


async def _pass(newest: str, on_progress: Callable[[Progress], None], before: int) -> tuple[int, int]:
    resealed = unreadable = 0
    for column in SEALED:
        made, failed = await _reseal(column, Fernet(newest), on_progress, before + resealed)
        resealed, unreadable = resealed + made, unreadable + failed
    return resealed, unreadable


async def _reseal(
    column: InstrumentedAttribute[str], newest: Fernet, on_progress: Callable[[Progress], None], before: int
) -> tuple[int, int]:
    """Seal one column under the key, in batches by primary key; return (values sealed, values that no key opens)."""
    table = column.class_.__table__
    (key,) = table.primary_key.columns
    sealed = table.c[column.key]
    async with reading() as db:
        count = (await db.exec(select(func.count()).select_from(table).where(sealed.is_not(None)))).one()
    last: Any = None
    seen = made = failed = 0
    while True:
        more: list[ColumnElement[bool]] = [] if last is None else [key > last]
        async with reading() as db:
            rows = (await db.exec(select(key, sealed).where(sealed.is_not(None), *more).order_by(key).limit(BATCH))).all()
        if not rows:
            return made, failed
        changes: list[tuple[Any, str, str]] = []
        for row_key, text in rows:
            if _opens(newest, text):
                continue
            try:
                changes.append((row_key, text, vault.keys().ring.rotate(text.encode()).decode()))
            except InvalidToken:
                failed += 1
        if changes:
            async with transaction() as db:
                for row_key, old, new in changes:
                    # Only where it is still what was read: whoever replaced or removed it meanwhile keeps the last word.
                    changed = await db.exec(update(table).where(key == row_key, sealed == old).values({sealed: new}))
                    made += changed.rowcount
        last, seen = rows[-1][0], seen + len(rows)
        on_progress(Progress(table.name, seen, max(count, seen), before + made))


def _opens(key: Fernet, sealed: str) -> bool:
    try:
        key.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _make_durable() -> None:
    """Bring what was committed onto the disk: with synchronous=NORMAL SQLite leaves that to the system, which may lose power."""
    if not settings().sqlite:
        return
    path = make_url(settings().database_url).database or ""
    for name in (path, f"{path}-wal"):
        if Path(name).is_file():
            descriptor = os.open(name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

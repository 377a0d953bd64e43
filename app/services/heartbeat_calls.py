"""Calls of heartbeats as they come in. Those of some milliseconds are written in one transaction, and answered when it is committed:
what was answered is kept, and a thousand jobs that end on the minute cost a few commits.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import transaction
from app.models import Heartbeat, HeartbeatCall, Monitor
from app.services import engine_orders, heard
from app.services.engine_state import Span
from app.services.errors import NotFound
from app.services.heard import Heard, Said
from app.services.heartbeats import KEPT

logger = logging.getLogger(__name__)

MAX_TEXT_CHARS = 10_000
GATHER_S = 0.004  # how long a first call waits for others
BATCH = 500
MAX_KEY_CHARS = 40
_TOGETHER_MS = 60_000  # refusals so close to each other are one span


@dataclass(slots=True, eq=False)
class _Waiting:
    call: Heard
    written: asyncio.Future[bool]  # whether there is such a heartbeat


@dataclass(slots=True)
class _Inbox:
    """What waits to be written, of one event loop."""

    loop: asyncio.AbstractEventLoop
    waiting: list[_Waiting]
    writer: asyncio.Task[None] | None = None


_inbox: _Inbox | None = None
_refused: list[Span] = []  # oldest first
_writing_late = False


async def receive(key: str, said: Said, exit_code: int = 0, text: str = "", *, at_ms: int | None = None) -> None:
    """Write down one call; returns when it is committed.

    Args:
        exit_code: 0 to 255; any but 0 makes a success a failure.
        text: cut to 10,000 characters.
        at_ms: when it came, in ms since 1970; None for now.

    Raises:
        NotFound: no heartbeat has this key, or its monitor is deleted.
    """
    global _inbox
    if not 0 < len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        raise _unknown()
    loop = asyncio.get_running_loop()
    if _inbox is None or _inbox.loop is not loop:
        _inbox = _Inbox(loop, [])
    if said is Said.SUCCESS and exit_code:
        said = Said.FAIL
    text = text[:MAX_TEXT_CHARS].replace("\0", "\ufffd")  # U+0000 is what PostgreSQL holds in no text
    call = Heard(key, said, exit_code, text, time.time_ns() // 1_000_000 if at_ms is None else at_ms)
    waiting = _Waiting(call, loop.create_future())
    _inbox.waiting.append(waiting)
    if _inbox.writer is None:
        _inbox.writer = loop.create_task(_write_all(_inbox))
    if not await waiting.written:
        raise _unknown()


def _unknown() -> NotFound:
    return NotFound("There is no such heartbeat.")


async def _write_all(inbox: _Inbox) -> None:
    try:
        while inbox.waiting:
            await asyncio.sleep(GATHER_S)
            batch, inbox.waiting = inbox.waiting[:BATCH], inbox.waiting[BATCH:]
            try:
                known = await _write([one.call for one in batch])
            except Exception as error:  # whatever the database raises is each caller's to tell
                _refuse(min(one.call.at_ms for one in batch), time.time_ns() // 1_000_000)
                for one in batch:
                    heard.keep(one.call)
                    if not one.written.done():  # its client may be gone
                        one.written.set_exception(error)
                continue
            for one in batch:
                if not one.written.done():
                    one.written.set_result(one.call.key in known)
            await _tell_engine(known)
            await write_late()
    finally:
        inbox.writer = None


async def _tell_engine(known: Mapping[str, int]) -> None:
    for monitor_id in sorted(set(known.values())):
        await engine_orders.beat(monitor_id)


async def write_late() -> None:
    """Write down the calls that were refused, if the database takes them by now. While somebody else is at it, it is theirs."""
    global _writing_late
    if _writing_late:
        return
    _writing_late = True
    try:
        while waiting := heard.late():
            batch = waiting[:BATCH]
            try:
                known = await _write(batch, late=True)
            except Exception:  # the database: at the next call, or when the engine looks again
                logger.warning("%d calls of heartbeats still wait for the database", len(waiting))
                return
            heard.forget(frozenset(batch))
            await _tell_engine(known)
    finally:
        _writing_late = False


def _refuse(from_ms: int, to_ms: int) -> None:
    if _refused and _refused[-1][1] >= from_ms - _TOGETHER_MS:
        from_ms = min(_refused.pop()[0], from_ms)
    _refused.append((from_ms, to_ms))


def refused() -> list[Span]:
    """Return when this process could not write calls down, as (from, to) in ms since 1970, oldest first: none is missed for that."""
    return list(_refused)


def forget_refused(spans: Collection[Span]) -> None:
    """Forget those spans: they are kept elsewhere."""
    _refused[:] = [span for span in _refused if span not in spans]


async def _write(batch: Sequence[Heard], *, late: bool = False) -> dict[str, int]:
    """Write a batch in one transaction; return the monitor of each key that there is."""
    taken = heard.take_late if late else heard.take
    async with transaction() as db:
        rows = await _rows(db, {call.key for call in batch})
        written = [_row(rows[call.key], call, taken(rows[call.key], call)) for call in batch if call.key in rows]
        if written:
            # Core statements on the connection: many rows each, and nothing to load.
            connection = await db.connection()
            await connection.execute(insert(HeartbeatCall), written)
            changed = [
                {
                    "id_": row.monitor_id,
                    "started": row.started_ms,
                    "succeeded": row.succeeded_ms,
                    "failed": row.failed_ms,
                    "code": row.exit_code,
                }
                for row in rows.values()
            ]
            await connection.execute(_UPDATE, changed)
            await connection.execute(_TRIM, [{"of": row.monitor_id} for row in rows.values()])
    return {key: row.monitor_id for key, row in rows.items()}


async def _rows(db: AsyncSession, keys: set[str]) -> dict[str, Heartbeat]:
    # Locked, in one order: two processes may write calls of the same heartbeats.
    query = (
        select(Heartbeat)
        .join(Monitor, col(Monitor.id) == Heartbeat.monitor_id)
        .where(col(Heartbeat.key).in_(keys), col(Monitor.deleted_at).is_(None))
        .order_by(col(Heartbeat.monitor_id))
        .with_for_update(of=Heartbeat)
    )
    found = {row.key: row for row in await db.exec(query)}
    for row in found.values():
        db.expunge(row)  # what changes is written by one statement for all
    return found


def _row(row: Heartbeat, call: Heard, took_ms: int | None) -> dict[str, object]:
    """Return the row of a call in its heartbeat's history."""
    return {
        "monitor_id": row.monitor_id,
        "at_ms": call.at_ms,
        "kind": call.said.value,
        "exit_code": call.exit_code,
        "took_ms": took_ms,
        "text": call.text,
    }


_UPDATE = (
    update(Heartbeat)
    .where(col(Heartbeat.monitor_id) == bindparam("id_"))
    .values(
        started_ms=bindparam("started"), succeeded_ms=bindparam("succeeded"), failed_ms=bindparam("failed"), exit_code=bindparam("code")
    )
)
_OLDEST_KEPT = (
    select(HeartbeatCall.id).where(HeartbeatCall.monitor_id == bindparam("of")).order_by(col(HeartbeatCall.id).desc()).offset(KEPT).limit(1)
)
_TRIM = delete(HeartbeatCall).where(
    col(HeartbeatCall.monitor_id) == bindparam("of"), col(HeartbeatCall.id) <= _OLDEST_KEPT.scalar_subquery()
)

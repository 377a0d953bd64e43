"""Heartbeats: the watched thing calls us, and what it means that it did, or did not.

Calls come in by `heartbeat_calls`; here is their address, their history, and the judgement.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.checked import Checked
from app.core.checks import HeartbeatCheck, Kind
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.schedule import deadline, expected
from app.db import reading, transaction
from app.models import Heartbeat, HeartbeatCall, Monitor, now
from app.services import audit, heard
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import NotFound
from app.services.names import is_public_id

KEPT = 100  # calls of one monitor

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that came."""

    at: datetime
    kind: str  # "success", "start", "fail", "log"
    exit_code: int
    took_ms: int | None  # since its /start; None when there was none
    text: str


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def to_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _from_ms(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


async def make(db: AsyncSession, monitor_id: int) -> str:
    """Give a new monitor its address, in the transaction that makes it. Return the key that stands in it: `/ping/<key>`."""
    key = _new_key()
    db.add(Heartbeat(monitor_id=monitor_id, key=key, since_ms=to_ms(now())))
    await db.flush()
    return key


async def key_of(db: AsyncSession, monitor_id: int) -> str:
    """Return the key in a monitor's address; "" when it has none."""
    return (await db.exec(select(Heartbeat.key).where(Heartbeat.monitor_id == monitor_id))).one_or_none() or ""


async def expect(db: AsyncSession, monitor_ids: Sequence[int], at: datetime) -> None:
    """Expect calls from now on only: of monitors that are resumed or restored, or whose schedule changed."""
    await db.exec(update(Heartbeat).where(col(Heartbeat.monitor_id).in_(monitor_ids)).values(since_ms=to_ms(at)))


async def rotate(actor: Actor | None, monitor_id: object) -> str:
    """Give a heartbeat monitor a new address. From then on nobody is heard at the old one. Return the new key.

    Raises:
        NotFound: no such monitor in this workspace, or it is not called.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    key = _new_key()
    async with transaction() as db:
        monitor = None
        if is_public_id(monitor_id):
            found = select(Monitor).where(
                Monitor.public_id == monitor_id,
                Monitor.workspace_id == actor.workspace_id,
                col(Monitor.deleted_at).is_(None),
                Monitor.kind == Kind.HEARTBEAT.value,
            )
            monitor = (await db.exec(found)).one_or_none()
        if monitor is None:
            raise NotFound("There is no such monitor.")
        await db.exec(update(Heartbeat).where(col(Heartbeat.monitor_id) == monitor.id).values(key=key))
        audit.record(db, actor, Did.MONITOR_CHANGED, monitor.name, after="a new address for its calls")
    return key


async def calls(db: AsyncSession, monitor_id: int, most: int = KEPT) -> tuple[Call, ...]:
    """Return the newest calls of a monitor, the newest first."""
    query = (
        select(HeartbeatCall).where(HeartbeatCall.monitor_id == monitor_id).order_by(col(HeartbeatCall.id).desc()).limit(min(most, KEPT))
    )
    # One that the database refused at first stands behind those that came after it.
    newest_first = sorted(await db.exec(query), key=lambda row: -row.at_ms)
    return tuple(Call(_from_ms(row.at_ms), row.kind, row.exit_code, row.took_ms, row.text) for row in newest_first)


async def look(monitor_id: int, check: HeartbeatCheck, at: datetime, deaf: Iterable[Span] = ()) -> Checked:
    """Judge by the calls that came whether all is well at this time.

    Args:
        deaf: when we could not have heard a call, as (from, to).
    """
    async with reading() as db:
        row = await db.get(Heartbeat, monitor_id)
    if row is None:
        return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, "It has no address that could be called.")
    return judge(heard.with_late(row), check, at, tuple(deaf))


def judge(row: Heartbeat, check: HeartbeatCheck, at: datetime, deaf: Sequence[Span] = ()) -> Checked:
    """Judge a heartbeat's newest calls.

    A run that began and has not ended has the grace to end in, instead of what the schedule says: its end is the next call. A run that
    failed stands until one succeeds.
    """
    ended_ms = max(row.succeeded_ms or 0, row.failed_ms or 0)
    if row.failed_ms is not None and row.failed_ms > (row.succeeded_ms or 0):
        code = f" with exit code {row.exit_code}" if row.exit_code else ""
        text = f"The call at {_clock(_from_ms(row.failed_ms))} says that it failed{code}."
        return Checked(Outcome.DOWN, Cause.REPORTED, text, row.exit_code, facts=_facts(row, None))
    basis = _from_ms(max(ended_ms, row.since_ms))
    started_ms = row.started_ms or 0
    if started_ms > max(ended_ms, row.since_ms):
        started = _from_ms(started_ms)
        last = started + timedelta(seconds=check.grace_s)
        # We may have been deaf when it ended: then the next run decides.
        if any(start <= last and stop >= started for start, stop in deaf):
            last = deadline(check.rhythm, started, deaf)
        if at > last:
            text = f"It started at {_clock(started)} and did not say until {_clock(last)} that it ended."
            return Checked(Outcome.DOWN, Cause.MISSED, text, facts=_facts(row, last))
        return Checked(Outcome.UP, facts=_facts(row, last))
    last = deadline(check.rhythm, basis, deaf)
    if at > last:
        last_call = f"The last call came at {_clock(_from_ms(ended_ms))}" if ended_ms else "No call came yet"
        text = f"{last_call}; the next was expected by {_clock(last)}."
        return Checked(Outcome.DOWN, Cause.MISSED, text, facts=_facts(row, last))
    if not ended_ms:
        return Checked(Outcome.UNKNOWN, text=f"No call yet. One is expected by {_clock(last)}.", facts=_facts(row, last))
    return Checked(Outcome.UP, facts=_facts(row, last, expected(check.rhythm, basis)))


def _facts(row: Heartbeat, last: datetime | None, due: datetime | None = None) -> tuple[tuple[str, str], ...]:
    ended_ms = max(row.succeeded_ms or 0, row.failed_ms or 0)
    named = (
        ("last call", _from_ms(ended_ms) if ended_ms else None),
        ("last start", _from_ms(row.started_ms) if row.started_ms else None),
        ("next call", due),
        ("missed after", last),
    )
    return tuple((name, _clock(at)) for name, at in named if at is not None)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

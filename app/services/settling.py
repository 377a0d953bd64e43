"""What follows from checks, in one transaction: their results, how their monitors stand now, incidents, and what must be told.

So nothing is told that was not recorded, nothing recorded goes untold, and a process that is killed in between has done neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, case
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.incident import Outcome, Standing, State, Step
from app.core.results import Result
from app.db import transaction
from app.models import CheckLog, EngineState, Incident, Monitor, Notice
from app.services import history
from app.services.history import Detail, Recorded, insert_new

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Settled:
    """One result, and what the incident table made of it."""

    monitor_id: int
    workspace_id: int
    result: Result
    state: State  # after it
    changed: bool = False  # whether the state, or since when it is unknown, differs from the one before
    step: Step | None = None
    text: str = ""  # why it is not up
    detail: str = ""  # JSON of findings and exchanges, masked; "" keeps none
    remembered: str | None = None  # None: as it was
    region: int = 0
    unknown_since: datetime | None = None


async def settle(
    settled: Sequence[Settled], *, region: int = 0, claimed_ms: int | None = None, alive_ms: int | None = None
) -> frozenset[int]:
    """Write what a batch of checks led to, in the order of their due times. Written twice, it counts once.

    Args:
        claimed_ms: up to when the checks that were due are all in this or in earlier batches.
        alive_ms: when the engine was alive.

    Returns:
        The monitors that are not checked any more: paused, deleted or gone meanwhile. Their results are kept, and nothing follows.
    """
    async with transaction() as db:
        told = {_key(entry) for entry in settled if entry.step is not None and await db.get(CheckLog, _key(entry)) is not None}
        details = (
            Detail(
                entry.monitor_id, entry.result.due_ms, _storable(entry.text), entry.detail, entry.region,
                good=entry.result.outcome is Outcome.UP,
            )
            for entry in settled
            if entry.detail
        )  # fmt: skip
        await history.record(db, (Recorded(entry.monitor_id, entry.result, entry.region) for entry in settled), details)
        newest = {entry.monitor_id: entry for entry in settled if entry.changed or entry.step is not None}
        remembered = {entry.monitor_id: entry.remembered for entry in settled if entry.remembered is not None}
        touched = newest.keys() | remembered.keys()
        active = await _active(db, sorted(touched))
        await _keep_states(db, [newest[monitor_id] for monitor_id in sorted(newest) if monitor_id in active])
        for monitor_id, text in remembered.items():
            await db.exec(update(Monitor).where(col(Monitor.id) == monitor_id).values(remembered=_storable(text)))
        for entry in settled:
            if entry.step is not None and entry.monitor_id in active and _key(entry) not in told:
                await _step(db, entry, entry.step)
        await _keep_alive(db, region, claimed_ms, alive_ms)
    return frozenset(touched - active)


def _storable(text: str) -> str:
    """Return a text that every database takes: what a target sent stands in it, and one that is refused would be tried for ever."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _key(entry: Settled) -> tuple[int, int, int]:
    return (entry.result.due_ms, entry.monitor_id, entry.region)


async def _active(db: AsyncSession, monitor_ids: Sequence[int]) -> set[int]:
    """Return those that are checked, and hold them so until the end of this transaction."""
    found: set[int] = set()
    for place in range(0, len(monitor_ids), _AT_ONCE):
        these = (
            col(Monitor.id).in_(monitor_ids[place : place + _AT_ONCE]),
            col(Monitor.paused_at).is_(None),
            col(Monitor.deleted_at).is_(None),
        )
        # In the order of ids, so that two who lock several wait for each other instead of blocking each other.
        rows = await db.exec(select(Monitor.id).where(*these).order_by(col(Monitor.id)).with_for_update())
        found.update(row_id for row_id in rows if row_id is not None)
    return found


async def _keep_states(db: AsyncSession, entries: Sequence[Settled]) -> None:
    if not entries:
        return
    table = Monitor.__table__  # pyright: ignore[reportAttributeAccessIssue]
    change = update(table).where(table.c.id == bindparam("of_monitor"))
    change = change.values({name: bindparam(name) for name in ("standing", "standing_since", "votes", "unknown_since")})
    rows = [
        {
            "of_monitor": entry.monitor_id,
            "standing": entry.state.standing.value,
            "standing_since": entry.state.since,
            "votes": entry.state.votes,
            "unknown_since": entry.unknown_since,
        }
        for entry in entries
    ]
    await (await db.connection()).execute(change, rows)


async def _keep_alive(db: AsyncSession, region: int, claimed_ms: int | None, alive_ms: int | None) -> None:
    """Note how far the engine is; neither number ever goes back."""
    if claimed_ms is None and alive_ms is None:
        return
    row = {"region": region, "claimed_ms": claimed_ms or 0, "alive_ms": alive_ms or 0}
    kept = {
        name: case((col(getattr(EngineState, name)) < row[name], row[name]), else_=col(getattr(EngineState, name)))
        for name in ("claimed_ms", "alive_ms")
    }
    changed = await db.exec(update(EngineState).where(col(EngineState.region) == region).values(**kept))
    if not changed.rowcount:
        await insert_new(db, EngineState, [{**row, "sealed_hour": 0}])


async def _step(db: AsyncSession, entry: Settled, step: Step) -> None:
    at = datetime.fromtimestamp(entry.result.due_ms / 1000, UTC)
    incident = (await db.exec(select(Incident).where(Incident.monitor_id == entry.monitor_id, col(Incident.closed_at).is_(None)))).first()
    if step is Step.OPEN:
        if incident is None:
            severity = entry.state.standing.value
            incident = Incident(
                workspace_id=entry.workspace_id,
                monitor_id=entry.monitor_id,
                severity=severity,
                cause=entry.result.cause,
                text=_storable(entry.text),
                opened_at=at,
            )
            db.add(incident)
            await db.flush()
    elif incident is None:
        return  # it was closed by hand meanwhile
    elif step is Step.WORSEN:
        incident.severity, incident.cause, incident.text = Standing.DOWN.value, entry.result.cause, _storable(entry.text)
    elif step is Step.CLOSE:
        incident.closed_at, incident.closed_by = at, "maintenance" if entry.result.maintained else "check"
        if entry.result.maintained:
            return  # nothing is well again, so nobody is told
    await db.flush()
    assert incident.id is not None
    notice = {"workspace_id": entry.workspace_id, "incident_id": incident.id, "step": step.value, "due_ms": entry.result.due_ms}
    await insert_new(db, Notice, [{**notice, "created_at": datetime.now(UTC), "sent_at": None}])


async def close_open(db: AsyncSession, monitor_ids: Sequence[int], why: str, at: datetime) -> None:
    """End the open incidents of monitors that are not checked any more: paused, or deleted. Nobody is told."""
    this = (col(Incident.monitor_id).in_(monitor_ids), col(Incident.closed_at).is_(None))
    await db.exec(update(Incident).where(*this).values(closed_at=at, closed_by=why))
    fresh = {"standing": Standing.PENDING.value, "standing_since": None, "votes": "", "unknown_since": None}
    await db.exec(update(Monitor).where(col(Monitor.id).in_(monitor_ids)).values(**fresh))

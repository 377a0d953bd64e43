"""What follows from checks, in one transaction: their results, how their monitors stand now, incidents, and what must be told.

So nothing is told that was not recorded, nothing recorded goes untold, and a process that is killed in between has done neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.incident import Standing, State, Step
from app.core.results import Result
from app.db import transaction
from app.models import CheckLog, EngineState, Incident, Monitor, Notice
from app.services import history
from app.services.history import Detail, Recorded, insert_new


@dataclass(frozen=True, slots=True)
class Settled:
    """One result, and what the incident table made of it."""

    monitor_id: int
    workspace_id: int
    result: Result
    state: State  # after it
    changed: bool = False  # whether the state differs from the one before
    step: Step | None = None
    text: str = ""  # why it is not up
    detail: str = ""  # JSON of findings and exchanges, masked; "" keeps none
    remembered: str | None = None  # None: as it was
    region: int = 0


async def settle(settled: Sequence[Settled], *, region: int = 0, claimed_ms: int | None = None) -> None:
    """Write what a batch of checks led to. Written twice, it counts once.

    Args:
        claimed_ms: up to when the checks that were due are all in this or in earlier batches.
    """
    async with transaction() as db:
        told = [entry for entry in settled if entry.step is not None and await db.get(CheckLog, _key(entry)) is not None]
        failed = (
            Detail(entry.monitor_id, entry.result.due_ms, entry.text, entry.detail, entry.region) for entry in settled if entry.detail
        )
        await history.record(db, (Recorded(entry.monitor_id, entry.result, entry.region) for entry in settled), failed)
        for entry in settled:
            if entry.changed or entry.remembered is not None:
                await _keep_state(db, entry)
            if entry.step is not None and entry not in told:
                await _step(db, entry, entry.step)
        if claimed_ms is not None:
            await insert_new(db, EngineState, [{"region": region, "claimed_ms": 0, "alive_ms": 0, "sealed_hour": 0}])
            this = (col(EngineState.region) == region, col(EngineState.claimed_ms) < claimed_ms)
            await db.exec(update(EngineState).where(*this).values(claimed_ms=claimed_ms))


def _key(entry: Settled) -> tuple[int, int, int]:
    return entry.result.due_ms, entry.monitor_id, entry.region


async def _keep_state(db: AsyncSession, entry: Settled) -> None:
    values = {"standing": entry.state.standing.value, "standing_since": entry.state.since, "votes": entry.state.votes}
    if entry.remembered is not None:
        values["remembered"] = entry.remembered
    await db.exec(update(Monitor).where(col(Monitor.id) == entry.monitor_id).values(**values))


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
                text=entry.text,
                opened_at=at,
            )
            db.add(incident)
            await db.flush()
    elif incident is None:
        return  # it was closed by hand meanwhile
    elif step is Step.WORSEN:
        incident.severity, incident.cause, incident.text = Standing.DOWN.value, entry.result.cause, entry.text
    elif step is Step.CLOSE:
        incident.closed_at, incident.closed_by = at, "check"
    await db.flush()
    assert incident.id is not None
    notice = {"workspace_id": entry.workspace_id, "incident_id": incident.id, "step": step.value, "due_ms": entry.result.due_ms}
    await insert_new(db, Notice, [{**notice, "created_at": datetime.now(UTC), "sent_at": None}])


async def close_open(db: AsyncSession, monitor_ids: Sequence[int], why: str, at: datetime) -> None:
    """End the open incidents of monitors that are not checked any more: paused, or deleted. Nobody is told."""
    this = (col(Incident.monitor_id).in_(monitor_ids), col(Incident.closed_at).is_(None))
    await db.exec(update(Incident).where(*this).values(closed_at=at, closed_by=why))
    fresh = {"standing": Standing.PENDING.value, "standing_since": None, "votes": ""}
    await db.exec(update(Monitor).where(col(Monitor.id).in_(monitor_ids)).values(**fresh))

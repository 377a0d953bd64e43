"""Where single results of one monitor are found, whether their hour is sealed or not.

Hours that are sealed are chunks with exact keys. What is not sealed yet is a log of all monitors in the order of time, in which one
monitor's results are looked up by when they were due; where few are checked, it is read through.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import results
from app.core.incident import Outcome
from app.core.results import HOUR_MS, Result, Sample
from app.models import CheckChunk, CheckDetail, CheckHour, CheckLog, EngineState, Monitor, now
from app.services import board
from app.services.engine_state import retention

PAGE = 50  # results that a list shows at once
_MAX_UNSEALED_HOURS = 48
_KEYS_AT_ONCE = 500
# Of so many monitors the log is read through: an hour of a thousand takes up to ten milliseconds.
_FEW_FOR_LISTS, _FEW_FOR_CHARTS = 1000, 200
_FAILED = frozenset(Outcome) - {Outcome.UP}

_Piece = tuple[int, bytes]  # a chunk of results, and since when it counts: the start of its hour, or the due time of its only one


def to_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def unsealed_from(db: AsyncSession, end_ms: int) -> int:
    """Return from when results are still in the log, in ms since 1970."""
    sealed = (await db.exec(select(func.max(EngineState.sealed_hour)))).one() or 0
    return max(sealed + 1, end_ms // HOUR_MS - _MAX_UNSEALED_HOURS) * HOUR_MS


async def samples(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int) -> list[Sample]:
    """Return what charts need of the kept results of [start, end), oldest first.

    Where many monitors are checked, what ran beside its schedule (by hand, say) is left out until its hour is sealed.
    """
    edge_ms = min(max(await unsealed_from(db, end_ms), start_ms), end_ms)
    hours = range(start_ms // HOUR_MS, -(-edge_ms // HOUR_MS)) if start_ms < edge_ms else ()
    found = [
        one for at_ms, body in await _sealed(db, monitor, hours) for one in results.samples(body, at_ms) if start_ms <= one.due_ms < edge_ms
    ]
    # While the interval was another, other times were due.
    few = _FEW_FOR_LISTS if to_ms(monitor.changed_at) > edge_ms else _FEW_FOR_CHARTS
    for at_ms, body in await _unsealed(db, monitor, edge_ms, end_ms, few):
        found += results.samples(body, at_ms)
    return found


async def newest(db: AsyncSession, monitor: Monitor, end_ms: int, only_failures: bool) -> list[Result]:
    """Return the newest results before a time, newest first: more than a page, unless there are no more."""
    edge_ms = await unsealed_from(db, to_ms(now()))

    def wanted(pieces: Iterable[_Piece]) -> list[Result]:
        every = (one for at_ms, body in pieces for one in results.read(body, at_ms) if one.due_ms < end_ms)
        return sorted((one for one in every if not only_failures or one.outcome in _FAILED), key=lambda one: -one.due_ms)

    found = wanted(await _unsealed(db, monitor, edge_ms, end_ms, _FEW_FOR_LISTS))
    hour = min(edge_ms, end_ms - 1) // HOUR_MS if end_ms <= edge_ms else edge_ms // HOUR_MS - 1
    oldest = max(to_ms(monitor.created_at) // HOUR_MS, to_ms(now()) // HOUR_MS - retention().chunk_hours)
    at_once = 2
    while len(found) <= PAGE and hour >= oldest:
        # Further and further back, so that a monitor that runs daily takes few queries, and one that runs often reads little.
        start = max(oldest, hour - at_once + 1)
        hours: Sequence[int] = range(start, hour + 1)
        if only_failures:
            hours = await _hours_with_failures(db, monitor, hours)
        found += wanted(await _sealed(db, monitor, hours))
        hour, at_once = start - 1, min(at_once * 4, _KEYS_AT_ONCE)
    return found


async def _sealed(db: AsyncSession, monitor: Monitor, hours: Sequence[int]) -> list[_Piece]:
    found: list[_Piece] = []
    for place in range(0, len(hours), _KEYS_AT_ONCE):
        query = select(CheckChunk.hour, CheckChunk.body).where(
            col(CheckChunk.hour).in_(hours[place : place + _KEYS_AT_ONCE]), CheckChunk.monitor_id == monitor.id, CheckChunk.region == 0
        )
        found += [(hour * HOUR_MS, body) for hour, body in (await db.exec(query.order_by(col(CheckChunk.hour)))).all()]
    return found


async def _unsealed(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int, few: int) -> list[_Piece]:
    if start_ms >= end_ms:
        return []
    this = (CheckLog.monitor_id == monitor.id, CheckLog.region == 0)
    query = select(CheckLog.due_ms, CheckLog.body).where(*this).order_by(col(CheckLog.due_ms))
    if (await db.exec(select(func.count()).select_from(Monitor))).one() <= few:
        query = query.where(col(CheckLog.due_ms) >= start_ms, col(CheckLog.due_ms) < end_ms)
        return [(due_ms, body) for due_ms, body in (await db.exec(query)).all()]
    found: list[_Piece] = []
    dues = await _dues(db, monitor, start_ms, end_ms)
    for place in range(0, len(dues), _KEYS_AT_ONCE):
        some = query.where(col(CheckLog.due_ms).in_(dues[place : place + _KEYS_AT_ONCE]))
        found += [(due_ms, body) for due_ms, body in (await db.exec(some)).all()]
    return found


async def _dues(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int) -> list[int]:
    """Return when checks of a monitor were due within [start, end), as far as that can be known without reading the whole log."""
    step = monitor.interval_ms
    dues = set(range(start_ms + (monitor.phase_ms - start_ms) % step, end_ms, step))
    # Beside the schedule: run by hand, or due while the interval was another. The failed ones have details, the newest is on the board.
    details = select(CheckDetail.due_ms).where(
        CheckDetail.monitor_id == monitor.id, col(CheckDetail.due_ms) >= start_ms, col(CheckDetail.due_ms) < end_ms
    )
    dues |= set((await db.exec(details)).all())
    latest = board.latest(monitor.id) if monitor.id is not None else None
    if latest and start_ms <= latest.due_ms < end_ms:
        dues.add(latest.due_ms)
    return sorted(dues)


async def _hours_with_failures(db: AsyncSession, monitor: Monitor, hours: Sequence[int]) -> list[int]:
    failed = col(CheckHour.degraded) + col(CheckHour.down) + col(CheckHour.unknown) + col(CheckHour.maintained)
    query = select(CheckHour.hour).where(
        col(CheckHour.hour).in_(hours), CheckHour.monitor_id == monitor.id, CheckHour.region == 0, failed > 0
    )
    return sorted((await db.exec(query)).all())

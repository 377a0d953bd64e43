"""Where single results of one monitor are found, whether their hour is sealed or not.

Hours that are sealed are chunks with exact keys. What is not sealed yet is a log of all monitors in the order of time, in which one
monitor's results are looked up by when they were due; where few are checked, it is read through.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select
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

# A page asks most of these several times: they are built once.
_chunk: Any = CheckChunk.__table__  # pyright: ignore[reportAttributeAccessIssue]
_log: Any = CheckLog.__table__  # pyright: ignore[reportAttributeAccessIssue]
_hour: Any = CheckHour.__table__  # pyright: ignore[reportAttributeAccessIssue]
_detail: Any = CheckDetail.__table__  # pyright: ignore[reportAttributeAccessIssue]
_monitor: Any = Monitor.__table__  # pyright: ignore[reportAttributeAccessIssue]
_state: Any = EngineState.__table__  # pyright: ignore[reportAttributeAccessIssue]
_KEYS = bindparam("keys", expanding=True)


def _of_one(table: Any, *columns: Any) -> Any:
    return select(*columns).where(table.c.monitor_id == bindparam("monitor_id"), table.c.region == 0)


_SEALED = select(
    select(func.max(_state.c.sealed_hour)).scalar_subquery(),
    select(func.count()).select_from(select(_monitor.c.id).limit(_FEW_FOR_LISTS + 1).subquery()).scalar_subquery(),
)
_CHUNKS = _of_one(_chunk, _chunk.c.hour, _chunk.c.body).where(_chunk.c.hour.in_(_KEYS)).order_by(_chunk.c.hour)
_SINGLE = _of_one(_log, _log.c.due_ms, _log.c.body).order_by(_log.c.due_ms)
_SINGLE_OF_SPAN = _SINGLE.where(_log.c.due_ms >= bindparam("start_ms"), _log.c.due_ms < bindparam("end_ms"))
_SINGLE_BY_DUE = _SINGLE.where(_log.c.due_ms.in_(_KEYS))
_DETAILED = select(_detail.c.due_ms).where(
    _detail.c.monitor_id == bindparam("monitor_id"), _detail.c.due_ms >= bindparam("start_ms"), _detail.c.due_ms < bindparam("end_ms")
)
_HOURS_WITH_FAILURES = (
    _of_one(_hour, _hour.c.hour)
    .where(_hour.c.hour.in_(_KEYS), _hour.c.degraded + _hour.c.down + _hour.c.unknown + _hour.c.maintained > 0)
    .order_by(_hour.c.hour)
)


def to_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


class Unsealed(NamedTuple):
    """What is still in the log."""

    from_ms: int
    monitors: int  # whose results stand in it: all there are; of more than a thousand only that they are more


async def unsealed(db: AsyncSession, end_ms: int) -> Unsealed:
    """Return what has not been sealed by a time."""
    sealed, monitors = (await (await db.connection()).execute(_SEALED)).one()
    return Unsealed(max((sealed or 0) + 1, end_ms // HOUR_MS - _MAX_UNSEALED_HOURS) * HOUR_MS, monitors)


async def samples(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int, log: Unsealed | None = None) -> list[Sample]:
    """Return what charts need of the kept results of [start, end), oldest first.

    Where many monitors are checked, what ran beside its schedule before this process began is left out until its hour is sealed.
    """
    log = log or await unsealed(db, end_ms)
    edge_ms = min(max(log.from_ms, start_ms), end_ms)
    hours = range(start_ms // HOUR_MS, -(-edge_ms // HOUR_MS)) if start_ms < edge_ms else ()
    found = [
        one for at_ms, body in await _sealed(db, monitor, hours) for one in results.samples(body, at_ms) if start_ms <= one.due_ms < edge_ms
    ]
    # While the interval was another, other times were due.
    most = _FEW_FOR_LISTS if to_ms(monitor.changed_at) > edge_ms else _FEW_FOR_CHARTS
    for at_ms, body in await _unsealed(db, monitor, edge_ms, end_ms, whole=log.monitors <= most):
        found += results.samples(body, at_ms)
    return found


async def newest(db: AsyncSession, monitor: Monitor, end_ms: int, only_failures: bool) -> list[Result]:
    """Return the newest results before a time, newest first: more than a page, unless there are no more."""
    log = await unsealed(db, to_ms(now()))
    edge_ms = log.from_ms

    def wanted(pieces: Iterable[_Piece]) -> list[Result]:
        every = (one for at_ms, body in pieces for one in results.read(body, at_ms) if one.due_ms < end_ms)
        return sorted((one for one in every if not only_failures or one.outcome in _FAILED), key=lambda one: -one.due_ms)

    found = wanted(await _unsealed(db, monitor, edge_ms, end_ms, whole=log.monitors <= _FEW_FOR_LISTS))
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
    return [(hour * HOUR_MS, body) for hour, body in await _by_keys(db, _CHUNKS, monitor, hours)]


async def _unsealed(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int, *, whole: bool) -> list[_Piece]:
    """Return what the log holds of a monitor; `whole` when it may be read through."""
    if start_ms >= end_ms:
        return []
    if whole:
        which = {"monitor_id": monitor.id, "start_ms": start_ms, "end_ms": end_ms}
        rows: Sequence[Any] = (await (await db.connection()).execute(_SINGLE_OF_SPAN, which)).all()
    else:
        rows = await _by_keys(db, _SINGLE_BY_DUE, monitor, await _dues(db, monitor, start_ms, end_ms))
    return [(due_ms, body) for due_ms, body in rows]


async def _by_keys(db: AsyncSession, query: Any, monitor: Monitor, keys: Sequence[int]) -> list[Any]:
    connection, found = await db.connection(), []
    for place in range(0, len(keys), _KEYS_AT_ONCE):
        which = {"monitor_id": monitor.id, "keys": keys[place : place + _KEYS_AT_ONCE]}
        found += (await connection.execute(query, which)).all()
    return found


async def _dues(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int) -> list[int]:
    """Return when checks of a monitor were due within [start, end), as far as that can be known without reading the whole log."""
    step = monitor.interval_ms
    dues = set(range(start_ms + (monitor.phase_ms - start_ms) % step, end_ms, step))
    # Beside the schedule: asked for, which the board knows, or due while the interval was another. Failed ones have details.
    which = {"monitor_id": monitor.id, "start_ms": start_ms, "end_ms": end_ms}
    dues |= set((await (await db.connection()).execute(_DETAILED, which)).scalars())
    if monitor.id is not None:
        latest = board.latest(monitor.id)
        known = (*board.asked(monitor.id), *((latest.due_ms,) if latest else ()))
        dues |= {due_ms for due_ms in known if start_ms <= due_ms < end_ms}
    return sorted(dues)


async def _hours_with_failures(db: AsyncSession, monitor: Monitor, hours: Sequence[int]) -> list[int]:
    return [row.hour for row in await _by_keys(db, _HOURS_WITH_FAILURES, monitor, hours)]

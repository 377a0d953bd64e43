"""What is kept of checks, and how it is read: results as they come, chunks of an hour, rollups of hours and days.

Everything is keyed by time first and monitor second. So recording appends to the end of a table, forgetting cuts off its beginning, and
a window of one monitor is a few lookups of exact keys. The other way round each result would rewrite a page of its own.
"""

import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, tuple_
from sqlalchemy import select as rows_of
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel, col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import results
from app.core.results import HOUR_MS, Result
from app.core.rollup import Rollup, overlap_s
from app.db import reading, transaction
from app.models import CheckChunk, CheckDay, CheckDetail, CheckHour, CheckLog, Incident

HOURS_A_DAY = 24
KEPT_DETAILS = 20  # of one monitor
MAX_DETAIL_BYTES = 200_000  # deflated
# From this interval on, what a good check found is kept as well: after a restart, its assertions would be unknown until the next one. A
# detail writes some kilobytes, once in a quarter of an hour; a check a minute may write 400 bytes.
GOOD_FROM_MS = 900_000
# Steps hold the loop, and the database against writers, for a few milliseconds, so that neither checks nor recording wait.
SLICE = 50  # monitors whose hour one step seals, or whose hours it adds up
_RESULTS = 300  # results that one step reads
_DELETED = 1_000  # results, or an hour's rows of monitors, that one step deletes: the database does that beside the loop
_KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """One result on its way into the store."""

    monitor_id: int
    result: Result
    region: int = 0


@dataclass(frozen=True, slots=True)
class Detail:
    """What stands behind a result: JSON of its findings and exchanges, masked."""

    monitor_id: int
    due_ms: int
    text: str
    body: str
    region: int = 0
    good: bool = False  # of a check that found all well: of these a monitor has only the newest


async def insert_new(db: AsyncSession, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, and leave those alone whose key is there: what is delivered twice counts once."""
    if rows:
        dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
        # Of the table, not of the class: a third less time a row.
        insert = dialect.insert(table.__table__).on_conflict_do_nothing()  # pyright: ignore[reportAttributeAccessIssue]
        await (await db.connection()).execute(insert, rows)


async def record(db: AsyncSession, recorded: Iterable[Recorded], details: Iterable[Detail] = ()) -> None:
    """Write results in this transaction."""
    rows = []
    for entry in sorted(recorded, key=lambda entry: (entry.result.due_ms, entry.monitor_id)):
        body = bytearray()
        results.append(body, entry.result, entry.result.due_ms)
        rows.append({"due_ms": entry.result.due_ms, "monitor_id": entry.monitor_id, "region": entry.region, "body": bytes(body)})
    await insert_new(db, CheckLog, rows)
    for detail in details:
        body = zlib.compress(detail.body.encode())
        if len(body) > MAX_DETAIL_BYTES:
            body = zlib.compress(b"{}")
        key = {"due_ms": detail.due_ms, "monitor_id": detail.monitor_id, "region": detail.region}
        await insert_new(db, CheckDetail, [{**key, "good": detail.good, "text": detail.text, "body": body}])
        # Each kind by itself, so that what is well pushes out no failure.
        these = (col(CheckDetail.monitor_id) == detail.monitor_id, col(CheckDetail.good) == detail.good)
        newest_first = select(CheckDetail.due_ms).where(*these).order_by(col(CheckDetail.due_ms).desc())
        oldest_kept = (await db.exec(newest_first.offset(0 if detail.good else KEPT_DETAILS - 1).limit(1))).first()
        if oldest_kept is not None:
            await db.exec(delete(CheckDetail).where(*these, col(CheckDetail.due_ms) < oldest_kept))


def _one(row: CheckLog) -> Result:
    return next(results.read(row.body, row.due_ms))


# Sealing an hour: its results become chunks and rollups.


async def seal(hour: int) -> AsyncIterator[int]:
    """Turn the results of an hour that is over into a chunk and a rollup for each monitor; yield how many results a step moved.

    Each step is a short transaction of its own, and the caller may pause between them. Killed in between, it ends the work when it is
    called again: the log is only emptied when all of the hour is sealed, and what is sealed is left alone. To be called when nothing
    that was due in the hour can still be recorded.
    """
    start_ms, end_ms = hour * HOUR_MS, (hour + 1) * HOUR_MS
    within = (col(CheckLog.due_ms) >= start_ms, col(CheckLog.due_ms) < end_ms)
    key = (col(CheckLog.due_ms), col(CheckLog.monitor_id), col(CheckLog.region))
    gathered: dict[tuple[int, int], Hour] = {}
    last: tuple[int, int, int] | None = None
    while True:  # the log is in the order of time, so it is read once, in slices, into the monitors' chunks
        query = select(CheckLog.due_ms, CheckLog.monitor_id, CheckLog.region, CheckLog.body).where(*within)
        if last is not None:
            query = query.where(tuple_(*key) > tuple_(*last))
        async with reading() as db:
            rows = (await db.exec(query.order_by(*key).limit(_RESULTS))).all()
        if not rows:
            break
        for due_ms, monitor_id, region, body in rows:
            gathered.setdefault((monitor_id, region), Hour(start_ms)).add(due_ms, body)
        last = rows[-1][:3]
        yield 0
    keys = sorted(gathered)
    for place in range(0, len(keys), SLICE):
        yield await store_sealed(hour, {key: gathered.pop(key) for key in keys[place : place + SLICE]})
    while True:
        # Only now: as long as one monitor's hour is not sealed, the log can make it again.
        async with transaction() as db:
            edge = select(CheckLog.due_ms).where(*within).order_by(col(CheckLog.due_ms)).offset(_DELETED).limit(1)
            until = (await db.exec(edge)).first()
            these = (col(CheckLog.due_ms) >= start_ms, col(CheckLog.due_ms) <= (end_ms - 1 if until is None else until))
            gone = await db.exec(delete(CheckLog).where(*these))
        yield gone.rowcount
        if until is None:
            return


class Hour:
    """One monitor's results within an hour, as they will be stored."""

    __slots__ = ("chunk", "count", "last_due_ms", "rollup")

    def __init__(self, start_ms: int) -> None:
        self.chunk, self.last_due_ms, self.rollup, self.count = bytearray(), start_ms, Rollup(), 0

    def add(self, due_ms: int, body: bytes) -> None:
        results.append_one(self.chunk, body, due_ms, self.last_due_ms)
        self.last_due_ms = due_ms
        self.count += 1
        found = results.brief(body)
        self.rollup.add(found.outcome, found.total_ms, counts=not found.maintained, late=found.late)


async def store_sealed(hour: int, gathered: Mapping[tuple[int, int], Hour]) -> int:
    """Store an hour of some monitors, by monitor and region. Return how many results that are."""
    start_ms, end_ms = hour * HOUR_MS, (hour + 1) * HOUR_MS
    async with reading() as db:
        failures = await _failures(db, {monitor_id for monitor_id, _ in gathered}, start_ms, end_ms)
    chunks, rollups, moved = [], [], 0
    for (monitor_id, region), found in gathered.items():
        found.rollup.downtime_s = overlap_s(start_ms / 1000, end_ms / 1000, failures[monitor_id])
        key = {"hour": hour, "monitor_id": monitor_id, "region": region}
        chunks.append({**key, "body": bytes(found.chunk)})
        rollups.append({**key, **_columns(found.rollup)})
        moved += found.count
    async with transaction() as db:
        await insert_new(db, CheckChunk, chunks)
        await insert_new(db, CheckHour, rollups)
    return moved


async def first_unsealed() -> int | None:
    """Return the first hour whose results stand in the log, or None when it is empty."""
    async with reading() as db:
        oldest_ms = (await db.exec(select(func.min(CheckLog.due_ms)))).one()
    return None if oldest_ms is None else oldest_ms // HOUR_MS


async def _failures(db: AsyncSession, monitor_ids: set[int], start_ms: int, end_ms: int) -> dict[int, list[tuple[float, float]]]:
    """Return the spans of incidents, in seconds, by monitor; one that is open lasts."""
    spans: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for some in _slices(sorted(monitor_ids)):
        query = select(Incident.monitor_id, Incident.opened_at, Incident.closed_at, Incident.severity).where(
            col(Incident.monitor_id).in_(some)
        )
        for monitor_id, opened_at, closed_at, severity in (await db.exec(query)).all():
            if severity == "down" and opened_at.timestamp() * 1000 < end_ms:
                spans[monitor_id].append((opened_at.timestamp(), closed_at.timestamp() if closed_at else end_ms / 1000))
    return spans


def _columns(rollup: Rollup) -> dict[str, Any]:
    counts = {name: getattr(rollup, name) for name in ("up", "degraded", "down", "unknown", "maintained", "late")}
    return {**counts, "downtime_ms": round(rollup.downtime_s * 1000), "latencies": rollup.latencies.pack()}


def _slices(values: Sequence[int]) -> Iterable[Sequence[int]]:
    return (values[place : place + _KEYS_AT_ONCE] for place in range(0, len(values), _KEYS_AT_ONCE))


async def roll_day(day: int) -> AsyncIterator[int]:
    """Add the hours of a day that is over up into one row a monitor; yield how many rows a step wrote."""
    hours = (col(CheckHour.hour) >= day * HOURS_A_DAY, col(CheckHour.hour) < (day + 1) * HOURS_A_DAY)
    async with reading() as db:
        monitor_ids = (await db.exec(select(CheckHour.monitor_id).where(*hours).distinct().order_by(col(CheckHour.monitor_id)))).all()
    for place in range(0, len(monitor_ids), SLICE):
        some = monitor_ids[place : place + SLICE]
        totals: defaultdict[tuple[int, int], Rollup] = defaultdict(Rollup)
        for hour in range(day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY):
            async with reading() as db:
                # Rows as they come: to make an object of each takes longer than to find them.
                query = rows_of(CheckHour.__table__).where(col(CheckHour.hour) == hour, col(CheckHour.monitor_id).in_(some))  # pyright: ignore[reportAttributeAccessIssue]
                for row in (await (await db.connection()).execute(query)).all():
                    _add(totals[row.monitor_id, row.region], row)
            yield 0
        async with transaction() as db:
            keyed = ({"day": day, "monitor_id": key[0], "region": key[1], **_columns(total)} for key, total in totals.items())
            await insert_new(db, CheckDay, list(keyed))
        yield len(totals)


def _add(total: Rollup, row: Row[Any]) -> None:
    for name in ("up", "degraded", "down", "unknown", "maintained", "late"):
        setattr(total, name, getattr(total, name) + getattr(row, name))
    total.downtime_s += row.downtime_ms / 1000
    total.latencies.merge(row.latencies)


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long what is kept. Days and years of rollups take little."""

    chunk_hours: int = 7 * 24
    hour_hours: int = 90 * 24
    day_days: int = 5 * 366


async def forget(hour: int, retention: Retention) -> AsyncIterator[int]:
    """Delete what is older than it is kept, a part of an hour at a time; yield how many rows a step deleted."""
    for table, key, kept in (
        (CheckChunk, col(CheckChunk.hour), hour - retention.chunk_hours),
        (CheckHour, col(CheckHour.hour), hour - retention.hour_hours),
        (CheckDay, col(CheckDay.day), hour // HOURS_A_DAY - retention.day_days),
    ):
        monitor = col(table.monitor_id)
        while True:
            async with transaction() as db:
                oldest = (await db.exec(select(func.min(key)))).one()
                if oldest is None or oldest >= kept:
                    break
                edge = select(monitor).where(key == oldest).order_by(monitor).offset(_DELETED // 4).limit(1)
                until = (await db.exec(edge)).first()
                gone = await db.exec(delete(table).where(key == oldest, *(() if until is None else (monitor < until,))))
            yield gone.rowcount
    # Details go with their results; also those of monitors that are gone.
    before_ms = (hour - retention.chunk_hours) * HOUR_MS
    while True:
        async with transaction() as db:
            edge = select(CheckDetail.due_ms).where(col(CheckDetail.due_ms) < before_ms).order_by(col(CheckDetail.due_ms))
            until_ms = (await db.exec(edge.offset(_DELETED // 4).limit(1))).first()
            gone = await db.exec(delete(CheckDetail).where(col(CheckDetail.due_ms) < (before_ms if until_ms is None else until_ms + 1)))
        yield gone.rowcount
        if until_ms is None:
            return


# Reading one monitor's history. Whether the actor may is for the callers, who found the monitor in their workspace.


async def last_results(db: AsyncSession, monitor_id: int, dues_ms: Sequence[int], region: int = 0) -> list[Result]:
    """Return the results at these due times, in their order; those that are not there are left out.

    Due times follow from the schedule, so this looks exact keys up, in the log and in chunks.
    """
    wanted = set(dues_ms)
    found: dict[int, Result] = {}
    for some in _slices(sorted(wanted)):
        query = select(CheckLog).where(col(CheckLog.due_ms).in_(some), CheckLog.monitor_id == monitor_id, CheckLog.region == region)
        found |= {row.due_ms: _one(row) for row in (await db.exec(query)).all()}
    hours = sorted({due_ms // HOUR_MS for due_ms in wanted - set(found)})
    for chunk in await _chunks(db, monitor_id, hours, region):
        for result in results.read(chunk.body, chunk.hour * HOUR_MS):
            if result.due_ms in wanted:
                found[result.due_ms] = result
    return [found[due_ms] for due_ms in dues_ms if due_ms in found]


async def _chunks(db: AsyncSession, monitor_id: int, hours: Sequence[int], region: int) -> list[CheckChunk]:
    rows: list[CheckChunk] = []
    for some in _slices(hours):
        query = select(CheckChunk).where(col(CheckChunk.hour).in_(some), CheckChunk.monitor_id == monitor_id, CheckChunk.region == region)
        rows.extend((await db.exec(query.order_by(col(CheckChunk.hour)))).all())
    return rows


async def results_between(db: AsyncSession, monitor_id: int, start_ms: int, end_ms: int, region: int = 0) -> list[Result]:
    """Return every kept result of [start, end), oldest first. For a few hours; longer windows are rollups."""
    hours = range(start_ms // HOUR_MS, -(-end_ms // HOUR_MS))
    found = [
        result
        for chunk in await _chunks(db, monitor_id, hours, region)
        for result in results.read(chunk.body, chunk.hour * HOUR_MS)
        if start_ms <= result.due_ms < end_ms
    ]
    since = found[-1].due_ms + 1 if found else start_ms
    query = select(CheckLog).where(col(CheckLog.due_ms) >= since, col(CheckLog.due_ms) < end_ms)
    query = query.where(CheckLog.monitor_id == monitor_id, CheckLog.region == region).order_by(col(CheckLog.due_ms))
    return found + [_one(row) for row in (await db.exec(query)).all()]


async def detail(db: AsyncSession, monitor_id: int, due_ms: int, region: int = 0) -> Detail | None:
    """Return what stands behind a result, or None when that is not kept, or not any more."""
    row = await db.get(CheckDetail, (due_ms, monitor_id, region))
    return _detail(row) if row else None


def keeps_good(interval_ms: int) -> bool:
    """Whether the newest good check of a monitor is kept with what it found."""
    return interval_ms >= GOOD_FROM_MS


async def newest_detail(db: AsyncSession, monitor_id: int, since_ms: int, region: int = 0) -> Detail | None:
    """Return the newest that is kept of what was due since then."""
    these = (CheckDetail.monitor_id == monitor_id, CheckDetail.region == region, col(CheckDetail.due_ms) >= since_ms)
    row = (await db.exec(select(CheckDetail).where(*these).order_by(col(CheckDetail.due_ms).desc()).limit(1))).first()
    return _detail(row) if row else None


def _detail(row: CheckDetail) -> Detail:
    return Detail(row.monitor_id, row.due_ms, row.text, zlib.decompress(row.body).decode(), row.region, row.good)

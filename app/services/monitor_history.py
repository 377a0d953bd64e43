"""What checks of one monitor found, over any window: latencies and how much of it was well, single results, heartbeat calls.

Hours that are sealed are read as rollups and chunks by exact keys. What is not sealed yet is a log of all monitors in the order of time,
in which one monitor's results are looked up by when they were due.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, kept_detail
from app.core.assertions import Finding, Operator, Subject
from app.core.exchange import Exchange, Timing
from app.core.incident import Outcome
from app.core.results import HOUR_MS, Result
from app.core.results import read as read_chunk
from app.core.rollup import Latencies, Rollup
from app.db import reading
from app.models import CheckChunk, CheckDay, CheckDetail, CheckHour, CheckLog, EngineState, Monitor, now
from app.services import board, heartbeats, history, uptime
from app.services.access import Action, Actor, require
from app.services.engine_state import retention
from app.services.errors import Invalid, NotFound
from app.services.incidents import cause_words
from app.services.monitor_detail import checked_of
from app.services.names import is_public_id

Window = Literal["1h", "6h", "24h", "7d", "30d", "90d", "1y"]
MAX_POINTS = 96
MAX_RESULTS = 50
_DAY_S, _HOUR_S = 86_400, 3600
# (how long, how long each point): at most 96 points.
_WINDOWS: dict[str, tuple[int, int]] = {
    "1h": (_HOUR_S, 60),
    "6h": (6 * _HOUR_S, 300),
    "24h": (_DAY_S, 900),
    "7d": (7 * _DAY_S, 2 * _HOUR_S),
    "30d": (30 * _DAY_S, _DAY_S),
    "90d": (90 * _DAY_S, _DAY_S),
    "1y": (365 * _DAY_S, 4 * _DAY_S),
}
_MAX_SINGLE = 1500  # results that are read one by one for a window; beyond it, rollups are
_MAX_UNSEALED_HOURS = 48
_KEYS_AT_ONCE = 500
_FEW_MONITORS = 1000  # of so many, an hour of the log is read in a few milliseconds
_FAILED = frozenset(Outcome) - {Outcome.UP}


@dataclass(frozen=True, slots=True)
class Point:
    """One span of a chart. Latencies in ms; None where nothing answered. Phases where single results are kept."""

    at_s: int  # when it begins, since 1970
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    dns: float | None = None  # medians of how long each phase took
    connect: float | None = None
    tls: float | None = None
    wait: float | None = None
    read: float | None = None
    up: int = 0
    degraded: int = 0
    down: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Latency:
    points: tuple[Point, ...]  # oldest first, at most 96, one a span; without gaps
    uptime: float | None  # since the monitor was made; None: it was not checked within the window
    downtime_s: float
    p50: float | None
    p95: float | None
    p99: float | None
    checks: int
    bucket_s: int  # how long each point is
    limit_ms: float | None  # of an assertion on latency


@dataclass(frozen=True, slots=True)
class ResultRow:
    due_ms: int
    outcome: str
    cause: str  # in words; "" when there is none
    code: int
    timing: Timing | None
    late: bool
    maintained: bool
    text: str  # why it was not up, where that is kept
    has_detail: bool


@dataclass(frozen=True, slots=True)
class ResultPage:
    rows: tuple[ResultRow, ...]  # newest first, at most 50
    next_before_ms: int | None  # for the page after; None on the last


@dataclass(frozen=True, slots=True)
class ResultDetail:
    row: ResultRow
    text: str
    findings: tuple[Finding, ...]
    exchanges: tuple[Exchange, ...]  # masked; bodies cut
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    at_ms: int
    kind: str  # "success", "start", "fail", "log"
    exit_code: int
    took_ms: int | None
    text: str


async def _monitor(db: AsyncSession, actor: Actor, monitor_id: object) -> Monitor:
    if is_public_id(monitor_id):
        this = (Monitor.public_id == monitor_id, Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None))
        found = (await db.exec(select(Monitor).where(*this))).first()
        if found is not None:
            return found
    raise NotFound("There is no such monitor in this workspace.")


def _row_id(monitor: Monitor) -> int:
    assert monitor.id is not None
    return monitor.id


def to_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# Single results.


async def _unsealed_from(db: AsyncSession, end_ms: int) -> int:
    """Return from when results are still in the log, in ms since 1970."""
    sealed = (await db.exec(select(func.max(EngineState.sealed_hour)))).one() or 0
    return max(sealed + 1, end_ms // HOUR_MS - _MAX_UNSEALED_HOURS) * HOUR_MS


async def _dues(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int) -> list[int]:
    """Return when checks of a monitor were due within [start, end), as far as that can be known without reading the whole log."""
    row_id, step = _row_id(monitor), monitor.interval_ms
    first = start_ms + (monitor.phase_ms - start_ms) % step
    dues = set(range(first, end_ms, step))
    # Beside the schedule: run by hand, or due while the interval was another. The failed ones have details, the newest is on the board.
    details = select(CheckDetail.due_ms).where(
        CheckDetail.monitor_id == row_id, col(CheckDetail.due_ms) >= start_ms, col(CheckDetail.due_ms) < end_ms
    )
    dues |= set((await db.exec(details)).all())
    newest = board.latest(row_id)
    if newest and start_ms <= newest.due_ms < end_ms:
        dues.add(newest.due_ms)
    if (await db.exec(select(func.count()).select_from(Monitor))).one() <= _FEW_MONITORS:
        query = select(CheckLog.due_ms).where(
            col(CheckLog.due_ms) >= start_ms, col(CheckLog.due_ms) < end_ms, CheckLog.monitor_id == row_id, CheckLog.region == 0
        )
        dues |= set((await db.exec(query)).all())
    return sorted(dues)


async def _unsealed(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int) -> list[Result]:
    if start_ms >= end_ms:
        return []
    return await history.last_results(db, _row_id(monitor), await _dues(db, monitor, start_ms, end_ms))


async def _single(db: AsyncSession, monitor: Monitor, start_ms: int, end_ms: int) -> list[Result]:
    """Return every kept result of [start, end), oldest first."""
    edge_ms = min(max(await _unsealed_from(db, end_ms), start_ms), end_ms)
    sealed = await _sealed(db, _row_id(monitor), start_ms, edge_ms) if start_ms < edge_ms else []
    return sealed + await _unsealed(db, monitor, edge_ms, end_ms)


async def _of_hours(db: AsyncSession, row_id: int, hours: Sequence[int]) -> list[Result]:
    """Return the results of sealed hours, oldest first."""
    found: list[Result] = []
    for place in range(0, len(hours), _KEYS_AT_ONCE):
        query = select(CheckChunk.hour, CheckChunk.body).where(
            col(CheckChunk.hour).in_(hours[place : place + _KEYS_AT_ONCE]), CheckChunk.monitor_id == row_id, CheckChunk.region == 0
        )
        for hour, body in (await db.exec(query.order_by(col(CheckChunk.hour)))).all():
            found.extend(read_chunk(body, hour * HOUR_MS))
    return found


async def _sealed(db: AsyncSession, row_id: int, start_ms: int, end_ms: int) -> list[Result]:
    """Return the results of [start, end) whose hours are sealed, oldest first."""
    found = await _of_hours(db, row_id, range(start_ms // HOUR_MS, -(-end_ms // HOUR_MS)))
    return [result for result in found if start_ms <= result.due_ms < end_ms]


async def results(actor: Actor | None, monitor_id: str, before_ms: int | None = None, only_failures: bool = False) -> ResultPage:
    """Return results that were due before a time, newest first; only those that were not well, if asked for.

    Raises:
        NotFound: no such monitor.
    """
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        monitor = await _monitor(db, actor, monitor_id)
        limit_ms = to_ms(now()) + 1
        usable = isinstance(before_ms, int) and not isinstance(before_ms, bool) and 0 < before_ms < limit_ms
        end_ms = cast(int, before_ms) if usable else limit_ms
        found = await _newest(db, monitor, end_ms, only_failures is True)
        shown = found[:MAX_RESULTS]
        rows = await _result_rows(db, monitor, shown)
    return ResultPage(rows, shown[-1].due_ms if len(found) > MAX_RESULTS else None)


async def _newest(db: AsyncSession, monitor: Monitor, end_ms: int, only_failures: bool) -> list[Result]:
    """Return the newest results before a time, newest first: more than a page, unless there are no more."""
    edge_ms = await _unsealed_from(db, to_ms(now()))

    def wanted(some: Iterable[Result]) -> list[Result]:
        return sorted((one for one in some if not only_failures or one.outcome in _FAILED), key=lambda one: -one.due_ms)

    found = wanted(await _unsealed(db, monitor, edge_ms, end_ms))
    hour = min(edge_ms, end_ms - 1) // HOUR_MS if end_ms <= edge_ms else edge_ms // HOUR_MS - 1
    oldest = max(to_ms(monitor.created_at) // HOUR_MS, to_ms(now()) // HOUR_MS - retention().chunk_hours)
    at_once = 2
    while len(found) <= MAX_RESULTS and hour >= oldest:
        # Further and further back, so that a monitor that runs daily takes few queries, and one that runs often reads little.
        start = max(oldest, hour - at_once + 1)
        hours: Sequence[int] = range(start, hour + 1)
        if only_failures:
            hours = await _hours_with_failures(db, monitor, hours)
        found += wanted([one for one in await _of_hours(db, _row_id(monitor), hours) if one.due_ms < end_ms])
        hour, at_once = start - 1, min(at_once * 4, _KEYS_AT_ONCE)
    return found


async def _hours_with_failures(db: AsyncSession, monitor: Monitor, hours: Sequence[int]) -> list[int]:
    failed = col(CheckHour.degraded) + col(CheckHour.down) + col(CheckHour.unknown) + col(CheckHour.maintained)
    query = select(CheckHour.hour).where(
        col(CheckHour.hour).in_(hours), CheckHour.monitor_id == _row_id(monitor), CheckHour.region == 0, failed > 0
    )
    return sorted((await db.exec(query)).all())


async def _result_rows(db: AsyncSession, monitor: Monitor, found: Sequence[Result]) -> tuple[ResultRow, ...]:
    query = select(CheckDetail.due_ms, CheckDetail.text).where(
        CheckDetail.monitor_id == _row_id(monitor), col(CheckDetail.due_ms).in_([one.due_ms for one in found])
    )
    texts = dict((await db.exec(query)).all()) if found else {}
    return tuple(_result_row(one, texts) for one in found)


def _result_row(one: Result, texts: dict[int, str]) -> ResultRow:
    return ResultRow(
        one.due_ms, one.outcome.value, cause_words(one.cause), one.code, one.timing, one.late, one.maintained,
        texts.get(one.due_ms, ""), one.due_ms in texts,
    )  # fmt: skip


async def detail(actor: Actor | None, monitor_id: str, due_ms: int) -> ResultDetail:
    """Return what stands behind one result: its assertions and exchanges.

    Raises:
        NotFound: no such monitor or result, or its exchanges are not kept any more.
    """
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        monitor = await _monitor(db, actor, monitor_id)
        usable = isinstance(due_ms, int) and not isinstance(due_ms, bool) and 0 < due_ms < 2**53
        kept = await history.detail(db, _row_id(monitor), due_ms) if usable else None
        found = await history.last_results(db, _row_id(monitor), [due_ms]) if kept else []
        if kept is None or not found:
            raise NotFound("What stood behind this result is not kept any more.")
    read = kept_detail.read(kept.body)
    return ResultDetail(_result_row(found[0], {due_ms: kept.text}), kept.text, read.findings, read.exchanges, read.facts)


async def last_findings(actor: Actor | None, monitor_id: str) -> tuple[Finding, ...]:
    """Return the assertions of the newest check, whether they held or not; () when that is not known. Raises NotFound."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        monitor = await _monitor(db, actor, monitor_id)
    return board.findings(_row_id(monitor))


async def calls(actor: Actor | None, monitor_id: str) -> tuple[Call, ...]:
    """Return the newest calls of a heartbeat monitor, newest first, at most a hundred. Raises NotFound."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        monitor = await _monitor(db, actor, monitor_id)
        found = await heartbeats.calls(db, _row_id(monitor))
    return tuple(Call(heartbeats.to_ms(one.at), one.kind, one.exit_code, one.took_ms, one.text) for one in found)


# Windows.


@dataclass(slots=True)
class _Span:
    """What fell into one point, or into the whole window."""

    rollup: Rollup
    single: list[Result]


async def latency(actor: Actor | None, monitor_id: str, window: Window = "24h") -> Latency:
    """Return how long checks took and how they ended within a window that ends now.

    Raises:
        NotFound: no such monitor.
        Invalid: for field "window".
    """
    actor = require(actor, Action.READ_MONITORS)
    if not isinstance(window, str) or window not in _WINDOWS:
        raise Invalid("window", f"Choose one of {', '.join(_WINDOWS)}.")
    length_s, bucket_s = _WINDOWS[window]
    at = now()
    end_s = int(at.timestamp()) + 1
    async with reading() as db:
        monitor = await _monitor(db, actor, monitor_id)
        each_s = max(1, monitor.interval_ms // 1000)
        single = length_s <= _DAY_S and length_s // each_s <= _MAX_SINGLE
        if not single and length_s <= _DAY_S:
            bucket_s = _HOUR_S if length_s == _DAY_S else bucket_s
        # A point is at least as long as the time between two checks: else most of them would be gaps.
        bucket_s *= -(-each_s // bucket_s)
        # Spans stand on whole multiples of their length, so the first one begins a little before the window does.
        start_s = (end_s - length_s) // bucket_s * bucket_s
        end_s = -(-end_s // bucket_s) * bucket_s
        spans: defaultdict[int, _Span] = defaultdict(lambda: _Span(Rollup(), []))
        whole = Latencies()
        if single:
            for one in await _single(db, monitor, start_s * 1000, to_ms(at) + 1):
                _take(spans[one.due_ms // 1000 // bucket_s], one, whole)
        else:
            await _fill(db, monitor, start_s, to_ms(at) + 1, bucket_s, spans, whole)
        begins = max(at - timedelta(seconds=length_s), monitor.created_at)
        failures = await uptime.failures(db, [_row_id(monitor)], begins, at)
    numbers = range(start_s // bucket_s, end_s // bucket_s)[-MAX_POINTS:]
    points = tuple(_point(number * bucket_s, spans.get(number)) for number in numbers)
    share, down_s = uptime.share(failures.get(_row_id(monitor), ()), begins, at)
    count = sum(span.rollup.checks for span in spans.values())
    p50, p95, p99 = _quantiles(whole)
    known = share if count else None
    return Latency(points, known, down_s if count else 0.0, p50, p95, p99, count, bucket_s, _limit_ms(monitor))


def _quantiles(latencies: Latencies) -> tuple[float | None, float | None, float | None]:
    if not latencies.count:
        return None, None, None
    p50, p95, p99 = latencies.quantiles(0.5, 0.95, 0.99)
    return p50, p95, p99


def _take(span: _Span, one: Result, whole: Latencies) -> None:
    answered_ms = one.timing.total_ms if one.timing else None
    span.rollup.add(one.outcome, None, counts=not one.maintained, late=one.late)
    span.single.append(one)
    if answered_ms is not None:
        whole.add(answered_ms)


async def _fill(
    db: AsyncSession, monitor: Monitor, start_s: int, end_ms: int, bucket_s: int, spans: defaultdict[int, _Span], whole: Latencies
) -> None:
    """Fill spans from rollups: of days where whole days fit into them, else of hours; what is not sealed from single results."""
    row_id = _row_id(monitor)
    edge_ms = min(max(await _unsealed_from(db, end_ms), start_s * 1000), end_ms)
    hour, edge_hour = start_s // _HOUR_S, edge_ms // HOUR_MS
    if bucket_s % _DAY_S == 0:
        days = await _rollups(db, CheckDay, row_id, range(start_s // _DAY_S, edge_ms // (_DAY_S * 1000)))
        for day, row in days.items():
            _merge(spans[day * _DAY_S // bucket_s], row)
        # The last days may not be rolled up yet.
        hours = [one for one in range(max(hour, edge_hour - 72), edge_hour) if one // 24 not in days]
    else:
        hours = list(range(hour, edge_hour))
    for one, row in (await _rollups(db, CheckHour, row_id, hours)).items():
        _merge(spans[one * _HOUR_S // bucket_s], row)
    for span in spans.values():  # of a year there are 92, and 365 days in them
        whole.merge(span.rollup.latencies.pack())
    for result in await _unsealed(db, monitor, edge_ms, end_ms):
        span = spans[result.due_ms // 1000 // bucket_s]
        answered_ms = result.timing.total_ms if result.timing else None
        span.rollup.add(result.outcome, answered_ms, counts=not result.maintained, late=result.late)
        if answered_ms is not None:
            whole.add(answered_ms)


async def _rollups(db: AsyncSession, table: type[CheckDay] | type[CheckHour], row_id: int, keys: Sequence[int]) -> dict[int, Any]:
    """Return (up, degraded, down, unknown, maintained, late, packed latencies) by hour or day, looked up by exact keys."""
    key = col(CheckDay.day) if table is CheckDay else col(CheckHour.hour)
    found: dict[int, Any] = {}
    for place in range(0, len(keys), _KEYS_AT_ONCE):
        query = select(key, table.up, table.degraded, table.down, table.unknown, table.maintained, table.late, table.latencies)  # pyright: ignore[reportCallIssue, reportArgumentType]
        query = query.where(key.in_(keys[place : place + _KEYS_AT_ONCE]), col(table.monitor_id) == row_id, col(table.region) == 0)
        found |= {row[0]: row[1:] for row in (await db.exec(query)).all()}
    return found


def _merge(span: _Span, row: Any) -> None:
    rollup = span.rollup
    rollup.up += row[0]
    rollup.degraded += row[1]
    rollup.down += row[2]
    rollup.unknown += row[3]
    rollup.maintained += row[4]
    rollup.late += row[5]
    rollup.latencies.merge(row[6])


def _point(at_s: int, span: _Span | None) -> Point:
    if span is None:
        return Point(at_s)
    rollup = span.rollup
    counts = {"up": rollup.up, "degraded": rollup.degraded, "down": rollup.down, "unknown": rollup.unknown}
    if not span.single:
        return Point(at_s, *_quantiles(rollup.latencies), **counts)
    timings = [one.timing for one in span.single if one.timing]
    if not timings:
        return Point(at_s, **counts)
    totals = sorted(timing.total_ms for timing in timings)
    dns, connect, tls, wait, read = (_quantile(sorted(values), 0.5) for values in zip(*map(_phases, timings), strict=True))
    p50, p95, p99 = (_quantile(totals, share) for share in (0.5, 0.95, 0.99))
    return Point(at_s, p50, p95, p99, dns, connect, tls, wait, read, **counts)


def _phases(timing: Timing) -> tuple[float, float, float, float, float]:
    """Return how long each phase took: DNS, connect, TLS, wait, read."""
    reached, took = 0.0, []
    for over in (timing.dns_ms, timing.connect_ms, timing.tls_ms, timing.first_byte_ms, timing.total_ms):
        took.append(max(0.0, over - reached) if over else 0.0)
        reached = max(reached, over)
    return tuple(took)  # pyright: ignore[reportReturnType]


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of sorted values lies: the nearest rank."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _limit_ms(monitor: Monitor) -> float | None:
    """Return the lowest limit that an assertion sets on how long a request takes."""
    match checked_of(monitor):
        case checks.FlowCheck(steps=steps):
            asks = [step.ask for step in steps]
        case checks.PageCheck(ask=ask) | checks.ApiCheck(ask=ask) | checks.CookieCheck(ask=ask):
            asks = [ask]
        case _:
            return None
    limits = [
        float(assertion.value)
        for ask in asks
        for assertion in ask.assertions
        if assertion.subject is Subject.LATENCY and assertion.operator is Operator.BELOW
    ]
    return min(limits, default=None)

"""What checks of one monitor found, over any window: latencies and how much of it was well, single results, heartbeat calls.

Short windows are made of single results, long ones of rollups, which can be added up. Both take a few milliseconds.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, cast

from sqlalchemy import bindparam
from sqlalchemy import select as rows_of
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, kept_detail
from app.core.assertions import Finding, Operator, Subject
from app.core.exchange import Exchange, Timing
from app.core.incident import Outcome
from app.core.results import HOUR_MS, Result, Sample
from app.core.rollup import Latencies, Rollup
from app.db import reading
from app.models import CheckDay, CheckDetail, CheckHour, Monitor, now
from app.services import board, heartbeats, history, monitor_results, uptime
from app.services.access import Action, Actor, require
from app.services.errors import Invalid, NotFound
from app.services.incidents import cause_words
from app.services.monitor_detail import checked_of
from app.services.monitor_results import PAGE, to_ms
from app.services.names import is_public_id

Window = Literal["1h", "6h", "24h", "7d", "30d", "90d", "1y"]
MAX_POINTS = 96
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
_KEYS_AT_ONCE = 500


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


# Single results.


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
        found = await monitor_results.newest(db, monitor, end_ms, only_failures is True)
        shown = found[:PAGE]
        rows = await _result_rows(db, monitor, shown)
    return ResultPage(rows, shown[-1].due_ms if len(found) > PAGE else None)


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
        row_id = _row_id(monitor)
        if (latest := board.latest(row_id)) is not None:
            return latest.findings
        # None since this process began. Row ids may come again, so what is older than the monitor is another's.
        kept = await history.newest_detail(db, row_id, to_ms(monitor.created_at))
    last_s = board.cell(row_id).last_s
    # Of a monitor that is checked often a failure may be all that is kept, and good checks have followed it.
    newest = kept is not None and (kept.due_ms // 1000 >= last_s if last_s else history.keeps_good(monitor.interval_ms))
    return kept_detail.read(kept.body).findings if kept is not None and newest else ()


async def calls(actor: Actor | None, monitor_id: str) -> tuple[Call, ...]:
    """Return the newest calls of a heartbeat monitor, newest first, at most a hundred. Raises NotFound."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        monitor = await _monitor(db, actor, monitor_id)
        found = await heartbeats.calls(db, _row_id(monitor))
    return tuple(Call(heartbeats.to_ms(one.at), one.kind, one.exit_code, one.took_ms, one.text) for one in found)


# Windows.


def _of_one(table: Any, key: str) -> Any:
    columns = (table.c[name] for name in (key, "up", "degraded", "down", "unknown", "maintained", "latencies"))
    return rows_of(*columns).where(
        table.c[key].in_(bindparam("keys", expanding=True)), table.c.monitor_id == bindparam("monitor_id"), table.c.region == 0
    )


_ROLLUPS: dict[type[CheckDay] | type[CheckHour], Any] = {
    CheckDay: _of_one(CheckDay.__table__, "day"),  # pyright: ignore[reportAttributeAccessIssue]
    CheckHour: _of_one(CheckHour.__table__, "hour"),  # pyright: ignore[reportAttributeAccessIssue]
}


@dataclass(slots=True)
class _Window:
    """What was found within a window, by the number of the span it fell into."""

    bucket_s: int
    single: defaultdict[int, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    rollups: defaultdict[int, Rollup] = field(default_factory=lambda: defaultdict(Rollup))


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
        found = _Window(bucket_s)
        if single:
            for one in await monitor_results.samples(db, monitor, start_s * 1000, to_ms(at) + 1):
                found.single[one.due_ms // 1000 // bucket_s].append(one)
        else:
            await _add_up(db, monitor, start_s, to_ms(at) + 1, found)
        begins = max(at - timedelta(seconds=length_s), monitor.created_at)
        failures = await uptime.failures(db, [_row_id(monitor)], begins, at)
    numbers = range(start_s // bucket_s, end_s // bucket_s)[-MAX_POINTS:]
    of_one = _single_point if single else _rollup_point
    points = tuple(of_one(number * bucket_s, found, number) for number in numbers)
    share, down_s = uptime.share(failures.get(_row_id(monitor), ()), begins, at)
    count = sum(map(len, found.single.values())) + sum(rollup.checks for rollup in found.rollups.values())
    known = share if count else None
    return Latency(points, known, down_s if count else 0.0, *_quantiles(found), count, bucket_s, _limit_ms(monitor))


def _quantiles(found: _Window) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 of the whole window."""
    if found.single:
        totals = sorted(one.ends[-1] / 10 for some in found.single.values() for one in some if one.ends)
        return (_quantile(totals, 0.5), _quantile(totals, 0.95), _quantile(totals, 0.99)) if totals else (None, None, None)
    whole = Latencies()
    for rollup in found.rollups.values():  # of a year there are 92, and 365 days in them
        whole.include(rollup.latencies)
    return _of_histogram(whole)


def _of_histogram(latencies: Latencies) -> tuple[float | None, float | None, float | None]:
    if not latencies.count:
        return None, None, None
    p50, p95, p99 = latencies.quantiles(0.5, 0.95, 0.99)
    return p50, p95, p99


async def _add_up(db: AsyncSession, monitor: Monitor, start_s: int, end_ms: int, found: _Window) -> None:
    """Add up rollups: of days where whole days fit into spans, else of hours; and single results where nothing is sealed yet."""
    row_id, bucket_s = _row_id(monitor), found.bucket_s
    log = await monitor_results.unsealed(db, end_ms)
    edge_ms = min(max(log.from_ms, start_s * 1000), end_ms)
    hour, edge_hour = start_s // _HOUR_S, edge_ms // HOUR_MS
    if bucket_s % _DAY_S == 0:
        days = await _rollups(db, CheckDay, row_id, range(start_s // _DAY_S, edge_ms // (_DAY_S * 1000)))
        of_spans = [(day * _DAY_S // bucket_s, row) for day, *row in days]
        # The last days may not be rolled up yet.
        there = {day for day, *_ in days}
        hours = [one for one in range(max(hour, edge_hour - 72), edge_hour) if one // 24 not in there]
    else:
        of_spans, hours = [], list(range(hour, edge_hour))
    of_spans += [(one * _HOUR_S // bucket_s, row) for one, *row in await _rollups(db, CheckHour, row_id, hours)]
    histograms: defaultdict[int, list[bytes]] = defaultdict(list)
    for number, (up, degraded, down, unknown, maintained, latencies) in of_spans:
        rollup = found.rollups[number]
        rollup.up += up
        rollup.degraded += degraded
        rollup.down += down
        rollup.unknown += unknown
        rollup.maintained += maintained
        histograms[number].append(latencies)
    for number, packed in histograms.items():
        found.rollups[number].latencies.merge(*packed)
    for sample in await monitor_results.samples(db, monitor, edge_ms, end_ms, log):
        answered_ms = sample.ends[-1] / 10 if sample.ends else None
        found.rollups[sample.due_ms // 1000 // bucket_s].add(sample.outcome, answered_ms, counts=not sample.maintained)


async def _rollups(db: AsyncSession, table: type[CheckDay] | type[CheckHour], row_id: int, keys: Sequence[int]) -> list[Any]:
    """Return (hour or day, up, degraded, down, unknown, maintained, packed latencies), looked up by exact keys."""
    connection, query, found = await db.connection(), _ROLLUPS[table], []
    for place in range(0, len(keys), _KEYS_AT_ONCE):
        found += (await connection.execute(query, {"monitor_id": row_id, "keys": keys[place : place + _KEYS_AT_ONCE]})).all()
    return found


def _rollup_point(at_s: int, found: _Window, number: int) -> Point:
    if (rollup := found.rollups.get(number)) is None:
        return Point(at_s)
    counts = {"up": rollup.up, "degraded": rollup.degraded, "down": rollup.down, "unknown": rollup.unknown}
    return Point(at_s, *_of_histogram(rollup.latencies), **counts)


def _single_point(at_s: int, found: _Window, number: int) -> Point:
    some = found.single.get(number)
    if some is None:
        return Point(at_s)
    outcomes = [one.outcome for one in some if not one.maintained]
    up, degraded, down = (outcomes.count(one) for one in (Outcome.UP, Outcome.DEGRADED, Outcome.DOWN))
    counts = {"up": up, "degraded": degraded, "down": down, "unknown": len(outcomes) - up - degraded - down}
    answered = [one.ends for one in some if one.ends]
    if not answered:
        return Point(at_s, **counts)
    totals = sorted(ends[-1] for ends in answered)
    p50, p95, p99 = (_quantile(totals, share) / 10 for share in (0.5, 0.95, 0.99))
    dns, connect, tls, wait, read = (_quantile(sorted(took), 0.5) / 10 for took in zip(*map(_phases, answered), strict=True))
    return Point(at_s, p50, p95, p99, dns, connect, tls, wait, read, **counts)


def _phases(ends: Sequence[int]) -> list[int]:
    """Return how long each phase took: DNS, connect, TLS, wait, read. One that did not happen ended at 0."""
    reached, took = 0, []
    for over in ends:
        if over > reached:
            took.append(over - reached)
            reached = over
        else:
            took.append(0)
    return took


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

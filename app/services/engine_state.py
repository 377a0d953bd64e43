"""What the engine says of itself: when it was alive, when it was not, how it does, and how much it keeps."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, text
from sqlalchemy.engine import make_url
from sqlmodel import col, delete, select, update

from app.core.results import HOUR_MS
from app.db import reading, transaction
from app.models import CheckChunk, CheckHour, EngineGap, EngineState
from app.services.access import Action, Actor, require
from app.services.history import Retention, insert_new
from app.settings import settings

ALIVE_WITHIN_MS = 15_000
GAPS_KEPT_MS = 400 * 86_400_000  # longer than any heartbeat's period
_MAX_GAPS = 2000
_SHOWN_GAPS_MS = 7 * 86_400_000

Span = tuple[int, int]  # from, to; ms since 1970


@dataclass(frozen=True, slots=True)
class Began:
    """How far the engine of a region is, or was when it was left."""

    claimed_ms: int
    alive_ms: int  # 0: it never ran
    sealed_hour: int  # 0: it never sealed one


async def begin(now_ms: int, region: int = 0) -> Began:
    """Return how the engine was left, and note the span in which it did not run."""
    async with transaction() as db:
        await insert_new(db, EngineState, [{"region": region, "claimed_ms": 0, "alive_ms": 0, "sealed_hour": 0}])
        row = await db.get_one(EngineState, region)
        if row.alive_ms and row.alive_ms < now_ms:
            db.add(EngineGap(region=region, started_ms=row.alive_ms, ended_ms=now_ms))
        began = Began(row.claimed_ms, row.alive_ms, row.sealed_hour)
        # If the clock was put back, what was noted lies in the future and would hide that we are alive.
        row.alive_ms, row.claimed_ms = now_ms, min(row.claimed_ms, now_ms)
    return began


async def progress(region: int = 0) -> Began:
    """Return how far the engine is."""
    async with reading() as db:
        row = await db.get(EngineState, region)
    return Began(row.claimed_ms, row.alive_ms, row.sealed_hour) if row else Began(0, 0, 0)


async def note_gap(started_ms: int, ended_ms: int, region: int = 0) -> None:
    """Note a span in which nobody checked, or nobody could hear a heartbeat."""
    async with transaction() as db:
        db.add(EngineGap(region=region, started_ms=started_ms, ended_ms=ended_ms))


async def gaps(since_ms: int, region: int = 0) -> Sequence[Span]:
    """Return the spans that ended after `since_ms`, oldest first; of very many the newest."""
    query = select(EngineGap.started_ms, EngineGap.ended_ms).where(EngineGap.region == region, col(EngineGap.ended_ms) > since_ms)
    async with reading() as db:
        return tuple(reversed((await db.exec(query.order_by(col(EngineGap.ended_ms).desc()).limit(_MAX_GAPS))).all()))


async def forget_gaps(before_ms: int, region: int = 0) -> None:
    async with transaction() as db:
        await db.exec(delete(EngineGap).where(col(EngineGap.region) == region, col(EngineGap.ended_ms) < before_ms))


async def sealed(hour: int, region: int = 0) -> None:
    """Note up to which hour results became chunks."""
    async with transaction() as db:
        this = (col(EngineState.region) == region, col(EngineState.sealed_hour) < hour)
        await db.exec(update(EngineState).where(*this).values(sealed_hour=hour))


def retention() -> Retention:
    """Return for how long what is kept, as the operator says."""
    return Retention(chunk_hours=settings().keep_results_days * 24, hour_hours=settings().keep_hours_days * 24)


# How it does.


@dataclass(frozen=True, slots=True)
class Report:
    """What the engine of this process measures of itself."""

    monitors: int  # that are checked
    running: int  # checks under way
    checks_per_s: float  # of the last minute
    late_share: float  # of the checks of the last hour: those that began a second too late, and those that were left out
    delay_p99_ms: float  # of the newest checks: how much later than due 99 of 100 began at most
    overdue_ms: int  # for how long the check that waits longest is due and was not claimed
    lag_p50_ms: float  # how much later than asked for the event loop came round, in the last minutes
    lag_p99_ms: float
    anchors: tuple[tuple[str, bool | None], ...]  # (host:port, whether it answered when it was asked last; None: it was not asked yet)
    waiting: int  # results that are not stored yet
    failing_since_ms: int | None  # since when the database refuses them


@dataclass(frozen=True, slots=True)
class EngineStatus:
    alive: bool
    alive_ms: int  # when it was alive last; 0: never
    report: Report | None  # None: the engine does not run in this process
    gaps: tuple[Span, ...]  # of the last seven days, oldest first
    database_bytes: int
    results: int  # about so many are kept one by one: those of the last hour that is over, times the hours that are kept
    oldest_ms: int  # from when the oldest of them is; 0: none is kept yet
    retention: Retention


_report: list[Callable[[], Report]] = []


def connect(report: Callable[[], Report] | None) -> None:
    """Let pages ask the engine of this process how it does, for as long as it runs; None ends that."""
    _report[:] = [report] if report else []


async def alive_ms(region: int = 0) -> int:
    """Return when the engine was alive last; 0: never."""
    async with reading() as db:
        return (await db.exec(select(EngineState.alive_ms).where(EngineState.region == region))).first() or 0


async def ready() -> tuple[bool, int] | None:
    """Return whether the engine of this process is alive by what the database says, and for how many ms a check is overdue.

    None when no engine runs here.
    """
    if not _report:
        return None
    overdue_ms = _report[0]().overdue_ms
    alive = time.time() * 1000 - await alive_ms() < ALIVE_WITHIN_MS
    return alive and overdue_ms < ALIVE_WITHIN_MS, overdue_ms


async def status(actor: Actor | None) -> EngineStatus:
    """Return how the engine does and how much it keeps. It serves all workspaces, so nothing in it is one's own."""
    require(actor, Action.READ_MONITORS)
    now_ms = round(time.time() * 1000)
    last_ms = await alive_ms()
    results, oldest_ms = await _kept()
    return EngineStatus(
        alive=now_ms - last_ms < ALIVE_WITHIN_MS,
        alive_ms=last_ms,
        report=_report[0]() if _report else None,
        gaps=tuple(await gaps(now_ms - _SHOWN_GAPS_MS)),
        database_bytes=await database_bytes(),
        results=results,
        oldest_ms=oldest_ms,
        retention=retention(),
    )


async def _kept() -> tuple[int, int]:
    """Return about how many results are kept, and from when the oldest is. To count them would read all there is."""
    telling = col(CheckHour.up) + col(CheckHour.degraded) + col(CheckHour.down)
    async with reading() as db:
        oldest = (await db.exec(select(func.min(CheckChunk.hour)))).one()
        newest = (await db.exec(select(func.max(CheckHour.hour)))).one()
        if oldest is None or newest is None:
            return 0, 0
        query = select(func.sum(telling + col(CheckHour.unknown) + col(CheckHour.maintained))).where(CheckHour.hour == newest)
        return ((await db.exec(query)).one() or 0) * (newest - oldest + 1), oldest * HOUR_MS


async def database_bytes() -> int:
    """Return how large the database is: with SQLite its file and the log beside it."""
    if settings().sqlite:
        path = Path(make_url(settings().database_url).database or "")
        files = (path, path.with_name(f"{path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())
    async with reading() as db:
        return int((await (await db.connection()).execute(text("SELECT pg_database_size(current_database())"))).scalar_one())

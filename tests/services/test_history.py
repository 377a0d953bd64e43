"""The history of checks: what is recorded can be read whole, however it is kept by now, and nothing counts twice."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from app import db
from app.core.exchange import Timing
from app.core.incident import Outcome
from app.core.results import HOUR_MS, Cause, Result
from app.core.rollup import Latencies
from app.models import CheckChunk, CheckDay, CheckDetail, CheckHour, CheckLog, Incident, Monitor
from app.services import history
from app.services.history import Detail, Recorded, Retention
from tests.conftest import Cast

DAY = 20_000
HOUR = DAY * 24
MINUTE_MS = 60_000


def some(monitor_id: int, hour: int, seed: int = 0) -> list[Recorded]:
    """One result a minute of one hour."""
    dice = random.Random(seed + monitor_id * 1000 + hour)
    made = []
    for minute in range(60):
        outcome = dice.choices(list(Outcome), weights=[90, 3, 5, 1, 1])[0]
        down = outcome is Outcome.DOWN
        timing = None if down else Timing(0.1, 1.0, 0, round(dice.uniform(20, 300), 1), round(dice.uniform(300, 400), 1))
        due_ms = hour * HOUR_MS + minute * MINUTE_MS + monitor_id
        made.append(Recorded(monitor_id, Result(due_ms, outcome, Cause.CONNECT if down else Cause.NONE, 0 if down else 200, timing)))
    return made


async def record(*recorded: Recorded) -> None:
    async with db.transaction() as session:
        await history.record(session, recorded)


async def drain(steps: AsyncIterator[int]) -> int:
    return sum([step async for step in steps])


async def rows_of(table: type) -> int:
    async with db.reading() as session:
        return (await session.exec(select(func.count()).select_from(table))).one()


async def hours_of(monitor_id: int) -> Sequence[CheckHour]:
    async with db.reading() as session:
        return (await session.exec(select(CheckHour).where(CheckHour.monitor_id == monitor_id).order_by(col(CheckHour.hour)))).all()


def checks_in(row: CheckHour | CheckDay) -> int:
    return row.up + row.degraded + row.down + row.unknown + row.maintained


async def between(monitor_id: int, start_ms: int, end_ms: int) -> list[Result]:
    async with db.reading() as session:
        return await history.results_between(session, monitor_id, start_ms, end_ms)


async def test_results_read_the_same_before_and_after_their_hour_is_sealed(database: Path):
    first, second, other = some(1, HOUR), some(1, HOUR + 1), some(2, HOUR)
    await record(*first, *second, *other)
    window = (1, HOUR * HOUR_MS + 30 * MINUTE_MS, (HOUR + 1) * HOUR_MS + 10 * MINUTE_MS)
    before = await between(*window)
    assert before == [entry.result for entry in first[30:] + second[:10]]
    assert await drain(history.seal(HOUR)) == 120 + 120  # sealed, and deleted from the log
    assert await between(*window) == before
    assert (await rows_of(CheckLog), await rows_of(CheckChunk)) == (60, 2)


async def test_a_result_that_is_delivered_twice_counts_once(database: Path):
    await record(*some(1, HOUR))
    await record(*some(1, HOUR))
    await drain(history.seal(HOUR))
    (found,) = await hours_of(1)
    assert checks_in(found) == 60


@pytest.mark.parametrize("steps", range(6))
async def test_sealing_that_was_killed_is_ended_by_the_next_one(database: Path, monkeypatch: pytest.MonkeyPatch, steps: int):
    monkeypatch.setattr(history, "SLICE", 2)
    monkeypatch.setattr(history, "_RESULTS", 20)
    monkeypatch.setattr(history, "_DELETED", 20)
    every = {monitor_id: some(monitor_id, HOUR) for monitor_id in range(1, 6)}
    await record(*(entry for entries in every.values() for entry in entries))
    killed = history.seal(HOUR)
    for _ in range(steps * 6):
        await anext(killed)  # and never again
    await drain(history.seal(HOUR))
    assert await rows_of(CheckLog) == 0
    for monitor_id, entries in every.items():
        assert await between(monitor_id, HOUR * HOUR_MS, (HOUR + 1) * HOUR_MS) == [entry.result for entry in entries]
        assert [checks_in(found) for found in await hours_of(monitor_id)] == [60]


async def test_an_hour_knows_how_long_its_monitor_was_down(cast: Cast):
    async with db.transaction() as session:
        monitor = Monitor(workspace_id=cast.alice.workspace_id, name="Shop", kind="page", configuration="{}")
        session.add(monitor)
        await session.flush()
        assert monitor.id is not None
        opened = datetime.fromtimestamp(HOUR * 3600 + 3000, UTC)
        session.add(
            Incident(workspace_id=cast.alice.workspace_id, monitor_id=monitor.id, severity="down", opened_at=opened, closed_at=None)
        )
        await history.record(session, [*some(monitor.id, HOUR), *some(monitor.id, HOUR + 1)])
        monitor_id = monitor.id
    await drain(history.seal(HOUR))
    await drain(history.seal(HOUR + 1))
    assert [found.downtime_ms for found in await hours_of(monitor_id)] == [600_000, 3_600_000]


async def test_a_day_is_the_sum_of_its_hours(database: Path):
    for hour in range(HOUR, HOUR + 24):
        await record(*some(1, hour), *some(2, hour))
        await drain(history.seal(hour))
    await drain(history.roll_day(DAY))
    await drain(history.roll_day(DAY))  # again makes no difference
    async with db.reading() as session:
        day = await session.get_one(CheckDay, (DAY, 1, 0))
    hours, total = await hours_of(1), Latencies()
    total.merge(*(found.latencies for found in hours))
    assert checks_in(day) == sum(map(checks_in, hours)) == 24 * 60
    assert day.latencies == total.pack()
    assert await rows_of(CheckDay) == 2


async def test_the_last_results_are_found_by_when_they_were_due(database: Path):
    entries = [*some(1, HOUR), *some(1, HOUR + 1)]
    await record(*entries)
    await drain(history.seal(HOUR))
    dues = [entry.result.due_ms for entry in reversed(entries[50:70])]
    async with db.reading() as session:
        found = await history.last_results(session, 1, [*dues[:5], 12345, *dues[5:]])
    assert found == [entry.result for entry in reversed(entries[50:70])]


async def test_what_is_older_than_it_is_kept_is_forgotten_and_nothing_else(database: Path):
    for hour in (HOUR, HOUR + 1, HOUR + 5):
        await record(*some(1, hour), *some(2, hour))
        await drain(history.seal(hour))
    await drain(history.roll_day(DAY))
    await drain(history.forget(HOUR + 6, Retention(chunk_hours=5, hour_hours=2, day_days=1)))
    async with db.reading() as session:
        chunks = (await session.exec(select(CheckChunk.hour).distinct().order_by(col(CheckChunk.hour)))).all()
        hours = (await session.exec(select(CheckHour.hour).distinct())).all()
    assert (chunks, hours, await rows_of(CheckDay)) == ([HOUR + 1, HOUR + 5], [HOUR + 5], 2)


async def test_sealing_and_deleting_go_on_where_many_were_due_at_once(database: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "_RESULTS", 10)
    monkeypatch.setattr(history, "_DELETED", 10)
    due_ms = HOUR * HOUR_MS + 5
    await record(*(Recorded(monitor_id, Result(due_ms, Outcome.UP)) for monitor_id in range(1, 36)))
    await drain(history.seal(HOUR))
    assert (await rows_of(CheckLog), await rows_of(CheckChunk)) == (0, 35)
    await drain(history.forget(HOUR + 3, Retention(chunk_hours=1, hour_hours=1, day_days=1)))
    assert (await rows_of(CheckChunk), await rows_of(CheckHour)) == (0, 0)


async def test_of_the_details_of_failures_the_newest_are_kept(database: Path):
    async with db.transaction() as session:
        for number in range(30):
            await history.record(session, [], [Detail(1, number, f"failure {number}", '{"exchanges": []}'), Detail(2, number, "", "{}")])
    assert await rows_of(CheckDetail) == 2 * history.KEPT_DETAILS
    async with db.reading() as session:
        assert await history.detail(session, 1, 29) == Detail(1, 29, "failure 29", '{"exchanges": []}')
        assert await history.detail(session, 1, 0) is None


async def test_of_good_details_the_newest_is_kept_and_pushes_out_no_failure(database: Path):
    async with db.transaction() as session:
        failures = [Detail(1, number, f"failure {number}", "{}") for number in range(history.KEPT_DETAILS)]
        good = [Detail(1, 100 + number, "", "{}", good=True) for number in range(30)]
        await history.record(session, [], failures + good)
    assert await rows_of(CheckDetail) == history.KEPT_DETAILS + 1
    async with db.reading() as session:
        assert await history.newest_detail(session, 1, 0) == good[-1]
        assert await history.newest_detail(session, 1, 130) is None
        assert await history.newest_detail(session, 2, 0) is None


async def test_details_are_forgotten_with_their_results(database: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "_DELETED", 20)
    async with db.transaction() as session:
        await history.record(session, [], [Detail(monitor_id, HOUR * HOUR_MS + monitor_id, "", "{}") for monitor_id in range(12)])
        await history.record(session, [], [Detail(1, (HOUR + 1) * HOUR_MS, "", "{}")])
    await drain(history.forget(HOUR + 3, Retention(chunk_hours=2, hour_hours=1, day_days=1)))
    assert await rows_of(CheckDetail) == 1


async def test_a_detail_that_is_too_large_is_left_out(database: Path):
    noise = random.Random(1).randbytes(400_000).hex()
    async with db.transaction() as session:
        await history.record(session, [], [Detail(1, 1, "it failed", noise)])
    async with db.reading() as session:
        assert await history.detail(session, 1, 1) == Detail(1, 1, "it failed", "{}")

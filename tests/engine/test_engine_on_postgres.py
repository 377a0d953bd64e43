"""The engine's store on PostgreSQL: the same code, where rows are locked and two may write at once."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from app import db
from app.core.incident import Outcome, Standing, State, Step
from app.core.results import HOUR_MS, Cause, Result
from app.models import (
    CheckChunk,
    CheckDay,
    CheckDetail,
    CheckHour,
    CheckLog,
    EngineGap,
    EngineState,
    HeartbeatCall,
    Incident,
    Monitor,
    Notice,
)
from app.models import now as clock
from app.services import board, board_history, engine_state, heartbeat_calls, heartbeats, history, settling, summaries
from app.services.access import Actor, Role
from app.services.heard import Heard, Said
from app.services.history import KEPT_DETAILS, Detail, Recorded, Retention
from app.services.settling import Settled, settle
from app.settings import _settings
from tests.conftest import add_actor
from tests.engine.watching import START_S, Times, add, engine, minute, rows, target

HOUR = int(START_S * 1000) // HOUR_MS // 24 * 24
ADDRESS = "http://127.0.0.1:9/"


@pytest_asyncio.fixture
async def alice(migrated_postgres: str, configure: pytest.MonkeyPatch, tmp_path: Path) -> Actor:
    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _settings.cache_clear()
    return await add_actor("Alice", Role.OWNER)


def down(monitor: Monitor, due_ms: int) -> Settled:
    result = Result(due_ms, Outcome.DOWN, Cause.TIMEOUT)
    return Settled(monitor.id or 0, monitor.workspace_id, result, State(Standing.DOWN), True, Step.OPEN, "Silent.", "{}", remembered="abc")


async def test_what_two_deliver_at_once_counts_once(alice: Actor):
    monitors = [await add(alice.workspace_id, ADDRESS, f"{number}") for number in range(40)]
    batch = [down(monitor, HOUR * HOUR_MS) for monitor in monitors]
    await asyncio.gather(*(settle(some, claimed_ms=5, alive_ms=9) for some in (batch, list(reversed(batch)), batch[::2], batch[1::2])))
    assert [len(await rows(table)) for table in (CheckLog, CheckDetail, Incident, Notice, EngineState)] == [40, 40, 40, 40, 1]
    assert {(monitor.standing, monitor.remembered) for monitor in await rows(Monitor)} == {("down", "abc")}
    # Whoever pauses while something is decided comes before or after it, and leaves no incident open.
    ids = [monitor.id or 0 for monitor in monitors]
    again = [replace(entry, result=replace(entry.result, due_ms=entry.result.due_ms + 60_000)) for entry in batch]

    async def pause() -> None:
        async with db.transaction() as session:
            for monitor in reversed(monitors):
                (await session.get_one(Monitor, monitor.id)).paused_at = clock()
            await session.flush()
            await settling.close_open(session, ids, "paused", clock())

    _, gone = await asyncio.gather(pause(), settle(again))
    assert not gone or gone == set(ids)
    assert {incident.closed_by for incident in await rows(Incident)} == {"paused"}
    assert {monitor.standing for monitor in await rows(Monitor)} == {"pending"}


async def test_whatever_a_target_sent_can_be_stored(alice: Actor):
    monitor = await add(alice.workspace_id, ADDRESS)
    await settle([replace(down(monitor, HOUR * HOUR_MS), text="It says \0 and \ud800.", detail='{"a": "\\u0000"}', remembered="\0")])
    for row in (*await rows(Incident), *await rows(CheckDetail)):
        assert row.text == "It says \ufffd and ?."
    assert (await rows(Monitor))[0].remembered == "\ufffd"


async def test_hours_are_sealed_added_up_and_forgotten(alice: Actor):
    monitor = await add(alice.workspace_id, ADDRESS)
    assert monitor.id is not None
    made = [Recorded(monitor.id, Result(HOUR * HOUR_MS + place * 60_000, Outcome.UP, Cause.NONE, 200)) for place in range(180)]
    async with db.transaction() as session:
        details = [Detail(monitor.id, one.result.due_ms, "Silent.", "{}") for one in made[: KEPT_DETAILS + 5]]
        await history.record(session, made, details)
        await history.record(session, made, details)
    assert len(await rows(CheckDetail)) == KEPT_DETAILS
    for hour in (HOUR, HOUR + 1):
        for _ in range(2):
            assert [step async for step in history.seal(hour)]
        await engine_state.sealed(hour)
    assert [len(await rows(table)) for table in (CheckLog, CheckChunk, CheckHour)] == [60, 2, 2]
    async for _ in history.roll_day(HOUR // 24):
        pass
    async for _ in summaries.refresh([monitor.id], HOUR + 1):
        pass
    async for _ in board_history.fill([monitor.id], (HOUR + 3) * HOUR_MS):
        pass
    assert board.cell(monitor.id).last_s == made[-1].result.due_ms // 1000
    async with db.reading() as session:
        assert len(await history.results_between(session, monitor.id, HOUR * HOUR_MS, (HOUR + 3) * HOUR_MS)) == 180
    assert [day.up for day in await rows(CheckDay)] == [120]
    async for _ in history.forget(HOUR + 100, Retention(chunk_hours=99, hour_hours=98)):
        pass
    assert [len(await rows(table)) for table in (CheckChunk, CheckHour)] == [1, 0]
    assert await engine_state.database_bytes() > 100_000


async def test_calls_that_come_at_once_from_two_processes_are_all_kept(alice: Actor):
    monitors = [await add(alice.workspace_id, ADDRESS, f"{number}", kind="heartbeat", configuration="{}") for number in range(5)]
    async with db.transaction() as session:
        keys = [await heartbeats.make(session, monitor.id or 0) for monitor in monitors]

    def batch(order: list[str]) -> list[Heard]:
        return [Heard(key, Said.SUCCESS, 0, "", 1_000 + place) for place, key in enumerate(order)]

    written = await asyncio.gather(*(heartbeat_calls._write(batch(order)) for order in (keys, keys[::-1], keys, keys[::-1])))
    assert all(set(known) == set(keys) for known in written)
    assert len(await rows(HeartbeatCall)) == 20
    await asyncio.gather(*(heartbeat_calls.receive(keys[0], Said.FAIL, 3, "No\0thing") for _ in range(heartbeats.KEPT + 10)))
    async with db.reading() as session:
        found = await heartbeats.calls(session, monitors[0].id or 0, 1000)
    assert (len(found), found[0].exit_code, found[0].text) == (heartbeats.KEPT, 3, "No\ufffdthing")


async def test_the_engine_runs_on_it(alice: Actor):
    times = Times()
    async with target() as shop:
        monitor = await add(alice.workspace_id, shop.url)
        async with engine(times) as made:
            for status in (200, 500, 200):
                shop.status = status
                await minute(made, times)
        times.go(600)
        async with engine(times) as made:
            await made.reconcile()
            await made._housekeeper.look()
            assert board.cell(monitor.id or 0).bars == "uxu"
    assert [notice.step for notice in await rows(Notice)] == ["open", "close"]
    assert len(await rows(EngineGap)) == 1

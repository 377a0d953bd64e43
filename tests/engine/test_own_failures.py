"""What is slow or broken on one side is not blamed on another: a host that hangs, a database that refuses."""

import asyncio
import json

import pytest
import pytest_asyncio
from sqlalchemy.exc import OperationalError

from app import db
from app.engine.engine import Engine
from app.models import Heartbeat, Incident
from app.net import AddressPolicy, Net
from app.services import heard, heartbeat_calls, heartbeats
from app.services.heartbeat_calls import Said
from tests.conftest import Cast
from tests.engine.watching import Target, Times, add, engine, minute, rows, target

PER_HOST = 5


@pytest_asyncio.fixture
async def workspace(cast: Cast) -> int:
    return cast.alice.workspace_id


async def test_one_slow_host_delays_nobody_else(workspace: int):
    times = Times()
    async with target() as slow, target() as shop, Net(AddressPolicy("private"), user_agent="test", max_per_host=PER_HOST) as net:
        slow.hangs = asyncio.Event()
        for number in range(40):
            await add(workspace, slow.url.replace("127.0.0.1", "localhost"), f"Slow {number}", timeout_ms=20_000)
        for number in range(10):
            await add(workspace, shop.url, f"{number}")
        made = Engine(net, net, clock=times.clock)
        await made.begin()
        for round_ in (1, 2, 3):
            times.go(60 - times.wall_s % 60)
            made.meter.run_on()
            await made.tick()
            await asked(shop, 10 * round_)
            await asyncio.sleep(0.05)  # their answers are taken in
            assert made.report().running == 40
        assert slow.asked == PER_HOST  # the rest waits for its turn, and not in anybody's way
        slow.hangs.set()
        await made.idle()
        assert slow.asked == 40
        await made.close()


async def asked(shop: Target, count: int) -> None:
    while shop.asked < count:  # noqa: ASYNC110  nothing tells
        await asyncio.sleep(0.005)


async def add_heartbeat(workspace: int, since_ms: int) -> str:
    monitor = await add(workspace, "", "Backup", kind="heartbeat", configuration=json.dumps({"period_s": 600, "grace_s": 60}))
    async with db.transaction() as session:
        key = await heartbeats.make(session, monitor.id or 0)
        await session.flush()
        (await session.get_one(Heartbeat, monitor.id)).since_ms = since_ms
    return key


async def refuse(*_: object, **__: object) -> frozenset[int]:
    raise OperationalError("INSERT", {}, Exception("database is locked"))


async def test_a_call_that_our_database_refused_is_not_missed(workspace: int, monkeypatch: pytest.MonkeyPatch):
    times = Times()
    key = await add_heartbeat(workspace, times.ms)
    monkeypatch.setattr(heartbeat_calls, "_refused", [])
    monkeypatch.setattr(heartbeat_calls.time, "time_ns", lambda: times.ms * 1_000_000)
    async with engine(times) as made:
        await heartbeat_calls.receive(key, Said.SUCCESS)
        await minute(made, times, 10)
        with monkeypatch.context() as broken:
            broken.setattr(heartbeat_calls, "_write", refuse)
            for _ in range(2):
                with pytest.raises(OperationalError):
                    await heartbeat_calls.receive(key, Said.SUCCESS)
                times.go(20)
        await minute(made, times, 5)  # the call that was refused is overdue by now
        assert not await rows(Incident)
        await made.note_deafness()
        assert heartbeat_calls.refused() == []
    async with engine(times) as made:  # and not after a restart, either
        await minute(made, times, 2)
        assert not await rows(Incident)
        await minute(made, times, 12)
        assert len(await rows(Incident)) == 1  # the next one was really missed


async def test_a_call_that_was_refused_long_before_it_was_due_counts_from_when_it_came(workspace: int, monkeypatch: pytest.MonkeyPatch):
    times = Times()
    key = await add_heartbeat(workspace, times.ms)
    monkeypatch.setattr(heartbeat_calls, "_refused", [])
    monkeypatch.setattr(heartbeat_calls.time, "time_ns", lambda: times.ms * 1_000_000)
    async with engine(times) as made:
        await heartbeat_calls.receive(key, Said.SUCCESS)
        await minute(made, times, 4)  # the next is expected after ten minutes, and may be a minute late
        with monkeypatch.context() as broken:
            broken.setattr(heartbeat_calls, "_write", refuse)
            with pytest.raises(OperationalError):
                await heartbeat_calls.receive(key, Said.SUCCESS)
            await minute(made, times, 10)  # as long as the database refuses calls
            assert not await rows(Incident)
        await made.note_deafness()
        assert heard.late() == []
        await minute(made, times)
        assert not await rows(Incident)
        await minute(made, times)
        assert len(await rows(Incident)) == 1  # more than eleven minutes after the call that was refused
    (row,) = await rows(Heartbeat)
    assert row.succeeded_ms is not None
    assert (await rows(Incident))[0].opened_at.timestamp() * 1000 > row.succeeded_ms + 660_000

"""The engine of monitors: what is due is checked once, what it leads to is stored once, and nobody is blamed for what is our fault."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy.exc import OperationalError
from sqlmodel import col, update

from app import db
from app.core.results import HOUR_MS, Cause
from app.engine import recorder
from app.engine.engine import Engine
from app.engine.tasks import Batches, Ticket
from app.models import (
    CheckChunk,
    CheckDetail,
    CheckLog,
    EngineGap,
    EngineState,
    Incident,
    MaintenanceWindow,
    Monitor,
    MonitorSummary,
    Notice,
)
from app.models import now as clock
from app.net import AddressPolicy, Net
from app.services import board, board_history, engine_orders, heartbeat_calls, heartbeats, history, settling
from app.services.heartbeat_calls import Said
from tests.conftest import Cast
from tests.engine.watching import MINUTE_MS, START_S, Times, add, engine, minute, rows, target


@pytest_asyncio.fixture
async def workspace(cast: Cast) -> int:
    return cast.alice.workspace_id


async def outcomes(monitor: Monitor, start_s: float = START_S) -> str:
    """Return what was recorded of a monitor within a day, oldest first, a letter each."""
    span_ms = int(start_s - 3600) * 1000, int(start_s + 86_400) * 1000
    async with db.reading() as session:
        found = await history.results_between(session, monitor.id or 0, *span_ms)
    return "".join({"up": "u", "down": "x", "unknown": "q", "unreachable": "r", "degraded": "d"}[one.outcome] for one in found)


async def test_an_incident_opens_and_closes_with_its_results_and_each_is_told_once(workspace: int):
    times = Times()
    async with target() as shop:
        monitor = await add(workspace, shop.url, down=2, down_of=2)
        async with engine(times) as made:
            for status in (200, 500, 500, 500, 200, 200):
                shop.status = status
                await minute(made, times)
            assert board.cell(monitor.id or 0).bars == "uxxxuu"
            assert board.cell(monitor.id or 0).status == "up"
            assert (latest := board.latest(monitor.id or 0))
            assert not latest.findings[0].problem
    assert await outcomes(monitor) == "uxxxuu"
    (incident,) = await rows(Incident)
    assert (incident.cause, incident.closed_by) == (Cause.ASSERTION, "check")
    assert (incident.closed_at - incident.opened_at).total_seconds() == 120
    assert [notice.step for notice in await rows(Notice)] == ["open", "close"]
    assert "500" in (await rows(CheckDetail))[0].text


async def test_what_somebody_asked_for_is_stored_soon_and_what_calls_or_the_schedule_lead_to_with_the_others(
    workspace: int, monkeypatch: pytest.MonkeyPatch
):
    times, add_to, within = Times(), recorder.Recorder.add, list[float]()

    def noted(self: recorder.Recorder, entry: settling.Settled, within_s: float = recorder.EVERY_S) -> None:
        within.append(within_s)
        add_to(self, entry, within_s)

    monkeypatch.setattr(recorder.Recorder, "add", noted)
    async with target() as shop:
        page = await add(workspace, shop.url)
        job = await add(workspace, "", "Job", kind="heartbeat", configuration=json.dumps({"period_s": 600, "grace_s": 60}))
        async with db.transaction() as session:
            key = await heartbeats.make(session, job.id or 0)
        async with engine(times) as made:
            await heartbeat_calls.receive(key, Said.SUCCESS, at_ms=times.ms)
            await minute(made, times, 2)
            assert within[-2:] == [recorder.EVERY_S] * 2
            for monitor, expected in ((page, recorder.TURNED_S), (job, recorder.EVERY_S)):
                times.go(7)
                made.check_soon(monitor.id or 0)
                await made.tick()
                await made.idle()
                assert within[-1] == expected
    assert len(within) == 6


async def test_runs_are_spread_and_each_runs_once_an_interval(workspace: int):
    times = Times()
    async with target() as shop:
        for number in range(6):
            await add(workspace, shop.url, f"{number}", phase_ms=number * 10_000, standing="up")
        async with engine(times) as made:
            sent = []
            for _ in range(12):
                times.go(10)
                made.meter.run_on()
                sent.append(await made.tick())
                await made.idle()
            assert sent == [1] * 12


async def test_what_was_never_checked_is_checked_soon_and_what_was_waits_for_its_turn(workspace: int):
    times = Times()
    far = {"interval_ms": 86_400_000, "phase_ms": (times.ms - 60_000) % 86_400_000}
    async with target() as shop:
        known = await add(workspace, shop.url, "Known", standing="up", standing_since=clock(), **far)
        mute = await add(workspace, shop.url, "Unknown", unknown_since=clock(), **far)
        fresh = [await add(workspace, shop.url, f"{number}", **far) for number in range(5)]
        async with engine(times) as made:
            sent = []
            for _ in range(7):
                sent.append(await made.tick())
                await made.idle()
                times.go(1)
                made.meter.run_on()
            assert sent == [1, 1, 1, 1, 1, 0, 0]
            await made.recorder.flush()
            assert [await outcomes(monitor) for monitor in fresh] == ["u"] * 5
            assert [await outcomes(monitor) for monitor in (known, mute)] == ["", ""]
            # Who is paused begins anew, also when the engine heard of neither in between.
            async with db.transaction() as session:
                await settling.close_open(session, [known.id or 0], "paused", clock())
            await made._reload(ids=[known.id or 0])
            assert await made.tick() == 1
            await made.idle()
            await made._reload(ids=[known.id or 0])
            assert await made.tick() == 0


async def test_a_clock_that_jumps_leaves_first_checks_as_far_ahead_as_they_were(workspace: int):
    times = Times()
    far = {"interval_ms": 86_400_000, "phase_ms": (times.ms - 7_200_000) % 86_400_000}
    async with target() as shop:
        for number in range(5):
            await add(workspace, shop.url, f"{number}", **far)
        async with engine(times) as made:
            assert await made.tick() == 1
            for jump_s in (-3600, 3600):
                times.wall_s += jump_s
                assert await made.tick() == 0
                times.go(1)
                made.meter.run_on()
                assert await made.tick() == 1
            await made.idle()


async def test_many_that_were_never_checked_are_spread_and_each_runs_once_within_its_interval_and_five_seconds(workspace: int):
    times = Times()
    intervals_s = (20, 60, 3600, 86_400)
    async with target() as shop:
        monitors = [
            Monitor(
                workspace_id=workspace, name=f"{number}", kind="page", configuration=json.dumps({"ask": {"url": shop.url}}),
                interval_ms=intervals_s[number % 4] * 1000, phase_ms=number * 7_919_111 % (intervals_s[number % 4] * 1000),
            )
            for number in range(2000)
        ]  # fmt: skip
        async with db.transaction() as session:
            session.add_all(monitors)
        async with engine(times) as made:
            begun: dict[int, float] = {}
            most = 0

            async def only_noted(batch: Sequence[Ticket]) -> None:
                nonlocal most
                for monitor_id, _, _ in batch:
                    begun.setdefault(monitor_id, times.wall_s - START_S)
                    made._running.pop(monitor_id)

            made._batches = Batches(only_noted)
            for _ in range(66):
                most = max(most, await made.tick())
                await made._batches.idle()
                times.go(1)
                made.meter.run_on()
            assert len(begun) == 2000
            assert all(begun[monitor.id or 0] <= min(monitor.interval_ms, 60_000) / 1000 + 5 for monitor in monitors)
            assert most < 100
            await made._batches.close()


async def test_a_check_never_overlaps_itself_and_what_is_left_out_is_counted(workspace: int):
    times = Times()
    async with target() as shop:
        shop.hangs = asyncio.Event()
        monitor = await add(workspace, shop.url, interval_ms=MINUTE_MS)
        async with engine(times) as made:
            for _ in range(3):
                times.go(60 - times.wall_s % 60)
                made.meter.run_on()
                await made.tick()
                await until(lambda: shop.asked > 0)
            shop.hangs.set()
            await made.idle()
            await made.recorder.flush()
            assert shop.asked == 1
            assert made.stats.late_share(times.ms) == pytest.approx(2 / 3)
    assert await outcomes(monitor) == "u"


async def test_of_several_attempts_only_the_last_counts(workspace: int):
    times = Times()
    async with target() as shop:
        shop.statuses = [500, 500, 200, 500, 500, 500]
        monitor = await add(workspace, shop.url, retries=2, retry_interval_ms=0, timeout_ms=1000)
        async with engine(times) as made:
            await minute(made, times, 2)
    assert await outcomes(monitor) == "ux"
    assert shop.asked == 6


async def test_no_attempt_begins_that_could_last_until_the_next_check(workspace: int):
    times = Times()
    async with target() as shop:
        shop.status = 500
        await add(workspace, shop.url, retries=5, retry_interval_ms=0, timeout_ms=60_000)
        async with engine(times) as made:
            await minute(made, times)
    assert shop.asked == 1


async def test_what_must_not_answer_is_down_when_it_does(workspace: int):
    times = Times()
    async with target() as shop:
        monitor = await add(workspace, shop.url, upside_down=True)
        async with engine(times) as made:
            await minute(made, times)
            shop.status = 500
            await minute(made, times)
    assert await outcomes(monitor) == "xu"
    assert (await rows(Incident))[0].text == "It answers, and it must not."


async def test_before_a_child_alarms_its_parent_is_looked_at(workspace: int):
    times = Times()
    async with target() as shop:
        parent = await add(workspace, shop.url, "Router", phase_ms=30_000, down=3, down_of=3, standing="up")
        child = await add(workspace, shop.url, "Shop", parent_id=parent.id)
        async with engine(times) as made:
            await minute(made, times)
            shop.status = 500
            times.go(0.5)
            await minute(made, times)
            assert board.cell(child.id or 0).status == "unreachable"
            assert await outcomes(child) == "ur"
            assert await outcomes(parent) == "x"  # recorded like any, although it was not due
            assert not await rows(Incident)
            shop.status = 200
            await minute(made, times)
            assert board.cell(child.id or 0).status == "up"


async def test_a_child_that_fails_alone_alarms(workspace: int):
    times = Times()
    async with target() as shop, target() as router:
        parent = await add(workspace, router.url, "Router", phase_ms=30_000)
        child = await add(workspace, shop.url, "Shop", parent_id=parent.id)
        shop.status = 500
        async with engine(times) as made:
            await minute(made, times)
    assert [incident.monitor_id for incident in await rows(Incident)] == [child.id]


async def test_results_in_a_maintenance_window_are_kept_and_do_not_count(workspace: int):
    times = Times()
    async with target() as shop:
        monitor = await add(workspace, shop.url)
        begins = datetime.fromtimestamp(times.wall_s, UTC)
        async with db.transaction() as session:
            session.add(
                MaintenanceWindow(
                    workspace_id=workspace, name="w", starts_at=begins, ends_at=clock() + timedelta(days=3650),
                    targets=json.dumps({"monitors": [monitor.public_id]}),
                )
            )  # fmt: skip
        shop.status = 500
        async with engine(times) as made:
            await minute(made, times, 2)
            assert board.cell(monitor.id or 0).bars == "mm"
    assert (await outcomes(monitor), await rows(Incident)) == ("xx", [])


async def test_nothing_follows_for_a_monitor_that_is_paused_while_it_is_checked(workspace: int):
    times = Times()
    async with target() as shop:
        shop.status = 500
        monitor = await add(workspace, shop.url)
        async with engine(times) as made:
            times.go(60)
            made.meter.run_on()
            await made.tick()
            await made.idle()
            async with db.transaction() as session:  # before it is stored
                await session.exec(update(Monitor).where(col(Monitor.id) == monitor.id).values(paused_at=clock(), changed_at=clock()))
                await settling.close_open(session, [monitor.id or 0], "paused", clock())
            await made.recorder.flush()
            assert made.report().monitors == 0
    assert not await rows(Incident)
    assert (await rows(Monitor))[0].standing == "pending"


@pytest.mark.parametrize("resumed", [False, True])
async def test_a_check_that_began_before_a_change_says_nothing_about_what_stands_now(workspace: int, resumed: bool):
    times = Times()
    async with target() as shop, target() as other:
        shop.hangs, shop.status = asyncio.Event(), 500
        monitor = await add(workspace, shop.url, interval_ms=86_400_000, phase_ms=(times.ms - 3_600_000) % 86_400_000)
        async with engine(times) as made:
            await made.tick()
            await until(lambda: shop.asked > 0)
            changed = {"configuration": json.dumps({"ask": {"url": other.url}})}
            if resumed:
                async with db.transaction() as session:
                    await session.exec(update(Monitor).values(paused_at=clock()))
                await made._reload(ids=[monitor.id or 0])
                changed = {"paused_at": None}
            async with db.transaction() as session:
                await session.exec(update(Monitor).values(**changed))
            await made._reload(ids=[monitor.id or 0])
            shop.hangs.set()
            shop.status = 200 if resumed else 500
            await made.idle()
            assert await made.tick() == 1  # at once, not a day later
            await made.idle()
            await made.recorder.flush()
            assert (shop.asked, other.asked) == ((2, 0) if resumed else (1, 1))
    assert await outcomes(monitor) == "u"
    assert not await rows(Incident)


async def test_heartbeats_that_the_database_refused_are_not_missed(workspace: int, monkeypatch: pytest.MonkeyPatch):
    times = Times(wall_s=time.time())
    rhythm = {"period_s": 60, "grace_s": 60}
    monitor = await add(workspace, "", "Job", kind="heartbeat", configuration=json.dumps(rhythm), interval_ms=60_000)
    async with db.transaction() as session:
        key = await heartbeats.make(session, monitor.id or 0)
    await heartbeat_calls.receive(key, Said.SUCCESS)
    async with engine(times) as made:
        await minute(made, times)
        real = settling.settle

        async def refuse(*_: object, **__: object) -> frozenset[int]:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))

        monkeypatch.setattr(settling, "settle", refuse)
        await minute(made, times, 5)
        monkeypatch.setattr(settling, "settle", real)
        await made.recorder.flush()
        assert board.cell(monitor.id or 0).bars == "uuuuuu"
        (gap,) = await rows(EngineGap)
        assert gap.ended_ms == times.ms
        await minute(made, times, 3)
        assert board.cell(monitor.id or 0).bars.endswith("x")  # the next ones could have come
    assert len(await rows(Incident)) == 1


async def test_what_was_reset_by_pausing_begins_anew_when_it_is_resumed(workspace: int):
    times = Times()
    async with target() as shop:
        shop.status = 500
        monitor = await add(workspace, shop.url)
        async with engine(times) as made:
            await minute(made, times)
            async with db.transaction() as session:
                await settling.close_open(session, [monitor.id or 0], "paused", clock())
            await made._reload(ids=[monitor.id or 0])  # paused and resumed before anybody looked
            await minute(made, times)
    assert [incident.closed_by for incident in await rows(Incident)] == ["paused", ""]


async def test_while_the_database_refuses_nothing_is_lost_nor_announced(workspace: int, monkeypatch: pytest.MonkeyPatch):
    times = Times()
    real = settling.settle

    async def refuse(*_: object, **__: object) -> frozenset[int]:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    async with target() as shop:
        monitor = await add(workspace, shop.url)
        async with engine(times) as made:
            await minute(made, times)
            monkeypatch.setattr(settling, "settle", refuse)
            for status in (500, 200, 500):
                shop.status = status
                await minute(made, times)
            assert made.report().waiting == 3
            assert made.report().failing_since_ms is not None
            assert board.cell(monitor.id or 0).status == "up"
            assert board.cell(monitor.id or 0).bars == "uxux"
            monkeypatch.setattr(settling, "settle", real)
            await made.recorder.flush()
            assert board.cell(monitor.id or 0).status == "down"
    assert await outcomes(monitor) == "uxux"
    assert [notice.step for notice in await rows(Notice)] == ["open", "close", "open"]


async def test_what_waits_for_the_database_is_bounded_and_decisions_stay(workspace: int, monkeypatch: pytest.MonkeyPatch):
    times = Times()
    monkeypatch.setattr(recorder, "MAX_KEPT", 6)
    real = settling.settle

    async def refuse(*_: object, **__: object) -> frozenset[int]:
        raise OSError("no space left")

    async with target() as shop:
        monitor = await add(workspace, shop.url)
        async with engine(times) as made:
            await minute(made, times)
            monkeypatch.setattr(settling, "settle", refuse)
            shop.statuses = [500, 200]
            await minute(made, times, 20)
            assert made.recorder.waiting <= 7
            monkeypatch.setattr(settling, "settle", real)
            await made.recorder.flush()
    assert [notice.step for notice in await rows(Notice)] == ["open", "close"]
    assert await outcomes(monitor)


async def test_over_a_sleep_nothing_is_down_nothing_comes_at_once_and_the_gap_is_known(workspace: int):
    times = Times()
    async with target() as shop:
        for number in range(10):
            await add(workspace, shop.url, f"{number}", phase_ms=number * 6_000, standing="up")
        rarely = {"interval_ms": 86_400_000, "phase_ms": (times.ms + 3_600_000) % 86_400_000}
        daily = await add(workspace, shop.url, "Daily", standing="up", **rarely)
        async with engine(times) as made:
            times.wall_s += 7200  # the machine slept for two hours: the monotonic clock stood still
            assert await made.tick() == 0
            (gap,) = await rows(EngineGap)
            assert gap.ended_ms - gap.started_ms == 7_200_000
            assert made._deaf()[-1][1] == datetime.fromtimestamp(times.wall_s, UTC)
            sent = []
            for _ in range(10):
                times.go(6.2)
                made.meter.run_on()
                sent.append(await made.tick())
                await made.idle()
            await made.recorder.flush()
            assert max(sent) <= 3
    assert await outcomes(daily) == "u"  # what comes rarely is made up for
    assert not await rows(Incident)


async def test_a_failure_over_a_sleep_is_unknown(workspace: int):
    times = Times()
    async with target() as shop:
        shop.hangs = asyncio.Event()
        monitor = await add(workspace, shop.url, timeout_ms=300)
        async with engine(times) as made:
            times.go(60)
            made.meter.run_on()
            await made.tick()
            await asyncio.sleep(0.05)
            times.wall_s += 600
            await made.idle()
            await made.recorder.flush()
            assert board.cell(monitor.id or 0).status == "unknown"
    assert await outcomes(monitor) == "q"


async def test_a_timeout_while_we_were_too_busy_is_unknown(workspace: int):
    times = Times()
    async with target() as shop:
        shop.hangs = asyncio.Event()
        monitor = await add(workspace, shop.url, timeout_ms=300)
        async with engine(times) as made:
            times.go(60)
            made.meter.run_on()
            await made.tick()
            await asyncio.sleep(0.05)
            times.go(2)  # nobody came round for two seconds
            await made.idle()
            await made.recorder.flush()
    assert await outcomes(monitor) == "q"


async def test_after_a_restart_the_gap_is_known_and_votes_go_on(workspace: int):
    times = Times()
    async with target() as shop:
        monitor = await add(workspace, shop.url, down=2, down_of=2)
        shop.status = 500
        async with engine(times) as made:
            await minute(made, times)
        times.go(3600)
        async with engine(times) as made:
            (gap,) = await rows(EngineGap)
            assert gap.ended_ms == times.ms
            assert not await rows(Incident)
            await minute(made, times)
            async for _ in board_history.fill([monitor.id or 0], gap.ended_ms):
                pass
            assert board.cell(monitor.id or 0).bars == "xx"
    assert len(await rows(Incident)) == 1


async def test_hours_that_are_over_are_sealed_once_nothing_of_them_can_come(workspace: int):
    times = Times()
    async with target() as shop:
        monitor = await add(workspace, shop.url, interval_ms=600_000)
        async with engine(times) as made:
            for _ in range(9):
                await minute(made, times, 10)
                await made._housekeeper.look()
            hours = {row.due_ms // HOUR_MS for row in await rows(CheckLog)}
            assert hours == {times.ms // HOUR_MS}
            assert len(await rows(CheckChunk)) == 1
    (summary,) = await rows(MonitorSummary)
    assert (summary.monitor_id, summary.p95_ms is not None) == (monitor.id, True)
    assert (await rows(EngineState))[0].sealed_hour == times.ms // HOUR_MS - 1
    assert await outcomes(monitor) == "u" * len(await outcomes(monitor))


async def test_it_runs_by_itself_obeys_and_ends(workspace: int):
    async with target() as shop:
        first = await add(workspace, shop.url, "First", interval_ms=86_400_000)
        async with engine(Times()) as idle:  # its own clock stands still
            assert idle.report().monitors == 1
        async with engine_on_real_time() as (made, works):
            await engine_orders.check_now(first.id or 0)
            await until(lambda: bool(board.cell(first.id or 0).bars))
            second = await add(workspace, shop.url, "Second", interval_ms=1000)
            await engine_orders.changed([second.id or 0])
            await until(lambda: len(board.cell(second.id or 0).bars) > 1)
            assert made.report().monitors == 2
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
    assert await outcomes(first, time.time()) == "u"
    assert await outcomes(second, time.time())


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  nothing tells: it is a counter of the target, or the board
        await asyncio.sleep(0.01)


@asynccontextmanager
async def engine_on_real_time() -> AsyncIterator[tuple[Engine, Sequence[asyncio.Future[None]]]]:
    async with Net(AddressPolicy("private"), user_agent="test") as net, asyncio.timeout(30):
        made = Engine(net, net)
        works = [asyncio.ensure_future(work()) for work in made.works().values()]
        yield made, works
        await made.close()

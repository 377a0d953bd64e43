"""What is told of one monitor's checks: sealed hours and what is not sealed yet, as one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from app import db
from app.core import kept_detail
from app.core.assertions import Assertion, Finding, Operator, Subject
from app.core.cell import Cell
from app.core.checked import Checked
from app.core.exchange import Timing
from app.core.incident import Outcome
from app.core.results import HOUR_MS, Cause, Result
from app.models import EngineState, Incident, Monitor, now
from app.services import board, history, monitor_history, monitor_results, monitors
from app.services.errors import Invalid, NotFound
from app.services.history import Detail, Recorded
from app.services.monitors import Draft
from tests.conftest import Cast

LATENCY = {"subject": "latency", "operator": "below", "value": "800"}
PAGE = Draft("Shop", "page", {"ask": {"url": "https://shop.example/", "assertions": [LATENCY]}})


async def watched(cast: Cast, **fields: Any) -> Monitor:
    """Return a monitor that was made two days ago."""
    made = await monitors.create(cast.bob, replace(PAGE, **fields))
    async with db.transaction() as session:
        this = col(Monitor.public_id) == made.id
        await session.exec(update(Monitor).where(this).values(created_at=now() - timedelta(days=2)))
        return (await session.exec(select(Monitor).where(this))).one()


async def filled(monitor: Monitor, hours: int, at_ms: int) -> list[int]:
    """Record all checks of the last hours, seal those that are over, and return when they were due. Each tenth is down."""
    assert monitor.id is not None
    start = (at_ms // HOUR_MS - hours) * HOUR_MS
    first = start + (monitor.phase_ms - start) % monitor.interval_ms
    dues = list(range(first, at_ms, monitor.interval_ms))
    found = [
        Result(due_ms, Outcome.DOWN, Cause.TIMEOUT)
        if number % 10 == 9
        else Result(due_ms, Outcome.UP, code=200, timing=Timing(1, 3, 8, 90, 100 + number % 5))
        for number, due_ms in enumerate(dues)
    ]
    async with db.transaction() as session:
        await history.record(session, [Recorded(monitor.id, one) for one in found])
        session.add(EngineState(region=0, sealed_hour=at_ms // HOUR_MS - 1))
    for hour in range(at_ms // HOUR_MS - hours, at_ms // HOUR_MS):
        async for _ in history.seal(hour):
            pass
    return dues


@pytest.mark.parametrize(("window", "bucket_s"), [("1h", 60), ("6h", 300), ("24h", 900), ("7d", 7200), ("30d", 86_400)])
async def test_a_window_holds_every_check_once_sealed_or_not(cast: Cast, window: Any, bucket_s: int):
    monitor = await watched(cast, interval_s=300)
    at_ms = monitor_history.to_ms(now())
    dues = await filled(monitor, 8, at_ms)
    read = await monitor_history.latency(cast.alice, monitor.public_id, window)
    length_s = {"1h": 3600, "6h": 21_600}.get(window, 10**6)
    least = sum(due_ms > at_ms - length_s * 1000 for due_ms in dues)
    assert least <= read.checks <= least + 1  # the first span begins a little before the window does
    assert (read.bucket_s, len(read.points) <= 96) == (max(bucket_s, 300), True)
    assert sum(point.up + point.down for point in read.points) == read.checks
    assert (read.p50, read.p95) == (pytest.approx(102, rel=0.02), pytest.approx(104, rel=0.02))
    assert (read.limit_ms, read.uptime) == (800, 1)  # no incident was opened
    phases = [point for point in read.points if point.dns is not None]
    assert bool(phases) is (window in ("1h", "6h", "24h"))
    if phases:
        assert (phases[0].dns, phases[0].connect, phases[0].tls, phases[0].wait) == (1, 2, 5, 82)


async def test_of_many_monitors_what_was_due_is_found_without_reading_through_the_log(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(monitor_results, "_FEW_FOR_LISTS", 0)
    monkeypatch.setattr(monitor_results, "_FEW_FOR_CHARTS", 0)
    monitor = await watched(cast, interval_s=300)
    dues = await filled(monitor, 2, monitor_history.to_ms(now()))
    assert (await monitor_history.latency(cast.alice, monitor.public_id, "24h")).checks == len(dues)
    assert (await monitor_history.latency(cast.alice, monitor.public_id, "30d")).checks == len(dues)
    assert [row.due_ms for row in (await monitor_history.results(cast.alice, monitor.public_id)).rows] == dues[::-1][:50]


async def test_uptime_is_what_incidents_leave_of_the_time_since_it_was_made(cast: Cast):
    monitor = await watched(cast)
    assert (await monitor_history.latency(cast.alice, monitor.public_id, "30d")).uptime is None
    await filled(monitor, 1, monitor_history.to_ms(now()))
    async with db.transaction() as session:
        at = now() - timedelta(hours=30)
        assert monitor.id is not None
        session.add(
            Incident(
                workspace_id=monitor.workspace_id, monitor_id=monitor.id, severity="down", opened_at=at, closed_at=at + timedelta(hours=12)
            )
        )
    read = await monitor_history.latency(cast.alice, monitor.public_id, "30d")
    assert (read.uptime, read.downtime_s) == (pytest.approx(0.75, abs=0.001), 12 * 3600)
    assert (await monitor_history.latency(cast.alice, monitor.public_id, "1h")).uptime == 1


async def test_results_are_paged_newest_first_over_sealed_hours_and_by_failure(cast: Cast):
    monitor = await watched(cast, interval_s=120)
    dues = await filled(monitor, 4, monitor_history.to_ms(now()))
    seen: list[int] = []
    before = None
    while True:
        page = await monitor_history.results(cast.alice, monitor.public_id, before)
        seen += [row.due_ms for row in page.rows]
        before = page.next_before_ms
        if before is None:
            break
        assert len(page.rows) == 50
    assert seen == dues[::-1]
    failures = await monitor_history.results(cast.alice, monitor.public_id, only_failures=True)
    assert [row.due_ms for row in failures.rows] == dues[9::10][::-1]
    assert {(row.outcome, row.cause) for row in failures.rows} == {("down", "timeout")}


async def test_what_was_checked_beside_the_schedule_is_among_the_results_with_what_stands_behind_it(cast: Cast):
    monitor = await watched(cast)
    assert monitor.id is not None
    due_ms = monitor_history.to_ms(now()) - 1234
    finding = Finding(Assertion(Subject.STATUS, Operator.IS, "200"), False, "503")
    body = kept_detail.write(Checked(Outcome.DOWN, findings=(finding,), facts=(("server", "nginx"),)))
    async with db.transaction() as session:
        result = Result(due_ms, Outcome.DOWN, Cause.ASSERTION, 503)
        await history.record(session, [Recorded(monitor.id, result)], [Detail(monitor.id, due_ms, "It should hold.", body)])
    (row,) = (await monitor_history.results(cast.alice, monitor.public_id)).rows
    assert (row.due_ms, row.text, row.has_detail, row.code) == (due_ms, "It should hold.", True, 503)
    read = await monitor_history.detail(cast.alice, monitor.public_id, due_ms)
    assert (read.findings, read.facts, read.text) == ((finding,), (("server", "nginx"),), "It should hold.")
    with pytest.raises(NotFound):
        await monitor_history.detail(cast.alice, monitor.public_id, due_ms + 1)


async def test_of_many_monitors_each_check_that_was_asked_for_is_known_at_once(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(monitor_results, "_FEW_FOR_LISTS", 0)
    monkeypatch.setattr(monitor_results, "_FEW_FOR_CHARTS", 0)
    monitor = await watched(cast)
    assert monitor.id is not None
    last_ms = monitor_history.to_ms(now()) - 1000
    scheduled_ms = last_ms - (last_ms - monitor.phase_ms) % monitor.interval_ms
    dues = sorted({last_ms - 2001, last_ms - 1001, last_ms, scheduled_ms})
    async with db.transaction() as session:
        session.add(EngineState(region=0, sealed_hour=dues[0] // HOUR_MS - 1))
        await history.record(session, [Recorded(monitor.id, Result(due_ms, Outcome.UP, code=200)) for due_ms in dues])
    for due_ms in dues:
        board.show(monitor.workspace_id, monitor.id, monitor.public_id, Cell("up"), board.Latest(due_ms, due_ms == scheduled_ms))
    listed = await monitor_history.results(cast.alice, monitor.public_id)
    assert [row.due_ms for row in listed.rows] == dues[::-1]
    assert (await monitor_history.latency(cast.alice, monitor.public_id, "1h")).checks == len(dues)


async def test_what_the_newest_check_found_is_known_after_a_restart_as_far_as_it_is_kept(cast: Cast):
    finding = Finding(Assertion(Subject.STATUS, Operator.IS, "200"), False, "503")
    body = kept_detail.write(Checked(Outcome.DOWN, findings=(finding,)))
    rarely, often = await watched(cast, interval_s=900), await watched(cast, interval_s=60)
    due_ms = monitor_history.to_ms(now()) + 1000  # not before they were made, by the millisecond
    async with db.transaction() as session:
        await history.record(session, [], [Detail(monitor.id or 0, due_ms, "", body) for monitor in (rarely, often)])

    async def found(monitor: Monitor) -> int:
        return len(await monitor_history.last_findings(cast.alice, monitor.public_id))

    # Before the board is filled, good checks may have followed where they are not kept.
    assert (await found(rarely), await found(often)) == (1, 0)
    for monitor in (rarely, often):
        board.put(monitor.id or 0, Cell("down", last_s=due_ms // 1000))
    assert (await found(rarely), await found(often)) == (1, 1)
    for monitor in (rarely, often):
        board.put(monitor.id or 0, Cell("up", last_s=due_ms // 1000 + 60))
    assert (await found(rarely), await found(often)) == (0, 0)


async def test_what_is_kept_of_a_monitor_that_had_the_same_row_id_is_not_shown(cast: Cast):
    monitor = await watched(cast, interval_s=3600)
    body = kept_detail.write(Checked(Outcome.UP, findings=(Finding(Assertion(Subject.STATUS, Operator.IS, "200"), True, "200"),)))
    async with db.transaction() as session:
        await history.record(session, [], [Detail(monitor.id or 0, monitor_history.to_ms(monitor.created_at) - 1, "", body, good=True)])
    assert await monitor_history.last_findings(cast.alice, monitor.public_id) == ()


async def test_a_stranger_and_a_wrong_window_get_nothing(cast: Cast):
    monitor = await watched(cast)
    for public_id in (monitor.public_id, "x" * 16, 7, None):
        for call in (monitor_history.latency, monitor_history.results, monitor_history.calls, monitor_history.last_findings):
            with pytest.raises(NotFound, match="There is no such monitor in this workspace"):
                await call(cast.charlie, public_id)  # pyright: ignore[reportArgumentType]
        with pytest.raises(NotFound):
            await monitor_history.detail(cast.charlie, public_id, 1)  # pyright: ignore[reportArgumentType]
    for window in ("2h", [], None):
        with pytest.raises(Invalid):
            await monitor_history.latency(cast.alice, monitor.public_id, window)  # pyright: ignore[reportArgumentType]
    for before in (-1, "x", 10**400, True):
        assert (await monitor_history.results(cast.alice, monitor.public_id, before)).rows == ()  # pyright: ignore[reportArgumentType]
    for due in (-1, "x", 10**400):
        with pytest.raises(NotFound):
            await monitor_history.detail(cast.alice, monitor.public_id, due)  # pyright: ignore[reportArgumentType]

"""What checks lead to: results, standing, incidents and notices are written together or not at all, and once."""

from datetime import UTC, datetime

import pytest
from sqlmodel import func, select

from app import db
from app.core.incident import Decision, Outcome, State, Thresholds, decide
from app.core.results import Cause, Result
from app.models import CheckLog, EngineState, Incident, Monitor, Notice
from app.services import settling
from app.services.settling import Settled, settle
from tests.conftest import Cast

START_MS = 1_795_000_000_000
OF = {".": Outcome.UP, "w": Outcome.DEGRADED, "x": Outcome.DOWN}


async def add_monitor(cast: Cast) -> Monitor:
    monitor = Monitor(workspace_id=cast.alice.workspace_id, name="Shop", kind="page", configuration="{}")
    async with db.transaction() as session:
        session.add(monitor)
    return monitor


def settled(monitor: Monitor, outcomes: str, state: State | None = None) -> list[Settled]:
    """Return what a row of checks, one a minute, leads to."""
    assert monitor.id is not None
    made, state = [], state or State()
    for number, letter in enumerate(outcomes):
        due_ms = START_MS + number * 60_000
        before, decision = state, decide(state, OF[letter], datetime.fromtimestamp(due_ms / 1000, UTC), Thresholds(1, 1, 1, 1))
        assert isinstance(decision, Decision)
        state = decision.state
        bad = letter != "."
        result = Result(due_ms, OF[letter], Cause.TIMEOUT if bad else Cause.NONE, 0 if bad else 200)
        text = "It does not answer." if bad else ""
        made.append(
            Settled(
                monitor.id, monitor.workspace_id, result, state, state != before, decision.step, text, '{"exchanges": []}' if bad else ""
            )
        )
    return made


async def rows(table: type) -> list:
    async with db.reading() as session:
        return list((await session.exec(select(table))).all())


async def test_an_incident_is_written_with_its_result_its_standing_and_its_notice(cast: Cast):
    monitor = await add_monitor(cast)
    await settle(settled(monitor, ".x"))
    (incident,) = await rows(Incident)
    opened_ms = START_MS + 60_000
    assert (incident.monitor_id, incident.severity, incident.cause, incident.text) == (
        monitor.id,
        "down",
        Cause.TIMEOUT,
        "It does not answer.",
    )
    assert incident.opened_at == datetime.fromtimestamp(opened_ms / 1000, UTC)
    assert incident.closed_at is None
    assert [(notice.incident_id, notice.step, notice.due_ms, notice.sent_at) for notice in await rows(Notice)] == [
        (incident.id, "open", opened_ms, None)
    ]
    (kept,) = await rows(Monitor)
    assert (kept.standing, kept.standing_since) == ("down", incident.opened_at)
    assert len(await rows(CheckLog)) == 2


async def test_an_incident_worsens_eases_and_closes_as_one(cast: Cast):
    await settle(settled(await add_monitor(cast), "wxw.x."))
    first, second = await rows(Incident)
    assert (first.severity, first.closed_by, first.closed_at) == ("down", "check", datetime.fromtimestamp(START_MS / 1000 + 180, UTC))
    assert second.closed_at is not None
    assert [notice.step for notice in await rows(Notice)] == ["open", "worsen", "ease", "close", "open", "close"]


async def test_a_batch_that_is_delivered_twice_counts_once(cast: Cast):
    batch = settled(await add_monitor(cast), ".x.")
    await settle(batch, claimed_ms=5)
    await settle(batch, claimed_ms=5)
    counts = [len(await rows(table)) for table in (CheckLog, Incident, Notice, EngineState)]
    assert counts == [3, 1, 2, 1]


async def test_a_failure_while_writing_leaves_nothing_behind(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    batch = settled(await add_monitor(cast), "x")

    async def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(settling, "_step", fail)
    with pytest.raises(OSError, match="disk full"):
        await settle(batch)
    assert [len(await rows(table)) for table in (CheckLog, Incident, Notice)] == [0, 0, 0]
    (monitor,) = await rows(Monitor)
    assert monitor.standing == "pending"


async def test_up_to_when_checks_were_claimed_never_goes_back(cast: Cast):
    await settle([], claimed_ms=10)
    await settle([], claimed_ms=5)
    (state,) = await rows(EngineState)
    assert state.claimed_ms == 10


async def test_what_a_check_remembers_is_kept_until_it_remembers_something_else(cast: Cast):
    monitor = await add_monitor(cast)
    assert monitor.id is not None
    result = Result(START_MS, Outcome.UP)
    await settle([Settled(monitor.id, monitor.workspace_id, result, State(), remembered="abc")])
    await settle([Settled(monitor.id, monitor.workspace_id, Result(START_MS + 1, Outcome.UP), State())])
    (kept,) = await rows(Monitor)
    assert kept.remembered == "abc"


async def test_pausing_ends_an_open_incident_without_a_notice(cast: Cast):
    monitor = await add_monitor(cast)
    assert monitor.id is not None
    await settle(settled(monitor, "x"))
    async with db.transaction() as session:
        await settling.close_open(session, [monitor.id], "paused", datetime.now(UTC))
    (incident,) = await rows(Incident)
    assert (incident.closed_by, len(await rows(Notice))) == ("paused", 1)
    async with db.reading() as session:
        assert (await session.exec(select(func.count()).select_from(Monitor).where(Monitor.standing == "pending"))).one() == 1


async def test_an_incident_that_is_open_when_maintenance_begins_ends_untold(cast: Cast):
    monitor = await add_monitor(cast)
    (failed,) = settled(monitor, "x")
    await settle([failed])
    at = datetime.fromtimestamp((START_MS + 60_000) / 1000, UTC)
    decision = decide(failed.state, Outcome.DOWN, at, Thresholds(1, 1, 1, 1), counts=False)
    result = Result(START_MS + 60_000, Outcome.DOWN, Cause.TIMEOUT, maintained=True)
    await settle([Settled(failed.monitor_id, failed.workspace_id, result, decision.state, True, decision.step)])
    async with db.reading() as session:
        (incident,) = (await session.exec(select(Incident))).all()
        notices = (await session.exec(select(Notice.step))).all()
        stored = await session.get_one(Monitor, monitor.id)
    assert (incident.closed_at, incident.closed_by, stored.standing) == (at, "maintenance", "pending")
    assert list(notices) == ["open"]

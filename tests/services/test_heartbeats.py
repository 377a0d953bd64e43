"""What is made of the calls that a heartbeat got, or did not get; and its address."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from app import db
from app.core.checks import HeartbeatCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.models import AuditEvent, Heartbeat, Monitor
from app.services import heartbeat_calls, heartbeats
from app.services.access import Actor, Role
from app.services.errors import Forbidden, NotFound, Unauthenticated
from app.services.heard import Heard, Said
from app.services.heartbeats import judge, to_ms
from tests.conftest import Cast, add_actor

HOURLY = HeartbeatCheck(grace_s=300, period_s=3600)
NIGHTLY = HeartbeatCheck(grace_s=1800, period_s=None, cron="0 3 * * *", zone="Europe/Berlin")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def row(**minutes: float | None) -> Heartbeat:
    """A heartbeat that was made at noon; times are minutes after."""
    times = {f"{name}_ms": None if value is None else to_ms(after(value)) for name, value in minutes.items()}
    return Heartbeat(monitor_id=1, key="k", **{"since_ms": to_ms(NOON), **times})


@pytest.mark.parametrize(
    ("calls", "at", "outcome", "cause"),
    [
        ({}, 1, Outcome.UNKNOWN, Cause.NONE),
        ({}, 64.9, Outcome.UNKNOWN, Cause.NONE),
        ({}, 65.1, Outcome.DOWN, Cause.MISSED),
        ({"succeeded": 10}, 20, Outcome.UP, Cause.NONE),
        ({"succeeded": 10}, 74.9, Outcome.UP, Cause.NONE),
        ({"succeeded": 10}, 75.1, Outcome.DOWN, Cause.MISSED),
        ({"failed": 10}, 20, Outcome.DOWN, Cause.REPORTED),
        ({"failed": 10, "succeeded": 9}, 20, Outcome.DOWN, Cause.REPORTED),
        ({"failed": 10, "succeeded": 11}, 20, Outcome.UP, Cause.NONE),
        # A failure stands until a run succeeds, and is not made another by time.
        ({"failed": 10, "started": 12}, 13, Outcome.DOWN, Cause.REPORTED),
        ({"failed": 10}, 500, Outcome.DOWN, Cause.REPORTED),
        # A run that began has the grace to end in.
        ({"succeeded": 10, "started": 74}, 78.9, Outcome.UP, Cause.NONE),
        ({"succeeded": 10, "started": 74}, 79.1, Outcome.DOWN, Cause.MISSED),
        ({"started": 2}, 6.9, Outcome.UP, Cause.NONE),
        ({"started": 2, "succeeded": 3}, 20, Outcome.UP, Cause.NONE),
        # Resumed after a pause: what was missed meanwhile was not expected.
        ({"succeeded": -600}, 30, Outcome.UP, Cause.NONE),
        ({"succeeded": -600}, 66, Outcome.DOWN, Cause.MISSED),
        ({"succeeded": -600, "started": -599}, 30, Outcome.UP, Cause.NONE),
    ],
)
def test_a_heartbeat_is_judged_by_its_newest_calls(calls: dict[str, float], at: float, outcome: Outcome, cause: Cause):
    found = judge(row(**calls), HOURLY, after(at))
    assert (found.outcome, found.cause) == (outcome, cause)
    assert bool(found.text) == (outcome is not Outcome.UP)


def test_the_words_say_when_and_with_what():
    failed = row(failed=10)
    failed.exit_code = 3
    found = judge(failed, HOURLY, after(20))
    assert (found.text, found.code) == ("The call at 2026-11-22 12:10:00 UTC says that it failed with exit code 3.", 3)
    found = judge(row(succeeded=10), HOURLY, after(90))
    assert found.text == "The last call came at 2026-11-22 12:10:00 UTC; the next was expected by 2026-11-22 13:15:00 UTC."
    assert judge(row(), HOURLY, after(90)).text == "No call came yet; the next was expected by 2026-11-22 13:05:00 UTC."
    found = judge(row(started=10), HOURLY, after(20))
    assert found.text == "It started at 2026-11-22 12:10:00 UTC and did not say until 2026-11-22 12:15:00 UTC that it ended."
    up = judge(row(succeeded=10), HOURLY, after(20))
    assert dict(up.facts)["next call"] == "2026-11-22 13:10:00 UTC"


def test_cron_is_read_in_its_time_zone():
    night = datetime(2026, 11, 22, 2, 10, tzinfo=UTC)  # 03:10 in Berlin
    ran = Heartbeat(monitor_id=1, key="k", since_ms=0, succeeded_ms=to_ms(night))
    assert judge(ran, NIGHTLY, night + timedelta(hours=24, minutes=19)).outcome is Outcome.UP
    assert judge(ran, NIGHTLY, night + timedelta(hours=24, minutes=21)).outcome is Outcome.DOWN


@pytest.mark.parametrize("calls", [{"succeeded": 10}, {"succeeded": 10, "started": 70}, {}])
def test_a_call_that_we_could_not_have_heard_is_not_missed(calls: dict[str, float]):
    deaf = [(after(60), after(80))]  # when it should have come
    assert judge(row(**calls), HOURLY, after(100), deaf).outcome is not Outcome.DOWN
    assert judge(row(**calls), HOURLY, after(80 + 66), deaf).outcome is Outcome.DOWN


def test_a_call_that_we_would_have_heard_is_missed_although_we_were_deaf_before():
    assert judge(row(succeeded=10), HOURLY, after(76), [(after(20), after(40))]).outcome is Outcome.DOWN


async def add_heartbeat(actor: Actor, kind: str = "heartbeat") -> tuple[int, str, str]:
    async with db.transaction() as session:
        monitor = Monitor(workspace_id=actor.workspace_id, name="Backup", kind=kind, configuration=json.dumps({"period_s": 3600}))
        session.add(monitor)
        await session.flush()
        assert monitor.id is not None
        return monitor.id, monitor.public_id, await heartbeats.make(session, monitor.id)


async def test_looking_reads_what_was_called(cast: Cast):
    monitor_id, _, key = await add_heartbeat(cast.alice)
    at = datetime.now(UTC)
    assert (await heartbeats.look(monitor_id, HOURLY, at)).outcome is Outcome.UNKNOWN
    await heartbeat_calls.receive(key, Said.SUCCESS, 9)
    found = await heartbeats.look(monitor_id, HOURLY, at)
    assert (found.outcome, found.cause, found.code) == (Outcome.DOWN, Cause.REPORTED, 9)
    await heartbeat_calls.receive(key, Said.SUCCESS)
    assert (await heartbeats.look(monitor_id, HOURLY, at)).outcome is Outcome.UP
    assert (await heartbeats.look(monitor_id + 1, HOURLY, at)).cause is Cause.CONFIGURATION


async def test_what_is_resumed_is_expected_from_then_on(cast: Cast):
    monitor_id, _, key = await add_heartbeat(cast.alice)
    at = datetime.now(UTC)
    await heartbeat_calls.receive(key, Said.SUCCESS, at_ms=to_ms(at - timedelta(days=2)))
    async with db.transaction() as session:
        await heartbeats.expect(session, [monitor_id], at - timedelta(days=1))
    assert (await heartbeats.look(monitor_id, HOURLY, at)).outcome is Outcome.DOWN
    async with db.transaction() as session:
        await heartbeats.expect(session, [monitor_id], at)
    assert (await heartbeats.look(monitor_id, HOURLY, at)).outcome is Outcome.UP


async def test_a_new_address_ends_the_old_one_and_is_logged(cast: Cast):
    monitor_id, public_id, old = await add_heartbeat(cast.alice)
    new = await heartbeats.rotate(cast.bob, public_id)
    with pytest.raises(NotFound):
        await heartbeat_calls.receive(old, Said.SUCCESS)
    await heartbeat_calls.receive(new, Said.SUCCESS)
    async with db.reading() as session:
        assert await heartbeats.key_of(session, monitor_id) == new
        logged = (await session.exec(select(AuditEvent).where(col(AuditEvent.action) == "monitor.changed"))).one()
    assert (logged.target, logged.actor_name) == ("Backup", "Bob")
    assert new not in logged.after + logged.before


async def test_only_those_who_may_change_monitors_get_a_new_address(cast: Cast):
    _, public_id, key = await add_heartbeat(cast.alice)
    _, page_id, _ = await add_heartbeat(cast.alice, "page")
    viewer = await add_actor("Vera", Role.VIEWER)
    with pytest.raises(Unauthenticated):
        await heartbeats.rotate(None, public_id)
    with pytest.raises(Forbidden):
        await heartbeats.rotate(viewer, public_id)
    for actor, monitor_id in (
        (cast.charlie, public_id),
        (cast.alice, page_id),
        (cast.alice, "x" * 16),
        (cast.alice, ["x"]),
        (cast.alice, 7),
    ):
        with pytest.raises(NotFound, match=r"There is no such monitor\."):
            await heartbeats.rotate(actor, monitor_id)
    await heartbeat_calls.receive(key, Said.SUCCESS)


async def test_on_a_database_server_calls_of_two_processes_do_not_lock_each_other_out(migrated_postgres: str):
    alice = await add_actor("Alice", Role.OWNER)
    made = [await add_heartbeat(alice) for _ in range(6)]
    keys = [key for _, _, key in made]

    def batch(order: list[str]) -> list[Heard]:
        return [Heard(key, Said.SUCCESS, 0, "", number + 1) for number, key in enumerate(order)]

    # What two processes do at once: the same keys, in opposite order.
    for _ in range(10):
        await asyncio.gather(heartbeat_calls._write(batch(keys)), heartbeat_calls._write(batch(keys[::-1])))
    async with db.reading() as session:
        for monitor_id, _, _ in made:
            assert len(await heartbeats.calls(session, monitor_id)) == 20

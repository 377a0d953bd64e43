"""Due times, cron over changes of the clocks, missed heartbeats, maintenance windows."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from app.core import schedule
from app.core.schedule import BadSchedule, Maintenance, NextDue, Rhythm, deadline, first_due_ms, in_maintenance, next_due, weekly

NOW = 1_795_000_000_123
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("interval_ms", [10_000, 20_000, 60_000, 3_600_000, 86_400_000])
def test_the_first_check_is_due_within_one_interval(interval_ms: int):
    assert all(NOW <= first_due_ms(NOW, interval_ms, f"monitor-{number}") < NOW + interval_ms for number in range(1000))


def test_first_checks_are_spread_evenly_over_the_interval():
    tenths = Counter((first_due_ms(NOW, 60_000, f"monitor-{number}") - NOW) // 6_000 for number in range(10_000))
    assert sorted(tenths) == list(range(10))
    assert all(800 < count < 1200 for count in tenths.values())


def test_a_monitor_keeps_its_place_over_a_restart():
    due = first_due_ms(NOW, 60_000, "a")
    assert (first_due_ms(NOW + 987_654_321, 60_000, "a") - due) % 60_000 == 0


@pytest.mark.parametrize(
    ("late_ms", "expected"),
    [
        (0, NextDue(20_000, 0)),
        (19_999, NextDue(20_000, 0)),
        (20_000, NextDue(40_000, 1)),
        (20_001, NextDue(40_000, 1)),
        (86_400_000, NextDue(86_420_000, 4320)),
        (-5, NextDue(20_000, 0)),
    ],
)
def test_the_next_check_is_on_the_same_grid_and_in_the_future(late_ms: int, expected: NextDue):
    found = next_due(NOW, 20_000, NOW + late_ms)
    assert NextDue(found.at_ms - NOW, found.missed) == expected


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("*/5 * * * *", "2026-11-22 12:01", "2026-11-22 12:05"),
        ("0 12 * * *", "2026-11-22 11:00", "2026-11-23 11:00"),  # 12:00 in Berlin is 11:00 UTC in winter; strictly after
        # 02:30 does not exist on 29 March: it comes right after the change, at 03:00 CEST.
        ("30 2 * * *", "2026-03-28 12:00", "2026-03-29 01:00"),
        # 02:30 comes twice on 25 October: the first one counts.
        ("30 2 * * *", "2026-10-24 12:00", "2026-10-25 00:30"),
        ("30 2 * * *", "2026-10-25 00:30", "2026-10-26 01:30"),
    ],
)
def test_cron_in_a_time_zone(expression: str, after: str, expected: str):
    assert schedule.next_cron(expression, BERLIN, at(after)) == at(expected)


def test_what_was_true_last_may_be_now():
    assert schedule.last_cron("0 * * * *", "UTC", at("2026-11-22 12:00")) == at("2026-11-22 12:00")
    assert schedule.last_cron("0 * * * *", "UTC", at("2026-11-22 11:59:59")) == at("2026-11-22 11:00")


@pytest.mark.parametrize(
    ("expression", "zone_name", "words"),
    [
        ("* * * *", "UTC", "five fields"),
        ("* * * * * *", "UTC", "five fields"),
        ("61 * * * *", "UTC", "Bad minute"),
        ("a b c d e", "UTC", "not a cron expression"),
        ("0 0 31 2 *", "UTC", "day-of-month"),
        ("* * * * *", "Mars/Olympus", "not a time zone"),
        ("* * * * *", "../etc/passwd", "not a time zone"),
        ("* * * * *", "", "not a time zone"),
    ],
)
def test_a_schedule_that_cannot_be_used_is_named(expression: str, zone_name: str, words: str):
    with pytest.raises(BadSchedule, match=words):
        schedule.check_cron(expression, zone_name)


HOURLY = Rhythm(timedelta(minutes=5), period=timedelta(hours=1))


def test_a_heartbeat_is_missed_after_its_period_and_grace():
    assert deadline(HOURLY, at("2026-11-22 12:00")) == at("2026-11-22 13:05")


def test_a_heartbeat_by_cron_is_missed_after_the_next_time_and_grace():
    nightly = Rhythm(timedelta(minutes=30), cron="0 3 * * *", zone=BERLIN)
    assert deadline(nightly, at("2026-11-22 02:00:01")) == at("2026-11-23 02:30")
    assert deadline(nightly, at("2026-11-22 01:59")) == at("2026-11-22 02:30")


@pytest.mark.parametrize(
    ("deaf", "expected"),
    [
        # We were down when it should have come, and may have missed it: the next one decides.
        ([("12:30", "14:00")], "15:05"),
        ([("12:59", "13:01")], "14:06"),
        ([("12:50", "12:56")], "14:01"),  # it may come a little early
        ([("13:04", "13:06")], "14:11"),  # or within its grace
        ([("12:30", "14:00"), ("15:00", "15:30")], "16:35"),
        # We were down and up again before: the deadline stands.
        ([("12:10", "12:20")], "13:05"),
        # It was missed before we went down.
        ([("14:00", "15:00")], "13:05"),
        # We were down before the last heartbeat.
        ([("10:00", "11:00")], "13:05"),
    ],
)
def test_a_heartbeat_that_came_while_we_were_deaf_is_no_alarm(deaf: list[tuple[str, str]], expected: str):
    spans = [(at(f"2026-11-22 {start}"), at(f"2026-11-22 {stop}")) for start, stop in deaf]
    assert deadline(HOURLY, at("2026-11-22 12:00"), spans) == at(f"2026-11-22 {expected}")


@pytest.mark.parametrize(("period", "cron"), [(None, ""), (timedelta(hours=1), "* * * * *")])
def test_a_heartbeat_has_a_period_or_cron_not_both(period: timedelta | None, cron: str):
    with pytest.raises(BadSchedule, match="either a period or a cron"):
        Rhythm(timedelta(minutes=1), period, cron)


ONCE = Maintenance(at("2026-11-22 12:00"), at("2026-11-22 13:00"))
SUNDAYS = Maintenance(cron=weekly([0], 2, 0), zone=BERLIN, duration=timedelta(hours=2))


@pytest.mark.parametrize(
    ("window", "when", "expected"),
    [
        (ONCE, "2026-11-22 11:59:59", False),
        (ONCE, "2026-11-22 12:00", True),
        (ONCE, "2026-11-22 12:59:59", True),
        (ONCE, "2026-11-22 13:00", False),
        (SUNDAYS, "2026-11-22 00:59:59", False),
        (SUNDAYS, "2026-11-22 01:00", True),
        (SUNDAYS, "2026-11-22 02:59:59", True),
        (SUNDAYS, "2026-11-22 03:00", False),
        (SUNDAYS, "2026-11-23 01:30", False),
        # The night of the change to summer time: it starts at 03:00 CEST and still lasts two hours.
        (SUNDAYS, "2026-03-29 02:59:59", True),
        (SUNDAYS, "2026-03-29 03:00", False),
    ],
)
def test_when_maintenance_holds(window: Maintenance, when: str, expected: bool):
    assert in_maintenance(window, at(when)) is expected


def test_a_recurring_window_may_begin_and_end_some_day():
    limited = Maintenance(at("2026-11-01 00:00"), at("2026-12-01 00:00"), weekly([0], 2, 0), "UTC", timedelta(hours=2))
    assert not in_maintenance(limited, at("2026-10-25 02:30"))
    assert in_maintenance(limited, at("2026-11-22 02:30"))
    assert schedule.next_maintenance(limited, at("2026-01-01 00:00")) == at("2026-11-01 02:00")
    assert schedule.next_maintenance(limited, at("2026-11-29 02:00")) is None


def test_when_maintenance_comes_next():
    assert schedule.next_maintenance(ONCE, at("2026-11-22 11:00")) == at("2026-11-22 12:00")
    assert schedule.next_maintenance(ONCE, at("2026-11-22 12:00")) is None
    assert schedule.next_maintenance(SUNDAYS, at("2026-11-22 12:00")) == at("2026-11-29 01:00")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Maintenance(),
        lambda: Maintenance(at("2026-11-22 13:00"), at("2026-11-22 12:00")),
        lambda: Maintenance(cron="* * * * *", duration=timedelta(seconds=30)),
        lambda: Maintenance(cron="nonsense", duration=timedelta(hours=1)),
        lambda: weekly([], 2, 0),
        lambda: weekly([7], 2, 0),
        lambda: weekly([1], 24, 0),
    ],
)
def test_a_window_that_cannot_hold_is_refused(make: object):
    assert callable(make)
    with pytest.raises(BadSchedule):
        make()

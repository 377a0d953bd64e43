"""The timetable: every monitor is due on its own grid, once, and in order."""

import random
from collections import Counter

from app.core.timetable import Due, Timetable

START = 1_795_000_000_000


def test_each_monitor_is_due_once_an_interval_and_on_its_grid():
    dice, table = random.Random(1), Timetable()
    grids = {number: (interval := dice.choice([10_000, 20_000, 60_000]), dice.randrange(interval)) for number in range(300)}
    for number, (interval_ms, phase_ms) in grids.items():
        table.put(number, interval_ms, phase_ms, START)
    counts, last_due_ms = Counter[int](), 0
    for now_ms in range(START, START + 120_000 + 1, 100):
        for due in table.claim(now_ms):
            interval_ms, phase_ms = grids[due.monitor_id]
            assert (due.due_ms - phase_ms) % interval_ms == 0
            assert now_ms - 100 < due.due_ms <= now_ms
            assert due.due_ms >= last_due_ms
            assert due.missed == 0
            last_due_ms = due.due_ms
            counts[due.monitor_id] += 1
    assert counts == {number: 120_000 // interval_ms for number, (interval_ms, _) in grids.items()}


def test_what_fell_into_a_stall_is_counted_and_runs_once():
    table = Timetable()
    table.put(1, 10_000, 0, START)
    assert table.claim(START + 10_000) == [Due(1, START + 10_000)]
    assert table.claim(START + 47_000) == [Due(1, START + 40_000, 2)]
    assert table.next_ms == START + 50_000


def test_the_longest_overdue_comes_first_when_there_are_too_many():
    table = Timetable()
    for number in range(10):
        table.put(number, 60_000, 1 + number * 100, START - START % 60_000)
    assert [due.monitor_id for due in table.claim(START + 60_000, limit=3)] == [0, 1, 2]
    assert [due.monitor_id for due in table.claim(START + 60_000, limit=99)] == [3, 4, 5, 6, 7, 8, 9]


def test_a_monitor_that_was_removed_is_not_due_any_more_and_may_come_back():
    table = Timetable()
    table.put(1, 10_000, 0, START)
    table.remove(1)
    table.remove(2)
    assert (len(table), table.next_ms, table.claim(START + 60_000)) == (0, None, [])
    table.put(1, 20_000, 0, START)
    assert [due.due_ms for due in table.claim(START + 20_000)] == [START + 20_000]


def test_another_interval_counts_at_once_and_the_same_one_changes_nothing():
    table = Timetable()
    table.put(1, 60_000, 0, START)
    table.put(1, 60_000, 0, START + 59_999)
    assert table.next_ms == START + 60_000 - START % 60_000
    table.put(1, 10_000, 5_000, START)
    assert table.next_ms == START + 5_000

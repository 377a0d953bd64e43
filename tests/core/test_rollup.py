"""Rollups: histograms whose quantiles stay right however spans are merged, in few bytes."""

import random
import statistics

import pytest

from app.core.incident import Outcome
from app.core.rollup import ACCURACY, Latencies, Rollup, merged, overlap_s


def histogram(values: list[float]) -> Latencies:
    made = Latencies()
    for value in values:
        made.add(value)
    return made


@pytest.mark.parametrize("seed", range(20))
def test_quantiles_of_merged_hours_are_those_of_all_their_values(seed: int):
    dice = random.Random(seed)
    hours = [[dice.lognormvariate(dice.uniform(1, 6), 0.5) for _ in range(dice.randint(1, 400))] for _ in range(24)]
    day = Latencies()
    for hour in dice.sample(hours, 24):
        day.merge(histogram(hour).pack())
    every = sorted(value for hour in hours for value in hour)
    assert day.count == len(every)
    for quantile, found in zip((0.0, 0.5, 0.95, 0.99, 1.0), day.quantiles(0.0, 0.5, 0.95, 0.99, 1.0), strict=True):
        exact = every[int(quantile * (len(every) - 1))]
        assert found == pytest.approx(exact, rel=ACCURACY * 1.01)


def test_averaged_percentiles_would_be_wrong():
    calm, busy = [10.0] * 100, [1000.0] * 10
    day = histogram(calm)
    day.merge(histogram(busy).pack())
    assert day.quantiles(0.95)[0] == pytest.approx(1000, rel=ACCURACY)
    assert statistics.mean([10, 1000]) < 600


def test_an_hour_of_checks_takes_few_bytes():
    dice = random.Random(1)
    sizes = [len(histogram([dice.lognormvariate(4.5, 0.15) for _ in range(60)]).pack()) for _ in range(200)]
    assert statistics.mean(sizes) < 60


def test_packing_and_merging_returns_the_same_bytes():
    packed = histogram([0.001, 1, 1, 2, 3.5, 90_000, 1e12]).pack()
    again = Latencies()
    again.merge(packed)
    assert again.pack() == packed
    assert again.count == 7


def test_nothing_is_nothing():
    assert Latencies().pack() == b""
    assert Latencies().quantiles(0.5, 0.99) == (0.0, 0.0)
    assert Rollup().uptime is None


@pytest.mark.parametrize("packed", [b"\x01", b"\x80", b"\x01\x01\x01", b"\xff\xff\xff\x7f\x01"])
def test_bytes_that_are_no_histogram_are_refused(packed: bytes):
    made = histogram([5.0])
    with pytest.raises(ValueError, match=r"."):
        made.merge(packed)
    assert made.count == 1


def test_what_does_not_tell_is_not_in_the_uptime():
    rollup = Rollup()
    for outcome in (Outcome.UP, Outcome.UP, Outcome.DEGRADED, Outcome.DOWN, Outcome.UNKNOWN, Outcome.UNREACHABLE):
        rollup.add(outcome, 10.0 if outcome is not Outcome.DOWN else None)
    rollup.add(Outcome.DOWN, None, counts=False, late=True)
    assert rollup.uptime == 0.75
    assert (rollup.checks, rollup.unknown, rollup.maintained, rollup.late) == (7, 2, 1, 1)
    assert rollup.latencies.count == 5


def test_spans_add_up_in_any_order():
    dice = random.Random(7)
    parts = []
    for _ in range(24):
        part = Rollup(downtime_s=dice.randrange(100))
        for _ in range(60):
            part.add(dice.choice(list(Outcome)), dice.uniform(1, 500), counts=dice.random() > 0.1)
        parts.append(part)
    forward, backward = merged(parts), merged(reversed(parts))
    assert forward.checks == backward.checks == 24 * 60
    assert forward.latencies.pack() == backward.latencies.pack()
    assert forward.downtime_s == backward.downtime_s == sum(part.downtime_s for part in parts)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], 0),
        ([(0, 5)], 0),
        ([(5, 12)], 2),
        ([(12, 15), (14, 18)], 6),
        ([(18, 99)], 2),
        ([(0, 99)], 10),
        ([(14, 18), (12, 19), (13, 14)], 7),
    ],
)
def test_downtime_within_a_span(spans: list[tuple[float, float]], expected: float):
    assert overlap_s(10, 20, spans) == expected

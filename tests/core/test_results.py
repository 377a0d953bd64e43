"""Results: what is recorded of a check comes back from its chunk as it was, in few bytes."""

import random
from itertools import pairwise

import pytest

from app.core.exchange import Timing
from app.core.incident import Outcome
from app.core.results import HOUR_MS, BadChunk, Cause, Result, append, read, samples

HOUR = 495_000 * HOUR_MS


def written(results: list[Result]) -> bytearray:
    chunk, last_due_ms = bytearray(), HOUR
    for result in results:
        append(chunk, result, last_due_ms)
        last_due_ms = result.due_ms
    return chunk


def some(seed: int, count: int) -> list[Result]:
    dice = random.Random(seed)
    found = []
    for due_ms in sorted(dice.randrange(HOUR, HOUR + HOUR_MS) for _ in range(count)):
        phases = sorted(round(dice.expovariate(0.01), 1) for _ in range(5))
        found.append(
            Result(
                due_ms,
                dice.choice(list(Outcome)),
                dice.choice(list(Cause)),
                dice.choice([0, 200, 301, 404, 503, 1006, 65_535]),
                Timing(*phases) if dice.random() < 0.8 else None,
                dice.random() < 0.1,
                dice.random() < 0.1,
            )
        )
    return found


@pytest.mark.parametrize("seed", range(50))
def test_a_chunk_gives_back_what_was_appended(seed: int):
    results = some(seed, seed * 7)
    assert list(read(bytes(written(results)), HOUR)) == results


@pytest.mark.parametrize("seed", range(5))
def test_charts_read_the_same_as_lists(seed: int):
    chunk = bytes(written(some(seed, 200)))
    for sample, result in zip(samples(chunk, HOUR), read(chunk, HOUR), strict=True):
        assert sample[:3] == (result.due_ms, result.outcome, result.maintained)
        assert (sample.ends is None) == (result.timing is None)
        if sample.ends is not None:
            assert Timing(*(tenths / 10 for tenths in sample.ends)) == result.timing
    with pytest.raises(BadChunk):
        samples(chunk[:-1], HOUR)


def test_an_ordinary_result_takes_fourteen_bytes():
    dice = random.Random(1)
    results = [
        Result(HOUR + 1234 + 60_000 * number, Outcome.UP, Cause.NONE, 200, Timing(0.3, 1.2, 9.8, round(dice.gauss(80, 9), 1), 91.2))
        for number in range(60)
    ]
    assert len(written(results)) <= 15 * 60


def test_results_come_in_the_order_they_were_due():
    later, earlier = Result(HOUR + 2, Outcome.UP), Result(HOUR + 1, Outcome.UP)
    with pytest.raises(ValueError, match="in the order"):
        written([later, earlier])
    assert [result.due_ms for result in read(bytes(written([earlier, later])), HOUR)] == [HOUR + 1, HOUR + 2]


def test_bytes_that_break_off_are_refused_after_what_can_be_read():
    results = some(3, 5)
    chunk = bytes(written(results))
    ends = [len(written(results[:count])) for count in range(6)]
    for length in range(len(chunk)):
        reading = read(chunk[:length], HOUR)
        whole = [next(reading) for end in ends[1:] if end <= length]
        assert whole == results[: len(whole)]
        if length in ends:
            assert next(reading, None) is None
        else:
            with pytest.raises(BadChunk):
                next(reading)


def test_stored_numbers_of_causes_stay_as_they_are():
    assert [cause.value for cause in Cause] == list(range(14))
    assert all(before < after for before, after in pairwise(Cause))

"""What is kept of checks per hour and per day: counts, downtime, and a histogram of latencies that can be merged.

The histogram is a DDSketch (https://www.vldb.org/pvldb/vol12/p2195-masson.pdf): every quantile of any union of spans is right
within `ACCURACY`, which no average of stored percentiles is. It is stored as its bins, about two bytes for each that is not empty.
"""

import operator
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

from app.core import leb128
from app.core.incident import Outcome

ACCURACY = 0.01  # relative: a p95 of 200 ms lies between 198 and 202
_MAPPING = LogarithmicMapping(ACCURACY)
_MIN_MS, _MAX_MS = 0.01, 600_000.0  # what lies beyond counts as this


class Latencies:
    """A histogram of latencies, in milliseconds."""

    __slots__ = ("_bins",)

    def __init__(self) -> None:
        self._bins = DenseStore()

    def add(self, ms: float) -> None:
        self._bins.add(_MAPPING.key(min(max(ms, _MIN_MS), _MAX_MS)))

    def merge(self, *packed: bytes) -> None:
        """Add what `pack` returned of other histograms.

        Raises:
            ValueError: for bytes that `pack` did not make; then nothing is added.
        """
        parts = [_unpack(one) for one in packed if one]
        if not parts:
            return
        self._make_room(min(first for first, _, _ in parts), max(first + sum(distances) for first, distances, _ in parts))
        store = self._bins
        bins, offset = store.bins, store.offset
        for first, distances, counts in parts:
            for place, count in zip(accumulate(distances, initial=first - offset), counts, strict=True):
                bins[place] += count
            store.count += sum(counts)

    def include(self, other: "Latencies") -> None:
        """Add another histogram, which stays as it is."""
        store, added = self._bins, other._bins
        if added.count:
            self._make_room(added.min_key, added.max_key)
            here = slice(added.min_key - store.offset, added.max_key - store.offset + 1)
            there = slice(added.min_key - added.offset, added.max_key - added.offset + 1)
            store.bins[here] = map(operator.add, store.bins[here], added.bins[there])
            store.count += added.count

    def _make_room(self, lowest: int, highest: int) -> None:
        # What there is room for can be added in place, ten times as fast as the library adds one by one.
        self._bins.add(lowest, 0)
        self._bins.add(highest, 0)

    @property
    def count(self) -> int:
        return int(self._bins.count)

    def quantiles(self, *wanted: float) -> tuple[float, ...]:
        """Return the quantiles (0.95 for p95) in milliseconds; 0.0 for each while nothing was added."""
        store = self._bins
        if not store.count:
            return tuple(0.0 for _ in wanted)
        # As the library finds each, but going over the bins once for all of them.
        reached = list(accumulate(store.bins))
        return tuple(_MAPPING.value(store.offset + bisect_right(reached, quantile * (store.count - 1))) for quantile in wanted)

    def pack(self) -> bytes:
        """Return the bins as numbers in LEB128: for each that is not empty the distance from the one before it, and its count.

        The first distance is from the smallest bin there can be. b"" while nothing was added.
        """
        packed, last = bytearray(), _LOWEST
        store = self._bins
        if store.count:
            for key, found in enumerate(store.bins, store.offset):
                if found:
                    leb128.write(packed, key - last)
                    leb128.write(packed, int(found))
                    last = key
        return bytes(packed)


_LOWEST, _HIGHEST = _MAPPING.key(_MIN_MS), _MAPPING.key(_MAX_MS)


def _unpack(packed: bytes) -> tuple[int, Sequence[int], Sequence[int]]:
    """Return the first bin that is not empty, the distance from each such bin to the next, and the count of each."""
    try:
        first, place = leb128.read(packed, 0)
        # Nearly always each number after the first takes a single byte, and then they need not be read one by one.
        rest: Sequence[int]
        if (single := packed[place:]).isascii():
            rest = single
        else:
            rest = []
            while place < len(packed):
                number, place = leb128.read(packed, place)
                rest.append(number)
    except IndexError:
        raise ValueError("This is not a histogram of latencies.") from None
    counts, distances = rest[::2], rest[1::2]
    if len(counts) != len(distances) + 1 or _LOWEST + first + sum(distances) > _HIGHEST:
        raise ValueError("This is not a histogram of latencies.")
    return _LOWEST + first, distances, counts


def quantile_of(packed: Iterable[bytes], quantile: float) -> float | None:
    """Return a quantile of several packed histograms, in milliseconds, or None when nothing stands in them.

    Args:
        quantile: 0 to 1.
    """
    total = Latencies()
    total.merge(*packed)
    return total.quantiles(quantile)[0] if total.count else None


@dataclass(slots=True)
class Rollup:
    """One span of one monitor in one region, or several added up."""

    up: int = 0
    degraded: int = 0
    down: int = 0
    unknown: int = 0  # we could not tell, or what it depends on was down
    maintained: int = 0  # within a maintenance window, whatever they found
    late: int = 0  # ran later than they should have; counted above as well
    downtime_s: float = 0.0  # of incidents, within the span
    latencies: Latencies = field(default_factory=Latencies)  # of checks that were answered

    def add(self, outcome: Outcome, latency_ms: float | None, *, counts: bool = True, late: bool = False) -> None:
        """Take one result into account.

        Args:
            latency_ms: None when nothing answered.
            counts: False in a maintenance window.
        """
        if not counts:
            self.maintained += 1
        elif outcome.votes:
            setattr(self, outcome.value, getattr(self, outcome.value) + 1)
        else:
            self.unknown += 1
        self.late += late
        if latency_ms is not None:
            self.latencies.add(latency_ms)

    @property
    def checks(self) -> int:
        return self.up + self.degraded + self.down + self.unknown + self.maintained

    @property
    def uptime(self) -> float | None:
        """The share of telling checks that were answered well enough, 0 to 1; None when none tells."""
        telling = self.up + self.degraded + self.down
        return (self.up + self.degraded) / telling if telling else None


def merged(parts: Iterable["Rollup"]) -> Rollup:
    """Return the sum of spans, in any order."""
    total = Rollup()
    for part in parts:
        for name in ("up", "degraded", "down", "unknown", "maintained", "late", "downtime_s"):
            setattr(total, name, getattr(total, name) + getattr(part, name))
        total.latencies.include(part.latencies)
    return total


def overlap_s(start_s: float, end_s: float, spans: Iterable[tuple[float, float]]) -> float:
    """Return how many seconds of [start, end) the spans cover; what two of them share counts once. Seconds since any epoch."""
    covered, reached = 0.0, start_s
    for opens, closes in sorted(spans):
        opens, closes = max(opens, reached), min(closes, end_s)
        if closes > opens:
            covered += closes - opens
            reached = closes
    return covered

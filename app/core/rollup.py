"""What is kept of checks per hour and per day: counts, downtime, and a histogram of latencies that can be merged.

The histogram is a DDSketch (https://www.vldb.org/pvldb/vol12/p2195-masson.pdf): every quantile of any union of spans is right
within `ACCURACY`, which no average of stored percentiles is. It is stored as its bins, about two bytes for each that is not empty.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ddsketch.ddsketch import BaseDDSketch
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

    def merge(self, packed: bytes) -> None:
        """Add what `pack` returned of another histogram.

        Raises:
            ValueError: for bytes that `pack` did not make; then nothing is added.
        """
        first, *rest = _unpack(packed) or [(0, 0)]
        if not first[1]:
            return
        store = self._bins
        store.add(*first)
        if rest:
            # The last one makes room for all; those between are then added in place, ten times as fast.
            store.add(*rest[-1])
            for key, count in rest[:-1]:
                store.bins[key - store.offset] += count
                store.count += count

    @property
    def count(self) -> int:
        return int(self._bins.count)

    def quantiles(self, *wanted: float) -> tuple[float, ...]:
        """Return the quantiles (0.95 for p95) in milliseconds; 0.0 for each while nothing was added."""
        sketch = BaseDDSketch(_MAPPING, self._bins, DenseStore(), 0.0)
        return tuple(sketch.get_quantile_value(quantile) or 0.0 for quantile in wanted)

    def pack(self) -> bytes:
        """Return the bins as numbers in LEB128: for each that is not empty the distance from the one before it, and its count.

        The first distance is from the smallest bin there can be. b"" while nothing was added.
        """
        packed, last = bytearray(), _LOWEST
        if self.count:
            for key in range(self._bins.min_key, self._bins.max_key + 1):
                if count := int(self._bins.bins[key - self._bins.offset]):
                    leb128.write(packed, key - last)
                    leb128.write(packed, count)
                    last = key
        return bytes(packed)


_LOWEST, _HIGHEST = _MAPPING.key(_MIN_MS), _MAPPING.key(_MAX_MS)


def _unpack(packed: bytes) -> list[tuple[int, int]]:
    bins, key, place = [], _LOWEST, 0
    try:
        while place < len(packed):
            distance, place = leb128.read(packed, place)
            count, place = leb128.read(packed, place)
            key += distance
            bins.append((key, count))
    except IndexError:
        key = _HIGHEST + 1
    if key > _HIGHEST:
        raise ValueError("This is not a histogram of latencies.")
    return bins


def quantile_of(packed: Iterable[bytes], quantile: float) -> float | None:
    """Return a quantile of several packed histograms, in milliseconds, or None when nothing stands in them.

    Args:
        quantile: 0 to 1.
    """
    bins: Counter[int] = Counter()
    for part in packed:
        for key, count in _unpack(part):
            bins[key] += count
    rank = quantile * (bins.total() - 1)
    seen = 0
    for key in sorted(bins):
        seen += bins[key]
        if seen > rank:
            return _MAPPING.value(key)
    return None


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
        total.latencies.merge(part.latencies.pack())
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

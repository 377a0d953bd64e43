"""Which monitors are due next. In memory, since when each is due follows from its interval and phase alone."""

import heapq
from dataclasses import dataclass

from app.core.schedule import next_due


@dataclass(frozen=True, slots=True)
class Due:
    monitor_id: int
    due_ms: int
    missed: int = 0  # checks since the one before that will not run: we were not running, or too slow


class Timetable:
    """A heap of due times, one a monitor. Putting, removing and claiming cost O(log n)."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int]] = []  # (due, monitor, version)
        self._versions: dict[int, int] = {}
        self._grids: dict[int, tuple[int, int]] = {}  # monitor → (interval, phase)
        self._last_version = 0

    def __len__(self) -> int:
        return len(self._grids)

    def put(self, monitor_id: int, interval_ms: int, phase_ms: int, after_ms: int) -> None:
        """Add a monitor, or give it another grid. It is due next at the first place of its grid after `after_ms`."""
        if self._grids.get(monitor_id) == (interval_ms, phase_ms):
            return
        self._grids[monitor_id] = interval_ms, phase_ms
        self._push(monitor_id, after_ms + 1 + (phase_ms - after_ms - 1) % interval_ms)

    def remove(self, monitor_id: int) -> None:
        if self._grids.pop(monitor_id, None):
            del self._versions[monitor_id]  # what stands in the heap is skipped when it comes up

    def _push(self, monitor_id: int, due_ms: int) -> None:
        # Never the number of one that was removed: its old entry may still stand in the heap.
        self._last_version += 1
        self._versions[monitor_id] = self._last_version
        heapq.heappush(self._heap, (due_ms, monitor_id, self._last_version))

    @property
    def next_ms(self) -> int | None:
        """When the next one is due; None when there is none."""
        while self._heap and self._versions.get(self._heap[0][1]) != self._heap[0][2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def claim(self, now_ms: int, limit: int = 1000) -> list[Due]:
        """Return what is due, the longest overdue first, at most `limit`; each is due again at the next place of its grid after now."""
        claimed: list[Due] = []
        while len(claimed) < limit and (due_ms := self.next_ms) is not None and due_ms <= now_ms:
            _, monitor_id, _ = heapq.heappop(self._heap)
            following = next_due(due_ms, self._grids[monitor_id][0], now_ms)
            self._push(monitor_id, following.at_ms)
            # Of several that are due, the newest runs: it is the one whose time is nearest.
            claimed.append(Due(monitor_id, following.at_ms - self._grids[monitor_id][0], following.missed))
        return claimed

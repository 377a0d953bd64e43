"""How the engine keeps up: counts of the last hour by minutes."""

from collections import deque
from dataclasses import dataclass

_MINUTES = 60


@dataclass(slots=True)
class _Minute:
    number: int
    begun: int = 0
    late: int = 0
    left_out: int = 0


class Stats:
    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque(maxlen=_MINUTES)
        self.delays_ms: deque[int] = deque(maxlen=10_000)  # of the newest checks: how much later than due they began

    def _minute(self, now_ms: int) -> _Minute:
        number = now_ms // 60_000
        if not self._minutes or self._minutes[-1].number != number:
            self._minutes.append(_Minute(number))
        return self._minutes[-1]

    def begun(self, now_ms: int, delay_ms: int, late: bool) -> None:
        minute = self._minute(now_ms)
        minute.begun += 1
        minute.late += late
        self.delays_ms.append(delay_ms)

    def left_out(self, now_ms: int, count: int = 1) -> None:
        """Checks that were due did not run: the one before still ran, or nothing did."""
        self._minute(now_ms).left_out += count

    def late_share(self, now_ms: int) -> float:
        """Return which part of the last hour's checks began late or not at all."""
        recent = [minute for minute in self._minutes if minute.number > now_ms // 60_000 - _MINUTES]
        due = sum(minute.begun + minute.left_out for minute in recent)
        return sum(minute.late + minute.left_out for minute in recent) / due if due else 0.0

    def per_second(self, now_ms: int) -> float:
        """Return the rate of checks of the last whole minute; of the one under way, before there is one."""
        number = now_ms // 60_000
        for minute in reversed(self._minutes):
            if minute.number == number - 1:
                return minute.begun / 60
        return self._minutes[-1].begun / max(1.0, now_ms % 60_000 / 1000) if self._minutes and self._minutes[-1].number == number else 0.0

"""What a list shows of a monitor and what changes with each result: small enough to be sent to every open page.

As text its parts stand in one line, parted by "|", so that a page of fifty rows is three kilobytes and costs next to nothing to send.
"""

from dataclasses import dataclass

from app.core.incident import Outcome
from app.core.results import Result

BARS = 28
_BARS = {Outcome.UP: "u", Outcome.DEGRADED: "d", Outcome.DOWN: "x", Outcome.UNKNOWN: "q", Outcome.UNREACHABLE: "r"}
_MAINTAINED = "m"


@dataclass(frozen=True, slots=True)
class Cell:
    """How one monitor stands and what its last checks found."""

    status: str = "pending"  # Standing, or "unknown", "unreachable", "maintenance", "paused": what people read
    since_s: int = 0  # seconds since 1970 (UTC) from when it has stood so; 0: nobody knows
    bars: str = ""  # the last checks, oldest first, at most 28: u up, d degraded, x down, q unknown, r unreachable, m in maintenance
    last_s: int = 0  # when the last one was due; 0: none yet
    last_ms: int = -1  # how long it took; -1: nothing answered

    @property
    def text(self) -> str:
        return f"{self.status}|{self.since_s}|{self.bars}|{self.last_s}|{self.last_ms}"

    def after(self, result: Result) -> "Cell":
        """Return the cell with one more check in it; how it stands is for the caller to say."""
        last_ms = round(result.timing.total_ms) if result.timing else -1
        bars = (self.bars + bar(result.outcome, result.maintained))[-BARS:]
        return Cell(self.status, self.since_s, bars, result.due_ms // 1000, last_ms)


def bar(outcome: Outcome, maintained: bool) -> str:
    """Return the letter of one check."""
    return _MAINTAINED if maintained else _BARS[outcome]


def parse(text: str) -> Cell:
    """Read what `Cell.text` wrote; what it did not write is a cell that knows nothing."""
    parts = text.split("|")
    try:
        status, since_s, bars, last_s, last_ms = parts
        return Cell(status, int(since_s), bars[-BARS:], int(last_s), int(last_ms))
    except ValueError:
        return Cell()

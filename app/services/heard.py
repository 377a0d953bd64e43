"""One call of a heartbeat and what it changes; and the calls that the database refused, kept in this process until it takes them.

Whoever made such a call was told that it is not kept, and may call again. But we know that it came: as long as this process lives,
nothing is said to be missed that was heard, however early it came.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from app.models import Heartbeat

MAX_LATE = 5_000  # calls; what came before them is known as spans in which we were deaf
MAX_LATE_TEXT_CHARS = 1_000


class Said(StrEnum):
    """What a call says."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A call that came."""

    key: str
    said: Said
    exit_code: int
    text: str
    at_ms: int  # when, in ms since 1970


def take(row: Heartbeat, call: Heard) -> int | None:
    """Put a call into its heartbeat's row; return how long the run took that it ends, in ms, where its start is known.

    Calls count in the order in which they come, whatever the clock says: no time of an earlier one stands after this one's.
    """
    took_ms = None
    at_ms = call.at_ms
    if call.said in (Said.SUCCESS, Said.FAIL):
        running = row.started_ms is not None and row.started_ms > max(row.succeeded_ms or 0, row.failed_ms or 0)
        if running and row.started_ms is not None and row.started_ms <= at_ms:
            took_ms = at_ms - row.started_ms
        row.started_ms = _at_most(row.started_ms, at_ms)
        if call.said is Said.SUCCESS:
            row.succeeded_ms, row.failed_ms = at_ms, _at_most(row.failed_ms, at_ms - 1)
        else:
            row.succeeded_ms, row.failed_ms = _at_most(row.succeeded_ms, at_ms - 1), at_ms
        row.exit_code = call.exit_code
    elif call.said is Said.START:
        row.started_ms = at_ms
        row.succeeded_ms, row.failed_ms = _at_most(row.succeeded_ms, at_ms - 1), _at_most(row.failed_ms, at_ms - 1)
    return took_ms


def take_late(row: Heartbeat, call: Heard) -> int | None:
    """The same for a call that is late: where a newer one was taken meanwhile, it changes nothing."""
    newest_ms = max(row.started_ms or 0, row.succeeded_ms or 0, row.failed_ms or 0)
    return take(row, call) if call.at_ms >= newest_ms else None


def _at_most(ms: int | None, most_ms: int) -> int | None:
    return None if ms is None else min(ms, most_ms)


# Those that the database refused.

_late: deque[Heard] = deque(maxlen=MAX_LATE)


def keep(call: Heard) -> None:
    """Keep a call that was refused."""
    _late.append(Heard(call.key, call.said, call.exit_code, call.text[:MAX_LATE_TEXT_CHARS], call.at_ms))


def late() -> list[Heard]:
    """Return the calls that wait for the database, in the order in which they came."""
    return list(_late)


def forget(calls: Collection[Heard]) -> None:
    """Forget those: they are written."""
    kept = [call for call in _late if call not in calls]
    _late.clear()
    _late.extend(kept)


def with_late(row: Heartbeat) -> Heartbeat:
    """Return a heartbeat as it is with the calls that wait for the database."""
    mine = [call for call in _late if call.key == row.key]
    if not mine:
        return row
    known = Heartbeat(**row.model_dump())  # which no session knows
    for call in mine:
        take_late(known, call)
    return known

"""What one check recorded, and how an hour of them is kept: about a dozen bytes each.

A chunk is the results of one monitor in one region within one hour, in the order of their due times, each written after the one before.
So recording is appending, reading a window is reading a few chunks, and forgetting is dropping whole hours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from app.core import leb128
from app.core.exchange import Timing
from app.core.incident import Outcome

HOUR_MS = 3_600_000
_OUTCOMES = (Outcome.UP, Outcome.DEGRADED, Outcome.DOWN, Outcome.UNKNOWN, Outcome.UNREACHABLE)
_PLACES = {outcome: place for place, outcome in enumerate(_OUTCOMES)}
_LATE, _MAINTAINED, _ANSWERED = 0x08, 0x10, 0x20
_TENTHS = 10  # phases are kept in tenths of a millisecond


class Cause(IntEnum):
    """Why a check did not find what it should have: the class of the failure. The numbers are stored, so they never change."""

    NONE = 0
    ASSERTION = 1  # it answered, and an assertion did not hold
    DNS = 2
    CONNECT = 3
    TLS = 4
    TIMEOUT = 5
    PROTOCOL = 6
    REFUSED_ADDRESS = 7  # by our own guard
    LOGIN = 8  # the watched thing refused our credentials
    MISSED = 9  # a heartbeat did not come
    REPORTED = 10  # a heartbeat said that it failed
    PARENT = 11  # what it depends on is down
    OURSELVES = 12  # our network, database, disk or load
    CONFIGURATION = 13  # it cannot be checked as it is configured: a secret is gone


@dataclass(frozen=True, slots=True)
class Result:
    """One check. Latencies as in `Timing`: ms since the start at which each phase was over, 0 when it did not happen."""

    due_ms: int  # since 1970, UTC; with monitor and region it names the result
    outcome: Outcome
    cause: Cause = Cause.NONE
    code: int = 0  # HTTP status, close code, exit code; 0 when there is none
    timing: Timing | None = None  # None: nothing answered
    late: bool = False
    maintained: bool = False  # due within a maintenance window: kept, and does not count


class BadChunk(ValueError):
    """These bytes are not results that `append` wrote."""


def append(chunk: bytearray, result: Result, last_due_ms: int) -> None:
    """Write a result at the end of its chunk.

    Args:
        last_due_ms: due time of the result before it; of the chunk's hour for the first one.

    Raises:
        ValueError: when it was due before that one.
    """
    if result.due_ms < last_due_ms:
        raise ValueError("Results are appended in the order of their due times.")
    leb128.write(chunk, result.due_ms - last_due_ms)
    timing = result.timing
    flags = _PLACES[result.outcome]
    flags |= _LATE * result.late | _MAINTAINED * result.maintained | _ANSWERED * (timing is not None)
    chunk.append(flags)
    chunk.append(result.cause)
    leb128.write(chunk, result.code)
    if timing is not None:
        # Of the three that may not have happened, zero stays zero; the total is the longest.
        for ms in (timing.dns_ms, timing.connect_ms, timing.tls_ms, timing.first_byte_ms, timing.total_ms):
            tenths = int(ms * _TENTHS + 0.5)
            if 0 <= tenths < 0x80:
                chunk.append(tenths)
            else:
                leb128.write(chunk, max(0, tenths))


def append_one(chunk: bytearray, body: bytes, due_ms: int, last_due_ms: int) -> None:
    """Write a result that stands in a chunk of its own, which `append` made, at the end of another: without reading it."""
    leb128.write(chunk, due_ms - last_due_ms)
    chunk += body[1:]  # after the step from its own due time, which is 0


class Brief(NamedTuple):
    """What rollups and bars need of a result."""

    outcome: Outcome
    maintained: bool
    late: bool
    total_ms: float | None  # None: nothing answered


def brief(body: bytes) -> Brief:
    """Read the little that sums need of a result in a chunk of its own: a third of what reading all of it costs.

    Raises:
        BadChunk: where the bytes make no sense.
    """
    try:
        flags = body[1]
        total_ms = None
        if flags & _ANSWERED:
            # The total comes last. Of a number's bytes, all but the last have their highest bit set.
            place = len(body) - 1
            tenths = body[place]
            while body[place - 1] & 0x80:
                place -= 1
                tenths = tenths << 7 | body[place] & 0x7F
            total_ms = tenths / _TENTHS
        return Brief(_OUTCOMES[flags & 0x07], bool(flags & _MAINTAINED), bool(flags & _LATE), total_ms)
    except IndexError:
        raise BadChunk("This is not a chunk of results.") from None


class Sample(NamedTuple):
    """What charts need of a result."""

    due_ms: int
    outcome: Outcome
    maintained: bool
    ends: Sequence[int] | None  # of the phases, as in `Timing`, but in tenths of a millisecond; None: nothing answered


def read(chunk: bytes, hour_ms: int) -> Iterator[Result]:
    """Yield the results of a chunk in order; `hour_ms` is the start of its hour.

    Raises:
        BadChunk: where the bytes break off or make no sense.
    """
    try:
        for due_ms, flags, cause, code, ends in _fields(chunk, hour_ms):
            timing = Timing(*(tenths / _TENTHS for tenths in ends)) if ends is not None else None
            yield Result(due_ms, _OUTCOMES[flags & 0x07], Cause(cause), code, timing, bool(flags & _LATE), bool(flags & _MAINTAINED))
    except (IndexError, ValueError):
        raise BadChunk("This is not a chunk of results.") from None


def samples(chunk: bytes, hour_ms: int) -> list[Sample]:
    """Return what charts need of the results of a chunk, in a third of the time that reading all of it takes. Raises BadChunk."""
    try:
        return [
            Sample(due_ms, _OUTCOMES[flags & 0x07], bool(flags & _MAINTAINED), ends)
            for due_ms, flags, _, _, ends in _fields(chunk, hour_ms)
        ]
    except IndexError:
        raise BadChunk("This is not a chunk of results.") from None


def _fields(chunk: bytes, hour_ms: int) -> Iterator[tuple[int, int, int, int, list[int] | None]]:
    """Yield due time, flags, cause, code and ends of phases of each result. Raises IndexError where the bytes break off."""
    place, due_ms = 0, hour_ms
    while place < len(chunk):
        step, place = leb128.read(chunk, place)
        due_ms += step
        flags, cause = chunk[place], chunk[place + 1]
        code, place = leb128.read(chunk, place + 2)
        ends = None
        if flags & _ANSWERED:
            ends = []
            for _ in range(5):
                # Five of the eight numbers, of which nearly none is longer than two bytes: a call for each would take half the time.
                tenths = chunk[place]
                place += 1
                if tenths > 0x7F:
                    if chunk[place] > 0x7F:
                        tenths, place = leb128.read(chunk, place - 1)
                    else:
                        tenths += (chunk[place] << 7) - 0x80
                        place += 1
                ends.append(tenths)
        yield due_ms, flags, cause, code, ends

"""When checks are due, when heartbeats are missed, and when maintenance holds. Pure: what time it is comes as an argument.

Due times of checks are whole milliseconds since 1970 (UTC), as the schedule's column holds them: ten thousand are stepped a minute.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

MIN_INTERVAL_MS, MAX_INTERVAL_MS = 10_000, 86_400_000


class BadSchedule(ValueError):
    """The text is for people: which part cannot be used, and what can."""


def first_due_ms(now_ms: int, interval_ms: int, seed: str) -> int:
    """Return when a check is due for the first time: within one interval after now, at a place in it that depends on the seed alone.

    So monitors that start together are spread evenly, and each keeps its place over restarts.
    """
    digest = hashlib.sha256(seed.encode()).digest()
    phase = int.from_bytes(digest[:8]) * interval_ms >> 64
    return now_ms + (phase - now_ms) % interval_ms


@dataclass(frozen=True, slots=True)
class NextDue:
    at_ms: int
    missed: int  # checks that were due meanwhile and will not run


def next_due(due_ms: int, interval_ms: int, now_ms: int) -> NextDue:
    """Return when the check after the one that was due at `due_ms` is due: on the same grid, and after now.

    From the time it was due, not from when it ran: a stall does not shift the grid, so monitors that it delayed do not run bunched
    for ever. What fell into the stall is counted and not made up for.
    """
    steps = max(1, -(-(now_ms + 1 - due_ms) // interval_ms))
    return NextDue(due_ms + steps * interval_ms, steps - 1)


@lru_cache(maxsize=512)
def zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name ("Europe/Berlin"); raises BadSchedule for what is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSchedule(f"'{name[:60]}' is not a time zone. Write one like Europe/Berlin or UTC.") from None


def check_cron(expression: str, zone_name: str) -> None:
    """Raise BadSchedule unless this is a cron expression of five fields that comes true some day, in a zone that exists."""
    next_cron(expression, zone_name, datetime(2026, 1, 1, tzinfo=UTC))


def next_cron(expression: str, zone_name: str, after: datetime) -> datetime:
    """Return when the expression is true next, strictly after `after`, in UTC.

    As Debian's cron does over a change of the clocks: what falls into the hour that is left out comes right after it, what falls into
    the hour that comes twice comes once.
    """
    return _cron(expression, zone_name, after, reverse=False)


def last_cron(expression: str, zone_name: str, until: datetime) -> datetime:
    """Return when the expression was true last, at or before `until`, in UTC."""
    return _cron(expression, zone_name, until + timedelta(seconds=1), reverse=True)


def _cron(expression: str, zone_name: str, start: datetime, *, reverse: bool) -> datetime:
    if len(expression.split()) != 5:
        raise BadSchedule(f"'{expression[:60]}' does not have the five fields minute, hour, day, month and weekday.")
    try:
        return next(CronSim(expression, start.astimezone(zone(zone_name)), reverse=reverse)).astimezone(UTC)
    except CronSimError as error:
        raise BadSchedule(f"'{expression[:60]}' is not a cron expression: {error}.") from None
    except StopIteration:
        raise BadSchedule(f"'{expression[:60]}' never comes true.") from None


# Heartbeats: the watched thing calls us.


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a heartbeat is expected: each period, or as cron says, and how much later it may come."""

    grace: timedelta
    period: timedelta | None = None
    cron: str = ""
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if (self.period is None) == (not self.cron):
            raise BadSchedule("A heartbeat has either a period or a cron expression.")
        if self.cron:
            check_cron(self.cron, self.zone)


def expected(rhythm: Rhythm, last: datetime) -> datetime:
    """Return when the heartbeat after the one at `last` should come."""
    return last + rhythm.period if rhythm.period else next_cron(rhythm.cron, rhythm.zone, last)


def deadline(rhythm: Rhythm, last: datetime, deaf: Iterable[tuple[datetime, datetime]] = ()) -> datetime:
    """Return when a heartbeat counts as missed, if none is heard after the one at `last`.

    Args:
        deaf: when we could not have heard one, as (from, to). One that should have come in such a span may have come: then the next
            one decides, counted from the span's end. A few that come early are allowed for by the grace.
    """
    due = expected(rhythm, last)
    for start, stop in sorted(deaf):
        if start <= due + rhythm.grace and stop >= due - rhythm.grace:
            due = expected(rhythm, stop)
    return due + rhythm.grace


# Maintenance.


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which results are kept and do not count: once from `start` to `end`, or each time that cron says, for `duration`."""

    start: datetime | None = None
    end: datetime | None = None
    cron: str = ""
    zone: str = "UTC"
    duration: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not self.cron:
            if self.start is None or self.end is None or self.start >= self.end:
                raise BadSchedule("A window that comes once has a start and a later end.")
            return
        check_cron(self.cron, self.zone)
        if not timedelta(minutes=1) <= self.duration <= timedelta(days=31):
            raise BadSchedule("A window that comes again lasts from one minute to 31 days.")


def in_maintenance(window: Maintenance, at: datetime) -> bool:
    """Whether the window holds at this time: from its start on, and no longer at its end.

    A recurring window may itself be limited by `start` and `end`.
    """
    if (window.start and at < window.start) or (window.end and at >= window.end):
        return False
    return not window.cron or at < last_cron(window.cron, window.zone, at) + window.duration


def next_maintenance(window: Maintenance, after: datetime) -> datetime | None:
    """Return when the window starts next, strictly after `after`; None when it does not come again."""
    if not window.cron:
        return window.start if window.start and window.start > after else None
    begins = next_cron(window.cron, window.zone, max(after, window.start - timedelta(seconds=1)) if window.start else after)
    return None if window.end and begins >= window.end else begins


def weekly(days: Iterable[int], hour: int, minute: int) -> str:
    """Return the cron expression of a time on some days of the week (0 is Sunday, as in cron)."""
    chosen = sorted(set(days))
    if not chosen or not all(0 <= day <= 6 for day in chosen) or not 0 <= hour <= 23 or not 0 <= minute <= 59:
        raise BadSchedule("Choose at least one day of the week and a time of the day.")
    return f"{minute} {hour} * * {','.join(map(str, chosen))}"

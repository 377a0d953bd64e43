"""What the engine is told of monitors: their checks, when they run, how they stood; which secrets they need; when maintenance holds."""

import json
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlmodel import col, select

from app.core import placeholders
from app.core.checks import BadCheck, Check, Kind, parse
from app.core.incident import Standing, State, Thresholds
from app.core.schedule import BadSchedule, Maintenance, in_maintenance, last_cron
from app.db import reading
from app.models import MaintenanceWindow, Monitor, MonitorTag, Site
from app.services import stored_secrets
from app.services.errors import NotFound

logger = logging.getLogger(__name__)

_AT_ONCE = 100  # rows that are read at once: parsing them takes some 10 ms, in which nothing else runs
SECRETS_KEPT_S = 60.0
_NONE_KNOWN: Mapping[int, datetime] = {}


@dataclass(slots=True, eq=False)
class Watched:
    """One monitor as the engine holds it. The last three are the engine's own, who writes them; a row says how they were stored."""

    id: int
    public_id: str
    workspace_id: int
    name: str
    kind: Kind
    check: Check | None  # None: it cannot be read
    problem: str  # why it cannot; "" when it can
    interval_ms: int
    phase_ms: int
    timeout_s: float
    retries: int
    retry_interval_s: float
    thresholds: Thresholds
    upside_down: bool
    parent_id: int | None
    site_id: int | None
    tags: frozenset[str]
    secrets: frozenset[str]  # names that the check needs, without "secret."
    plain: bool  # whether nothing is to be filled in
    active: bool  # neither paused nor deleted
    changed_at: datetime
    state: State = field(default_factory=State)
    unknown_since: datetime | None = None
    remembered: str = ""


async def load(
    since: datetime | None = None, ids: Collection[int] | None = None, known: Mapping[int, datetime] = _NONE_KNOWN
) -> AsyncIterator[list[Watched]]:
    """Yield monitors, some hundred at a time.

    Args:
        since: only what was changed then or later, whether active or not; None: all that are active.
        ids: only these, whether active or not.
        known: left out when they were changed last at this time.
    """
    query = select(Monitor).order_by(col(Monitor.id)).limit(_AT_ONCE)
    if since is not None:
        query = query.where(col(Monitor.changed_at) >= since)
    elif ids is None:
        query = query.where(col(Monitor.paused_at).is_(None), col(Monitor.deleted_at).is_(None))
    wanted: list[int] | None = sorted(ids) if ids is not None else None
    last = 0
    while True:
        step = query.where(col(Monitor.id) > last)
        if wanted is not None:
            some, wanted = wanted[:_AT_ONCE], wanted[_AT_ONCE:]
            if not some:
                return
            step = query.where(col(Monitor.id).in_(some))
        async with reading() as db:
            every = (await db.exec(step)).all()
            rows = [row for row in every if row.id is not None and known.get(row.id) != row.changed_at]
            found = [row.id for row in rows if row.id is not None]
            tags: defaultdict[int, set[str]] = defaultdict(set)
            if found:
                named = select(MonitorTag.monitor_id, MonitorTag.name).where(col(MonitorTag.monitor_id).in_(found), MonitorTag.value == "")
                for monitor_id, name in (await db.exec(named)).all():
                    tags[monitor_id].add(name)
        if rows:
            yield [_watched(row, frozenset(tags.get(row.id or 0, ()))) for row in rows]
        if wanted is None and len(every) < _AT_ONCE:
            return
        last = (every[-1].id or 0) if every else 0


async def active_ids() -> set[int]:
    """Return the row ids of all monitors that are checked: what is not among them is gone, for whatever reason."""
    query = select(Monitor.id).where(col(Monitor.paused_at).is_(None), col(Monitor.deleted_at).is_(None))
    async with reading() as db:
        return {row_id for row_id in (await db.exec(query)).all() if row_id is not None}


def _watched(row: Monitor, tags: frozenset[str]) -> Watched:
    assert row.id is not None
    check, problem = None, ""
    try:
        kind = Kind(row.kind)
        check = parse(kind, json.loads(row.configuration))
    except (BadCheck, ValueError) as error:
        kind, problem = Kind.PAGE, "What this monitor checks cannot be read. Edit it and save it again."
        logger.warning("monitor %s cannot be read: %s", row.public_id, type(error).__name__)
    try:
        thresholds = Thresholds(row.down, row.down_of, row.up, row.up_of)
    except ValueError:
        thresholds = Thresholds()
    names = placeholders.names_in(check) if check is not None else frozenset()
    return Watched(
        row.id,
        row.public_id,
        row.workspace_id,
        row.name,
        kind,
        check,
        problem,
        max(row.interval_ms, 1000),
        row.phase_ms,
        row.timeout_ms / 1000,
        row.retries,
        row.retry_interval_ms / 1000,
        thresholds,
        row.upside_down,
        row.parent_id,
        row.site_id,
        tags,
        frozenset(name.removeprefix(placeholders.SECRET) for name in names if name.startswith(placeholders.SECRET)),
        not names,
        row.paused_at is None and row.deleted_at is None,
        row.changed_at,
        State(Standing(row.standing), row.standing_since, row.votes),
        row.unknown_since,
        row.remembered,
    )


# Secrets.

_secrets: dict[tuple[int, str], tuple[float, str]] = {}


async def secrets_of(workspace_id: int, names: Iterable[str]) -> dict[str, str]:
    """Return the values of a workspace's secrets by name; those that are not there are left out. Kept for a minute.

    Raises:
        Sealed: one cannot be read any more.
    """
    values: dict[str, str] = {}
    for name in names:
        kept = _secrets.get((workspace_id, name))
        if kept is None or kept[0] < time.monotonic():
            try:
                kept = time.monotonic() + SECRETS_KEPT_S, await stored_secrets.value(workspace_id, name)
            except NotFound:
                _secrets.pop((workspace_id, name), None)
                continue
            _secrets[workspace_id, name] = kept
        values[name] = kept[1]
    return values


def forget_secrets(workspace_id: int | None = None) -> None:
    """Read a workspace's secrets anew at their next use; None: everybody's."""
    for key in [key for key in _secrets if workspace_id in (None, key[0])]:
        del _secrets[key]


# Maintenance.


@dataclass(frozen=True, slots=True)
class Window:
    """When results of some monitors of a workspace do not count. It is for all of them when it names none."""

    workspace_id: int
    maintenance: Maintenance
    monitors: frozenset[int] = frozenset()
    tags: frozenset[str] = frozenset()
    sites: frozenset[int] = frozenset()

    def is_for(self, watched: Watched) -> bool:
        if watched.workspace_id != self.workspace_id:
            return False
        named = bool(self.monitors or self.tags or self.sites)
        return not named or watched.id in self.monitors or watched.site_id in self.sites or not self.tags.isdisjoint(watched.tags)

    def holds(self, at: datetime) -> bool:
        window = self.maintenance
        if not window.cron:
            return in_maintenance(window, at)
        if (window.start and at < window.start) or (window.end and at >= window.end):
            return False
        # To find when a cron expression was true last takes longer than a check; within a minute it is the same.
        return at < _began(window.cron, window.zone, at.replace(second=0, microsecond=0)) + window.duration


@lru_cache(maxsize=4096)
def _began(cron: str, zone: str, minute: datetime) -> datetime:
    return last_cron(cron, zone, minute)


async def windows() -> tuple[Window, ...]:
    """Return all windows that hold now or may hold later."""
    now = datetime.now(UTC)
    async with reading() as db:
        # A check that was due a moment ago still asks.
        over = now - timedelta(hours=1)
        rows = [
            row
            for row in (await db.exec(select(MaintenanceWindow))).all()
            if not any(end is not None and end < over for end in (row.ends_at, row.ended_at))
        ]
        targets = [_targets(row) for row in rows]
        monitors = await _row_ids(db, Monitor, [target.get("monitors") for target in targets])
        sites = await _row_ids(db, Site, [target.get("sites") for target in targets])
    made: list[Window] = []
    for row, target in zip(rows, targets, strict=True):
        named = any(target.get(name) for name in ("monitors", "tags", "sites"))
        try:
            end = min(filter(None, (row.ends_at, row.ended_at)), default=None)
            if end is not None and row.starts_at is not None and end <= row.starts_at:
                continue  # ended before it began
            maintenance = Maintenance(row.starts_at, end, row.cron, row.zone, timedelta(seconds=row.duration_s))
        except BadSchedule:
            logger.warning("maintenance window %s cannot be read", row.public_id)
            continue
        window = Window(
            row.workspace_id,
            maintenance,
            frozenset(monitors[value] for value in _list(target.get("monitors")) if value in monitors),
            frozenset(value for value in _list(target.get("tags")) if isinstance(value, str)),
            frozenset(sites[value] for value in _list(target.get("sites")) if value in sites),
        )
        # One that named what is gone by now is for nothing, not for all.
        if not named or window.monitors or window.tags or window.sites:
            made.append(window)
    return tuple(made)


def _targets(row: MaintenanceWindow) -> dict[str, Any]:
    try:
        read = json.loads(row.targets)
    except ValueError:
        read = {}
    return read if isinstance(read, dict) else {}


def _list(value: object) -> list[Any]:
    return [entry for entry in value if isinstance(entry, str | int)] if isinstance(value, list) else []


async def _row_ids(db: Any, table: type[Monitor] | type[Site], named: list[object]) -> dict[str | int, int]:
    """Return row ids by what stands in windows for them: public ids, or row ids."""
    values = {value for names in named for value in _list(names)}
    found: dict[str | int, int] = {value: value for value in values if isinstance(value, int)}
    texts = sorted(value for value in values if isinstance(value, str))
    for place in range(0, len(texts), _AT_ONCE):
        query = select(table.public_id, table.id).where(col(table.public_id).in_(texts[place : place + _AT_ONCE]))
        found |= dict((await db.exec(query)).all())
    return found

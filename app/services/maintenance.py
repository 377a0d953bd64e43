"""Maintenance windows: when results are kept and do not count, and of which monitors."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, false, or_, true
from sqlmodel import col, select
from sqlmodel import delete as delete_from
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.described import span
from app.core.schedule import BadSchedule, Maintenance, in_maintenance, last_cron, next_maintenance
from app.db import reading, transaction
from app.models import MaintenanceWindow, Monitor, MonitorTag, Site, now
from app.services import audit, engine_orders, memberships, names
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Conflict, Invalid, Limited, NotFound
from app.services.monitor_form import Faults, read_tags, whole

AT_MOST = 200  # of one workspace
MAX_TARGETS = 500
_MAX_DURATION_S = 31 * 86_400


@dataclass(frozen=True, slots=True)
class WindowDraft:
    """A window as it is written. Without monitors, tags and sites it is for the whole workspace."""

    name: str
    starts_at: datetime | None = None  # aware; a window that comes once has both
    ends_at: datetime | None = None
    cron: str = ""  # "" for one that comes once
    zone: str = "UTC"
    duration_s: int = 0  # of one that recurs
    monitors: tuple[str, ...] = ()  # public ids
    tags: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()  # public ids


@dataclass(frozen=True, slots=True)
class WindowRow:
    id: str
    name: str  # as in WindowDraft, as the next eight
    starts_at: datetime | None
    ends_at: datetime | None
    cron: str
    zone: str
    duration_s: int
    monitors: tuple[str, ...]
    tags: tuple[str, ...]
    sites: tuple[str, ...]
    state: str  # "now", "next", "over"
    next_at: datetime | None  # when it starts next; None when it does not
    until: datetime | None  # when it ends, of one that holds now
    words: str  # when, in words
    targets: str  # of what, in words


@dataclass(frozen=True, slots=True)
class Window:
    """What a window is for. Ids are row ids; without any it is for the whole workspace."""

    workspace_id: int
    monitor_ids: frozenset[int] = frozenset()
    tags: frozenset[str] = frozenset()
    site_ids: frozenset[int] = frozenset()

    @property
    def everything(self) -> bool:
        return not (self.monitor_ids or self.tags or self.site_ids)

    def covers(self, monitor_id: int, tags: frozenset[str], site_id: int | None) -> bool:
        """Whether it is for this monitor of its workspace."""
        return self.everything or monitor_id in self.monitor_ids or site_id in self.site_ids or not self.tags.isdisjoint(tags)


def _holds(schedule: Maintenance | None, at: datetime) -> bool:
    return schedule is not None and in_maintenance(schedule, at)


def _began(schedule: Maintenance, at: datetime) -> datetime:
    """Return when the occurrence began that holds at this time."""
    if schedule.cron:
        begun = last_cron(schedule.cron, schedule.zone, at)
        return max(begun, schedule.start) if schedule.start else begun
    assert schedule.start is not None
    return schedule.start


@dataclass(frozen=True, slots=True)
class Holding:
    """What is in maintenance at one time, of one workspace. Ids are row ids."""

    windows: tuple[Window, ...] = ()

    def covers(self, monitor_id: int, tags: frozenset[str], site_id: int | None) -> bool:
        return any(window.covers(monitor_id, tags, site_id) for window in self.windows)

    def condition(self) -> ColumnElement[bool]:
        """Return whether a row of Monitor is in maintenance, for a query."""
        if any(window.everything for window in self.windows):
            return true()
        parts: list[ColumnElement[bool]] = []
        if monitor_ids := sorted({one for window in self.windows for one in window.monitor_ids}):
            parts.append(col(Monitor.id).in_(monitor_ids))
        if site_ids := sorted({one for window in self.windows for one in window.site_ids}):
            parts.append(col(Monitor.site_id).in_(site_ids))
        if tags := sorted({one for window in self.windows for one in window.tags}):
            workspace_id = self.windows[0].workspace_id
            tagged = select(MonitorTag.monitor_id).where(MonitorTag.workspace_id == workspace_id, col(MonitorTag.name).in_(tags))
            parts.append(col(Monitor.id).in_(tagged.where(MonitorTag.value == "")))
        return or_(*parts) if parts else false()


@lru_cache(maxsize=2048)
def _held(schedule: Maintenance, at: datetime) -> bool:
    return in_maintenance(schedule, at)


async def holding(db: AsyncSession, workspace_id: int, at: datetime) -> Holding:
    """Return what is in maintenance in a workspace at this time."""
    rows = (await db.exec(select(MaintenanceWindow).where(MaintenanceWindow.workspace_id == workspace_id))).all()
    # Cron is slow to read, and says nothing new within a minute; windows that come once can end at any second.
    minute = at.replace(second=0, microsecond=0)
    held = [row for row in rows if (schedule := _schedule(row)) and _in_span(row, at) and _held(schedule, minute if row.cron else at)]
    return Holding(tuple(await _windows(db, held)))


def _in_span(row: MaintenanceWindow, at: datetime) -> bool:
    """Whether a window is not over, and has begun."""
    end = _end(row)
    return (row.starts_at is None or row.starts_at <= at) and (end is None or at < end)


async def _windows(db: AsyncSession, rows: list[MaintenanceWindow]) -> list[Window]:
    """Return the windows with row ids in place of public ids; of what is gone there is none."""
    targets = [json.loads(row.targets) for row in rows]
    monitors = await _row_ids(db, Monitor, {one for target in targets for one in target.get("monitors", ())})
    sites = await _row_ids(db, Site, {one for target in targets for one in target.get("sites", ())})
    made = []
    for row, target in zip(rows, targets, strict=True):
        monitor_ids = frozenset(monitors[one] for one in target.get("monitors", ()) if one in monitors)
        site_ids = frozenset(sites[one] for one in target.get("sites", ()) if one in sites)
        tags = frozenset(target.get("tags", ()))
        if any(target.values()) and not (monitor_ids or site_ids or tags):
            continue  # all that it was for is gone: it must not become a window of the whole workspace
        made.append(Window(row.workspace_id, monitor_ids, tags, site_ids))
    return made


async def _row_ids(db: AsyncSession, table: type[Monitor] | type[Site], public_ids: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    wanted = sorted(public_ids)
    for place in range(0, len(wanted), MAX_TARGETS):
        query = select(table.public_id, table.id).where(col(table.public_id).in_(wanted[place : place + MAX_TARGETS]))
        found |= {public_id: row_id for public_id, row_id in (await db.exec(query)).all() if row_id is not None}
    return found


def _end(row: MaintenanceWindow) -> datetime | None:
    return min(filter(None, (row.ends_at, row.ended_at)), default=None)


def _schedule(row: MaintenanceWindow) -> Maintenance | None:
    """Return when the window holds; None when it was ended before it began."""
    end = _end(row)
    if end is not None and row.starts_at is not None and end <= row.starts_at:
        return None
    return Maintenance(row.starts_at, end, row.cron, row.zone, timedelta(seconds=row.duration_s))


# As people see and change them.


async def list_(actor: Actor | None) -> tuple[WindowRow, ...]:
    """Return the workspace's windows: those that hold first, then those that come, by when; then those that are over."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        query = select(MaintenanceWindow).where(MaintenanceWindow.workspace_id == actor.workspace_id)
        rows = (await db.exec(query.order_by(col(MaintenanceWindow.id).desc()))).all()
        told = await _names(db, actor, rows)
    order = {"now": 0, "next": 1, "over": 2}
    shown = [_row(row, told) for row in rows]
    far = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(shown, key=lambda row: (order[row.state], row.next_at or far)))


async def _names(db: AsyncSession, actor: Actor, rows: Any) -> dict[str, str]:
    """Return the names of the monitors and sites that windows name, by public id."""
    targets = [json.loads(row.targets) for row in rows]
    found: dict[str, str] = {}
    for table, key in ((Monitor, "monitors"), (Site, "sites")):
        wanted = sorted({one for target in targets for one in target.get(key, ())})
        for place in range(0, len(wanted), MAX_TARGETS):
            query = select(table.public_id, table.name).where(table.workspace_id == actor.workspace_id)
            found |= dict((await db.exec(query.where(col(table.public_id).in_(wanted[place : place + MAX_TARGETS])))).all())
    return found


def _row(row: MaintenanceWindow, told: dict[str, str]) -> WindowRow:
    schedule, at, target = _schedule(row), now(), json.loads(row.targets)
    monitors, tags, sites = (tuple(target.get(key, ())) for key in ("monitors", "tags", "sites"))
    state, until, next_at = "over", None, next_maintenance(schedule, at) if schedule else None
    if schedule and _holds(schedule, at):
        state = "now"
        ends = (_began(schedule, at) + schedule.duration if row.cron else None, schedule.end)
        until = min(filter(None, ends), default=None)
    elif next_at:
        state = "next"
    return WindowRow(
        row.public_id, row.name, row.starts_at, row.ends_at, row.cron, row.zone, row.duration_s, monitors, tags, sites,
        state, next_at, until, _words(row), _targets(monitors, tags, sites, told),
    )  # fmt: skip


def _words(row: MaintenanceWindow) -> str:
    if row.cron:
        return f"{row.cron} ({row.zone}), for {span(row.duration_s)}"
    assert row.starts_at is not None
    assert row.ends_at is not None
    return f"once, for {span(round((row.ends_at - row.starts_at).total_seconds()))}"


def _targets(monitors: tuple[str, ...], tags: tuple[str, ...], sites: tuple[str, ...], told: dict[str, str]) -> str:
    named = [told[one] for one in (*sites, *monitors) if one in told] + [f"#{tag}" for tag in tags]
    if not named:
        return "nothing that is left" if sites or monitors else "everything"
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


async def _read(db: AsyncSession, actor: Actor, draft: WindowDraft) -> dict[str, Any]:
    """Return the columns of a window. Raises Invalid with every field at fault."""
    faults = Faults()
    name = faults.take(lambda: names.name(draft.name, "name"))
    starts_at = faults.take(lambda: _moment(draft.starts_at, "starts_at"))
    ends_at = faults.take(lambda: _moment(draft.ends_at, "ends_at"))
    cron = faults.take(lambda: names.name(draft.cron, "cron", empty=True))
    zone = faults.take(lambda: names.name(draft.zone, "zone", most_chars=64))
    duration_s = faults.take(lambda: whole(draft.duration_s, "duration_s", 0, _MAX_DURATION_S))
    tags = faults.take(lambda: read_tags(draft.tags))
    targets: dict[str, list[str]] = {"tags": list(tags or ())}
    for key, table, noun in (("monitors", Monitor, "monitor"), ("sites", Site, "site")):
        targets[key] = await _known(db, actor, getattr(draft, key), key, table, noun, faults)
    if not faults.errors:
        assert cron is not None
        assert zone is not None
        assert duration_s is not None
        try:
            Maintenance(starts_at, ends_at, cron, zone, timedelta(seconds=duration_s))
        except BadSchedule as error:
            if not cron:
                faults.add("ends_at" if starts_at else "starts_at", str(error))
            else:
                faults.add("duration_s" if "lasts" in str(error) else "zone" if "time zone" in str(error) else "cron", str(error))
        else:
            if cron and starts_at and ends_at and starts_at >= ends_at:
                faults.add("ends_at", "The end is before the start.")
    faults.raise_any()
    return {
        "name": name, "starts_at": starts_at, "ends_at": ends_at, "cron": cron, "zone": zone,
        "duration_s": duration_s if cron else 0, "targets": json.dumps(targets),
    }  # fmt: skip


def _moment(value: object, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, datetime) and value.tzinfo is not None and 2000 <= value.year <= 2200:
            return value.astimezone(UTC)
    except OverflowError:
        pass
    raise Invalid(name, "This is no moment: write a date and a time with its zone, like 2026-03-29T12:00:00Z.")


async def _known(
    db: AsyncSession, actor: Actor, ids: object, key: str, table: type[Monitor] | type[Site], noun: str, faults: Faults
) -> list[str]:
    if not isinstance(ids, list | tuple) or len(ids) > MAX_TARGETS or not all(map(names.is_public_id, ids)):
        faults.add(key, f"Name at most {MAX_TARGETS} {noun}s by their ids.")
        return []
    wanted = list(dict.fromkeys(ids))
    this = [table.workspace_id == actor.workspace_id, col(table.public_id).in_(wanted)]
    if table is Monitor:
        this.append(col(Monitor.deleted_at).is_(None))
    known = set((await db.exec(select(table.public_id).where(*this))).all()) if wanted else set()
    if len(known) < len(wanted):
        faults.add(key, f"There is no such {noun} in this workspace.")
    return wanted


def _not_found() -> NotFound:
    return NotFound("There is no such maintenance window in this workspace.")


async def _get(db: AsyncSession, actor: Actor, window_id: object) -> MaintenanceWindow:
    if not names.is_public_id(window_id):
        raise _not_found()
    this = (MaintenanceWindow.public_id == window_id, MaintenanceWindow.workspace_id == actor.workspace_id)
    found = (await db.exec(select(MaintenanceWindow).where(*this))).first()
    if found is None:
        raise _not_found()
    return found


async def get(actor: Actor | None, window_id: str) -> WindowRow:
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        row = await _get(db, actor, window_id)
        return _row(row, await _names(db, actor, [row]))


async def monitors_named(actor: Actor | None, ids: Sequence[str]) -> dict[str, str]:
    """Return the names of those of these monitors that are still there, by id: for a form that shows what a window is for."""
    actor = require(actor, Action.READ_MONITORS)
    wanted = sorted(filter(names.is_public_id, ids))[:MAX_TARGETS]
    query = select(Monitor.public_id, Monitor.name).where(
        Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None), col(Monitor.public_id).in_(wanted)
    )
    async with reading() as db:
        return dict((await db.exec(query)).all()) if wanted else {}


async def create(actor: Actor | None, draft: WindowDraft) -> str:
    """Add a window and return its id. Raises Invalid by field, Limited."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        taken = (await db.exec(select(MaintenanceWindow.id).where(MaintenanceWindow.workspace_id == actor.workspace_id))).all()
        if len(taken) >= AT_MOST:
            raise Limited(f"A workspace can have {AT_MOST} maintenance windows. Delete some that are over.")
        row = MaintenanceWindow(workspace_id=actor.workspace_id, **await _read(db, actor, draft))
        db.add(row)
        audit.record(db, actor, Did.MAINTENANCE_ADDED, row.name, after=_words(row))
    await _tell()
    return row.public_id


async def change(actor: Actor | None, window_id: str, draft: WindowDraft) -> None:
    """Change a window; one that was ended early may hold again. Raises NotFound, Invalid by field."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        row = await _get(db, actor, window_id)
        before = _words(row)
        for name, value in (await _read(db, actor, draft)).items():
            setattr(row, name, value)
        row.ended_at = None
        audit.record(db, actor, Did.MAINTENANCE_CHANGED, row.name, before=before, after=_words(row))
    await _tell()


async def end_now(actor: Actor | None, window_id: str) -> None:
    """End a window that holds; one that recurs comes again. Raises NotFound, Conflict when it does not hold."""
    actor = require(actor, Action.CHANGE_MONITORS)
    at = now()
    async with transaction() as db:
        row = await _get(db, actor, window_id)
        schedule = _schedule(row)
        if schedule is None or not _holds(schedule, at):
            raise Conflict("This window does not hold now.")
        if row.cron:
            # It holds again from after this occurrence on.
            row.starts_at = _began(schedule, at) + schedule.duration
        else:
            row.ended_at = at
        audit.record(db, actor, Did.MAINTENANCE_ENDED, row.name)
    await _tell()


async def delete(actor: Actor | None, window_id: str) -> None:
    """Remove a window. Results that fell into it still do not count. Raises NotFound."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        row = await _get(db, actor, window_id)
        await db.exec(delete_from(MaintenanceWindow).where(col(MaintenanceWindow.id) == row.id))
        audit.record(db, actor, Did.MAINTENANCE_DELETED, row.name)
    await _tell()


async def _tell() -> None:
    await engine_orders.maintenance_changed()

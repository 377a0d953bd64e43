"""Monitors, as people and programs make, change, pause and delete them. What checks find of them is written by `settling`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select, update
from sqlmodel import delete as delete_from
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, described
from app.core.checks import Check, Kind
from app.core.schedule import first_due_ms
from app.db import reading, transaction
from app.models import Monitor, MonitorTag, new_public_id, now
from app.services import audit, engine_orders, heartbeats, memberships, monitor_form, monitor_secrets, names, rates, settling
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Conflict, Invalid, Limited
from app.services.monitor_detail import MonitorDetail, checked_of, detail_of, draft_of, get
from app.services.monitor_form import Draft, Form, defaults
from app.services.monitor_rows import RESTORABLE, ids_of, places_of, row_of, rows_of
from app.services.rates import Rate

__all__ = [
    "BulkChange", "Draft", "MonitorDetail", "add_all", "bulk", "change", "check_now", "clone", "create", "defaults", "delete", "get",
    "patch", "pause", "purge", "restore", "resume", "written",
]  # fmt: skip

AT_MOST = 20_000  # of one workspace
_PURGE_BATCH = 100
_WRITTEN_AT_ONCE = 200


def _columns(form: Form, check: Check, public_id: str) -> dict[str, Any]:
    return {
        "name": form.name,
        "kind": check.kind.value,
        "configuration": json.dumps(checks.dump(check)),
        "address": described.address(check),
        "notes": form.notes,
        **_schedule(form.interval_ms, public_id),
        "timeout_ms": form.timeout_ms,
        "retries": form.retries,
        "retry_interval_ms": form.retry_interval_ms,
        **asdict(form.thresholds),
        "upside_down": form.upside_down,
    }


def _schedule(interval_ms: int, public_id: str) -> dict[str, int]:
    # Its place within the interval depends on its id alone: those made together are spread, and each keeps its place.
    return {"interval_ms": interval_ms, "phase_ms": first_due_ms(0, interval_ms, public_id)}


async def _put_tags(db: AsyncSession, row: Monitor, form: Form) -> None:
    assert row.id is not None
    await db.exec(delete_from(MonitorTag).where(col(MonitorTag.monitor_id) == row.id))
    for name, value in (*((tag, "") for tag in form.tags), *form.labels):
        db.add(MonitorTag(monitor_id=row.id, workspace_id=row.workspace_id, name=name, value=value))


async def _room_for_more(db: AsyncSession, actor: Actor, more: int = 1) -> None:
    count = select(func.count()).select_from(Monitor).where(Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None))
    if (await db.exec(count)).one() + more > AT_MOST:
        raise Limited(f"A workspace can have {AT_MOST} monitors. Delete some that are not needed any more.")


# Making and changing one.


async def create(actor: Actor | None, draft: Draft) -> MonitorDetail:
    """Add a monitor. Secrets that are written in its check go into the vault; the answer names them.

    Raises:
        Invalid: names every field at fault.
        Forbidden: also when the check holds a secret and the actor may not add secrets.
        Limited: there are `AT_MOST` already.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    form = monitor_form.read(draft)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        await _room_for_more(db, actor)
        places = await places_of(db, actor, form)
        check, made = await monitor_secrets.stored(db, actor, form.name, form.check, None)
        row = await _add(db, actor, form, check, places)
        audit.record(db, actor, Did.MONITOR_ADDED, _named(row), after=_summary(row))
        detail = await detail_of(db, actor, row, made)
    await engine_orders.changed(ids_of([row]))
    return detail


async def add_all(db: AsyncSession, actor: Actor, forms: Sequence[Form]) -> list[Monitor]:
    """Add monitors in the transaction of a caller who holds the workspace's lock, and who tells the engine after it.

    Raises:
        Invalid, Forbidden, Limited: as `create`.
    """
    await _room_for_more(db, actor, len(forms))
    rows = []
    for form in forms:
        check, _ = await monitor_secrets.stored(db, actor, form.name, form.check, None)
        row = await _add(db, actor, form, check, await places_of(db, actor, form))
        audit.record(db, actor, Did.MONITOR_ADDED, _named(row), after=_summary(row))
        rows.append(row)
    return rows


async def _add(db: AsyncSession, actor: Actor, form: Form, check: Check, places: dict[str, int | None]) -> Monitor:
    public_id, at = new_public_id(), now()
    row = Monitor(
        public_id=public_id,
        workspace_id=actor.workspace_id,
        created_at=at,
        changed_at=at,
        paused_at=at if form.paused else None,
        **{**_columns(form, check, public_id), **places},
    )
    db.add(row)
    await db.flush()
    assert row.id is not None
    await _put_tags(db, row, form)
    if check.kind is Kind.HEARTBEAT:
        await heartbeats.make(db, row.id)
    await db.flush()
    return row


async def change(actor: Actor | None, monitor_id: str, draft: Draft) -> MonitorDetail:
    """Write a monitor anew, all of it. A placeholder that stays keeps its secret; the kind cannot change.

    Raises:
        NotFound: no such monitor.
        Invalid, Forbidden: as `create`.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        row = await row_of(db, actor, monitor_id)
        detail = await _change(db, actor, row, draft)
    await engine_orders.changed(ids_of([row]))
    return detail


async def patch(actor: Actor | None, monitor_id: str, changes: dict[str, Any]) -> MonitorDetail:
    """Change only these fields of a monitor's draft. Raises as `change`."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        row = await row_of(db, actor, monitor_id)
        detail = await _change(db, actor, row, monitor_form.partial(await draft_of(db, row), changes))
    await engine_orders.changed(ids_of([row]))
    return detail


async def _change(db: AsyncSession, actor: Actor, row: Monitor, draft: Draft) -> MonitorDetail:
    assert row.id is not None
    form = monitor_form.read(draft)
    if form.check.kind.value != row.kind:
        raise Invalid("kind", "The kind of a monitor stays: its history would not be comparable. Add another monitor.")
    places = await places_of(db, actor, form, frozenset({row.id}))
    check, made = await monitor_secrets.stored(db, actor, form.name, form.check, checked_of(row))
    before, was = _summary(row), (row.kind, row.configuration, row.interval_ms)
    at = now()
    for column, value in {**_columns(form, check, row.public_id), **places}.items():
        setattr(row, column, value)
    row.changed_at = at
    if row.configuration != was[1]:
        row.remembered = ""  # it was about something else
    await _put_tags(db, row, form)
    if (row.kind, row.configuration, row.interval_ms) != was and row.kind == Kind.HEARTBEAT:
        await heartbeats.expect(db, [row.id], at)
    if form.paused and row.paused_at is None:
        row.paused_at = at
        await db.flush()
        await settling.close_open(db, [row.id], "paused", at)
    elif not form.paused and row.paused_at is not None:
        row.paused_at = None
        await heartbeats.expect(db, [row.id], at)
    await db.flush()
    audit.record(db, actor, Did.MONITOR_CHANGED, _named(row), before=before, after=_summary(row))
    await db.refresh(row)
    return await detail_of(db, actor, row, made)


def _named(row: Monitor) -> str:
    return f"{row.name} ({row.public_id})"


def _summary(row: Monitor) -> str:
    """Return what the audit log says of a monitor. Placeholders stand where secrets are, so none can be in it."""
    thresholds = f"down {row.down} of {row.down_of}, up {row.up} of {row.up_of}"
    words = f"{row.name}: {row.kind} every {described.span(row.interval_ms / 1000)}, {thresholds}, {row.retries} retries"
    return f"{words}; {row.address}" if row.address else words


async def clone(actor: Actor | None, monitor_id: str) -> str:
    """Copy a monitor with the secrets that it names. The copy is paused; return its id. Raises NotFound, Limited."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        row = await row_of(db, actor, monitor_id)
        await _room_for_more(db, actor)
        suffix = " (copy)"
        draft = await draft_of(db, row)
        form = monitor_form.read(replace(draft, name=row.name[: names.MAX_NAME_CHARS - len(suffix)].rstrip() + suffix, paused=True))
        places = {"site_id": row.site_id, "group_id": row.group_id, "parent_id": row.parent_id}
        copy = await _add(db, actor, form, form.check, places)
        audit.record(db, actor, Did.MONITOR_ADDED, _named(copy), after=f"a copy of {_named(row)}")
    await engine_orders.changed(ids_of([copy]))
    return copy.public_id


# Several at once.


async def pause(actor: Actor | None, ids: Sequence[str]) -> int:
    """Stop checking monitors; their open incidents end. Return how many were not paused before. Raises NotFound."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        rows = [row for row in await rows_of(db, actor, ids) if row.paused_at is None]
        at = now()
        await _set(db, rows, paused_at=at, changed_at=at, unknown_since=None)
        await settling.close_open(db, ids_of(rows), "paused", at)
        for row in rows:
            audit.record(db, actor, Did.MONITOR_PAUSED, _named(row))
    await engine_orders.changed(ids_of(rows))
    return len(rows)


async def resume(actor: Actor | None, ids: Sequence[str]) -> int:
    """Check monitors again. Return how many were paused. Raises NotFound."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        rows = [row for row in await rows_of(db, actor, ids) if row.paused_at is not None]
        at = now()
        await _set(db, rows, paused_at=None, changed_at=at)
        await heartbeats.expect(db, ids_of(rows), at)
        for row in rows:
            audit.record(db, actor, Did.MONITOR_RESUMED, _named(row))
    await engine_orders.changed(ids_of(rows))
    return len(rows)


async def delete(actor: Actor | None, ids: Sequence[str]) -> int:
    """Take monitors out of every list; their open incidents end. `restore` undoes it for an hour. Raises NotFound."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        rows = await rows_of(db, actor, ids)
        at = now()
        await _set(db, rows, deleted_at=at, changed_at=at, unknown_since=None)
        await settling.close_open(db, ids_of(rows), "deleted", at)
        for row in rows:
            audit.record(db, actor, Did.MONITOR_DELETED, _named(row))
    await engine_orders.changed(ids_of(rows))
    return len(rows)


async def restore(actor: Actor | None, ids: Sequence[str]) -> int:
    """Bring deleted monitors back. Raises NotFound once they have been purged, Limited when there is no room."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        rows = await rows_of(db, actor, ids, deleted=True)
        await _room_for_more(db, actor, len(rows))
        at = now()
        await _set(db, rows, deleted_at=None, changed_at=at)
        await heartbeats.expect(db, ids_of(rows), at)
        for row in rows:
            audit.record(db, actor, Did.MONITOR_RESTORED, _named(row))
    await engine_orders.changed(ids_of(rows))
    return len(rows)


async def _set(db: AsyncSession, rows: Sequence[Monitor], **values: object) -> None:
    if rows:
        await db.exec(update(Monitor).where(col(Monitor.id).in_(ids_of(rows))).values(**values))


@dataclass(frozen=True, slots=True)
class BulkChange:
    """What to change of several monitors. None leaves a field as it is; "" takes them out of group, site or parent."""

    interval_s: float | None = None
    timeout_s: float | None = None
    retries: int | None = None
    down: int | None = None
    down_of: int | None = None
    up: int | None = None
    up_of: int | None = None
    add_tags: tuple[str, ...] = field(default=())
    remove_tags: tuple[str, ...] = field(default=())
    group_id: str | None = None
    site_id: str | None = None
    parent_id: str | None = None


_SIMPLE = ("interval_s", "timeout_s", "retries", "down", "down_of", "up", "up_of", "group_id", "site_id", "parent_id")


async def bulk(actor: Actor | None, ids: Sequence[str], wanted: BulkChange) -> int:
    """Change several monitors, all or none. Return how many.

    Raises:
        NotFound: one of them is not there.
        Invalid: by field; the text names the first monitor that the change does not suit.
        Limited: more than `AT_ONCE`.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    changes = {name: value for name in _SIMPLE if (value := getattr(wanted, name)) is not None}
    added = monitor_form.read_tags(wanted.add_tags, "add_tags")
    removed = {tag.casefold() for tag in monitor_form.read_tags(wanted.remove_tags, "remove_tags")}
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        rows = await rows_of(db, actor, ids)
        own = frozenset(ids_of(rows))
        placed = Draft("", "", {}, **{name: changes.get(name, "") for name in ("site_id", "group_id", "parent_id")})
        places = {name: value for name, value in (await places_of(db, actor, placed, own)).items() if name in changes}
        tags = await _tags(db, rows)
        at = now()
        for row in rows:
            await _change_in_bulk(db, row, changes, places, added, removed, tags.get(row.id or 0, {}))
            row.changed_at = at
            audit.record(db, actor, Did.MONITOR_CHANGED, _named(row), after=_told(changes, added, removed))
    await engine_orders.changed(ids_of(rows))
    return len(rows)


async def _tags(db: AsyncSession, rows: Sequence[Monitor]) -> dict[int, dict[str, MonitorTag]]:
    """Return tags and labels by monitor and folded name."""
    found: dict[int, dict[str, MonitorTag]] = {}
    for tag in (await db.exec(select(MonitorTag).where(col(MonitorTag.monitor_id).in_(ids_of(rows))))).all():
        found.setdefault(tag.monitor_id, {})[tag.name.casefold()] = tag
    return found


async def _change_in_bulk(
    db: AsyncSession,
    row: Monitor,
    changes: dict[str, Any],
    places: dict[str, int | None],
    added: tuple[str, ...],
    removed: set[str],
    has: dict[str, MonitorTag],
) -> None:
    kind = Kind(row.kind)
    try:
        interval_ms = monitor_form.read_interval(changes["interval_s"]) if "interval_s" in changes else row.interval_ms
        row.timeout_ms = monitor_form.read_timeout(changes.get("timeout_s", row.timeout_ms / 1000), kind, interval_ms)
        if kind is Kind.WEBSOCKET and "timeout_s" in changes and (check := checked_of(row)) is not None:
            monitor_form.check_time(check, row.timeout_ms)
        row.retries = monitor_form.read_retries(changes.get("retries", row.retries))
        four = {name: changes.get(name, getattr(row, name)) for name in ("down", "down_of", "up", "up_of")}
        monitor_form.read_thresholds(**four)
        kept = [tag for tag in has.values() if tag.value or tag.name.casefold() not in removed]
        new = [tag for tag in added if tag.casefold() not in {one.name.casefold() for one in kept}]
        if new and sum(not tag.value for tag in kept) + len(new) > monitor_form.MAX_TAGS:
            raise Invalid("add_tags", f"At most {monitor_form.MAX_TAGS} tags fit.")
    except Invalid as error:
        raise Invalid(error.field, f"{row.name}: {error.message}") from error
    for name, value in {**four, **places, **_schedule(interval_ms, row.public_id)}.items():
        setattr(row, name, value)
    assert row.id is not None
    for tag in has.values():
        if tag not in kept:
            await db.delete(tag)
    await db.flush()
    for tag in new:
        db.add(MonitorTag(monitor_id=row.id, workspace_id=row.workspace_id, name=tag))


def _told(changes: dict[str, Any], added: tuple[str, ...], removed: set[str]) -> str:
    words = [f"{name} {value if value != '' else 'none'}" for name, value in changes.items()]
    words += [f"tag {tag} added" for tag in added] + [f"tag {tag} removed" for tag in sorted(removed)]
    return "; ".join(words)


# Running and forgetting.


async def check_now(actor: Actor | None, monitor_id: str) -> None:
    """Have a monitor checked at once, beside its schedule. What it finds is recorded like any other result.

    Raises:
        NotFound: no such monitor.
        Conflict: it is paused, or it is called and never calls.
        Limited: too often.
    """
    actor = require(actor, Action.RUN_CHECKS)
    async with transaction() as db:
        row = await row_of(db, actor, monitor_id)
    if row.paused_at is not None:
        raise Conflict("This monitor is paused. Resume it to have it checked.")
    if row.kind == Kind.HEARTBEAT:
        raise Conflict("A heartbeat is not checked: it waits to be called.")
    await rates.hit(Rate.TRY_CHECK, str(actor.user_id))
    assert row.id is not None
    await engine_orders.check_now(row.id)


async def written(actor: Actor | None, after: int = 0) -> tuple[list[tuple[str, datetime, Draft]], int | None]:
    """Return a batch of the workspace's monitors, in the order in which they were made, for exports: (id, when it was made, draft).

    Args:
        after: what the call before returned beside its batch; 0 for the first. None: there are no more.
    """
    actor = require(actor, Action.READ_MONITORS)
    query = select(Monitor).where(Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None), col(Monitor.id) > after)
    async with reading() as db:
        rows = (await db.exec(query.order_by(col(Monitor.id)).limit(_WRITTEN_AT_ONCE))).all()
        found = [(row.public_id, row.created_at, await draft_of(db, row)) for row in rows]
    return found, rows[-1].id if len(rows) == _WRITTEN_AT_ONCE else None


async def purge() -> int:
    """Remove the monitors for good that were deleted more than an hour ago. Return how many.

    Their incidents, tags and calls go with them by their foreign keys; what was recorded of their checks goes with its hours.
    """
    removed = 0
    while True:
        async with transaction() as db:
            old = select(Monitor.id).where(col(Monitor.deleted_at) < now() - RESTORABLE).limit(_PURGE_BATCH)
            ids = (await db.exec(old.with_for_update(skip_locked=True))).all()
            if not ids:
                return removed
            await db.exec(delete_from(Monitor).where(col(Monitor.id).in_(ids)))
        removed += len(ids)

"""Monitors, as people and programs make, change, pause and delete them. What checks find of them is written by `settling`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select, update
from sqlmodel import delete as delete_from
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, described
from app.core.checks import Check, Kind
from app.db import reading, transaction
from app.models import Monitor, MonitorTag, new_public_id, now
from app.services import audit, engine_orders, heartbeats, memberships, monitor_form, monitor_secrets, names, rates, settling
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Conflict, Invalid, Limited
from app.services.monitor_bulk import BulkChange, bulk
from app.services.monitor_detail import MonitorDetail, checked_of, detail_of, draft_of, get
from app.services.monitor_form import Draft, Form, defaults
from app.services.monitor_rows import RESTORABLE, ids_of, named, places_of, row_of, rows_of, schedule
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
        **schedule(form.interval_ms, public_id),
        "timeout_ms": form.timeout_ms,
        "retries": form.retries,
        "retry_interval_ms": form.retry_interval_ms,
        **asdict(form.thresholds),
        "upside_down": form.upside_down,
    }


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
        audit.record(db, actor, Did.MONITOR_ADDED, named(row), after=_summary(row))
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
        audit.record(db, actor, Did.MONITOR_ADDED, named(row), after=_summary(row))
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
    audit.record(db, actor, Did.MONITOR_CHANGED, named(row), before=before, after=_summary(row))
    await db.refresh(row)
    return await detail_of(db, actor, row, made)


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
        audit.record(db, actor, Did.MONITOR_ADDED, named(copy), after=f"a copy of {named(row)}")
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
            audit.record(db, actor, Did.MONITOR_PAUSED, named(row))
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
            audit.record(db, actor, Did.MONITOR_RESUMED, named(row))
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
            audit.record(db, actor, Did.MONITOR_DELETED, named(row))
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
            audit.record(db, actor, Did.MONITOR_RESTORED, named(row))
    await engine_orders.changed(ids_of(rows))
    return len(rows)


async def _set(db: AsyncSession, rows: Sequence[Monitor], **values: object) -> None:
    if rows:
        await db.exec(update(Monitor).where(col(Monitor.id).in_(ids_of(rows))).values(**values))


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

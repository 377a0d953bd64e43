"""One monitor as people see it: its draft, where it stands, and what is wrong with it."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks
from app.core.baselines import is_worse
from app.core.cell import Cell
from app.core.checks import BadCheck, Check, Kind
from app.core.incident import Standing
from app.db import reading
from app.models import Monitor, MonitorGroup, MonitorTag, Site, now
from app.services import board, groups, heartbeats, incidents, maintenance
from app.services.access import Action, Actor, may, require
from app.services.errors import NotFound
from app.services.incidents import IncidentRow
from app.services.monitor_form import Draft
from app.services.monitor_status import status_of
from app.services.names import is_public_id
from app.settings import settings


@dataclass(frozen=True, slots=True)
class MonitorDetail:
    id: str
    draft: Draft  # as it is stored: secrets stand in it by name
    created_at: datetime
    changed_at: datetime
    paused_at: datetime | None
    standing: str  # `app.core.incident.Standing`
    standing_since: datetime | None
    unknown_since: datetime | None
    status: str  # what people read: as `Cell.status`
    site: str
    group: str  # "Shop / Checkout"
    parent: str
    cell: Cell
    incident: IncidentRow | None  # the open one
    heartbeat_url: str  # where it is called; "" for other kinds, and for those who may not change it
    worse: bool  # of a check of change: whether it found something worse than its baseline, which can be taken as the new one
    may_change: bool
    made_secrets: tuple[str, ...] = ()  # names under which secrets of this change were put into the vault


def cell_of(row: Monitor, cell: Cell, maintained: bool) -> Cell:
    """Return the cell as it is shown: how it stands from the row, what was found from the board."""
    status = status_of(row, cell, maintained)
    since = {"paused": row.paused_at, "unknown": row.unknown_since, "maintenance": None}.get(status, row.standing_since)
    if status == "unreachable":
        return replace(cell, status=status)
    return replace(cell, status=status, since_s=int(since.timestamp()) if since else 0)


async def get(actor: Actor | None, monitor_id: str) -> MonitorDetail:
    """Return one monitor. Raises NotFound."""
    actor = require(actor, Action.READ_MONITORS)
    if not is_public_id(monitor_id):
        raise _not_found()
    async with reading() as db:
        this = (Monitor.public_id == monitor_id, Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None))
        row = (await db.exec(select(Monitor).where(*this))).first()
        if row is None:
            raise _not_found()
        return await detail_of(db, actor, row)


def _not_found() -> NotFound:
    return NotFound("There is no such monitor in this workspace.")


def checked_of(row: Monitor) -> Check | None:
    """Return the check of a row; None when a later version wrote it."""
    try:
        return checks.parse(Kind(row.kind), json.loads(row.configuration))
    except (BadCheck, ValueError):
        return None


async def draft_of(db: AsyncSession, row: Monitor) -> Draft:
    """Return the draft that would make this row."""
    public = await _public_ids(db, row)
    query = select(MonitorTag).where(MonitorTag.monitor_id == row.id).order_by(col(MonitorTag.name))
    named = (await db.exec(query)).all()
    return Draft(
        name=row.name,
        kind=row.kind,
        check=json.loads(row.configuration),
        interval_s=_seconds(row.interval_ms),
        timeout_s=_seconds(row.timeout_ms),
        retries=row.retries,
        retry_interval_s=_seconds(row.retry_interval_ms),
        down=row.down,
        down_of=row.down_of,
        up=row.up,
        up_of=row.up_of,
        upside_down=row.upside_down,
        **public,
        tags=tuple(tag.name for tag in named if not tag.value),
        labels=tuple((tag.name, tag.value) for tag in named if tag.value),
        notes=row.notes,
        paused=row.paused_at is not None,
    )


def _seconds(ms: int) -> float:
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


async def _public_ids(db: AsyncSession, row: Monitor) -> dict[str, str]:
    found = {"site_id": "", "group_id": "", "parent_id": ""}
    for column, table, row_id in (
        ("site_id", Site, row.site_id),
        ("group_id", MonitorGroup, row.group_id),
        ("parent_id", Monitor, row.parent_id),
    ):
        if row_id is not None:
            this = select(table.public_id).where(table.id == row_id)
            if table is Monitor:
                this = this.where(col(Monitor.deleted_at).is_(None))
            found[column] = (await db.exec(this)).first() or ""
    return found


async def detail_of(db: AsyncSession, actor: Actor, row: Monitor, made_secrets: tuple[str, ...] = ()) -> MonitorDetail:
    """Return the detail of a row of the actor's workspace."""
    assert row.id is not None
    draft = await draft_of(db, row)
    held = await maintenance.holding(db, actor.workspace_id, now())
    cell = cell_of(row, board.cells([row.id])[row.id], held.covers(row.id, frozenset(draft.tags), row.site_id))
    incident = (await incidents.open_of(db, [row.id])).get(row.id)
    may_change = may(actor, Action.CHANGE_MONITORS)
    site = (await db.exec(select(Site.name).where(Site.id == row.site_id))).first() if row.site_id else None
    parent = (await db.exec(select(Monitor.name).where(Monitor.id == row.parent_id))).first() if draft.parent_id else None
    placed = (await groups.tree(db, actor.workspace_id)).get(row.group_id) if row.group_id else None
    key = await heartbeats.key_of(db, row.id) if row.kind == Kind.HEARTBEAT and may_change else ""
    return MonitorDetail(
        id=row.public_id,
        draft=draft,
        created_at=row.created_at,
        changed_at=row.changed_at,
        paused_at=row.paused_at,
        standing=Standing(row.standing).value,
        standing_since=row.standing_since,
        unknown_since=row.unknown_since,
        status=cell.status,
        site=site or "",
        group=placed.path if placed else "",
        parent=parent or "",
        cell=cell,
        incident=incidents.row(incident, row.public_id, row.name, row.kind) if incident else None,
        heartbeat_url=f"{settings().backend_url}/ping/{key}" if key else "",
        worse=is_worse(row.kind, row.remembered),
        may_change=may_change,
        made_secrets=made_secrets,
    )

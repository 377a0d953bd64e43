"""The dashboard's reads: one page of monitors of a workspace, whatever it is filtered, sorted and grouped by, and how many stand how.

All of it is chosen, counted and sorted by the database, so that ten thousand monitors cost little more than ten: what leaves it is
one page.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_
from sqlalchemy.sql.elements import UnaryExpression
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, described
from app.core.cell import Cell
from app.core.checks import BadCheck, Kind
from app.core.incident import Standing
from app.db import reading
from app.models import Incident, Monitor, MonitorSummary, MonitorTag, Site, now
from app.services import board, groups, incidents, maintenance
from app.services.access import Action, Actor, require
from app.services.monitor_status import SEVERITY, STATUSES, status_in, unreachable_now
from app.services.names import is_public_id
from app.services.paging import page_number
from app.services.searching import holds, sought
from app.services.uptime import uptimes
from app.settings import settings

PAGE_SIZE = 50
WRONG = 3
MAX_CHOICES = 50  # values of a filter
MAX_HEADS = 200  # on one page
UPTIME_SPAN = timedelta(days=30)
UNGROUPED = "none"  # the key of what stands in no group, or belongs to no site
_NO_GROUP = {"group": "Without a group", "site": "Without a site"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which monitors, and in which order. A client may have put anything into any field: what cannot be meant chooses all."""

    text: str = ""  # stands in name, address or a tag, whatever its case
    status: str = ""
    kind: str = ""
    tag: str = ""
    site_id: str = ""
    sort: str = "status"  # "status" (worst first), "name", "uptime", "p95", "last"
    descending: bool = False
    group_by: str = "group"  # "group", "site", "kind", "none"
    folded: tuple[str, ...] = ()  # keys of groups
    page: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    name: str
    kind: str
    detail: str  # "api · GET · 4 assertions"
    address: str
    site: str
    tags: tuple[str, ...]
    group_key: str  # of the head that it stands under; "" without groups
    since: datetime | None  # since when it stands so
    reason: str  # of its open incident; "" without one
    uptime: float | None  # over 30 days, 0 to 1; None: it was never checked
    p95_ms: int | None  # of the last 24 hours that are over
    cell: Cell
    paused: bool
    interval_s: float


@dataclass(frozen=True, slots=True)
class GroupHead:
    key: str  # a group's or site's public id, a kind, or "none"
    words: str
    count: int  # monitors that the filter leaves, with those in groups within
    depth: int
    folded: bool


@dataclass(frozen=True, slots=True)
class Overview:
    rows: tuple[Row, ...]  # at most `PAGE_SIZE`
    heads: tuple[GroupHead, ...]  # in order; the rows with its key stand after each
    page: int
    pages: int
    total: int  # monitors that the filter leaves
    counts: dict[str, int]  # by status, as the filter without its status leaves them
    wrong: tuple[Row, ...]  # of the workspace, the worst first, at most three
    wrong_more: int
    kinds: tuple[tuple[str, int], ...]  # values of filters with how many monitors of the workspace have them, the most frequent first
    tags: tuple[tuple[str, int], ...]
    sites: tuple[tuple[str, str, int], ...]  # public id, name, count


@dataclass(frozen=True, slots=True)
class NavCounts:
    monitors: int
    sites: int
    open_incidents: int
    down: int
    degraded: int


@dataclass(frozen=True, slots=True)
class _Folder:
    """One group of rows: those whose column has this value."""

    head: GroupHead
    value: int | str | None
    own: int  # rows that stand in it itself
    hidden: bool  # it or a group around it is folded
    above: tuple[str, ...] = ()  # keys of the groups around it


_COLUMNS = {"group": Monitor.group_id, "site": Monitor.site_id, "kind": Monitor.kind}


async def read(actor: Actor | None, wanted: Filter) -> Overview:
    """Return one page of the workspace's monitors. A page beyond the last is the last."""
    actor = require(actor, Action.READ_MONITORS)
    at = now()
    async with reading() as db:
        held = await maintenance.holding(db, actor.workspace_id, at)
        status = status_in(held, await unreachable_now(db, actor.workspace_id))
        whole = (col(Monitor.workspace_id) == actor.workspace_id, col(Monitor.deleted_at).is_(None))
        chosen = (*whole, *await _conditions(db, actor, wanted))
        counts = dict.fromkeys(STATUSES, 0) | dict((await db.exec(select(status, func.count()).where(*chosen).group_by(status))).all())
        if wanted.status in STATUSES:
            chosen = (*chosen, status == wanted.status)
            total = counts[wanted.status]
        else:
            total = sum(counts.values())
        order = _order(wanted, status, at)
        if wanted.group_by in tuple(_COLUMNS):
            folders = await _folders(db, actor, wanted, chosen)
            rows, heads, number, pages = await _grouped(db, wanted, chosen, order, folders, status)
        else:
            pages = max(1, -(-total // PAGE_SIZE))
            number = min(page_number(wanted.page), pages)
            rows = await _select(db, wanted, chosen, order, status, (number - 1) * PAGE_SIZE)
            heads = []
        bad = (Standing.DOWN.value, Standing.DEGRADED.value)
        # Twice: by how they stand an index finds the few, by their status those are left out that do not count now.
        wrong_status = (*whole, col(Monitor.standing).in_(bad), status.in_(bad))
        worst_first = [case(SEVERITY, value=status, else_=99), col(Monitor.standing_since).desc(), col(Monitor.id)]
        wrong = await _select(db, Filter(), wrong_status, worst_first, status, 0, WRONG)
        is_wrong = (
            (await db.exec(select(func.count()).select_from(Monitor).where(*wrong_status))).one() if len(wrong) == WRONG else len(wrong)
        )
        shown = await _rows(db, [*rows, *wrong], wanted, at)
        kinds, tags, sites = await _choices(db, actor, whole)
    return Overview(
        tuple(shown[: len(rows)]), tuple(heads), number, pages, total, counts,
        tuple(replace(row, group_key="") for row in shown[len(rows) :]), is_wrong - len(wrong), kinds, tags, sites,
    )  # fmt: skip


async def _conditions(db: AsyncSession, actor: Actor, wanted: Filter) -> list[ColumnElement[bool]]:
    """Return what the filter asks for but the status."""
    conditions: list[ColumnElement[bool]] = []
    if text := sought(wanted.text):
        tagged = select(MonitorTag.monitor_id).where(MonitorTag.workspace_id == actor.workspace_id)
        tagged = tagged.where(or_(holds(col(MonitorTag.name), text), holds(col(MonitorTag.value), text)))
        conditions.append(or_(holds(col(Monitor.name), text), holds(col(Monitor.address), text), col(Monitor.id).in_(tagged)))
    if isinstance(wanted.kind, str) and wanted.kind in set(Kind):
        conditions.append(col(Monitor.kind) == wanted.kind)
    if tag := sought(wanted.tag):
        tagged = select(MonitorTag.monitor_id).where(MonitorTag.workspace_id == actor.workspace_id, MonitorTag.name == tag)
        conditions.append(col(Monitor.id).in_(tagged))
    if is_public_id(wanted.site_id):
        site = select(Site.id).where(Site.public_id == wanted.site_id, Site.workspace_id == actor.workspace_id)
        conditions.append(col(Monitor.site_id) == ((await db.exec(site)).first() or -1))
    return conditions


def _order(wanted: Filter, status: Any, at: datetime) -> list[Any]:
    """Return what to sort by within a group; the name and the id decide between equals."""
    name = func.lower(col(Monitor.name))
    sort = wanted.sort
    key: Any = case(SEVERITY, value=status, else_=len(SEVERITY))
    if sort == "name":
        key = name
    elif sort == "p95":
        key = col(MonitorSummary.p95_ms)
    elif sort == "last":
        # When it was due last follows from the schedule; one that is paused was checked before that.
        at_ms = int(at.timestamp() * 1000)
        due_ms = at_ms - (at_ms - col(Monitor.phase_ms)) % col(Monitor.interval_ms)
        key = -case((col(Monitor.paused_at).is_not(None), literal(0)), else_=due_ms)
    elif sort == "uptime":
        key = _uptime(at)
    ordered: UnaryExpression[Any] = key.desc() if wanted.descending is True else key.asc()
    return [ordered.nulls_last() if sort in ("p95", "uptime") else ordered, name, col(Monitor.id)]


def _uptime(at: datetime) -> Any:
    """Return the uptime of a row of Monitor over 30 days, for sorting."""
    start = at - UPTIME_SPAN
    opened, closed = _epoch(col(Incident.opened_at)), func.coalesce(_epoch(col(Incident.closed_at)), at.timestamp())
    least = func.max if settings().sqlite else func.greatest  # of two values, not of rows
    down_s = (
        select(func.sum(closed - least(opened, start.timestamp())))
        .where(
            col(Incident.monitor_id) == Monitor.id,
            Incident.severity == Standing.DOWN.value,
            col(Incident.closed_at).is_(None) | (col(Incident.closed_at) > start),
        )
        .correlate(Monitor)
        .scalar_subquery()
    )
    made = _epoch(col(Monitor.created_at))
    return 1 - func.coalesce(down_s, 0.0) / least(at.timestamp() - least(made, start.timestamp()), 1.0)


def _epoch(moment: Any) -> Any:
    """Return a column's moment in seconds since 1970."""
    if settings().sqlite:
        return (func.julianday(moment) - 2440587.5) * 86400.0
    return func.extract("epoch", moment)


_SELECTED = (
    Monitor.id, Monitor.public_id, Monitor.name, Monitor.kind, Monitor.configuration, Monitor.address, Monitor.site_id, Monitor.group_id,
    Monitor.standing_since, Monitor.unknown_since, Monitor.paused_at, Monitor.created_at, Monitor.interval_ms, MonitorSummary.p95_ms,
)  # fmt: skip


async def _select(
    db: AsyncSession, wanted: Filter, chosen: Any, order: list[Any], status: Any, offset: int, limit: int = PAGE_SIZE
) -> list[Any]:
    """Return rows of `_SELECTED` with their status. The ids first: sorting needs no configurations."""
    ids = select(Monitor.id).where(*chosen)
    if wanted.sort == "p95":
        ids = ids.join(MonitorSummary, col(MonitorSummary.monitor_id) == Monitor.id, isouter=True)
    found = (await db.exec(ids.order_by(*order).offset(offset).limit(limit))).all()
    if not found:
        return []
    query = (
        select(*_SELECTED, status.label("status"))  # pyright: ignore[reportCallIssue, reportArgumentType]
        .join(MonitorSummary, col(MonitorSummary.monitor_id) == Monitor.id, isouter=True)
        .where(col(Monitor.id).in_(found))
    )
    rows = {row.id: row for row in (await db.exec(query)).all()}
    return [rows[one] for one in found if one in rows]


# Groups.


async def _folders(db: AsyncSession, actor: Actor, wanted: Filter, chosen: Any) -> list[_Folder]:
    """Return the groups in order, with how many rows each has."""
    column = col(_COLUMNS[wanted.group_by])
    own = dict((await db.exec(select(column, func.count()).where(*chosen).group_by(column))).all())
    folded = {key for key in wanted.folded if isinstance(key, str)} if isinstance(wanted.folded, list | tuple) else set()
    made: list[_Folder] = []
    if wanted.group_by == "group":
        placed = await groups.tree(db, actor.workspace_id)
        within: Counter[int] = Counter()
        for group in placed.values():
            for row_id in (group.row_id, *group.above):
                within[row_id] += own.get(group.row_id, 0)
        for group in placed.values():
            if within[group.row_id]:
                above = tuple(placed[one].public_id for one in group.above)
                is_folded = group.public_id in folded
                head = GroupHead(group.public_id, group.name, within[group.row_id], group.depth, is_folded)
                if not folded.intersection(above):
                    made.append(_Folder(head, group.row_id, own.get(group.row_id, 0), is_folded, above))
    elif wanted.group_by == "site":
        query = select(Site.id, Site.public_id, Site.name).where(Site.workspace_id == actor.workspace_id)
        for row_id, key, name in sorted((await db.exec(query)).all(), key=lambda row: (row[2].casefold(), row[0])):
            if count := own.get(row_id, 0):
                made.append(_Folder(GroupHead(key, name, count, 0, key in folded), row_id, count, key in folded))
    else:
        present = [(kind.value, own[kind.value]) for kind in Kind if kind.value in own]
        made += [_Folder(GroupHead(key, key, count, 0, key in folded), key, count, key in folded) for key, count in present]
    if count := own.get(None, 0):
        hidden = UNGROUPED in folded
        made.append(_Folder(GroupHead(UNGROUPED, _NO_GROUP[wanted.group_by], count, 0, hidden), None, count, hidden))
    return made


async def _grouped(
    db: AsyncSession, wanted: Filter, chosen: Any, order: list[Any], folders: list[_Folder], status: Any
) -> tuple[list[Any], list[GroupHead], int, int]:
    """Return a page's rows, the heads among them, its number and how many pages there are. Folded rows are on no page."""
    visible = sum(folder.own for folder in folders if not folder.hidden)
    pages = max(1, -(-visible // PAGE_SIZE))
    number = min(page_number(wanted.page), pages)
    start, end = (number - 1) * PAGE_SIZE, number * PAGE_SIZE
    shown: list[_Folder] = []
    reached, skipped = 0, 0
    heads: dict[str, GroupHead] = {}
    known = {folder.head.key: folder.head for folder in folders}
    for folder in folders:
        rows = 0 if folder.hidden else folder.own
        begins, ends = reached, reached + rows
        reached = ends
        # A group without rows of its own stands on the page on which the next row would be.
        on_page = begins < end and ends > start if rows else start <= begins < end or (begins == end == visible) or (not visible)
        if not on_page:
            continue
        for key in folder.above:
            heads.setdefault(key, known[key])
        heads[folder.head.key] = folder.head
        if rows:
            if not shown:
                skipped = max(0, start - begins)
            shown.append(folder)
    found: list[Any] = []
    if shown:
        column = col(_COLUMNS[wanted.group_by])
        values = [folder.value for folder in shown if folder.value is not None]
        within = or_(column.in_(values), column.is_(None)) if len(values) < len(shown) else column.in_(values)
        place = case({value: number for number, value in enumerate(values)}, value=column, else_=len(values)) if values else literal(0)
        found = await _select(db, wanted, (*chosen, within), [place, *order], status, skipped)
    return found, list(heads.values())[:MAX_HEADS], number, pages


# Rows.


async def _rows(db: AsyncSession, found: list[Any], wanted: Filter, at: datetime) -> list[Row]:
    ids = list({row.id for row in found})
    cells = board.cells(ids)
    open_ones = await incidents.open_of(db, ids)
    up = await uptimes(db, {row.id: row.created_at for row in found}, at - UPTIME_SPAN, at)
    tags = await _tags_of(db, ids)
    sites = await _named(db, {row.site_id for row in found if row.site_id})
    keys = await _keys(db, found, wanted, sites)
    return [_row(row, cells[row.id], open_ones.get(row.id), up[row.id], tags.get(row.id, ()), sites, keys) for row in found]


def _row(
    row: Any,
    known: Cell,
    incident: Incident | None,
    up: float,
    tags: tuple[str, ...],
    sites: dict[int, tuple[str, str]],
    keys: dict[int, str],
) -> Row:
    since = {"paused": row.paused_at, "unknown": row.unknown_since, "maintenance": None}.get(row.status, row.standing_since)
    since_s = known.since_s if row.status == "unreachable" else int(since.timestamp()) if since else 0
    cell = replace(known, status=row.status, since_s=since_s)
    return Row(
        id=row.public_id,
        name=row.name,
        kind=row.kind,
        detail=_detail(row.kind, row.configuration),
        address=row.address,
        site=sites[row.site_id][1] if row.site_id in sites else "",
        tags=tags,
        group_key=keys.get(row.id, ""),
        since=since,
        reason=incident.text if incident else "",
        uptime=up if cell.last_s or incident or row.standing_since else None,
        p95_ms=row.p95_ms,
        cell=cell,
        paused=row.paused_at is not None,
        interval_s=row.interval_ms / 1000,
    )


@lru_cache(maxsize=4096)
def _detail(kind: str, configuration: str) -> str:
    try:
        words = described.looks_at(checks.parse(Kind(kind), json.loads(configuration)))
    except (BadCheck, ValueError):  # a later version wrote it
        return kind
    return f"{kind} · {words}"


async def _tags_of(db: AsyncSession, ids: list[int]) -> dict[int, tuple[str, ...]]:
    query = select(MonitorTag.monitor_id, MonitorTag.name).where(col(MonitorTag.monitor_id).in_(ids), MonitorTag.value == "")
    found: dict[int, tuple[str, ...]] = {}
    for monitor_id, name in (await db.exec(query.order_by(col(MonitorTag.name)))).all():
        found[monitor_id] = (*found.get(monitor_id, ()), name)
    return found


async def _named(db: AsyncSession, row_ids: set[int]) -> dict[int, tuple[str, str]]:
    """Return (public id, name) of sites by row id."""
    if not row_ids:
        return {}
    query = select(Site.id, Site.public_id, Site.name).where(col(Site.id).in_(row_ids))
    return {row_id: (key, name) for row_id, key, name in (await db.exec(query)).all() if row_id is not None}


async def _keys(db: AsyncSession, found: list[Any], wanted: Filter, sites: dict[int, tuple[str, str]]) -> dict[int, str]:
    """Return the key of the head that each row stands under."""
    if wanted.group_by == "kind":
        return {row.id: row.kind for row in found}
    if wanted.group_by == "site":
        return {row.id: sites[row.site_id][0] if row.site_id in sites else UNGROUPED for row in found}
    if wanted.group_by != "group":
        return {}
    query = select(groups.MonitorGroup.id, groups.MonitorGroup.public_id)
    query = query.where(col(groups.MonitorGroup.id).in_({row.group_id for row in found if row.group_id}))
    keys = dict((await db.exec(query)).all())
    return {row.id: keys.get(row.group_id, UNGROUPED) for row in found}


# Filters' values, and the counts of the navigation.


async def _choices(db: AsyncSession, actor: Actor, whole: Any) -> Any:
    kinds: Counter[str] = Counter()
    sites: Counter[int] = Counter()
    query = select(Monitor.kind, Monitor.site_id, func.count()).where(*whole).group_by(col(Monitor.kind), col(Monitor.site_id))
    for kind, site_id, count in (await db.exec(query)).all():
        kinds[kind] += count
        if site_id is not None:
            sites[site_id] += count
    tagged = (
        select(MonitorTag.name, func.count())
        .where(MonitorTag.workspace_id == actor.workspace_id, MonitorTag.value == "")
        .group_by(col(MonitorTag.name))
        .order_by(func.count().desc(), col(MonitorTag.name))
        .limit(MAX_CHOICES)
    )
    tags = tuple((name, count) for name, count in (await db.exec(tagged)).all())
    named = await _named(db, {site_id for site_id, _ in sites.most_common(MAX_CHOICES)})
    of_sites = sorted(((key, name, sites[row_id]) for row_id, (key, name) in named.items()), key=lambda one: (-one[2], one[1].casefold()))
    return tuple(kinds.most_common(MAX_CHOICES)), tags, tuple(of_sites)


async def counts(actor: Actor | None) -> NavCounts:
    """Return what the navigation shows."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        held = await maintenance.holding(db, actor.workspace_id, now())
        status = status_in(held, await unreachable_now(db, actor.workspace_id))
        whole = (col(Monitor.workspace_id) == actor.workspace_id, col(Monitor.deleted_at).is_(None))
        found = dict((await db.exec(select(status, func.count()).where(*whole).group_by(status))).all())
        sites = (await db.exec(select(func.count()).select_from(Site).where(Site.workspace_id == actor.workspace_id))).one()
        still_open = (await db.exec(incidents.count_open(actor.workspace_id))).one()
    return NavCounts(sum(found.values()), sites, still_open, found.get("down", 0), found.get("degraded", 0))

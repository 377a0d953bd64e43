"""The dashboard's reads: one page of monitors of a workspace, whatever it is filtered, sorted and grouped by, and how many stand how.

Chosen, counted and sorted is in memory, from `roster`; only what a page shows is read from the database. So ten thousand monitors
cost little more than ten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, case, func, literal, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.checks import Kind
from app.core.incident import Standing
from app.db import reading
from app.models import Incident, Monitor, Site, now
from app.services import groups, incidents, maintenance, overview_groups, overview_order, overview_rows, roster, standings
from app.services.access import Action, Actor, require
from app.services.maintenance import Holding
from app.services.monitor_status import SEVERITY, STATUSES, status_in
from app.services.names import is_public_id
from app.services.overview_groups import GROUPINGS, PAGE_SIZE, UNGROUPED, GroupHead, NamedSite
from app.services.overview_order import Order
from app.services.overview_rows import Row
from app.services.roster import Listed, Roster
from app.services.searching import sought
from app.services.standings import Standings

__all__ = ["PAGE_SIZE", "UNGROUPED", "Filter", "GroupHead", "NavCounts", "Overview", "Row", "counts", "read"]

WRONG = 3
MAX_CHOICES = 50  # values of a filter
_BAD = (Standing.DOWN.value, Standing.DEGRADED.value)


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
class NavCounts:
    monitors: int
    sites: int
    open_incidents: int
    down: int
    degraded: int


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
    nav: NavCounts  # as `counts` returns them


_monitor: Any = Monitor.__table__  # pyright: ignore[reportAttributeAccessIssue]
_site: Any = Site.__table__  # pyright: ignore[reportAttributeAccessIssue]
_incident: Any = Incident.__table__  # pyright: ignore[reportAttributeAccessIssue]
_SITES = select(_site.c.id, _site.c.public_id, _site.c.name).where(_site.c.workspace_id == bindparam("workspace_id"))
_OPEN = select(func.count()).select_from(_incident).where(*incidents.open_here(bindparam("workspace_id")))
_OPEN_AND_SITES = select(
    _OPEN.scalar_subquery(),
    select(func.count()).select_from(_site).where(_site.c.workspace_id == bindparam("workspace_id")).scalar_subquery(),
)


async def read(actor: Actor | None, wanted: Filter) -> Overview:
    """Return one page of the workspace's monitors. A page beyond the last is the last."""
    actor = require(actor, Action.READ_MONITORS)
    at = now()
    async with reading() as db:
        known = await roster.current(db, actor.workspace_id)
        held = await maintenance.holding(db, actor.workspace_id, at)
        stands = await standings.read(db, actor.workspace_id, known, held)
        sites = await _sites(db, actor)
        still_open = await _scalar(db, _OPEN, actor)
        tree = await groups.tree(db, actor.workspace_id) if wanted.group_by == "group" else {}
        left = _left(known, wanted, sites)
        whole = stands.counted(known)
        standing = {} if left is known.by_name and wanted.status not in STATUSES else stands.parted(left)
        counted = {status: len(rows) for status, rows in standing.items()} if standing or left is not known.by_name else whole
        if wanted.status in STATUSES:
            left = standing.get(wanted.status, [])
        ranked = await overview_order.ranks(db, actor.workspace_id, wanted.sort, at)
        order = Order(wanted.sort, wanted.descending is True, stands, ranked, at)
        if wanted.group_by in GROUPINGS:
            made = overview_groups.folders(left, known, wanted.group_by, wanted.folded, tree, sites)
            page = overview_groups.page_of(made, wanted.page, order)
        else:
            page = overview_groups.flat(left, wanted.page, order)
        bad = stands.those(*_BAD)
        wrong = bad if len(bad) <= WRONG else await _worst(db, actor, held, stands)
        names = {row_id: site.name for row_id, site in sites.items()}
        rows = await overview_rows.read(db, list({row.id for row in page.rows} | {*wrong}), known, stands, names, at)
    shown = [replace(rows[row.id], group_key=_key(row, wanted, tree, sites)) for row in page.rows if row.id in rows]
    nav = NavCounts(len(known), len(sites), still_open, whole["down"], whole["degraded"])
    worst = sorted((row_id for row_id in wrong if row_id in rows), key=lambda row_id: _severity(rows[row_id], row_id))
    return Overview(
        tuple(shown), page.heads, page.number, page.pages, len(left), dict.fromkeys(STATUSES, 0) | counted,
        tuple(rows[row_id] for row_id in worst), len(bad) - len(wrong), *_choices(known, sites), nav,
    )  # fmt: skip


def _left(known: Roster, wanted: Filter, sites: Mapping[int, NamedSite]) -> list[Listed]:
    """Return what the filter leaves but for its status, by name; the roster's own list when that is all."""
    rows = known.by_name
    if text := sought(wanted.text).casefold():
        rows = known.holding(text)
    if isinstance(wanted.kind, str) and wanted.kind in set(Kind):
        rows = _both(rows, known, known.of_kind.get(wanted.kind, []))
    if tag := sought(wanted.tag):
        rows = _both(rows, known, known.of_mark.get(tag, []))
    if is_public_id(wanted.site_id):
        site_id = next((site.row_id for site in sites.values() if site.public_id == wanted.site_id), -1)
        rows = _both(rows, known, known.of_site.get(site_id, []))
    return rows


def _both(rows: list[Listed], known: Roster, others: list[Listed]) -> list[Listed]:
    """Return what is in both lists, by name."""
    if rows is known.by_name:
        return others if len(others) < len(known) else rows  # of which more is known already
    ids = {row.id for row in others}
    return [row for row in rows if row.id in ids]


def _key(row: Listed, wanted: Filter, tree: Mapping[int, groups.Placed], sites: Mapping[int, NamedSite]) -> str:
    return overview_groups.key_of(row, wanted.group_by, tree, sites)


async def _worst(db: AsyncSession, actor: Actor, held: Holding, stands: Standings) -> list[int]:
    """Return the row ids of those that stand worst, of many."""
    status = status_in(held, stands.unreachable)
    # Twice: by how they stand an index finds the few, by their status those are left out that do not count now.
    query = select(_monitor.c.id).where(
        col(Monitor.workspace_id) == actor.workspace_id, col(Monitor.deleted_at).is_(None),
        col(Monitor.standing).in_(_BAD), status.in_(_BAD),
    )  # fmt: skip
    worst_first = (case(SEVERITY, value=status, else_=literal(99)), col(Monitor.standing_since).desc(), col(Monitor.id))
    return list((await (await db.connection()).execute(query.order_by(*worst_first).limit(WRONG))).scalars())


def _severity(row: Row, row_id: int) -> tuple[int, float, int]:
    return SEVERITY[row.cell.status], -row.since.timestamp() if row.since else 0.0, row_id


# Filters' values, and the counts of the navigation.


def _choices(known: Roster, sites: Mapping[int, NamedSite]) -> tuple[Any, Any, Any]:
    kinds = sorted(((kind, len(rows)) for kind, rows in known.of_kind.items()), key=lambda one: -one[1])
    tags = sorted(known.tags.items(), key=lambda one: (-one[1], one[0]))[:MAX_CHOICES]
    counted = [(site.public_id, site.name, len(known.of_site.get(row_id, ()))) for row_id, site in sites.items()]
    of_sites = sorted((one for one in counted if one[2]), key=lambda one: (-one[2], one[1].casefold()))
    return tuple(kinds), tuple(tags), tuple(of_sites[:MAX_CHOICES])


async def _sites(db: AsyncSession, actor: Actor) -> dict[int, NamedSite]:
    rows = (await (await db.connection()).execute(_SITES, {"workspace_id": actor.workspace_id})).all()
    return {row_id: NamedSite(row_id, public_id, name) for row_id, public_id, name in rows}


async def _scalar(db: AsyncSession, query: Any, actor: Actor) -> int:
    return (await (await db.connection()).execute(query, {"workspace_id": actor.workspace_id})).scalar_one()


async def counts(actor: Actor | None) -> NavCounts:
    """Return what the navigation shows."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        known = await roster.current(db, actor.workspace_id)
        held = await maintenance.holding(db, actor.workspace_id, now())
        found = (await standings.read(db, actor.workspace_id, known, held)).counted(known)
        still_open, sites = (await (await db.connection()).execute(_OPEN_AND_SITES, {"workspace_id": actor.workspace_id})).one()
    return NavCounts(len(known), sites, still_open, found["down"], found["degraded"])

"""The overview's rows: what is shown of the few monitors that are on a page, read for them alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, described
from app.core.cell import Cell
from app.core.checks import BadCheck, Kind
from app.models import Monitor, MonitorSummary
from app.services import board, uptime
from app.services.overview_order import UPTIME_SPAN
from app.services.roster import Roster
from app.services.standings import Standings


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


_monitor: Any = Monitor.__table__  # pyright: ignore[reportAttributeAccessIssue]
_summary: Any = MonitorSummary.__table__  # pyright: ignore[reportAttributeAccessIssue]
_SHOWN = (
    select(
        *(_monitor.c[name] for name in ("id", "public_id", "name", "kind", "configuration", "address", "site_id")),
        *(_monitor.c[name] for name in ("standing_since", "unknown_since", "paused_at", "created_at", "interval_ms")),
        _summary.c.p95_ms,
    )
    .join(_summary, _summary.c.monitor_id == _monitor.c.id, isouter=True)
    .where(_monitor.c.id.in_(bindparam("ids", expanding=True)))
)


async def read(
    db: AsyncSession, ids: Sequence[int], roster: Roster, standings: Standings, sites: Mapping[int, str], at: datetime
) -> dict[int, Row]:
    """Return rows by row id, as they stand without groups.

    Args:
        sites: names by row id.
    """
    if not ids:
        return {}
    found = (await (await db.connection()).execute(_SHOWN, {"ids": list(ids)})).all()
    lately = await uptime.lately(db, {row.id: row.created_at for row in found}, at - UPTIME_SPAN, at)
    # One that was added this moment may stand among the worst, and not be on the roster yet.
    listed = ((row, roster.by_id.get(row.id)) for row in found)
    return {row.id: _row(row, standings.of(row.id), lately, its.tags, sites.get(row.site_id, "")) for row, its in listed if its}


def _row(row: Any, status: str, lately: uptime.Lately, tags: tuple[str, ...], site: str) -> Row:
    known = board.cell(row.id)
    since = {"paused": row.paused_at, "unknown": row.unknown_since, "maintenance": None}.get(status, row.standing_since)
    since_s = known.since_s if status == "unreachable" else int(since.timestamp()) if since else 0
    reason = lately.reasons.get(row.id)
    return Row(
        id=row.public_id,
        name=row.name,
        kind=row.kind,
        detail=_detail(row.kind, row.configuration),
        address=row.address,
        site=site,
        tags=tags,
        group_key="",
        since=since,
        reason=reason or "",
        uptime=lately.uptimes[row.id] if known.last_s or reason is not None or row.standing_since else None,
        p95_ms=row.p95_ms,
        cell=replace(known, status=status, since_s=since_s),
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

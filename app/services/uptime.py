"""How much of a span monitors were well: from their incidents, which say to the millisecond when they were not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, or_
from sqlalchemy import select as rows_of
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.incident import Standing
from app.core.rollup import overlap_s
from app.models import Incident, Monitor

Span = tuple[float, float]  # from and to, in seconds since 1970

_incident: Any = Incident.__table__  # pyright: ignore[reportAttributeAccessIssue]
_RECENT = rows_of(
    _incident.c.monitor_id, _incident.c.severity, _incident.c.opened_at, _incident.c.closed_at,
    case((_incident.c.closed_at.is_(None), _incident.c.text), else_=""),
).where(
    _incident.c.monitor_id.in_(bindparam("ids", expanding=True)),
    or_(_incident.c.closed_at.is_(None), _incident.c.closed_at > bindparam("start")),
)  # fmt: skip


_DOWN = rows_of(_incident.c.monitor_id, _incident.c.opened_at, _incident.c.closed_at).where(
    _incident.c.severity == Standing.DOWN.value,
    _incident.c.opened_at < bindparam("end"),
    or_(_incident.c.closed_at.is_(None), _incident.c.closed_at > bindparam("start")),
)
_DOWN_OF = _DOWN.where(_incident.c.monitor_id.in_(bindparam("ids", expanding=True)))
_DOWN_IN = _DOWN.where(_incident.c.workspace_id == bindparam("workspace_id"))


def _spans(rows: Iterable[tuple[int, datetime, datetime | None]], end: datetime) -> dict[int, list[Span]]:
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for monitor_id, opened_at, closed_at in rows:
        spans[monitor_id].append((opened_at.timestamp(), (closed_at or end).timestamp()))
    return spans


async def failures(db: AsyncSession, monitor_ids: Sequence[int], start: datetime, end: datetime) -> dict[int, list[Span]]:
    """Return when monitors were down within [start, end), by monitor. An open incident lasts."""
    which = {"ids": list(monitor_ids), "start": start, "end": end}
    return _spans((await (await db.connection()).execute(_DOWN_OF, which)).all(), end)


def share(spans: Sequence[Span], start: datetime, end: datetime) -> tuple[float, float]:
    """Return the share of [start, end) that the spans leave, 0 to 1, and how many seconds they cover."""
    down_s = overlap_s(start.timestamp(), end.timestamp(), spans)
    whole_s = max(1.0, (end - start).total_seconds())
    return max(0.0, 1 - down_s / whole_s), down_s


def _shares(spans: Mapping[int, Sequence[Span]], made: Mapping[int, datetime], start: datetime, end: datetime) -> dict[int, float]:
    return {monitor_id: share(spans.get(monitor_id, ()), max(start, made_at), end)[0] for monitor_id, made_at in made.items()}


@dataclass(slots=True)
class Lately:
    """What incidents say of some monitors."""

    uptimes: dict[int, float] = field(default_factory=dict)  # 0 to 1, of each
    reasons: dict[int, str] = field(default_factory=dict)  # of those with an open incident


async def lately(db: AsyncSession, made: Mapping[int, datetime], start: datetime, end: datetime) -> Lately:
    """Return the uptime of monitors in [start, end), each since it was made, and why those fail that do now.

    Args:
        made: when, by monitor.
    """
    rows = (await (await db.connection()).execute(_RECENT, {"ids": list(made), "start": start})).all()
    down = Standing.DOWN.value
    spans = _spans(((monitor_id, opened, closed) for monitor_id, severity, opened, closed, _ in rows if severity == down), end)
    reasons = {monitor_id: text for monitor_id, _, _, closed, text in rows if closed is None}
    return Lately(_shares(spans, made, start, end), reasons)


async def of_those_that_failed(db: AsyncSession, workspace_id: int, start: datetime, end: datetime) -> dict[int, float]:
    """Return the uptime in [start, end), as `lately`, of those monitors of a workspace that were down in it."""
    which = {"workspace_id": workspace_id, "start": start, "end": end}
    spans = _spans((await (await db.connection()).execute(_DOWN_IN, which)).all(), end)
    ids = select(Incident.monitor_id).where(Incident.workspace_id == workspace_id, Incident.severity == Standing.DOWN.value)
    made = select(Monitor.id, Monitor.created_at).where(col(Monitor.id).in_(ids), col(Monitor.created_at) > start)
    young = dict((await db.exec(made)).all())
    return _shares(spans, {monitor_id: young.get(monitor_id, start) for monitor_id in spans}, start, end)

"""How much of a span monitors were well: from their incidents, which say to the millisecond when they were not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.incident import Standing
from app.core.rollup import overlap_s
from app.models import Incident


async def failures(db: AsyncSession, monitor_ids: Sequence[int], start: datetime, end: datetime) -> dict[int, list[tuple[float, float]]]:
    """Return when monitors were down within [start, end), by monitor: (from, to) in seconds since 1970. An open incident lasts."""
    spans: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    query = select(Incident.monitor_id, Incident.opened_at, Incident.closed_at).where(
        col(Incident.monitor_id).in_(monitor_ids),
        Incident.severity == Standing.DOWN.value,
        col(Incident.opened_at) < end,
        col(Incident.closed_at).is_(None) | (col(Incident.closed_at) > start),
    )
    for monitor_id, opened_at, closed_at in (await db.exec(query)).all():
        spans[monitor_id].append((opened_at.timestamp(), closed_at.timestamp() if closed_at else end.timestamp()))
    return spans


def share(spans: Sequence[tuple[float, float]], start: datetime, end: datetime) -> tuple[float, float]:
    """Return the share of [start, end) that the spans leave, 0 to 1, and how many seconds they cover."""
    down_s = overlap_s(start.timestamp(), end.timestamp(), spans)
    whole_s = max(1.0, (end - start).total_seconds())
    return max(0.0, 1 - down_s / whole_s), down_s


async def uptimes(db: AsyncSession, made: Mapping[int, datetime], start: datetime, end: datetime) -> dict[int, float]:
    """Return the uptime of monitors in [start, end), 0 to 1, each since it was made.

    Args:
        made: when, by monitor.
    """
    spans = await failures(db, list(made), start, end)
    return {monitor_id: share(spans.get(monitor_id, ()), max(start, made_at), end)[0] for monitor_id, made_at in made.items()}

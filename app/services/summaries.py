"""What lists show beside each monitor and would cost too much to work out for each of them: written once an hour."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from app.core.rollup import quantile_of
from app.db import reading, transaction
from app.models import CheckHour, Monitor, MonitorSummary
from app.services import board

_HOURS = 24
_AT_ONCE = 25  # monitors whose histograms are merged in one step: a few milliseconds


async def refresh(monitor_ids: Sequence[int], hour: int) -> AsyncIterator[int]:
    """Write the p95 of the 24 hours up to this one, and the newest bars, of these monitors; yield how many a step wrote."""
    for place in range(0, len(monitor_ids), _AT_ONCE):
        some = monitor_ids[place : place + _AT_ONCE]
        packed: defaultdict[int, list[bytes]] = defaultdict(list)
        async with reading() as db:
            query = select(CheckHour.monitor_id, CheckHour.latencies).where(
                col(CheckHour.hour).in_(range(hour - _HOURS + 1, hour + 1)), col(CheckHour.monitor_id).in_(some)
            )
            for monitor_id, latencies in (await db.exec(query)).all():
                packed[monitor_id].append(latencies)
        yield 0
        cells = board.cells(some)
        rows = [
            {"monitor_id": monitor_id, "p95_ms": _rounded(quantile_of(packed[monitor_id], 0.95)), "recent": cells[monitor_id].text}
            for monitor_id in some
        ]
        async with transaction() as db:
            there = set((await db.exec(select(Monitor.id).where(col(Monitor.id).in_(some)))).all())
            rows = [row for row in rows if row["monitor_id"] in there]
            if rows:
                dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
                insert = dialect.insert(MonitorSummary)
                changed = {"p95_ms": insert.excluded.p95_ms, "recent": insert.excluded.recent}
                await db.exec(insert.on_conflict_do_update(index_elements=["monitor_id"], set_=changed), params=rows)
        yield len(rows)


def _rounded(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


async def recent(monitor_ids: Sequence[int]) -> dict[int, str]:
    """Return the cells, as text, of the last sealed hour by monitor."""
    async with reading() as db:
        query = select(MonitorSummary.monitor_id, MonitorSummary.recent).where(col(MonitorSummary.monitor_id).in_(monitor_ids))
        return dict((await db.exec(query)).all())

"""In which order the overview shows monitors."""

import heapq
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, bindparam, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import engine
from app.models import Monitor, MonitorSummary
from app.services import uptime
from app.services.monitor_status import SEVERITY
from app.services.roster import Listed
from app.services.standings import Standings

UPTIME_SPAN = timedelta(days=30)
# What is sorted by is read of the whole workspace at most so often. Rows show what holds now: in the meantime an uptime changes by
# 0.001 %, and a p95 when an hour is sealed.
_RANKED_S = 30.0
_MOST = 100
_FEW = 8  # a heap is faster than sorting while it holds at most an eighth

_monitor: Any = Monitor.__table__  # pyright: ignore[reportAttributeAccessIssue]
_summary: Any = MonitorSummary.__table__  # pyright: ignore[reportAttributeAccessIssue]
_P95 = (
    select(_summary.c.monitor_id, _summary.c.p95_ms)
    .join(_monitor, _monitor.c.id == _summary.c.monitor_id)
    .where(_monitor.c.workspace_id == bindparam("workspace_id"), _summary.c.p95_ms.is_not(None))
)
_ranked: WeakKeyDictionary[Engine, dict[tuple[int, str], tuple[float, dict[int, float]]]] = WeakKeyDictionary()


async def ranks(db: AsyncSession, workspace_id: int, sort: object, at: datetime) -> Mapping[int, float]:
    """Return by row id what "p95" or "uptime" sorts by, at most `_RANKED_S` old; nothing for other orders.

    Of the p95 those have none that nothing answered; of the uptime those that were not down: 1.
    """
    if sort not in ("p95", "uptime"):
        return {}
    known = _ranked.setdefault(engine().sync_engine, {})
    key = workspace_id, str(sort)
    until, found = known.get(key, (0.0, {}))
    if until > time.monotonic():
        return found
    if sort == "p95":
        rows = (await (await db.connection()).execute(_P95, {"workspace_id": workspace_id})).all()
        found = {monitor_id: p95_ms for monitor_id, p95_ms in rows}  # noqa: C416 - rows are not pairs to a type checker
    else:
        found = await uptime.of_those_that_failed(db, workspace_id, at - UPTIME_SPAN, at)
    if len(known) >= _MOST:
        known.clear()
    known[key] = time.monotonic() + _RANKED_S, found
    return found


@dataclass(frozen=True, slots=True)
class Order:
    sort: object  # "status", "name", "uptime", "p95", "last", as a client sent it
    descending: bool
    standings: Standings
    ranked: Mapping[int, float]
    at: datetime

    def first(self, rows: list[Listed], count: int) -> list[Listed]:
        """Return the first rows in this order, given them by name; the name decides between equals."""
        if self.sort == "name":
            return _sorted(rows, [row.place[0] for row in rows], True, count) if self.descending else rows[:count]
        if self.sort == "p95":
            known = [row for row in rows if row.id in self.ranked]
            first = _sorted(known, [self.ranked[row.id] for row in known], self.descending, count)
            return first if len(first) == count else [*first, *(row for row in rows if row.id not in self.ranked)][:count]
        if self.sort == "uptime":
            return _sorted(rows, [self.ranked.get(row.id, 1.0) for row in rows], self.descending, count)
        if self.sort == "last":
            return _sorted(rows, self._ages_ms(rows), self.descending, count)
        parts = sorted(self.standings.parted(rows).items(), key=lambda part: SEVERITY.get(part[0], len(SEVERITY)), reverse=self.descending)
        return list(islice((row for _, part in parts for row in part), count))

    def _ages_ms(self, rows: list[Listed]) -> list[int]:
        """Return how long ago each was due last: that follows from the schedule. One that is paused was checked before all others."""
        at_ms, paused = int(self.at.timestamp() * 1000), set(self.standings.those("paused"))
        return [at_ms if row.id in paused else (at_ms - row.phase_ms) % row.interval_ms for row in rows]


def _sorted(rows: list[Listed], keys: Sequence[Any], descending: bool, count: int) -> list[Listed]:
    """Return the first rows by their keys. Equals stay as they are, either way round."""
    if count * _FEW < len(rows):
        pick = heapq.nlargest if descending else heapq.nsmallest
        return [rows[place] for place in pick(count, range(len(rows)), key=keys.__getitem__)]
    return [rows[place] for place in sorted(range(len(rows)), key=keys.__getitem__, reverse=descending)[:count]]

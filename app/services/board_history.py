"""Fills the board after a start: what was found before it, from the summaries and the log."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from sqlmodel import col, select

from app.core import cell as cells
from app.core.cell import BARS
from app.core.results import HOUR_MS, brief
from app.db import reading
from app.models import CheckLog, EngineState
from app.services import board, summaries

_MONITORS = 500
_RESULTS = 2_000


async def fill(monitor_ids: Sequence[int], until_ms: int, region: int = 0) -> AsyncIterator[int]:
    """Put what was found before `until_ms` into the cells, before what is in them by now; yield after each step how many it read."""
    wanted = set(monitor_ids)
    bars: dict[int, str] = {}
    last: dict[int, tuple[int, int]] = {}  # due second and how long it took, of the newest
    for place in range(0, len(monitor_ids), _MONITORS):
        for monitor_id, text in (await summaries.recent(monitor_ids[place : place + _MONITORS])).items():
            kept = cells.parse(text)
            bars[monitor_id], last[monitor_id] = kept.bars, (kept.last_s, kept.last_ms)
        yield 0
    async with reading() as db:
        sealed = (await db.exec(select(EngineState.sealed_hour).where(EngineState.region == region))).first() or 0
    since_ms, after = (sealed + 1) * HOUR_MS, -1
    fresh: defaultdict[int, list[str]] = defaultdict(list)
    while True:
        async with reading() as db:
            query = select(CheckLog.due_ms, CheckLog.monitor_id, CheckLog.body).where(
                col(CheckLog.due_ms) >= since_ms, col(CheckLog.due_ms) < until_ms, CheckLog.region == region
            )
            if after >= 0:
                query = query.where((col(CheckLog.due_ms) > since_ms) | (col(CheckLog.monitor_id) > after))
            rows = (await db.exec(query.order_by(col(CheckLog.due_ms), col(CheckLog.monitor_id)).limit(_RESULTS))).all()
        for due_ms, monitor_id, body in rows:
            if monitor_id in wanted:
                found = brief(body)
                fresh[monitor_id].append(cells.bar(found.outcome, found.maintained))
                last[monitor_id] = due_ms // 1000, -1 if found.total_ms is None else round(found.total_ms)
        yield len(rows)
        if len(rows) < _RESULTS:
            break
        since_ms, after = rows[-1][0], rows[-1][1]
    for number, monitor_id in enumerate(wanted & (bars.keys() | fresh.keys()), 1):
        if number % _MONITORS == 0:
            yield 0
        now = board.cells([monitor_id])[monitor_id]
        before = bars.get(monitor_id, "") + "".join(fresh.get(monitor_id, ())[-BARS:])
        made = replace(now, bars=(before + now.bars)[-BARS:])
        if not now.last_s:
            made = replace(made, last_s=last[monitor_id][0], last_ms=last[monitor_id][1])
        board.put(monitor_id, made)

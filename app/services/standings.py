"""How every monitor of a workspace stands at one time, read as the few that are not simply up."""

from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import bindparam, select, union_all
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.incident import Standing
from app.models import Monitor
from app.services import board
from app.services.maintenance import Holding
from app.services.roster import Listed, Roster

_monitor: Any = Monitor.__table__  # pyright: ignore[reportAttributeAccessIssue]
_UP = Standing.UP.value


def _others() -> Any:
    """Return the query of those that are not simply up.

    In four parts, of which each is one stretch of the index of lists: asked for in one condition, all of it would be read.
    """
    row = _monitor.c
    here = (row.workspace_id == bindparam("workspace_id"), row.deleted_at.is_(None))
    parts = (
        (row.standing < _UP,),
        (row.standing > _UP,),
        (row.standing == _UP, row.paused_at.is_not(None)),
        (row.standing == _UP, row.paused_at.is_(None), row.unknown_since.is_not(None)),
    )
    shown = (row.id, row.standing, row.paused_at.is_not(None).label("paused"), row.unknown_since.is_not(None).label("unknown"))
    return union_all(*(select(*shown).where(*here, *part) for part in parts))


_OTHERS = _others()
_PARENT_FAILS = (Standing.DOWN.value, Standing.PENDING.value)


class Standings:
    """The status of each monitor of a roster: what `monitor_status.status_of` says of it."""

    def __init__(self, others: dict[int, str], unreachable: list[int]) -> None:
        self._others = others  # status by row id of those that are not up
        self.unreachable = unreachable  # row ids of those whose parent is down, also while they are paused or maintained

    def of(self, monitor_id: int) -> str:
        return self._others.get(monitor_id, "up")

    def parted(self, rows: list[Listed]) -> dict[str, list[Listed]]:
        """Return these rows by status, in the order they have."""
        others = self._others
        if not others:
            return {"up": rows} if rows else {}
        parts: defaultdict[str, list[Listed]] = defaultdict(list)
        if up := [row for row in rows if row.id not in others]:
            parts["up"] = up
        if len(up) < len(rows):
            for row in rows:
                if row.id in others:
                    parts[others[row.id]].append(row)
        return dict(parts)

    def counted(self, roster: Roster) -> Counter[str]:
        """Return how many of the whole roster have each status."""
        found = Counter(self._others.values())
        if up := len(roster) - len(self._others):
            found["up"] += up
        return found

    def those(self, *statuses: str) -> list[int]:
        """Return the row ids of those that stand so; not for "up"."""
        return [monitor_id for monitor_id, status in self._others.items() if status in statuses]


async def read(db: AsyncSession, workspace_id: int, roster: Roster, held: Holding) -> Standings:
    """Return how the monitors of the roster stand, as the database and, for what cannot be reached, the board know it."""
    rows: Any = (await (await db.connection()).execute(_OTHERS, {"workspace_id": workspace_id})).all()
    below = [child.id for row_id, standing, _, _ in rows if standing in _PARENT_FAILS for child in roster.of_parent.get(row_id, ())]
    unreachable = [one for one, cell in board.cells(below).items() if cell.status == "unreachable"]
    maintained = _maintained(roster, held)
    others = dict.fromkeys(unreachable, "unreachable")
    for row_id, standing, paused, unknown in rows:
        if row_id not in roster.by_id:
            continue
        if paused:
            others[row_id] = "paused"
            maintained.discard(row_id)
        elif row_id not in others:
            others[row_id] = "unknown" if unknown else standing
    others |= dict.fromkeys(maintained, "maintenance")
    return Standings(others, unreachable)


def _maintained(roster: Roster, held: Holding) -> set[int]:
    """Return the row ids of what is in maintenance."""
    if not held.windows:
        return set()
    if any(window.everything for window in held.windows):
        return set(roster.by_id)
    ids = {one for window in held.windows for one in window.monitor_ids} & roster.by_id.keys()
    sites = {one for window in held.windows for one in window.site_ids}
    tags = {one for window in held.windows for one in window.tags}
    ids.update(row.id for one in sites for row in roster.of_site.get(one, ()))
    ids.update(row.id for tag in tags for row in roster.of_mark.get(tag, ()) if tag in row.tags)
    return ids

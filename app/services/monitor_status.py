"""How monitors stand, as a query sees it: what lists filter, count and sort by."""

from collections.abc import Sequence

from sqlalchemy import Case, ColumnElement, case
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.cell import Cell
from app.core.incident import Standing
from app.models import Monitor
from app.services import board
from app.services.maintenance import Holding

# From the worst to the best; then what says nothing about the watched thing.
STATUSES = ("down", "degraded", "unreachable", "unknown", "pending", "up", "maintenance", "paused")
SEVERITY = {status: place for place, status in enumerate(STATUSES)}


def status_of(row: Monitor, cell: Cell, maintained: bool) -> str:
    """Return what people read of a monitor: paused, then maintenance, then that it cannot be reached or told, then how it stands."""
    if row.paused_at is not None:
        return "paused"
    if maintained:
        return "maintenance"
    if cell.status == "unreachable":
        return "unreachable"
    return "unknown" if row.unknown_since is not None else row.standing


def status_in(held: Holding, unreachable: Sequence[int] = ()) -> Case[str]:
    """Return what `status_of` says, for a query of Monitor.

    Args:
        unreachable: row ids of those that cannot be reached now, from `unreachable_now`.
    """
    whens: list[tuple[ColumnElement[bool], str]] = [(col(Monitor.paused_at).is_not(None), "paused")]
    if held.windows:
        whens.append((held.condition(), "maintenance"))
    if unreachable:
        whens.append((col(Monitor.id).in_(unreachable), "unreachable"))
    whens.append((col(Monitor.unknown_since).is_not(None), "unknown"))
    return case(*whens, else_=col(Monitor.standing))


async def unreachable_now(db: AsyncSession, workspace_id: int) -> list[int]:
    """Return the row ids of the monitors whose parent is down and whose newest check failed with it, as the board knows them."""
    parent = select(Monitor.id).where(
        Monitor.workspace_id == workspace_id,
        col(Monitor.deleted_at).is_(None),
        col(Monitor.standing).in_((Standing.DOWN.value, Standing.PENDING.value)),
    )
    below = select(Monitor.id).where(col(Monitor.parent_id).in_(parent), col(Monitor.deleted_at).is_(None))
    ids = [one for one in (await db.exec(below)).all() if one is not None]
    return [one for one, cell in board.cells(ids).items() if cell.status == "unreachable"]

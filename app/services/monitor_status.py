"""How monitors stand, as a query sees it: what lists filter, count and sort by."""

from collections.abc import Sequence

from sqlalchemy import Case, case
from sqlmodel import col

from app.core.incident import Standing
from app.models import Monitor
from app.services.maintenance import Holding

# From the worst to the best; then what says nothing about the watched thing.
STATUSES = ("down", "degraded", "unreachable", "unknown", "up", "maintenance", "paused")
SEVERITY = {status: place for place, status in enumerate(STATUSES)}


def status_in(held: Holding, unreachable: Sequence[int] = ()) -> Case[str]:
    """Return the status of a row of Monitor: paused, then maintenance, then what nobody knows, then unreachable, then how it stands.

    A monitor that was never checked counts as unknown.

    Args:
        unreachable: row ids of those that cannot be reached now, as the board knows them.
    """
    whens = [(col(Monitor.paused_at).is_not(None), "paused")]
    if held.windows:
        whens.append((held.condition(), "maintenance"))
    if unreachable:
        whens.append((col(Monitor.id).in_(unreachable), "unreachable"))
    whens.append((col(Monitor.unknown_since).is_not(None), "unknown"))
    whens.append((col(Monitor.standing) == Standing.PENDING.value, "unknown"))
    return case(*whens, else_=col(Monitor.standing))

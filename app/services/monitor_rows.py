"""The monitors of an actor's workspace as rows, for those who change them; and the rows that a draft names: site, group, parent."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.schedule import first_due_ms
from app.models import Monitor, Site, now
from app.services import groups, names
from app.services.access import Actor
from app.services.errors import Invalid, Limited, NotFound
from app.services.monitor_form import Draft, Faults, Form

AT_ONCE = 500  # of one bulk change
MAX_DEPTH = 20  # of parents
RESTORABLE = timedelta(hours=1)


def not_found() -> NotFound:
    return NotFound("There is no such monitor in this workspace.")


async def rows_of(db: AsyncSession, actor: Actor, ids: object, *, deleted: bool = False) -> list[Monitor]:
    """Return the monitors with these ids, in the order of their names. Raises NotFound unless all are there."""
    if not isinstance(ids, list | tuple) or not ids or not all(map(names.is_public_id, ids)):
        raise not_found()
    if len(ids) > AT_ONCE:
        raise Limited(f"At most {AT_ONCE} monitors can be changed at once.")
    wanted = set(ids)
    query = select(Monitor).where(
        Monitor.workspace_id == actor.workspace_id,
        col(Monitor.public_id).in_(sorted(wanted)),
        col(Monitor.deleted_at) > now() - RESTORABLE if deleted else col(Monitor.deleted_at).is_(None),
    )
    found = list((await db.exec(query.order_by(col(Monitor.name), col(Monitor.id)).with_for_update())).all())
    if len(found) < len(wanted):
        raise not_found()
    return found


async def row_of(db: AsyncSession, actor: Actor, monitor_id: object) -> Monitor:
    """Return a monitor of the actor's workspace that is not deleted. Raises NotFound."""
    (found,) = await rows_of(db, actor, [monitor_id])
    return found


def ids_of(rows: Sequence[Monitor]) -> list[int]:
    return [row.id for row in rows if row.id is not None]


def named(row: Monitor) -> str:
    """Return what the audit log calls a monitor."""
    return f"{row.name} ({row.public_id})"


def schedule(interval_ms: int, public_id: str) -> dict[str, int]:
    """Return the columns of when a monitor is due.

    Its place within the interval depends on its id alone: those made together are spread, and each keeps its place.
    """
    return {"interval_ms": interval_ms, "phase_ms": first_due_ms(0, interval_ms, public_id)}


async def _site_row_id(db: AsyncSession, actor: Actor, site_id: object) -> int | None:
    if site_id == "" or site_id is None:
        return None
    if names.is_public_id(site_id):
        found = (await db.exec(select(Site.id).where(Site.public_id == site_id, Site.workspace_id == actor.workspace_id))).first()
        if found is not None:
            return found
    raise Invalid("site_id", "There is no such site in this workspace.")


async def _parent_row_id(db: AsyncSession, actor: Actor, parent_id: object, own: frozenset[int]) -> int | None:
    """Return the row id of a parent; None for "". Raises Invalid when it is, or depends on, one of `own`."""
    if parent_id == "" or parent_id is None:
        return None
    if not names.is_public_id(parent_id):
        raise Invalid("parent_id", "There is no such monitor in this workspace.")
    this = (Monitor.public_id == parent_id, Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None))
    found = (await db.exec(select(Monitor.id).where(*this))).first()
    if found is None:
        raise Invalid("parent_id", "There is no such monitor in this workspace.")
    above: int | None = found
    for _ in range(MAX_DEPTH):
        if above in own:
            raise Invalid("parent_id", "A monitor cannot depend on itself, directly or through others.")
        above = (await db.exec(select(Monitor.parent_id).where(Monitor.id == above))).first()
        if above is None:
            return found
    raise Invalid("parent_id", f"Monitors can depend on each other {MAX_DEPTH} deep.")


async def places_of(db: AsyncSession, actor: Actor, form: Form | Draft, own: frozenset[int] = frozenset()) -> dict[str, int | None]:
    """Return the columns of site, group and parent. Raises Invalid by field."""
    faults = Faults()
    found: dict[str, int | None] = {}
    for column, read in (
        ("site_id", _site_row_id(db, actor, form.site_id)),
        ("group_id", groups.row_id(db, actor, form.group_id, "group_id")),
        ("parent_id", _parent_row_id(db, actor, form.parent_id, own)),
    ):
        try:
            found[column] = await read
        except Invalid as error:
            faults.errors.extend(error.errors)
    faults.raise_any()
    return found

"""Groups: folders of monitors, which may stand in each other."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import col, select, update
from sqlmodel import delete as delete_from
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import Monitor, MonitorGroup, now
from app.services import audit, memberships, names
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import FieldError, Invalid, Limited, NotFound

AT_MOST = 500  # of one workspace: all of them are read at once
MAX_DEPTH = 8
PARTED = " / "


@dataclass(frozen=True, slots=True)
class GroupRow:
    id: str
    name: str
    parent_id: str  # "" at the top
    path: str  # "Shop / Checkout"
    depth: int  # 0 at the top
    monitors: int  # that stand in it itself


@dataclass(frozen=True, slots=True)
class Placed:
    """A group in its tree. `row_id` never leaves the services."""

    row_id: int
    public_id: str
    name: str
    parent: int | None  # row id
    path: str
    depth: int
    above: tuple[int, ...]  # row ids from the top down, without its own


async def tree(db: AsyncSession, workspace_id: int) -> dict[int, Placed]:
    """Return all groups of a workspace by row id, in the order in which people read them: each before what stands in it, by name."""
    rows = (await db.exec(select(MonitorGroup).where(MonitorGroup.workspace_id == workspace_id))).all()
    below: dict[int | None, list[MonitorGroup]] = {}
    for row in sorted(rows, key=lambda row: (row.name.casefold(), row.id or 0)):
        below.setdefault(row.parent_id, []).append(row)
    placed: dict[int, Placed] = {}

    def place(parent: Placed | None) -> None:
        for row in below.get(parent.row_id if parent else None, ()):
            assert row.id is not None
            path = f"{parent.path}{PARTED}{row.name}" if parent else row.name
            above = (*parent.above, parent.row_id) if parent else ()
            placed[row.id] = made = Placed(row.id, row.public_id, row.name, row.parent_id, path, len(above), above)
            place(made)

    place(None)
    return placed


async def list_(actor: Actor | None) -> tuple[GroupRow, ...]:
    """Return the workspace's groups, each before what stands in it."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        placed = await tree(db, actor.workspace_id)
        query = select(Monitor.group_id, func.count()).where(
            Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None), col(Monitor.group_id).is_not(None)
        )
        counts = dict((await db.exec(query.group_by(col(Monitor.group_id)))).all())
    return tuple(
        GroupRow(
            group.public_id, group.name, placed[group.parent].public_id if group.parent in placed else "", group.path, group.depth,
            counts.get(group.row_id, 0),
        )
        for group in placed.values()
    )  # fmt: skip


def _not_found() -> NotFound:
    return NotFound("There is no such group in this workspace.")


async def row_id(db: AsyncSession, actor: Actor, group_id: object, field: str) -> int | None:
    """Return the row id of a group that a form names; None for "". Raises Invalid for `field`."""
    if group_id == "" or group_id is None:
        return None
    found = await _find(db, actor, group_id)
    if found is None:
        raise Invalid(field, "There is no such group in this workspace.")
    return found.id


async def _find(db: AsyncSession, actor: Actor, group_id: object) -> MonitorGroup | None:
    if not names.is_public_id(group_id):
        return None
    this = (MonitorGroup.public_id == group_id, MonitorGroup.workspace_id == actor.workspace_id)
    return (await db.exec(select(MonitorGroup).where(*this))).first()


async def create(actor: Actor | None, name: str, parent_id: str = "") -> str:
    """Add a group and return its id.

    Raises:
        Invalid: for field "name" or "parent_id": none such, one of this name there, or too deep.
        Limited: there are `AT_MOST` already.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    name = names.name(name, "name")
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        placed = await tree(db, actor.workspace_id)
        if len(placed) >= AT_MOST:
            raise Limited(f"A workspace can have {AT_MOST} groups.")
        parent = await row_id(db, actor, parent_id, "parent_id")
        _check_place(placed, None, name, parent)
        row = MonitorGroup(workspace_id=actor.workspace_id, parent_id=parent, name=name)
        db.add(row)
        audit.record(db, actor, Did.GROUP_ADDED, _path(placed, name, parent))
    return row.public_id


async def at(actor: Actor | None, path: str) -> str:
    """Return the id of the group at a path, "Shop / Checkout", whatever its case; what is missing of it is added.

    Raises:
        Invalid: for field "name": a part is no name, or there are too many.
        Limited: there are `AT_MOST` already.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    typed = path if isinstance(path, str) else ""
    parts = [names.name(part, "name") for part in typed.strip().strip("/").split("/")]
    if len(parts) > MAX_DEPTH:
        raise Invalid("name", f"Groups can stand in each other {MAX_DEPTH} deep.")
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        placed = await tree(db, actor.workspace_id)
        known = {(group.parent, group.name.casefold()): group for group in placed.values()}
        parent, public_id, missing, above = None, "", list(parts), ""
        while missing and (found := known.get((parent, missing[0].casefold()))):
            parent, public_id, above = found.row_id, found.public_id, f"{found.path}{PARTED}"
            missing.pop(0)
        if len(placed) + len(missing) > AT_MOST:
            raise Limited(f"A workspace can have {AT_MOST} groups.")
        for name in missing:
            row = MonitorGroup(workspace_id=actor.workspace_id, parent_id=parent, name=name)
            db.add(row)
            await db.flush()
            audit.record(db, actor, Did.GROUP_ADDED, f"{above}{name}")
            parent, public_id, above = row.id, row.public_id, f"{above}{name}{PARTED}"
    return public_id


async def change(actor: Actor | None, group_id: str, name: str, parent_id: str = "") -> None:
    """Rename a group, or move it with all that stands in it.

    Raises:
        NotFound: no such group.
        Invalid: for field "name" or "parent_id": as `create`, or the new place is within the group itself.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        row = await _find(db, actor, group_id)
        if row is None or row.id is None:
            raise _not_found()
        name = names.name(name, "name")
        placed = await tree(db, actor.workspace_id)
        parent = await row_id(db, actor, parent_id, "parent_id")
        _check_place(placed, row.id, name, parent)
        before = placed[row.id].path
        row.name, row.parent_id = name, parent
        audit.record(db, actor, Did.GROUP_CHANGED, before, before=before, after=_path(placed, name, parent))


def _path(placed: dict[int, Placed], name: str, parent: int | None) -> str:
    return f"{placed[parent].path}{PARTED}{name}" if parent is not None else name


def _check_place(placed: dict[int, Placed], this: int | None, name: str, parent: int | None) -> None:
    faults: list[FieldError] = []
    if any(group.parent == parent and group.name.casefold() == name.casefold() and group.row_id != this for group in placed.values()):
        faults.append(FieldError("name", "There is a group of this name here."))
    if parent is not None:
        above = placed[parent]
        if this is not None and (parent == this or this in above.above):
            faults.append(FieldError("parent_id", "A group cannot stand within itself."))
        else:
            height = max((group.depth - placed[this].depth for group in placed.values() if this in group.above), default=0) if this else 0
            if above.depth + 1 + height >= MAX_DEPTH:
                faults.append(FieldError("parent_id", f"Groups can stand in each other {MAX_DEPTH} deep."))
    if faults:
        raise Invalid(faults[0].field, faults[0].message, *faults[1:])


async def delete(actor: Actor | None, group_id: str) -> None:
    """Remove a group. Its monitors stay, without a group; the groups in it move up. Raises NotFound."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        row = await _find(db, actor, group_id)
        if row is None or row.id is None:
            raise _not_found()
        placed = await tree(db, actor.workspace_id)
        # First out of the way: the database would delete what stands in it.
        await db.exec(update(MonitorGroup).where(col(MonitorGroup.parent_id) == row.id).values(parent_id=row.parent_id))
        await db.exec(update(Monitor).where(col(Monitor.group_id) == row.id).values(group_id=None, changed_at=now()))
        await db.exec(delete_from(MonitorGroup).where(col(MonitorGroup.id) == row.id))
        audit.record(db, actor, Did.GROUP_DELETED, placed[row.id].path)

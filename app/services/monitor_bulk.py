"""Several monitors changed at once, all in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.checks import Kind
from app.db import transaction
from app.models import Monitor, MonitorTag, now
from app.services import audit, engine_orders, memberships, monitor_form
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Invalid
from app.services.monitor_detail import checked_of
from app.services.monitor_form import Draft
from app.services.monitor_rows import ids_of, named, places_of, rows_of, schedule


@dataclass(frozen=True, slots=True)
class BulkChange:
    """What to change of several monitors. None leaves a field as it is; "" takes them out of group, site or parent."""

    interval_s: float | None = None
    timeout_s: float | None = None
    retries: int | None = None
    down: int | None = None
    down_of: int | None = None
    up: int | None = None
    up_of: int | None = None
    add_tags: tuple[str, ...] = field(default=())
    remove_tags: tuple[str, ...] = field(default=())
    group_id: str | None = None
    site_id: str | None = None
    parent_id: str | None = None


_SIMPLE = ("interval_s", "timeout_s", "retries", "down", "down_of", "up", "up_of", "group_id", "site_id", "parent_id")


async def bulk(actor: Actor | None, ids: Sequence[str], wanted: BulkChange) -> int:
    """Change several monitors, all or none. Return how many.

    Raises:
        NotFound: one of them is not there.
        Invalid: by field; the text names the first monitor that the change does not suit.
        Limited: more than `AT_ONCE`.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    changes = {name: value for name in _SIMPLE if (value := getattr(wanted, name)) is not None}
    added = monitor_form.read_tags(wanted.add_tags, "add_tags")
    removed = {tag.casefold() for tag in monitor_form.read_tags(wanted.remove_tags, "remove_tags")}
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        rows = await rows_of(db, actor, ids)
        own = frozenset(ids_of(rows))
        placed = Draft("", "", {}, **{name: changes.get(name, "") for name in ("site_id", "group_id", "parent_id")})
        places = {name: value for name, value in (await places_of(db, actor, placed, own)).items() if name in changes}
        tags = await _tags(db, rows)
        at = now()
        for row in rows:
            await _change_in_bulk(db, row, changes, places, added, removed, tags.get(row.id or 0, {}))
            row.changed_at = at
            audit.record(db, actor, Did.MONITOR_CHANGED, named(row), after=_told(changes, added, removed))
    await engine_orders.changed(ids_of(rows))
    return len(rows)


async def _tags(db: AsyncSession, rows: Sequence[Monitor]) -> dict[int, dict[str, MonitorTag]]:
    """Return tags and labels by monitor and folded name."""
    found: dict[int, dict[str, MonitorTag]] = {}
    for tag in (await db.exec(select(MonitorTag).where(col(MonitorTag.monitor_id).in_(ids_of(rows))))).all():
        found.setdefault(tag.monitor_id, {})[tag.name.casefold()] = tag
    return found


async def _change_in_bulk(
    db: AsyncSession,
    row: Monitor,
    changes: dict[str, Any],
    places: dict[str, int | None],
    added: tuple[str, ...],
    removed: set[str],
    has: dict[str, MonitorTag],
) -> None:
    kind = Kind(row.kind)
    try:
        interval_ms = monitor_form.read_interval(changes["interval_s"]) if "interval_s" in changes else row.interval_ms
        row.timeout_ms = monitor_form.read_timeout(changes.get("timeout_s", row.timeout_ms / 1000), kind, interval_ms)
        if kind is Kind.WEBSOCKET and "timeout_s" in changes and (check := checked_of(row)) is not None:
            monitor_form.check_time(check, row.timeout_ms)
        row.retries = monitor_form.read_retries(changes.get("retries", row.retries))
        four = {name: changes.get(name, getattr(row, name)) for name in ("down", "down_of", "up", "up_of")}
        monitor_form.read_thresholds(**four)
        kept = [tag for tag in has.values() if tag.value or tag.name.casefold() not in removed]
        new = [tag for tag in added if tag.casefold() not in {one.name.casefold() for one in kept}]
        if new and sum(not tag.value for tag in kept) + len(new) > monitor_form.MAX_TAGS:
            raise Invalid("add_tags", f"At most {monitor_form.MAX_TAGS} tags fit.")
    except Invalid as error:
        raise Invalid(error.field, f"{row.name}: {error.message}") from error
    for name, value in {**four, **places, **schedule(interval_ms, row.public_id)}.items():
        setattr(row, name, value)
    assert row.id is not None
    for tag in has.values():
        if tag not in kept:
            await db.delete(tag)
    await db.flush()
    for tag in new:
        db.add(MonitorTag(monitor_id=row.id, workspace_id=row.workspace_id, name=tag))


def _told(changes: dict[str, Any], added: tuple[str, ...], removed: set[str]) -> str:
    words = [f"{name} {value if value != '' else 'none'}" for name, value in changes.items()]
    words += [f"tag {tag} added" for tag in added] + [f"tag {tag} removed" for tag in sorted(removed)]
    return "; ".join(words)

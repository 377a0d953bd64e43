"""Sites: the applications under watch, by the addresses of their page and their API."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import col, select, update
from sqlmodel import delete as delete_from
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.redact import redact_url
from app.core.urls import InvalidTarget, parse_target
from app.db import reading, transaction
from app.models import Incident, Monitor, Site, now
from app.services import audit, engine_orders, incidents, memberships, names, roster, standings
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Invalid, Limited, NotFound
from app.services.maintenance import holding
from app.services.monitor_form import Faults
from app.services.monitor_status import SEVERITY
from app.services.roster import Roster

AT_MOST = 500  # of one workspace


@dataclass(frozen=True, slots=True)
class SiteRow:
    id: str
    name: str
    page_url: str
    api_url: str  # "" when it is the page's origin
    monitors: int
    worst: str  # status of the monitor that stands worst; "" without monitors
    open_incidents: int


async def list_(actor: Actor | None) -> tuple[SiteRow, ...]:
    """Return the workspace's sites by name."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        known = await roster.current(db, actor.workspace_id)
        rows = (await db.exec(select(Site).where(Site.workspace_id == actor.workspace_id))).all()
        return await _rows(db, actor, known, rows)


async def get(actor: Actor | None, site_id: str) -> SiteRow:
    """Return one site. Raises NotFound."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        known = await roster.current(db, actor.workspace_id)
        return (await _rows(db, actor, known, [await _get(db, actor, site_id)]))[0]


async def _rows(db: AsyncSession, actor: Actor, known: Roster, sites: Sequence[Site]) -> tuple[SiteRow, ...]:
    held = await holding(db, actor.workspace_id, now())
    stands = await standings.read(db, actor.workspace_id, known, held)
    still_open: Counter[int | None] = Counter()
    query = select(Incident.monitor_id).where(*incidents.open_here(actor.workspace_id))
    for monitor_id in (await db.exec(query)).all():
        if monitor_id in known.by_id:
            still_open[known.by_id[monitor_id].site_id] += 1
    made = []
    for site in sorted(sites, key=lambda site: (site.name.casefold(), site.id or 0)):
        its = known.of_site.get(site.id, [])
        worst = min(stands.parted(its), key=lambda status: SEVERITY.get(status, len(SEVERITY)), default="")
        made.append(SiteRow(site.public_id, site.name, site.page_url, site.api_url, len(its), worst, still_open[site.id]))
    return tuple(made)


def _not_found() -> NotFound:
    return NotFound("There is no such site in this workspace.")


async def _get(db: AsyncSession, actor: Actor, site_id: object) -> Site:
    if not names.is_public_id(site_id):
        raise _not_found()
    found = (await db.exec(select(Site).where(Site.public_id == site_id, Site.workspace_id == actor.workspace_id))).first()
    if found is None:
        raise _not_found()
    return found


def _read(name: object, page_url: object, api_url: object) -> dict[str, str]:
    """Return the columns of a site. Raises Invalid with every field at fault. Secrets in addresses are hashed: they are for reading."""
    faults = Faults()
    read = {
        "name": faults.take(lambda: names.name(name, "name")) or "",
        "page_url": faults.take(lambda: _address(page_url, "page_url")) or "",
        "api_url": (faults.take(lambda: _address(api_url, "api_url")) or "") if api_url not in ("", None) else "",
    }
    faults.raise_any()
    return read


def _address(url: object, field: str) -> str:
    if not isinstance(url, str) or len(url) > 2000:
        raise Invalid(field, "Enter an address that starts with http:// or https://.")
    try:
        return redact_url(parse_target(url))
    except InvalidTarget as error:
        raise Invalid(field, str(error)) from error


async def room_for_one(db: AsyncSession, actor: Actor) -> None:
    """Raise Limited when the workspace has as many sites as it can have. The caller holds its lock."""
    count = select(func.count()).select_from(Site).where(Site.workspace_id == actor.workspace_id)
    if (await db.exec(count)).one() >= AT_MOST:
        raise Limited(f"A workspace can have {AT_MOST} sites.")


async def create(actor: Actor | None, name: str, page_url: str, api_url: str = "") -> str:
    """Add a site and return its id. Raises Invalid by field, Limited."""
    actor = require(actor, Action.CHANGE_MONITORS)
    columns = _read(name, page_url, api_url)
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)
        await room_for_one(db, actor)
        row = Site(workspace_id=actor.workspace_id, name=columns["name"], page_url=columns["page_url"], api_url=columns["api_url"])
        db.add(row)
        audit.record(db, actor, Did.SITE_ADDED, row.name, after=_words(row))
    return row.public_id


async def change(actor: Actor | None, site_id: str, name: str, page_url: str, api_url: str = "") -> None:
    """Write a site anew. Its monitors go where they went. Raises NotFound, Invalid by field."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        row = await _get(db, actor, site_id)
        before = _words(row)
        for column, value in _read(name, page_url, api_url).items():
            setattr(row, column, value)
        audit.record(db, actor, Did.SITE_CHANGED, row.name, before=before, after=_words(row))


async def delete(actor: Actor | None, site_id: str) -> None:
    """Remove a site. Its monitors stay, without a site. Raises NotFound."""
    actor = require(actor, Action.CHANGE_MONITORS)
    async with transaction() as db:
        row = await _get(db, actor, site_id)
        monitor_ids = (await db.exec(select(Monitor.id).where(Monitor.site_id == row.id))).all()
        await db.exec(update(Monitor).where(col(Monitor.site_id) == row.id).values(site_id=None, changed_at=now()))
        await db.exec(delete_from(Site).where(col(Site.id) == row.id))
        audit.record(db, actor, Did.SITE_DELETED, row.name, before=_words(row))
    # Windows of maintenance may have named the site.
    await engine_orders.changed(one for one in monitor_ids if one is not None)


def _words(row: Site) -> str:
    return f"{row.name}: {row.page_url}" + (f", {row.api_url}" if row.api_url else "")

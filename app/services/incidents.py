"""Incidents, as people read them. They are opened and closed by `settling` only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.results import Cause
from app.db import reading
from app.models import Incident, Monitor, Site
from app.services.access import Action, Actor, require
from app.services.errors import NotFound
from app.services.names import is_public_id
from app.services.paging import Page, page_number

PAGE_SIZE = 50
# What people read instead of a cause's number.
CAUSES: dict[Cause, str] = {
    Cause.NONE: "",
    Cause.ASSERTION: "assertion",
    Cause.DNS: "DNS",
    Cause.CONNECT: "connection",
    Cause.TLS: "TLS",
    Cause.TIMEOUT: "timeout",
    Cause.PROTOCOL: "protocol",
    Cause.REFUSED_ADDRESS: "refused address",
    Cause.LOGIN: "login",
    Cause.MISSED: "missed",
    Cause.REPORTED: "reported",
    Cause.PARENT: "parent",
    Cause.OURSELVES: "our own network",
    Cause.CONFIGURATION: "configuration",
}


def cause_words(number: int) -> str:
    """Return a cause in words; "" for one that a later version wrote."""
    return CAUSES[Cause(number)] if number in set(Cause) else ""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    id: str
    monitor_id: str
    monitor: str
    kind: str
    severity: str  # the worst it was: "degraded", "down"
    cause: str  # in words
    text: str  # why, in a sentence
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str  # "check", "maintenance", "paused", "deleted"; "" while it is open


def row(incident: Incident, monitor_id: str, monitor: str, kind: str) -> IncidentRow:
    return IncidentRow(
        incident.public_id, monitor_id, monitor, kind, incident.severity, cause_words(incident.cause), incident.text,
        incident.opened_at, incident.closed_at, incident.closed_by,
    )  # fmt: skip


async def list_(actor: Actor | None, page: int = 1, open_only: bool = False, monitor_id: str = "", site_id: str = "") -> Page[IncidentRow]:
    """Return one page of the workspace's incidents, open ones first, then newest first; of one monitor or one site.

    Incidents of deleted monitors are left out.

    Raises:
        NotFound: no such monitor, or no such site.
    """
    actor = require(actor, Action.READ_MONITORS)
    chosen: list[ColumnElement[bool]] = [col(Incident.workspace_id) == actor.workspace_id]
    if open_only is True:
        chosen.append(col(Incident.closed_at).is_(None))
    async with reading() as db:
        if monitor_id:
            chosen.append(col(Incident.monitor_id) == await _of_monitor(db, actor, monitor_id))
        if site_id:
            chosen.append(col(Monitor.site_id) == await _of_site(db, actor, site_id))
        there = (col(Monitor.id) == Incident.monitor_id, col(Monitor.deleted_at).is_(None))
        count = select(func.count()).select_from(Incident).join(Monitor, there[0] & there[1]).where(*chosen)
        total = (await db.exec(count)).one()
        pages = max(1, -(-total // PAGE_SIZE))
        number = min(page_number(page), pages)
        query = (
            select(Incident, Monitor.public_id, Monitor.name, Monitor.kind)
            .join(Monitor, there[0] & there[1])
            .where(*chosen)
            .order_by(col(Incident.closed_at).is_not(None), col(Incident.id).desc())
            .offset((number - 1) * PAGE_SIZE)
            .limit(PAGE_SIZE)
        )
        found = (await db.exec(query)).all()
    return Page(tuple(row(*entry) for entry in found), number, pages, total)


async def _of_monitor(db: AsyncSession, actor: Actor, monitor_id: object) -> int | None:
    if not is_public_id(monitor_id):
        raise NotFound("There is no such monitor in this workspace.")
    this = (Monitor.public_id == monitor_id, Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None))
    found = (await db.exec(select(Monitor.id).where(*this))).first()
    if found is None:
        raise NotFound("There is no such monitor in this workspace.")
    return found


async def _of_site(db: AsyncSession, actor: Actor, site_id: object) -> int | None:
    if not is_public_id(site_id):
        raise NotFound("There is no such site in this workspace.")
    found = (await db.exec(select(Site.id).where(Site.public_id == site_id, Site.workspace_id == actor.workspace_id))).first()
    if found is None:
        raise NotFound("There is no such site in this workspace.")
    return found


def open_here(workspace_id: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions of a workspace's open incidents.

    With "+ 0" no index of the workspace's serves, and the one of open incidents does: they are few, those that are over are not.
    """
    return col(Incident.closed_at).is_(None), col(Incident.workspace_id) + 0 == workspace_id


async def open_of(db: AsyncSession, monitor_ids: Sequence[int]) -> dict[int, Incident]:
    """Return the open incidents of these monitors, by monitor."""
    query = select(Incident).where(col(Incident.monitor_id).in_(monitor_ids), col(Incident.closed_at).is_(None))
    return {incident.monitor_id: incident for incident in (await db.exec(query)).all()}

"""From a report to monitors: what it proposes to watch, what of that is watched already, and making the chosen ones in one go."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, described
from app.core.checks import BadCheck, Kind
from app.core.proposal import Proposal, is_whole, key_of
from app.core.proposals import MAX_PROPOSALS, Proposed, propose
from app.core.report import Report
from app.db import reading, transaction
from app.models import Monitor, Site, new_public_id
from app.services import audit, engine_orders, memberships, monitor_form, monitors, names, scans, sites
from app.services.access import Action, Actor, may, require
from app.services.audit import Did
from app.services.errors import Conflict, FieldError, Invalid
from app.services.monitor_form import Draft, Faults, Form

_LOOKED_THROUGH = 2000  # monitors that go to the same addresses, when it is told what is watched already


@dataclass(frozen=True, slots=True)
class ProposedMonitor:
    """One monitor that a report proposes. `key` stays the same over scans of a site."""

    key: str
    seam: str  # "page", "api", "cors", "websocket", "session", "auth", "delivery"
    kind: str
    name: str
    address: str  # where its check goes
    holds: str  # what must hold, in a few words
    interval_s: int
    ticked: bool  # whether it suits as it is: what it asks holds today
    why: str  # why it is not ticked, or what is to know of one that is; "" when nothing is


@dataclass(frozen=True, slots=True)
class Watchable:
    """What a report proposes."""

    site_name: str
    site_id: str  # of the site that these join, because it has the same page; "" when one is made
    page_url: str
    api_url: str  # "" when it is the page's
    proposals: tuple[ProposedMonitor, ...]  # by seam, at most 40
    already: frozenset[str]  # keys of what is watched already
    notes: tuple[str, ...]  # what cannot be watched as it is
    may_watch: bool  # whether the actor may make monitors


@dataclass(frozen=True, slots=True)
class Choice:
    """One proposal that is to become a monitor. Nothing is checked yet."""

    key: str
    name: str | None = None  # None: as proposed
    interval_s: float | None = None  # None: as proposed


@dataclass(frozen=True, slots=True)
class Watching:
    monitors: tuple[str, ...]  # ids, in the order chosen
    site_id: str
    site_name: str
    made_site: bool  # whether the site was made for them


@dataclass(frozen=True, slots=True)
class _Read:
    report: Report
    proposed: Proposed
    page_url: str
    api_url: str


async def proposals(actor: Actor | None, scan_id: str) -> Watchable:
    """Return what the report of a scan proposes to watch. Raises NotFound while it has none.

    What is watched already is told to those who may see monitors.
    """
    actor = require(actor, Action.READ_SCANS)
    read = await _read(actor, scan_id, Action.READ_SCANS)
    site, already = None, set[str]()
    if may(actor, Action.READ_MONITORS):
        async with reading() as db:
            site = await _site(db, actor, read.page_url)
            already = await _already(db, actor, read.proposed.proposals)
    return Watchable(
        site_name=site.name if site else _site_name(read.page_url),
        site_id=site.public_id if site else "",
        page_url=read.page_url,
        api_url=read.api_url,
        proposals=tuple(map(_proposed, read.proposed.proposals)),
        already=frozenset(already),
        notes=read.proposed.notes,
        may_watch=may(actor, Action.CHANGE_MONITORS),
    )


async def watch(actor: Actor | None, scan_id: str, choices: Sequence[Choice] | None, site_name: str = "") -> Watching:
    """Make monitors of what a report proposes, and the site they belong to unless there is one with its page. All or none.

    What is watched already is left as it is.

    Args:
        choices: None for all that are ticked.
        site_name: of a new site; "" for its host.

    Raises:
        NotFound: no such scan, or it has no report.
        Invalid: for "keys" when one is not proposed, "site_name", and "<key>.name" or "<key>.interval_s".
        Conflict: all of them are watched already.
        Limited: the workspace has no room for more monitors, or for another site.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    named = names.name(site_name, "site_name", empty=True)
    chosen = _chosen(choices) if choices is not None else None
    read = await _read(actor, scan_id, Action.CHANGE_MONITORS)
    offered = {proposal.key: proposal for proposal in read.proposed.proposals}
    if chosen is None:
        chosen = [Choice(proposal.key) for proposal in offered.values() if proposal.ticked]
    if any(choice.key not in offered for choice in chosen):
        raise Invalid("keys", "This report does not propose one of these. Read its proposals again.")
    forms = _forms([(offered[choice.key], choice) for choice in chosen])
    async with transaction() as db:
        await memberships.lock(db, actor.workspace_id)  # a second click waits here, and finds them made
        already = await _already(db, actor, [offered[choice.key] for choice in chosen])
        wanted = [choice for choice in chosen if choice.key not in already]
        if not wanted:
            raise Conflict("These are watched already.")
        site, made_site = await _site(db, actor, read.page_url), False
        if site is None:
            await sites.room_for_one(db, actor)
            site, made_site = _new_site(actor, named or _site_name(read.page_url), read), True
            db.add(site)
            await db.flush()
            audit.record(db, actor, Did.SITE_ADDED, f"{site.name} ({site.public_id})", after=site.page_url)
        rows = await monitors.add_all(db, actor, [replace(forms[choice.key], site_id=site.public_id) for choice in wanted])
        made = Watching(tuple(row.public_id for row in rows), site.public_id, site.name, made_site)
    await engine_orders.changed([row.id for row in rows if row.id is not None])
    return made


async def undo(actor: Actor | None, monitor_ids: Sequence[str], site_id: str = "") -> None:
    """Take back what `watch` made: the monitors, and a site that was made for them and has no others.

    Raises:
        NotFound: one of the monitors is not there any more.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    await monitors.delete(actor, monitor_ids)
    if not names.is_public_id(site_id):
        return
    async with transaction() as db:
        query = select(Site).where(Site.public_id == site_id, Site.workspace_id == actor.workspace_id)
        site = (await db.exec(query.with_for_update())).first()
        if site is None:
            return
        left = select(Monitor.id).where(Monitor.site_id == site.id, col(Monitor.deleted_at).is_(None)).limit(1)
        if (await db.exec(left)).first() is None:
            await db.delete(site)
            audit.record(db, actor, Did.SITE_DELETED, f"{site.name} ({site.public_id})")


def _chosen(choices: object) -> list[Choice]:
    """Return each choice once. Raises Invalid for what is none."""
    if not isinstance(choices, list | tuple) or not choices:
        raise Invalid("keys", "Choose at least one.")
    found: dict[str, Choice] = {}
    for choice in choices:
        if not isinstance(choice, Choice) or not isinstance(choice.key, str) or len(choice.key) > 40:
            raise Invalid("keys", "A choice is the key of a proposal.")
        found.setdefault(choice.key, choice)
    if len(found) > MAX_PROPOSALS:
        raise Invalid("keys", f"At most {MAX_PROPOSALS} can be chosen.")
    return list(found.values())


async def _read(actor: Actor, scan_id: str, to: Action) -> _Read:
    detail = await scans.get(actor, scan_id, to=to)
    report = await scans.report(actor, scan_id, to=to)
    asked = detail.request.api_url or ""
    # Reading the list of public suffixes takes 0.1 s the first time: off the loop.
    proposed = await asyncio.to_thread(propose, report, asked)
    page_url = report.site.page_url if is_whole(report.site.page_url) else f"{report.site.page_origin}/"
    others = [origin for origin in report.site.api_origins if origin != report.site.page_origin]
    api_url = asked if asked and is_whole(asked) else f"{others[0]}/" if others else ""
    return _Read(report, proposed, page_url, api_url)


def _site_name(page_url: str) -> str:
    return urlsplit(page_url).netloc[: names.MAX_NAME_CHARS] or "Site"


def _proposed(proposal: Proposal) -> ProposedMonitor:
    return ProposedMonitor(
        proposal.key, proposal.seam.value, proposal.kind.value, proposal.name, described.address(proposal.check), proposal.holds,
        proposal.pace.interval_s, proposal.ticked, proposal.why,
    )  # fmt: skip


async def _site(db: AsyncSession, actor: Actor, page_url: str) -> Site | None:
    """Return the oldest site of the workspace with this page."""
    query = select(Site).where(Site.workspace_id == actor.workspace_id, Site.page_url == page_url)
    return (await db.exec(query.order_by(col(Site.id)).limit(1))).first()


def _new_site(actor: Actor, name: str, read: _Read) -> Site:
    return Site(public_id=new_public_id(), workspace_id=actor.workspace_id, name=name, page_url=read.page_url, api_url=read.api_url)


async def _already(db: AsyncSession, actor: Actor, proposed: Sequence[Proposal]) -> set[str]:
    """Return the keys of those that a monitor of the workspace watches already."""
    addresses = {described.address(proposal.check) for proposal in proposed}
    kinds = {proposal.kind.value for proposal in proposed}
    query = (
        select(Monitor.kind, Monitor.configuration)
        .where(Monitor.workspace_id == actor.workspace_id, col(Monitor.deleted_at).is_(None))
        .where(col(Monitor.kind).in_(sorted(kinds)), col(Monitor.address).in_(sorted(addresses)))
        .limit(_LOOKED_THROUGH)
    )
    found: set[str] = set()
    for kind, configuration in (await db.exec(query)).all():
        try:
            found.add(key_of(checks.parse(Kind(kind), json.loads(configuration))))
        except (BadCheck, ValueError):  # a later version wrote it
            continue
    return found & {proposal.key for proposal in proposed}


def _forms(chosen: Sequence[tuple[Proposal, Choice]]) -> dict[str, Form]:
    """Return what is stored, by key. Raises Invalid with every field at fault, as "<key>.name"."""
    faults = Faults()
    found: dict[str, Form] = {}
    for proposal, choice in chosen:
        try:
            found[choice.key] = monitor_form.read(_draft(proposal, choice))
        except Invalid as error:
            faults.errors.extend(FieldError(f"{choice.key}.{fault.field}", fault.message) for fault in error.errors)
    faults.raise_any()
    return found


def _draft(proposal: Proposal, choice: Choice) -> Draft:
    pace = proposal.pace
    interval_s = pace.interval_s if choice.interval_s is None else choice.interval_s
    known = isinstance(interval_s, int | float) and not isinstance(interval_s, bool)
    return Draft(
        name=proposal.name if choice.name is None else choice.name,
        kind=proposal.kind.value,
        check=checks.dump(proposal.check),
        interval_s=interval_s,
        timeout_s=min(pace.timeout_s, interval_s) if known else pace.timeout_s,
        retries=pace.retries,
        retry_interval_s=pace.retry_interval_s,
        down=pace.down,
        down_of=pace.down,
    )

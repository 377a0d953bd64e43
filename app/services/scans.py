"""Scans, as people use them: start, follow, read, list, cancel, delete, repeat, compare. The worker's side is `scan_queue`."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import load_only
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import report_json
from app.core.comparison import Difference
from app.core.comparison import compare as compare_reports
from app.core.observation import ScanRequest
from app.core.redact import redact_url
from app.core.report import Report
from app.core.scan_events import ScanEvent, ScanStatus
from app.core.withheld import without_secrets
from app.db import reading, transaction
from app.models import Scan, User, now
from app.services import audit, scan_feed, vault
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Conflict, Limited, NotFound
from app.services.names import is_public_id
from app.services.paging import Page, page_number
from app.services.scan_form import ScanForm, to_request
from app.settings import settings

PAGE_SIZE = 20
RESTORABLE = timedelta(hours=1)  # how long a deleted scan can be had back; then it is purged
_POLL_S = 2.0  # how long a follower waits for news before it asks the database, in case another process runs the scan
_REQUEST = TypeAdapter(ScanRequest)
_OPEN = (ScanStatus.QUEUED.value, ScanStatus.RUNNING.value)


@dataclass(frozen=True, slots=True)
class ScanRow:
    id: str
    page_url: str
    api_url: str  # "" when none was given
    status: ScanStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    sentence: str  # the report's verdict; "" while there is none
    critical: int
    high: int
    medium: int
    low: int
    info: int
    calls: int
    blocked: int  # of `calls`
    error: str  # why it failed; "" otherwise
    created_by: str  # a name; "a monitor" for those that monitors made


@dataclass(frozen=True, slots=True)
class ScanDetail:
    row: ScanRow
    request: ScanRequest
    has_report: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    older: ScanRow
    newer: ScanRow
    difference: Difference


# Columns of a row: everything but the report and the request, which can be megabytes.
_ROW = load_only(
    *(getattr(Scan, name) for name in ("id", "public_id", "workspace_id", "created_by", "monitor_id")),
    *(getattr(Scan, name) for name in ("page_url", "api_url", "status", "created_at", "started_at", "finished_at")),
    *(getattr(Scan, name) for name in ("sentence", "critical", "high", "medium", "low", "info", "calls", "blocked", "error")),
    raiseload=True,
)


def _row(scan: Scan, created_by: str) -> ScanRow:
    return ScanRow(
        id=scan.public_id,
        page_url=scan.page_url,
        api_url=scan.api_url,
        status=ScanStatus(scan.status),
        created_at=scan.created_at,
        started_at=scan.started_at,
        finished_at=scan.finished_at,
        sentence=scan.sentence,
        critical=scan.critical,
        high=scan.high,
        medium=scan.medium,
        low=scan.low,
        info=scan.info,
        calls=scan.calls,
        blocked=scan.blocked,
        error=scan.error,
        created_by=created_by if scan.monitor_id is None else "a monitor",
    )


def _not_found() -> NotFound:
    return NotFound("There is no such scan in this workspace.")


async def _get(db: AsyncSession, actor: Actor, scan_id: object, *, deleted: bool = False) -> tuple[Scan, str]:
    """Return a scan of the actor's workspace and its creator's name, without request and report."""
    if not is_public_id(scan_id):
        raise _not_found()
    query = (
        select(Scan, User.name)
        .join(User, col(User.id) == Scan.created_by)
        .where(Scan.public_id == scan_id, Scan.workspace_id == actor.workspace_id)
        .where(col(Scan.deleted_at).is_not(None) if deleted else col(Scan.deleted_at).is_(None))
        .options(_ROW)
    )
    found = (await db.exec(query)).first()
    if found is None:
        raise _not_found()
    return found


async def start(actor: Actor | None, form: ScanForm) -> str:
    """Queue a scan and return its id.

    What looks secret in addresses and in header values of the calls to try is stored sealed, for the worker and for `rescan`.

    Raises:
        Invalid: names every field at fault.
        Limited: too many scans of this user at once or within the hour.
    """
    actor = require(actor, Action.START_SCANS)
    return await _queue(actor, to_request(form))


def purpose(workspace_id: int, public_id: str) -> str:
    """Return what a scan's request is sealed for."""
    return f"scan:{workspace_id}:{public_id}"


def stored(request: ScanRequest, sealed_for: str) -> tuple[str, str | None]:
    """Return the columns that hold a request: what may be shown, and the whole, sealed, where that is more."""
    whole, shown = (_REQUEST.dump_json(version).decode() for version in (request, without_secrets(request)))
    return shown, vault.seal(whole, sealed_for) if shown != whole else None


def unsealed(shown: str, sealed: str | None, sealed_for: str) -> ScanRequest:
    """Return the whole request of a row. Raises Sealed or VaultUnusable."""
    return _REQUEST.validate_json(shown if sealed is None else vault.unseal(sealed, sealed_for))


async def _queue(actor: Actor, request: ScanRequest) -> str:
    public_id = secrets.token_urlsafe(12)
    # What monitors of theirs report is not theirs to wait for.
    mine = select(func.count()).select_from(Scan).where(Scan.created_by == actor.user_id, col(Scan.monitor_id).is_(None))
    async with transaction() as db:
        waiting = (await db.exec(mine.where(col(Scan.status).in_(_OPEN)))).one()
        if waiting >= settings().max_scans_per_user:
            raise Limited(f"{waiting} of your scans are still under way. Wait for one to end, or cancel one.")
        lately = (await db.exec(mine.where(Scan.created_at > now() - timedelta(hours=1)))).one()
        if lately >= settings().scans_per_hour:
            raise Limited(f"You started {lately} scans within an hour. Wait a few minutes and scan again.")
        shown, sealed = stored(request, purpose(actor.workspace_id, public_id))
        db.add(
            Scan(
                public_id=public_id,
                workspace_id=actor.workspace_id,
                created_by=actor.user_id,
                page_url=redact_url(request.page_url),
                api_url=redact_url(request.api_url or ""),
                request=shown,
                sealed_request=sealed,
            )
        )
        audit.record(db, actor, Did.SCAN_STARTED, _named(redact_url(request.page_url), public_id))
    await scan_feed.publish(public_id, ScanStatus.QUEUED)
    await scan_feed.wake_worker()
    return public_id


async def get(actor: Actor | None, scan_id: str, *, to: Action = Action.READ_SCANS) -> ScanDetail:
    """Return one scan. `to` is what it is read for, where its reader is given no more of it than that takes."""
    actor = require(actor, to)
    async with reading() as db:
        scan, created_by = await _get(db, actor, scan_id)
        request, version = (await db.exec(select(Scan.request, Scan.schema_version).where(Scan.id == scan.id))).one()
    return ScanDetail(_row(scan, created_by), _REQUEST.validate_json(request), version > 0)


async def report_json_text(actor: Actor | None, scan_id: str, *, to: Action = Action.READ_SCANS) -> str:
    """Return the report as it is stored. `to` as of `get`.

    Raises:
        NotFound: no such scan, or none with a report yet.
    """
    actor = require(actor, to)
    async with reading() as db:
        scan, _ = await _get(db, actor, scan_id)
        text = (await db.exec(select(Scan.report).where(Scan.id == scan.id))).one()
    if text is None:
        raise NotFound("This scan has no report.")
    return text


async def report(actor: Actor | None, scan_id: str, *, to: Action = Action.READ_SCANS) -> Report:
    """Return the report, whatever version of Seamwatch wrote it. `to` as of `get`. Raises NotFound while there is none."""
    return report_json.load(await report_json_text(actor, scan_id, to=to))


async def list_(actor: Actor | None, page: int = 1) -> Page[ScanRow]:
    """Return one page of the workspace's scans, newest first. A page beyond the last is the last."""
    actor = require(actor, Action.READ_SCANS)
    listed = (Scan.workspace_id == actor.workspace_id, col(Scan.deleted_at).is_(None))
    async with reading() as db:
        total = (await db.exec(select(func.count()).select_from(Scan).where(*listed))).one()
        pages = max(1, -(-total // PAGE_SIZE))
        number = min(page_number(page), pages)
        query = (
            select(Scan, User.name)
            .join(User, col(User.id) == Scan.created_by)
            .where(*listed)
            .order_by(col(Scan.id).desc())
            .options(_ROW)
            .offset((number - 1) * PAGE_SIZE)
            .limit(PAGE_SIZE)
        )
        rows = (await db.exec(query)).all()
    return Page(tuple(_row(scan, name) for scan, name in rows), number, pages, total)


async def rows(db: AsyncSession, which: ColumnElement[bool]) -> tuple[ScanRow, ...]:
    """Return the scans that a condition names. Whether the actor may read them is for the caller to say in it."""
    query = select(Scan, User.name).join(User, col(User.id) == Scan.created_by).where(which).options(_ROW)
    return tuple(_row(scan, name) for scan, name in (await db.exec(query)).all())


async def cancel(actor: Actor | None, scan_id: str) -> None:
    """End a scan: one that waits at once, one that runs within a second. No effect on one that has ended."""
    actor = require(actor, Action.CHANGE_SCANS)
    async with transaction() as db:
        scan, _ = await _get(db, actor, scan_id)
        if await _cancel(db, scan):
            audit.record(db, actor, Did.SCAN_CANCELLED, _named(scan.page_url, scan.public_id))
    await scan_feed.request_cancel(scan_id)


async def _cancel(db: AsyncSession, scan: Scan) -> bool:
    """Return whether there was something to cancel."""
    # Two statements, each deciding for itself: the worker may claim or finish the scan between reading and writing it.
    this = update(Scan).where(col(Scan.id) == scan.id)
    waiting = this.where(col(Scan.status) == ScanStatus.QUEUED.value)
    ended = await db.exec(waiting.values(status=ScanStatus.CANCELLED.value, finished_at=now()))
    running = this.where(col(Scan.status) == ScanStatus.RUNNING.value, col(Scan.cancel_requested_at).is_(None))
    return bool(ended.rowcount + (await db.exec(running.values(cancel_requested_at=now()))).rowcount)


async def delete(actor: Actor | None, scan_id: str) -> None:
    """Take a scan out of every list; one under way is cancelled. `restore` undoes it for an hour."""
    actor = require(actor, Action.CHANGE_SCANS)
    async with transaction() as db:
        scan, _ = await _get(db, actor, scan_id)
        await _cancel(db, scan)
        await db.exec(update(Scan).where(col(Scan.id) == scan.id).values(deleted_at=now()))
        audit.record(db, actor, Did.SCAN_DELETED, _named(scan.page_url, scan.public_id))
    await scan_feed.request_cancel(scan_id)


async def restore(actor: Actor | None, scan_id: str) -> None:
    """Bring a deleted scan back. Raises NotFound once it has been purged."""
    actor = require(actor, Action.CHANGE_SCANS)
    async with transaction() as db:
        scan, _ = await _get(db, actor, scan_id, deleted=True)
        await db.exec(update(Scan).where(col(Scan.id) == scan.id).values(deleted_at=None))
        audit.record(db, actor, Did.SCAN_RESTORED, _named(scan.page_url, scan.public_id))


def _named(page_url: str, public_id: str) -> str:
    """Return how the audit log names a scan. The address, which may be long, does not push the id out."""
    return f"{page_url[:280]} ({public_id})"


async def rescan(actor: Actor | None, scan_id: str) -> str:
    """Queue the same request again, with the secrets it was started with, and return the new scan's id.

    Raises:
        Conflict: a secret of it was not kept, or cannot be read any more.
    """
    actor = require(actor, Action.START_SCANS)
    async with reading() as db:
        scan, _ = await _get(db, actor, scan_id)
        shown, sealed = (await db.exec(select(Scan.request, Scan.sealed_request).where(Scan.id == scan.id))).one()
    try:
        request = unsealed(shown, sealed, purpose(actor.workspace_id, scan.public_id))
    except vault.Sealed as error:
        raise Conflict("This scan held a secret, which cannot be read any more: the vault's key is gone. Enter it again.") from error
    # Of scans from before there was a vault the addresses were kept hashed.
    if any("sha256:" in url for url in (request.page_url, request.api_url or "", *(call.url for call in request.calls))):
        raise Conflict("An address of this scan held a secret, which was not kept. Enter the addresses again.")
    return await _queue(actor, request)


async def compare(actor: Actor | None, older_id: str, newer_id: str) -> Comparison:
    """Compare two reports of the workspace; which of them is older is decided by when they were made.

    Raises:
        Conflict: one of them has no report, or both are the same scan.
    """
    actor = require(actor, Action.READ_SCANS)
    if older_id == newer_id:
        raise Conflict("Choose two different scans to compare.")
    sides = [(await get(actor, scan_id)) for scan_id in (older_id, newer_id)]
    for side in sides:
        if not side.has_report:
            raise Conflict(f"The scan of {side.row.page_url} has no report to compare.")
    older, newer = sorted((side.row for side in sides), key=lambda row: row.created_at)
    return Comparison(older, newer, compare_reports(await report(actor, older.id), await report(actor, newer.id)))


async def follow(actor: Actor | None, scan_id: str) -> AsyncIterator[ScanEvent]:
    """Yield what has happened to a scan so far, then what happens, and end after the event with a final status.

    Ends without one when the scan is deleted meanwhile. Raises NotFound when there is none to begin with.
    """
    actor = require(actor, Action.READ_SCANS)
    row = (await get(actor, scan_id)).row
    last = 0
    async with scan_feed.listen(scan_id) as events:
        while True:
            event = await events.next(0 if row.status.final else _POLL_S)
            if event is None:
                # No news: the scan may have ended in another process or before a restart, where this feed heard nothing of it.
                try:
                    row = (await get(actor, scan_id)).row
                except NotFound:
                    return
                if not row.status.final:
                    continue
                event = scan_feed.closing_event(last + 1, row.status, row.finished_at or row.created_at, row.error)
            last = event.number
            yield event
            if event.status.final:
                return

"""Scans, as people use them: start, follow, read, list, cancel, delete, repeat, compare. The worker's side is `scan_queue`."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import func
from sqlalchemy.orm import load_only
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import report_json
from app.core.comparison import Difference
from app.core.comparison import compare as compare_reports
from app.core.inventory import UNKEPT, Call
from app.core.observation import ScanRequest
from app.core.redact import redact_header, redact_request, redact_url
from app.core.report import Report
from app.core.scan_events import ScanEvent, ScanStatus
from app.db import reading, transaction
from app.models import Scan, User, now
from app.services import scan_feed
from app.services.access import Action, Actor, require
from app.services.errors import Conflict, Limited, NotFound
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
    created_by: str


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
    *(getattr(Scan, name) for name in ("id", "public_id", "workspace_id", "created_by")),
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
        created_by=created_by,
    )


def _not_found() -> NotFound:
    return NotFound("There is no such scan in this workspace.")


async def _get(db: AsyncSession, actor: Actor, scan_id: object, *, deleted: bool = False) -> tuple[Scan, str]:
    """Return a scan of the actor's workspace and its creator's name, without request and report."""
    if not isinstance(scan_id, str) or not 0 < len(scan_id) <= 24 or not scan_id.isascii():
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


def _without_secrets(call: Call) -> Call:
    kept = [(name, value if redact_header(name, value) == value else UNKEPT) for name, value in call.headers]
    return replace(call, headers=tuple(kept))


async def start(actor: Actor | None, form: ScanForm) -> str:
    """Queue a scan and return its id.

    Secret-looking header values of the calls to try are left out before anything is stored: a browser's decision needs their
    names, not their values, and a scan asks without them.

    Raises:
        Invalid: names every field at fault.
        Limited: too many scans of this user at once or within the hour.
    """
    actor = require(actor, Action.START_SCANS)
    asked = to_request(form)
    return await _queue(actor, replace(asked, calls=tuple(map(_without_secrets, asked.calls))))


async def _queue(actor: Actor, request: ScanRequest) -> str:
    public_id = secrets.token_urlsafe(12)
    mine = select(func.count()).select_from(Scan).where(Scan.created_by == actor.user_id)
    async with transaction() as db:
        waiting = (await db.exec(mine.where(col(Scan.status).in_(_OPEN)))).one()
        if waiting >= settings().max_scans_per_user:
            raise Limited(f"{waiting} of your scans are still under way. Wait for one to end, or cancel one.")
        lately = (await db.exec(mine.where(Scan.created_at > now() - timedelta(hours=1)))).one()
        if lately >= settings().scans_per_hour:
            raise Limited(f"You started {lately} scans within an hour. Wait a few minutes and scan again.")
        db.add(
            Scan(
                public_id=public_id,
                workspace_id=actor.workspace_id,
                created_by=actor.user_id,
                request=_REQUEST.dump_json(request).decode(),
                page_url=redact_url(request.page_url),
                api_url=redact_url(request.api_url or ""),
            )
        )
    await scan_feed.publish(public_id, ScanStatus.QUEUED)
    await scan_feed.wake_worker()
    return public_id


async def get(actor: Actor | None, scan_id: str) -> ScanDetail:
    actor = require(actor, Action.READ_SCANS)
    async with reading() as db:
        scan, created_by = await _get(db, actor, scan_id)
        request, version = (await db.exec(select(Scan.request, Scan.schema_version).where(Scan.id == scan.id))).one()
    return ScanDetail(_row(scan, created_by), _REQUEST.validate_json(request), version > 0)


async def report_json_text(actor: Actor | None, scan_id: str) -> str:
    """Return the report as it is stored.

    Raises:
        NotFound: no such scan, or none with a report yet.
    """
    actor = require(actor, Action.READ_SCANS)
    async with reading() as db:
        scan, _ = await _get(db, actor, scan_id)
        text = (await db.exec(select(Scan.report).where(Scan.id == scan.id))).one()
    if text is None:
        raise NotFound("This scan has no report.")
    return text


async def report(actor: Actor | None, scan_id: str) -> Report:
    """Return the report, whatever version of Seamwatch wrote it. Raises NotFound while there is none."""
    return report_json.load(await report_json_text(actor, scan_id))


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


async def cancel(actor: Actor | None, scan_id: str) -> None:
    """End a scan: one that waits at once, one that runs within a second. No effect on one that has ended."""
    actor = require(actor, Action.CHANGE_SCANS)
    async with transaction() as db:
        scan, _ = await _get(db, actor, scan_id)
        await _cancel(db, scan)
    await scan_feed.request_cancel(scan_id)


async def _cancel(db: AsyncSession, scan: Scan) -> None:
    # Two statements, each deciding for itself: the worker may claim or finish the scan between reading and writing it.
    this = update(Scan).where(col(Scan.id) == scan.id)
    waiting = this.where(col(Scan.status) == ScanStatus.QUEUED.value)
    if (await db.exec(waiting.values(status=ScanStatus.CANCELLED.value, finished_at=now()))).rowcount:
        await forget_secrets(db, scan.id)
    await db.exec(this.where(col(Scan.status) == ScanStatus.RUNNING.value).values(cancel_requested_at=now()))


async def forget_secrets(db: AsyncSession, row_id: int | None) -> None:
    """Hash the secrets in the addresses of a scan that has ended; while it waits or runs they are needed."""
    asked = (await db.exec(select(Scan.request).where(Scan.id == row_id))).one()
    kept = _REQUEST.dump_json(redact_request(_REQUEST.validate_json(asked))).decode()
    if kept != asked:
        await db.exec(update(Scan).where(col(Scan.id) == row_id).values(request=kept))


async def delete(actor: Actor | None, scan_id: str) -> None:
    """Take a scan out of every list; one under way is cancelled. `restore` undoes it for an hour."""
    actor = require(actor, Action.CHANGE_SCANS)
    async with transaction() as db:
        scan, _ = await _get(db, actor, scan_id)
        await _cancel(db, scan)
        await db.exec(update(Scan).where(col(Scan.id) == scan.id).values(deleted_at=now()))
    await scan_feed.request_cancel(scan_id)


async def restore(actor: Actor | None, scan_id: str) -> None:
    """Bring a deleted scan back. Raises NotFound once it has been purged."""
    actor = require(actor, Action.CHANGE_SCANS)
    async with transaction() as db:
        scan, _ = await _get(db, actor, scan_id, deleted=True)
        await db.exec(update(Scan).where(col(Scan.id) == scan.id).values(deleted_at=None))


async def rescan(actor: Actor | None, scan_id: str) -> str:
    """Queue the same request again and return the new scan's id. Raises Conflict where a secret in an address is gone."""
    actor = require(actor, Action.START_SCANS)
    request = (await get(actor, scan_id)).request
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

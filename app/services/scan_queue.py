"""The worker's side of scans: claim one with a lease, keep the lease, record how it ended.

Every change is a compare-and-swap on the lease's owner, so a worker that was away too long cannot overwrite what another did.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import report_json
from app.core.findings import Severity
from app.core.observation import ScanRequest
from app.core.report import Report
from app.core.scan_events import ScanStatus
from app.core.withheld import Withheld
from app.db import reading, transaction
from app.models import Scan, now
from app.services import scan_feed
from app.services.errors import SeamwatchError
from app.services.scans import RESTORABLE, purpose, stored, unsealed

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
MAX_ATTEMPTS = 2  # a scan that takes the process down must not do so for ever
_GIVEN_UP = "Seamwatch stopped twice while it scanned this site, so the scan was given up. Scan again, and look at the log if it repeats."
_UNREADABLE = "What this scan was to ask held a secret, which cannot be read any more. Enter it again."


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to run one scan until its lease ends."""

    row_id: int
    public_id: str
    worker: str
    request: ScanRequest = field(repr=False)  # whole, with what people typed of secrets
    withheld: Withheld = field(repr=False, default_factory=Withheld)  # keeps these out of what is said about the scan


async def claim(worker: str) -> Claim | None:
    """Claim the scan that waits longest, or return None when none waits."""
    waiting = select(Scan.id).where(Scan.status == ScanStatus.QUEUED.value).order_by(col(Scan.id)).limit(1)
    while True:
        async with reading() as db:
            row_id = (await db.exec(waiting)).first()
        if row_id is None:
            return None
        async with transaction() as db:
            took = await db.exec(
                update(Scan)
                .where(col(Scan.id) == row_id, col(Scan.status) == ScanStatus.QUEUED.value)
                .values(
                    status=ScanStatus.RUNNING.value,
                    lease_owner=worker,
                    lease_until=now() + LEASE,
                    attempts=Scan.attempts + 1,
                    started_at=now(),
                )
            )
            if took.rowcount != 1:
                continue  # another worker took it first: look for the next
            claimed = await _opened(db, row_id, worker)
        if isinstance(claimed, Claim):
            return claimed
        await scan_feed.publish(claimed, ScanStatus.FAILED, error=_UNREADABLE)


async def _opened(db: AsyncSession, row_id: int, worker: str) -> Claim | str:
    """Return the claim of a scan that was just taken; where its request cannot be read, end the scan and return its id."""
    columns = select(Scan.public_id, Scan.workspace_id, Scan.request, Scan.sealed_request)
    public_id, workspace_id, shown, sealed = (await db.exec(columns.where(Scan.id == row_id))).one()
    this = update(Scan).where(col(Scan.id) == row_id)
    try:
        request = unsealed(shown, sealed, purpose(workspace_id, public_id))
        if sealed is None:
            shown, sealed = stored(request, purpose(workspace_id, public_id))
            if sealed:  # queued by a version that had no vault
                await db.exec(this.values(request=shown, sealed_request=sealed))
    except SeamwatchError:
        logger.exception("scan %s cannot be run", public_id)
        values = {"status": ScanStatus.FAILED.value, "error": _UNREADABLE, "finished_at": now(), "lease_owner": "", "lease_until": None}
        await db.exec(this.values(**values))
        return public_id
    return Claim(row_id, public_id, worker, request, Withheld.of(request))


def _held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Scan.id) == claim.row_id,
        col(Scan.lease_owner) == claim.worker,
        col(Scan.status) == ScanStatus.RUNNING.value,
    )


async def renew(claim: Claim) -> bool:
    """Lengthen the lease. False when the scan is to stop: somebody cancelled it, or the lease was lost."""
    async with transaction() as db:
        kept = await db.exec(update(Scan).where(*_held(claim), col(Scan.cancel_requested_at).is_(None)).values(lease_until=now() + LEASE))
    return kept.rowcount == 1


async def finish(claim: Claim, report: Report) -> None:
    """Store the report whole, with what lists show of it, unless the scan was cancelled or the lease lost."""
    text = report_json.dump(report)
    if (withheld := claim.withheld.within(text)).forms:  # a server sent back what it was asked with
        report = withheld.hide_all(report)
        text = report_json.dump(report)
    severities = Counter(finding.severity for finding in report.findings)
    await _end(
        claim,
        ScanStatus.DONE,
        report=text,
        schema_version=report.schema_version,
        sentence=report.site.sentence,
        calls=len(report.calls),
        blocked=sum(call.allowed is False for call in report.calls),
        **{severity.value: severities[severity] for severity in Severity},
    )


async def fail(claim: Claim, error: str) -> None:
    """Record that there is no report, and why, in words for people."""
    await _end(claim, ScanStatus.FAILED, error=claim.withheld.hide(error))


async def cancelled(claim: Claim) -> None:
    await _end(claim, ScanStatus.CANCELLED)


async def _end(claim: Claim, status: ScanStatus, **values: object) -> None:
    ended = {"status": status.value, "finished_at": now(), "lease_owner": "", "lease_until": None}
    async with transaction() as db:
        held = update(Scan).where(*_held(claim))
        kept = await db.exec(held.where(col(Scan.cancel_requested_at).is_(None)).values(**ended, **values))
        if kept.rowcount == 0:
            # Cancelled before it ended: that is what people were told, so it stands.
            status, values = ScanStatus.CANCELLED, {}
            kept = await db.exec(held.values(**{**ended, "status": status.value}))
    if kept.rowcount == 1:
        await scan_feed.publish(claim.public_id, status, error=str(values.get("error", "")))


async def release(claim: Claim) -> None:
    """Give a scan back to the queue: this worker stops in good order, so the attempt does not count."""
    async with transaction() as db:
        await db.exec(
            update(Scan)
            .where(*_held(claim))
            .values(status=ScanStatus.QUEUED.value, lease_owner="", lease_until=None, attempts=Scan.attempts - 1)
        )


async def recover() -> int:
    """Deal with scans whose worker is gone: queue them once more, else give them up. Return how many there were."""
    lost = (col(Scan.status) == ScanStatus.RUNNING.value, col(Scan.lease_until) < now())
    async with reading() as db:
        found = (await db.exec(select(Scan.public_id, Scan.id, Scan.attempts, Scan.cancel_requested_at).where(*lost))).all()
    for public_id, row_id, attempts, cancel_requested_at in found:
        status, error = ScanStatus.QUEUED, ""
        if cancel_requested_at is not None:
            status = ScanStatus.CANCELLED
        elif attempts >= MAX_ATTEMPTS:
            status, error = ScanStatus.FAILED, _GIVEN_UP
        async with transaction() as db:
            changed = await db.exec(
                update(Scan)
                .where(col(Scan.id) == row_id, *lost)
                .values(
                    status=status.value,
                    error=error,
                    lease_owner="",
                    lease_until=None,
                    finished_at=now() if status.final else None,
                )
            )
        if changed.rowcount == 1:
            await scan_feed.publish(public_id, status, error=error)
    return len(found)


async def purge() -> int:
    """Remove for good what was deleted longer ago than it can be restored. Return how many."""
    async with transaction() as db:
        gone = await db.exec(delete(Scan).where(col(Scan.deleted_at) < now() - RESTORABLE))
    return gone.rowcount

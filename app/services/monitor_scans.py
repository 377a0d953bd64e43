"""Reports that monitors make: stored as scans, so that people open and compare them like their own."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from secrets import token_urlsafe

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import placeholders, report_json
from app.core.findings import Severity
from app.core.observation import ScanRequest
from app.core.redact import redact_url
from app.core.report import Report
from app.core.scan_events import ScanStatus
from app.db import transaction
from app.models import Membership, Scan, now
from app.services import vault
from app.services.access import Role
from app.services.scans import purpose, stored

MAX_KEPT = 20  # of one monitor: a report is stored when something changed, so this reaches far back


async def keep(
    workspace_id: int,
    monitor_id: int | None,
    request: ScanRequest,
    report: Report,
    started_at: datetime,
    *,
    secrets: Collection[str] = (),
    needed: Collection[str] = (),
) -> str:
    """Store a report of a monitor and return its id; older ones of that monitor beyond a few go.

    Args:
        request: as it was asked, with the secrets of its addresses: they are sealed, so that the scan can be repeated.
        report: without them.
        secrets: of the vault, in every form in which they may stand in the request.
        needed: ids that stay: what later reports are compared with.

    Returns:
        "" when the workspace has no members any more.
    """
    public_id = token_urlsafe(12)
    sealed_for = purpose(workspace_id, public_id)
    whole, sealed = stored(request, sealed_for)
    shown = placeholders.masked(whole, secrets)
    if shown != whole and sealed is None:
        sealed = vault.seal(whole, sealed_for)
    severities = Counter(finding.severity for finding in report.findings)
    text = report_json.dump(report)
    async with transaction() as db:
        owner = await _owner(db, workspace_id)
        if owner is None:
            return ""
        db.add(
            Scan(
                public_id=public_id,
                workspace_id=workspace_id,
                created_by=owner,
                monitor_id=monitor_id,
                page_url=placeholders.masked(redact_url(request.page_url), secrets),
                api_url=placeholders.masked(redact_url(request.api_url or ""), secrets),
                request=shown,
                sealed_request=sealed,
                status=ScanStatus.DONE.value,
                created_at=started_at,
                started_at=started_at,
                finished_at=now(),
                report=text,
                schema_version=report.schema_version,
                sentence=report.site.sentence,
                calls=len(report.calls),
                blocked=sum(call.allowed is False for call in report.calls),
                critical=severities[Severity.CRITICAL],
                high=severities[Severity.HIGH],
                medium=severities[Severity.MEDIUM],
                low=severities[Severity.LOW],
                info=severities[Severity.INFO],
            )
        )
        await db.flush()
        if monitor_id is not None:
            await _prune(db, workspace_id, monitor_id, {*needed, public_id})
    return public_id


async def _owner(db: AsyncSession, workspace_id: int) -> int | None:
    """Return who has been an owner of the workspace for longest; its oldest member when it has none."""
    query = select(Membership.user_id, Membership.role).where(Membership.workspace_id == workspace_id).order_by(col(Membership.created_at))
    members = (await db.exec(query)).all()
    owners = [user_id for user_id, role in members if role == Role.OWNER]
    return next(iter(owners or [user_id for user_id, _ in members]), None)


async def _prune(db: AsyncSession, workspace_id: int, monitor_id: int, needed: Collection[str]) -> None:
    mine = (col(Scan.workspace_id) == workspace_id, col(Scan.monitor_id) == monitor_id)
    newest = select(Scan.id).where(*mine).order_by(col(Scan.id).desc()).limit(MAX_KEPT)
    kept = [row_id for row_id in (await db.exec(newest)).all() if row_id is not None]
    if len(kept) == MAX_KEPT:
        await db.exec(delete(Scan).where(*mine, col(Scan.id) < min(kept), col(Scan.public_id).not_in(needed)))

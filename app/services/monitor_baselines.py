"""Taking what a check of change found last as the new normal."""

import asyncio
from dataclasses import replace

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import drift, report_json
from app.core.baselines import ScanBaseline, SkewBaseline, is_worse
from app.core.checks import Kind
from app.db import reading, transaction
from app.models import Monitor, Scan, now
from app.services import audit, engine_orders, monitor_rows
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Conflict


async def accept(actor: Actor | None, monitor_id: str) -> None:
    """Have a skew or scan monitor compare with what it found last, from now on, and check it soon. It cannot be taken back.

    Raises:
        NotFound: no such monitor.
        Conflict: what it found last is not worse than what it compares with, it compares nothing, or a check found something else now.
    """
    actor = require(actor, Action.CHANGE_MONITORS)
    async with reading() as db:
        row = await monitor_rows.row_of(db, actor, monitor_id)
        if not is_worse(row.kind, row.remembered):
            raise Conflict("There is nothing to accept: this monitor found nothing worse than what it compares with.")
        report = await _report(db, row)
    was = row.remembered
    accepted = await asyncio.to_thread(_accepted, row.kind, was, report)
    async with transaction() as db:
        row = await monitor_rows.row_of(db, actor, monitor_id)
        if row.remembered != was:
            raise Conflict("A check found something else just now. Look at that first.")
        row.remembered, row.changed_at = accepted, now()
        audit.record(db, actor, Did.MONITOR_ACCEPTED, f"{row.name} ({row.public_id})")
    assert row.id is not None
    await engine_orders.changed([row.id])
    await engine_orders.check_now(row.id)


async def can_accept(actor: Actor | None, monitor_id: str) -> bool:
    """Whether there is something to accept. Raises NotFound."""
    actor = require(actor, Action.READ_MONITORS)
    async with reading() as db:
        row = await monitor_rows.row_of(db, actor, monitor_id)
        return is_worse(row.kind, row.remembered)


async def _report(db: AsyncSession, row: Monitor) -> str | None:
    """Return the report that showed what is worse, as it is stored; None when it is not there any more."""
    baseline = ScanBaseline.load(row.remembered) if row.kind == Kind.SCAN else None
    if baseline is None:
        return None
    this = (Scan.public_id == baseline.last, Scan.workspace_id == row.workspace_id, Scan.monitor_id == row.id)
    return (await db.exec(select(Scan.report).where(*this))).first()


def _accepted(kind: str, remembered: str, report: str | None) -> str:
    """Return what is to be remembered; "" where what was found is not there any more, so that the next run begins anew."""
    if kind == Kind.SKEW:
        skew = SkewBaseline.load(remembered)
        return skew.accepted().dump() if skew else ""
    scan = ScanBaseline.load(remembered)
    if scan is None or not report:
        return ""
    try:
        return replace(scan, report=drift.pack(report_json.load(report)), scan=scan.last, seen="", last="").dump()
    except report_json.UnreadableReport:
        return ""

"""Secrets, the audit log and the rotation of keys on PostgreSQL: the same code, where other locks and another LIKE apply."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, update

from app import db
from app.models import AuditEvent, now
from app.services import audit, scan_queue, scans, stored_secrets, vault
from app.services.access import Role
from app.services.audit import AuditFilter
from app.services.errors import Limited
from app.services.scan_form import ScanForm
from app.services.vault_rotation import rotate
from app.settings import _settings
from tests.conftest import add_actor


async def test_what_holds_on_sqlite_holds_on_postgresql(migrated_postgres: str, configure: pytest.MonkeyPatch, tmp_path: Path):
    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _settings.cache_clear()
    alice = await add_actor("Zoë Ångström", Role.OWNER)

    configure.setattr(stored_secrets, "AT_MOST", 3)
    replaced = await asyncio.gather(*(stored_secrets.put(alice, "A", f"value-{number}") for number in range(6)))
    assert sorted(replaced) == [False, *[True] * 5]
    results = await asyncio.gather(*(stored_secrets.put(alice, f"B{number}", "x") for number in range(5)), return_exceptions=True)
    assert sum(isinstance(result, Limited) for result in results) == 3

    await scans.start(alice, ScanForm("http://app.test/?token=t0p-s3cret-value"))
    (old,) = vault.keys().texts
    done = await rotate(settle_s=0)
    assert (done.resealed, done.unreadable) == (4, 0)
    assert old not in vault.keys().texts
    assert (await stored_secrets.value(alice.workspace_id, "A")).startswith("value-")
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert claim.request.page_url.endswith("t0p-s3cret-value")

    page = await audit.list_(alice, AuditFilter("zoë ångSTRÖM", action="secret", since=now() - timedelta(hours=1)))
    assert {row.action for row in page.rows} == {"secret.added", "secret.replaced"}
    assert (await audit.list_(alice, AuditFilter("50%_/"))).rows == ()
    pieces = [piece async for piece in audit.export(alice, AuditFilter(), "jsonl")]
    assert len("".join(pieces).splitlines()) == 9
    async with db.transaction() as session:
        await session.exec(update(AuditEvent).where(col(AuditEvent.action).like("secret.%")).values(at=now() - timedelta(days=400)))
    assert await audit.prune() == 8

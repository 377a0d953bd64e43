"""The audit log as a file."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient

from app import db
from app.services import audit, sessions
from app.services.access import Actor
from app.services.audit import Did
from app.web import api
from tests.conftest import PUBLIC_URL, Cast


@pytest_asyncio.fixture
async def client(cast: Cast) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(api), base_url=PUBLIC_URL) as client:
        yield client


async def cookie(actor: Actor) -> dict[str, str]:
    return {"cookie": f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'tests')}"}


async def record(actor: Actor, did: Did, target: str) -> None:
    async with db.transaction() as session:
        audit.record(session, actor, did, target)


async def test_the_log_is_downloaded_as_it_is_filtered(cast: Cast, client: AsyncClient):
    headers = await cookie(cast.alice)
    await record(cast.alice, Did.SECRET_ADDED, "=one")
    await record(cast.alice, Did.SCAN_STARTED, "two")
    await record(cast.charlie, Did.SECRET_ADDED, "charlies")
    whole = await client.get("/download/audit.csv", headers=headers)
    assert whole.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert whole.headers["content-disposition"] == f'attachment; filename="seamwatch-audit-{datetime.now(UTC):%Y-%m-%d}.csv"'
    assert whole.headers["cache-control"] == "no-store"
    assert [line["target"] for line in csv.DictReader(io.StringIO(whole.text, newline=""))][:2] == ["two", "'=one"]
    filtered = await client.get("/download/audit.jsonl?action=secret&text=ONE&actor=ali", headers=headers)
    assert [json.loads(line)["target"] for line in filtered.text.splitlines()] == ["=one"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("since=2026-03-29", 1), ("since=2026-03-30", 0), ("until=2026-03-29", 1), ("until=2026-03-28", 0), ("until=2026-03-29T11:00Z", 0),
     ("since=2026-03-29T13:00%2B02:00", 1), ("since=2026-03-29&until=2026-03-29", 1)],
)  # fmt: skip
async def test_days_and_moments_choose(cast: Cast, client: AsyncClient, query: str, found: int):
    from sqlmodel import update

    from app.models import AuditEvent

    await record(cast.alice, Did.SECRET_ADDED, "noon")
    async with db.transaction() as session:
        await session.exec(update(AuditEvent).values(at=datetime(2026, 3, 29, 12, tzinfo=UTC)))
    answer = await client.get(f"/download/audit.jsonl?action=secret&{query}", headers=await cookie(cast.alice))
    assert len(answer.text.splitlines()) == found


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01T00:00+23:00", "9999-12-31", "2026-13-01", "x" * 5000])
async def test_what_is_no_moment_is_said(cast: Cast, client: AsyncClient, moment: str):
    answer = await client.get("/download/audit.csv", params={"until": moment}, headers=await cookie(cast.alice))
    assert answer.status_code == 422
    assert "until" in answer.json()["error"]["fields"]


async def test_nobody_editors_and_strangers_get_nothing_of_it(cast: Cast, client: AsyncClient):
    await record(cast.alice, Did.SECRET_ADDED, "alices")
    assert (await client.get("/download/audit.csv")).status_code == 401
    assert (await client.get("/download/audit.csv", headers=await cookie(cast.bob))).status_code == 403
    assert "alices" not in (await client.get("/download/audit.jsonl", headers=await cookie(cast.charlie))).text

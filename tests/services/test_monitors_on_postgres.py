"""Monitors, the overview and a monitor's history on PostgreSQL: the same queries, where types, locks and sorting are others."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio

from app import db
from app.core.incident import Outcome
from app.core.results import HOUR_MS, Cause, Result
from app.models import Incident, MonitorSummary, now
from app.services import (
    engine_state,
    groups,
    history,
    incidents,
    maintenance,
    monitor_history,
    monitor_secrets,
    monitors,
    overview,
    sites,
    stored_secrets,
)  # fmt: skip
from app.services.access import Actor, Role
from app.services.history import Recorded
from app.services.maintenance import WindowDraft
from app.services.monitor_history import Window
from app.services.monitors import BulkChange, Draft
from app.services.overview import Filter
from app.settings import _settings
from tests.conftest import add_actor
from tests.services.test_overview import stand

PAGE = Draft("Shop", "page", {"ask": {"url": "https://shop.example/", "headers": [["Authorization", "Bearer t0p-s3cret-value"]]}})


@pytest_asyncio.fixture
async def alice(migrated_postgres: str, configure: pytest.MonkeyPatch, tmp_path: Path) -> Actor:
    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _settings.cache_clear()
    return await add_actor("Alice", Role.OWNER)


async def test_an_overview_is_filtered_sorted_and_grouped_in_every_way(alice: Actor):
    site = await sites.create(alice, "Shop", "https://shop.example/")
    top = await groups.create(alice, "Shop")
    inner = await groups.create(alice, "Checkout", top)
    made = [
        (await monitors.create(alice, replace(PAGE, name=name, site_id=place[0], group_id=place[1], tags=("Åre",)))).id
        for name, place in zip("abcd", (("", ""), (site, top), (site, inner), ("", inner)), strict=True)
    ]
    row_ids = [await stand(one, standing="up", standing_since=now(), created_at=now() - timedelta(days=60)) for one in made]
    at = now()
    async with db.transaction() as session:
        for row_id, hours in zip(row_ids[:3], (1, 48, 2), strict=True):
            opened = at - timedelta(hours=hours)
            closed = opened + timedelta(hours=hours) / 2
            values: dict[str, Any] = {"severity": "down", "opened_at": opened, "closed_at": closed, "closed_by": "check"}
            session.add(Incident(workspace_id=alice.workspace_id, monitor_id=row_id, **values))
            session.add(MonitorSummary(monitor_id=row_id, p95_ms=hours, recent=""))
    await maintenance.create(alice, WindowDraft("w", cron="* * * * *", duration_s=3600, tags=("none",)))
    flat = Filter(group_by="none")
    assert [row.name for row in (await overview.read(alice, replace(flat, sort="uptime"))).rows] == ["b", "c", "a", "d"]
    assert [row.name for row in (await overview.read(alice, replace(flat, sort="uptime", descending=True))).rows] == ["d", "a", "c", "b"]
    assert [row.name for row in (await overview.read(alice, replace(flat, sort="p95"))).rows] == ["a", "c", "b", "d"]
    for sort in ("status", "name", "uptime", "p95", "last"):
        for group_by in ("group", "site", "kind", "none"):
            more: dict[str, Any]
            for more in ({}, {"text": "ÅRE"}, {"tag": "Åre", "status": "up"}, {"site_id": site}, {"folded": (top, "none", "page")}):
                read = await overview.read(alice, Filter(sort=sort, group_by=group_by, **more))
                assert read.total == (2 if "site_id" in more else 4)
    assert (await overview.counts(alice)).monitors == 4
    assert [row.monitors for row in await sites.list_(alice)] == [2]
    assert len((await incidents.list_(alice, site_id=site)).items) == 2


async def test_what_was_found_is_read_over_every_window(alice: Actor):
    monitor = (await monitors.create(alice, PAGE)).id
    row_id = await stand(monitor, created_at=now() - timedelta(days=3), phase_ms=0)
    hour = int(now().timestamp()) // 3600
    results = [
        Result(one * 60_000, Outcome.UP if one % 7 else Outcome.DOWN, Cause.NONE if one % 7 else Cause.DNS)
        for one in range((hour - 30) * 60, hour * 60 + 1)
    ]
    async with db.transaction() as session:
        await history.record(session, [Recorded(row_id, one) for one in results])
    await engine_state.begin(hour * HOUR_MS)
    for one in range(hour - 30, hour - 2):
        async for _ in history.seal(one):
            pass
    await engine_state.sealed(hour - 3)
    for window in get_args(Window):
        read = await monitor_history.latency(alice, monitor, window)
        assert read.checks
    page = await monitor_history.results(alice, monitor)
    assert (len(page.rows), page.rows[0].due_ms) == (50, hour * HOUR_MS)
    older = await monitor_history.results(alice, monitor, (hour - 5) * HOUR_MS, only_failures=True)
    assert {row.outcome for row in older.rows} == {"down"}


async def test_monitors_are_changed_together_deleted_restored_and_removed(alice: Actor):
    made = [(await monitors.create(alice, replace(PAGE, name=name))).id for name in "ab"]
    assert await monitors.bulk(alice, made, BulkChange(interval_s=120, add_tags=("x",), parent_id="")) == 2
    copy = await monitors.clone(alice, made[0])
    (secret,) = [row for row in await stored_secrets.list_(alice) if row.name.startswith("A_")]
    assert {one for one, _ in await monitor_secrets.used_by(alice, secret.id)} == {made[0], copy}
    assert (await monitors.resume(alice, [copy]), await monitors.pause(alice, made)) == (1, 2)
    assert (await monitors.delete(alice, made), await monitors.restore(alice, made[:1])) == (2, 1)
    await stand(made[1], deleted_at=now() - timedelta(hours=2))
    assert await monitors.purge() == 1

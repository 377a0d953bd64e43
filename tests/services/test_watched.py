"""What the engine is told of monitors, their secrets and maintenance."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from app import db
from app.core.checks import Kind
from app.models import MaintenanceWindow, Monitor, MonitorTag, Site
from app.models import now as clock
from app.services import engine_orders, stored_secrets, watched
from app.services.watched import Watched
from tests.conftest import Cast

PAGE = {"ask": {"url": "https://shop.example/{{secret.PATH}}"}}
NIGHT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


async def add(cast: Cast, name: str = "Shop", configuration: object = PAGE, **fields: object) -> Monitor:
    values = {"kind": "page", "configuration": json.dumps(configuration), **fields}
    monitor = Monitor(workspace_id=cast.alice.workspace_id, name=name, **values)
    async with db.transaction() as session:
        session.add(monitor)
    return monitor


async def load(**how: object) -> list[Watched]:
    return [entry async for some in watched.load(**how) for entry in some]  # pyright: ignore[reportArgumentType]


async def test_all_that_are_active_are_loaded_in_slices(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watched, "_AT_ONCE", 2)
    made = [await add(cast, f"Shop {number}") for number in range(5)]
    await add(cast, "Paused", paused_at=clock())
    await add(cast, "Deleted", deleted_at=clock())
    assert [entry.id for entry in await load()] == [monitor.id for monitor in made]
    assert await watched.active_ids() == {monitor.id for monitor in made}


async def test_what_changed_since_is_loaded_active_or_not(cast: Cast):
    await add(cast, "Old", changed_at=clock() - timedelta(hours=1))
    paused = await add(cast, "Paused", paused_at=clock())
    (found,) = await load(since=clock() - timedelta(minutes=1))
    assert (found.id, found.active) == (paused.id, False)
    assert [entry.id for entry in await load(ids=[paused.id, 999])] == [paused.id]


async def test_a_monitor_tells_what_it_needs(cast: Cast):
    monitor = await add(cast, timeout_ms=1500, retries=2)
    async with db.transaction() as session:
        for name, value in (("web", ""), ("team", "payments")):
            session.add(MonitorTag(monitor_id=monitor.id, workspace_id=monitor.workspace_id, name=name, value=value))
    (found,) = await load()
    assert (found.kind, found.timeout_s, found.retries, found.secrets, found.plain) == (Kind.PAGE, 1.5, 2, {"PATH"}, False)
    assert found.tags == {"web"}


async def test_a_monitor_that_cannot_be_read_says_so_and_stays_away_from_the_others(cast: Cast):
    await add(cast, "Broken", {"nonsense": 1})
    await add(cast, "Unknown", kind="teleport")
    await add(cast, "Good")
    broken, unknown, good = await load()
    assert broken.check is unknown.check is None
    assert "cannot be read" in broken.problem
    assert good.check is not None


async def test_a_secret_is_read_anew_when_it_changed(cast: Cast):
    await stored_secrets.put(cast.alice, "PATH", "first")
    assert await watched.secrets_of(cast.alice.workspace_id, ["PATH", "GONE"]) == {"PATH": "first"}
    async with engine_orders.listen() as orders:
        await stored_secrets.put(cast.alice, "PATH", "second")
        order = await orders.next(5)
    assert order == engine_orders.Order("secrets", (cast.alice.workspace_id,))
    assert await watched.secrets_of(cast.alice.workspace_id, ["PATH"]) == {"PATH": "first"}
    watched.forget_secrets(cast.alice.workspace_id)
    assert await watched.secrets_of(cast.alice.workspace_id, ["PATH"]) == {"PATH": "second"}


async def test_a_window_is_for_what_it_names_and_for_all_when_it_names_nothing(cast: Cast):
    workspace = cast.alice.workspace_id
    site = Site(workspace_id=workspace, name="Shop", page_url="https://shop.example")
    async with db.transaction() as session:
        session.add(site)
    by_id, by_tag, by_site, other = [await add(cast, name) for name in ("id", "tag", "site", "other")]
    async with db.transaction() as session:
        session.add(MonitorTag(monitor_id=by_tag.id, workspace_id=workspace, name="web"))
        (await session.get_one(Monitor, by_site.id)).site_id = site.id
        later = clock() + timedelta(hours=1)
        for targets in ({"monitors": [by_id.public_id]}, {"tags": ["web"]}, {"sites": [site.id]}, {}, {"monitors": ["gone"]}):
            session.add(MaintenanceWindow(workspace_id=workspace, name="w", starts_at=clock(), ends_at=later, targets=json.dumps(targets)))
    windows = await watched.windows()
    found = await load()
    assert [[entry.name for entry in found if window.is_for(entry)] for window in windows] == [
        ["id"],
        ["tag"],
        ["site"],
        ["id", "tag", "site", "other"],
    ]
    assert other.id


async def test_a_recurring_window_holds_from_its_minute_for_its_duration(cast: Cast):
    async with db.transaction() as session:
        session.add(MaintenanceWindow(workspace_id=cast.alice.workspace_id, name="w", cron="30 2 * * *", duration_s=90))
        session.add(MaintenanceWindow(workspace_id=cast.alice.workspace_id, name="over", starts_at=NIGHT, ends_at=NIGHT.replace(hour=3)))
    (window,) = await watched.windows()
    held = [window.holds(NIGHT + timedelta(seconds=seconds)) for seconds in (-1, 0, 89, 90)]
    assert held == [False, True, True, False]

"""What somebody takes as the new normal reaches the engine, which holds baselines in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlmodel import select

from app import db
from app.engine.engine import Engine
from app.models import AuditEvent, Incident, Monitor
from app.services import monitor_baselines
from app.services.access import Role
from app.services.errors import Conflict, Forbidden
from tests.conftest import Cast, add_actor
from tests.engine.test_scan import site
from tests.engine.watching import Times, add, engine, minute, rows
from tests.probes.test_skew_check import App


@asynccontextmanager
async def compared(cast: Cast) -> AsyncIterator[tuple[App, Times, Monitor, Engine]]:
    """An app, and an engine that has looked at it once and compares with that from now on."""
    app, times = App("/app.js"), Times()
    async with site(app) as served:
        check = {"page_url": f"{served.url}/", "openapi_url": f"{served.url}/openapi.json"}
        monitor = await add(cast.alice.workspace_id, "", kind="skew", configuration=json.dumps(check))
        async with engine(times) as made:
            await minute(made, times)
            yield app, times, monitor, made


async def test_a_monitor_is_well_again_once_what_it_found_is_accepted(cast: Cast):
    async with compared(cast) as (app, times, monitor, made):
        with pytest.raises(Conflict):
            await monitor_baselines.accept(cast.bob, monitor.public_id)
        del app.operations["/api/items"]
        await minute(made, times, 2)
        assert [incident.closed_at for incident in await rows(Incident)] == [None]
        with pytest.raises(Forbidden):
            await monitor_baselines.accept(await add_actor("Dave", Role.VIEWER), monitor.public_id)
        await monitor_baselines.accept(cast.bob, monitor.public_id)
        await made._reload(ids=[monitor.id or 0])
        await minute(made, times)
        (incident,) = await rows(Incident)
        assert (incident.closed_by, monitor.id) == ("check", incident.monitor_id)
        # And it stays so: what was found before is in nobody's memory any more.
        await made._reload(ids=[monitor.id or 0])
        await minute(made, times)
        assert len(await rows(Incident)) == 1
    async with db.reading() as session:
        assert (await session.exec(select(AuditEvent.action))).all() == ["monitor.accepted"]


async def test_a_check_under_way_does_not_bring_the_old_normal_back(cast: Cast):
    async with compared(cast) as (app, times, monitor, made):
        del app.operations["/api/items"]
        await minute(made, times)
        times.go(60 - times.wall_s % 60)
        made.meter.run_on()
        under_way = asyncio.create_task(made.tick())
        await under_way
        await monitor_baselines.accept(cast.bob, monitor.public_id)
        await made._reload(ids=[monitor.id or 0])
        await made.idle()
        await made.recorder.flush()
        await minute(made, times)
        async with db.reading() as session:
            row = (await session.exec(select(Monitor).where(Monitor.id == monitor.id))).one()
    assert (row.standing, row.remembered.startswith("!")) == ("up", False)

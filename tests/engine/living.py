"""An engine in a process of its own, to be killed: as the product runs it, on the real clock."""

import asyncio
import os
from collections.abc import Awaitable, Callable

from app import db, settings
from app.engine import guard
from app.engine.engine import Engine
from app.net import AddressPolicy, Net


def live(data_dir: str) -> None:
    """Run an engine over the database in this directory, for ever."""
    os.environ |= {"SEAMWATCH_DATA_DIR": data_dir, "SEAMWATCH_ENV_FILE": os.devnull}
    settings._settings.cache_clear()
    db.engine.cache_clear()
    guard.LAG_S = 30.0  # on a busy machine most results would be "unknown", and nothing would be decided that a kill could lose
    asyncio.run(_live())


async def _live() -> None:
    async with Net(AddressPolicy("private"), user_agent="test") as net:
        engine = Engine(net, net)
        async with asyncio.TaskGroup() as works:
            for work in engine.works().values():
                works.create_task(_run(work))


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()

"""Killed at any instant, the engine loses nothing that it decided, repeats nothing that it told, and blames nobody for the gap."""

import asyncio
import multiprocessing
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from app.core.incident import State, Thresholds, decide
from app.core.results import read
from app.models import CheckLog, EngineGap, Incident, Monitor, Notice
from tests.conftest import Cast
from tests.engine import living
from tests.engine.watching import Target, add, rows, target

LIVES = 5
MONITORS = 24


async def test_killed_at_any_instant_the_engine_loses_and_repeats_no_decision(cast: Cast, database: Path):
    dice = random.Random(7)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([living.__name__])  # what takes long is imported once
    async with target() as shop, asyncio.timeout(180):
        for number in range(MONITORS):
            votes = {"down": 2, "down_of": 3, "up": 2, "up_of": 2} if number % 2 else {}
            await add(cast.alice.workspace_id, shop.url, f"{number}", interval_ms=1000, phase_ms=number * 40, **votes)
        steps = life = 0
        # On a busy machine one life decides little, and it takes more of them until there was something to lose.
        while life < LIVES or steps <= MONITORS:
            shop.statuses = [dice.choice((200, 500)) for _ in range(1000)]
            process = processes.Process(target=living.live, args=(str(database),), daemon=True)
            process.start()
            await asked(shop, shop.asked + MONITORS + 1)
            await asyncio.sleep(dice.uniform(0, 0.4))
            process.kill()
            await asyncio.to_thread(process.join)
            process.close()
            assert len(await rows(EngineGap)) == life
            steps = await decisions_that_stand()
            life += 1


async def asked(shop: Target, count: int) -> None:
    while shop.asked < count:  # noqa: ASYNC110  nothing tells
        await asyncio.sleep(0.005)


async def decisions_that_stand() -> int:
    """Assert that standings, incidents and notices are what the recorded results lead to, each once. Return how many steps these are."""
    recorded, gaps = await rows(CheckLog), await rows(EngineGap)
    results = defaultdict(list)
    for row in recorded:
        results[row.monitor_id] += read(row.body, row.due_ms)
        assert not any(gap.started_ms < row.due_ms < gap.ended_ms for gap in gaps)
    incidents = {incident.id: incident for incident in await rows(Incident)}
    told = sorted((incidents[notice.incident_id].monitor_id, notice.due_ms, notice.step) for notice in await rows(Notice))
    decided = []
    for monitor in await rows(Monitor):
        state = State()
        for result in sorted(results[monitor.id], key=lambda result: result.due_ms):
            thresholds = Thresholds(monitor.down, monitor.down_of, monitor.up, monitor.up_of)
            decision = decide(state, result.outcome, datetime.fromtimestamp(result.due_ms / 1000, UTC), thresholds)
            state = decision.state
            if decision.step is not None:
                decided.append((monitor.id, result.due_ms, decision.step.value))
        assert (monitor.standing, monitor.standing_since, monitor.votes) == (state.standing.value, state.since, state.votes)
        open_ones = [one for one in incidents.values() if one.monitor_id == monitor.id and one.closed_at is None]
        assert len(open_ones) == (state.standing.value in ("down", "degraded"))
    assert told == sorted(decided)
    return len(told)

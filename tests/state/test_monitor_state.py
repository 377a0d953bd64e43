"""The page of one monitor, driven by events alone, with results as the engine records them."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from sqlmodel import select

from app import db
from app.core.exchange import Timing
from app.core.incident import Outcome
from app.core.results import Cause, Result
from app.models import Monitor
from app.services import board, history, monitors, rates, sessions
from app.services.monitor_form import Draft
from app.state.monitor import MonitorState
from tests.conftest import Cast
from tests.product import Product, Tab, full_name, running


@pytest_asyncio.fixture
async def product(database: Any) -> AsyncIterator[Product]:
    board.forget()
    async with running() as product:
        yield product
    board.forget()
    await rates.close()


async def opened(product: Product, actor: Any, path: str) -> Tab:
    cookie = f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link')}"
    tab = await product.tab(cookie, path=path)
    await tab.idle()
    return tab


async def send(tab: Tab, handler: Any, path: str, **payload: Any) -> None:
    tab.send(full_name(handler), payload, path)
    await tab.idle()


def shown(tab: Tab, name: str) -> Any:
    return tab.vars[f"monitor_state.{name}"]


async def watched(cast: Cast, results: int = 0) -> tuple[str, int]:
    """Return public id and row id of a monitor of Alice's, of which every third check failed."""
    made = await monitors.create(cast.alice, Draft("Mine", "page", {"ask": {"url": "http://127.0.0.1:9/"}}))
    async with db.reading() as session:
        row = (await session.exec(select(Monitor).where(Monitor.public_id == made.id))).one()
    assert row.id is not None
    last_ms = int(datetime.now(UTC).timestamp() * 1000) // row.interval_ms * row.interval_ms + row.phase_ms - row.interval_ms
    found = [
        Result(last_ms - place * row.interval_ms, Outcome.DOWN, Cause.TIMEOUT) if place % 3 == 2
        else Result(last_ms - place * row.interval_ms, Outcome.UP, timing=Timing(1, 2, 3, 90, 100), code=200)
        for place in range(results)
    ]  # fmt: skip
    async with db.transaction() as session:
        await history.record(session, [history.Recorded(row.id, one) for one in found])
    return made.id, row.id


async def test_results_are_paged_and_failures_chosen(product: Product, cast: Cast):
    monitor_id, _ = await watched(cast, 60)
    path = f"/monitors/{monitor_id}"
    tab = await opened(product, cast.alice, path)
    assert shown(tab, "view") == "monitor"
    first = [row["due"] for row in shown(tab, "results")]
    assert (len(first), shown(tab, "more")) == (50, True)
    await send(tab, MonitorState.turn, path, step=1)
    second = [row["due"] for row in shown(tab, "results")]
    assert (len(second), shown(tab, "page"), shown(tab, "more")) == (10, 2, False)
    assert not set(first) & set(second)
    await send(tab, MonitorState.turn, path, step=-1)
    assert [row["due"] for row in shown(tab, "results")] == first
    await send(tab, MonitorState.set_only_failures, path, on=True)
    assert {row["glyph"] for row in shown(tab, "results")} == {"down"}
    assert len(shown(tab, "results")) == 20


async def test_bars_come_from_the_results_while_the_engine_has_none(product: Product, cast: Cast):
    monitor_id, _ = await watched(cast, 4)
    tab = await opened(product, cast.alice, f"/monitors/{monitor_id}")
    assert shown(tab, "cell").split("|")[2] == "uxuu"
    assert shown(tab, "window") == "1h"
    assert shown(tab, "latency")["known"]


async def test_a_window_that_was_chosen_stands_in_the_address(product: Product, cast: Cast):
    monitor_id, _ = await watched(cast, 4)
    path = f"/monitors/{monitor_id}"
    tab = await opened(product, cast.alice, f"{path}?window=6h")
    assert (shown(tab, "window"), shown(tab, "place")) == ("6h", "")
    await send(tab, MonitorState.choose_window, path, window="7d")
    assert shown(tab, "place") == f"{path}?window=7d"


async def test_a_result_reaches_an_open_page(product: Product, cast: Cast):
    monitor_id, row_id = await watched(cast)
    tab = await opened(product, cast.alice, f"/monitors/{monitor_id}")
    await tab.until(lambda tab: tab.vars.get("monitor_state.live"))
    cell = board.Cell("down", 1_795_000_000, "ux", 1_795_000_000, -1)
    board.show(cast.alice.workspace_id, row_id, monitor_id, cell)
    await tab.until(lambda tab: tab.vars["monitor_state.cell"] == cell.text)
    assert shown(tab, "title") == "Down: Mine · Seamwatch"
    assert shown(tab, "icon") == "favicon-high"


async def test_deleting_is_asked_for_first_and_can_be_undone(product: Product, cast: Cast):
    monitor_id, _ = await watched(cast)
    path = f"/monitors/{monitor_id}"
    tab = await opened(product, cast.alice, path)
    await send(tab, MonitorState.delete, path)
    assert shown(tab, "view") == "monitor"
    await send(tab, MonitorState.ask, path)
    await send(tab, MonitorState.delete, path)
    assert shown(tab, "view") == "deleted"
    await send(tab, MonitorState.restore, path)
    assert shown(tab, "view") == "monitor"
    assert (await monitors.get(cast.alice, monitor_id)).id == monitor_id


async def test_a_stranger_sees_nothing_and_can_do_nothing(product: Product, cast: Cast):
    monitor_id, _ = await watched(cast, 2)
    path = f"/monitors/{monitor_id}"
    tab = await opened(product, cast.charlie, path)
    for handler, payload in (
        (MonitorState.ask, {}), (MonitorState.delete, {}), (MonitorState.set_paused, {"paused": True}), (MonitorState.clone, {}),
        (MonitorState.check_now, {}), (MonitorState.choose_window, {"window": "1y"}),
        (MonitorState.ask_accept, {}), (MonitorState.accept, {}), (MonitorState.set_only_failures, {"on": False}),
    ):  # fmt: skip
        await send(tab, handler, path, **payload)
    assert shown(tab, "view") == "missing"
    assert "Mine" not in json.dumps([tab.vars, tab.heard])
    assert shown(tab, "results") == []
    assert (await monitors.get(cast.alice, monitor_id)).paused_at is None


async def test_a_result_that_is_stored_after_it_was_told_is_listed_without_another_one(product: Product, cast: Cast):
    monitor_id, row_id = await watched(cast)
    tab = await opened(product, cast.alice, f"/monitors/{monitor_id}")
    await tab.until(lambda tab: tab.vars.get("monitor_state.live"))
    due_ms = int(datetime.now(UTC).timestamp() * 1000)
    cell = board.Cell("up", due_ms // 1000, "u", due_ms // 1000, 100)
    board.show(cast.alice.workspace_id, row_id, monitor_id, cell, board.Latest(due_ms, by_schedule=False))
    await tab.until(lambda tab: tab.vars["monitor_state.cell"] == cell.text)
    assert shown(tab, "results") == []
    async with db.transaction() as session:
        await history.record(session, [history.Recorded(row_id, Result(due_ms, Outcome.UP, code=200))])
    await tab.until(lambda tab: tab.vars["monitor_state.results"])
    assert [row["due"] for row in shown(tab, "results")] == [str(due_ms)]

"""The board: pages hear what changed in their own workspace, all of it, and not too often."""

import asyncio
from pathlib import Path

import pytest

from app import db
from app.core.cell import Cell
from app.core.incident import Outcome
from app.core.results import Result
from app.services import board, board_history, history
from app.services.errors import Unauthenticated
from app.services.history import Recorded
from tests.conftest import Cast


async def test_what_changed_is_merged_and_reaches_only_its_workspace(cast: Cast):
    async with board.follow(cast.alice) as ours, board.follow(cast.charlie) as theirs:
        for number in range(3):
            board.show(cast.alice.workspace_id, 1, "m1", Cell("up", last_s=number))
        board.show(cast.alice.workspace_id, 2, "m2", Cell("down"))
        assert await ours.next(5) == {"m1": Cell("up", last_s=2).text, "m2": Cell("down").text}
        assert await ours.next(0) is None
        assert await theirs.next(0) is None
    assert board.cells([1, 3]) == {1: Cell("up", last_s=2), 3: Cell()}


async def test_a_follower_that_was_busy_gets_the_newest_of_all_it_missed(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(board, "SPACING_S", 0)
    monkeypatch.setattr(board, "_GATHER_S", 0)
    async with board.follow(cast.bob) as follower:
        for number in range(1, 6):
            board.show(cast.bob.workspace_id, number % 2, f"m{number % 2}", Cell("up", last_s=number))
            for _ in range(4):
                await asyncio.sleep(0)
        assert await follower.next(5) == {"m1": Cell("up", last_s=5).text, "m0": Cell("up", last_s=4).text}


async def test_nobody_follows_without_being_signed_in():
    with pytest.raises(Unauthenticated):
        async with board.follow(None):
            pass


async def test_nothing_waits_for_those_who_left(cast: Cast):
    async with board.follow(cast.alice):
        board.show(cast.alice.workspace_id, 1, "m1", Cell("up"))
    async with board.follow(cast.alice) as follower:
        board.show(cast.alice.workspace_id, 1, "m1", Cell("down"))
        assert await follower.next(5) == {"m1": Cell("down").text}


async def test_what_was_found_before_a_start_is_shown_a_slice_at_a_time(database: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(board_history, "_MONITORS", 2)
    async with db.transaction() as session:
        await history.record(session, [Recorded(number, Result(5_000_000, Outcome.UP)) for number in range(1, 7)])
    shown = [
        sum(bool(cell.bars) for cell in board.cells(range(1, 7)).values()) async for _ in board_history.fill(list(range(1, 7)), 6_000_000)
    ]
    assert shown == [0, 0, 0, 0, 1, 3, 5]  # three slices of summaries, the log, and the rest by twos
    assert board.cell(6).bars == "u"

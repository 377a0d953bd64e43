"""What a push changes of the rows in view, and when the rows are to be read anew."""

import asyncio

import pytest

from app.state.cells import CellsState, compare, fill, renew
from app.state.shared_reads import SharedReads

UP, LATER, DOWN = "up|100|uuu|160|12", "up|100|uuuu|220|14", "down|220|uuux|220|-1"


@pytest.fixture
def state() -> CellsState:
    state = CellsState(_reflex_internal_init=True)  # pyright: ignore[reportCallIssue]
    fill(state, ["a", "b"], [UP, UP])
    return state


def test_a_result_changes_the_cell_of_its_row_alone(state: CellsState):
    assert renew(state, {"b": LATER}) is False
    assert state.cells == [UP, LATER]


def test_a_row_that_stands_otherwise_asks_for_the_rows(state: CellsState):
    assert renew(state, {"a": LATER, "b": DOWN}) is True
    assert state.cells == [LATER, DOWN]


def test_what_is_not_in_view_changes_no_cell_and_asks_only_when_the_check_decided_something(state: CellsState):
    state._clean()
    assert renew(state, {"z": LATER}) is False
    assert state.dirty_vars == set()
    assert renew(state, {"z": DOWN}) is True


def test_a_comparison_changes_nothing(state: CellsState):
    state._clean()
    assert compare(state._rows, {"a": LATER, "z": DOWN}) == ({0: LATER}, True)
    assert compare(state._rows, {"a": UP, "z": LATER}) == ({}, False)
    assert (state.cells, state.dirty_vars) == ([UP, UP], set())


@pytest.mark.parametrize("text", ["", "|", "down", "a|b|c|d|e|f|g"])
def test_a_cell_of_another_version_breaks_nothing(state: CellsState, text: str):
    renew(state, {"a": text, "z": text})
    assert state.cells == [text, UP]


async def test_many_who_want_the_same_read_it_once():
    reads: SharedReads[int] = SharedReads()
    begun, go = [], asyncio.Event()

    async def how() -> int:
        begun.append(1)
        await go.wait()
        return len(begun)

    waiting = [asyncio.create_task(reads.read("key", 0.0, how)) for _ in range(20)]
    other = asyncio.create_task(reads.read("other", 0.0, how))
    await asyncio.sleep(0)
    waiting[0].cancel()
    go.set()
    await asyncio.gather(*waiting[1:], other)
    assert len(begun) == 2


async def test_a_read_that_began_too_early_is_not_taken():
    reads: SharedReads[object] = SharedReads()

    async def how() -> object:
        return object()

    first = await reads.read("key", 0.0, how)
    assert await reads.read("key", 0.0, how) is first
    assert await reads.read("key", float("inf"), how) is not first


async def test_a_read_that_failed_is_tried_anew():
    reads: SharedReads[int] = SharedReads()
    tries = []

    async def how() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("disk")
        return 7

    with pytest.raises(OSError, match="disk"):
        await reads.read("key", 0.0, how)
    assert await reads.read("key", 0.0, how) == 7

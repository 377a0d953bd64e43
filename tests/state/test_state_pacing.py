"""Batches of what happens quickly."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.state.pacing import paced


async def numbers(last: int) -> AsyncIterator[int]:
    for number in range(1, last + 1):
        yield number


async def test_what_came_meanwhile_comes_in_one_batch_and_in_order():
    batches = [batch async for batch in paced(numbers(100), 0)]
    assert [number for batch in batches for number in batch] == list(range(1, 101))
    assert len(batches) < 10


async def test_nothing_gives_no_batch():
    assert [batch async for batch in paced(numbers(0), 0)] == []


async def test_an_error_comes_after_what_was_given_before_it():
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise LookupError("gone")

    batches = paced(broken(), 0)
    assert await anext(batches) == [1]
    with pytest.raises(LookupError, match="gone"):
        await anext(batches)


async def test_the_first_thing_does_not_wait_for_the_second():
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[int]:
        yield 1
        await go_on.wait()
        yield 2

    batches = paced(slow(), 0)
    assert await anext(batches) == [1]
    go_on.set()
    assert [batch async for batch in batches] == [[2]]


async def test_leaving_early_ends_the_source():
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.set()

    batches = paced(endless(), 0)
    assert await anext(batches) == [1]
    await batches.aclose()
    async with asyncio.timeout(5):
        await ended.wait()

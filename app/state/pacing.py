"""Pacing: a var is sent whole at each change, so what happens quickly is sent in batches."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

Item = TypeVar("Item")


async def paced(items: AsyncIterator[Item], every_s: float) -> AsyncIterator[list[Item]]:
    """Yield what came, in order, in batches at least `every_s` apart; the first at once. Errors of `items` come after what it gave."""
    waiting: asyncio.Queue[Item | BaseException | None] = asyncio.Queue()

    async def read() -> None:
        try:
            async for item in items:
                waiting.put_nowait(item)
        except Exception as error:  # handed on to whoever iterates, below
            waiting.put_nowait(error)
        else:
            waiting.put_nowait(None)

    reader = asyncio.create_task(read())
    try:
        while True:
            batch: list[Item] = []
            item = await waiting.get()
            while item is not None and not isinstance(item, BaseException):
                batch.append(item)
                if waiting.empty():
                    break
                item = waiting.get_nowait()
            else:
                if batch:
                    yield batch
                if item is not None:
                    raise item
                return
            yield batch
            await asyncio.sleep(every_s)
    finally:
        reader.cancel()

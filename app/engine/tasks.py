"""Batches of checks as tasks. In this process by the in-memory broker; with workers elsewhere, another broker stands in its place."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from taskiq import InMemoryBroker

# A check as it travels: row id of its monitor, when it was due (ms since 1970), how many before it were left out.
Ticket = tuple[int, int, int]

RunBatch = Callable[[Sequence[Ticket]], Awaitable[None]]

# A line for each batch would be forty a second.
logging.getLogger("taskiq").setLevel(logging.WARNING)


class Batches:
    """Sends batches of checks to whoever runs them: here, this process.

    The broker's limit of tasks does not hold for what it is given directly, and must not: a batch lasts as long as its slowest check,
    and a slow host would delay others. What runs at once is limited by the way out, per host and in all.
    """

    def __init__(self, run: RunBatch) -> None:
        self._broker = InMemoryBroker(cast_types=False, max_stored_results=1, sync_tasks_pool_size=1)

        async def checks(batch: list[list[int]]) -> None:
            await run([(monitor_id, due_ms, missed) for monitor_id, due_ms, missed in batch])

        self._task = self._broker.register_task(checks, task_name="checks")

    async def send(self, batch: Sequence[Ticket]) -> None:
        await self._task.kiq([list(ticket) for ticket in batch])

    async def idle(self) -> None:
        """Wait until every batch that was sent is through."""
        await self._broker.wait_all()

    async def close(self) -> None:
        await self._broker.shutdown()

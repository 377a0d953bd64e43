"""Keeps the tasks that run by themselves alive, and knows whether they are: a task that dies is logged and started again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0  # a task that ran this long starts again with the first pause


@dataclass(slots=True)
class Watched:
    """What is known of one task."""

    name: str
    running: bool = False
    deaths: int = 0
    last_error: str = ""


class Supervisor:
    """Runs coroutine functions until cancelled. `state` tells the truth about each at any time."""

    def __init__(self) -> None:
        self.state: dict[str, Watched] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` under supervision. A work that returns has failed as well: it was meant to go on."""
        watched = self.state[name] = Watched(name)
        self._tasks.append(asyncio.create_task(self._keep(watched, work), name=f"supervised {name}"))

    async def stop(self) -> None:
        """Cancel everything and wait until it has cleaned up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    @property
    def healthy(self) -> bool:
        """Whether every task that was started runs now."""
        return bool(self.state) and all(watched.running for watched in self.state.values())

    async def _keep(self, watched: Watched, work: Callable[[], Awaitable[None]]) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began, watched.running = time.monotonic(), True
            try:
                await work()
                watched.last_error = "It ended by itself."
                logger.error("%s ended by itself", watched.name)
            except Exception as error:  # the supervisor is where everything unforeseen ends
                watched.last_error = f"{type(error).__name__}: {error}"
                logger.exception("%s died", watched.name)
            finally:
                watched.running = False
            watched.deaths += 1
            if time.monotonic() - began > STEADY_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

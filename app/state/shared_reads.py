"""Reads that many open tabs want at once, done once: when something breaks, every dashboard looks again in the same second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Found = TypeVar("Found")
_KEPT = 200


@dataclass(slots=True)
class _Read(Generic[Found]):
    began: float
    task: "asyncio.Task[Found]"


class SharedReads(Generic[Found]):
    """Who asks has been let in already: what is read must be the same for everybody who asks by the same key."""

    def __init__(self) -> None:
        self._reads: dict[Hashable, _Read[Found]] = {}

    async def read(self, key: Hashable, fresh_from: float, how: Callable[[], Awaitable[Found]]) -> Found:
        """Return what a read found that began at `fresh_from` (monotonic seconds) or later; begin one when there is none."""
        found = self._reads.get(key)
        if found is None or found.began < fresh_from:

            async def run() -> Found:
                return await how()

            self._reads.pop(key, None)
            if len(self._reads) >= _KEPT:
                del self._reads[next(iter(self._reads))]  # the one that began first
            found = self._reads[key] = _Read(time.monotonic(), asyncio.create_task(run()))
        try:
            # Shielded: who leaves does not take the read away from the others.
            return await asyncio.shield(found.task)
        except BaseException:
            if found.task.done() and self._reads.get(key) is found:
                del self._reads[key]  # what failed is tried anew
            raise

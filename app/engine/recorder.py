"""Writes what checks led to: in bulk when nothing hurries, at once when something was decided, and in order whatever happens.

While the database refuses, everything stays here and is tried again; nothing that was decided counts as told before it is stored.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from app.engine.clock import Clock
from app.services import settling
from app.services.settling import Settled

logger = logging.getLogger(__name__)

# Each time writes seven pages beside those that fill, so seldom is cheap: at 8 s a check writes 30 B more. It is also how exactly it is
# known when the engine was alive last, which `/readyz` gives 15 s.
EVERY_S = 10.0
TURNED_S = 1.0  # for what lists show of a monitor, and nobody is told; and for what somebody asked for
GATHER_S = 0.02  # what is decided within it is stored together
FULL = 500  # results: one transaction of them holds the database for a few milliseconds
LONGEST_PAUSE_S = 5.0
MAX_KEPT = 100_000  # results in memory while the database refuses; about 50 MB
_MAX_DETAILS = 1_000

Progress = Callable[[int | None], tuple[int | None, int | None]]
Stored = Callable[[Sequence[Settled], frozenset[int]], None]
Refused = Callable[[int, int], Awaitable[None]]


class Recorder:
    """Holds results until they are stored.

    Args:
        progress: says up to when checks were claimed and ended, and when the engine was alive; None where there is nothing to say.
            It is told when the earliest result that waits was due.
        stored: called with what was stored, and with the monitors that are not checked any more.
        refused: called with the span (ms since 1970) in which the database took nothing, when it is over.
    """

    def __init__(self, clock: Clock, progress: Progress, stored: Stored, refused: Refused, *, region: int = 0) -> None:
        self._clock, self._progress, self._stored, self._refused, self._region = clock, progress, stored, refused, region
        self._took_ms = clock.now_ms  # when the database took something last
        self._waiting: list[Settled] = []
        self._at_s = clock.monotonic() + EVERY_S  # when to store next, by the monotonic clock
        self._sooner = asyncio.Event()
        self._lock = asyncio.Lock()
        self.failing_since_ms: int | None = None  # the last time that it took something: it may refuse since then
        self.dropped = 0  # results that memory had no room for

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, entry: Settled, within_s: float = EVERY_S) -> None:
        """Take what a check led to, to be stored within this time, or with the next full batch."""
        self._waiting.append(entry)
        at_s = self._clock.monotonic() + (GATHER_S if len(self._waiting) >= FULL else within_s)
        if at_s < self._at_s:
            self._at_s = at_s
            self._sooner.set()
        if self.failing_since_ms is not None:
            self._make_room()

    def _make_room(self) -> None:
        """Bound what waits. Details go first, then the oldest results that nothing follows from; what was decided stays."""
        if len(self._waiting) > _MAX_DETAILS and self._waiting[-1].detail and self._waiting[-1].step is None:
            self._waiting[-1] = replace(self._waiting[-1], detail="")
        if len(self._waiting) > MAX_KEPT:
            half = len(self._waiting) // 2
            kept = [entry for entry in self._waiting[:half] if entry.step is not None or entry.remembered is not None]
            self.dropped += half - len(kept)
            logger.error("the database refuses since long; %d results are lost", half - len(kept))
            self._waiting[:half] = kept

    def discard_decisions(self, monitor_id: int) -> None:
        """Keep a monitor's results that wait, and let nothing follow from them: how it stands was set anew meanwhile."""
        self._waiting = [replace(entry, changed=False, step=None) if entry.monitor_id == monitor_id else entry for entry in self._waiting]

    async def run(self) -> None:
        """Store what waits, for ever. Cancelled, it stores the rest first."""
        pause_s = 0.0
        try:
            while True:
                self._at_s = self._clock.monotonic() + (pause_s or EVERY_S)
                while (left_s := self._at_s - self._clock.monotonic()) > 0:
                    self._sooner.clear()
                    try:
                        async with asyncio.timeout(left_s):
                            await self._sooner.wait()
                    except TimeoutError:
                        break
                    if pause_s:
                        await asyncio.sleep(pause_s)
                pause_s = 0.0 if await self.flush() else min(max(2 * pause_s, 0.5), LONGEST_PAUSE_S)
        finally:
            await asyncio.shield(self.flush())

    async def flush(self) -> bool:
        """Store all that waits, and that the engine is alive. Return whether the database took it."""
        async with self._lock:
            return await self._flush()

    @asynccontextmanager
    async def still(self) -> AsyncIterator[bool]:
        """Store all that waits, then store nothing for the length of the block. Gives whether the database took it."""
        async with self._lock:
            yield await self._flush()

    async def _flush(self) -> bool:
        left = len(self._waiting)  # what comes meanwhile is for the next time: else this might never end
        while True:
            # Taken out, so that whatever is done to the rest meanwhile leaves it alone.
            batch = self._waiting[: min(FULL, left)]
            del self._waiting[: len(batch)]
            left -= len(batch)
            claimed_ms, alive_ms = self._progress(min((entry.result.due_ms for entry in self._waiting), default=None))
            if not batch and alive_ms is None:
                return True
            try:
                gone = await settling.settle(batch, region=self._region, claimed_ms=claimed_ms, alive_ms=alive_ms)
            except BaseException as error:
                self._waiting[:0] = batch
                if not isinstance(error, Exception):
                    raise
                # Whatever the driver raises: locked, disk full, gone. What is not stored is tried again.
                if self.failing_since_ms is None:
                    self.failing_since_ms = min(self._took_ms, self._clock.now_ms)
                    logger.exception("results cannot be stored; %d wait, and are tried again", len(self._waiting))
                return False
            if self.failing_since_ms is not None:
                logger.warning("results can be stored again; %d waited", len(batch) + len(self._waiting))
                await self._refused(self.failing_since_ms, self._clock.now_ms)
                self.failing_since_ms = None
            self._took_ms = self._clock.now_ms
            self._stored(batch, gone)
            if not left:
                return True
            await asyncio.sleep(GATHER_S)  # others want to write, too

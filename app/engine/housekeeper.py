"""Keeps history small: seals hours, adds days up, forgets what is old, in steps so short that no check waits for them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection

from app.core.results import HOUR_MS
from app.engine.clock import Clock
from app.services import board_history, engine_state, history, summaries

logger = logging.getLogger(__name__)

LOOK_S = 30.0
SEAL_AFTER_MS = 10 * 60_000  # after an hour's end: until then its last checks are over
MAX_PAUSE_S = 0.5
_HOURS_A_DAY = 24


class Housekeeper:
    """
    Args:
        monitors: row ids of those that are checked.
    """

    def __init__(self, clock: Clock, monitors: Callable[[], Collection[int]], *, region: int = 0) -> None:
        self._clock, self._monitors, self._region = clock, monitors, region
        self._board_until_ms: int | None = None

    def board_since(self, now_ms: int) -> None:
        """Show what was found before this moment: the engine shows the rest."""
        self._board_until_ms = now_ms

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # the database: nothing is lost, and the next look goes on where this one ended
                logger.exception("history could not be tidied")
            await asyncio.sleep(LOOK_S if self._board_until_ms is None else 1.0)

    async def look(self) -> None:
        """Do what is to be done by now."""
        if self._board_until_ms is not None:
            await _gently(board_history.fill(list(self._monitors()), self._board_until_ms, self._region))
            self._board_until_ms = None
        now_ms = self._clock.now_ms
        state = await engine_state.progress(self._region)
        # Only what was claimed is over: a check that began before the hour ended may still run, and its result may still wait.
        last = min((now_ms - SEAL_AFTER_MS) // HOUR_MS, state.claimed_ms // HOUR_MS) - 1
        first = await history.first_unsealed()
        if first is None or last <= state.sealed_hour:
            return
        if first > last:
            return  # nothing stands in the log that is over
        for hour in range(first, last + 1):
            await _gently(history.seal(hour))
            await engine_state.sealed(hour, self._region)
        await engine_state.sealed(last, self._region)
        for day in range((state.sealed_hour + 1 if state.sealed_hour else first) // _HOURS_A_DAY, (last + 1) // _HOURS_A_DAY):
            await _gently(history.roll_day(day))
        await _gently(summaries.refresh(list(self._monitors()), last))
        await _gently(history.forget(last, engine_state.retention()))
        await engine_state.forget_gaps(now_ms - engine_state.GAPS_KEPT_MS, self._region)


async def _gently(steps: AsyncIterator[int]) -> None:
    """Run a piece of work step by step, and rest after each as long as it took and a little: others use the loop and the disk."""
    began = time.monotonic()
    async for _ in steps:
        await asyncio.sleep(min(time.monotonic() - began + 0.002, MAX_PAUSE_S))
        began = time.monotonic()

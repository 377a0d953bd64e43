"""What time it is, for the engine: both clocks, so that tests can turn them."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    wall: Callable[[], float] = time.time  # seconds since 1970; jumps when somebody sets it, and over a machine's sleep
    monotonic: Callable[[], float] = time.monotonic  # seconds; never jumps, and on some systems stands still while the machine sleeps

    @property
    def now_ms(self) -> int:
        return int(self.wall() * 1000)

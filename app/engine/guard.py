"""Whether a failure is our own: an event loop that lags, a machine that slept, a network that is gone.

Only what failed is questioned, and only causes that our own side can have. An answer of the target proves that the way to it works.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.core.assertions import Subject
from app.core.checked import Checked
from app.core.checks import Check
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.urls import is_private_host
from app.engine.clock import Clock
from app.engine.targets import host_of
from app.net import Net, NotConnected

logger = logging.getLogger(__name__)

TICK_S = 0.25
LAG_S = 1.0  # so much later than asked for makes timeouts doubtful
JUMP_S = 5.0  # so much farther than the monotonic clock went the wall clock jumped, or the machine slept
ASKED_S = 5.0  # how long an answer about our network holds
ANCHOR_TIMEOUT_S = 3.0
_EVIDENCE_S = 0.2
_SAMPLES = 2400  # ten minutes

# What our own network can cause.
_BY_NETWORK = frozenset({Cause.DNS, Cause.CONNECT, Cause.TLS, Cause.TIMEOUT, Cause.PROTOCOL})


class Meter:
    """Measures how late the event loop comes round, and notices when time jumped.

    Args:
        jumped: called with the span (ms since 1970, by the wall clock) in which nobody checked.
    """

    def __init__(self, clock: Clock, jumped: Callable[[int, int], Awaitable[None]]) -> None:
        self._clock, self._jumped = clock, jumped
        self._last_s, self._last_wall_s = clock.monotonic(), clock.wall()
        self._lagged_s = self._jumped_s = float("-inf")  # when the newest disturbance was noticed, by the monotonic clock
        self._lags_ms: deque[float] = deque(maxlen=_SAMPLES)

    async def run(self) -> None:
        self.run_on()
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    def run_on(self) -> None:
        """Count from now on: what passed until now was meant."""
        self._last_s, self._last_wall_s = self._clock.monotonic(), self._clock.wall()

    async def tick(self) -> None:
        span = self._look()
        if span is not None:
            await self._jumped(*span)

    def _look(self) -> tuple[int, int] | None:
        now_s, wall_s = self._clock.monotonic(), self._clock.wall()
        passed_s, wall_passed_s, before_wall_s = now_s - self._last_s, wall_s - self._last_wall_s, self._last_wall_s
        self._last_s, self._last_wall_s = now_s, wall_s
        lag_s = passed_s - TICK_S
        self._lags_ms.append(max(0.0, lag_s * 1000))
        if lag_s > LAG_S:
            self._lagged_s = now_s
            logger.warning("nothing ran for %.1f s: this process was stopped, or the machine is overloaded", lag_s)
        # Where the monotonic clock goes on while the machine sleeps, or the process was frozen, both went far at once.
        if abs(wall_passed_s - passed_s) > JUMP_S or lag_s > 2 * JUMP_S:
            self._jumped_s = now_s
            return round(before_wall_s * 1000), round(wall_s * 1000)
        return None

    @property
    def disturbed(self) -> bool:
        """Whether something happened that `tick` has not noticed yet."""
        return self.lagged(float("inf")) or self.jumped(float("inf"))

    def lagged(self, since_s: float) -> bool:
        """Whether the loop lagged at any time since then (monotonic), also in this very turn of it."""
        return self._lagged_s >= since_s or self._clock.monotonic() - self._last_s > TICK_S + LAG_S

    def jumped(self, since_s: float) -> bool:
        """Whether time jumped since then, also when nobody noticed yet."""
        drift_s = (self._clock.wall() - self._last_wall_s) - (self._clock.monotonic() - self._last_s)
        return self._jumped_s >= since_s or abs(drift_s) > JUMP_S

    def quantiles_ms(self) -> tuple[float, float]:
        """Return the lag's median and 99th percentile of the last ten minutes."""
        lags = sorted(self._lags_ms)
        return (lags[len(lags) // 2], lags[min(len(lags) - 1, len(lags) * 99 // 100)]) if lags else (0.0, 0.0)


@dataclass(slots=True)
class _Anchor:
    host: str
    port: int
    answered: bool | None = None


class Anchors:
    """Hosts that answer as long as our own network works.

    Where none of them ever answered although a target beyond our network did, they are blocked, and say nothing.
    """

    def __init__(self, net: Net, anchors: Sequence[tuple[str, int]], clock: Clock) -> None:
        self._net, self._clock = net, clock
        self._anchors = [_Anchor(host, port) for host, port in anchors]
        self._ever = False  # whether one of them ever answered
        self._reached_s = float("-inf")  # when a target beyond our network answered last
        self._asked_s = self._gone_s = float("-inf")  # when they were asked, and when our network was found gone
        self._asking: asyncio.Task[bool] | None = None
        self._works = True

    @property
    def state(self) -> tuple[tuple[str, bool | None], ...]:
        return tuple((f"{anchor.host}:{anchor.port}", anchor.answered) for anchor in self._anchors)

    @property
    def asks_for_evidence(self) -> bool:
        """Whether it is of use to say that a target was reached: not again and again."""
        return bool(self._anchors) and self._clock.monotonic() - self._reached_s > _EVIDENCE_S

    def reached(self) -> None:
        """A target beyond our network answered."""
        self._reached_s = self._clock.monotonic()

    async def network_works(self, since_s: float) -> bool:
        """Whether our own network works now.

        Args:
            since_s: when the check that failed began (monotonic): our network must not have been found gone since, either.
        """
        if not self._anchors:
            return True
        if self._gone_s >= since_s:
            return False
        # An answer that is older than the failure says nothing about it; one that it works could be outdated, too.
        if self._asked_s < max(since_s, self._clock.monotonic() - ASKED_S):
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask(), name="anchors")
                self._asking.add_done_callback(self._asked)
            return await asyncio.shield(self._asking)
        return self._works

    def _asked(self, _: object) -> None:
        self._asking = None

    async def _ask(self) -> bool:
        begun_s = self._clock.monotonic()
        answers = await asyncio.gather(*(self._answers(anchor) for anchor in self._anchors))
        self._ever |= any(answers)
        blocked = not self._ever and self._reached_s > float("-inf")
        # A target that answered while we asked is as good as an anchor.
        works = any(answers) or self._reached_s >= begun_s or blocked
        if works != self._works:
            logger.warning("our own network %s", "works again" if works else "is gone: what fails now is unknown")
        self._works, self._asked_s = works, begun_s
        if not works:
            self._gone_s = self._clock.monotonic()
        return works

    async def _answers(self, anchor: _Anchor) -> bool:
        try:
            (await self._net.open_socket(anchor.host, anchor.port, timeout_s=ANCHOR_TIMEOUT_S)).close()
        except NotConnected:
            anchor.answered = False
        else:
            anchor.answered = True
        return anchor.answered


class Guard:
    """Says of a check that failed whether the failure is the target's."""

    def __init__(self, meter: Meter, anchors: Anchors, clock: Clock) -> None:
        self.meter, self.anchors, self._clock = meter, anchors, clock

    async def judge(self, check: Check, found: Checked, began_s: float) -> Checked:
        """Return what was found, or that it is unknown.

        Args:
            began_s: when the attempt began (monotonic).
        """
        if found.outcome not in (Outcome.DOWN, Outcome.DEGRADED):
            if found.outcome is Outcome.UP and self.anchors.asks_for_evidence and not _near(check, found):
                self.anchors.reached()
            return found
        if found.cause in _BY_NETWORK and self.meter.jumped(began_s):
            return _unknown(found, "The clock jumped, or this machine slept, while it was checked.")
        if self.meter.lagged(began_s) and (found.cause is Cause.TIMEOUT or _only_slow(found)):
            return _unknown(found, "Seamwatch itself was too busy to measure this.")
        if found.cause not in _BY_NETWORK:
            if not _near(check, found):
                self.anchors.reached()  # it answered, if not as it should
            return found
        if not _near(check, found) and not await self.anchors.network_works(began_s):
            return _unknown(found, "Seamwatch's own network does not work: none of its anchors answers.")
        return found


def _unknown(found: Checked, why: str) -> Checked:
    return Checked(Outcome.UNKNOWN, Cause.OURSELVES, f"{why} It saw: {found.text}" if found.text else why, exchanges=found.exchanges)


def _only_slow(found: Checked) -> bool:
    failed = [finding for finding in found.findings if not finding.held]
    return bool(failed) and all(finding.assertion.subject is Subject.LATENCY for finding in failed)


def _near(check: Check, found: Checked) -> bool:
    """Whether the target stands on this machine or in a private network, which the way to the Internet says nothing about."""
    for exchange in reversed(found.exchanges):
        if exchange.address:
            return _is_near(exchange.address.rpartition(":")[0].strip("[]"))
    host = host_of(check)
    return host is None or _is_near(host)


@lru_cache(maxsize=4096)
def _is_near(host: str) -> bool:
    return is_private_host(host)

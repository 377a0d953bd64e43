"""One check: its attempts, and what they mean. What becomes of the result is `app.engine.engine`'s."""

import asyncio
import errno
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.core.checked import Checked
from app.core.checks import ApiCheck, HeartbeatCheck, PageCheck, ScanCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.engine import scan_check
from app.engine.clock import Clock
from app.engine.guard import Guard
from app.net import Net, waiting
from app.probes import filled
from app.probes.tools import Tools
from app.services import heartbeats, watched
from app.services.errors import SeamwatchError
from app.services.watched import Watched

logger = logging.getLogger(__name__)

SCAN_LIMIT_S = 75.0  # a scan ends by itself within 70
# Beyond what a probe allows itself. A probe that needs longer does not end by itself.
_GRACE_S = 1.0
# So long in a queue of our own makes a timeout doubtful.
_QUEUED_S = 0.5
_OWN_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM, errno.ENOBUFS, errno.EDQUOT})

# Whether what a monitor depends on is down right now, for a check of it that failed.
ParentDown = Callable[[Watched, float], Awaitable[bool]]
Deaf = Callable[[], Sequence[tuple[datetime, datetime]]]


@dataclass(frozen=True, slots=True)
class Runner:
    net: Net
    guard: Guard
    clock: Clock
    parent_down: ParentDown
    deaf: Deaf  # when we could not have heard a heartbeat

    async def check(self, monitor: Watched, until_ms: int) -> Checked:
        """Run a check with its retries and return what counts: what the last attempt found.

        Args:
            until_ms: when the next one is due; no retry is begun that could last until then.
        """
        began_s = self.clock.monotonic()
        found = await self._attempt(monitor)
        for _ in range(monitor.retries):
            again_ms = (monitor.retry_interval_s + monitor.timeout_s + _GRACE_S) * 1000
            if not _failed(found, monitor) or isinstance(monitor.check, HeartbeatCheck | ScanCheck):
                break
            if self.clock.now_ms + again_ms >= until_ms:
                break
            await asyncio.sleep(monitor.retry_interval_s)
            began_s = self.clock.monotonic()
            found = await self._attempt(monitor)
        if found.outcome is Outcome.DOWN and monitor.parent_id is not None and await self.parent_down(monitor, began_s):
            return replace(found, outcome=Outcome.UNREACHABLE, cause=Cause.PARENT, text=f"What it depends on is down. {found.text}".strip())
        return _turned(found) if monitor.upside_down else found

    async def _attempt(self, monitor: Watched) -> Checked:
        check = monitor.check
        if check is None:
            return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, monitor.problem)
        began_s = self.clock.monotonic()
        found = await self._probe(monitor)
        return await self.guard.judge(check, found, began_s)

    async def _probe(self, monitor: Watched) -> Checked:
        check = monitor.check
        assert check is not None
        now = datetime.fromtimestamp(self.clock.wall(), UTC)
        tools = Tools(self.net, monitor.timeout_s, now, monitor.remembered)
        queued = waiting.measure()
        # libcurl ends what it sends by itself; to watch over it as well would cost a timer a check.
        bounded = isinstance(check, PageCheck | ApiCheck)
        limit_s = SCAN_LIMIT_S if isinstance(check, ScanCheck) else monitor.timeout_s + _GRACE_S
        scope = asyncio.timeout(None if bounded else limit_s)
        try:
            async with scope:
                if isinstance(check, HeartbeatCheck):
                    return await heartbeats.look(monitor.id, check, now, self.deaf())
                # Also where nothing is to be filled in: what a target sends, of cookies and tokens, is hidden there as well.
                values = {} if monitor.plain else await watched.secrets_of(monitor.workspace_id, monitor.secrets)
                probe = None
                if isinstance(check, ScanCheck):
                    put_in = values.values()
                    probe = functools.partial(scan_check.run, workspace_id=monitor.workspace_id, monitor_id=monitor.id, secrets=put_in)
                found = await filled.run_filled(check, tools, values, probe=probe, keep_up=monitor.upside_down, plain=monitor.plain)
        except TimeoutError:
            if not scope.expired():
                logger.exception("the check of monitor %s broke", monitor.public_id)
                return Checked(Outcome.UNKNOWN, Cause.OURSELVES, "Seamwatch failed while it checked this. The reason is in its log.")
            found = Checked(Outcome.DOWN, Cause.TIMEOUT, f"It did not end within {monitor.timeout_s:g} s.")
        except SeamwatchError as error:  # a secret that cannot be opened
            return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, error.message)
        except Exception as error:  # a bug of ours, or this machine: neither says anything about the target
            logger.exception("the check of monitor %s broke", monitor.public_id)
            if isinstance(error, OSError) and error.errno in _OWN_ERRORS:
                return Checked(Outcome.UNKNOWN, Cause.OURSELVES, f"This machine ran out of something: {error.strerror}.")
            return Checked(Outcome.UNKNOWN, Cause.OURSELVES, "Seamwatch failed while it checked this. The reason is in its log.")
        if found.cause is Cause.TIMEOUT and queued.seconds > _QUEUED_S:
            return Checked(Outcome.UNKNOWN, Cause.OURSELVES, "Too many checks wait for this host at once. Check it less often.")
        return found


def _failed(found: Checked, monitor: Watched) -> bool:
    """Whether it failed in a way that another attempt may mend."""
    if found.cause is Cause.CONFIGURATION:
        return False
    return found.outcome in ((Outcome.UP, Outcome.DEGRADED) if monitor.upside_down else (Outcome.DOWN,))


def _turned(found: Checked) -> Checked:
    """Return what was found of something that must not be reached."""
    if found.outcome is Outcome.DOWN:
        return replace(found, outcome=Outcome.UP, cause=Cause.NONE, text="")
    if found.outcome in (Outcome.UP, Outcome.DEGRADED):
        return replace(found, outcome=Outcome.DOWN, cause=Cause.ASSERTION, text="It answers, and it must not.")
    return found

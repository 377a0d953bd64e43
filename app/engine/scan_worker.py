"""Claims queued scans, runs a few at once, tells their followers how they go, and stores their reports."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.observation import ScanRequest
from app.core.redact import redact_text, redact_url
from app.core.report import Report
from app.core.scan_events import RequestLine, ScanStatus
from app.engine.scan import OnProgress, Progress, ScanFailed
from app.engine.scan import run as run_scan
from app.net import Net
from app.services import audit, grants, monitors, scan_feed, scan_queue, sessions, signing_keys, tokens, workspaces
from app.services.scan_queue import Claim

logger = logging.getLogger(__name__)

POLL_S = 2.0  # how long a scan queued by another process may wait to be seen
RENEW_S = 5.0  # a third of the lease
HOUSEKEEPING_S = 10.0
PRUNE_S = 3600.0  # the audit log is kept for days
_BROKE = "Seamwatch failed while it scanned this site. The reason is in its log; the site was not harmed."

Examine = Callable[[ScanRequest, Net, OnProgress], Awaitable[Report]]


@dataclass(slots=True, eq=False)
class _Running:
    """A scan under way. Only its examination is ever cancelled, never the recording of how it ended."""

    claim: Claim
    news: asyncio.Queue[Progress | None]
    examination: asyncio.Task[Report]
    recording: asyncio.Task[None] | None = None
    stopped: bool = False  # the scan is to end, not the worker

    def stop(self) -> None:
        self.stopped = True
        self.examination.cancel()


class ScanWorker:
    """One a process. `run` never returns; cancelled, it gives the scans under way back to the queue."""

    def __init__(self, net: Net, *, slots: int, examine: Examine = run_scan) -> None:
        self.name = secrets.token_hex(8)
        self._net, self._slots, self._examine = net, slots, examine
        self._running: dict[str, _Running] = {}
        self._next_housekeeping = self._next_prune = 0.0
        self._stopping = False

    async def run(self) -> None:
        async with scan_feed.orders() as orders:
            try:
                while True:
                    await self._keep_house()
                    while len(self._running) < self._slots and (claim := await scan_queue.claim(self.name)):
                        self._start(claim)
                    cancelled = await orders.next_cancel(POLL_S)
                    if cancelled and (running := self._running.get(cancelled)):
                        running.stop()
            finally:
                self._stopping = True
                under_way = list(self._running.values())
                for running in under_way:
                    running.examination.cancel()
                await asyncio.gather(*(running.recording for running in under_way if running.recording), return_exceptions=True)

    async def _keep_house(self) -> None:
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + HOUSEKEEPING_S
            if lost := await scan_queue.recover():
                logger.warning("%d scans had lost their worker", lost)
            await scan_queue.purge()
            await sessions.purge()
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + PRUNE_S
            await workspaces.purge()
            await monitors.purge()
            await audit.prune()
            await grants.purge()
            await tokens.purge()
            await signing_keys.purge()

    def _start(self, claim: Claim) -> None:
        news: asyncio.Queue[Progress | None] = asyncio.Queue()
        examination = asyncio.ensure_future(self._examine(claim.request, self._net, news.put_nowait))
        running = self._running[claim.public_id] = _Running(claim, news, examination)
        running.recording = asyncio.create_task(self._see_through(running), name=f"scan {claim.public_id}")

    async def _see_through(self, running: _Running) -> None:
        """Tell how an examination goes and record how it ended, whatever happens."""
        claim = running.claim
        await scan_feed.publish(claim.public_id, ScanStatus.RUNNING)
        teller = asyncio.create_task(_tell(claim, running.news))
        lease = asyncio.create_task(self._keep_lease(running))
        try:
            await asyncio.wait([running.examination])
            lease.cancel()
            running.news.put_nowait(None)
            await teller  # so that the final event comes last
            await self._record(running)
        except Exception:  # the lease ends by itself then, and the scan is run once more
            logger.exception("how scan %s ended could not be recorded", claim.public_id)
        finally:
            del self._running[claim.public_id]
            await scan_feed.wake_worker()  # a slot is free

    async def _record(self, running: _Running) -> None:
        claim, examination = running.claim, running.examination
        if examination.cancelled() and running.stopped:
            await scan_queue.cancelled(claim)
        elif examination.cancelled() and self._stopping:
            await scan_queue.release(claim)
        elif examination.cancelled():
            logger.error("scan %s cancelled itself", claim.public_id)
            await scan_queue.fail(claim, _BROKE)
        elif (error := examination.exception()) is None:
            await scan_queue.finish(claim, examination.result())
        elif isinstance(error, ScanFailed):
            await scan_queue.fail(claim, redact_text(str(error)))
        else:  # a bug of ours must not take other scans down, and the follower is told
            logger.error("scan %s broke", claim.public_id, exc_info=error)
            await scan_queue.fail(claim, _BROKE)

    async def _keep_lease(self, running: _Running) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                kept = await scan_queue.renew(running.claim)
            except Exception:  # the database may be back for the next try, which still comes before the lease ends
                logger.exception("the lease of scan %s could not be renewed", running.claim.public_id)
                continue
            if not kept:
                running.stop()
                return


async def _tell(claim: Claim, news: "asyncio.Queue[Progress | None]") -> None:
    """Pass on progress, in order, until None comes."""
    hide = claim.withheld.hide
    while (progress := await news.get()) is not None:
        exchange = progress.exchange
        await scan_feed.publish(
            claim.public_id,
            ScanStatus.RUNNING,
            phase=progress.phase,
            noted=hide(redact_text(progress.noted)),
            severity=progress.severity,
            request=exchange
            and RequestLine(
                id=exchange.id,
                purpose=exchange.purpose,
                method=exchange.method,
                url=hide(redact_url(exchange.url)),
                status=exchange.status,
                failure=hide(exchange.failure_text) or (exchange.failure or ""),
                started_ms=exchange.started_ms,
                duration_ms=exchange.timing.total_ms,
            ),
        )

"""Claims queued scans, runs a few at once, tells their followers how they go, and stores their reports."""

import asyncio
import contextlib
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
from app.services import scan_feed, scan_queue
from app.services.scan_queue import Claim

logger = logging.getLogger(__name__)

POLL_S = 2.0  # how long a scan queued by another process may wait to be seen
RENEW_S = 5.0  # a third of the lease
HOUSEKEEPING_S = 10.0
_BROKE = "Seamwatch failed while it scanned this site. The reason is in its log; the site was not harmed."

Examine = Callable[[ScanRequest, Net, OnProgress], Awaitable[Report]]


@dataclass(slots=True)
class _Running:
    """A scan under way. `stopped` says that the scan is to end, not the worker."""

    claim: Claim
    task: asyncio.Task[None]
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True
        self.task.cancel()


class ScanWorker:
    """One a process. `run` never returns; cancelled, it gives the scans under way back to the queue."""

    def __init__(self, net: Net, *, slots: int, examine: Examine = run_scan) -> None:
        self.name = secrets.token_hex(8)
        self._net, self._slots, self._examine = net, slots, examine
        self._running: dict[str, _Running] = {}
        self._next_housekeeping = 0.0

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
                tasks = [running.task for running in self._running.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_house(self) -> None:
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + HOUSEKEEPING_S
            if lost := await scan_queue.recover():
                logger.warning("%d scans had lost their worker", lost)
            await scan_queue.purge()

    def _start(self, claim: Claim) -> None:
        running = _Running(claim, asyncio.create_task(self._see_through(claim), name=f"scan {claim.public_id}"))
        self._running[claim.public_id] = running
        running.task.add_done_callback(lambda _: self._ended(running))

    def _ended(self, running: _Running) -> None:
        del self._running[running.claim.public_id]
        # A slot is free: look at the queue at once.
        self._wake = asyncio.ensure_future(scan_feed.wake_worker())

    async def _see_through(self, claim: Claim) -> None:
        """Run one claimed scan and record how it ended, whatever happens."""
        await scan_feed.publish(claim.public_id, ScanStatus.RUNNING)
        news: asyncio.Queue[Progress | None] = asyncio.Queue()
        teller = asyncio.create_task(_tell(claim.public_id, news))
        lease = asyncio.create_task(self._keep_lease(claim))
        try:
            try:
                report = await self._examine(claim.request, self._net, news.put_nowait)
            finally:
                lease.cancel()
                news.put_nowait(None)
                with contextlib.suppress(asyncio.CancelledError):
                    await teller  # so that the final event comes last
            await scan_queue.finish(claim, report)
        except asyncio.CancelledError:
            if self._running[claim.public_id].stopped:
                await scan_queue.cancelled(claim)
            else:
                await scan_queue.release(claim)
        except ScanFailed as error:
            await scan_queue.fail(claim, redact_text(str(error)))
        except Exception:  # a bug of ours must not take other scans down, and the follower is told
            logger.exception("scan %s broke", claim.public_id)
            await scan_queue.fail(claim, _BROKE)

    async def _keep_lease(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                kept = await scan_queue.renew(claim)
            except Exception:  # the database may be back for the next try, which still comes before the lease ends
                logger.exception("the lease of scan %s could not be renewed", claim.public_id)
                continue
            if not kept:
                self._running[claim.public_id].stop()
                return


async def _tell(public_id: str, news: "asyncio.Queue[Progress | None]") -> None:
    """Pass on progress, in order, until None comes."""
    while (progress := await news.get()) is not None:
        exchange = progress.exchange
        await scan_feed.publish(
            public_id,
            ScanStatus.RUNNING,
            phase=progress.phase,
            noted=redact_text(progress.noted),
            severity=progress.severity,
            request=exchange
            and RequestLine(
                id=exchange.id,
                purpose=exchange.purpose,
                method=exchange.method,
                url=redact_url(exchange.url),
                status=exchange.status,
                failure=exchange.failure_text or (exchange.failure or ""),
                started_ms=exchange.started_ms,
                duration_ms=exchange.timing.total_ms,
            ),
        )

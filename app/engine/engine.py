"""The engine of monitors: what is due is claimed, checked, judged and handed on to be stored.

What it holds in memory follows from the database: after a crash it is loaded anew, and votes that were not stored are cast again by
later checks.
"""

import asyncio
import gc
import heapq
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.core.checks import Kind
from app.core.incident import Outcome, Standing
from app.engine.clock import Clock
from app.engine.guard import Anchors, Guard, Meter
from app.engine.housekeeper import Housekeeper
from app.engine.recorder import Recorder
from app.engine.runner import Runner
from app.engine.stats import Stats
from app.engine.tasks import Batches, Ticket
from app.engine.watchlist import Watchlist
from app.net import Net
from app.services import board, engine_orders, engine_state, heartbeat_calls, watched
from app.services.engine_orders import Order
from app.services.engine_state import Report, Span
from app.services.watched import Watched

logger = logging.getLogger(__name__)

COALESCE_S = 0.05  # what is due within it is claimed together: each time this process wakes costs as much as a check
LONGEST_WAIT_S = 1.0
BATCH = 50
LATE_MS = 1_000  # a check that begins so long after it was due is late
POLL_S = 10.0
OVERLAP = timedelta(seconds=15)  # rows are seen when they are committed, which is after the time that stands in them
RECONCILE_S = 60.0
CATCH_UP_FROM_MS = 600_000  # a monitor with so long an interval does not wait for its next turn when one was missed
CATCH_UP_MS = 60_000  # over which those are spread
# Within which a monitor is checked for the first time that never was: a few that somebody just made, and many.
SOON_MS, SOON_MANY_MS = 5_000, 60_000
FEW = 50
_FAILED = (Outcome.DOWN, Outcome.UNREACHABLE)


@dataclass(slots=True, eq=False)
class _Run:
    """A check that was claimed and is not over."""

    due_ms: int
    done: asyncio.Future[Outcome | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    again: bool = False  # whether to look once more when it is over: a heartbeat came meanwhile


class Engine:
    """One a process. What `works` names is to be run under supervision; a part that dies is started again and finds the rest as it was.

    Args:
        net: the way out of checks.
        anchor_net: the way out to the anchors, which the operator chose, wherever they are.
        anchors: (host, port) that answer as long as our own network works.
    """

    def __init__(
        self, net: Net, anchor_net: Net, anchors: Sequence[tuple[str, int]] = (), *, clock: Clock | None = None, region: int = 0
    ) -> None:
        self._clock = clock or Clock()
        self._region = region
        self._gaps: list[Span] = []
        self._beside: list[tuple[int, int]] = []  # heap of (when, monitor): checks beside the timetable
        self._running: dict[int, _Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # batches under way
        self._wake = asyncio.Event()
        self._begun = self._closed = False
        self._turned_ms: int | None = None  # when the scheduler last came round
        self.stats = Stats()
        self.meter = Meter(self._clock, self._jumped)
        self.guard = Guard(self.meter, Anchors(anchor_net, anchors, self._clock), self._clock)
        self.recorder = Recorder(
            self._clock, self._progress, lambda batch, gone: self._watchlist.stored(batch, gone), self._refused, region=region
        )
        self._watchlist = Watchlist(self._clock, self.recorder, region=region)
        self._runner = Runner(net, self.guard, self._clock, self._parent_down, self._deaf)
        self._batches = Batches(self._run_batch)
        self._housekeeper = Housekeeper(self._clock, lambda: self._watchlist.held.keys(), region=region)

    def works(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what is to be run for ever, by name."""
        return {
            "monitors": self.run,
            "recorder of results": self.recorder.run,
            "lag meter": self.meter.run,
            "housekeeper": self._housekeeper.run,
        }

    async def run(self) -> None:
        await self.begin()
        # What stands now stays: the collector, which stops everything, would walk all of it again and again for nothing.
        gc.collect()
        gc.freeze()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._schedule(), name="schedule of checks")
            parts.create_task(self._obey(), name="orders to the engine")

    async def close(self) -> None:
        """End the checks under way, store what waits, and end. The works were cancelled before."""
        self._closed = True
        self._watchlist.held.clear()  # what ends now says nothing about anybody
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.recorder.flush()
        await self._batches.close()

    def report(self) -> Report:
        p50_ms, p99_ms = self.meter.quantiles_ms()
        now_ms = self._clock.now_ms
        delays = sorted(self.stats.delays_ms)
        return Report(
            monitors=len(self._watchlist.held),
            running=len(self._running),
            checks_per_s=self.stats.per_second(now_ms),
            late_share=self.stats.late_share(now_ms),
            delay_p99_ms=delays[len(delays) * 99 // 100] if delays else 0,
            overdue_ms=max(0, now_ms - (self._watchlist.timetable.next_ms or now_ms)),
            lag_p50_ms=p50_ms,
            lag_p99_ms=p99_ms,
            anchors=self.guard.anchors.state,
            waiting=self.recorder.waiting,
            failing_since_ms=self.recorder.failing_since_ms,
        )

    # What there is to check.

    async def begin(self) -> None:
        """Load everything. At the first time, note since when nobody checked, and make up for what was missed if it comes rarely."""
        now_ms = self._clock.now_ms
        missed_since_ms: int | None = None
        if not self._begun:
            began = await engine_state.begin(now_ms, self._region)
            missed_since_ms = began.alive_ms or None
            board.forget()
        self._gaps = list(await engine_state.gaps(now_ms - engine_state.GAPS_KEPT_MS, self._region))
        await self._reload()
        if not self._begun:
            self._housekeeper.board_since(now_ms)
            if missed_since_ms is not None:
                self._catch_up(missed_since_ms, now_ms)
            self._begun = True

    async def _reload(self, since: datetime | None = None, ids: Collection[int] | None = None) -> None:
        """Read monitors and maintenance windows anew: all, or those that changed."""
        # Nothing is stored meanwhile, so that what is read is compared with what was stored before.
        async with self.recorder.still() as stored:
            if not stored and self._begun:
                return  # the database refuses; the next look finds the same
            anew = await self._watchlist.read(since, ids)
        self._check_first(anew)
        self._wake.set()

    async def _obey(self) -> None:
        """Do what people's changes ask for, and look at what changed in case nobody said so."""
        loop = asyncio.get_running_loop()
        polled_s, reconciled_s = loop.time(), loop.time()
        since = datetime.fromtimestamp(self._clock.wall(), UTC)
        async with engine_orders.listen() as orders:
            while True:
                order = await orders.next(max(0.001, polled_s + POLL_S - loop.time()))
                try:
                    if order is not None:
                        await self._do(order)
                    if loop.time() - polled_s >= POLL_S:
                        polled_s, until = loop.time(), datetime.fromtimestamp(self._clock.wall(), UTC)
                        await self._reload(since - OVERLAP)
                        since = until
                        await self.note_deafness()
                    if loop.time() - reconciled_s >= RECONCILE_S:
                        reconciled_s = loop.time()
                        await self.reconcile()
                except Exception:  # the database, most of all: what is known is checked on, and looked at again
                    logger.exception("what changed of monitors could not be read")

    async def _do(self, order: Order) -> None:
        if order.do == "changed":
            await self._reload(ids=order.ids)
        elif order.do == "maintenance":
            await self._watchlist.read_windows()
        elif order.do == "secrets":
            for workspace_id in order.ids:
                watched.forget_secrets(workspace_id)
        elif order.do in ("check", "beat"):
            for monitor_id in order.ids:
                if monitor_id not in self._watchlist.held:
                    await self._reload(ids=[monitor_id])  # made a moment ago
                self.check_soon(monitor_id, again=order.do == "beat")

    async def reconcile(self) -> None:
        """Hold what there is and nothing else, whatever was missed of how it came and went."""
        if missing := await self._watchlist.drop_lost():
            await self._reload(ids=missing)

    # When it is checked.

    async def _schedule(self) -> None:
        while True:
            await self.tick()
            due_ms = min(filter(None, (self._watchlist.timetable.next_ms, self._beside[0][0] if self._beside else None)), default=None)
            wait_s = LONGEST_WAIT_S if due_ms is None else (due_ms - self._clock.now_ms) / 1000
            self._wake.clear()
            try:
                async with asyncio.timeout(min(max(wait_s, COALESCE_S), LONGEST_WAIT_S)):
                    await self._wake.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(COALESCE_S)

    async def tick(self) -> int:
        """Send off what is due. Return how many checks that are."""
        if self.meter.disturbed:
            await self.meter.tick()  # before anything is judged by a clock that jumped
        now_ms = self._turned_ms = self._clock.now_ms
        tickets: list[Ticket] = []
        for due in self._watchlist.timetable.claim(now_ms):
            self.stats.left_out(now_ms, due.missed)
            if due.monitor_id in self._running:
                self.stats.left_out(now_ms)  # a check never overlaps itself
                continue
            tickets.append(self._ticket(due.monitor_id, due.due_ms, due.missed))
        while self._beside and self._beside[0][0] <= now_ms:
            monitor_id = heapq.heappop(self._beside)[1]
            if monitor_id in self._watchlist.held and monitor_id not in self._running:
                tickets.append(self._ticket(monitor_id, now_ms, 0))
        for place in range(0, len(tickets), BATCH):
            await self._batches.send(tickets[place : place + BATCH])
        return len(tickets)

    def _ticket(self, monitor_id: int, due_ms: int, missed: int) -> Ticket:
        self._running[monitor_id] = _Run(due_ms)
        return monitor_id, due_ms, missed

    def check_soon(self, monitor_id: int, at_ms: int | None = None, *, again: bool = False) -> None:
        """Check a monitor beside its timetable. While a check of it runs, that one is the answer, unless it is to look again."""
        if monitor_id not in self._watchlist.held:
            return
        if (run := self._running.get(monitor_id)) is not None:
            run.again |= again
            return
        heapq.heappush(self._beside, (at_ms or self._clock.now_ms, monitor_id))
        self._wake.set()

    def _catch_up(self, since_ms: int, now_ms: int) -> None:
        """Check those monitors soon that come rarely and were due in a span in which nobody checked."""
        for held in self._watchlist.held.values():
            monitor = held.watched
            last_ms = now_ms - (now_ms - monitor.phase_ms) % monitor.interval_ms
            if monitor.interval_ms >= CATCH_UP_FROM_MS and last_ms > since_ms and not held.never_checked:
                self.check_soon(monitor.id, now_ms + 1000 + monitor.phase_ms % CATCH_UP_MS)

    def _check_first(self, monitor_ids: Sequence[int]) -> None:
        """Check monitors soon that never were: nobody who made one waits a day to see that it works."""
        now_ms = self._clock.now_ms
        for place, monitor_id in enumerate(monitor_ids):
            if (held := self._watchlist.held.get(monitor_id)) is None:
                continue
            monitor = held.watched
            span_ms = SOON_MS if len(monitor_ids) <= FEW else min(monitor.interval_ms, SOON_MANY_MS)
            turn_ms = 1 + (monitor.phase_ms - now_ms - 1) % monitor.interval_ms
            if turn_ms > span_ms:  # else its own turn comes as soon
                self.check_soon(monitor_id, now_ms + span_ms * place // len(monitor_ids))

    async def idle(self) -> None:
        """Wait until every check that was sent off is over."""
        await self._batches.idle()

    def _progress(self, waiting_ms: int | None) -> tuple[int | None, int | None]:
        if not self._begun or self._turned_ms is None:
            return None, None  # that nobody checked until now is not noted yet
        open_ms = [run.due_ms - 1 for run in self._running.values()]
        if waiting_ms is not None:
            open_ms.append(waiting_ms - 1)
        return min(self._turned_ms, *open_ms) if open_ms else self._turned_ms, self._turned_ms

    async def _jumped(self, from_ms: int, to_ms: int) -> None:
        """The machine slept, or somebody set the clock: nobody checked in between, and nobody is to blame."""
        logger.warning("time jumped by %.0f s: the timetable begins anew", (to_ms - from_ms) / 1000)
        self._watchlist.begin_timetable()
        # As long from now as it was to be: neither all at once nor, where the clock went back, hours later.
        self._beside = [(at_ms + to_ms - from_ms, monitor_id) for at_ms, monitor_id in self._beside]
        self._wake.set()
        if to_ms > from_ms:
            self._gaps.append((from_ms, to_ms))
            self._catch_up(from_ms, self._clock.now_ms)
            try:
                await engine_state.note_gap(from_ms, to_ms, self._region)
            except Exception:  # it holds in this process, which is where it is asked for
                logger.exception("a gap could not be stored")

    async def _refused(self, from_ms: int, to_ms: int) -> None:
        """The database took nothing for a while, and so no heartbeat either."""
        self._gaps.append((from_ms, to_ms))
        try:
            await engine_state.note_gap(from_ms, to_ms, self._region)
        except Exception:  # as for a jump
            logger.exception("a gap could not be stored")

    def _deaf(self) -> list[tuple[datetime, datetime]]:
        """Return when a heartbeat could not have been heard, or kept."""
        spans = [*self._gaps, *heartbeat_calls.refused()]
        if self.recorder.failing_since_ms is not None:
            spans.append((self.recorder.failing_since_ms, self._clock.now_ms))
        return [(_at(start_ms), _at(end_ms)) for start_ms, end_ms in spans]

    async def note_deafness(self) -> None:
        """Store calls of heartbeats that could not be written, and when that was, as soon as the database takes it."""
        await heartbeat_calls.write_late()
        for span in heartbeat_calls.refused():
            await engine_state.note_gap(*span, self._region)
            self._gaps.append(span)
            heartbeat_calls.forget_refused([span])

    # Checks.

    async def _run_batch(self, batch: Sequence[Ticket]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.gather(*(self._one(monitor_id, due_ms) for monitor_id, due_ms, _ in batch))
        except asyncio.CancelledError:
            if not self._closed:  # else it is no failure of the task
                raise

    async def _one(self, monitor_id: int, due_ms: int) -> Outcome | None:
        """Run one check that was claimed, and take its result in."""
        run, held, outcome = self._running[monitor_id], self._watchlist.held.get(monitor_id), None
        try:
            if held is not None:
                now_ms, began_s = self._clock.now_ms, self._clock.monotonic()
                late = now_ms - due_ms > LATE_MS
                self.stats.begun(now_ms, now_ms - due_ms, late)
                monitor = held.watched
                until_ms = now_ms + 1 + (monitor.phase_ms - now_ms - 1) % monitor.interval_ms
                version = held.version
                found = await self._runner.check(monitor, until_ms)
                if self._watchlist.held.get(monitor_id) is held and held.version == version:
                    outcome = self._watchlist.take_in(held, due_ms, found, late, began_s)
                else:
                    run.again = True  # it says nothing about what is to be checked by now, if anything is
        finally:
            del self._running[monitor_id]
            run.done.set_result(outcome)
        if run.again:
            self.check_soon(monitor_id)
        return outcome

    # What it depends on.

    async def _parent_down(self, child: Watched, began_s: float) -> bool:
        """Whether what a monitor depends on is down, now that a check of it failed that began at `began_s`.

        Before an alarm the parent is looked at, so that a child does not tell of what its parent would have told a moment later.
        """
        parent = self._watchlist.held.get(child.parent_id or 0)
        if parent is None:
            return False
        if parent.watched.state.standing is Standing.DOWN:
            return True
        outcome = parent.newest
        passive = parent.watched.kind in (Kind.HEARTBEAT, Kind.SCAN)
        if child.state.standing is not Standing.DOWN and not passive and parent.newest_s < began_s:
            try:
                async with asyncio.timeout(parent.watched.timeout_s + 5):
                    outcome = await self._look_at(parent.watched.id)
            except TimeoutError:  # its retries take long, or somebody made each of two the other's parent
                outcome = parent.newest
        return outcome in _FAILED

    async def _look_at(self, monitor_id: int) -> Outcome | None:
        """Return what a check finds now: the one under way, or one beside the timetable, recorded like any."""
        run = self._running.get(monitor_id)
        if run is None:
            now_ms = self._clock.now_ms
            run = self._running[monitor_id] = _Run(now_ms)
            await self._batches.send([(monitor_id, now_ms, 0)])
        return await asyncio.shield(run.done)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)

"""Every monitor that is checked, and how it stands, as the database has it and as checks change it. Nobody else writes that."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.core import kept_detail
from app.core.cell import Cell
from app.core.checked import Checked
from app.core.checks import Kind
from app.core.incident import Outcome, State, decide
from app.core.results import Result
from app.core.timetable import Timetable
from app.engine.clock import Clock
from app.engine.recorder import EVERY_S, GATHER_S, TURNED_S, Recorder
from app.services import board, history, watched
from app.services.board import Latest
from app.services.settling import Settled
from app.services.watched import Watched, Window

_DETAILS_IN_A_ROW = 3  # of a failure that lasts: then one each so often
_DETAIL_EVERY_MS = 600_000


@dataclass(slots=True, eq=False)
class Held:
    """One monitor, and what is known of it beside its row."""

    watched: Watched
    stored: State  # as the database has it
    baseline: str  # what it remembers, as the database has it
    windows: tuple[Window, ...] | None = None  # that are for it; None: not looked up yet
    newest: Outcome | None = None  # what its last check found
    newest_s: float = float("-inf")  # when that began (monotonic)
    undecided: int = 0  # decisions that are not stored yet
    failures: int = 0  # in a row
    detail_ms: int = 0  # when the last failure whose exchanges are kept was due
    version: int = 0  # another once a check that is under way would be about something else

    @property
    def never_checked(self) -> bool:
        return self.watched.state == State() and self.watched.unknown_since is None


class Watchlist:
    """Holds monitors by row id, and when each is due.

    Args:
        recorder: stores what checks lead to; it is to tell `stored` what the database took.
    """

    def __init__(self, clock: Clock, recorder: Recorder, *, region: int = 0) -> None:
        self._clock, self._recorder, self._region = clock, recorder, region
        self._windows: tuple[Window, ...] = ()
        self.held: dict[int, Held] = {}
        self.timetable = Timetable()

    # What the database has.

    async def read(self, since: datetime | None = None, ids: Collection[int] | None = None) -> list[int]:
        """Read monitors and maintenance windows anew: all, or those that changed. Nothing may be stored meanwhile.

        Returns:
            Those that were never checked since they were made or resumed.
        """
        # What a poll finds was mostly heard of before; what somebody names is read whatever we know of it.
        known = {} if since is None else {monitor_id: held.watched.changed_at for monitor_id, held in self.held.items()}
        await self.read_windows()
        anew: list[int] = []
        async for some in watched.load(since, ids, known):
            anew += [monitor.id for monitor in some if self._take(monitor)]
            await asyncio.sleep(0)
        return anew

    async def read_windows(self) -> None:
        windows = await watched.windows()
        if windows != self._windows:
            self._windows = windows
            for held in self.held.values():
                held.windows = None

    def _take(self, monitor: Watched) -> bool:
        """Hold a monitor as its row has it now. How it stands is ours, unless somebody set it anew: who paused it, say.

        Returns:
            Whether it was never checked since it was made or resumed.
        """
        if not monitor.active:
            self._drop(monitor.id)
            return False
        held, begins = self.held.get(monitor.id), False
        if held is None:
            held = self.held[monitor.id] = Held(monitor, monitor.state, monitor.remembered)
            begins = held.never_checked
            board.put(monitor.id, Cell(monitor.state.standing.value, _seconds(monitor.state.since)))
        else:
            before = held.watched
            rebased = monitor.remembered != held.baseline  # somebody took what was found as the new normal
            held.baseline = monitor.remembered
            if (monitor.state.standing, monitor.state.since) == (held.stored.standing, held.stored.since):
                monitor.state, monitor.unknown_since = before.state, before.unknown_since
                if not rebased:
                    monitor.remembered = before.remembered
            else:
                held.stored = monitor.state
                held.undecided = 0
                held.version += 1
                self._recorder.discard_decisions(monitor.id)
                begins = monitor.state == State()
            if rebased or (before.check, before.upside_down) != (monitor.check, monitor.upside_down):
                held.version += 1
            if before.check != monitor.check:
                monitor.remembered = ""  # it was about something else
            held.watched, held.windows = monitor, None
        watched.forget_secrets(monitor.workspace_id)
        self.timetable.put(monitor.id, monitor.interval_ms, monitor.phase_ms, self._clock.now_ms)
        return begins

    def _drop(self, monitor_id: int) -> None:
        if self.held.pop(monitor_id, None) is not None:
            self.timetable.remove(monitor_id)
            board.drop([monitor_id])

    async def drop_lost(self) -> set[int]:
        """Drop what is not there any more, whatever took it away: a workspace that was deleted takes its monitors with it.

        Returns:
            Those that are active and not held.
        """
        known = set(self.held)
        active = await watched.active_ids()
        for monitor_id in known - active:
            self._drop(monitor_id)
        return active - set(self.held)

    def begin_timetable(self) -> None:
        """Have each due next at the next place of its own from now on, so not all at once."""
        self.timetable, now_ms = Timetable(), self._clock.now_ms
        for held in self.held.values():
            self.timetable.put(held.watched.id, held.watched.interval_ms, held.watched.phase_ms, now_ms)

    # What checks find.

    def take_in(self, held: Held, due_ms: int, found: Checked, late: bool, began_s: float) -> Outcome:
        """Decide what follows from a check, show it, and hand it on to be stored."""
        monitor, monitor_id, at = held.watched, held.watched.id, datetime.fromtimestamp(due_ms / 1000, UTC)
        maintained = self._maintained(held, at)
        result = Result(due_ms, found.outcome, found.cause, max(found.code, 0), found.timing, late, maintained)
        decision = decide(monitor.state, found.outcome, at, monitor.thresholds, counts=not maintained)
        unknown_since = None if found.outcome.votes else monitor.unknown_since or at
        turned = decision.state.standing is not monitor.state.standing
        failed = found.outcome is not Outcome.UP
        held.failures = held.failures + 1 if failed else 0
        settled = Settled(
            monitor_id,
            monitor.workspace_id,
            result,
            decision.state,
            decision.state != monitor.state or unknown_since != monitor.unknown_since,
            decision.step,
            found.text[:1000],
            kept_detail.write(found) if _keeps_detail(held, due_ms, found, decision.step is not None) else "",
            found.remember if found.remember and found.remember != monitor.remembered else None,
            self._region,
            unknown_since,
        )
        monitor.state, monitor.unknown_since = decision.state, unknown_since
        monitor.remembered = found.remember or monitor.remembered
        held.newest, held.newest_s = found.outcome, began_s
        held.undecided += turned
        by_schedule = (due_ms - monitor.phase_ms) % monitor.interval_ms == 0
        # What somebody asked for they wait for; a heartbeat's call asks, too, but whoever made it does not.
        awaited = turned or not (by_schedule or monitor.kind is Kind.HEARTBEAT)
        self._recorder.add(settled, GATHER_S if decision.step is not None else TURNED_S if awaited else EVERY_S)
        _show(held, board.cell(monitor_id).after(result), Latest(due_ms, by_schedule, found.text, found.findings, found.facts))
        return found.outcome

    def _maintained(self, held: Held, at: datetime) -> bool:
        if held.windows is None:
            held.windows = tuple(window for window in self._windows if window.is_for(held.watched))
        return any(window.holds(at) for window in held.windows)

    def stored(self, batch: Sequence[Settled], gone: frozenset[int]) -> None:
        """Take in that the database has these, and that these monitors are not there any more."""
        for entry in batch:
            held = self.held.get(entry.monitor_id)
            if held is None or entry.monitor_id in gone:
                continue
            if entry.remembered is not None:
                held.baseline = entry.remembered
            if entry.changed:
                turned = entry.state.standing is not held.stored.standing
                held.stored = entry.state
                if turned and held.undecided:
                    held.undecided -= 1
                    if not held.undecided:
                        _show(held, board.cell(entry.monitor_id))
        for monitor_id in gone:
            self._drop(monitor_id)


def _keeps_detail(held: Held, due_ms: int, found: Checked, decided: bool) -> bool:
    """Whether what this check found is kept: of a failure that lasts, now and then; of a good one where the next is far."""
    if found.outcome is Outcome.UP:
        monitor = held.watched
        return history.keeps_good(monitor.interval_ms) and monitor.kind is not Kind.HEARTBEAT and bool(found.findings or found.facts)
    keeps = decided or held.failures <= _DETAILS_IN_A_ROW or due_ms - held.detail_ms >= _DETAIL_EVERY_MS
    if keeps:
        held.detail_ms = due_ms
    return keeps


def _show(held: Held, cell: Cell, newest: Latest | None = None) -> None:
    monitor = held.watched
    if monitor.unknown_since is not None:
        status = Outcome.UNREACHABLE.value if held.newest is Outcome.UNREACHABLE else Outcome.UNKNOWN.value
        since = monitor.unknown_since
    else:
        # What was decided is not said before it is stored.
        state = held.stored if held.undecided else monitor.state
        status, since = state.standing.value, state.since
    shown = Cell(status, _seconds(since), cell.bars, cell.last_s, cell.last_ms)
    board.show(monitor.workspace_id, monitor.id, monitor.public_id, shown, newest)


def _seconds(at: datetime | None) -> int:
    return int(at.timestamp()) if at else 0

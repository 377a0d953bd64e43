"""How every monitor stands right now, in this process: what the engine found last, for pages that are open.

The engine writes here what each check found, before the database has it; pages read cells from here and follow what changes. What
is told reaches open pages at most four times a second; who follows need not wait as well.
"""

import asyncio
import functools
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from app.core.assertions import Finding
from app.core.cell import Cell
from app.live import Subscription, live
from app.services.access import Action, Actor, require

SPACING_S = 0.25  # between two messages about one workspace
_GATHER_S = 0.03  # what is found within it goes in one message
_MAX_FINDINGS = 30  # kept of one monitor: as many as a request can assert
_MAX_ASKED = 200  # checks of one monitor beside its schedule whose times are known


@dataclass(frozen=True, slots=True)
class Latest:
    """What the newest check of a monitor found, beside its result."""

    due_ms: int
    by_schedule: bool = True  # or because somebody asked for it
    text: str = ""
    findings: tuple[Finding, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Telling:
    """What is to be told to those who follow one workspace."""

    followers: int = 0
    waiting: dict[str, str] = field(default_factory=dict)
    last_s: float = 0.0
    task: asyncio.Task[None] | None = None


_NOTHING = Cell()
_cells: dict[int, Cell] = {}
_latest: dict[int, Latest] = {}
_asked: dict[int, deque[int]] = {}
_telling: defaultdict[int, _Telling] = defaultdict(_Telling)


def cells(monitor_ids: Iterable[int]) -> dict[int, Cell]:
    """Return the cells of monitors by row id. One that was never checked, or that nobody checks, is pending."""
    return {monitor_id: _cells.get(monitor_id, _NOTHING) for monitor_id in monitor_ids}


def cell(monitor_id: int) -> Cell:
    """Return the cell of one monitor."""
    return _cells.get(monitor_id, _NOTHING)


def latest(monitor_id: int) -> Latest | None:
    """Return what the newest check found, or None when there was none since this process began."""
    return _latest.get(monitor_id)


def asked(monitor_id: int) -> tuple[int, ...]:
    """Return when checks ran beside the schedule since this process began, in ms since 1970, oldest first; at most the last 200."""
    return tuple(_asked.get(monitor_id, ()))


# The engine's side.


def put(monitor_id: int, cell: Cell) -> None:
    """Set a cell and tell nobody: at the start."""
    _cells[monitor_id] = cell


def show(workspace_id: int, monitor_id: int, public_id: str, cell: Cell, newest: Latest | None = None) -> None:
    """Set a cell and tell those who follow the workspace."""
    _cells[monitor_id] = cell
    if newest is not None:
        _latest[monitor_id] = newest if len(newest.findings) <= _MAX_FINDINGS else replace(newest, findings=newest.findings[:_MAX_FINDINGS])
        if not newest.by_schedule:
            _asked.setdefault(monitor_id, deque(maxlen=_MAX_ASKED)).append(newest.due_ms)
    telling = _telling.get(workspace_id)
    if telling is None or not telling.followers:
        return  # nobody here looks. With a server between processes, all of them would have to be told
    telling.waiting[public_id] = cell.text
    if telling.task is None:
        telling.task = asyncio.create_task(_tell(workspace_id, telling))


def drop(monitor_ids: Iterable[int]) -> None:
    """Forget monitors that are not checked any more."""
    for monitor_id in monitor_ids:
        _cells.pop(monitor_id, None)
        _latest.pop(monitor_id, None)
        _asked.pop(monitor_id, None)


def forget() -> None:
    """Forget everything: before the cells are filled anew."""
    _cells.clear()
    _latest.clear()
    _asked.clear()


async def _tell(workspace_id: int, telling: _Telling) -> None:
    await asyncio.sleep(max(_GATHER_S, telling.last_s + SPACING_S - time.monotonic()))
    # Nothing is awaited between here and the next task that `show` may start.
    told, telling.waiting, telling.task, telling.last_s = telling.waiting, {}, None, time.monotonic()
    await live().publish(_topic(workspace_id), json.dumps(told, separators=(",", ":")), keep=False)


def _topic(workspace_id: int) -> str:
    return f"results:{workspace_id}"


# The pages' side.


@functools.lru_cache(maxsize=64)
def _read(text: str) -> dict[str, str]:
    """Read a message. The same one reaches everybody who follows its workspace, so it is read once; nobody may change it."""
    return json.loads(text)


class Follower:
    """One page's view of what changes in its workspace."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def next(self, timeout_s: float) -> dict[str, str] | None:
        """Return what changed since the last call, `Cell.text` by public id; None when nothing did within the time."""
        message = await self._subscription.next(timeout_s)
        if message is None:
            return None
        changed = dict(_read(message.text))
        while (more := await self._subscription.next(0)) is not None:
            changed |= _read(more.text)
        return changed


@asynccontextmanager
async def follow(actor: Actor | None) -> AsyncIterator[Follower]:
    """Follow the results of the actor's workspace. Whoever follows reads the cells first, once this is open.

    Raises:
        Unauthenticated, Forbidden.
    """
    workspace_id = require(actor, Action.READ_MONITORS).workspace_id
    telling = _telling[workspace_id]
    telling.followers += 1
    try:
        async with live().subscribe(_topic(workspace_id), history=False) as subscription:
            yield Follower(subscription)
    finally:
        telling.followers -= 1
        if not telling.followers:
            if telling.task is not None:
                telling.task.cancel()
            _telling.pop(workspace_id, None)

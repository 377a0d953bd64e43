"""Every monitor of a workspace as lists choose, count and sort it, kept in memory: of ten thousand, what changed is read, not all.

Each use asks the database what people changed since the last one, so another process's changes count here as soon as they are
committed. How monitors stand is not kept: checks change it, and say so nowhere that could be asked cheaply.
"""

import asyncio
import logging
import time
from bisect import bisect_right, insort
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, bindparam, select, type_coerce
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import NullType
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import engine, reading
from app.models import Monitor, MonitorTag, now

# A change carries the time at which it was written, and is seen once it is committed: so the last seconds are always looked at again,
# for transactions that last, and for clocks that differ.
_OVERLAP = timedelta(seconds=10)
_WHOLE_S = 300.0  # and so often all is read anew: what took longer than that to commit, or was removed without a trace
_MOST_ROWS = 60_000  # kept of all workspaces, about a kilobyte each
_AT_ONCE = 500
_YIELD_ROWS = 1000  # between two of them others get their turn

Key = TypeVar("Key")

logger = logging.getLogger(__name__)


class Listed(NamedTuple):
    """One monitor. Tuples of 10,000 are made in a third of the time that frozen dataclasses take."""

    id: int  # row id, as the next three
    site_id: int | None
    group_id: int | None
    parent_id: int | None
    place: tuple[str, int]  # what it is sorted by when nothing else decides: its name whatever its case, then its id
    kind: str
    sought: str  # name, address, tags and labels, in folded case
    tags: tuple[str, ...]
    marks: frozenset[str]  # names of tags and labels
    interval_ms: int
    phase_ms: int


class Roster:
    """The monitors of one workspace that are not deleted. It never changes: what was counted once stays right."""

    def __init__(self, by_id: dict[int, Listed], by_name: list[Listed]) -> None:
        self.by_id = by_id
        self.by_name = by_name

    def __len__(self) -> int:
        return len(self.by_name)

    # Lists by what their rows have in common, each by name. Nobody changes them.

    @cached_property
    def of_kind(self) -> dict[str, list[Listed]]:
        return _parted((row.kind, row) for row in self.by_name)

    @cached_property
    def of_site(self) -> dict[int | None, list[Listed]]:
        return _parted((row.site_id, row) for row in self.by_name)

    @cached_property
    def of_group(self) -> dict[int | None, list[Listed]]:
        return _parted((row.group_id, row) for row in self.by_name)

    @cached_property
    def of_mark(self) -> dict[str, list[Listed]]:
        """By the names of tags and labels."""
        return _parted((mark, row) for row in self.by_name for mark in row.marks)

    @cached_property
    def of_parent(self) -> dict[int, list[Listed]]:
        """Those that depend on a monitor, by its row id."""
        return _parted((row.parent_id, row) for row in self.by_name if row.parent_id is not None)

    @cached_property
    def tags(self) -> Counter[str]:
        return Counter(tag for row in self.by_name for tag in row.tags)

    @cached_property
    def _text(self) -> tuple[str, list[int]]:
        """All that is searched as one text, and where each row begins in it: looked through at once, it takes a tenth of the time."""
        starts, length = [], 0
        for row in self.by_name:
            starts.append(length)
            length += len(row.sought) + 1
        return "\0".join(row.sought for row in self.by_name), starts

    def holding(self, text: str) -> list[Listed]:
        """Return those in whose name, address, tags or labels a text stands, by name. It is in folded case, and holds no NUL."""
        whole, starts = self._text
        found: list[Listed] = []
        at = whole.find(text)
        while at >= 0:
            place = bisect_right(starts, at)
            found.append(self.by_name[place - 1])
            at = whole.find(text, starts[place]) if place < len(starts) else -1
        return found if len(found) < len(self) else self.by_name  # of which more is known already


def _parted(pairs: Iterable[tuple[Key, Listed]]) -> dict[Key, list[Listed]]:
    parts: defaultdict[Key, list[Listed]] = defaultdict(list)
    for key, row in pairs:
        parts[key].append(row)
    return dict(parts)


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    roster: Roster | None = None
    stamps: dict[int, object] = field(default_factory=dict)  # `changed_at` of each monitor, as it was read
    asked_at: datetime | None = None
    whole_at_s: float = 0.0  # monotonic
    renewal: "asyncio.Task[None] | None" = None


_kept: WeakKeyDictionary[Engine, OrderedDict[int, _Kept]] = WeakKeyDictionary()  # by workspace, the one used last at the end

_monitor: Any = Monitor.__table__  # pyright: ignore[reportAttributeAccessIssue]
_tag: Any = MonitorTag.__table__  # pyright: ignore[reportAttributeAccessIssue]
# As the driver has it: it is compared with itself only, and reading 10,000 texts as times takes 50 ms.
_STAMP: Any = type_coerce(_monitor.c.changed_at, NullType).label("stamp")
_ROWS = select(
    *(_monitor.c[name] for name in ("id", "site_id", "group_id", "parent_id", "name", "kind", "address")),
    *(_monitor.c[name] for name in ("interval_ms", "phase_ms")),
    _STAMP,
).where(_monitor.c.workspace_id == bindparam("workspace_id"), _monitor.c.deleted_at.is_(None))
_TAGS = select(_tag.c.monitor_id, _tag.c.name, _tag.c.value).where(_tag.c.workspace_id == bindparam("workspace_id")).order_by(_tag.c.name)
_SOME_ROWS = _ROWS.where(_monitor.c.id.in_(bindparam("ids", expanding=True)))
_SOME_TAGS = _TAGS.where(_tag.c.monitor_id.in_(bindparam("ids", expanding=True)))
# With "+ 0" no index of the workspace's serves, and the one of changes does: of them there are few.
_CHANGED = select(_monitor.c.id, _STAMP, _monitor.c.deleted_at.is_not(None)).where(
    _monitor.c.workspace_id + 0 == bindparam("workspace_id"), _monitor.c.changed_at >= bindparam("since")
)


async def current(db: AsyncSession, workspace_id: int) -> Roster:
    """Return the workspace's monitors as they are now. Call it first in a transaction: who waits here should hold no connection."""
    kept = _of(workspace_id)
    async with kept.lock:
        at = now()
        if kept.roster is None or kept.asked_at is None:
            kept.stamps = {}
            kept.roster = await _whole(db, workspace_id, kept.stamps)
            kept.whole_at_s = time.monotonic()
            _make_room()
        else:
            kept.roster = await _followed(db, workspace_id, kept.roster, kept.stamps, min(kept.asked_at, at) - _OVERLAP)
            if time.monotonic() - kept.whole_at_s > _WHOLE_S and (kept.renewal is None or kept.renewal.done()):
                kept.renewal = asyncio.create_task(_renew(workspace_id, kept))  # nobody waits for it
        kept.asked_at = at
        return kept.roster


async def _renew(workspace_id: int, kept: _Kept) -> None:
    """Read all anew, beside those who go on with what there is."""
    at, stamps = now(), {}
    try:
        async with reading() as db:
            roster = await _whole(db, workspace_id, stamps)
    except SQLAlchemyError:
        logger.warning("the list of monitors could not be read anew", exc_info=True)
        return
    async with kept.lock:
        kept.roster, kept.stamps, kept.asked_at, kept.whole_at_s = roster, stamps, at, time.monotonic()


def _of(workspace_id: int) -> _Kept:
    mine = _kept.setdefault(engine().sync_engine, OrderedDict())
    kept = mine.setdefault(workspace_id, _Kept())
    mine.move_to_end(workspace_id)
    return kept


def _make_room() -> None:
    """Forget the workspaces that were not looked at for longest, until the rest is small enough; the last one stays."""
    mine = _kept[engine().sync_engine]
    rows = sum(len(kept.stamps) for kept in mine.values())
    while rows > _MOST_ROWS and len(mine) > 1:
        rows -= len(mine.popitem(last=False)[1].stamps)


async def _whole(db: AsyncSession, workspace_id: int, stamps: dict[int, object]) -> Roster:
    connection, which = await db.connection(), {"workspace_id": workspace_id}
    tags = (await connection.execute(_TAGS, which)).all()
    made = await _listed((await connection.execute(_ROWS, which)).all(), tags, stamps)
    made.sort(key=_place)
    return Roster({row.id: row for row in made}, made)


async def _followed(db: AsyncSession, workspace_id: int, roster: Roster, stamps: dict[int, object], since: datetime) -> Roster:
    """Return the roster with what was changed since then; itself when that is nothing that it tells."""
    connection = await db.connection()
    changed = (await connection.execute(_CHANGED, {"workspace_id": workspace_id, "since": since})).all()
    gone = {row_id for row_id, _, deleted in changed if deleted and row_id in stamps}
    wanted = [row_id for row_id, stamp, deleted in changed if not deleted and stamps.get(row_id) != stamp]
    fresh: list[Listed] = []
    seen: dict[int, object] = {}  # until all is read: who is cancelled in between must not have marked anything as known
    for start in range(0, len(wanted), _AT_ONCE):
        which = {"workspace_id": workspace_id, "ids": wanted[start : start + _AT_ONCE]}
        rows = (await connection.execute(_SOME_ROWS, which)).all()
        tags = (await connection.execute(_SOME_TAGS, which)).all()
        fresh += await _listed(rows, tags, seen)
    stamps.update(seen)
    fresh = [row for row in fresh if roster.by_id.get(row.id) != row]
    for row_id in gone:
        del stamps[row_id]
    if not gone and not fresh:
        return roster
    by_id = {**roster.by_id, **{row.id: row for row in fresh}}
    for row_id in gone:
        by_id.pop(row_id, None)
    by_name = [row for row in roster.by_name if by_id.get(row.id) is row]
    if len(fresh) < _AT_ONCE // 10:
        for row in fresh:
            insort(by_name, row, key=_place)
    else:
        by_name = sorted([*by_name, *fresh], key=_place)
    return Roster(by_id, by_name)


def _place(row: Listed) -> tuple[str, int]:
    return row.place


async def _listed(rows: Iterable[Any], tags: Iterable[Any], stamps: dict[int, object]) -> list[Listed]:
    marked: defaultdict[int, tuple[tuple[str, str], ...]] = defaultdict(tuple)
    for monitor_id, name, value in tags:
        marked[monitor_id] += ((name, value),)
    # Most have the marks of many others: what is equal is kept once.
    same: dict[tuple[tuple[str, str], ...], tuple[str, tuple[str, ...], frozenset[str]]] = {}
    made: list[Listed] = []
    for number, (row_id, site_id, group_id, parent_id, name, kind, address, interval_ms, phase_ms, stamp) in enumerate(rows, 1):
        marks = marked.get(row_id, ())
        if (known := same.get(marks)) is None:
            words = "".join(f"\0{word}" for mark in marks for word in mark).casefold()  # no search holds a NUL
            known = same[marks] = words, tuple(one for one, value in marks if not value), frozenset(one for one, _ in marks)
        words, plain, every = known
        folded = name.casefold()
        sought = f"{folded}\0{address.casefold()}{words}"
        made.append(Listed(row_id, site_id, group_id, parent_id, (folded, row_id), kind, sought, plain, every, interval_ms, phase_ms))
        stamps[row_id] = stamp
        if number % _YIELD_ROWS == 0:
            await asyncio.sleep(0)
    return made

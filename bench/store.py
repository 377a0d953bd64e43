"""What the store writes and keeps per check, and how fast any window of a year is read. Run: python -m bench.store [HOURS [MONITORS]]

Checks of monitors at 60 s go through the same steps as in the product: settled as often as the recorder does, hours sealed, days rolled
up, old ones forgotten by the default retention. By default six hours of 1,000 monitors: what is kept of a year is worked out from these.
The bare limit is the same rows appended to a table of SQLite with nothing else.

`year [MONITORS]` makes a whole year instead, which ends now, of 50 monitors by default: hours are stored sealed, by what seals them, days
are rolled up and old ones forgotten as in the product. Of the hours themselves 2,000 are made, and each monitor gets one of them by chance.
Beside it stands what is not sealed yet, of 1,000 monitors. Then every window is read by what the page and the API call.
"""

import asyncio
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

_DATA = tempfile.TemporaryDirectory(prefix="seamwatch-bench-")
os.environ |= {"SEAMWATCH_DATA_DIR": _DATA.name, "SEAMWATCH_ENV_FILE": os.devnull}

from app import db, migrations  # noqa: E402
from app.core import results  # noqa: E402
from app.core.exchange import Timing  # noqa: E402
from app.core.incident import Outcome, Standing, State  # noqa: E402
from app.core.results import HOUR_MS, Cause, Result  # noqa: E402
from app.engine.recorder import EVERY_S  # noqa: E402
from app.models import Monitor, Workspace, now  # noqa: E402
from app.services import engine_state, history, monitor_history, settling  # noqa: E402
from app.services.access import Actor, Role  # noqa: E402
from app.services.history import Recorded, Retention  # noqa: E402
from app.services.monitor_history import Window  # noqa: E402
from app.services.settling import Settled  # noqa: E402

FIRST_HOUR = 498_000 // 24 * 24
INTERVAL_MS, FLUSH_MS = 60_000, round(EVERY_S * 1000)
STATE = State(Standing.UP)
MONITORS = 1000
DATABASE = Path(_DATA.name) / "seamwatch.db"
WINDOWS: Sequence[Window] = ("1h", "6h", "24h", "7d", "30d", "90d", "1y")
KEPT = ("check_chunk", "check_hour", "check_day", "check_log")


def written_bytes() -> int:
    """Return how many bytes this process handed to the disk, so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, number = line.partition(": ")
        if name == "write_bytes":
            return int(number)
    return resource.getrusage(resource.RUSAGE_SELF).ru_oublock * 512


def timing(dice: random.Random) -> Timing:
    total = dice.lognormvariate(4.2, 0.5)
    return Timing(0.3, round(total * 0.2, 1), round(total * 0.4, 1), round(total * 0.9, 1), round(total, 1))


def hour_of_results(hour: int, monitors: int, dice: random.Random) -> list[Settled]:
    return [
        Settled(monitor + 1, 1, Result(due_ms(hour, minute, monitor, monitors), Outcome.UP, Cause.NONE, 200, timing(dice)), STATE)
        for minute in range(60)
        for monitor in range(monitors)
    ]


def due_ms(hour: int, minute: int, monitor: int, monitors: int) -> int:
    return hour * HOUR_MS + minute * INTERVAL_MS + monitor * INTERVAL_MS // monitors


async def steps_ms(steps: AsyncIterator[int]) -> float:
    """Run housekeeping to its end; return how long its longest step took in CPU milliseconds of all threads."""
    longest, begun = 0.0, time.process_time()
    async for _ in steps:
        longest = max(longest, time.process_time() - begun)
        begun = time.process_time()
    return longest * 1000


# A year.


async def add_monitors(count: int) -> tuple[Actor, list[str]]:
    """Make monitors with the row ids from 1; return who may read them, and their public ids."""
    made_at = now() - timedelta(days=400)
    async with db.transaction() as session:
        workspace = Workspace(name="bench")
        session.add(workspace)
        await session.flush()
        assert workspace.id is not None
        made = [
            Monitor(
                workspace_id=workspace.id,
                name=f"{number}",
                kind="api",
                configuration='{"ask": {"url": "https://shop.example/"}}',
                interval_ms=INTERVAL_MS,
                phase_ms=due_ms(0, 0, number, count),
                created_at=made_at,
                changed_at=made_at,
            )
            for number in range(count)
        ]
        session.add_all(made)
        await session.flush()
        assert [monitor.id for monitor in made] == list(range(1, count + 1))
        return Actor(1, "bench", workspace.id, "bench", Role.OWNER), [monitor.public_id for monitor in made]


def some_hours(count: int, dice: random.Random) -> list["history.Hour"]:
    """Return hours of results of one monitor, whichever hour it is."""
    made = []
    for _ in range(count):
        hour = history.Hour(0)
        for minute in range(60):
            body, at_ms = bytearray(), minute * INTERVAL_MS + dice.randrange(3)
            results.append(body, Result(at_ms, Outcome.UP, Cause.NONE, 200, timing(dice)), at_ms)
            hour.add(at_ms, bytes(body))
        made.append(hour)
    return made


async def fill_year(monitors: int, end_hour: int) -> tuple[list[str], int]:
    """Store a year of sealed hours that ends with this hour; return how large the file and its free pages were in between."""
    dice, sizes, largest = random.Random(7), [], 0
    pool = some_hours(2_000, dice)
    first = end_hour - 366 * 24
    for hour in range(first, end_hour):
        for place in range(1, monitors + 1, history.SLICE):
            some = range(place, min(place + history.SLICE, monitors + 1))
            await history.store_sealed(hour, {(one, 0): dice.choice(pool) for one in some})
        if hour % 24 == 23:
            await steps_ms(history.roll_day(hour // 24))
            await steps_ms(history.forget(hour, Retention()))
            largest = max(largest, DATABASE.stat().st_size)
        if (hour - first) % (61 * 24) == 61 * 24 - 1:
            sizes.append(f"day {(hour - first) // 24 + 1}: {DATABASE.stat().st_size / 1e6:.1f} MB, {pages('freelist_count')} pages free")
    return sizes, largest


def pages(pragma: str) -> int:
    with sqlite3.connect(DATABASE) as connection:
        return connection.execute(f"PRAGMA {pragma}").fetchone()[0]


async def fill_log(monitors: int, start_hour: int, end_ms: int) -> None:
    """Record what is not sealed yet."""
    dice = random.Random(8)
    async with db.transaction() as session:
        for hour in range(start_hour, end_ms // HOUR_MS + 1):
            made = (Recorded(entry.monitor_id, entry.result) for entry in hour_of_results(hour, monitors, dice))
            await history.record(session, [one for one in made if one.result.due_ms < end_ms])
    await engine_state.begin(end_ms)
    await engine_state.sealed(start_hour - 1)


def kept_bytes(path: Path) -> tuple[dict[str, tuple[int, int]], int]:
    """Return by table how many rows are kept and how many bytes their pages take, and how many are free."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = {}
        for table in KEPT:
            rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            try:
                size = connection.execute("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = ?", (table,)).fetchone()[0]
            except sqlite3.OperationalError:  # built without it
                size = 0
            found[table] = rows, size
        return found, connection.execute("PRAGMA freelist_count").fetchone()[0] * 4096


async def windows_ms(actor: Actor, public_ids: Sequence[str]) -> dict[str, tuple[float, float, float, float]]:
    """Read every window of these monitors by what the page and the API call.

    Returns:
        By window: ms of the first call, median and p95 of the others, and CPU ms of one.
    """
    found = {}
    for window in WINDOWS:
        took: list[float] = []
        cpu_s = 0.0
        for place, public_id in enumerate(public_ids):
            if place == 1:
                cpu_s = time.process_time()
            begun = time.perf_counter()
            read = await monitor_history.latency(actor, public_id, window)
            took.append((time.perf_counter() - begun) * 1000)
            assert read.checks > 0, window
        first, rest = took[0], sorted(took[1:])
        cpu_ms = (time.process_time() - cpu_s) * 1000 / len(rest)
        found[window] = first, rest[len(rest) // 2], rest[-(-len(rest) * 95 // 100) - 1], cpu_ms
    return found


async def year(monitors: int) -> None:
    await migrations.upgrade()
    at_ms = int(time.time() * 1000)
    end_hour = at_ms // HOUR_MS - 1  # the hour before this one is over, and waits to be sealed
    cpu_s = time.process_time()
    sizes, largest = await fill_year(monitors, end_hour)
    cpu_s = time.process_time() - cpu_s
    tables, free = kept_bytes(DATABASE)
    size = DATABASE.stat().st_size
    actor, public_ids = await add_monitors(max(MONITORS, monitors))
    await fill_log(MONITORS, end_hour, at_ms)
    times = await windows_ms(actor, [public_ids[number % monitors] for number in range(21)])
    await db.close()
    shares = ", ".join(
        f"{table} {rows} rows {stored / 1e6:.1f} MB ({stored / size:.0%})" for table, (rows, stored) in tables.items() if rows
    )
    print(
        f"a year of {monitors} monitors at 60 s: {size / 1e6:.1f} MB, for 1,000 of them {size / monitors / 1e3:.0f} MB;"
        f" {size / (monitors * 366 * 1440):.2f} B for each check of the year; at most {largest / 1e6:.1f} MB; {cpu_s:.0f} s of CPU\n"
        f"  {shares}; free {free / 1e6:.1f} MB\n  " + "; ".join(sizes) + f"\n  windows, with {MONITORS} monitors' results of this and the"
        " last hour not sealed yet: first call; median and p95 of 20 more, each of another monitor; CPU\n"
        + "\n".join(
            f"    {window}: {first:.1f} ms; {median:.1f} and {p95:.1f} ms; {cpu_ms:.1f} ms"
            for window, (first, median, p95, cpu_ms) in times.items()
        )
    )
    print(f"  worst window: p95 {max(p95 for _, _, p95, _ in times.values()):.1f} ms")


# Hours, as they come.


async def hours_of_checks(hours: int, monitors: int) -> None:
    await migrations.upgrade()
    last = FIRST_HOUR + hours
    dice = random.Random(7)
    before, checks, longest, cpu_s = written_bytes(), 0, 0.0, time.process_time()
    settle_s = 0.0
    for hour in range(FIRST_HOUR, last):
        batch: list[Settled] = []
        ends_ms = hour * HOUR_MS + FLUSH_MS
        for entry in hour_of_results(hour, monitors, dice):
            if entry.result.due_ms >= ends_ms:
                begun = time.process_time()
                await settling.settle(batch, claimed_ms=ends_ms, alive_ms=ends_ms)
                settle_s += time.process_time() - begun
                checks += len(batch)
                batch = []
                ends_ms += FLUSH_MS
            batch.append(entry)
        await settling.settle(batch, claimed_ms=ends_ms, alive_ms=ends_ms)
        checks += len(batch)
        longest = max(longest, await steps_ms(history.seal(hour)))
        if hour % 24 == 23 or hour == last - 1:
            longest = max(longest, await steps_ms(history.roll_day(hour // 24)))
        longest = max(longest, await steps_ms(history.forget(hour, Retention())))
    await db.close()  # the last checkpoint is part of it
    cpu_s = time.process_time() - cpu_s
    written = written_bytes() - before

    with sqlite3.connect(DATABASE) as connection:
        sizes = {}
        for table in ("check_chunk", "check_hour", "check_day"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            cost = " + ".join(f"length({name})" if name in ("body", "latencies") else "3" for name in columns)
            sizes[table] = connection.execute(f"SELECT coalesce(sum({cost}), 0), count(*) FROM {table}").fetchone()
    kept = sum(size for size, _ in sizes.values()) / checks
    whole = DATABASE.stat().st_size / checks
    rows = {table: size / max(1, count) for table, (size, count) in sizes.items()}
    overhead = DATABASE.stat().st_size / sum(size for size, _ in sizes.values())
    year_mb = 1000 * (7 * 24 * rows["check_chunk"] + 90 * 24 * rows["check_hour"] + 366 * rows["check_day"]) * overhead / 1e6

    bare = Path(_DATA.name) / "bare.db"
    with sqlite3.connect(bare) as connection:
        connection.execute("CREATE TABLE log (due INTEGER, monitor INTEGER, body BLOB, PRIMARY KEY (due, monitor)) WITHOUT ROWID")
        count = min(checks, 300_000)
        connection.executemany(
            "INSERT INTO log VALUES (?, ?, ?)", ((FIRST_HOUR * HOUR_MS + n * 600, n % monitors, b"x" * 16) for n in range(count))
        )
    bare_kept = bare.stat().st_size / count
    print(
        f"{hours} hours of {monitors} monitors at 60 s, {checks} checks:\n"
        f"  written {written / checks:.0f} B a check; kept {kept:.1f} B a check, {whole:.1f} B with the file's pages"
        f" (bare rows of SQLite: {bare_kept:.1f} B: {whole / bare_kept:.2f} times)\n"
        f"  CPU {cpu_s / checks * 1e6:.0f} us a check, of which storing {settle_s / checks * 1e6:.0f} us;"
        f" longest step of housekeeping {longest:.0f} ms\n"
        f"  a year of 1,000 monitors by these rows: {year_mb:.0f} MB"
    )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["year"]:
        asyncio.run(year(*(map(int, arguments[1:])) if arguments[1:] else (50,)))
    else:
        hours, monitors = [*map(int, arguments), *(6, MONITORS)[len(arguments) :]]
        asyncio.run(hours_of_checks(hours, monitors))
    _DATA.cleanup()

"""What the store writes and keeps per check, and how fast any window of a year is read. Run: python -m bench.store [HOURS [MONITORS]]

Checks of monitors at 60 s go through the same steps as in the product: settled every eight seconds, hours sealed, days rolled up, old ones
forgotten by the default retention. By default six hours of 1,000 monitors: what is kept of a year is worked out from these. The bare
limit is the same rows appended to a table of SQLite with nothing else.

`year [MONITORS]` makes a whole year instead, of 20 monitors by default: hours are stored sealed, by what seals them, days are rolled up
and old ones forgotten as in the product. Of the hours themselves 2,000 are made, and each monitor gets one of them by chance.
"""

import asyncio
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

_DATA = tempfile.TemporaryDirectory(prefix="seamwatch-bench-")
os.environ |= {"SEAMWATCH_DATA_DIR": _DATA.name, "SEAMWATCH_ENV_FILE": os.devnull}

from app import db, migrations  # noqa: E402
from app.core import results  # noqa: E402
from app.core.exchange import Timing  # noqa: E402
from app.core.incident import Outcome, Standing, State  # noqa: E402
from app.core.results import HOUR_MS, Cause, Result  # noqa: E402
from app.services import history, settling  # noqa: E402
from app.services.history import Retention  # noqa: E402
from app.services.settling import Settled  # noqa: E402

FIRST_HOUR = 498_000 // 24 * 24
INTERVAL_MS, FLUSH_MS = 60_000, 8_000
STATE = State(Standing.UP)


def written_bytes() -> int:
    """Return how many bytes this process handed to the disk, so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, number = line.partition(": ")
        if name == "write_bytes":
            return int(number)
    return resource.getrusage(resource.RUSAGE_SELF).ru_oublock * 512


def hour_of_results(hour: int, monitors: int, dice: random.Random) -> list[Settled]:
    made = []
    for minute in range(60):
        for monitor in range(monitors):
            due_ms = hour * HOUR_MS + minute * 60_000 + monitor * INTERVAL_MS // monitors
            total = dice.lognormvariate(4.2, 0.5)
            timing = Timing(0.3, round(total * 0.2, 1), round(total * 0.4, 1), round(total * 0.9, 1), round(total, 1))
            made.append(Settled(monitor + 1, 1, Result(due_ms, Outcome.UP, Cause.NONE, 200, timing), STATE))
    return made


async def steps_ms(steps: object) -> float:
    """Run housekeeping to its end; return how long its longest step held the loop, in CPU milliseconds."""
    longest, begun = 0.0, time.process_time()
    async for _ in steps:  # pyright: ignore[reportGeneralTypeIssues]
        longest = max(longest, time.process_time() - begun)
        begun = time.process_time()
    return longest * 1000


async def year(monitors: int) -> None:
    await migrations.upgrade()
    dice, path, cpu_s = random.Random(7), Path(_DATA.name) / "seamwatch.db", time.process_time()
    pool = []
    for _ in range(2_000):
        made = history._Hour(0)
        for minute in range(60):
            total = dice.lognormvariate(4.2, 0.5)
            timing = Timing(0.3, round(total * 0.2, 1), round(total * 0.4, 1), round(total * 0.9, 1), round(total, 1))
            body, due_ms = bytearray(), minute * 60_000 + dice.randrange(3)
            results.append(body, Result(due_ms, Outcome.UP, Cause.NONE, 200, timing), due_ms)
            made.add(due_ms, bytes(body))
        pool.append(made)
    last, largest = FIRST_HOUR + 366 * 24, 0
    for hour in range(FIRST_HOUR, last):
        for place in range(1, monitors + 1, history._SLICE):
            await history._seal_some(hour, {(one, 0): dice.choice(pool) for one in range(place, min(place + history._SLICE, monitors + 1))})
        if hour % 24 == 23:
            await steps_ms(history.roll_day(hour // 24))
            await steps_ms(history.forget(hour, Retention()))
            largest = max(largest, path.stat().st_size)
    cpu_s = time.process_time() - cpu_s
    windows = {
        "24 h of results": lambda session: history.results_between(session, 7, (last - 24) * HOUR_MS, last * HOUR_MS),
        "7 days of results": lambda session: history.results_between(session, 7, (last - 168) * HOUR_MS, last * HOUR_MS),
        "90 days of hours": lambda session: history.hours_between(session, 7, last - 90 * 24, last),
        "a year of days": lambda session: history.days_between(session, 7, last // 24 - 366, last // 24),
    }
    times = {name: [await window_ms(read) for _ in range(5)] for name, read in windows.items()}
    await db.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("check_chunk", "check_hour", "check_day")
        }
    size = path.stat().st_size
    print(
        f"a year of {monitors} monitors at 60 s: {size / 1e6:.1f} MB, {size / monitors / 1e6:.3f} MB a monitor,"
        f" {size / (monitors * 366 * 1440):.2f} B for each check of the year; at most {largest / 1e6:.1f} MB\n"
        f"  rows {counts}; {cpu_s:.0f} s of CPU\n"
        + "\n".join(f"  {name}: first {took[0]:.1f} ms, then {min(took):.1f} ms" for name, took in times.items())
    )


async def window_ms(read: object) -> float:
    begun = time.perf_counter()
    async with db.reading() as session:
        await read(session)  # pyright: ignore[reportCallIssue]
    return (time.perf_counter() - begun) * 1000


async def main() -> None:
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    monitors = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    last = FIRST_HOUR + hours
    await migrations.upgrade()
    dice = random.Random(7)
    path = Path(_DATA.name) / "seamwatch.db"
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
    cpu_s = time.process_time() - cpu_s
    written = written_bytes() - before

    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes = {}
        for table in ("check_chunk", "check_hour", "check_day"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            cost = " + ".join(f"length({name})" if name in ("body", "latencies") else "3" for name in columns)
            sizes[table] = connection.execute(f"SELECT coalesce(sum({cost}), 0), count(*) FROM {table}").fetchone()
    kept = sum(size for size, _ in sizes.values()) / checks
    whole = path.stat().st_size / checks
    hour_row = sizes["check_hour"][0] / max(1, sizes["check_hour"][1])
    day_row = sizes["check_day"][0] / max(1, sizes["check_day"][1])
    chunk = sizes["check_chunk"][0] / max(1, sizes["check_chunk"][1])
    overhead = path.stat().st_size / sum(size for size, _ in sizes.values())
    year = 1000 * (7 * 24 * chunk + 90 * 24 * hour_row + 366 * day_row) * overhead / 1e6

    windows = {
        "24 h of results": lambda session: history.results_between(session, 7, (last - 24) * HOUR_MS, last * HOUR_MS),
        "90 days of hours": lambda session: history.hours_between(session, 7, last - 90 * 24, last),
        "a year of days": lambda session: history.days_between(session, 7, last // 24 - 366, last // 24),
    }
    for read in windows.values():
        await window_ms(read)
    times = {name: min([await window_ms(read) for _ in range(5)]) for name, read in windows.items()}
    await db.close()

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
        f"  a year of 1,000 monitors by these rows: {year:.0f} MB\n" + "\n".join(f"  {name}: {took:.1f} ms" for name, took in times.items())
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["year"]:
        asyncio.run(year(int(sys.argv[2]) if len(sys.argv) > 2 else 20))
    else:
        asyncio.run(main())
    _DATA.cleanup()

"""Whether sealing, rolling up and deleting delay checks.

Run: python -m bench.housekeeping [MONITORS [INTERVAL_S [SECONDS [HOURS]]]]

Real checks of real monitors on loopback, 1,000 at 20 s by default, first without housekeeping. Then the same while all is tidied that a
day of 1,000 monitors at 60 s leaves behind, at once instead of hour by hour: 24 hours of results become chunks and rollups, one day of
rollups is added up, and as many chunks, hours and days grow too old and are deleted.
"""

import asyncio
import multiprocessing
import random
import socket
import sqlite3
import sys
import time
from asyncio import events
from collections.abc import Callable
from typing import Any

from bench.engine import _DATA, fill, serve  # first: it says where data is

from sqlalchemy import event  # isort: skip

from app import db  # isort: skip
from app.core.exchange import Timing  # isort: skip
from app.core.incident import Outcome  # isort: skip
from app.core.results import HOUR_MS, Cause, Result, append  # isort: skip
from app.core.rollup import Latencies  # isort: skip
from app.engine.engine import Engine  # isort: skip
from app.net import AddressPolicy, Net  # isort: skip
from app.services import engine_state  # isort: skip
from app.services.history import Retention  # isort: skip

HOURS = 24
OF = 1000  # monitors whose day is tidied


class Held:
    """How long the loop was held by one callback, in CPU ms of its thread: the longest."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        run: Callable[[Any], None] = events.Handle._run

        def timed(handle: events.Handle) -> None:
            begun = time.thread_time()
            run(handle)
            self.longest_ms = max(self.longest_ms, (time.thread_time() - begun) * 1000)

        events.Handle._run = timed  # pyright: ignore[reportAttributeAccessIssue]


class Writes:
    """How long transactions that may write waited for the database, and how long they took, in ms.

    They took from asking for the lock until their connection came back; a checkpoint is part of that, and nobody waits for it.
    """

    def __init__(self) -> None:
        self.waited_ms: list[float] = []
        self.took_ms: list[float] = []
        begun: dict[int, float] = {}
        engine = db.engine().sync_engine

        @event.listens_for(engine, "before_cursor_execute")
        def before(connection: Any, _: object, statement: str, *__: object) -> None:
            if statement == "BEGIN IMMEDIATE":
                begun[id(connection.connection.dbapi_connection)] = time.perf_counter()

        @event.listens_for(engine, "after_cursor_execute")
        def after(connection: Any, _: object, statement: str, *__: object) -> None:
            if statement == "BEGIN IMMEDIATE":
                self.waited_ms.append((time.perf_counter() - begun[id(connection.connection.dbapi_connection)]) * 1000)

        @event.listens_for(engine, "checkin")
        def checkin(connection: Any, _: object) -> None:
            if (at := begun.pop(id(connection), None)) is not None:
                self.took_ms.append((time.perf_counter() - at) * 1000)


def leave(now_ms: int, hours_left: int) -> None:
    """Write what is to be tidied."""
    dice, path, timing = random.Random(7), f"{_DATA.name}/seamwatch.db", Timing()
    last, kept = now_ms // HOUR_MS - 1, Retention()
    bodies, hours = [], []
    for _ in range(500):
        chunk, latencies = bytearray(), Latencies()
        for minute in range(60):
            total = dice.lognormvariate(4.2, 0.5)
            timing = Timing(0.3, round(total * 0.2, 1), round(total * 0.4, 1), round(total * 0.9, 1), round(total, 1))
            append(chunk, Result(minute * 60_000, Outcome.UP, Cause.NONE, 200, timing), max(0, minute - 1) * 60_000)
            latencies.add(total)
        body = bytearray()
        append(body, Result(0, Outcome.UP, Cause.NONE, 200, timing), 0)
        bodies.append(bytes(body))
        hours.append((bytes(chunk), latencies.pack()))
    counts = "region, up, degraded, down, unknown, maintained, late, downtime_ms, latencies"
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO check_log (due_ms, monitor_id, region, body) VALUES (?, ?, 0, ?)",
            (
                ((last - hours_left) * HOUR_MS + minute * 60_000 + one * 60_000 // OF, one + 1, dice.choice(bodies))
                for minute in range((hours_left + 1) * 60)
                for one in range(OF)
            ),
        )
        for hour in range(last - hours_left, last + 1):
            rows = [(one + 1, *dice.choice(hours)) for one in range(OF)]
            connection.executemany(
                "INSERT INTO check_chunk (hour, monitor_id, region, body) VALUES (?, ?, 0, ?)",
                ((hour - kept.chunk_hours - hours_left, one, chunk) for one, chunk, _ in rows),
            )
            connection.executemany(
                f"INSERT INTO check_hour (hour, monitor_id, {counts}) VALUES (?, ?, 0, 60, 0, 0, 0, 0, 0, 0, ?)",
                ((hour - kept.hour_hours - hours_left, one, packed) for one, _, packed in rows),
            )
        connection.executemany(
            f"INSERT INTO check_day (day, monitor_id, {counts}) VALUES (?, ?, 0, 1440, 0, 0, 0, 0, 0, 0, ?)",
            ((last // 24 - kept.day_days - 1, one + 1, dice.choice(hours)[1]) for one in range(OF)),
        )


def counted() -> str:
    with sqlite3.connect(f"{_DATA.name}/seamwatch.db") as connection:
        tables = ("check_log", "check_chunk", "check_hour", "check_day")
        return ", ".join(f"{table} {connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]}" for table in tables)


async def measure(monitors: int, interval_s: int, seconds: int, hours: int, url: str) -> None:
    await fill(monitors, interval_s, url)
    now_ms = int(time.time() * 1000)
    await asyncio.to_thread(leave, now_ms, hours)
    await engine_state.begin(now_ms)
    await engine_state.sealed(now_ms // HOUR_MS - hours - 2)
    before, held, writes = counted(), Held(), Writes()
    async with Net(AddressPolicy("private"), user_agent="bench", max_total=4096, max_per_host=30) as net:
        engine = Engine(net, net)
        works = [asyncio.create_task(work()) for name, work in engine.works().items() if name != "housekeeper"]  # pyright: ignore[reportArgumentType]
        await asyncio.sleep(min(interval_s / 4, 10) + 8)  # loaded
        engine._housekeeper._board_until_ms = None  # no page is open
        for name in ("without housekeeping", "with housekeeping"):
            engine.stats.delays_ms = type(engine.stats.delays_ms)(maxlen=None)
            held.longest_ms = 0.0
            writes.took_ms.clear()
            writes.waited_ms.clear()
            begun_s, cpu_s = time.monotonic(), time.process_time()
            if name == "without housekeeping":
                await asyncio.sleep(seconds)
            else:
                await engine._housekeeper.look()
            cpu_s, passed_s = time.process_time() - cpu_s, time.monotonic() - begun_s
            delays, took, waited = sorted(engine.stats.delays_ms), sorted(writes.took_ms), sorted(writes.waited_ms)
            print(
                f"{name}: {len(delays)} checks in {passed_s:.0f} s, {cpu_s / passed_s:.0%} of a core\n"
                f"  began after they were due: p50 {delays[len(delays) // 2]} ms, p99 {delays[len(delays) * 99 // 100]} ms,"
                f" most {delays[-1]} ms\n"
                f"  longest hold of the loop {held.longest_ms:.1f} ms CPU;"
                f" {len(took)} writing transactions waited p99 {waited[len(waited) * 99 // 100]:.1f} ms, at most {waited[-1]:.1f} ms,"
                f" and took p99 {took[len(took) * 99 // 100]:.1f} ms, at most {took[-1]:.1f} ms",
                flush=True,
            )
        for task in works:
            task.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await engine.close()
    await db.close()
    print(f"  rows before: {before}\n  rows after: {counted()}")


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    target = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
    target.start()
    monitors, interval_s, seconds, hours = [*map(int, sys.argv[1:]), *(1000, 20, 60, HOURS)[len(sys.argv) - 1 :]]
    try:
        asyncio.run(measure(monitors, interval_s, seconds, hours, url))
    finally:
        target.terminate()


if __name__ == "__main__":
    main()
    _DATA.cleanup()

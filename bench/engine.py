"""What checks cost, all included, against a bare libcurl loop with new connections, measured in the same run; and whether they run on time.

Everything is as in the product: monitors in an SQLite file of its own, schedule, request, assertion, board, store. The target is another
process on loopback. Run: python -m bench.engine [MONITORS INTERVAL_S SECONDS], or without arguments all cases of the README.
"""

import asyncio
import ipaddress
import json
import multiprocessing
import os
import random
import resource
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_DATA = tempfile.TemporaryDirectory(prefix="seamwatch-bench-")
os.environ |= {"SEAMWATCH_DATA_DIR": _DATA.name, "SEAMWATCH_ENV_FILE": os.devnull}

import pycurl  # noqa: E402
from pycurl.async_multi import AsyncCurlMulti  # noqa: E402
from sqlmodel import func, select  # noqa: E402

from app import db, migrations  # noqa: E402
from app.core.schedule import first_due_ms  # noqa: E402
from app.engine.engine import Engine  # noqa: E402
from app.models import CheckLog, Monitor, Workspace, now  # noqa: E402
from app.net import AddressPolicy, Net  # noqa: E402

ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    b"Connection: close\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
)
PARALLEL = 20
MAX_BODY_BYTES = 1 << 20
PHASES = (pycurl.NAMELOOKUP_TIME, pycurl.CONNECT_TIME, pycurl.APPCONNECT_TIME, pycurl.STARTTRANSFER_TIME, pycurl.TOTAL_TIME)
# The last one keeps the loop as busy as the bare loop is, 1,000 checks a second: there a check's own cost shows.
CASES = ((1_000, 20, 60), (10_000, 60, 90), (10_000, 10, 40))
PIPELINE_MS = 100  # so long after it was due a check may begin; those of the last moment are not missing
COLD = (2_000, 20)


class Target(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(ANSWER)
        self.transport.close()


def serve(listening: socket.socket) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Target, sock=listening)
        await server.serve_forever()

    asyncio.run(main())


class Bare:
    """One request of libcurl with what no check can do without: the address judged, raw header lines, a bounded body, the phases."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.body = bytearray()

    def take(self, chunk: bytes) -> int | None:
        if len(self.body) + len(chunk) > MAX_BODY_BYTES:
            return -1
        self.body += chunk
        return None

    def open_socket(self, _purpose: int, address: Any) -> socket.socket | int:
        if ipaddress.ip_address(address.addr[0]).is_multicast:
            return pycurl.SOCKET_BAD
        return socket.socket(address.family, address.socktype, address.protocol)

    async def get(self, multi: AsyncCurlMulti, url: str) -> None:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.TIMEOUT_MS, 10_000)
        curl.setopt(pycurl.FRESH_CONNECT, 1)
        curl.setopt(pycurl.FORBID_REUSE, 1)
        curl.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        curl.setopt(pycurl.WRITEFUNCTION, self.take)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self.open_socket)
        await multi.perform(curl)
        assert curl.getinfo(pycurl.RESPONSE_CODE) == 200
        self.seconds = tuple(curl.getinfo(phase) for phase in PHASES)
        curl.close()


async def bare_ms(url: str, requests: int = 8_000) -> float:
    """CPU milliseconds of one request of libcurl on the same kind of loop, with a new connection each, as fast as it goes."""
    async with AsyncCurlMulti() as multi:

        async def lane() -> None:
            for _ in range(requests // PARALLEL):
                await Bare().get(multi, url)

        await lane()
        begun = time.process_time()
        await asyncio.gather(*(lane() for _ in range(PARALLEL)))
        return (time.process_time() - begun) * 1000 / (requests // PARALLEL * PARALLEL)


async def bare_paced_ms(url: str, per_s: float, seconds: float) -> float:
    """The same, at the pace of the checks: a loop that sleeps in between finds caches cold, whoever's it is."""
    dice = random.Random(7)
    async with AsyncCurlMulti() as multi:

        async def one(at_s: float) -> None:
            await asyncio.sleep(at_s)
            await Bare().get(multi, url)

        count = round(per_s * seconds)
        begun = time.process_time()
        await asyncio.gather(*(one(dice.uniform(0, seconds)) for _ in range(count)))
        return (time.process_time() - begun) * 1000 / count


def phase_ms_of(number: int, interval_ms: int) -> int:
    return first_due_ms(0, interval_ms, str(number)) % interval_ms


def due_within(monitors: int, interval_ms: int, from_ms: float, to_ms: float) -> int:
    """Return how many checks fall due between two moments."""
    phases = (phase_ms_of(number, interval_ms) for number in range(monitors))
    return sum(int((to_ms - phase_ms) // interval_ms - (from_ms - phase_ms) // interval_ms) for phase_ms in phases)


async def fill(monitors: int, interval_s: int, url: str) -> None:
    await migrations.upgrade()
    async with db.transaction() as session:
        workspace = Workspace(name="bench")
        session.add(workspace)
        await session.flush()
        assert workspace.id is not None
        for number in range(monitors):
            check = {"ask": {"url": f"{url}{number}"}}
            session.add(
                Monitor(
                    workspace_id=workspace.id,
                    name=f"{number}",
                    kind="api",
                    configuration=json.dumps(check),
                    interval_ms=interval_s * 1000,
                    phase_ms=phase_ms_of(number, interval_s * 1000),
                    standing="up",
                    standing_since=now(),
                    votes="00",
                )
            )


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def steady(monitors: int, interval_s: int, seconds: int, url: str, profile: bool) -> None:
    await fill(monitors, interval_s, url)
    bare = [await bare_ms(url)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, limits[1]), limits[1]))
    async with Net(AddressPolicy("private"), user_agent="bench", max_total=4096, max_per_host=30) as net:
        engine = Engine(net, net)
        works = [asyncio.create_task(work()) for work in engine.works().values()]  # pyright: ignore[reportArgumentType]
        await asyncio.sleep(min(interval_s / 4, 10) + 8)  # loaded, its board filled
        engine.stats.delays_ms = type(engine.stats.delays_ms)(maxlen=None)
        before = await recorded(engine)
        begun_ms, begun_s, cpu_s = time.time() * 1000, time.monotonic(), time.process_time()
        if profile:
            import cProfile

            profiler = cProfile.Profile(time.process_time)
            profiler.enable()
        await asyncio.sleep(seconds)
        cpu_s = time.process_time() - cpu_s
        if profile:
            profiler.disable()
            profiler.dump_stats(Path(tempfile.gettempdir()) / "engine.prof")
        passed_s = time.monotonic() - begun_s
        due = due_within(monitors, interval_s * 1000, begun_ms - PIPELINE_MS, time.time() * 1000 - PIPELINE_MS)
        delays = sorted(engine.stats.delays_ms)
        checks, resident = len(delays), resident_mb()
        stored = await recorded(engine) - before
        for task in works:
            task.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await engine.close()
    bare.append(await bare_ms(url))
    paced = await bare_paced_ms(url, monitors / interval_s, 15)
    await db.close()
    full = sum(bare) / len(bare)
    late = sum(delay > 1000 for delay in delays) + max(0, due - checks)
    print(
        f"{monitors} monitors at {interval_s} s: {checks} checks in {passed_s:.0f} s ({due} due), {stored} recorded\n"
        f"  CPU a check {cpu_s * 1000 / checks:.3f} ms;"
        f" bare libcurl at this pace {paced:.3f} ms: {cpu_s * 1000 / checks / paced:.2f} times;"
        f" at full speed {full:.3f} ms: {cpu_s * 1000 / checks / full:.2f} times\n"
        f"  began after they were due: p50 {delays[checks // 2]} ms, p99 {delays[checks * 99 // 100]} ms, most {delays[-1]} ms;"
        f" late {late / due:.2%}\n"
        f"  {cpu_s / passed_s:.1%} of a core, resident {resident:.0f} MB"
    )


async def recorded(engine: Engine) -> int:
    await engine.recorder.flush()
    async with db.reading() as session:
        return (await session.exec(select(func.count()).select_from(CheckLog))).one()


async def cold(monitors: int, interval_s: int, url: str) -> None:
    """How long after the start the last of all monitors has run once."""
    await fill(monitors, interval_s, url)
    async with Net(AddressPolicy("private"), user_agent="bench", max_total=1024, max_per_host=30) as net:
        begun_s = time.monotonic()
        engine = Engine(net, net)
        works = [asyncio.create_task(work()) for work in engine.works().values()]  # pyright: ignore[reportArgumentType]
        while True:
            await asyncio.sleep(0.1)
            held = engine._watchlist.held.values()
            if len(held) == monitors and all(one.newest is not None for one in held):
                break
        took_s = time.monotonic() - begun_s
        for task in works:
            task.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await engine.close()
    await db.close()
    print(
        f"cold start, {monitors} monitors at {interval_s} s: each has run once after {took_s:.1f} s,"
        f" its interval + {took_s - interval_s:.1f} s"
    )


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    target = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
    target.start()
    arguments = [argument for argument in sys.argv[1:] if argument != "--profile"]
    try:
        if arguments[:1] == ["cold"]:
            asyncio.run(cold(int(arguments[1]), int(arguments[2]), url))
        elif arguments:
            monitors, interval_s, seconds = map(int, arguments)
            asyncio.run(steady(monitors, interval_s, seconds, url, "--profile" in sys.argv))
        else:
            # Each in a process of its own, so that memory is its own.
            for case in (*CASES, ("cold", *COLD)):
                command = [sys.executable, "-m", "bench.engine", *map(str, case)]
                os.spawnv(os.P_WAIT, sys.executable, command)
    finally:
        target.terminate()


if __name__ == "__main__":
    main()
    _DATA.cleanup()

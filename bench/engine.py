"""What checks cost, all included, against a bare libcurl loop with new connections, measured in the same run; and whether they run on time.

Everything is as in the product: monitors in an SQLite file of its own, schedule, request, assertion, board, store. The target is another
process on loopback. Run: python -m bench.engine [MONITORS INTERVAL_S SECONDS], or without arguments the three cases of the README.
"""

import asyncio
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
CASES = ((1_000, 20, 60), (10_000, 60, 90))
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


async def bare_ms(url: str, requests: int = 4_000) -> float:
    """CPU milliseconds of one request of libcurl on the same kind of loop, with a new connection each and nothing recorded."""
    async with AsyncCurlMulti() as multi:

        async def lane() -> None:
            for _ in range(requests // PARALLEL):
                curl = pycurl.Curl()
                curl.setopt(pycurl.URL, url)
                curl.setopt(pycurl.NOSIGNAL, 1)
                curl.setopt(pycurl.FRESH_CONNECT, 1)
                curl.setopt(pycurl.FORBID_REUSE, 1)
                curl.setopt(pycurl.HEADERFUNCTION, [].append)
                curl.setopt(pycurl.WRITEFUNCTION, bytearray().extend)
                await multi.perform(curl)

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
            curl = pycurl.Curl()
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.NOSIGNAL, 1)
            curl.setopt(pycurl.FRESH_CONNECT, 1)
            curl.setopt(pycurl.FORBID_REUSE, 1)
            curl.setopt(pycurl.HEADERFUNCTION, [].append)
            curl.setopt(pycurl.WRITEFUNCTION, bytearray().extend)
            await multi.perform(curl)

        count = round(per_s * seconds)
        begun = time.process_time()
        await asyncio.gather(*(one(dice.uniform(0, seconds)) for _ in range(count)))
        return (time.process_time() - begun) * 1000 / count


async def fill(monitors: int, interval_s: int, url: str) -> None:
    await migrations.upgrade()
    now_ms = int(time.time() * 1000)
    async with db.transaction() as session:
        workspace = Workspace(name="bench")
        session.add(workspace)
        await session.flush()
        assert workspace.id is not None
        for number in range(monitors):
            check = {"ask": {"url": f"{url}{number}"}}
            phase_ms = first_due_ms(now_ms, interval_s * 1000, str(number)) % (interval_s * 1000)
            session.add(
                Monitor(
                    workspace_id=workspace.id,
                    name=f"{number}",
                    kind="api",
                    configuration=json.dumps(check),
                    interval_ms=interval_s * 1000,
                    phase_ms=phase_ms,
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
        begun_s, cpu_s = time.monotonic(), time.process_time()
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
    least = min(bare)
    due = monitors * passed_s / interval_s
    late = sum(delay > 1000 for delay in delays) + max(0, round(due) - checks - round(monitors / interval_s * 0.1))
    print(
        f"{monitors} monitors at {interval_s} s: {checks} checks in {passed_s:.0f} s ({due:.0f} due), {stored} recorded\n"
        f"  CPU a check {cpu_s * 1000 / checks:.3f} ms;"
        f" bare libcurl at this pace {paced:.3f} ms: {cpu_s * 1000 / checks / paced:.2f} times;"
        f" at full speed {least:.3f} ms: {cpu_s * 1000 / checks / least:.2f} times\n"
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
            held = engine._held.values()
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

"""An engine with a clock that tests turn, a target on loopback that they break, and monitors of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlmodel import select

from app import db
from app.engine.clock import Clock
from app.engine.engine import Engine
from app.models import Monitor
from app.net import AddressPolicy, Net

START_S = 1_795_000_000.0
MINUTE_MS = 60_000


@dataclass
class Times:
    """Both clocks, which go only when a test says so."""

    wall_s: float = START_S
    monotonic_s: float = 1000.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.wall_s, lambda: self.monotonic_s)

    def go(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds

    @property
    def ms(self) -> int:
        return int(self.wall_s * 1000)


@dataclass
class Target:
    """A page that answers as it is told to."""

    port: int = 0
    status: int = 200
    hangs: asyncio.Event | None = None  # until it is set, nothing is answered
    statuses: list[int] = field(default_factory=list)  # of the next answers, before `status`
    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            if self.hangs is not None:
                await self.hangs.wait()
            status = self.statuses.pop(0) if self.statuses else self.status
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def target() -> AsyncIterator[Target]:
    made = Target()
    talks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(made.talk(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    if made.hangs is not None:
        made.hangs.set()
    server.close()
    await asyncio.gather(*talks)
    await asyncio.sleep(0)  # transports close on the next turn


@asynccontextmanager
async def engine(times: Times, anchors: tuple[tuple[str, int], ...] = ()) -> AsyncIterator[Engine]:
    """An engine that has loaded what there is, and does nothing by itself."""
    async with Net(AddressPolicy("private"), user_agent="test") as net:
        made = Engine(net, net, anchors, clock=times.clock)
        await made.begin()
        yield made
        await made.close()


async def add(workspace_id: int, url: str, name: str = "Shop", **fields: object) -> Monitor:
    values = {"kind": "page", "down": 1, "down_of": 1, "timeout_ms": 2000, "configuration": json.dumps({"ask": {"url": url}}), **fields}
    monitor = Monitor(workspace_id=workspace_id, name=name, **values)
    async with db.transaction() as session:
        session.add(monitor)
    return monitor


async def minute(made: Engine, times: Times, count: int = 1) -> None:
    """Let minutes pass, run what is due in each to its end, and store it."""
    for _ in range(count):
        times.go(60 - times.wall_s % 60)
        made.meter.run_on()
        await made.tick()
        await made.idle()
        await made.recorder.flush()


async def rows(table: type) -> list:
    async with db.reading() as session:
        return list((await session.exec(select(table))).all())

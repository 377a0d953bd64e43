"""Results on their way into open dashboards: 200 of them, 100 checks a second, and one of the dashboards is a real Chromium.

Measured from the moment at which the target answers a check to the frame in which the row's "12 s ago" starts anew, so the check's own
end, its judgement and the board are in it; and the server's CPU for each update that a dashboard got: what it spends with the
dashboards less what it spends without them in the same run. Run: python -m bench.live [DASHBOARDS SECONDS]
"""

import asyncio
import json
import multiprocessing
import os
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

_DATA = tempfile.TemporaryDirectory(prefix="seamwatch-bench-")
os.environ |= {"SEAMWATCH_DATA_DIR": _DATA.name, "SEAMWATCH_ENV_FILE": os.devnull}

from playwright.sync_api import Browser  # noqa: E402
from websockets.asyncio.client import ClientConnection, connect  # noqa: E402
from websockets.typing import Origin  # noqa: E402

from app import db, migrations  # noqa: E402
from app.core.schedule import first_due_ms  # noqa: E402
from app.models import Membership, Monitor, User, Workspace  # noqa: E402
from app.models import now as utc_now  # noqa: E402
from app.services import sessions, vault  # noqa: E402
from bench.served import PORT, URL, chromium, cpu_s, profile, served  # noqa: E402

DASHBOARDS, SECONDS = 200, 30
MONITORS, INTERVAL_MS = 2000, 20_000  # 100 checks a second
KEPT = 8  # of the answers to one monitor
USERS = 5  # one of them may have a hundred sockets
HYDRATE = "reflex___state____state.hydrate_and_load"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Target:
    """Answers every check in a process of its own, and keeps when it answered which monitor: Unix time in ms."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listening.getsockname()[1]
        self._counts = multiprocessing.RawArray("i", MONITORS)
        self._times_ms = multiprocessing.RawArray("d", MONITORS * KEPT)
        multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(self._serve()), daemon=True).start()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, sock=self._listening)
        await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):  # gave up before it asked: the machine was busy
            writer.close()
            return
        writer.write(ANSWER)
        number = int(head.split(b" ")[1].rpartition(b"/")[2])
        self._times_ms[number * KEPT + self._counts[number] % KEPT] = time.time() * 1000
        self._counts[number] += 1
        writer.close()

    @property
    def answered(self) -> int:
        return sum(self._counts)

    def answers_ms(self, number: int) -> list[float]:
        """Return when it answered a monitor's newest checks."""
        return sorted(filter(None, self._times_ms[number * KEPT : (number + 1) * KEPT]))


async def fill(port: int) -> list[str]:
    """Make one workspace, its monitors, and a session of each user."""
    await migrations.at_start()
    vault.check()
    at = utc_now()
    async with db.transaction() as session:
        workspace, users = Workspace(name="Bench"), [User(name=f"User {number}") for number in range(USERS)]
        session.add_all([workspace, *users])
        await session.flush()
        workspace_id = workspace.id
        assert workspace_id
        session.add_all([Membership(workspace_id=workspace_id, user_id=user.id or 0, role="owner") for user in users])
        for number in range(MONITORS):
            check = {"ask": {"url": f"http://127.0.0.1:{port}/{number}"}}
            row = Monitor(
                workspace_id=workspace_id, name=f"{number:05}", kind="api", configuration=json.dumps(check), interval_ms=INTERVAL_MS,
                standing="up", standing_since=at,
            )  # fmt: skip
            row.phase_ms = first_due_ms(0, INTERVAL_MS, row.public_id)
            session.add(row)
        ids = [user.id or 0 for user in users]
    secrets = [await sessions.create(user_id, workspace_id, "owner_link", second_factor=True) for user_id in ids]
    await db.close()
    return secrets


class Dashboard:
    """One open tab: a socket as a page opens it, which counts the updates that it gets."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.updates = 0
        self.bytes = 0
        self.ready = asyncio.Event()

    async def run(self) -> None:
        address = f"{URL.replace('http', 'ws', 1)}/_event/?EIO=4&transport=websocket&token={uuid.uuid4()}"
        cookie = {"Cookie": f"seam={self._secret}"}
        async with connect(
            address, additional_headers=cookie, origin=Origin(URL), compression=None, max_size=None, host="127.0.0.1", port=PORT
        ) as socket:
            await self._live(socket)

    async def _live(self, socket: ClientConnection) -> None:
        where = {"pathname": "/overview", "asPath": "/overview"}
        first = {"name": HYDRATE, "payload": {"vars": {}}, "router_data": where}
        async for frame in socket:
            text = frame if isinstance(frame, str) else frame.decode()
            if text.startswith("0{"):
                await socket.send("40/_event," + json.dumps({"event": first}))
            elif text == "2":
                await socket.send("3")
            elif '"cells_rx_state_":["' in text:  # rows, not the empty list that a tab begins with
                self.ready.set()
                self.updates += 1
                self.bytes += len(text)


class Dashboards(threading.Thread):
    """All tabs but the real one, on a loop of their own."""

    def __init__(self, secrets: list[str], count: int) -> None:
        super().__init__(daemon=True)
        self.tabs = [Dashboard(secrets[number % len(secrets)]) for number in range(count)]
        self.ready = threading.Event()

    def run(self) -> None:
        asyncio.run(self._open())

    async def _open(self) -> None:
        tasks = []
        for place in range(0, len(self.tabs), 10):
            opened = self.tabs[place : place + 10]
            tasks += [asyncio.create_task(tab.run()) for tab in opened]
            async with asyncio.timeout(60):
                await asyncio.gather(*(tab.ready.wait() for tab in opened))
        self.ready.set()
        await asyncio.gather(*tasks, return_exceptions=True)  # they end with the server

    @property
    def updates(self) -> int:
        return sum(tab.updates for tab in self.tabs)

    @property
    def bytes(self) -> int:
        return sum(tab.bytes for tab in self.tabs)


# In the browser: when the time since the last check begins anew in a row, by the row's name.
WATCH = """
window.seen = [];
const before = new Map();
const look = () => {
    const now = Date.now();
    for (const row of document.querySelectorAll('table.ml tbody tr')) {
        const name = row.querySelector('a.open')?.textContent, last = row.querySelector('.last-col')?.textContent ?? '';
        if (!name || !/^\\d+ s$/.test(last)) continue;
        const ago = parseInt(last);
        if (before.has(name) && ago < before.get(name)) window.seen.push([name, now]);
        before.set(name, ago);
    }
    requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def main() -> None:
    count, seconds = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (DASHBOARDS, SECONDS)
    target = Target()
    secrets = asyncio.run(fill(target.port))
    with served(Path(_DATA.name)) as group, chromium() as browser:
        time.sleep(INTERVAL_MS / 1000 + 5)  # each has run once
        alone = spent(group, target, seconds)
        tabs = Dashboards(secrets[1:], count - 1)
        tabs.start()
        if not tabs.ready.wait(300):
            raise SystemExit("Not every dashboard could be opened.")
        report(browser, secrets[0], group, target, tabs, alone, seconds)


def spent(group: int, target: Target, seconds: int) -> tuple[float, float]:
    """Return the share of one core that the server took, and the checks a second that it ran."""
    begun, cpu, checks = time.monotonic(), cpu_s(group), target.answered
    time.sleep(seconds)
    took = time.monotonic() - begun
    return (cpu_s(group) - cpu) / took, (target.answered - checks) / took


def report(browser: Browser, secret: str, group: int, target: Target, tabs: Dashboards, alone: tuple[float, float], seconds: int) -> None:
    page = profile(browser, secret).new_page()
    page.goto(f"{URL}/overview")
    page.wait_for_selector("a.open")
    page.wait_for_timeout(3000)
    page.evaluate(WATCH)
    updates, carried, begun = tabs.updates, tabs.bytes, time.monotonic()
    cpu, checks = spent(group, target, seconds)
    took = time.monotonic() - begun
    per_s, each = (tabs.updates - updates) / took, (tabs.bytes - carried) / max(1, tabs.updates - updates)
    waits = sorted(latencies(page.evaluate("window.seen"), target))
    if not waits:
        raise SystemExit("The real dashboard showed no result.")
    late = waits[int(len(waits) * 0.95)]
    print(f"{len(tabs.tabs) + 1} dashboards, {checks:.0f} checks/s (without dashboards {alone[1]:.0f}/s), load {os.getloadavg()[0]:.1f}")
    print(f"answer → pixel, of {len(waits)} rows: p50 {statistics.median(waits):.0f} ms, p95 {late:.0f} ms, most {waits[-1]:.0f} ms")
    print(f"updates delivered: {per_s:.0f} a second, {per_s / len(tabs.tabs):.2f} a dashboard, {each:.0f} bytes each")
    print(f"CPU of the server: {cpu:.0%} of a core, {alone[0]:.0%} without dashboards: {(cpu - alone[0]) / per_s * 1000:.2f} ms an update")
    print(f"ratio: {cpu / alone[0]:.2f} × the server without dashboards")


def latencies(seen: list[tuple[str, float]], target: Target) -> list[float]:
    """Return for each row that was seen to change how long ago its answer was then."""
    found = []
    for name, at in seen:
        if not re.fullmatch(r"\d{5}", name):
            continue
        earlier = [answered for answered in target.answers_ms(int(name)) if answered <= at]
        if earlier:
            found.append(at - earlier[-1])
    return found


if __name__ == "__main__":
    main()

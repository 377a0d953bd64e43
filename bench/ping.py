"""Heartbeats: calls a second, and CPU time a call, beside a bare ASGI answer. Run: .venv/bin/python -m bench.ping

Both are served in this process, by the same client, through the same transport: what is compared is what a call costs beyond HTTP. Ours
goes through the guard and the whole application, is written to SQLite, and is answered when it is committed.
"""

import asyncio
import os
import tempfile
import time
from typing import Any

MONITORS, CALLS, AT_ONCE, ROUNDS = 500, 2000, 100, 3


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"OK"})


async def call(app: Any, path: str) -> None:
    """Call once, as a server calls an application: without a client's cost."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost:3000"), (b"user-agent", b"curl/8.0"), (b"content-length", b"12")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 3000),
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"all is well.", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    assert statuses == [200], statuses


async def measure(app: Any, paths: list[str], at_once: int) -> tuple[float, float]:
    """Return (calls a second, ms of CPU a call), the best of some rounds."""
    best_rate, best_cpu = 0.0, float("inf")
    for _ in range(ROUNDS):
        waiting = iter(range(CALLS))

        async def work(waiting: Any = waiting) -> None:
            for number in waiting:
                await call(app, paths[number % len(paths)])

        began, began_cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(at_once)))
        best_rate = max(best_rate, CALLS / (time.perf_counter() - began))
        best_cpu = min(best_cpu, (time.process_time() - began_cpu) / CALLS * 1000)
    return best_rate, best_cpu


async def main() -> None:
    from app import db, migrations, web
    from app.models import Monitor, Workspace
    from app.services import heartbeats, rates

    await migrations.at_start()
    keys = []
    async with db.transaction() as session:
        workspace = Workspace(name="Bench")
        session.add(workspace)
        await session.flush()
        assert workspace.id
        for number in range(MONITORS):
            monitor = Monitor(workspace_id=workspace.id, name=f"Job {number}", kind="heartbeat", configuration="{}")
            session.add(monitor)
            await session.flush()
            assert monitor.id
            keys.append(await heartbeats.make(session, monitor.id))
    app = web.Guard(web.api)
    paths = [f"/ping/{key}" for key in keys]
    for at_once in (AT_ONCE, 1):
        if at_once == 1:
            globals()["CALLS"] = 100
        await rates.close()
        ours = await measure(app, paths, at_once)
        limit = await measure(bare, paths, at_once)
        print(
            f"{at_once} at once: {ours[0]:.0f} calls/s, {ours[1]:.2f} ms CPU a call; "
            f"bare answer {limit[0]:.0f}/s, {limit[1] * 1000:.1f} µs; {ours[1] / limit[1]:.0f} ×"
        )
    await rates.close()
    await db.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"SEAMWATCH_DATA_DIR": folder, "SEAMWATCH_ENV_FILE": os.devnull}
        asyncio.run(main())

"""What the audit log costs with many lines, against counting the same lines by one bare query. Run: python -m bench.audit [LINES]

Everything goes through the services, on an SQLite file of its own.
"""

import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

_DATA = tempfile.TemporaryDirectory(prefix="seamwatch-bench-")
os.environ |= {"SEAMWATCH_DATA_DIR": _DATA.name, "SEAMWATCH_ENV_FILE": os.devnull}

from app import db, migrations  # noqa: E402
from app.models import User, Workspace, now  # noqa: E402
from app.services import audit  # noqa: E402
from app.services.access import Actor, Role  # noqa: E402
from app.services.audit import AuditFilter, Did  # noqa: E402

NAMES = ["Alice Okoye", "Bob Lindström", "Chidi Nwosu", "Dora Ångström", "deploy token"]
ROUNDS = 7


async def fill(lines: int) -> Actor:
    """Fill one workspace with as many lines as a busy year has, and another beside it."""
    await migrations.upgrade()
    async with db.transaction() as session:
        user, mine, other = User(name="Alice Okoye"), Workspace(name="Mine"), Workspace(name="Other")
        session.add_all([user, mine, other])
    assert user.id is not None
    assert mine.id is not None
    chance = random.Random(7)
    dids = list(Did)
    columns = "workspace_id, at, actor_kind, actor_user_id, actor_name, action, target, before, after, address"
    with sqlite3.connect(Path(_DATA.name) / "seamwatch.db") as connection:
        connection.executemany(
            f"INSERT INTO audit_event ({columns}) VALUES (?, ?, 'user', ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    mine.id if number % 5 else other.id,
                    (now() - timedelta(seconds=300 * (lines - number))).strftime("%Y-%m-%d %H:%M:%S.%f"),
                    user.id,
                    chance.choice(NAMES),
                    chance.choice(dids).value,
                    f"https://app{chance.randrange(500)}.example/ ({chance.randbytes(8).hex()})",
                    "viewer",
                    "editor",
                    f"203.0.113.{chance.randrange(256)}",
                )
                for number in range(lines * 5 // 4)
            ),
        )
    return Actor(user.id, user.name, mine.id, mine.name, Role.OWNER)


async def ms(work: Callable[[], Awaitable[object]]) -> float:
    """Return the least wall time of some rounds: others use this machine too."""
    times: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


async def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    actor = await fill(lines)

    async def bare() -> None:
        with sqlite3.connect(Path(_DATA.name) / "seamwatch.db") as connection:
            connection.execute(
                "SELECT count(*) FROM audit_event WHERE workspace_id = ? AND target LIKE '%x%'", (actor.workspace_id,)
            ).fetchone()

    async def export() -> None:
        async for _ in audit.export(actor):
            pass

    limit = await ms(bare)
    print(f"{lines} lines. Bare limit, one LIKE over all of them: {limit:.1f} ms")
    page = await audit.list_(actor)
    for _ in range(200):
        page = await audit.list_(actor, AuditFilter(), page.next or 0)
    middle = page.next or 0
    recent, old = now() - timedelta(days=1), now() - timedelta(seconds=300 * lines) + timedelta(days=1)
    for name, wanted, before in (
        ("first page", AuditFilter(), 0),
        ("page 202", AuditFilter(), middle),
        ("search, many lines match", AuditFilter("lindström"), 0),
        ("search, none matches", AuditFilter("no such text"), 0),
        ("search, none matches, not ASCII", AuditFilter("ø"), 0),
        ("one action", AuditFilter(action="secret.deleted"), 0),
        ("an actor whom nobody knows", AuditFilter(actor="zed"), 0),
        ("the last day", AuditFilter(since=recent), 0),
        ("the first day", AuditFilter(until=old), 0),
        ("all but the first day", AuditFilter(since=old), 0),
    ):
        took = await ms(lambda wanted=wanted, before=before: audit.list_(actor, wanted, before))
        print(f"{name:34} {took:7.1f} ms  {took / limit:5.2f} ×")
    started = time.perf_counter()
    await export()
    print(f"{'export of all as csv':34} {(time.perf_counter() - started) * 1000:7.1f} ms")
    await db.close()


if __name__ == "__main__":
    asyncio.run(main())
    _DATA.cleanup()

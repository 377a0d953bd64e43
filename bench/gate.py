"""What the gate costs an event: through the processor with it and without, in turns, in the same run.

    python -m bench.gate

Prints microseconds of wall time per event (the least of several rounds, which noise only lengthens) and the ratio of the two.
"""

import asyncio
import logging
import os
import tempfile
import time
from pathlib import Path

os.environ |= {"SEAMWATCH_DATA_DIR": tempfile.mkdtemp(prefix="seamwatch-bench-"), "SEAMWATCH_ENV_FILE": os.devnull}

from reflex.istate.manager.memory import StateManagerMemory
from reflex_base.event import Event

from app import db, migrations
from app.app import app
from app.models import Membership, User, Workspace
from app.services import rates, sessions
from app.services.errors import Limited
from app.state.trouble import TroubleState

EVENTS, ROUNDS = 300, 15  # below the limit of one tab, which is a part of what is measured


async def signed_in() -> str:
    async with db.transaction() as session:
        user, workspace = User(name="Alice"), Workspace(name="Alice's")
        session.add_all([user, workspace])
        await session.flush()
        assert user.id is not None
        assert workspace.id is not None
        session.add(Membership(workspace_id=workspace.id, user_id=user.id, role="owner"))
        ids = user.id, workspace.id
    return f"seam={await sessions.create(*ids, 'owner_link')}"


async def once(tab: str, cookie: str) -> float:
    """Return the microseconds per event of one tab that clicks on."""
    name = f"{TroubleState.get_full_name()}.close"
    route = {"headers": {"cookie": cookie}, "ip": "127.0.0.1", "pathname": "/", "asPath": "/", "token": tab, "sid": tab}
    await (await app.event_processor.enqueue(tab, Event(name, dict(route), {})))
    began = time.perf_counter()
    for _ in range(EVENTS):
        await (await app.event_processor.enqueue(tab, Event(name, dict(route), {})))
    return (time.perf_counter() - began) / EVENTS * 1e6


async def main() -> None:
    logging.disable(logging.WARNING)  # no browser is connected, which Reflex says at each update
    await migrations.upgrade(db.make_engine(f"sqlite+aiosqlite:///{Path(os.environ['SEAMWATCH_DATA_DIR']) / 'seamwatch.db'}"))
    app._state_manager = StateManagerMemory()
    gate = list(app._middlewares)
    cookies = {"signed out": "", "signed in": await signed_in()}
    least = {"no gate": float("inf"), **dict.fromkeys(cookies, float("inf"))}
    async with app._setup_event_processor():
        for turn in range(ROUNDS):
            await rates.close()  # each round starts with empty counters
            app._middlewares.clear()
            least["no gate"] = min(least["no gate"], await once(f"none{turn}", ""))
            app._middlewares.extend(gate)
            for who, cookie in cookies.items():
                least[who] = min(least[who], await once(f"{who}{turn}", cookie))
    for who, spent_us in least.items():
        print(f"{who:11} {spent_us:7.1f} µs/event   {spent_us / least['no gate']:.2f} of no gate")
    await rates.close()
    await db.close()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except Limited as error:
        raise SystemExit(str(error)) from None

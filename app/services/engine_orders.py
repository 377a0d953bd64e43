"""What people's changes tell the engine, over `app.live`: to be said after the transaction that made them.

Nothing depends on a message: the engine also looks every few seconds at what changed. So a message that is lost costs seconds.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.live import Subscription, live

_TOPIC = "engine"
_AT_ONCE = 1000  # ids in one message


@dataclass(frozen=True, slots=True)
class Order:
    do: str  # "changed", "check", "beat", "maintenance", "secrets"
    ids: tuple[int, ...] = ()  # row ids of monitors; of "secrets" the workspace's


async def changed(ids: Iterable[int]) -> None:
    """Monitors with these row ids were made, changed, paused, resumed, deleted or restored."""
    wanted = list(ids)
    for place in range(0, len(wanted), _AT_ONCE):
        await _tell("changed", *wanted[place : place + _AT_ONCE])


async def check_now(monitor_id: int) -> None:
    """Run a check at once, beside the schedule."""
    await _tell("check", monitor_id)


async def beat(monitor_id: int) -> None:
    """A heartbeat was heard: look at its monitor now."""
    await _tell("beat", monitor_id)


async def maintenance_changed() -> None:
    await _tell("maintenance")


async def secrets_changed(workspace_id: int) -> None:
    await _tell("secrets", workspace_id)


async def _tell(do: str, *ids: int) -> None:
    await live().publish(_TOPIC, json.dumps({"do": do, "ids": ids}), keep=False)


@dataclass(frozen=True, slots=True)
class Orders:
    """The engine's view of them."""

    _subscription: Subscription

    async def next(self, timeout_s: float) -> Order | None:
        """Return the next order, or None when none came in time."""
        message = await self._subscription.next(timeout_s)
        if message is None:
            return None
        told = json.loads(message.text)
        return Order(told["do"], tuple(told["ids"]))


@asynccontextmanager
async def listen() -> AsyncIterator[Orders]:
    async with live().subscribe(_TOPIC, history=False) as subscription:
        yield Orders(subscription)

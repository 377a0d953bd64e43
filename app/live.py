"""Publish and subscribe, in this process. Topics and messages are text, so that a server (Valkey) can stand in its place.

Each topic keeps its last messages, and a subscriber gets these first. A subscriber that reads too slowly loses the oldest of
the messages that wait for it, never the newest: publishing neither waits nor grows without bound. Messages carry numbers, so a
gap can be seen.
"""

import asyncio
import functools
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

HISTORY = 300  # messages a topic keeps; a scan sends about 40 requests and notes some
BACKLOG = 500  # messages that wait for one subscriber
TOPICS = 500  # topics kept without subscribers, the longest unused dropped first


@dataclass(frozen=True, slots=True)
class Message:
    number: int  # 1, 2, 3, … within its topic
    text: str


class Subscription(Protocol):
    async def next(self, timeout_s: float | None = None) -> Message | None:
        """Return the next message, or None when none came within `timeout_s`; with 0, one that is there already."""
        ...


class Live(Protocol):
    """What the services need; `InProcess` is the embedded size."""

    async def publish(self, topic: str, text: str, *, keep: bool = True) -> int:
        """Append a message and return its number. Unless it is kept, only those hear it who listen now."""
        ...

    def subscribe(self, topic: str, *, history: bool = True) -> AbstractAsyncContextManager[Subscription]:
        """Open a subscription; with `history`, it starts with what the topic still keeps."""
        ...


@dataclass(slots=True, eq=False)
class _Queue:
    """One subscriber's waiting messages."""

    waiting: deque[Message] = field(default_factory=lambda: deque(maxlen=BACKLOG))
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: Message) -> None:
        self.waiting.append(message)  # a full deque drops its oldest
        self.arrived.set()

    async def next(self, timeout_s: float | None = None) -> Message | None:
        if not self.waiting:
            if timeout_s == 0:
                return None
            self.arrived.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self.arrived.wait()
            except TimeoutError:
                return None
        return self.waiting.popleft()


@dataclass(slots=True, eq=False)
class _Topic:
    last: int = 0
    history: deque[Message] = field(default_factory=lambda: deque(maxlen=HISTORY))
    queues: set[_Queue] = field(default_factory=set)


class InProcess:
    def __init__(self) -> None:
        self._topics: OrderedDict[str, _Topic] = OrderedDict()

    def _topic(self, name: str) -> _Topic:
        topic = self._topics.setdefault(name, _Topic())
        self._topics.move_to_end(name)
        if len(self._topics) > TOPICS:
            for other in [key for key, value in self._topics.items() if not value.queues and value is not topic]:
                del self._topics[other]
                if len(self._topics) <= TOPICS:
                    break
        return topic

    async def publish(self, topic: str, text: str, *, keep: bool = True) -> int:
        found = self._topic(topic)
        found.last += 1
        message = Message(found.last, text)
        if keep:
            found.history.append(message)
        for queue in found.queues:
            queue.put(message)
        return message.number

    @asynccontextmanager
    async def subscribe(self, topic: str, *, history: bool = True) -> AsyncIterator[Subscription]:
        found = self._topic(topic)
        queue = _Queue()
        if history:
            for message in found.history:
                queue.put(message)
        found.queues.add(queue)
        try:
            yield queue
        finally:
            found.queues.discard(queue)


@functools.cache
def live() -> Live:
    return InProcess()

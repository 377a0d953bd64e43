"""How many transfers run at the same time: so many to one host, and so many in all."""

import asyncio
import functools
from collections import defaultdict

from app.net import waiting

Host = tuple[str, int]  # name and port


class Slots:
    """Room for transfers; further ones wait, and what they wait is measured (`app.net.waiting`)."""

    def __init__(self, in_all: int, per_host: int) -> None:
        self._total = asyncio.Semaphore(in_all)
        self._hosts: defaultdict[Host, asyncio.Semaphore] = defaultdict(functools.partial(asyncio.Semaphore, per_host))
        self._users: defaultdict[Host, int] = defaultdict(int)

    async def take(self, key: Host) -> None:
        """Wait until the host, and then the whole, has room for one more transfer."""
        host = self._hosts[key]
        self._users[key] += 1
        # Not measured where nobody waits, which is the rule.
        measured = waiting.of_task() if host.locked() or self._total.locked() else None
        began = measured.begin() if measured else 0.0
        try:
            # The host's first: who waits for a slow host must not hold what others could use.
            await host.acquire()
            try:
                await self._total.acquire()
            except BaseException:
                host.release()
                raise
        except BaseException:
            self._leave(key)
            raise
        finally:
            if measured:
                measured.end(began)

    def free(self, key: Host) -> None:
        self._total.release()
        self._hosts[key].release()
        self._leave(key)

    def _leave(self, key: Host) -> None:
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key], self._hosts[key]

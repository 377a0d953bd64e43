"""A way for libraries that open their own sockets and cannot be given one: they connect to a socket file, and behind it stands a connection
of ours, opened, judged and encrypted as any.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from app.net.failures import NotConnected

_CHUNK_BYTES = 65_536
MAX_BYTES = 32_000_000  # of a host's answers on one connection
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unfit(Exception):
    """What a host sent is not of its protocol."""


Screen = Callable[[bytes], None]  # sees what the host sends before the library does; raises Unfit


@asynccontextmanager
async def bridged(
    open_stream: Callable[[], Awaitable[Streams]], *, name: str = "bridge.sock", screen: Callable[[], Screen] | None = None
) -> AsyncIterator[str]:
    """Serve a socket file that only this user can reach, as long as the context lasts. Gives its path.

    The first connection is opened before, so that a host that cannot be reached is told at once.

    Args:
        name: of the file.
        screen: makes one for each connection.

    Raises:
        NotConnected: the host cannot be reached.
    """
    ready: list[Streams] = [await open_stream()]
    tasks: set[asyncio.Task[None]] = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = None
        try:
            far = ready.pop() if ready else await open_stream()
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far[1], None))
                group.create_task(_pump(far[0], writer, screen() if screen else None))
        except (NotConnected, ExceptionGroup):
            pass  # whoever connected sees the end of the connection
        finally:
            writer.transport.abort()
            if far is not None:
                far[1].transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(join(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with tempfile.TemporaryDirectory(prefix="seamwatch-") as folder:  # of mode 0700
        path = str(Path(folder) / name)
        listener = await asyncio.start_unix_server(accept, path)
        try:
            yield path
        finally:
            listener.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _, writer in ready:
                writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, screen: Screen | None) -> None:
    left = MAX_BYTES
    with contextlib.suppress(OSError):
        while left > 0 and (data := await reader.read(_CHUNK_BYTES)):
            if screen is not None:
                screen(data)
                left -= len(data)
            writer.write(data)
            await writer.drain()
    # One half that ends ends the other: no protocol that goes this way closes only one.
    raise EOFError

"""PostgreSQL, by asyncpg over a bridge of ours: it takes no socket."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg

from app.core.checks import DatabaseCheck
from app.core.results import Cause
from app.net import Net, NotConnected
from app.net.bridge import Streams, Unfit, bridged
from app.net.failures import HandshakeError, from_handshake
from app.probes.databases.answer import NotAnswered, check_reads, sentence, text_of, writes

PORT = 5432
Connect = Callable[[], Awaitable[Any]]  # a socket of ours, connected
_WANT_TLS = struct.pack("!ii", 8, 80877103)  # SSLRequest
_MAX_MESSAGE_BYTES = 16_000_000


class _Frames:
    """Sees that every message has a length that one can have: asyncpg never ends on one that says it has none."""

    def __init__(self, place: list[bool]) -> None:
        self._head, self._skip, self._broken = bytearray(), 0, place

    def __call__(self, data: bytes) -> None:
        place = 0
        while place < len(data):
            if self._skip:
                step = min(self._skip, len(data) - place)
                self._skip -= step
                place += step
                continue
            step = min(5 - len(self._head), len(data) - place)
            self._head += data[place : place + step]
            place += step
            if len(self._head) == 5:
                length = int.from_bytes(self._head[1:])
                if not 4 <= length <= _MAX_MESSAGE_BYTES or not 0x31 <= self._head[0] <= 0x7A:
                    self._broken.append(True)
                    raise Unfit
                self._head.clear()
                self._skip = length - 4


async def first_value(configured: DatabaseCheck, net: Net, connect: Connect, timeout_s: float) -> str:
    """Ask in a read-only transaction; return the first value of the first row, "" when there is none."""
    query = configured.query or "SELECT 1"
    check_reads(query)
    broken: list[bool] = []
    opened = bridged(lambda: _open(configured, net, connect), name=f".s.PGSQL.{PORT}", screen=lambda: _Frames(broken))
    try:
        async with opened as path:
            return await _ask(configured, str(Path(path).parent), query, timeout_s)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError) as error:
        if broken:
            raise NotAnswered(Cause.PROTOCOL, f"{configured.host} does not speak PostgreSQL on port {configured.port}.") from error
        raise _told(error, configured) from None


async def _open(configured: DatabaseCheck, net: Net, connect: Connect) -> Streams:
    """Connect, and encrypt if wanted, as PostgreSQL does: the client asks, and the server says yes or no by one letter."""
    opened = await connect()
    if not configured.tls:
        return await asyncio.open_connection(sock=opened)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(opened, _WANT_TLS)
        # One byte, by the socket itself: what comes before the handshake must not be taken for what comes after it.
        if await loop.sock_recv(opened, 1) != b"S":
            raise NotAnswered(Cause.TLS, f"PostgreSQL at {configured.host} takes no encrypted connections.")
        return await asyncio.open_connection(sock=opened, ssl=net.tls_context(http=False), server_hostname=configured.host)
    except HandshakeError as error:
        opened.close()
        raise NotConnected(*from_handshake(error, configured.host, configured.port)) from error
    except BaseException:
        opened.close()
        raise


async def _ask(configured: DatabaseCheck, directory: str, query: str, timeout_s: float) -> str:
    connection = None
    try:
        # Everything is given, so that nothing is taken from this process's environment or its user's files.
        connection = await asyncpg.connect(
            host=directory,
            port=PORT,
            user=configured.user or "postgres",
            password=configured.password,
            database=configured.database or configured.user or "postgres",
            ssl=False,  # done by the bridge
            timeout=timeout_s,  # pyright: ignore[reportArgumentType], annotated by its default
            command_timeout=timeout_s,
            statement_cache_size=0,  # a pooler may stand between
            server_settings={"application_name": "Seamwatch"},
            target_session_attrs="any",
            gsslib="gssapi",
            krbsrvname="postgres",
        )
        async with connection.transaction(readonly=True):
            await connection.execute(f"SET LOCAL statement_timeout = {max(1, int(timeout_s * 1000))}")
            row = await connection.fetchrow(query)
        return text_of(row[0]) if row else ""
    finally:
        if connection is not None:
            connection.terminate()


def _told(error: Exception, configured: DatabaseCheck) -> Exception:
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return NotAnswered(Cause.LOGIN, f"PostgreSQL refuses the user: {sentence(str(error))}")
        case asyncpg.ReadOnlySQLTransactionError():
            return writes(str(error))
        case asyncpg.QueryCanceledError():
            return TimeoutError()
        case asyncpg.PostgresConnectionError() | ConnectionError():
            return NotAnswered(Cause.CONNECT, f"{configured.host} broke off the connection on port {configured.port}.")
        case asyncpg.InterfaceError():
            return NotAnswered(Cause.PROTOCOL, f"PostgreSQL cannot be asked so: {sentence(str(error))}")
        case _:
            return NotAnswered(Cause.PROTOCOL, f"PostgreSQL answers: {sentence(str(error))}")

"""Redis and Valkey, by valkey's client."""

import shlex
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from valkey.asyncio.connection import Connection
from valkey.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, ResponseError, ValkeyError

from app.core.checks import DatabaseCheck
from app.core.results import Cause
from app.net import Net, NotConnected
from app.net.failures import HandshakeError, from_handshake
from app.probes.databases.answer import NotAnswered, cannot, sentence, text_of

PORT = 6379
# Commands that read, and take no longer the more there is; of some only what stands behind.
_READING = frozenset(
    {
        *("PING", "ECHO", "TIME", "DBSIZE", "INFO", "ROLE", "LASTSAVE", "EXISTS", "TYPE", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"),
        *("GET", "MGET", "GETRANGE", "STRLEN", "GETBIT", "BITCOUNT", "HGET", "HMGET", "HLEN", "HEXISTS", "HSTRLEN", "PFCOUNT"),
        *("LLEN", "LINDEX", "LRANGE", "SCARD", "SISMEMBER", "SMISMEMBER", "SRANDMEMBER", "ZCARD", "ZSCORE", "ZMSCORE", "ZRANK"),
        *("ZREVRANK", "ZCOUNT", "ZRANGE", "XLEN", "XINFO", "GEODIST", "GEOPOS"),
    }
)
_READING_PARTS = {"CLUSTER": {"INFO", "MYID"}, "MEMORY": {"USAGE"}, "OBJECT": {"ENCODING", "IDLETIME", "FREQ"}, "LATENCY": {"LATEST"}}


class _Connection(Connection):
    """A connection by a socket of ours."""

    def __init__(self, arguments: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self._arguments = arguments

    def _connection_arguments(self) -> Mapping[str, Any]:
        return self._arguments


async def first_value(configured: DatabaseCheck, net: Net, connect: Callable[[], Awaitable[Any]], timeout_s: float) -> str:
    """Send one command that reads; return its answer, of several values the first."""
    words = _command(configured.query)
    if configured.database and not (configured.database.isascii() and configured.database.isdecimal()):
        raise cannot("A database of Redis is a number, like 0.")
    tls = {"ssl": net.tls_context(http=False), "server_hostname": configured.host} if configured.tls else {}
    connection = _Connection(
        {"sock": await connect(), **tls},
        host=configured.host,
        port=configured.port,
        db=int(configured.database or 0),
        username=configured.user or None,
        password=configured.password or None,
        socket_timeout=timeout_s,
        lib_name=None,
        lib_version=None,
    )
    try:
        await connection.connect()
        await connection.send_command(*words)
        answer: Any = await connection.read_response()
    except ValkeyError as error:
        raise _told(error, configured) from error
    finally:
        await connection.disconnect(nowait=True)
    while isinstance(answer, list | tuple):
        answer = answer[0] if answer else None
    return text_of(answer)


def _command(query: str) -> list[str]:
    try:
        words = shlex.split(query or "PING")
    except ValueError:
        raise cannot("The command has a quotation mark that is not closed.") from None
    name, following = (words[0].upper() if words else ""), (words[1].upper() if len(words) > 1 else "")
    if name not in _READING and following not in _READING_PARTS.get(name, ()):
        said = " ".join(words[:2])[:40] or "this"
        raise cannot(f"The command must only read, and {said} is not on the list of those that do, like PING, GET or LLEN.")
    return words


def _told(error: ValkeyError, configured: DatabaseCheck) -> Exception:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, HandshakeError):
        return NotConnected(*from_handshake(cause, configured.host, configured.port))
    said = str(error)
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError) or said.startswith(
        ("NOAUTH", "WRONGPASS", "NOPERM")
    ):
        return NotAnswered(Cause.LOGIN, f"Redis refuses the user: {sentence(said)}")
    if isinstance(error, ResponseError):
        return NotAnswered(Cause.PROTOCOL, f"Redis answers: {sentence(said)}")
    if "Timeout" in type(error).__name__:
        return TimeoutError()
    if "Protocol" in said or "InvalidResponse" in type(error).__name__:
        return NotAnswered(Cause.PROTOCOL, f"{configured.host} does not speak Redis on port {configured.port}.")
    if type(error).__name__ == "BusyLoadingError":
        return NotAnswered(Cause.PROTOCOL, f"Redis answers: {sentence(said)}")
    return NotAnswered(Cause.CONNECT, f"{configured.host} broke off the connection on port {configured.port}.")

"""MySQL and MariaDB, by aiomysql."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiomysql
from aiomysql.connection import _open_connection
from pymysql.constants import CLIENT, CR, ER
from pymysql.err import DatabaseError, Error, InternalError

from app.core.checks import DatabaseCheck
from app.core.results import Cause
from app.net import Net, NotConnected
from app.net.failures import HandshakeError, from_handshake
from app.probes.databases.answer import NotAnswered, cannot, check_reads, sentence, text_of, writes

PORT = 3306
_REFUSALS = frozenset(
    {
        ER.ACCESS_DENIED_ERROR,
        ER.DBACCESS_DENIED_ERROR,
        1698,
        ER.HOST_NOT_PRIVILEGED,
        ER.TABLEACCESS_DENIED_ERROR,
        1820,
        1862,
    }
)
_READ_ONLY = 1792  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
_TOO_SLOW = frozenset({3024, 1969})  # ER_QUERY_TIMEOUT of MySQL, ER_STATEMENT_TIMEOUT of MariaDB
_INTO = re.compile(r"\binto\b", re.I)  # SELECT … INTO OUTFILE writes a file, transaction or not


class _Connection(aiomysql.Connection):
    """A connection by a socket of ours; the library takes none. TLS that is wanted is not done without."""

    def __init__(self, opened: Any, **options: Any) -> None:
        super().__init__(**options)
        self._opened = opened
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS  # "SELECT 1; COMMIT; DROP TABLE …"

    async def _connect(self) -> None:
        # As the library does, without its choice of sockets and what it sends beside a login.
        self._reader, self._writer = await _open_connection(sock=self._opened)
        self.host_info = f"socket {self._host}:{self._port}"
        self._next_seq_id = 0
        await self._get_server_information()
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise NotAnswered(Cause.TLS, f"MySQL at {self._host} takes no encrypted connections.")
        await self._request_authentication()


async def first_value(configured: DatabaseCheck, net: Net, connect: Callable[[], Awaitable[Any]], timeout_s: float) -> str:
    """Ask in a read-only transaction; return the first value of the first row, "" when there is none."""
    query = configured.query or "SELECT 1"
    check_reads(query)
    if _INTO.search(query):
        raise cannot("The query must only read, and INTO writes: to a table, a variable or a file. Leave the word out.")
    connection = _Connection(
        await connect(),
        host=configured.host,
        port=configured.port,
        user=configured.user or "root",
        password=configured.password,
        db=configured.database or None,
        ssl=net.tls_context(http=False) if configured.tls else None,
        charset="utf8mb4",
        program_name="Seamwatch",
    )
    try:
        await connection._connect()
        limit = (
            f"SET SESSION max_statement_time = {timeout_s:g}"
            if "maria" in str(connection.server_version).lower()
            else f"SET SESSION max_execution_time = {max(1, int(timeout_s * 1000))}"
        )
        cursor = await connection.cursor(aiomysql.SSCursor)  # a row at a time, not all of them
        for statement in (limit, "START TRANSACTION READ ONLY", query):
            try:
                await cursor.execute(statement)
            except DatabaseError as error:
                if statement is not limit or not error.args or error.args[0] != ER.UNKNOWN_SYSTEM_VARIABLE:
                    raise
        row = await cursor.fetchone()
        return text_of(row[0]) if row else ""
    except Error as error:
        number, said = (error.args[0], str(error.args[-1])) if error.args else (0, type(error).__name__)
        if isinstance(error.__cause__, NotConnected | HandshakeError | TimeoutError):
            raise _transport(error.__cause__, configured) from error
        if number in _REFUSALS:
            raise NotAnswered(Cause.LOGIN, f"MySQL refuses the user: {sentence(said)}") from None
        if number == _READ_ONLY:
            raise writes(said) from None
        if number in _TOO_SLOW:
            raise TimeoutError from None
        if number in (CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR):
            raise NotAnswered(Cause.CONNECT, f"{configured.host} broke off the connection on port {configured.port}.") from None
        if isinstance(error, InternalError) and said.startswith("Packet sequence"):
            raise _foreign(configured) from error
        raise NotAnswered(Cause.PROTOCOL, f"MySQL answers: {sentence(said)}") from None
    except HandshakeError as error:
        raise _transport(error, configured) from error
    except (RuntimeError, ValueError, IndexError, KeyError, LookupError, AssertionError) as error:
        # The library's reading of what is no MySQL, or of a server that asks for what it must not have: a file of ours, say.
        raise _foreign(configured) from error
    finally:
        connection.close()


def _foreign(configured: DatabaseCheck) -> NotAnswered:
    return NotAnswered(Cause.PROTOCOL, f"{configured.host} does not speak MySQL on port {configured.port}.")


def _transport(error: BaseException, configured: DatabaseCheck) -> BaseException:
    return NotConnected(*from_handshake(error, configured.host, configured.port)) if isinstance(error, HandshakeError) else error

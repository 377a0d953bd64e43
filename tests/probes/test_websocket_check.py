"""Checks of WebSockets, against real servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets

from app.core.checked import Checked
from app.core.checks import Expected, Message, WebSocketCheck
from app.core.exchange import Purpose
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import websocket_check
from app.probes.tools import Tools
from tests.loopback import Listen, Serve

OWN, FOREIGN = "http://page.example", "https://seamwatch.invalid"
Start = Callable[..., Awaitable[str]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a WebSocket server that talks so. Returns its URL."""
    servers: list[Server] = []

    async def run(talk: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> str:
        server = await serve_websockets(talk, "127.0.0.1", 0, **options)
        servers.append(server)
        return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/live"

    yield run
    for server in servers:
        server.close()
        await server.wait_closed()


async def echo(connection: ServerConnection) -> None:
    await connection.send('{"hello": "world"}')
    async for message in connection:
        await connection.send(f"echo: {message!r}" if isinstance(message, str) else message)


async def run(net: Net, url: str, *, timeout_s: float = 5, **options: Any) -> Checked:
    return await websocket_check.run(WebSocketCheck(url, **options), Tools(net, timeout_s, datetime.now(UTC)))


async def test_it_opens_for_its_own_page_and_not_for_others(net: Net, start: Start):
    found = await run(net, await start(echo, origins=[OWN]), origin=OWN, foreign_origin=FOREIGN)
    assert (found.outcome, found.cause, found.text, found.code) == (Outcome.UP, Cause.NONE, "", 101)
    assert [(exchange.purpose, exchange.status) for exchange in found.exchanges] == [
        (Purpose.WEBSOCKET, 101),
        (Purpose.WEBSOCKET_FOREIGN, 403),
    ]
    assert found.timing is not None
    assert 0 < found.timing.connect_ms <= found.timing.first_byte_ms <= found.timing.total_ms


async def test_a_server_that_opens_for_every_page_is_down(net: Net, start: Start):
    found = await run(net, await start(echo), origin=OWN, foreign_origin=FOREIGN)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert found.text == f"It opens for pages at {FOREIGN}, too: any site could use it with its visitors' cookies."


async def test_a_server_may_turn_a_foreign_page_away_right_after_opening(net: Net, start: Start):
    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        if connection.request.headers["Origin"] != OWN:
            await connection.close(4403, "not yours")
        await connection.wait_closed()

    assert (await run(net, await start(talk), origin=OWN, foreign_origin=FOREIGN)).outcome is Outcome.UP


async def test_a_refusal_of_its_own_page_is_down_with_the_servers_answer(net: Net, start: Start):
    found = await run(net, await start(echo, origins=["http://other.example"]), origin=OWN)
    assert (found.outcome, found.cause, found.code) == (Outcome.DOWN, Cause.PROTOCOL, 403)
    assert found.text == f"It does not open for pages at {OWN}: the server answers 403 Forbidden."


async def test_headers_and_subprotocols_are_sent_along(net: Net, start: Start):
    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        await connection.send(f"{headers['Authorization']} {headers['Cookie']} {headers.get_all('User-Agent')} {connection.subprotocol}")
        await connection.wait_closed()

    url = await start(talk, subprotocols=["chat.v2"])
    headers = (("Authorization", "Bearer abc"), ("Cookie", "a=b"), ("Host", "evil.example"), ("Sec-WebSocket-Key", "x"))
    expected = Message(expect="Bearer abc a=b ['Seamwatch/test'] chat.v2")
    found = await run(net, url, headers=headers, subprotocols=("chat.v1", "chat.v2"), messages=(expected,))
    assert (found.outcome, found.text) == (Outcome.UP, "")


@pytest.mark.parametrize(
    "messages",
    [
        (Message(expect="hello"),),
        (Message(expect="$.hello", how=Expected.JSON),),
        (Message("one", "echo: 'one'"), Message("two", r"'t[wv]o'$", Expected.REGEX)),  # the greeting is passed over
        (Message("said only"),),
    ],
)
async def test_what_is_expected_is_found_among_what_comes(net: Net, start: Start, messages: tuple[Message, ...]):
    found = await run(net, await start(echo), messages=messages)
    assert (found.outcome, found.text) == (Outcome.UP, "")
    assert all(finding.held for finding in found.findings)


async def test_what_does_not_come_is_told_with_what_came(net: Net, start: Start):
    found = await run(net, await start(echo), messages=(Message("one", "never"),), timeout_s=0.4)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert found.text == "No message with “never” came within 0.4 s; 2 others came, the last: echo: 'one'."
    assert dict(found.facts)["messages received"] == "2"


async def test_silence_is_a_time_out(net: Net, start: Start):
    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    found = await run(net, await start(silent), messages=(Message(expect="x"),), timeout_s=0.2)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)
    assert found.text == "No message with “x” came within 0.2 s; nothing came."


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1008, "no such room", "with code 1008 (policy violation): no such room"),
        (1011, "", "with code 1011 (internal error)"),
        (4001, "log in", "with code 4001 (private use): log in"),
    ],
)
async def test_how_the_server_closes_it_is_told_in_words(net: Net, start: Start, code: int, reason: str, words: str):
    async def talk(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    found = await run(net, await start(talk), messages=(Message(expect="x"),))
    assert (found.outcome, found.cause, found.code) == (Outcome.DOWN, Cause.PROTOCOL, code)
    assert found.text == f"The server closes it before all was said {words}."


async def test_a_connection_that_breaks_off_says_nothing(net: Net, start: Start):
    async def talk(connection: ServerConnection) -> None:
        connection.transport.abort()

    found = await run(net, await start(talk), messages=(Message(expect="x"),))
    assert (found.outcome, found.code) == (Outcome.DOWN, 1006)
    assert "without saying why" in found.text


async def test_it_is_held_open_and_pings_are_answered(net: Net, start: Start):
    async def talk(connection: ServerConnection) -> None:
        await connection.wait_closed()

    url = await start(talk, ping_interval=0.05, ping_timeout=0.1)  # closes with 1011 when nobody answers
    assert (await run(net, url, hold_s=0.4)).outcome is Outcome.UP


async def test_a_server_that_does_not_hold_it_is_down_with_when(net: Net, start: Start):
    async def talk(connection: ServerConnection) -> None:
        await asyncio.sleep(0.1)
        await connection.close(1001)

    found = await run(net, await start(talk), hold_s=2)
    assert (found.outcome, found.text) == (Outcome.DOWN, "The server closes it after 0.1 s with code 1001 (going away).")


async def test_holding_it_longer_than_the_check_may_take_is_a_fault_of_the_configuration(net: Net, start: Start):
    found = await run(net, "ws://127.0.0.1:1/", hold_s=10, timeout_s=10)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)


async def test_messages_in_pieces_and_binary_ones_are_read_whole(net: Net, start: Start):
    async def talk(connection: ServerConnection) -> None:
        await connection.send(iter(["in ", "pie", "ces"]))
        await connection.send(b"\xffbinary")
        await connection.wait_closed()

    messages = (Message(expect="in pieces"), Message(expect="binary"))
    assert (await run(net, await start(talk), messages=messages)).outcome is Outcome.UP


async def test_a_message_too_large_ends_it(net: Net, start: Start):
    async def talk(connection: ServerConnection) -> None:
        await connection.send("x" * 2_000_000)  # a few kilobytes as it is sent, compressed
        await connection.wait_closed()

    found = await run(net, await start(talk), messages=(Message(expect="y"),))
    assert (found.outcome, found.code) == (Outcome.DOWN, 1009)


@pytest.mark.parametrize(
    ("url", "cause"),
    [("ws://127.0.0.1:1/", Cause.CONNECT), ("ws://nowhere.invalid/", Cause.DNS), ("ws://169.254.169.254/", Cause.REFUSED_ADDRESS)],
)
async def test_what_cannot_be_reached_is_down_with_why(net: Net, url: str, cause: Cause):
    found = await run(net, url, foreign_origin=FOREIGN)
    assert (found.outcome, found.cause, found.timing) == (Outcome.DOWN, cause, None)


async def test_a_server_that_never_answers_is_a_time_out(net: Net, listen: Listen):
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    found = await run(net, f"ws://127.0.0.1:{await listen(silent)}/", timeout_s=0.2)
    assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.TIMEOUT, "127.0.0.1 does not answer within 0.2 s.")


async def test_a_server_behind_a_login_says_so(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    found = await run(net, f"ws://127.0.0.1:{server.port}/")
    assert (found.outcome, found.cause, found.code) == (Outcome.DOWN, Cause.LOGIN, 401)


async def test_public_mode_opens_no_websocket_to_loopback(start: Start):
    async with Net(AddressPolicy("public"), user_agent="x") as net:
        assert (await run(net, await start(echo))).cause is Cause.REFUSED_ADDRESS

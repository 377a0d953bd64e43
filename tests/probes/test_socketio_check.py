"""Checks of Socket.IO, against python-socketio and Flask-SocketIO as people run them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import socketio
import uvicorn
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from werkzeug.serving import make_server

from app.core.checked import Checked
from app.core.checks import SocketIoCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import socketio_check
from app.probes.tools import Tools
from examples.flask_chat.app import create_app
from tests.loopback import Serve

OWN, FOREIGN = "http://page.example", "https://seamwatch.invalid"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A python-socketio server: namespaces / and /admin (which wants a token), events echo, ask, bytes, silent."""
    server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[OWN], ping_interval=1, ping_timeout=1)

    @server.on("connect")
    async def welcome(sid: str, _environ: object) -> None:
        await server.emit("news", {"text": "hello"}, to=sid)

    @server.on("connect", namespace="/admin")
    async def admit(_sid: str, _environ: object, auth: Any) -> None:
        if auth != {"token": "sesame"}:
            raise socketio.exceptions.ConnectionRefusedError("wrong token")

    @server.on("echo")
    async def echo(sid: str, *arguments: Any) -> None:
        await server.emit("noise", "x")
        await server.emit("echoed", ("first", 0), to=sid)
        await server.emit("echoed", arguments, to=sid)

    @server.on("ask", namespace="*")
    async def ask(_namespace: str, _sid: str, *arguments: Any) -> Any:
        return {"asked": list(arguments)}

    @server.on("bytes")
    async def send_bytes(_sid: str) -> Any:
        return {"ready": True, "picture": b"\x00\xff"}

    @server.on("silent")
    async def never(_sid: str) -> None:
        await asyncio.sleep(60)

    config = uvicorn.Config(socketio.ASGIApp(server), host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="websockets-sansio")
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:  # noqa: ASYNC110, uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.force_exit = running.should_exit = True
    await task


async def run(net: Net, url: str, *, timeout_s: float = 5, **options: Any) -> Checked:
    options = {"origin": OWN, **options}
    return await socketio_check.run(SocketIoCheck(url, **options), Tools(net, timeout_s, datetime.now(UTC)))


async def test_it_connects_for_its_own_page_and_not_for_others(net: Net, url: str):
    found = await run(net, url, foreign_origin=FOREIGN)
    assert (found.outcome, found.text, found.code) == (Outcome.UP, "", 101)
    assert [exchange.status for exchange in found.exchanges] == [101, 403]
    assert found.timing is not None
    assert 0 < found.timing.connect_ms < found.timing.total_ms
    found = await run(net, url, origin=FOREIGN)
    assert (found.outcome, found.code, found.text) == (
        Outcome.DOWN,
        403,
        f"It does not open for pages at {FOREIGN}: the server answers 403 Forbidden.",
    )


@pytest.mark.parametrize(
    "options",
    [
        {"event": "ask", "payload": "[1, [2]]", "expect": "$[0].asked[1][0]"},
        {"event": "ask"},
        {"event": "echo", "payload": '["a", {"b": 1}]', "expect_event": "echoed", "expect": "$[1].b"},
        {"expect_event": "news", "expect": "$[0].text"},
        {"event": "bytes", "expect": "$[0].picture"},
        {"namespace": "/admin", "auth": '{"token": "sesame"}'},
        {"namespace": "/admin", "auth": '{"token": "sesame"}', "event": "ask", "expect": "$[0].asked"},
    ],
)
async def test_an_event_makes_its_round_trip(net: Net, url: str, options: dict[str, str]):
    found = await run(net, url, **options)
    assert (found.outcome, found.text) == (Outcome.UP, "")


async def test_a_namespace_that_refuses_is_told_with_its_reason(net: Net, url: str):
    found = await run(net, url, namespace="/admin", auth='{"token": "wrong"}')
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.LOGIN)
    assert found.text == "The server refuses the namespace /admin: wrong token."
    found = await run(net, url, namespace="/nowhere")
    assert found.outcome is Outcome.DOWN
    assert "/nowhere" in found.text


async def test_an_acknowledgement_without_what_is_expected_is_down(net: Net, url: str):
    found = await run(net, url, event="ask", expect="$[0].answer")
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert "$[0].answer" in found.text
    assert dict(found.facts)["answer"] == '[{"asked": []}]'


async def test_what_does_not_come_is_a_time_out_that_says_what(net: Net, url: str):
    found = await run(net, url, event="silent", timeout_s=0.5)
    assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.TIMEOUT, "The event “silent” is not acknowledged within 0.5 s.")
    found = await run(net, url, expect_event="news", expect="$[0].other", timeout_s=0.5)
    assert found.text.startswith("No event “news” with $[0].other comes; the last was")


@pytest.mark.parametrize("options", [{"auth": "[1]"}, {"auth": "{"}, {"payload": '"x"', "event": "ask"}])
def test_what_is_no_json_is_a_fault_of_the_configuration(options: dict[str, str]):
    with pytest.raises(ValueError, match="JSON"):
        SocketIoCheck("http://shop.example/", **options)


@pytest.fixture
def flask_url() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_flask_socketio_is_asked_in_the_same_way(net: Net, flask_url: str):
    options = {
        "event": "message",
        "payload": '[{"author": "Ada", "text": "hi"}]',
        "expect_event": "message",
        "expect": "$[?@.author == 'Ada']",
    }
    found = await run(net, flask_url, origin=flask_url, foreign_origin=FOREIGN, **options)
    assert (found.outcome, found.text) == (Outcome.UP, "")


Frames = Callable[..., Awaitable[str]]


@pytest.fixture
async def speak() -> AsyncIterator[Frames]:
    """Start a WebSocket server that sends these frames. Returns its address."""
    servers: list[Any] = []

    async def start(*frames: str | bytes, pong: list[str] | None = None) -> str:
        async def talk(connection: ServerConnection) -> None:
            for frame in frames:
                await connection.send(frame)
            async for message in connection:
                if pong is not None:
                    pong.append(str(message))

        server = await serve_websockets(talk, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


OPEN = '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (("hello",), "does not speak Engine.IO 4"),
        (("",), "does not speak Engine.IO 4"),
        (("4x",), "does not speak Engine.IO 4"),
        ((OPEN, "4x"), "not of Socket.IO"),
        ((OPEN, "42{"), "not of Socket.IO"),
        ((OPEN, "459999999999999-[]"), "not of Socket.IO"),
        ((OPEN, "1"), "ends the session"),
        ((OPEN, "41"), "ends the connection to the namespace"),
        ((OPEN, "44"), "refuses the namespace /."),
    ],
)
async def test_servers_that_speak_something_else_are_down_with_what(net: Net, speak: Frames, frames: tuple[str, ...], words: str):
    found = await run(net, await speak(*frames), timeout_s=2)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.PROTOCOL)
    assert words in found.text


async def test_pings_of_the_session_are_answered(net: Net, speak: Frames):
    said: list[str] = []
    await run(net, await speak(OPEN, "2", "40{}", pong=said), expect_event="never", timeout_s=0.3)
    assert said[:2] == ["40", "3"] or said[:2] == ["3", "40"]


async def test_a_server_without_websockets_is_down_with_its_answer(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    assert (await run(net, server.url)).code == 400
    assert server.requests[0].startswith(b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://a.example", "wss://a.example/socket.io/?EIO=4&transport=websocket"),
        ("http://a.example:81/ws/?x=1", "ws://a.example:81/ws/?x=1&EIO=4&transport=websocket"),
    ],
)
def test_the_path_is_the_servers_usual_one_unless_another_is_given(url: str, address: str):
    assert socketio_check.address(url) == address


async def test_public_mode_opens_nothing_to_loopback(url: str):
    async with Net(AddressPolicy("public"), user_agent="x") as net:
        assert (await run(net, url)).cause is Cause.REFUSED_ADDRESS

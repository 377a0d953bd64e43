import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.utils import accept_key

from app.core.exchange import Exchange, Failure, Purpose
from app.net import AddressPolicy, Net
from app.probes.websocket import MAX_BODY_BYTES, handshake
from tests.loopback import Serve

Endings = asyncio.Queue[tuple[int | None, str | None]]


async def open_one(net: Net, url: str, origin: str | None = "http://page.example", **options) -> Exchange:
    return await handshake(net, id=3, purpose=Purpose.WEBSOCKET, url=url, origin=origin, started=time.monotonic(), **options)


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[tuple[Server, int, Endings]]]]:
    """Start a real WebSocket server; gives its port and a queue of (close code, subprotocol) of ended connections."""
    servers: list[Server] = []

    async def run(**options) -> tuple[Server, int, Endings]:
        endings: Endings = asyncio.Queue()

        async def talk(connection: ServerConnection) -> None:
            await connection.send("x" * 100_000)  # says something first, as many do
            await connection.wait_closed()
            endings.put_nowait((connection.close_code, connection.subprotocol))

        server = await serve_websockets(talk, "127.0.0.1", 0, **options)
        servers.append(server)
        return server, server.sockets[0].getsockname()[1], endings

    yield run
    for server in servers:
        server.close()
        await server.wait_closed()


async def serve_lines(serve: Serve, *lines: str) -> str:
    """Answer every opening request with these lines, "{accept}" filled in, and never end the connection; gives the URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = server.requests[-1].partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0].decode()
        writer.write("\r\n".join([*(line.replace("{accept}", accept_key(key)) for line in lines), "", ""]).encode())
        await reader.read()

    server = await serve(answer)
    return f"ws://127.0.0.1:{server.port}/ws"


SWITCH = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: {accept}")


async def test_accepted_handshake_is_a_101_and_is_closed_with_code_1000(net: Net, start):
    _, port, endings = await start(origins=["http://page.example"])
    exchange = await open_one(net, f"ws://127.0.0.1:{port}/chat?room=1#x")
    assert (exchange.status, exchange.failure, exchange.reason, exchange.http_version) == (101, None, "Switching Protocols", "1.1")
    assert (exchange.id, exchange.purpose, exchange.method) == (3, Purpose.WEBSOCKET, "GET")
    assert (exchange.url, exchange.address) == (f"ws://127.0.0.1:{port}/chat?room=1", f"127.0.0.1:{port}")
    sent = dict(exchange.request_headers)
    assert sent["Host"] == f"127.0.0.1:{port}"
    assert (sent["Origin"], sent["User-Agent"]) == ("http://page.example", "Seamwatch/test")
    assert 0 < exchange.timing.connect_ms <= exchange.timing.first_byte_ms <= exchange.timing.total_ms
    async with asyncio.timeout(5):
        assert await endings.get() == (1000, None)


async def test_foreign_origin_is_refused_with_status_headers_and_body(net: Net, start):
    _, port, _ = await start(origins=["http://page.example"])
    exchange = await open_one(net, f"ws://127.0.0.1:{port}/", "https://seamwatch.invalid")
    assert (exchange.status, exchange.failure) == (403, None)
    assert exchange.media_type == "text/plain"
    assert b"origin" in exchange.body.lower()


async def test_no_origin_header_is_sent_for_none(net: Net, start):
    _, port, _ = await start(origins=[None])
    exchange = await open_one(net, f"ws://127.0.0.1:{port}/", None)
    assert exchange.status == 101
    assert "Origin" not in dict(exchange.request_headers)


async def test_subprotocol_is_offered_and_the_choice_recorded(net: Net, start):
    _, port, endings = await start(subprotocols=["graphql-ws"])
    exchange = await open_one(net, f"ws://127.0.0.1:{port}/", subprotocols=("other", "graphql-ws"))
    assert exchange.header("sec-websocket-protocol") == "graphql-ws"
    async with asyncio.timeout(5):
        assert await endings.get() == (1000, "graphql-ws")


async def test_wss_verifies_the_certificate_as_requests_do(start, tmp_path: Path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    _, port, endings = await start(ssl=context)
    async with Net(AddressPolicy("private"), user_agent="x", ca_file=str(tmp_path / "ca.pem")) as net:
        exchange = await open_one(net, f"wss://localhost:{port}/")
        assert (exchange.status, exchange.failure_text) == (101, "")
        assert exchange.timing.tls_ms > 0
        async with asyncio.timeout(5):
            assert await endings.get() == (1000, None)
        wrong = await open_one(net, f"wss://127.0.0.1:{port}/")
    assert (wrong.failure, wrong.failure_text) == (Failure.TLS, "The certificate of 127.0.0.1 is for another name.")


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nServer: nginx\r\nserver: b\r\n\r\ngone", 404, b"gone"),
        (b"HTTP/1.0 404 Not Found\r\nServer: nginx\r\nserver: b\r\n\r\ngone", 404, b"gone"),
        (b"HTTP/1.1 200 OK\r\nServer: nginx\r\nserver: b\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n", 200, b"<html>"),
        (b"HTTP/1.1 301 Moved\r\nServer: nginx\r\nserver: b\r\nLocation: /ws/\r\nContent-Length: 0\r\n\r\n", 301, b""),
        (
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 426 Upgrade Required\r\nServer: nginx\r\nserver: b\r\nContent-Length: 0\r\n\r\n",
            426,
            b"",
        ),
    ],
)
async def test_answer_that_is_no_101_is_recorded_whole(net: Net, serve: Serve, answer: bytes, status: int, body: bytes):
    server = await serve(answer)
    exchange = await open_one(net, f"ws://127.0.0.1:{server.port}/ws")
    assert (exchange.status, exchange.failure, exchange.body, exchange.truncated) == (status, None, body, False)
    assert exchange.response is not None
    assert [pair for pair in exchange.response.headers if pair[0].lower() == "server"] == [("Server", "nginx"), ("server", "b")]


async def test_body_of_a_refusal_is_bounded(net: Net, serve: Serve):
    async def stream(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    server = await serve(stream)
    exchange = await open_one(net, f"ws://127.0.0.1:{server.port}/")
    assert (exchange.status, len(exchange.body), exchange.truncated) == (403, MAX_BODY_BYTES, True)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((*SWITCH[:3], "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="), "Sec-WebSocket-Accept"),
        (SWITCH[:3], "Sec-WebSocket-Accept"),
        ((SWITCH[0], *SWITCH[2:]), "Upgrade"),
        ((*SWITCH, "Sec-WebSocket-Protocol: unasked"), "subprotocol"),
        ((*SWITCH, "Sec-WebSocket-Extensions: unasked"), "extension"),
    ],
)
async def test_101_that_a_browser_would_not_open_is_a_protocol_failure(net: Net, serve: Serve, lines: tuple[str, ...], words: str):
    exchange = await open_one(net, await serve_lines(serve, *lines))
    assert (exchange.failure, exchange.response) == (Failure.PROTOCOL, None)
    assert words in exchange.failure_text
    assert exchange.failure_text.startswith("127.0.0.1 answers 101, but no browser opens this WebSocket:")


async def test_server_that_never_closes_its_half_was_open_all_the_same(net: Net, serve: Serve):
    exchange = await open_one(net, await serve_lines(serve, *SWITCH))
    assert (exchange.status, exchange.failure, exchange.failure_text) == (101, None, "")


@pytest.mark.parametrize(
    ("answer", "failure", "words"),
    [
        (b"", Failure.PROTOCOL, "without an answer"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Failure.PROTOCOL, "does not speak HTTP"),
        (b"HTTP/1.1 101 Switching\r\nbroken\r\n\r\n", Failure.PROTOCOL, "broken headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, Failure.PROTOCOL, "more headers"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50_000, Failure.PROTOCOL, "more headers"),
    ],
)
async def test_what_is_not_an_answer_is_told_as_for_requests(net: Net, serve: Serve, answer: bytes, failure: Failure, words: str):
    server = await serve(answer)
    exchange = await open_one(net, f"ws://127.0.0.1:{server.port}/")
    assert (exchange.failure, exchange.response) == (failure, None)
    assert words in exchange.failure_text


async def test_silence_is_a_time_out_and_a_body_that_stops_is_cut(net: Net, serve: Serve):
    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno")
        await reader.read()

    silent, stopping = await serve(wait), await serve(half)
    exchange = await open_one(net, f"ws://127.0.0.1:{silent.port}/", timeout_s=0.2)
    assert (exchange.failure, exchange.failure_text) == (Failure.TIMEOUT, "127.0.0.1 does not answer within 0.2 s.")
    exchange = await open_one(net, f"ws://127.0.0.1:{stopping.port}/", timeout_s=1)
    assert (exchange.status, exchange.failure, exchange.body, exchange.truncated) == (403, None, b"no", True)


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("ws://127.0.0.1:1/", Failure.CONNECT),
        ("ws://nowhere.invalid/", Failure.DNS),
        ("ws://169.254.169.254/", Failure.REFUSED_ADDRESS),
        ("http://127.0.0.1:1/", Failure.INVALID_URL),
        ("ws://a:b@127.0.0.1/", Failure.INVALID_URL),
        ("", Failure.INVALID_URL),
    ],
)
async def test_target_that_cannot_be_reached_is_an_exchange(net: Net, url: str, failure: Failure):
    exchange = await open_one(net, url)
    assert (exchange.failure, exchange.response) == (failure, None)
    assert exchange.failure_text


async def test_peer_that_resets_the_connection_at_once_is_an_exchange(net: Net):
    def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = writer.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with RST
        writer.transport.abort()

    listener = await asyncio.start_server(reset, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    for _ in range(20):
        exchange = await open_one(net, f"ws://127.0.0.1:{port}/")
        assert exchange.response is None
        assert exchange.failure in (Failure.CONNECT, Failure.PROTOCOL)
        received = await net.request("GET", f"http://127.0.0.1:{port}/")
        assert received.failure in (Failure.CONNECT, Failure.PROTOCOL)
    listener.close()


async def test_public_mode_opens_no_websocket_to_loopback(serve: Serve):
    server = await serve(b"")
    async with Net(AddressPolicy("public"), user_agent="x") as net:
        exchange = await open_one(net, f"ws://localhost:{server.port}/")
    assert exchange.failure is Failure.REFUSED_ADDRESS
    assert server.connections == 0

import asyncio
import base64
import gzip
import resource
import zlib
from pathlib import Path

import pycurl
import pytest

from app.core.exchange import Failure
from app.net import Net
from app.net.transfer import MAX_HEADER_BYTES, Target
from tests.loopback import Serve

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
# 64 MB of zeros, in 51 bytes.
BROTLI_BOMB = base64.b64decode("z///fwAkAOKxQHLv//n//w+ABEAcFoDu/T////8BkACIwwLQvf/P/0doABIAcVgAuofQ")


def gzip_bomb() -> bytes:
    """200 MB of zeros in 200 kB, made piece by piece: the test looks at the peak of this process's memory."""
    packer = zlib.compressobj(1, wbits=31)
    piece = bytes(1_000_000)
    return b"".join([*(packer.compress(piece) for _ in range(200)), packer.flush()])


async def test_response_headers_keep_order_case_and_duplicates(net: Net, serve: Serve):
    server = await serve(
        b"HTTP/1.1 404 NOT FOUND\r\nVary: Cookie\r\nX-b: 1\r\nSet-Cookie: a=1\r\n"
        b"x-B:2 \r\nSet-Cookie: b=2\r\nEmpty:\r\nContent-Length: 0\r\n\r\n"
    )
    received = await net.request("GET", server.url)
    assert received.response is not None
    assert received.response.headers == (
        ("Vary", "Cookie"),
        ("X-b", "1"),
        ("Set-Cookie", "a=1"),
        ("x-B", "2"),
        ("Set-Cookie", "b=2"),
        ("Empty", ""),
        ("Content-Length", "0"),
    )
    assert (received.response.status, received.reason, received.http_version) == (404, "NOT FOUND", "1.1")
    assert received.address == f"127.0.0.1:{server.port}"
    assert 0 < received.timing.connect_ms <= received.timing.first_byte_ms <= received.timing.total_ms


async def test_request_headers_are_sent_as_given_and_nothing_is_added(net: Net, serve: Serve):
    server = await serve(OK)
    headers = (("b-Last", "1"), ("Origin", "null"), ("Access-Control-Request-Headers", "a,b"), ("x-empty", ""), ("A", "é"), ("b-Last", "2"))
    await net.request("OPTIONS", f"{server.url}a/../b//c?q=[x]&%7e#fragment", headers)
    assert server.requests == [
        f"OPTIONS /a/../b//c?q=[x]&%7e HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nb-Last: 1\r\nOrigin: null\r\n"
        "Access-Control-Request-Headers: a,b\r\nx-empty:\r\nA: é\r\nb-Last: 2\r\n\r\n".encode("latin-1")
    ]


async def test_nothing_of_one_request_leaks_into_the_next(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n", keep=True)
    await net.request("PUT", server.url, (("X-Secret", "1"), ("Accept", "x/y")), body=b"")
    await net.request("HEAD", server.url)
    await net.request("GET", server.url)
    host = f"Host: 127.0.0.1:{server.port}\r\n\r\n".encode()
    assert server.requests[1:] == [b"HEAD / HTTP/1.1\r\n" + host, b"GET / HTTP/1.1\r\n" + host]
    assert server.connections == 1


async def test_body_is_sent_without_a_content_type_of_its_own(net: Net, serve: Serve):
    bodies = []

    async def read_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readexactly(4))
        writer.write(OK)

    server = await serve(read_body)
    await net.request("PATCH", server.url, (("content-type", "application/json"),), body=b"\0{}\xff")
    assert bodies == [b"\0{}\xff"]
    assert server.requests[0].startswith(b"PATCH / ")
    assert server.requests[0].lower().count(b"content-type") == 1
    assert b"Content-Length: 4\r\n" in server.requests[0]


async def test_method_is_sent_as_it_stands(net: Net, serve: Serve):
    server = await serve(OK)
    await net.request("patch", server.url)
    assert server.requests[0].startswith(b"patch / ")


async def test_redirect_is_an_answer_and_is_not_followed(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
    received = await net.request("GET", server.url)
    assert received.response is not None
    assert received.response.status == 302
    assert received.response.get("location") == "http://169.254.169.254/"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.0 200 OK\r\nX: 1\r\n\r\nold", b"old"),
        (b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\nno length", b"no length"),
        (b"HTTP/1.1 200 OK\nX: 1\n\nbare line feeds", b"bare line feeds"),
        (b"HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nhi\r\n0\r\nX: late\r\nTrailer: t\r\n\r\n", b"hi"),
        (b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nX: 1\r\nContent-Length: 10\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\nX: 1\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (
            (
                b"HTTP/1.1 100 Continue\r\nX: no\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: no\r\n\r\n"
                b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 2\r\n\r\nhi"
            ),
            b"hi",
        ),
    ],
)
async def test_every_framing_of_http_1_is_read(net: Net, serve: Serve, answer: bytes, body: bytes):
    server = await serve(answer)
    received = await net.request("GET", server.url)
    assert received.failure is None
    assert received.response is not None
    assert received.response.values("x") == ["1"]
    assert (received.body, received.truncated, received.failure_text) == (body, False, "")


async def test_head_has_no_body_whatever_its_content_length(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
    received = await net.request("HEAD", server.url)
    assert received.response is not None
    assert (received.response.get("content-length"), received.body, received.truncated) == ("5000000000", b"", False)


async def test_header_bytes_beyond_ascii_are_read_as_latin_1_and_folded_lines_are_joined(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 200 Gar\xe7on\r\nX: caf\xe9 \xff\r\nY: a\r\n  b\r\n\tc\r\nContent-Length: 0\r\n\r\n")
    received = await net.request("GET", server.url)
    assert received.response is not None
    assert received.reason == "Garçon"
    assert received.response.get("x") == "café ÿ"
    assert (received.response.get("y") or "").split() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "does not speak HTTP"),
        (b"", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", "broken headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "broken headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n", "more headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n", "more headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y", ""),
    ],
)
async def test_what_is_not_an_http_answer_is_a_protocol_failure_in_plain_words(net: Net, serve: Serve, answer: bytes, words: str):
    server = await serve(answer)
    received = await net.request("GET", server.url)
    assert received.response is None
    assert received.failure is Failure.PROTOCOL
    assert words in received.failure_text
    assert received.failure_text.endswith(".")


@pytest.mark.parametrize("line", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"X: y\r\n"])
async def test_endless_headers_end_at_the_limit(net: Net, serve: Serve, line: bytes):
    sent = 0

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"" if line.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(line * 100)
            sent += 100
            await writer.drain()

    server = await serve(flood)
    received = await net.request("GET", server.url)
    assert received.failure is Failure.PROTOCOL
    assert "more headers" in received.failure_text
    assert sent * len(line) < 100 * MAX_HEADER_BYTES


async def test_endless_body_is_cut_at_the_limit_and_the_connection_ended(net: Net, serve: Serve):
    sent = 0

    async def stream(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
        while sent < 5_000_000_000:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    server = await serve(stream)
    received = await net.request("GET", server.url, max_body_bytes=100_000)
    assert received.failure is None
    assert received.response is not None
    assert (len(received.body), received.truncated, received.failure_text) == (100_000, True, "")
    assert sent < 50_000_000


@pytest.mark.parametrize("content_type", ["text/event-stream", "text/event-stream; charset=utf-8", "multipart/x-mixed-replace; boundary=a"])
async def test_body_that_never_ends_by_its_type_is_not_waited_for(net: Net, serve: Serve, content_type: str):
    async def stream(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode())
        await writer.drain()
        await asyncio.sleep(60)

    server = await serve(stream)
    received = await net.request("GET", server.url, timeout_s=5)
    assert received.response is not None
    assert received.response.status == 200
    assert (received.truncated, received.failure_text) == (True, "")


async def test_body_of_exactly_the_limit_is_whole(net: Net, serve: Serve):
    server = await serve(OK)
    assert not (await net.request("GET", server.url, max_body_bytes=2)).truncated
    assert (await net.request("GET", server.url, max_body_bytes=1)).truncated
    nothing = await net.request("GET", server.url, max_body_bytes=0)
    assert (nothing.body, nothing.truncated) == (b"", True)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello brotli", mtime=0)),
        ("x-gzip", gzip.compress(b"hello brotli", mtime=0)),
        ("deflate", zlib.compress(b"hello brotli")),
        ("deflate", zlib.compress(b"hello brotli", wbits=-15)),
        ("br", bytes.fromhex("8b058068656c6c6f2062726f746c6903")),
        ("identity", b"hello brotli"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"hello brotli", mtime=0), mtime=0)),
    ],
)
async def test_compressed_bodies_are_decompressed(net: Net, serve: Serve, encoding: str, body: bytes):
    server = await serve(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    received = await net.request("GET", server.url)
    assert (received.body, received.truncated, received.failure_text) == (b"hello brotli", False, "")
    assert received.response is not None
    assert received.response.get("content-encoding") == encoding


@pytest.mark.parametrize(("encoding", "bomb"), [("gzip", gzip_bomb()), ("br", BROTLI_BOMB)], ids=["gzip", "br"])
async def test_compression_bomb_costs_no_more_than_the_limit(net: Net, serve: Serve, encoding: str, bomb: bytes):
    server = await serve(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode() + bomb)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    received = await net.request("GET", server.url, max_body_bytes=1_000_000)
    assert received.body == bytes(1_000_000)
    assert (received.truncated, received.failure) == (True, None)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 30_000


@pytest.mark.parametrize("encoding", ["gzip", "utf-8", "zstd"])
async def test_unreadable_compression_keeps_the_head_and_says_why_there_is_no_body(net: Net, serve: Serve, encoding: str):
    server = await serve(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 5\r\n\r\nplain".encode())
    received = await net.request("GET", server.url)
    assert received.response is not None
    assert (received.response.status, received.failure, received.truncated) == (200, None, True)
    assert "Content-Encoding" in received.failure_text


async def test_body_that_breaks_off_keeps_head_and_beginning(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhi")
    received = await net.request("GET", server.url)
    assert received.response is not None
    assert (received.body, received.truncated, received.failure) == (b"hi", True, None)
    assert received.failure_text == "The body broke off after 2 bytes."


async def test_slow_drip_ends_with_the_time_out(net: Net, serve: Serve):
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    server = await serve(drip)
    received = await net.request("GET", server.url, timeout_s=0.8)
    assert received.response is not None
    assert 0 < len(received.body) < 1000
    assert (received.failure, received.truncated) == (None, True)
    assert received.failure_text.startswith("The body did not end within 0.8 s")


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX: "])
async def test_silence_before_the_headers_are_complete_is_a_time_out(net: Net, serve: Serve, beginning: bytes):
    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await asyncio.sleep(60)

    server = await serve(wait)
    received = await net.request("GET", server.url, timeout_s=0.2)
    assert received.response is None
    assert received.failure is Failure.TIMEOUT
    assert received.failure_text == "127.0.0.1 does not answer within 0.2 s."


async def test_closed_port_is_a_refused_connection(net: Net, serve: Serve):
    listener = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    received = await net.request("GET", f"http://127.0.0.1:{port}/")
    assert received.failure is Failure.CONNECT
    assert received.failure_text == f"127.0.0.1 refuses connections on port {port}."


async def test_unknown_host_has_no_address(net: Net):
    received = await net.request("GET", "http://nowhere.invalid/")
    assert received.failure is Failure.DNS
    assert received.failure_text == "No host answers at nowhere.invalid."


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///example.com/",
        "http://user:secret@example.com/",
        "http://127.0.0.1\\@example.com/",
        "http://example.com:99999/",
        "http://example.com:0/",
        "http://exa mple.com/",
        "http://[::1/",
        "http://example.com/\r\nX: y",
        "http://example.com/\0",
        "http://\ud800.example/",
    ],
)
async def test_what_is_no_http_address_is_not_asked(net: Net, url: str):
    received = await net.request("GET", url)
    assert received.failure is Failure.INVALID_URL
    assert "secret" not in received.failure_text


def test_addresses_beyond_ascii_are_written_as_browsers_do():
    target = Target.parse("HTTP://Bücher.Example:80/caf é/%20?q=ü#x")
    assert target is not None
    assert target.url == b"http://xn--bcher-kva.example/caf%20%C3%A9/%20?q=%C3%BC"
    assert (target.host, target.port, target.authority) == ("xn--bcher-kva.example", 80, "xn--bcher-kva.example")


@pytest.mark.parametrize("header", [("X", "a\r\nY: b"), ("X", "a\0"), ("X\r\nY", "b"), ("", "a"), ("X:", "a"), ("X;", "")])
async def test_header_that_would_smuggle_another_is_an_error_of_the_caller(net: Net, header: tuple[str, str]):
    with pytest.raises(ValueError, match=r"header|line break"):
        await net.request("GET", "http://127.0.0.1:1/", (header,))
    with pytest.raises(ValueError, match="method"):
        await net.request("GET / HTTP/1.1\r\nX:", "http://127.0.0.1:1/")


async def test_proxies_and_netrc_of_the_environment_are_not_used(net: Net, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    server = await serve(OK)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    received = await net.request("GET", server.url)
    assert received.body == b"hi"
    assert b"authorization" not in server.requests[0].lower()


def test_this_build_of_libcurl_reads_brotli_and_http_2():
    features = pycurl.version_info()[4]
    assert features & pycurl.VERSION_BROTLI
    assert features & pycurl.VERSION_HTTP2

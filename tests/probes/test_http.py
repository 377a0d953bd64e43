import time

import pytest

from app.core.exchange import Failure, Purpose
from app.net import Net
from app.probes.http import ask
from tests.loopback import Serve

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: 1\r\nx: 2\r\nContent-Length: 2\r\n\r\n{}"


async def test_exchange_records_exactly_what_was_sent_and_what_came_back(net: Net, serve: Serve):
    server = await serve(OK)
    headers = (("Origin", "http://page.example"), ("X-Token", "1"))
    exchange = await ask(
        net, id=7, purpose=Purpose.ACTUAL, method="GET", url=f"{server.url}api/items?x=1#top", headers=headers, started=time.monotonic()
    )
    lines = server.requests[0].decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    assert lines[0] == "GET /api/items?x=1 HTTP/1.1"
    assert exchange.request_headers == tuple(tuple(line.split(": ", 1)) for line in lines[1:])
    assert exchange.request_headers == (
        ("Host", f"127.0.0.1:{server.port}"),
        ("Origin", "http://page.example"),
        ("X-Token", "1"),
        ("User-Agent", "Seamwatch/test"),
        ("Accept", "*/*"),
        ("Accept-Language", "en-US,en;q=0.9"),
        ("Accept-Encoding", "gzip, deflate, br"),
    )
    assert (exchange.id, exchange.purpose, exchange.method, exchange.url) == (7, Purpose.ACTUAL, "GET", f"{server.url}api/items?x=1")
    assert (exchange.status, exchange.reason, exchange.http_version, exchange.body) == (200, "OK", "1.1", b"{}")
    assert exchange.header("x") == "1, 2"
    assert exchange.address == f"127.0.0.1:{server.port}"
    assert exchange.started_ms >= 0


async def test_page_is_asked_for_as_a_document_and_the_callers_own_headers_win(net: Net, serve: Serve):
    server = await serve(OK)
    page = await ask(net, id=1, purpose=Purpose.PAGE, method="GET", url=server.url, started=time.monotonic())
    assert dict(page.request_headers)["Accept"].startswith("text/html")
    own = (("accept", "application/json"), ("user-agent", "mine"), ("ACCEPT-ENCODING", "identity"))
    api = await ask(net, id=2, purpose=Purpose.MISSING_API, method="GET", url=server.url, headers=own, started=time.monotonic())
    assert [name.lower() for name, _ in api.request_headers] == ["host", "accept", "user-agent", "accept-encoding", "accept-language"]
    assert server.requests[1].lower().count(b"accept: ") == 1


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("http://nowhere.invalid/", Failure.DNS),
        ("http://127.0.0.1:1/", Failure.CONNECT),
        ("nonsense", Failure.INVALID_URL),
        ("http://169.254.169.254/", Failure.REFUSED_ADDRESS),
    ],
)
async def test_target_that_fails_is_an_exchange(net: Net, url: str, failure: Failure):
    exchange = await ask(net, id=1, purpose=Purpose.PAGE, method="GET", url=url, started=time.monotonic())
    assert (exchange.failure, exchange.response, exchange.status) == (failure, None, 0)
    assert exchange.failure_text.endswith((".", "file."))


async def test_limits_of_the_caller_hold(net: Net, serve: Serve):
    server = await serve(OK)
    exchange = await ask(net, id=1, purpose=Purpose.PAGE, method="GET", url=server.url, started=time.monotonic(), max_body_bytes=1)
    assert (exchange.body, exchange.truncated) == (b"{", True)

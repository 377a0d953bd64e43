"""Checks by HTTP against real servers: what is sent, what redirects do, and what is said of failures."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.ask import Ask, Basic, Bearer
from app.core.assertions import Assertion, Operator, Subject
from app.core.checked import Checked
from app.core.checks import PageCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import http_check
from app.probes.tools import Tools
from tests.loopback import Serve, net, serve

__all__ = ["net", "serve"]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def moved(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def run(net: Net, url: str, *, timeout_s: float = 5, **options: Any) -> Checked:
    return await http_check.run(PageCheck(Ask(url, **options)), Tools(net, timeout_s, datetime.now(UTC)))


async def test_an_answer_of_which_everything_holds_is_up_with_its_phases(net: Net, serve: Serve):
    server = await serve(OK)
    found = await run(net, server.url)
    assert (found.outcome, found.cause, found.text, found.code) == (Outcome.UP, Cause.NONE, "", 200)
    assert found.timing is not None
    assert 0 < found.timing.connect_ms <= found.timing.first_byte_ms <= found.timing.total_ms
    assert b"User-Agent: Seamwatch/test" in server.requests[0]


async def test_an_answer_of_which_something_does_not_hold_says_what(net: Net, serve: Serve):
    found = await run(net, (await serve(MISSING)).url)
    assert (found.outcome, found.cause, found.code) == (Outcome.DOWN, Cause.ASSERTION, 404)
    assert found.text == "It should hold that status is 200-299; found 404."


async def test_a_slow_answer_may_only_warn(net: Net, serve: Serve):
    slow = Assertion(Subject.LATENCY, Operator.BELOW, "0.001", warns=True)
    assert (await run(net, (await serve(OK)).url, assertions=(slow,))).outcome is Outcome.DEGRADED


async def test_redirects_are_followed_and_count_together(net: Net, serve: Serve):
    last = await serve(OK)
    first = await serve(moved(f"{last.url}there?a=b"))
    found = await run(net, first.url)
    assert [exchange.status for exchange in found.exchanges] == [302, 200]
    assert last.requests[0].startswith(b"GET /there?a=b ")
    assert found.timing is not None
    assert found.timing.total_ms == pytest.approx(sum(exchange.timing.total_ms for exchange in found.exchanges))


async def test_redirects_are_looked_at_as_they_are_when_asked(net: Net, serve: Serve):
    server = await serve(moved("/there"))
    found = await run(net, server.url, follow_redirects=False, assertions=(Assertion(Subject.STATUS, Operator.IS, "302"),))
    assert (found.outcome, len(server.requests)) == (Outcome.UP, 1)


async def test_credentials_and_headers_do_not_go_to_another_origin(net: Net, serve: Serve):
    last = await serve(OK)
    first = await serve(moved(last.url))
    await run(net, first.url, auth=Basic("ada", "sesame"), headers=(("X-Key", "secret"),))
    assert b"Authorization: Basic YWRhOnNlc2FtZQ==" in first.requests[0]
    assert b"X-Key: secret" in first.requests[0]
    assert b"Authorization" not in last.requests[0]
    assert b"X-Key" not in last.requests[0]


async def test_a_bearer_goes_along_within_its_origin(net: Net, serve: Serve):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK if len(server.requests) > 1 else moved("/again"))

    server = await serve(answer)
    await run(net, server.url, auth=Bearer("abc"))
    assert all(b"Authorization: Bearer abc" in request for request in server.requests)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(303, "POST", b"GET"), (302, "POST", b"GET"), (307, "POST", b"POST"), (301, "PUT", b"PUT"), (303, "HEAD", b"HEAD")],
)
async def test_the_method_after_a_redirect_is_the_one_that_browsers_use(net: Net, serve: Serve, status: int, method: str, then: bytes):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) > 1:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        if method in ("POST", "PUT"):
            await reader.readexactly(4)
        writer.write(moved("/then", status))

    server = await serve(answer)
    found = await run(net, server.url, method=method, body="body" if method in ("POST", "PUT") else None)
    assert found.outcome is Outcome.UP
    assert server.requests[1].split(b" ")[0] == then


async def test_redirects_that_do_not_end_are_down(net: Net, serve: Serve):
    server = await serve(moved("/again"))
    found = await run(net, server.url)
    assert (found.outcome, found.cause, len(server.requests)) == (Outcome.DOWN, Cause.PROTOCOL, 11)


@pytest.mark.parametrize(("location", "words"), [("http://", "which is no address"), ("ftp://a.example/", "not an http")])
async def test_a_redirect_to_nowhere_is_down(net: Net, serve: Serve, location: str, words: str):
    found = await run(net, (await serve(moved(location))).url)
    assert found.outcome is Outcome.DOWN
    assert words in found.text


async def test_a_redirect_into_the_private_network_is_refused(serve: Serve):
    inner = await serve(OK)
    outer = await serve(moved(inner.url))
    policy = AddressPolicy("private", own=frozenset({("127.0.0.1", inner.port)}))
    async with Net(policy, user_agent="x") as guarded:
        found = await run(guarded, outer.url)
    assert (found.outcome, found.cause, inner.requests) == (Outcome.DOWN, Cause.REFUSED_ADDRESS, [])


async def test_silence_and_refusal_are_told_apart(net: Net, serve: Serve):
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    found = await run(net, (await serve(silent)).url, timeout_s=0.2)
    assert (found.outcome, found.cause, found.timing) == (Outcome.DOWN, Cause.TIMEOUT, None)
    found = await run(net, "http://127.0.0.1:1/")
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.CONNECT)
    found = await run(net, "http://nowhere.invalid/")
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.DNS)


async def test_what_we_cancel_ourselves_says_nothing_about_the_target(serve: Serve):
    asked = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    server = await serve(silent)
    async with Net(AddressPolicy("private"), user_agent="x") as closing:
        task = asyncio.create_task(run(closing, server.url))
        await asked.wait()
    found = await task
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.OURSELVES)

"""CORS checks: what must be allowed and is not, what must be blocked and is not, and what cannot be judged."""

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.core.checked import Checked
from app.core.checks import CorsCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.verdict import FetchCall
from app.net import AddressPolicy, Net
from app.probes import cors_check
from app.probes.tools import Tools
from tests.loopback import Serve, Server

PAGE = "https://app.example"
ALLOW = f"Access-Control-Allow-Origin: {PAGE}"


def answer(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 0", *headers, "", ""]).encode()


def api(preflight: bytes, actual: Callable[[bytes], bytes]) -> tuple[Callable[..., object], list[Server]]:
    """Return a server that answers OPTIONS in one way, and others by their head."""
    holder: list[Server] = []

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = holder[0].requests[-1]
        writer.write(preflight if head.startswith(b"OPTIONS") else actual(head))

    return say, holder


async def served(serve: Serve, preflight: bytes, actual: bytes | Callable[[bytes], bytes]) -> Server:
    say, holder = api(preflight, actual if callable(actual) else lambda _head: actual)
    holder.append(await serve(say))
    return holder[0]


async def run(net: Net, call: FetchCall, *, timeout_s: float = 5, **options) -> Checked:
    return await cors_check.run(CorsCheck(call, **options), Tools(net, timeout_s, datetime.now(UTC)))


def listing(head: bytes) -> bytes:
    """Answer as an API does that knows its page."""
    return answer("200 OK", ALLOW, "Vary: Origin") if f"Origin: {PAGE}\r\n".encode() in head else answer("200 OK", "Vary: Origin")


async def test_a_call_that_is_allowed_to_its_page_and_to_no_foreign_one_is_up(net: Net, serve: Serve):
    server = await served(serve, answer("404 Not Found"), listing)
    found = await run(net, FetchCall(PAGE, server.url))
    assert (found.outcome, found.text, found.code) == (Outcome.UP, "", 200)
    assert dict(found.facts)["from https://seamwatch.invalid"] == "blocked"
    assert [exchange.id for exchange in found.exchanges] == [1, 2]
    assert found.timing is not None


PUT = FetchCall(PAGE, "", "PUT", (("X-A", "1"),), credentials="include")
CREDENTIALS = "Access-Control-Allow-Credentials: true"
BLOCKED = [
    (PUT, answer("405 Method Not Allowed"), "preflight: origin is not allowed", "access-control-allow-origin: (none)"),
    (PUT, answer("200 OK", "Access-Control-Allow-Origin: *"), "* does not go with credentials", "access-control-allow-origin: *"),
    (PUT, answer("200 OK", ALLOW), "preflight: credentials are not allowed", "access-control-allow-credentials: (none)"),
    (PUT, answer("401 No", ALLOW, CREDENTIALS), "preflight: status is not 2xx", "status: 401"),
    (PUT, answer("200 OK", ALLOW, CREDENTIALS), "preflight: the method is refused", "access-control-allow-methods: (none)"),
    (
        PUT,
        answer("200 OK", ALLOW, CREDENTIALS, "Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: x-b"),
        "preflight: a header is refused",
        "access-control-allow-headers: x-b",
    ),
]


@pytest.mark.parametrize(("call", "preflight", "step", "header"), BLOCKED, ids=[row[2] for row in BLOCKED])
async def test_a_call_that_is_blocked_names_the_step_and_the_header(
    net: Net, serve: Serve, call: FetchCall, preflight: bytes, step: str, header: str
):
    server = await served(serve, preflight, answer("200 OK"))
    found = await run(net, FetchCall(call.origin, server.url, call.method, call.headers, credentials=call.credentials))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert found.text.startswith(f"A browser blocks PUT {server.url} from {PAGE}: ")
    assert step in found.text
    assert f"({header})" in found.text
    assert not any(request.startswith(b"PUT") for request in server.requests)


async def test_a_method_that_changes_data_is_judged_by_its_preflight_and_a_get(net: Net, serve: Serve):
    preflight = answer("204 No Content", ALLOW, "Access-Control-Allow-Methods: DELETE")
    server = await served(serve, preflight, listing)
    found = await run(net, FetchCall(PAGE, server.url, "DELETE"), foreign_origins=())
    assert found.outcome is Outcome.UP
    assert {request.split(b" ")[0] for request in server.requests} == {b"OPTIONS", b"GET"}
    assert "Inferred from a GET" in dict(found.facts)["certainty"]


async def test_a_gateway_that_fails_is_named_beside_the_missing_header(net: Net, serve: Serve):
    server = await served(serve, b"", answer("502 Bad Gateway"))
    found = await run(net, FetchCall(PAGE, server.url))
    assert "It answers 502." in found.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil.example"])
async def test_a_foreign_page_that_may_call_is_down(net: Net, serve: Serve, origin: str):
    def reflecting(head: bytes) -> bytes:
        sent = next(line.partition(b": ")[2] for line in head.split(b"\r\n") if line.startswith(b"Origin"))
        return answer("200 OK", f"Access-Control-Allow-Origin: {sent.decode()}")

    server = await served(serve, b"", reflecting)
    found = await run(net, FetchCall(PAGE, server.url), foreign_origins=(origin,))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert found.text == f"A browser allows GET {server.url} from {origin}, a foreign page: access-control-allow-origin: {origin}."


async def test_a_call_that_must_be_blocked_is_down_when_it_is_allowed(net: Net, serve: Serve):
    closed, opened = await served(serve, b"", answer("200 OK")), await served(serve, b"", listing)
    assert (await run(net, FetchCall(PAGE, closed.url), allowed=False)).outcome is Outcome.UP
    found = await run(net, FetchCall(PAGE, opened.url), allowed=False)
    assert found.outcome is Outcome.DOWN
    assert "which should be blocked" in found.text


async def test_redirects_are_followed_as_browsers_do_and_not_into_private_addresses(serve: Serve):
    inner = await served(serve, b"", listing)
    outer = await served(serve, b"", answer("302 Found", ALLOW, f"Location: {inner.url}"))
    async with Net(AddressPolicy("private"), user_agent="x") as free:
        found = await run(free, FetchCall(PAGE, outer.url), foreign_origins=())
        # From one foreign origin to another the browser says Origin: null.
        assert found.outcome is Outcome.DOWN
        assert b"Origin: null" in inner.requests[0]
    inner.requests.clear()
    async with Net(AddressPolicy("private", own=frozenset({("127.0.0.1", inner.port)})), user_agent="x") as guarded:
        found = await run(guarded, FetchCall(PAGE, outer.url), foreign_origins=())
    assert (found.outcome, found.cause, inner.requests) == (Outcome.DOWN, Cause.REFUSED_ADDRESS, [])


async def test_silence_and_refusal_are_what_they_are(net: Net, serve: Serve):
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    found = await run(net, FetchCall(PAGE, (await serve(silent)).url), timeout_s=0.3)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens there
        found = await run(net, FetchCall(PAGE, f"http://127.0.0.1:{held.getsockname()[1]}/"))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.CONNECT)
    found = await run(net, FetchCall(PAGE, "http://127.0.0.1:1/"))  # a port that browsers connect to for nobody
    assert "the port is blocked" in found.text


async def test_a_call_that_fetch_refuses_is_blocked_without_a_request(net: Net):
    found = await run(net, FetchCall(PAGE, "http://127.0.0.1:1/", "TRACE"), foreign_origins=())
    assert (found.outcome, found.exchanges) == (Outcome.DOWN, ())
    assert "blocks TRACE" in found.text

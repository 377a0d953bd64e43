"""Flows against a real application: a login with CSRF token and session, an API that takes a token; and how they end."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from flask import Flask, jsonify, make_response, redirect, request

from app.core.ask import Ask, Bearer
from app.core.assertions import Assertion, Operator, Subject
from app.core.checked import Checked
from app.core.checks import Capture, CaptureFrom, FlowCheck, FlowStep
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes.filled import run_filled
from app.probes.tools import Tools
from tests.loopback import Serve

PASSWORD = "open-sesame-77"
TOKEN = "tok-0123456789abcdef"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


def application() -> Flask:
    """A login form whose CSRF token belongs to a session cookie, a token for the signed-in, and an API that takes it."""
    app = Flask("flow")
    app.secret_key = "for a test"

    @app.get("/login")
    def form() -> Any:
        answer = make_response(
            '<form method="post"><input type="hidden" name="csrf" value="csrf-77f0e1d2c3"><input name="password"></form>'
        )
        answer.set_cookie("visit", "visit-abcdef012345", path="/login")
        return answer

    @app.post("/login")
    def login() -> Any:
        if request.form.get("csrf") != "csrf-77f0e1d2c3" or request.cookies.get("visit") != "visit-abcdef012345":
            return "bad csrf", 403
        if request.form.get("password") != PASSWORD:
            return f"not {request.form.get('password')}", 401
        answer = redirect("/home", 302)
        answer.set_cookie("session", "session-0123456789", path="/", httponly=True)
        answer.set_cookie("visit", "", path="/login", max_age=0)
        return answer

    @app.get("/home")
    def home() -> Any:
        signed_in = request.cookies.get("session") == "session-0123456789" and "visit" not in request.cookies
        return (jsonify(token=TOKEN, note=f"your token is {TOKEN}"), 200) if signed_in else ("who?", 403)

    @app.get("/api/items")
    def items() -> Any:
        return jsonify(items=[1, 2]) if request.headers.get("Authorization") == f"Bearer {TOKEN}" else (jsonify(error="no token"), 401)

    return app


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def served(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, WSGIServer, _Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with served(application()) as url:
        yield url


def login_and_call(url: str) -> FlowCheck:
    return FlowCheck(
        (
            FlowStep("open the form", Ask(f"{url}/login"), (Capture("csrf", CaptureFrom.HTML, "input[name=csrf]"),)),
            FlowStep(
                "log in",
                Ask(f"{url}/login", "POST", FORM, body="csrf={{csrf}}&password={{secret.PASSWORD}}"),
                (Capture("token", CaptureFrom.JSON, "$.token"), Capture("session", CaptureFrom.COOKIE, "session")),
            ),
            FlowStep(
                "call the API",
                Ask(
                    f"{url}/api/items",
                    headers=(("Authorization", "Bearer {{token}}"), ("X-Session", "{{session}}")),
                    assertions=(Assertion(Subject.STATUS, Operator.IS, "200"), Assertion(Subject.JSON, Operator.IS, "2", "$.items[1]")),
                ),
            ),
        )
    )


async def run(net: Net, check: FlowCheck, timeout_s: float = 10, **secrets: str) -> Checked:
    return await run_filled(check, Tools(net, timeout_s, datetime.now(UTC)), secrets)


async def test_a_login_with_csrf_token_session_and_api_token_succeeds_and_keeps_none_of_them(net: Net, shop: str):
    found = await run(net, login_and_call(shop), PASSWORD=PASSWORD)
    assert (found.outcome, found.text, found.code) == (Outcome.UP, "", 200)
    assert [exchange.status for exchange in found.exchanges] == [200, 302, 200, 200]
    assert [exchange.id for exchange in found.exchanges] == [1, 2, 3, 4]
    assert [finding.held for finding in found.findings] == [True] * 4
    kept = repr(found) + repr([exchange.body for exchange in found.exchanges])
    for secret in (PASSWORD, TOKEN, "csrf-77f0e1d2c3", "session-0123456789", "visit-abcdef012345"):
        assert secret not in kept, secret
    timing = found.timing
    assert timing is not None
    assert timing.total_ms == pytest.approx(sum(exchange.timing.total_ms for exchange in found.exchanges), abs=0.01)
    assert 0 < timing.connect_ms <= timing.first_byte_ms <= timing.total_ms


async def test_the_first_step_that_fails_ends_the_flow_and_is_named(net: Net, shop: str):
    found = await run(net, login_and_call(shop), PASSWORD="wrong-password")
    assert (found.outcome, found.cause, found.code) == (Outcome.DOWN, Cause.ASSERTION, 401)
    assert found.text == "Step 2 (log in): It should hold that status is 200-299; found 401."
    assert len(found.exchanges) == 2
    assert found.exchanges[1].body == "not •••".encode()


@pytest.mark.parametrize(
    ("capture", "words"),
    [
        (Capture("x", CaptureFrom.HEADER, "X-Nothing"), "the answer has no header X-Nothing"),
        (Capture("x", CaptureFrom.COOKIE, "nothing"), "no answer has set a cookie nothing"),
        (Capture("x", CaptureFrom.HTML, "input[name=nothing]"), "nothing on the page matches input[name=nothing]"),
        (Capture("x", CaptureFrom.JSON, "$.x"), "the body is not JSON"),
        (Capture("x", CaptureFrom.HTML, "form"), "nothing on the page matches form, or it is empty"),
        (Capture("x", CaptureFrom.REGEX, "nothing (.*)"), "the pattern nothing (.*) is not found"),
    ],
)
async def test_what_cannot_be_captured_is_down_and_says_what_was_sought(net: Net, shop: str, capture: Capture, words: str):
    found = await run(net, FlowCheck((FlowStep("", Ask(f"{shop}/login"), (capture,)),)))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert found.text.startswith("Step 1: x cannot be captured: ")
    assert words in found.text


def page(body: str, *headers: str) -> bytes:
    raw = body.encode()
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(raw)}", *headers, "", ""]).encode() + raw


@pytest.mark.parametrize(
    ("capture", "value"),
    [
        (Capture("x", CaptureFrom.HEADER, "x-id"), "from-header"),
        (Capture("x", CaptureFrom.REGEX, r'id="(\w+)"'), "first"),
        (Capture("x", CaptureFrom.REGEX, r"[0-9]{4}"), "2026"),
        (Capture("x", CaptureFrom.HTML, "meta[name=csrf]"), "in-meta"),
        (Capture("x", CaptureFrom.HTML, "#first"), "2026"),
    ],
)
async def test_values_are_captured_from_every_place(net: Net, serve: Serve, capture: Capture, value: str):
    server = await serve(page('<meta name="csrf" content="in-meta"><p id="first">2026</p><p id="second">', "X-Id: from-header"))
    later = FlowStep("use", Ask(server.url, headers=(("X-Used", "{{x}}"),)))
    assert (await run(net, FlowCheck((FlowStep("", Ask(server.url), (capture,)), later)))).outcome is Outcome.UP
    assert f"X-Used: {value}\r\n".encode() in server.requests[1]


async def test_cookies_stay_with_their_host_path_and_time(net: Net, serve: Serve):
    other = await serve(page("other"))
    cookies = ("a=1; Path=/", "b=2; Path=/deep", "c=3; Max-Age=0", "d=4; Secure", "e=5; Domain=other.example", "__Host-f=6")
    server = await serve(page("hi", *(f"Set-Cookie: {cookie}" for cookie in cookies)))
    check = FlowCheck(
        (
            FlowStep("", Ask(server.url)),
            FlowStep("", Ask(f"{server.url}deep/er", headers=(("Cookie", "by=hand"),))),
            FlowStep("", Ask(f"http://localhost:{other.port}/")),
        )
    )
    assert (await run(net, check)).outcome is Outcome.UP
    sent = [line for line in server.requests[1].split(b"\r\n") if line.lower().startswith(b"cookie:")]
    # Loopback counts as trustworthy, so Secure travels there.
    assert sent == [b"Cookie: by=hand; b=2; a=1; d=4"]
    assert b"ookie" not in other.requests[0]


async def test_a_step_that_only_warns_lets_the_flow_go_on_and_degrades_it(net: Net, serve: Serve):
    server = await serve(page("hi"))
    slow = Assertion(Subject.LATENCY, Operator.BELOW, "0.0001", warns=True)
    found = await run(net, FlowCheck((FlowStep("one", Ask(server.url, assertions=(slow,))), FlowStep("two", Ask(server.url)))))
    assert (found.outcome, len(server.requests)) == (Outcome.DEGRADED, 2)
    assert found.text.startswith("Step 1 (one): It should hold that latency is below")


async def test_a_captured_value_that_cannot_be_sent_is_the_targets_fault(net: Net, serve: Serve):
    server = await serve(page('{"next": "no address\\r\\nX-Evil: 1"}'))
    capture = Capture("next", CaptureFrom.JSON, "$.next")
    for later in (Ask("http://{{next}}/"), Ask(server.url, headers=(("X-A", "{{next}}"),)), Ask(server.url, auth=Bearer("{{next}}"))):
        found = await run(net, FlowCheck((FlowStep("", Ask(server.url), (capture,)), FlowStep("", later))))
        assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.PROTOCOL)
        assert found.text.startswith("Step 2: ")
    assert not any(b"X-Evil" in request for request in server.requests)


async def test_all_steps_share_one_time_limit(net: Net, serve: Serve):
    async def slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) > 1:
            await asyncio.sleep(60)
        writer.write(page("hi"))

    server = await serve(slow)
    found = await run(net, FlowCheck(tuple(FlowStep("", Ask(server.url)) for _ in range(3))), timeout_s=0.4)
    assert (found.outcome, found.cause, len(server.requests)) == (Outcome.DOWN, Cause.TIMEOUT, 2)
    assert found.text.startswith("Step 2: ")


async def test_a_step_may_redirect_to_no_private_address(serve: Serve):

    inner = await serve(page("secret"))
    outer = await serve(f"HTTP/1.1 302 Found\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n".encode())
    async with Net(AddressPolicy("private", own=frozenset({("127.0.0.1", inner.port)})), user_agent="x") as guarded:
        found = await run(guarded, FlowCheck((FlowStep("go", Ask(outer.url)),)))
    assert (found.outcome, found.cause, inner.requests) == (Outcome.DOWN, Cause.REFUSED_ADDRESS, [])


async def test_hostile_pages_and_patterns_end_in_time(net: Net, serve: Serve):
    server = await serve(page("<div>" * 100_000 + "a" * 50_000))
    captures = (Capture("x", CaptureFrom.HTML, "p.nothing"), Capture("y", CaptureFrom.REGEX, "(a+)+$x"))
    for capture in captures:
        found = await run(net, FlowCheck((FlowStep("", Ask(server.url), (capture,)),)))
        assert found.outcome is Outcome.DOWN
        assert "cannot be captured" in found.text


async def test_half_a_character_is_no_value(net: Net, serve: Serve):
    server = await serve(page('{"x": "a\\ud800"}'))
    found = await run(net, FlowCheck((FlowStep("", Ask(server.url), (Capture("x", CaptureFrom.JSON, "$.x"),)),)))
    assert found.text == "Step 1: x cannot be captured: it holds half a character, which cannot be sent."

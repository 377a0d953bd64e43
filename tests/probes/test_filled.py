"""Secrets: what goes in is sent, and nothing of it comes out."""

import asyncio
import base64
from datetime import UTC, datetime

import pytest

from app.core.ask import Ask, Basic, Bearer
from app.core.assertions import Assertion, Operator, Subject
from app.core.checked import Checked
from app.core.checks import ApiCheck, Capture, CaptureFrom, FlowCheck, FlowStep
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import Net
from app.probes.filled import KEPT_BODY_BYTES, run_filled
from app.probes.tools import Tools
from tests.loopback import Serve

SECRET = "open/sésame & <more>"


def answer(body: str, *headers: str) -> bytes:
    raw = body.encode()
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(raw)}", *headers, "", ""]).encode() + raw


def tools(net: Net) -> Tools:
    return Tools(net, 5, datetime.now(UTC))


async def test_secrets_are_sent_and_come_back_in_no_form(net: Net, serve: Serve):
    token = "s3cr3t-t0ken"
    echo = f'{{"plain": "{token}", "quoted": "a%2Fb", "other": "kept"}}'
    server = await serve(answer(echo, f"X-Echo: {token}", "Set-Cookie: sid=abcdef0123456789; Path=/"))
    wrong = Assertion(Subject.JSON, Operator.IS, "{{secret.TOKEN}}x", "$.plain")
    check = ApiCheck(Ask(f"{server.url}?key={{{{secret.TOKEN}}}}", auth=Bearer("{{secret.TOKEN}}"), assertions=(wrong,)))
    found = await run_filled(check, tools(net), {"TOKEN": token})
    assert f"Authorization: Bearer {token}".encode() in server.requests[0]
    assert f"?key={token} ".encode() in server.requests[0]
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert token not in repr(found) + repr([exchange.body for exchange in found.exchanges])
    assert "abcdef0123456789" not in repr(found)
    assert b"kept" in found.exchanges[0].body
    assert found.findings[0].assertion == wrong


@pytest.mark.parametrize(
    "form", ["open/s%C3%A9same%20%26%20%3Cmore%3E", "open%2Fs%C3%A9same+%26+%3Cmore%3E", "open/sésame &amp; &lt;more&gt;"]
)
async def test_a_secret_that_is_sent_back_escaped_is_masked_as_well(net: Net, serve: Serve, form: str):
    server = await serve(answer(f"<p>{form}</p>"))
    found = await run_filled(ApiCheck(Ask(server.url, body="{{secret.X}}", method="POST")), tools(net), {"X": SECRET})
    assert found.exchanges[0].body.decode() == "<p>•••</p>"


async def test_where_it_redirects_to_is_told_without_the_secrets_that_it_names(net: Net, serve: Serve):
    server = await serve(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[?access_token=t0k3n-of-theirs\r\n\r\n")
    found = await run_filled(ApiCheck(Ask(server.url)), tools(net), {})
    assert "redirects to" in found.text
    assert "t0k3n-of-theirs" not in repr(found)


async def test_what_basic_makes_of_a_password_is_masked(net: Net, serve: Serve):
    pair = base64.b64encode(b"ada:sesame-77").decode()
    server = await serve(answer(f"you sent {pair}"))
    check = ApiCheck(Ask(server.url, auth=Basic("ada", "{{secret.P}}"), assertions=(Assertion(Subject.BODY, Operator.IS, "x"),)))
    found = await run_filled(check, tools(net), {"P": "sesame-77"})
    assert pair not in repr(found) + repr(found.exchanges[0].body)
    assert "•••" in found.text


async def test_the_beginning_of_a_secret_at_a_cut_is_masked(net: Net, serve: Serve):
    secret = "k" + "0123456789" * 6
    server = await serve(answer(f"{'a' * 180}{secret}"))
    check = ApiCheck(Ask(server.url, assertions=(Assertion(Subject.BODY, Operator.IS, "{{secret.X}}"),)))
    found = await run_filled(check, tools(net), {"X": secret})
    assert "k0123" not in found.findings[0].found + found.text


async def test_bodies_are_cut_after_they_were_masked(net: Net, serve: Serve):
    secret = "0123456789abcdef"
    server = await serve(answer("b" * (KEPT_BODY_BYTES - 8) + secret))
    found = await run_filled(ApiCheck(Ask(server.url, headers=(("X-Key", "{{secret.X}}"),))), tools(net), {"X": secret})
    kept = found.exchanges[0]
    assert kept.truncated
    assert len(kept.body) <= KEPT_BODY_BYTES
    assert b"0123" not in kept.body


async def test_what_cannot_be_filled_is_a_fault_of_the_configuration(net: Net):
    check = ApiCheck(Ask("http://{{secret.HOST}}/"))
    found = await run_filled(check, tools(net), {})
    assert (found.outcome, found.cause, found.text) == (Outcome.UNKNOWN, Cause.CONFIGURATION, "There is no secret named HOST.")
    found = await run_filled(check, tools(net), {"HOST": "no host"})
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)
    assert "no host" not in found.text


async def test_a_flow_is_filled_step_by_step_and_a_secret_is_not_read_as_a_placeholder(net: Net, serve: Serve):
    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer('{"id": "captured-value"}'))

    server = await serve(say)
    capture = Capture("id", CaptureFrom.JSON, "$.id")
    ask = Ask(server.url, headers=(("X-Key", "{{secret.X}}"),))
    later = Ask(server.url, headers=(("X-Key", "{{secret.X}}"), ("X-Id", "{{id}}")))
    check = FlowCheck((FlowStep("first", ask, (capture,)), FlowStep("then", later)))
    found = await run_filled(check, tools(net), {"X": "{{id}} as it is"})
    assert found.outcome is Outcome.UP
    assert b"X-Key: {{id}} as it is\r\n" in server.requests[1]
    assert b"X-Id: captured-value\r\n" in server.requests[1]
    assert "captured-value" not in repr(found) + repr([exchange.body for exchange in found.exchanges])
    assert "as it is" not in repr(found)
    missing = await run_filled(check, tools(net), {})
    assert (missing.outcome, missing.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)


async def test_exchanges_of_what_is_in_order_are_left_out_when_nobody_looks_at_them(net: Net, serve: Serve):
    server = await serve(answer("hi"))
    check = ApiCheck(Ask(server.url))
    assert len((await run_filled(check, tools(net), {})).exchanges) == 1
    assert (await run_filled(check, tools(net), {}, keep_up=False)).exchanges == ()


async def test_a_probe_of_ones_own_gets_the_filled_check(net: Net):
    seen = []

    async def probe(check: ApiCheck, _tools: Tools) -> Checked:
        seen.append(check.ask.url)
        return Checked(Outcome.UP, facts=(("of", "s3cr3t"),), remember="s3cr3t, by chance")

    found = await run_filled(ApiCheck(Ask("http://{{secret.H}}/")), tools(net), {"H": "s3cr3t"}, probe=probe)
    assert (seen, found.facts, found.remember) == (["http://s3cr3t/"], (("of", "•••"),), "s3cr3t, by chance")

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.checked import Checked
from app.core.checks import Expected, Message, TcpCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import tcp_check
from app.probes.tools import Tools
from tests.loopback import Listen, Serve


async def run(net: Net, port: int, message: Message | None = None, *, timeout_s: float = 5) -> Checked:
    return await tcp_check.run(TcpCheck("127.0.0.1", port, message or Message()), Tools(net, timeout_s, datetime.now(UTC)))


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    writer.write(b"250 " + (await reader.readline()))
    await writer.drain()
    await reader.read()


async def test_a_port_that_accepts_is_up_with_its_time(net: Net, serve: Serve):
    found = await run(net, (await serve(b"")).port)
    assert (found.outcome, found.cause, found.text) == (Outcome.UP, Cause.NONE, "")
    assert found.timing is not None
    assert 0 < found.timing.connect_ms <= found.timing.total_ms


async def test_a_greeting_is_expected_and_shown(net: Net, listen: Listen):
    found = await run(net, await listen(smtp), Message(expect="220 mail"))
    assert found.outcome is Outcome.UP
    assert dict(found.facts)["received"] == "220 mail.example ESMTP\r\n"
    assert found.findings[0].held


@pytest.mark.parametrize(("expect", "how"), [("250 HELO", Expected.TEXT), (r"^250 .*x$", Expected.REGEX)])
async def test_what_is_sent_is_answered_as_expected(net: Net, listen: Listen, expect: str, how: Expected):
    how_multiline = f"(?m){expect}" if how is Expected.REGEX else expect
    found = await run(net, await listen(smtp), Message("HELO x\n", how_multiline, how))
    assert found.outcome is Outcome.UP


async def test_an_answer_may_be_json(net: Net, listen: Listen):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"status": ')
        await writer.drain()
        await asyncio.sleep(0.01)  # in two pieces
        writer.write(b'"ready"}')
        await reader.read()

    found = await run(net, await listen(talk), Message("status\n", "$.status", Expected.JSON))
    assert found.outcome is Outcome.UP


async def test_another_answer_is_down_with_what_came(net: Net, listen: Listen):
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 busy\r\n")

    found = await run(net, await listen(talk), Message(expect="220"))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert "421 busy" in found.text


async def test_silence_is_told_with_how_much_came(net: Net, listen: Listen):
    found = await run(net, await listen(smtp), Message(expect="never"), timeout_s=0.2)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)
    assert found.text == "127.0.0.1 does not say “never” within 0.2 s; 24 bytes came."


async def test_what_never_ends_is_read_to_a_limit(net: Net, listen: Listen):
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"x" * 60_000)
            await writer.drain()

    found = await run(net, await listen(talk), Message(expect="y"))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)


@pytest.mark.parametrize(
    ("host", "cause"), [("127.0.0.1", Cause.CONNECT), ("nowhere.invalid", Cause.DNS), ("169.254.169.254", Cause.REFUSED_ADDRESS)]
)
async def test_what_cannot_be_reached_is_down_with_why(net: Net, host: str, cause: Cause):
    found = await tcp_check.run(TcpCheck(host, 1), Tools(net, 5, datetime.now(UTC)))
    assert (found.outcome, found.cause, found.timing) == (Outcome.DOWN, cause, None)
    assert found.text


async def test_ports_that_a_line_of_text_could_harm_are_open_to_those_who_say_nothing(monkeypatch: pytest.MonkeyPatch):
    policy = AddressPolicy("public")
    asked: list[bool] = []

    async def connect(_net: Net, family: int, kind: int, protocol: int, address: Any, timeout_s: float, own_protocol: bool) -> None:
        policy.check(address[0], address[1], own_protocol=own_protocol)
        asked.append(own_protocol)
        raise ConnectionRefusedError(111, "nobody there")

    monkeypatch.setattr(Net, "_connect", connect)
    async with Net(policy, user_agent="x") as net:
        tools = Tools(net, 1, datetime.now(UTC))
        assert (await tcp_check.run(TcpCheck("1.1.1.1", 25), tools)).cause is Cause.CONNECT
        assert (await tcp_check.run(TcpCheck("1.1.1.1", 25, Message("HELO")), tools)).cause is Cause.REFUSED_ADDRESS
    assert asked == [True]

"""Whether a failure is our own: anchors that are really asked, and what says nothing about the way to a target."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from app.core.ask import Ask
from app.core.checked import Checked
from app.core.checks import PageCheck, TcpCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.engine.clock import Clock
from app.engine.guard import Anchors, Guard, Meter
from app.net import AddressPolicy, Net

FAR, NEAR = PageCheck(Ask("https://shop.example/")), PageCheck(Ask("http://192.168.1.10/"))
GONE = Checked(Outcome.DOWN, Cause.CONNECT, "It does not answer.")


async def _nobody(_from_ms: int, _to_ms: int) -> None: ...


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    async with Net(AddressPolicy("private"), user_agent="test") as opened:
        yield opened


def guard(net: Net, *ports: int) -> Guard:
    clock = Clock()
    return Guard(Meter(clock, _nobody), Anchors(net, [("127.0.0.1", port) for port in ports], clock), clock)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def test_without_any_anchor_that_answers_a_far_failure_is_unknown_and_a_near_one_is_not(net: Net):
    made = guard(net, closed_port(), closed_port())
    began_s = Clock().monotonic()
    judged = await made.judge(FAR, GONE, began_s)
    assert (judged.outcome, judged.cause) == (Outcome.UNKNOWN, Cause.OURSELVES)
    assert "It does not answer." in judged.text
    assert await made.judge(NEAR, GONE, began_s) is GONE
    assert await made.judge(TcpCheck("localhost", 5432), GONE, began_s) is GONE
    assert [answered for _, answered in made.anchors.state] == [False, False]


async def test_one_anchor_that_answers_is_enough(net: Net):
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    made = guard(net, closed_port(), server.sockets[0].getsockname()[1])
    assert await made.judge(FAR, GONE, Clock().monotonic()) is GONE
    server.close()


async def test_anchors_that_never_answered_say_nothing_once_a_target_did(net: Net):
    made = guard(net, closed_port())
    await made.judge(FAR, Checked(Outcome.UP), Clock().monotonic())
    assert await made.judge(FAR, GONE, Clock().monotonic()) is GONE


async def test_an_answer_that_is_wrong_is_the_targets(net: Net):
    made = guard(net, closed_port())
    wrong = Checked(Outcome.DOWN, Cause.ASSERTION, "found 500")
    assert await made.judge(FAR, wrong, Clock().monotonic()) is wrong


async def test_without_anchors_nobody_is_asked(net: Net):
    assert await guard(net).judge(FAR, GONE, Clock().monotonic()) is GONE

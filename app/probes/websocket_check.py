"""A check of a WebSocket: it opens for its own page and for no other, answers as expected, and stays open."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from websockets.frames import Close

from app.core.assertions import Finding
from app.core.checked import Checked
from app.core.checks import Message, WebSocketCheck
from app.core.exchange import Exchange, Failure, Purpose
from app.core.incident import Outcome
from app.core.results import Cause
from app.net.failures import seconds
from app.probes import expected
from app.probes.tools import Tools, failed
from app.probes.websocket import Closed, Opened, Talk, handshake

REFUSING_S = 1.0  # how long after it opened a server may still turn a foreign page away
MAX_SKIPPED = 1000  # messages that come before the one that is expected
_SHOWN_CHARS = 200
# Codes by which servers refuse after opening: policy, and what applications use for "unauthorized" and "forbidden".
_REFUSALS = frozenset({1008, 3000, 3003, *range(4000, 5000)})


async def run(configured: WebSocketCheck, tools: Tools) -> Checked:
    """Open it as its own page does, say and hear what is to be said, hold it; then try as a foreign page."""
    if configured.hold_s >= tools.timeout_s:
        text = f"It is to be held open for {seconds(configured.hold_s)}, and the whole check may take {seconds(tools.timeout_s)}."
        return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, text)
    ends = time.monotonic() + tools.timeout_s
    talk = _Talk(configured, tools.timeout_s, ends)
    own = await open_as(configured, tools, configured.origin, ends, talk.run)
    found = unopened(own, configured.origin) or talk.found
    if found is None:
        found = Checked(Outcome.UP, code=own.status)
    timing = replace(own.timing, total_ms=round(own.timing.total_ms + talk.took_ms, 3)) if own.response is not None else None
    found = replace(found, timing=timing, findings=tuple(talk.findings), exchanges=(own,), facts=talk.facts())
    if configured.foreign_origin and found.outcome is Outcome.UP:
        refused = await refuses(
            lambda listen: open_as(configured, tools, configured.foreign_origin, ends, listen), configured.foreign_origin
        )
        found = replace(
            refused.found or found, timing=timing, findings=found.findings, exchanges=(own, refused.exchange), facts=found.facts
        )
    return found


async def open_as(configured: WebSocketCheck, tools: Tools, origin: str, ends: float, talk: Talk) -> Exchange:
    """Open the WebSocket of a check as a page at this origin does; "" for a program."""
    foreign = origin != configured.origin
    return await handshake(
        tools.net,
        id=2 if foreign else 1,
        purpose=Purpose.WEBSOCKET_FOREIGN if foreign else Purpose.WEBSOCKET,
        url=configured.url,
        origin=origin or None,
        started=ends - tools.timeout_s,
        subprotocols=configured.subprotocols,
        headers=configured.headers,
        timeout_s=max(0.1, round(ends - time.monotonic(), 1)),  # told to people
        talk=talk,
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    exchange: Exchange
    found: Checked | None  # None: it was refused, as it should be


async def refuses(open_it: Callable[[Talk], Awaitable[Exchange]], origin: str) -> Refusal:
    """Open a WebSocket as a foreign page would, and see whether it is turned away: at the handshake, or at once after it."""
    closed: list[Closed] = []

    async def listen(opened: Opened) -> None:
        try:
            async with asyncio.timeout(REFUSING_S):
                while True:
                    await opened.receive()
        except TimeoutError:
            pass
        except Closed as error:
            closed.append(error)

    exchange = await open_it(listen)
    if exchange.status == 101:
        if closed and closed[0].code in _REFUSALS:
            return Refusal(exchange, None)
        text = f"It opens for pages at {origin}, too: any site could use it with its visitors' cookies."
        return Refusal(exchange, Checked(Outcome.DOWN, Cause.ASSERTION, text, exchange.status))
    # Its own page just got in, so a connection that breaks off is a refusal as well. Silence is not.
    if exchange.failure in (None, Failure.PROTOCOL, Failure.CONNECT):
        return Refusal(exchange, None)
    return Refusal(exchange, failed(exchange.failure, exchange.failure_text))


def unopened(own: Exchange, origin: str) -> Checked | None:
    """Return what is wrong with a handshake; None when it opened."""
    if own.failure is not None:
        return failed(own.failure, own.failure_text)
    if own.status == 101:
        return None
    whom = f"pages at {origin}" if origin else "us"
    cause = Cause.LOGIN if own.status == 401 else Cause.PROTOCOL
    return Checked(
        Outcome.DOWN, cause, f"It does not open for {whom}: the server answers {own.status} {own.reason}".strip() + ".", own.status
    )


def closing(error: Closed) -> str:
    """How a WebSocket was closed, in words: "with code 1008 (policy violation): no such room"."""
    if error.code == 1006:
        return "without saying why"
    reason = f": {error.reason}" if error.reason else ""
    return f"with code {str(Close(error.code, '')).replace(' [internal]', '')}{reason}"


@dataclass(slots=True)
class _Talk:
    """What is said over the open WebSocket, and what came of it."""

    configured: WebSocketCheck
    timeout_s: float  # for all of the check
    ends: float  # monotonic
    findings: list[Finding] = field(default_factory=list)
    heard: int = 0
    last: str = ""
    took_ms: float = 0
    found: Checked | None = None  # why it is not up

    async def run(self, opened: Opened) -> None:
        begun = time.monotonic()
        try:
            for message in self.configured.messages:
                await self._exchange(opened, message)
                self.took_ms = (time.monotonic() - begun) * 1000
                if self.found is not None:
                    return
            if self.configured.hold_s:
                await self._hold(opened)
        except Closed as error:
            after = f"after {time.monotonic() - begun:.1f} s" if self.configured.hold_s else "before all was said"
            text = f"The server closes it {after} {closing(error)}."
            self.found = Checked(Outcome.DOWN, Cause.PROTOCOL, text, error.code)

    async def _exchange(self, opened: Opened, message: Message) -> None:
        if message.send:
            await opened.send(message.send)
        if not message.expect:
            return
        finding, before = None, self.heard
        try:
            async with asyncio.timeout(max(0.001, self.ends - time.monotonic())):
                while self.heard - before < MAX_SKIPPED:
                    finding = await expected.look(message, await self._receive(opened))
                    if finding.held:
                        break
        except TimeoutError:
            pass
        skipped = self.heard - before
        if finding is not None:
            self.findings.append(finding)
        if finding is None or not finding.held:
            came = f"{skipped} others came, the last: {self.last}" if skipped else "nothing came"
            text = f"No message with {expected.words(message)} came within {seconds(self.timeout_s)}; {came}."
            cause = Cause.ASSERTION if skipped else Cause.TIMEOUT
            self.found = Checked(Outcome.DOWN, cause, text, 101)

    async def _receive(self, opened: Opened) -> bytes:
        message = await opened.receive()
        self.heard += 1
        data = message.encode() if isinstance(message, str) else message
        self.last = data[: 4 * _SHOWN_CHARS].decode("utf-8", "replace")[:_SHOWN_CHARS]
        return data

    async def _hold(self, opened: Opened) -> None:
        try:
            async with asyncio.timeout(min(self.configured.hold_s, max(0.001, self.ends - time.monotonic()))):
                while True:
                    await self._receive(opened)
        except TimeoutError:
            if self.ends <= time.monotonic():
                text = f"There was no time left to hold it open for {seconds(self.configured.hold_s)}."
                self.found = Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, text)

    def facts(self) -> tuple[tuple[str, str], ...]:
        return (("messages received", str(self.heard)), ("last message", self.last)) if self.heard else ()

"""A check of a Socket.IO server: Engine.IO 4 over a WebSocket, a namespace, and an event's round trip.

Over our own WebSocket rather than by python-socketio's client: that one opens its own sockets. Packets are read and written by the
library's codecs.
"""

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from engineio import packet as engineio
from socketio import packet as socketio

from app.core.assertions import Finding
from app.core.checked import Checked, judged
from app.core.checks import Expected, Message, SocketIoCheck
from app.core.exchange import Exchange, Purpose
from app.core.incident import Outcome
from app.core.results import Cause
from app.net.failures import seconds
from app.probes import expected
from app.probes.tools import Tools
from app.probes.websocket import Closed, Opened, Talk, handshake
from app.probes.websocket_check import closing, refuses, unopened

DEFAULT_PATH = "/socket.io/"
MAX_SKIPPED = 1000  # packets that come before the one that is waited for
_ACK = 0  # the number of the only event that we send
_SHOWN_CHARS = 200
_KINDS = {socketio.BINARY_EVENT: socketio.EVENT, socketio.BINARY_ACK: socketio.ACK}


async def run(configured: SocketIoCheck, tools: Tools) -> Checked:
    """Connect as the page's own client does, send and await what is to come; then try as a foreign page."""
    auth = json.loads(configured.auth) if configured.auth.strip() else None
    payload = json.loads(configured.payload) if configured.payload.strip() else []
    ends = time.monotonic() + tools.timeout_s
    talk = _Talk(configured, auth, payload, tools.timeout_s, ends)
    own = await _open(configured, tools, configured.origin, ends, talk.run)
    found = unopened(own, configured.origin) or talk.found or Checked(Outcome.UP, code=own.status)
    timing = replace(own.timing, total_ms=round(own.timing.total_ms + talk.took_ms, 3)) if own.response is not None else None
    found = replace(found, timing=timing, findings=tuple(talk.findings), exchanges=(own,), facts=tuple(talk.facts))
    if configured.foreign_origin and found.outcome is Outcome.UP:
        refused = await refuses(lambda listen: _open(configured, tools, configured.foreign_origin, ends, listen), configured.foreign_origin)
        found = replace(
            refused.found or found, timing=timing, findings=found.findings, exchanges=(own, refused.exchange), facts=found.facts
        )
    return found


def address(url: str) -> str:
    """Return the WebSocket's address of a Socket.IO server: its path is /socket.io/ unless the URL has one of its own."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme.lower() == "https" else "ws"
    query = "&".join(filter(None, (parts.query, "EIO=4", "transport=websocket")))
    return urlunsplit((scheme, parts.netloc, DEFAULT_PATH if parts.path in ("", "/") else parts.path, query, ""))


async def _open(configured: SocketIoCheck, tools: Tools, origin: str, ends: float, talk: Talk) -> Exchange:
    foreign = origin != configured.origin
    return await handshake(
        tools.net,
        id=2 if foreign else 1,
        purpose=Purpose.WEBSOCKET_FOREIGN if foreign else Purpose.SOCKETIO,
        url=address(configured.url),
        origin=origin or None,
        started=ends - tools.timeout_s,
        timeout_s=max(0.1, round(ends - time.monotonic(), 1)),
        talk=talk,
    )


class _Wrong(Exception):
    """What the server does is not what is expected of it."""

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause, self.text = cause, text


@dataclass(slots=True)
class _Talk:
    """What is said over the open WebSocket, and what came of it."""

    configured: SocketIoCheck
    auth: dict[str, Any] | None
    payload: list[Any]
    timeout_s: float
    ends: float  # monotonic
    findings: list[Finding] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    early: deque[Any] = field(default_factory=deque)  # packets that came before the namespace was open
    waiting_for: str = "The server does not open the session"
    took_ms: float = 0
    found: Checked | None = None  # why it is not up

    async def run(self, opened: Opened) -> None:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(max(0.001, self.ends - begun)):
                await self._session(opened)
                await self._namespace(opened)
                await self._event(opened)
                await opened.send(_encoded(socketio.Packet(socketio.DISCONNECT, namespace=self.configured.namespace)))
        except TimeoutError:
            self.found = Checked(Outcome.DOWN, Cause.TIMEOUT, f"{self.waiting_for} within {seconds(self.timeout_s)}.", 101)
        except Closed as error:
            self.found = Checked(Outcome.DOWN, Cause.PROTOCOL, f"The server closes the connection {closing(error)}.", error.code)
        except _Wrong as error:
            self.found = Checked(Outcome.DOWN, error.cause, error.text, 101)
        finally:
            self.took_ms = (time.monotonic() - begun) * 1000

    async def _session(self, opened: Opened) -> None:
        first = await self._engine_packet(opened)
        if first.packet_type != engineio.OPEN or not isinstance(first.data, dict):
            raise _Wrong(Cause.PROTOCOL, "The server does not speak Engine.IO 4.")

    async def _namespace(self, opened: Opened) -> None:
        namespace = self.configured.namespace
        self.waiting_for = f"The namespace {namespace} does not open"
        await opened.send(_encoded(socketio.Packet(socketio.CONNECT, self.auth, namespace)))
        for _ in range(MAX_SKIPPED):
            packet = await self._packet(opened)
            if packet.packet_type == socketio.CONNECT:
                return
            if packet.packet_type == socketio.CONNECT_ERROR:
                said = packet.data.get("message", "") if isinstance(packet.data, dict) else packet.data
                why = f": {str(said)[:_SHOWN_CHARS]}" if said else ""
                cause = Cause.LOGIN if self.auth is not None else Cause.PROTOCOL
                raise _Wrong(cause, f"The server refuses the namespace {namespace}{why}.")
            self.early.append(packet)
        raise _Wrong(Cause.PROTOCOL, f"{self.waiting_for}: {MAX_SKIPPED} packets came before.")

    async def _event(self, opened: Opened) -> None:
        configured = self.configured
        if not configured.event and not configured.expect_event:
            return
        if configured.event:
            number = None if configured.expect_event else _ACK
            sent = socketio.Packet(socketio.EVENT, [configured.event, *self.payload], configured.namespace, number)
            await opened.send(_encoded(sent))
        if configured.expect_event:
            self.waiting_for = f"The event “{configured.expect_event}” does not come"
        else:
            self.waiting_for = f"The event “{configured.event}” is not acknowledged"
        finding = None
        for _ in range(MAX_SKIPPED):
            packet = self.early.popleft() if self.early else await self._packet(opened)
            arguments = self._awaited(packet)
            if arguments is None:
                continue
            text = json.dumps(arguments, default=lambda value: f"{len(value)} bytes")
            self.facts = [("answer", text[:_SHOWN_CHARS])]
            if not configured.expect:
                return
            finding = await expected.look(Message(expect=configured.expect, how=Expected.JSON), text.encode())
            self.findings[:] = [finding]
            if finding.held:
                return
            # Of events others may come, which are meant for everybody; there is one acknowledgement.
            self.waiting_for = f"No event “{configured.expect_event}” with {configured.expect} comes; the last was {text[:_SHOWN_CHARS]},"
            if not configured.expect_event:
                raise _Wrong(Cause.ASSERTION, judged((finding,))[2])
        raise _Wrong(Cause.PROTOCOL, f"{self.waiting_for}: {MAX_SKIPPED} packets came.")

    def _awaited(self, packet: Any) -> list[Any] | None:
        """Return the arguments of a packet, if it is the one that is waited for."""
        kind = _KINDS.get(packet.packet_type, packet.packet_type)
        data = packet.data if isinstance(packet.data, list) else []
        if self.configured.expect_event:
            return data[1:] if kind == socketio.EVENT and data and data[0] == self.configured.expect_event else None
        return data if kind == socketio.ACK and packet.id == _ACK else None

    async def _packet(self, opened: Opened) -> Any:
        """Return the next packet of our namespace, whole with its attachments."""
        while True:
            carried = await self._engine_packet(opened)
            if carried.packet_type != engineio.MESSAGE:
                continue
            try:
                # The engine's codec reads what looks like JSON; a packet of Socket.IO begins with digits and is left as text.
                packet = socketio.Packet(encoded_packet=str(carried.data))
                while packet.attachment_count > len(packet.attachments):
                    attachment = await self._engine_packet(opened)
                    if attachment.binary:
                        packet.add_attachment(attachment.data)
            except (ValueError, TypeError, IndexError, KeyError, RecursionError):
                raise _Wrong(Cause.PROTOCOL, "The server sends packets that are not of Socket.IO.") from None
            if packet.packet_type == socketio.DISCONNECT:
                raise _Wrong(Cause.PROTOCOL, "The server ends the connection to the namespace.")
            if (packet.namespace or "/") == self.configured.namespace:
                return packet

    async def _engine_packet(self, opened: Opened) -> Any:
        """Return the next packet of the session; pings are answered."""
        while True:
            try:
                packet = engineio.Packet(encoded_packet=await opened.receive())
            except (ValueError, RecursionError):
                raise _Wrong(Cause.PROTOCOL, "The server does not speak Engine.IO 4.") from None
            if packet.packet_type == engineio.PING:
                await opened.send(str(engineio.Packet(engineio.PONG, packet.data).encode()))
            elif packet.packet_type == engineio.CLOSE:
                raise _Wrong(Cause.PROTOCOL, "The server ends the session.")
            else:
                return packet


def _encoded(packet: Any) -> str:
    return str(engineio.Packet(engineio.MESSAGE, packet.encode()).encode())

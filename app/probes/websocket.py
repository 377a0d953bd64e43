"""One opening handshake of a WebSocket (RFC 6455, section 4.1), recorded as an exchange, and what is said over it then.

libcurl takes no part: its handshake hides the body of a refusal. The websockets library writes the request and judges a
101; h11 reads the answer, since refusals come from proxies too and websockets reads only HTTP/1.1 to the letter.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

import h11
from websockets.client import ClientProtocol
from websockets.datastructures import Headers as WebSocketHeaders
from websockets.exceptions import InvalidHandshake, InvalidURI
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from app.core.exchange import Exchange, Failure, Head, Headers, Purpose, Timing
from app.net import Net, NotConnected
from app.net.failures import flooded, seconds
from app.net.transfer import MAX_HEADER_BYTES, Target, endpoint

MAX_BODY_BYTES = 200_000  # of a refusal: an error page, enough to recognise who refuses
CONNECT_S = 5
CLOSING_S = 1  # how long the server's half of the closing handshake is waited for
# Of the handshake itself; a check's own headers do not take their place.
_FIXED = frozenset({"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"})

Talk = Callable[["Opened"], Awaitable[None]]


async def handshake(
    net: Net,
    *,
    id: int,  # noqa: A002, the name of the field in Exchange
    purpose: Purpose,
    url: str,
    origin: str | None,
    started: float,
    subprotocols: tuple[str, ...] = (),
    headers: Headers = (),
    timeout_s: float = 8,
    talk: Talk | None = None,
) -> Exchange:
    """Open a WebSocket as a page at `origin` would, talk over it if asked, and close it with code 1000.

    Returns:
        An exchange with status 101 when it opened; a refusal has its own status, headers and body; a 101 that a
        browser would not accept is a `Failure.PROTOCOL`.

    Args:
        url: ws:// or wss://.
        origin: serialized; None sends no Origin header.
        started: `time.monotonic()` at the start of the scan.
        headers: sent beside what a handshake consists of.
        timeout_s: of the handshake.
        talk: called once it is open, and given all the time it takes. What it raises is raised.
    """
    url = url.partition("#")[0]
    begun = time.monotonic()
    exchange = Exchange(id=id, purpose=purpose, method="GET", url=url, started_ms=round((begun - started) * 1000, 3))
    target = Target.parse(f"http{url[2:]}") if url[:2].lower() == "ws" else None
    if target is None:
        return replace(exchange, failure=Failure.INVALID_URL, failure_text="This is not a ws or wss address without credentials.")
    try:
        protocol = ClientProtocol(
            parse_uri(f"ws{target.url.decode('ascii')[4:]}"),
            origin=None if origin is None else Origin(origin),
            # Browsers always offer it, and some servers choose their path by it.
            extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)],
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            state=State.OPEN,  # its own reader of answers is not used: see the module
        )
    except InvalidURI:
        return replace(exchange, failure=Failure.INVALID_URL, failure_text="This is not a ws or wss address.")
    request = protocol.connect()
    for name, value in (("User-Agent", net.user_agent), *headers):
        if name.lower() in _FIXED:
            continue
        if name.lower() in ("origin", "user-agent") and name in request.headers:
            del request.headers[name]
        request.headers[name] = value
    exchange = replace(exchange, request_headers=tuple(request.headers.raw_items()))
    attempt = _Attempt(exchange, target, protocol, begun, talk)
    try:
        async with asyncio.timeout(timeout_s) as attempt.limit:
            return await attempt.run(net, request.path, timeout_s)
    except TimeoutError:
        if not attempt.limit.expired():
            raise  # the talk's own
        text = f"{target.host} does not answer within {seconds(timeout_s)}."
        return attempt.failed(Failure.TIMEOUT, text)


class _Attempt:
    """The state of one handshake, so that a time-out at any point can still tell what was reached."""

    def __init__(self, exchange: Exchange, target: Target, protocol: ClientProtocol, begun: float, talk: Talk | None) -> None:
        self.exchange = exchange
        self.talk = talk
        self.limit = asyncio.Timeout(None)
        self.target = target
        self.protocol = protocol
        self.begun = begun
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        self.beginning = b""  # of the answer, to tell silence and other protocols from broken HTTP
        self.body = bytearray()
        self.truncated = False

    def elapsed_ms(self) -> float:
        return round((time.monotonic() - self.begun) * 1000, 3)

    def failed(self, failure: Failure, text: str) -> Exchange:
        """Conclude without a response; or, once the head is there, with a body that broke off."""
        if self.exchange.status == 101:
            return self.concluded()
        if self.exchange.response is not None:
            self.truncated = True
            return self.concluded(failure_text=f"The body broke off after {len(self.body)} bytes.")
        return self.concluded(failure=failure, failure_text=text)

    def concluded(self, failure: Failure | None = None, failure_text: str = "") -> Exchange:
        return replace(
            self.exchange,
            body=bytes(self.body),
            truncated=self.truncated,
            failure=failure,
            failure_text=failure_text,
            timing=replace(self.exchange.timing, total_ms=self.elapsed_ms()),
        )

    async def run(self, net: Net, path: str, timeout_s: float) -> Exchange:
        host, port = self.target.host, self.target.port
        tls = self.target.scheme == "https"
        try:
            reader, writer = await net.open_stream(host, port, tls=tls, timeout_s=min(CONNECT_S, timeout_s))
        except NotConnected as error:
            return self.failed(error.failure, error.text)
        connected_ms = self.elapsed_ms()
        peer = writer.get_extra_info("peername")
        address = endpoint(peer[0], peer[1]) if peer else ""  # None when the peer has already gone
        # Connecting and TLS are one step here; only HTTP requests tell them apart.
        self.exchange = replace(self.exchange, address=address, timing=Timing(connect_ms=connected_ms, tls_ms=connected_ms if tls else 0))
        try:
            headers = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in self.exchange.request_headers]
            opening = self.http.send(h11.Request(method="GET", target=path, headers=headers)) or b""
            writer.write(opening + (self.http.send(h11.EndOfMessage()) or b""))
            return await self._read(reader, writer)
        except h11.RemoteProtocolError as error:
            return self.failed(Failure.PROTOCOL, self._broken(str(error)))
        except OSError:
            return self.failed(Failure.CONNECT, f"{host} broke off the connection on port {port}.")
        finally:
            writer.transport.abort()

    def _broken(self, message: str) -> str:
        host, port = self.target.host, self.target.port
        if not self.beginning:
            return f"{host} closes the connection on port {port} without an answer."
        if not self.beginning.startswith(b"HTTP/"):
            return f"{host} does not speak HTTP on port {port}."
        return f"{host} answers with broken headers: {message[:80]}."

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
        head_bytes = 0
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(16_384)
                self.beginning = self.beginning or data[:5]
                if self.exchange.response is None:
                    head_bytes += len(data)
                    if head_bytes > MAX_HEADER_BYTES:
                        return self.failed(*flooded(self.target.host))
                self.http.receive_data(data)
            elif isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    return await self._opened(event, reader, writer)
            elif isinstance(event, h11.Response):
                self._take_head(event)
            elif isinstance(event, h11.Data):
                room = MAX_BODY_BYTES - len(self.body)
                self.body += event.data[:room]
                if len(event.data) > room:
                    self.truncated = True
                    return self.concluded()
            else:  # EndOfMessage, or the connection is closed
                return self.concluded()

    def _take_head(self, event: h11.Response | h11.InformationalResponse) -> None:
        headers: Headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items())
        self.exchange = replace(
            self.exchange,
            response=Head(event.status_code, headers),
            reason=event.reason.decode("latin-1"),
            http_version=event.http_version.decode("ascii"),
            timing=replace(self.exchange.timing, first_byte_ms=self.elapsed_ms()),
        )

    async def _opened(self, event: h11.InformationalResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
        """Judge a 101 as a browser does, then close with code 1000."""
        self._take_head(event)
        head = self.exchange.response
        assert head is not None
        try:
            self.protocol.process_response(Response(101, self.exchange.reason, WebSocketHeaders(head.headers)))
        except InvalidHandshake as error:
            # Not open, so not a response either: nothing may take this 101 for an accepted handshake.
            self.exchange = replace(self.exchange, response=None)
            return self.failed(Failure.PROTOCOL, f"{self.target.host} answers 101, but no browser opens this WebSocket: {error}.")
        result = self.concluded()
        opened = Opened(self.protocol, reader, writer, self.http.trailing_data[0])
        if self.talk is not None:
            self.limit.reschedule(None)
            await self.talk(opened)
        await opened.close()
        return result


class Closed(Exception):
    """The WebSocket is closed: with the code and reason that the server sent; 1006 when it went without (RFC 6455, 7.1.5)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Opened:
    """An open WebSocket. Pings are answered, fragments joined, and messages of more than a megabyte end it."""

    def __init__(self, protocol: ClientProtocol, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        self._protocol, self._reader, self._writer = protocol, reader, writer
        self._messages: deque[str | bytes] = deque()
        self._parts: list[Frame] = []
        self._take(first)

    def _take(self, data: bytes) -> None:
        if data:
            self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            self._parts.append(event)
            if event.fin:
                whole = b"".join(bytes(part.data) for part in self._parts)
                self._messages.append(whole if self._parts[0].opcode is Opcode.BINARY else whole.decode("utf-8", "replace"))
                self._parts.clear()
        self._writer.writelines(data for data in self._protocol.data_to_send() if data)  # pongs, and the answer to a close

    async def send(self, text: str) -> None:
        """Send a text message.

        Raises:
            Closed: it is not open any more.
        """
        if self._protocol.state is not State.OPEN:
            raise self._closed()
        self._protocol.send_text(text.encode())
        try:
            self._writer.writelines(data for data in self._protocol.data_to_send() if data)
            await self._writer.drain()
        except OSError:
            raise self._closed() from None

    async def receive(self) -> str | bytes:
        """Return the next message, text or binary.

        Raises:
            Closed: no more will come.
        """
        while not self._messages:
            if self._protocol.state is not State.OPEN:
                raise self._closed()
            try:
                data = await self._reader.read(16_384)
            except OSError:
                data = b""
            if not data:
                raise self._closed()
            self._take(data)
        return self._messages.popleft()

    def _closed(self) -> Closed:
        if self._protocol.close_rcvd is not None:
            return Closed(self._protocol.close_rcvd.code, self._protocol.close_rcvd.reason)
        if self._protocol.parser_exc is not None and self._protocol.close_sent is not None:  # we ended it: a frame that is none
            return Closed(self._protocol.close_sent.code, str(self._protocol.parser_exc)[:120])
        return Closed(1006, "")

    async def close(self) -> None:
        """Close it, and wait a moment for the server to agree. How it ends is the server's affair."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                if self._protocol.state is State.OPEN:
                    self._protocol.send_close(1000)
                    self._writer.writelines(data for data in self._protocol.data_to_send() if data)
                while self._protocol.close_rcvd is None and self._protocol.parser_exc is None and not self._reader.at_eof():
                    self._take(await self._reader.read(16_384))

"""A check of a TCP port: it accepts a connection, and says what is expected."""

import asyncio
import contextlib
import time

from app.core.checked import Checked, judged
from app.core.checks import Message, TcpCheck
from app.core.exchange import Failure, Timing
from app.core.incident import Outcome
from app.net import NotConnected
from app.net.failures import seconds
from app.probes import expected
from app.probes.tools import Tools, failed

MAX_BYTES = 64_000  # read in search of what is expected
_SHOWN_CHARS = 200


async def run(configured: TcpCheck, tools: Tools) -> Checked:
    """Connect, send, and read until what is expected came."""
    begun, message = time.monotonic(), configured.message
    ends = begun + tools.timeout_s
    try:
        reader, writer = await tools.net.open_stream(
            configured.host,
            configured.port,
            tls=False,
            timeout_s=tools.timeout_s,
            own_protocol=not message.send,  # who says nothing harms nobody
        )
    except NotConnected as error:
        return failed(error.failure, error.text)
    connected_ms = _ms_since(begun)
    received = bytearray()
    try:
        async with asyncio.timeout(max(0.001, ends - time.monotonic())):
            if message.send:
                writer.write(message.send.encode())
                await writer.drain()
            if not message.expect:
                return Checked(Outcome.UP, timing=Timing(connect_ms=connected_ms, total_ms=_ms_since(begun)))
            return await _read(reader, message, received, begun, connected_ms)
    except TimeoutError:
        came = f"; {len(received)} bytes came" if received else ""
        text = f"{configured.host} does not say {expected.words(message)} within {seconds(tools.timeout_s)}{came}."
        return _with_received(failed(Failure.TIMEOUT, text), received)
    except OSError:
        return _with_received(failed(Failure.CONNECT, f"{configured.host} broke off the connection on port {configured.port}."), received)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader, message: Message, received: bytearray, begun: float, connected_ms: float) -> Checked:
    first_byte_ms = 0.0
    while True:
        chunk = await reader.read(MAX_BYTES - len(received))
        first_byte_ms = first_byte_ms or _ms_since(begun)
        received += chunk
        finding = await expected.look(message, bytes(received))
        if finding.held or not chunk or len(received) >= MAX_BYTES:
            outcome, cause, text = judged((finding,))
            timing = Timing(connect_ms=connected_ms, first_byte_ms=first_byte_ms, total_ms=_ms_since(begun))
            return _with_received(Checked(outcome, cause, text, timing=timing, findings=(finding,)), received)


def _with_received(found: Checked, received: bytearray) -> Checked:
    if not received:
        return found
    shown = bytes(received[: 4 * _SHOWN_CHARS]).decode("utf-8", "replace")[:_SHOWN_CHARS]
    return Checked(
        found.outcome, found.cause, found.text, timing=found.timing, findings=found.findings, facts=(*found.facts, ("received", shown))
    )


def _ms_since(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 3)

"""A check of a database: it can be connected to, lets its user in, and answers one question that only reads."""

import asyncio
import time
from typing import Any

from app.core.checked import Checked
from app.core.checks import DatabaseCheck
from app.core.exchange import Failure, Timing
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import NotConnected
from app.net.bridge import Streams
from app.net.failures import seconds
from app.probes.databases import mongodb, mysql, postgresql, redis
from app.probes.databases.answer import NotAnswered
from app.probes.tools import Tools, failed

# Where each engine's own protocol is at home, so that ports closed to other probes are open to it.
PORTS = {"postgresql": postgresql.PORT, "mysql": mysql.PORT, "redis": redis.PORT, "mongodb": mongodb.PORT}
_SQL = {"postgresql": postgresql, "mysql": mysql, "redis": redis}
_SHOWN_CHARS = 200


async def run(configured: DatabaseCheck, tools: Tools) -> Checked:
    """Connect anew, ask, and compare the first value of the answer."""
    begun = time.monotonic()
    connected_ms = 0.0
    own = configured.port == PORTS[configured.engine]

    async def connect() -> Any:
        nonlocal connected_ms
        opened = await tools.net.open_socket(configured.host, configured.port, timeout_s=tools.timeout_s, own_protocol=own)
        connected_ms = connected_ms or _ms_since(begun)
        return opened

    async def open_stream() -> Streams:
        nonlocal connected_ms
        opened = await tools.net.open_stream(
            configured.host, configured.port, tls=configured.tls, timeout_s=tools.timeout_s, http=False, own_protocol=own
        )
        connected_ms = connected_ms or _ms_since(begun)
        return opened

    try:
        async with asyncio.timeout(tools.timeout_s):
            if configured.engine == "mongodb":
                value = await mongodb.first_value(configured, open_stream, tools.timeout_s)
            else:
                value = await _SQL[configured.engine].first_value(configured, tools.net, connect, tools.timeout_s)
    except NotConnected as error:
        return failed(error.failure, error.text)
    except NotAnswered as error:
        return Checked(error.outcome, error.cause, error.text)
    except TimeoutError:
        reached = "accepts the connection, but does not answer" if connected_ms else "does not answer"
        return failed(Failure.TIMEOUT, f"{configured.host} {reached} within {seconds(tools.timeout_s)}.")
    except OSError:
        return failed(Failure.CONNECT, f"{configured.host} broke off the connection on port {configured.port}.")
    timing = Timing(connect_ms=connected_ms, total_ms=_ms_since(begun))
    facts = (("answer", value[:_SHOWN_CHARS]),)
    if configured.expect and value != configured.expect:
        text = f"The answer should be “{configured.expect[:_SHOWN_CHARS]}”; found “{value[:_SHOWN_CHARS]}”."
        return Checked(Outcome.DOWN, Cause.ASSERTION, text, timing=timing, facts=facts)
    return Checked(Outcome.UP, timing=timing, facts=facts)


def _ms_since(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 3)

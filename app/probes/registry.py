"""Which probe runs which kind of check."""

from collections.abc import Awaitable, Callable
from typing import Any

from app.core.checked import Checked
from app.core.checks import Check, Kind
from app.probes import (
    cookie_check,
    cors_check,
    database_check,
    dns_check,
    domain_check,
    flow_check,
    http_check,
    oidc_check,
    ping_check,
    skew_check,
    socketio_check,
    tcp_check,
    tls_check,
    websocket_check,
)
from app.probes.tools import Tools

Probe = Callable[[Any, Tools], Awaitable[Checked]]

PROBES: dict[Kind, Probe] = {
    Kind.PAGE: http_check.run,
    Kind.API: http_check.run,
    Kind.FLOW: flow_check.run,
    Kind.CORS: cors_check.run,
    Kind.COOKIE: cookie_check.run,
    Kind.OIDC: oidc_check.run,
    Kind.WEBSOCKET: websocket_check.run,
    Kind.TLS: tls_check.run,
    Kind.DNS: dns_check.run,
    Kind.TCP: tcp_check.run,
    Kind.PING: ping_check.run,
    Kind.SKEW: skew_check.run,
    Kind.SOCKETIO: socketio_check.run,
    Kind.DATABASE: database_check.run,
    Kind.DOMAIN: domain_check.run,
}


async def run(check: Check, tools: Tools) -> Checked:
    """Run one check once. What the target does is never an exception.

    Raises:
        ValueError: for a kind that no probe runs: a heartbeat is called by the target, and a scan is the engine's.
    """
    probe = PROBES.get(check.kind)
    if probe is None:
        raise ValueError(f"no probe runs a check of kind {check.kind}")
    return await probe(check, tools)

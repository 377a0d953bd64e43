"""A check by ICMP echo. The kernel decides who may send one: see `HOW`."""

import asyncio
import time
from typing import Any

from icmplib import ICMPLibError, SocketPermissionError, async_ping
from icmplib.models import Host

from app.core.checked import Checked
from app.core.checks import PingCheck
from app.core.exchange import Failure, Timing
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import NotConnected
from app.net.failures import seconds
from app.probes.tools import Tools, failed

SPACING_S = 0.2  # as little as `ping` allows those who are not root
HOW = (
    "Seamwatch may not send pings here. Allow its group to by the kernel's setting net.ipv4.ping_group_range (“0 2147483647” allows every "
    "group), or give it the capability CAP_NET_RAW; or watch a TCP port instead."
)


async def run(configured: PingCheck, tools: Tools) -> Checked:
    """Send the pings one after another and count the answers."""
    begun = time.monotonic()
    try:
        address = (await tools.net.addresses(configured.host, timeout_s=tools.timeout_s))[0]
    except NotConnected as error:
        return failed(error.failure, error.text)
    resolved_ms = round((time.monotonic() - begun) * 1000, 3)
    left_s = tools.timeout_s - (time.monotonic() - begun)
    count = configured.count
    # Each answer may take its share of the time; the pauses between them count too.
    wait_s = (left_s - SPACING_S * (count - 1)) / count
    if wait_s <= 0:
        text = f"{count} pings do not fit into {seconds(tools.timeout_s)}. Send fewer, or allow more time."
        return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, text)
    try:
        async with asyncio.timeout(left_s + 1):
            host = await _ping(address, count, wait_s)
    except SocketPermissionError:
        return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, HOW)
    except ICMPLibError as error:
        return Checked(Outcome.UNKNOWN, Cause.OURSELVES, f"The pings could not be sent: {str(error)[:200]}.")
    except TimeoutError:
        return failed(Failure.TIMEOUT, f"{configured.host} does not answer pings within {seconds(tools.timeout_s)}.")
    lost = count - host.packets_received
    if not host.packets_received:
        return failed(Failure.TIMEOUT, f"{configured.host} answers none of {count} pings.")
    facts = (
        ("address", address),
        ("lost", f"{lost} of {count}"),
        ("round trip", f"{host.min_rtt:.1f} / {host.avg_rtt:.1f} / {host.max_rtt:.1f} ms (least, mean, most)"),
    )
    timing = Timing(dns_ms=resolved_ms, total_ms=round(resolved_ms + host.avg_rtt, 3))
    if lost > configured.max_lost:
        text = f"{configured.host} answers {host.packets_received} of {count} pings; {configured.max_lost} may be lost."
        return Checked(Outcome.DOWN, Cause.ASSERTION, text, timing=timing, facts=facts)
    return Checked(Outcome.UP, timing=timing, facts=facts)


async def _ping(address: str, count: int, wait_s: float) -> Host:
    """Send by whichever socket the kernel gives us: one that can do nothing else, or, for root, a raw one."""
    timing: dict[str, Any] = {"interval": SPACING_S, "timeout": wait_s}  # documented as int or float, annotated otherwise
    try:
        return await async_ping(address, count, privileged=False, **timing)
    except SocketPermissionError:
        return await async_ping(address, count, privileged=True, **timing)

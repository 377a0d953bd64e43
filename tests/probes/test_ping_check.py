from datetime import UTC, datetime

import pytest
from icmplib import SocketPermissionError
from icmplib.models import Host

from app.core.checked import Checked
from app.core.checks import PingCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import ping_check
from app.probes.tools import Tools


async def run(net: Net, host: str = "127.0.0.1", count: int = 2, max_lost: int = 0, timeout_s: float = 3) -> Checked:
    return await ping_check.run(PingCheck(host, count, max_lost), Tools(net, timeout_s, datetime.now(UTC)))


async def test_a_host_that_answers_is_up_or_we_say_why_we_cannot_ask(net: Net):
    # Whether this machine lets us is not ours to choose: either way nothing is said to be down.
    found = await run(net)
    if found.cause is Cause.CONFIGURATION:
        assert (found.outcome, found.text) == (Outcome.UNKNOWN, ping_check.HOW)
        return
    assert (found.outcome, found.text) == (Outcome.UP, "")
    assert dict(found.facts)["lost"] == "0 of 2"
    assert found.timing is not None
    assert found.timing.total_ms > 0


async def test_where_the_kernel_forbids_it_we_say_what_to_set(net: Net, monkeypatch: pytest.MonkeyPatch):
    asked: list[bool] = []

    async def forbidden(_address: str, *_arguments: object, privileged: bool, **_options: object) -> Host:
        asked.append(privileged)
        raise SocketPermissionError(privileged)

    monkeypatch.setattr(ping_check, "async_ping", forbidden)
    found = await run(net)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)
    assert "net.ipv4.ping_group_range" in found.text
    assert asked == [False, True]


@pytest.mark.parametrize(
    ("rtts", "max_lost", "outcome", "text"),
    [
        ([1.0, 2.0, 3.0], 0, Outcome.UP, ""),
        ([1.0, 2.0], 1, Outcome.UP, ""),
        ([1.0, 2.0], 0, Outcome.DOWN, "127.0.0.1 answers 2 of 3 pings; 0 may be lost."),
        ([], 2, Outcome.DOWN, "127.0.0.1 answers none of 3 pings."),
    ],
)
async def test_so_many_may_be_lost(
    net: Net, monkeypatch: pytest.MonkeyPatch, rtts: list[float], max_lost: int, outcome: Outcome, text: str
):
    async def answered(address: str, *_arguments: object, **_options: object) -> Host:
        return Host(address, 3, rtts)

    monkeypatch.setattr(ping_check, "async_ping", answered)
    found = await run(net, count=3, max_lost=max_lost)
    assert (found.outcome, found.text) == (outcome, text)


async def test_addresses_that_may_not_be_contacted_are_not_pinged(monkeypatch: pytest.MonkeyPatch):
    async def pinged(*_arguments: object, **_options: object) -> Host:
        raise AssertionError("this host may not be contacted")

    monkeypatch.setattr(ping_check, "async_ping", pinged)
    async with Net(AddressPolicy("public"), user_agent="x") as net:
        for host in ("localhost", "10.0.0.1", "169.254.169.254"):
            assert (await run(net, host)).cause is Cause.REFUSED_ADDRESS
        assert (await run(net, "nowhere.invalid")).cause is Cause.DNS


async def test_pings_that_do_not_fit_into_the_time_are_a_fault_of_the_configuration(net: Net):
    found = await run(net, count=10, timeout_s=1)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)

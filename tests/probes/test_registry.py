"""Every kind has a probe, but those that none can run."""

from datetime import UTC, datetime

import pytest

from app.core.checks import HeartbeatCheck, Kind, TcpCheck
from app.core.incident import Outcome
from app.net import Net
from app.probes import registry
from app.probes.tools import Tools


def test_every_kind_has_a_probe_but_heartbeats_and_scans():
    assert set(registry.PROBES) == set(Kind) - {Kind.HEARTBEAT, Kind.SCAN}


async def test_a_check_is_run_by_the_probe_of_its_kind(net: Net):
    tools = Tools(net, 5, datetime.now(UTC))
    assert (await registry.run(TcpCheck("127.0.0.1", 1), tools)).outcome is Outcome.DOWN
    with pytest.raises(ValueError, match="heartbeat"):
        await registry.run(HeartbeatCheck(), tools)

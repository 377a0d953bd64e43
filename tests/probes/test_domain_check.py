"""Checks of domains, against an RDAP and a WHOIS server on loopback."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.checked import Checked
from app.core.checks import DomainCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import Net
from app.probes import domain_check
from app.probes.tools import Tools
from tests.loopback import Listen, Serve

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def in_days(days: float) -> str:
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Registry:
    """An RDAP server: what it answers for a path, and what it was asked."""

    base: str = ""
    status: int = 200
    domains: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, days: float | None, *status: str, name: str = "shop.example") -> None:
        events = [{"eventAction": "registration", "eventDate": "2001-01-01T00:00:00Z"}]
        if days is not None:
            events.append({"eventAction": "expiration", "eventDate": in_days(days)})
        registrar = {"roles": ["registrar"], "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Names & Co."]]]}
        self.domains[f"/rdap/domain/{name}"] = {"events": events, "status": list(status), "entities": [registrar]}


@pytest.fixture
async def registry(serve: Serve) -> Registry:
    made = Registry()

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = server.requests[-1].split(b" ")[1].decode()
        made.asked.append(path)
        found = {"services": [[["example"], [f"{made.base}rdap"]]]} if path == "/dns.json" else made.domains.get(path)
        status = made.status if path != "/dns.json" else 200
        body = json.dumps(found or {}).encode()
        line = f"HTTP/1.1 {status if found or status != 200 else 404} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(line.encode() + body)

    server = await serve(answer)
    made.base = server.url
    return made


Whois = Callable[[dict[str, str]], Awaitable[int]]


@pytest.fixture
def whois(listen: Listen) -> Whois:
    """Start a WHOIS server that answers these questions. Returns its port."""

    async def start(answers: dict[str, str]) -> int:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answers.get((await reader.readline()).decode().strip(), "No match for that").encode())
            await writer.drain()

        return await listen(talk)

    return start


async def run(
    net: Net, registry: Registry, domain: str = "shop.example", *, days: int = 30, port: int = 1, remembered: str = "", at: datetime = NOW
) -> Checked:
    return await domain_check.run(
        DomainCheck(domain, days), Tools(net, 5, at, remembered), bootstrap=f"{registry.base}dns.json", whois="127.0.0.1", whois_port=port
    )


@pytest.mark.parametrize(
    ("days", "outcome", "text"),
    [
        (200, Outcome.UP, ""),
        (30.5, Outcome.UP, ""),
        (9.5, Outcome.DEGRADED, "The registration of shop.example ends in 9 days, on 2026-12-02."),
        (-1, Outcome.DOWN, "The registration of shop.example ended on 2026-11-21."),
    ],
)
async def test_a_registration_is_judged_by_its_end(net: Net, registry: Registry, days: float, outcome: Outcome, text: str):
    registry.put(days)
    found = await run(net, registry)
    assert (found.outcome, found.text) == (outcome, text)
    facts = dict(found.facts)
    assert facts["registration ends"] == in_days(days)[:10]
    assert facts["registrar"] == "Names & Co."
    assert facts["asked"] == "2026-11-22 12:00 UTC, by RDAP"
    assert [exchange.status for exchange in found.exchanges] == [200, 200]


async def test_the_domain_of_a_host_is_what_is_registered(net: Net, registry: Registry):
    registry.put(200)
    assert (await run(net, registry, "www.api.Shop.example")).outcome is Outcome.UP
    assert registry.asked == ["/dns.json", "/rdap/domain/shop.example"]


@pytest.mark.parametrize("domain", ["example", "127.0.0.1"])
async def test_what_nobody_can_register_is_a_fault_of_the_configuration(net: Net, registry: Registry, domain: str):
    found = await run(net, registry, domain)
    assert (found.outcome, found.cause, registry.asked) == (Outcome.UNKNOWN, Cause.CONFIGURATION, [])


async def test_a_domain_that_is_held_back_is_down(net: Net, registry: Registry):
    registry.put(200, "client transfer prohibited", "client hold")
    found = await run(net, registry)
    assert (found.outcome, found.text) == (Outcome.DOWN, "The registry holds shop.example back: client hold.")
    assert dict(found.facts)["status"] == "client transfer prohibited, client hold"


async def test_a_domain_that_nobody_has_is_down(net: Net, registry: Registry):
    found = await run(net, registry)
    assert (found.outcome, found.cause, found.text) == (
        Outcome.DOWN,
        Cause.ASSERTION,
        "Nobody has registered shop.example, says its registry.",
    )


async def test_a_registry_is_asked_once_an_hour_and_its_list_once_a_day(net: Net, registry: Registry):
    registry.put(200)
    first = await run(net, registry)
    again = await run(net, registry, remembered=first.remember, at=NOW + timedelta(minutes=59))
    assert (again.outcome, again.timing, len(registry.asked)) == (Outcome.UP, None, 2)
    await run(net, registry, remembered=first.remember, at=NOW + timedelta(minutes=61))
    await run(net, registry, remembered="nonsense")
    assert registry.asked.count("/dns.json") == 1
    assert len(registry.asked) == 4
    # What is remembered of another domain says nothing.
    assert (await run(net, registry, "other.example", remembered=first.remember)).outcome is Outcome.DOWN


async def test_a_registry_that_fails_says_nothing_about_the_domain(net: Net, registry: Registry):
    registry.put(20)
    first = await run(net, registry)
    registry.status = 503
    later = await run(net, registry, remembered=first.remember, at=NOW + timedelta(days=2))
    assert (later.outcome, later.text) == (Outcome.DEGRADED, "The registration of shop.example ends in 18 days, on 2026-12-12.")
    much_later = await run(net, registry, remembered=first.remember, at=NOW + timedelta(days=8))
    assert much_later.outcome is Outcome.UNKNOWN
    assert "Nothing is known of shop.example" in much_later.text


CCTLD = "Domain Name: shop.test\nRegistrar: Names & Co.\nRegistry Expiry Date: {date}\nDomain Status: ok https://icann.org/epp#ok\n"


async def test_where_there_is_no_rdap_whois_is_asked(net: Net, registry: Registry, whois: Whois):
    port = await whois({"test": "refer: 127.0.0.1\n", "shop.test": CCTLD.format(date=in_days(9.5))})
    found = await run(net, registry, "shop.test", port=port)
    assert (found.outcome, found.text) == (Outcome.DEGRADED, "The registration of shop.test ends in 9 days, on 2026-12-02.")
    assert dict(found.facts)["asked"].endswith("by WHOIS")


async def test_what_rdap_does_not_tell_whois_may(net: Net, registry: Registry, whois: Whois):
    registry.put(None)
    answers = {"example": "whois: 127.0.0.1\n", "shop.example": CCTLD.format(date=in_days(200)).replace("shop.test", "shop.example")}
    found = await run(net, registry, port=await whois(answers))
    assert (found.outcome, dict(found.facts)["asked"]) == (Outcome.UP, "2026-11-22 12:00 UTC, by RDAP and WHOIS")


async def test_a_registry_that_tells_no_end_is_no_failure_of_the_domain(net: Net, registry: Registry, whois: Whois):
    registry.put(None)
    port = await whois({"example": "whois: 127.0.0.1\n", "shop.example": "Domain: shop.example\nStatus: connect\n"})
    found = await run(net, registry, port=port)
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)
    assert found.text == "The registry of .example does not tell when registrations end."


async def test_whois_that_knows_no_such_domain_is_down(net: Net, registry: Registry, whois: Whois):
    found = await run(net, registry, "gone.test", port=await whois({"test": "refer: 127.0.0.1\n"}))
    assert (found.outcome, found.text) == (Outcome.DOWN, "Nobody has registered gone.test, says its registry.")


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"services": 1}', b'{"services": [[1]]}', b""])
async def test_a_list_of_registries_that_cannot_be_read_says_nothing_about_the_domain(net: Net, serve: Serve, body: bytes):
    server = await serve(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    found = await run(net, Registry(server.url))
    assert found.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "answer", ['{"events": 1, "status": 2, "entities": 3}', '{"events": [1, {"eventAction": "expiration", "eventDate": 7}]}']
)
async def test_an_answer_of_another_shape_is_no_end(net: Net, registry: Registry, answer: str):
    registry.domains["/rdap/domain/shop.example"] = json.loads(answer)
    assert (await run(net, registry)).outcome is Outcome.UNKNOWN

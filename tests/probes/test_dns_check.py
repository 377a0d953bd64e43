"""Checks of DNS, against a name server on loopback that speaks UDP and TCP."""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from app.core.checked import Checked
from app.core.checks import DnsCheck, resolver_of
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import dns_check
from app.probes.tools import Tools

ZONE = {
    "A": ("192.0.2.1", "192.0.2.2"),
    "AAAA": ("2001:db8::1",),
    "CAA": ('0 issue "ca.example"',),
    "MX": ("10 mail.shop.example.",),
    "NS": ("ns1.shop.example.", "ns2.shop.example."),
    "SOA": ("ns1.shop.example. admin.shop.example. 7 3600 600 86400 60",),
    "SRV": ("0 5 443 www.shop.example.",),
    "TXT": ('"v=spf1 " "-all"', '"Hello World"'),
    "CNAME": ("other.shop.example.",),
}


@dataclass
class NameServer(asyncio.DatagramProtocol):
    port: int = 0
    asked: list[str] = field(default_factory=list)
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    silent: bool = False
    truncates: bool = False
    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.silent:
            self.transport.sendto(self.answer(data, "udp"), addr)

    def answer(self, data: bytes, over: str) -> bytes:
        query = dns.message.from_wire(data)
        self.asked.append(over)
        response = dns.message.make_response(query)
        question = query.question[0]
        response.set_rcode(self.rcode)
        kind = dns.rdatatype.to_text(question.rdtype)
        if over == "udp" and self.truncates:
            response.flags |= dns.flags.TC
        elif self.rcode == dns.rcode.NOERROR and question.name.to_text() == "shop.example.":
            response.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, ZONE[kind]))
        return response.to_wire()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        wire = self.answer(await reader.readexactly(length), "tcp")
        writer.write(struct.pack("!H", len(wire)) + wire)
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    made = NameServer()
    # TCP first: of its ports many are in use at any moment, of UDP's hardly one.
    listener = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(lambda: made, ("127.0.0.1", made.port))
    yield made
    listener.close()
    transport.close()
    await asyncio.sleep(0)


async def run(net: Net, server: NameServer, *, name: str = "shop.example", timeout_s: float = 3, **options: Any) -> Checked:
    return await dns_check.run(DnsCheck(name, resolver=f"127.0.0.1:{server.port}", **options), Tools(net, timeout_s, datetime.now(UTC)))


@pytest.mark.parametrize(
    ("record", "expect"),
    [
        ("A", ("192.0.2.2", "192.0.2.1")),
        ("AAAA", ("2001:0DB8:0::1",)),
        ("CAA", ('0 issue "ca.example"',)),
        ("CAA", ("0 issue ca.example",)),
        ("CNAME", ("Other.Shop.example",)),
        ("MX", ("10 mail.shop.example.",)),
        ("MX", ("mail.shop.example",)),
        ("NS", ("ns2.shop.example", "ns1.shop.example.")),
        ("SOA", ("ns1.shop.example admin.shop.example 7 3600 600 86400 60",)),
        ("SRV", ("www.shop.example",)),
        ("TXT", ("v=spf1 -all", "hello world")),
    ],
)
async def test_every_kind_of_record_is_found_as_people_write_it(net: Net, server: NameServer, record: Any, expect: tuple[str, ...]):
    found = await run(net, server, record=record, expect=expect, exactly=True)
    assert (found.outcome, found.text) == (Outcome.UP, "")
    assert dict(found.facts)["time to live"] == "300 s"
    assert found.timing is not None
    assert 0 < found.timing.dns_ms == found.timing.total_ms


async def test_a_record_that_is_missing_is_down_with_what_was_found(net: Net, server: NameServer):
    found = await run(net, server, expect=("192.0.2.1", "192.0.2.9"))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert found.text == "shop.example should have the A record 192.0.2.9; found 192.0.2.1, 192.0.2.2."


async def test_a_record_too_many_is_down_only_when_the_list_is_exact(net: Net, server: NameServer):
    assert (await run(net, server, expect=("192.0.2.1",))).outcome is Outcome.UP
    found = await run(net, server, expect=("192.0.2.1",), exactly=True)
    assert (found.outcome, found.text) == (
        Outcome.DOWN,
        "shop.example should have no A record but the expected; there is also 192.0.2.2.",
    )


async def test_without_expectations_any_answer_will_do(net: Net, server: NameServer):
    found = await run(net, server)
    assert found.outcome is Outcome.UP
    assert dict(found.facts)["answers"] == "192.0.2.1, 192.0.2.2"
    assert dict(found.facts)["asked"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("rcode", "words"),
    [
        (dns.rcode.NXDOMAIN, "There is no name shop.example (NXDOMAIN)."),
        (dns.rcode.SERVFAIL, "No resolver answers for shop.example: 127.0.0.1 says SERVFAIL."),
        (dns.rcode.REFUSED, "No resolver answers for shop.example: 127.0.0.1 says REFUSED."),
    ],
)
async def test_what_the_server_refuses_is_told_in_its_words(net: Net, server: NameServer, rcode: Any, words: str):
    server.rcode = rcode
    found = await run(net, server)
    assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.DNS, words)


async def test_a_name_without_such_records_is_told_apart_from_no_name(net: Net, server: NameServer):
    found = await run(net, server, name="empty.example", record="MX")
    assert (found.outcome, found.text) == (Outcome.DOWN, "empty.example has no MX record.")


async def test_an_answer_that_is_too_long_for_a_datagram_is_asked_for_again_by_tcp(net: Net, server: NameServer):
    server.truncates = True
    found = await run(net, server, record="TXT")
    assert (found.outcome, server.asked) == (Outcome.UP, ["udp", "tcp"])


async def test_silence_is_a_time_out(net: Net, server: NameServer):
    server.silent = True
    found = await run(net, server, timeout_s=0.3)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)
    assert found.text == f"127.0.0.1:{server.port} does not answer within 0.3 s."


async def test_a_resolver_where_nobody_listens_does_not_count_as_an_answer(net: Net, server: NameServer):
    closed = NameServer(1)
    found = await run(net, closed, timeout_s=0.5)
    assert (found.outcome, found.cause in (Cause.DNS, Cause.TIMEOUT)) == (Outcome.DOWN, True)


async def test_a_resolver_that_may_not_be_contacted_is_not(server: NameServer):
    async with Net(AddressPolicy("public"), user_agent="x") as net:
        found = await run(net, server)
        assert (found.outcome, found.cause, server.asked) == (Outcome.DOWN, Cause.REFUSED_ADDRESS, [])
    async with Net(AddressPolicy("private"), user_agent="x") as net:
        checked = await dns_check.run(DnsCheck("shop.example", resolver="169.254.169.254"), Tools(net, 1, datetime.now(UTC)))
        assert checked.cause is Cause.REFUSED_ADDRESS


@pytest.mark.parametrize("resolver", ["dns.example", "1.2.3.4:0", "1.2.3.4:70000", "::1:x", "[1.2.3]:53"])
def test_a_resolver_is_given_by_its_address(resolver: str):
    with pytest.raises(ValueError, match="not an IP address"):
        DnsCheck("shop.example", resolver=resolver)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("9.9.9.9", ("9.9.9.9", 53)),
        ("2620:fe::fe", ("2620:fe::fe", 53)),
        ("[2620:fe::fe]:5353", ("2620:fe::fe", 5353)),
        ("9.9.9.9:99", ("9.9.9.9", 99)),
    ],
)
def test_addresses_of_resolvers_are_read_with_and_without_port(text: str, place: tuple[str, int]):
    assert resolver_of(text) == place


async def test_a_name_that_cannot_be_is_a_fault_of_the_configuration(net: Net, server: NameServer):
    found = await run(net, server, name="a" * 64 + ".example")
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)

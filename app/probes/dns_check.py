"""A check of DNS: what a resolver answers for a name, and whether it is what should be answered."""

import asyncio
import ipaddress
import time
from collections.abc import Iterable
from typing import Any

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns._asyncio_backend import Backend, _DatagramProtocol, _DatagramSocket, _StreamSocket

from app.core.checked import Checked
from app.core.checks import DnsCheck, resolver_of
from app.core.exchange import Failure, Timing
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import Net, NotConnected
from app.net.failures import seconds
from app.probes.tools import Tools, failed

ATTEMPT_S = 2.0  # how long one name server is waited for before the next one is asked, or the same again
_SHOWN = 10


async def run(configured: DnsCheck, tools: Tools) -> Checked:
    """Ask once for the records of a name, past every cache of ours.

    The resolver that a check names is a target, judged as any; the system's own resolvers are the operator's and are not.
    """
    begun = time.monotonic()
    resolver, backend = dns.asyncresolver.Resolver(configure=not configured.resolver), None
    if configured.resolver:
        ip, resolver.port = resolver_of(configured.resolver)
        resolver.nameservers = [ip]
        backend = _Checked(tools.net)
    resolver.cache = None
    resolver.timeout = min(ATTEMPT_S, tools.timeout_s)
    record = dns.rdatatype.from_text(configured.record)
    try:
        async with asyncio.timeout(tools.timeout_s):
            answer = await resolver.resolve(configured.name, record, lifetime=tools.timeout_s, search=False, backend=backend)
    except _Refused as error:
        return failed(error.failure, error.text)
    except dns.resolver.NXDOMAIN:
        return failed(Failure.DNS, f"There is no name {configured.name} (NXDOMAIN).")
    except dns.resolver.NoAnswer:
        return failed(Failure.DNS, f"{configured.name} has no {configured.record} record.")
    except dns.resolver.NoNameservers as error:
        return failed(Failure.DNS, f"No resolver answers for {configured.name}: {_told(error)}.")
    except (dns.exception.Timeout, TimeoutError):
        whom = configured.resolver or "The system's resolver"
        return failed(Failure.TIMEOUT, f"{whom} does not answer within {seconds(tools.timeout_s)}.")
    except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.IDNAException):
        return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, f"{configured.name} cannot be the name of anything.")
    except dns.exception.DNSException as error:
        return failed(Failure.DNS, f"The answer for {configured.name} cannot be used: {type(error).__name__}.")
    took_ms = round((time.monotonic() - begun) * 1000, 3)
    found = sorted(_text(rdata) for rdata in answer)
    facts = (
        ("answers", _listed(found)),
        ("time to live", f"{answer.rrset.ttl if answer.rrset is not None else 0} s"),
        ("asked", f"{answer.nameserver}:{answer.port}" if answer.nameserver else "the system's resolver"),
    )
    outcome, cause, text = _judged(configured, answer)
    return Checked(outcome, cause, text, timing=Timing(dns_ms=took_ms, total_ms=took_ms), facts=facts)


def _judged(configured: DnsCheck, answer: Iterable[Any]) -> tuple[Outcome, Cause, str]:
    rdatas = list(answer)
    forms = {_text(rdata): {_plain(form) for form in _forms(rdata)} for rdata in rdatas}
    wanted = {text: _plain(text) for text in configured.expect}
    missing = [text for text, plain in wanted.items() if not any(plain in known for known in forms.values())]
    found = f"found {_listed(sorted(forms))}"
    if missing:
        return Outcome.DOWN, Cause.ASSERTION, f"{configured.name} should have the {configured.record} record {_listed(missing)}; {found}."
    more = [text for text, known in forms.items() if not known & set(wanted.values())]
    if configured.exactly and more:
        return (
            Outcome.DOWN,
            Cause.ASSERTION,
            f"{configured.name} should have no {configured.record} record but the expected; there is also {_listed(more)}.",
        )
    return Outcome.UP, Cause.NONE, ""


def _text(rdata: Any) -> str:
    """Return a record as people write it: texts without quotes, names without the last dot."""
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode("utf-8", "replace")
    return " ".join(part.rstrip(".") for part in rdata.to_text().replace('"', "").split())


def _forms(rdata: Any) -> set[str]:
    """Return every way in which a record may be expected: mail exchangers and services also without their numbers."""
    text = _text(rdata)
    return {text, text.rpartition(" ")[2]} if rdata.rdtype in (dns.rdatatype.MX, dns.rdatatype.SRV) else {text}


def _plain(text: str) -> str:
    """Return what is compared: without case, quotes, repeated spaces and last dots; addresses in their shortest form."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return " ".join(part.rstrip(".") for part in text.replace('"', "").lower().split())


def _listed(texts: list[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(text[:120] for text in texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _told(error: dns.resolver.NoNameservers) -> str:
    """Return what each server answered: "9.9.9.9 says SERVFAIL"."""
    told = []
    for server, _, _, reason, response in error.kwargs["errors"]:
        # Of servers of ours by name too: "Do53:9.9.9.9@53".
        whom = str(server).partition(":")[2].partition("@")[0] or str(server)
        says = f"says {dns.rcode.to_text(response.rcode())}" if response is not None else _words(reason)
        told.append(f"{whom} {says}")
    return ", ".join(dict.fromkeys(told[:3])) or "there is none to ask"


def _words(reason: Exception | str) -> str:
    if isinstance(reason, ConnectionRefusedError) or "refused" in str(reason).lower():
        return "refuses the question"
    return "gives no answer that can be read"


class _Refused(BaseException):
    """The resolver may not be contacted. No Exception: dnspython takes these for a server's and asks the next."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure, self.text = failure, text


class _Datagram(_DatagramSocket):
    async def sendto(self, what: bytes, destination: Any, timeout: float | None) -> int:  # noqa: ASYNC109, dnspython's
        self.transport.sendto(what)  # connected already: some systems refuse an address then
        return len(what)


class _Checked(Backend):
    """dnspython's asyncio backend, on sockets of ours."""

    def __init__(self, net: Net) -> None:
        self._net = net

    def datagram_connection_required(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride], inferred as False there
        return True  # so that the destination is known when the socket is made, and nobody else is heard

    async def make_socket(
        self,
        af: int,
        socktype: Any,
        proto: int = 0,
        source: Any = None,
        destination: Any = None,
        timeout: float | None = None,  # noqa: ASYNC109, dnspython's
        ssl_context: Any = None,
        server_hostname: str | None = None,
    ) -> Any:
        ip, port = destination[0], destination[1]
        try:
            if getattr(socktype, "name", "") == "SOCK_DGRAM":
                transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                    _DatagramProtocol, sock=self._net.open_datagram(ip, port)
                )
                return _Datagram(af, transport, protocol)
            reader, writer = await self._net.open_stream(ip, port, tls=False, timeout_s=timeout or ATTEMPT_S)
        except NotConnected as error:
            if error.failure is Failure.REFUSED_ADDRESS:
                raise _Refused(error.failure, error.text) from error
            raise
        return _StreamSocket(af, reader, writer)

"""A check of a domain's registration: when it ends, and whether the registry holds it back.

By RDAP (RFC 9083), whose servers the IANA lists (RFC 9224); where a registry has none, by WHOIS (RFC 3912), whose texts are read by a
library. RDAP is JSON that the standard describes: reading three of its members needs no library, and those there are open connections
of their own.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from whois.exceptions import WhoisError
from whois.parser import WhoisEntry

from app.core.checked import Checked
from app.core.checks import DomainCheck
from app.core.exchange import Exchange, Failure, Purpose, Timing
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.urls import registrable_domain, resolve
from app.net import Net, NotConnected
from app.net.failures import seconds
from app.probes.tools import Tools

BOOTSTRAP = "https://data.iana.org/rdap/dns.json"
WHOIS = "whois.iana.org"
WHOIS_PORT = 43
# Registries count who asks: within an hour the answer of before will do, and for a week it will when they give none.
FRESH, STALE = timedelta(hours=1), timedelta(days=7)
LIST_FRESH_S = 86_400.0
MAX_REDIRECTS = 4
MAX_BYTES = 2_000_000
MAX_KEPT_BYTES = 20_000  # of an answer, to be shown
MAX_WHOIS_BYTES = 40_000
# Of RFC 8056 and ICANN's EPP status codes: with these, a name is or soon will be out of the DNS.
_HELD = ("client hold", "server hold", "redemption period", "pending delete", "inactive")

_lists: dict[str, tuple[float, dict[str, str]]] = {}  # address of the list → (until when on the monotonic clock, TLD → RDAP server)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a registry told about a domain."""

    domain: str
    asked: datetime
    ends: datetime | None
    status: tuple[str, ...] = ()
    registrar: str = ""
    by: str = ""  # "RDAP" or "WHOIS"

    def written(self) -> str:
        ends = self.ends.isoformat() if self.ends else ""
        return json.dumps([self.domain, self.asked.isoformat(), ends, list(self.status), self.registrar, self.by])

    @classmethod
    def read(cls, text: str, domain: str) -> "_Known | None":
        try:
            name, asked, ends, status, registrar, by = json.loads(text)
            known = cls(name, datetime.fromisoformat(asked), datetime.fromisoformat(ends) if ends else None, tuple(status), registrar, by)
        except (ValueError, TypeError):
            return None
        return known if known.domain == domain else None


class _Untold(Exception):
    """The registry could not be asked, or its answer not be read."""

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause, self.text = cause, text


class _Free(Exception):
    """Nobody has registered the domain."""


async def run(
    configured: DomainCheck, tools: Tools, *, bootstrap: str = BOOTSTRAP, whois: str = WHOIS, whois_port: int = WHOIS_PORT
) -> Checked:
    """Ask the registry of the domain, at most once an hour. That it cannot be asked says nothing about the domain."""
    domain = registrable_domain(configured.domain)
    if domain is None or not domain.isascii():
        return Checked(
            Outcome.UNKNOWN, Cause.CONFIGURATION, f"{configured.domain} is not below a public suffix, so nobody can register it."
        )
    before = _Known.read(tools.remembered, domain)
    if before and before.asked <= tools.now < before.asked + FRESH:
        return _judged(configured, before, tools.now, None)
    begun = time.monotonic()
    asker = _Asker(tools, domain)
    try:
        async with asyncio.timeout(tools.timeout_s):
            try:
                known = await asker.by_rdap(bootstrap)
            except _Untold:
                known = None
            if known is None or known.ends is None:
                known = await asker.by_whois(whois, whois_port, known)
    except _Free:
        text = f"Nobody has registered {domain}, says its registry."
        return Checked(Outcome.DOWN, Cause.ASSERTION, text, exchanges=tuple(asker.exchanges))
    except (_Untold, TimeoutError) as error:
        if before and tools.now < before.asked + STALE:
            return _judged(configured, before, tools.now, None)
        told = (
            error
            if isinstance(error, _Untold)
            else _Untold(Cause.TIMEOUT, f"Its registry does not answer within {seconds(tools.timeout_s)}.")
        )
        return Checked(Outcome.UNKNOWN, told.cause, f"Nothing is known of {domain}: {told.text}", exchanges=tuple(asker.exchanges))
    took_ms = round((time.monotonic() - begun) * 1000, 3)
    return _judged(configured, known, tools.now, Timing(total_ms=took_ms), tuple(asker.exchanges))


def _judged(configured: DomainCheck, known: _Known, at: datetime, timing: Timing | None, exchanges: tuple[Exchange, ...] = ()) -> Checked:
    facts = [("asked", f"{known.asked:%Y-%m-%d %H:%M} UTC, by {known.by}")]
    if known.ends:
        facts.insert(0, ("registration ends", f"{known.ends:%Y-%m-%d}"))
    if known.registrar:
        facts.append(("registrar", known.registrar))
    if known.status:
        facts.append(("status", ", ".join(known.status)))
    outcome, cause, text = Outcome.UP, Cause.NONE, ""
    held = [status for status in known.status if status.lower() in _HELD]
    if known.ends is None:
        outcome, cause = Outcome.UNKNOWN, Cause.CONFIGURATION
        text = f"The registry of .{known.domain.rpartition('.')[2]} does not tell when registrations end."
    elif known.ends <= at:
        outcome, cause = Outcome.DOWN, Cause.ASSERTION
        text = f"The registration of {known.domain} ended on {known.ends:%Y-%m-%d}."
    elif (left := known.ends - at) < timedelta(days=configured.days):
        outcome, cause = Outcome.DEGRADED, Cause.ASSERTION
        text = f"The registration of {known.domain} ends in {left.days} days, on {known.ends:%Y-%m-%d}."
    if held:
        outcome, cause = Outcome.DOWN, Cause.ASSERTION
        text = f"The registry holds {known.domain} back: {', '.join(held)}."
    return Checked(outcome, cause, text, timing=timing, exchanges=exchanges, facts=tuple(facts), remember=known.written())


class _Asker:
    """Asks the registries about one domain, and keeps what was sent."""

    def __init__(self, tools: Tools, domain: str) -> None:
        self._net: Net = tools.net
        self._timeout_s = tools.timeout_s
        self._now = tools.now
        self._domain = domain
        self.exchanges: list[Exchange] = []

    async def by_rdap(self, bootstrap: str) -> _Known | None:
        """Return what RDAP tells; None when the registry has no such server."""
        servers = await self._servers(bootstrap)
        server = servers.get(self._domain.rpartition(".")[2])
        if server is None:
            return None
        data = await self._json(f"{server}domain/{self._domain}")
        events = {str(event.get("eventAction", "")): event.get("eventDate") for event in _objects(data.get("events"))}
        status = tuple(str(name)[:60] for name in _list(data.get("status")) if isinstance(name, str))[:20]
        return _Known(self._domain, self._now, _date(events.get("expiration")), status, _registrar(data), "RDAP")

    async def _servers(self, bootstrap: str) -> Mapping[str, str]:
        until, servers = _lists.get(bootstrap, (0.0, {}))
        if until > time.monotonic():
            return servers
        data = await self._json(bootstrap)
        servers = {}
        for service in _list(data.get("services")):
            match service:
                case [[*names], [*addresses]] if addresses:
                    chosen = next((address for address in addresses if str(address).startswith("https:")), addresses[0])
                    servers |= {str(name).lower(): f"{str(chosen).rstrip('/')}/" for name in names}
        if not servers:
            raise _Untold(Cause.PROTOCOL, "the IANA's list of registries cannot be read.")
        _lists[bootstrap] = (time.monotonic() + LIST_FRESH_S, servers)
        return servers

    async def _json(self, url: str) -> dict[str, Any]:
        exchange, body = await self._get(url)
        for _ in range(MAX_REDIRECTS):
            target = resolve(exchange.header("location") or "", url) if exchange.status in (301, 302, 303, 307, 308) else None
            if target is None:
                break
            url = target
            exchange, body = await self._get(url)
        if exchange.status == 404 and "/domain/" in url:
            raise _Free
        if exchange.status != 200:
            raise _Untold(Cause.PROTOCOL, f"its registry answers {exchange.status} {exchange.reason}".strip() + ".")
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise _Untold(Cause.PROTOCOL, "the answer of its registry cannot be read.")
        return data

    async def _get(self, url: str) -> tuple[Exchange, bytes]:
        headers = (("User-Agent", self._net.user_agent), ("Accept", "application/rdap+json, application/json"))
        received = await self._net.request("GET", url, headers, timeout_s=self._timeout_s, max_body_bytes=MAX_BYTES)
        exchange = Exchange(
            id=len(self.exchanges) + 1,
            purpose=Purpose.ENDPOINT,
            method="GET",
            url=url,
            request_headers=headers,
            response=received.response,
            reason=received.reason,
            http_version=received.http_version,
            body=received.body[:MAX_KEPT_BYTES],
            truncated=received.truncated or len(received.body) > MAX_KEPT_BYTES,
            failure=received.failure,
            failure_text=received.failure_text,
            timing=received.timing,
            address=received.address,
        )
        self.exchanges.append(exchange)
        if received.response is None:
            cause = Cause.TIMEOUT if received.failure is Failure.TIMEOUT else Cause.CONNECT
            raise _Untold(cause, received.failure_text)
        return exchange, received.body

    async def by_whois(self, server: str, port: int, told: _Known | None) -> _Known:
        """Return what WHOIS tells. `told` is what RDAP did, without an end: that stands when WHOIS does not know it either."""
        try:
            tld = self._domain.rpartition(".")[2]
            referred = await self._whois(server, port, tld)
            named = [line.partition(":")[2].strip() for line in referred.splitlines() if line.lower().startswith(("whois:", "refer:"))]
            if not named or not named[0]:
                raise _Untold(Cause.CONFIGURATION, f"the registry of .{tld} can be asked neither by RDAP nor by WHOIS.")
            text = await self._whois(named[0], port, self._domain)
        except _Untold:
            if told is None:
                raise
            return told
        try:
            entry = WhoisEntry.load(self._domain, text)
        except WhoisError:
            if told is None and _says_free(text):
                raise _Free from None
            entry = {}
        except Exception as error:  # whatever the library's patterns stumble over in a text of any form
            raise _Untold(Cause.PROTOCOL, "the answer of its registry cannot be read.") from error
        ends = _date(entry.get("expiration_date"))
        if told is not None:
            return told if ends is None else _Known(told.domain, told.asked, ends, told.status, told.registrar, "RDAP and WHOIS")
        if ends is None and _says_free(text):
            raise _Free
        status = _words(entry.get("status"))
        return _Known(self._domain, self._now, ends, status, " ".join(_words(entry.get("registrar"))[:1]), "WHOIS")

    async def _whois(self, server: str, port: int, query: str) -> str:
        try:
            reader, writer = await self._net.open_stream(server, port, tls=False, timeout_s=self._timeout_s)
        except NotConnected as error:
            raise _Untold(Cause.TIMEOUT if error.failure is Failure.TIMEOUT else Cause.CONNECT, error.text) from error
        try:
            writer.write(f"{query}\r\n".encode("ascii"))
            received = bytearray()
            while len(received) < MAX_WHOIS_BYTES and (data := await reader.read(MAX_WHOIS_BYTES - len(received))):
                received += data
        except OSError:
            raise _Untold(Cause.CONNECT, f"{server} broke off the connection.") from None
        finally:
            writer.transport.abort()
        return received.decode("utf-8", "replace")


def _says_free(text: str) -> bool:
    lowered = text.lower()
    return any(
        sign in lowered for sign in ("no match for", "not found", "no entries found", "no data found", "status: free", "status: available")
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _registrar(data: Mapping[str, Any]) -> str:
    """Return the registrar's name: "fn" of its jCard (RFC 7095)."""
    for entity in _objects(data.get("entities")):
        if "registrar" in _list(entity.get("roles")):
            match entity.get("vcardArray"):
                case [_, [*properties]]:
                    for line in properties:
                        match line:
                            case ["fn", _, _, str(name)]:
                                return name[:120]
    return ""


def _date(value: Any) -> datetime | None:
    """Return the earliest of what is given as one date or several, as text or not."""
    if isinstance(value, list):
        found = [date for date in map(_date, value) if date is not None]
        return min(found, default=None)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _words(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(str(item).partition(" http")[0][:80] for item in values if item)[:20]

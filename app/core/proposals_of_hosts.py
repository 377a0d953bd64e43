"""What is proposed of the hosts of a site: their certificates, their names, and that http leads to https."""

from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from app.core.ask import Ask
from app.core.assertions import Assertion, Operator, Subject
from app.core.checks import ApiCheck, DnsCheck, DomainCheck, TlsCheck
from app.core.exchange import Purpose, header_value
from app.core.findings import SeamKind
from app.core.proposal import DAILY, FIVE_MINUTES, HOURLY, SIX_HOURS, Proposal, is_whole, named
from app.core.report import Report
from app.core.urls import host_of, http_url, is_ip_address, is_private_host, origin_of, port_of, registrable_domain

_RESERVED = (".example", ".invalid", ".localhost", ".test", ".onion", ".alt")  # RFC 6761, 7686, 9476: nobody registers these


def of_hosts(report: Report) -> Iterator[Proposal]:
    origins = list(dict.fromkeys([report.site.page_origin, *report.site.api_origins, *_sockets(report)]))
    for origin in origins:
        if origin.startswith("https://"):
            yield _certificate(report, origin)
    yield from _upgrades(report)
    hosts = dict.fromkeys(host_of(origin) for origin in origins)
    public = [host for host in hosts if host and not is_ip_address(host) and not is_private_host(host)]
    for domain in dict.fromkeys(filter(None, map(registered_domain, public))):
        yield Proposal(SeamKind.DELIVERY, named("Domain", domain), DomainCheck(domain), "Registered for 30 days or more", DAILY)
    for host in public:
        yield Proposal(
            SeamKind.DELIVERY, named("DNS", host), DnsCheck(host), "Has an address", FIVE_MINUTES, False,
            "Every other check asks for the address too; this one tells DNS from the server.",
        )  # fmt: skip


def _sockets(report: Report) -> list[str]:
    return [origin_of(http_url(request.url)) for request in report.requests if request.purpose == Purpose.WEBSOCKET]


def _certificate(report: Report, origin: str) -> Proposal:
    host, port = host_of(origin).strip("[]"), port_of(origin)
    reached = any(request.status for request in report.requests if origin_of(http_url(request.url)) == origin)
    why = "" if reached else "The scan got no answer from it."
    name = named("TLS", host if port == 443 else f"{host}:{port}")
    return Proposal(SeamKind.DELIVERY, name, TlsCheck(host, port), "Trusted, 14 days left or more", SIX_HOURS, reached, why)


def _upgrades(report: Report) -> Iterator[Proposal]:
    """Yield that the http:// address of a page leads to https://."""
    for twin in [request for request in report.requests if request.purpose == Purpose.TWIN][:1]:
        location = header_value(twin.response_headers, "location") or ""
        leads = bool(twin.status) and 300 <= (twin.status or 0) < 400 and location.startswith("https://")
        if not twin.status or not is_whole(twin.url):
            continue
        must = (
            Assertion(Subject.STATUS, Operator.IS, "301-308"),
            Assertion(Subject.HEADER, Operator.MATCHES, "^https://", "location"),
        )
        check = ApiCheck(Ask(twin.url, follow_redirects=False, assertions=must))
        name = named("http to https at", urlsplit(twin.url).netloc)
        why = "" if leads else f"It answers {twin.status} over http today."
        yield Proposal(SeamKind.DELIVERY, name, check, "Redirected to https", HOURLY, leads, why)


@cache
def _registries() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)  # reading the list takes 0.1 s


def registered_domain(host: str) -> str:
    """Return the domain that was registered for a host; "" when nobody can register it.

    For a name below a host company's own domain ("shop.pages.dev") it is nobody's to renew but theirs: "" as well.
    """
    name = host.strip(".").lower()
    if name.endswith(_RESERVED):
        return ""
    registered = _registries().privatesuffix(name) or ""
    return registered if registered == registrable_domain(name) else ""

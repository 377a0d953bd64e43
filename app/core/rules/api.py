"""The API's answers: pages and redirects where data was expected. API-01, 03, 04 and 05."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.examined import Examined
from app.core.exchange import Exchange, Purpose
from app.core.findings import Certainty, Evidence, Finding, Framework, SeamKind, Severity
from app.core.observation import JudgedCall
from app.core.redact import redact_url
from app.core.rules import check
from app.core.rules.baseline import is_not_there, is_shell, same_answer, says_nothing
from app.core.rules.blocked import console_of
from app.core.rules.delivery import Reach, reach_of, unreachable_origins
from app.core.rules.diagnosis import Redirection, is_login, redirection_of
from app.core.rules.facts import calls_to, coded, exchanges_at, facts_for, listed, mends_of, path_of, plural, shown, shown_path
from app.core.rules.quoting import quote_exchange
from app.core.urls import host_of, origin_of, port_of

MAX_JSON_BYTES = 512_000
# "url" and "href" may be what users entered, so they count only when they lead back to what was asked.
_PAGE_LINKS = ("next", "previous", "prev", "first", "last", "self")
_SELF_LINKS = ("url", "href")


@check("API-01")
def fallback_answers_api_paths(examined: Examined) -> Iterator[Finding]:
    """An API path that does not exist is answered 200 with a page."""
    page, page_origin = examined.page(), examined.inventory.page_origin
    reported = set(unreachable_origins(examined))
    for exchange in examined.observation.of(Purpose.MISSING_API):
        origin = origin_of(exchange.url)
        if exchange.status != 200 or exchange.media_type != "text/html" or says_nothing(exchange) or origin in reported:
            continue
        base = f"{origin}{path_of(exchange.url).rpartition('/')[0]}/"
        callers = [judged for judged in calls_to(examined, origin) if f"{judged.call.url.partition('?')[0]}/".startswith(base)]
        if not callers and not (origin == page_origin and _scripts_name(examined, path_of(base))):
            continue  # nobody expects an API under this prefix
        missing_page = next((other for other in examined.observation.of(Purpose.MISSING_PAGE) if origin_of(other.url) == origin), None)
        shell = is_shell(exchange, page) or (missing_page is not None and same_answer(exchange, missing_page))
        # On another origin there is no page to compare with; a document for a random path asked for as JSON speaks for itself.
        if not shell and origin == page_origin:
            continue
        broken = [judged for judged in callers if _gets_the_fallback(examined, judged)]
        if path_of(base) == "/" and origin == page_origin and not broken:
            continue  # the fallback for the frontend's own routes, as it should be
        reported.add(origin)
        yield _fallback(examined, base, exchange, broken, shell, Certainty.OBSERVED if callers else Certainty.INFERRED)


def _scripts_name(examined: Examined, prefix: str) -> bool:
    """Whether scripts name the prefix of paths, in a site whose calls could not be read and lead nowhere else."""
    inventory = examined.inventory
    elsewhere = [origin for origin in inventory.api_origins if origin != inventory.page_origin]
    if elsewhere or inventory.literals or prefix == "/":
        return False  # the prefix may be a path of the API at the other origin
    named = re.compile(rf"""["'`]{re.escape(prefix.rstrip("/"))}["'`/$?]""")
    return any(named.search(exchange.text()) for exchange in examined.observation.of(Purpose.SCRIPT, Purpose.PAGE))


def _gets_the_fallback(examined: Examined, judged: JudgedCall) -> bool:
    return any(
        is_shell(answer, examined.page()) or is_not_there(answer, examined.observation)
        for answer in exchanges_at(examined, judged.call.url, "GET")
    )


def _fallback(examined: Examined, base: str, exchange: Exchange, broken: list[JudgedCall], shell: bool, certainty: Certainty) -> Finding:
    prefix = path_of(base)
    explanation = (
        f"A path under `{prefix}` that does not exist gets 200 and {'the page itself' if shell else 'an HTML page'} "
        "instead of a 404. A script that "
        "mistypes a path, or calls one that a release removed, believes it has an answer and fails while reading it as JSON: "
        "`Unexpected token '<'`. Monitors see 200 and stay green."
    )
    evidence = quote_exchange(
        exchange,
        request=("accept",),
        answer=("content-type", "server", "*body"),
        faulty={"content-type": "text/html", "*status": "200"},
        note="This path is random: no such endpoint exists.",
    )
    if broken:
        explanation += f" {coded(shown_path(judged.call) for judged in broken)} is called and gets the same page."
    if certainty is Certainty.INFERRED:
        explanation += f" No call could be read from the scripts, but they name `{prefix}`."
    return Finding(
        "API-01",
        Severity.HIGH,
        SeamKind.API,
        f"Unknown paths under {prefix} are answered with {'the page' if shell else 'an HTML page'} and status 200",
        certainty,
        explanation,
        hits=plural(len(broken), "call gets HTML", "calls get HTML") if broken else prefix,
        evidence=evidence,
        calls=tuple(judged.id for judged in broken),
        console="SyntaxError: Unexpected token '<', \"<!doctype \"... is not valid JSON",
        mends=mends_of(examined, "API-01", facts_for(examined, origin_of(base), path=prefix)),
    )


# API-03 and API-04: redirects of called URLs


@dataclass(frozen=True, slots=True)
class _Redirected:
    judged: JudgedCall
    exchange: Exchange
    to: Redirection

    @property
    def certainty(self) -> Certainty:
        """Observed when the redirect answered the call's own method, or its preflight."""
        return Certainty.OBSERVED if self.exchange.method in (self.judged.call.method.upper(), "OPTIONS") else Certainty.INFERRED


def _redirected_calls(examined: Examined) -> list[_Redirected]:
    """Return the calls whose own URL redirects, each with the exchange that shows it best."""
    found: list[_Redirected] = []
    unreachable = unreachable_origins(examined)
    for judged in examined.observation.judged:
        if origin_of(judged.call.url) in unreachable:
            continue
        answers = [exchange for exchange in exchanges_at(examined, judged.call.url) if not says_nothing(exchange)]
        own = set(judged.exchanges)
        # What was asked for this very call says more than the same URL asked by others.
        answers.sort(key=lambda exchange: (exchange.id not in own, exchange.method == "OPTIONS", exchange.id))
        for exchange in answers:
            to = redirection_of(exchange)
            if to is not None:
                found.append(_Redirected(judged, exchange, to))
                break
    return found


@check("API-03")
def login_redirect_instead_of_401(examined: Examined) -> Iterator[Finding]:
    """A called endpoint redirects to a login page."""
    by_api: dict[str, list[_Redirected]] = defaultdict(list)
    for item in _redirected_calls(examined):
        if item.to.login:
            by_api[origin_of(item.judged.call.url)].append(item)
    for api_origin, items in by_api.items():
        lead = min(items, key=lambda item: item.certainty is not Certainty.OBSERVED)
        target = shown(path_of(lead.to.target))
        preflight = lead.exchange.method == "OPTIONS"
        explanation = (
            f"Without a session the API answers with a redirect to `{target}`, which is meant for people who open a "
            "page. A script follows it without "
            "noticing: "
        )
        if preflight:
            explanation += "here even the preflight is redirected, and browsers stop there. "
        elif api_origin == examined.inventory.page_origin and not lead.to.host:
            explanation += "it gets the login page as 200 and HTML, and a `POST` arrives there as a `GET`. "
        else:
            explanation += "across origins the login page has no CORS headers, so it looks like a CORS error. "
        explanation += "An API says 401, and the frontend decides what to show."
        facts = facts_for(examined, api_origin, path=path_of(lead.judged.call.url), location=lead.to.location)
        yield Finding(
            "API-03",
            Severity.HIGH,
            SeamKind.API,
            f"The API redirects to {target} instead of answering 401",
            lead.certainty,
            explanation,
            hits=listed((shown_path(item.judged.call) for item in items), 2),
            evidence=quote_exchange(
                lead.exchange, request=("accept",), answer=("location", "content-type"), faulty={"location": lead.to.location}
            ),
            calls=tuple(item.judged.id for item in items),
            console=console_of(lead.judged),
            mends=mends_of(examined, "API-03", facts),
        )


@check("API-04")
def slash_redirect_on_the_api(examined: Examined) -> Iterator[Finding]:
    """The URL as the frontend calls it redirects to the same path with or without a slash."""
    redirected = [item for item in _redirected_calls(examined) if item.to.slash]
    # A redirected preflight is COR-05, and tells of the same slash.
    preflights = {exchange.url for exchange in examined.observation.of(Purpose.PREFLIGHT) if redirection_of(exchange) is not None}
    by_api: dict[str, list[_Redirected]] = defaultdict(list)
    for item in redirected:
        if item.judged.call.url not in preflights and item.exchange.method != "OPTIONS":
            by_api[origin_of(item.judged.call.url)].append(item)
    for api_origin, items in by_api.items():
        yield _slash_redirect(examined, api_origin, items)


def _slash_redirect(examined: Examined, api_origin: str, items: list[_Redirected]) -> Finding:
    writes = [item for item in items if item.judged.call.method.upper() not in ("GET", "HEAD")]
    lead = min(writes or items, key=lambda item: item.certainty is not Certainty.OBSERVED)
    status, method = lead.exchange.status, lead.judged.call.method.upper()
    asked, target = path_of(lead.exchange.url), shown(path_of(lead.to.target))
    explanation = f"The frontend calls `{shown(asked)}`, and the server redirects it to `{target}`. "
    if status in (301, 302, 303) and writes:
        explanation += (
            f"After a {status} browsers repeat a `POST` as a `GET` without its body, so nothing is written and no error is shown. "
        )
    elif writes:
        explanation += f"A {status} keeps method and body, but each call takes two round trips. "
    else:
        explanation += "Each call takes two round trips, and a `POST` to the same path would lose its body after a 301 or 302. "
    if api_origin != examined.inventory.page_origin:
        explanation += "Across origins the redirect must also carry the CORS headers. "
    explanation += "Call the path as the server spells it."
    paths = list(dict.fromkeys(shown_path(item.judged.call) for item in items))
    title = f"The API redirects {listed(paths, 3)}" + (f" to {target}" if len(paths) == 1 else " by a trailing slash")
    facts = facts_for(
        examined,
        api_origin,
        path=asked,
        url=lead.judged.call.url,
        location=lead.to.location,
        code=lead.judged.call.source.excerpt,
    )
    return Finding(
        "API-04",
        Severity.HIGH,
        SeamKind.API,
        title,
        Certainty.OBSERVED if any(item.certainty is Certainty.OBSERVED for item in items) else Certainty.INFERRED,
        explanation,
        hits=plural(len(items), "call redirected", "calls redirected"),
        evidence=quote_exchange(
            lead.exchange,
            answer=("location", "server"),
            faulty={"location": lead.to.location},
            note="" if lead.certainty is Certainty.OBSERVED else f"A GET on the same path; a {method} would change data.",
        ),
        calls=tuple(item.judged.id for item in items),
        mends=mends_of(examined, "API-04", facts),
    )


@dataclass(frozen=True, slots=True)
class _WrongLink:
    exchange: Exchange
    url: str  # absolute, as the server gave it
    place: str  # "location", "servers", "next"
    why: str  # "scheme", "host"


@check("API-05")
def links_name_the_inner_address(examined: Examined) -> Iterator[Finding]:
    """Redirects, pagination links or the schema's servers say http:// or the inner host."""
    by_origin: dict[str, list[_WrongLink]] = defaultdict(list)
    unreachable = unreachable_origins(examined)
    for exchange in examined.observation.exchanges:
        if (
            origin_of(exchange.url) in unreachable
            or exchange.purpose in (Purpose.TWIN, Purpose.OAUTH, Purpose.SCRIPT)
            or says_nothing(exchange)
        ):
            continue
        for place, url in _links_of(exchange):
            why = _what_is_wrong(examined, exchange, url, place)
            if why:
                by_origin[origin_of(exchange.url)].append(_WrongLink(exchange, url, place, why))
    for origin, links in by_origin.items():
        yield _inner_address(examined, origin, links)


def _links_of(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Yield the absolute URLs by which an answer sends clients on, each with the place it stands in."""
    location = exchange.header("location")
    if location and 300 <= exchange.status < 400 and "://" in location:
        yield "location", location
    if exchange.method != "GET" or exchange.status != 200 or "json" not in exchange.media_type or exchange.truncated:
        return
    if not exchange.body or len(exchange.body) > MAX_JSON_BYTES:
        return
    try:
        document = json.loads(exchange.text())
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    servers = document.get("servers")
    if exchange.purpose is Purpose.SCHEMA and isinstance(servers, list):
        for server in servers:
            if isinstance(server, dict) and isinstance(server.get("url"), str):
                yield "servers", server["url"]
        return
    for links in (document, document.get("links"), document.get("_links")):
        if isinstance(links, dict):
            for name in (*_PAGE_LINKS, *_SELF_LINKS):
                link = links.get(name)
                if not isinstance(link, str) or "://" not in link:
                    continue
                if name in _PAGE_LINKS or path_of(link) == path_of(exchange.url):
                    yield name, link


def _what_is_wrong(examined: Examined, exchange: Exchange, url: str, place: str) -> str:
    """Return "scheme" or "host" when the link leads to an address the browser did not use and should not know; else ""."""
    try:
        here, there = urlsplit(exchange.url), urlsplit(url)
        _ = there.port
    except ValueError:
        return ""
    if there.scheme not in ("http", "https") or not there.hostname or not here.hostname:
        return ""
    origin = origin_of(url)
    if origin == origin_of(exchange.url) or origin in (examined.inventory.page_origin, *examined.inventory.api_origins):
        return ""
    same_host = there.hostname.lower() == here.hostname.lower()
    if here.scheme == "https" and there.scheme == "http" and same_host and port_of(url) in (80, port_of(exchange.url)):
        return "scheme"
    if place == "location" and here.path == there.path and same_host:
        return ""  # the address has moved, to https or to another port; an inner address shows where the path is mended too
    if same_host:
        # Another port of the same host is the inner server when it leads to the same place.
        return "host" if place != "location" or _same_place(here.path, there.path) else ""
    inner = reach_of(host_of(url)) < Reach.TUNNEL and host_of(url) != host_of(examined.inventory.page_origin)
    if not inner or (
        place == "location"
        and is_login(url)
        and not _same_place(here.path, there.path)
        and reach_of(here.hostname) == reach_of(there.hostname)
    ):
        return ""
    return "host"


def _same_place(one: str, other: str) -> bool:
    """Whether two paths are the same but for a trailing slash, or one is the other behind a prefix."""
    a, b = one.rstrip("/"), other.rstrip("/")
    return a == b or (len(b) > 1 and a.endswith(b)) or (len(a) > 1 and b.endswith(a))


def _inner_address(examined: Examined, origin: str, links: list[_WrongLink]) -> Finding:
    links.sort(key=lambda link: (link.place != "location", link.exchange.id))
    lead = links[0]
    wrong = origin_of(lead.url)
    scheme_only = all(link.why == "scheme" for link in links)
    what = {"location": "Redirects", "servers": "The schema's servers"}.get(lead.place, "Links in answers")
    if scheme_only:
        title = f"{what} say http:// on an https site"
        cause = (
            f"The application behind the proxy believes it was asked over http, and builds `{shown(lead.url)}`. On an https "
            "page browsers block that as "
            "mixed content, and a redirect to another origin loses the `Authorization` header. The proxy has to pass on "
            "`X-Forwarded-Proto`, and the application has to trust it."
        )
    else:
        title = f"{what} name {wrong} instead of {origin}"
        cause = (
            "The application builds addresses from the host it was asked by, and the proxy asks it as "
            f"`{urlsplit(lead.url).netloc}`. So it sends "
            f"browsers to `{shown(lead.url)}`, which is another origin at best and cannot be reached at worst. The proxy has "
            "to pass on `Host` and "
            "`X-Forwarded-Proto`, and the application has to trust them."
        )
    evidence: tuple[Evidence, ...] = ()
    for link in _one_of_each_place(links):
        if link.place == "location":
            evidence += quote_exchange(link.exchange, answer=("location",), faulty={"location": origin_of(link.url)})
        else:
            key = (
                f'"{link.place}": "{redact_url(link.url)}"'
                if link.place != "servers"
                else f'"servers": [{{"url": "{redact_url(link.url)}"}}]'
            )
            evidence += (*quote_exchange(link.exchange), Evidence(key, origin_of(link.url), link.exchange.id))
    urls = {link.exchange.url for link in links}
    calls = [judged for judged in examined.observation.judged if judged.call.url in urls]
    blocked_first = sorted(calls, key=lambda judged: judged.verdict is None or judged.verdict.allowed)
    facts = facts_for(examined, origin, path=path_of(lead.exchange.url), url=lead.url, location=lead.url)
    console = next((console_of(judged) for judged in blocked_first if judged.verdict and not judged.verdict.allowed), "")
    return Finding(
        "API-05",
        Severity.HIGH,
        SeamKind.API,
        title,
        Certainty.OBSERVED,
        cause,
        hits=listed((path_of(link.exchange.url) for link in links), 2),
        evidence=evidence,
        calls=tuple(judged.id for judged in blocked_first),
        console=console,
        mends=mends_of(examined, "API-05", facts, first=(Framework.NGINX,) if _behind_nginx(examined, origin) else ()),
    )


def _one_of_each_place(links: list[_WrongLink]) -> list[_WrongLink]:
    return list({link.place: link for link in reversed(links)}.values())[::-1][:3]


def _behind_nginx(examined: Examined, origin: str) -> bool:
    return any(technology.name.lower() == "nginx" and technology.origin == origin for technology in examined.technologies)

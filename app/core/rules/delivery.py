"""Delivery: what was built or deployed so that it cannot reach the other half. DEP-01, DEP-02, CAC-02."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from urllib.parse import urlsplit

from app.core.csp import upgrades_insecure_requests
from app.core.examined import Examined
from app.core.exchange import Purpose
from app.core.findings import Certainty, Evidence, Finding, Framework, SeamKind, Severity
from app.core.inventory import Source, SourceKind
from app.core.redact import redact_text
from app.core.rules import check
from app.core.rules.baseline import is_shell, says_nothing
from app.core.rules.facts import coded, facts_for, listed, mends_of, path_of, plural
from app.core.rules.quoting import quote_exchange
from app.core.urls import host_of, is_loopback_host, is_private_host, origin_of, schemelessly_same_site

MAX_LITERALS = 500  # of a page; hostile ones name tens of thousands of hosts
_WRITTEN = (SourceKind.SCRIPT, SourceKind.PAGE, SourceKind.FORM)
_TUNNELS = (".ngrok.io", ".ngrok.app", ".ngrok.dev", ".ngrok-free.app", ".ngrok-free.dev", ".trycloudflare.com", ".loca.lt",
            ".serveo.net", ".localhost.run", ".lhr.life", ".devtunnels.ms", ".telebit.io")  # fmt: skip
_SWITCH = re.compile(r"\bhost(?:name)?\s*(?:[!=]==?|\.(?:includes|startsWith|endsWith|match|indexOf)\()|[!=]==?\s*(?:\w+\.)*location\.host")
_API_HOST = re.compile(r"^(?:[\w-]*api[\w-]*|backend|graphql|ws)\.", re.I)
_API_PATH = re.compile(r"/(?:api|graphql|rest|v\d+|ws|socket\.io)(?:/|$|\?)", re.I)


class Reach(IntEnum):
    """From where a host can be reached; a page can call what is reachable from wherever it is opened."""

    MACHINE = 0  # loopback
    NETWORK = 1  # private addresses, names without public DNS, Docker's own names
    TUNNEL = 2  # a developer's machine behind ngrok and the like: reachable while that machine is on
    INTERNET = 3


@lru_cache(maxsize=2048)
def reach_of(host: str) -> Reach:
    """Classify a host."""
    name = host.lower().strip("[]").removesuffix(".")
    if is_loopback_host(host) or name in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return Reach.MACHINE
    if is_private_host(host):
        return Reach.NETWORK
    return Reach.TUNNEL if name.endswith(_TUNNELS) else Reach.INTERNET


@dataclass(frozen=True, slots=True)
class Named:
    """A URL that the frontend's source names, with the calls that use its origin."""

    url: str
    source: Source
    calls: tuple[str, ...] = ()  # JudgedCall.id
    used: bool = False  # a call or socket was found that goes there


def _named_urls(examined: Examined) -> list[Named]:
    """Return every absolute URL of the frontend's source, once per origin, those with calls first."""
    inventory = examined.inventory
    ids: dict[str, list[str]] = {}
    for judged in examined.observation.judged:
        ids.setdefault(origin_of(judged.call.url), []).append(judged.id)
    found: dict[str, Named] = {}
    uses = [*inventory.calls, *inventory.sockets]
    for url, source, used in [
        *((use.url, use.source, True) for use in uses),
        *((item.url, item.source, False) for item in inventory.literals[:MAX_LITERALS]),
    ]:
        origin = origin_of(url)
        if source.kind not in _WRITTEN or origin == "null":
            continue
        known = found.setdefault(origin, Named(url, source, tuple(ids.get(origin, ())), used))
        # A call built from pieces does not show the address; the line that names it does.
        if host_of(origin) in source.excerpt and host_of(origin) not in known.source.excerpt:
            found[origin] = replace(known, source=source)
    return list(found.values())


def _chosen_at_run_time(examined: Examined) -> frozenset[str]:
    """Return the origins that the source takes only on certain hosts: `location.hostname === "localhost" ? … : …`."""
    inventory = examined.inventory
    named = [*inventory.calls, *inventory.sockets, *inventory.literals[:MAX_LITERALS]]
    return frozenset(origin_of(item.url) for item in named if _SWITCH.search(item.source.excerpt))


def _is_base(url: str) -> bool:
    """Whether the URL has a port or a path: axios and Angular carry a bare "http://localhost" as a constant."""
    parts = urlsplit(url)
    try:
        return parts.port is not None or parts.path not in ("", "/")
    except ValueError:
        return False


def _out_of_reach(examined: Examined) -> list[tuple[Named, Reach]]:
    page_host = host_of(examined.inventory.page_origin)
    page_reach, chosen = reach_of(page_host), _chosen_at_run_time(examined)
    found: list[tuple[Named, Reach]] = []
    for named in _named_urls(examined):
        host = host_of(named.url)
        reach = reach_of(host)
        if reach in (Reach.INTERNET, page_reach) or host == page_host or origin_of(named.url) in chosen:
            continue
        # Polyfills test themselves with addresses such as "http://a/c%20d?a=1".
        told = "." in host or ":" in host or is_loopback_host(host) or bool(_API_PATH.search(named.url) or urlsplit(named.url).port)
        if named.used or (_is_base(named.url) and told):
            found.append((named, reach))
    return found


def unreachable_origins(examined: Examined) -> frozenset[str]:
    """Return the origins that visitors of the page cannot reach (DEP-01): what the scanner sees there is not theirs."""
    if reach_of(host_of(examined.inventory.page_origin)) is Reach.MACHINE:
        return frozenset()  # in development everything is reached from the developer's own machine
    return frozenset(origin_of(named.url) for named, reach in _out_of_reach(examined) if reach is not Reach.TUNNEL)


@check("DEP-01")
def bundle_calls_a_developers_machine(examined: Examined) -> Iterator[Finding]:
    """The frontend names a loopback, private or tunnel address that visitors of this page cannot reach."""
    found = _out_of_reach(examined)
    if not found:
        return
    # One forgotten build variable, one finding: the addresses that are called come first.
    found.sort(key=lambda item: (not item[0].used, item[1]))
    named, reach = found[0]
    page_origin = examined.inventory.page_origin
    origins = [origin_of(item.url) for item, _ in found]
    whose = {
        Reach.MACHINE: "the visitor's own computer",
        Reach.NETWORK: "an address inside a private network",
        Reach.TUNNEL: "a tunnel to a developer's machine",
    }[reach]
    explanation = (
        f"The built frontend has the address {coded(origins)} in it, which is {whose}. The page is served from "
        f"`{page_origin}`, so it works for "
        "the developer, and for nobody else. "
    )
    if reach is Reach.MACHINE:
        explanation += (
            "In a visitor's browser the call goes to the visitor's own machine, where nothing listens, or is refused by the browser. "
        )
    elif reach is Reach.TUNNEL:
        explanation += "The tunnel lasts as long as that machine is on. "
    explanation += "Addresses from `VITE_…` or `REACT_APP_…` variables are fixed when the frontend is built, not when it is served."
    calls = tuple(dict.fromkeys(call for item, _ in found for call in item.calls))
    facts = facts_for(examined, origins[0], path=path_of(named.url), url=named.url, code=named.source.excerpt)
    yield Finding(
        "DEP-01",
        Severity.CRITICAL,
        SeamKind.DELIVERY,
        f"The frontend calls {listed(origins, 2)}, {whose}" if named.used else f"The frontend names {listed(origins, 2)}, {whose}",
        Certainty.OBSERVED if named.used else Certainty.INFERRED,
        explanation,
        hits=plural(len(calls), "call", "calls") if calls else listed((host_of(origin) for origin in origins), 2),
        evidence=_source_lines(examined, [item for item, _ in found]),
        calls=calls,
        mends=mends_of(examined, "DEP-01", facts, first=(Framework.JAVASCRIPT,)),
    )


@check("DEP-02")
def secure_page_calls_plain_http(examined: Examined) -> Iterator[Finding]:
    """An https page names an http:// API, which browsers refuse to call."""
    page_origin = examined.inventory.page_origin
    if not page_origin.startswith("https://") or upgrades_insecure_requests(examined.page()):
        return
    elsewhere = {origin_of(named.url) for named, _ in _out_of_reach(examined)}
    by_user = [Named(call.url, call.source, used=True) for call in examined.inventory.calls if call.source.kind is SourceKind.USER]
    plain: dict[str, Named] = {}
    for named in [*_named_urls(examined), *by_user]:
        origin = origin_of(named.url)
        if not origin.startswith("http://") or origin in elsewhere or is_loopback_host(host_of(origin)):
            continue
        if named.used or _is_api(named.url, examined):
            plain.setdefault(origin, named)
    if not plain:
        return
    origins = list(plain)
    calls = tuple(judged.id for judged in examined.observation.judged if origin_of(judged.call.url) in plain)
    first = next(iter(plain.values()))
    console = next(
        (
            judged.verdict.console
            for judged in examined.observation.judged
            if judged.id in calls and judged.verdict and judged.verdict.console
        ),
        "",
    )
    facts = facts_for(examined, origins[0], path=path_of(first.url), url=first.url, code=first.source.excerpt)
    yield Finding(
        "DEP-02",
        Severity.HIGH,
        SeamKind.DELIVERY,
        f"The https page calls {listed(origins, 2)} without encryption",
        Certainty.OBSERVED if first.used else Certainty.INFERRED,
        (
            f"The page is served over https, and its script calls {coded(origins)} over plain http. Browsers call this "
            "mixed content and block "
            "it before anything is sent. A redirect from http to https on the API does not help, because no request ever gets that far."
        ),
        hits=f"{plural(len(calls), 'call', 'calls')} blocked" if calls else listed((host_of(origin) for origin in origins), 2),
        evidence=_source_lines(examined, list(plain.values())),
        calls=calls,
        console=console,
        mends=mends_of(examined, "DEP-02", facts, first=(Framework.JAVASCRIPT,)),
    )


def _is_api(url: str, examined: Examined) -> bool:
    """Whether a literal is meant to be called: links and namespaces are http:// too."""
    origin = origin_of(url)
    page_origin = examined.inventory.page_origin
    if origin in examined.inventory.api_origins or _API_PATH.search(url):
        return True
    # Documentation links to "http://api.…" of others stand in many bundles.
    own = schemelessly_same_site(origin, page_origin)
    return own and (bool(_API_HOST.match(host_of(origin))) or urlsplit(origin).port is not None)


def _source_lines(examined: Examined, found: Sequence[Named]) -> tuple[Evidence, ...]:
    lines: list[Evidence] = []
    for named in found[:4]:
        origin = origin_of(named.url)
        text = redact_text(named.source.excerpt) or named.url
        # As written in the source: with or without the slash that parsing adds.
        written = next((part for part in (named.url, origin, host_of(origin)) if part in text), "")
        script = ""
        if named.source.exchange is not None:
            script = f"In {path_of(examined.observation.get(named.source.exchange).url)}."
        lines.append(Evidence(text, written, named.source.exchange, script))
    return tuple(lines)


@check("CAC-02")
def missing_scripts_are_answered_with_a_page(examined: Examined) -> Iterator[Finding]:
    """A script that does not exist is answered 200 with HTML."""
    if not examined.inventory.scripts and not examined.inventory.assets:
        return
    for exchange in examined.observation.of(Purpose.MISSING_ASSET):
        if exchange.status != 200 or exchange.media_type != "text/html" or says_nothing(exchange):
            continue
        if b"/@vite/client" in exchange.body:
            continue  # a development server: there is no old build
        shell = is_shell(exchange, examined.page())
        origin = origin_of(exchange.url)
        path = path_of(exchange.url)
        facts = facts_for(examined, origin, path=f"{path.rpartition('/')[0]}/")
        yield Finding(
            "CAC-02",
            Severity.HIGH,
            SeamKind.DELIVERY,
            f"Missing scripts are answered with {'the page itself' if shell else 'an HTML page'} and status 200",
            Certainty.OBSERVED,
            (
                "A script that does not exist gets 200 and `text/html` instead of 404"
                + (", because the fallback of the single-page application covers assets too" if shell else "")
                + ". After each release, open tabs still ask for chunks of the old build: browsers refuse HTML as a module script and say "
                "`Failed to fetch dynamically imported module`, and caches may keep the wrong answer under the script's name."
            ),
            hits=f"{path.rpartition('/')[0]}/",
            evidence=quote_exchange(
                exchange,
                answer=("content-type", "cache-control", "server"),
                faulty={"content-type": "text/html", "*status": "200"},
                note="This path is random: no such file exists.",
            ),
            console=(
                "Failed to load module script: Expected a JavaScript-or-Wasm module script but the server responded with a MIME type of "
                '"text/html". Strict MIME type checking is enforced for module scripts per HTML spec.'
            ),
            mends=mends_of(examined, "CAC-02", facts),
        )
        return

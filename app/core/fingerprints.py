"""Which technologies an origin shows, per path prefix, each with its confidence and the signs it rests on."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile

from app.core.exchange import Exchange, Purpose
from app.core.inventory import Inventory
from app.core.matchers import Match, Signal, seen
from app.core.report import Technology
from app.core.signals import SIGNALS, STACKS
from app.core.urls import origin_of, parse

LIKELY, YES = 0.5, 0.85
RIVAL = 0.3  # what remains of a confidence when another framework's own error page answers on the same prefix
MAX_EVIDENCE = 120  # characters of one line
_BROWSER_SIDE = frozenset({"frontend", "build"})
_CATEGORIES = ("frontend", "build", "framework", "library", "realtime", "server", "proxy", "host")
_Hits = dict[str, list[tuple[Signal, Match]]]


def prefix_of(url: str, bases: Sequence[str]) -> str:
    """Return the path prefix whose server answered a URL: the longest API base it lies under, else "/"."""
    parsed = parse(url)
    path = parsed.pathname if parsed is not None else "/"
    origin = origin_of(url)
    best = "/"
    for base in bases:
        known = parse(base)
        if (
            known is not None
            and origin_of(base) == origin
            and f"{path.rstrip('/')}/".startswith(known.pathname)
            and len(known.pathname) > len(best)
        ):
            best = known.pathname
    if best == "/":
        # Two paths that a proxy often sends elsewhere than the page.
        for own in ("/admin/", "/socket.io/"):
            if path.startswith(own):
                return own
    return best


@lru_cache(maxsize=256)
def _signs_of(exchange: Exchange) -> tuple[tuple[Signal, Match], ...]:
    item = seen(exchange)
    return tuple((signal, match) for signal in SIGNALS if (match := signal.matches(item)) is not None)


def identify(exchanges: Sequence[Exchange], inventory: Inventory) -> tuple[Technology, ...]:
    """Return the technologies that are at least likely, those of the browser first, then by origin, prefix and confidence."""
    hits: dict[tuple[str, str], _Hits] = {}  # by (origin, prefix)
    for exchange in exchanges:
        if exchange.response is None:
            continue
        for signal, match in _signs_of(exchange):
            where = _place(exchange, signal, inventory)
            if where is not None:
                hits.setdefault(where, {}).setdefault(signal.technology, []).append((signal, match))
    found: list[Technology] = []
    for origin in dict.fromkeys(origin for origin, _ in hits):
        prefixes = {prefix: technologies for (other, prefix), technologies in hits.items() if other == origin}
        found += _derived(_of_origin(origin, prefixes))
    ranks = {name: place for place, name in enumerate(_CATEGORIES)}
    return tuple(
        sorted(
            found,
            key=lambda item: (
                ranks.get(item.category, 9),
                item.origin != inventory.page_origin,
                item.origin,
                item.prefix,
                -item.confidence,
                item.name,
            ),
        )
    )


def _place(exchange: Exchange, signal: Signal, inventory: Inventory) -> tuple[str, str] | None:
    """Return (origin, prefix) that a sign speaks for. What a script says, it says of the page, wherever the file lies."""
    if signal.category in _BROWSER_SIDE or (exchange.purpose is Purpose.SCRIPT and signal.family == "script"):
        return (inventory.page_origin, "/")
    origin = origin_of(re.sub(r"^ws", "http", exchange.url))  # a WebSocket's server is the server of its host
    if exchange.purpose is Purpose.SCRIPT and origin not in (inventory.page_origin, *inventory.api_origins):
        return None  # the CDN of a library is no part of the site
    return (origin, prefix_of(exchange.url, inventory.api_bases))


def _of_origin(origin: str, prefixes: Mapping[str, _Hits]) -> list[Technology]:
    known = {name for technologies in prefixes.values() for name, signs in technologies.items() if _confidence(signs) >= LIKELY}
    weakened = {prefix: _rivals(technologies) for prefix, technologies in prefixes.items()}
    found: list[Technology] = []
    for name in dict.fromkeys(name for technologies in prefixes.values() for name in technologies):
        at: dict[str, list[tuple[Signal, Match]]] = {}
        for prefix, technologies in prefixes.items():
            if signs := [sign for sign in technologies.get(name, ()) if not sign[0].needs or sign[0].needs in known]:
                at[prefix] = signs
        for prefix, members in _servers(at, {prefix for prefix in at if name in weakened[prefix]}):
            kept = [member for member in members if name not in weakened[member]] or members
            signs = [sign for member in kept for sign in at[member]]
            confidence = _confidence(signs) * (RIVAL if all(name in weakened[member] for member in kept) else 1)
            if confidence >= LIKELY:
                found.append(_technology(name, origin, prefix, confidence, signs))
    return found


def _servers(prefixes: Iterable[str], doubted: Collection[str]) -> list[tuple[str, list[str]]]:
    """Return (prefix, prefixes that count for it), one for each server that a technology seems to run on.

    Seen at the root and below it: one server. Seen only below: that may be another server than the page's, and one for each prefix,
    unless the prefixes share their first folder ("/api/v1/" and "/api/v2/").
    """
    members = list(prefixes)
    if "/" in members and "/" not in doubted:
        return [("/", members)]
    steps = zip(*(prefix.split("/")[1:-1] for prefix in members), strict=False)
    shared = [step[0] for step in takewhile(lambda step: len(set(step)) == 1, steps)]
    return [(f"/{'/'.join(shared)}/", members)] if shared else [(prefix, [prefix]) for prefix in members]


def _derived(found: list[Technology]) -> list[Technology]:
    """Add what follows from two technologies on one origin."""
    engineio = next((item for item in found if item.name == "python-engineio"), None)
    flask = next((item for item in found if item.name == "Flask"), None)
    if engineio is None or flask is None:
        return found
    # Nothing else brings this server into a Flask application.
    confidence = round(engineio.confidence * flask.confidence, 3)
    evidence = (*engineio.evidence[:2], *flask.evidence[:2])
    certainty = "yes" if confidence >= YES else "likely"
    return [*found, replace(engineio, name="Flask-SocketIO", confidence=confidence, certainty=certainty, version="", evidence=evidence)]


def _confidence(signs: Sequence[tuple[Signal, Match]]) -> float:
    """1 - Π(1 - w) over families, with the strongest sign of each."""
    strongest: dict[str, float] = {}
    for signal, _ in signs:
        strongest[signal.family] = max(strongest.get(signal.family, 0), signal.weight)
    doubt = 1.0
    for weight in strongest.values():
        doubt *= 1 - weight
    return 1 - doubt


def _rivals(technologies: _Hits) -> frozenset[str]:
    """Return the technologies that another stack's error page speaks against."""
    pages = {name: max((signal.weight for signal, _ in signs if signal.is_error_page), default=0.0) for name, signs in technologies.items()}
    against: set[str] = set()
    for stack in STACKS:
        strongest = max((pages.get(name, 0) for name in stack), default=0)
        for other in STACKS:
            # An error page that is itself weaker than the other's does not overrule it.
            if other is not stack and strongest > max((pages.get(name, 0) for name in other), default=0):
                against |= other
    return frozenset(against)


def _technology(name: str, origin: str, prefix: str, confidence: float, signs: Sequence[tuple[Signal, Match]]) -> Technology:
    ordered = sorted(signs, key=lambda sign: -sign[0].weight)
    strongest: dict[str, str] = {}  # one line of evidence for each family: the others say the same again
    for signal, match in ordered:
        strongest.setdefault(signal.family, _shortened(match.evidence))
    return Technology(
        name=name,
        category=ordered[0][0].category,
        origin=origin,
        prefix=prefix,
        confidence=round(confidence, 3),
        certainty="yes" if confidence >= YES else "likely",
        version=next((match.version for _, match in ordered if match.version), ""),
        evidence=tuple(dict.fromkeys(strongest.values()))[:6],
    )


def _shortened(evidence: str) -> str:
    return evidence if len(evidence) <= MAX_EVIDENCE else f"{evidence[: MAX_EVIDENCE - 1]}…"

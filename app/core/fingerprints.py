"""Which technologies an origin shows, per path prefix, each with its confidence and the signs it rests on."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from app.core.exchange import Exchange, Purpose
from app.core.inventory import Inventory
from app.core.report import Technology
from app.core.signals import SIGNALS, STACKS, Match, Signal, seen
from app.core.urls import origin_of, parse

LIKELY, YES = 0.5, 0.85
RIVAL = 0.3  # what remains of a confidence when another framework's own error page answers on the same prefix
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
    hits: dict[tuple[str, str], _Hits] = {}
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
        found += _of_origin(origin, prefixes)
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
    origin = origin_of(exchange.url)
    if exchange.purpose is Purpose.SCRIPT and origin not in (inventory.page_origin, *inventory.api_origins):
        return None  # the CDN of a library is no part of the site
    return (origin, prefix_of(exchange.url, inventory.api_bases))


def _of_origin(origin: str, prefixes: Mapping[str, _Hits]) -> list[Technology]:
    weakened = {prefix: _rivals(technologies) for prefix, technologies in prefixes.items()}
    names = dict.fromkeys(name for technologies in prefixes.values() for name in technologies)
    found: list[Technology] = []
    for name in names:
        at = {prefix: technologies[name] for prefix, technologies in prefixes.items() if name in technologies}
        # Seen at the root and below it: one server. Seen only below: that prefix may be another server than the page's.
        groups: list[tuple[str, list[str]]] = (
            [("/", list(at))] if "/" in at and name not in weakened["/"] else [(prefix, [prefix]) for prefix in at]
        )
        for prefix, members in groups:
            kept = [member for member in members if name not in weakened[member]] or members
            signs = [sign for member in kept for sign in at[member]]
            confidence = _confidence(signs) * (RIVAL if all(name in weakened[member] for member in kept) else 1)
            if confidence >= LIKELY:
                found.append(_technology(name, origin, prefix, confidence, signs))
    return found


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
    return Technology(
        name=name,
        category=ordered[0][0].category,
        origin=origin,
        prefix=prefix,
        confidence=round(confidence, 3),
        certainty="yes" if confidence >= YES else "likely",
        version=next((match.version for _, match in ordered if match.version), ""),
        evidence=tuple(dict.fromkeys(match.evidence for _, match in ordered))[:6],
    )

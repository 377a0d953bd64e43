"""What the overview shows, as plain values: rows between the heads of their groups, cards, chips, sentences, and its address. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from app.services.overview import PAGE_SIZE, UNGROUPED, Filter, GroupHead, NavCounts, Overview, Row
from app.state.shown import counted

OVERVIEW, MONITORS = "/overview", "/monitors"
STATUSES = ("down", "degraded", "unreachable", "unknown", "pending", "maintenance", "paused", "up")
STATUS_WORDS = {
    "down": "Down",
    "degraded": "Degraded",
    "unreachable": "Unreachable",
    "unknown": "Unknown",
    "pending": "Waiting",
    "maintenance": "Maintenance",
    "paused": "Paused",
    "up": "OK",
}
GLYPHS = {"up": "ok", "pending": "not", "unreachable": "unknown", "maintenance": "paused"}  # the others have one of their own name
KIND_WORDS = {
    "page": "Page",
    "api": "API",
    "flow": "Flow",
    "cors": "CORS",
    "websocket": "WebSocket",
    "socketio": "Socket.IO",
    "cookie": "Cookie",
    "oidc": "OIDC",
    "tls": "TLS",
    "domain": "Domain",
    "dns": "DNS",
    "tcp": "TCP",
    "ping": "Ping",
    "database": "Database",
    "heartbeat": "Heartbeat",
    "skew": "Skew",
    "scan": "Scan",
}
SORTS = (("status", "Worst first"), ("name", "Name"), ("uptime", "30 days"), ("p95", "p95"), ("last", "Last check"))
GROUPINGS = (("group", "By group"), ("site", "By site"), ("kind", "By kind"), ("none", "Ungrouped"))
MAX_FOLDED = 100
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: the head of a group, or a monitor. What changes with each check is not here but in the cells."""

    key: str  # of a group, or the monitor's public id
    head: bool
    words: str
    detail: str = ""
    count: int = 0
    depth: int = 0
    folded: bool = False
    place: int = -1  # of its cell
    reason: str = ""
    uptime: str = ""  # "99.92"; "" when nobody knows
    p95: str = ""  # ms: "1,240"
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WrongView:
    """A card of what is wrong now."""

    id: str
    name: str
    status: str
    word: str
    since_s: int
    why: str
    site: str


@dataclass(frozen=True, slots=True)
class ChipView:
    status: str  # "" for all
    word: str
    glyph: str
    count: int
    pressed: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter."""

    value: str
    words: str


def default_filter(base: str) -> Filter:
    """Return what a page shows when its address asks for nothing: what is worst first, or all by name."""
    return Filter(sort="name", group_by="none") if base == MONITORS else Filter()


def filter_of(base: str, query: Mapping[str, str]) -> Filter:
    """Read an address. What it cannot mean counts as not said."""
    usual = default_filter(base)

    def one_of(name: str, allowed: Sequence[str], otherwise: str) -> str:
        said = str(query.get(name, ""))
        return said if said in allowed else otherwise

    page = str(query.get("page", ""))
    sort = one_of("sort", [value for value, _ in SORTS], usual.sort)
    return Filter(
        text=str(query.get("q", ""))[:_MAX_TEXT],
        status=one_of("status", STATUSES, ""),
        kind=one_of("kind", tuple(KIND_WORDS), ""),
        tag=str(query.get("tag", ""))[:_MAX_TEXT],
        site_id=str(query.get("site", ""))[:_MAX_TEXT],
        sort=sort,
        descending=query.get("order") == "desc",
        group_by=one_of("group", [value for value, _ in GROUPINGS], usual.group_by),
        folded=tuple(dict.fromkeys(key[:_MAX_TEXT] for key in str(query.get("fold", "")).split(",") if key))[:MAX_FOLDED],
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def address(base: str, wanted: Filter) -> str:
    """Return the address that `filter_of` reads as this filter; what is usual is left out."""
    usual = default_filter(base)
    said = {
        "q": wanted.text,
        "status": wanted.status,
        "kind": wanted.kind,
        "tag": wanted.tag,
        "site": wanted.site_id,
        "sort": wanted.sort if wanted.sort != usual.sort else "",
        "order": "desc" if wanted.descending else "",
        "group": wanted.group_by if wanted.group_by != usual.group_by else "",
        "fold": ",".join(wanted.folded),
        "page": str(wanted.page) if wanted.page > 1 else "",
    }
    query = urlencode({name: value for name, value in said.items() if value})
    return f"{base}?{query}" if query else base


def narrows(wanted: Filter) -> bool:
    """Whether a filter leaves anything out."""
    return bool(wanted.text or wanted.status or wanted.kind or wanted.tag or wanted.site_id)


def lines(rows: Sequence[Row], heads: Sequence[GroupHead]) -> list[Line]:
    """Return rows below the heads of their groups; those without a head of theirs come last, in order."""
    if [(head.key, head.folded) for head in heads] == [(UNGROUPED, False)]:
        heads = ()  # nothing is told apart
    below: dict[str, list[Line]] = {}
    for place, row in enumerate(rows):
        below.setdefault(row.group_key, []).append(_line(row, place))
    made: list[Line] = []
    for head in heads:
        made.append(
            Line(head.key, True, KIND_WORDS.get(head.words, head.words), count=head.count, depth=min(head.depth, 6), folded=head.folded)
        )
        made += below.pop(head.key, [])
    return made + [line for rest in below.values() for line in rest]


def _line(row: Row, place: int) -> Line:
    return Line(
        key=row.id,
        head=False,
        words=row.name,
        detail=row.detail,
        place=place,
        reason=row.reason,
        uptime=percent(row.uptime),
        p95=f"{row.p95_ms:,}" if row.p95_ms is not None else "",
        tags=list(row.tags[:3]),
    )


def percent(share: float | None) -> str:
    """Return "99.92", never rounded up: what was down for a second was not up all the time."""
    if share is None:
        return ""
    if share >= 1:
        return "100"
    return f"{int(share * 10_000) / 100:.2f}"


def wrong_view(row: Row) -> WrongView:
    status = row.cell.status
    return WrongView(
        row.id, row.name, status, STATUS_WORDS.get(status, ""), row.cell.since_s, row.reason or "No reason is known yet.", row.site
    )


def chips(counts: Mapping[str, int], pressed: str) -> list[ChipView]:
    """Return one chip a status that occurs, worst first, after the one for all; the pressed one stays."""
    every = ChipView("", "All", "", sum(counts.values()), not pressed)
    found = [
        ChipView(status, STATUS_WORDS[status], GLYPHS.get(status, status), counts.get(status, 0), status == pressed) for status in STATUSES
    ]
    return [every, *(chip for chip in found if chip.count or chip.pressed)]


def heading(nav: NavCounts) -> str:
    """Return the verdict: "2 things are down, 1 is degraded"; "" when nothing is wrong."""
    down = f"{counted(nav.down, 'thing')} {'is' if nav.down == 1 else 'are'} down" if nav.down else ""
    if not nav.degraded:
        return down
    verb = "is" if nav.degraded == 1 else "are"
    return f"{down}, {nav.degraded} {verb} degraded" if down else f"{counted(nav.degraded, 'thing')} {verb} degraded"


def title(nav: NavCounts, page: str, workspace: str) -> str:
    """Return "(2 down) Overview · Fernway · Seamwatch"."""
    state = f"({nav.down} down) " if nav.down else f"({nav.degraded} degraded) " if nav.degraded else ""
    return f"{state}{page} · {workspace} · Seamwatch"


def favicon(nav: NavCounts) -> str:
    return "favicon-high" if nav.down else "favicon-medium" if nav.degraded else "favicon"


def shown_words(page: int, rows: int, total: int, size: int) -> str:
    """Return "1 to 50 of 10,000", or how many there are when all are shown."""
    if rows >= total:
        return counted(total, "monitor")
    first = (page - 1) * size + 1
    return f"{first:,} to {first + rows - 1:,} of {total:,}" if rows else f"0 of {total:,}"


def after_words(seen: Overview, *, folded: bool) -> str:
    """Return "Show next 34"; "" on the last page. Rows of folded groups are on no page, and nobody counts how many follow them."""
    if seen.page >= seen.pages:
        return ""
    return "Show next" if folded else f"Show next {min(PAGE_SIZE, seen.total - seen.page * PAGE_SIZE)}"


def news(before: Mapping[str, str], wrong: Sequence[WrongView], nav: NavCounts, was_wrong: int) -> str:
    """Return what to tell somebody who looks elsewhere, a line each: key, tab, words; "" when nothing got worse or well again.

    A key is the same in every open tab, and "*" at its end says that it comes again.

    Args:
        before: status by monitor, of what was wrong at the last look.
        was_wrong: how many things were wrong then.
    """
    worse = [one for one in wrong if before.get(one.id) != one.status and before.get(one.id) != "down"]
    if worse:
        return "\n".join(f"{one.id}:{one.status}:{one.since_s}\t" + " ".join(_told(one).split()) for one in worse)
    return "well*\tNothing is wrong any more." if was_wrong and not nav.down + nav.degraded else ""


def _told(one: WrongView) -> str:
    return f"{one.name} is {one.word.lower()}: {one.why}".rstrip(". ") + "."

"""Lay out the seam map's parts and seams: which boxes stand opposite the browser, and how each line is doing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from app.core.examined import Examined
from app.core.exchange import Purpose
from app.core.findings import Certainty, Finding, SeamKind
from app.core.report import Part, Seam
from app.core.urls import http_url, origin_of

MAX_APIS = 3
MAX_SOCKETS = 2
# Which part a seam joins the browser to; the first that exists.
HOMES: dict[SeamKind, tuple[str, ...]] = {
    SeamKind.PAGE: ("page",),
    SeamKind.DELIVERY: ("page",),
    SeamKind.API: ("api", "page"),
    SeamKind.CORS: ("api", "page"),
    SeamKind.SESSION: ("api", "page"),
    SeamKind.WEBSOCKET: ("websocket", "api", "page"),
    SeamKind.AUTH: ("identity", "api", "page"),
}


def lay_out_seams(examined: Examined, findings: Sequence[Finding]) -> tuple[tuple[Part, ...], tuple[Seam, ...]]:
    """Return the parts in the map's order (page, APIs, WebSockets, identity, database) and their seams, grouped by part.

    Every finding stands on exactly one seam; a finding on a seam that nothing else shows makes that seam.
    """
    parts = _parts(examined)
    seams = {(seam.kind, seam.part): seam for seam in _seams_in_order(examined, parts)}
    hits: dict[tuple[SeamKind, str], list[Finding]] = {}
    for finding in findings:
        hits.setdefault((finding.seam, _home(finding, parts, examined)), []).append(finding)
    for key in hits:
        seams.setdefault(key, Seam(f"{key[0]}-{key[1]}", key[0], key[1], ""))
    blocked_calls = {judged.id for judged in examined.observation.judged if judged.verdict and not judged.verdict.allowed}
    done = [_with_findings(seam, hits.get(key) or _why_blocked(seam, findings, examined), blocked_calls) for key, seam in seams.items()]
    order = {part.id: number for number, part in enumerate(parts)}
    kinds = list(SeamKind)
    return parts, tuple(sorted(done, key=lambda seam: (order[seam.part], kinds.index(seam.kind))))


def _why_blocked(seam: Seam, findings: Sequence[Finding], examined: Examined) -> list[Finding]:
    """Return the findings of other seams that block this one's calls: mixed content stops a call before CORS is asked."""
    if seam.kind is not SeamKind.CORS or not seam.blocked:
        return []
    origin = examined.inventory.api_origins[int(seam.part.removeprefix("api-")) - 1]
    blocked = {
        judged.id
        for judged in examined.observation.judged
        if judged.verdict and not judged.verdict.allowed and origin_of(judged.call.url) == origin
    }
    return [finding for finding in findings if blocked & set(finding.calls)]


def _with_findings(seam: Seam, findings: Sequence[Finding], blocked_calls: set[str]) -> Seam:
    if not findings:
        return seam
    worst = min(findings, key=lambda finding: finding.severity.rank)
    return replace(
        seam,
        label=worst.title,
        worst=worst.severity,
        certainty=worst.certainty,
        blocked=any(blocked_calls & set(finding.calls) for finding in findings) or any(finding.code == "WS-01" for finding in findings),
        findings=tuple(dict.fromkeys(finding.code for finding in findings)),
    )


def _parts(examined: Examined) -> tuple[Part, ...]:
    inventory = examined.inventory
    parts = [
        Part(
            "page",
            "page",
            "Page origin",
            _host(inventory.page_origin),
            _technologies(examined, inventory.page_origin, ("frontend", "build", "host")),
        )
    ]
    for number, origin in enumerate(inventory.api_origins[:MAX_APIS], start=1):
        same = origin == inventory.page_origin
        base = next((base for base in inventory.api_bases if origin_of(base) == origin), origin)
        detail = _technologies(examined, origin, ("framework", "server", "proxy"))
        address = f"{_host(origin)}{urlsplit(base).path}" if same else _host(origin)
        parts.append(Part(f"api-{number}", "api", "API, same origin" if same else "API origin", address, detail))
    for number, use in enumerate(inventory.sockets[:MAX_SOCKETS], start=1):
        name = "Socket.IO" if use.kind == "socketio" else "WebSocket"
        parts.append(
            Part(
                f"websocket-{number}", "websocket", name, use.url.split("?")[0], _technologies(examined, origin_of(use.url), ("realtime",))
            )
        )
    parts += [
        Part("identity-1", "identity", "Identity provider", start.provider or _host(start.url), "OAuth")
        for start in inventory.oauth_starts[:1]
    ]
    databases = [technology.name for technology in examined.technologies if technology.category == "database"]
    if databases:
        parts.append(Part("database", "database", "Database", ", ".join(dict.fromkeys(databases))))
    return tuple(parts)


def _seams_in_order(examined: Examined, parts: Iterable[Part]) -> list[Seam]:
    """Return the seams that exist whether or not something is wrong with them."""
    inventory, observation = examined.inventory, examined.observation
    seams: list[Seam] = []
    for part in parts:
        if part.kind == "page":
            count = len(inventory.scripts)
            secure = "over TLS" if inventory.page_origin.startswith("https") else "without TLS"
            seams.append(Seam("page", SeamKind.PAGE, part.id, f"answers {secure}", f"{count} script{'' if count == 1 else 's'}"))
        elif part.kind == "api":
            origin = inventory.api_origins[int(part.id.removeprefix("api-")) - 1]
            seams += _api_seams(examined, part, origin)
        elif part.kind == "websocket":
            use = inventory.sockets[int(part.id.removeprefix("websocket-")) - 1]
            host = urlsplit(use.url).netloc
            opened = [exchange for exchange in observation.of(Purpose.WEBSOCKET) if urlsplit(exchange.url).netloc == host]
            ok = any(exchange.status == 101 for exchange in opened)
            label = "opens for the page's origin" if ok else "did not open" if opened else "not asked"
            certainty = Certainty.OBSERVED if opened else Certainty.UNKNOWN
            if opened and not ok:
                certainty = Certainty.UNKNOWN
            seams.append(Seam(f"websocket-{part.id}", SeamKind.WEBSOCKET, part.id, label, certainty=certainty))
        elif part.kind == "identity":
            seams.append(Seam("auth", SeamKind.AUTH, part.id, "sign-in starts here", certainty=Certainty.UNKNOWN))
    return seams


def _api_seams(examined: Examined, part: Part, origin: str) -> list[Seam]:
    judged = [judged for judged in examined.observation.judged if origin_of(judged.call.url) == origin]
    known = [call for call in judged if call.verdict]
    blocked = sum(not call.verdict.allowed for call in known if call.verdict)
    count = f"{len(judged)} call{'' if len(judged) == 1 else 's'}"
    detail = f"{count}, {blocked} blocked" if blocked else count
    certainty = Certainty.OBSERVED if known else Certainty.UNKNOWN
    seams: list[Seam] = []
    if origin == examined.inventory.page_origin:
        seams.append(Seam(f"api-{part.id}", SeamKind.API, part.id, "same origin, no CORS needed", detail, certainty=certainty))
    else:
        label = "all calls allowed" if known and not blocked else "blocked" if blocked else "not asked"
        seams.append(Seam(f"cors-{part.id}", SeamKind.CORS, part.id, label, detail, blocked=blocked > 0, certainty=certainty))
    cookies = [
        exchange for exchange in examined.observation.exchanges
        if exchange.response and exchange.response.values("set-cookie") and origin_of(exchange.url) == origin
    ]  # fmt: skip
    if cookies:
        names = dict.fromkeys(line.partition("=")[0].strip() for exchange in cookies for line in exchange.response.values("set-cookie"))  # pyright: ignore[reportOptionalMemberAccess]
        seams.append(Seam(f"session-{part.id}", SeamKind.SESSION, part.id, "cookie set", ", ".join(names)))
    return seams


def _home(finding: Finding, parts: Sequence[Part], examined: Examined) -> str:
    """Return the id of the part that a finding belongs to: of the first kind there is, by its calls' or its evidence's host."""
    fitting = next((found for kind in HOMES[finding.seam] if (found := [part for part in parts if part.kind == kind])), list(parts))
    urls = [judged.call.url for judged in examined.observation.judged if judged.id in finding.calls]
    urls += [examined.observation.get(piece.exchange).url for piece in finding.evidence if piece.exchange]
    hosts = {part.id: _host_of_part(part, examined) for part in fitting}
    return next((part_id for url in urls for part_id, host in hosts.items() if host == _host(url)), fitting[0].id)


def _host_of_part(part: Part, examined: Examined) -> str:
    number = int(part.id.rpartition("-")[2]) - 1 if part.id[-1].isdigit() else 0
    if part.kind == "api":
        return _host(examined.inventory.api_origins[number])
    if part.kind == "websocket":
        return _host(examined.inventory.sockets[number].url)
    return _host(examined.inventory.page_origin)


def _technologies(examined: Examined, origin: str, categories: tuple[str, ...]) -> str:
    http_origin = http_url(origin)
    found = [technology for technology in examined.technologies if technology.origin == http_origin and technology.category in categories]
    return ", ".join(dict.fromkeys(f"{technology.name} {technology.version}".strip() for technology in found[:3]))


def _host(url: str) -> str:
    return urlsplit(url).netloc

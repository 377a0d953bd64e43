"""How the two halves of a site are joined: rendered by the server, decoupled, or both; on one origin, behind a proxy, or on two."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.collect import socket_origins
from app.core.exchange import Exchange, Purpose
from app.core.html import PageFacts, read_page
from app.core.inventory import Inventory, SourceKind
from app.core.observation import is_redirect
from app.core.report import Architecture, Technology
from app.core.signals import STACKS
from app.core.urls import origin_of, parse, resolve, same_site

SHELL_CHARS = 200  # fewer visible characters than this, and a page is a shell that scripts fill
MEANINGFUL_CHARS = 400
FEW_CALLS = 2  # as many a page may make and still be a rendered one with a little script
_UNKNOWN = "unknown"
_SERVER_DRIVEN = frozenset({"Next.js", "Nuxt", "SvelteKit", "Astro", "HTMX", "Inertia", "Turbo", "Alpine.js"})
_COMPONENTS = frozenset({"React", "Vue", "Angular", "Svelte", "AngularJS"})
_TEMPLATING = frozenset({"Flask", "Django", "Bottle", "Rails", "Laravel", "PHP"})
_HASHED = re.compile(r"[-.][\w-]{8,20}\.(?:m?js)(?:$|\?)")
_LOGIN = re.compile(r"log-?in|sign-?in|/auth|/sso|/oauth|accounts\.", re.I)
_WALL_TEXT = re.compile(
    r"<title>\s*(?:Just a moment\.\.\.|Attention Required! \| Cloudflare|Access denied \| |DDoS-Guard|Checking your browser|"
    r"Vercel Security Checkpoint|Please Wait\.\.\. \| Cloudflare|Pardon Our Interruption|Human Verification|One moment, please\.\.\.)|"
    r"/cdn-cgi/challenge-platform/|_cf_chl_opt|cf-browser-verification|captcha-delivery\.com|px-captcha|_Incapsula_Resource|"
    r"Request unsuccessful\. Incapsula|sgcaptcha|awswaf\.com|AwsWafIntegration", re.I)  # fmt: skip
_FRAMEWORK_CATEGORIES = frozenset({"framework", "server"})


def is_bot_wall(exchange: Exchange) -> bool:
    """Whether a bot protection answered instead of the site: what lies behind is unknown, not bad."""
    if exchange.header("cf-mitigated") == "challenge" or exchange.header("x-vercel-mitigated") == "challenge":
        return True
    if exchange.status not in (200, 202, 401, 403, 405, 429, 503) or not exchange.body:
        return False
    if exchange.media_type not in ("text/html", ""):
        return False
    text = exchange.text()[:60_000]
    if not _WALL_TEXT.search(text):
        return False
    # Cloudflare adds its challenge script to good pages, too: with 200 only a page that is nothing but the wall counts.
    return exchange.status != 200 or (len(text) < 40_000 and read_page(exchange).visible_chars < 600 and not read_page(exchange).roots)


def classify(exchanges: Sequence[Exchange], inventory: Inventory, technologies: Sequence[Technology]) -> Architecture:
    """Tell how frontend and backend are joined, with the evidence."""
    page = next(
        (item for item in reversed(exchanges) if item.purpose is Purpose.PAGE and item.url == inventory.page_url and item.response), None
    )
    if page is None:
        return Architecture(_UNKNOWN, _UNKNOWN, 0, ("The page gave no answer.",))
    if is_bot_wall(page):
        return Architecture(_UNKNOWN, _UNKNOWN, 0, (f"A bot protection answered the page with status {page.status}.",))
    elsewhere = _login_elsewhere(exchanges, inventory)
    if elsewhere:
        return Architecture(_UNKNOWN, _UNKNOWN, 0.2, (f"The page redirects to a login on another site: {elsewhere}.",))
    if page.media_type not in ("text/html", "application/xhtml+xml", ""):
        joining, lines = _joining(exchanges, inventory, technologies)
        return Architecture(_UNKNOWN, joining, 0.3, (f"The address answers {page.media_type}, not a page.", *lines))
    if page.status >= 400:
        return Architecture(_UNKNOWN, _UNKNOWN, 0.2, (f"The page answered with status {page.status}.",))
    facts = read_page(page)
    kind, confidence, evidence = _kind(_clues(facts, inventory, technologies))
    joining, lines = _joining(exchanges, inventory, technologies)
    if joining == _UNKNOWN and (kind == "server-rendered" or (kind == "hybrid" and inventory.forms)):
        joining, lines = _joining_of_forms(inventory)
    return Architecture(kind, joining, round(confidence, 2), (*evidence, *lines))


def _login_elsewhere(exchanges: Sequence[Exchange], inventory: Inventory) -> str:
    """Return the origin of another site's login that the page redirects to, or ""."""
    for exchange in exchanges:
        if exchange.purpose is not Purpose.PAGE or not is_redirect(exchange.response):
            continue
        target = resolve(exchange.header("location") or "", exchange.url) or ""
        if not target.startswith("http") or same_site(target, exchange.url) or not _LOGIN.search(target):
            continue
        if target.partition("#")[0] == inventory.page_url or not any(item.url == target for item in exchanges[exchange.id :]):
            return origin_of(target)
    return ""


@dataclass(frozen=True, slots=True)
class _Clues:
    """What speaks for one kind of site or another."""

    visible_chars: int
    links: int  # to other documents of the site
    forms: int
    posts: int
    csrf_field: str
    states: tuple[str, ...]
    scripts: int  # that run
    modules: tuple[str, ...]  # URLs of module scripts and of those with a hash in their name
    calls: int
    calls_elsewhere: bool
    sockets: int
    driven: str  # the first framework found that renders on both sides
    components: str  # the first component framework found
    server: str  # the framework that answers at the page's root and renders templates

    @property
    def is_shell(self) -> bool:
        return self.visible_chars < SHELL_CHARS

    @property
    def is_templated(self) -> bool:
        return bool(self.csrf_field) or (self.visible_chars >= MEANINGFUL_CHARS and bool(self.links or self.forms))

    @property
    def has_islands(self) -> bool:
        """Whether a rendered page hands data or room to components."""
        if not self.scripts or (self.is_shell and not self.is_templated):
            return False
        return bool(self.states) or bool(self.components and not self.is_shell and self.is_templated)

    @property
    def is_progressive(self) -> bool:
        """Whether a page works by links and forms, and a script only adds a call or two."""
        navigates = self.links >= 2 or bool(self.csrf_field) or self.posts > 0
        return navigates and not self.is_shell and self.calls <= FEW_CALLS and not (self.sockets or self.modules or self.calls_elsewhere)


def _clues(facts: PageFacts, inventory: Inventory, technologies: Sequence[Technology]) -> _Clues:
    names = [item.name for item in technologies]
    running = [tag for tag in facts.scripts if tag.runs]
    own_calls = [call for call in inventory.calls if call.source.kind in (SourceKind.SCRIPT, SourceKind.PAGE)]
    return _Clues(
        visible_chars=facts.visible_chars,
        links=len([link for link in facts.links if origin_of(link) == inventory.page_origin and link != inventory.page_url]),
        forms=len(facts.forms),
        posts=sum(form.method == "POST" for form in facts.forms),
        csrf_field=facts.csrf_fields[0] if facts.csrf_fields else "",
        states=facts.states,
        scripts=len(running),
        modules=tuple(tag.src for tag in running if tag.src and (tag.type == "module" or _HASHED.search(tag.src))),
        calls=len(own_calls),
        calls_elsewhere=any(origin_of(call.url) != inventory.page_origin for call in own_calls),
        sockets=len(inventory.sockets),
        driven=next((name for name in names if name in _SERVER_DRIVEN), ""),
        components=next((name for name in names if name in _COMPONENTS), ""),
        server=_server_of(technologies, inventory),
    )


def _kind(clues: _Clues) -> tuple[str, float, list[str]]:
    """Return (kind, confidence, evidence)."""
    kind, confidence = _judge(clues)
    shell = ": a shell that scripts fill" if kind == "decoupled" and clues.is_shell else ""
    evidence = [f"The HTML has {clues.visible_chars} visible characters{shell}."]
    if clues.csrf_field:
        evidence.append(f"Its forms carry the hidden field {clues.csrf_field}.")
    elif clues.forms and kind != "decoupled":
        evidence.append(f"It has {_count(clues.forms, 'form')}.")
    if clues.links >= 2 and kind != "decoupled":
        evidence.append(f"It links to {clues.links} other pages of the site.")
    if clues.modules:
        file = clues.modules[0].partition("?")[0].rpartition("/")[2]
        how = "bundled script" if _HASHED.search(clues.modules[0]) else "module script"
        evidence.append(f"It loads {_count(len(clues.modules), how)}: {file}.")
    if clues.calls:
        evidence.append(f"Its scripts make {_count(clues.calls, 'call')} to an API.")
    if clues.sockets:
        evidence.append(f"Its scripts open {_count(clues.sockets, 'WebSocket')}.")
    if clues.states:
        evidence.append(f"The server embedded data for a script: {clues.states[0]}.")
    if clues.driven:
        evidence.append(f"{clues.driven} mixes both: HTML from the server, then scripts.")
    if kind == "server-rendered":
        if clues.server:
            evidence.append(f"{clues.server} renders pages.")
        if not clues.scripts:
            evidence.append("It runs no script.")
        elif clues.calls:
            evidence.append("The page works by links and forms; its script adds to it.")
    return kind, confidence, evidence


def _judge(clues: _Clues) -> tuple[str, float]:
    """Return (kind, confidence). The strongest signs come first."""
    talks = bool(clues.calls or clues.sockets)
    if clues.driven:
        return "hybrid", 0.9
    if clues.is_shell and (clues.modules or clues.components) and not clues.csrf_field:
        return "decoupled", 0.95 if talks else 0.8
    if clues.has_islands:
        return "hybrid", 0.85 if clues.csrf_field or clues.states else 0.7
    if clues.is_progressive:
        return "server-rendered", 0.9 if clues.csrf_field or clues.server else 0.75
    if clues.calls and (clues.is_templated or clues.posts or clues.server) and (not clues.is_shell or clues.forms):
        # A template that fetches: both halves are in play, unless it has no form and all it asks is elsewhere.
        return "decoupled" if clues.calls_elsewhere and not clues.forms else "hybrid", 0.65
    if clues.sockets and clues.server and not clues.is_shell:
        return "hybrid", 0.65
    if talks:
        return "decoupled", 0.7 if clues.server else 0.65
    if clues.is_shell and clues.scripts and not clues.forms and not clues.links:
        return "decoupled", 0.55
    return "server-rendered", 0.9 if clues.csrf_field or clues.server else 0.75


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _server_of(technologies: Sequence[Technology], inventory: Inventory) -> str:
    """Return the template-rendering framework that answers at the page's root, or ""."""
    return next(
        (item.name for item in technologies if item.name in _TEMPLATING and item.origin == inventory.page_origin and item.prefix == "/"), ""
    )


def _joining(exchanges: Sequence[Exchange], inventory: Inventory, technologies: Sequence[Technology]) -> tuple[str, list[str]]:
    others = [origin for origin in inventory.api_origins if origin != inventory.page_origin]
    called_here = inventory.page_origin in inventory.api_origins
    if others and not (called_here and _share(inventory, others[0]) < _share(inventory, inventory.page_origin)):
        count = sum(origin_of(call.url) == others[0] for call in inventory.calls)
        calls = _count(count, "call") if count else "The API"
        goes = "goes" if count in (0, 1) else "go"
        verb = "is at" if not count else f"{goes} to"
        return "separate origins", [f"{calls} {verb} {others[0]}; the page is on {inventory.page_origin}."]
    if called_here:
        difference = _other_server(exchanges, inventory, technologies)
        if difference:
            return "same origin, proxied", [difference]
        return "same origin", ["The calls go to the page's own origin."]
    return _joining_of_sockets(inventory)


def _joining_of_sockets(inventory: Inventory) -> tuple[str, list[str]]:
    """What the WebSockets say when there are no calls. Their scheme is another one, so the host with its port decides."""
    origins = socket_origins(inventory.sockets)
    if not origins:
        return _UNKNOWN, []
    elsewhere = [origin for origin in origins if _host_and_port(origin) != _host_and_port(inventory.page_origin)]
    if not elsewhere:
        return "same origin", [f"The {_plural(inventory.sockets, 'WebSocket')} to the page's own host."]
    return "separate origins", [f"A WebSocket connects to {elsewhere[0]}; the page is on {inventory.page_origin}."]


def _host_and_port(origin: str) -> str:
    parsed = parse(origin)
    return parsed.host if parsed is not None else origin


def _plural(items: Sequence[object], noun: str) -> str:
    return f"{noun} connects" if len(items) == 1 else f"{noun}s connect"


def _joining_of_forms(inventory: Inventory) -> tuple[str, list[str]]:
    elsewhere = next((form.url for form in inventory.forms if form.method == "POST" and origin_of(form.url) != inventory.page_origin), "")
    if elsewhere:
        return "separate origins", [f"A form posts to {origin_of(elsewhere)}; the page is on {inventory.page_origin}."]
    if inventory.forms:
        return "same origin", ["Pages and their forms come from one origin."]
    return "same origin", ["The page calls nothing from a script."]


def _share(inventory: Inventory, origin: str) -> int:
    return sum(origin_of(call.url) == origin for call in inventory.calls)


def _other_server(exchanges: Sequence[Exchange], inventory: Inventory, technologies: Sequence[Technology]) -> str:
    """Return why the API's prefix seems to be another server than the page's, or ""."""
    page = next((item for item in exchanges if item.purpose is Purpose.PAGE and item.url == inventory.page_url and item.response), None)
    mine = [item for item in technologies if item.origin == inventory.page_origin]
    root = {item.name for item in mine if item.prefix == "/" and item.category in _FRAMEWORK_CATEGORIES}
    fronted = sorted(item.name for item in mine if item.prefix == "/" and item.category in ("proxy", "host"))
    for base in inventory.api_bases:
        parsed = parse(base)
        if parsed is None or origin_of(base) != inventory.page_origin or parsed.pathname == "/":
            continue
        prefix = parsed.pathname
        own = {item.name for item in mine if item.prefix == prefix and item.category in _FRAMEWORK_CATEGORIES}
        if own and not root and fronted:
            return f"{prefix} is answered by {sorted(own)[0]} behind {fronted[0]}, which serves the page."
        if own and root and not _are_one_server(own, root):
            return f"{prefix} is answered by {sorted(own)[0]}, the page by {sorted(root)[0]}."
        if page is not None and (difference := _other_headers(exchanges, page, prefix)):
            return difference
    return ""


def _are_one_server(own: set[str], root: set[str]) -> bool:
    """Whether two sets of technologies belong together: the same, or of one stack (DRF below Django's pages)."""
    return bool(own & root) or any(own & stack and root & stack for stack in STACKS)


def _other_headers(exchanges: Sequence[Exchange], page: Exchange, prefix: str) -> str:
    below = [
        item
        for item in exchanges
        if item.response and item.method == "GET" and item.purpose is not Purpose.PAGE and origin_of(item.url) == origin_of(page.url)
        and (parsed := parse(item.url)) and parsed.pathname.startswith(prefix)
    ]  # fmt: skip
    for name in ("server", "x-powered-by"):
        here, there = page.header(name), {item.header(name) for item in below}
        if len(there) == 1 and (value := there.pop()) != here:
            return f"{prefix} answers with {name}: {value or 'none'}, the page with {here or 'none'}."
    return ""

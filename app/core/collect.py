"""The inventory of a site, gathered from its page, scripts and schema: what the frontend calls, and where.

Recomputed whenever an exchange arrives; what is costly is remembered by content.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.core.elements import Element
from app.core.exchange import Exchange, Purpose
from app.core.html import PageFacts, is_html, read_page
from app.core.inventory import Call, Inventory, OAuthStart, SocketUse, Source, SourceKind, UrlLiteral
from app.core.javascript.calls import Requests, read_requests
from app.core.javascript.reader import MAX_SOURCE_BYTES, read_module
from app.core.javascript.strings import oauth_provider, oauth_starts, preloaded_chunks, url_literals
from app.core.javascript.values import Page
from app.core.observation import ScanRequest, is_redirect
from app.core.openapi import read_schema
from app.core.urls import host_of, origin_of, parse, resolve, same_site, without_fragment

MAX_SCRIPTS = 8
MAX_LEVELS = 2  # page → script → chunk
MAX_INLINE_CHARS = 500_000
MAX_SOURCE_CHARS = 3_000_000
MAX_SCHEMA_CALLS = 3
_VENDOR_HOSTS = re.compile(
    r"(?:^|\.)(?:jsdelivr\.net|unpkg\.com|cdnjs\.cloudflare\.com|googletagmanager\.com|google-analytics\.com|googleapis\.com|gstatic\.com|"
    r"google\.com|facebook\.net|stripe\.com|sentry-cdn\.com|segment\.com|hotjar\.com|cloudflareinsights\.com|jquery\.com|bootstrapcdn\.com|"
    r"skypack\.dev|esm\.sh|esm\.run|polyfill\.io|intercom\.io|hs-scripts\.com|clarity\.ms|doubleclick\.net|recaptcha\.net|plausible\.io|"
    r"newrelic\.com|nr-data\.net|datadoghq-browser-agent\.com|paypal\.com|cookiebot\.com|onetrust\.com|tailwindcss\.com|fontawesome\.com)$"
)
_VENDOR_FILE = re.compile(r"/(?:polyfills?|vendors?|runtime|jquery|bootstrap|popper|modernizr|analytics|gtag|htmx|alpine|d3|chart|moment|"
                          r"lodash|socket\.io|react(?:-dom)?|vue|angular)(?:[.-][\w.-]*)?\.js$", re.I)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScriptText:
    """One script of the page as it was received."""

    key: str  # absolute URL, or "inline:<n>"
    text: str
    is_module: bool
    exchange: int | None


def page_exchange(request: ScanRequest, exchanges: Sequence[Exchange]) -> Exchange | None:
    """Return the exchange that gave the page: the first page request followed over its redirects."""
    current: Exchange | None = None
    wanted = without_fragment(request.page_url)
    for exchange in exchanges:
        if exchange.purpose is not Purpose.PAGE:
            continue
        if exchange.url == wanted and (current is None or is_redirect(current.response)):
            current = exchange
            if is_redirect(exchange.response):
                wanted = _location(exchange)
            continue
        if current is None and exchange.url != wanted:
            current = exchange
            wanted = _location(exchange) if is_redirect(exchange.response) else exchange.url
    return current


def _location(exchange: Exchange) -> str:
    return without_fragment(resolve(exchange.header("location") or "", exchange.url) or "")


def page_facts(request: ScanRequest, exchanges: Sequence[Exchange]) -> PageFacts:
    """Return what the page's markup says."""
    page = page_exchange(request, exchanges)
    return read_page(page) if page is not None else PageFacts(request.page_url, request.page_url)


def script_texts(request: ScanRequest, exchanges: Sequence[Exchange]) -> tuple[ScriptText, ...]:
    """Return the page's scripts in page order, inline ones between, then chunks in the order fetched."""
    page = page_exchange(request, exchanges)
    facts = page_facts(request, exchanges)
    fetched = {
        exchange.url: exchange
        for exchange in exchanges
        if exchange.purpose is Purpose.SCRIPT and exchange.status == 200 and not is_html(exchange)
    }
    # A redirected script is known by the URL that the page names.
    for exchange in exchanges:
        if exchange.purpose is Purpose.SCRIPT and is_redirect(exchange.response) and (target := fetched.get(_location(exchange))):
            fetched.setdefault(exchange.url, target)
    found: dict[str, ScriptText] = {}
    inline_chars = 0
    for place, tag in enumerate(facts.scripts):
        if not tag.runs:
            continue
        if tag.src and tag.src in fetched:
            found[tag.src] = ScriptText(tag.src, fetched[tag.src].text(), tag.type == "module", fetched[tag.src].id)
        elif tag.text and inline_chars < MAX_INLINE_CHARS:
            text = tag.text[: MAX_INLINE_CHARS - inline_chars]
            inline_chars += len(text)
            found[f"inline:{place}"] = ScriptText(f"inline:{place}", text, tag.type == "module", page.id if page else None)
    for url, exchange in fetched.items():
        if url not in found and not any(script.exchange == exchange.id for script in found.values()):
            found[url] = ScriptText(url, exchange.text(), True, exchange.id)
    return tuple(found.values())


@lru_cache(maxsize=64)
def _imports(url: str, text: str, base: str) -> tuple[str, ...]:
    """Return the absolute URLs of the chunks that a script names, static imports first as written."""
    written = list(read_module(text).sources)
    chunks: dict[str, None] = {}
    for source in written:
        if source.startswith((".", "/", "http://", "https://")) and (absolute := resolve(source, url if url.startswith("http") else base)):
            chunks[without_fragment(absolute)] = None
    for source in preloaded_chunks(text):
        # Vite writes these without a slash, relative to the base of the build, which is where "assets/" stands in the script's URL.
        folder = source.lstrip("./").partition("/")[0]
        before, found, _ = url.partition(f"/{folder}/")
        absolute = resolve(source.lstrip("./"), f"{before}/") if found else resolve(source, base)
        if absolute:
            chunks[without_fragment(absolute)] = None
    return tuple(chunk for chunk in chunks if (parsed := parse(chunk)) and not parsed.pathname.endswith((".css", ".json", ".svg")))


def _is_vendor(url: str, page_url: str) -> bool:
    if origin_of(url) != origin_of(page_url) and _VENDOR_HOSTS.search(host_of(url)):
        return True
    return _VENDOR_FILE.search(url.partition("?")[0]) is not None


def next_scripts(request: ScanRequest, exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    """Return the scripts still to fetch: those of the page, then what they import, at most 8 files over 2 levels.

    Page order, but the application's own before those of known libraries and of content networks. Empty when all is fetched.
    """
    asked = _asked(exchanges)
    budget = MAX_SCRIPTS - len(asked - _hops(exchanges))
    return tuple([url for url in _wanted_scripts(request, exchanges) if url not in asked][: max(budget, 0)])


def _asked(exchanges: Sequence[Exchange]) -> set[str]:
    return {exchange.url for exchange in exchanges if exchange.purpose is Purpose.SCRIPT}


def _hops(exchanges: Sequence[Exchange]) -> set[str]:
    """Return what redirected scripts lead to: the same files again."""
    return {_location(exchange) for exchange in exchanges if exchange.purpose is Purpose.SCRIPT and is_redirect(exchange.response)}


def _wanted_scripts(request: ScanRequest, exchanges: Sequence[Exchange]) -> list[str]:
    """Return the scripts of the page and what they import, the most promising first."""
    page = page_exchange(request, exchanges)
    if page is None or is_redirect(page.response):
        return []
    facts = page_facts(request, exchanges)
    first = [tag.src for tag in facts.scripts if tag.src and tag.runs]
    first += [url for url in facts.modulepreloads if url not in first]
    texts = {script.key: script.text for script in script_texts(request, exchanges)}
    level = [*first, *(key for key in texts if key.startswith("inline:"))]
    wanted = list(dict.fromkeys(first))
    known = set(wanted)
    for _ in range(MAX_LEVELS - 1):
        level = [
            chunk for key in level if key in texts for chunk in _imports(key, texts[key], facts.base) if origin_of(chunk).startswith("http")
        ]
        wanted += [chunk for chunk in dict.fromkeys(level) if chunk not in known]
        known.update(level)
    return sorted(wanted, key=lambda url: (_is_vendor(url, page.url), not same_site(url, page.url)))


def collect(request: ScanRequest, exchanges: Sequence[Exchange]) -> Inventory:
    """Return the inventory as far as the exchanges tell."""
    page = page_exchange(request, exchanges)
    page_url = page.url if page is not None else without_fragment(request.page_url)
    facts = page_facts(request, exchanges)
    scripts = script_texts(request, exchanges)
    fallback = request.api_url or ""
    requests = _requests(page_url, facts.base, scripts, facts.elements, fallback)
    page_id = page.id if page is not None else None
    calls = _unique([*request.calls, *requests.calls, *_attempts(facts, page_id)])
    if not calls and request.api_url:
        calls = _from_schema(exchanges) or (Call("GET", without_fragment(request.api_url), source=Source(SourceKind.USER)),)
    sockets = {(socket.kind, socket.url): socket for socket in reversed(requests.sockets)}
    api_origins = _origins(request, calls, page_url)
    return Inventory(
        page_url=page_url,
        page_origin=origin_of(page_url),
        scripts=tuple(
            dict.fromkeys(
                [*(tag.src for tag in facts.scripts if tag.src and tag.runs), *(s.key for s in scripts if not s.key.startswith("inline:"))]
            )
        ),
        assets=tuple(dict.fromkeys([*facts.styles, *facts.modulepreloads, *facts.icons]))[:100],
        calls=calls,
        sockets=tuple(reversed(sockets.values())),
        literals=_literals(scripts),
        oauth_starts=_oauth(facts, scripts, page_id, page_url),
        links=tuple(link for link in facts.links if origin_of(link) == origin_of(page_url)),
        forms=tuple(_form_calls(facts, page_id)),
        api_origins=api_origins,
        api_bases=_bases(request, calls, api_origins),
        notes=_notes(request, exchanges, scripts, requests),
    )


@lru_cache(maxsize=32)
def _requests(page_url: str, base: str, scripts: tuple[ScriptText, ...], elements: tuple[Element, ...], fallback: str) -> Requests:
    relevant = [script for script in scripts if not _is_vendor(script.key, page_url) or len(script.text) < 30_000]
    modules = {script.key: read_module(script.text) for script in relevant}
    classic = tuple(script.key for script in relevant if not script.is_module)
    ids = {script.key: script.exchange for script in relevant if script.exchange is not None}
    return read_requests(Page(page_url, base, modules, classic, elements), ids, fallback)


def _notes(request: ScanRequest, exchanges: Sequence[Exchange], scripts: Sequence[ScriptText], requests: Requests) -> tuple[str, ...]:
    """Say what of the frontend was not read, in sentences for people."""
    notes: list[str] = []
    cut = {exchange.id for exchange in exchanges if exchange.truncated}
    for script in scripts:
        name = parse(script.key)
        shown = f"{name.pathname}" if name is not None else "A script in the page"
        unread = read_module(script.text).unread
        if script.exchange in cut and not script.key.startswith("inline:"):
            notes.append(f"Only the first {len(script.text) / 1e6:.1f} MB of {shown} were fetched: calls further down are unknown.")
        elif unread == "long":
            notes.append(f"Only the first {MAX_SOURCE_BYTES / 1e6:.1f} MB of {shown} were read: calls further down are unknown.")
        elif unread:
            notes.append(f"{shown} is nested too deeply to be read: its calls are unknown.")
    if not requests.is_complete:
        notes.append(f"The scripts make more calls than a scan follows: {len(requests.calls)} are listed.")
    asked = _asked(exchanges)
    left = [url for url in _wanted_scripts(request, exchanges) if url not in asked and not _is_vendor(url, request.page_url)]
    if left and len(asked - _hops(exchanges)) >= MAX_SCRIPTS:
        more = f"{len(left)} more script{'s' if len(left) > 1 else ''}"
        notes.append(f"{more} of the page {'were' if len(left) > 1 else 'was'} not fetched: a scan reads {MAX_SCRIPTS}.")
    return tuple(notes)


def _unique(calls: Iterable[Call]) -> tuple[Call, ...]:
    """Keep one call of each (method, URL without query, header names, credentials); drop one that a richer one contains."""
    kept: dict[tuple[object, ...], Call] = {}
    for call in calls:
        key = (call.method, call.url.partition("?")[0], tuple(sorted(name.lower() for name, _ in call.headers)), call.credentials)
        known = kept.get(key)
        if known is None or (known.source.kind is not SourceKind.USER and _richness(call) > _richness(known)):
            kept[key] = call
    return tuple(kept.values())


def _richness(call: Call) -> int:
    return len(call.headers) + bool(call.body) + bool(call.template) + sum(value != "…" for _, value in call.headers)


def _attempts(facts: PageFacts, page_id: int | None) -> list[Call]:
    """The requests of htmx attributes. htmx sends its own headers, so across origins each needs a preflight."""
    found: list[Call] = []
    for attempt in facts.attempts:
        body = "urlencoded" if attempt.method in ("POST", "PUT", "PATCH") else None
        headers = (("HX-Request", "true"), ("HX-Current-URL", facts.url))
        if body:
            headers = (*headers, ("Content-Type", "application/x-www-form-urlencoded"))
        source = Source(SourceKind.PAGE, page_id, attempt.excerpt)
        found.append(Call(attempt.method, attempt.url, headers, body, source=source))
    return found


def _form_calls(facts: PageFacts, page_id: int | None) -> Iterable[Call]:
    for form in facts.forms:
        if form.method == "DIALOG":
            continue
        body = None
        if form.method == "POST":
            body = {"multipart/form-data": "multipart", "text/plain": "text"}.get(form.enctype, "urlencoded")
        names = ", ".join(field.name for field in form.fields[:8])
        excerpt = f'<form method="{form.method.lower()}" action="{form.action}"> {names}'[:200]
        yield Call(form.method, form.action, (), body, "include", "navigate", source=Source(SourceKind.FORM, page_id, excerpt))


def _from_schema(exchanges: Sequence[Exchange]) -> tuple[Call, ...]:
    """Stand-ins when nothing is known of the frontend: a few GETs that the API itself declares."""
    for exchange in exchanges:
        schema = read_schema(exchange) if exchange.purpose is Purpose.SCHEMA else None
        if schema is None:
            continue
        found: list[Call] = []
        for operation in schema.plain_gets():
            address = schema.address_of(operation)
            if address is not None and origin_of(address) == origin_of(exchange.url):
                found.append(Call("GET", address, source=Source(SourceKind.OPENAPI, exchange.id, f"GET {operation.path}"[:200])))
        if found:
            return tuple(found[:MAX_SCHEMA_CALLS])
    return ()


def _literals(scripts: Sequence[ScriptText]) -> tuple[UrlLiteral, ...]:
    found: dict[str, UrlLiteral] = {}
    for script in scripts:
        kind = SourceKind.PAGE if script.key.startswith("inline:") else SourceKind.SCRIPT
        for url, excerpt in _literals_of(script.text):
            found.setdefault(url, UrlLiteral(url, Source(kind, script.exchange, excerpt)))
    return tuple(found.values())


@lru_cache(maxsize=64)
def _literals_of(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(url_literals(text[:MAX_SOURCE_CHARS]))


@lru_cache(maxsize=64)
def _oauth_of(text: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(oauth_starts(text[:MAX_SOURCE_CHARS]))


def _oauth(facts: PageFacts, scripts: Sequence[ScriptText], page_id: int | None, page_url: str) -> tuple[OAuthStart, ...]:
    found: dict[str, OAuthStart] = {}
    for link in facts.links:
        provider = oauth_provider(link if origin_of(link) != origin_of(page_url) else link.removeprefix(origin_of(page_url)))
        if provider is not None and "callback" not in link:
            found.setdefault(link, OAuthStart(link, provider, Source(SourceKind.LINK, page_id, f'href="{link}"'[:200])))
    for script in scripts:
        kind = SourceKind.PAGE if script.key.startswith("inline:") else SourceKind.SCRIPT
        for written, provider, excerpt in _oauth_of(script.text):
            absolute = resolve(written, facts.base)
            if absolute:
                found.setdefault(absolute, OAuthStart(absolute, provider, Source(kind, script.exchange, excerpt)))
    return tuple(found.values())[:10]


def _origins(request: ScanRequest, calls: Sequence[Call], page_url: str) -> tuple[str, ...]:
    """Return the origins of the calls, most used first; what the user named counts, too."""
    counts = Counter(origin for call in calls if (origin := origin_of(call.url)) != "null")
    if request.api_url and origin_of(request.api_url) != "null":
        counts[origin_of(request.api_url)] += 1
    # Beacons to statistics services are calls, but no API of the site.
    ordered = sorted(counts, key=lambda origin: (bool(_VENDOR_HOSTS.search(host_of(origin))), -counts[origin]))
    return tuple(ordered)


def _bases(request: ScanRequest, calls: Sequence[Call], api_origins: Sequence[str]) -> tuple[str, ...]:
    """Return one absolute prefix per origin and first path segment, in the order of the origins.

    A path of one segment is its own resource: its base is the origin's root.
    """
    found: dict[str, None] = {}
    named = [f"{request.api_url.partition('?')[0].rstrip('/')}/"] if request.api_url else []
    for origin in api_origins:
        for base in named:
            if origin_of(base) == origin:
                found[base] = None
        for call in calls:
            if origin_of(call.url) == origin and (parsed := parse(call.url)) is not None:
                segments = [segment for segment in parsed.pathname.split("/") if segment]
                found[f"{origin}/{segments[0]}/" if len(segments) > 1 else f"{origin}/"] = None
    return tuple(found)


def socket_origins(sockets: Iterable[SocketUse]) -> tuple[str, ...]:
    """Return the http(s) origins that sockets connect to."""
    return tuple(dict.fromkeys(origin_of(replace(socket, url=re.sub(r"^ws", "http", socket.url)).url) for socket in sockets))

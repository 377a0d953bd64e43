# ruff: noqa: E501 - one signal a line reads as the table it is
"""The table of fingerprints: which sign of which technology, how much it weighs, and where it is looked for.

Weights and texts were taken from the running frameworks (tests/core/test_fingerprints_live.py looks at them again); those of hosts are from
vendors' documentation. Two signals of the same family never add up: a proxy that fakes one fakes them all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from app.core.exchange import Exchange, Purpose, header_value
from app.core.html import PageFacts, is_html, read_page


@dataclass(frozen=True, slots=True)
class Seen:
    """One exchange with what is looked at often."""

    exchange: Exchange
    text: str = ""  # of textual bodies, the first 200,000 characters; scripts whole
    page: PageFacts | None = None
    is_script: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    evidence: str
    version: str = ""


Matcher: TypeAlias = Callable[[Seen], Match | None]


@dataclass(frozen=True, slots=True)
class Signal:
    technology: str
    category: str
    family: str  # "server", "cookie", "error page", "body", "path", "headers", "script", "markup", "host name", "cors", "handshake"
    weight: float
    matches: Matcher = field(repr=False)
    is_error_page: bool = False  # the exact error page of a framework: speaks against the others on the same prefix


def seen(exchange: Exchange) -> Seen:
    """Prepare one exchange for matching."""
    is_script = exchange.purpose is Purpose.SCRIPT and not is_html(exchange)
    media = exchange.media_type
    textual = is_script or media.startswith("text/") or media.endswith(("json", "xml", "javascript")) or not media
    text = exchange.text() if textual and exchange.body else ""
    return Seen(exchange, text[: 3_000_000 if is_script else 200_000], read_page(exchange) if is_html(exchange) else None, is_script)


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 100 else f"{flat[:99]}…"


# Matchers


def header(name: str, pattern: str = "") -> Matcher:
    """A response header whose value matches; the group "v" is the version."""
    compiled = re.compile(pattern, re.I)

    def matches(item: Seen) -> Match | None:
        for value in item.exchange.response.values(name) if item.exchange.response else ():
            found = compiled.search(value)
            if found:
                return Match(f"{name}: {_quoted(value)}", found.groupdict().get("v") or "")
        return None

    return matches


def cookie(name: str, value: str = "", attributes: str = "") -> Matcher:
    """A Set-Cookie whose name, value and attributes match. The value is not repeated in the evidence."""
    names, values, rest = re.compile(name), re.compile(value), re.compile(attributes, re.I)

    def matches(item: Seen) -> Match | None:
        for line in item.exchange.response.values("set-cookie") if item.exchange.response else ():
            pair, _, tail = line.partition(";")
            key, _, content = pair.partition("=")
            if names.fullmatch(key.strip()) and values.search(content.strip()) and rest.search(tail):
                return Match(f"Set-Cookie: {key.strip()}=…;{_quoted(tail)}")
        return None

    return matches


def body(pattern: str, status: int | tuple[int, ...] = (), media: str = "", flags: int = re.S) -> Matcher:
    """A body (not a script) that matches, with one of these statuses and this media type."""
    compiled = re.compile(pattern, flags)
    statuses = (status,) if isinstance(status, int) else status

    def matches(item: Seen) -> Match | None:
        if item.is_script or (statuses and item.exchange.status not in statuses) or (media and item.exchange.media_type != media):
            return None
        found = compiled.search(item.text)
        if not found:
            return None
        return Match(f"{item.exchange.status} body: {_quoted(found[0])}", found.groupdict().get("v") or "")

    return matches


def script(pattern: str) -> Matcher:
    """A string in a fetched script. The group "v" is the version."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        found = compiled.search(item.text) if item.is_script else None
        return Match(f"script contains {_quoted(found[0])}", found.groupdict().get("v") or "") if found else None

    return matches


def address(pattern: str, *purposes: Purpose) -> Matcher:
    """The URL of something the page loads or that answered 200."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        urls = [item.exchange.url] if item.exchange.status == 200 and item.exchange.purpose in (purposes or (Purpose.SCRIPT,)) else []
        if item.page is not None and not purposes:
            urls += [*(tag.src for tag in item.page.scripts[:300] if tag.src), *item.page.styles, *item.page.modulepreloads]
        found = next((hit for url in urls if (hit := compiled.search(url))), None)
        return Match(f"loads {_quoted(found.string)}", found.groupdict().get("v") or "") if found else None

    return matches


def markup(pattern: str) -> Matcher:
    """A framework's attribute, mount point, embedded state or generator in the page."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        page = item.page
        if page is None or item.exchange.purpose is not Purpose.PAGE:
            return None
        signs = [*page.markers, *page.roots, *page.states, *(f"generator={page.metas[n]}" for n in ("generator",) if n in page.metas)]
        for sign in signs:
            found = compiled.search(sign)
            if found:
                return Match(f"page has {_quoted(sign)}", found.groupdict().get("v") or "")
        return None

    return matches


def host(pattern: str) -> Matcher:
    """The host name."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        name = item.exchange.url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
        return Match(f"host {name}") if item.exchange.response and compiled.search(name) else None

    return matches


def both(*matchers: Matcher) -> Matcher:
    """All of several signs on one exchange."""

    def matches(item: Seen) -> Match | None:
        found: list[Match] = []
        for matcher in matchers:
            match = matcher(item)
            if match is None:
                return None
            found.append(match)
        return Match(" and ".join(match.evidence for match in found), next((match.version for match in found if match.version), ""))

    return matches


def status(*codes: int) -> Matcher:
    """One of these statuses."""
    return lambda item: Match(f"status {item.exchange.status}") if item.exchange.status in codes else None


def reason(pattern: str) -> Matcher:
    """The reason phrase as sent over HTTP/1.1."""
    compiled = re.compile(pattern)
    return lambda item: Match(f"{item.exchange.status} {item.exchange.reason}") if compiled.fullmatch(item.exchange.reason) else None


def purpose(*wanted: Purpose) -> Matcher:
    """Only answers to requests of these purposes."""
    return lambda item: Match(f"{item.exchange.method} {item.exchange.url}") if item.exchange.purpose in wanted else None


def _without(name: str) -> Matcher:
    return lambda item: Match(f"no {name}") if item.exchange.response and item.exchange.header(name) is None else None


def _slash_redirect(item: Seen) -> Match | None:
    """A 301 to the same path with a slash added, as a path without host."""
    location = item.exchange.header("location") or ""
    path = re.sub(r"^\w+://[^/]+", "", item.exchange.url).partition("?")[0]
    if item.exchange.status == 301 and location.partition("?")[0] == f"{path}/":
        return Match(f"{item.exchange.method} 301 Location: {_quoted(location)}")
    return None


def _bare_redirect(item: Seen) -> Match | None:
    """307 without a body to the absolute address with or without a slash."""
    location = item.exchange.header("location") or ""
    here = item.exchange.url.partition("?")[0]
    if item.exchange.status == 307 and not item.exchange.body and location.partition("?")[0].rstrip("/") == here.rstrip("/"):
        return Match(f"307 location: {_quoted(location)}")
    return None


def _no_headers(item: Seen) -> Match | None:
    """Daphne's refusal of a WebSocket has no headers at all."""
    response = item.exchange.response
    if response is not None and response.status == 403 and not response.headers and item.exchange.reason == "Access denied":
        return Match("403 Access denied, without any header")
    return None


def _reflected_by_flask_cors(item: Seen) -> Match | None:
    origin = header_value(item.exchange.request_headers, "origin")
    allowed, methods = item.exchange.header("access-control-allow-origin"), item.exchange.header("access-control-allow-methods")
    if (
        item.exchange.method == "OPTIONS"
        and origin
        and allowed in (origin, "*")
        and methods == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    ):
        return Match(f"Access-Control-Allow-Methods: {methods}")
    return None


def _options_of_flask(item: Seen) -> Match | None:
    allow = item.exchange.header("allow") or ""
    empty = item.exchange.method == "OPTIONS" and item.exchange.status == 200 and not item.exchange.body
    if empty and {"HEAD", "OPTIONS"} <= {name.strip() for name in allow.split(",")} and item.exchange.media_type == "text/html":
        return Match(f"OPTIONS 200, empty, Allow: {allow}")
    return None


_DJANGO_HEADERS = both(header("x-frame-options", "^DENY$"), header("x-content-type-options", "^nosniff$"),
                       header("referrer-policy", "^same-origin$"), header("cross-origin-opener-policy", "^same-origin$"))  # fmt: skip
_ENGINEIO = (
    r'"(?:The client is using an unsupported version of the Socket\.IO or Engine\.IO protocols|Not an accepted origin\.)|"Invalid session'
)
_VITE_ASSET = r"/assets/[\w.~]+-[\w-]{8}\.(?:js|css)(?:$|\?)"

BACKENDS: tuple[Signal, ...] = (
    Signal("Werkzeug", "server", "server", 0.95, header("server", r"\bWerkzeug/(?P<v>[\d.]+)")),
    Signal("Flask", "framework", "server", 0.85, header("server", r"\bWerkzeug/")),
    Signal("Flask", "framework", "error page", 0.8, body(
        r"<!doctype html>\s*<html lang=en>\s*<title>404 Not Found</title>.*The requested URL was not found on the server\. "
        r"If you entered the URL manually please check your spelling", 404), is_error_page=True),
    Signal("Flask", "framework", "status line", 0.4, reason(r"(?=.*[A-Z]{4})[A-Z ]{6,}")),
    Signal("Flask", "framework", "cookie", 0.85, cookie("session", r"^(?:eyJ|\.eJ)[\w-]*\.[\w-]{6}\.[\w-]{27,}$")),
    Signal("Flask", "framework", "redirect", 0.75, body("You should be redirected automatically to the target URL", (301, 302, 308))),
    Signal("Flask", "framework", "options", 0.5, _options_of_flask),
    Signal("Flask-CORS", "library", "cors", 0.6, _reflected_by_flask_cors),
    Signal("Flask-JWT-Extended", "library", "body", 0.9, body(r'"msg":\s*"(?:Missing Authorization Header|Not enough segments|Missing cookie )', (401, 422))),
    Signal("Flask-WTF", "library", "body", 0.8, body(r"The CSRF (?:session )?token is missing\.", 400)),
    Signal("Werkzeug debugger", "server", "body", 0.99, body(r"Werkzeug Debugger|EVALEX\s*=", (500,))),
    Signal("Django", "framework", "cookie", 0.9, cookie("csrftoken", r"^[A-Za-z0-9]{32}(?:[A-Za-z0-9]{32})?$", "Max-Age=31449600")),
    Signal("Django", "framework", "cookie", 0.7, cookie("sessionid", r"^[a-z0-9]{32}$", "HttpOnly.*|Max-Age=1209600")),
    Signal("Django", "framework", "markup", 0.97, body(r"""name=["']csrfmiddlewaretoken["']""")),
    Signal("Django", "framework", "headers", 0.75, _DJANGO_HEADERS),
    Signal("Django", "framework", "error page", 0.8, body(
        r"<h1>Not Found</h1>\s*<p>The requested resource was not found on this server\.</p>", 404), is_error_page=True),
    Signal("Django", "framework", "error page", 0.99, body(
        r"Using the URLconf defined in|You(?:’|'|&#x27;|&#39;)re seeing this error because you have\s+<code>DEBUG"), is_error_page=True),
    Signal("Django", "framework", "path", 0.97, both(status(302), header("location", r"^/admin/login/\?next="))),
    Signal("Django", "framework", "path", 0.97, body(r"Django site admin|/static/admin/css/base\.css")),
    Signal("Django", "framework", "redirect", 0.5, _slash_redirect),
    Signal("DRF", "framework", "headers", 0.85, both(status(200), header("vary", r"^Accept\b"), header("allow", "[A-Z]"), body(r"^\s*[\[{\"]", media="application/json"))),
    Signal("DRF", "framework", "body", 0.9, body(
        r'"detail":\s*"(?:Authentication credentials were not provided\.|Method \\"[A-Z]+\\" not allowed\.|Not found\.|'
        r'No \w+ matches the given query\.|Invalid page\.|CSRF Failed)', media="application/json")),
    Signal("Django", "framework", "body", 0.85, body(
        r'"detail":\s*"(?:Authentication credentials were not provided\.|Method \\"[A-Z]+\\" not allowed\.|No \w+ matches the given query\.)')),
    Signal("DRF", "framework", "options", 0.97, body(r'"name":.*"description":.*"renders":.*"parses":', 200, "application/json")),
    Signal("DRF", "framework", "page", 0.97, body(r"Django REST framework|/static/rest_framework/", media="text/html")),
    Signal("drf-spectacular", "library", "schema", 0.9, header("content-type", r"application/vnd\.oai\.openapi")),
    Signal("Simple JWT", "library", "body", 0.9, body(r'"code":\s*"token_not_valid"', 401)),
    Signal("django-cors-headers", "library", "cors", 0.8, both(
        header("access-control-allow-methods", r"^DELETE, GET, OPTIONS, PATCH, POST, PUT$"), header("access-control-max-age", "^86400$"))),
    Signal("FastAPI", "framework", "error page", 0.7, body(r'^\{"detail":"Not Found"\}$', 404, "application/json"), is_error_page=True),
    Signal("FastAPI", "framework", "validation", 0.95, body(r'"detail":\[\{"type":"\w+","loc":\[.*"msg":', 422, "application/json")),
    Signal("FastAPI", "framework", "schema", 0.99, body(r'"openapi":\s*"3\.[\d.]+".*"HTTPValidationError"', 200, "application/json")),
    Signal("FastAPI", "framework", "schema", 0.9, body(r'"openapi":\s*"3\.[\d.]+".*"operationId":\s*"\w+_(?:get|post|put|patch|delete)"', 200, "application/json")),
    Signal("FastAPI", "framework", "docs", 0.99, body(r"fastapi\.tiangolo\.com/img/favicon\.png", 200)),
    Signal("FastAPI", "framework", "method", 0.6, body(r'^\{"detail":"Method Not Allowed"\}$', 405, "application/json")),
    Signal("FastAPI", "framework", "redirect", 0.5, _bare_redirect),
    Signal("Starlette", "framework", "error page", 0.7, body(r"^Not Found$", 404, "text/plain"), is_error_page=True),
    Signal("Starlette", "framework", "cors", 0.95, both(body(r"^(?:OK|Disallowed CORS (?:origin|method|headers).*)$", (200, 400), "text/plain"), header("access-control-max-age", "^600$"))),
    Signal("Starlette", "framework", "cors", 0.95, body(r"^Disallowed CORS (?:origin|method|headers|private)", 400, "text/plain")),
    Signal("Starlette", "framework", "cookie", 0.7, cookie("session", r"^eyJ[A-Za-z0-9+/]+={0,2}\.[\w-]{6}\.[\w-]{27,}$", r"samesite=lax.*|Max-Age=1209600")),
    Signal("Bottle", "framework", "error page", 0.97, body(r"<title>Error: \d{3} [^<]+</title>.*Sorry, the requested URL <tt>", (404, 405, 500)), is_error_page=True),
    Signal("Bottle", "framework", "cookie", 0.9, cookie(r"[\w.-]+", r"^\"?![A-Za-z0-9+/=]+\?gA")),
    Signal("Express", "framework", "server", 0.95, header("x-powered-by", "^Express$")),
    Signal("Express", "framework", "error page", 0.95, body(r"<pre>Cannot (?:GET|HEAD|OPTIONS|POST) /", 404), is_error_page=True),
    Signal("Rails", "framework", "headers", 0.8, both(header("x-runtime", r"^[\d.]+$"), header("x-request-id", "."))),
    Signal("Laravel", "framework", "cookie", 0.9, cookie("laravel_session")),
    Signal("PHP", "framework", "server", 0.95, header("x-powered-by", r"^PHP(?:/(?P<v>[\d.]+))?")),
    Signal("Channels", "realtime", "handshake", 0.9, _no_headers),
    Signal("Socket.IO", "realtime", "handshake", 0.99, body(r'^0\{"sid":.*"upgrades":\[', 200)),
    Signal("python-engineio", "realtime", "handshake", 0.97, both(purpose(Purpose.SOCKETIO, Purpose.WEBSOCKET, Purpose.WEBSOCKET_FOREIGN), body(_ENGINEIO, 400))),
    Signal("python-engineio", "realtime", "handshake", 0.9, body(r'^0\{"sid":.*"pingTimeout":\d+,"pingInterval":', 200)),
    Signal("Node Socket.IO", "realtime", "handshake", 0.97, body(r'^\{"code":\d,"message":"(?:Transport unknown|Session ID unknown|Bad request|Unsupported protocol version)"\}', 400)),
)  # fmt: skip

SERVERS: tuple[Signal, ...] = (
    *(Signal(name, "server", "server", 0.95, header("server", pattern)) for name, pattern in (
        ("Uvicorn", r"^uvicorn(?:/(?P<v>[\d.]+))?"), ("Hypercorn", r"^hypercorn"), ("Daphne", r"^daphne(?:/(?P<v>[\d.]+))?"),
        ("gunicorn", r"^gunicorn(?:/(?P<v>[\d.]+))?"), ("waitress", r"^waitress"), ("Granian", r"^granian"),
        ("wsgiref", r"^WSGIServer/"), ("uWSGI", r"^uwsgi"), ("Cheroot", r"^Cheroot/(?P<v>[\d.]+)"), ("Tornado", r"^TornadoServer/(?P<v>[\d.]+)"),
        ("http.server", r"^SimpleHTTP/"), ("aiohttp", r"aiohttp/(?P<v>[\d.]+)"))),
    *(Signal(name, "proxy", "server", 0.95, header("server", pattern)) for name, pattern in (
        ("nginx", r"^nginx(?:/(?P<v>[\d.]+))?"), ("Apache", r"^Apache(?:/(?P<v>[\d.]+))?"), ("Caddy", r"^Caddy"), ("OpenResty", r"^openresty(?:/(?P<v>[\d.]+))?"),
        ("Envoy", r"^(?:istio-)?envoy"), ("Traefik", r"^traefik"), ("LiteSpeed", r"^LiteSpeed"), ("IIS", r"^Microsoft-IIS/(?P<v>[\d.]+)"), ("HAProxy", "^haproxy"))),
    Signal("nginx", "proxy", "error page", 0.9, body(r"<hr><center>nginx(?:/(?P<v>[\d.]+))?</center>")),
    Signal("Apache", "proxy", "error page", 0.85, body(r"<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2\.0//EN\">.*The requested URL was not found on this server\.", 404)),
    Signal("Caddy", "proxy", "via", 0.95, header("via", r"\bCaddy\b")),
)  # fmt: skip

FRONTENDS: tuple[Signal, ...] = (
    Signal(
        "React",
        "frontend",
        "script",
        0.95,
        script(r"react\.(?:transitional\.)?element\b|Minified React error #|https://react\.dev/errors/"),
    ),
    Signal("React", "frontend", "markup", 0.8, markup(r"^\[data-reactroot\]$|^data-reactroot")),
    Signal("React", "frontend", "path", 0.8, address(r"/static/js/main\.[0-9a-f]{8}\.(?:chunk\.)?js")),
    Signal("React Router", "frontend", "script", 0.9, script(r"__reactRouterVersion|__reactRouterContext")),
    Signal("Next.js", "frontend", "path", 0.99, address(r"/_next/static/")),
    Signal("Next.js", "frontend", "markup", 0.97, markup(r"__NEXT_DATA__|self\.__next_f|#__next")),
    Signal("Next.js", "frontend", "server", 0.99, header("x-powered-by", r"^Next\.js(?: (?P<v>[\d.]+))?")),
    Signal("Vue", "frontend", "script", 0.95, script(r"__v_isRef|__vccOpts|vuejs\.org/error-reference")),
    Signal("Vue", "frontend", "markup", 0.8, markup(r"^data-v-(?:app|[0-9a-f]{7,8})|^data-server-rendered")),
    Signal("Nuxt", "frontend", "path", 0.99, address(r"/_nuxt/")),
    Signal("Nuxt", "frontend", "markup", 0.97, markup(r"__NUXT|#__nuxt")),
    Signal(
        "Angular", "frontend", "script", 0.95, script(r"ngSkipHydration|_nghost-|angular\.dev/(?:errors|guide|license)|angular\.io/errors")
    ),
    Signal("Angular", "frontend", "markup", 0.95, markup(r'^ng-version="(?P<v>[\d.]+)"|^app-root$|^_nghost-')),
    Signal("AngularJS", "frontend", "markup", 0.9, markup(r"^\[ng-app\]$|^ng-app|^ng-controller")),
    Signal("AngularJS", "frontend", "script", 0.9, script(r"\bAngularJS v(?P<v>1\.[\d.]+)|errors\.angularjs\.org/(?P<w>1\.[\d.]+)")),
    Signal("Svelte", "frontend", "script", 0.95, script(r"svelte\.dev/e/|__svelte\b")),
    Signal("Svelte", "frontend", "markup", 0.85, markup(r"^class svelte-")),
    Signal("SvelteKit", "frontend", "path", 0.99, address(r"/_app/immutable/")),
    Signal("SvelteKit", "frontend", "markup", 0.97, markup(r"^data-sveltekit-")),
    Signal("Astro", "frontend", "markup", 0.95, markup(r"^generator=Astro v(?P<v>[\d.]+)|^data-astro-cid-")),
    Signal("HTMX", "frontend", "markup", 0.9, markup(r"^(?:data-)?hx-(?:get|post|put|patch|delete|target|swap|boost|trigger)$")),
    Signal("HTMX", "frontend", "path", 0.9, address(r"/htmx(?:\.org)?(?:@(?P<v>[\d.]+))?[\w./-]*(?:\.js|$)")),
    Signal("Alpine.js", "frontend", "markup", 0.9, markup(r"^x-data$")),
    Signal("Alpine.js", "frontend", "path", 0.9, address(r"/alpinejs(?:@(?P<v>[\d.]+))?")),
    Signal("Inertia", "frontend", "markup", 0.8, markup(r"^data-page$")),
    Signal("Inertia", "frontend", "headers", 0.95, header("vary", r"\bX-Inertia\b")),
    Signal("Turbo", "frontend", "markup", 0.85, markup(r"^data-turbo")),
    Signal(
        "jQuery",
        "frontend",
        "path",
        0.9,
        address(r"/jquery(?:[-.@](?P<v>\d+\.\d+(?:\.\d+)?))?(?:/dist/jquery)?(?:\.slim)?(?:\.min)?(?:\.js|$)"),
    ),
    Signal("jQuery", "frontend", "script", 0.9, script(r"jQuery(?: JavaScript Library)? v(?P<v>[\d.]+)")),
    Signal("axios", "library", "script", 0.9, script(r"AxiosError|\[Axios v(?P<v>[\d.]+)\]")),
    Signal("Socket.IO client", "library", "script", 0.85, script(r"Socket\.IO v(?P<v>[\d.]+)|/socket\.io\b|socket\.io-parser")),
    Signal("Socket.IO client", "library", "path", 0.9, address(r"/socket\.io(?:@(?P<v>[\d.]+)|-client|[./-][\w./-]*?)(?:[\w./@-]*)\.js")),
    Signal("Vite", "build", "path", 0.7, address(_VITE_ASSET)),
    Signal("Vite", "build", "script", 0.85, script(r"__vite__mapDeps|vite:preloadError")),
    Signal("Vite dev server", "build", "path", 0.99, address(r"/@vite/client")),
    Signal("webpack", "build", "script", 0.85, script(r"webpackChunk\w*|__webpack_require__")),
    Signal("Create React App", "build", "markup", 0.8, body(r"<noscript>You need to enable JavaScript to run this app\.</noscript>", 200)),
    Signal("Reflex", "framework", "script", 0.97, script(r"reflex___state____state|/_event\b.*\bis_hydrated|on_load_internal_state")),
)

HOSTS: tuple[Signal, ...] = tuple(Signal(name, "host", family, weight, matcher) for name, family, weight, matcher in (
    ("Netlify", "server", 0.95, header("server", "^Netlify")), ("Netlify", "headers", 0.97, header("x-nf-request-id")),
    ("Netlify", "host name", 0.9, host(r"\.netlify\.app$")),
    ("Vercel", "server", 0.95, header("server", "^Vercel")), ("Vercel", "headers", 0.97, header("x-vercel-id")),
    ("Vercel", "host name", 0.9, host(r"\.vercel\.app$")),
    ("Heroku", "via", 0.95, header("via", r"\bvegur\b|heroku-router")), ("Heroku", "headers", 0.9, header("report-to", r"nel\.heroku\.com")),
    ("Heroku", "headers", 0.9, header("nel", "heroku")), ("Heroku", "host name", 0.9, host(r"\.herokuapp\.com$")),
    ("Render", "headers", 0.97, header("x-render-origin-server")), ("Render", "headers", 0.95, header("rndr-id")),
    ("Render", "host name", 0.9, host(r"\.onrender\.com$")),
    ("Railway", "server", 0.8, header("server", "^railway-edge")), ("Railway", "headers", 0.8, header("x-railway-request-id")),
    ("Railway", "host name", 0.9, host(r"\.up\.railway\.app$")),
    ("Amazon CloudFront", "headers", 0.97, header("x-amz-cf-id")), ("Amazon CloudFront", "via", 0.97, header("via", r"\(CloudFront\)")),
    ("Amazon S3", "server", 0.95, header("server", "^AmazonS3")), ("Amazon S3", "headers", 0.9, header("x-amz-id-2")),
    ("AWS load balancer", "server", 0.95, header("server", r"^awselb/")), ("AWS load balancer", "cookie", 0.95, cookie(r"AWSALB(?:CORS|APP-\d)?")),
    ("Amazon API Gateway", "headers", 0.95, header("x-amz-apigw-id")), ("Amazon API Gateway", "headers", 0.8, header("x-amzn-requestid")),
    ("Amazon API Gateway", "body", 0.8, body(r'^\{"message":"Missing Authentication Token"\}$', 403)),
    ("AWS Elastic Beanstalk", "host name", 0.9, host(r"\.elasticbeanstalk\.com$")), ("AWS Amplify", "host name", 0.9, host(r"\.amplifyapp\.com$")),
    ("Cloudflare", "headers", 0.97, header("cf-ray")), ("Cloudflare", "server", 0.95, header("server", "^cloudflare$")),
    ("Cloudflare Pages", "host name", 0.9, host(r"\.pages\.dev$")),
    ("Fly.io", "headers", 0.97, header("fly-request-id")), ("Fly.io", "server", 0.95, header("server", "^Fly/")), ("Fly.io", "host name", 0.9, host(r"\.fly\.dev$")),
    ("GitHub Pages", "server", 0.9, header("server", r"^GitHub\.com$")), ("GitHub Pages", "headers", 0.8, header("x-github-request-id")),
    ("GitHub Pages", "host name", 0.9, host(r"\.github\.io$")),
    ("PythonAnywhere", "server", 0.95, header("server", "^PythonAnywhere")), ("PythonAnywhere", "host name", 0.9, host(r"\.pythonanywhere\.com$")),
    ("Google Cloud", "server", 0.9, header("server", "^Google Frontend")), ("Google Cloud", "headers", 0.8, header("x-cloud-trace-context")),
    ("Google Cloud", "host name", 0.9, host(r"\.run\.app$|\.appspot\.com$")),
    ("Firebase Hosting", "headers", 0.9, header("vary", "x-fh-requested-host")), ("Firebase Hosting", "host name", 0.9, host(r"\.(?:web|firebaseapp)\.(?:app|com)$")),
    ("Azure", "cookie", 0.9, cookie(r"ARRAffinity(?:SameSite)?")), ("Azure", "headers", 0.9, header("x-azure-ref")),
    ("Azure", "host name", 0.9, host(r"\.azurewebsites\.net$|\.azurestaticapps\.net$")),
    ("Fastly", "headers", 0.9, header("x-served-by", "^cache-")),
    ("DigitalOcean App Platform", "headers", 0.95, header("x-do-app-origin")), ("DigitalOcean App Platform", "host name", 0.9, host(r"\.ondigitalocean\.app$")),
))  # fmt: skip

SIGNALS: tuple[Signal, ...] = (*BACKENDS, *SERVERS, *FRONTENDS, *HOSTS)

# Technologies that stand or fall together: the error page of one set speaks against the others on the same prefix.
STACKS: tuple[frozenset[str], ...] = (
    frozenset({"Flask", "Werkzeug", "Flask-CORS", "Flask-JWT-Extended", "Flask-WTF", "Werkzeug debugger"}),
    frozenset({"Django", "DRF", "drf-spectacular", "Simple JWT", "django-cors-headers", "Channels"}),
    frozenset({"FastAPI", "Starlette"}),
    frozenset({"Bottle"}),
    frozenset({"Express"}),
    frozenset({"Rails"}),
)

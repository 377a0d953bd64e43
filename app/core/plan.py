"""What a scan asks next, decided from what is known: calls to try, near misses of an origin, documents, and what to note of an answer."""

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from app.core.csp import upgraded
from app.core.exchange import Exchange, Purpose
from app.core.findings import Severity
from app.core.inventory import UNKEPT, Call, Inventory, SourceKind
from app.core.observation import is_redirect
from app.core.urls import is_loopback_host, origin_of
from app.core.verdict import Body, FetchCall

# What a scan does, in this order; pages and the command line show them.
PHASES = ("Page", "Scripts", "Delivery", "API and CORS", "WebSocket", "Session and auth", "Verdicts")
FOREIGN_ORIGIN = "https://seamwatch.invalid"
SIMPLE_METHODS = frozenset({"GET", "HEAD", "POST"})


def as_fetch(call: Call, page_origin: str, *, upgrade: bool = False) -> FetchCall:
    """Return the `fetch()` that this call of the inventory makes from the page; a value that was not kept becomes "x".

    Args:
        upgrade: the page's policy says upgrade-insecure-requests.
    """
    body = Body(call.body) if call.body else None
    headers = tuple((name, value.replace(UNKEPT, "x")) for name, value in call.headers)
    url = upgraded(call.url) if upgrade else call.url
    return FetchCall(page_origin, url, call.method, headers, body, call.credentials, call.mode, call.redirect)


def order_calls(inventory: Inventory) -> tuple[Call, ...]:
    """Return the calls, those first that are most worth asking about.

    The user's own calls, then one call of each (origin, method, header names), cross-origin before same-origin, unsafe
    methods before safe ones; then the rest in the order found.
    """

    def worth(call: Call) -> tuple[bool, bool, bool]:
        return (
            call.source.kind is not SourceKind.USER,
            origin_of(call.url) == inventory.page_origin,
            call.method.upper() in SIMPLE_METHODS and not call.headers,
        )

    seen: set[tuple[object, ...]] = set()
    first, rest = [], []
    for call in sorted(inventory.calls, key=worth):
        shape = (origin_of(call.url), call.method, tuple(sorted(name.lower() for name, _ in call.headers)), call.credentials)
        (rest if shape in seen and call.source.kind is not SourceKind.USER else first).append(call)
        seen.add(shape)
    return (*first, *rest)


def limits_of(page: Exchange) -> str:
    """Return what keeps this page from telling about the application, as a sentence; "" when it came whole and is a page."""
    if page.truncated:
        why = page.failure_text or f"It is larger than {len(page.body) / 1e6:.0f} MB."
        return f"The page was not read to its end, and the report covers what was read. {why}"
    if page.status >= 400:
        return f"The page answers {page.status}, so the report is about its error page."
    if not page.body.strip():
        return f"The page is empty ({page.status})."
    if page.media_type and "html" not in page.media_type:
        return f"The address answers {page.media_type}, which is no page: nothing in it can call an API."
    return ""


def slash_variant(url: str) -> str:
    """Return the URL with its path's trailing slash removed, or added where there is none."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/") or "/" if parts.path.endswith("/") else f"{parts.path}/"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def socketio_base(url: str) -> str:
    """Return the http(s) address of a Socket.IO server, with a slash at its end: its own path, or the usual one where none is known."""
    parts = urlsplit(url)
    path = f"/{parts.path.strip('/')}/" if parts.path.strip("/") else "/socket.io/"
    return urlunsplit((parts.scheme.replace("ws", "http", 1), parts.netloc, path, "", ""))


def origin_variants(origin: str) -> tuple[str, ...]:
    """Return near misses of an origin that people put into allow-lists by mistake, likeliest first, without the origin itself.

    localhost for 127.0.0.1, a trailing slash, the other scheme, with or without www, capitals, the scheme's default port spelt out.
    """
    parts = urlsplit(origin)
    host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    other = "http" if parts.scheme == "https" else "https"
    variants: list[str] = []
    if host == "localhost":
        variants.append(f"{parts.scheme}://127.0.0.1{port}")
    elif is_loopback_host(host):
        variants.append(f"{parts.scheme}://localhost{port}")
    variants += [f"{origin}/", f"{other}://{host}{port}"]
    if not is_loopback_host(host) and not host.replace(".", "").isdigit():
        variants.append(f"{parts.scheme}://{host.removeprefix('www.') if host.startswith('www.') else f'www.{host}'}{port}")
    variants.append(f"{parts.scheme}://{host.capitalize()}{port}")
    if port:
        variants.append(f"{parts.scheme}://{host}")
    return tuple(dict.fromkeys(variant for variant in variants if variant != origin))


def documents_to_ask(inventory: Inventory, exchanges: Sequence[Exchange]) -> tuple[tuple[Purpose, str], ...]:
    """Return the well-known documents to ask for, each with its purpose: schemas of the API origins, admin, discovery."""
    origins = list(dict.fromkeys([*inventory.api_origins, inventory.page_origin]))[:2]
    asked = {exchange.url for exchange in exchanges}
    documents: list[tuple[Purpose, str]] = []
    for origin in origins:
        documents += [(Purpose.SCHEMA, f"{origin}{path}") for path in ("/openapi.json", "/api/openapi.json", "/api/schema/")]
    documents.append((Purpose.ADMIN, f"{origins[0]}/admin/"))
    if inventory.oauth_starts:
        documents += [(Purpose.DISCOVERY, f"{origins[0]}/.well-known/openid-configuration")]
    return tuple((purpose, url) for purpose, url in documents if url not in asked)


def noted(exchange: Exchange) -> tuple[str, Severity | None]:
    """Return what is worth saying about one answer while the scan runs, in a few words, and how bad it looks at first sight."""
    if exchange.response is None:
        return exchange.failure_text, Severity.MEDIUM
    status, allowed = exchange.status, exchange.header("access-control-allow-origin")
    if status == 429:
        return "asks us to slow down", Severity.INFO
    if status in (502, 503, 504):
        return "gateway error", Severity.MEDIUM
    match exchange.purpose:
        case Purpose.PREFLIGHT:
            return _noted_preflight(exchange, allowed)
        case Purpose.ACTUAL | Purpose.ENDPOINT | Purpose.SLASH if is_redirect(exchange.response):
            return f"redirects to {exchange.header('location')}", Severity.LOW
        case Purpose.ACTUAL if any(name.lower() == "origin" for name, _ in exchange.request_headers):
            return (f"allows {allowed}", None) if allowed is not None else ("no Access-Control-Allow-Origin", Severity.MEDIUM)
        case Purpose.FOREIGN if allowed in ("*", FOREIGN_ORIGIN):
            credentials = exchange.header("access-control-allow-credentials") == "true"
            return ("allows any origin with credentials", Severity.HIGH) if credentials and allowed != "*" else ("allows any origin", None)
        case Purpose.MISSING_API | Purpose.MISSING_ASSET if status == 200:
            return f"answers {exchange.media_type or 'something'} for what is not there", Severity.MEDIUM
        case Purpose.WEBSOCKET:
            return ("opens", None) if status == 101 else (f"answered {status} instead of 101", Severity.HIGH)
        case Purpose.WEBSOCKET_FOREIGN:
            return ("opens for a foreign origin", Severity.INFO) if status == 101 else ("refuses a foreign origin", None)
        case _:
            return exchange.media_type, None


def _noted_preflight(exchange: Exchange, allowed: str | None) -> tuple[str, Severity | None]:
    if is_redirect(exchange.response):
        return f"preflight is redirected to {exchange.header('location')}", Severity.HIGH
    if allowed is None:
        return "preflight without Access-Control-Allow-Origin", Severity.HIGH
    if not 200 <= exchange.status < 300:
        return f"preflight answered {exchange.status}", Severity.HIGH
    return "preflight answered", None

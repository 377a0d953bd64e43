"""Signs of backends and servers."""

import re

from app.core.exchange import Purpose, header_value
from app.core.matchers import (
    Match,
    Matcher,
    Seen,
    Signal,
    body,
    both,
    cookie,
    header,
    purpose,
    quoted,
    reason,
    status,
)


def _without(name: str) -> Matcher:
    return lambda item: Match(f"no {name}") if item.exchange.response and item.exchange.header(name) is None else None


def _slash_redirect(item: Seen) -> Match | None:
    """A 301 to the same path with a slash added, as a path without host."""
    location = item.exchange.header("location") or ""
    path = re.sub(r"^\w+://[^/]+", "", item.exchange.url).partition("?")[0]
    if item.exchange.status == 301 and location.partition("?")[0] == f"{path}/":
        return Match(f"{item.exchange.method} 301 Location: {quoted(location)}")
    return None


def _bare_redirect(item: Seen) -> Match | None:
    """307 without a body to the absolute address with or without a slash."""
    location = item.exchange.header("location") or ""
    here = item.exchange.url.partition("?")[0]
    if item.exchange.status == 307 and not item.exchange.body and location.partition("?")[0].rstrip("/") == here.rstrip("/"):
        return Match(f"307 location: {quoted(location)}")
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


_DJANGO_HEADERS = both(
    header("x-frame-options", "^DENY$"),
    header("x-content-type-options", "^nosniff$"),
    header("referrer-policy", "^same-origin$"),
    header("cross-origin-opener-policy", "^same-origin$"),
    _without("cross-origin-resource-policy"),  # Django never sends it; other hardening that sends the same four does
)
_ENGINEIO = (
    r'"(?:The client is using an unsupported version of the Socket\.IO or Engine\.IO protocols|Not an accepted origin\.)|"Invalid session'
)


BACKENDS: tuple[Signal, ...] = (
    Signal("Werkzeug", "server", "server", 0.95, header("server", r"\bWerkzeug/(?P<v>[\d.]+)")),
    Signal("Flask", "framework", "server", 0.85, header("server", r"\bWerkzeug/")),
    Signal(
        "Flask",
        "framework",
        "error page",
        0.8,
        body(
            r"<!doctype html>\s*<html lang=en>\s*<title>404 Not Found</title>.*The requested URL was not found on the server\. "
            r"If you entered the URL manually please check your spelling",
            404,
        ),
        is_error_page=True,
    ),
    Signal("Flask", "framework", "status line", 0.4, reason(r"(?=.*[A-Z]{4})[A-Z ]{6,}")),
    Signal("Flask", "framework", "cookie", 0.85, cookie("session", r"^(?:eyJ|\.eJ)[\w-]*\.[\w-]{6}\.[\w-]{27,}$")),
    Signal("Flask", "framework", "redirect", 0.75, body("You should be redirected automatically to the target URL", (301, 302, 308))),
    Signal("Flask", "framework", "options", 0.5, _options_of_flask),
    Signal("Flask-CORS", "library", "cors", 0.6, _reflected_by_flask_cors),
    Signal(
        "Flask-JWT-Extended",
        "library",
        "body",
        0.9,
        body(r'"msg":\s*"(?:Missing Authorization Header|Not enough segments|Missing cookie )', (401, 422)),
    ),
    Signal("Flask-WTF", "library", "body", 0.8, body(r"The CSRF (?:session )?token is missing\.", 400)),
    Signal("Werkzeug debugger", "server", "body", 0.99, body(r"Werkzeug Debugger|EVALEX\s*=", (500,))),
    Signal("Django", "framework", "cookie", 0.9, cookie("csrftoken", r"^[A-Za-z0-9]{32}(?:[A-Za-z0-9]{32})?$", "Max-Age=31449600")),
    Signal("Django", "framework", "cookie", 0.7, cookie("sessionid", r"^[a-z0-9]{32}$", "HttpOnly|Max-Age=1209600")),
    Signal("Django", "framework", "markup", 0.97, body(r"""name=["']csrfmiddlewaretoken["']""")),
    Signal("Django", "framework", "headers", 0.75, _DJANGO_HEADERS),
    Signal(
        "Django",
        "framework",
        "error page",
        0.8,
        body(r"<h1>Not Found</h1>\s*<p>The requested resource was not found on this server\.</p>", 404),
        is_error_page=True,
    ),
    Signal(
        "Django",
        "framework",
        "error page",
        0.99,
        body(r"Using the URLconf defined in|You(?:’|'|&#x27;|&#39;)re seeing this error because you have\s+<code>DEBUG"),
        is_error_page=True,
    ),
    Signal("Django", "framework", "path", 0.97, both(status(302), header("location", r"^/admin/login/\?next="))),
    Signal("Django", "framework", "path", 0.97, body(r"Django site admin|/static/admin/css/base\.css")),
    Signal("Django", "framework", "redirect", 0.5, _slash_redirect),
    Signal(
        "DRF",
        "framework",
        "headers",
        0.85,
        both(status(200), header("vary", r"^Accept\b"), header("allow", "[A-Z]"), body(r"^\s*[\[{\"]", media="application/json")),
    ),
    # With a single renderer there is no Vary: Accept; but nothing else on Django answers a good GET with Allow.
    Signal(
        "DRF",
        "framework",
        "headers",
        0.8,
        both(status(200), header("allow", r"\bGET\b"), body(r"^\s*[\[{\"]", media="application/json")),
        needs="Django",
    ),
    Signal(
        "DRF",
        "framework",
        "body",
        0.9,
        body(
            r'"detail":\s*"(?:Authentication credentials were not provided\.|Method \\"[A-Z]+\\" not allowed\.|Not found\.|'
            r"No \w+ matches the given query\.|Invalid page\.|CSRF Failed)",
            media="application/json",
        ),
    ),
    Signal(
        "Django",
        "framework",
        "body",
        0.85,
        body(
            r'"detail":\s*"(?:Authentication credentials were not provided\.|Method \\"[A-Z]+\\" not allowed\.|'
            r"No \w+ matches the given query\.)"
        ),
    ),
    Signal("DRF", "framework", "options", 0.97, body(r'"name":.*"description":.*"renders":.*"parses":', 200, "application/json")),
    Signal("DRF", "framework", "page", 0.97, body(r"Django REST framework|/static/rest_framework/", media="text/html")),
    Signal("drf-spectacular", "library", "schema", 0.9, header("content-type", r"application/vnd\.oai\.openapi")),
    Signal("Simple JWT", "library", "body", 0.9, body(r'"code":\s*"token_not_valid"', 401)),
    Signal(
        "django-cors-headers",
        "library",
        "cors",
        0.8,
        both(
            header("access-control-allow-methods", r"^DELETE, GET, OPTIONS, PATCH, POST, PUT$"), header("access-control-max-age", "^86400$")
        ),
    ),
    Signal("FastAPI", "framework", "error page", 0.7, body(r'^\{"detail":"Not Found"\}$', 404, "application/json"), is_error_page=True),
    Signal("FastAPI", "framework", "validation", 0.95, body(r'"detail":\[\{"type":"\w+","loc":\[.*"msg":', 422, "application/json")),
    Signal("FastAPI", "framework", "schema", 0.99, body(r'"openapi":\s*"3\.[\d.]+".*"HTTPValidationError"', 200, "application/json")),
    Signal(
        "FastAPI",
        "framework",
        "schema",
        0.9,
        body(r'"openapi":\s*"3\.[\d.]+".*"operationId":\s*"\w+_(?:get|post|put|patch|delete)"', 200, "application/json"),
    ),
    Signal("FastAPI", "framework", "docs", 0.99, body(r"fastapi\.tiangolo\.com/img/favicon\.png", 200)),
    Signal("FastAPI", "framework", "method", 0.6, body(r'^\{"detail":"Method Not Allowed"\}$', 405, "application/json")),
    Signal("FastAPI", "framework", "redirect", 0.5, _bare_redirect),
    Signal("Starlette", "framework", "error page", 0.7, body(r"^Not Found$", 404, "text/plain"), is_error_page=True),
    Signal(
        "Starlette",
        "framework",
        "cors",
        0.95,
        both(
            body(r"^(?:OK|Disallowed CORS (?:origin|method|headers).*)$", (200, 400), "text/plain"),
            header("access-control-max-age", "^600$"),
        ),
    ),
    Signal("Starlette", "framework", "cors", 0.95, body(r"^Disallowed CORS (?:origin|method|headers|private)", 400, "text/plain")),
    Signal(
        "Starlette",
        "framework",
        "cookie",
        0.7,
        cookie("session", r"^eyJ[A-Za-z0-9+/]+={0,2}\.[\w-]{6}\.[\w-]{27,}$", r"Max-Age=1209600|samesite=lax"),
    ),
    Signal(
        "Bottle",
        "framework",
        "error page",
        0.97,
        body(r"<title>Error: \d{3} [^<]+</title>.*Sorry, the requested URL <tt>", (404, 405, 500)),
        is_error_page=True,
    ),
    Signal("Bottle", "framework", "cookie", 0.9, cookie(r"[\w.-]+", r"^\"?![A-Za-z0-9+/=]+\?gA")),
    Signal("Express", "framework", "server", 0.95, header("x-powered-by", "^Express$")),
    Signal("Express", "framework", "error page", 0.95, body(r"<pre>Cannot (?:GET|HEAD|OPTIONS|POST) /", 404), is_error_page=True),
    Signal("Rails", "framework", "headers", 0.8, both(header("x-runtime", r"^[\d.]+$"), header("x-request-id", "."))),
    Signal("Laravel", "framework", "cookie", 0.9, cookie("laravel_session")),
    Signal("PHP", "framework", "server", 0.95, header("x-powered-by", r"^PHP(?:/(?P<v>[\d.]+))?")),
    Signal("Channels", "realtime", "handshake", 0.9, _no_headers),
    Signal("Socket.IO", "realtime", "handshake", 0.99, body(r'^0\{"sid":.*"upgrades":\[', 200)),
    Signal(
        "python-engineio",
        "realtime",
        "handshake",
        0.97,
        both(purpose(Purpose.SOCKETIO, Purpose.WEBSOCKET, Purpose.WEBSOCKET_FOREIGN), body(_ENGINEIO, 400)),
    ),
    Signal("python-engineio", "realtime", "handshake", 0.9, body(r'^0\{"sid":.*"pingTimeout":\d+,"pingInterval":', 200)),
    Signal(
        "Node Socket.IO",
        "realtime",
        "handshake",
        0.97,
        body(r'^\{"code":\d,"message":"(?:Transport unknown|Session ID unknown|Bad request|Unsupported protocol version)"\}', 400),
    ),
)

SERVERS: tuple[Signal, ...] = (
    *(
        Signal(name, "server", "server", 0.95, header("server", pattern))
        for name, pattern in (
            ("Uvicorn", r"^uvicorn(?:/(?P<v>[\d.]+))?"),
            ("Hypercorn", r"^hypercorn"),
            ("Daphne", r"^daphne(?:/(?P<v>[\d.]+))?"),
            ("gunicorn", r"^gunicorn(?:/(?P<v>[\d.]+))?"),
            ("waitress", r"^waitress"),
            ("Granian", r"^granian"),
            ("wsgiref", r"^WSGIServer/"),
            ("uWSGI", r"^uwsgi"),
            ("Cheroot", r"^Cheroot/(?P<v>[\d.]+)"),
            ("Tornado", r"^TornadoServer/(?P<v>[\d.]+)"),
            ("http.server", r"^SimpleHTTP/"),
            ("aiohttp", r"aiohttp/(?P<v>[\d.]+)"),
        )
    ),
    *(
        Signal(name, "proxy", "server", 0.95, header("server", pattern))
        for name, pattern in (
            ("nginx", r"^nginx(?:/(?P<v>[\d.]+))?"),
            ("Apache", r"^Apache(?:/(?P<v>[\d.]+))?"),
            ("Caddy", r"^Caddy"),
            ("OpenResty", r"^openresty(?:/(?P<v>[\d.]+))?"),
            ("Envoy", r"^(?:istio-)?envoy"),
            ("Traefik", r"^traefik"),
            ("LiteSpeed", r"^LiteSpeed"),
            ("IIS", r"^Microsoft-IIS/(?P<v>[\d.]+)"),
            ("HAProxy", "^haproxy"),
        )
    ),
    Signal("nginx", "proxy", "error page", 0.9, body(r"<hr><center>nginx(?:/(?P<v>[\d.]+))?</center>")),
    Signal(
        "Apache",
        "proxy",
        "error page",
        0.85,
        body(r"<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2\.0//EN\">.*The requested URL was not found on this server\.", 404),
    ),
    Signal("Caddy", "proxy", "via", 0.95, header("via", r"\bCaddy\b")),
)

"""The outermost ASGI layer: it sees every request and socket before Reflex and FastAPI do.

It refuses unknown hosts (DNS rebinding), sockets and unsafe requests from other origins (CSRF, cross-site WebSocket hijacking),
oversized bodies and frames and floods of them; it binds Reflex's tab tokens to the session; and it sets the security headers.
"""

import asyncio
import ipaddress
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.services import audit, rates, sessions
from app.services.errors import Limited
from app.services.rates import Rate, of_address
from app.settings import WEB, Settings
from app.settings import settings as current_settings
from app.walls import binding, csp
from app.walls.binding import BOUND, Binding, Bound

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 1_000_000
MAX_FRAME_BYTES = 256_000
MAX_SOCKETS = 500  # from one address; behind a proxy that SEAMWATCH_TRUSTED_PROXIES does not count, that is everybody
MAX_SOCKETS_OF_USER = 100
FRAMES_PER_S, FRAME_BURST, FRAME_CHARS = 60.0, 240.0, 4096
_TAB_TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EVENT_PATH, _UPLOAD_PATH = "/_event", "/_upload"
# Heartbeats: whoever knows the address may call it from anywhere, with a body of any length, of which little is read. No cookie counts.
_PING_PATH = "/ping/"
# Any escape of JSON; of those for halves of a surrogate pair, the whole ones first, so that what remains stands alone.
_PAIR, _UNKEPT = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}", r"u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000)"
_SUSPECT = re.compile(_UNKEPT)
_ESCAPE = re.compile(rf"\\(?:{_PAIR}|(?P<unkept>{_UNKEPT})|.)", re.S)
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    reason: str


class _TooLarge(Exception):
    """The body turned out longer than it may be."""


@dataclass(slots=True)
class Head:
    """What the walls look at in a request. Repeated headers are joined, as servers do."""

    socket: bool
    method: str
    path: str
    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> "Head":
        head = cls(scope["type"] == "websocket", scope.get("method", "GET"), scope["path"])
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            if name in head.values:
                value = f"{head.values[name]}{'; ' if name == 'cookie' else ', '}{value}"
            head.values[name] = value
        return head

    def get(self, name: str) -> str:
        return self.values.get(name, "")


def refusal(head: Head, settings: Settings) -> Refusal | None:
    """Decide by the head alone whether a request may come in."""
    if head.get("host").lower() not in settings.allowed_hosts:
        return Refusal(421, "This host name is not served here. See SEAMWATCH_PUBLIC_URL and SEAMWATCH_ALLOWED_ORIGINS.")
    length = head.get("content-length")
    if length and not (length.isascii() and length.isdigit()):
        return Refusal(400, "Content-Length is not a number.")
    if head.path.startswith(_PING_PATH) and not head.socket:
        return None
    if length and int(length) > MAX_BODY_BYTES:
        return Refusal(413, "The body is too large.")
    if not head.socket and head.method in SAFE_METHODS:
        return None
    # A browser sends Origin with every WebSocket handshake and every unsafe request, and no script can change it.
    origin = head.get("origin")
    if origin:
        return None if origin in settings.allowed_origins else Refusal(403, "This origin may not do that.")
    if head.socket:
        return Refusal(403, "A WebSocket needs an Origin.")
    by_token = head.get("authorization").lower().startswith("bearer ")
    if head.get("sec-fetch-site") == "cross-site" or (head.get("cookie") and not by_token):
        return Refusal(403, "A request with cookies needs an Origin.")
    return None


def client_address(scope: Scope, head: Head, proxies: int) -> str:
    """Return the address of whoever sent this, as far as it can be believed; "" when the server does not say.

    Each proxy adds the address it was asked from at the end of X-Forwarded-For, so with `proxies` of our own in front, the entry that
    many from the end is what the outermost of them saw. What stands before it may be made up.
    """
    peer = (scope.get("client") or ("",))[0]
    if not proxies:
        return peer
    entries = [entry.strip() for entry in head.get("x-forwarded-for").split(",")]
    if len(entries) < proxies:
        return peer
    told = entries[-proxies]
    if told.startswith("["):
        told = told[1:].partition("]")[0]  # [2001:db8::1]:4711
    elif told.count(":") == 1:
        told = told.partition(":")[0]  # 192.0.2.1:4711
    try:
        return str(ipaddress.ip_address(told))
    except ValueError:
        return peer


def hardened(headers: Headers, head: Head, policy: str, *, https: bool) -> Headers:
    """Return a response's headers with ours in place of those that an inner layer may have set."""
    content_type = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    html = content_type.startswith(b"text/html")
    ours: dict[bytes, bytes] = {
        b"x-content-type-options": b"nosniff",
        # Not "no-referrer": with it Chromium sends `Origin: null` with a form, and the check above refuses our own.
        b"referrer-policy": b"same-origin",
        b"x-frame-options": b"DENY",  # and frame-ancestors in the policy; see `csp.policy` for pages meant to be framed
        b"cross-origin-opener-policy": b"same-origin",
        b"cross-origin-resource-policy": b"same-origin",
        b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    }
    if https:
        ours[b"strict-transport-security"] = b"max-age=31536000"
    if html:
        ours[b"content-security-policy"] = policy.encode()
    if caching := _caching(head, html=html):
        ours[b"cache-control"] = caching
    kept = [(name, value) for name, value in headers if name.lower() not in ours and name.lower() != b"server"]
    if html and not head.path.startswith("/auth/") and not binding.browser_of(head.get("cookie")):
        kept.append((b"set-cookie", binding.new_browser_cookie().encode()))
    return kept + list(ours.items())


def _caching(head: Head, *, html: bool) -> bytes | None:
    # Tokens of OAuth must not be stored (RFC 6749, 5.1).
    if head.path.startswith(("/auth/", "/api/v1/oauth/")) or (html and sessions.secret_of(head.get("cookie"))):
        # Without it the Back button shows a page with its data after signing out, from the back/forward cache.
        return b"no-store"
    if head.path.startswith("/api/") or html:
        return b"private, no-cache"  # a page may bring a cookie, and an answer of the API is for one token
    if head.path.startswith("/assets/"):
        return b"public, max-age=31536000, immutable"  # the build names these by their contents
    return None


def _without_origin(location: bytes, head: Head) -> bytes:
    """Return a redirect to our own host as a path: the static files' to the trailing slash is built with http:// behind any proxy."""
    text = location.decode("latin-1")
    for scheme in ("http", "https"):
        own = f"{scheme}://{head.get('host')}/"
        if text.startswith(own):
            return f"/{text.removeprefix(own).lstrip('/')}".encode("latin-1")
    return location


def _one_cookie_header(headers: Headers, head: Head) -> Headers:
    """Return the headers with all cookies in one: HTTP/2 parts them (RFC 9113, 8.2.3), and routes read the first header only."""
    rest = [(name, value) for name, value in headers if name.lower() != b"cookie"]
    return headers if len(headers) - len(rest) < 2 else [*rest, (b"cookie", head.get("cookie").encode("latin-1"))]


class Guard:
    """Wraps the whole application. Without arguments beside the application, so that Reflex can apply it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._settings = current_settings()
        self._pages = csp.BuiltPages(WEB / "build" / "client")
        self._sockets: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        head = Head.of(scope)
        if refused := refusal(head, self._settings):
            return await _refuse(scope, receive, send, refused)
        address = client_address(scope, head, self._settings.trusted_proxies)
        # Whatever asks further in, asks here: routes by `request.client`, services by the variable.
        scope = {**scope, "client": (address, (scope.get("client") or ("", 0))[1]), "headers": _one_cookie_header(scope["headers"], head)}
        told = audit.ADDRESS.set(address)
        try:
            return await self._admitted(scope, receive, send, head)
        finally:
            audit.ADDRESS.reset(told)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, head: Head) -> None:
        if head.path.rstrip("/") == _EVENT_PATH or head.path.startswith(f"{_EVENT_PATH}/"):
            bound = await Binding.of(head.get("cookie"))
            query = self._bound_query(scope, bound)
            if query is None:
                return await _refuse(scope, receive, send, Refusal(400, "A tab token is missing."))
            scope = {**scope, "query_string": query}
            if head.socket:
                return await self._socket(scope, receive, send, bound)
        elif head.path.startswith(_UPLOAD_PATH):
            scope = await self._bind_header(scope, head)
        if head.socket:
            return await self._socket(scope, receive, send, None)
        return await self._http(scope, receive, send, head)

    def _bound_query(self, scope: Scope, bound: Binding) -> bytes | None:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in pairs if name == "token"]
        if len(tokens) != 1 or not _TAB_TOKEN.fullmatch(tokens[0]):
            return None
        token = bound.token(tokens[0], self._settings.secret_key)
        return urlencode([(name, token if name == "token" else value) for name, value in pairs]).encode("latin-1")

    async def _bind_header(self, scope: Scope, head: Head) -> Scope:
        name = b"reflex-client-token"
        bound = await Binding.of(head.get("cookie"))
        token = bound.token(head.get(name.decode()), self._settings.secret_key).encode()
        return {**scope, "headers": [(key, token if key.lower() == name else value) for key, value in scope["headers"]]}

    def _policy(self) -> str:
        return csp.policy(self._pages.script_hashes(), self._settings.allowed_origins, https=self._settings.https)

    async def _http(self, scope: Scope, receive: Receive, send: Send, head: Head) -> None:
        received_bytes, started = 0, False

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body") or b"")
            if received_bytes > MAX_BODY_BYTES:
                raise _TooLarge
            return message

        async def send_hardened(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = hardened(list(message.get("headers", [])), head, self._policy(), https=self._settings.https)
                if message["status"] == 307:
                    headers = [(name, _without_origin(value, head) if name.lower() == b"location" else value) for name, value in headers]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive_limited, send_hardened)
        except _TooLarge:
            if not started:
                await _refuse(scope, receive, send, Refusal(413, "The body is too large."))

    async def _socket(self, scope: Scope, receive: Receive, send: Send, bound: Binding | None) -> None:
        try:
            await rates.hit(Rate.SOCKETS, of_address(scope["client"][0]))  # each leaves a state behind for a while
        except Limited as error:
            return await _refuse(scope, receive, send, Refusal(error.status, error.message))
        limits = {f"address {of_address(scope['client'][0])}": MAX_SOCKETS}
        if bound and bound.user_id:
            limits[f"user {bound.user_id}"] = MAX_SOCKETS_OF_USER
        if any(self._sockets[key] >= most for key, most in limits.items()):
            return await _refuse(scope, receive, send, Refusal(429, "Too many sockets."))
        self._sockets.update(limits.keys())
        try:
            flood = _FloodGate(receive, send)
            if bound:
                scope = {**scope, BOUND: Bound(bound, flood.close)}
            await self._app(scope, flood.receive, flood.send)
        finally:
            self._sockets.subtract(limits.keys())
            for key in limits:
                if not self._sockets[key]:
                    del self._sockets[key]


class _FloodGate:
    """Stands in one socket, and closes it when its client sends too much at once or too often."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._left, self._at, self._closed = FRAME_BURST, time.monotonic(), False
        self._reading: asyncio.Future[Message] | None = None

    async def receive(self) -> Message:
        self._reading = asyncio.ensure_future(self._receive())
        try:
            message = await self._reading
        except asyncio.CancelledError:
            if not self._closed:
                raise
            return {"type": "websocket.disconnect", "code": 1000}
        if message["type"] != "websocket.receive":
            return message
        at = time.monotonic()
        size = len(message.get("text") or "") or len(message.get("bytes") or b"")
        # A large frame counts as many: reading it takes as long.
        self._left = min(FRAME_BURST, self._left + (at - self._at) * FRAMES_PER_S) - 1 - size // FRAME_CHARS
        self._at = at
        if self._left >= 0 and size <= MAX_FRAME_BYTES:
            return {**message, "text": _whole_characters(message["text"])} if message.get("text") else message
        code = 1008 if self._left < 0 else 1009
        await self.close(code)
        return {"type": "websocket.disconnect", "code": code}

    async def close(self, code: int = 1000) -> None:
        """Close the connection, whatever the layers inside still want to send, and whether or not the client agrees."""
        if not self._closed:
            self._closed = True
            if self._reading is not None and not self._reading.done():
                # Granian sends no close frame while somebody waits to receive: the client would believe itself connected.
                self._reading.cancel()
                await asyncio.wait([self._reading])
            await self._send({"type": "websocket.close", "code": code})

    async def send(self, message: Message) -> None:
        if not self._closed:
            self._closed = message["type"] == "websocket.close"
            await self._send(message)


def _whole_characters(frame: str) -> str:
    """Return a frame of JSON with U+FFFD for each half of a surrogate pair that stands alone, and for U+0000.

    A script may send such halves. UTF-8 cannot hold them: a var with one closes the socket, at each new try again. U+0000 is what
    PostgreSQL holds in no text.
    """
    if not _SUSPECT.search(frame):
        return frame
    return _ESCAPE.sub(lambda escape: "\\ufffd" if escape["unkept"] else escape[0], frame)


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: Refusal) -> None:
    headers: Any = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()  # the handshake
        if "websocket.http.response" not in scope.get("extensions", {}):
            return await send({"type": "websocket.close", "code": 1008, "reason": refused.reason})
        kind = "websocket.http.response"
    await send({"type": f"{kind}.start", "status": refused.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": refused.reason.encode()})
    return None

"""The outermost ASGI layer: it sees every request and socket before Reflex and FastAPI do.

It refuses unknown hosts (DNS rebinding), sockets and unsafe requests from other origins (CSRF, cross-site WebSocket hijacking),
oversized bodies and frames and floods of them; it binds Reflex's tab tokens to the session; and it sets the security headers.
"""

import hashlib
import hmac
import re
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.services import sessions
from app.settings import WEB, Settings
from app.settings import settings as current_settings
from app.walls import csp

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 1_000_000
MAX_FRAME_BYTES = 256_000
MAX_SOCKETS = 500  # from one address; behind a proxy that is everybody
FRAMES_PER_S, FRAME_BURST = 60.0, 240.0
_TAB_TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EVENT_PATH, _UPLOAD_PATH = "/_event", "/_upload"
# Any escape of JSON; of those for halves of a surrogate pair, the whole ones first, so that what remains stands alone.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.S)
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


def bound_token(token: str, session_hash: str, secret_key: str) -> str:
    """Return the tab token the server works with: worthless without the session it was made with.

    Reflex hands a tab's whole state to whoever knows its token, which the browser makes with Math.random() and which stands in
    URLs and logs. So each session has a tree of its own, and the token alone opens nothing.
    """
    mac = hmac.new(secret_key.encode(), f"tab|{token}|{session_hash}".encode(), hashlib.sha256)
    return str(uuid.UUID(bytes=mac.digest()[:16], version=4))


def hardened(headers: Headers, head: Head, policy: str, *, https: bool) -> Headers:
    """Return a response's headers with ours in place of those that an inner layer may have set."""
    content_type = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    html = content_type.startswith(b"text/html")
    ours: dict[bytes, bytes] = {
        b"x-content-type-options": b"nosniff",
        # Not "no-referrer": with it Chromium sends `Origin: null` with a form, and the check above refuses our own.
        b"referrer-policy": b"same-origin",
        b"x-frame-options": b"DENY",
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
    return kept + list(ours.items())


def _caching(head: Head, *, html: bool) -> bytes | None:
    if head.path.startswith("/auth/") or (html and sessions.secret_of(head.get("cookie"))):
        # Without it the Back button shows a page with its data after signing out, from the back/forward cache.
        return b"no-store"
    if head.path.startswith("/api/") or html:
        return b"no-cache"
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
        if head.path.rstrip("/") == _EVENT_PATH or head.path.startswith(f"{_EVENT_PATH}/"):
            bound = await self._bind_query(scope, head)
            if bound is None:
                return await _refuse(scope, receive, send, Refusal(400, "A tab token is missing."))
            scope = bound
        elif head.path.startswith(_UPLOAD_PATH):
            scope = await self._bind_header(scope, head)
        if head.socket:
            return await self._socket(scope, receive, send)
        return await self._http(scope, receive, send, head)

    async def _session(self, head: Head) -> str:
        actor = await sessions.actor(head.get("cookie"))
        return actor.session if actor else ""

    async def _bind_query(self, scope: Scope, head: Head) -> Scope | None:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in pairs if name == "token"]
        if len(tokens) != 1 or not _TAB_TOKEN.fullmatch(tokens[0]):
            return None
        bound = bound_token(tokens[0], await self._session(head), self._settings.secret_key)
        query = urlencode([(name, bound if name == "token" else value) for name, value in pairs])
        return {**scope, "query_string": query.encode("latin-1")}

    async def _bind_header(self, scope: Scope, head: Head) -> Scope:
        name = b"reflex-client-token"
        bound = bound_token(head.get(name.decode()), await self._session(head), self._settings.secret_key).encode()
        return {**scope, "headers": [(key, bound if key.lower() == name else value) for key, value in scope["headers"]]}

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

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = (scope.get("client") or ("",))[0]
        if self._sockets[address] >= MAX_SOCKETS:
            return await _refuse(scope, receive, send, Refusal(429, "Too many sockets."))
        self._sockets[address] += 1
        try:
            flood = _FloodGate(receive, send)
            await self._app(scope, flood.receive, flood.send)
        finally:
            self._sockets[address] -= 1
            if not self._sockets[address]:
                del self._sockets[address]


class _FloodGate:
    """Closes one socket when its client sends too much at once or too often."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._left, self._at, self._closed = FRAME_BURST, time.monotonic(), False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        at = time.monotonic()
        self._left = min(FRAME_BURST, self._left + (at - self._at) * FRAMES_PER_S) - 1
        self._at = at
        size = len(message.get("text") or "") or len(message.get("bytes") or b"")
        if self._left >= 0 and size <= MAX_FRAME_BYTES:
            return {**message, "text": _whole_characters(message["text"])} if message.get("text") else message
        self._closed = True
        code = 1008 if self._left < 0 else 1009
        await self._send({"type": "websocket.close", "code": code})
        return {"type": "websocket.disconnect", "code": code}

    async def send(self, message: Message) -> None:
        if not self._closed:
            await self._send(message)


def _whole_characters(frame: str) -> str:
    """Return a frame of JSON with U+FFFD for each half of a surrogate pair that stands alone.

    A script may send such halves. UTF-8 cannot hold them: a var with one closes the socket, at each new try again.
    """
    if "\\u" not in frame:
        return frame
    return _ESCAPE.sub(lambda escape: "\\ufffd" if escape["half"] else escape[0], frame)


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

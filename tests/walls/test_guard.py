"""The guard: whom it lets in, what it adds, and what a stolen tab token is worth."""

import re
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.services import audit, sessions
from app.settings import Settings, _settings, settings
from app.walls import guard as walls
from app.walls.binding import BOUND, Binding, browser_of, new_browser_cookie
from app.walls.guard import Guard, Head, client_address, hardened, refusal
from tests.conftest import Cast

OURS = "http://localhost:3000"
TOKEN = "0123abcd-0123-4567-89ab-0123456789ab"
SECRET = "k" * 43
BROWSER = "b" * 22


def head(method: str = "GET", path: str = "/", *, socket: bool = False, **headers: str) -> Head:
    values = {"host": "localhost:3000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Head(socket, method, path, values)


@pytest.fixture
def ours(configure: pytest.MonkeyPatch) -> Settings:
    return settings()


@pytest.mark.parametrize("host", ["", "evil.test", "localhost", "localhost:3001", "localhost:3000.evil.test", "[::1]:3000", "0.0.0.0:3000"])
def test_an_unknown_host_is_refused(ours: Settings, host: str):
    refused = refusal(head(host=host), ours)
    assert refused is not None
    assert refused.status == 421


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1:3000", "LOCALHOST:3000"])
def test_our_hosts_are_let_in(ours: Settings, host: str):
    assert refusal(head(host=host), ours) is None


FOREIGN = [
    "http://evil.test",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost",
    "null",
    "http://localhost:3000.evil.test",
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("request_head", [{"socket": True}, {"method": "POST"}, {"method": "DELETE"}, {"method": "PROPFIND"}])
def test_sockets_and_unsafe_requests_from_other_origins_are_refused(ours: Settings, origin: str, request_head: dict[str, Any]):
    refused = refusal(head(**request_head, origin=origin), ours)
    assert refused is not None
    assert refused.status == 403


@pytest.mark.parametrize("request_head", [{"socket": True}, {"method": "POST"}])
def test_our_own_origin_is_let_in(ours: Settings, request_head: dict[str, Any]):
    assert refusal(head(**request_head, origin=OURS, cookie="seam=x"), ours) is None


def test_a_socket_without_origin_is_refused(ours: Settings):
    assert refusal(head(socket=True), ours) is not None


def test_an_unsafe_request_without_origin_counts_only_without_cookie(ours: Settings):
    assert refusal(head("POST"), ours) is None  # a program
    assert refusal(head("POST", cookie="seam=x"), ours) is not None
    assert refusal(head("POST", cookie="seam=x", authorization="Bearer y"), ours) is None
    assert refusal(head("POST", sec_fetch_site="cross-site"), ours) is not None


def test_a_heartbeat_may_be_called_from_anywhere_at_our_host_only(ours: Settings):
    foreign = {"origin": "https://shop.example", "sec_fetch_site": "cross-site", "cookie": "seam=x", "content_length": "5000000"}
    assert refusal(head("POST", "/ping/abc", **foreign), ours) is None
    assert refusal(head("POST", "/ping", **foreign), ours) is not None
    assert refusal(head("POST", "/ping/abc", socket=True, **foreign), ours) is not None
    assert refusal(head("POST", "/ping/abc", host="evil.test"), ours) is not None


@pytest.mark.parametrize(("length", "status"), [("1000001", 413), ("-1", 400), ("1e9", 400), ("²", 400)])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(ours: Settings, length: str, status: int):
    refused = refusal(head("POST", content_length=length), ours)
    assert refused is not None
    assert refused.status == status


# Headers


def named(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


@pytest.mark.usefixtures("ours")
def test_every_answer_carries_the_security_headers_once():
    inner = [(b"Content-Type", b"text/html; charset=utf-8"), (b"X-Frame-Options", b"ALLOWALL"), (b"Server", b"granian")]
    headers = hardened(inner, head(cookie=f"seam-tab={BROWSER}"), "default-src 'self'", https=False)
    found = named(headers)
    assert len(headers) == len({name.lower() for name, _ in headers})
    assert found["x-frame-options"] == "DENY"
    assert found["x-content-type-options"] == "nosniff"
    assert found["content-security-policy"] == "default-src 'self'"
    assert "Server" not in found
    assert "strict-transport-security" not in found
    assert "strict-transport-security" in named(hardened(inner, head(), "", https=True))


@pytest.mark.parametrize(
    ("path", "content_type", "cookie", "caching"),
    [
        ("/", "text/html", "", "private, no-cache"),
        ("/", "text/html", f"seam={SECRET}", "no-store"),
        ("/auth/owner", "text/html", "", "no-store"),
        ("/api/openapi.json", "application/json", "", "private, no-cache"),
        ("/assets/index-abc.js", "text/javascript", f"seam={SECRET}", "public, max-age=31536000, immutable"),
        ("/favicon.svg", "image/svg+xml", "", "as it was"),
    ],
)
def test_what_may_be_kept_by_caches(ours: Settings, path: str, content_type: str, cookie: str, caching: str):
    inner = [(b"content-type", content_type.encode()), (b"cache-control", b"as it was")]
    assert named(hardened(inner, head(path=path, cookie=cookie), "", https=False))["cache-control"] == caching


# The whole layer


class Inner:
    """The application behind the guard: keeps what reached it."""

    def __init__(self, frames: int = 0) -> None:
        self.scope: Scope = {}
        self.messages: list[Message] = []
        self.frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        if scope["type"] == "websocket":
            while (message := await receive())["type"] != "websocket.disconnect":
                self.messages.append(message)
            return
        while True:
            message = await receive()
            self.messages.append(message)
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def through(inner: ASGIApp, scope: Scope, *received: Message) -> list[Message]:
    waiting, sent = list(received), []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        sent.append(message)

    await Guard(inner)(scope, receive, send)
    return sent


def asgi(kind: str, path: str, query: str = "", **headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": "localhost:3000", **headers}.items()]
    method = {"method": "POST"} if kind == "http" else {"extensions": {"websocket.http.response": {}}}
    return {"type": kind, "path": path, "query_string": query.encode(), "headers": raw, "client": ("127.0.0.1", 1), **method}


def body(*parts: bytes) -> list[Message]:
    return [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("http://localhost:3000/scans/?page=2", "/scans/?page=2"),
        ("https://localhost:3000/", "/"),
        ("http://localhost:3000//evil.test", "/evil.test"),
        ("http://elsewhere.test/scans/", "http://elsewhere.test/scans/"),
        ("/scans/", "/scans/"),
    ],
)
@pytest.mark.usefixtures("ours")
async def test_a_redirect_to_the_trailing_slash_names_no_scheme(location: str, sent: str):
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 307, "headers": [(b"location", location.encode())]})

    answers: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        answers.append(message)

    await Guard(inner)(asgi("http", "/scans", origin=OURS), receive, send)
    assert named(answers[0]["headers"])["location"] == sent


@pytest.mark.usefixtures("ours")
async def test_a_body_that_grows_too_large_is_refused_while_it_comes():
    inner = Inner()
    sent = await through(inner, asgi("http", "/x", origin=OURS), *body(*[b"x" * 300_000] * 5, b""))
    assert sent[0]["status"] == 413
    assert len(inner.messages) == 3


@pytest.mark.usefixtures("ours")
async def test_a_refused_socket_is_answered_with_a_status():
    inner = Inner()
    sent = await through(inner, asgi("websocket", "/_event", f"token={TOKEN}", origin="http://evil.test"), {"type": "websocket.connect"})
    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 403)
    assert inner.scope == {}


@pytest.mark.parametrize("query", ["", "token=", "token=admin", f"token={TOKEN}&token={TOKEN}", f"token={TOKEN.upper()}"])
@pytest.mark.usefixtures("ours")
async def test_a_socket_without_one_proper_tab_token_is_refused(query: str):
    inner = Inner()
    sent = await through(inner, asgi("websocket", "/_event", query, origin=OURS), {"type": "websocket.connect"})
    assert sent[0]["status"] == 400
    assert inner.scope == {}


async def test_a_tab_token_is_bound_to_the_session(cast: Cast):
    secret = await sessions.create(cast.alice.user_id, cast.alice.workspace_id, "owner_link")

    async def seen(cookie: str, path: str = "/_event") -> str:
        inner = Inner()
        await through(inner, asgi("websocket", path, f"EIO=4&token={TOKEN}", origin=OURS, cookie=cookie), {"type": "websocket.connect"})
        found = re.search(r"token=([0-9a-f-]+)", inner.scope["query_string"].decode())
        assert found is not None
        return found[1]

    alices = await seen(f"seam={secret}")
    assert alices == await seen(f"seam={secret}")  # a reconnect finds its state again
    assert alices == await seen(f"seam={secret}", "/_event/")
    assert len({alices, await seen(""), await seen("seam=" + "x" * 43), TOKEN}) == 3  # wrong cookie, no cookie: the same nobody
    assert await seen("") == await seen("seam=" + "x" * 43)


async def test_an_upload_is_bound_as_the_socket_is(cast: Cast):
    secret = await sessions.create(cast.alice.user_id, cast.alice.workspace_id, "owner_link")
    inner = Inner()
    cookie = f"seam={secret}"
    await through(inner, asgi("http", "/_upload", origin=OURS, cookie=cookie, reflex_client_token=TOKEN), *body(b""))
    token = dict(inner.scope["headers"])[b"reflex-client-token"].decode()
    assert token == (await Binding.of(cookie)).token(TOKEN, settings().secret_key)


async def test_a_tab_of_another_workspace_has_another_state(cast: Cast):
    secret = await sessions.create(cast.alice.user_id, cast.alice.workspace_id, "owner_link")
    bound = await Binding.of(f"seam={secret}")
    elsewhere = replace(bound, workspace_id=bound.workspace_id + 1)
    key = settings().secret_key
    assert len({bound.token(TOKEN, key), elsewhere.token(TOKEN, key), replace(bound, session="").token(TOKEN, key)}) == 3


@pytest.mark.usefixtures("ours")
async def test_a_tab_of_the_signed_out_is_bound_to_their_browser():
    key = settings().secret_key

    async def bound(cookie: str) -> str:
        return (await Binding.of(cookie)).token(TOKEN, key)

    mine = await bound(f"seam-tab={BROWSER}")
    assert mine == await bound(f"a=b; seam-tab={BROWSER}")
    nobody = await bound("")
    assert mine != nobody
    assert mine != await bound("seam-tab=" + "c" * 22)
    assert nobody == await bound(f"seam-tab={BROWSER}; seam-tab={BROWSER}") == await bound("seam-tab=short")


@pytest.mark.parametrize(("path", "content_type", "cookie", "given"), [
    ("/", "text/html", "", True),
    ("/", "text/html", "seam-tab=tampered", True),
    ("/", "text/html", f"seam-tab={BROWSER}", False),
    ("/auth/owner", "text/html", "", False),
    ("/assets/index-abc.js", "text/javascript", "", False),
])  # fmt: skip
@pytest.mark.usefixtures("ours")
def test_a_page_gives_a_browser_its_cookie_once(path: str, content_type: str, cookie: str, given: bool):
    headers = hardened([(b"content-type", content_type.encode())], head(path=path, cookie=cookie), "", https=False)
    assert (b"set-cookie" in dict(headers)) is given


def test_the_cookie_of_a_browser_is_for_the_server_alone(configure: pytest.MonkeyPatch):
    assert re.fullmatch(r"seam-tab=[\w-]{22}; Path=/; HttpOnly; SameSite=Lax", new_browser_cookie())
    configure.setenv("SEAMWATCH_PUBLIC_URL", "https://seam.example")
    _settings.cache_clear()
    made = new_browser_cookie()
    assert made.startswith("__Host-seam-tab=")
    assert made.endswith("; Secure")
    assert browser_of(made.partition(";")[0])


# Addresses


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),  # nobody in front: the header is made up
        (1, "", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1, 203.0.113.9", "203.0.113.9"),  # what stands before is the client's own
        (2, "198.51.100.7, 203.0.113.9, 192.0.2.5", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),  # not through both
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "unknown", "192.0.2.1"),
        (1, "127.0.0.1\r\nX: y", "192.0.2.1"),
    ],
)
def test_of_forwarded_addresses_only_what_our_proxies_saw_is_believed(proxies: int, forwarded: str, address: str):
    asked = head(x_forwarded_for=forwarded) if forwarded else head()
    assert client_address({"type": "http", "client": ("192.0.2.1", 1)}, asked, proxies) == address


async def test_whatever_serves_a_request_knows_its_address(configure: pytest.MonkeyPatch):
    configure.setenv("SEAMWATCH_TRUSTED_PROXIES", "1")
    _settings.cache_clear()
    seen: list[tuple[str, str]] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((audit.ADDRESS.get(), scope["client"][0]))
        await send({"type": "http.response.start", "status": 200, "headers": []})

    await through(inner, asgi("http", "/x", origin=OURS, x_forwarded_for="6.6.6.6, 203.0.113.9"), *body(b""))
    assert seen == [("203.0.113.9", "203.0.113.9")]
    assert audit.ADDRESS.get() == ""


@pytest.mark.usefixtures("ours")
async def test_a_flood_of_frames_closes_the_socket():
    inner = Inner()
    frames: list[Message] = [{"type": "websocket.receive", "text": "x"}] * 1000
    sent = await through(inner, asgi("websocket", "/_event", f"token={TOKEN}", origin=OURS), *frames)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert walls.FRAME_BURST <= len(inner.messages) < 500


@pytest.mark.usefixtures("ours")
async def test_of_large_frames_a_few_are_a_flood():
    inner = Inner()
    frames: list[Message] = [{"type": "websocket.receive", "text": "x" * walls.MAX_FRAME_BYTES}] * 100
    sent = await through(inner, asgi("websocket", "/_event", f"token={TOKEN}", origin=OURS), *frames)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert 2 <= len(inner.messages) < 20  # one of them a page may send


@pytest.mark.usefixtures("ours")
async def test_an_oversized_frame_closes_the_socket():
    inner = Inner()
    frame: Message = {"type": "websocket.receive", "text": "x" * (walls.MAX_FRAME_BYTES + 1)}
    assert await through(inner, asgi("websocket", "/_event", f"token={TOKEN}", origin=OURS), frame) == [
        {"type": "websocket.close", "code": 1009}
    ]
    assert inner.messages == []


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ('42["\\ud83e\\udd8a \\n \\"x\\""]', '42["\\ud83e\\udd8a \\n \\"x\\""]'),
        ('42["\\ud83e \\uDD8A"]', '42["\\ufffd \\ufffd"]'),
        ('42["\\ud83e\\ud83e\\udd8a"]', '42["\\ufffd\\ud83e\\udd8a"]'),
        ('42["a\\u0000b"]', '42["a\\ufffdb"]'),  # PostgreSQL holds it in no text
        ('42["\\\\u0000"]', '42["\\\\u0000"]'),
        ('42["\\\\ud83e"]', '42["\\\\ud83e"]'),  # a backslash and a word, as a person may write
    ],
)
async def test_half_a_character_does_not_come_in(sent: str, taken: str):
    inner = Inner()
    frame: Message = {"type": "websocket.receive", "text": sent}
    await through(inner, asgi("websocket", "/_event", f"token={TOKEN}", origin=OURS), frame)
    assert inner.messages[0]["text"] == taken


@pytest.mark.parametrize(("limit", "cookies"), [("MAX_SOCKETS", False), ("MAX_SOCKETS_OF_USER", True)])
async def test_one_address_and_one_user_may_open_so_many_sockets(cast: Cast, monkeypatch: pytest.MonkeyPatch, limit: str, cookies: bool):
    monkeypatch.setattr(walls, limit, 1)
    secret = await sessions.create(cast.alice.user_id, cast.alice.workspace_id, "owner_link") if cookies else ""
    statuses: list[int] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if not statuses:
            statuses.append(0)
            await one()  # a second socket while the first is open

    guard = Guard(inner)

    async def one() -> None:
        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            if "status" in message:
                statuses.append(message["status"])

        await guard(asgi("websocket", "/_event", f"token={TOKEN}", origin=OURS, cookie=f"seam={secret}"), receive, send)

    await one()
    assert statuses == [0, 429]
    assert not guard._sockets


@pytest.mark.usefixtures("ours")
async def test_a_socket_can_be_closed_from_inside_and_sends_nothing_more():
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await scope[BOUND].close()
        await send({"type": "websocket.send", "text": "too late"})
        await scope[BOUND].close()

    assert await through(inner, asgi("websocket", "/_event", f"token={TOKEN}", origin=OURS)) == [{"type": "websocket.close", "code": 1000}]


def test_repeated_headers_are_read_together():
    scope = asgi("http", "/")
    scope["headers"] += [(b"Cookie", b"a=1"), (b"cookie", b"seam=2"), (b"origin", b"http://a"), (b"Origin", b"http://b")]
    read = Head.of(scope)
    assert (read.get("cookie"), read.get("origin")) == ("a=1; seam=2", "http://a, http://b")

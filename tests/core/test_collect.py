# ruff: noqa: E501 - scripts stand on one line
import gzip
from pathlib import Path

import pytest

from app.core.architecture import classify, is_bot_wall
from app.core.collect import MAX_SCRIPTS, collect, next_scripts
from app.core.exchange import Exchange, Head, Purpose
from app.core.fingerprints import identify
from app.core.inventory import Inventory, SourceKind
from app.core.observation import ScanRequest

PAGE = "https://app.example/"
BUNDLES = Path(__file__).parent / "bundles"


def answer(
    number: int, purpose: Purpose, url: str, body: str | bytes, content_type: str, status: int = 200, *headers: tuple[str, str]
) -> Exchange:
    content = body.encode() if isinstance(body, str) else body
    return Exchange(number, purpose, "GET", url, response=Head(status, (("content-type", content_type), *headers)), body=content)


def page(html: str | bytes, *headers: tuple[str, str]) -> Exchange:
    return answer(1, Purpose.PAGE, PAGE, html, "text/html", 200, *headers)


def inventory_of(script: str, api_url: str | None = None) -> Inventory:
    return collect(ScanRequest(PAGE, api_url), [page(f"<div id=app></div><script>{script}</script>")])


def built(framework: str) -> list[Exchange]:
    files = {path.name.removeprefix(f"{framework}-").removesuffix(".gz"): path for path in BUNDLES.glob(f"{framework}-*.gz")}
    entry = next(name for name in files if name.startswith("index"))
    exchanges = [page(f'<div id="root"></div><script type="module" crossorigin src="/assets/{entry}"></script>')]
    while wanted := next_scripts(ScanRequest(PAGE), exchanges):
        for url in wanted:
            body = gzip.decompress(files[url.rpartition("/")[2]].read_bytes())
            exchanges.append(answer(len(exchanges) + 1, Purpose.SCRIPT, url, body, "text/javascript"))
    return exchanges


SNIPPETS = [
    ('fetch("/api/items")', ["GET https://app.example/api/items"]),
    ("fetch('/api/items/' + id)", ["GET https://app.example/api/items/1"]),
    ("fetch(`/api/items/${item.id}?q=${q}`)", ["GET https://app.example/api/items/1?q=1"]),
    ('const API = "http://localhost:8000"; fetch(API + "/x")', ["GET http://localhost:8000/x"]),
    ('const A = import.meta.env.VITE_API || "https://api.example"; fetch(`${A}/x`)', ["GET https://api.example/x"]),
    ('const base = window.CONFIG?.api || ""; fetch(base + "/x")', ["GET https://app.example/x"]),
    ('window.CONFIG = {api: "https://c.example"}; fetch(CONFIG.api + "/x")', ["GET https://c.example/x"]),
    ('const config = {baseUrl: "/v1"}; fetch(config.baseUrl + "/x", {method: "patch"})', ["patch https://app.example/v1/x"]),
    ('fetch(new URL("/x", location.origin))', ["GET https://app.example/x"]),
    ('fetch(`${location.protocol}//${location.hostname}:8000/x`)', ["GET https://app.example:8000/x"]),
    ('fetch(location.hostname === "localhost" ? "http://localhost:1/a" : "/b")', ["GET https://app.example/b"]),
    ('fetch(id ? `/i/${id}` : "/i", {method: id ? "PUT" : "POST"})', ["PUT https://app.example/i/1", "POST https://app.example/i"]),
    ('fetch(new Request("/x", {method: "DELETE"}))', ["DELETE https://app.example/x"]),
    ('function api(p, o) { return fetch("/v1" + p, {credentials: "include", ...o}) } api("/a", {method: "PUT"}); api("/b")',
     ["PUT https://app.example/v1/a", "GET https://app.example/v1/b"]),
    ('const get = p => api(p); const api = (p, {method = "GET"} = {}) => fetch(p, {method}); get("/a"); api("/b", {method: "POST"})',
     ["GET https://app.example/a", "POST https://app.example/b"]),
    ('class C { constructor(b) { this.b = b } get(p) { return fetch(this.b + p) } } const c = new C("/api"); c.get("/x")',
     ["GET https://app.example/api/x"]),
    ('axios.get("/a"); axios.post("/b", {x: 1}); axios({url: "/c", method: "delete"})',
     ["GET https://app.example/a", "POST https://app.example/b", "delete https://app.example/c"]),
    ('const c = axios.create({baseURL: "https://api.example/v1", withCredentials: !0}); c.put("/x", d)', ["PUT https://api.example/v1/x"]),
    ('$.ajax({url: "/a", type: "POST", data: {}}); $.getJSON("/b"); $.post("/c", {})',
     ["GET https://app.example/b", "POST https://app.example/a", "POST https://app.example/c"]),
    ('const x = new XMLHttpRequest; x.open("PUT", "/a"); x.send()', ["PUT https://app.example/a"]),
    ('navigator.sendBeacon("/log", "x"); new EventSource("/events")', ["POST https://app.example/log", "GET https://app.example/events"]),
    ('map.get("/x"); headers.get("x"); cache.delete("/y"); fetch(unknown); fetch("")', []),
]  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), SNIPPETS, ids=[script[:50] for script, _ in SNIPPETS])
def test_calls_are_found_in_a_script(script: str, expected: list[str]):
    assert sorted(f"{call.method} {call.url}" for call in inventory_of(script).calls) == sorted(expected)


def test_headers_and_credentials_are_kept_and_secrets_are_not():
    script = """const headers = {"Content-Type": "application/json", "X-Client": "web"};
    headers["X-CSRFToken"] = csrf(); headers.Authorization = "Bearer abcdefghijkl";
    fetch("/x", {method: "POST", headers, credentials: "include", body: JSON.stringify({})})"""
    (call,) = inventory_of(script).calls
    assert dict(call.headers) == {"Content-Type": "application/json", "X-Client": "web", "X-CSRFToken": "…", "Authorization": "…"}
    assert (call.credentials, call.body) == ("include", "text")
    assert "abcdefghijkl" not in call.source.excerpt


def test_a_path_with_holes_keeps_its_template():
    (call,) = inventory_of("fetch(`/api/items/${item.id}/tags`)").calls
    assert (call.url, call.template) == (f"{PAGE}api/items/1/tags", "/api/items/{id}/tags")


def test_web_sockets_and_socket_io_are_found():
    script = (
        'new WebSocket((location.protocol==="https:"?"wss":"ws")+`://${location.host}/ws/`+room); io("http://x.example:5000/chat"); io()'
    )
    sockets = [(socket.kind, socket.url) for socket in inventory_of(script).sockets]
    assert sockets == [
        ("websocket", "wss://app.example/ws/1"),
        ("socketio", "http://x.example:5000/socket.io/"),
        ("socketio", "https://app.example/socket.io/"),
    ]


def test_literals_of_libraries_are_no_findings():
    script = """const a="http://localhost",b="http://www.w3.org/2000/svg",c=`https://react.dev/errors/1`,d="http://127.0.0.1:8000/api",
    e=`http://localhost:3000`,f="https://vuejs.org/error-reference/#x",g='https://api.example/v1'"""
    assert [literal.url for literal in inventory_of(script).literals] == [
        "http://127.0.0.1:8000/api",
        "http://localhost:3000",
        "https://api.example/v1",
    ]


def test_a_built_react_application_gives_its_axios_and_wrapped_calls_across_chunks():
    exchanges = built("react")
    inventory = collect(ScanRequest(PAGE), exchanges)
    assert {f"{call.method} {call.url} {call.credentials}" for call in inventory.calls} == {
        "GET http://localhost:8000/api/items include",
        "PUT http://localhost:8000/api/items/1 include",
        "POST http://localhost:8000/api/messages include",
        "POST http://localhost:8000/v2/items include",
        "DELETE http://localhost:8000/v2/items/1 include",
        "GET https://app.example/api/events include",
    }
    put = next(call for call in inventory.calls if call.method == "PUT")
    assert {name for name, _ in put.headers} == {"X-Client", "Authorization", "Content-Type"}  # one of them set by an interceptor
    assert [socket.url for socket in inventory.sockets] == ["wss://app.example/ws/chat", "http://localhost:5000/socket.io/"]
    assert [literal.url for literal in inventory.literals] == ["http://localhost:8000", "http://localhost:5000"]
    assert [start.provider for start in inventory.oauth_starts] == ["google"]
    assert inventory.api_origins == ("http://localhost:8000", "https://app.example")
    technologies = identify(exchanges, inventory)
    assert {"React", "Vite", "axios"} <= {technology.name for technology in technologies}
    architecture = classify(exchanges, inventory, technologies)
    assert (architecture.kind, architecture.joining) == ("decoupled", "separate origins")


def test_built_vue_and_svelte_applications_are_read():
    for framework, expected in (
        (
            "vue",
            {"GET https://api.example.test/api/items", "PUT https://api.example.test/api/items/1", "POST https://api.example.test/upload"},
        ),
        ("svelte", {"GET https://app.example/api/items", "DELETE https://app.example/api/items/1"}),
    ):
        exchanges = built(framework)
        inventory = collect(ScanRequest(PAGE), exchanges)
        assert {f"{call.method} {call.url}" for call in inventory.calls} == expected
        assert framework.capitalize() in {technology.name for technology in identify(exchanges, inventory)}


def test_scripts_of_the_application_come_before_those_of_content_networks():
    tags = "".join(f'<script src="https://cdn.jsdelivr.net/npm/x{n}.js"></script>' for n in range(20)) + '<script src="/app.js"></script>'
    wanted = next_scripts(ScanRequest(PAGE), [page(tags)])
    assert wanted[0] == f"{PAGE}app.js"
    assert len(wanted) == MAX_SCRIPTS


def test_a_form_is_a_navigation_with_the_cookies():
    html = '<base href="/shop/"><form method=post action=buy><input type=hidden name=csrfmiddlewaretoken value=abc></form><a href="/about#x">About</a>'
    inventory = collect(ScanRequest(PAGE), [page(html)])
    (form,) = inventory.forms
    assert (form.method, form.url, form.mode, form.credentials) == ("POST", f"{PAGE}shop/buy", "navigate", "include")
    assert inventory.links == (f"{PAGE}about",)


def test_a_schema_stands_in_only_when_no_call_is_known_and_the_api_was_named():
    document = '{"openapi":"3.1.0","paths":{"/api/items":{"get":{}},"/api/items/{id}":{"get":{}},"/api/x":{"post":{}}}}'
    exchanges = [page("<p>Hello</p>"), answer(2, Purpose.SCHEMA, "https://api.example/openapi.json", document, "application/json")]
    (call,) = collect(ScanRequest(PAGE, "https://api.example/"), exchanges).calls
    assert (call.url, call.source.kind) == ("https://api.example/api/items", SourceKind.OPENAPI)
    assert collect(ScanRequest(PAGE), exchanges).calls == ()


@pytest.mark.parametrize(
    "body",
    [b"\x00\xff\xfe<script", b"<div>" * 60_000, b"<script src=/a.js></script>" * 20_000, b"<p>" + b"<b></i>" * 50_000, b"<script>" + b"(" * 400_000,
     b"<script>fetch(" + b"`${" * 20_000, b"<script>fetch(" + b"a+" * 20_000, b"<script>" + b"x=>" * 20_000 + b"fetch(x)"],
)  # fmt: skip
def test_hostile_pages_are_read_without_error(body: bytes):
    exchanges = [page(body)]
    inventory = collect(ScanRequest(PAGE), exchanges)
    assert len(next_scripts(ScanRequest(PAGE), exchanges)) <= MAX_SCRIPTS
    assert classify(exchanges, inventory, identify(exchanges, inventory)).evidence


def test_a_bot_wall_is_unknown():
    wall = answer(1, Purpose.PAGE, PAGE, "<title>Just a moment...</title>", "text/html", 403, ("cf-mitigated", "challenge"))
    inventory = collect(ScanRequest(PAGE), [wall])
    assert is_bot_wall(wall)
    assert classify([wall], inventory, ()).kind == "unknown"


def test_event_handler_written_as_an_attribute_is_a_script():
    handler = """<button onclick="fetch('/api/items', {method: 'POST'}); return false">Add</button><a onclick="go()">Go</a>"""
    inventory = collect(ScanRequest(PAGE), [page(handler)])
    assert [(call.method, call.url) for call in inventory.calls] == [("POST", "https://app.example/api/items")]


@pytest.mark.parametrize(
    "script",
    [
        "/* axios.get('http://10.0.0.1/api') */ go()",
        "go();\n  // const API = 'http://localhost:8000/api'\nmore()",
        "go(); // was `http://localhost:8000/api`",
        "/**\n * @example load('http://localhost:8000/api')\n */",
    ],
)
def test_address_in_a_comment_is_no_literal(script):
    assert inventory_of(script).literals == ()


@pytest.mark.parametrize(
    "script",
    [
        "const accept = '*/*', api = 'http://localhost:8000/api'",
        "const docs = 'https://a.example//b', api = 'http://localhost:8000/api'",
        "const glob = 'src/**/*.js'; const api = 'http://localhost:8000/api'; const end = '*/'",
        "/* done */ const api = 'http://localhost:8000/api'",
        "const sep = ' // '; const api = 'http://localhost:8000/api'",
    ],
)
def test_address_beside_what_looks_like_a_comment_is_a_literal(script):
    assert [literal.url for literal in inventory_of(script).literals] == ["http://localhost:8000/api"]

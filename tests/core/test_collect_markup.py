"""Addresses that a page hands to its scripts in its markup, and calls written through lists and other names."""
# ruff: noqa: E501 - scripts stand on one line

import pytest
from answers import PAGE, answer, page

from app.core.collect import collect
from app.core.exchange import Purpose
from app.core.observation import ScanRequest

API = "http://api.example:8000"
ROOT = f'<div id="root" data-api-url="{API}" class="app wide"></div>'
META = f'<meta name="api-base" content="{API}">'
JSON = f'<script type="application/json" id="cfg">{{"api": "{API}", "v": {{"n": [1, "/x"]}}}}</script>'
X = [f"GET {API}/x"]


def called(html: str, script: str) -> list[str]:
    """Return the calls of a classic script in the page."""
    return [f"{call.method} {call.url}" for call in collect(ScanRequest(PAGE), [page(f"{html}<script>{script}</script>")]).calls]


MARKUP = [
    (ROOT, 'const root = document.getElementById("root"); fetch(root.dataset.apiUrl + "/x")', X),
    (ROOT, 'const {apiUrl} = document.querySelector("#root").dataset; fetch(`${apiUrl}/x`)', X),
    (ROOT, 'const el = document.querySelector("div#root[data-api-url]"); fetch(el.getAttribute("data-api-url") + "/x")', X),
    (ROOT, 'fetch(document.querySelector(".app").dataset["apiUrl"] + "/x")', X),
    (ROOT, 'const at = () => document.getElementById("root"); fetch(at().dataset.apiUrl + "/x")', X),
    (ROOT, 'fetch((document.getElementById("root").dataset.base || "http://other.example") + "/x")', ["GET http://other.example/x"]),
    (ROOT, 'fetch(document.querySelector("body div").dataset.apiUrl + "/x")', []),
    (ROOT, 'fetch(document.getElementById("other").dataset.apiUrl + "/x")', []),
    (ROOT, '$.getJSON($("#root").data("api-url") + "/x")', X),
    (ROOT, 'const api = jQuery("#root").attr("data-api-url"); fetch(api + "/x")', X),
    (ROOT, 'const $ = s => document.querySelector(s); const root = $("#root"); fetch(root.dataset.apiUrl + "/x")', X),
    (f'<a class="l" data-u="{API}/x"></a><a class="l" data-u="{API}/y"></a>', 'document.querySelectorAll("a.l").forEach(a => fetch(a.dataset.u))', [*X, f"GET {API}/y"]),
    (META, 'fetch(document.getElementsByName("api-base")[0].content + "/x")', X),
    (f'<body data-api="{API}">', 'fetch(document.body.dataset.api + "/x")', X),
    (f'<html data-api="{API}">', 'fetch(document.documentElement.dataset.api + "/x")', X),
    (f'<app-root id="a" api-url="{API}"></app-root>', 'fetch(document.querySelector("app-root").getAttribute("api-url") + "/x")', X),
    (f"<div id='a' data-props='{{\"api\":\"{API}\"}}'></div>", 'const {api} = JSON.parse(document.getElementById("a").dataset.props); fetch(api + "/x")', X),
    (META, "fetch(document.querySelector('meta[name=\"api-base\"]').content + '/x')", X),
    (META, "fetch(document.querySelector('meta[name=api-base]')?.getAttribute('content') + '/x')", X),
    (META, "fetch(document.head.querySelector('[name=api-base]').content + '/x')", X),
    (META, 'const m = n => document.querySelector(`meta[name="${n}"]`).content; fetch(m("api-base") + "/x")', X),
    (META, 'const m = document.querySelector("meta[name=api-base]"); fetch((m ? m.content : "") + "/x")', X),
    (f'<META NAME="csrf-token" CONTENT="{API}">', 'fetch(document.querySelector("meta[name=csrf-token]").content + "/x")', []),
    (JSON, 'fetch(JSON.parse(document.getElementById("cfg").textContent).api + "/x")', X),
    (JSON, 'const c = JSON.parse(document.querySelector("#cfg").innerHTML); fetch(c.api + c.v.n[1])', X),
    (JSON, 'const {api: base} = JSON.parse(document.getElementById("cfg").innerText || "{}"); fetch(base + "/x")', X),
    (f'<script type="application/json" id="cfg">"{API}\\u002Fx"</script>', 'fetch(JSON.parse(document.getElementById("cfg").textContent))', X),
    ('<script type="application/json" id="cfg">{"api": </script>', 'fetch(JSON.parse(document.getElementById("cfg").textContent).api)', []),
    ('<script type="application/json" id="cfg">' + "[" * 5000 + "</script>", 'fetch(JSON.parse(document.getElementById("cfg").textContent)[0])', []),
]  # fmt: skip


@pytest.mark.parametrize(("html", "script", "expected"), MARKUP, ids=[script[:60] for _, script, _ in MARKUP])
def test_an_address_in_the_markup_is_found_where_a_script_reads_it(html: str, script: str, expected: list[str]):
    assert called(html, script) == expected


def test_a_script_reads_the_data_of_its_own_element():
    html = f'<script src="/w.js" data-api="{API}"></script><script src="/v.js" data-api="http://v.example"></script>'
    text = 'const {api} = document.currentScript.dataset; fetch(api + "/x"); fetch(document.currentScript.getAttribute("data-api") + "/y")'
    exchanges = [page(html), answer(2, Purpose.SCRIPT, f"{PAGE}w.js", text, "text/javascript")]
    assert [call.url for call in collect(ScanRequest(PAGE), exchanges).calls] == [f"{API}/x", f"{API}/y"]


def test_a_script_finds_its_server_by_its_own_address():
    text = 'const {origin} = new URL(document.currentScript.src); fetch(origin + "/x"); fetch(new URL("/y", document.currentScript.src))'
    exchanges = [page(f'<script src="{API}/w.js"></script>'), answer(2, Purpose.SCRIPT, f"{API}/w.js", text, "text/javascript")]
    assert [call.url for call in collect(ScanRequest(PAGE), exchanges).calls] == [f"{API}/x", f"{API}/y"]


def test_a_module_has_no_current_script():
    html = f'<script type="module" src="/w.js" data-api="{API}"></script>'
    text = 'fetch(document.currentScript.dataset.api + "/x")'
    assert collect(ScanRequest(PAGE), [page(html), answer(2, Purpose.SCRIPT, f"{PAGE}w.js", text, "text/javascript")]).calls == ()


A_B = [f"GET {API}/a", f"GET {API}/b"]
OTHERWISE = [
    ('const f = window.fetch.bind(window); f("/x")', [f"GET {PAGE}x"]),
    ('const { fetch: f } = window; f("/x")', [f"GET {PAGE}x"]),
    ('const {fetch} = globalThis; fetch("/x", {method: "PUT"})', [f"PUT {PAGE}x"]),
    ('const f = fetch; f("/x")', [f"GET {PAGE}x"]),
    ('let f; f = self.fetch; const get = p => f("/api" + p); get("/x")', [f"GET {PAGE}api/x"]),
    ('const f = fetch; { const f = x => x; f("/x") } function g(f) { f("/y") }', []),
    ('const f = fetch("/x"); f("/y")', [f"GET {PAGE}x"]),
    ('const prefetch = x => x; const f = prefetch; f("/x")', []),
    (f'["/a", "/b"].map(p => fetch("{API}" + p))', A_B),
    (f'const all = ["/a", "/b"]; all.forEach(function (p) {{ fetch("{API}" + p) }})', A_B),
    (f'const base = "{API}"; for (const p of ["/a", "/b"]) fetch(base + p)', A_B),
    (f'async function f() {{ for await (const p of ["/a", "/b"]) {{ await fetch("{API}" + p) }} }}', A_B),
    (f'Promise.all(["/a", "/b"].map(async p => (await fetch(`{API}${{p}}`)).json())).then(console.log)', A_B),
    (f'[{{path: "/a", how: "PUT"}}].map(({{path, how}}, i) => fetch("{API}" + path + "?i=" + i, {{method: how}}))', [f"PUT {API}/a?i=0"]),
    (f'function load(base, paths) {{ return Promise.all(paths.map(p => fetch(base + p))) }} load("{API}", ["/a", "/b"])', A_B),
    (f'const get = p => fetch("{API}" + p); ["/a", "/b"].map(p => get(p))', A_B),
    (f'Object.values({{a: "{API}/a", b: "{API}/b"}}).map(p => fetch(p))', A_B),
    (f'for (const [k, p] of Object.entries({{a: "/a", b: "/b"}})) fetch("{API}" + p)', A_B),
    (f'const R = {{a: "/a", b: "/b"}}; for (const k in R) fetch("{API}" + R[k]); Object.keys(R).forEach(k => fetch("{API}" + R[k]))', A_B),
    (f'const paths = ["/a", "/b"]; const urls = paths.map(p => "{API}" + p); urls.forEach(u => fetch(u))', A_B),
    (f'const paths = ["{API}/a", "{API}/b"]; for (const i in paths) fetch(paths[i])', A_B),
    ('const send = (...all) => fetch(...all); send("/x", {method: "PUT"})', [f"PUT {PAGE}x"]),
    ('const send = (how, ...all) => fetch(...all); send(1, "/x")', [f"GET {PAGE}x"]),
    (f'const api = p => fetch("{API}" + p); Promise.all(["/a", "/b"].map(api))', A_B),
    (f'function api(p) {{ return fetch("{API}" + p) }} api("/a"); ["/b"].forEach(api)', A_B),
    ('const api = p => fetch("/v1" + p); { const api = p => p; ["/a"].map(api) }', [f"GET {PAGE}v1"]),
    ('fetch(...unknown); fetch(..."/x")', []),
    ('const old = window.fetch; window.fetch = (...all) => old(...all); fetch("/x")', [f"GET {PAGE}x"]),
    ('const old = window.fetch; window.fetch = function () { return old.apply(this, arguments) }; fetch("/x")', [f"GET {PAGE}x"]),
    ("for (const p of unknown) fetch(p); unknown.map(p => fetch(p)); for (const p of []) fetch(p)", []),
    ("for (const p of unknown) fetch(`/items/${p}`)", [f"GET {PAGE}items/1"]),
    ('const e = ["/a"]; for (const e of things()) fetch(e[0])', []),
]  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), OTHERWISE, ids=[script[:60] for script, _ in OTHERWISE])
def test_calls_through_lists_and_other_names_of_fetch_are_found(script: str, expected: list[str]):
    assert called("", script) == expected


def test_few_of_a_long_list_are_followed():
    assert 1 < len(called("", f"{[f'/p{n}' for n in range(50)]}.map(a => {[f'/q{n}' for n in range(50)]}.map(b => fetch(a + b)))")) < 40


def test_a_constant_of_an_inline_script_is_seen_by_a_later_script():
    html = '<script>const STATUS_URL = "/api/status"</script><script src="/w.js"></script>'
    exchanges = [page(html), answer(2, Purpose.SCRIPT, f"{PAGE}w.js", "fetch(STATUS_URL)", "text/javascript")]
    assert [call.url for call in collect(ScanRequest(PAGE), exchanges).calls] == [f"{PAGE}api/status"]

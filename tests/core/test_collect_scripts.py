"""Which scripts are read, how they hang together, and what is said of those that are not read."""

import re
from dataclasses import replace

import pytest
from answers import PAGE, answer, page

from app.core.collect import MAX_SCRIPTS, collect, next_scripts
from app.core.exchange import Exchange, Purpose
from app.core.inventory import Call, Inventory, SourceKind
from app.core.javascript.reader import MAX_SOURCE_BYTES, read_module
from app.core.javascript.strings import oauth_provider, preloaded_chunks
from app.core.observation import ScanRequest

MAIN = '<div id="root"></div><script type="module" src="/assets/main.js"></script>'


def script(number: int, name: str, text: str, status: int = 200, *headers: tuple[str, str]) -> Exchange:
    return answer(number, Purpose.SCRIPT, f"{PAGE}assets/{name}", text, "text/javascript", status, *headers)


def read(main: str, html: str = MAIN, **modules: str) -> Inventory:
    others = [script(number, f"{name}.js", text) for number, (name, text) in enumerate(modules.items(), 3)]
    return collect(ScanRequest(PAGE), [page(html), script(2, "main.js", main), *others])


def called(inventory: Inventory) -> list[str]:
    return [f"{call.method} {call.url}" for call in inventory.calls]


QUOTES = "export async function show(base) { const r = await fetch(`${base}/quotes`); return r.json() }"
ACROSS = [
    'import {show} from "./quotes.js"; show("/api")',
    'import {show as s} from "./quotes.js"; const API = "/api"; s(API)',
    'import * as quotes from "./quotes.js"; quotes.show("/api")',
    'const routes = {"/": async () => (await import("./quotes.js")).show("/api")}; routes["/"]()',
    'async function f() { const {show} = await import("./quotes.js"); show("/api") }',
    'async function f(base) { const {show} = await import("./quotes.js"); show(base) } f("/api")',
    'import("./quotes.js").then(m => m.show("/api"))',
    'import("./quotes.js").then(({show}) => show("/api"))',
    'import("./quotes.js").then(({show: e}) => e("/api"))',
    'async function f() { const {show: e} = await import("./quotes.js"); e("/api") }',
]


@pytest.mark.parametrize("main", ACROSS)
def test_a_base_address_is_followed_into_another_module(main: str):
    assert called(read(main, quotes=QUOTES)) == [f"GET {PAGE}api/quotes"]


MINIFIED = "async function t(e) { return await fetch(`${e}/quotes`) } export {t as show};"


@pytest.mark.parametrize("main", ACROSS)
def test_a_base_address_is_followed_into_a_module_that_exports_under_another_name(main: str):
    assert called(read(main, quotes=MINIFIED)) == [f"GET {PAGE}api/quotes"]


def test_a_base_address_is_followed_through_two_modules():
    boot = 'import {show} from "./quotes.js"; export default function (config) { show(config.api) }'
    assert called(read('import boot from "./boot.js"; boot({api: "/api"})', boot=boot, quotes=QUOTES)) == [f"GET {PAGE}api/quotes"]


def test_short_names_of_other_functions_are_not_mistaken_for_a_wrapper():
    main = """(() => { function e(t) { return fetch("/a" + t) } e("/1") })();
    (() => { function e(t) { return t } e("/2"); e("/3") })();
    (() => { const e = t => fetch("/b" + t); e("/4") })();"""
    assert called(read(main)) == [f"GET {PAGE}a/1", f"GET {PAGE}b/4"]


def test_slashes_are_folded_as_routers_do():
    main = r'const join = parts => parts.join("/").replace(/\/\/+/g, "/"); fetch(join(["/", "/api", "items"]))'
    assert called(read(main)) == [f"GET {PAGE}api/items"]


def test_a_socket_of_a_minified_client_is_found_where_a_function_opens_it():
    main = """const open = (e, t) => lookup(e.href, {path: e.pathname, transports: t}); const engine = "socket.io";
    open(new URL("https://rt.example/_event"), ["websocket"])"""
    assert [(socket.kind, socket.url) for socket in read(main).sockets] == [("socketio", "https://rt.example/_event/")]


def test_calls_between_much_other_code_are_found():
    noise = "".join(f"function n{n}(a,b){{return a.get(b)||{{x:{n},y:[a,b]}}}}var v{n}=n{n}(new Map,{n});" for n in range(800))
    main = f'{noise}const api=(p,o)=>fetch("https://api.example"+p,o);{noise}api("/items",{{method:"PUT"}});{noise}'
    assert called(read(main)) == ["PUT https://api.example/items"]


# What is asked for next


def test_scripts_of_two_levels_are_named_and_no_third():
    exchanges = [page(MAIN)]
    assert next_scripts(ScanRequest(PAGE), exchanges) == (f"{PAGE}assets/main.js",)
    exchanges.append(script(2, "main.js", 'import "./a.js"; import("./b.js"); import "bare"; import "./style.css"'))
    assert next_scripts(ScanRequest(PAGE), exchanges) == (f"{PAGE}assets/a.js", f"{PAGE}assets/b.js")
    exchanges += [script(3, "a.js", 'import "./deep.js"'), script(4, "b.js", "")]
    assert next_scripts(ScanRequest(PAGE), exchanges) == ()


def test_no_more_files_are_named_than_a_scan_reads():
    exchanges = [page(MAIN), script(2, "main.js", "".join(f'import("./c{n}.js");' for n in range(50)))]
    wanted = next_scripts(ScanRequest(PAGE), exchanges)
    assert len(wanted) == MAX_SCRIPTS - 1
    exchanges += [script(number, url.rpartition("/")[2], "") for number, url in enumerate(wanted, 3)]
    assert next_scripts(ScanRequest(PAGE), exchanges) == ()
    (note,) = collect(ScanRequest(PAGE), exchanges).notes
    assert note == f"43 more scripts of the page were not fetched: a scan reads {MAX_SCRIPTS}."


def test_a_script_that_moved_counts_once_and_is_read_where_it_went():
    moved = script(2, "main.js", "", 302, ("location", "/assets/v2.js"))
    exchanges = [page(MAIN), moved, script(3, "v2.js", 'fetch("/api/x")')]
    assert next_scripts(ScanRequest(PAGE), exchanges) == ()
    assert called(collect(ScanRequest(PAGE), exchanges)) == [f"GET {PAGE}api/x"]


def test_a_script_answered_with_the_page_is_not_read():
    shell = answer(2, Purpose.SCRIPT, f"{PAGE}assets/main.js", "<!doctype html><script>fetch('/x')</script>", "text/html")
    assert called(collect(ScanRequest(PAGE), [page(MAIN), shell])) == []


PRELOADS = [
    ('const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=["assets/a-B7x1k2Qp.js","assets/a-1.css"])))=>i.map(i=>d[i]);',
     ("assets/a-B7x1k2Qp.js", "assets/a-1.css")),
    ("const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=[`./b--WESD0tW.js`,`./c.js`])))=>i.map(i=>d[i]);",
     ("./b--WESD0tW.js", "./c.js")),
    ("const deps=['assets/a.js']", ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "files"), PRELOADS)
def test_chunks_are_read_from_vites_list(text: str, files: tuple[str, ...]):
    assert preloaded_chunks(text) == files


def test_vites_list_is_relative_to_the_base_of_the_build():
    text = 'const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=["assets/a-B7x1k2Qp.js","assets/a.css"])))=>i.map(i=>d[i]);'
    text += 'import("./b.js")'
    assert next_scripts(ScanRequest(PAGE), [page(MAIN), script(2, "main.js", text)]) == (
        f"{PAGE}assets/b.js",
        f"{PAGE}assets/a-B7x1k2Qp.js",
    )


# What the user adds


def test_calls_by_hand_come_first_and_stand_beside_those_found():
    by_hand = Call("DELETE", "https://api.example/x", (("X-Key", "1"),), credentials="include")
    exchanges = [page(MAIN), script(2, "main.js", 'fetch("https://api.example/x")')]
    inventory = collect(ScanRequest(PAGE, calls=(by_hand,)), exchanges)
    assert called(inventory) == ["DELETE https://api.example/x", "GET https://api.example/x"]
    assert inventory.calls[0].source.kind is SourceKind.USER
    assert inventory.api_origins == ("https://api.example",)


def test_the_same_call_by_hand_is_kept_as_the_user_wrote_it():
    by_hand = Call("GET", "https://api.example/x")
    exchanges = [page(MAIN), script(2, "main.js", 'fetch("https://api.example/x?page=2")')]
    assert collect(ScanRequest(PAGE, calls=(by_hand,)), exchanges).calls == (by_hand,)


def test_an_api_address_is_a_call_where_no_other_is_known_and_a_base_in_any_case():
    inventory = collect(ScanRequest(PAGE, "https://api.example/v1?x=1"), [page("<p>")])
    assert called(inventory) == ["GET https://api.example/v1?x=1"]
    assert (inventory.api_origins, inventory.api_bases[0]) == (("https://api.example",), "https://api.example/v1/")


def test_an_api_address_completes_addresses_that_begin_with_something_unknown():
    exchanges = [page(MAIN), script(2, "main.js", 'fetch(CONFIG.base + "/items/" + id)')]
    assert called(collect(ScanRequest(PAGE, "https://api.example/"), exchanges)) == ["GET https://api.example/items/1"]


# OAuth

OAUTH = [
    ("/auth/google/login", "google"),
    ("/accounts/github/login/", "github"),
    ("/api/v1/oauth2/authorization/okta", "okta"),
    ("/login/discord", "discord"),
    ("/google/login", "google"),
    ("https://api.example/auth/microsoft", "microsoft"),
    ("https://accounts.google.com/o/oauth2/v2/auth?client_id=x", "google"),
    ("https://github.com/login/oauth/authorize?client_id=x", "github"),
    ("https://login.microsoftonline.com/common/oauth2/v2.0/authorize", "microsoft"),
    ("https://www.facebook.com/v19.0/dialog/oauth", "facebook"),
    ("/auth/login", None),
    ("/blog/google/login-page", None),
    ("/images/google.svg", None),
    ("https://github.com/alice/shop", None),
]


@pytest.mark.parametrize(("url", "provider"), OAUTH)
def test_an_address_that_starts_a_login_elsewhere_is_known(url: str, provider: str | None):
    assert oauth_provider(url) == provider


def test_logins_are_found_in_links_and_scripts_and_callbacks_are_not():
    html = f'{MAIN}<a href="/auth/google/login">Google</a><a href="/auth/google/callback">x</a>'
    starts = read('location.href = "/auth/github/login"; const back = "/auth/github/callback/login"', html).oauth_starts
    assert [(start.provider, start.source.kind) for start in starts] == [("google", SourceKind.LINK), ("github", SourceKind.SCRIPT)]


# What is not read


def test_a_script_that_is_too_long_is_read_to_where_it_is_cut():
    text = 'fetch("/api/first");' + "//" + "x" * MAX_SOURCE_BYTES + "\n" + 'fetch("/api/last");'
    inventory = read(text)
    assert called(inventory) == [f"GET {PAGE}api/first"]
    assert inventory.notes == (
        f"Only the first {MAX_SOURCE_BYTES / 1e6:.1f} MB of /assets/main.js were read: calls further down are unknown.",
    )


def test_a_script_that_was_cut_in_fetching_is_named():
    cut = replace(script(2, "main.js", 'fetch("/api/x")'), truncated=True)
    (note,) = collect(ScanRequest(PAGE), [page(MAIN), cut]).notes
    assert re.fullmatch(r"Only the first 0\.0 MB of /assets/main\.js were fetched: calls further down are unknown\.", note)


def test_a_script_nested_beyond_sense_is_not_read_and_named():
    inventory = read('fetch("/api/x");' + "[" * 5_000)
    assert inventory.calls == ()
    assert inventory.notes == ("/assets/main.js is nested too deeply to be read: its calls are unknown.",)


def test_more_calls_than_are_followed_are_named():
    inventory = read("".join(f'fetch("/api/{n}/x");' for n in range(400)))
    assert inventory.notes == (f"The scripts make more calls than a scan follows: {len(inventory.calls)} are listed.",)


def test_closing_brackets_in_strings_do_not_hide_a_deep_nest():
    assert read_module('fetch("' + ")" * 5_000 + '");' + "(" * 2_000).unread == "nested"
    assert read_module('fetch("' + "(" * 500 + '");').unread == ""

"""What a scan asks next."""

import pytest

from app.core.exchange import Exchange, Head, Purpose
from app.core.findings import Severity
from app.core.inventory import Call, Inventory, Source, SourceKind
from app.core.plan import as_fetch, documents_to_ask, limits_of, noted, order_calls, origin_variants, slash_variant, socketio_base

PAGE = "http://127.0.0.1:5101"
API = "http://127.0.0.1:5102"
FOUND = Source(SourceKind.SCRIPT)


def call(method: str, url: str, headers=(), source=FOUND) -> Call:
    return Call(method, url, headers, source=source)


def test_the_users_calls_come_first_then_the_ones_that_need_a_preflight_then_the_rest():
    mine = call("GET", f"{PAGE}/mine", source=Source(SourceKind.USER))
    plain = call("GET", f"{API}/api/items")
    again = call("GET", f"{API}/api/people")
    put = call("PUT", f"{API}/api/items/1")
    same = call("GET", f"{PAGE}/api/me", (("X-A", "1"),))
    inventory = Inventory(f"{PAGE}/", PAGE, calls=(plain, again, put, same, mine))
    assert order_calls(inventory) == (mine, put, plain, same, again)


@pytest.mark.parametrize(
    ("url", "variant"),
    [
        ("http://a/api/items", "http://a/api/items/"),
        ("http://a/api/items/", "http://a/api/items"),
        ("http://a/api/items?page=1", "http://a/api/items/?page=1"),
        ("http://a/", "http://a/"),
    ],
)
def test_the_slash_variant_keeps_the_query(url, variant):
    assert slash_variant(url) == variant


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:3000", "http://127.0.0.1:3000"),
        ("http://127.0.0.1:3000", "http://localhost:3000"),
        ("https://app.example", "https://www.app.example"),
        ("https://www.app.example", "https://app.example"),
        ("https://app.example", "https://app.example/"),
        ("https://app.example", "http://app.example"),
    ],
)
def test_near_misses_of_an_origin_contain_the_likely_slips(origin, expected):
    assert expected in origin_variants(origin)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://app.example", "http://10.0.0.7"])
def test_near_misses_never_contain_the_origin_itself(origin):
    variants = origin_variants(origin)
    assert origin not in variants
    assert len(set(variants)) == len(variants)


def test_documents_are_asked_of_the_api_first_and_never_twice():
    inventory = Inventory(f"{PAGE}/", PAGE, api_origins=(API,))
    asked = [Exchange(1, Purpose.ENDPOINT, "GET", f"{API}/openapi.json")]
    documents = documents_to_ask(inventory, asked)
    assert (Purpose.SCHEMA, f"{API}/openapi.json") not in documents
    assert (Purpose.SCHEMA, f"{PAGE}/openapi.json") in documents
    assert (Purpose.ADMIN, f"{API}/admin/") in documents


def test_a_call_of_the_inventory_becomes_the_fetch_that_the_page_makes():
    fetch = as_fetch(Call("PUT", f"{API}/x", (("X-A", "1"),), body="text", credentials="include"), PAGE)
    assert (fetch.origin, fetch.method, fetch.credentials, fetch.body and fetch.body.kind) == (PAGE, "PUT", "include", "text")


@pytest.mark.parametrize(
    ("exchange", "text", "severity"),
    [
        (
            Exchange(1, Purpose.PREFLIGHT, "OPTIONS", API, response=Head(307, (("Location", "/x/"),))),
            "preflight is redirected to /x/",
            Severity.HIGH,
        ),
        (
            Exchange(1, Purpose.PREFLIGHT, "OPTIONS", API, response=Head(405)),
            "preflight without Access-Control-Allow-Origin",
            Severity.HIGH,
        ),
        (Exchange(1, Purpose.WEBSOCKET, "GET", "ws://a/", response=Head(101)), "opens", None),
        (Exchange(1, Purpose.WEBSOCKET, "GET", "ws://a/", response=Head(404)), "answered 404 instead of 101", Severity.HIGH),
        (Exchange(1, Purpose.PAGE, "GET", PAGE, response=Head(502)), "gateway error", Severity.MEDIUM),
        (Exchange(1, Purpose.PAGE, "GET", PAGE, failure_text="No host answers at a."), "No host answers at a.", Severity.MEDIUM),
    ],
)
def test_progress_notes_what_is_worth_knowing_about_an_answer(exchange, text, severity):
    assert noted(exchange) == (text, severity)


def test_a_header_value_that_was_not_kept_is_still_a_value_that_a_browser_accepts():
    fetch = as_fetch(Call("PUT", f"{API}/x", (("Authorization", "Bearer …"),)), PAGE)
    assert fetch.headers == (("Authorization", "Bearer x"),)


@pytest.mark.parametrize(
    ("url", "sent"), [("http://api.example:8000/x", "https://api.example:8000/x"), ("https://api.example/x", "https://api.example/x")]
)
def test_a_page_whose_policy_upgrades_its_requests_calls_https_instead(url, sent):
    assert as_fetch(Call("GET", url), "https://app.example", upgrade=True).url == sent


def page(status: int, media_type: str, body: bytes, truncated: bool = False, failure_text: str = "") -> Exchange:
    head = Head(status, (("Content-Type", media_type),) if media_type else ())
    return Exchange(1, Purpose.PAGE, "GET", PAGE, response=head, body=body, truncated=truncated, failure_text=failure_text)


@pytest.mark.parametrize(
    ("exchange", "says"),
    [
        (page(500, "text/html", b"<h1>Oops</h1>"), "answers 500"),
        (page(404, "text/html", b"<h1>Not found</h1>"), "answers 404"),
        (page(200, "application/pdf", b"%PDF-1.7"), "answers application/pdf, which is no page"),
        (page(204, "", b""), "is empty (204)"),
        (page(200, "text/html", b"<", True, "The body did not end within 8 s; 1 bytes were read."), "did not end within 8 s"),
        (page(200, "text/html", b"<p>" * 1_000_000, True), "larger than 3 MB"),
    ],
)
def test_what_keeps_a_page_from_telling_is_said(exchange, says):
    assert says in limits_of(exchange)


@pytest.mark.parametrize("media_type", ["text/html", "application/xhtml+xml", ""])
def test_whole_page_has_no_limits(media_type):
    assert limits_of(page(200, media_type, b"<p>Hello</p>")) == ""


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://a.example/socket.io/", "http://a.example/socket.io/"),
        ("wss://a.example/ws/socket.io/?EIO=4", "https://a.example/ws/socket.io/"),
        ("http://ws.example:81", "http://ws.example:81/socket.io/"),
    ],
)
def test_socketio_is_asked_where_its_client_looks_for_it(url, base):
    assert socketio_base(url) == base

"""What the examples do over plain HTTP, and at which answer each broken one goes wrong."""

import http.client
import json
import re
import ssl
from dataclasses import dataclass
from http.client import HTTPMessage
from urllib.parse import urlencode, urlsplit

import pytest

from examples.manifest import every_variant
from examples.runner import Offer

Offers = dict[tuple[str, str], Offer]
VARIANTS = [(example.name, variant.name) for example, variant in every_variant()]
TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    text: str

    def json(self):
        return json.loads(self.text)


def ask(url: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None, ca_file: str = "") -> Answer:
    parts = urlsplit(url)
    assert parts.hostname
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
    try:
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


def ask_page(offer: Offer, path: str = "/", **options) -> Answer:
    return ask(offer.page_url.rstrip("/") + path, ca_file=offer.ca_file, **options)


def preflight(offer: Offer, url: str, method: str, headers: str = "") -> Answer:
    asked = {"Origin": offer.page_url.rstrip("/"), "Access-Control-Request-Method": method}
    return ask(url, "OPTIONS", asked | ({"Access-Control-Request-Headers": headers} if headers else {}))


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_page_is_a_complete_document(offers: Offers, name: str, variant: str):
    answer = ask_page(offers[name, variant])
    assert answer.status == 200
    assert answer.headers.get_content_type() == "text/html"
    assert answer.headers.get_content_charset() == "utf-8"
    for part in ("<!doctype html>", '<html lang="en">', "<title>", 'name="viewport"'):
        assert part in answer.text


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_scripts_and_styles_of_the_page_are_served(offers: Offers, name: str, variant: str):
    page = ask_page(offers[name, variant])
    assets = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', page.text)
    assert any(asset.endswith(".css") for asset in assets)
    for asset in assets:
        answer = ask_page(offers[name, variant], asset)
        assert answer.status == 200
        assert answer.headers.get_content_type() in ("text/css", "text/javascript")
        assert "%API%" not in answer.text
        if asset.endswith(".css"):
            assert "prefers-color-scheme: dark" in answer.text
            assert not re.search(r"url\(|@import", answer.text)


def session_of(answer: Answer) -> str:
    return "; ".join(line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie", []))


def test_shop_takes_an_order_and_tells_it_by_its_api(offers: Offers):
    shop = offers["flask_shop", "right"]
    form = ask_page(shop, "/login")
    cookie = session_of(form)
    token = re.search(r'name="csrf_token" value="([^"]+)"', form.text)
    assert token

    def send(path: str, **fields: str) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
        return ask_page(shop, path, method="POST", headers=headers, body=urlencode({"csrf_token": token[1], **fields}))

    signed_in = send("/login", name="Alice")
    assert signed_in.status == 302
    cookie = session_of(signed_in)
    assert send("/products/2/order", quantity="3").status == 302
    orders = ask(shop.api_url, headers={"Cookie": cookie}).json()
    assert [(order["product"], order["quantity"]) for order in orders] == [("Enamel mug", 3)]


def test_shop_refuses_a_form_without_token(offers: Offers):
    answer = ask_page(
        offers["flask_shop", "right"],
        "/login",
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body="name=Eve",
    )
    assert answer.status == 400


def test_shop_says_401_and_its_broken_variant_redirects_to_the_form(offers: Offers):
    right, broken = (ask(offers["flask_shop", variant].api_url) for variant in ("right", "broken"))
    assert (right.status, right.headers.get_content_type()) == (401, "application/json")
    assert (broken.status, broken.headers["Location"]) == (302, "/login?next=/api/orders")


def test_notes_are_kept_and_only_the_right_variant_sets_one_cors_header(offers: Offers):
    seen = {}
    for variant in ("right", "broken", "twice"):
        offer = offers["bottle_notes", variant]
        origin = offer.page_url.rstrip("/")
        answer = ask(offer.api_url, headers={"Origin": origin})
        assert "Bottle fits in one file." in answer.json()["notes"]
        seen[variant] = answer.headers.get_all("Access-Control-Allow-Origin", []).count(origin)
    assert seen == {"right": 1, "broken": 0, "twice": 2}
    right = offers["bottle_notes", "right"]
    assert preflight(right, right.api_url, "POST", "content-type").status == 204
    added = ask(right.api_url, "POST", {"Content-Type": "application/json"}, json.dumps({"text": "A new note"}))
    assert added.status == 201
    assert "A new note" in ask(right.api_url).json()["notes"]


def test_measurement_is_changed_and_deleted(offers: Offers):
    url = offers["fastapi_data", "right"].api_url
    changed = ask(f"{url}/4", "PUT", {"Content-Type": "application/json", "X-Client": "test"}, json.dumps({"celsius": 21.5}))
    assert changed.json() == {"id": 4, "station": "Botanical Garden", "celsius": 21.5}
    assert ask(f"{url}/4", "DELETE").status == 204
    assert ask(f"{url}/4").status == 404
    assert 4 not in [row["id"] for row in ask(url).json()]
    assert ask(f"{url}/summary", headers={"X-Client": "test"}).json()["client"] == "test"


@pytest.mark.parametrize(
    ("method", "headers", "refusal"),
    [
        ("GET", "x-client", "Disallowed CORS headers"),
        ("DELETE", "", "Disallowed CORS method"),
        ("PUT", "content-type,x-client", "Disallowed CORS method, headers"),
    ],
)
def test_measurements_refuse_the_preflight_only_when_broken(offers: Offers, method: str, headers: str, refusal: str):
    right, broken = (offers["fastapi_data", variant] for variant in ("right", "broken"))
    assert preflight(right, f"{right.api_url}/1", method, headers).status == 200
    refused = preflight(broken, f"{broken.api_url}/1", method, headers)
    assert (refused.status, refused.text) == (400, refusal)


def test_bookshelf_takes_a_book(offers: Offers):
    offer = offers["flask_api", "right"]
    book = {"title": "Kindred", "author": "Octavia E. Butler"}
    assert ask(offer.api_url, "POST", {"Content-Type": "application/json"}, json.dumps(book)).status == 201
    assert book.items() <= ask(offer.api_url).json()[-1].items()


def test_bookshelf_answers_the_preflight_and_its_broken_variants_do_not(offers: Offers):
    right, slash, misspelt = (offers["flask_api", variant] for variant in ("right", "broken", "origin"))
    allowed = preflight(right, right.api_url, "POST", "content-type")
    assert (allowed.status, allowed.headers["Access-Control-Allow-Origin"]) == (200, right.page_url.rstrip("/"))
    redirected = preflight(slash, slash.api_url, "POST", "content-type")
    assert (redirected.status, redirected.headers["Location"]) == (308, f"{slash.api_url}/")
    assert ask(misspelt.api_url).headers["Access-Control-Allow-Origin"] == misspelt.page_url


def test_board_answers_where_the_component_asks_and_redirects_when_broken(offers: Offers):
    right, broken = (ask(offers["django_hybrid", variant].api_url) for variant in ("right", "broken"))
    assert right.json()[0]["text"] == "Templates render the page."
    assert (broken.status, broken.headers["Location"]) == (301, "/api/cards/")


def test_board_is_open_to_any_origin_with_cookies_only_when_broken(offers: Offers):
    for variant, path, allowed in (("right", "/api/cards", None), ("broken", "/api/cards/", "https://elsewhere.example")):
        answer = ask_page(offers["django_hybrid", variant], path, headers={"Origin": "https://elsewhere.example"})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == allowed
        assert (answer.headers["Access-Control-Allow-Credentials"] == "true") is (allowed is not None)


def handshake(offer: Offer, path: str, origin: str) -> Answer:
    headers = {
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    parts = urlsplit(offer.page_url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    try:
        return Answer(response.status, response.headers, "" if response.status == 101 else response.read().decode())
    finally:
        response.close()
        connection.close()


@pytest.mark.parametrize(
    ("name", "path", "status", "text"),
    [
        ("flask_chat", "/socket.io/?EIO=4&transport=websocket", 400, "Invalid websocket upgrade"),
        ("channels_chat", "/ws/chat/", 404, "The requested resource was not found on this server."),
        ("fastapi_ws", "/ws/ticker", 404, '{"detail":"Not Found"}'),
        ("fastapi_ws", "/ws/echo", 404, '{"detail":"Not Found"}'),
    ],
)
def test_websocket_opens_and_is_answered_as_a_plain_get_when_broken(offers: Offers, name: str, path: str, status: int, text: str):
    right, broken = (offers[name, variant] for variant in ("right", "broken"))
    assert handshake(right, path, right.page_url.rstrip("/")).status == 101
    refused = handshake(broken, path, broken.page_url.rstrip("/"))
    assert refused.status == status
    assert text in refused.text


@pytest.mark.parametrize(
    ("name", "path"), [("flask_chat", "/socket.io/?EIO=4&transport=websocket"), ("channels_chat", "/ws/chat/"), ("fastapi_ws", "/ws/echo")]
)
def test_websocket_is_closed_to_foreign_pages(offers: Offers, name: str, path: str):
    assert handshake(offers[name, "right"], path, "https://elsewhere.example").status in (400, 403)


def test_bookmarks_belong_to_the_session(offers: Offers):
    offer = offers["tortoise_api", "right"]
    origin = {"Origin": offer.page_url.rstrip("/")}
    first = ask(offer.api_url, headers=origin)
    assert first.json() == []
    assert "samesite=lax" in first.headers["Set-Cookie"].lower()
    cookie = {"Cookie": session_of(first)}
    bookmark = {"title": "Fetch", "url": "https://fetch.spec.whatwg.org/"}
    added = ask(offer.api_url, "POST", {**origin, **cookie, "Content-Type": "application/json"}, json.dumps(bookmark))
    assert added.status == 201
    assert [row["title"] for row in ask(offer.api_url, headers=origin | cookie).json()] == ["Fetch"]
    assert ask(offer.api_url, headers=origin).json() == []  # somebody else
    assert ask(f"{offer.api_url}/{added.json()['id']}", "DELETE", origin | cookie).status == 204
    assert ask(f"{offer.api_url}/{added.json()['id']}", "DELETE", origin | cookie).status == 404


def test_bookmarks_allow_the_page_by_name_or_when_broken_by_wildcard(offers: Offers):
    for variant, allowed, credentials in (("right", None, "true"), ("site", None, "true"), ("broken", "*", None)):
        offer = offers["tortoise_api", variant]
        origin = offer.page_url.rstrip("/")
        answer = ask(offer.api_url, headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == (allowed or origin)
        assert answer.headers["Access-Control-Allow-Credentials"] == credentials
    assert urlsplit(offers["tortoise_api", "site"].page_url).hostname == "localhost"


def test_shell_answers_routes_of_the_frontend_and_when_broken_everything(offers: Offers):
    right, broken = (offers["spa_bundle", variant] for variant in ("right", "broken"))
    assert ask_page(right, "/about").text == ask_page(right).text
    assert (ask_page(right, "/api/nowhere").status, ask_page(right, "/assets/removed.js").status) == (404, 404)
    for path in ("/api/nowhere", "/assets/removed.js"):
        answer = ask_page(broken, path)
        assert (answer.status, answer.text) == (200, ask_page(broken).text)
    assert len(ask(right.api_url).json()) == 3
    assert ask(f"{right.api_url}/9").status == 404


def test_bundle_names_a_development_host_only_in_its_broken_variant(offers: Offers):
    named = {
        variant: "host.docker.internal" in ask_page(offers["spa_bundle", variant], "/assets/quotes.js").text
        for variant in ("right", "broken", "address")
    }
    assert named == {"right": False, "broken": False, "address": True}


def test_links_keep_the_scheme_and_lose_it_when_broken(offers: Offers):
    for variant, scheme in (("right", "https"), ("broken", "http")):
        offer = offers["https_reports", variant]
        answer = ask(offer.api_url, ca_file=offer.ca_file)
        assert answer.json()["next"] == f"{scheme}://{urlsplit(offer.page_url).netloc}/api/reports?page=2"


def test_certificate_is_refused_by_who_does_not_trust_its_authority(offers: Offers):
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(offers["https_reports", "right"].page_url, ca_file=offers["https_reports", "broken"].ca_file)

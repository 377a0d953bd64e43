"""One scan from the outside: what it asks, what it never does, and what it says when it cannot go on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from app.core.inventory import Call
from app.core.observation import ScanRequest
from app.engine.scan import BUDGET, ScanFailed, run
from app.net import AddressPolicy, Net

HARMLESS = {"GET", "HEAD", "OPTIONS"}
SCRIPT_TAG = '<script type="module" src="/assets/index-abcd1234.js"></script>'
SHELL = f'<!doctype html><html><head>{SCRIPT_TAG}</head><body><div id="root"></div></body></html>'


@dataclass
class Site:
    """A loopback server that answers from a function and remembers what it was asked."""

    answer: Callable[[str, str, dict[str, str]], bytes]
    url: str = ""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


def http_answer(status: str, body: str | bytes = b"", *headers: str) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


class Unfinished(bytes):
    """An answer after which the connection stays open."""


@asynccontextmanager
async def site(answer) -> AsyncIterator[Site]:
    served = Site(answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
            served.asked.append((method, path, headers))
            answered = served.answer(method, path, headers)
            writer.write(answered)
            await writer.drain()
            if isinstance(answered, Unfinished):
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()


async def scan(url: str, **parts):
    async with Net(AddressPolicy(mode="private"), user_agent="Seamwatch/test") as net:
        return await run(ScanRequest(url, **parts), net)


def spa(script: str, **pages: bytes):
    """Answer as a static server of a single-page application with this script."""

    def answer(method: str, path: str, headers: dict[str, str]) -> bytes:
        if path == "/":
            return http_answer("200 OK", SHELL, "Content-Type: text/html")
        if path.startswith("/assets/index-"):
            return http_answer("200 OK", script, "Content-Type: text/javascript")
        return pages.get(path.strip("/"), http_answer("404 Not Found", "nothing here", "Content-Type: text/plain"))

    return answer


async def test_only_harmless_methods_are_sent_and_every_request_is_in_the_report():
    script = "fetch('/api/items',{method:'DELETE',headers:{'X-A':'1'}});fetch('/api/items',{method:'POST',body:'{}'})"
    async with site(spa(script)) as served:
        report = await scan(f"{served.url}/")
    assert {method for method, _, _ in served.asked} <= HARMLESS
    assert len(report.requests) == len(served.asked) <= BUDGET
    assert {call.method for call in report.calls} == {"DELETE", "POST"}
    assert all(headers["user-agent"].startswith("Seamwatch/") for _, _, headers in served.asked)


async def test_progress_names_each_phase_and_each_request_as_it_happens():
    seen = []
    async with site(spa("fetch('/api/items')")) as served, Net(AddressPolicy(mode="private"), user_agent="Seamwatch/test") as net:
        report = await run(ScanRequest(f"{served.url}/"), net, seen.append)
    phases = [progress.phase for progress in seen if progress.exchange is None]
    assert phases == ["Page", "Scripts", "Delivery", "API and CORS", "WebSocket", "Session and auth", "Verdicts"]
    assert sorted(progress.exchange.id for progress in seen if progress.exchange) == [request.id for request in report.requests]


async def test_a_call_on_another_origin_without_cors_is_blocked_and_explained():
    api = spa("", **{"api/items": http_answer("200 OK", '{"items": []}', "Content-Type: application/json")})
    async with site(api) as other, site(spa(f"fetch('{other.url}/api/items')")) as served:
        report = await scan(f"{served.url}/")
    call = next(call for call in report.calls if call.url == f"{other.url}/api/items")
    assert (call.allowed, call.rule) == (False, "C1")
    assert "COR-01" in {finding.code for finding in report.findings}
    assert report.site.sentence.startswith("Browsers block the only call")
    assert any(seam.blocked for seam in report.seams)


async def test_the_users_calls_are_judged_though_no_script_makes_them():
    async with site(spa("")) as other, site(spa("")) as served:
        report = await scan(f"{served.url}/", api_url=other.url, calls=(Call("PUT", f"{other.url}/api/items/1"),))
    call = next(call for call in report.calls if call.source == "user")
    assert (call.method, call.allowed, call.preflight) == ("PUT", False, True)
    assert ("OPTIONS", "/api/items/1") in {(method, path) for method, path, _ in other.asked}


@pytest.mark.parametrize(
    ("location", "says"),
    [("/again", "redirects without end"), ("http://[bad", "cannot be opened"), ("ftp://127.0.0.1/x", "cannot be opened")],
)
async def test_redirects_that_lead_nowhere_end_the_scan_in_words(location, says):
    async with site(lambda *_: http_answer("302 Found", "", f"Location: {location}")) as served:
        with pytest.raises(ScanFailed, match=says):
            await scan(f"{served.url}/")


async def test_an_unknown_host_ends_the_scan_in_words():
    with pytest.raises(ScanFailed, match=r"No host answers at nowhere\.invalid"):
        await scan("http://nowhere.invalid/")


async def test_a_refused_connection_ends_the_scan_in_words():
    async with site(lambda *_: b"") as served:
        url = served.url
    with pytest.raises(ScanFailed, match="refuse"):
        await scan(url)


async def test_a_private_target_is_refused_where_only_public_ones_are_allowed():
    async with site(spa("")) as served, Net(AddressPolicy(mode="public"), user_agent="Seamwatch/test") as net:
        with pytest.raises(ScanFailed, match="private"):
            await run(ScanRequest(f"{served.url}/"), net)
        assert served.asked == []


async def test_a_host_that_says_429_is_asked_no_more_and_the_report_says_so():
    def answer(method, path, headers):
        if path == "/" or path.startswith("/assets/index-"):
            return spa("fetch('/api/a');fetch('/api/b');fetch('/api/c')")(method, path, headers)
        return http_answer("429 Too Many Requests", "", "Retry-After: 60")

    async with site(answer) as served:
        report = await scan(f"{served.url}/")
    assert sum(request.status == 429 for request in report.requests) <= 6  # those under way when the first came back
    assert "slow down (429)" in " ".join(report.site.notes)
    assert all(call.allowed is not False for call in report.calls)


async def test_a_bot_wall_is_unknown_and_not_bad():
    challenge = '<script src="/cdn-cgi/challenge-platform/x.js"></script>'
    wall = f"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>{challenge}</body></html>"
    headers = ("Content-Type: text/html", "Server: cloudflare", "CF-RAY: 8a1-FRA", "cf-mitigated: challenge")
    async with site(lambda *_: http_answer("403 Forbidden", wall, *headers)) as served:
        report = await scan(f"{served.url}/")
    assert "bot check" in " ".join(report.site.notes)
    assert report.findings == ()
    assert report.architecture.kind == "unknown"


async def test_a_page_of_twenty_thousand_scripts_is_scanned_within_the_budget():
    page = "<html><body>" + "".join(f'<script src="/s/{number}.js"></script>' for number in range(20_000)) + "</body></html>"
    async with site(lambda method, path, _: http_answer("200 OK", page if path == "/" else "", "Content-Type: text/html")) as served:
        report = await scan(f"{served.url}/")
    assert len(report.requests) <= BUDGET
    assert sum(request.purpose == "script" for request in report.requests) <= 8


async def test_a_body_without_end_is_cut_and_the_scan_goes_on():
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000000000\r\n\r\n" + SHELL.encode() + b" " * 4_000_000

    async with site(lambda method, path, _: endless if path == "/" else http_answer("404 Not Found")) as served:
        report = await scan(f"{served.url}/")
    assert report.requests[0].truncated


async def test_a_page_that_breaks_off_before_it_says_anything_ends_the_scan_in_words():
    broken = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<!doct"
    async with site(lambda *_: broken) as served:
        report = await scan(f"{served.url}/")
    assert len(report.requests) == 1
    assert "was not read to its end" in report.site.notes[0]
    assert report.site.sentence == "Nothing could be judged: see what limited this scan."


async def test_a_host_that_ends_no_answer_is_asked_no_more_and_the_report_says_so(monkeypatch):
    monkeypatch.setattr("app.engine.scan.TIMEOUT_S", 0.3)
    page = spa("fetch('/api/a');fetch('/api/b');fetch('/api/c')")
    dripping = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n["

    def answer(method, path, headers):
        return page(method, path, headers) if path == "/" or path.startswith("/assets/index-") else Unfinished(dripping)

    async with site(answer) as served:
        report = await scan(f"{served.url}/")
    assert "was asked no more" in " ".join(report.site.notes)
    assert len(report.requests) < 16


async def test_an_api_that_never_answers_is_left_alone_after_a_few_requests(monkeypatch):
    monkeypatch.setattr("app.engine.scan.TIMEOUT_S", 0.3)
    async with site(lambda *_: Unfinished()) as api:
        calls = "".join(f"fetch('{api.url}/api/{name}',{{headers:{{'X-A':'1'}}}});" for name in "abcdef")
        async with site(spa(f"{calls}new WebSocket('{api.url.replace('http', 'ws')}/ws')")) as served:
            report = await scan(f"{served.url}/")
    host = api.url.removeprefix("http://")
    assert report.site.notes == (f"{host} does not answer; its seams are unknown.",)
    assert len(api.asked) <= 5  # those under way at the same time
    assert [call.allowed for call in report.calls] == [None] * 6
    assert report.site.sentence.startswith("No call could be judged: 127.0.0.1 does not answer within")
    assert any(path.startswith("/api/") for _, path, _ in served.asked)  # the page's own origin is examined all the same


async def test_an_api_with_one_slow_address_is_not_given_up(monkeypatch):
    monkeypatch.setattr("app.engine.scan.TIMEOUT_S", 0.3)
    quick = spa("")
    async with (
        site(lambda method, path, headers: Unfinished() if "/slow" in path else quick(method, path, headers)) as api,
        site(spa(f"fetch('{api.url}/api/quick');fetch('{api.url}/api/slow')")) as served,
    ):
        report = await scan(f"{served.url}/")
    assert {call.url.rpartition("/")[2]: call.allowed for call in report.calls} == {"quick": False, "slow": None}
    assert "its seams are unknown" not in " ".join(report.site.notes)


async def test_an_address_that_does_not_answer_is_asked_once(monkeypatch):
    monkeypatch.setattr("app.engine.scan.TIMEOUT_S", 0.3)
    page = spa("fetch('/api/poll')")
    async with site(lambda method, path, headers: Unfinished() if path == "/api/poll" else page(method, path, headers)) as served:
        report = await scan(f"{served.url}/")
    assert [path for _, path, _ in served.asked].count("/api/poll") == 1
    assert report.calls[0].allowed is None
    assert report.site.sentence.startswith("No call could be judged: 127.0.0.1 does not answer within")


async def test_a_page_that_is_an_error_says_so():
    async with site(lambda *_: http_answer("500 Internal Server Error", "<h1>Oops</h1>", "Content-Type: text/html")) as served:
        report = await scan(f"{served.url}/")
    assert "The page answers 500" in report.site.notes[0]
    assert "Nothing found" not in report.site.sentence


async def test_who_signs_people_in_on_another_site_is_not_examined():
    async with site(lambda *_: http_answer("200 OK", SHELL, "Content-Type: text/html")) as provider:
        away = provider.url.replace("127.0.0.1", "localhost")
        async with site(lambda *_: http_answer("302 Found", "", f"Location: {away}/login?next=/")) as served:
            report = await scan(f"{served.url}/")
    assert [path for _, path, _ in provider.asked] == ["/login?next=/"]
    assert "sign in at localhost" in report.site.notes[0]


async def test_calls_that_nobody_answers_are_not_in_order():
    async with site(spa("")) as gone:
        pass
    async with site(spa("")) as served:
        report = await scan(f"{served.url}/", api_url=gone.url, calls=(Call("GET", f"{gone.url}/api"),))
    assert report.site.sentence.startswith("No call could be judged: 127.0.0.1 refuses connections on port")


async def test_html_that_is_not_utf8_is_read_by_its_charset():
    page = "<html><body><p>Grüße</p></body></html>".encode("latin-1")
    async with site(lambda *_: http_answer("200 OK", page, "Content-Type: text/html; charset=iso-8859-1")) as served:
        report = await scan(f"{served.url}/")
    assert "Grüße" in report.requests[0].excerpt


async def test_no_cookie_or_token_value_reaches_the_report():
    def answer(method, path, headers):
        return http_answer(
            "200 OK",
            '{"access_token": "t0p-s3cret-token"}',
            "Set-Cookie: session=c00kie-value-1234; Path=/",
            "Content-Type: application/json",
        )

    from app.core.report_json import dump

    async with (
        site(answer) as other,
        site(spa(f"fetch('{other.url}/api/me',{{headers:{{Authorization:'Bearer abcdef123456'}}}})")) as served,
    ):
        text = dump(await scan(f"{served.url}/", api_url=other.url))
    for secret in ("t0p-s3cret-token", "c00kie-value-1234", "abcdef123456"):
        assert secret not in text


async def test_a_header_whose_value_is_not_known_is_asked_for_in_the_preflight_and_never_sent():
    script = "fetch('%s/api/me',{headers:{'X-CSRFToken':read('csrftoken')}})"
    allow = ("Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: *")
    api = spa("", **{"api/me": http_answer("200 OK", "{}", "Content-Type: application/json", *allow)})
    async with site(api) as other, site(spa(script % other.url)) as served:
        report = await scan(f"{served.url}/")
    assert (report.calls[0].allowed, report.calls[0].sent[0].acrh) == (True, "x-csrftoken")
    assert not any("x-csrftoken" in headers for _, _, headers in other.asked)


async def test_an_api_that_nothing_is_seen_to_call_is_asked_by_its_own_address():
    async with (
        site(spa("", **{"api/items": http_answer("200 OK", "[]", "Content-Type: application/json")})) as other,
        site(spa("")) as served,
    ):
        report = await scan(f"{served.url}/", api_url=f"{other.url}/api/items")
    assert [(call.method, call.url, call.allowed) for call in report.calls] == [("GET", f"{other.url}/api/items", False)]


async def test_an_api_that_nothing_is_seen_to_call_is_asked_by_what_its_schema_names():
    schema = '{"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/api/things": {"get": {"responses": {}}}}}'
    pages = {"openapi.json": http_answer("200 OK", schema, "Content-Type: application/json"), "api/things": http_answer("200 OK", "[]")}
    async with site(spa("", **pages)) as other, site(spa("")) as served:
        report = await scan(f"{served.url}/", api_url=other.url)
    assert [(call.method, call.url, call.source) for call in report.calls] == [("GET", f"{other.url}/api/things", "openapi")]

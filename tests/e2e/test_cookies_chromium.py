"""The cookie rules against the real Chromium: which Set-Cookie it stores, and which cookies then travel.

Each browser starts with a profile that says whether third-party cookies are allowed, because distributions set that differently.
"""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import trustme
from playwright.async_api import BrowserContext, Page, async_playwright

from app.core.cookies import Cookie, Stored, stored, travels

pytestmark = pytest.mark.e2e

APP, API, SHOP = "https://app.example.com", "https://api.example.com", "https://shop.other.com"
PLAIN_APP, PLAIN_API = "http://app.example.com", "http://api.example.com"
NONE = "; SameSite=None; Secure"
CASES = (
    # Set-Cookie line, origin that sets it, page that fetches it (None: the user goes there), credentials
    ("a=b", APP, None, "include"),
    ("a=b; Secure", PLAIN_APP, None, "include"),
    ("a=b; SameSite=None", APP, None, "include"),
    ("a=b; SameSite=Weird", APP, None, "include"),
    ("a=b; Partitioned", APP, None, "include"),
    ("a=b; Partitioned" + NONE, APP, None, "include"),
    ("a=b; Domain=example.com", APP, None, "include"),
    ("a=b; Domain=.EXAMPLE.com", APP, None, "include"),
    ("a=b; Domain=com", APP, None, "include"),
    ("a=b; Domain=", APP, None, "include"),
    ("a=b; Domain=other.com", APP, None, "include"),
    ("a=b; Domain=api.example.com", APP, None, "include"),
    ("a=b; Path=/x", APP, None, "include"),
    ("a=b; Path=x", APP, None, "include"),
    ("a=b; Max-Age=0", APP, None, "include"),
    ("a=b; Max-Age=60", APP, None, "include"),
    ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", APP, None, "include"),
    ("novalue", APP, None, "include"),
    ("=", APP, None, "include"),
    ("__Secure-a=b", APP, None, "include"),
    ("__Secure-a=b; Secure", APP, None, "include"),
    ("__Host-a=b; Secure; Path=/", APP, None, "include"),
    ("__host-a=b; Secure", APP, None, "include"),
    ("__Host-a=b; Secure; Path=/; Domain=app.example.com", APP, None, "include"),
    ("__Http-a=b; Secure", APP, None, "include"),
    ("__Http-a=b; Secure; HttpOnly", APP, None, "include"),
    ("=__Host-a=b; Secure; Path=/", APP, None, "include"),
    ("a=b; HttpOnly; SameSite=Strict", APP, None, "include"),
    ("a=b", API, APP, "include"),
    ("a=b; SameSite=Strict", API, APP, "include"),
    ("a=b", API, APP, "same-origin"),
    ("a=b", APP, APP, "same-origin"),
    ("a=b", APP, APP, "omit"),
    ("a=b", PLAIN_API, PLAIN_APP, "include"),
    ("a=b", API, PLAIN_APP, "include"),
    ("a=b", API, SHOP, "include"),
    ("a=b; SameSite=Lax", API, SHOP, "include"),
    ("a=b" + NONE, API, SHOP, "include"),
    ("a=b; Partitioned" + NONE, API, SHOP, "include"),
    ("a=b" + NONE, API, SHOP, "same-origin"),
    ("a=b" + NONE, API, None, "include"),
)
# Then each stored cookie is tried on these: page, target.
TRIPS = ((APP, APP), (APP, API), (SHOP, API), (SHOP, APP), (PLAIN_APP, PLAIN_API), (PLAIN_APP, API))


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            target = lines[0].split(" ")[1]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            line = parse_qs(urlsplit(target).query).get("line", [""])[0]
            body = json.dumps({"cookie": headers.get("cookie", "")}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: no-store\r\nContent-Length: {len(body)}\r\n"
            if "origin" in headers:
                head += f"Access-Control-Allow-Origin: {headers['origin']}\r\nAccess-Control-Allow-Credentials: true\r\n"
            if line:
                head += f"Set-Cookie: {line}\r\n"
            writer.write(head.encode() + b"\r\n" + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def _browser(chromium_path: str, profile: Path, third_party_cookies: bool) -> AsyncIterator[BrowserContext]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("*.example.com", "*.other.com").configure_cert(context)
    plain = await asyncio.start_server(_answer, "127.0.0.1", 0)
    secure = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
    http, https = (server.sockets[0].getsockname()[1] for server in (plain, secure))
    (profile / "Default").mkdir(parents=True)
    mode = 2 if third_party_cookies else 1  # "off" and "block third-party"
    preferences = {"profile": {"cookie_controls_mode": mode, "block_third_party_cookies": not third_party_cookies}}
    (profile / "Default" / "Preferences").write_text(json.dumps(preferences), "utf-8")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium_path,
            headless=True,
            ignore_https_errors=True,
            args=[
                "--no-sandbox",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-features=LocalNetworkAccessChecks,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
                f"--host-resolver-rules=MAP *.com:443 127.0.0.1:{https}, MAP *.com:80 127.0.0.1:{http}",
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()
            plain.close()
            secure.close()


FETCH = "async ([url, credentials]) => (await fetch(url, {credentials})).json()"


@pytest.mark.parametrize("third_party_cookies", [True, False], ids=["third-party-allowed", "third-party-blocked"])
async def test_chromium_stores_and_sends_as_the_rules_say(chromium_path: str, tmp_path: Path, third_party_cookies: bool):
    wrong: list[str] = []
    async with _browser(chromium_path, tmp_path / "profile", third_party_cookies) as context:
        tab = context.pages[0]
        pages = await _pages(context)
        for line, setter, fetcher, credentials in CASES:
            await context.clear_cookies()
            url = f"{setter}/set?line={quote(line)}"
            if fetcher is None:
                await tab.goto(url)
            else:
                await pages[fetcher].evaluate(FETCH, [url, credentials])
            result = stored(
                line,
                response_url=url,
                page_url=fetcher,
                now=time.time(),
                credentials=credentials,
                third_party_cookies=third_party_cookies,
            )
            kept = await context.cookies()
            expected = result.cookie if isinstance(result, Stored) and not result.removes else None
            if bool(kept) != (expected is not None):
                wrong.append(f"{line} at {setter} from {fetcher} ({credentials}): engine {result}, browser {kept}")
                continue
            if expected is None:
                continue
            found = kept[0]
            domain = expected.domain if expected.host_only else f".{expected.domain}"
            told = (expected.name, expected.value, domain, expected.path, expected.secure, expected.http_only)
            seen = tuple(found.get(key) for key in ("name", "value", "domain", "path", "secure", "httpOnly"))
            if told != seen:
                wrong.append(f"{line} at {setter}: engine {told}, browser {seen}")
            wrong += await _trips(pages, expected, line, third_party_cookies)
    assert not wrong, "\n".join(wrong)


async def _pages(context: BrowserContext) -> dict[str, Page]:
    """Return a tab at each origin that calls are made from; they stay there, since a change of the site is a new process each time."""
    pages = {origin: await context.new_page() for origin in dict.fromkeys(origin for origin, _ in TRIPS)}
    for origin, page in pages.items():
        await page.goto(f"{origin}/page")
    return pages


async def _trips(pages: dict[str, Page], cookie: Cookie, line: str, third_party_cookies: bool) -> list[str]:
    wrong = []
    for origin, target in TRIPS:
        answer = await pages[origin].evaluate(FETCH, [f"{target}/echo", "include"])
        travel = travels(cookie, f"{target}/echo", page_url=origin, now=time.time(), third_party_cookies=third_party_cookies)
        if travel.allowed != bool(answer["cookie"]):
            wrong.append(f"{line}: page {origin}, target {target}: engine {travel}, browser {answer['cookie']!r}")
    return wrong

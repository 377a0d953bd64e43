"""Attackers' pages, and sessions that end while tabs are open, in a real Chromium."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import BrowserContext

from tests.conftest import PUBLIC_URL, Running
from tests.e2e.conftest import sign_in

# Another site, a sibling on the same domain, another port of our very host: SameSite cookies go along with the last two.
PLACES = ["evil.test", "blog.localhost", "localhost", "127.0.0.1"]
TOKEN = "01234567-0123-4567-89ab-0123456789ab"


@asynccontextmanager
async def attackers_page() -> AsyncIterator[int]:
    """A server that answers everything with an empty page. Yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # Chromium opens connections ahead of need
            await reader.readuntil(b"\r\n\r\n")
        body = b"<!doctype html><title>elsewhere</title><body>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


SOCKET = """url => new Promise(done => {
    const socket = new WebSocket(url);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
})"""
FETCH = """([url, options]) => fetch(url, {credentials: "include", ...options})
    .then(answer => answer.text()).then(() => "read", () => "refused")"""
EMPTIED = """() => { window.emptied = new Promise(done => new MutationObserver(() => {
    if (!document.body.innerText.includes("This browser")) done(performance.timeOrigin + performance.now());
}).observe(document.body, {subtree: true, childList: true, characterData: true})) }"""
FORM = """([url, name]) => {
    const form = Object.assign(document.createElement("form"), {method: "post", action: url});
    form.append(Object.assign(document.createElement("input"), {name, value: "x"}));
    document.body.append(form);
    form.submit();
}"""


@pytest.mark.parametrize("place", PLACES)
async def test_an_attackers_page_is_refused_everything(seamwatch: Running, owner_context: BrowserContext, place: str):
    page = owner_context.pages[0]
    # Names of another site lead nowhere by themselves: the browser is served our empty page under them.
    async with attackers_page() as port:
        at = f"http://{place}:{port}/"
        await page.route(
            f"http://{place}:{port}/**", lambda route: route.fulfill(content_type="text/html", body="<title>elsewhere</title>")
        )
        await page.goto(at)
        assert await page.evaluate(SOCKET, f"ws://localhost:3000/_event/?EIO=4&transport=websocket&token={TOKEN}") == "refused"
        for path in ("/", "/api/v1/me", "/api/openapi.json", "/download/workspace.zip", "/healthz", "/_event/"):
            assert await page.evaluate(FETCH, [f"{PUBLIC_URL}{path}", {}]) == "refused", path
        for path in ("/auth/logout", "/auth/logout-everywhere", "/auth/workspace", "/_upload", "/api/v1/scans"):
            assert await page.evaluate(FETCH, [f"{PUBLIC_URL}{path}", {"method": "POST"}]) == "refused", path
        async with page.expect_response(lambda answer: answer.url == f"{PUBLIC_URL}/auth/logout-everywhere") as posted:
            await page.evaluate(FORM, [f"{PUBLIC_URL}/auth/logout-everywhere", "id"])
        assert (await posted.value).status == 403
        await page.wait_for_url(f"{PUBLIC_URL}/auth/logout-everywhere")
        await page.goto(at)
        await page.evaluate("url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }", PUBLIC_URL)
        async with asyncio.timeout(30):
            while len(page.frames) < 2 or page.frames[-1].url in ("", "about:blank"):
                await page.wait_for_timeout(20)
        assert page.frames[-1].url.startswith("chrome-error:")
    still = await owner_context.new_page()
    await still.goto("/scans")
    await still.get_by_role("heading", name="Scans").first.wait_for()
    assert "/sign-in" not in still.url


async def test_signing_out_in_one_tab_empties_the_others_and_back_shows_nothing(seamwatch: Running, context: BrowserContext):
    first = context.pages[0]
    await sign_in(first, await asyncio.to_thread(seamwatch.owner_link))
    await first.get_by_role("link", name="Incidents").first.wait_for()
    second = await context.new_page()
    await second.goto("/settings/sessions")
    await second.get_by_text("This browser").first.wait_for()
    # What the sign-out in the first tab costs the second: measured, not asserted.
    await second.evaluate(EMPTIED)
    began_ms = await first.evaluate(
        """() => { const at = performance.timeOrigin + performance.now(); fetch("/auth/logout", {method: "POST"}); return at }"""
    )
    print("emptied after", round(await second.evaluate("() => window.emptied") - began_ms), "ms")
    await second.wait_for_url(re.compile(r"/sign-in/?\?why=revoked"))
    await second.get_by_text("This session was ended.").wait_for()
    await second.go_back()
    await second.wait_for_load_state()
    assert "This browser" not in await second.inner_text("body")

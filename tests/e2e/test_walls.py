"""The walls and the sign-in, seen by a real Chromium against the product as people run it."""

import asyncio
import re

from playwright.async_api import BrowserContext, Page, WebSocket

from tests.conftest import Running
from tests.e2e.conftest import Complaints

PAGES = ["/", "/cors", "/scans", "/scans/new", "/nowhere"]


async def test_a_page_opens_its_socket_and_breaks_no_rule_of_the_policy(
    seamwatch: Running, context: BrowserContext, complaints: Complaints
):
    for path in PAGES:
        page = await context.new_page()
        complaints.listen(page)
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def listen(socket: WebSocket, answered: asyncio.Future[str] = answered) -> None:
            socket.on("framereceived", lambda _: answered.done() or answered.set_result(socket.url))

        page.on("websocket", listen)
        answer = await page.goto(path)
        assert answer is not None
        assert "script-src 'self' 'sha256-" in answer.headers["content-security-policy"]
        async with asyncio.timeout(30):
            assert (await answered).startswith("ws://localhost:3000/_event")
        await page.wait_for_load_state("networkidle")
        assert [said for said in complaints if not (path == "/nowhere" and "404" in said)] == [], path
        complaints.clear()


async def test_the_owner_link_signs_the_browser_in_once(seamwatch: Running, page: Page, context: BrowserContext):
    link = await asyncio.to_thread(seamwatch.owner_link)
    await page.goto(f"{link}&next=/scans")
    if await page.get_by_label("Your name").count():
        await page.get_by_label("Your name").fill("Alice")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile(r"/scans/?$"))
    (cookie,) = [cookie for cookie in await context.cookies() if cookie.get("name") == "seam"]
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Lax"
    assert cookie.get("value", "") not in await page.content()
    assert "seam" not in await page.evaluate("document.cookie")
    await page.goto(link)
    await page.get_by_text("This link does not work").wait_for()


async def test_a_foreign_page_can_neither_open_the_socket_nor_read_nor_frame(seamwatch: Running, page: Page):
    attacker = await asyncio.start_server(_empty_page, "127.0.0.1", 0)
    try:
        port = attacker.sockets[0].getsockname()[1]
        await page.goto(f"http://127.0.0.1:{port}/")
        token = "01234567-0123-4567-89ab-0123456789ab"
        opened = await page.evaluate(
            """url => new Promise(done => {
                const socket = new WebSocket(url);
                socket.onopen = () => done("open");
                socket.onerror = () => done("refused");
            })""",
            f"ws://localhost:3000/_event/?EIO=4&transport=websocket&token={token}",
        )
        assert opened == "refused"
        for path in ("/api/openapi.json", "/download/scans/x.json", "/healthz"):
            read = await page.evaluate(
                "url => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'refused')", f"{seamwatch.url}{path}"
            )
            assert read == "refused"
        await page.evaluate("url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }", seamwatch.url)
        await page.wait_for_function("frames.length === 1")
        async with asyncio.timeout(20):
            while page.frames[-1].url in ("", "about:blank"):
                await page.wait_for_timeout(20)
        assert page.frames[-1].url.startswith("chrome-error:")
    finally:
        attacker.close()
        await attacker.wait_closed()


async def _empty_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b"<!doctype html><title>elsewhere</title><body>"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()

"""A loopback server that answers byte for byte what a case says, and a Chromium that makes the case's fetch() against it.

Hosts under .test are mapped to the server inside the browser, so URLs carry port 80 and no name is resolved.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Frame, Page, async_playwright

Case = dict[str, Any]
Observed = dict[str, Any]

PAGE_ORIGIN = "http://app.test"
PAGE_HTML = b"<!doctype html><title>lab</title><iframe sandbox=allow-scripts srcdoc='<title>opaque</title>'></iframe>"
# Sent with every answer unless the case sets the header itself.
SERVER_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Type", "text/plain"),
    ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("Server", "lab"),
)

FETCH_SCRIPT = """
async cases => {
  const body = kind => {
    if (!kind) return undefined;
    switch (kind.kind) {
      case "text": return "body";
      case "urlencoded": return new URLSearchParams({a: "1"});
      case "multipart": { const form = new FormData(); form.append("a", "1"); return form; }
      case "blob": return new Blob(["body"], {type: kind.type || ""});
      case "bytes": return new Uint8Array([98, 111]).buffer;
    }
  };
  const one = async ({url, method, headers, body: kind, credentials, mode, redirect}) => {
    try {
      const init = {method, headers, credentials, mode, redirect};
      if (kind) init.body = body(kind);
      const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer within 20 s")), 20000));
      const answer = await Promise.race([fetch(url, init), late]);
      return {ok: true, type: answer.type, status: answer.status, redirected: answer.redirected,
              exposed: [...new Set([...answer.headers.keys()])].sort()};
    } catch (error) {
      return {ok: false, error: String(error)};
    }
  };
  return await Promise.all(cases.map(one));
}
"""


class LabServer:
    """Answers by absolute URL and writes down, per case, which requests came."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, list[dict[str, Any]]] = {}
        self.raw: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        block = await reader.readuntil(b"\r\n\r\n")
        lines = block[:-4].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = [(name.lower(), value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines[1:])]
        one = dict(headers)
        await reader.readexactly(int(one.get("content-length", "0")))
        path = target if target.startswith("/") else urlsplit(target).path
        url = f"http://{one['host']}{path}"
        if path in ("/page", "/favicon.ico"):
            writer.write(_response(200, [("Content-Type", "text/html")], PAGE_HTML, method))
            return True
        preflight = method == "OPTIONS" and "access-control-request-method" in one
        parts = path.split("?")[0].split("/")
        if len(parts) > 2 and parts[1] == "c":
            self.seen.setdefault(parts[2], []).append(
                {
                    "kind": "preflight" if preflight else "actual",
                    "url": url,
                    "method": one["access-control-request-method"] if preflight else method,
                    "origin": one.get("origin"),
                    "acrh": one.get("access-control-request-headers") if preflight else None,
                    "authorization": "authorization" in one,
                    "content_type": one.get("content-type"),
                }
            )
        answer = self.answers.get(url, {}).get("preflight" if preflight else "actual")
        if answer is None:
            answer = {"status": 404, "headers": []}
        writer.write(_response(answer["status"], answer["headers"], b"ok", method))
        return True


def _response(status: int, headers: Sequence[Sequence[str]], body: bytes, method: str) -> bytes:
    names = {name.lower() for name, _ in headers}
    pairs = [*headers, *(pair for pair in SERVER_HEADERS if pair[0].lower() not in names)]
    head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    empty = method == "HEAD" or status in (204, 304)
    length = "" if status in (204, 304) else f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status} X\r\n{head}{length}\r\n".encode() + (b"" if empty else body)


class Lab:
    """One page at PAGE_ORIGIN with a sandboxed frame (origin "null") inside."""

    def __init__(self, server: LabServer, page: Page, opaque: Frame) -> None:
        self.server = server
        self.page = page
        self.opaque = opaque
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(message.text))

    async def run(self, cases: Sequence[Case], at_once: int = 150) -> list[Observed]:
        """Make every case's call and return what was observed, in order."""
        found: dict[str, Observed] = {}
        for start in range(0, len(cases), at_once):
            batch = cases[start : start + at_once]
            for case in batch:
                self.server.answers.update(case["responses"])
            for frame, origin in ((self.page.main_frame, PAGE_ORIGIN), (self.opaque, "null")):
                mine = [case for case in batch if case["request"]["origin"] == origin]
                results = await frame.evaluate(FETCH_SCRIPT, [case["request"] for case in mine])
                found.update({case["id"]: result for case, result in zip(mine, results, strict=True)})
            for case in batch:
                found[case["id"]]["requests"] = self.server.seen.get(case["id"], [])
        return [found[case["id"]] for case in cases]


@asynccontextmanager
async def open_lab(port: int = 0, chromium_path: str = "/usr/bin/chromium") -> AsyncIterator[Lab]:
    """Start server and browser. Port 0 takes a free one."""
    server = LabServer()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", port, limit=1 << 20)
    bound = listening.sockets[0].getsockname()[1]
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=[
                "--no-sandbox",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-features=LocalNetworkAccessChecks",
                f"--host-resolver-rules=MAP *.test 127.0.0.1:{bound}",
            ],
        )
        try:
            page = await browser.new_page()
            await page.goto(f"{PAGE_ORIGIN}/page")
            element = await page.wait_for_selector("iframe", state="attached")
            frame = await element.content_frame() if element else None
            assert frame is not None
            await frame.wait_for_load_state()
            yield Lab(server, page, frame)
        finally:
            await browser.close()
            listening.close()


if __name__ == "__main__":
    import sys

    async def _main() -> None:
        async with open_lab() as lab:
            cases = [json.loads(line) for line in sys.stdin]
            for case, seen in zip(cases, await lab.run(cases), strict=True):
                print(json.dumps({"id": case["id"], "observed": seen}))
            for line in lab.console:
                print(line, file=sys.stderr)

    asyncio.run(_main())

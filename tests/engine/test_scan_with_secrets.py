"""A scan asks with the secrets that people typed, and nothing it leaves behind holds them. The server sends back all it is sent."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.core.scan_events import ScanStatus
from app.engine.scan_worker import ScanWorker
from app.net import AddressPolicy, Net
from app.net.addresses import Mode
from app.services import audit, scans
from app.services.scan_form import CallForm, ScanForm
from tests.conftest import Cast

TOKEN, KEY, ADDRESS = "t0ken-typed-by-alice", "tenant-typed-by-alice", "ticket-typed-by-alice"


@asynccontextmanager
async def echo():
    """A page, and an API that answers every request with its own headers and address, and allows everything."""
    heads: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        heads.append(head)
        body = json.dumps({"you_sent": head, "words": TOKEN.upper(), "again": [TOKEN, KEY, ADDRESS]})
        answer = [
            "HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Content-Type: application/json", f"X-Echo: {TOKEN} {KEY} {ADDRESS}",
            "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: Authorization, X-Tenant-Key", "Connection: close", "", body,
        ]  # fmt: skip
        writer.write("\r\n".join(answer).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


async def test_typed_secrets_reach_the_server_and_nothing_else(cast: Cast, database: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    said: list[str] = []
    async with echo() as (url, heads), echo() as (api, api_heads), Net(AddressPolicy(Mode.PRIVATE), user_agent="test") as net:
        worker = asyncio.create_task(ScanWorker(net, slots=1).run())
        call = CallForm("GET", "/me", (("Authorization", f"Bearer {TOKEN}"), ("X-Tenant-Key", KEY)))
        scan_id = await scans.start(cast.alice, ScanForm(f"{url}/?ticket_token={ADDRESS}", api, (call,)))
        async with asyncio.timeout(60):
            said += [repr(event) async for event in scans.follow(cast.bob, scan_id)]
        assert (await scans.get(cast.bob, scan_id)).row.status is ScanStatus.DONE
        again = await scans.rescan(cast.bob, scan_id)
        async with asyncio.timeout(60):
            said += [repr(event) async for event in scans.follow(cast.bob, again)]
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    assert len([head for head in heads if f"ticket_token={ADDRESS}" in head]) >= 2
    asked = [head for head in api_heads if f"authorization: bearer {TOKEN}".lower() in head.lower() and KEY in head]
    assert len(asked) >= 2, "the call is asked with what was typed, at first and again"
    report = await scans.report_json_text(cast.bob, scan_id)
    assert "you_sent" in report
    said += [report, caplog.text, repr(await scans.list_(cast.bob)), repr((await audit.list_(cast.alice)).rows)]
    said += await asyncio.to_thread(lambda: [path.read_bytes().decode("latin-1") for path in database.iterdir()])
    assert any("sha256:" in text for text in said)
    for secret in (TOKEN, KEY, ADDRESS):
        assert not [text[max(0, text.find(secret) - 80) :][:200] for text in said if secret in text]

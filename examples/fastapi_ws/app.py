"""A ticker and an echo over FastAPI WebSockets, with a page from the same server.

    python -m examples.fastapi_ws.app [--port 5125] [--broken]

--fault proxy    A reverse proxy stands in front that does not pass Upgrade: the handshake arrives as a plain GET, which FastAPI
                 answers with 404 (WS-01).
"""

import asyncio
import contextlib
import itertools
import math
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException, status
from fastapi.staticfiles import StaticFiles

from examples.front import serve_front
from examples.serving import LOOPBACK, parse_options

FAULTS = {"proxy": "behind a reverse proxy that drops Upgrade (WS-01)"}
TICK_S = 0.5


def create_app(page_origin: str) -> FastAPI:
    """Build the server for one page's origin. Browsers let any page open a WebSocket, so the server checks who asks."""
    app = FastAPI(title="Ticker")

    async def accept(websocket: WebSocket) -> None:
        if websocket.headers.get("origin") != page_origin:
            raise WebSocketException(status.WS_1008_POLICY_VIOLATION)
        await websocket.accept()

    @app.websocket("/ws/ticker")
    async def ticker(websocket: WebSocket) -> None:
        await accept(websocket)
        with contextlib.suppress(WebSocketDisconnect):
            for tick in itertools.count():
                await websocket.send_json({"tick": tick, "price": round(100 + 8 * math.sin(tick / 6), 2)})
                await asyncio.sleep(TICK_S)

    @app.websocket("/ws/echo")
    async def echo(websocket: WebSocket) -> None:
        await accept(websocket)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.send_text(await websocket.receive_text())

    app.mount("/", StaticFiles(directory=Path(__file__).parent / "page", html=True))
    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5125, faults=FAULTS)
    listening = socket.create_server((LOOPBACK, 0 if options.fault == "proxy" else options.port))
    if options.fault == "proxy":
        serve_front(options.port, listening.getsockname()[1])
    app = create_app(f"http://{LOOPBACK}:{options.port}")
    print(f"Ticker: http://{LOOPBACK}:{options.port}/", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()

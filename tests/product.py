"""The product in this process as a socket sees it: guard, namespace, gate, processor. Only server and network are left out."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from reflex.app import _ContextMiddleware
from reflex.istate.manager.memory import StateManagerMemory
from starlette.types import Message, Receive, Scope, Send

from app import web
from app.app import app
from app.settings import settings
from app.state import gate, notice, sockets
from app.walls.binding import Binding

OURS = "http://localhost:3000"
NAMESPACE = "/_event"
HYDRATE = "reflex___state____state.hydrate_and_load"
WAIT_S = 20.0


class Closed(Exception):
    """The socket was closed, or never opened. `why`: the answer's status, or the closing code."""

    def __init__(self, why: int) -> None:
        super().__init__(str(why))
        self.why = why


class Tab:
    """One socket of a browser's tab, or of whoever writes frames by hand."""

    def __init__(self, asgi: Any, cookie: str, token: str, headers: dict[str, str], address: str) -> None:
        self.cookie, self.token, self.closed = cookie, token, 0
        self.vars: dict[str, Any] = {}  # "ScansState.rows" by "scans_state.rows"
        self.events: list[dict[str, Any]] = []  # what the server told the browser to do
        self.heard: list[str] = []  # every notice; on a page they go by themselves
        self.updates = 0
        self._in: asyncio.Queue[Message] = asyncio.Queue()
        self._frames: list[str] = []
        self._news = asyncio.Condition()
        raw = {"host": "localhost:3000", "origin": OURS, "connection": "Upgrade", "upgrade": "websocket", "cookie": cookie, **headers}
        scope: Scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": ("localhost", 3000),
            "client": (address, 40000),
            "path": f"{NAMESPACE}/",
            "raw_path": f"{NAMESPACE}/".encode(),
            "root_path": "",
            "query_string": f"EIO=4&transport=websocket&token={token}".encode(),
            "headers": [(name.encode(), value.encode()) for name, value in raw.items() if value],
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }
        self._in.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self._run(asgi, scope))

    async def _run(self, asgi: Any, scope: Scope) -> None:
        try:
            await asgi(scope, self._in.get, self._take)
        finally:
            await self._tell(closed=self.closed or 1000)

    async def _tell(self, *, closed: int = 0) -> None:
        async with self._news:
            self.closed = self.closed or closed
            self._news.notify_all()

    async def _take(self, message: Message) -> None:
        match message["type"]:
            case "websocket.close":
                await self._tell(closed=message.get("code", 1000))
                self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})
            case "websocket.http.response.start":
                await self._tell(closed=message["status"])
            case "websocket.send":
                frame = message.get("text") or ""
                if frame == "2":
                    return self.write("3")
                if frame.startswith(f"42{NAMESPACE},"):
                    self._event(*json.loads(frame.partition(",")[2]))
                self._frames.append(frame)
                await self._tell()
        return None

    def _event(self, kind: str, update: Any = None) -> None:
        if kind != "event":
            return
        self.updates += 1
        for state, values in (update.get("delta") or {}).items():
            short = state.rpartition(".")[2].rpartition("____")[2]
            self.vars.update({f"{short}.{name.removesuffix('_rx_state_')}": value for name, value in values.items()})
            if said := values.get("said_rx_state_") if short == "notice_state" else "":
                self.heard.append(said)
        self.events += update.get("events") or []

    def write(self, frame: str) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": frame})

    def emit(self, *message: Any) -> None:
        """Send a message of socket.io, whatever it holds."""
        self.write(f"42{NAMESPACE},{json.dumps(message)}")

    def send(self, name: str, payload: Any = None, path: str = "/") -> None:
        """Send an event as a page does, by the handler's full name."""
        self.emit("event", {"name": name, "payload": payload or {}, "router_data": {"pathname": path, "asPath": path}})

    async def until(self, met: Callable[["Tab"], Any]) -> None:
        """Wait until a condition holds that depends on what was received."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: met(self))

    def has(self, start: str) -> bool:
        return any(frame.startswith(start) for frame in self._frames)

    async def connect(self, auth: Any = None) -> None:
        """Open the namespace, as the first frame of Reflex's client does."""
        await self.until(lambda tab: tab.has("0{") or tab.closed)
        if self.closed:
            raise Closed(self.closed)
        self.write(f"40{NAMESPACE},{json.dumps(auth) if auth is not None else ''}")
        await self.until(lambda tab: tab.has(f"40{NAMESPACE}") or tab.has(f"44{NAMESPACE}") or tab.closed)
        if self.closed or self.has(f"44{NAMESPACE}"):
            raise Closed(self.closed)

    async def idle(self) -> None:
        """Wait until nothing is left that the server does for any tab, but for what runs in the background."""
        processor = app.event_processor
        quiet = 0
        async with asyncio.timeout(WAIT_S):
            while quiet < 2 and not self.task.done():
                for _ in range(50):  # from the frame to the processor's queue
                    await asyncio.sleep(0)
                assert processor._queue is not None
                handlers = app._registration_context.event_handlers
                running = {task: sockets._named(task)[0] for task in processor._tasks.values()}
                busy = [task for task, name in running.items() if name not in handlers or not handlers[name].handler.is_background]
                busy += [task for task, name in running.items() if not notice._SHOWN_S and name.endswith("notice_state.tell")]
                waiting = processor._token_queues or not processor._queue.empty() or not self._in.empty()
                quiet = 0 if busy or waiting else quiet + 1
                if busy:  # with the database, mostly: turning on meanwhile costs more than all that is tested
                    await asyncio.wait(busy, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait([self.task], timeout=WAIT_S)


class Product:
    """What is running: open tabs with it."""

    def __init__(self) -> None:
        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            await (app._api if scope["type"] == "websocket" else web.api)(scope, receive, send)  # pyright: ignore[reportOptionalCall]

        self.asgi = _ContextMiddleware(web.Guard(inner), app)
        self.tabs: list[Tab] = []

    async def tab(
        self,
        cookie: str = "",
        *,
        token: str = "",
        path: str = "/",
        boot: bool = True,
        address: str = "127.0.0.1",
        stored: dict[str, Any] | None = None,
        **headers: str,
    ) -> Tab:
        """Open a tab as a browser does: handshake with the cookie, then the event that asks for everything.

        Raises:
            Closed: when it is refused.
        """
        tab = Tab(self.asgi, cookie, token or str(uuid.uuid4()), headers, address)
        self.tabs.append(tab)
        first = {"name": HYDRATE, "payload": {"vars": stored or {}}, "router_data": {"pathname": path, "asPath": path}}
        await tab.connect({"event": first} if boot else None)
        if boot:
            await tab.until(lambda tab: tab.vars.get("state.is_hydrated"))
        return tab

    async def server_token(self, tab: Tab) -> str:
        """Return the token that the server knows a tab by."""
        return (await Binding.of(tab.cookie)).token(tab.token, settings().secret_key)


@asynccontextmanager
async def running() -> AsyncIterator[Product]:
    """Run the processor of events for one test."""
    app._state_manager = StateManagerMemory()
    product = Product()
    async with app._setup_event_processor():
        try:
            yield product
        finally:
            for tab in product.tabs:
                await tab.close()
            await sockets.of(app).settled()
            await app._state_manager.close()


def full_name(handler: Any) -> str:
    """Return the name under which a page sends this event: `full_name(ScansState.load)`."""
    return f"{handler.state_full_name}.{handler.fn.__name__}"


def policies() -> dict[str, str]:
    """Return who may send what, of every handler that the app has."""
    from reflex_base.registry import RegistrationContext

    token = RegistrationContext.set(app._registration_context)
    try:
        return gate.policies()
    finally:
        RegistrationContext.reset(token)

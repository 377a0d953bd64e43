"""The open sockets: whose they are, and what becomes of them when a session ends or its user's role changes.

A socket keeps the cookie of its handshake, and Reflex would go on serving its tab for as long as it is open. So this namespace knows
the session of each socket, empties and closes those of ended sessions at once, and asks every `SWEEP_S` about all others: sessions end
by time, by another process, and by what happens to users and memberships.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import reflex as rx
from reflex.app import App, EventNamespace
from reflex.istate.manager.memory import StateManagerMemory
from reflex.state import State, StateUpdate
from reflex_base.event import Event
from reflex_base.registry import RegistrationContext

from app.services import sessions
from app.services.access import Actor
from app.services.sessions import Ended
from app.walls.binding import BOUND, Bound

SWEEP_S = 5.0
LOCKED_S = 1.0  # how long a handler that does not end may keep its tab from being emptied
LEAVE_S = 20.0  # how long the socket of an emptied tab waits for the tab to be at the sign-in; meanwhile it takes and gives nothing
FLUSH_S = 0.05
KEPT_S = 120.0  # how long a tab of the signed-out can be gone without losing what it showed
SIGN_IN = "/sign-in?why=revoked"
_CLIENT_EVENTS = {"event": (2,), "ping": (1,), "client_error": (1, 2)}  # and with how many arguments, the socket's id among them
_PACKETS = range(3)  # CONNECT, DISCONNECT, EVENT: what Reflex's client sends. https://socket.io/docs/v4/socket-io-protocol/#packet-encoding
_MAX_ROUTE_CHARS, _MAX_ROUTE_PARAMETERS = 8000, 100

logger = logging.getLogger(__name__)
_LAST_WORDS: ContextVar[bool] = ContextVar("last words", default=False)  # set where an ended tab is emptied


@dataclass(slots=True)
class Open:
    """One open socket."""

    session: str  # the session's hash; "" for the signed-out
    actor: Actor | None  # as last seen
    close: Callable[[], Awaitable[None]]
    ended: bool = False  # from here on nothing comes in or goes out but its emptying
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # an ended tab: it is at the sign-in


class Sockets(EventNamespace):
    """Reflex's own namespace of events, with a registry of who is behind each socket."""

    def __init__(self, namespace: str, app: App) -> None:
        super().__init__(namespace, app)
        self.open: dict[str, Open] = {}  # by id of the socket
        self._ending: set[asyncio.Task[None]] = set()
        self._left: set[str] = set()  # tabs that were gone at the last sweep, while something ran for them
        self._gone: dict[str, float] = {}  # tabs of the signed-out that closed → monotonic time at which their state is dropped

    # What comes in.

    async def trigger_event(self, event: Any, *args: Any) -> Any:
        """Pass on what the library reports, and of what a client sends only Reflex's three kinds of messages.

        A client may name its message "connect" and make up the request that it brings: cookie, address and tab token. Only the
        library has the request itself in its hands; and a socket that truly disconnects counts as connected no longer.
        """
        assert self.app.sio is not None
        if event == "connect":
            genuine = len(args) > 1 and self.app.sio.get_environ(args[0], self.namespace) is args[1]
        elif event == "disconnect":
            genuine = not self.app.sio.manager.is_connected(args[0], self.namespace)
        else:
            genuine = isinstance(event, str) and len(args) in _CLIENT_EVENTS.get(event, ())
        return await super().trigger_event(event, *args) if genuine else None

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Take in a socket that came through the guard, unless its session ended or changed on the way."""
        bound = environ.get("asgi.scope", {}).get(BOUND)
        if not isinstance(bound, Bound):
            raise ConnectionRefusedError  # not through the guard
        session = bound.to.session
        actor = await sessions.actor_of(session) if session else None
        if (actor.workspace_id if actor else 0) != bound.to.workspace_id:
            raise ConnectionRefusedError  # the tab tries again, and is bound anew
        self.open[sid] = Open(session, actor, bound.close)
        if isinstance(auth, dict) and not _well_formed(auth.get("event", {"name": ""})):
            auth = None
        try:
            await super().on_connect(sid, environ, auth)
        except BaseException:
            del self.open[sid]
            raise

    def on_disconnect(self, sid: str) -> asyncio.Task[None] | None:
        if (known := self.open.pop(sid, None)) is not None:
            known.arrived.set()  # nobody waits for a tab that is gone
            if not known.session and (token := self.sid_to_token.get(sid)):
                self._gone[token] = time.monotonic() + KEPT_S
        return super().on_disconnect(sid)

    async def on_event(self, sid: str, data: Any) -> None:
        """Take an event whose shape is right and whose handler exists; its arguments are judged by the gate."""
        known = self.open.get(sid)
        if known is None or not _well_formed(data):
            return
        if known.ended:
            if _route(data).get("pathname", "").startswith("/sign-in"):
                known.arrived.set()
            return
        if data["name"] not in self.app._registration_context.event_handlers:
            return
        await super().on_event(sid, {"name": data["name"], "payload": data.get("payload") or {}, "router_data": _route(data)})

    # What goes out.

    async def emit_update(self, update: StateUpdate, token: str) -> None:
        """Send an update to a tab, unless its session ended."""
        record = self._token_manager.token_to_socket.get(token)
        known = self.open.get(record.sid) if record else None
        if record is None or (known is not None and (not known.ended or _LAST_WORDS.get())):
            await super().emit_update(update, token)

    # The end of sessions.

    async def on_ended(self, hashes: Collection[str], why: Ended) -> None:
        """Empty and close the tabs of these sessions. Returns at once: whoever ends a session may hold the lock of its own tab."""
        here = asyncio.current_task()
        for sid, known in list(self.open.items()):
            if known.session in hashes and not known.ended:
                known.ended = True
                task = asyncio.create_task(self._end(sid, known, why, spared=here), name=f"ending of socket {sid}")
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def settled(self) -> None:
        """Wait until every tab that is being emptied is empty and closed."""
        while self._ending:
            await asyncio.gather(*self._ending)

    async def _end(self, sid: str, known: Open, why: Ended, *, spared: asyncio.Task[Any] | None) -> None:
        try:
            token = self.sid_to_token.get(sid)
            if token:
                self._cancel(token, spared)
                _LAST_WORDS.set(True)
                await self._empty(token, why, known)
        except Exception:
            logger.exception("the tab of an ended session could not be emptied; its socket is closed")
        finally:
            # The connection, not the namespace: after that Reflex's client would stay closed, and the page it is led to needs a socket.
            # The new one brings the cookie as it is now, and is bound to another state.
            await known.close()

    async def _empty(self, token: str, why: Ended, known: Open) -> None:
        try:
            async with asyncio.timeout(LOCKED_S), self.app.modify_state(rx.BaseStateToken(ident=token, cls=State)) as state:
                state.reset()
        except TimeoutError:
            logger.warning("a handler keeps the state of an ended session; its tab is closed as it is")
        if why is Ended.REVOKED:
            await self.emit_update(StateUpdate(events=Event.from_event_type(rx.redirect(SIGN_IN, replace=True))), token)
            # Closed before it is there, the tab would open its new socket at the old page, which leads to the sign-in without the reason.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await known.arrived.wait()
        await asyncio.sleep(FLUSH_S)

    def _cancel(self, token: str, spared: asyncio.Task[Any] | None = None, *, only_background: bool = False) -> None:
        """Cancel what waits and what runs for a tab, but not the task that asks for it."""
        processor = self.app.event_processor
        if not only_background:
            for entry, _ in list(processor._token_queues.get(token, ())):
                if entry.ctx.txid not in processor._tasks and (future := processor._futures.get(entry.ctx.txid)):
                    future.cancel()
        for txid, task in list(processor._tasks.items()):
            name, of = _named(task)
            if of == token and task is not spared and (self._is_background(name) or not only_background):
                (processor._futures.get(txid) or task).cancel()

    def _is_background(self, name: str) -> bool:
        registered = self.app._registration_context.event_handlers.get(name)
        return registered is not None and registered.handler.is_background

    # The sweep.

    async def sweep(self) -> None:
        """Ask once about the sessions of all open sockets, and end what runs for tabs that are gone since the last time."""
        hashes = {known.session for known in self.open.values() if known.session and not known.ended}
        found = await sessions.actors(hashes)
        await self.on_ended(hashes - found.keys(), Ended.REVOKED)
        changed: set[str] = set()
        for known in self.open.values():
            if (now := found.get(known.session)) is not None and not known.ended:
                if known.actor is not None and (now.role, now.workspace_id) != (known.actor.role, known.actor.workspace_id):
                    changed.add(known.session)
                known.actor = now
        await self.on_ended(changed, Ended.CHANGED)
        running = {_named(task)[1] for task in self.app.event_processor._tasks.values()}
        gone = {token for token in running if token not in self._token_manager.token_to_socket}
        for token in gone & self._left:
            self._cancel(token, only_background=True)
        self._left = gone
        self._drop_gone()

    def _drop_gone(self) -> None:
        """Drop the states of tabs that the signed-out closed a while ago.

        Reflex keeps each for an hour, 45 kB and more, and anybody can open and close tabs all day.
        """
        manager = self.app.state_manager
        for token, until in list(self._gone.items()):
            if token in self._token_manager.token_to_socket:
                del self._gone[token]  # it came back
            elif until <= time.monotonic() and isinstance(manager, StateManagerMemory):
                state = rx.BaseStateToken(ident=token, cls=State)
                lock = manager._states_locks.get(state.lock_key)
                if lock is None or not lock.locked():  # else at the next sweep
                    del self._gone[token]
                    manager._purge_token(state)

    async def keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()


def _named(task: asyncio.Task[Any]) -> tuple[str, str]:
    """Return the handler that a task of Reflex runs, and the tab it runs for; ("", "") for other tasks."""
    kind, *rest = task.get_name().split("|")
    return (rest[0], rest[1]) if kind == "reflex_event" and len(rest) == 3 else ("", "")


def _well_formed(data: Any) -> bool:
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        return False
    return isinstance(data.get("payload") or {}, dict) and isinstance(data.get("router_data") or {}, dict)


def _route(data: dict[str, Any]) -> dict[str, Any]:
    """Return where a tab says it is: texts only, and not more of them than an address holds."""
    told = data.get("router_data") or {}
    kept: dict[str, Any] = {key: told[key][:_MAX_ROUTE_CHARS] for key in ("pathname", "asPath") if isinstance(told.get(key), str)}
    query = told.get("query")
    if isinstance(query, dict) and len(query) <= _MAX_ROUTE_PARAMETERS:
        kept["query"] = {name[:200]: text[:_MAX_ROUTE_CHARS] for name, text in query.items() if isinstance(text, str)}
    return kept


def _strict(sio: Any, namespace: str) -> Callable[[str, Any], Awaitable[None]]:
    """Return what takes a socket's messages: the first one that Reflex's client would not send ends the connection.

    The library would log each with a stack, sixty a second from anybody, and take in other namespaces and binary parts.
    """

    async def take(eio_sid: str, data: Any) -> None:
        try:
            read = sio.packet_class(encoded_packet=data) if isinstance(data, str) else None
        except Exception:  # whatever the parsers of packets and of JSON raise
            read = None
        if read is not None and read.packet_type in _PACKETS and read.namespace == namespace:
            return await sio._handle_eio_message(eio_sid, data)
        bound = sio.environ.get(eio_sid, {}).get("asgi.scope", {}).get(BOUND)
        if isinstance(bound, Bound):
            await bound.close()
        return None

    return take


def install(app: App) -> Sockets:
    """Put the registry in the place of Reflex's namespace, and have it told of sessions that end."""
    assert app.sio is not None
    assert app.event_namespace is not None
    namespace = Sockets(app.event_namespace.namespace, app)
    app._event_namespace = namespace
    app.sio.register_namespace(namespace)
    app.sio.eio.on("message", _strict(app.sio, namespace.namespace))
    sessions.listeners.append(namespace.on_ended)
    return namespace


def of(app: App | None = None) -> Sockets:
    """Return the registry of the running app."""
    namespace = (app or RegistrationContext.get().app).event_namespace
    assert isinstance(namespace, Sockets)
    return namespace

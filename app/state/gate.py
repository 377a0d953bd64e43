"""Deny by default: no event runs unless its handler says who may run it.

Reflex turns every public method of a state into an event that any client may send with any arguments. So each handler carries one of
these marks, below `@rx.event`, and the middleware refuses whatever has none. What a role may do is decided in services, not here.

It leans on what Reflex keeps to itself: `EventContext.parent_txid`, the names of Reflex's own handlers, and how arguments are coerced.
tests/state/test_gate.py and tests/test_every_door.py fail when one of these changes.
"""

import logging
import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import reflex as rx
from pydantic import TypeAdapter
from reflex.app import App
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState, FrontendEventExceptionState, OnLoadInternalState, State, StateUpdate, UpdateVarsInternalState
from reflex_base.constants.state import FIELD_MARKER
from reflex_base.event import Event, EventHandler
from reflex_base.event.context import EventContext
from reflex_base.event.processor.base_state_processor import _transform_event_payload
from reflex_base.registry import RegistrationContext

from app.services import audit, rates, sessions
from app.services.access import Actor
from app.services.errors import Limited
from app.services.rates import Rate
from app.state.shown import sign_in_path

Handler = TypeVar("Handler", bound=Callable[..., Any])
_MARK = "_seamwatch_policy"

# Limits of one event's arguments. Whatever a page of ours sends is far smaller.
MAX_DEPTH, MAX_VALUES, MAX_STORED_CHARS, MAX_REPORT_CHARS = 12, 5000, 4000, 2000
MAX_INT = 2**53  # beyond it JavaScript has no whole numbers
_LOGGED_EACH_S, _LOGGED_AT_MOST = 60.0, 20

logger = logging.getLogger(__name__)

# Who sent the event that is being handled, as the middleware found them; None for the signed-out.
ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


def public(handler: Handler) -> Handler:
    """Anybody may, signed in or not."""
    setattr(handler, _MARK, "public")
    return handler


def signed_in(handler: Handler) -> Handler:
    """Whoever is signed in may; others are led to the sign-in."""
    setattr(handler, _MARK, "signed_in")
    return handler


def internal(handler: Handler) -> Handler:
    """Only another handler may, by returning it as its next event; no client can send it."""
    setattr(handler, _MARK, "internal")
    return handler


def _name(state: type[BaseState], handler: str) -> str:
    return f"{state.get_full_name()}.{handler}"


_HYDRATE = _name(State, "hydrate_and_load")
_STORAGE = _name(UpdateVarsInternalState, "update_vars_internal")
_REPORT = _name(FrontendEventExceptionState, "handle_frontend_exception")
# What Reflex's own pages send, and what its handlers chain. Everything else of Reflex, `setvar` above all, is refused.
FRAMEWORK: dict[str, str] = {
    _HYDRATE: "public",
    _STORAGE: "public",
    _REPORT: "public",
    _name(State, "hydrate"): "public",
    _name(OnLoadInternalState, "on_load_internal"): "public",
    _name(OnLoadInternalState, "set_is_hydrated"): "internal",
    _name(State, "set_is_hydrated"): "internal",
}


def policy_of(name: str, handler: EventHandler) -> str:
    """Return "public", "signed_in", "internal", or "deny" for what carries no mark."""
    if name in FRAMEWORK:
        return FRAMEWORK[name]
    return getattr(getattr(handler.fn, "func", handler.fn), _MARK, "deny")


def policies() -> dict[str, str]:
    """Return every registered handler by its full name, with its policy."""
    return {name: policy_of(name, registered.handler) for name, registered in RegistrationContext.get().event_handlers.items()}


class Malformed(ValueError):
    """The arguments are not those of the handler. The text is for the log and repeats nothing that was sent."""


class Shape:
    """The arguments that one handler takes, after its annotations."""

    def __init__(self, handler: EventHandler) -> None:
        parameters = [one for place, one in enumerate(handler.get_parameters().values()) if place]  # the first is the state
        self.hints = handler._get_type_hints()
        self.required = {one.name for one in parameters if one.default is one.empty}
        self.types = {one.name: TypeAdapter(self.hints.get(one.name, Any)) for one in parameters}

    def check(self, payload: dict[str, Any]) -> None:
        """Judge arguments as they came from a client. Numbers are not taken for texts, nor texts for numbers.

        Raises:
            Malformed: when one is missing, unknown, of another type, or larger than any page of ours makes it.
        """
        if not payload.keys() <= self.types.keys() or not self.required <= payload.keys():
            raise Malformed("names of arguments")
        _measure(payload)
        try:
            coerced = _transform_event_payload(payload, self.hints)  # as Reflex itself will, before the handler sees them
            for name, value in coerced.items():
                self.types[name].validate_python(value, strict=True)
        except (ValueError, TypeError, AttributeError, OverflowError):  # its own coercion raises all of these for odd values
            raise Malformed("types of arguments") from None


def _measure(payload: dict[str, Any]) -> None:
    count, level = 0, [payload]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            count += 1
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif (isinstance(value, int) and abs(value) > MAX_INT) or (isinstance(value, float) and not math.isfinite(value)):
                raise Malformed("a number that is none")
            if count + len(below) > MAX_VALUES:
                raise Malformed("too many values")
        if not below:
            return
        level = below
    raise Malformed("too deep")


class Gate(Middleware):
    """Stands in front of every event: from a socket, chained by a handler, or in the background."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Shape]] = {}
        self._logged, self._logged_since = 0, 0.0

    def _look_up(self, name: str) -> tuple[str, Shape] | None:
        if name not in self._known:
            registered = RegistrationContext.get().event_handlers.get(name)
            if registered is None:
                return None
            self._known[name] = policy_of(name, registered.handler), Shape(registered.handler)
        return self._known[name]

    async def preprocess(self, app: App, state: BaseState, event: Event) -> StateUpdate | None:
        """Let the event through (None), or answer it with nothing, or with the way to the sign-in."""
        data, context = state.router_data, EventContext.get()
        chained = context.parent_txid is not None
        actor = await sessions.actor((data.get("headers") or {}).get("cookie") or "")
        ACTOR.set(actor)
        audit.ADDRESS.set(data.get("ip") or "")
        found = self._look_up(event.name)
        policy, shape = found or ("deny", None)
        if shape is None or policy == "deny" or (policy == "internal" and not chained):
            return self._refuse(event.name, "no client may send it")
        if not chained:
            try:
                await rates.hit(Rate.TAB_EVENTS, context.token)
                if actor:
                    await rates.hit(Rate.ACCOUNT_EVENTS, str(actor.user_id))
                shape.check(event.payload)
                if event.name in FRAMEWORK:
                    await _tame(event, str(data.get("ip") or ""))
            except (Malformed, Limited) as error:
                return self._refuse(event.name, str(error))
        if policy == "signed_in" and actor is None:
            there = str(data.get("asPath") or "/").partition("#")[0]
            return StateUpdate(events=Event.from_event_type(rx.redirect(sign_in_path(there), replace=True)))
        return None

    def _refuse(self, name: str, why: str) -> StateUpdate:
        at = time.monotonic()
        if at - self._logged_since > _LOGGED_EACH_S:
            self._logged, self._logged_since = 0, at
        self._logged += 1
        if self._logged <= _LOGGED_AT_MOST:
            logger.warning("refused the event %s: %s", ascii(name)[:200], why)
        return StateUpdate()


async def _tame(event: Event, address: str) -> None:
    """Cut down what Reflex's own handlers would take: values of browser storage, and reports of errors."""
    if event.name == _REPORT:
        await rates.hit(Rate.ERROR_REPORTS, rates.of_address(address))
        for name, text in event.payload.items():  # on one line: else a report could look like lines of the log
            event.payload[name] = " | ".join(str(text).split("\n"))[:MAX_REPORT_CHARS].replace("\r", " ")
    elif isinstance(stored := event.payload.get("vars"), dict):
        event.payload["vars"] = {name: value or "" for name, value in stored.items() if _is_storable(name, value)}


def _is_storable(name: str, value: Any) -> bool:
    """Whether a value is a text for a var that lives in the browser. Reflex takes any JSON for those, and fails at unknown names."""
    state_name, _, var = name.rpartition(".")
    state = RegistrationContext.get().base_states.get(state_name)
    if state is None or not (value is None or (isinstance(value, str) and len(value) <= MAX_STORED_CHARS)):
        return False
    return any(state._is_client_storage(spelled) for spelled in (var, var.removesuffix(FIELD_MARKER)))

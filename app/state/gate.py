"""Deny by default: no event runs unless its handler says who may run it.

Reflex turns every public method of a state into an event that any client may send with any arguments. So each handler carries one of
these marks, below `@rx.event`, and the middleware refuses whatever has none. What a role may do is decided in services, not here.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])
_MARK = "_seamwatch_policy"


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

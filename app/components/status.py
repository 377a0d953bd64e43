"""The live dot: whether what is shown follows the server."""

from typing import Any

import reflex as rx


def live_dot(text: Any = "live", *, on: rx.Var[bool] | bool = True) -> rx.Component:
    """Return the live dot: a green disc while `on`, a hollow ring while reconnecting. It never blinks."""
    return rx.el.span(text, class_name=rx.cond(on, "live", "live off"))

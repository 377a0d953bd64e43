"""An error in a panel: what, why, what is unharmed, Try again. Only that panel; the rest of the page stays."""

from typing import Any

import reflex as rx

from app.components.button import button
from app.components.icons import GlyphName, glyph


def note(title: Any, detail: Any = None, *, glyph_name: GlyphName | rx.Var[str] = "down", action: Any = None, **props: Any) -> rx.Component:
    """Return a glyph with a sentence, and a second one below. Also for what is unknown ("unknown"), limited ("degraded"), well ("ok")."""
    return rx.el.div(
        glyph(glyph_name),
        rx.el.div(rx.el.b(title), rx.el.div(detail) if detail is not None else None, class_name="grow"),
        action,
        class_name="note " + props.pop("class_name", ""),
        **props,
    )


def panel_error(what: Any, why: Any, *, on_retry: Any) -> rx.Component:
    """Return the error of one panel with a button to try again; it is announced."""
    return note(what, why, action=button("Try again", size="sm", on_click=on_retry), role="alert")

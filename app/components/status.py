"""Status: glyph and word, always both."""

from typing import Any

import reflex as rx

from app.components.icons import GlyphName, glyph
from app.components.tokens import STATUS_WORDS


def status(name: GlyphName | rx.Var[str], word: str | rx.Var[str] = "", *, soft: bool = False) -> rx.Component:
    """Return a status. `word` defaults to the status's own; it must be given when `name` is a var."""
    if not isinstance(word, rx.Var) and not word:
        word = STATUS_WORDS[str(name)]
    return rx.el.span(glyph(name), word, class_name=f"st c-{name}{' soft' if soft else ''}")


def live_dot(text: Any = "live", *, on: rx.Var[bool] | bool = True) -> rx.Component:
    """Return the live dot: a green disc while `on`, a hollow ring while reconnecting. It never blinks."""
    return rx.el.span(text, class_name=rx.cond(on, "live", "live off"))

"""Chip filter: word and count; the pressed one filters. A chip with a count of zero is hidden, except the pressed one."""

from typing import Any

import reflex as rx
from reflex.vars import BooleanVar, NumberVar

from app.components.icons import GlyphName, glyph


def chip(
    word: Any, *, pressed: BooleanVar, on_click: Any, count: NumberVar[int] | None = None, glyph_name: GlyphName | None = None, **props: Any
) -> rx.Component:
    """Return one chip of a filter; put them into `chips`."""
    inner = [glyph(glyph_name)] if glyph_name else []
    inner.append(word)
    if count is not None:
        inner.append(rx.el.span(count, class_name="f"))
    made = rx.el.button(*inner, type="button", aria_pressed=pressed, on_click=on_click, class_name="chip", **props)
    return made if count is None else rx.cond((count > 0) | pressed, made)


def chips(*children: Any, label: str) -> rx.Component:
    """Return the group of chips, named for screen readers."""
    return rx.el.div(*children, role="group", aria_label=label, class_name="row wrap")

"""Texts with parts: code between prose, and the faulty part underlined."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.state.report_view import Piece


def prose(parts: rx.Var[Any]) -> rx.Component:
    """Return a sentence with its code. `parts` holds a list of `Piece`: the type of a field of a var's item is lost on the way."""
    return rx.foreach(parts, _piece)


def _piece(part: ObjectVar[Piece]) -> rx.Component:
    return rx.cond(
        part.look == "code",
        rx.el.code(part.text),
        rx.cond(
            part.look == "hl",
            rx.el.span(part.text, class_name="hl"),
            rx.cond(part.look == "none", rx.el.i(part.text, class_name="f"), rx.fragment(part.text)),
        ),
    )

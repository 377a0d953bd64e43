"""Code: mono 12 on a sunken ground, Copy at its top right, scrolled sideways never wrapped. No highlighter: it weighs more than a page."""

from typing import Any

import reflex as rx

from app.components.copy_button import copy_button


def code_block(*content: Any, text: str | rx.Var[str], key: str | rx.Var[str], label: str | rx.Var[str] = "Code") -> rx.Component:
    """Return a block of code.

    Args:
        content: what is shown, when it is more than `text`: spans of class "add", "del", "hl".
        text: what Copy takes.
        key: unique on the page; tells which button says "Copied".
        label: for screen readers; the block can be scrolled by keyboard.
    """
    return rx.el.div(
        rx.el.pre(*(content or (text,)), tab_index=0, role="region", aria_label=label),
        copy_button(text, key=key),
        class_name="codebox",
    )

"""Segments: one value of a few. Radio buttons, so that the browser itself gives them one tab stop and arrow keys."""

from typing import Any

import reflex as rx


def segments(label: str, name: str, values: tuple[str, ...], chosen: rx.Var[str], *, on_change: Any, filled: rx.Var[int]) -> rx.Component:
    """Return the segments.

    Args:
        label: shown above.
        name: of the group, unique on the page.
        values: what can be chosen; the words are the values.
        chosen: what is chosen when the group appears; after that it belongs to the browser.
        on_change: event handler that takes the value.
        filled: rises when the group is to be filled anew.
    """
    buttons = [
        rx.el.label(
            rx.el.input(type="radio", name=name, value=value, default_checked=chosen == value, on_change=on_change, class_name="vh"), value
        )
        for value in values
    ]
    return rx.el.div(
        rx.el.span(label, id=f"{name}-label", class_name="l"),
        rx.el.div(*buttons, role="radiogroup", aria_labelledby=f"{name}-label", class_name="seg", key=f"{name}-{filled}"),
    )

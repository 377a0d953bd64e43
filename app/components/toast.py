"""Toast: what was done, with Undo for 8 s. Driven by a state's var, since handlers may not return `rx.toast` under our CSP."""

from typing import Any

import reflex as rx

from app.components.button import button
from app.components.icons import glyph


def toast(
    text: rx.Var[str], *, on_close: Any, undo: Any = None, can_undo: rx.Var[bool] | None = None, failed: rx.Var[bool] | None = None
) -> rx.Component:
    """Return the toast, shown while `text` is not empty.

    Args:
        text: what was done, one sentence.
        on_close: handler of the closing button.
        undo: handler of Undo; None for a toast without it.
        can_undo: shows Undo only while true.
        failed: whether it says what could not be done.
    """
    action = None
    if undo is not None:
        made = button("Undo", kind="text", on_click=undo)
        action = made if can_undo is None else rx.cond(can_undo, made)
    shown = rx.el.div(
        glyph("ok") if failed is None else rx.cond(failed, glyph("down"), glyph("ok")), rx.el.span(text, class_name="grow"), action,
        button(icon_name="x", kind="ghost", size="sm", aria_label="Close", on_click=on_close),
        class_name="toast appear",
    )  # fmt: skip
    return rx.el.div(rx.cond(text != "", shown), class_name="toasts", role="status")

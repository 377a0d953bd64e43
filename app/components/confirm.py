"""Confirmation: only for what cannot be undone; all else is done at once, with Undo in a toast."""

from typing import Any

import reflex as rx

from app.components.button import button


def confirm(
    question: Any, consequence: Any, *, verb: str, keep: str, is_open: rx.Var[bool], on_confirm: Any, on_cancel: Any
) -> rx.Component:
    """Return a dialog that traps the focus, starts on the safe button and closes on Escape.

    Args:
        question: names the object: "Delete POST /api/invoices/?".
        consequence: what goes with it.
        verb: on the dangerous button: "Delete monitor".
        keep: on the safe one: "Keep it".
        is_open: whether it is shown.
        on_confirm: handler of the verb.
        on_cancel: handler of the safe button and of Escape.
    """
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title(question, size="2", margin_bottom="0"),
            rx.alert_dialog.description(consequence, class_name="s m"),
            rx.el.div(
                rx.alert_dialog.cancel(button(keep, on_click=on_cancel)),
                rx.alert_dialog.action(button(verb, kind="danger", on_click=on_confirm)),
                class_name="row end-x",
            ),
            class_name="dlg",
            max_width="440px",
        ),
        open=is_open,
        on_open_change=on_cancel,
    )

"""Copy button: "Copy" becomes "Copied" for 2 s."""

import reflex as rx

from app.components.icons import icon
from app.state.copied import CopiedState


def copy_button(text: str | rx.Var[str], *, key: str | rx.Var[str], word: str = "Copy") -> rx.Component:
    """Return a button that copies `text`. `key` is unique on the page."""
    copied = CopiedState.key == key
    return rx.el.button(
        rx.cond(copied, icon("check", small=True), icon("copy", small=True)),
        rx.el.span(rx.cond(copied, "Copied", word), aria_live="polite"),
        type="button",
        # Bound in the browser: a handler that returned set_clipboard would need 'unsafe-eval'.
        on_click=[rx.set_clipboard(text), CopiedState.show(key)],
        class_name="btn sm",
    )

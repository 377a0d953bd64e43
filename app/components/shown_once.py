"""A secret that is shown once: a token, an invitation's link. A panel, not a dialog: no stray Esc may take it away."""

from typing import Any

import reflex as rx

from app.components.button import button
from app.components.code import code_block
from app.components.icons import glyph


def shown_once(
    title: Any, secret: rx.Var[str], *, name: str, warning: Any, on_stored: Any, more: Any = None, stored: str = "I have stored it"
) -> rx.Component:
    """Return the panel, there while `secret` is not empty. It takes the focus when it appears.

    Args:
        title: "Copy the token CI deploy now".
        secret: the value; the state forgets it in `on_stored`, and whenever the page is opened.
        name: "token", "invitation link"; unique on the page.
        warning: what happens when it is lost.
        on_stored: handler of the button that ends it.
        more: how it is used.
        stored: on that button.
    """
    key = "once-" + name.replace(" ", "-")
    return rx.cond(
        secret != "",
        rx.el.section(
            rx.el.div(
                glyph("degraded", class_name="g-l"),
                rx.el.div(
                    rx.el.h3(title, id=key, tab_index=-1, on_mount=rx.set_focus(key)),
                    rx.el.p(warning, class_name="s m"),
                    class_name="grow",
                ),
                class_name="row once-head",
            ),
            code_block(text=secret, key=key, label=f"The {name}"),
            more,
            rx.el.div(button(stored, on_click=on_stored, kind="pri"), class_name="row"),
            aria_labelledby=key,
            class_name="once appear",
        ),
    )

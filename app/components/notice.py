"""The sentence of `NoticeState`, above everything at the bottom."""

import reflex as rx

from app.components.button import button
from app.components.icons import glyph
from app.state.notice import NoticeState


def notice() -> rx.Component:
    """Return the place where the sentence appears; put it once on a page. It is announced politely."""
    shown = rx.el.div(
        rx.cond(NoticeState.failed, glyph("down"), glyph("ok")),
        rx.el.span(NoticeState.said, class_name="grow"),
        button(icon_name="x", kind="ghost", size="sm", aria_label="Close", on_click=NoticeState.close),
        class_name="toast appear",
    )
    return rx.el.div(rx.cond(NoticeState.said != "", shown), class_name="toasts", role="status")

"""Mends of one finding as tabs, one per framework.

The tabs are radio buttons: the browser itself gives them one tab stop and arrow keys, and the stylesheet shows the panel of the
checked one. So they work without a round trip, and without JavaScript in the HTML report.
"""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.code import code_block
from app.components.prose import prose
from app.state.report_view import MendView


def mend_tabs(mends: rx.Var[Any], key: rx.Var[str] | str, *, level: int = 4) -> rx.Component:
    """Return the tabs with their panels.

    Args:
        mends: holds a list of `MendView`.
        key: unique on the page.
        level: of the heading.
    """
    views = mends.to(list[MendView])
    return rx.el.div(
        (rx.el.h3 if level == 3 else rx.el.h4)("Mend"),
        rx.el.div(rx.foreach(views, lambda mend: _tab(mend, key)), role="radiogroup", aria_label="Framework", class_name="tabs"),
        rx.foreach(views, lambda mend: _panel(mend, key)),
        class_name="mends",
    )


def _tab(mend: ObjectVar[MendView], key: rx.Var[str] | str) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="radio", name=f"mend-{key}", value=mend.framework, default_checked=mend.first, class_name="vh"),
        mend.word,
        rx.cond(mend.yours, " (yours)", ""),
        key=mend.framework,
    )


def _panel(mend: ObjectVar[MendView], key: rx.Var[str] | str) -> rx.Component:
    return rx.el.div(
        rx.el.p(prose(mend.place), class_name="s m place"),
        code_block(text=mend.code, key=f"mend-{key}-{mend.framework}", label=f"Mend for {mend.word}"),
        rx.cond(mend.install != "", rx.el.p("Install first: ", rx.el.code("pip install ", mend.install), class_name="s m")),
        rx.cond(mend.note.length() > 0, rx.el.p(prose(mend.note), class_name="s f")),
        class_name=f"mend t-{mend.framework}",
        key=mend.framework,
    )

"""The verdict path: the steps a browser takes for one call, and the one at which it stops."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.icons import glyph
from app.components.prose import prose
from app.state.report_view import LookView, StepView


def verdict_path(steps: rx.Var[Any], *, fade: bool = False) -> rx.Component:
    """Return the path. `steps` holds a list of `StepView`. `fade`: a step whose outcome changes fades in; the others stay still."""
    return rx.el.ol(rx.foreach(steps, lambda step: _step(step, " appear" if fade else "")), class_name="vp")


def path_marks(marks: rx.Var[Any], said: rx.Var[str]) -> rx.Component:
    """Return the path shrunk to 13 px marks with one label, for tables. `marks` holds names of glyphs."""
    return rx.el.span(rx.foreach(marks, lambda name: glyph(name, class_name="")), role="img", aria_label=said, class_name="mini")


def _step(step: ObjectVar[StepView], extra: str) -> rx.Component:
    plain = rx.foreach(step.looks, lambda look: rx.el.span(rx.el.code(look.name, ": ", prose(look.value)), " "))
    listed = rx.el.dl(rx.foreach(step.looks, _compared), class_name="cmp")
    return rx.fragment(
        rx.cond(step.hop != "", rx.el.li(rx.el.b("After the redirect to "), rx.el.code(step.hop), class_name="hop s any")),
        rx.el.li(
            rx.el.span(glyph(step.glyph, class_name=""), class_name="mk"),
            rx.el.div(rx.el.span(step.said, ": ", class_name="vh"), step.title, class_name="t"),
            rx.el.a(step.rule, href=f"/cors/rules#{step.rule}", class_name="rule"),
            rx.el.div(
                prose(step.detail),
                " ",
                rx.cond(step.kind == "stop", rx.cond(step.looks.length() > 0, listed), plain),
                class_name="w",
            ),
            class_name=f"{step.kind}{extra}",
        ),
        key=step.key,
    )


def _compared(look: ObjectVar[LookView]) -> rx.Component:
    return rx.fragment(rx.el.dt(look.name), rx.el.dd(rx.el.code(prose(look.value))))

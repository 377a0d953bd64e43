"""One run of a check: its outcome, phases, assertions with what was found, and the exchanges as they were."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.code import code_block
from app.components.icons import glyph, icon
from app.state.exchange_view import ExchangeView, FactView, FindingView, PhaseView, RunView


def run_body(view: ObjectVar[RunView], key: str) -> rx.Component:
    """Return what a run found. `key`: unique on the page."""
    return rx.el.div(
        rx.cond(view.text != "", rx.el.p(view.text, class_name="any")),
        rx.cond(view.phases.to(list).length() > 0, phase_bar(view.phases)),
        rx.cond(view.findings.to(list).length() > 0, findings(view.findings)),
        rx.cond(
            view.facts.to(list).length() > 0,
            rx.el.dl(rx.foreach(view.facts.to(list[FactView]), _fact), class_name="pairs"),
        ),
        rx.foreach(view.exchanges.to(list[ExchangeView]), lambda one: _exchange(one, key)),
        class_name="stack run",
    )


def findings(items: Any) -> rx.Component:
    """Return the assertions, each with what was found. `items` holds a list of `FindingView`."""
    return rx.el.ul(rx.foreach(items.to(list[FindingView]), _finding), class_name="as")


def _finding(one: ObjectVar[FindingView]) -> rx.Component:
    return rx.el.li(
        glyph(one.glyph),
        rx.el.span(rx.el.span(one.said, ": ", class_name="vh"), one.words, class_name="grow any"),
        rx.el.span(
            rx.cond(one.found != "", rx.el.span(rx.cond(one.said == "Failed", "found ", ""), class_name="f")),
            one.found,
            class_name=rx.match(one.glyph, ("ok", "mono s f any"), ("degraded", "mono s c-degraded any"), "mono s c-down any"),
        ),
    )


def phase_bar(items: Any) -> rx.Component:
    """Return the phases of one exchange as a bar with its words. `items` holds a list of `PhaseView`."""
    return rx.el.div(
        rx.el.div(
            rx.foreach(items.to(list[PhaseView]), lambda one: rx.el.i(class_name=f"ph ph-{one.look}", width=one.percent)),
            aria_hidden="true",
            class_name="phbar",
        ),
        rx.el.div(
            rx.foreach(
                items.to(list[PhaseView]),
                lambda one: rx.el.span(rx.el.i(class_name=f"ph ph-{one.look}", aria_hidden="true"), one.name, " ", rx.el.b(one.ms)),
            ),
            class_name="lg s m",
        ),
        class_name="stack tight",
    )


def _fact(one: ObjectVar[FactView]) -> rx.Component:
    return rx.fragment(rx.el.dt(one.name), rx.el.dd(one.value, class_name="any"))


def _exchange(one: ObjectVar[ExchangeView], key: str) -> rx.Component:
    return rx.el.details(
        rx.el.summary(
            icon("right", small=True, class_name="turns"),
            rx.el.span(one.title, class_name="mono s any grow"),
            rx.el.span(rx.cond(one.answer != "", one.answer, "no answer"), class_name="mono s nw"),
            rx.el.span(one.ms, class_name="mono s f nw"),
        ),
        rx.el.div(
            rx.cond(one.failure != "", rx.el.p(one.failure, class_name="s m")),
            code_block(text=one.sent, key=f"{key}-sent-{one.key}", label=f"{one.number}. What was sent"),
            rx.cond(one.got != "", code_block(text=one.got, key=f"{key}-got-{one.key}", label=f"{one.number}. Head of the answer")),
            rx.cond(one.body != "", code_block(text=one.body, key=f"{key}-body-{one.key}", label=f"{one.number}. Body of the answer")),
            rx.cond(one.body_note != "", rx.el.p(one.body_note, class_name="s f")),
            class_name="stack tight",
        ),
        open=one.opened,
        key=one.key,
        class_name="fold exchange",
    )

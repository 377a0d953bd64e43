"""Settings: what the engine does."""

from collections.abc import Sequence

import reflex as rx
from reflex.vars import ObjectVar

from app.components.card import card, pad
from app.components.icons import glyph
from app.components.panel_error import panel_error
from app.components.settings import settings_page
from app.components.skeleton import skeleton_rows
from app.components.table import head, table
from app.state.engine import PATH, EngineViewState, Figure, GapView

_S = EngineViewState


def page() -> rx.Component:
    ready = rx.fragment(
        card(
            "Now",
            rx.cond(
                _S.now.length() > 0,
                _figures(_S.now),
                rx.el.div("It runs in another process, which keeps its own figures.", class_name="empty"),
            ),
        ),
        card("Its own network", rx.cond(_S.network.length() > 0, _figures(_S.network), _no_anchors())),
        card("Kept", _figures(_S.kept)),
        _gaps(),
    )
    return settings_page(
        rx.match(
            _S.view,
            ("ready", ready),
            ("error", panel_error("The engine's state could not be read.", _S.error, on_retry=_S.load)),
            rx.el.div(skeleton_rows("Loading the engine's state", 8), class_name="card"),
        ),
        current=PATH,
        title="Engine",
        heading=rx.cond(_S.verdict != "", rx.el.span(glyph(_S.glyph, class_name="g-h"), _S.verdict, class_name="row"), "Engine"),
        lead="It runs every check of this installation, in all workspaces.",
    )


def _no_anchors() -> rx.Component:
    return rx.el.div(
        "Nothing is asked: no anchors are set, so a failing network of our own cannot be told from failing targets.", class_name="empty"
    )


def _figure(one: ObjectVar[Figure]) -> rx.Component:
    return rx.el.div(
        rx.el.dt(one.words, class_name="any"),
        rx.el.dd(
            rx.el.span(rx.cond(one.glyph != "", glyph(one.glyph)), one.value, class_name="val"), rx.el.span(one.note, class_name="s f")
        ),
    )


def _figures(figures: rx.Var[Sequence[Figure]]) -> rx.Component:
    return pad(rx.el.dl(rx.foreach(figures, _figure), class_name="figures"))


def _gap(one: ObjectVar[GapView]) -> rx.Component:
    return rx.el.tr(rx.el.td(one.started), rx.el.td(one.ended), rx.el.td(one.lasted, class_name="num"), key=one.started)


def _gaps() -> rx.Component:
    rows = table(head("From", "Until", ("Lasted", "num")), rx.el.tbody(rx.foreach(_S.gaps, _gap)), label="Gaps, newest first")
    none = rx.el.div(rx.el.b("No gaps in seven days"), "The engine ran all the time.", class_name="empty")
    return card(
        "When it did not run",
        rx.cond(_S.gaps.length() > 0, rows, none),
        rx.cond(_S.gaps.length() > 0, rx.el.footer(rx.el.span("Nothing is reported down for these spans: nobody looked."))),
        aside=rx.cond(_S.gaps.length() > 0, _S.gaps_words, ""),
    )

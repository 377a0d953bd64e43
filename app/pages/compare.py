"""Two reports side by side: what is new, gone and judged differently."""

from collections.abc import Sequence

import reflex as rx
from reflex.vars import ArrayVar, ObjectVar

from app.components.card import card
from app.components.icons import glyph
from app.components.panel_error import note, panel_error
from app.components.severity import severity
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.components.table import head, table
from app.state.compare import ComparedCall, ComparedFinding, CompareState, Side


def page() -> rx.Component:
    return app_shell(
        favicon(),
        rx.match(
            CompareState.view,
            ("ready", _ready()),
            (
                "error",
                rx.el.div(
                    rx.el.h1("These scans cannot be compared"),
                    panel_error(CompareState.error, "Both scans are unharmed.", on_retry=CompareState.load),
                    class_name="stack form",
                ),
            ),
            rx.el.div(rx.el.h1("Comparison", class_name="vh"), rx.el.div(skeleton_rows("Comparing", 8), class_name="card")),
        ),
        current="/scans",
        crumbs=[Crumb("Scans", "/scans"), Crumb("Comparison")],
    )


def _side(word: str, side: ObjectVar[Side]) -> rx.Component:
    return rx.el.span(rx.el.a(word, href=f"/scans/{side.id}"), " ", rx.el.time(side.when, date_time=side.at))


def _ready() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.h1(CompareState.sentence),
            rx.el.p(
                rx.el.b(CompareState.newer.host),
                ": ",
                _side("newer scan", CompareState.newer),
                ", compared with the ",
                _side("older scan", CompareState.older),
                class_name="m s",
            ),
            class_name="head",
        ),
        rx.cond(
            CompareState.other_site,
            note(
                rx.fragment("The older scan is of another application: ", CompareState.older.host, "."),
                "Differences may come from that.",
                glyph_name="degraded",
            ),
        ),
        _findings("New findings", CompareState.new, "None is new."),
        _findings("Gone", CompareState.gone, "None is gone."),
        _calls(),
        _findings("Unchanged", CompareState.unchanged, "None stayed."),
        class_name="stack",
    )


def _finding(row: ObjectVar[ComparedFinding]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(severity(row.severity), class_name="sev-col"),
        rx.el.td(row.code, class_name="mono s f desk"),
        rx.el.td(row.title, rx.el.div(row.code, " · ", row.hits, class_name="phone s f")),
        rx.el.td(rx.el.span(row.seam, class_name="tag"), class_name="desk"),
        rx.el.td(row.hits, class_name="desk s m num"),
    )


def _findings(title: str, rows: ArrayVar[Sequence[ComparedFinding]], none: str) -> rx.Component:
    columns = head("Severity", ("Code", "desk"), "Finding", ("Seam", "desk"), ("What it hits", "desk num"))
    body = table(columns, rx.el.tbody(rx.foreach(rows, _finding)), label=title)
    return card(title, rx.cond(rows.length() > 0, body, rx.el.div(none, class_name="empty short")), aside=rows.length())


def _call(row: ObjectVar[ComparedCall]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.el.span(rx.el.b(row.method), " ", rx.el.span(row.url, class_name="url"), class_name="mono s")),
        rx.el.td(rx.el.span(glyph(row.was_glyph), row.was, class_name="st")),
        rx.el.td(rx.el.span(glyph(row.now_glyph), row.now, class_name="st")),
    )


def _calls() -> rx.Component:
    body = table(head("Call", "Was", "Is"), rx.el.tbody(rx.foreach(CompareState.calls, _call)), label="Calls judged differently")
    return card(
        "Calls",
        rx.cond(CompareState.calls.length() > 0, body, rx.el.div("No call is judged differently.", class_name="empty short")),
        aside=CompareState.calls_words,
    )

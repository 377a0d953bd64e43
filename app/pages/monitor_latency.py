"""How fast a monitor answers: percentiles over a span, as a chart or a table, and where the time goes."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button
from app.components.card import card, pad
from app.components.chart import latency_chart, phase_legend, phases_chart
from app.components.panel_error import panel_error
from app.components.table import head, table
from app.state.monitor import MonitorState
from app.state.monitor_view import WINDOW_WORDS, ChartRow

_State = MonitorState


def _windows() -> rx.Component:
    buttons = [
        rx.el.button(words, type="button", aria_pressed=_State.window == window, on_click=_State.choose_window(window))
        for window, words in WINDOW_WORDS.items()
    ]
    return rx.el.div(*buttons, role="group", aria_label="Span", class_name="seg")


def latency() -> rx.Component:
    seen = _State.latency
    chart = rx.cond(
        seen.known,
        latency_chart(seen.wide, seen.phone, seen.said),
        rx.el.div("Nothing answered in this span.", class_name="empty short"),
    )
    as_table = button(
        rx.cond(_State.as_table, "Show as chart", "Show as table"), kind="text", on_click=_State.toggle_table, aria_expanded=_State.as_table
    )
    shown = rx.cond(_State.as_table, _chart_table(), pad(chart))
    return card(
        "Latency",
        rx.cond(_State.charts_error != "", panel_error("The chart could not be read.", _State.charts_error, on_retry=_State.retry), shown),
        rx.cond(seen.known, rx.el.footer(rx.el.span(seen.said, class_name="grow"), as_table)),
        aside=seen.bucket,
        tools=(_windows(),),
    )


def _chart_table() -> rx.Component:
    def row(one: ObjectVar[ChartRow]) -> rx.Component:
        return rx.el.tr(
            rx.el.th(rx.el.time(one.time, date_time=one.at), scope="row", class_name="mono"),
            rx.el.td(one.p50, class_name="num mono"),
            rx.el.td(one.p95, class_name="num mono"),
            rx.el.td(one.p99, class_name="num mono"),
            key=one.at,
        )

    return rx.el.div(
        table(
            head("From, UTC", ("p50, ms", "num"), ("p95, ms", "num"), ("p99, ms", "num")),
            rx.el.tbody(rx.foreach(_State.latency.rows.to(list[ChartRow]), row)),
            label="Latency as a table, newest first",
        ),
        class_name="chart-table",
    )


def phases() -> rx.Component:
    seen = _State.latency
    return rx.cond(
        seen.phased,
        card(
            "Phases",
            pad(phases_chart(seen.phases_wide, seen.phases_phone, seen.phases_said)),
            aside="ms, median",
            tools=(phase_legend(),),
        ),
    )

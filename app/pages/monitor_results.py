"""What single checks of a monitor found, newest first, each with its exchange where one is kept."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button
from app.components.card import card
from app.components.empty import empty
from app.components.field import checkbox
from app.components.icons import glyph, icon
from app.components.panel_error import note, panel_error
from app.components.run import run_body
from app.components.skeleton import skeleton_rows
from app.components.table import head, table
from app.state.monitor import STORED_WITHIN_S, MonitorState
from app.state.monitor_view import ResultView

_State = MonitorState


def _result(row: ObjectVar[ResultView]) -> rx.Component:
    is_open = _State.opened == row.due
    when = rx.el.time(row.time, date_time=row.at, class_name="mono s nw")
    return rx.fragment(
        rx.el.tr(
            rx.el.td(when),
            rx.el.td(
                rx.el.span(glyph(row.glyph), row.word, class_name=f"st c-{row.glyph}"),
                rx.foreach(row.marks.to(list[str]), lambda mark: rx.el.span(mark, class_name="tag")),
            ),
            rx.el.td(row.code, class_name="num mono s"),
            rx.el.td(row.ms, class_name="num mono s"),
            rx.el.td(rx.el.span(row.note, class_name="clamp any"), class_name="s m desk"),
            rx.el.td(
                rx.cond(
                    row.has_detail,
                    button(
                        icon("down", small=True), kind="ghost", size="sm", aria_expanded=is_open, on_click=_State.toggle_result(row.due),
                        aria_label=f"What was exchanged at {row.time}", class_name="turning",
                    ),
                ),
                class_name="act-col",
            ),
            class_name=rx.cond(is_open, "sel", ""),
        ),
        rx.cond(
            is_open,
            rx.el.tr(
                rx.el.td(
                    rx.cond(
                        _State.run_error != "",
                        note(_State.run_error, role="alert"),
                        rx.cond(_State.run.glyph != "", run_body(_State.run, "result"), skeleton_rows("Loading the exchange", 3)),
                    ),
                    col_span=6,
                ),
                class_name="detail-row",
            ),
        ),
        key=row.due,
    )  # fmt: skip


def results() -> rx.Component:
    columns = head("Due, UTC", "Status", ("Answer", "num"), ("ms", "num"), ("Longest phase, or why", "desk"), ("Details", "vh act-col"))
    nothing = rx.cond(
        _State.only_failures,
        empty("No failed check", "Of those that are kept one by one, none failed."),
        rx.cond(
            _State.last_s > 0,
            rx.cond(
                _State.now_s - _State.last_s < STORED_WITHIN_S,
                empty("A first check ran", "Its result is listed within seconds."),
                empty("No result is kept", "The next check is listed here."),
            ),
            rx.cond(_State.paused, empty("No check yet", "It is paused."), empty("No check yet", "The first one runs within a minute.")),
        ),
    )
    shown = rx.cond(
        _State.results.length() > 0,
        table(columns, rx.el.tbody(rx.foreach(_State.results, _result)), label="Results, newest first", class_name="results"),
        nothing,
    )
    return card(
        "Results",
        rx.cond(
            _State.results_error != "",
            panel_error("Results could not be read.", _State.results_error, on_retry=_State.retry),
            shown,
        ),
        rx.cond(
            _State.more | (_State.page > 1),
            rx.el.footer(
                rx.el.span("Newest first", class_name="grow"),
                rx.el.nav(
                    button("Newer", size="sm", on_click=_State.turn(-1), disabled=_State.page <= 1),
                    rx.el.span("Page ", _State.page, class_name="f nw"),
                    button("Older", size="sm", on_click=_State.turn(1), disabled=~_State.more),
                    aria_label="Pages of results",
                    class_name="row",
                ),
            ),
        ),
        tools=(checkbox("Only failures", default_checked=_State.only_failures, on_change=_State.set_only_failures),),
        id="results",
    )

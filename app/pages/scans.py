"""The list of scans."""

import reflex as rx

from app.components.button import button, link_button
from app.components.empty import empty
from app.components.icons import glyph, spinner
from app.components.panel_error import panel_error
from app.components.severity import severity_counts
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.components.table import head, pager, table
from app.components.toast import toast
from app.state.scans import ListedScan, ScansState


def page() -> rx.Component:
    return app_shell(
        favicon(),
        rx.el.div(
            rx.el.h1("Scans"),
            rx.cond(ScansState.view == "list", _compare_tools()),
            class_name="row sp wrap hd",
        ),
        rx.el.section(
            rx.match(
                ScansState.view,
                ("list", _list()),
                (
                    "empty",
                    empty(
                        "No scans yet",
                        "A scan shows how an application's two halves are joined and what a browser blocks between them.",
                        link_button("Scan an application", href="/scans/new", kind="pri"),
                    ),
                ),
                ("error", panel_error("The scans could not be read.", ScansState.error, on_retry=ScansState.retry)),
                skeleton_rows("Loading scans", 8),
            ),
            aria_label="Scans",
            class_name="card",
        ),
        toast(ScansState.notice, on_close=ScansState.close_notice, undo=ScansState.undo, can_undo=ScansState.undo_id != ""),
        current="/scans",
        crumbs=[Crumb("Scans")],
        actions=[link_button("New scan", href="/scans/new", kind="pri", icon_name="plus")],
    )


def _compare_tools() -> rx.Component:
    chosen = ScansState.selected.length()
    reason = rx.match(chosen, (0, "Choose two to compare"), (1, "Choose one more"), "2 chosen")
    return rx.el.div(
        rx.el.span(reason, class_name="s f", role="status"),
        button("Compare", icon_name="diff", on_click=ScansState.compare, disabled=chosen != 2),
        class_name="row",
    )


def _list() -> rx.Component:
    columns = head(("Choose", "vh choose"), "Application", ("Verdict", "desk"), ("Findings", "desk"), ("When", "desk"), ("Actions", "vh"))
    return rx.fragment(
        table(columns, rx.el.tbody(rx.foreach(ScansState.rows, _row)), label="Scans, newest first", class_name="scans"),
        pager(ScansState.page, ScansState.pages, ScansState.total_words, on_previous=ScansState.turn(-1), on_next=ScansState.turn(1)),
    )


def _counts(row: rx.vars.ObjectVar[ListedScan]) -> rx.Component:
    counts = severity_counts(critical=row.critical, high=row.high, medium=row.medium, low=row.low, info=row.info)
    return rx.cond(row.has_report, counts, rx.el.span("–", class_name="f", aria_label="no report"))


def _row(row: rx.vars.ObjectVar[ListedScan]) -> rx.Component:
    sentence = rx.cond(
        row.running,
        rx.el.span(spinner(), row.sentence, class_name="st"),
        rx.cond(
            row.glyph != "",
            rx.el.span(glyph(row.glyph), rx.el.span(row.sentence, class_name="m"), class_name="st noted"),
            rx.el.span(row.sentence, class_name="clamp"),
        ),
    )
    return rx.el.tr(
        rx.el.td(
            rx.cond(
                row.has_report,
                rx.el.input(
                    type="checkbox",
                    checked=row.selected,
                    on_change=lambda _: ScansState.choose(row.id),
                    aria_label=f"Choose the scan of {row.host}, {row.when}, to compare",
                ),
            ),
            class_name="choose",
        ),
        rx.el.td(
            rx.el.a(
                rx.el.b(row.host, class_name="any"), rx.el.span(row.path, class_name="f any"), href=f"/scans/{row.id}", class_name="site"
            ),
            rx.cond(row.api != "", rx.el.div("API ", row.api, class_name="s f any")),
            rx.el.div(
                rx.el.div(sentence, class_name="s m"),
                rx.cond(row.has_report, _counts(row)),
                rx.el.div(row.when, class_name="s f"),
                class_name="phone under",
            ),
        ),
        rx.el.td(sentence, class_name="desk"),
        rx.el.td(_counts(row), class_name="desk"),
        rx.el.td(rx.el.time(row.when, date_time=row.at), class_name="desk s f nw"),
        rx.el.td(
            rx.el.div(
                button(
                    icon_name="rotate",
                    kind="ghost",
                    size="sm",
                    on_click=ScansState.rescan(row.id),
                    aria_label=f"Scan {row.host} again",
                    title="Scan again",
                ),
                button(
                    icon_name="trash",
                    kind="ghost",
                    size="sm",
                    on_click=ScansState.delete(row.id),
                    aria_label=f"Delete the scan of {row.host}",
                    title="Delete",
                ),
                class_name="row acts",
            ),
            class_name="num",
        ),
        key=row.id,
        class_name=rx.cond(row.selected, "sel", ""),
    )

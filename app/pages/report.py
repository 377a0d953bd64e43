"""The report of one scan: verdict, seam map, findings, calls, architecture, what was asked."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, link_button
from app.components.card import card, pad
from app.components.chips import chip, chips
from app.components.empty import empty
from app.components.icons import glyph, icon
from app.components.mends import mend_tabs
from app.components.panel_error import note, panel_error
from app.components.prose import prose
from app.components.seam_map import legend, seam_map
from app.components.severity import severity, severity_counts
from app.components.skeleton import skeleton_rows
from app.components.table import head, table
from app.components.verdict_path import path_marks, verdict_path
from app.state.report import ReportState, SeamChip
from app.state.report_view import CallRow, FindingRow, RequestRow, TechnologyRow
from app.state.scan import ScanState


def report_actions() -> list[Any]:
    """Return the buttons of the top bar."""
    return [
        link_button("Export", href=ReportState.download, kind="ghost", icon_name="dl", server=True, class_name="desk"),
        button(rx.el.span("Scan again", class_name="desk"), icon_name="rotate", on_click=ScanState.rescan, aria_label="Scan again"),
        rx.cond(
            (ReportState.error == "") & (ReportState.shown != ""),
            link_button("Watch this", href=f"/scans/{ReportState.shown}/watch", kind="pri", icon_name="activity"),
        ),
    ]


def report_body() -> rx.Component:
    return rx.cond(
        ReportState.error != "",
        rx.el.div(
            rx.el.h1("This report cannot be shown"),
            panel_error("The report could not be read.", ReportState.error, on_retry=ReportState.load),
            class_name="stack form",
        ),
        rx.cond(
            # Not while the report of the scan that was open before is still there.
            (ReportState.shown != "") & ReportState.router.url.path.contains(ReportState.shown),
            rx.el.div(_verdict(), _map(), _findings(), _calls(), _architecture(), _asked(), class_name="stack report"),
            rx.el.div(rx.el.h1("Report", class_name="vh"), rx.el.div(skeleton_rows("Loading the report", 8), class_name="card")),
        ),
    )


def _verdict() -> rx.Component:
    counts = {name: getattr(ReportState, name) for name in ("critical", "high", "medium", "low", "info")}
    return rx.el.section(
        rx.el.h1(prose(ReportState.sentence)),
        rx.cond(ReportState.detail.length() > 0, rx.el.p(prose(ReportState.detail), class_name="m")),
        rx.el.div(
            severity_counts(**counts),
            rx.el.span(
                rx.el.time(ReportState.when, date_time=ReportState.when_iso),
                " · ",
                ReportState.cost,
                " · ",
                rx.el.a("what was asked", href="#asked", reload_document=True),
                # Phones have no room for Export in the top bar.
                rx.el.span(" · ", rx.el.a("download", href=ReportState.download, reload_document=True), class_name="phone"),
                class_name="f",
            ),
            class_name="row wrap s meta",
        ),
        rx.foreach(ReportState.notes, lambda text: note(text, glyph_name="degraded")),
        class_name=rx.cond(ReportState.blocked, "verdict blocked", "verdict"),
    )


def _map() -> rx.Component:
    return card(
        "Seam map",
        seam_map(ReportState.seams, ReportState.open_finding),
        aside=rx.el.span("Select a line to open its evidence", class_name="desk"),
        tools=(legend(),),
    )


def _findings() -> rx.Component:
    filters = chips(
        chip("All", pressed=ReportState.seam == "", on_click=ReportState.choose_seam("")),
        rx.foreach(ReportState.chips, _chip),
        label="Filter findings by seam",
    )
    return card(
        "Findings",
        rx.cond(
            ReportState.total > 0,
            rx.el.ul(rx.foreach(ReportState.findings, _finding), class_name="fl"),
            rx.cond(
                ReportState.notes.length() > 0,
                empty("No findings", "In what could be read. What limited this scan is named above; what it hid may be at fault."),
                empty("No findings", "What a scan can see from outside is in order. Calls that it did not see can be added by hand."),
            ),
        ),
        aside=ReportState.total,
        tools=(rx.cond(ReportState.chips.length() > 1, filters),),
        id="findings",
    )


def _chip(seam: ObjectVar[SeamChip]) -> rx.Component:
    return rx.el.button(
        seam.name,
        rx.el.span(seam.count, class_name="f"),
        type="button",
        aria_pressed=ReportState.seam == seam.name,
        on_click=ReportState.choose_seam(seam.name),
        class_name="chip",
    )


def _finding(row: ObjectVar[FindingRow]) -> rx.Component:
    return rx.el.li(
        rx.el.h3(
            rx.el.button(
                severity(row.severity),
                rx.el.span(row.code, class_name="mono s f code"),
                rx.el.span(prose(row.title), class_name="ft"),
                rx.el.span(row.seam, class_name="tag desk"),
                rx.el.span(row.hits, class_name="s f desk num"),
                rx.cond(row.open, icon("down", small=True), icon("right", small=True)),
                type="button",
                aria_expanded=row.open,
                auto_focus=ReportState.target == row.id,
                on_click=ReportState.toggle(row.id),
                class_name="fr",
            )
        ),
        rx.cond(row.open, _finding_body(row)),
        id=row.id,
        key=row.id,
    )


def _finding_body(row: ObjectVar[FindingRow]) -> rx.Component:
    left = rx.el.div(
        rx.el.p(prose(row.explanation), rx.cond(row.certainty != "", rx.el.span(row.certainty, class_name="tag"))),
        rx.cond(
            row.evidence.length() > 0,
            rx.el.div(
                rx.el.h4("Evidence"),
                rx.el.pre(rx.foreach(row.evidence, _evidence_line), tab_index=0, role="region", aria_label="Evidence"),
                rx.cond(row.console != "", rx.el.p("Console: ", row.console, class_name="s f any")),
            ),
        ),
        rx.cond(row.mends.length() > 0, mend_tabs(row.mends, row.id)),
        class_name="stack",
    )
    right = rx.el.div(
        rx.el.h4("Verdict path ", rx.el.span(row.call, class_name="f any call")),
        verdict_path(row.path),
        rx.el.div(
            link_button("Try in the lab", href=row.lab, size="sm", icon_name="flask"),
            rx.cond(row.others != "", rx.el.a(row.others, href="#calls", reload_document=True, class_name="s")),
            class_name="row wrap",
        ),
    )
    return rx.el.div(
        left, rx.cond(row.path.length() > 0, right), class_name=rx.cond(row.path.length() > 0, "fbody appear", "fbody one appear")
    )


def _evidence_line(parts: rx.Var[Any]) -> rx.Component:
    return rx.fragment(prose(parts), "\n")


def _calls() -> rx.Component:
    search = rx.el.label(
        icon("search", small=True),
        rx.el.span("Filter calls by path", class_name="vh"),
        rx.el.input(type="search", placeholder="Filter by path", on_change=ReportState.filter_calls.debounce(200)),
        class_name="in find",
    )
    columns = head("Call", ("Credentials", "desk"), ("Path", "desk"), "Verdict", ("Status", "num desk"), ("ms", "num desk"), ("Open", "vh"))
    return card(
        "Calls",
        rx.cond(
            ReportState.calls.length() > 0,
            table(columns, rx.foreach(ReportState.calls, _call), label="Calls of the frontend"),
            rx.cond(
                ReportState.calls_total > 0,
                empty("No call matches", "Clear the filter to see all of them."),
                empty(
                    "No calls found",
                    "The page's scripts and forms show no call of an API. Scan again and add the calls to try.",
                    link_button("New scan", href=ScanState.again),
                ),
            ),
        ),
        rx.cond(
            ReportState.calls_more > 0,
            rx.el.footer(button("Show ", ReportState.calls_more, " more calls", kind="text", on_click=ReportState.more_calls)),
        ),
        aside=ReportState.calls_count,
        tools=(rx.cond(ReportState.calls_total > 8, search),),
        id="calls",
        class_name="calls",
    )


def _call(row: ObjectVar[CallRow]) -> rx.Component:
    name = rx.el.button(
        rx.el.b(row.method, class_name="mt"),
        rx.el.span(row.path, class_name="any"),
        rx.cond(row.host != "", rx.el.span(row.host, class_name="f s any host")),
        type="button",
        aria_expanded=row.open,
        on_click=ReportState.toggle_call(row.id),
        class_name="mono link",
    )
    verdict = rx.el.span(
        glyph(row.glyph), row.verdict, class_name=rx.match(row.glyph, ("ok", "st c-ok"), ("stop", "st c-high"), "st c-unknown")
    )
    return rx.el.tbody(
        rx.el.tr(
            rx.el.td(name),
            rx.el.td(row.credentials, class_name="desk m"),
            rx.el.td(path_marks(row.marks, row.marks_said), class_name="desk"),
            rx.el.td(verdict),
            rx.el.td(row.status, class_name="num mono desk"),
            rx.el.td(row.ms, class_name="num mono desk"),
            rx.el.td(rx.cond(row.open, icon("down", small=True), icon("right", small=True)), class_name="chev"),
        ),
        rx.cond(row.open, rx.el.tr(rx.el.td(_call_body(row), col_span=7), class_name="more")),
        key=row.id,
    )


def _call_body(row: ObjectVar[CallRow]) -> rx.Component:
    return rx.el.div(
        rx.cond(row.why != "", rx.el.p(row.why, class_name="m")),
        rx.cond(row.steps.length() > 0, verdict_path(row.steps)),
        rx.cond(row.standard != "", rx.el.p(row.standard, class_name="s m")),
        rx.cond(row.console != "", rx.el.p("Console: ", row.console, class_name="s f any")),
        rx.cond(row.source != "", rx.el.pre(row.source, tab_index=0, role="region", aria_label="Where the call was found")),
        rx.el.div(link_button("Try in the lab", href=row.lab, size="sm", icon_name="flask"), class_name="row"),
        class_name="stack tight callbody appear",
    )


def _architecture() -> rx.Component:
    return card(
        "Architecture",
        rx.cond(
            ReportState.evidence.length() > 0,
            pad(rx.el.ul(rx.foreach(ReportState.evidence, lambda line: rx.el.li(prose(line))), class_name="m s lines")),
        ),
        rx.cond(
            ReportState.technologies.length() > 0,
            table(
                head("Part", "Identified", ("Where", "desk"), ("Certainty", "desk"), ("Evidence", "desk")),
                rx.el.tbody(rx.foreach(ReportState.technologies, _technology)),
                label="Technologies",
            ),
        ),
        aside=ReportState.architecture,
    )


def _technology(row: ObjectVar[TechnologyRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.part, class_name="m nw"),
        rx.el.td(rx.el.b(row.name, class_name="nw"), rx.el.span(" ", row.certainty, class_name="phone s f")),
        rx.el.td(row.where, class_name="desk mono s m nw"),
        rx.el.td(row.certainty, class_name="desk s m"),
        rx.el.td(row.evidence, class_name="desk s f any"),
    )


def _asked() -> rx.Component:
    toggle = button(
        rx.cond(ReportState.requests_open, "Hide", "Show all"),
        size="sm",
        aria_expanded=ReportState.requests_open,
        on_click=ReportState.toggle_requests,
    )
    return card(
        "What was asked",
        rx.cond(ReportState.requests_open, rx.el.ul(rx.foreach(ReportState.requests, _request), class_name="fl")),
        rx.cond(
            ReportState.requests_more > 0,
            rx.el.footer(button("Show ", ReportState.requests_more, " more requests", kind="text", on_click=ReportState.more_requests)),
        ),
        aside=rx.fragment(ReportState.cost, ", all GET, HEAD, OPTIONS or WebSocket handshakes"),
        tools=(toggle,),
        id="asked",
    )


def _request(row: ObjectVar[RequestRow]) -> rx.Component:
    return rx.el.li(
        rx.el.button(
            rx.el.span(row.id, class_name="f s num"),
            rx.el.span(rx.el.b(row.method), " ", row.url, class_name="mono s trunc"),
            rx.el.span(row.purpose, class_name="tag desk"),
            rx.el.span(row.answer, class_name="mono s num"),
            rx.el.span(row.ms, " ms", class_name="mono s f num desk"),
            rx.cond(row.open, icon("down", small=True), icon("right", small=True)),
            type="button",
            aria_expanded=row.open,
            on_click=ReportState.toggle_request(row.id),
            class_name="rr",
        ),
        rx.cond(
            row.open,
            rx.el.div(
                rx.el.pre(row.asked, tab_index=0, role="region", aria_label="Request"),
                rx.el.pre(row.answered, tab_index=0, role="region", aria_label="Answer"),
                class_name="two appear",
            ),
        ),
        key=row.id.to_string(),
    )

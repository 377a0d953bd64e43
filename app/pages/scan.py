"""One scan: live while it runs, then its report."""

import reflex as rx
from reflex_components_core.core.banner import has_connection_errors

from app.components.button import button, link_button
from app.components.card import card, pad
from app.components.field import checkbox
from app.components.icons import glyph, spinner
from app.components.panel_error import note, panel_error
from app.components.severity import severity
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import bar, skeleton_rows
from app.components.status import live_dot
from app.components.table import head, table
from app.pages.report import report_actions, report_body
from app.state.scan import FoundRow, PhaseRow, RequestRow, ScanState


def page() -> rx.Component:
    return app_shell(
        favicon(ScanState.icon),
        rx.match(ScanState.view, ("running", _refused()), ("done", _refused()), rx.fragment()),
        rx.match(
            ScanState.view,
            ("running", _running()),
            ("done", report_body()),
            ("failed", _ended("could not be scanned", "failed")),
            ("cancelled", _ended("was not scanned to the end", "cancelled")),
            ("missing", _missing()),
            ("error", _error()),
            _loading(),
        ),
        current="/scans",
        crumbs=[Crumb("Scans", "/scans"), Crumb(rx.cond(ScanState.host != "", ScanState.host, "Scan"))],
        actions=[rx.cond(ScanState.view == "done", rx.fragment(*report_actions()))],
    )


def _refused() -> rx.Component:
    """Say why a button of a page that has no other place for it did nothing: too many scans under way, for example."""
    return rx.cond(ScanState.error != "", note(ScanState.error, glyph_name="degraded", role="alert"))


def _loading() -> rx.Component:
    return rx.el.div(rx.el.h1("Scan", class_name="vh"), rx.el.div(skeleton_rows("Loading the scan", 8), class_name="card"))


def _running() -> rx.Component:
    words = rx.cond(
        ScanState.queued,
        "Waiting for its turn.",
        rx.fragment(
            ScanState.requests,
            " of about 40 requests",
            rx.cond(ScanState.requests > 0, f", {ScanState.elapsed}", ""),
            ". Everything is GET, HEAD, OPTIONS or a WebSocket handshake.",
        ),
    )
    return rx.el.div(
        rx.el.div(
            rx.el.div(rx.el.h1("Scanning ", ScanState.host, class_name="any"), rx.el.p(words, class_name="m s"), class_name="head grow"),
            button("Cancel scan", icon_name="x", busy=ScanState.cancelling, busy_text="Cancelling…", on_click=ScanState.cancel),
            class_name="row sp wrap hd",
        ),
        rx.el.div(
            rx.el.i(width=ScanState.percent.to_string() + "%"),
            role="progressbar",
            aria_label="Scan",
            custom_attrs={"aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": ScanState.percent},
            class_name="prog",
        ),
        rx.el.div(_phases(), _requests(), _found(), class_name="cols"),
        class_name="stack",
    )


def _phase(phase: rx.vars.ObjectVar[PhaseRow]) -> rx.Component:
    mark = rx.match(phase.glyph, ("ok", glyph("ok", class_name="g-l")), ("run", spinner()), glyph("not", class_name="g-l"))
    said = rx.match(phase.glyph, ("ok", "done"), ("run", "running"), "waiting")
    return rx.el.li(
        mark,
        rx.el.span(phase.name, rx.el.span(", ", said, class_name="vh"), class_name="grow"),
        rx.el.span(phase.requests, class_name="s f"),
        rx.el.span(phase.took, class_name="s f num took"),
        class_name=phase.glyph,
    )


def _phases() -> rx.Component:
    return card("Phases", rx.el.ol(rx.foreach(ScanState.phases, _phase), class_name="phs"))


def _request(row: rx.vars.ObjectVar[RequestRow]) -> rx.Component:
    noted = rx.cond(row.noted != "", rx.fragment(glyph(row.glyph), rx.el.span(row.noted, class_name="m")))
    return rx.el.tr(
        rx.el.td(row.time, class_name="desk f mono s nw"),
        rx.el.td(
            rx.el.span(rx.el.b(row.method), rx.el.span(row.url, class_name="url"), class_name="mono s"),
            rx.el.span(noted, class_name="phone s m nt"),
        ),
        rx.el.td(row.answer, class_name="num mono s"),
        rx.el.td(row.ms, class_name="num mono s f"),
        rx.el.td(rx.el.span(noted, class_name="st noted"), class_name="desk"),
        key=row.id.to_string(),
        class_name="appear",
    )


def _live() -> rx.Component:
    return live_dot(rx.cond(has_connection_errors, "trying again", "as they happen"), on=~has_connection_errors)


def _requests(*, live: bool = True) -> rx.Component:
    columns = head(("Time", "desk"), "Request", ("Answer", "num"), ("ms", "num"), ("Noted", "desk"))
    waiting = rx.cond(ScanState.only_noteworthy, "Nothing noteworthy so far.", "The first answer is awaited.")
    return card(
        "Requests",
        rx.cond(
            ScanState.rows.length() > 0,
            table(columns, rx.el.tbody(rx.foreach(ScanState.rows, _request)), label="Requests, newest first", class_name="reqs"),
            rx.el.div(waiting, class_name="empty"),
        ),
        # Counts are announced, not each row.
        rx.el.span(ScanState.requests, rx.cond(ScanState.requests == 1, " request", " requests"), class_name="vh", role="status"),
        aside=_live() if live else "newest first",
        tools=(checkbox("Only noteworthy", default_checked=ScanState.only_noteworthy, on_change=ScanState.set_only_noteworthy),),
    )


def _found_row(found: rx.vars.ObjectVar[FoundRow]) -> rx.Component:
    return rx.el.li(severity(found.severity), rx.el.span(found.text, class_name="m s any"), class_name="fs")


def _found() -> rx.Component:
    return card(
        "Found so far",
        pad(
            rx.el.ul(rx.foreach(ScanState.found, _found_row), class_name="stack tight"),
            rx.el.div(bar("70%"), bar("45%"), aria_hidden="true", class_name="skl"),
        ),
    )


def _ended(what: str, kind: str) -> rx.Component:
    """A scan that gave no report: why, and the way on."""
    asked = rx.cond(
        ScanState.requests > 0,
        rx.cond(ScanState.requests == 1, "Cancelled after 1 request.", f"Cancelled after {ScanState.requests} requests."),
        "Cancelled before it ended.",
    )
    why = rx.cond(ScanState.error != "", ScanState.error, asked if kind == "cancelled" else "The scan did not end.")
    unharmed = "Nothing was written there: a scan only reads."
    return rx.el.div(
        rx.el.div(rx.el.h1(ScanState.host, f" {what}", class_name="any"), rx.el.p(ScanState.started, class_name="s f"), class_name="head"),
        note(why, unharmed, glyph_name="down" if kind == "failed" else "paused"),
        rx.el.div(
            button("Scan again", kind="pri", icon_name="rotate", on_click=ScanState.rescan),
            link_button("Change the addresses", href=ScanState.again),
            link_button("All scans", href="/scans", kind="ghost"),
            class_name="row wrap",
        ),
        rx.cond(ScanState.requests > 0, rx.el.div(_requests(live=False), class_name="asked")),
        class_name="stack form",
    )


def _missing() -> rx.Component:
    return rx.el.div(
        rx.el.h1("There is no such scan"),
        rx.el.p("It was deleted, or belongs to another workspace.", class_name="m"),
        rx.el.div(link_button("All scans", href="/scans", kind="pri"), link_button("New scan", href="/scans/new"), class_name="row wrap"),
        class_name="stack tight lost-page",
    )


def _error() -> rx.Component:
    return rx.el.div(
        rx.el.h1("This scan cannot be shown"),
        panel_error("The scan could not be read.", ScanState.error, on_retry=ScanState.open),
        class_name="stack form",
    )

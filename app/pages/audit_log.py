"""The audit log: who changed what, when, from what, to what, from which address."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, link_button
from app.components.card import card
from app.components.empty import empty
from app.components.field import error_line, select_field
from app.components.icons import icon
from app.components.panel_error import note, panel_error
from app.components.settings import settings_page
from app.components.skeleton import skeleton_rows
from app.components.table import head, table
from app.state.audit_log import ACTIONS, SPANS, AuditLogState, AuditView

_TYPED_MS = 300


def page() -> rx.Component:
    filtered = rx.el.div(
        rx.el.b("No line matches"), "Search for less, or choose other days.",
        rx.el.div(button("Clear filters", on_click=AuditLogState.clear), class_name="row wrap"),
        class_name="empty",
    )  # fmt: skip
    body = rx.match(
        AuditLogState.view,
        ("list", _lines()),
        ("filtered", filtered),
        ("empty", empty("Nothing yet", "Each change to this workspace and each sign-in is written here, with who, when and from where.")),
        ("error", panel_error("The audit log could not be read.", AuditLogState.error, on_retry=AuditLogState.retry)),
        skeleton_rows("Loading the audit log", 8),
    )
    exports = (
        link_button("CSV", href=AuditLogState.csv_url, size="sm", icon_name="dl", server=True, download=True, aria_label="Export as CSV"),
        link_button(
            "JSON Lines", href=AuditLogState.jsonl_url, size="sm", icon_name="dl", server=True, download=True,
            aria_label="Export as JSON Lines",
        ),
    )  # fmt: skip
    has_lines = (AuditLogState.view == "list") | (AuditLogState.view == "empty") | (AuditLogState.view == "filtered")
    return settings_page(
        rx.cond(
            AuditLogState.view == "refused",
            note(AuditLogState.error, glyph_name="info"),
            card(
                rx.el.span("Newest first", id="audit-top", tab_index=-1),
                rx.cond(has_lines, _filter()),
                body,
                tools=(rx.cond(has_lines, rx.el.div(*exports, class_name="row")),),
                aside=AuditLogState.kept_words,
            ),
        ),
        rx.el.div(AuditLogState.said, role="status", class_name="vh"),
        current="/settings/audit",
        title="Audit log",
        heading="Who changed what",
        lead="Also when, from what to what, and from which address. Times are UTC.",
    )


def _actions() -> rx.Component:
    groups = [rx.el.optgroup(*(rx.el.option(words, value=code) for code, words in actions), label=name) for name, actions in ACTIONS]
    choice = rx.el.select(rx.el.option("Any", value=""), *groups, id="audit-action", name="action", on_change=AuditLogState.by_action)
    return rx.el.div(
        rx.el.label("Action", html_for="audit-action", class_name="l"), rx.el.div(choice, class_name="in select"), class_name="field"
    )


def _filter() -> rx.Component:
    """The filter applies as one types and chooses; its fields keep what they hold."""
    search = rx.el.div(
        rx.el.label("Search", html_for="audit-text", class_name="l"),
        rx.el.div(
            icon("search"),
            rx.el.input(
                id="audit-text", name="text", type="search", placeholder="A name, a secret, an address",
                max_length=200, auto_complete="off",
                on_change=AuditLogState.search.debounce(_TYPED_MS),
            ),
            class_name="in",
        ),
        class_name="field",
    )  # fmt: skip
    person = rx.el.div(
        rx.el.label("Person", html_for="audit-person", class_name="l"),
        rx.el.div(
            rx.el.input(
                id="audit-person", name="person", list="audit-people", placeholder="Anybody", max_length=120, auto_complete="off",
                on_change=AuditLogState.by_person.debounce(_TYPED_MS),
            ),
            class_name="in",
        ),
        rx.el.datalist(rx.foreach(AuditLogState.people, lambda name: rx.el.option(value=name, key=name)), id="audit-people"),
        class_name="field",
    )  # fmt: skip
    return rx.el.form(
        search,
        _actions(),
        person,
        select_field("Time", "audit-span", list(SPANS), on_change=AuditLogState.by_span),
        rx.cond(
            AuditLogState.between,
            rx.fragment(
                _day("First day", "audit-since", AuditLogState.since_error, AuditLogState.by_first_day),
                _day("Last day", "audit-until", AuditLogState.until_error, AuditLogState.by_last_day),
            ),
        ),
        rx.cond(
            AuditLogState.filtered, rx.el.div(button("Clear filters", kind="ghost", on_click=AuditLogState.clear), class_name="at-fields")
        ),
        on_submit=AuditLogState.submit,
        key=f"audit-{AuditLogState.filled}",
        role="search",
        aria_label="Filter the audit log",
        class_name="fields-row audit-filter",
    )


def _day(label: str, field_id: str, error: rx.Var[str], on_change: rx.event.EventType[str]) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=field_id, class_name="l"),
        rx.el.div(
            rx.el.input(
                id=field_id, name=field_id, type="date", on_change=on_change, aria_invalid=rx.cond(error != "", "true", "false"),
                aria_describedby=rx.cond(error != "", f"{field_id}-error", ""),
            ),
            class_name=rx.cond(error != "", "in bad", "in"),
        ),
        error_line(error, f"{field_id}-error"),
        class_name="field",
    )  # fmt: skip


def _lines() -> rx.Component:
    columns = head(("When", "when-col desk"), "Who and what", ("From what to what", "desk"), ("Address", "desk"))
    return rx.fragment(
        table(columns, rx.el.tbody(rx.foreach(AuditLogState.rows, _line)), label="Audit log, newest first", class_name="rows2 audit"),
        rx.el.footer(
            rx.el.span(
                AuditLogState.rows.length(),
                rx.cond(AuditLogState.rows.length() == 1, " line", " lines"),
                rx.cond(AuditLogState.later, ", earlier ones", ""),
                class_name="grow",
            ),
            rx.cond(AuditLogState.later, button("Back to the newest", size="sm", on_click=AuditLogState.show_newest)),
            rx.cond(AuditLogState.has_next, button("Show next", size="sm", on_click=AuditLogState.show_next)),
        ),
    )  # fmt: skip


def _change(row: ObjectVar[AuditView]) -> rx.Component:
    """From what to what; only one of them where something was made or removed."""
    before, after = rx.el.span(row.before, class_name="any"), rx.el.span(row.after, class_name="any")
    both = rx.el.span(before, rx.el.span(" → ", aria_hidden="true"), rx.el.span(" to ", class_name="vh"), after)
    only_before = rx.cond(row.before != "", rx.el.span(rx.el.span("was ", class_name="f"), before))
    return rx.cond((row.before != "") & (row.after != ""), both, rx.cond(row.after != "", after, only_before))


def _line(row: ObjectVar[AuditView]) -> rx.Component:
    time = rx.el.time(row.at, date_time=row.at_iso)
    target = rx.cond(row.target != "", rx.fragment(": ", rx.el.span(row.target, class_name="any")))
    return rx.el.tr(
        rx.el.td(time, class_name="desk s f nw when-col"),
        rx.el.td(
            rx.el.b(row.actor, class_name="any"), " ", row.words, target,
            rx.el.div(rx.el.div(_change(row), class_name="m"), rx.el.div(time, " ", row.address), class_name="phone under s f"),
        ),
        rx.el.td(_change(row), class_name="desk s m"),
        rx.el.td(rx.el.code(row.address), class_name="desk s f nw"),
        key=row.id.to_string(),
    )  # fmt: skip

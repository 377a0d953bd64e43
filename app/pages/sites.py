"""The list of sites."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, link_button, swapped
from app.components.card import card, pad
from app.components.confirm import confirmation
from app.components.empty import empty
from app.components.field import text_field
from app.components.icons import glyph
from app.components.notice import notice
from app.components.panel_error import note, panel_error
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.components.table import head, pager, table
from app.state.sites import SitesState, SiteView


def page() -> rx.Component:
    return app_shell(
        favicon(),
        rx.el.div(
            rx.el.h1(SitesState.heading, id="sites-top", tab_index=-1),
            rx.cond(SitesState.why_not != "", note(SitesState.why_not, glyph_name="info")),
            rx.cond(SitesState.form_open, _form()),
            rx.el.section(
                rx.match(
                    SitesState.view,
                    ("list", _list()),
                    (
                        "empty",
                        empty(
                            "No sites yet",
                            "Scan a site and watch its seams: it then stands here with all that is watched of it.",
                            link_button("Scan a site", href="/scans/new", kind="pri"),
                        ),
                    ),
                    ("refused", pad(note(SitesState.error, glyph_name="info"))),
                    ("error", pad(panel_error("The sites could not be read.", SitesState.error, on_retry=SitesState.retry))),
                    skeleton_rows("Loading sites", 5),
                ),
                aria_label="Sites",
                class_name="card",
            ),
            class_name="stack",
        ),
        _question(),
        notice(),
        current="/sites",
        crumbs=[Crumb("Sites")],
        actions=[
            rx.cond(SitesState.may_change, button("Add site", icon_name="plus", on_click=SitesState.add)),
            rx.cond(SitesState.may_scan, link_button("Scan a site", href="/scans/new", kind="pri", class_name="desk")),
        ],
    )


def _form() -> rx.Component:
    adding = SitesState.editing == ""
    return card(
        rx.cond(adding, "Add a site", f"Change {SitesState.name}"),
        pad(
            rx.cond(SitesState.form_error != "", note(SitesState.form_error, role="alert")),
            rx.el.form(
                text_field(
                    "Name", "site-name", error=SitesState.name_error, name="name", default_value=SitesState.name, max_length=120,
                    auto_focus=True, auto_complete="off",
                ),
                text_field(
                    "Page", "site-page", error=SitesState.page_error, name="page_url", default_value=SitesState.page_url,
                    placeholder="https://app.example", auto_complete="off", input_mode="url", class_name="mono",
                ),
                text_field(
                    "API, where it differs", "site-api", error=SitesState.api_error, name="api_url", default_value=SitesState.api_url,
                    placeholder="https://api.example", auto_complete="off", input_mode="url", class_name="mono",
                ),
                rx.el.div(
                    button(
                        swapped(SitesState.saving, rx.cond(adding, "Add site", "Save site"), "Saving…"), kind="pri", type="submit",
                        disabled=SitesState.saving, aria_busy=SitesState.saving,
                    ),
                    button("Cancel", kind="ghost", on_click=SitesState.cancel),
                    class_name="row at-fields",
                ),
                on_submit=SitesState.save,
                key=f"site-{SitesState.filled}",
                custom_attrs={"noValidate": True},
                class_name="fields-row",
            ),
            class_name="stack",
        ),
    )  # fmt: skip


def _list() -> rx.Component:
    columns = head("Site", ("Worst", "desk"), ("Monitors", "num desk"), ("Incidents", "desk"), ("Last scan", "desk"), ("Actions", "vh"))
    return rx.fragment(
        table(columns, rx.el.tbody(rx.foreach(SitesState.rows, _row)), label="Sites, by name", class_name="rows2"),
        rx.cond(
            SitesState.pages > 1,
            pager(SitesState.page, SitesState.pages, SitesState.total_words, on_previous=SitesState.turn(-1), on_next=SitesState.turn(1)),
        ),
    )


def _incidents(row: ObjectVar[SiteView]) -> rx.Component:
    link = rx.el.a(row.incidents, href=f"/incidents?site={row.id}", class_name="c-down b")
    return rx.cond(row.incidents != "", link, rx.el.span("none", class_name="f"))


def _scan(row: ObjectVar[SiteView]) -> rx.Component:
    link = rx.el.a(rx.el.time(row.scanned, date_time=row.scanned_at), href=f"/scans/{row.scan_id}")
    return rx.cond(row.scan_id != "", link, rx.el.span("never", class_name="f"))


def _row(row: ObjectVar[SiteView]) -> rx.Component:
    status = rx.cond(
        row.status != "",
        rx.el.span(glyph(row.glyph), row.status, class_name=f"st c-{row.glyph}"),
        rx.el.span("–", class_name="f", aria_label="no monitors"),
    )
    change = rx.fragment(
        button(icon_name="pen", kind="ghost", size="sm", on_click=SitesState.edit(row.id), aria_label=f"Change {row.name}", title="Change"),
        button(
            icon_name="trash", kind="ghost", size="sm", on_click=SitesState.ask(row.id), aria_label=f"Delete {row.name}", title="Delete"
        ),
    )
    scan = button(
        icon_name="rotate", kind="ghost", size="sm", on_click=SitesState.scan(row.id), aria_label=f"Scan {row.name} again",
        title="Scan again",
    )  # fmt: skip
    return rx.el.tr(
        rx.el.td(
            rx.el.a(rx.el.b(row.name, class_name="any"), href=f"/overview?site={row.id}", class_name="site"),
            rx.el.div(row.page, rx.cond(row.api != "", rx.fragment(" · API ", row.api)), class_name="s f any"),
            rx.el.div(
                status,
                rx.el.div(row.monitors_words, rx.cond(row.incidents != "", rx.fragment(" · ", _incidents(row)))),
                rx.el.div("Scanned: ", _scan(row)),
                class_name="phone under s m",
            ),
        ),
        rx.el.td(status, class_name="desk"),
        rx.el.td(row.monitors, class_name="num mono desk"),
        rx.el.td(_incidents(row), class_name="desk s"),
        rx.el.td(_scan(row), class_name="desk s nw"),
        rx.el.td(
            rx.el.div(rx.cond(SitesState.may_scan, scan), rx.cond(SitesState.may_change, change), class_name="row acts"),
            class_name="num act-col",
        ),
        key=row.id,
    )


def _question() -> rx.Component:
    stay = rx.fragment(SitesState.asked_monitors, ", without a site. ")
    return confirmation(
        "delete-site",
        shown=SitesState.asked_id != "",
        question=rx.fragment("Delete ", SitesState.asked_name, "?"),
        consequence=rx.fragment(rx.cond(SitesState.asked_monitors != "", stay), "Its scans stay too. This cannot be undone."),
        verb="Delete site",
        doing="Deleting…",
        busy=SitesState.deleting,
        on_keep=SitesState.keep,
        on_confirm=SitesState.delete,
        after="sites-top",
    )

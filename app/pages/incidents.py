"""The list of incidents."""

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.core.banner import has_connection_errors

from app.components.bars import Address, Ago
from app.components.button import button
from app.components.card import pad
from app.components.chips import chip, chips
from app.components.empty import empty
from app.components.icons import glyph
from app.components.panel_error import note, panel_error
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.components.status import live_dot
from app.components.table import head, pager, table
from app.state.incidents import IncidentsState, IncidentView
from app.state.overview_view import Choice

_S = IncidentsState


def page() -> rx.Component:
    live = rx.cond(has_connection_errors, "trying again", "live")
    shown = (_S.view != "loading") & (_S.view != "refused") & (_S.view != "error")
    return app_shell(
        favicon(_S.icon),
        Address.create(href=_S.address),
        rx.el.div(
            rx.el.h1(_S.heading),
            # A new incident is told once to those who do not see the page; each row would be too much.
            rx.el.span(_S.heading, class_name="vh", role="status"),
            rx.el.section(
                rx.cond(shown, _filter()),
                rx.match(
                    _S.view,
                    ("list", _list()),
                    (
                        "empty",
                        empty("No incidents in 30 days.", "What fails by the thresholds of its monitor stands here, until it works again."),
                    ),
                    ("none_open", empty("No incident is open.", "", button("Show all", on_click=_S.show("all")))),
                    ("none_here", empty("This site has no incidents.", "", button("Show all sites", on_click=_S.clear))),
                    ("refused", pad(note(_S.error, glyph_name="info"))),
                    ("error", pad(panel_error("The incidents could not be read.", _S.error, on_retry=_S.retry))),
                    skeleton_rows("Loading incidents", 6),
                ),
                aria_label="Incidents",
                class_name="card",
            ),
            class_name="stack",
        ),
        current="/incidents",
        crumbs=[Crumb("Incidents")],
        actions=[rx.el.span(live_dot(live, on=~has_connection_errors), class_name="desk")],
    )


def _filter() -> rx.Component:
    sites = rx.el.select(
        rx.el.option("Every site", value=""),
        rx.foreach(_S.sites, _site),
        value=_S.site,
        on_change=_S.show_site,
        aria_label="Site",
    )
    return rx.el.header(
        chips(
            chip("All", pressed=~_S.open_only, on_click=_S.show("all")),
            chip("Open", pressed=_S.open_only, on_click=_S.show("open")),
            label="Which incidents",
        ),
        rx.el.span(class_name="grow"),
        rx.cond((_S.sites.length() > 1) | (_S.site != ""), rx.el.div(sites, class_name="in sel select")),
        class_name="flt",
    )


def _site(site: ObjectVar[Choice]) -> rx.Component:
    return rx.el.option(site.words, value=site.value, key=site.value)


def _list() -> rx.Component:
    columns = head(("Status", "desk"), "Monitor", ("Why", "desk"), ("Began", "desk"), ("Lasted", "num"))
    return rx.fragment(
        table(columns, rx.el.tbody(rx.foreach(_S.rows, _row)), label="Incidents, open ones first", class_name="rows2 incidents"),
        pager(_S.page, _S.pages, _S.total_words, on_previous=_S.turn(-1), on_next=_S.turn(1)),
    )


def _row(row: ObjectVar[IncidentView]) -> rx.Component:
    status = rx.cond(
        row.open,
        rx.el.span(glyph(row.glyph), row.status, class_name=f"st c-{row.glyph}"),
        rx.el.span(glyph("ok"), "Over", class_name="st c-ok"),
    )
    why = rx.fragment(
        rx.cond(row.cause != "", rx.el.b(row.cause, class_name=rx.cond(row.open, "", "m"))),
        rx.cond(row.why != "", rx.el.div(row.why, class_name="s m any")),
        rx.cond(row.ended != "", rx.el.div(row.ended, class_name="s f")),
    )
    lasted = rx.cond(row.open, Ago.create(at=row.began_s), row.lasted)
    return rx.el.tr(
        rx.el.td(status, class_name="st-col desk"),
        rx.el.td(
            rx.el.a(row.monitor, href=f"/monitors/{row.monitor_id}", class_name="any b"),
            rx.el.div(row.kind, rx.cond(row.open, "", f" · was {row.status.lower()}"), class_name="s f"),
            rx.el.div(status, why, rx.el.time(row.began, date_time=row.began_at, class_name="s f"), class_name="phone under"),
        ),
        rx.el.td(why, class_name="desk why"),
        rx.el.td(rx.el.time(row.began, date_time=row.began_at), class_name="desk s f nw"),
        rx.el.td(lasted, class_name="num mono s nw"),
        key=row.id,
    )

"""What a report proposes to watch: a list by seam, ticked, named and paced, and one button."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, link_button, swapped
from app.components.card import card
from app.components.empty import empty
from app.components.field import error_line, text_field
from app.components.icons import glyph
from app.components.panel_error import note, panel_error
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.state.watch import Interval, ProposalView, SeamView, WatchState

_FORM = "watch"


def page() -> rx.Component:
    return app_shell(
        favicon(),
        rx.match(
            WatchState.view,
            ("list", _list()),
            ("missing", _missing()),
            ("refused", _refused()),
            ("error", _error()),
            _loading(),
        ),
        current="/scans",
        crumbs=[
            Crumb("Scans", "/scans"),
            Crumb(rx.cond(WatchState.host != "", WatchState.host, "Scan"), WatchState.report),
            Crumb("Watch"),
        ],
        actions=[rx.cond((WatchState.view == "list") & WatchState.may_watch & (WatchState.left > 0), _submit())],
    )


def _submit() -> rx.Component:
    count = WatchState.ticked.length()
    words = rx.cond(count == 1, "Watch 1 monitor", f"Watch {count} monitors")
    return rx.fragment(
        rx.cond(count == 0, rx.el.span("Choose at least one", class_name="s f desk", role="status")),
        button(
            swapped(WatchState.saving, words, "Making them…"), kind="pri", type="submit", form=_FORM,
            disabled=WatchState.saving | (count == 0), aria_busy=WatchState.saving,
        ),
    )  # fmt: skip


def _list() -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.el.h1(WatchState.heading), rx.el.p(WatchState.lead, class_name="m"), class_name="head"),
        rx.cond(~WatchState.may_watch, note("You are a viewer here.", "An editor can have these watched.", glyph_name="info")),
        rx.cond(WatchState.form_error != "", note(WatchState.form_error, glyph_name="degraded", role="alert")),
        rx.el.form(
            rx.cond(WatchState.left > 0, _site()),
            rx.foreach(WatchState.seams, _seam),
            id=_FORM,
            on_submit=WatchState.watch,
            key=f"watch-{WatchState.filled}",
            auto_complete="off",
            custom_attrs={"noValidate": True},
            class_name="stack",
        ),
        rx.cond(
            WatchState.notes.length() > 0,
            card("Not proposed", rx.el.ul(rx.foreach(WatchState.notes, rx.el.li), class_name="pad lines m s")),
        ),
        class_name="stack watch",
    )


def _site() -> rx.Component:
    """Which site these belong to."""
    joins = rx.el.p("They join the site ", rx.el.a(WatchState.site_name, href=WatchState.site_href), ".", class_name="m s")
    named = text_field("Site", "site_name", error=WatchState.site_error, default_value=WatchState.site_name, max_length=120)
    return rx.cond(WatchState.site_href != "", joins, rx.cond(WatchState.may_watch, rx.el.div(named, class_name="site-name")))


def _seam(seam: ObjectVar[SeamView]) -> rx.Component:
    choosing = WatchState.may_watch & (seam.left.length() > 1)
    toggle = button(
        "All or none",
        size="sm",
        on_click=WatchState.tick_seam(seam.seam),
        aria_label=f"Tick all or none of {seam.words}",
        class_name="desk",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2(seam.words),
            rx.el.span(seam.rows.length(), class_name="s f"),
            rx.el.span(class_name="grow"),
            rx.cond(choosing, toggle),
        ),
        rx.el.ul(rx.foreach(seam.rows, _row)),
        class_name="card proposals",
        key=seam.seam,
    )


def _row(row: ObjectVar[ProposalView]) -> rx.Component:
    name_id = f"name-{row.key}"
    choosing = WatchState.may_watch & ~row.watched
    box = rx.cond(
        row.watched,
        glyph("ok"),
        rx.el.input(
            type="checkbox",
            checked=WatchState.ticked.contains(row.key),
            on_change=lambda _: WatchState.tick(row.key),
            aria_label=f"Watch {row.name}",
            disabled=~WatchState.may_watch,
        ),
    )
    name = rx.cond(
        choosing,
        rx.el.div(
            rx.el.input(
                id=name_id,
                name=name_id,
                default_value=row.name,
                max_length=120,
                aria_label=f"Name of {row.name}",
                aria_invalid=rx.cond(row.error != "", "true", "false"),
                aria_describedby=rx.cond(row.error != "", f"{name_id}-error", ""),
            ),
            class_name=rx.cond(row.error != "", "in quiet bad", "in quiet"),
        ),
        rx.el.b(row.name, class_name="any"),
    )
    said = rx.el.div(
        name,
        rx.el.div(
            rx.cond(row.kind != "", rx.el.span(row.kind, class_name="tag")),
            rx.el.span(row.holds, class_name="any"),
            class_name="what s m",
        ),
        rx.cond(
            row.why != "",
            rx.el.div(
                rx.cond(row.watched, rx.fragment(), glyph(row.why_glyph)), rx.el.span(row.why, class_name="any"), class_name="why s m"
            ),
        ),
        error_line(row.error, f"{name_id}-error"),
        class_name="grow",
    )
    pace = rx.cond(
        choosing,
        rx.el.div(
            rx.el.select(
                rx.foreach(row.intervals, _interval),
                name=f"interval-{row.key}",
                default_value=row.interval,
                aria_label=f"How often {row.name} is checked",
            ),
            class_name="in select",
        ),
        rx.cond(row.watched, rx.el.span("Watched already", class_name="s f nw")),
    )
    return rx.el.li(box, said, pace, key=row.key)


def _interval(interval: ObjectVar[Interval]) -> rx.Component:
    return rx.el.option(interval.words, value=interval.value)


def _loading() -> rx.Component:
    return rx.el.div(rx.el.h1("Watch", class_name="vh"), rx.el.div(skeleton_rows("Loading proposals", 8), class_name="card"))


def _missing() -> rx.Component:
    how = "The scan was deleted, has not ended, or belongs to another workspace."
    return rx.el.div(
        rx.el.h1("There is no such report", class_name="vh"),
        empty("There is no such report", how, link_button("All scans", href="/scans", kind="pri")),
        class_name="card",
    )


def _refused() -> rx.Component:
    return rx.el.div(rx.el.h1("Watch"), note(WatchState.error, glyph_name="info"), class_name="stack form")


def _error() -> rx.Component:
    return rx.el.div(
        rx.el.h1("The proposals cannot be shown"),
        panel_error("The proposals could not be read.", WatchState.error, on_retry=WatchState.retry),
        class_name="stack form",
    )

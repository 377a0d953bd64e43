"""Maintenance windows: those of now, of later, of the past, and the form for one of them."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, swapped
from app.components.card import card, pad
from app.components.confirm import confirmation
from app.components.empty import empty
from app.components.field import error_line, text_field
from app.components.icons import glyph, icon
from app.components.notice import notice
from app.components.panel_error import note, panel_error
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.components.table import head, pager, table
from app.state.maintenance import MaintenanceState, Ticked, WindowView
from app.state.maintenance_form import CRON, EVERYTHING, MONITORS, ONCE, SITES, TAGS, UNITS, WEEKLY, ZONES
from app.state.overview_view import Choice

_S = MaintenanceState


def page() -> rx.Component:
    add = button("Plan maintenance", icon_name="plus", kind="pri", on_click=_S.add)
    return app_shell(
        favicon(),
        rx.el.div(
            rx.el.div(
                rx.el.h1(_S.heading, id="windows-top", tab_index=-1),
                rx.el.p("While a window holds, checks go on and are kept; they open no incident and count in no uptime.", class_name="m"),
                class_name="head",
            ),
            rx.cond(_S.why_not != "", note(_S.why_not, glyph_name="info")),
            rx.cond(_S.form_open, _form()),
            rx.el.section(
                rx.match(
                    _S.view,
                    ("list", _list()),
                    (
                        "empty",
                        empty(
                            "No maintenance is planned",
                            "A window keeps what is done on purpose out of incidents and uptime.",
                            rx.cond(_S.may_change & ~_S.form_open, button("Plan maintenance", on_click=_S.add)),
                        ),
                    ),
                    ("refused", pad(note(_S.error, glyph_name="info"))),
                    ("error", pad(panel_error("The windows could not be read.", _S.error, on_retry=_S.retry))),
                    skeleton_rows("Loading maintenance windows", 5),
                ),
                aria_label="Maintenance windows",
                class_name="card",
            ),
            class_name="stack",
        ),
        _question(),
        notice(),
        current="/monitors",
        here="/maintenance",
        crumbs=[Crumb("Monitors", "/monitors"), Crumb("Maintenance")],
        actions=[rx.cond(_S.may_change & ~_S.form_open, add)],
    )


# The list.


def _list() -> rx.Component:
    columns = head(("State", "desk"), "Window", ("When", "desk"), ("For", "desk"), ("Actions", "vh"))
    return rx.fragment(
        table(columns, rx.el.tbody(rx.foreach(_S.rows, _row)), label="Windows, those of now first", class_name="rows2"),
        rx.cond(_S.pages > 1, pager(_S.page, _S.pages, _S.total_words, on_previous=_S.turn(-1), on_next=_S.turn(1))),
    )


def _row(row: ObjectVar[WindowView]) -> rx.Component:
    state = rx.match(
        row.state,
        ("now", rx.el.span(glyph("paused"), "Now", class_name="st c-paused")),
        ("next", rx.el.span(glyph("not"), "Planned", class_name="st m")),
        rx.el.span(glyph("ok"), "Over", class_name="st f"),
    )
    when = rx.fragment(rx.el.div(row.words, class_name="any"), rx.cond(row.follows != "", rx.el.div(row.follows, class_name="s f any")))
    acts = rx.el.div(
        rx.cond(row.state == "now", button("End now", size="sm", on_click=_S.end(row.id), aria_label=f"End {row.name} now")),
        button(icon_name="pen", kind="ghost", size="sm", on_click=_S.edit(row.id), aria_label=f"Change {row.name}", title="Change"),
        button(icon_name="trash", kind="ghost", size="sm", on_click=_S.ask(row.id), aria_label=f"Delete {row.name}", title="Delete"),
        class_name="row acts",
    )
    return rx.el.tr(
        rx.el.td(state, class_name="st-col desk"),
        rx.el.td(
            rx.el.b(row.name, class_name="any"),
            rx.el.div(state, when, rx.el.div("For ", row.targets, class_name="f any"), class_name="phone under s m"),
        ),
        rx.el.td(when, class_name="desk s m"),
        rx.el.td(row.targets, class_name="desk s m any"),
        rx.el.td(rx.cond(_S.may_change, acts), class_name="num act-col"),
        key=row.id,
    )


def _question() -> rx.Component:
    return confirmation(
        "delete-window",
        shown=_S.asked_id != "",
        question=rx.fragment("Delete ", _S.asked_name, "?"),
        consequence="Results that fell into it still do not count. This cannot be undone.",
        verb="Delete window",
        doing="Deleting…",
        busy=_S.deleting,
        on_keep=_S.keep,
        on_confirm=_S.delete,
        after="windows-top",
    )


# The form.


def _form() -> rx.Component:
    adding = _S.editing == ""
    return card(
        rx.cond(adding, "Plan maintenance", f"Change {_S.editing_name}"),
        pad(
            rx.cond(_S.form_error != "", note(_S.form_error, role="alert")),
            rx.el.form(
                rx.el.div(
                    text_field(
                        "Name", "window-name", error=_S.errors["name"], name="name", default_value=_S.fields["name"], max_length=120,
                        placeholder="Move to the new database", auto_focus=True, auto_complete="off",
                    ),
                    class_name="fields-row",
                ),
                _radios("When", "how", ((ONCE, "Once"), (WEEKLY, "Weekly"), (CRON, "Cron")), _S.how, _S.choose_how),
                rx.match(_S.how, (WEEKLY, _weekly()), (CRON, _cron()), _once()),
                _next(),
                _radios(
                    "For", "what", ((EVERYTHING, "Everything"), (SITES, "Sites"), (TAGS, "Tags"), (MONITORS, "Monitors")), _S.what,
                    _S.choose_what,
                ),
                rx.match(_S.what, (SITES, _sites()), (TAGS, _tags()), (MONITORS, _monitors()), rx.fragment()),
                rx.el.div(
                    button(
                        swapped(_S.saving, rx.cond(adding, "Plan it", "Save window"), "Saving…"), kind="pri", type="submit",
                        disabled=_S.saving, aria_busy=_S.saving,
                    ),
                    button("Cancel", kind="ghost", on_click=_S.cancel),
                    class_name="row",
                ),
                on_submit=_S.save,
                key=f"window-{_S.filled}",
                custom_attrs={"noValidate": True},
                class_name="stack window-form",
            ),
            class_name="stack",
        ),
    )  # fmt: skip


def _radios(label: str, name: str, options: tuple[tuple[str, str], ...], chosen: Any, on_change: Any) -> rx.Component:
    buttons = [
        rx.el.label(
            rx.el.input(type="radio", name=f"radio-{name}", value=value, checked=chosen == value, on_change=on_change, class_name="vh"),
            words,
        )
        for value, words in options
    ]
    return rx.el.div(
        rx.el.span(label, id=f"{name}-label", class_name="l"),
        rx.el.div(*buttons, role="radiogroup", aria_labelledby=f"{name}-label", class_name="seg"),
    )


def _typed(label: str, name: str, **props: Any) -> rx.Component:
    """A field whose value says when the window holds."""
    return text_field(
        label, f"window-{name}", error=_S.errors[name], name=name, default_value=_S.fields[name], auto_complete="off",
        on_change=lambda value: _S.put(name, value).debounce(250), **props,
    )  # fmt: skip


def _zone() -> rx.Component:
    return rx.fragment(
        _typed("Time zone", "zone", list="zones", spell_check=False, max_length=64),
        rx.el.datalist(*(rx.el.option(value=name) for name in ZONES), id="zones"),
    )


def _length() -> rx.Component:
    error = _S.errors["length"]
    number = rx.el.input(
        id="window-length", name="length", type="number", min=1, default_value=_S.fields["length"],
        on_change=lambda value: _S.put("length", value.to(str)).debounce(250), aria_invalid=rx.cond(error != "", "true", "false"),
        aria_describedby=rx.cond(error != "", "window-length-error", ""),
    )  # fmt: skip
    unit = rx.el.select(
        *(rx.el.option(words, value=value) for value, words in UNITS),
        name="unit",
        default_value=_S.fields["unit"],
        on_change=lambda value: _S.put("unit", value),
        aria_label="Unit of how long it lasts",
    )
    return rx.el.div(
        rx.el.label("Lasts", html_for="window-length", class_name="l"),
        rx.el.div(
            rx.el.div(number, class_name=rx.cond(error != "", "in bad", "in")), rx.el.div(unit, class_name="in select"), class_name="two-in"
        ),
        error_line(error, "window-length-error"),
        class_name="field",
    )


def _once() -> rx.Component:
    return rx.el.div(
        _typed("Begins", "starts", type="datetime-local"), _typed("Ends", "ends", type="datetime-local"), _zone(), class_name="fields-row"
    )


def _weekly() -> rx.Component:
    days = rx.el.fieldset(
        rx.el.legend("Days", class_name="l"),
        rx.el.div(rx.foreach(_S.days, _day), class_name="row wrap days"),
        error_line(_S.errors["days"], "days-error"),
        class_name="day-set",
    )
    return rx.fragment(days, rx.el.div(_typed("Begins at", "at", type="time"), _length(), _zone(), class_name="fields-row"))


def _day(day: ObjectVar[Ticked]) -> rx.Component:
    box = rx.el.input(
        type="checkbox",
        name=f"day-{day.value}",
        default_checked=day.on,
        on_change=lambda on: _S.tick_day(day.value, on.to(bool)),
        class_name="vh",
    )
    return rx.el.label(box, day.words, class_name="chip", key=day.value)


def _cron() -> rx.Component:
    return rx.el.div(
        _typed(
            "Cron expression", "cron", placeholder="0 2 * * 1", class_name="mono", spell_check=False,
            hint="Minute, hour, day of the month, month, weekday.",
        ),
        _length(), _zone(), class_name="fields-row",
    )  # fmt: skip


def _next() -> rx.Component:
    shown = rx.el.ol(rx.foreach(_S.ahead, lambda one: rx.el.li(one, class_name="tag")), class_name="row wrap ahead")
    none = rx.el.span(_S.no_times, class_name="s f")
    return rx.el.div(rx.el.span("Comes next", class_name="l"), rx.cond(_S.ahead.length() > 0, shown, none), role="status")


def _sites() -> rx.Component:
    some = rx.el.div(rx.foreach(_S.sites, _site), class_name="ticks")
    return rx.el.fieldset(
        rx.el.legend("Which sites", class_name="l"),
        rx.cond(_S.sites.length() > 0, some, rx.el.p("There are no sites yet.", class_name="s f")),
        error_line(_S.errors["sites"], "sites-error"),
    )


def _site(site: ObjectVar[Ticked]) -> rx.Component:
    box = rx.el.input(type="checkbox", name=f"site-{site.value}", default_checked=site.on)
    return rx.el.label(box, rx.el.span(site.words, class_name="any"), class_name="check", key=site.value)


def _tags() -> rx.Component:
    return rx.el.div(
        text_field(
            "Which tags", "window-tags", error=_S.errors["tags"], name="tags", default_value=_S.fields["tags"],
            placeholder="production, eu", hint="Parted by commas. It is for every monitor with one of them.", auto_complete="off",
        ),
        class_name="fields-row",
    )  # fmt: skip


def _monitors() -> rx.Component:
    picked = rx.el.ul(rx.foreach(_S.chosen, _chosen), aria_label="Chosen monitors", class_name="row wrap picked")
    nothing = rx.cond(_S.searched, rx.el.p("No monitor matches.", class_name="s f"))
    return rx.el.div(
        rx.el.label("Which monitors", html_for="window-search", class_name="l"),
        rx.cond(_S.chosen.length() > 0, picked),
        rx.el.div(
            icon("search", small=True),
            rx.el.input(
                id="window-search", type="search", placeholder="Search monitors", on_change=_S.search.debounce(200), auto_complete="off",
                spell_check=False,
            ),
            class_name="in find",
        ),
        rx.cond(_S.found.length() > 0, rx.el.ul(rx.foreach(_S.found, _found), aria_label="Found monitors", class_name="found"), nothing),
        error_line(_S.errors["monitors"], "monitors-error"),
    )  # fmt: skip


def _chosen(one: ObjectVar[Choice]) -> rx.Component:
    drop = button(icon_name="x", kind="ghost", size="sm", on_click=_S.leave_out(one.value), aria_label=f"Leave out {one.words}")
    return rx.el.li(rx.el.span(one.words, class_name="any"), drop, class_name="pick", key=one.value)


def _found(one: ObjectVar[Choice]) -> rx.Component:
    add = rx.el.button(icon("plus", small=True), rx.el.span(one.words, class_name="any"), type="button", on_click=_S.choose(one.value))
    return rx.el.li(add, key=one.value)

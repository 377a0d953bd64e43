"""The overview: what is wrong now, and every monitor. The list of monitors is the same without the cards."""

from typing import Any, cast

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.core.banner import has_connection_errors

from app.components.bars import Address as AddressBar
from app.components.bars import Ago, AllWell, CellBars, CellLast, CellNote, CellStatus, Held, ListKeys, Notify, cells
from app.components.bulk import bulk_bar, bulk_dialogs
from app.components.button import button, link_button
from app.components.empty import empty
from app.components.grouping import edit_groups, group_dialogs
from app.components.icons import glyph, icon
from app.components.panel_error import panel_error
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.components.status import live_dot
from app.components.toast import toast
from app.state.bulk import BulkState
from app.state.cells import CellsState
from app.state.grouping import GroupingState
from app.state.overview import OverviewState
from app.state.overview_view import GROUPINGS, MONITORS, OVERVIEW, SORTS, UNGROUPED, ChipView, Choice, Line, WrongView

_S = OverviewState
_SEARCH = "monitor-search"


def page() -> rx.Component:
    """The page that sign-in leads to."""
    heading = rx.match(
        _S.view,
        ("loading", rx.el.h1("Overview", class_name="vh")),
        ("empty", rx.el.h1("Nothing is watched yet")),
        ("error", rx.el.h1("The monitors cannot be shown")),
        rx.el.h1(rx.cond(_S.heading != "", _S.heading, AllWell.create())),
    )
    return _frame("Overview", OVERVIEW, heading, rx.cond(_S.wrong.length() > 0, _wrong_now()))


def monitors() -> rx.Component:
    """All monitors, by name."""
    heading = rx.cond(_S.monitors_words != "", rx.el.h1(_S.monitors_words), rx.el.h1("Monitors"))
    return _frame("Monitors", MONITORS, heading)


def _frame(word: str, current: str, heading: Any, *above: Any) -> rx.Component:
    live = rx.cond(has_connection_errors, "trying again", "live")
    return app_shell(
        favicon(_S.icon),
        cells(CellsState.cells, CellsState.now_s),
        AddressBar.create(href=_S.address),
        ListKeys.create(search=_SEARCH),
        rx.el.div(
            rx.el.section(rx.el.div(heading, class_name="row hd"), *above, aria_label="Now"),
            _panel(word),
            class_name="stack over",
        ),
        toast(
            BulkState.notice,
            on_close=BulkState.close_notice,
            undo=BulkState.undo,
            can_undo=BulkState.can_undo,
            failed=BulkState.failed,
        ),
        *bulk_dialogs(),
        *group_dialogs(),
        current=current,
        crumbs=[Crumb(word)],
        actions=[
            rx.el.span(live_dot(live, on=~has_connection_errors), class_name="desk"),
            rx.el.span(_S.monitors_words, class_name="s f desk") if current == OVERVIEW else None,
            link_button("Maintenance", href="/maintenance", class_name="desk") if current == MONITORS else None,
            Notify.create(news=_S.news, icon=f"/{_S.icon}.svg"),
            rx.cond(_S.may_change, link_button("Add monitor", href="/monitors/new", kind="pri", icon_name="plus")),
        ],
    )


# What is wrong now.


def _wrong_now() -> rx.Component:
    more = rx.el.p("and ", rx.el.a(_S.wrong_more, " more", href="/incidents"), class_name="s m and-more")
    return rx.fragment(
        rx.el.div(rx.foreach(_S.wrong, _wrong_card), class_name="wrong"),
        rx.cond(_S.wrong_more > 0, more),
    )


def _wrong_card(one: ObjectVar[WrongView]) -> rx.Component:
    status = rx.el.span(glyph(one.status), one.word, class_name=f"st c-{one.status}")
    since = rx.cond(one.since_s != 0, rx.el.span(Ago.create(at=one.since_s), class_name="s m"))
    return rx.el.article(
        rx.el.div(status, since, class_name="row sp"),
        rx.el.h2(rx.el.a(one.name, href=f"{MONITORS}/{one.id}", class_name="any")),
        rx.el.span(one.why, class_name="s m any why"),
        rx.cond(one.site != "", rx.el.span(one.site, class_name="s f any")),
        key=one.id,
        class_name=f"card w c-{one.status}",
    )


# The panel: filter, rows, pages.


def _panel(word: str) -> rx.Component:
    body = rx.match(
        _S.view,
        ("list", rx.fragment(_table(), _pages())),
        ("filtered", rx.fragment(empty("No monitor matches", "", button("Clear filters", on_click=_S.clear_filters)))),
        ("empty", _nothing_yet()),
        ("error", panel_error("The monitors could not be read.", f"{_S.error} Checks go on; nothing is lost.", on_retry=_S.retry)),
        skeleton_rows("Loading monitors", 10),
    )
    header = rx.cond(BulkState.chosen.length() > 0, bulk_bar(), _filter())
    shown = (_S.view == "list") | (_S.view == "filtered")
    return rx.el.section(rx.cond(shown, header), body, aria_label=word, class_name="card")


def _nothing_yet() -> rx.Component:
    add = link_button("Scan a site", href="/scans/new", kind="pri"), link_button("Add monitor", href="/monitors/new")
    return empty(
        "No monitors yet",
        "Scan a site and watch its seams, or add one by hand.",
        rx.cond(_S.may_change, rx.fragment(*add), rx.el.span("You are a viewer here. An editor can add monitors.", class_name="s f")),
    )


def _chip(one: ObjectVar[ChipView]) -> rx.Component:
    return rx.el.button(
        rx.cond(one.glyph != "", glyph(one.glyph, class_name="g12")),
        one.word,
        rx.el.span(one.count, class_name="n"),
        type="button",
        aria_pressed=one.pressed,
        on_click=_S.show_status(one.status),
        key=one.status,
        class_name="chip",
    )


def _choice(label: str, every: str, options: Any, value: Any, on_change: Any) -> rx.Component:
    """A filter by one value; hidden while there is nothing to choose from."""
    select = rx.el.select(
        rx.el.option(every, value=""),
        rx.foreach(options, lambda one: _option(cast("ObjectVar[Choice]", one))),
        value=value,
        on_change=on_change,
        aria_label=label,
    )
    return rx.cond((options.length() > 1) | (value != ""), rx.el.div(select, class_name="in sel"))


def _option(one: ObjectVar[Choice]) -> rx.Component:
    return rx.el.option(one.words, value=one.value, key=one.value)


def _fixed(label: str, options: tuple[tuple[str, str], ...], value: Any, on_change: Any, *, class_name: str = "") -> rx.Component:
    select = rx.el.select(*(rx.el.option(words, value=one) for one, words in options), value=value, on_change=on_change, aria_label=label)
    return rx.el.div(select, class_name=f"in sel {class_name}")


def _filter() -> rx.Component:
    search = rx.el.div(
        icon("search", small=True),
        rx.el.input(
            id=_SEARCH,
            type="search",
            placeholder="Search monitors",
            aria_label="Search monitors",
            auto_complete="off",
            spell_check=False,
            default_value=_S.text,
            on_change=_S.search.debounce(120),
            key=f"search-{_S.filled}",
        ),
        rx.el.span("/", class_name="kbd desk", aria_hidden="true"),
        class_name="in find",
    )
    return rx.el.header(
        rx.el.div(rx.foreach(_S.chips, _chip), role="group", aria_label="Status", class_name="row wrap chips"),
        rx.el.span(class_name="grow desk"),
        rx.el.div(
            search,
            rx.cond(_S.may_change, button("Select", on_click=BulkState.start_choosing, class_name="phone choose-on")),
            class_name="row find-row",
        ),
        rx.el.div(
            _choice("Kind", "Every kind", _S.kinds, _S.kind, _S.show_kind),
            _choice("Tag", "Every tag", _S.tags, _S.tag, _S.show_tag),
            _choice("Site", "Every site", _S.sites, _S.site, _S.show_site),
            _fixed("Group", GROUPINGS, _S.group_by, _S.choose_group),
            _fixed("Sort", SORTS, _S.sort, _S.sort_by, class_name="phone"),
            rx.cond(_S.may_change, edit_groups()),
            class_name="row sels",
        ),
        class_name="flt",
    )


def _sorted(word: str, column: str, class_name: str = "") -> rx.Component:
    here = _S.sort == column
    return rx.el.th(
        rx.el.button(word, rx.cond(here, icon("down", small=True)), type="button", on_click=_S.sort_by(column), class_name="sorts"),
        scope="col",
        class_name=class_name,
        custom_attrs={"aria-sort": rx.cond(here, rx.cond(_S.descending, "descending", "ascending"), "none")},
    )


def _table() -> rx.Component:
    box = rx.el.input(
        type="checkbox", checked=BulkState.all_here, on_change=BulkState.choose_here, aria_label="Choose every monitor of this page"
    )
    head = rx.el.thead(
        rx.el.tr(
            rx.cond(_S.may_change, rx.el.th(box, class_name="box")),
            _sorted("Status", "status", "st-col"),
            _sorted("Monitor", "name"),
            rx.el.th(rx.el.span("Why", class_name="vh"), scope="col", class_name="desk"),
            rx.el.th("Last 28 checks", scope="col", class_name="bc"),
            _sorted("30 days", "uptime", "num"),
            _sorted("p95 ms", "p95", "num desk"),
            _sorted("Last", "last", "num desk"),
        )
    )
    table = rx.el.table(
        head,
        rx.el.tbody(rx.foreach(_S.lines, _line)),
        aria_label="Monitors",
        class_name=rx.cond(BulkState.choosing | (BulkState.chosen.length() > 0), "ml choosing", "ml"),
    )
    return Held.create(table, on_hold=_S.hold)


def _line(line: ObjectVar[Line]) -> rx.Component:
    return rx.cond(line.head, _head(line), _row(line))


def _head(line: ObjectVar[Line]) -> rx.Component:
    toggle = rx.el.button(
        icon("down", small=True, class_name="turns"),
        rx.el.span(line.words, class_name="any"),
        rx.el.span(line.count, class_name="f n"),
        type="button",
        aria_expanded=~line.folded,
        on_click=_S.fold(line.key),
        class_name="folds",
    )
    change = button(
        icon_name="pen", kind="ghost", size="sm", aria_label=f"Change the group {line.words}", on_click=GroupingState.edit(line.key)
    )
    can_change = _S.may_change & (_S.group_by == "group") & (line.key != UNGROUPED)
    cell = rx.el.div(toggle, rx.cond(can_change, change), class_name="row")
    # Its cell spans more columns than there are where some are hidden, which is as good as all of them.
    return rx.el.tr(rx.el.th(cell, col_span=8, scope="rowgroup"), key=f"head-{line.key}", class_name=f"gh d{line.depth}")


def _row(line: ObjectVar[Line]) -> rx.Component:
    box = rx.el.input(
        type="checkbox",
        checked=BulkState.chosen.contains(line.key),
        on_change=lambda _: BulkState.choose(line.key),
        aria_label=f"Choose {line.words}",
    )
    nothing = rx.el.span("–", class_name="f")
    note = CellNote.create(place=line.place, reason=line.reason, quiet="")
    return rx.el.tr(
        rx.cond(_S.may_change, rx.el.td(box, class_name="box")),
        rx.el.td(CellStatus.create(place=line.place), class_name="st-col"),
        rx.el.td(
            rx.el.a(line.words, href=f"{MONITORS}/{line.key}", class_name="open any"),
            rx.el.span(line.detail, class_name="s f desk det"),
            rx.foreach(line.tags, lambda tag: rx.el.span(tag, class_name="tag desk")),
            rx.el.span(CellNote.create(place=line.place, reason=line.reason, quiet=line.detail), class_name="phone s f blk"),
            class_name="nm",
        ),
        rx.el.td(rx.el.div(note, class_name="s note-line"), class_name="desk why-col"),
        rx.el.td(rx.el.div(CellBars.create(place=line.place), class_name="cut"), class_name="bc"),
        rx.el.td(rx.cond(line.uptime != "", rx.fragment(line.uptime, rx.el.span("%", class_name="f")), nothing), class_name="num mono s"),
        rx.el.td(rx.cond(line.p95 != "", line.p95, nothing), class_name="num mono s desk"),
        rx.el.td(CellLast.create(place=line.place), class_name="num s f desk last-col"),
        key=line.key,
        class_name=rx.cond(BulkState.chosen.contains(line.key), "sel", ""),
    )


def _pages() -> rx.Component:
    waits = rx.cond(_S.waits, button("Order changed, sort again", kind="text", on_click=_S.sort_again))
    return rx.el.footer(
        rx.el.span(_S.total_words, class_name="nw"),
        waits,
        rx.el.span(class_name="grow"),
        rx.cond(_S.before_words != "", button(_S.before_words, kind="text", on_click=_S.turn(-1))),
        rx.cond(_S.after_words != "", button(_S.after_words, kind="text", on_click=_S.turn(1))),
    )

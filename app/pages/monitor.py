"""One monitor: how it stands, how fast it answers, what its checks found, and what can be done with it."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.core.banner import has_connection_errors

from app.components.bars import Address, NotifyOne, ago, cells, check_bars, status
from app.components.button import button, link_button
from app.components.card import card, pad
from app.components.code import code_block
from app.components.confirm import confirmation
from app.components.empty import empty
from app.components.icons import glyph, icon
from app.components.notice import notice
from app.components.panel_error import note, panel_error
from app.components.run import findings
from app.components.shell import Crumb, app_shell, closes, favicon, opens, popover
from app.components.skeleton import skeleton_rows
from app.components.status import live_dot
from app.components.table import head, table
from app.pages.monitor_latency import latency, phases
from app.pages.monitor_results import results
from app.state.monitor import MonitorState
from app.state.monitor_view import CallView, Example, IncidentView, Rule

_State = MonitorState
_MENU = "monitor-menu"


def page() -> rx.Component:
    return app_shell(
        favicon(_State.icon),
        Address.create(href=_State.place),
        rx.match(
            _State.view,
            ("monitor", _monitor()),
            ("missing", _missing()),
            ("deleted", _deleted()),
            ("error", _error()),
            rx.el.div(rx.el.h1("Monitor", class_name="vh"), rx.el.div(skeleton_rows("Loading the monitor", 10), class_name="card")),
        ),
        *_questions(),
        _menu(),
        notice(),
        current="/monitors",
        here="/monitors",
        crumbs=[Crumb("Monitors", "/monitors"), Crumb(rx.cond(_State.name != "", _State.name, "Monitor"))],
        actions=[
            rx.cond(
                _State.view == "monitor",
                NotifyOne.create(
                    monitor=_State.monitor_id, name=_State.name, text=_State.cell, why=_State.incident, icon=f"/{_State.icon}.svg"
                ),
            ),
            rx.cond((_State.view == "monitor") & _State.may_change, rx.fragment(*_actions())),
        ],
    )


def _check_button(class_name: str = "") -> rx.Component:
    return button(
        "Check now", icon_name="rotate", busy=_State.checking, busy_text="Checking…", on_click=_State.check_now, class_name=class_name
    )


def _actions() -> list[Any]:
    return [
        rx.cond(_State.paused | (_State.kind == "heartbeat"), None, _check_button("desk")),
        rx.cond(
            _State.paused,
            button("Resume", on_click=_State.set_paused(False), kind="pri"),
            button("Pause", on_click=_State.set_paused(True)),
        ),
        link_button("Edit", href=f"/monitors/{_State.monitor_id}/edit", class_name="desk"),
        button(icon_name="more", kind="ghost", aria_label="More", custom_attrs=opens(_MENU)),
    ]


def _menu() -> rx.Component:
    hide = closes(_MENU)
    return popover(
        rx.cond(
            _State.paused | (_State.kind == "heartbeat"),
            None,
            rx.el.button(
                icon("rotate"), "Check now", type="button", on_click=_State.check_now, custom_attrs=hide, class_name="nav phone-only"
            ),
        ),
        rx.el.a(icon("sliders"), "Edit", href=f"/monitors/{_State.monitor_id}/edit", class_name="nav phone-only"),
        rx.el.button(icon("copy"), "Clone", type="button", on_click=_State.clone, custom_attrs=hide, class_name="nav"),
        rx.el.button(icon("trash"), "Delete…", type="button", on_click=_State.ask, custom_attrs=hide, class_name="nav"),
        popover_id=_MENU,
        aria_label="More for this monitor",
        class_name="menu at-right",
    )


def _questions() -> list[rx.Component]:
    accept = confirmation(
        "accept-monitor",
        shown=_State.asked == "accept",
        question=rx.fragment("Take what ", _State.name, " found as the new normal?"),
        consequence="From then on it is compared with that, and what is worse now is not told of again. The way back is to mend it.",
        verb="Take as the new normal",
        doing="Taking it…",
        busy=_State.accepting,
        on_keep=_State.keep,
        on_confirm=_State.accept,
        after="main",
        keep="Not now",
    )
    delete = confirmation(
        "delete-monitor",
        shown=_State.asked == "delete",
        question=rx.fragment("Delete ", _State.name, "?"),
        consequence="Its results, charts and incidents go too. For an hour it can be brought back; after that it is gone for good.",
        verb="Delete monitor",
        doing="Deleting…",
        busy=_State.deleting,
        on_keep=_State.keep,
        on_confirm=_State.delete,
        after="main",
    )
    return [accept, delete]


# Other views.


def _missing() -> rx.Component:
    return rx.el.div(
        rx.el.h1("There is no such monitor"),
        rx.el.p("It was deleted, or belongs to another workspace.", class_name="m"),
        rx.el.div(
            link_button("All monitors", href="/monitors", kind="pri"),
            link_button("Add a monitor", href="/monitors/new"),
            class_name="row wrap",
        ),
        class_name="stack tight lost-page",
    )


def _deleted() -> rx.Component:
    return rx.el.div(
        rx.el.h1(_State.name, " was deleted", class_name="any"),
        rx.el.p("Nothing is checked any more. Its history is kept for an hour, in which it can be brought back.", class_name="m"),
        rx.el.div(
            button("Undo", icon_name="rotate", on_click=_State.restore), link_button("All monitors", href="/monitors", kind="pri"),
            class_name="row wrap",
        ),
        role="status",
        class_name="stack tight lost-page",
    )  # fmt: skip


def _error() -> rx.Component:
    return rx.el.div(
        rx.el.h1("This monitor cannot be shown"),
        panel_error("The monitor could not be read.", _State.error, on_retry=_State.retry),
        class_name="stack form",
    )


# The monitor.


def _monitor() -> rx.Component:
    is_heartbeat = _State.kind == "heartbeat"
    return rx.el.div(
        cells(rx.Var.create([_State.cell]).to(list[str]), _State.now_s),
        _head(),
        rx.cond(
            _State.incident != "",
            note(
                rx.fragment("An incident is open. ", _State.incident),
                glyph_name=rx.cond(_State.degraded, "degraded", "down"),
                action=link_button("Incidents", href="/incidents", size="sm"),
            ),
        ),
        rx.cond(_State.worse, _worse()),
        _tiles(),
        rx.el.div(
            rx.el.div(
                rx.cond(is_heartbeat, rx.fragment(_heartbeat(), _calls()), rx.fragment(latency(), phases())),
                results(),
                class_name="stack",
            ),
            rx.el.div(rx.cond(is_heartbeat, None, _findings()), _incidents(), _rules(), _notes(), class_name="stack side-col"),
            class_name="mcols",
        ),
        class_name="stack monitor",
    )


def _worse() -> rx.Component:
    """What a check of change found is worse than what it compares with: whoever meant it so says that here."""
    return note(
        "It found something worse than what it compares with.",
        "Was that meant? Then take it as the new normal.",
        glyph_name="degraded",
        action=rx.cond(_State.may_change, button("Take this as the new normal", size="sm", on_click=_State.ask_accept)),
        class_name="says",
    )


def _head() -> rx.Component:
    dot = _State.live & ~has_connection_errors
    words = rx.cond(has_connection_errors, "trying again", rx.cond(_State.live, "live", "connecting"))
    return rx.el.div(
        rx.el.div(
            rx.el.div(rx.el.span(status(_State.cell), class_name="pill"), rx.el.h1(_State.name, class_name="any"), class_name="row wrap"),
            rx.el.p(
                rx.cond(_State.address != "", rx.fragment(rx.el.span(_State.address, class_name="mono any"), " · ")),
                _State.line,
                rx.cond(_State.last_s > 0, rx.fragment(" · last check ", ago(_State.last_s), " ago"), " · no check yet"),
                class_name="s m under-h1",
            ),
            rx.cond(
                _State.tags.length() > 0,
                rx.el.div(rx.foreach(_State.tags, lambda tag: rx.el.span(tag, class_name="tag")), class_name="row wrap tags"),
            ),
            class_name="grow",
        ),
        live_dot(words, on=dot),
        class_name="row sp mhead",
    )


def _tile(word: str, value: Any, unit: str, below: Any, below_class: Any = "s f") -> rx.Component:
    return rx.el.div(
        rx.el.dt(word),
        rx.el.dd(value, rx.cond(value == "–", "", rx.el.small(unit)), class_name="big"),
        rx.el.dd(below, class_name=below_class),
    )


def _tiles() -> rx.Component:
    tiles, rhythms = _State.tiles, _State.rhythms
    latencies = rx.fragment(
        _tile("p95, last hour", tiles.p95, " ms", tiles.p95_note, rx.cond(tiles.over, "s c-degraded", "s f")),
        _tile("Median, last hour", tiles.p50, " ms", tiles.p50_note),
    )
    calls = rx.fragment(
        _tile("Last call, UTC", rhythms.last, "", rhythms.last_note),
        _tile("Next expected, UTC", rhythms.expected, "", rhythms.expected_note),
    )
    return rx.el.dl(
        _tile("Uptime, 30 days", tiles.uptime, "%", tiles.lost),
        rx.cond(_State.kind == "heartbeat", calls, latencies),
        rx.el.div(
            rx.el.dt("Last 28 checks"),
            rx.el.dd(check_bars(_State.cell), class_name="bars-tile"),
            rx.el.dd(rx.el.span(rx.cond(_State.checking, "checking now", ""), role="status"), class_name="s f"),
        ),
        class_name="kpi",
    )


# Beside them.


def _findings() -> rx.Component:
    return card(
        "Last assertions",
        rx.cond(
            _State.findings.length() > 0,
            findings(_State.findings),
            rx.el.p("None are known of the newest check.", class_name="pad s f"),
        ),
    )


def _incident(one: ObjectVar[IncidentView]) -> rx.Component:
    return rx.el.li(
        glyph(one.glyph),
        rx.el.div(
            rx.el.div(one.title, class_name="any clamp"),
            rx.el.div(rx.el.time(one.when, date_time=one.at), class_name="s f"),
            class_name="grow",
        ),
        key=one.id,
    )


def _incidents() -> rx.Component:
    return card(
        "Incidents",
        rx.cond(
            _State.incidents.length() > 0,
            rx.el.ul(rx.foreach(_State.incidents, _incident), class_name="as"),
            rx.el.p("None so far.", class_name="pad s f"),
        ),
        id="incidents",
    )


def _rules() -> rx.Component:
    def rule(one: ObjectVar[Rule]) -> rx.Component:
        value = rx.cond(one.href != "", rx.el.a(one.value, href=one.href), one.value)
        return rx.fragment(rx.el.dt(one.words), rx.el.dd(value, class_name="any"))

    return card("Rules", pad(rx.el.dl(rx.foreach(_State.rules, rule), class_name="pairs")))


def _notes() -> rx.Component:
    return rx.cond(_State.notes != "", card("Notes", pad(rx.el.p(_State.notes, class_name="any notes"))))


# Heartbeats.


def _example(one: ObjectVar[Example]) -> rx.Component:
    return rx.el.div(rx.el.h3(one.title), code_block(text=one.text, key=f"example-{one.key}", label=one.title), class_name="stack tight")


def _heartbeat() -> rx.Component:
    return card(
        "Address to call",
        rx.cond(
            _State.heartbeat_url != "",
            pad(
                code_block(text=_State.heartbeat_url, key="heartbeat-url", label="Address to call"),
                rx.el.p(
                    "Call it when the job is done. ", rx.el.code("/start"), " before it says how long the job takes; ", rx.el.code("/fail"),
                    " says that it failed, ", rx.el.code("/log"), " keeps a text, and a number is the job's exit code. "
                    "Whoever knows the address can call it, and can read nothing with it.",
                    class_name="s m",
                ),
                rx.foreach(_State.examples, _example),
                class_name="stack",
            ),
            rx.el.p("Whoever may change this monitor sees the address.", class_name="pad s f"),
        ),
    )  # fmt: skip


def _call(one: ObjectVar[CallView]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.el.time(one.time, date_time=one.at, class_name="mono s nw")),
        rx.el.td(rx.el.span(glyph(one.glyph), one.word, class_name=f"st c-{one.glyph}")),
        rx.el.td(one.took, class_name="num mono s"),
        rx.el.td(rx.el.span(one.text, class_name="clamp any mono s")),
    )


def _calls() -> rx.Component:
    return card(
        "Calls",
        rx.cond(
            _State.calls.length() > 0,
            table(
                head("At, UTC", "Said", ("Took", "num"), "Text"),
                rx.el.tbody(rx.foreach(_State.calls, _call)),
                label="Calls, newest first",
            ),
            empty("No call yet", "The first one starts the clock."),
        ),
        aside="the newest 20",
    )

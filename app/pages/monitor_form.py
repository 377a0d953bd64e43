"""A monitor is added or changed: first its kind, then a form of that kind's fields, which can be run before it is saved."""

from typing import Any

import reflex as rx

from app.components.button import button, link_button
from app.components.card import card, pad
from app.components.field import text_area
from app.components.form_view import Handlers, form_cards
from app.components.icons import glyph, icon, spinner
from app.components.notice import notice
from app.components.on_page import FocusOn, KeepTyped
from app.components.panel_error import note, panel_error
from app.components.run import run_body
from app.components.shell import Crumb, app_shell, favicon
from app.components.skeleton import skeleton_rows
from app.state.monitor_form import MonitorFormState
from app.state.monitor_kinds import KINDS, SEAMS, KindForm

_FORM = "monitor-form"
_State = MonitorFormState


def new() -> rx.Component:
    return _shell(
        rx.match(
            _State.view,
            ("kinds", _kinds()),
            ("form", _form("Add a monitor", "Add monitor", "Adding…", "/monitors")),
            ("refused", _refused("Monitors are added by editors")),
            ("error", _error(_State.open_new)),
            _loading("Add a monitor"),
        ),
        [Crumb("Monitors", "/monitors"), Crumb("New monitor")],
        "/monitors/new",
    )


def edit() -> rx.Component:
    back = f"/monitors/{_State.monitor_id}"
    return _shell(
        rx.match(
            _State.view,
            ("form", _form(rx.fragment("Edit ", _State.name), "Save changes", "Saving…", back)),
            ("refused", _refused("Monitors are changed by editors")),
            ("missing", _missing()),
            ("error", _error(_State.open_one)),
            _loading("Edit a monitor"),
        ),
        [Crumb("Monitors", "/monitors"), Crumb(rx.cond(_State.name != "", _State.name, "Monitor"), back), Crumb("Edit")],
        "/monitors",
    )


def _shell(content: Any, crumbs: list[Crumb], here: str) -> rx.Component:
    return app_shell(
        favicon(),
        content,
        FocusOn.create(target=_State.focus_id, turn=_State.focus_turn, hidden=True),
        KeepTyped.create(form=_FORM, saved=_State.saved, hidden=True),
        notice(),
        current="/monitors",
        crumbs=crumbs,
        here=here,
    )


def _loading(heading: str) -> rx.Component:
    return rx.el.div(
        rx.el.h1(heading, class_name="vh"), rx.el.div(skeleton_rows("Loading the form", 8), class_name="card"), class_name="form"
    )


def _refused(heading: str) -> rx.Component:
    return rx.el.div(
        rx.el.h1(heading), note(_State.error, glyph_name="unknown"), link_button("All monitors", href="/monitors"), class_name="stack form"
    )


def _missing() -> rx.Component:
    return rx.el.div(
        rx.el.h1("There is no such monitor"),
        rx.el.p("It was deleted, or belongs to another workspace.", class_name="m"),
        rx.el.div(link_button("All monitors", href="/monitors", kind="pri"), class_name="row wrap"),
        class_name="stack tight lost-page",
    )


def _error(retry: Any) -> rx.Component:
    return rx.el.div(
        rx.el.h1("This form cannot be shown"),
        panel_error("The monitor could not be read.", _State.error, on_retry=retry),
        class_name="stack form",
    )


# The kinds.


def _kinds() -> rx.Component:
    groups = []
    for place, seam in enumerate(SEAMS):
        cards = [_kind(form) for form in KINDS.values() if form.seam == seam]
        groups.append(
            rx.el.section(
                rx.el.h2(seam, id=f"seam-{place}"), rx.el.ul(*cards, class_name="kinds"), aria_labelledby=f"seam-{place}", class_name="seam"
            )
        )
    return rx.el.div(
        rx.el.div(
            rx.el.h1("What is to be watched?"),
            rx.el.p(
                "Choose a kind; its fields follow. ",
                rx.el.a("Scan a site", href="/scans/new"),
                " instead, and the monitors that keep its seams watched are proposed.",
                class_name="m",
            ),
            class_name="head",
        ),
        *groups,
        class_name="stack",
    )


def _kind(form: KindForm) -> rx.Component:
    return rx.el.li(
        rx.el.a(
            icon(form.icon),  # pyright: ignore[reportArgumentType]  # every name in the table is one of the sprite's, a test says
            rx.el.span(rx.el.b(form.words), rx.el.span(form.sentence, class_name="s m")),
            href=f"/monitors/new?kind={form.kind.value}",
            class_name="kind-card",
        )
    )


# The form.


def _form(heading: Any, verb: str, doing: str, back: Any) -> rx.Component:
    handlers = Handlers(
        add=_State.add,
        remove=_State.remove,
        up=_State.up,
        steer=_State.steer,
        pick=_State.pick,
        secrets=_State.secrets,
        find=_State.find_parent,
        lists={"sites": _State.sites, "groups": _State.groups, "parents": _State.parents},
    )
    save = button(verb, kind="pri", type="submit", busy=_State.busy, busy_text=doing, on_click=_State.intend("save"))
    attempt = button(
        "Run now", icon_name="zap", type="submit", busy=_State.running, busy_text="Running…", on_click=_State.intend("try"), form=_FORM
    )
    as_json = rx.cond(
        _State.as_json,
        button("Edit as fields", kind="ghost", type="submit", on_click=_State.intend("fields")),
        button("Edit as JSON", kind="ghost", type="submit", on_click=_State.intend("json")),
    )
    return rx.el.div(
        rx.el.div(
            rx.el.h1(heading, class_name="any"),
            rx.el.p(
                rx.el.b(_State.kind_words),
                ". ",
                _State.sentence,
                rx.cond(_State.editing, None, rx.fragment(" ", rx.el.a("Another kind", href="/monitors/new"))),
                class_name="m",
            ),
            class_name="head",
        ),
        rx.cond(_State.form_error != "", note(_State.form_error, role="alert")),
        rx.el.form(
            rx.cond(_State.as_json, _json(), rx.fragment(form_cards(_State.cards, handlers), _comes())),
            rx.cond(_State.running | (_State.run.glyph != ""), _run()),
            rx.el.div(
                save,
                rx.cond(_State.tried, attempt),
                link_button("Cancel", href=back, kind="ghost", class_name="desk", custom_attrs={"data-leaves": ""}),
                rx.el.span(class_name="grow"),
                as_json,
                class_name="row wrap doing",
            ),
            id=_FORM,
            on_submit=_State.submit,
            custom_attrs={"noValidate": True},
            class_name="stack",
        ),
        class_name="stack form monitor-form",
    )


def _json() -> rx.Component:
    return card(
        "The monitor as JSON",
        pad(
            text_area(
                "JSON",
                "json",
                error=_State.json_error,
                default_value=_State.json_text,
                key=f"json-{_State.filled}",
                hint="As the API takes it. Secrets stand in it by name, {{secret.NAME}}; typed ones as dots.",
            )
        ),
    )


def _comes() -> rx.Component:
    return rx.cond(
        _State.comes.length() > 0,
        note("The next calls are expected", rx.el.ul(rx.foreach(_State.comes, rx.el.li)), glyph_name="info", role="status"),
    )


def _run() -> rx.Component:
    run = _State.run
    title = rx.cond(
        _State.running,
        rx.fragment(spinner(), " Running"),
        rx.fragment(glyph(run.glyph), " ", run.word, rx.cond(run.took != "", f" after {run.took}", "")),
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Run", id="run", tab_index=-1),
            rx.el.span(title, role="status", class_name="row s"),
            rx.el.span(class_name="grow"),
            rx.cond(_State.running, button("Stop waiting", size="sm", on_click=_State.stop)),
        ),
        rx.cond(
            _State.running,
            rx.el.p("It is run once from here, as it would be on its schedule. Nothing is stored.", class_name="pad m s"),
            rx.el.div(run_body(run, "try"), class_name="pad"),
        ),
        aria_labelledby="run",
        class_name="card",
    )

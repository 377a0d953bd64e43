"""The CORS lab: describe one call and the server's answers; the verdict follows as you type."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, link_button
from app.components.card import card, pad
from app.components.copy_button import copy_button
from app.components.field import error_line, text_area
from app.components.icons import glyph, icon
from app.components.mends import mend_tabs
from app.components.panel_error import note
from app.components.prose import prose
from app.components.shell import public_shell
from app.components.verdict_path import verdict_path
from app.core.lab_cases import READY
from app.pages.cors_lab_call import TYPED_MS, call, suggestions
from app.state.lab import LabState
from app.state.lab_view import AnswerRow, ChangeView, MatchView

_VIEW = LabState.verdict


def page() -> rx.Component:
    return public_shell(
        _head(),
        rx.cond(LabState.pasting, _paste()),
        rx.cond(LabState.note != "", note(LabState.note, "Below is the first ready case instead.", glyph_name="unknown", role="alert")),
        _banner(),
        rx.el.div(call(), _answers(), class_name="two"),
        rx.el.div(_path(), rx.el.div(_change(), _reads(), _console(), _standard(), class_name="stack side-by"), class_name="two two2"),
        suggestions(),
        current="/cors",
        main_class="stack lab",
    )


def _head() -> rx.Component:
    ready = [
        rx.el.button(
            case.words,
            type="button",
            aria_pressed=LabState.ready == case.key,
            on_click=LabState.start_with(case.key),
            class_name="chip",
        )
        for case in READY
    ]
    return rx.el.div(
        rx.el.div(
            rx.el.div(
                rx.el.h1("CORS lab"),
                rx.el.p(
                    "Describe one call and the server's answers. The verdict follows as you type; nothing is sent. ",
                    rx.el.a("All rules", href="/cors/rules"),
                    class_name="m s",
                ),
                class_name="head",
            ),
            rx.el.div(
                button(
                    "Paste a console error",
                    icon_name="terminal",
                    aria_expanded=LabState.pasting,
                    on_click=LabState.toggle_pasting,
                ),
                copy_button(LabState.link, key="lab-link", word="Copy link"),
                class_name="row wrap tools",
            ),
            class_name="row sp wrap",
        ),
        rx.el.div(rx.el.span("Start with", class_name="s f"), *ready, role="group", aria_label="Ready cases", class_name="row wrap ready"),
        class_name="stack tight",
    )


def _paste() -> rx.Component:
    return card(
        "Paste a console error",
        pad(
            text_area(
                "The message, as the browser's console shows it",
                "console-text",
                auto_focus=True,
                rows="3",
                placeholder="Access to fetch at 'https://…' from origin 'https://…' has been blocked by CORS policy: …",
                on_change=LabState.explain.debounce(TYPED_MS),
            ),
            rx.cond(
                LabState.matches.length() > 0,
                rx.el.ul(rx.foreach(LabState.matches, _match), class_name="fl matches"),
                rx.cond(
                    LabState.pasted,
                    note(
                        "No rule is named in this text.",
                        "Messages of Chromium, Firefox and Safari are known. Paste the whole message, with its addresses.",
                        glyph_name="unknown",
                    ),
                ),
            ),
            class_name="stack tight",
        ),
        tools=(button(icon_name="x", kind="ghost", size="sm", aria_label="Close", on_click=LabState.toggle_pasting),),
        class_name="appear",
        id="paste",
    )


def _match(match: ObjectVar[MatchView]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.b(match.title),
            rx.el.a(match.rule, href=f"/cors/rules#{match.rule}", class_name="rule"),
            rx.el.span(match.browser, class_name="tag"),
            class_name="row wrap",
        ),
        rx.el.p(prose(match.advice), class_name="s m"),
        rx.cond(
            match.fills,
            button("Put it into the lab", size="sm", icon_name="flask", on_click=LabState.take_match(match.id)),
            rx.el.p("The message tells too little to make a case of it.", class_name="s f"),
        ),
        key=match.id.to_string(),
    )


def _banner() -> rx.Component:
    return rx.el.section(
        glyph(_VIEW.look, class_name=""),
        rx.el.div(rx.el.b(_VIEW.headline), " ", rx.el.span(prose(_VIEW.said)), class_name="grow any"),
        rx.cond(_VIEW.rule != "", rx.el.a(_VIEW.rule, href=f"/cors/rules#{_VIEW.rule}", class_name="rule")),
        role="status",
        aria_label="Verdict",
        class_name=rx.match(_VIEW.look, ("ok", "vline v-ok"), ("stop", "vline v-stop"), "vline v-unknown"),
    )


# The answers.


def _answers() -> rx.Component:
    ask = rx.el.button(
        icon("dl", small=True),
        rx.cond(LabState.asking, "Asking…", "Ask the server"),
        type="button",
        disabled=LabState.asking,
        aria_busy=LabState.asking,
        on_click=LabState.ask,
        class_name="btn sm",
    )
    said = rx.cond(
        LabState.sign_in != "",
        note(
            "Sign in to ask the server.",
            "What you have written stays: it is in the link that leads back here.",
            glyph_name="info",
            action=link_button("Sign in", href=LabState.sign_in, size="sm"),
            role="alert",
        ),
        error_line(LabState.ask_error, "ask-error"),
    )
    return card(
        "The server's answers",
        pad(said, rx.foreach(LabState.answers, _answer), class_name="stack fields"),
        tools=(ask,),
    )


def _answer(row: ObjectVar[AnswerRow]) -> rx.Component:
    return rx.fragment(
        rx.cond(
            row.hop != "", rx.el.h3(icon("arrow", small=True), " After the redirect to ", rx.el.code(row.hop), class_name="s any hop2")
        ),
        rx.cond(
            row.has_preflight | (row.preflight_error != ""),
            _text(row, "preflight", "To the preflight", row.asks, row.preflight, row.preflight_error, LabState.set_preflight),
            rx.el.p("No preflight: the browser sends the request at once.", class_name="s f"),
        ),
        _text(row, "actual", "To the request", row.sends, row.actual, row.actual_error, LabState.set_actual),
        key=f"{LabState.filled}-{row.id}",
    )


def _text(
    row: ObjectVar[AnswerRow], kind: str, label: str, what: rx.Var[str], text: rx.Var[str], error: rx.Var[str], handler: Any
) -> rx.Component:
    field_id = f"{kind}-{row.id}"
    return rx.el.div(
        rx.el.div(
            rx.el.label(label, html_for=field_id, class_name="l"),
            rx.el.span(what, class_name="s f mono trunc"),
            class_name="row sp al",
        ),
        rx.el.div(
            rx.el.textarea(
                default_value=text,
                id=field_id,
                on_change=lambda typed: handler(row.id, typed).debounce(TYPED_MS),
                rows="3",
                spell_check=False,
                placeholder="200 OK\naccess-control-allow-origin: …",
                aria_invalid=rx.cond(error != "", "true", "false"),
                aria_describedby=f"{field_id}-error",
                wrap="off",
            ),
            class_name=rx.cond(error != "", "in mono bad", rx.cond(row.wanted == kind, "in mono wanted", "in mono")),
        ),
        error_line(error, f"{field_id}-error"),
        class_name="field",
    )


# The verdict.


def _path() -> rx.Component:
    return card(
        "Verdict path",
        rx.cond(
            _VIEW.steps.to(list).length() > 0,
            pad(verdict_path(_VIEW.steps, fade=True), class_name="vpad"),
            pad(rx.el.p(prose(_VIEW.advice), class_name="m s")),
        ),
        aside=_VIEW.summary,
    )


def _change() -> rx.Component:
    after = rx.cond(
        _VIEW.allowed_after,
        rx.fragment("With this change the verdict is ", rx.el.span(glyph("ok"), "allowed.", class_name="st c-ok"), " "),
        "With this change the call gets further. ",
    )
    changes = rx.el.div(
        rx.foreach(_VIEW.changes.to(list[ChangeView]), _changed),
        rx.el.p(after, button("Apply it here", kind="text", on_click=LabState.apply_changes), class_name="s m"),
        class_name="stack tight",
    )
    has_changes = _VIEW.changes.to(list).length() > 0
    return rx.cond(
        _VIEW.look == "stop",
        card(
            "What must change",
            pad(
                rx.cond(has_changes, changes),
                rx.cond(_VIEW.advice.to(list).length() > 0, rx.el.p(prose(_VIEW.advice), class_name="s m")),
                rx.cond(_VIEW.mends.to(list).length() > 0, mend_tabs(_VIEW.mends, "lab", level=3)),
                class_name="stack fields",
            ),
        ),
    )


def _changed(change: ObjectVar[ChangeView]) -> rx.Component:
    return rx.el.div(
        rx.el.p(prose(change.said), class_name="s m"),
        rx.el.pre(
            rx.foreach(
                change.removed.to(list[str]), lambda line: rx.el.span(rx.el.span("removed: ", class_name="vh"), line, class_name="del")
            ),
            rx.foreach(change.added.to(list[str]), lambda line: rx.el.span(rx.el.span("added: ", class_name="vh"), line, class_name="add")),
            tab_index=0,
            role="region",
            aria_label="Lines that must change",
        ),
        class_name="stack tight",
    )


def _reads() -> rx.Component:
    return rx.cond(
        _VIEW.reads != "",
        card(
            "What the script reads",
            pad(
                rx.el.p(_VIEW.reads, class_name="s m"),
                rx.cond(
                    _VIEW.exposed.to(list).length() > 0,
                    rx.el.div(
                        rx.foreach(_VIEW.exposed.to(list[str]), lambda name: rx.el.span(name, class_name="tag mono")),
                        class_name="row wrap tags",
                    ),
                ),
                class_name="stack tight",
            ),
        ),
    )


def _console() -> rx.Component:
    return rx.cond(_VIEW.console != "", card("What the console says", pad(rx.el.p(_VIEW.console, class_name="s mono m any said"))))


def _standard() -> rx.Component:
    return rx.cond(
        _VIEW.standard.to(list).length() > 0,
        card("By the standard", pad(rx.el.p(prose(_VIEW.standard), class_name="s m")), aside="judged as Chromium 156 does"),
    )

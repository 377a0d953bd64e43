"""The catalogue: every finding a scan can have, what it means, and how to mend it. Static, so it costs no state."""

import reflex as rx

from app.components.code import code_block
from app.components.icons import icon
from app.components.severity import severity
from app.components.shell import public_shell
from app.core.catalogue import ENTRIES, Entry, example_mends
from app.core.findings import Mend
from app.pages.marked import marked_text
from app.state.report_view import FRAMEWORK_WORDS


def page() -> rx.Component:
    return public_shell(
        rx.el.div(
            rx.el.h1(f"The {len(ENTRIES)} findings of a scan"),
            rx.el.p(
                "What each means, and how to mend it in Flask, Django, FastAPI and nginx. Each mend was run: it cures its finding. ",
                rx.el.a("All rules of CORS", href="/cors/rules"),
                class_name="m lead2",
            ),
            class_name="head",
        ),
        rx.el.section(
            rx.el.h2("Findings", class_name="vh"), rx.el.ul(*(_entry(entry) for entry in ENTRIES), class_name="fl"), class_name="card"
        ),
        current="/findings",
        main_class="stack catalogue",
    )


def _entry(entry: Entry) -> rx.Component:
    rules = [rx.el.a(number, href=f"/cors/rules#{number}", class_name="rule") for number in entry.rules]
    return rx.el.li(
        rx.el.details(
            rx.el.summary(
                rx.el.div(
                    severity(entry.severity.value),
                    rx.el.span(entry.code, class_name="mono s f code"),
                    rx.el.b(entry.title, class_name="ft"),
                    rx.el.span(entry.seam.value, class_name="tag desk"),
                    rx.el.span(class_name="desk"),
                    icon("down", small=True),
                    class_name="fr",
                )
            ),
            rx.el.div(
                rx.el.div(
                    rx.el.p(marked_text(entry.text)),
                    rx.el.p(*rules, class_name="row wrap") if rules else None,
                    _mends(entry.code, example_mends(entry.code)),
                    class_name="stack",
                ),
                class_name="fbody one",
            ),
        ),
        id=entry.code,
    )


def _mends(code: str, mends: tuple[Mend, ...]) -> rx.Component:
    tabs = [
        rx.el.label(
            rx.el.input(type="radio", name=f"mend-{code}", value=mend.framework.value, default_checked=mend is mends[0], class_name="vh"),
            FRAMEWORK_WORDS[mend.framework],
        )
        for mend in mends
    ]
    return rx.el.div(
        rx.el.h3("Mend"),
        rx.el.div(*tabs, role="radiogroup", aria_label=f"Framework for {code}", class_name="tabs"),
        *(_panel(code, mend) for mend in mends),
        class_name="mends",
    )


def _panel(code: str, mend: Mend) -> rx.Component:
    word = FRAMEWORK_WORDS[mend.framework]
    return rx.el.div(
        rx.el.p(marked_text(mend.place), class_name="s m place"),
        code_block(text=mend.code, key=f"{code}-{mend.framework.value}", label=f"Mend of {code} for {word}"),
        rx.el.p("Install first: ", rx.el.code("pip install ", mend.install), class_name="s m") if mend.install else None,
        rx.el.p(marked_text(mend.note), class_name="s f") if mend.note else None,
        class_name=f"mend t-{mend.framework.value}",
    )

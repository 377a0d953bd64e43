"""404."""

import reflex as rx

from app.components.button import link_button
from app.components.shell import favicon, public_shell


def page() -> rx.Component:
    return public_shell(
        favicon(),
        rx.el.div(
            rx.el.p("404", class_name="mono f"),
            rx.el.h1("There is no page at this address"),
            rx.el.p("It may have been deleted, or the address was cut when it was copied.", class_name="m"),
            rx.el.div(link_button("Your scans", href="/scans", kind="pri"), link_button("Start page", href="/"), class_name="row wrap"),
            class_name="stack tight lost-page",
        ),
    )

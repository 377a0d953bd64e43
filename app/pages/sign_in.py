"""How to get in: the owner link. Sign-in with Google and GitHub slots in above it."""

import reflex as rx

from app.components.button import link_button
from app.components.card import card, pad
from app.components.code import code_block
from app.components.panel_error import note
from app.components.shell import favicon, public_shell
from app.state.sign_in import SignInState


def page() -> rx.Component:
    return public_shell(
        favicon(),
        rx.el.div(
            rx.el.div(
                rx.el.h1("Sign in with the link on the console"),
                rx.el.p("Seamwatch has no passwords. Whoever can read its console owns it.", class_name="m"),
                class_name="head",
            ),
            rx.cond(
                SignInState.then_words != "",
                note(
                    rx.fragment("The address you typed is kept: ", rx.el.code(SignInState.then_words, class_name="any")),
                    "After signing in the scan form is filled with it.",
                    glyph_name="ok",
                ),
            ),
            card(
                "Owner link",
                pad(
                    rx.el.ol(
                        rx.el.li(
                            rx.el.b("Open the link that Seamwatch printed on its console."),
                            rx.el.p("It works once, within 15 minutes, in any browser that reaches this address.", class_name="s m"),
                        ),
                        rx.el.li(
                            rx.el.b("Is it gone, or used? Make a new one where Seamwatch runs:"),
                            code_block(text="python -m app owner-link", key="owner-link", label="Command"),
                        ),
                        rx.el.li(
                            rx.el.b("Opened it in another tab?"),
                            rx.el.div(link_button("Go on", href=SignInState.then, kind="pri", server=True)),
                        ),
                        class_name="steps",
                    )
                ),
            ),
            rx.el.p("The ", rx.el.a("CORS lab", href="/cors"), " needs no sign-in.", class_name="s f"),
            class_name="stack narrow",
        ),
    )

"""How to get in: a button for each provider that is configured, a passkey, or a one-time link; and for the operator, how to add more."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import link_button
from app.components.card import card, pad
from app.components.code import code_block
from app.components.icons import icon
from app.components.marks import mark
from app.components.panel_error import note, panel_error
from app.components.provider_setup import provider_setup
from app.components.shell import favicon, public_shell
from app.components.skeleton import skeleton_rows
from app.state.sign_in import SignInState, WayView

_S = SignInState
_DIRECT = (_S.ways.length() > 0) | (_S.passkey_href != "")


def page() -> rx.Component:
    return public_shell(
        favicon(),
        rx.el.div(
            rx.match(
                _S.view,
                ("ready", rx.cond(_DIRECT, _with_buttons(), _with_links_only())),
                ("error", rx.fragment(_heading("Sign in"), panel_error("The ways in could not be read.", _S.error, on_retry=_S.retry))),
                rx.fragment(
                    _heading("Sign in"),
                    rx.el.div(skeleton_rows("Loading the ways in", 3), class_name="card"),
                    # A tab whose session just ended may have lost its socket on the way here.
                    rx.el.p(
                        "It takes long? ", rx.el.a("Load the page anew", href="/sign-in", reload_document=True), ".", class_name="s m later"
                    ),
                ),
            ),
            rx.el.p("The ", rx.el.a("CORS lab", href="/cors"), " needs no sign-in.", class_name="s f"),
            class_name="stack narrow entry",
        ),
    )


def _heading(title: str, lead: str = "") -> rx.Component:
    return rx.el.div(rx.el.h1(title), rx.el.p(lead, class_name="m") if lead else None, class_name="head")


def _notes() -> rx.Component:
    """Why one stands here, what waits, and who invites."""
    return rx.fragment(
        rx.cond(
            _S.factor_href != "",
            note(
                "A passkey is missing.",
                rx.el.p(
                    "You are signed in here except for it. ", rx.el.a("Show the passkey", href=_S.factor_href, reload_document=True), "."
                ),
                glyph_name="degraded",
            ),
        ),
        rx.cond(_S.why != "", note(_S.why, _S.why_more, glyph_name=_S.why_glyph, role="status")),
        rx.cond(_S.invited != "", note(_S.invited, _S.invited_more, glyph_name="ok")),
        rx.cond(
            _S.not_invited != "",
            note(_S.not_invited, "Whoever invited you can make a new link. With an account, sign in without it.", glyph_name="degraded"),
        ),
        rx.cond(
            _S.then_words != "",
            note(
                rx.fragment("The address you typed is kept: ", rx.el.code(_S.then_words, class_name="any")),
                "After signing in the scan form is filled with it.",
                glyph_name="ok",
            ),
        ),
    )


def _with_buttons() -> rx.Component:
    return rx.fragment(
        _heading("Sign in to Seamwatch", "There are no passwords here: a provider or a passkey says who you are."),
        _notes(),
        rx.el.section(
            pad(
                rx.el.ul(
                    rx.foreach(_S.ways, _way),
                    rx.cond(
                        _S.passkey_href != "",
                        rx.el.li(_entry(_S.passkey_href, mark(rx.Var.create("passkey")), "Sign in with a passkey")),
                    ),
                    class_name="ways",
                ),
            ),
            aria_label="Ways to sign in",
            class_name="card",
        ),
        _folded("Locked out, or without an account there?", "key", _link_steps(), rx.el.p(_INVITED_ONLY, class_name="s m")),
        _folded(
            "For the operator: redirect URIs, and more ways to sign in",
            "sliders",
            _registered(),
            provider_setup(_S.callback, _S.configured),
        ),
    )


_INVITED_ONLY = "Who may join is decided by whoever runs this Seamwatch. Ask a member for an invitation link: it signs you up."


def _with_links_only() -> rx.Component:
    return rx.fragment(
        rx.cond(
            _S.has_owner,
            _heading("Sign in with the link from the console", "No provider is set up here yet, and there are no passwords."),
            _heading("Sign in with the link on the console", "Seamwatch has no passwords. Whoever can read its console owns it."),
        ),
        _notes(),
        card("One-time link", pad(_link_steps())),
        card(
            "Sign in with Google, GitHub or OpenID",
            pad(
                rx.el.p(
                    "For the operator: no provider is configured. Set one up, and its button stands here. "
                    "This address must then be registered with it exactly as written.",
                    class_name="s m",
                ),
                provider_setup(_S.callback),
                class_name="stack tight",
            ),
        ),
    )


def _way(way: ObjectVar[WayView]) -> rx.Component:
    return rx.el.li(_entry(way.href, mark(way.kind), f"Sign in with {way.label}"), key=way.key)


def _entry(href: rx.Var[str], picture: rx.Component, words: str | rx.Var[str]) -> rx.Component:
    return rx.el.a(picture, rx.el.span(words), href=href, reload_document=True, class_name="btn big way")


def _folded(title: str, icon_name: str, *content: rx.Component) -> rx.Component:
    return rx.el.details(
        rx.el.summary(icon(rx.Var.create(icon_name)), rx.el.span(title, class_name="grow"), icon("right", small=True, class_name="turns")),
        rx.el.div(*content, class_name="stack tight"),
        class_name="card fold",
    )


def _link_steps() -> rx.Component:
    """The one-time link: printed at the first start, made on the machine later."""
    first = (
        rx.el.li(
            rx.el.b("Open the link that Seamwatch printed on its console."),
            rx.el.p("It works once, within 15 minutes, in any browser that reaches this address.", class_name="s m"),
        ),
        rx.el.li(
            rx.el.b("Is it gone, or used? Make a new one where Seamwatch runs:"),
            code_block(text="python -m app owner-link", key="owner-link", label="Command"),
        ),
    )
    later = (
        rx.el.li(
            rx.el.b("Make a link where Seamwatch runs, as the owner:"),
            code_block(text="python -m app owner-link", key="owner-link", label="Command for the owner"),
            rx.el.p("Or for a member, by e-mail address or name:", class_name="s m"),
            code_block(text="python -m app login-link USER", key="login-link", label="Command for a member"),
        ),
        rx.el.li(
            rx.el.b("Open it in any browser that reaches this address."),
            rx.el.p("It works once, within 15 minutes.", class_name="s m"),
        ),
    )
    go_on = rx.el.li(
        rx.el.b("Opened it in another tab?"),
        rx.el.div(link_button("Go on", href=_S.then, server=True)),
    )
    return rx.cond(_S.has_owner, rx.el.ol(*later, go_on, class_name="steps"), rx.el.ol(*first, go_on, class_name="steps"))


def _registered() -> rx.Component:
    """The redirect URIs of what is configured: when a provider refuses, this is what to compare."""

    def row(way: ObjectVar[WayView]) -> rx.Component:
        return rx.el.li(
            rx.el.span(mark(way.kind), rx.el.b(way.label), class_name="row"),
            code_block(text=way.redirect_uri, key=f"uri-{way.key}", label=f"Redirect URI for {way.label}"),
            key=way.key,
        )

    return rx.cond(
        _S.ways.length() > 0,
        rx.el.div(
            rx.el.p("Registered with each provider, exactly as written:", class_name="s m"),
            rx.el.ul(rx.foreach(_S.ways, row), class_name="stack tight registered"),
            rx.el.p("To add another:", class_name="s m"),
            class_name="stack tight",
        ),
    )

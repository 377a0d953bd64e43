"""The start page: what Seamwatch does, one field, the examples when they run."""

import reflex as rx

from app.components.button import button, link_button
from app.components.code import code_block
from app.components.field import text_field
from app.components.icons import GlyphName, IconName, glyph, icon
from app.components.shell import favicon, public_shell
from app.state.landing import ExampleCard, ExampleVariant, LandingState
from app.state.session import SessionState

_COMMAND = "python -m app scan https://app.example.com \\\n  --api https://api.example.com --fail-on high"

_LOOKED_AT: tuple[tuple[IconName, str, str], ...] = (
    ("layers", "CORS", "every preflight and answer, step by step, as a browser judges it"),
    ("link", "API", "HTML where JSON belongs, login pages instead of 401, slash redirects, http links"),
    ("zap", "WebSocket", "an Upgrade that is lost in the proxy"),
    ("key", "Session", "cookies that never travel to the API"),
    ("window", "Page", "addresses of a developer's machine, http calls from an https page"),
    ("server", "Delivery", "missing assets that are answered with the start page"),
)


def page() -> rx.Component:
    return public_shell(
        favicon(), _hero(), _example_report(), _two_columns(), _examples(),
        current="/",
        main_class="land",
        foot=rx.el.footer(
            rx.el.span("Seamwatch is open source, under the MIT licence."),
            rx.el.a("API description", href="/api/openapi.json", reload_document=True),
            rx.el.a("Format of a report", href="/api/v1/schemas/report.json", reload_document=True),
            class_name="foot land-foot s f",
        ),
    )  # fmt: skip


def _hero() -> rx.Component:
    field = text_field(
        "Address of your application", "url", error=LandingState.error, icon_name="globe", class_name="big",
        type="text", input_mode="url", auto_complete="url", auto_capitalize="none", spell_check=False, enter_key_hint="go",
        placeholder="https://app.example.com", required=True,
    )  # fmt: skip
    return rx.el.section(
        rx.el.h1("Find what a browser will block between your frontend and your backend."),
        rx.el.p(
            "Give the address of your application. In seconds you see how its two halves are joined, which calls fail and at which "
            "step, and the change that mends each one in Flask, Django, FastAPI or nginx.",
            class_name="m lead",
        ),
        rx.el.form(
            field,
            button("Scan", kind="pri", size="big", type="submit", busy=LandingState.busy, busy_text="Starting…"),
            on_submit=LandingState.scan,
            action="/scans/new",  # where the browser itself takes the address while the page's script is still loading
            class_name="scanform",
        ),
        rx.el.p(
            "About 40 requests, only GET, HEAD, OPTIONS and WebSocket handshakes; nothing is written and no password is tried. ",
            "Is the API at another address, or a call not found? ",
            rx.el.a("Add them", href="/scans/new"),
            ".",
            class_name="s f hero-note",
        ),
        class_name="hero",
    )


def _line(glyph_name: GlyphName, word: str, *, blocked: bool = False) -> rx.Component:
    line = rx.el.span(glyph("stop"), class_name="ln brk") if blocked else rx.el.span(class_name="ln solid")
    return rx.el.li(glyph(glyph_name), rx.el.span(word), line)


def _half(name: str, address: str) -> rx.Component:
    return rx.el.div(rx.el.b(name), rx.el.span(address, class_name="s f any"), class_name="half")


def _example_report() -> rx.Component:
    """A picture of what a report says; its addresses are reserved for examples."""
    return rx.el.figure(
        rx.el.figcaption(
            rx.el.span(glyph("high"), "2 high", class_name="sev c-high soft"),
            rx.el.b("3 of 14 calls are blocked: the preflight does not allow x-workspace-id", class_name="grow"),
            rx.el.span("Example of a result, shortened", class_name="s f"),
        ),
        rx.el.div(
            _half("Browser", "app.fernway.example"),
            rx.el.ul(
                _line("ok", "page"),
                _line("high", "cors", blocked=True),
                _line("ok", "session"),
                _line("high", "websocket", blocked=True),
                _line("ok", "delivery"),
                class_name="st5",
            ),
            _half("API", "api.fernway.example"),
            class_name="halves",
        ),
        class_name="card shot",
    )


def _two_columns() -> rx.Component:
    looked_at = [
        rx.el.li(icon(icon_name), rx.el.div(rx.el.b(word), " ", rx.el.span(text, class_name="m"))) for icon_name, word, text in _LOOKED_AT
    ]
    return rx.el.section(
        rx.el.div(rx.el.h2("What is looked at"), rx.el.ul(*looked_at, class_name="get")),
        rx.el.div(
            rx.el.h2("In your CI too"),
            rx.el.p("The same scan without server or database: text, JSON, HTML, SARIF or JUnit, and an exit code.", class_name="m get-p"),
            code_block(text=_COMMAND, key="cli", label="Command line"),
            rx.el.p(
                "A scan here needs an account; the ",
                rx.el.a("CORS lab", href="/cors"),
                " needs none. ",
                "Monitors, incidents and status pages come next.",
                class_name="s f get-p",
            ),
            rx.cond(
                SessionState.signed_in,
                link_button("Your scans", href="/scans", icon_name="layers"),
                link_button("Sign in", href="/sign-in", icon_name="key"),
            ),
        ),
        class_name="two",
    )


def _variant(variant: rx.vars.ObjectVar[ExampleVariant]) -> rx.Component:
    return rx.el.li(
        button("Scan", size="sm", on_click=LandingState.scan_example(variant.page_url, variant.api_url), aria_label=f"Scan {variant.name}"),
        rx.el.span(
            rx.el.a(variant.word, href=variant.page_url, target="_blank", rel="noopener", aria_label=f"Open {variant.name} in a new tab"),
            " ",
            rx.el.span(variant.description, class_name="m"),
            class_name="s",
        ),
    )


def _example(example: rx.vars.ObjectVar[ExampleCard]) -> rx.Component:
    return rx.el.li(
        rx.el.h3(example.name),
        rx.el.p(example.description, class_name="s m"),
        rx.el.ul(rx.foreach(example.variants, _variant), class_name="variants"),
        class_name="card ex-card",
    )


def _examples() -> rx.Component:
    return rx.cond(
        LandingState.examples.length() > 0,
        rx.el.section(
            rx.el.h2("Examples that run on this machine"),
            rx.el.ul(rx.foreach(LandingState.examples, _example), class_name="ex"),
            class_name="stack tight",
        ),
    )

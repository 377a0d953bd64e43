"""The call of the CORS lab: as a form, and as the code that makes it."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button
from app.components.card import card, pad
from app.components.code import code_block
from app.components.field import select_field, text_area, text_field
from app.components.segments import segments
from app.state.lab import LabState
from app.state.lab_view import HeaderRow

TYPED_MS = 200  # an edit is sent when the typing pauses so long
_BODIES = [
    ("", "none"),
    ("text", "text"),
    ("urlencoded", "form, URL-encoded"),
    ("multipart", "form, multipart"),
    ("blob", "Blob"),
    ("bytes", "bytes"),
]
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADERS = ("accept", "authorization", "cache-control", "content-type", "if-none-match", "x-csrftoken", "x-requested-with")


def suggestions() -> rx.Component:
    """Return the methods and names of headers that the fields offer; put it once on the page."""
    return rx.fragment(
        rx.el.datalist(*(rx.el.option(value=method) for method in _METHODS), id="methods"),
        rx.el.datalist(*(rx.el.option(value=name) for name in _HEADERS), id="header-names"),
    )


def _typed(handler: Any) -> Any:
    return handler.debounce(TYPED_MS)


def call() -> rx.Component:
    switch = rx.el.div(
        rx.el.label(rx.el.input(type="radio", name="call-as", value="form", default_checked=True, class_name="vh"), "Form"),
        rx.el.label(rx.el.input(type="radio", name="call-as", value="code", class_name="vh"), "fetch()"),
        role="radiogroup",
        aria_label="Form or code",
        class_name="seg",
    )
    return card("The call", _form(), _code(), tools=(switch,), class_name="call")


def _form() -> rx.Component:
    filled = LabState.filled
    origin = text_field(
        "Page's origin",
        "page-origin",
        class_name="mono",
        default_value=LabState.origin,
        on_change=_typed(LabState.set_origin),
        key=f"origin-{filled}",
        spell_check=False,
        auto_complete="off",
    )
    method = text_field(
        "Method",
        "method",
        class_name="mono",
        default_value=LabState.method,
        on_change=_typed(LabState.set_method),
        key=f"method-{filled}",
        list="methods",
        spell_check=False,
        auto_complete="off",
    )
    url = text_field(
        "URL",
        "call-url",
        class_name="mono",
        error=LabState.url_error,
        default_value=LabState.url,
        on_change=_typed(LabState.set_url),
        key=f"url-{filled}",
        spell_check=False,
        auto_complete="off",
        input_mode="url",
    )
    headers = rx.el.div(
        rx.el.span("Headers", class_name="l"),
        rx.el.div(rx.foreach(LabState.headers, _header), class_name="hs-list"),
        button("Add header", kind="ghost", size="sm", icon_name="plus", on_click=LabState.add_header),
    )
    body = rx.fragment(
        select_field(
            "Body", "body", _BODIES, default_value=LabState.body, on_change=LabState.set_body, key=f"body-{filled}", class_name="body-kind"
        ),
        rx.cond(
            LabState.body == "blob",
            text_field(
                "Blob's type",
                "body-type",
                class_name="mono",
                default_value=LabState.body_type,
                on_change=_typed(LabState.set_body_type),
                key=f"body-type-{filled}",
                placeholder="application/json",
            ),
        ),
    )
    choices = [
        segments(
            "Credentials", "credentials", ("omit", "same-origin", "include"), LabState.credentials,
            on_change=LabState.set_credentials, filled=filled,
        ),
        segments("Mode", "mode", ("cors", "no-cors", "same-origin"), LabState.mode, on_change=LabState.set_mode, filled=filled),
        segments("Redirect", "redirect", ("follow", "manual", "error"), LabState.redirect, on_change=LabState.set_redirect, filled=filled),
    ]  # fmt: skip
    return pad(
        origin, rx.el.div(method, url, class_name="mu"), headers, rx.el.div(*choices, body, class_name="mu2"), class_name="stack fields"
    )


def _header(row: ObjectVar[HeaderRow]) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.input(
                default_value=row.name,
                on_change=lambda text: LabState.set_header_name(row.id, text).debounce(TYPED_MS),
                aria_label="Header name",
                placeholder="name",
                list="header-names",
                spell_check=False,
                auto_complete="off",
            ),
            class_name="in mono",
        ),
        rx.el.div(
            rx.el.input(
                default_value=row.value,
                on_change=lambda text: LabState.set_header_value(row.id, text).debounce(TYPED_MS),
                aria_label="Header value",
                placeholder="value",
                spell_check=False,
                auto_complete="off",
            ),
            class_name="in mono",
        ),
        button(
            icon_name="x",
            kind="ghost",
            aria_label=rx.cond(row.name != "", f"Remove {row.name}", "Remove header"),
            on_click=LabState.remove_header(row.id),
        ),
        class_name="hs",
        key=row.id.to_string(),
    )


def _code() -> rx.Component:
    return pad(
        code_block(text=LabState.code, key="lab-code", label="The call as JavaScript"),
        text_area(
            "Paste a call",
            "code",
            rows="4",
            hint="fetch, axios, XMLHttpRequest or jQuery: the first call in it is taken. The answers stay.",
            placeholder='fetch("https://api.example/items", { method: "PUT", … })',
            on_change=lambda text: LabState.read_code(text).debounce(2 * TYPED_MS),
        ),
        rx.el.p(LabState.code_note, role="status", class_name="s m any"),
        class_name="stack code",
    )

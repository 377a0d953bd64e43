"""The scan form."""

import reflex as rx

from app.components.button import button, link_button
from app.components.card import card, pad
from app.components.empty import empty
from app.components.field import error_line, select_field, text_area, text_field
from app.components.panel_error import note
from app.components.shell import Crumb, app_shell, favicon
from app.state.new_scan import CallRow, NewScanState

_METHODS = "scan-methods"
_CREDENTIALS = [("same-origin", "same-origin"), ("include", "include"), ("omit", "omit")]


def page() -> rx.Component:
    return app_shell(
        favicon(),
        rx.el.form(
            rx.el.div(
                rx.el.h1("Scan an application"),
                rx.el.p("About 40 requests, only GET, HEAD, OPTIONS and WebSocket handshakes. Nothing is written.", class_name="m"),
                class_name="head",
            ),
            rx.cond(NewScanState.form_error != "", note(NewScanState.form_error, role="alert")),
            _addresses(),
            _calls(),
            rx.el.div(
                button(
                    "Scan",
                    kind="pri",
                    type="submit",
                    busy=NewScanState.busy,
                    busy_text="Starting…",
                    disabled=NewScanState.busy | ~NewScanState.ready,
                ),
                link_button("Cancel", href="/scans", kind="ghost"),
                class_name="row",
            ),
            on_submit=NewScanState.submit,
            custom_attrs={"noValidate": True},
            class_name="stack form",
        ),
        current="/scans",
        crumbs=[Crumb("Scans", "/scans"), Crumb("New scan")],
    )


def _addresses() -> rx.Component:
    address = {"type": "text", "input_mode": "url", "auto_capitalize": "none", "spell_check": False, "icon_name": "globe"}
    return card(
        "Addresses",
        pad(
            text_field(
                "Page of the application", "url", error=NewScanState.page_error, default_value=NewScanState.page_url,
                key=f"url-{NewScanState.filled}", placeholder="https://app.example.com", auto_complete="url", auto_focus=True, **address,
            ),
            text_field(
                "Address of its API, if it differs", "api", error=NewScanState.api_error, default_value=NewScanState.api_url,
                key=f"api-{NewScanState.filled}", placeholder="https://api.example.com", auto_complete="off",
                hint="Left empty, it is found from what the page calls.", **address,
            ),
            class_name="stack",
        ),
    )  # fmt: skip


def _calls() -> rx.Component:
    add = button("Add a call", icon_name="plus", size="sm", on_click=NewScanState.add_call, disabled=~NewScanState.ready)
    return card(
        "Calls to try",
        rx.el.datalist(*(rx.el.option(value=method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")), id=_METHODS),
        rx.cond(
            NewScanState.rows.length() > 0,
            rx.el.ul(rx.foreach(NewScanState.rows, _call), class_name="calls"),
            empty(
                "None added",
                "Calls are found in the page's scripts and forms. Add what they do not show, for example a PUT with a header of yours: "
                "only its preflight is sent, never the call itself.",
            ),
        ),
        rx.cond(
            NewScanState.rows.length() > 0,
            pad(
                rx.el.p(
                    "A GET or HEAD is sent as you write it; of other methods only the preflight is sent, and a GET in their place. "
                    "Values that look secret, like those of Authorization or X-Api-Key, are kept encrypted with the scan for scanning "
                    "again, and shown nowhere.",
                    class_name="hint",
                )
            ),
        ),
        rx.cond(NewScanState.calls_error != "", pad(error_line(NewScanState.calls_error, "calls-error"))),
        tools=(add,),
        aside="optional",
    )


def _call(row: rx.vars.ObjectVar[CallRow]) -> rx.Component:
    number = row.id.to_string()
    plain = {"auto_complete": "off", "auto_capitalize": "none", "spell_check": False}
    return rx.el.li(
        text_field("Method", f"method-{number}", error=row.method_error, class_name="mono", default_value="GET", list=_METHODS, **plain),
        text_field(
            "Path or address", f"url-{number}", error=row.url_error, class_name="mono", placeholder="/api/items/1", auto_focus=True, **plain
        ),
        text_area("Headers, one a line", f"headers-{number}", error=row.headers_error, rows=1, placeholder="X-Requested-With: fetch"),
        select_field("Credentials", f"credentials-{number}", _CREDENTIALS, error=row.credentials_error),
        rx.el.div(
            button(icon_name="x", kind="ghost", aria_label="Remove this call", on_click=NewScanState.remove_call(row.id)),
            class_name="remove",
        ),
        key=number,
    )

"""Root: the pages, and the walls of app.web around them."""

import reflex as rx

from app.components.shell import connection_note
from app.components.tokens import STYLESHEETS
from app.pages import not_found
from app.state.session import SessionState

app = rx.App(
    stylesheets=STYLESHEETS,
    html_lang="en",
    toaster=None,  # components/toast.py instead: handlers may not return rx.toast under our CSP
    app_wraps={(5, "Overlay"): lambda stateful: connection_note() if stateful else None},
)
app.add_page(not_found.page, route="/404", title="Not found · Seamwatch", on_load=SessionState.load)

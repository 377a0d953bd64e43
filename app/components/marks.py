"""Marks of those who let people in, in the form that their owners prescribe for sign-in buttons. Hidden from screen readers.

Sources: https://developers.google.com/identity/branding-guidelines (the four-coloured G, never in one colour),
https://brand.github.com (the Invertocat, in the colour of the text).
"""

from typing import Any, cast

import reflex as rx

from app.components.icons import icon
from app.components.tokens import ICONS_URL


def mark(kind: rx.Var[Any]) -> rx.Component:
    """Return the mark of a kind of provider: "google", "github", "oidc", or what has none of its own (a key)."""
    matched = rx.match(
        kind,
        ("google", _brand("google")),
        ("github", _brand("github")),
        ("passkey", icon("passkey", class_name="mark")),
        icon("key", class_name="mark"),
    )
    return cast("rx.Component", matched)


def _brand(name: str) -> rx.Component:
    return rx.el.svg(rx.el.svg.use(href=f"{ICONS_URL}#b-{name}"), class_name="mark", aria_hidden="true")

"""Texts of core on static pages: backticks mark code."""

import reflex as rx


def marked_text(text: str) -> rx.Component:
    return rx.fragment(*(rx.el.code(part) if place % 2 else part for place, part in enumerate(text.split("`")) if part))

"""Icons and glyphs, all from one sprite (assets/icons.svg), so that a name may also come from a state's var.

An icon illustrates a word; a glyph is the shape of a status or severity. Both are hidden from screen readers: a word stands beside them.
"""

from typing import Any, Literal

import reflex as rx

from app.components.tokens import ICONS_URL

IconName = Literal[
    "activity", "arrow", "bell", "check", "contrast", "copy", "db", "diff", "dl", "down", "external", "flask", "globe", "grid", "key",
    "laptop", "layers", "left", "link", "list", "moon", "more", "out", "passkey", "pen", "phone", "plus", "right", "rotate", "rss",
    "search", "send", "server", "sliders", "sun", "terminal", "trash", "up", "upload", "user", "users", "window", "x", "zap",
]  # fmt: skip
GlyphName = Literal["critical", "high", "medium", "low", "info", "ok", "degraded", "down", "unknown", "paused", "not", "stop"]

_HALVES = "M7 2.5H4A1.5 1.5 0 0 0 2.5 4v12A1.5 1.5 0 0 0 4 17.5h3M13 2.5h3A1.5 1.5 0 0 1 17.5 4v12a1.5 1.5 0 0 1-1.5 1.5h-3"
_STITCHES = "M6.5 6.5h7M6.5 10h7M6.5 13.5h7"
_STROKE: dict[str, Any] = {"fill": "none", "stroke_width": "2", "stroke_linecap": "round"}


def icon(name: IconName | rx.Var[str], *, small: bool = False, class_name: str = "") -> rx.Component:
    """Return an icon, 16 px or 14 px wide, in the colour of the text around it."""
    classes = " ".join(part for part in ("i", "i-s" if small else "", class_name) if part)
    return rx.el.svg(rx.el.svg.use(href=f"{ICONS_URL}#i-{name}"), class_name=classes, aria_hidden="true")


def glyph(name: GlyphName | rx.Var[str], *, class_name: str = "g") -> rx.Component:
    """Return the shape of a status or severity in its mark colour, 14 px wide (class "g-l": 16 px)."""
    return rx.el.svg(
        rx.el.svg.use(href=f"{ICONS_URL}#g-{name}"), view_box="0 0 16 16", class_name=f"{class_name} c-{name}", aria_hidden="true"
    )


def spinner() -> rx.Component:
    """Return the ring of what runs now: the only thing that turns."""
    return rx.el.svg(
        rx.el.svg.circle(cx="8", cy="8", r="6.2", stroke="var(--line-strong)"),
        rx.el.svg.path(d="M8 1.8a6.2 6.2 0 0 1 6.2 6.2", stroke="var(--accent)", stroke_width="2.2"),
        view_box="0 0 16 16",
        class_name="i spin",
        aria_hidden="true",
    )


def brand() -> rx.Component:
    """Return the mark (two halves, joined by three stitches) with the name."""
    return rx.fragment(
        rx.el.svg(
            rx.el.svg.path(d=_HALVES, stroke="currentColor", **_STROKE),
            rx.el.svg.path(d=_STITCHES, class_name="st2", **_STROKE),
            view_box="0 0 20 20",
            aria_hidden="true",
        ),
        "Seamwatch",
    )

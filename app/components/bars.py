"""What changes with every check: status, bars of the last checks, times. Drawn in the browser (assets/live.js) from `Cell.text`.

A list puts its cells into `cells` once; its rows name their place in it. A push then draws only what changed, and costs the server
one list of short texts.
"""

from collections.abc import Sequence
from typing import Any

import reflex as rx
from reflex_base.components.component import Component

_SCRIPT = "$/public/live.js"


class _Live(Component):
    library = _SCRIPT


class Cells(_Live):
    """Takes the cells of a list. It draws nothing."""

    tag = "Cells"

    texts: rx.Var[list[str]]
    now: rx.Var[int]


class _OfText(_Live):
    text: rx.Var[str]


class Status(_OfText):
    tag = "Status"


class CheckBars(_OfText):
    tag = "CheckBars"


class _OfPlace(_Live):
    place: rx.Var[int]


class CellStatus(_OfPlace):
    tag = "CellStatus"


class CellBars(_OfPlace):
    tag = "CellBars"


class CellLast(_OfPlace):
    tag = "CellLast"


class CellNote(_OfPlace):
    tag = "CellNote"

    reason: rx.Var[str]
    quiet: rx.Var[str]


class Ago(_Live):
    tag = "Ago"

    at: rx.Var[int]


class AllWell(_Live):
    """The verdict when nothing is wrong, with how long the newest check of the list is past."""

    tag = "AllWell"


class Held(_Live):
    """A part whose rows wait with moving while the pointer or the focus is in it: `on_hold` is told."""

    tag = "Held"

    on_hold: rx.EventHandler[rx.event.passthrough_event_spec(bool)]


class Address(_Live):
    tag = "Address"

    href: rx.Var[str]


class ListKeys(_Live):
    tag = "ListKeys"

    search: rx.Var[str]


class Notify(_Live):
    tag = "Notify"

    news: rx.Var[str]
    icon: rx.Var[str]


class NotifyOne(_Live):
    """The same for the page of one monitor. `text` is its cell, `why` the reason of its open incident."""

    tag = "NotifyOne"

    monitor: rx.Var[str]
    name: rx.Var[str]
    text: rx.Var[str]
    why: rx.Var[str]
    icon: rx.Var[str]


def cells(texts: rx.Var[Sequence[str]], now_s: rx.Var[int]) -> rx.Component:
    """Put the cells of a list into the page, once.

    Args:
        texts: `Cell.text` of each row, in their order.
        now_s: the server's clock, in seconds since 1970, which times are counted from.
    """
    return Cells.create(texts=texts, now=now_s)


def status(text: Any) -> rx.Component:
    """Return glyph and word of one cell."""
    return Status.create(text=text)


def check_bars(text: Any) -> rx.Component:
    """Return the bars of one cell's last checks. The height tells as well as the colour."""
    return CheckBars.create(text=text)


def ago(at_s: Any) -> rx.Component:
    """Return how long a moment is past: "12 s", "4 min", "6 h", "3 d"; it goes on counting."""
    return Ago.create(at=at_s)

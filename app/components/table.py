"""Tables: 32 px head, 36 px rows, numbers at the right; paging below."""

from typing import Any

import reflex as rx
from reflex.vars import NumberVar

from app.components.button import button


def head(*columns: str | tuple[str, str] | rx.Component) -> rx.Component:
    """Return the head row. A column is its word, (word, classes) — "num", "desk", "vh" hides the word only — or a cell of your own."""
    cells = []
    for column in columns:
        if isinstance(column, rx.Component):
            cells.append(column)
            continue
        word, classes = column if isinstance(column, tuple) else (column, "")
        if "vh" in classes.split():
            kept = " ".join(part for part in classes.split() if part != "vh")
            cells.append(rx.el.th(rx.el.span(word, class_name="vh"), scope="col", class_name=kept))
        else:
            cells.append(rx.el.th(word, scope="col", class_name=classes))
    return rx.el.thead(rx.el.tr(*cells))


def table(head_row: rx.Component, *body: Any, label: str, **props: Any) -> rx.Component:
    """Return a table inside its sideways scroll; `body` are tbody elements."""
    made = rx.el.table(head_row, *body, aria_label=label, **props)
    return rx.el.div(made, tab_index=0, role="region", aria_label=label, class_name="scroll")


def pager(number: NumberVar[int], pages: NumberVar[int], words: Any, *, on_previous: Any, on_next: Any) -> rx.Component:
    """Return the line below a table of several pages: what is shown, and the two steps."""
    return rx.el.footer(
        rx.el.span(words, class_name="grow"),
        rx.cond(
            pages > 1,
            rx.el.nav(
                button("Previous", size="sm", on_click=on_previous, disabled=number <= 1),
                rx.el.span("Page ", number, " of ", pages, class_name="f nw"),
                button("Next", size="sm", on_click=on_next, disabled=number >= pages),
                aria_label="Pages",
                class_name="row",
            ),
        ),
    )

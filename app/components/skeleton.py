"""Skeleton: bars in the final row height, shown after 300 ms (theme.css), so that a quick answer shows none."""

import reflex as rx

_WIDTHS = ("34%", "48%", "28%", "40%", "52%")


def bar(width: str) -> rx.Component:
    return rx.el.span(class_name="sk", width=width)


def skeleton_rows(label: str, rows: int = 6) -> rx.Component:
    """Return rows of bars. `label` says what is loading: "Loading scans"."""
    lines = [
        rx.el.div(rx.el.span(class_name="sk dot"), bar(_WIDTHS[index % len(_WIDTHS)]), rx.el.span(class_name="grow"), bar("60px"))
        for index in range(rows)
    ]
    return rx.el.div(*lines, role="status", aria_busy="true", aria_label=label, class_name="pad sk-rows")

"""Charts drawn from their geometry (`app.core.chart`), as the seam map is: no library of charts is sent to the browser."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.core.chart import PHASES, Band, Line, Tick

_DASHES = {"p99": "4 2"}
_WIDTHS = {"p50": "1.5", "p95": "2.2", "p99": "1.5"}


def latency_chart(wide: Any, phone: Any, said: Any) -> rx.Component:
    """Return the percentiles, for wide sheets and for phones (both hold a `Chart`); the stylesheet shows the one that fits."""
    return rx.fragment(_sheet(wide, said, "desk", _percentiles), _sheet(phone, said, "phone", _percentiles))


def phases_chart(wide: Any, phone: Any, said: Any) -> rx.Component:
    """Return the stacked phases, as above."""
    return rx.fragment(_sheet(wide, said, "desk", _stacks), _sheet(phone, said, "phone", _stacks))


def phase_legend() -> rx.Component:
    words = ("DNS", "connect", "TLS", "wait", "read")
    return rx.el.span(
        *(rx.el.span(rx.el.i(class_name=f"ph ph-{look}", aria_hidden="true"), word) for look, word in zip(PHASES, words, strict=True)),
        class_name="lg s m",
    )


def _sheet(chart: Any, said: Any, size: str, content: Any) -> rx.Component:
    return rx.el.svg(
        rx.foreach(chart.y_ticks.to(list[Tick]), lambda tick: _line_of(chart, tick)),
        *content(chart),
        rx.foreach(
            chart.x_ticks.to(list[Tick]),
            lambda tick: rx.el.svg.text(tick.text, x=_text(tick.at), y=chart.bottom + 18, text_anchor=tick.anchor, class_name="tf"),
        ),
        view_box=chart.view_box,
        role="img",
        aria_label=said,
        class_name=f"ch {size}",
    )


def _line_of(chart: Any, tick: Any) -> rx.Component:
    return rx.el.svg.g(
        rx.el.svg.line(x1=chart.left, x2=chart.right, y1=_text(tick.at), y2=_text(tick.at), class_name="hair"),
        rx.el.svg.text(tick.text, x=chart.left - 6, y=_text(tick.at + 4), text_anchor="end", class_name="tf"),
    )


def _percentiles(chart: Any) -> tuple[rx.Component, ...]:
    bands = rx.foreach(chart.bands.to(list[Band]), lambda band: _band(chart, band))
    limit = rx.cond(
        chart.limit_y >= 0,
        rx.el.svg.g(
            rx.el.svg.line(x1=chart.left, x2=chart.right, y1=_text(chart.limit_y), y2=_text(chart.limit_y), class_name="limit"),
            rx.el.svg.text(chart.limit_text, x=chart.left + 4, y=_text(chart.limit_y - 5), class_name="limit-word"),
        ),
    )
    lines = rx.foreach(
        chart.lines.to(list[Line]),
        lambda line: rx.el.svg.g(
            rx.el.svg.path(
                d=line.path,
                stroke_width=rx.match(line.look, *_WIDTHS.items(), "1.5"),
                stroke_dasharray=rx.match(line.look, *_DASHES.items(), "none"),
                class_name=f"series s-{line.look}",
            ),
            rx.el.svg.text(line.label, x=chart.right + 6, y=_text(line.label_y), class_name=f"end e-{line.look}"),
        ),
    )
    return bands, limit, lines


def _band(chart: Any, band: ObjectVar[Band]) -> rx.Component:
    return rx.el.svg.rect(
        rx.el.svg.title(band.title),
        x=_text(band.x),
        y=chart.top,
        width=_text(band.width),
        height=chart.bottom - chart.top,
        class_name="band",
    )


def _stacks(chart: Any) -> tuple[rx.Component, ...]:
    areas = rx.foreach(chart.lines.to(list[Line]), lambda line: rx.el.svg.path(d=line.path, class_name=f"area a-{line.look}"))
    return areas, rx.el.svg.text(chart.note, x=chart.right + 6, y=_text(chart.note_y), class_name="end")


def _text(number: Any) -> Any:
    """Return a number as an attribute takes it: those of SVG are typed as whole numbers or texts."""
    return number.to_string()

"""The seam map: SVG on wide screens, cards joined to an upright bar on phones. The geometry comes from `app.core.seam_map`."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.icons import glyph, icon
from app.components.tokens import ICONS_URL
from app.state.report_map import MapBox, MapLine, MapPart, MapView, MapWire


def seam_map(view: ObjectVar[MapView], on_open: Any) -> rx.Component:
    """Return both forms of the map; the stylesheet shows the one that fits.

    Args:
        view: what is drawn.
        on_open: event handler that takes the id of a finding's row.
    """
    return rx.fragment(
        rx.el.div(
            rx.el.svg(
                rx.foreach(view.wires, _wire),
                rx.foreach(view.boxes, _box),
                rx.foreach(view.lines, lambda line: _line(line, on_open)),
                view_box=view.view_box,
                role="group",
                aria_label=view.said,
                class_name="map",
            ),
            class_name="pad desk mapbox",
        ),
        rx.el.div(
            rx.el.div(
                rx.el.div(rx.el.span("Browser"), class_name="vb"),
                rx.el.ol(rx.foreach(view.parts, lambda part: _part(part, on_open))),
                class_name="vmap",
            ),
            class_name="pad phone",
        ),
        rx.cond(view.more != "", rx.el.p(view.more, class_name="f s mapmore")),
    )


def legend() -> rx.Component:
    """Return the legend: what each kind of line means."""

    def entry(look: str, word: str, dash: str, width: str, *, cut: bool = False) -> rx.Component:
        path = "M1 5h9M24 5h9" if cut else "M1 5h26"
        mark = rx.el.svg.use(href=f"{ICONS_URL}#g-stop", x="11", y="-1", width="12", height="12") if cut else None
        size = "34" if cut else "28"
        line = rx.el.svg(
            rx.el.svg.path(d=path, stroke_width=width, stroke_dasharray=dash, class_name="wire"),
            mark,
            view_box=f"0 -2 {size} 14",
            width=size,
            height="14",
            class_name=f"k-{look}",
            aria_hidden="true",
        )
        return rx.el.span(line, word)

    return rx.el.span(
        entry("ok", "in order", "none", "2"),
        entry("medium", "weak", "8 5", "2.5"),
        entry("high", "blocked", "4 1", "3", cut=True),
        entry("unknown", "unknown", "1.5 5", "1.5"),
        class_name="legend desk s m",
    )


def _wire(wire: ObjectVar[MapWire]) -> rx.Component:
    """The way to a database: dotted, because nothing outside sees it."""
    return rx.el.svg.line(
        x1=wire.x1, x2=wire.x2, y1=wire.y, y2=wire.y, stroke_width="1.5", stroke_dasharray="1.5 5", class_name="wire k-unknown"
    )


def _box(box: ObjectVar[MapBox]) -> rx.Component:
    return rx.el.svg.g(
        rx.el.svg.title(box.title),
        rx.el.svg.rect(x=box.x, y=box.y, width=box.width, height=box.height, rx="8", class_name="box"),
        rx.el.svg.use(href=f"{ICONS_URL}#i-{box.icon}", x=box.icon_x, y=box.icon_y, width="16", height="16", class_name="ic"),
        rx.el.svg.text(box.name, x=box.text_x, y=box.name_y, class_name="nm"),
        rx.el.svg.text(box.address, x=box.text_x, y=box.address_y, class_name="tm mono"),
        rx.el.svg.text(box.detail, x=box.text_x, y=box.detail_y, class_name="tf dt"),
        key=box.id,
    )


def _line(line: ObjectVar[MapLine], on_open: Any) -> rx.Component:
    drawn = [
        rx.el.svg.title(line.title),
        rx.el.svg.rect(x=line.x1, y=line.hit_y, width=line.extent, height="48", rx="6", class_name="hit"),
        rx.foreach(
            line.paths.to(list[str]),
            lambda d: rx.el.svg.path(d=d, stroke_width=line.width, stroke_dasharray=line.dash, class_name="wire"),
        ),
        rx.cond(line.blocked, rx.el.svg.use(href=f"{ICONS_URL}#g-stop", x=line.stop_x, y=line.stop_y, width="18", height="18")),
        rx.el.svg.use(href=f"{ICONS_URL}#g-{line.look}", x="208", y=line.glyph_y, width="13", height="13"),
        rx.el.svg.text(
            rx.el.svg.tspan(line.kind, class_name="kd"),
            rx.el.svg.tspan(line.label, dx="7", class_name="tm"),
            x="227",
            y=line.label_y,
            class_name="lb",
        ),
        rx.el.svg.text(line.detail, x="227", y=line.detail_y, class_name="tf dt"),
        rx.el.svg.circle(cx=line.x1, cy=line.y, r="3.5", class_name="dot"),
        rx.el.svg.circle(cx=line.x2, cy=line.y, r="3.5", class_name="dot"),
    ]
    look = f"edge k-{line.look}"
    return rx.cond(
        line.target != "",
        # The browser itself goes to the row; React Router's link would not scroll.
        rx.el.a(
            *drawn,
            href=line.href,
            reload_document=True,
            on_click=on_open(line.target),
            aria_label=f"{line.word}: {line.title}",
            class_name=look,
            key=line.id,
        ),
        rx.el.svg.g(*drawn, class_name=look, key=line.id),
    )


def _part(part: ObjectVar[MapPart], on_open: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(icon(part.icon), rx.el.b(part.name), rx.el.span(part.address, class_name="mono s m trunc"), class_name="vn"),
        rx.foreach(part.lines.to(list[MapLine]), lambda line: _seam(line, on_open)),
        rx.cond(part.behind != "", rx.el.div(icon("db"), rx.el.span(part.behind, class_name="m s any"), class_name="vx")),
    )


def _seam(line: ObjectVar[MapLine], on_open: Any) -> rx.Component:
    inner = [
        rx.el.i(rx.cond(line.blocked, glyph("stop", class_name="")), class_name="stub"),
        rx.el.span(glyph(line.look), rx.el.b(line.kind), rx.el.span(", ", line.word, class_name="vh"), class_name=f"sev c-{line.look}"),
        rx.el.span(line.label, class_name="m any"),
        rx.el.span(line.detail, class_name="f s"),
    ]
    look = f"vs k-{line.look}"
    return rx.cond(
        line.target != "",
        rx.el.a(*inner, href=line.href, reload_document=True, on_click=on_open(line.target), class_name=look, key=line.id),
        rx.el.div(*inner, class_name=look, key=line.id),
    )

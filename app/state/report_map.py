"""The seam map as its component draws it: numbers that SVG needs, worked out here. Pure; the geometry is `app.core.seam_map`'s."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.report import Part, Report
from app.core.seam_map import Box, Line, draw

_ICONS = {"page": "window", "api": "server", "websocket": "zap", "identity": "key", "database": "db"}


@dataclass(frozen=True, slots=True)
class MapBox:
    id: str
    icon: str
    name: str
    address: str
    detail: str
    title: str
    x: int
    y: int
    width: int
    height: int
    icon_x: int
    icon_y: int
    text_x: int
    name_y: int
    address_y: int
    detail_y: int


@dataclass(frozen=True, slots=True)
class MapLine:
    """One seam. The numbers are SVG units; phones use the words only."""

    id: str
    kind: str
    look: str  # class and glyph: "ok", "unknown" or a severity
    word: str
    label: str
    detail: str
    title: str
    target: str  # id of the finding's row; "" for none
    href: str
    paths: list[str]
    width: str
    dash: str
    blocked: bool
    x1: int
    x2: int
    y: int
    extent: int  # x2 - x1
    hit_y: int
    glyph_y: int
    label_y: int
    stop_x: int
    stop_y: int
    detail_y: int


@dataclass(frozen=True, slots=True)
class MapPart:
    """One card of the phone's map: a part and its seams."""

    icon: str
    name: str
    address: str
    behind: str  # what stands behind it: "then PostgreSQL"; "" for nothing
    lines: list[MapLine]


@dataclass(frozen=True, slots=True)
class MapWire:
    """The wire from an API to its database: nothing is judged there."""

    x1: int
    x2: int
    y: int


@dataclass(frozen=True, slots=True)
class MapView:
    view_box: str
    said: str
    more: str  # "And 3 in order."
    boxes: list[MapBox]
    lines: list[MapLine]
    wires: list[MapWire]
    parts: list[MapPart]


EMPTY_MAP = MapView("0 0 1148 394", "", "", [], [], [], [])


def map_view(report: Report, rows: Mapping[str, str]) -> MapView:
    """Draw the map of a report.

    Args:
        rows: id of the row by code of a finding.
    """
    drawn = draw(report)
    lines = [_line(line, rows.get(line.target, "")) for line in drawn.lines]
    by_part = {part.id: [view for view, line in zip(lines, drawn.lines, strict=True) if line.part == part.id] for part in report.parts}
    databases = [box for box in drawn.boxes if box.icon == "database"]
    homes = [box for box in drawn.boxes if box.icon == "server"]
    return MapView(
        view_box=f"0 0 {drawn.width} {drawn.height}",
        said=drawn.summary,
        more=f"And {drawn.folded} in order." if drawn.folded else "",
        boxes=[_box(box) for box in (drawn.browser, *drawn.boxes)],
        lines=lines,
        wires=[MapWire(homes[0].x + homes[0].width, box.x, box.y + box.height // 2) for box in databases if homes],
        parts=[
            MapPart(_ICONS.get(part.kind, "server"), part.name, part.address, _behind(part, report), by_part[part.id])
            for part in report.parts
            if by_part[part.id]
        ],
    )


def _behind(part: Part, report: Report) -> str:
    """Return what stands behind the first API: its database."""
    first = next((other for other in report.parts if other.kind == "api"), None)
    database = next((other for other in report.parts if other.kind == "database"), None)
    return f"then {database.name}, {database.address}" if database and part is first else ""


def _box(box: Box) -> MapBox:
    return MapBox(
        box.id, _ICONS.get(box.icon, box.icon), box.name, box.address, box.detail, box.title, box.x, box.y, box.width, box.height,
        box.x + 14, box.text_y - 13, box.x + 38, box.text_y, box.text_y + 17, box.text_y + 34,
    )  # fmt: skip


def _line(line: Line, row: str) -> MapLine:
    return MapLine(
        line.id, line.kind, line.look, line.word, line.label, line.detail, line.title, row, f"#{row}" if row else "#findings",
        list(line.paths), f"{line.width:g}", line.dash, line.blocked, line.x1, line.x2, line.y, line.x2 - line.x1, line.y - 26,
        line.y - 21, line.y - 10, line.stop_x - 9, line.y - 9, line.y + 17,
    )  # fmt: skip

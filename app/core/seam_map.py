"""The seam map as geometry: boxes, lines and labels in SVG units. Pages and the HTML report only draw it.

The browser is one tall box at the left; each part of the server a box opposite it; a seam is a straight horizontal line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.findings import Certainty, Severity
from app.core.report import Part, Report, Seam

WIDTH = 1148
MARGIN = 8
LEFT = 192  # right edge of the browser box, where lines begin
RIGHT = 560  # left edge of the parts, where lines end
PART_WIDTH = 252
FREE_RIGHT, FREE_PART_WIDTH = 760, 380  # where no database stands behind the parts: longer lines, room for whole labels
STOP_GAP = 50  # a blocked line is cut around this far before its part
DATABASE_X, DATABASE_WIDTH = 946, 194
SEAM_HEIGHT = 60  # of a part, per seam
GAP = 20
MAX_LABEL = 46  # characters, less the seam's name
FREE_MAX_LABEL = 78
MAX_ADDRESS = 30
MAX_SEAMS = 7  # more: those in order fold into one line of text
ICONS = {"page": "window", "api": "server", "websocket": "zap", "identity": "key", "database": "database"}
# worst finding → stroke width, dash array
STROKES: dict[str, tuple[float, str]] = {
    "ok": (2, ""),
    "info": (1.5, ""),
    "low": (2, "14 4"),
    "medium": (2.5, "8 5"),
    "high": (3, "4 4"),
    "critical": (2, ""),
    "unknown": (1.5, "1.5 5"),
}


@dataclass(frozen=True, slots=True)
class Box:
    id: str
    icon: str  # name of the icon
    name: str
    address: str  # cut to fit; the full text is in `title`
    detail: str
    title: str
    x: int
    y: int
    width: int
    height: int
    text_y: int  # baseline of the name; address 17 below, detail 34 below


@dataclass(frozen=True, slots=True)
class Line:
    """One seam. `look` is "ok", "unknown" or a severity: it names glyph, colour and dash."""

    id: str
    kind: str
    part: str
    look: str
    word: str  # for readers: "In order", "Unknown", "High"
    label: str  # cut to fit
    detail: str
    title: str  # the full text
    target: str  # code of the finding it opens ("COR-06"); "" when there is none
    y: int
    paths: tuple[str, ...]  # one; two for the double line of critical
    width: float
    dash: str
    blocked: bool  # cut before the part; a stop sign is centred at `stop_x`
    x1: int = LEFT
    x2: int = RIGHT

    @property
    def stop_x(self) -> int:
        return self.x2 - STOP_GAP


@dataclass(frozen=True, slots=True)
class SeamMap:
    width: int
    height: int
    browser: Box
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    folded: int  # seams in order that were left out
    summary: str  # one sentence: the picture's text equivalent


def draw(report: Report) -> SeamMap:
    """Lay out the map of a report."""
    return lay_out(report.parts, report.seams, report.site.page_origin)


def lay_out(parts: Sequence[Part], seams: Sequence[Seam], page_origin: str = "") -> SeamMap:
    """Lay out parts and seams, in the order given."""
    shown = _fold(seams)
    free = all(part.kind != "database" for part in parts)
    right, width = (FREE_RIGHT, FREE_PART_WIDTH) if free else (RIGHT, PART_WIDTH)
    boxes: list[Box] = []
    lines: list[Line] = []
    y = MARGIN + 6
    for part in parts:
        mine = [seam for seam in shown if seam.part == part.id]
        if part.kind == "database" or not mine:
            continue
        height = SEAM_HEIGHT * len(mine)
        boxes.append(_box(part, right, y, width, height))
        lines += [_line(seam, y + SEAM_HEIGHT // 2 + SEAM_HEIGHT * number, right) for number, seam in enumerate(mine)]
        y += height + GAP
    bottom = y - GAP + 6
    for part in parts:
        if part.kind == "database":
            home = next((box for box in boxes if box.icon == "server"), boxes[-1] if boxes else None)
            middle = home.y + home.height // 2 if home else bottom // 2
            boxes.append(_box(part, DATABASE_X, middle - 30, DATABASE_WIDTH, 60))
    browser_middle = (MARGIN + bottom) // 2
    browser = Box(
        "browser", "window", "Browser", page_origin.partition("://")[2], "", page_origin, MARGIN, MARGIN, LEFT - MARGIN,
        bottom - MARGIN, browser_middle - 8,
    )  # fmt: skip
    return SeamMap(WIDTH, bottom + MARGIN, browser, tuple(boxes), tuple(lines), len(seams) - len(shown), _summary(seams))


def _fold(seams: Sequence[Seam]) -> list[Seam]:
    if len(seams) <= MAX_SEAMS:
        return list(seams)
    troubled = sum(look_of(seam) != "ok" for seam in seams)
    room = max(0, MAX_SEAMS - troubled)
    kept: list[Seam] = []
    for seam in seams:
        if look_of(seam) == "ok":
            if room <= 0:
                continue
            room -= 1
        kept.append(seam)
    return kept


def look_of(seam: Seam) -> str:
    """Return "unknown", "ok" or the severity of the worst finding."""
    if seam.worst:
        return seam.worst.value
    if seam.blocked:
        return Severity.HIGH.value  # blocked for a reason that no finding names yet; never drawn as in order
    return "unknown" if seam.certainty is Certainty.UNKNOWN else "ok"


def _line(seam: Seam, y: int, right: int) -> Line:
    look = look_of(seam)
    width, dash = STROKES[look]
    offsets = (-3, 3) if look == Severity.CRITICAL else (0,)
    gap = f"H{right - STOP_GAP - 15}M{right - STOP_GAP + 15} {{y}}" if seam.blocked else ""
    paths = tuple(f"M{LEFT} {y + offset}{gap.format(y=y + offset)}H{right}" for offset in offsets)
    word = {"ok": "In order", "unknown": "Unknown"}.get(look, look.capitalize())
    limit = FREE_MAX_LABEL if right == FREE_RIGHT else MAX_LABEL
    label = cut(seam.label, limit - len(seam.kind))
    target = seam.findings[0] if seam.findings else ""
    title = f"{seam.kind}: {seam.label}"
    return Line(
        seam.id,
        seam.kind.value,
        seam.part,
        look,
        word,
        label,
        cut(seam.detail, limit + 6),
        title,
        target,
        y,
        paths,
        width,
        dash,
        seam.blocked,
        x2=right,
    )


def _box(part: Part, x: int, y: int, width: int, height: int) -> Box:
    rows = 3 if part.detail else 2
    text_y = y + height // 2 + (4 if rows == 2 else -4) - 8 + (0 if rows == 2 else -1)
    limit = {PART_WIDTH: MAX_ADDRESS, FREE_PART_WIDTH: 46}.get(width, 22)
    return Box(
        part.id, ICONS.get(part.kind, "server"), part.name, cut(part.address, limit), cut(part.detail, limit + 2),
        f"{part.name}: {part.address}. {part.detail}".rstrip(". "), x, y, width, height, text_y,
    )  # fmt: skip


def cut(text: str, limit: int) -> str:
    """Return the text, ended by an ellipsis where it is longer than `limit` characters."""
    return text if len(text) <= limit else f"{text[: max(1, limit - 1)].rstrip()}…"


def _summary(seams: Sequence[Seam]) -> str:
    blocked = sum(seam.blocked for seam in seams)
    weak = sum(seam.worst is not None and not seam.blocked for seam in seams)
    count = f"{len(seams)} seam{'' if len(seams) == 1 else 's'} between the browser and the backend"
    if not blocked and not weak:
        return f"Seam map: {count}, none with a finding."
    said = [f"{blocked} blocked" if blocked else "", f"{weak} with findings" if weak else ""]
    return f"Seam map: {count}, {', '.join(part for part in said if part)}."

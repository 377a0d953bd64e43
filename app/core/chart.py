"""Charts as geometry: paths, ticks and labels in SVG units. Pages only draw them, twice: wide, and for phones.

The vertical axis begins at zero and has at most five lines; what is missing is a gap, never a bridge; each line's newest value stands at
its end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

MAX_POINTS = 96
PHASES = ("dns", "tcp", "tls", "wait", "read")
_LABEL_GAP = 13.0  # between two labels at the lines' ends
_HOUR, _DAY = 3600, 86_400
# (window at most, in seconds; ticks each; how they are written)
_TICKS = (
    (2 * _HOUR, 900, "time"), (8 * _HOUR, 5400, "time"), (2 * _DAY, 6 * _HOUR, "time"), (10 * _DAY, 2 * _DAY, "day"),
    (40 * _DAY, 7 * _DAY, "date"), (120 * _DAY, 21 * _DAY, "date"), (10_000 * _DAY, 91 * _DAY, "month"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """The sheet, and the part of it in which values are drawn."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    bars: int  # at most
    ticks: int  # each how many of the ticks is written

    @property
    def view_box(self) -> str:
        return f"0 0 {self.width} {self.height}"


WIDE = Size(760, 200, 46, 680, 16, 176, 48, 1)
PHONE = Size(330, 190, 42, 254, 16, 166, 24, 2)


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str
    anchor: str = "end"


@dataclass(frozen=True, slots=True)
class Line:
    look: str  # "p50", "p95", "p99"
    path: str
    label: str = ""
    label_y: float = 0


@dataclass(frozen=True, slots=True)
class Band:
    """A span in which an incident was open."""

    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    view_box: str = "0 0 760 200"
    left: int = 46
    right: int = 680
    top: int = 16
    bottom: int = 176
    y_ticks: list[Tick] = field(default_factory=list)
    x_ticks: list[Tick] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)  # of latency: three; of phases: an area each, and the outline of all
    limit_y: float = -1  # -1: none
    limit_text: str = ""
    bands: list[Band] = field(default_factory=list)
    note: str = ""  # at the right end: "wait 448"
    note_y: float = 0


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket of a window: percentiles of latency, and the phases of its median check; None where nothing is known."""

    at_s: float  # its start
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    phases: tuple[float, float, float, float, float] | None = None  # as `PHASES`


@dataclass(frozen=True, slots=True)
class Span:
    """What is drawn: from when to when, in seconds since 1970, and how wide one bucket is."""

    start_s: float
    end_s: float
    bucket_s: float

    def x(self, at_s: float, size: Size) -> float:
        share = (at_s - self.start_s) / max(1.0, self.end_s - self.start_s)
        return size.left + min(1.0, max(0.0, share)) * (size.right - size.left)


def latency(
    points: Sequence[Point], span: Span, size: Size, limit_ms: float | None, incidents: Sequence[tuple[float, float, str]] = ()
) -> Chart:
    """Return the chart of percentiles. `incidents`: (from, to, words), in seconds since 1970."""
    values = [value for point in points for value in (point.p50, point.p95, point.p99) if value is not None]
    scale = _Scale.of(max([*values, limit_ms or 0], default=0), size)
    lines = []
    for look in ("p50", "p95", "p99"):
        series = [(span.x(point.at_s + span.bucket_s / 2, size), getattr(point, look)) for point in points]
        newest = next((value for _, value in reversed(series) if value is not None), None)
        label = f"{look} {_number(newest)}" if newest is not None else ""
        lines.append(Line(look, _path(series, scale), label, scale.y(newest or 0) + 4))
    bands = [
        Band(_round(span.x(start, size)), _round(max(2.0, span.x(end, size) - span.x(start, size))), words)
        for start, end, words in incidents
        if end > span.start_s and start < span.end_s
    ]
    limit_y = _round(scale.y(limit_ms)) if limit_ms else -1
    limit_text = f"limit {_number(limit_ms)}" if limit_ms else ""
    return Chart(
        size.view_box, size.left, size.right, size.top, size.bottom, scale.ticks(), _times(span, size), _apart(lines, size), limit_y,
        limit_text, bands,
    )  # fmt: skip


def phases(points: Sequence[Point], span: Span, size: Size) -> Chart:
    """Return the chart of stacked phases, at most `size.bars` bars."""
    bars = _merged([(point.at_s, point.phases) for point in points], size.bars)
    scale = _Scale.of(max((sum(took) for _, took in bars if took), default=0), size)
    paths: list[list[str]] = [[] for _ in range(len(PHASES) + 1)]
    step = (size.right - size.left) / max(1, len(bars))
    width = max(1.0, step - (2 if step > 6 else 1))
    for place, (_, took) in enumerate(bars):
        if not took:
            continue
        x, below = size.left + place * step, 0.0
        for number, ms in enumerate(took):
            top, bottom = scale.y(below + ms), scale.y(below)
            if bottom - top >= 0.05:
                paths[number].append(f"M{x:.1f} {bottom:.1f}h{width:.1f}V{top:.1f}h-{width:.1f}z")
            below += ms
        paths[-1].append(f"M{x:.1f} {size.bottom}h{width:.1f}V{scale.y(below):.1f}h-{width:.1f}z")
    lines = [Line(look, "".join(path)) for look, path in zip((*PHASES, "all"), paths, strict=True)]
    note, note_y = "", 0.0
    if bars and (newest := bars[-1][1]):
        most = max(range(len(newest)), key=lambda number: newest[number])
        note = f"{_WORDS[most]} {_number(newest[most])}"
        note_y = _round(scale.y(sum(newest[:most]) + newest[most] / 2) + 4)
    return Chart(
        size.view_box, size.left, size.right, size.top, size.bottom, scale.ticks(), _times(span, size), lines, note=note, note_y=note_y
    )


_WORDS = ("DNS", "connect", "TLS", "wait", "read")


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values from zero up to the last of at most five lines."""

    step: float
    count: int  # of steps
    size: Size

    @classmethod
    def of(cls, most: float, size: Size) -> "_Scale":
        most = most if most > 0 else 1
        power = 10.0 ** math.floor(math.log10(most / 4))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if power * factor * 4 >= most)
        return cls(step, max(1, math.ceil(most / step - 1e-9)), size)

    def y(self, value: float) -> float:
        share = min(1.0, value / (self.step * self.count))
        return self.size.bottom - share * (self.size.bottom - self.size.top)

    def ticks(self) -> list[Tick]:
        return [Tick(_round(self.y(number * self.step)), _number(number * self.step)) for number in range(self.count + 1)]


def _path(series: Sequence[tuple[float, float | None]], scale: _Scale) -> str:
    """Return a line through the points; it breaks where a value is missing, and a lone point is a dot."""
    parts: list[str] = []
    runs: list[list[tuple[float, float]]] = [[]]
    for x, value in series:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x, scale.y(value)))
    for run in filter(None, runs):
        if len(run) == 1:
            run = [run[0], (run[0][0] + 0.1, run[0][1])]
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run))
    return "".join(parts)


def _apart(lines: list[Line], size: Size) -> list[Line]:
    """Move the labels at the lines' ends so that none covers another."""
    labelled = sorted((line for line in lines if line.label), key=lambda line: (line.label_y, -lines.index(line)))
    places = [line.label_y for line in labelled]
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + _LABEL_GAP)
    over = places[-1] - (size.bottom + 4) if places else 0
    if over > 0:
        for number in range(len(places) - 1, -1, -1):
            limit = places[number + 1] - _LABEL_GAP if number + 1 < len(places) else size.bottom + 4.0
            places[number] = min(places[number], limit)
    at = {line.look: _round(place) for line, place in zip(labelled, places, strict=True)}
    return [Line(line.look, line.path, line.label, at.get(line.look, 0)) for line in lines]


def _times(span: Span, size: Size) -> list[Tick]:
    """Return the ticks of time: on whole steps of UTC, the last one is now."""
    length = span.end_s - span.start_s
    each, look = next((each, look) for most, each, look in _TICKS if length <= most)
    ticks: list[Tick] = []
    at = math.ceil(span.start_s / each) * each
    number = 0
    while at < span.end_s:
        x = span.x(at, size)
        if size.left <= x and size.right - x > 56 and number % size.ticks == 0:
            ticks.append(Tick(_round(x), _time(at, look), "start" if x - size.left < 18 else "middle"))
        number += 1
        at += each
    return [*ticks, Tick(size.right, "now", "end")]


def _time(at_s: float, look: str) -> str:
    moment = datetime.fromtimestamp(at_s, UTC)
    if look == "time":
        return f"{moment:%H:%M}"
    if look == "day":
        return f"{moment:%a} {moment.day}"
    return f"{moment:%b %Y}" if look == "month" else f"{moment.day} {moment:%b}"


def _merged(items: Sequence[tuple[float, tuple[float, ...] | None]], most: int) -> list[tuple[float, tuple[float, ...] | None]]:
    """Return at most so many items: neighbours are one, by the mean of those that are known."""
    together = max(1, math.ceil(len(items) / most))
    merged: list[tuple[float, tuple[float, ...] | None]] = []
    for start in range(0, len(items), together):
        group = items[start : start + together]
        known = [values for _, values in group if values]
        means = tuple(sum(column) / len(known) for column in zip(*known, strict=True)) if known else None
        merged.append((group[0][0], means))
    return merged


def _number(value: float) -> str:
    """Return "1,240", "0.5"."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _round(value: float) -> float:
    return round(value, 1)


def trend(values: Sequence[float | None]) -> str:
    """Return what a series did, for whoever cannot see it: "rose from 300 to 1,240 ms", "stayed around 310 ms"."""
    known = [value for value in values if value is not None]
    if not known:
        return "is not known"
    part = max(1, len(known) // 4)
    first, last = _middle(known[:part]), _middle(known[-part:])
    if first > 0 and last / first > 1.3 and last - first >= 1:
        return f"rose from {_number(first)} to {_number(last)} ms"
    if last > 0 and first / last > 1.3 and first - last >= 1:
        return f"fell from {_number(first)} to {_number(last)} ms"
    return f"stayed around {_number(_middle(known))} ms"


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]

"""What the page of one monitor shows, as plain values: tiles, charts and their table, results, rules, calls, examples. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from app.core import chart, described
from app.core.cell import BARS, Cell
from app.core.chart import Chart, Span
from app.core.checks import Check, HeartbeatCheck
from app.core.schedule import BadSchedule, expected, next_cron, zone
from app.services.incidents import IncidentRow
from app.services.maintenance import WindowRow
from app.services.monitor_detail import MonitorDetail
from app.services.monitor_history import Call, Latency, Point, ResultRow, Window
from app.state.exchange_view import OUTCOMES, cause_words, longest, milliseconds
from app.state.shown import day, iso

WINDOWS: tuple[Window, ...] = ("1h", "6h", "24h", "7d", "30d", "90d", "1y")
WINDOW_WORDS = {"1h": "1 h", "6h": "6 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d", "1y": "1 y"}
WINDOW_S = {"1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000, "90d": 7_776_000, "1y": 31_536_000}
_SAID = {"1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "1y": "1 year"}
_TABLE_ROWS = 48
_COMES = 3  # next times of a cron expression


@dataclass(frozen=True, slots=True)
class ResultView:
    due: str  # its due time in ms, as text: the browser's numbers are not asked to hold it
    time: str
    at: str
    glyph: str
    word: str
    code: str
    ms: str
    note: str  # why it failed, or the longest phase
    marks: list[str] = field(default_factory=list)  # "late", "in maintenance"
    has_detail: bool = False


@dataclass(frozen=True, slots=True)
class IncidentView:
    id: str
    glyph: str
    title: str
    when: str
    at: str


@dataclass(frozen=True, slots=True)
class Rule:
    words: str
    value: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class CallView:
    time: str
    at: str
    glyph: str
    word: str
    took: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    title: str
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class ChartRow:
    time: str
    at: str
    p50: str
    p95: str
    p99: str


@dataclass(frozen=True, slots=True)
class LatencyView:
    """Both charts of one window, wide and for phones, what they say, and what a table of them holds."""

    known: bool = False  # whether anything answered in the window
    phased: bool = False
    bucket: str = ""  # "15 min each"
    said: str = ""
    phases_said: str = ""
    wide: Chart = field(default_factory=Chart)
    phone: Chart = field(default_factory=Chart)
    phases_wide: Chart = field(default_factory=Chart)
    phases_phone: Chart = field(default_factory=Chart)
    rows: list[ChartRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tiles:
    uptime: str = "–"
    lost: str = ""
    p95: str = "–"
    p95_note: str = ""
    over: bool = False  # whether p95 is above the limit
    p50: str = "–"
    p50_note: str = ""


def length(seconds: float) -> str:
    """Return "42 s", "26 min", "3 h 5 min", "12 d"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 86_400:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{seconds / 86_400:.0f} d"


def share(uptime: float | None) -> str:
    """Return "99.94", cut and never rounded up to a hundred."""
    return "–" if uptime is None else "100" if uptime >= 1 else f"{int(uptime * 10_000) / 100:.2f}"


def tiles(month: Latency, day_: Latency, hour: Latency) -> Tiles:
    lost = f"{length(month.downtime_s)} down" if month.downtime_s else "never down" if month.uptime is not None else "not checked yet"
    limit = hour.limit_ms
    return Tiles(
        share(month.uptime),
        lost,
        _ms(hour.p95),
        f"limit {limit:,.0f} ms" if limit else _note("p99", hour.p99),
        bool(limit and hour.p95 is not None and hour.p95 > limit),
        _ms(hour.p50),
        _note("24 h:", day_.p50),
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _note(word: str, value: float | None) -> str:
    return "" if value is None else f"{word} {_ms(value)} ms"


def latency_view(found: Latency, window: str, now_s: float, incidents: Sequence[IncidentRow]) -> LatencyView:
    span = Span(now_s - WINDOW_S[window], now_s, found.bucket_s)
    points = [_point(point) for point in found.points]
    known = [point for point in points if point.p95 is not None]
    bands = [
        (one.opened_at.timestamp(), one.closed_at.timestamp() if one.closed_at else now_s, one.text or cause_words(one.cause))
        for one in incidents
    ]
    limit = found.limit_ms
    phased = any(point.phases for point in points)
    said = f"Latency over {_SAID[window]}. p95 {chart.trend([point.p95 for point in points])}."
    if limit:
        above = sum(point.p95 > limit for point in known if point.p95 is not None)
        said += f" It was above the limit of {limit:,.0f} ms in {above} of {len(known)} spans."
    wide, phone = chart.phases(points, span, chart.WIDE), chart.phases(points, span, chart.PHONE)
    return LatencyView(
        bool(known), phased, f"ms, {length(found.bucket_s)} each", said,
        f"Phases of the median check over {_SAID[window]}. The longest now: {wide.note} ms." if wide.note else "Phases are not known.",
        chart.latency(points, span, chart.WIDE, limit, bands), chart.latency(points, span, chart.PHONE, limit, bands), wide, phone,
        chart_rows(points),
    )  # fmt: skip


def _point(point: Point) -> chart.Point:
    parts = (point.dns, point.connect, point.tls, point.wait, point.read)
    took = tuple(part or 0.0 for part in parts)
    return chart.Point(point.at_s, point.p50, point.p95, point.p99, took if any(took) else None)  # pyright: ignore[reportArgumentType]  # five


def chart_rows(points: Sequence[chart.Point]) -> list[ChartRow]:
    """Return the values behind a chart, newest first; of many points every second one."""
    known = [point for point in points if point.p95 is not None]
    each = -(-len(known) // _TABLE_ROWS) if known else 1
    rows: list[ChartRow] = []
    for point in known[::-1][::each]:
        moment = datetime.fromtimestamp(point.at_s, UTC)
        rows.append(ChartRow(_moment(moment, moment, dated=True), iso(moment), _ms(point.p50), _ms(point.p95), _ms(point.p99)))
    return rows


# Results, incidents, calls.


def result_view(row: ResultRow, now: datetime) -> ResultView:
    glyph, word = OUTCOMES.get(row.outcome, ("unknown", row.outcome.capitalize()))
    moment = datetime.fromtimestamp(row.due_ms / 1000, UTC)
    quiet = row.outcome == "up"
    marks = [mark for mark, held in (("late", row.late), ("in maintenance", row.maintained)) if held]
    return ResultView(
        str(row.due_ms), _moment(moment, now), iso(moment), glyph, word, str(row.code or "–"),
        f"{row.timing.total_ms:,.0f}" if row.timing else "–", longest(row.timing) if quiet else row.text or cause_words(row.cause), marks,
        row.has_detail,
    )  # fmt: skip


_BARS = {"up": "u", "degraded": "d", "down": "x", "unknown": "q", "unreachable": "r"}


def with_bars(cell: Cell, rows: Sequence[ResultRow]) -> Cell:
    """Return the cell with the bars of these results, newest first, when it has none: the engine forgets those of a monitor it left."""
    if cell.bars or not rows:
        return cell
    newest = rows[0]
    bars = "".join("m" if row.maintained else _BARS.get(row.outcome, "q") for row in rows[:BARS])[::-1]
    return replace(cell, bars=bars, last_s=newest.due_ms // 1000, last_ms=round(newest.timing.total_ms) if newest.timing else -1)


def _moment(moment: datetime, now: datetime, *, dated: bool = False) -> str:
    """Return "08:36:12", with its day when that is not today's."""
    if dated:
        return f"{moment.day} {moment:%b, %H:%M}"
    return f"{moment:%H:%M:%S}" if moment.date() == now.astimezone(UTC).date() else f"{moment.day} {moment:%b, %H:%M:%S}"


def incident_view(row: IncidentRow, now: datetime) -> IncidentView:
    took = length(((row.closed_at or now) - row.opened_at).total_seconds())
    when = f"{day(row.opened_at)}, {took}" if row.closed_at else f"open for {took}"
    return IncidentView(
        row.id, "ok" if row.closed_at else row.severity, row.text or cause_words(row.cause) or "Failed", when, iso(row.opened_at)
    )


_CALLS = {"success": ("ok", "Succeeded"), "start": ("not", "Started"), "fail": ("down", "Failed"), "log": ("info", "Said")}


def call_view(call: Call, now: datetime) -> CallView:
    moment = datetime.fromtimestamp(call.at_ms / 1000, UTC)
    glyph, word = _CALLS.get(call.kind, ("unknown", call.kind))
    if call.exit_code:
        word = f"{word}, exit code {call.exit_code}"
    return CallView(_moment(moment, now), iso(moment), glyph, word, milliseconds(call.took_ms) if call.took_ms else "", call.text[:300])


@dataclass(frozen=True, slots=True)
class Rhythms:
    """When a heartbeat called, and when it is expected."""

    last: str = "–"
    last_note: str = ""
    expected: str = "–"
    expected_note: str = ""


def rhythms(calls: Sequence[Call], check: Check | None, now: datetime) -> Rhythms:
    """Return what the tiles of a heartbeat say. What is expected is counted from the newest call that ended a run."""
    last = calls[0] if calls else None
    ended = next((call for call in calls if call.kind in ("success", "fail")), None)
    said = call_view(last, now) if last else None
    note = f"{said.word}, {length(max(0.0, now.timestamp() - last.at_ms / 1000))} ago" if said and last else "No call yet"
    if not isinstance(check, HeartbeatCheck):
        return Rhythms(said.time if said else "–", note)
    grace = f"and may be {length(check.grace_s)} late"
    if ended is None:
        return Rhythms(said.time if said else "–", note, "–", grace)
    due = expected(check.rhythm, datetime.fromtimestamp(ended.at_ms / 1000, UTC))
    late = "" if due > now else "overdue, "
    when = f"{due:%H:%M}" if due.date() == now.astimezone(UTC).date() else f"{due.day} {due:%b, %H:%M}"
    return Rhythms(said.time if said else "–", note, when, f"{late}{grace}")


def next_times(cron: str, zone_name: str, now: datetime) -> list[str]:
    """Return when an expression comes true next, in its own zone and in UTC; nothing while it cannot be read."""
    times: list[str] = []
    at = now
    try:
        for _ in range(_COMES):
            at = next_cron(cron, zone_name, at)
            local = at.astimezone(zone(zone_name))
            there = "" if zone_name == "UTC" else f" ({at:%H:%M} UTC)"
            times.append(f"{local:%a} {local.day} {local:%b %Y, %H:%M} {zone_name}{there}")
    except BadSchedule:
        return []
    return times


def examples(url: str, cron: str) -> list[Example]:
    """Return how a heartbeat is called, ready to be copied."""
    when = cron or "0 3 * * *"
    python = f'import urllib.request\n\nurllib.request.urlopen("{url}", timeout=10).close()'
    return [
        Example("In a shell", f"curl -fsS -m 10 --retry 3 -o /dev/null {url}", "curl"),
        Example("In a crontab, with the exit code", f"{when} /path/to/job; curl -fsS -m 10 --retry 3 -o /dev/null {url}/$?", "cron"),
        Example("In Python", python, "python"),
    ]


# Words about the monitor.


def address_line(check: Check | None, detail: MonitorDetail) -> str:
    """Return what stands below the name, after the address: "every 60 s · GET · 3 assertions · site app"."""
    parts = [f"every {described.span(detail.draft.interval_s)}"] if detail.draft.kind != "heartbeat" else []
    if check is not None:
        parts.append(described.looks_at(check))
    if detail.site:
        parts.append(f"site {detail.site}")
    if detail.group:
        parts.append(f"group {detail.group}")
    return " · ".join(parts)


def rules(detail: MonitorDetail, windows: Sequence[WindowRow]) -> list[Rule]:
    draft = detail.draft
    found = [
        Rule("Opens an incident", _votes(draft.down, draft.down_of, "failed")),
        Rule("Closes it", _votes(draft.up, draft.up_of, "good")),
    ]
    if draft.kind != "heartbeat":
        found.append(Rule("Timeout", f"{draft.timeout_s:g} s"))
        if draft.retries:
            found.append(Rule("Tries", f"{draft.retries + 1}, {draft.retry_interval_s:g} s apart"))
    if draft.upside_down:
        found.append(Rule("Upside down", "well while it cannot be reached"))
    if detail.parent:
        found.append(Rule("Depends on", detail.parent, f"/monitors/{draft.parent_id}"))
    found += [
        Rule("Maintenance", f"{window.name}: {window.words}", "/maintenance")
        for window in windows
        if window.state != "over" and _covers(window, detail)
    ]
    found += [Rule(name, value) for name, value in draft.labels]
    return found


def _covers(window: WindowRow, detail: MonitorDetail) -> bool:
    if not (window.monitors or window.tags or window.sites):
        return True
    return detail.id in window.monitors or bool(set(window.tags) & set(detail.draft.tags)) or (
        bool(detail.draft.site_id) and detail.draft.site_id in window.sites
    )  # fmt: skip


def _votes(count: int, of: int, what: str) -> str:
    """Return "after 2 failed checks in a row", "after 3 failed of the last 5 checks"."""
    if count == of:
        return f"after 1 {what} check" if count == 1 else f"after {count} {what} checks in a row"
    return f"after {count} {what} of the last {of} checks"


def title_of(name: str, status: str) -> str:
    """Return the title of the tab: what is wrong leads."""
    words = {"down": "Down: ", "degraded": "Degraded: ", "unreachable": "Unreachable: ", "unknown": "Unknown: "}
    return f"{words.get(status, '')}{name} · Seamwatch"


def icon_of(status: str) -> str:
    return {"down": "favicon-high", "degraded": "favicon-medium"}.get(status, "favicon")

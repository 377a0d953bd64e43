"""What the engine does: whether it is alive, how late it is, what it sees of its own network, when it did not run, what it keeps."""

import asyncio
import time
from dataclasses import dataclass

import reflex as rx

from app.services import engine_state
from app.services.engine_state import EngineStatus, Report
from app.services.errors import SeamwatchError, Unauthenticated
from app.state.gate import internal, signed_in
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, sign_in_path, when_ms

PATH = "/settings/engine"
_LOOK_S = 5.0
_LATE_SHARE = 0.001  # above it, and above the next two, something is worth a look
_LAG_MS = 250.0


@dataclass(frozen=True, slots=True)
class Figure:
    words: str
    value: str
    note: str = ""
    glyph: str = ""  # "ok", "degraded", "down", "unknown"; "" for what is neither good nor bad


@dataclass(frozen=True, slots=True)
class GapView:
    started: str
    ended: str
    lasted: str


class EngineViewState(rx.State):
    view: rx.Field[str] = rx.field("loading")  # "loading", "ready", "error"
    error: rx.Field[str] = rx.field("")
    verdict: rx.Field[str] = rx.field("")
    glyph: rx.Field[str] = rx.field("unknown")
    now: rx.Field[list[Figure]] = rx.field(default_factory=list)
    network: rx.Field[list[Figure]] = rx.field(default_factory=list)
    kept: rx.Field[list[Figure]] = rx.field(default_factory=list)
    gaps: rx.Field[list[GapView]] = rx.field(default_factory=list)  # newest first, at most PAGE_ROWS
    gaps_words: rx.Field[str] = rx.field("")

    @rx.event
    @signed_in
    async def load(self):
        try:
            self._show(await engine_state.status(await actor_of(self)))
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        return EngineViewState.watch

    @rx.event(background=True, supersedes=True)
    @internal
    async def watch(self):
        """Look again every few seconds while the page is open."""
        while True:
            await asyncio.sleep(_LOOK_S)
            async with self:
                if self.router.url.path.strip("/") != PATH.strip("/"):
                    return
                actor = await actor_of(self)
            try:
                status = await engine_state.status(actor)
            except SeamwatchError:  # the session ended: what is opened next says so
                return
            async with self:
                self._show(status)

    def _show(self, status: EngineStatus) -> None:
        now_ms = round(time.time() * 1000)
        self.view = "ready"
        self.verdict, self.glyph = _verdict(status, now_ms)
        self.now = _now(status.report)
        self.network = _network(status.report)
        self.kept = _kept(status)
        newest = status.gaps[::-1][:PAGE_ROWS]
        self.gaps = [GapView(when_ms(started), when_ms(ended), _span((ended - started) / 1000)) for started, ended in newest]
        self.gaps_words = counted(len(status.gaps), "gap")


def _verdict(status: EngineStatus, now_ms: int) -> tuple[str, str]:
    if not status.alive_ms:
        return "The engine never ran", "unknown"
    if not status.alive:
        return f"The engine stands still since {_span((now_ms - status.alive_ms) / 1000)}", "down"
    report = status.report
    if report is None:
        return "The engine runs in another process", "ok"
    if report.failing_since_ms is not None:
        return f"Results cannot be stored since {_span((now_ms - report.failing_since_ms) / 1000)}", "down"
    if any(answered is False for _, answered in report.anchors):
        return "The engine runs, but parts of its own network do not answer", "degraded"
    if report.late_share > _LATE_SHARE or report.lag_p99_ms > _LAG_MS:
        return "The engine runs, but some checks are late", "degraded"
    return "Every check runs on time", "ok"


def _now(report: Report | None) -> list[Figure]:
    if report is None:
        return []
    late = f"{report.late_share:.2%}" if report.late_share >= 0.0001 or not report.late_share else "under 0.01%"
    lag_glyph = "ok" if report.lag_p99_ms <= _LAG_MS else "degraded"
    return [
        Figure("Monitors", f"{report.monitors:,}", "are checked by schedule"),
        Figure("Checks", f"{report.checks_per_s:,.1f} a second", f"{report.running:,} under way now"),
        Figure(
            "Late",
            late,
            "of the last hour's checks began over a second late, or were left out",
            "ok" if report.late_share <= _LATE_SHARE else "degraded",
        ),
        Figure("Lag", f"{report.lag_p99_ms:,.0f} ms", f"p99 of the event loop; p50 {report.lag_p50_ms:,.1f} ms", lag_glyph),
        Figure(
            "Not stored yet",
            counted(report.waiting, "result"),
            "written together every few seconds",
            "down" if report.failing_since_ms else "",
        ),
    ]


def _network(report: Report | None) -> list[Figure]:
    """Return whether what the engine asks to know its own network answered. While none does, no check is counted as down."""
    said = {True: ("answers", "ok"), False: ("does not answer", "degraded"), None: ("not asked yet", "unknown")}
    return [Figure(anchor, said[answered][0], glyph=said[answered][1]) for anchor, answered in report.anchors] if report else []


def _kept(status: EngineStatus) -> list[Figure]:
    kept, results = status.retention, f"about {status.results:,}" if status.results else "none yet"
    since = f"since {when_ms(status.oldest_ms)}" if status.oldest_ms else "sealed by the hour"
    return [
        Figure("Database", size(status.database_bytes), "all of it: results, scans, people"),
        Figure("Single results", results, f"{since}; kept for {_span(kept.chunk_hours * 3600)}"),
        Figure("By the hour", f"kept for {_span(kept.hour_hours * 3600)}", "counts, time down and percentiles of each monitor"),
        Figure("By the day", f"kept for {_span(kept.day_days * 86_400)}", "counts, time down and percentiles of each monitor"),
    ]


def size(count: int) -> str:
    """Return bytes for people: "740 kB", "1.2 GB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            shown = count / factor
            return f"{shown:.0f} {unit}" if shown >= 10 else f"{shown:.1f} {unit}"
    return f"{count} B"


def _span(duration_s: float) -> str:
    for unit, word, least in ((365 * 86_400, "year", 730 * 86_400), (86_400, "day", 2 * 86_400), (3600, "hour", 3600), (60, "minute", 60)):
        if duration_s >= least:
            return counted(round(duration_s / unit), word)
    return f"{duration_s:.0f} s"

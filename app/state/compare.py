"""Two reports side by side."""

from dataclasses import dataclass

import reflex as rx

from app.core.comparison import CallChange, CallLine, FindingLine
from app.services import scans
from app.services.errors import SeamwatchError, Unauthenticated
from app.services.scans import ScanRow
from app.state.gate import signed_in
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, host_of, iso, sign_in_path, when


@dataclass(frozen=True, slots=True)
class Side:
    id: str
    host: str
    when: str
    at: str


@dataclass(frozen=True, slots=True)
class ComparedFinding:
    code: str
    severity: str
    title: str
    hits: str
    seam: str


@dataclass(frozen=True, slots=True)
class ComparedCall:
    method: str
    url: str
    was: str  # "Allowed", "Blocked, P5", "Unknown", "not called"
    was_glyph: str
    now: str
    now_glyph: str


class CompareState(rx.State):
    view: rx.Field[str] = rx.field("loading")  # "loading", "ready", "error"
    error: rx.Field[str] = rx.field("")
    sentence: rx.Field[str] = rx.field("")
    older: rx.Field[Side] = rx.field(default_factory=lambda: Side("", "", "", ""))
    newer: rx.Field[Side] = rx.field(default_factory=lambda: Side("", "", "", ""))
    other_site: rx.Field[bool] = rx.field(False)
    new: rx.Field[list[ComparedFinding]] = rx.field(default_factory=list)
    gone: rx.Field[list[ComparedFinding]] = rx.field(default_factory=list)
    unchanged: rx.Field[list[ComparedFinding]] = rx.field(default_factory=list)
    calls: rx.Field[list[ComparedCall]] = rx.field(default_factory=list)
    calls_words: rx.Field[str] = rx.field("")

    @rx.event
    @signed_in
    async def load(self):
        asked = self.router.url.query_parameters
        first, second = str(asked.get("a", "")), str(asked.get("b", ""))
        self.view = "loading"
        yield
        try:
            compared = await scans.compare(await actor_of(self), first, second)
        except Unauthenticated:
            yield rx.redirect(sign_in_path(f"/scans/compare?a={first}&b={second}"), replace=True)
            return
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return
        difference = compared.difference
        self.older, self.newer = _side(compared.older), _side(compared.newer)
        self.other_site = self.older.host != self.newer.host
        self.new = [_finding(line) for line in difference.new][:PAGE_ROWS]
        self.gone = [_finding(line) for line in difference.gone][:PAGE_ROWS]
        self.unchanged = [_finding(line) for line in difference.unchanged][:PAGE_ROWS]
        self.calls = [
            *map(_changed, difference.calls_changed),
            *(_call(call, was="not called", was_glyph="not") for call in difference.calls_new),
            *(_call(call, now="not called", now_glyph="not") for call in difference.calls_gone),
        ][:PAGE_ROWS]
        self.calls_words = f"{counted(difference.calls_unchanged, 'call')} as before"
        self.sentence = _sentence(len(difference.new), len(difference.gone), len(difference.calls_changed))
        self.view = "ready"


def _side(row: ScanRow) -> Side:
    return Side(row.id, host_of(row.page_url), when(row.created_at), iso(row.created_at))


def _finding(line: FindingLine) -> ComparedFinding:
    return ComparedFinding(line.code, line.severity.value, line.title, line.hits, line.seam.value)


def _shown(url: str) -> str:
    return url.partition("://")[2] or url


def _verdict(line: CallLine) -> tuple[str, str]:
    """Return (words, glyph)."""
    if line.allowed is None:
        return "Unknown", "unknown"
    return ("Allowed", "ok") if line.allowed else (f"Blocked, {line.rule}", "stop")


def _changed(change: CallChange) -> ComparedCall:
    return ComparedCall(change.method, _shown(change.url), *_verdict(change.was), *_verdict(change.now))


def _call(line: CallLine, *, was: str = "", was_glyph: str = "", now: str = "", now_glyph: str = "") -> ComparedCall:
    words, glyph = _verdict(line)
    return ComparedCall(line.method, _shown(line.url), was or words, was_glyph or glyph, now or words, now_glyph or glyph)


def _sentence(new: int, gone: int, changed: int) -> str:
    """Return the verdict on the difference: "2 new findings, 1 gone, 3 calls judged differently"."""
    if not (new or gone or changed):
        return "Nothing changed between these two scans"
    parts = []
    if new:
        parts.append(counted(new, "new finding"))
    if gone:
        parts.append(f"{gone} gone" if new else f"{counted(gone, 'finding')} gone")
    if changed:
        parts.append(f"{counted(changed, 'call')} judged differently")
    return ", ".join(parts)

"""What a report proposes to watch, as people tick, name and pace it; and what was made of it, which can be undone for a while."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import reflex as rx

from app.core.described import span
from app.services import watching
from app.services.errors import Conflict, Forbidden, Invalid, NotFound, SeamwatchError, Unauthenticated
from app.services.watching import Choice, ProposedMonitor, Watchable
from app.state.gate import internal, signed_in
from app.state.overview_view import KIND_WORDS
from app.state.session import actor_of
from app.state.shown import counted, sign_in_path
from app.state.typed import number, text

_UNDO_S = 8
_INTERVALS_S = (30, 60, 120, 300, 900, 3600, 6 * 3600, 86_400)
_NO_OFTENER = 12  # than so many times as often as proposed: a whole scan every half minute would be an attack
SEAM_WORDS = {
    "page": "Page",
    "api": "API",
    "cors": "CORS",
    "websocket": "WebSocket",
    "session": "Session",
    "auth": "Sign-in",
    "delivery": "Delivery",
}


@dataclass(frozen=True, slots=True)
class Interval:
    value: str  # seconds
    words: str


@dataclass(frozen=True, slots=True)
class ProposalView:
    key: str
    name: str
    kind: str  # "" where the seam says it
    address: str
    holds: str
    why: str
    why_glyph: str
    interval: str
    intervals: list[Interval]
    watched: bool  # already
    error: str = ""  # what is wrong with the name or the interval


@dataclass(frozen=True, slots=True)
class SeamView:
    seam: str
    words: str
    left: list[str]  # keys of those that are not watched already
    rows: list[ProposalView] = field(default_factory=list)


class WatchState(rx.State):
    """At most 40 proposals, sent once; what is ticked is a list of keys."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "missing", "refused", "error"
    error: rx.Field[str] = rx.field("")
    heading: rx.Field[str] = rx.field("")
    lead: rx.Field[str] = rx.field("")
    host: rx.Field[str] = rx.field("")
    report: rx.Field[str] = rx.field("")  # its address
    site_name: rx.Field[str] = rx.field("")
    site_href: rx.Field[str] = rx.field("")  # of the site that these join; "" when one is made
    seams: rx.Field[list[SeamView]] = rx.field(default_factory=list)
    notes: rx.Field[list[str]] = rx.field(default_factory=list)
    ticked: rx.Field[list[str]] = rx.field(default_factory=list)
    left: rx.Field[int] = rx.field(0)  # how many are not watched already
    may_watch: rx.Field[bool] = rx.field(False)
    saving: rx.Field[bool] = rx.field(False)
    site_error: rx.Field[str] = rx.field("")
    form_error: rx.Field[str] = rx.field("")
    filled: rx.Field[int] = rx.field(0)  # rises when the fields are to be filled anew

    _scan: str = ""

    @rx.event
    @signed_in
    async def load(self):
        """Show what the report of the scan in the address proposes."""
        parts = self.router.url.path.strip("/").split("/")
        self.reset()
        self._scan = parts[1] if len(parts) > 2 else ""
        return await self._read()

    async def _read(self):
        self.report = f"/scans/{self._scan}"
        try:
            found = await watching.proposals(await actor_of(self), self._scan)
        except Unauthenticated:
            return rx.redirect(sign_in_path(f"/scans/{self._scan}/watch"), replace=True)
        except NotFound:
            self.view = "missing"
            return None
        except SeamwatchError as error:
            self.view, self.error = "refused" if isinstance(error, Forbidden) else "error", error.message
            return None
        self._show(found)
        return None

    def _show(self, found: Watchable) -> None:
        new = [one for one in found.proposals if one.key not in found.already]
        ticked = [one for one in new if one.ticked]
        self.host = found.page_url.partition("://")[2].partition("/")[0]
        self.heading = _heading(len(new), self.host)
        self.lead = _lead(len(ticked), len(new), len(found.proposals))
        self.site_name = found.site_name
        self.site_href = f"/overview?site={found.site_id}" if found.site_id else ""
        self.seams = [
            SeamView(seam, words, [one.key for one in mine if one.key not in found.already], [_view(one, found) for one in mine])
            for seam, words in SEAM_WORDS.items()
            if (mine := [one for one in found.proposals if one.seam == seam])
        ]
        self.notes, self.left, self.may_watch = list(found.notes), len(new), found.may_watch
        self.ticked = [one.key for one in ticked]
        self.filled += 1
        self.view = "list"

    def _known(self) -> set[str]:
        return {key for seam in self.seams for key in seam.left}

    @rx.event
    @signed_in
    async def tick(self, key: str):
        """Tick a proposal, or take its tick away."""
        if key in self.ticked:
            self.ticked = [one for one in self.ticked if one != key]
        elif key in self._known():
            self.ticked = [*self.ticked, key]

    @rx.event
    @signed_in
    async def tick_seam(self, seam: str):
        """Tick all proposals of a seam; none, when all are ticked."""
        keys = next((view.left for view in self.seams if view.seam == seam), [])
        others = [key for key in self.ticked if key not in keys]
        self.ticked = others if len(others) + len(keys) == len(self.ticked) else [*others, *keys]

    @rx.event
    @signed_in
    async def watch(self, form: dict[str, Any]):
        """Make what is ticked, with the names and intervals of the form, and lead to it."""
        if self.saving or not self.ticked:
            return  # a second click
        self.saving, self.form_error, self.site_error = True, "", ""
        self._blame_rows({})
        yield
        ticked = set(self.ticked)
        rows = [row for seam in self.seams for row in seam.rows if row.key in ticked]
        choices = [Choice(row.key, _named(form, row), _paced(form, row)) for row in rows]
        try:
            made = await watching.watch(await actor_of(self), self._scan, choices, text(form, "site_name"))
        except Unauthenticated:
            yield rx.redirect(sign_in_path(f"/scans/{self._scan}/watch"), replace=True)
        except Conflict as error:  # made meanwhile, in another tab
            self.form_error = error.message
            yield await self._read()
        except Invalid as error:
            self._blame(error)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            said = f"{counted(len(made.monitors), 'monitor')} made from this report."
            yield rx.redirect(f"/overview?site={made.site_id}")
            yield MadeState.show(said, list(made.monitors), made.site_id if made.made_site else "")
            return  # and stays busy until the next page is there
        self.saving = False

    def _blame(self, invalid: Invalid) -> None:
        rows: dict[str, str] = {}
        for error in invalid.errors:
            key, _, rest = error.field.partition(".")
            if error.field == "site_name":
                self.site_error = error.message
            elif rest and key in self.ticked:
                rows.setdefault(key, error.message)
            else:
                self.form_error = error.message
        self._blame_rows(rows)

    def _blame_rows(self, errors: dict[str, str]) -> None:
        if errors or any(row.error for seam in self.seams for row in seam.rows):
            self.seams = [replace(seam, rows=[replace(row, error=errors.get(row.key, "")) for row in seam.rows]) for seam in self.seams]

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()


class MadeState(rx.State):
    """What was made from a report, said on whatever page is open, with the way back."""

    said: rx.Field[str] = rx.field("")
    can_undo: rx.Field[bool] = rx.field(False)

    _monitors: rx.Field[list[str]] = rx.field(default_factory=list)
    _site: str = ""

    @rx.event(background=True, supersedes=True)
    @internal
    async def show(self, said: str, monitors: list[str], site: str):
        async with self:
            self.said, self._monitors, self._site, self.can_undo = said, monitors, site, bool(monitors)
        await asyncio.sleep(_UNDO_S)
        async with self:
            self.said, self.can_undo = "", False

    @rx.event
    @signed_in
    async def undo(self):
        """Take back what was made, and look again at what is left."""
        if not self.can_undo:
            return  # a second click
        self.can_undo = False
        try:
            await watching.undo(await actor_of(self), self._monitors, self._site)
        except SeamwatchError as error:
            yield MadeState.show(error.message, [], "")
            return
        yield MadeState.show(f"{counted(len(self._monitors), 'monitor')} removed again.", [], "")
        if self.router.url.path.strip("/") in ("overview", "monitors", "sites"):
            yield rx.redirect("/overview" if self._site else f"{self.router.url.path}?{self.router.url.query}", replace=True)

    @rx.event
    @signed_in
    async def close(self):
        self.said, self.can_undo = "", False


def _heading(count: int, host: str) -> str:
    if not count:
        return f"All seams of {host} are watched"
    return f"{counted(count, 'monitor')} can keep {host} watched"


def _lead(ticked: int, new: int, every: int) -> str:
    parts = [f"{every - new} of {every} are watched already." if new < every else ""]
    if new:
        held = {new: "All of them hold today.", 0: "None of them holds today."}
        parts.append(held.get(ticked) or f"{ticked} {'holds today and is' if ticked == 1 else 'hold today and are'} ticked.")
    if new > ticked:
        parts.append("The others say why not." if ticked else "Each says why not.")
    if new:
        parts.append("Names and intervals can be changed.")
    return " ".join(part for part in parts if part)


def _view(one: ProposedMonitor, found: Watchable) -> ProposalView:
    least = one.interval_s / _NO_OFTENER
    seconds = sorted({one.interval_s, *(value for value in _INTERVALS_S if value >= least)})
    return ProposalView(
        key=one.key,
        name=one.name,
        kind="" if one.kind == one.seam else KIND_WORDS.get(one.kind, one.kind),
        address=one.address,
        holds=one.holds,
        why=one.why,
        why_glyph="info" if one.ticked else "degraded",
        interval=str(one.interval_s),
        intervals=[Interval(str(value), _every(value)) for value in seconds],
        watched=one.key in found.already,
    )


def _every(seconds: int) -> str:
    """Return "every minute", "every 5 min"."""
    return {60: "every minute", 3600: "every hour", 86_400: "every day"}.get(seconds) or f"every {span(seconds)}"


def _named(form: dict[str, Any], row: ProposalView) -> str | None:
    """Return the name that was typed; None where the form has no such field."""
    return text(form, f"name-{row.key}") if f"name-{row.key}" in form else None


def _paced(form: dict[str, Any], row: ProposalView) -> float | None:
    return number(form, f"interval-{row.key}") if f"interval-{row.key}" in form else None

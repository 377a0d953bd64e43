"""The overview and the list of monitors: one page of rows, chosen by the address, and what is wrong now; kept up while it is open."""

import time
from dataclasses import replace
from typing import Any

import reflex as rx

from app.services import board, overview
from app.services.access import Action, Actor, may, require
from app.services.errors import SeamwatchError, Unauthenticated
from app.services.overview import PAGE_SIZE, Filter, Overview
from app.state import overview_view as view
from app.state.cells import CellsState, compare, fill, renew
from app.state.gate import internal, signed_in
from app.state.overview_view import MONITORS, OVERVIEW, ChipView, Choice, Line, WrongView
from app.state.session import SessionState, actor_of, show_counts
from app.state.shared_reads import SharedReads
from app.state.shown import counted, sign_in_path

_MAX_TEXT = 200
SETTLED_S = 0.4  # after a check: the board has it at once, the database and its incident a moment later
REREAD_S = 1.0  # at most so often are the rows read anew because something turned
LOOK_S = 30.0  # and so often they are when nothing did: others add, pause and delete
_reads: SharedReads[Overview] = SharedReads()


class OverviewState(rx.State):
    """At most `PAGE_SIZE` rows, sent whole when they change; their cells are in `CellsState`."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "empty", "filtered", "error"
    error: rx.Field[str] = rx.field("")
    title: rx.Field[str] = rx.field("Overview · Seamwatch")
    icon: rx.Field[str] = rx.field("favicon")
    heading: rx.Field[str] = rx.field("")  # "" while nothing is wrong
    wrong: rx.Field[list[WrongView]] = rx.field(default_factory=list)  # at most three
    wrong_more: rx.Field[int] = rx.field(0)
    chips: rx.Field[list[ChipView]] = rx.field(default_factory=list)
    lines: rx.Field[list[Line]] = rx.field(default_factory=list)
    total_words: rx.Field[str] = rx.field("")
    monitors_words: rx.Field[str] = rx.field("")  # of the workspace
    page: rx.Field[int] = rx.field(1)
    pages: rx.Field[int] = rx.field(1)
    before_words: rx.Field[str] = rx.field("")  # "Show previous 50"; "" on the first page
    after_words: rx.Field[str] = rx.field("")
    text: rx.Field[str] = rx.field("")  # of the search, as it was when the field was filled
    filled: rx.Field[int] = rx.field(0)  # rises when the field is to be filled anew
    kind: rx.Field[str] = rx.field("")
    tag: rx.Field[str] = rx.field("")
    site: rx.Field[str] = rx.field("")
    kinds: rx.Field[list[Choice]] = rx.field(default_factory=list)  # at most 50, as the next two
    tags: rx.Field[list[Choice]] = rx.field(default_factory=list)
    sites: rx.Field[list[Choice]] = rx.field(default_factory=list)
    sort: rx.Field[str] = rx.field("status")
    descending: rx.Field[bool] = rx.field(False)
    group_by: rx.Field[str] = rx.field("group")
    narrowed: rx.Field[bool] = rx.field(False)
    address: rx.Field[str] = rx.field("")  # of what is shown; the browser shows it
    news: rx.Field[str] = rx.field("")  # for notifications of the browser: a number, and the lines of `overview_view.news`
    may_change: rx.Field[bool] = rx.field(False)
    waits: rx.Field[bool] = rx.field(False)  # whether rows would be others, or elsewhere, but for the pointer among them

    _wanted: rx.Field[Filter] = rx.field(default_factory=Filter)
    _base: str = OVERVIEW
    _held: bool = False
    _seen: bool = False  # whether there is an earlier look to tell news by
    _told: int = 0

    @rx.event
    @signed_in
    async def load(self):
        """Show what the address asks for, and follow it."""
        self._base = MONITORS if self.router.url.path.strip("/") == MONITORS.strip("/") else OVERVIEW
        self._held = False
        self.waits = False
        wanted = view.filter_of(self._base, self.router.url.query_parameters)
        self.text, self.filled = wanted.text, self.filled + 1
        led = await self._show(wanted)
        return led or OverviewState.follow

    @rx.event
    @signed_in
    async def retry(self):
        return await self._show(self._wanted) or OverviewState.follow

    async def _show(self, wanted: Filter):
        """Read and show. Returns the way to the sign-in for the signed-out."""
        actor = await actor_of(self)
        try:
            seen = await overview.read(actor, wanted)
        except Unauthenticated:
            return rx.redirect(sign_in_path(view.address(self._base, wanted)), replace=True)
        except SeamwatchError as error:
            self.view, self.error, self._wanted = "error", error.message, wanted
            return None
        assert actor is not None
        await self._take(actor, wanted, seen)
        return None

    async def _take(self, actor: Actor, wanted: Filter, seen: Overview) -> None:
        """Put what was read into the vars."""
        self._wanted = wanted = replace(wanted, page=seen.page)
        rows = view.lines(seen.rows, seen.heads)
        self._put(
            waits=False,
            lines=rows,
            chips=view.chips(seen.counts, wanted.status),
            page=seen.page,
            pages=seen.pages,
            before_words=f"Show previous {PAGE_SIZE}" if seen.page > 1 else "",
            after_words=view.after_words(seen, folded=bool(wanted.folded)),
            total_words=view.shown_words(seen.page, len(seen.rows), seen.total, PAGE_SIZE),
            kinds=[Choice(value, f"{view.KIND_WORDS.get(value, value)} ({count})") for value, count in seen.kinds],
            tags=[Choice(value, f"{value} ({count})") for value, count in seen.tags],
            sites=[Choice(value, f"{words} ({count})") for value, words, count in seen.sites],
            kind=wanted.kind,
            tag=wanted.tag,
            site=wanted.site_id,
            sort=wanted.sort,
            descending=wanted.descending,
            group_by=wanted.group_by,
            narrowed=view.narrows(wanted),
            address=view.address(self._base, wanted),
            view="empty" if not seen.nav.monitors else "list" if rows else "filtered",
        )
        self._summarise(actor, seen)
        fill(await self.get_state(CellsState), [row.id for row in seen.rows], [row.cell.text for row in seen.rows])
        show_counts(await self.get_state(SessionState), seen.nav)

    def _put(self, **values: Any) -> None:
        """Set the vars that are others than before. What is set is sent, and a look at an unchanged list would send all of it."""
        for name, value in values.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def _summarise(self, actor: Actor, seen: Overview) -> None:
        nav = seen.nav
        before, was_wrong = {one.id: one.status for one in self.wrong}, len(self.wrong) + self.wrong_more
        wrong = [view.wrong_view(row) for row in seen.wrong]
        self._put(
            may_change=may(actor, Action.CHANGE_MONITORS),
            heading=view.heading(nav),
            title=view.title(nav, "Monitors" if self._base == MONITORS else "Overview", actor.workspace),
            icon=view.favicon(nav),
            wrong=wrong,
            wrong_more=seen.wrong_more,
            monitors_words=counted(nav.monitors, "monitor"),
        )
        if self._seen and (told := view.news(before, wrong, nav, was_wrong)):
            self._told += 1
            self.news = f"{self._told}\n{told}"
        self._seen = True

    async def _refresh(self, actor: Actor, wanted: Filter, seen: Overview) -> None:
        """Take what was read meanwhile in the background. While somebody is among the rows, these keep their places."""
        if wanted != self._wanted:
            return  # something else was asked for since
        if not self._held:
            await self._take(actor, wanted, seen)
            return
        self._summarise(actor, seen)
        fresh = {line.key: line for line in view.lines(seen.rows, seen.heads) if not line.head}
        kept = [line if line.head or line.key not in fresh else replace(fresh[line.key], place=line.place) for line in self.lines]
        moved = [line.key for line in kept if not line.head] != list(fresh)
        self._put(chips=view.chips(seen.counts, wanted.status), lines=kept, waits=moved)
        show_counts(await self.get_state(SessionState), seen.nav)

    async def _change(self, **changes: Any):
        changes.setdefault("page", 1)
        return await self._show(replace(self._wanted, **changes))

    # While it is open.

    @rx.event(background=True, supersedes=True)
    @internal
    async def follow(self):
        """Show what every check in view found, at most four times a second, and read the rows anew when something turned."""
        async with self:
            actor, path, cells = await actor_of(self), self.router.url.path, await self.get_state(CellsState)
        try:
            async with board.follow(actor) as feed:
                # What was found between the reading of the rows and now was told to nobody here.
                if not await self._again(actor, path, time.monotonic()):
                    return
                turned_at, read_at = 0.0, time.monotonic()
                while True:
                    due = max(turned_at + SETTLED_S, read_at + REREAD_S) if turned_at else read_at + LOOK_S
                    told = await feed.next(max(0.0, due - time.monotonic()))
                    told_at = time.monotonic()
                    if told:
                        seen, turned = compare(cells._rows, told)
                        if seen:  # most of what is told is not in view: only what is waits for the state
                            async with self:
                                if self.router.url.path != path:
                                    return
                                cells = await self.get_state(CellsState)
                                turned = renew(cells, told) or turned
                        if turned:
                            turned_at = turned_at or told_at
                    if time.monotonic() >= due:
                        if not await self._again(actor, path, turned_at + SETTLED_S / 2 if turned_at else time.monotonic() - LOOK_S / 2):
                            return
                        turned_at, read_at = 0.0, time.monotonic()
        except SeamwatchError:  # the session ended, or the database does not answer: what is clicked next says so
            return

    async def _again(self, actor: Actor | None, path: str, fresh_from: float) -> bool:
        """Read the rows anew, together with all tabs that show the same. Return whether the page is still open."""
        known = require(actor, Action.READ_MONITORS)
        async with self:
            wanted = replace(self._wanted)  # itself, not Reflex's proxy of it

        seen = await _reads.read((known.workspace_id, wanted), fresh_from, lambda: overview.read(known, wanted))
        async with self:
            if self.router.url.path != path:
                return False
            if self.view not in ("error", "loading"):
                await self._refresh(known, wanted, seen)
        return True

    # What people choose.

    @rx.event
    @signed_in
    async def search(self, text: str):
        return await self._change(text=text.strip()[:_MAX_TEXT])

    @rx.event
    @signed_in
    async def show_status(self, status: str):
        """Show only what stands so; a second time, or "", everything."""
        chosen = status if status in view.STATUSES and status != self._wanted.status else ""
        return await self._change(status=chosen)

    @rx.event
    @signed_in
    async def show_kind(self, kind: str):
        return await self._change(kind=kind if kind in view.KIND_WORDS else "")

    @rx.event
    @signed_in
    async def show_tag(self, tag: str):
        return await self._change(tag=tag[:_MAX_TEXT])

    @rx.event
    @signed_in
    async def show_site(self, site_id: str):
        return await self._change(site_id=site_id[:_MAX_TEXT])

    @rx.event
    @signed_in
    async def clear_filters(self):
        self.text, self.filled = "", self.filled + 1
        return await self._change(text="", status="", kind="", tag="", site_id="")

    @rx.event
    @signed_in
    async def sort_by(self, column: str):
        """Sort by a column; by the same one again: the other way round."""
        if column not in dict(view.SORTS):
            return None
        again = column == self._wanted.sort
        return await self._change(sort=column, descending=again and not self._wanted.descending)

    @rx.event
    @signed_in
    async def choose_group(self, group_by: str):
        return await self._change(group_by=group_by, folded=()) if group_by in dict(view.GROUPINGS) else None

    @rx.event
    @signed_in
    async def fold(self, key: str):
        """Fold a group, or unfold it."""
        folded = [one for one in self._wanted.folded if one != key]
        if len(folded) == len(self._wanted.folded):
            folded = [*folded, key[:_MAX_TEXT]][-view.MAX_FOLDED :]
        return await self._change(folded=tuple(folded), page=self._wanted.page)

    @rx.event
    @signed_in
    async def turn(self, step: int):
        return await self._change(page=max(1, self.page + (1 if step > 0 else -1)))

    @rx.event
    @signed_in
    async def hold(self, on: bool):
        """The pointer or the focus came among the rows, or left them: meanwhile nothing moves."""
        self._held = on
        return await self._show(self._wanted) if self.waits and not on else None

    @rx.event
    @signed_in
    async def sort_again(self):
        return await self._show(self._wanted)

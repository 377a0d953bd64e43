"""One monitor: how it stands, live; its charts, results, incidents and rules; and what can be done with it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import reflex as rx

from app.core import checks, described
from app.core.cell import parse
from app.core.checks import BadCheck, Kind
from app.services import board, incidents, maintenance, monitor_baselines, monitor_history, monitors
from app.services.errors import NotFound, SeamwatchError, Unauthenticated
from app.services.monitor_detail import MonitorDetail
from app.state.exchange_view import FindingView, RunView, finding_view, run_view
from app.state.gate import internal, signed_in
from app.state.monitor_view import (
    WINDOWS,
    CallView,
    Example,
    IncidentView,
    LatencyView,
    ResultView,
    Rhythms,
    Rule,
    Tiles,
    address_line,
    call_view,
    examples,
    icon_of,
    incident_view,
    latency_view,
    result_view,
    rhythms,
    rules,
    tiles,
    title_of,
    with_bars,
)  # fmt: skip
from app.state.notice import done, refused
from app.state.session import actor_of
from app.state.shown import sign_in_path

_WAIT_S = 5.0  # how often a page that hears nothing of its monitor looks whether it is still open
_STORED_S = 1.0  # how often it looks for a result that is being stored
STORED_WITHIN_S = 30  # and for how long
_CHART_S = 15.0  # how often charts and tiles are read again while results come
_TILED: tuple[monitor_history.Window, ...] = ("30d", "24h", "1h")
_BY_NAME: dict[str, monitor_history.Window] = {window: window for window in WINDOWS}
_YOUNG = timedelta(hours=6)  # of a monitor, whose first day is mostly empty
_INCIDENTS = 8
_CALLS = 20
_PATH = "/monitors"


class MonitorState(rx.State):
    """What the page of one monitor shows. Everything is read from services; `cell` is what a check changes."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "monitor", "missing", "deleted", "error"
    error: rx.Field[str] = rx.field("")
    title: rx.Field[str] = rx.field("Monitor · Seamwatch")
    icon: rx.Field[str] = rx.field("favicon")

    monitor_id: rx.Field[str] = rx.field("")
    name: rx.Field[str] = rx.field("")
    kind: rx.Field[str] = rx.field("")
    address: rx.Field[str] = rx.field("")
    line: rx.Field[str] = rx.field("")
    notes: rx.Field[str] = rx.field("")
    tags: rx.Field[list[str]] = rx.field(default_factory=list)
    cell: rx.Field[str] = rx.field("")
    now_s: rx.Field[int] = rx.field(0)
    last_s: rx.Field[int] = rx.field(0)
    paused: rx.Field[bool] = rx.field(False)
    may_change: rx.Field[bool] = rx.field(False)
    live: rx.Field[bool] = rx.field(False)

    incident: rx.Field[str] = rx.field("")  # why the open one was opened
    degraded: rx.Field[bool] = rx.field(False)  # whether the open one is no worse than that
    worse: rx.Field[bool] = rx.field(False)  # whether what it found can be taken as the new normal
    tiles: rx.Field[Tiles] = rx.field(default_factory=Tiles)
    window: rx.Field[str] = rx.field("")  # "" until it is known how old the monitor is
    place: rx.Field[str] = rx.field("")  # the page's own address once a window was chosen: a reload, or who gets it, sees the same
    latency: rx.Field[LatencyView] = rx.field(default_factory=LatencyView)
    charts_error: rx.Field[str] = rx.field("")
    as_table: rx.Field[bool] = rx.field(False)

    results: rx.Field[list[ResultView]] = rx.field(default_factory=list)
    results_error: rx.Field[str] = rx.field("")
    only_failures: rx.Field[bool] = rx.field(False)
    page: rx.Field[int] = rx.field(1)
    more: rx.Field[bool] = rx.field(False)
    opened: rx.Field[str] = rx.field("")  # due time of the result whose details are shown
    run: rx.Field[RunView] = rx.field(default_factory=RunView)
    run_error: rx.Field[str] = rx.field("")

    findings: rx.Field[list[FindingView]] = rx.field(default_factory=list)
    incidents: rx.Field[list[IncidentView]] = rx.field(default_factory=list)
    rules: rx.Field[list[Rule]] = rx.field(default_factory=list)

    heartbeat_url: rx.Field[str] = rx.field("")
    examples: rx.Field[list[Example]] = rx.field(default_factory=list)
    calls: rx.Field[list[CallView]] = rx.field(default_factory=list)
    rhythms: rx.Field[Rhythms] = rx.field(default_factory=Rhythms)

    checking: rx.Field[bool] = rx.field(False)
    asked: rx.Field[str] = rx.field("")  # the question that is open: "delete", "accept"
    deleting: rx.Field[bool] = rx.field(False)
    accepting: rx.Field[bool] = rx.field(False)

    _before: rx.Field[list[int | None]] = rx.field(default_factory=lambda: [None])  # where each page of results begins
    _next: int | None = None
    _check: checks.Check | None = None
    _charted_s: float = 0
    _pressed_s: int = 0  # when "Check now" was pressed: the check that it asks for is due then

    # Opening.

    @rx.event
    @signed_in
    async def open(self):
        """Show the monitor that the address names, and follow it."""
        monitor_id = self.router.url.path.strip("/").split("/")[-1]
        if monitor_id != self.monitor_id:
            self.reset()
            self.monitor_id = monitor_id
        window = str(self.router.url.query_parameters.get("window") or "")
        self.window = window if window in WINDOWS else self.window
        self.asked = ""
        self.deleting = self.accepting = self.checking = False
        return await self._read()

    async def _read(self):
        try:
            actor = await actor_of(self)
            detail = await monitors.get(actor, self.monitor_id)
            windows = await maintenance.list_(actor)
        except Unauthenticated:
            return rx.redirect(sign_in_path(f"{_PATH}/{self.monitor_id}"), replace=True)
        except NotFound:
            self.view, self.title, self.icon = "missing", "No such monitor · Seamwatch", "favicon"
            return None
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        self._show(detail)
        young = datetime.now(UTC) - detail.created_at < _YOUNG
        self.window = self.window or ("1h" if young else "24h")
        self.rules = rules(detail, windows)
        self.view = "monitor"
        self._before, self.page, self.opened = [None], 1, ""
        await self._read_results()
        await self._read_found()
        await self._read_charts()
        return MonitorState.follow

    def _show_draft(self, detail: MonitorDetail) -> None:
        draft = detail.draft
        try:
            check = checks.parse(Kind(draft.kind), draft.check)
        except (BadCheck, ValueError):
            check = None  # of an older version; the page stands all the same, and editing mends it
        self._check = check
        self.name, self.kind, self.notes, self.tags = draft.name, draft.kind, draft.notes, list(draft.tags)
        self.address = described.address(check) if check is not None else ""
        self.line = address_line(check, detail)

    def _show(self, detail: MonitorDetail) -> None:
        self._show_draft(detail)
        self.paused, self.may_change = detail.paused_at is not None, detail.may_change
        self.incident = detail.incident.text or "It failed." if detail.incident else ""
        self.worse = detail.worse
        self.heartbeat_url = detail.heartbeat_url
        cron = str(detail.draft.check.get("cron") or "") if self.kind == Kind.HEARTBEAT else ""
        self.examples = examples(detail.heartbeat_url, cron) if detail.heartbeat_url else []
        self._take_cell(detail.cell.text)

    def _take_cell(self, text: str) -> None:
        self.cell, self.now_s = text, int(time.time())
        cell = parse(text)
        self.last_s = cell.last_s
        self.degraded = cell.status == "degraded"
        self.title, self.icon = title_of(self.name, cell.status), icon_of(cell.status)

    async def _read_results(self) -> None:
        before = self._before[self.page - 1] if self.page <= len(self._before) else None
        try:
            found = await monitor_history.results(await actor_of(self), self.monitor_id, before, self.only_failures)
        except SeamwatchError as error:
            self.results, self.results_error = [], error.message
            return
        now = datetime.now(UTC)
        self.results_error = ""
        self.results = [result_view(row, now) for row in found.rows]
        self._next = found.next_before_ms
        self.more = found.next_before_ms is not None
        if self.page == 1 and not self.only_failures and (kept := with_bars(parse(self.cell), found.rows)).text != self.cell:
            self._take_cell(kept.text)
        if self.opened and all(row.due != self.opened for row in self.results):
            self.opened = ""

    async def _read_found(self) -> None:
        """Read what the newest check found, the incidents, and the calls of a heartbeat."""
        actor, now = await actor_of(self), datetime.now(UTC)
        try:
            self.findings = [finding_view(one) for one in await monitor_history.last_findings(actor, self.monitor_id)]
            listed = await incidents.list_(actor, 1, False, self.monitor_id)
            self.incidents = [incident_view(row, now) for row in listed.items[:_INCIDENTS]]
            self.incident = next((row.text or "It failed." for row in listed.items if row.closed_at is None), "")
            if self.kind in (Kind.SKEW, Kind.SCAN):
                self.worse = await monitor_baselines.can_accept(actor, self.monitor_id)
            if self.kind == Kind.HEARTBEAT:
                calls = await monitor_history.calls(actor, self.monitor_id)
                self.calls, self.rhythms = [call_view(call, now) for call in calls[:_CALLS]], rhythms(calls, self._check, now)
        except SeamwatchError:  # deleted just now, or signed out: the next reading says so
            return

    async def _read_charts(self) -> None:
        actor, self._charted_s = await actor_of(self), time.monotonic()
        chosen = _BY_NAME.get(self.window, "24h")
        wanted: set[monitor_history.Window] = {*_TILED, chosen}
        try:
            found = {window: await monitor_history.latency(actor, self.monitor_id, window) for window in wanted}
            listed = await incidents.list_(actor, 1, False, self.monitor_id)
        except SeamwatchError as error:
            self.charts_error = error.message
            return
        self.charts_error = ""
        self.tiles = tiles(found["30d"], found["24h"], found["1h"])
        self.latency = latency_view(found[chosen], chosen, time.time(), listed.items)

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    # Live.

    @rx.event(background=True, supersedes=True)
    @internal
    async def follow(self):
        """Show each result as it comes, at most four times a second, while this page is open."""
        async with self:
            monitor_id, actor = self.monitor_id, await actor_of(self)
        try:
            async with board.follow(actor) as follower:
                async with self:
                    self.live = True
                    wait_s = self._wait_s()
                looked_s = time.monotonic()
                while True:
                    changed = await follower.next(wait_s)
                    if (not changed or monitor_id not in changed) and time.monotonic() < looked_s + wait_s:
                        continue  # most of what is told is of others: only its own waits for the state
                    looked_s = time.monotonic()
                    async with self:
                        if not self._is_open(monitor_id) or await actor_of(self) is None:
                            self.live = False
                            break
                        if changed and monitor_id in changed:
                            await self._renew(changed[monitor_id])
                        elif wait_s == _STORED_S and self.page == 1:
                            await self._read_results()
                        wait_s = self._wait_s()
        except SeamwatchError:  # signed out just now: the next event leads to the sign-in
            return

    def _wait_s(self) -> float:
        """Return how long to wait for news: not long while the newest check is not among the results, which are stored some at a time."""
        listed_s = int(self.results[0].due) // 1000 if self.results else 0
        awaited = self.page == 1 and not self.only_failures and listed_s < self.last_s and time.time() - self.last_s < STORED_WITHIN_S
        return _STORED_S if awaited else _WAIT_S

    def _is_open(self, monitor_id: str) -> bool:
        return self.monitor_id == monitor_id and self.view == "monitor" and self.router.url.path.strip("/") == f"monitors/{monitor_id}"

    async def _renew(self, cell: str) -> None:
        turned = parse(cell).status != parse(self.cell).status
        if parse(cell).last_s >= self._pressed_s:
            self.checking = False
        self._take_cell(cell)
        if self.page == 1:
            await self._read_results()
        await self._read_found()
        if turned or time.monotonic() - self._charted_s > _CHART_S:
            await self._read_charts()

    # Looking.

    @rx.event
    @signed_in
    async def choose_window(self, window: str):
        if window in WINDOWS:
            self.window, self.place = window, f"{self._path()}?window={window}"
            await self._read_charts()

    @rx.event
    @signed_in
    async def toggle_table(self):
        self.as_table = not self.as_table

    @rx.event
    @signed_in
    async def set_only_failures(self, on: bool):
        self.only_failures = bool(on)
        self._before, self.page, self.opened = [None], 1, ""
        await self._read_results()

    @rx.event
    @signed_in
    async def turn(self, step: int):
        if step > 0 and self._next is not None:
            self._before = [*self._before[: self.page], self._next]
            self.page += 1
        elif step < 0 and self.page > 1:
            self.page -= 1
        self.opened = ""
        await self._read_results()

    @rx.event
    @signed_in
    async def toggle_result(self, due: str):
        """Show the details of one result below it, or hide them."""
        if self.opened == due or all(row.due != due for row in self.results):
            self.opened = ""
            return
        self.opened, self.run, self.run_error = due, RunView(), ""
        try:
            found = await monitor_history.detail(await actor_of(self), self.monitor_id, int(due))
        except SeamwatchError as error:
            self.run_error = error.message
            return
        self.run = run_view(found.row.outcome, found.text, found.row.timing, found.findings, found.exchanges, found.facts)

    # Doing.

    @rx.event
    @signed_in
    async def check_now(self):
        self._pressed_s = int(time.time())
        self.checking = True
        try:
            await monitors.check_now(await actor_of(self), self.monitor_id)
        except SeamwatchError as error:
            self.checking = False
            return refused(error, self._path())
        return MonitorState.give_up_waiting

    @rx.event(background=True, supersedes=True)
    @internal
    async def give_up_waiting(self):
        """A check ends within its timeout; a page that was told nothing by then stops saying that it runs."""
        await asyncio.sleep(60)
        async with self:
            self.checking = False

    def _path(self) -> str:
        return f"{_PATH}/{self.monitor_id}"

    @rx.event
    @signed_in
    async def set_paused(self, paused: bool):
        try:
            actor = await actor_of(self)
            await (monitors.pause if paused else monitors.resume)(actor, [self.monitor_id])
        except SeamwatchError as error:
            return refused(error, self._path())
        return [await self._read(), done(f"{self.name} {'paused' if paused else 'is watched again'}.")]

    @rx.event
    @signed_in
    async def clone(self):
        try:
            made = await monitors.clone(await actor_of(self), self.monitor_id)
        except SeamwatchError as error:
            return refused(error, self._path())
        return [rx.redirect(f"{_PATH}/{made}/edit"), done("Cloned. The copy is paused until you resume it.")]

    @rx.event
    @signed_in
    async def ask(self):
        self.asked = "delete"

    @rx.event
    @signed_in
    async def ask_accept(self):
        self.asked = "accept" if self.worse else ""

    @rx.event
    @signed_in
    async def keep(self):
        self.asked = ""

    @rx.event
    @signed_in
    async def accept(self):
        """Take what was found last as the new normal."""
        if self.asked != "accept":
            return  # a second click
        self.accepting = True
        yield
        self._pressed_s = int(time.time())
        try:
            await monitor_baselines.accept(await actor_of(self), self.monitor_id)
        except SeamwatchError as error:
            yield refused(error, self._path())
        else:
            self.worse, self.checking = False, not self.paused
            yield [done("This is the new normal. A check follows."), MonitorState.give_up_waiting]
        self.asked, self.accepting = "", False

    @rx.event
    @signed_in
    async def delete(self):
        if self.asked != "delete":
            return  # a second click
        self.deleting = True
        yield
        try:
            await monitors.delete(await actor_of(self), [self.monitor_id])
        except SeamwatchError as error:
            yield refused(error, self._path())
        else:
            self.view, self.title, self.icon = "deleted", f"{self.name} deleted · Seamwatch", "favicon"
        self.asked, self.deleting = "", False

    @rx.event
    @signed_in
    async def restore(self):
        try:
            await monitors.restore(await actor_of(self), [self.monitor_id])
        except SeamwatchError as error:
            return refused(error, self._path())
        return [await self._read(), done(f"{self.name} is watched again.")]


def show_changed(state: MonitorState, detail: MonitorDetail) -> None:
    """Show what a form has just written, so that the page it leads back to opens with it and not with what it showed before."""
    if state.view == "monitor" and state.monitor_id == detail.id:
        state._show_draft(detail)
        state._take_cell(state.cell)

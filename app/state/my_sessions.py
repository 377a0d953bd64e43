"""Where I am signed in, and ending it."""

from dataclasses import dataclass
from datetime import UTC, datetime

import reflex as rx

from app.services import sessions
from app.services.errors import SeamwatchError, Unauthenticated
from app.services.sessions import SessionRow
from app.state.gate import signed_in
from app.state.notice import done, refused
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, ago, counted, iso, sign_in_path, when

PATH = "/settings/sessions"
_ACTIVE_S = 5 * 60  # last use is kept to the minute
_IN_THEMSELVES = ("passkey", "owner_link", "login_link")  # ways in that are as much as a second factor
_POCKET = ("iPhone", "Android")


@dataclass(frozen=True, slots=True)
class SessionView:
    id: str
    device: str
    icon: str
    how: str  # "GitHub, with a passkey"
    seen: str  # "active now", "3 days ago"
    seen_at: str
    seen_when: str
    since: str
    since_at: str
    address: str  # "" when it is not known
    active: bool
    this: bool


class MySessionsState(rx.State):
    """My sessions, at most `PAGE_ROWS` of them, latest use first."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "error"
    error: rx.Field[str] = rx.field("")
    rows: rx.Field[list[SessionView]] = rx.field(default_factory=list)
    others: rx.Field[int] = rx.field(0)
    others_words: rx.Field[str] = rx.field("")
    asked: rx.Field[bool] = rx.field(False)  # whether the question before ending all others is open
    busy: rx.Field[bool] = rx.field(False)
    ending: rx.Field[str] = rx.field("")  # id of the session that is being ended

    @rx.event
    @signed_in
    async def load(self):
        self.asked, self.busy, self.ending = False, False, ""
        return await self._read()

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    async def _read(self):
        try:
            rows = await sessions.list_mine(await actor_of(self))
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        self.rows = [_session(row) for row in rows[:PAGE_ROWS]]
        self.others = sum(not row.this for row in rows)
        self.others_words = counted(self.others, "other session")
        self.view = "list"
        return None

    @rx.event
    @signed_in
    async def end(self, session_id: str):
        """End one session. Nothing is lost by it: one signs in again there."""
        row = next((row for row in self.rows if row.id == session_id), None)
        if row is None:
            return  # a second click
        self.ending = row.id
        yield
        try:
            await sessions.end_mine(await actor_of(self), session_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            self.rows = [one for one in self.rows if one.id != row.id]
            yield done(f"{row.device} is signed out.")
        finally:
            self.ending = ""
        yield MySessionsState.retry

    @rx.event
    @signed_in
    async def ask(self):
        self.asked = True

    @rx.event
    @signed_in
    async def keep(self):
        self.asked = False

    @rx.event
    @signed_in
    async def end_others(self):
        self.busy = True
        yield
        try:
            ended = await sessions.end_others(await actor_of(self))
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            self.rows, self.others = [row for row in self.rows if row.this], 0
            self.asked = False
            if ended:  # none at a second click
                yield done(f"{counted(ended, 'other session')} ended.")
        finally:
            self.busy, self.asked = False, False
        yield MySessionsState.retry


def _session(row: SessionRow) -> SessionView:
    at = datetime.now(UTC)
    active = row.this or (at - row.last_seen_at).total_seconds() <= _ACTIVE_S
    factor = ", with a second factor" if row.second_factor and row.method not in _IN_THEMSELVES else ""
    return SessionView(
        id=row.id,
        device=row.device,
        icon="phone" if row.device.endswith(_POCKET) else "laptop",
        how=f"{row.method_words}{factor}",
        seen="active now" if active else ago(row.last_seen_at, at),
        seen_at=iso(row.last_seen_at),
        seen_when=when(row.last_seen_at),
        since=when(row.created_at),
        since_at=iso(row.created_at),
        address=row.address,
        active=active,
        this=row.this,
    )

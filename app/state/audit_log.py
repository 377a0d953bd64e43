"""The audit log: what the filter chooses, newest first, a page of lines at a time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from app.services import audit, members, workspaces
from app.services.audit import WORDS, AuditFilter, AuditRow
from app.services.errors import Forbidden, Invalid, SeamwatchError, Unauthenticated
from app.services.instance import facts
from app.state.gate import signed_in
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, iso, sign_in_path, when
from app.state.typed import text

PATH = "/settings/audit"
_GROUPS = {
    "user": "People signing in",
    "session": "Sessions",
    "identity": "Ways to sign in",
    "passkey": "Passkeys",
    "recovery_codes": "Recovery codes",
    "invitation": "Invitations",
    "member": "Members",
    "workspace": "Workspace",
    "audit": "Audit log",
    "token": "Tokens",
    "secret": "Secrets",
    "scan": "Scans",
}


def _actions() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return what can be filtered by: per group its words and (code, words) of each action; the group's own code comes first."""
    grouped: dict[str, list[tuple[str, str]]] = {}
    for did, words in WORDS.items():
        grouped.setdefault(did.value.partition(".")[0], []).append((did.value, words.capitalize()))
    made = []
    for code, actions in grouped.items():
        name = _GROUPS.get(code, code.capitalize())
        made.append((name, ((code, f"All: {name.lower()}"), *actions) if len(actions) > 1 else tuple(actions)))
    return tuple(made)


ACTIONS = _actions()
# How far back; "between" shows two fields for days.
SPANS = (
    ("", "Any time"),
    ("1", "Last 24 hours"),
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
    ("90", "Last 90 days"),
    ("between", "Between…"),
)


@dataclass(frozen=True, slots=True)
class AuditView:
    id: int
    at: str
    at_iso: str
    actor: str
    words: str
    target: str
    before: str
    after: str
    address: str


class AuditLogState(rx.State):
    """One page of lines (at most `audit.PAGE_SIZE`), the filter, and where the next page starts."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "empty", "filtered", "refused", "error"
    error: rx.Field[str] = rx.field("")
    rows: rx.Field[list[AuditView]] = rx.field(default_factory=list)
    has_next: rx.Field[bool] = rx.field(False)
    later: rx.Field[bool] = rx.field(False)  # whether this is not the first page
    kept_words: rx.Field[str] = rx.field("")
    people: rx.Field[list[str]] = rx.field(default_factory=list)  # names to choose from, at most PAGE_ROWS
    filtered: rx.Field[bool] = rx.field(False)
    filled: rx.Field[int] = rx.field(0)  # rises when the filter's fields are to be emptied
    between: rx.Field[bool] = rx.field(False)
    since_error: rx.Field[str] = rx.field("")
    until_error: rx.Field[str] = rx.field("")
    csv_url: rx.Field[str] = rx.field("")
    jsonl_url: rx.Field[str] = rx.field("")
    said: rx.Field[str] = rx.field("")  # for screen readers, after a change of the filter
    _text: str = ""
    _action: str = ""
    _actor: str = ""
    _span: str = ""
    _since: str = ""  # days, as typed
    _until: str = ""
    _next: int = 0

    @rx.event
    @signed_in
    async def load(self):
        self._reset()
        try:
            actor = await actor_of(self)
            details = await workspaces.details(actor)
            listed = await members.list_(actor)
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        self.kept_words = f"Kept for {details.audit_days} days." if details.audit_days else "Kept for ever."
        self.people = [row.name for row in listed.items][:PAGE_ROWS]
        return await self._read()

    def _reset(self) -> None:
        self._text = self._action = self._actor = self._span = self._since = self._until = ""
        self.since_error = self.until_error = self.said = ""
        self.between = False
        self.filled += 1

    async def _read(self, before: int = 0):
        """Read a page of lines; `before` is 0 for the newest."""
        self.since_error = self.until_error = ""
        try:
            chosen = self._filter()
            page = await audit.list_(await actor_of(self), chosen, before)
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except Invalid as error:
            self.since_error = error.message if error.field == "since" else ""
            self.until_error = error.message if error.field == "until" else ""
            return None
        except Forbidden as error:
            self.view, self.error = "refused", error.message
            return None
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        self.rows = [_view(row) for row in page.rows]
        self._next, self.has_next, self.later = page.next or 0, page.next is not None, before > 0
        self.filtered = chosen != AuditFilter()
        self.view = "list" if self.rows else "filtered" if self.filtered else "empty"
        self.csv_url, self.jsonl_url = _export_url(chosen, "csv"), _export_url(chosen, "jsonl")
        more = " There are more." if self.has_next else ""
        self.said = f"{counted(len(self.rows), 'line')} shown.{more}" if self.filtered else ""
        return None

    def _filter(self) -> AuditFilter:
        since = until = None
        if self._span == "between":
            since, until = _midnight(self._since, "since"), _midnight(self._until, "until")
            until = until + timedelta(days=1) if until else None  # the last day counts
            if since and until and until <= since:
                raise Invalid("until", "This is before the first day.")
        elif self._span:
            # To the minute, so that exports and pages of one look at the log choose the same lines.
            since = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=int(self._span))
        return AuditFilter(self._text, self._action, self._actor, since, until)

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    @rx.event
    @signed_in
    async def search(self, typed: str):
        self._text = text({"typed": typed}, "typed", audit.MAX_TEXT_CHARS)
        return await self._read()

    @rx.event
    @signed_in
    async def by_action(self, code: str):
        self._action = text({"code": code}, "code", 48)
        return await self._read()

    @rx.event
    @signed_in
    async def by_person(self, name: str):
        self._actor = text({"name": name}, "name", audit.MAX_TEXT_CHARS)
        return await self._read()

    @rx.event
    @signed_in
    async def by_span(self, span: str):
        self._span = span if any(span == value for value, _ in SPANS) else ""
        self.between = self._span == "between"
        return await self._read()

    @rx.event
    @signed_in
    async def by_first_day(self, typed: str):
        self._since = text({"day": typed}, "day", 10)
        return await self._read()

    @rx.event
    @signed_in
    async def by_last_day(self, typed: str):
        self._until = text({"day": typed}, "day", 10)
        return await self._read()

    @rx.event
    @signed_in
    async def clear(self):
        self._reset()
        return await self._read()

    @rx.event
    @signed_in
    async def show_next(self):
        """Show the next page in place of this one: a list in a state does not grow. The reader starts at its top."""
        return await self._read(self._next) or rx.set_focus("audit-top")

    @rx.event
    @signed_in
    async def show_newest(self):
        return await self._read() or rx.set_focus("audit-top")

    @rx.event
    @signed_in
    async def submit(self, form: dict[str, Any]):
        """Enter in a field of the filter: it is applied already."""


def _midnight(day: str, field: str) -> datetime | None:
    """Return the beginning of a day in UTC; None for no day."""
    if not day:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(field, "This is no day. Write it like 2026-03-29.") from error


def _export_url(chosen: AuditFilter, kind: str) -> str:
    """Return the address of the download with the same filter."""
    asked = {
        "text": chosen.text,
        "action": chosen.action,
        "actor": chosen.actor,
        "since": iso(chosen.since) if chosen.since else "",
        "until": iso(chosen.until) if chosen.until else "",
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{facts().backend_url}/download/audit.{kind}{f'?{query}' if query else ''}"


def _view(row: AuditRow) -> AuditView:
    return AuditView(
        id=row.id,
        at=when(row.at),
        at_iso=iso(row.at),
        actor=row.actor_name,
        words=row.action_words,
        target=row.target,
        before=row.before[:300],
        after=row.after[:300],
        address=row.address,
    )

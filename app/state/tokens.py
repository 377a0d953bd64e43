"""Tokens for programs: one's own and the workspace's. A token's text is here from its making until it was stored, and never again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx

from app.services import tokens
from app.services.access import Action, Actor, Role, Scope, may
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.services.instance import facts
from app.services.tokens import NewToken, State, TokenRow
from app.state.gate import signed_in
from app.state.notice import done, refused
from app.state.roles import ROLE_WORDS, why_not
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, day, iso, sign_in_path, when
from app.state.typed import number, put_errors, text

PATH = "/settings/tokens"
PERSONAL, WORKSPACE = "personal", "workspace"

# What each scope opens, in plain words, in the groups in which they are offered.
SCOPES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Scans", ((Scope.SCANS_READ, "Read scans and reports"), (Scope.SCANS_WRITE, "Start, cancel, delete and restore scans"))),
    (
        "Workspace",
        (
            (Scope.WORKSPACE_READ, "See the workspace and its members"),
            (Scope.WORKSPACE_WRITE, "Rename it; invite, change and remove members"),
        ),
    ),
    ("Secrets", ((Scope.SECRETS_READ, "See the names of secrets"), (Scope.SECRETS_WRITE, "Add, replace and delete secrets"))),
    (
        "Monitors",
        (
            (Scope.MONITORS_READ, "See monitors, results and incidents"),
            (Scope.MONITORS_WRITE, "Add, change, pause, delete and run monitors"),
        ),
    ),
    ("Audit log", ((Scope.AUDIT_READ, "Read the audit log"),)),
)
DAYS = (7, 30, 90, 365)
DAYS_CHOSEN = 90
ROLE_CHOSEN = Role.VIEWER.value  # of a workspace token; the least, until more is asked for
_PLACES = {"name": "name_error", "scopes": "scopes_error", "days": "days_error", "role": "role_error"}  # of errors, by field


@dataclass(frozen=True, slots=True)
class TokenView:
    id: str
    name: str
    hint: str
    role_word: str  # of a workspace token
    scopes: str
    made: str
    made_at: str
    by: str
    used: str  # "" when never
    used_at: str
    used_from: str
    ends: str  # "" when never
    ends_at: str
    state: str  # "live", "expired", "revoked"


class TokensState(rx.State):
    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "error"
    error: rx.Field[str] = rx.field("")
    mine: rx.Field[list[TokenView]] = rx.field(default_factory=list)  # live ones, one page
    mine_page: rx.Field[int] = rx.field(1)
    mine_pages: rx.Field[int] = rx.field(1)
    mine_words: rx.Field[str] = rx.field("")
    mine_ended: rx.Field[list[TokenView]] = rx.field(default_factory=list)  # of the last month, at most PAGE_ROWS
    workspace: rx.Field[list[TokenView]] = rx.field(default_factory=list)
    workspace_page: rx.Field[int] = rx.field(1)
    workspace_pages: rx.Field[int] = rx.field(1)
    workspace_words: rx.Field[str] = rx.field("")
    workspace_ended: rx.Field[list[TokenView]] = rx.field(default_factory=list)
    heading: rx.Field[str] = rx.field("Tokens")
    may_manage: rx.Field[bool] = rx.field(False)
    why_not: rx.Field[str] = rx.field("")

    kind: rx.Field[str] = rx.field(PERSONAL)  # of the token that is being made
    offered: rx.Field[list[str]] = rx.field(default_factory=list)  # scopes that open anything to its role
    name_error: rx.Field[str] = rx.field("")
    scopes_error: rx.Field[str] = rx.field("")
    days_error: rx.Field[str] = rx.field("")
    role_error: rx.Field[str] = rx.field("")
    form_error: rx.Field[str] = rx.field("")
    making: rx.Field[bool] = rx.field(False)
    filled: rx.Field[int] = rx.field(0)  # rises when the form is to be emptied
    secret: rx.Field[str] = rx.field("")  # shown once, after it was made
    secret_name: rx.Field[str] = rx.field("")
    curl: rx.Field[str] = rx.field("")

    asked_id: rx.Field[str] = rx.field("")
    asked_name: rx.Field[str] = rx.field("")
    asked_used: rx.Field[str] = rx.field("")
    revoking: rx.Field[bool] = rx.field(False)
    _role: str = ROLE_CHOSEN

    @rx.event
    @signed_in
    async def load(self):
        """Read the tokens. One made earlier is forgotten, and the form is empty."""
        self._forget()
        self.asked_id, self.kind, self.making, self.revoking = "", PERSONAL, False, False
        self.filled += 1
        self._clear()
        return await self._read()

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    async def _read(self):
        try:
            actor = await actor_of(self)
            mine = await tokens.mine(actor)
            self.may_manage = may(actor, Action.MANAGE_WORKSPACE_TOKENS)
            shared = await tokens.of_workspace(actor) if self.may_manage else ()
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        assert actor is not None
        self.why_not = why_not(actor, Action.MANAGE_WORKSPACE_TOKENS, "An admin can make and revoke workspace tokens.")
        self.mine, self.mine_page, self.mine_pages, self.mine_words, self.mine_ended = _page_of(mine, self.mine_page)
        shown = _page_of(shared, self.workspace_page)
        self.workspace, self.workspace_page, self.workspace_pages, self.workspace_words, self.workspace_ended = shown
        yours = sum(row.state is State.LIVE for row in mine)
        theirs = sum(row.state is State.LIVE for row in shared)
        shared_words = f", {theirs} of the workspace" if self.may_manage else ""
        self.heading = f"{counted(yours, 'token')} of yours{shared_words}" if yours or theirs else "No tokens yet"
        self._offer(actor, Role(self._role) if self.kind == WORKSPACE else actor.role)
        self.view = "list"
        return None

    def _offer(self, actor: Actor, role: Role) -> None:
        highest = role if actor.role.at_least(role) else actor.role
        self.offered = [scope.value for scope in Scope if scope in tokens.scopes_of(highest)]

    @rx.event
    @signed_in
    async def turn_mine(self, step: int):
        self.mine_page = max(1, self.mine_page + (1 if step > 0 else -1))
        return await self._read()

    @rx.event
    @signed_in
    async def turn_workspace(self, step: int):
        self.workspace_page = max(1, self.workspace_page + (1 if step > 0 else -1))
        return await self._read()

    @rx.event
    @signed_in
    async def choose_kind(self, kind: str):
        """Whether the token acts as oneself, or as the workspace with a role of its own."""
        actor = await actor_of(self)
        if actor is not None:
            self.kind = WORKSPACE if kind == WORKSPACE and self.may_manage else PERSONAL
            self._role = ROLE_CHOSEN
            self._offer(actor, Role(self._role) if self.kind == WORKSPACE else actor.role)

    @rx.event
    @signed_in
    async def choose_role(self, role: str):
        actor = await actor_of(self)
        if actor is not None and role in list(Role):
            self._role = role
            self._offer(actor, Role(role))

    @rx.event
    @signed_in
    async def make(self, form: dict[str, Any]):
        """Make a token and show it, once. While one is shown no other is made: a second click would leave one behind that nobody saw."""
        if self.secret:
            return
        self._clear()
        self.making = True
        yield
        scopes = tuple(scope.value for scope in Scope if scope in self.offered and text(form, f"scope-{scope}"))
        role = text(form, "role") if self.kind == WORKSPACE else None
        try:
            made = await tokens.make(await actor_of(self), NewToken(text(form, "name"), scopes, number(form, "days"), role))
        except Invalid as error:
            put_errors(self, error, _PLACES)
            if self.name_error:
                yield rx.set_focus("token-name")
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            self.secret, self.secret_name = made.secret, made.row.name
            self.curl = f'curl -H "Authorization: Bearer {made.secret}" {facts().public_url}/api/v1/me'
            self.filled, self.kind = self.filled + 1, PERSONAL
            yield TokensState.retry
        finally:
            self.making = False

    def _clear(self) -> None:
        self.name_error = self.scopes_error = self.days_error = self.role_error = self.form_error = ""

    def _forget(self) -> None:
        self.secret = self.secret_name = self.curl = ""

    @rx.event
    @signed_in
    async def stored(self):
        """Forget the token that was shown."""
        self._forget()
        return rx.set_focus("make-top")  # the button that had it is gone

    @rx.event
    @signed_in
    async def ask(self, token_id: str):
        """Open the question whether to revoke a token."""
        row = next((row for row in (*self.mine, *self.workspace) if row.id == token_id), None)
        if row is not None:
            self.asked_id, self.asked_name = row.id, row.name
            self.asked_used = f"Last used {row.used}{f' from {row.used_from}' if row.used_from else ''}." if row.used else "Never used."

    @rx.event
    @signed_in
    async def keep(self):
        self.asked_id = ""

    @rx.event
    @signed_in
    async def revoke(self):
        if not self.asked_id:
            return  # a second click
        self.revoking = True
        yield
        try:
            await tokens.revoke(await actor_of(self), self.asked_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            yield done(f"{self.asked_name} revoked.")
        follow_up = await self._read()
        self.revoking, self.asked_id = False, ""
        yield follow_up


def _page_of(rows: Sequence[TokenRow], page: int) -> tuple[list[TokenView], int, int, str, list[TokenView]]:
    """Return one page of the live ones, its number, how many pages there are, how many live ones in words, and those that ended."""
    live = [row for row in rows if row.state is State.LIVE]
    pages = max(1, -(-len(live) // PAGE_ROWS))
    page = min(max(1, page), pages)
    shown = [_view(row) for row in live[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]]
    ended = [_view(row) for row in rows if row.state is not State.LIVE][:PAGE_ROWS]
    return shown, page, pages, counted(len(live), "token"), ended


def _view(row: TokenRow) -> TokenView:
    return TokenView(
        id=row.id,
        name=row.name,
        hint=row.hint,
        role_word=ROLE_WORDS[row.role] if row.role else "",
        scopes=", ".join(row.scopes),
        made=day(row.created_at),
        made_at=iso(row.created_at),
        by=row.created_by,
        used=when(row.last_used_at) if row.last_used_at else "",
        used_at=iso(row.last_used_at) if row.last_used_at else "",
        used_from=row.last_used_address,
        ends=day(row.expires_at) if row.expires_at else "",
        ends_at=iso(row.expires_at) if row.expires_at else "",
        state=row.state.value,
    )

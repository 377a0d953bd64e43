"""The members of the workspace and the open invitations to it."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from app.services import invitations, members
from app.services.access import Action, Role, may
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.services.invitations import InvitationRow
from app.services.members import MemberRow
from app.state.gate import signed_in
from app.state.notice import done, refused
from app.state.roles import ROLE_WORDS, why_not, with_article
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, day, iso, sign_in_path, when
from app.state.typed import number, put_errors, text

PATH = "/settings/members"
_PLACES = {"role": "role_error", "note": "note_error", "days": "days_error"}  # of errors, by field


@dataclass(frozen=True, slots=True)
class MemberView:
    id: str
    name: str
    email: str
    role: str
    role_word: str
    joined: str
    joined_at: str
    seen: str  # "" when never
    seen_at: str
    factor: str  # "yes", "no", "" for whoever may not know
    you: bool
    may_change: bool


@dataclass(frozen=True, slots=True)
class InvitationView:
    id: str
    role_word: str
    note: str
    by: str
    made: str
    made_at: str
    state: str  # "open", "used", "expired", "revoked"
    state_words: str
    until: str  # when it ends or ended
    until_at: str


class MembersState(rx.State):
    """One page of members, and the invitations of late."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "error"
    error: rx.Field[str] = rx.field("")
    rows: rx.Field[list[MemberView]] = rx.field(default_factory=list)
    page: rx.Field[int] = rx.field(1)
    pages: rx.Field[int] = rx.field(1)
    total: rx.Field[int] = rx.field(0)
    total_words: rx.Field[str] = rx.field("")
    heading: rx.Field[str] = rx.field("Members")
    may_manage: rx.Field[bool] = rx.field(False)
    why_not: rx.Field[str] = rx.field("")

    invitations: rx.Field[list[InvitationView]] = rx.field(default_factory=list)  # the newest PAGE_ROWS
    open_words: rx.Field[str] = rx.field("")
    role_error: rx.Field[str] = rx.field("")
    note_error: rx.Field[str] = rx.field("")
    days_error: rx.Field[str] = rx.field("")
    form_error: rx.Field[str] = rx.field("")
    inviting: rx.Field[bool] = rx.field(False)
    filled: rx.Field[int] = rx.field(0)  # rises when the form is to be emptied
    link: rx.Field[str] = rx.field("")  # shown once, after it was made
    link_words: rx.Field[str] = rx.field("")

    asked_id: rx.Field[str] = rx.field("")  # whom the open confirmation is about
    asked_name: rx.Field[str] = rx.field("")
    removing: rx.Field[bool] = rx.field(False)
    changed: rx.Field[str] = rx.field("")  # what was done to a role, while it can be undone
    _undo_id: str = ""
    _undo_role: str = ""

    @rx.event
    @signed_in
    async def load(self):
        """Read the page of members that the address names. A link made earlier is forgotten."""
        self._clear()
        self.asked_id, self.changed, self.inviting, self.removing = "", "", False, False
        asked = self.router.url.query_parameters.get("page", "1")
        self.page = int(asked) if asked.isdigit() and len(asked) < 7 else 1
        return await self._read()

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    async def _read(self):
        try:
            actor = await actor_of(self)
            listed = await members.list_(actor, self.page)
            self.may_manage = may(actor, Action.MANAGE_MEMBERS)
            invited = await invitations.list_(actor) if self.may_manage else ()
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        assert actor is not None
        self.rows = [_member(row) for row in listed.items]
        self.page, self.pages, self.total = listed.number, listed.pages, listed.total
        self.total_words = counted(listed.total, "member")
        open_ = sum(row.state == "open" for row in invited)
        invited_words = f", {counted(open_, 'open invitation')}" if open_ else ""
        self.heading = f"{self.total_words}{invited_words}"
        self.why_not = why_not(actor, Action.MANAGE_MEMBERS, "An admin can invite, change and remove members.")
        self.invitations = [_invitation(row) for row in invited[:PAGE_ROWS]]
        self.open_words = f"{open_} open" if invited else ""
        self.view = "list"
        return None

    @rx.event
    @signed_in
    async def turn(self, step: int):
        return rx.redirect(f"{PATH}?page={max(1, self.page + (1 if step > 0 else -1))}")

    @rx.event
    @signed_in
    async def change_role(self, member_id: str, role: str):
        """Give a member another role, at once; Undo stays."""
        row = next((row for row in self.rows if row.id == member_id), None)
        try:
            await members.change_role(await actor_of(self), member_id, role)
        except SeamwatchError as error:
            self.changed = ""
            return [refused(error, PATH), MembersState.retry]
        if row is not None:
            self._undo_id, self._undo_role = row.id, row.role
            self.changed = f"{row.name} is {with_article(role)} now."
        return await self._read()

    @rx.event
    @signed_in
    async def undo(self):
        try:
            await members.change_role(await actor_of(self), self._undo_id, self._undo_role)
        except SeamwatchError as error:
            return [refused(error, PATH), MembersState.retry]
        finally:
            self.changed = ""
        return await self._read()

    @rx.event
    @signed_in
    async def close_changed(self):
        self.changed = ""

    @rx.event
    @signed_in
    async def ask(self, member_id: str):
        """Open the question whether to remove a member."""
        row = next((row for row in self.rows if row.id == member_id), None)
        if row is not None:
            self.asked_id, self.asked_name = row.id, row.name

    @rx.event
    @signed_in
    async def keep(self):
        self.asked_id = ""

    @rx.event
    @signed_in
    async def remove(self):
        if not self.asked_id:
            return  # a second click
        self.removing = True
        yield
        try:
            await members.remove(await actor_of(self), self.asked_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            yield done(f"{self.asked_name} is not a member any more.")
        follow_up = await self._read()
        self.removing, self.asked_id = False, ""
        yield follow_up

    @rx.event
    @signed_in
    async def invite(self, form: dict[str, Any]):
        """Make a link for one person. While one is shown no other is made: a second click would leave one behind that nobody saw."""
        if self.link:
            return
        self._clear()
        self.inviting = True
        yield
        role, note = text(form, "role"), text(form, "note")
        try:
            made = await invitations.make(await actor_of(self), role, note, number(form, "days"))
        except Invalid as error:
            put_errors(self, error, _PLACES)
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            whom = f"{note}, as {with_article(role)}" if note else f"one person, as {with_article(role)}"
            self.link, self.link_words = made.link, f"For {whom}, until {when(made.row.expires_at)}."
            self.filled += 1
            yield MembersState.retry
        finally:
            self.inviting = False

    def _clear(self) -> None:
        self.role_error = self.note_error = self.days_error = self.form_error = self.link = ""

    @rx.event
    @signed_in
    async def stored(self):
        self.link = self.link_words = ""
        return rx.set_focus("invite-top")  # the button that had it is gone

    @rx.event
    @signed_in
    async def revoke(self, invitation_id: str):
        """End an invitation that nobody used. Nothing is lost: another one is made in a moment."""
        if any(row.id == invitation_id and row.state != "open" for row in self.invitations):
            return None  # a second click
        try:
            await invitations.revoke(await actor_of(self), invitation_id)
        except SeamwatchError as error:
            return [refused(error, PATH), MembersState.retry]
        follow_up = await self._read()
        return [done("Invitation revoked. Its link does not work any more."), *([follow_up] if follow_up else [])]


def _member(row: MemberRow) -> MemberView:
    return MemberView(
        id=row.id,
        name=row.name,
        email=row.email,
        role=row.role,
        role_word=ROLE_WORDS[row.role],
        joined=day(row.joined_at),
        joined_at=iso(row.joined_at),
        seen=when(row.last_seen_at) if row.last_seen_at else "",
        seen_at=iso(row.last_seen_at) if row.last_seen_at else "",
        factor="" if row.second_factor is None else "yes" if row.second_factor else "no",
        you=row.you,
        may_change=row.may_change and row.role != Role.OWNER,
    )


def _invitation(row: InvitationRow) -> InvitationView:
    used = f"Used by {row.used_by}" if row.used_by else "Used"
    return InvitationView(
        id=row.id,
        role_word=ROLE_WORDS.get(row.role, row.role),
        note=row.note,
        by=row.created_by,
        made=day(row.created_at),
        made_at=iso(row.created_at),
        state=row.state,
        state_words={"open": "Open", "used": used, "expired": "Expired", "revoked": "Revoked"}[row.state],
        until=day(row.expires_at),
        until_at=iso(row.expires_at),
    )

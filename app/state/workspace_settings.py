"""The workspace that one looks at: its name, what it asks of its members, handing it over, leaving and deleting it."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from app.services import members, workspaces
from app.services.access import Action, Actor, may
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.services.instance import facts
from app.services.workspaces import Details
from app.state.gate import signed_in
from app.state.notice import done, refused
from app.state.roles import ROLE_WORDS, why_not
from app.state.session import SessionState, actor_of
from app.state.shown import PAGE_ROWS, counted, day, iso, sign_in_path
from app.state.typed import number, put_errors, text

PATH = "/settings/workspace"
_PLACES = {"name": "name_error", "audit_days": "days_error"}  # of errors, by field


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member to whom the workspace can be handed over."""

    id: str
    words: str


class WorkspaceSettingsState(rx.State):
    view: rx.Field[str] = rx.field("loading")  # "loading", "ready", "error"
    error: rx.Field[str] = rx.field("")
    name: rx.Field[str] = rx.field("")
    made: rx.Field[str] = rx.field("")
    made_at: rx.Field[str] = rx.field("")
    role_word: rx.Field[str] = rx.field("")
    members_words: rx.Field[str] = rx.field("")
    audit_days: rx.Field[str] = rx.field("")
    kept_words: rx.Field[str] = rx.field("")
    second_factor: rx.Field[bool] = rx.field(False)  # whether the workspace asks those who manage for one
    you_showed: rx.Field[bool] = rx.field(False)  # whether this session showed one
    you_own: rx.Field[bool] = rx.field(False)
    may_change: rx.Field[bool] = rx.field(False)
    may_export: rx.Field[bool] = rx.field(False)
    why_not_change: rx.Field[str] = rx.field("")
    why_not_factor: rx.Field[str] = rx.field("")
    why_not_export: rx.Field[str] = rx.field("")
    why_not_own: rx.Field[str] = rx.field("")
    export_url: rx.Field[str] = rx.field("")
    candidates: rx.Field[list[Candidate]] = rx.field(default_factory=list)  # at most PAGE_ROWS, admins first

    name_error: rx.Field[str] = rx.field("")
    days_error: rx.Field[str] = rx.field("")
    form_error: rx.Field[str] = rx.field("")
    factor_error: rx.Field[str] = rx.field("")
    saving: rx.Field[bool] = rx.field(False)
    switching: rx.Field[bool] = rx.field(False)
    filled: rx.Field[int] = rx.field(0)  # rises when the form is to be filled anew

    asked: rx.Field[str] = rx.field("")  # the open confirmation: "transfer", "leave", "delete"
    chosen: rx.Field[str] = rx.field("")  # id of the member to whom it is handed over
    chosen_name: rx.Field[str] = rx.field("")
    typed_error: rx.Field[str] = rx.field("")
    transfer_error: rx.Field[str] = rx.field("")
    busy: rx.Field[bool] = rx.field(False)

    @rx.event
    @signed_in
    async def load(self):
        self.asked = self.chosen = self.typed_error = self.transfer_error = ""
        self.name_error = self.days_error = self.form_error = self.factor_error = ""
        self.saving = self.switching = self.busy = False
        follow_up = await self._read()
        self.filled += 1
        return follow_up

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    async def _read(self):
        try:
            actor = await actor_of(self)
            details = await workspaces.details(actor)
            candidates = await _candidates(actor) if details.you_own else []
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        assert actor is not None
        self._fill(actor, details)
        self.candidates = candidates
        self.view = "ready"
        return None

    def _fill(self, actor: Actor, details: Details) -> None:
        self.name, self.role_word = details.name, ROLE_WORDS[details.role]
        self.made, self.made_at = day(details.created_at), iso(details.created_at)
        self.members_words = counted(details.members, "member")
        self.audit_days = str(details.audit_days)
        self.kept_words = f"kept for {details.audit_days} days" if details.audit_days else "kept for ever"
        self.second_factor, self.you_showed = details.require_second_factor, actor.second_factor
        self.you_own = details.you_own
        self.may_change, self.may_export = may(actor, Action.CHANGE_WORKSPACE), may(actor, Action.EXPORT_WORKSPACE)
        self.why_not_change = why_not(actor, Action.CHANGE_WORKSPACE, "An admin can rename this workspace and change its settings.")
        self.why_not_factor = why_not(actor, Action.CHANGE_WORKSPACE, "An admin can ask for it.")
        self.why_not_export = why_not(actor, Action.EXPORT_WORKSPACE, "An admin can export this workspace.")
        self.why_not_own = why_not(actor, Action.DELETE_WORKSPACE, "Only its owner can transfer or delete this workspace.")
        self.export_url = f"{facts().backend_url}/download/workspace.zip"

    @rx.event
    @signed_in
    async def save(self, form: dict[str, Any]):
        """Change the name and how long the audit log is kept."""
        self.name_error = self.days_error = self.form_error = ""
        self.saving = True
        yield
        try:
            # What did not change is not sent: the same value would be judged again.
            name, days = text(form, "name"), number(form, "audit_days")
            await workspaces.change(
                await actor_of(self), name=name if name != self.name else None, audit_days=days if str(days) != self.audit_days else None
            )
        except Invalid as error:
            put_errors(self, error, _PLACES)
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            yield done("Saved.")
            yield [WorkspaceSettingsState.retry, SessionState.load]
        finally:
            self.saving = False

    @rx.event
    @signed_in
    async def require_second_factor(self, wanted: bool):
        """Ask those who manage the workspace for a second factor, or no longer."""
        self.switching, self.factor_error = True, ""
        yield
        try:
            await workspaces.change(await actor_of(self), require_second_factor=wanted)
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.factor_error = error.message
        else:
            yield done("A second factor is asked for now." if wanted else "A second factor is not asked for any more.")
            yield WorkspaceSettingsState.retry
        finally:
            self.switching = False

    @rx.event
    @signed_in
    async def ask(self, what: str):
        """Open a confirmation: "leave" or "delete"."""
        self.typed_error, self.asked = "", what if what in ("leave", "delete") else ""

    @rx.event
    @signed_in
    async def ask_transfer(self, form: dict[str, Any]):
        """Open the confirmation of the transfer to the member who was chosen."""
        chosen = next((one for one in self.candidates if one.id == text(form, "member")), None)
        self.transfer_error = "" if chosen else "Choose a member."
        if chosen:
            self.chosen, self.chosen_name, self.asked = chosen.id, chosen.words.partition(",")[0], "transfer"

    @rx.event
    @signed_in
    async def keep(self):
        self.asked = ""

    @rx.event
    @signed_in
    async def transfer(self):
        if self.asked != "transfer":
            return  # a second click
        self.busy = True
        yield
        try:
            await workspaces.transfer(await actor_of(self), self.chosen)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            yield done(f"{self.chosen_name} owns {self.name} now. You are an admin.")
        finally:
            self.busy, self.asked = False, ""
        yield WorkspaceSettingsState.load

    @rx.event
    @signed_in
    async def leave(self):
        """Leave. The tab is led to another workspace, or to the sign-in, by what ends its session's view."""
        if self.asked != "leave":
            return  # a second click
        self.busy = True
        yield
        try:
            await workspaces.leave(await actor_of(self))
        except SeamwatchError as error:
            yield refused(error, PATH)
        finally:
            self.busy, self.asked = False, ""

    @rx.event
    @signed_in
    async def delete(self, form: dict[str, Any]):
        """Delete the workspace when its name was typed."""
        if self.asked != "delete":
            return  # a second click
        self.busy, self.typed_error = True, ""
        yield
        try:
            await workspaces.delete(await actor_of(self), text(form, "typed_name"))
        except Invalid as error:
            self.typed_error = error.message
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.typed_error = error.message
        else:
            self.asked = ""
        finally:
            self.busy = False


async def _candidates(actor: Actor | None) -> list[Candidate]:
    """Return to whom the workspace can be handed over: the first page, which lists admins first."""
    listed = await members.list_(actor)
    return [
        Candidate(row.id, ", ".join(part for part in (row.name, row.email, row.role.value) if part)) for row in listed.items if not row.you
    ][:PAGE_ROWS]

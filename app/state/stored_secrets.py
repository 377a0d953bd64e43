"""The named secrets of the workspace. No value ever comes back from a service, and none is kept here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import reflex as rx

from app.services import monitor_secrets, stored_secrets
from app.services.access import Action, may
from app.services.errors import Forbidden, Invalid, SeamwatchError, Unauthenticated
from app.services.stored_secrets import SecretRow
from app.state.gate import signed_in
from app.state.notice import done, refused
from app.state.roles import why_not
from app.state.session import actor_of
from app.state.shown import PAGE_ROWS, counted, day, iso, sign_in_path, when
from app.state.typed import put_errors, raw, text

PATH = "/settings/secrets"
_VALUE_CHARS = 64 * 1024  # more than any value may have, so that the service says what is too much
_NAMED = 3  # monitors that use a secret
_PLACES = {"name": "name_error", "value": "value_error"}  # of errors, by field


@dataclass(frozen=True, slots=True)
class SecretView:
    id: str
    name: str
    added: str
    added_at: str
    by: str
    replaced: str  # "" when never
    replaced_at: str
    used: str  # "" when never
    used_at: str


class StoredSecretsState(rx.State):
    """One page of names, and what is wrong with what was typed."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "list", "empty", "refused", "error"
    error: rx.Field[str] = rx.field("")
    rows: rx.Field[list[SecretView]] = rx.field(default_factory=list)
    page: rx.Field[int] = rx.field(1)
    pages: rx.Field[int] = rx.field(1)
    total_words: rx.Field[str] = rx.field("")
    heading: rx.Field[str] = rx.field("Secrets")
    may_change: rx.Field[bool] = rx.field(False)
    why_not: rx.Field[str] = rx.field("")

    name_error: rx.Field[str] = rx.field("")
    value_error: rx.Field[str] = rx.field("")
    form_error: rx.Field[str] = rx.field("")
    saving: rx.Field[bool] = rx.field(False)
    filled: rx.Field[int] = rx.field(0)  # rises when the form is to be emptied
    replacing: rx.Field[str] = rx.field("")  # name of the secret whose value is being replaced; "" while one is added

    asked_id: rx.Field[str] = rx.field("")
    asked_name: rx.Field[str] = rx.field("")
    asked_use: rx.Field[str] = rx.field("")  # what fails without it
    deleting: rx.Field[bool] = rx.field(False)

    @rx.event
    @signed_in
    async def load(self):
        self.asked_id, self.saving, self.deleting = "", False, False
        self._empty_form()
        return await self._read()

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    async def _read(self):
        try:
            actor = await actor_of(self)
            listed = await stored_secrets.list_(actor)
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "refused" if isinstance(error, Forbidden) else "error", error.message
            return None
        assert actor is not None
        self.may_change = may(actor, Action.CHANGE_SECRETS)
        self.why_not = why_not(actor, Action.CHANGE_SECRETS, "An editor can add, replace and delete secrets.")
        self.pages = max(1, -(-len(listed) // PAGE_ROWS))
        self.page = min(max(1, self.page), self.pages)
        self.rows = [_view(row) for row in listed[(self.page - 1) * PAGE_ROWS : self.page * PAGE_ROWS]]
        self.total_words = counted(len(listed), "secret")
        self.heading = f"{self.total_words} stored" if listed else "No secrets stored"
        self.view = "list" if listed else "empty"
        return None

    def _empty_form(self) -> None:
        self.name_error = self.value_error = self.form_error = self.replacing = ""
        self.filled += 1

    @rx.event
    @signed_in
    async def turn(self, step: int):
        self.page += 1 if step > 0 else -1
        return await self._read()

    @rx.event
    @signed_in
    async def replace(self, secret_id: str):
        """Turn the form to a secret that is there, so that its value is put in anew."""
        row = next((row for row in self.rows if row.id == secret_id), None)
        if row is not None:
            self._empty_form()
            self.replacing = row.name

    @rx.event
    @signed_in
    async def add_instead(self):
        self._empty_form()

    @rx.event
    @signed_in
    async def save(self, form: dict[str, Any]):
        """Store a value, under the name that is being replaced or a new one."""
        self.name_error = self.value_error = self.form_error = ""
        self.saving = True
        yield
        name = self.replacing or text(form, "name")
        try:
            if not self.replacing and any(row.name == name for row in self.rows):
                # Nothing is overwritten by a mistyped name: replacing is asked for.
                raise Invalid("name", f"There is a secret {name} already. Replace its value in the list, or choose another name.")
            replaced = await stored_secrets.put(await actor_of(self), name, raw(form, "value", _VALUE_CHARS))
        except Invalid as error:
            put_errors(self, error, _PLACES)
        except Unauthenticated as error:
            yield refused(error, PATH)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            self._empty_form()
            yield done(f"{name} replaced." if replaced else f"{name} added.")
            yield StoredSecretsState.retry
        finally:
            self.saving = False

    @rx.event
    @signed_in
    async def ask(self, secret_id: str):
        """Open the question whether to delete a secret."""
        row = next((row for row in self.rows if row.id == secret_id), None)
        if row is None:
            return None
        try:
            users = await monitor_secrets.used_by(await actor_of(self), row.id)
        except SeamwatchError as error:
            return refused(error, PATH)
        self.asked_id, self.asked_name, self.asked_use = row.id, row.name, _use([name for _, name in users])
        return None

    @rx.event
    @signed_in
    async def keep(self):
        self.asked_id = ""

    @rx.event
    @signed_in
    async def delete(self):
        if not self.asked_id:
            return  # a second click
        self.deleting = True
        yield
        try:
            await stored_secrets.delete(await actor_of(self), self.asked_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            if self.replacing == self.asked_name:
                self._empty_form()
            yield done(f"{self.asked_name} deleted.")
        follow_up = await self._read()
        self.deleting, self.asked_id = False, ""
        yield follow_up


def _use(names: list[str]) -> str:
    """Return the sentence that says which monitors fail without a secret."""
    if not names:
        return "No monitor uses it."
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
    return f"{counted(len(names), 'monitor')} {'uses' if len(names) == 1 else 'use'} it and will fail from the next check on: {shown}."


def _view(row: SecretRow) -> SecretView:
    replaced = row.updated_at - row.created_at > timedelta(seconds=1)  # both are now() when it is added, one after the other
    return SecretView(
        id=row.id,
        name=row.name,
        added=day(row.created_at),
        added_at=iso(row.created_at),
        by=row.created_by,
        replaced=day(row.updated_at) if replaced else "",
        replaced_at=iso(row.updated_at) if replaced else "",
        used=when(row.last_used_at) if row.last_used_at else "",
        used_at=iso(row.last_used_at) if row.last_used_at else "",
    )

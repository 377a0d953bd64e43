"""My account: my name, and every way in."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import reflex as rx

from app.services import accounts, passkeys, recovery_codes, ways_in
from app.services.accounts import IdentityRow
from app.services.errors import Invalid, SeamwatchError, Unauthenticated
from app.services.instance import facts
from app.services.passkeys import PasskeyRow
from app.state.gate import signed_in
from app.state.notice import done, refused
from app.state.session import SessionState, actor_of
from app.state.shown import ago, day, iso, sign_in_path, when
from app.state.typed import text

PATH = "/settings/profile"
_CODES_FILE = "seamwatch-recovery-codes.txt"


@dataclass(frozen=True, slots=True)
class IdentityView:
    id: str
    kind: str
    provider: str  # "GitHub"
    label: str  # whom the provider knows: an e-mail address or a login
    linked: str
    linked_at: str
    used: str  # "3 days ago"; "" when never
    used_at: str
    used_when: str
    why_not: str  # why it cannot be unlinked; "" when it can


@dataclass(frozen=True, slots=True)
class LinkableView:
    key: str
    kind: str
    label: str
    action: str  # where the form posts to


@dataclass(frozen=True, slots=True)
class PasskeyView:
    id: str
    name: str
    made: str
    made_at: str
    used: str
    used_at: str
    used_when: str


class ProfileState(rx.State):
    """The account of whoever looks."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "ready", "error"
    error: rx.Field[str] = rx.field("")

    name: rx.Field[str] = rx.field("")
    email: rx.Field[str] = rx.field("")
    name_error: rx.Field[str] = rx.field("")
    renaming: rx.Field[bool] = rx.field(False)
    filled: rx.Field[int] = rx.field(0)  # rises when the field is to be filled anew

    identities: rx.Field[list[IdentityView]] = rx.field(default_factory=list)
    linkable: rx.Field[list[LinkableView]] = rx.field(default_factory=list)
    callback: rx.Field[str] = rx.field("")  # what every redirect URI begins with
    unlink_id: rx.Field[str] = rx.field("")  # what the open question is about
    unlink_words: rx.Field[str] = rx.field("")

    passkeys: rx.Field[list[PasskeyView]] = rx.field(default_factory=list)
    add_href: rx.Field[str] = rx.field("")
    edited: rx.Field[str] = rx.field("")  # id of the passkey whose name is being typed
    passkey_error: rx.Field[str] = rx.field("")
    remove_id: rx.Field[str] = rx.field("")
    remove_name: rx.Field[str] = rx.field("")

    codes_left: rx.Field[int] = rx.field(0)
    codes_asked: rx.Field[bool] = rx.field(False)
    codes: rx.Field[list[str]] = rx.field(default_factory=list)  # shown once, after they were made
    codes_text: rx.Field[str] = rx.field("")
    busy: rx.Field[bool] = rx.field(False)  # while what a question asked is being done

    @rx.event
    @signed_in
    async def load(self):
        """Read the account. Codes shown earlier are forgotten."""
        self._forget()
        self.name_error, self.renaming, self.busy = "", False, False
        self.unlink_id = self.remove_id = self.edited = self.passkey_error = ""
        self.codes_asked = False
        self.filled += 1
        return await self._read()

    @rx.event
    @signed_in
    async def retry(self):
        return await self._read()

    async def _read(self):
        try:
            actor = await actor_of(self)
            profile = await accounts.profile(actor)
            keys = await passkeys.list_mine(actor)
            self.codes_left = await recovery_codes.recovery_codes_left(actor)
        except Unauthenticated:
            return rx.redirect(sign_in_path(PATH), replace=True)
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        here = facts().backend_url
        self.name, self.email = profile.name, profile.email or ""
        self.identities = [_identity(row) for row in profile.identities]
        self.linkable = [LinkableView(way.key, way.kind, way.label, f"{here}/auth/link/{way.key}") for way in profile.linkable]
        self.passkeys = [_passkey(row) for row in keys]
        self.add_href = f"{here}/auth/passkeys/new?next={PATH}"
        self.callback = ways_in.redirect_uri("")
        self.view = "ready"
        return None

    # The name.

    @rx.event
    @signed_in
    async def rename(self, form: dict[str, Any]):
        self.name_error, self.renaming = "", True
        yield
        name = text(form, "name")
        try:
            await accounts.rename(await actor_of(self), name)
        except Invalid as error:
            self.name_error = error.message
            yield rx.set_focus("name")
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            self.name = name
            session = await self.get_state(SessionState)
            session._call(name)
            yield done(f"Your name is {name} now.")
        finally:
            self.renaming = False

    # Linked identities.

    @rx.event
    @signed_in
    async def ask_unlink(self, identity_id: str):
        row = next((row for row in self.identities if row.id == identity_id and not row.why_not), None)
        if row is not None:
            self.unlink_id, self.unlink_words = row.id, f"{row.provider} ({row.label})" if row.label else row.provider

    @rx.event
    @signed_in
    async def keep_linked(self):
        self.unlink_id = ""

    @rx.event
    @signed_in
    async def unlink(self):
        if not self.unlink_id:
            return  # a second click
        self.busy = True
        yield
        try:
            await accounts.unlink(await actor_of(self), self.unlink_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            self.identities = [row for row in self.identities if row.id != self.unlink_id]
            self.unlink_id = ""
            yield done(f"{self.unlink_words} is unlinked.")
        finally:
            self.busy, self.unlink_id = False, ""
        yield ProfileState.retry

    # Passkeys.

    @rx.event
    @signed_in
    async def edit_passkey(self, passkey_id: str):
        """Open the field for a passkey's name; "" closes it."""
        self.passkey_error = ""
        self.edited = passkey_id if any(row.id == passkey_id for row in self.passkeys) else ""

    @rx.event
    @signed_in
    async def rename_passkey(self, form: dict[str, Any]):
        self.passkey_error = ""
        try:
            await passkeys.rename_mine(await actor_of(self), self.edited, text(form, "passkey-name"))
        except Invalid as error:
            self.passkey_error = error.message
            return None
        except SeamwatchError as error:
            self.edited = ""
            return [refused(error, PATH), ProfileState.retry]
        self.edited = ""
        return ProfileState.retry

    @rx.event
    @signed_in
    async def ask_remove(self, passkey_id: str):
        row = next((row for row in self.passkeys if row.id == passkey_id), None)
        if row is not None:
            self.remove_id, self.remove_name = row.id, row.name

    @rx.event
    @signed_in
    async def keep_passkey(self):
        self.remove_id = ""

    @rx.event
    @signed_in
    async def remove_passkey(self):
        if not self.remove_id:
            return  # a second click
        self.busy = True
        yield
        try:
            await passkeys.remove_mine(await actor_of(self), self.remove_id)
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            self._forget()
            self.passkeys = [row for row in self.passkeys if row.id != self.remove_id]
            self.remove_id = ""
            yield done(f"The passkey {self.remove_name} is removed.")
        finally:
            self.busy, self.remove_id = False, ""
        yield ProfileState.retry

    # Recovery codes.

    @rx.event
    @signed_in
    async def ask_codes(self):
        """Ask first where codes are left, since new ones end them."""
        if self.codes:
            return None  # a second click
        if self.codes_left:
            self.codes_asked = True
            return None
        return ProfileState.make_codes

    @rx.event
    @signed_in
    async def keep_codes(self):
        self.codes_asked = False

    @rx.event
    @signed_in
    async def make_codes(self):
        """Make codes and show them, once. A second click would end those that are shown."""
        if self.codes and not self.codes_asked:
            return
        self.busy = True
        yield
        try:
            self.codes = list(await recovery_codes.make_recovery_codes(await actor_of(self)))
        except SeamwatchError as error:
            yield refused(error, PATH)
        else:
            self.codes_text = "\n".join(self.codes)
            self.codes_left = len(self.codes)
        finally:
            self.busy, self.codes_asked = False, False

    @rx.event
    @signed_in
    async def download_codes(self):
        if self.codes:
            said = f"Recovery codes of {facts().public_url}, {when(datetime.now(UTC))}. Each works once.\n\n{self.codes_text}\n"
            return rx.download(data=said, filename=_CODES_FILE)
        return None

    @rx.event
    @signed_in
    async def stored(self):
        self._forget()

    def _forget(self) -> None:
        self.codes, self.codes_text = [], ""


def _identity(row: IdentityRow) -> IdentityView:
    used = row.last_used_at
    return IdentityView(
        id=row.id,
        kind=row.provider if row.provider in ("google", "github") else "oidc",
        provider=row.provider_label,
        label=row.label,
        linked=day(row.created_at),
        linked_at=iso(row.created_at),
        used=ago(used, datetime.now(UTC)) if used else "",
        used_at=iso(used) if used else "",
        used_when=when(used) if used else "",
        why_not="This is your only way in. Link another one first." if row.only_way_in else "",
    )


def _passkey(row: PasskeyRow) -> PasskeyView:
    used = row.last_used_at
    return PasskeyView(
        id=row.id,
        name=row.name,
        made=day(row.created_at),
        made_at=iso(row.created_at),
        used=ago(used, datetime.now(UTC)) if used else "",
        used_at=iso(used) if used else "",
        used_when=when(used) if used else "",
    )

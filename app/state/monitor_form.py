"""The form of a monitor, new or changed, drawn from the table of its kind. What is typed stays in the browser until it is submitted."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import reflex as rx

from app.core.checks import Kind
from app.core.placeholders import HIDDEN
from app.services import groups, monitor_form, monitors, overview, sites, stored_secrets, trying
from app.services.access import Action, Actor, may
from app.services.errors import FieldError, Invalid, NotFound, SeamwatchError, Unauthenticated
from app.services.overview import Filter
from app.state.exchange_view import RunView, run_view
from app.state.form_fields import Repeated, Sections
from app.state.form_values import Form, add_row, blame, collect, fill, take
from app.state.form_view import CardView, find_rows, first_wrong, view
from app.state.gate import internal, signed_in
from app.state.monitor import MonitorState, show_changed
from app.state.monitor_json import hide, reveal
from app.state.monitor_kinds import KINDS
from app.state.monitor_sections import sections_of, suggested_name
from app.state.monitor_view import next_times
from app.state.notice import done, refused
from app.state.overview_view import Choice
from app.state.roles import why_not
from app.state.session import actor_of
from app.state.shown import sign_in_path

NEW = "/monitors/new"
_MAX_CHOICES = 200  # sites and groups in a list
_MAX_FOUND = 20  # monitors that a search offers
_MAX_JSON = 400_000
_INTENTS = ("save", "try", "json", "fields")


class MonitorFormState(rx.State):
    """One form. The fields are filled once and then belong to the browser; `saved` lets it be left."""

    view: rx.Field[str] = rx.field("loading")  # "loading", "kinds", "form", "refused", "missing", "error"
    error: rx.Field[str] = rx.field("")
    title: rx.Field[str] = rx.field("New monitor · Seamwatch")
    editing: rx.Field[bool] = rx.field(False)
    name: rx.Field[str] = rx.field("")  # of the monitor that is changed
    monitor_id: rx.Field[str] = rx.field("")
    kind: rx.Field[str] = rx.field("")
    kind_words: rx.Field[str] = rx.field("")
    sentence: rx.Field[str] = rx.field("")
    tried: rx.Field[bool] = rx.field(True)  # whether this kind can be run before it is saved
    cards: rx.Field[list[CardView]] = rx.field(default_factory=list)
    form_error: rx.Field[str] = rx.field("")
    busy: rx.Field[bool] = rx.field(False)
    saved: rx.Field[bool] = rx.field(False)
    comes: rx.Field[list[str]] = rx.field(default_factory=list)  # next times of a heartbeat's cron expression

    sites: rx.Field[list[Choice]] = rx.field(default_factory=list)
    groups: rx.Field[list[Choice]] = rx.field(default_factory=list)
    parents: rx.Field[list[Choice]] = rx.field(default_factory=list)
    secrets: rx.Field[list[str]] = rx.field(default_factory=list)

    as_json: rx.Field[bool] = rx.field(False)
    json_text: rx.Field[str] = rx.field("")
    json_error: rx.Field[str] = rx.field("")
    filled: rx.Field[int] = rx.field(0)

    running: rx.Field[bool] = rx.field(False)
    run: rx.Field[RunView] = rx.field(default_factory=RunView)

    focus_id: rx.Field[str] = rx.field("")
    focus_turn: rx.Field[int] = rx.field(0)

    _form: Form | None = None
    _base: str = "{}"  # JSON of the draft as it was opened: of it, what no field shows is kept
    _errors: rx.Field[dict[str, str]] = rx.field(default_factory=dict)
    _hidden: rx.Field[dict[str, str]] = rx.field(default_factory=dict)  # secrets that stand in the JSON as dots, by place
    _intent: str = "save"
    _draft: str = "{}"  # JSON of what is being tried

    # Opening.

    @rx.event
    @signed_in
    async def open_new(self):
        """Ask for the kind; `?kind=` answers, `?url=` and `?name=` fill fields."""
        asked = self.router.url.query_parameters
        kind = str(asked.get("kind") or "")
        self._begin()
        actor = await actor_of(self)
        if actor is None:
            return rx.redirect(sign_in_path(NEW), replace=True)
        if refusal := why_not(actor, Action.CHANGE_MONITORS, "An editor can add monitors."):
            self.view, self.error = "refused", refusal
            return None
        self.title = "New monitor · Seamwatch"
        if kind not in KINDS:
            self.view = "kinds"
            return None
        await self._look_up(actor)
        self._take_kind(Kind(kind), monitor_form.plain(monitor_form.defaults(kind)) | {"check": None})
        assert self._form is not None
        if url := str(asked.get("url") or "")[:4000]:
            self._put_address(Kind(kind), url)
        for field, name in (("name", "name"), ("site_id", "site")):
            if text := str(asked.get(name) or "")[:200]:
                self._form.put(field, text)
        self._draw()
        return None

    @rx.event
    @signed_in
    async def open_one(self):
        """Fill the form with the monitor that the address names."""
        self._begin()
        self.editing = True
        monitor_id = self.router.url.path.strip("/").split("/")[1:2]
        try:
            actor = await actor_of(self)
            detail = await monitors.get(actor, monitor_id[0] if monitor_id else "")
        except Unauthenticated:
            return rx.redirect(sign_in_path(self.router.url.path), replace=True)
        except NotFound:
            self.view, self.title = "missing", "No such monitor · Seamwatch"
            return None
        except SeamwatchError as error:
            self.view, self.error = "error", error.message
            return None
        assert actor is not None
        self.monitor_id, self.name = detail.id, detail.draft.name
        self.title = f"Edit {detail.draft.name} · Seamwatch"
        if not may(actor, Action.CHANGE_MONITORS):
            self.view, self.error = "refused", why_not(actor, Action.CHANGE_MONITORS, "An editor can change this monitor.")
            return None
        await self._look_up(actor)
        if detail.draft.parent_id:
            self.parents = [Choice("", "Nothing"), Choice(detail.draft.parent_id, detail.parent)]
        self._take_kind(Kind(detail.draft.kind), monitor_form.plain(detail.draft))
        return None

    def _begin(self) -> None:
        filled, turn = self.filled, self.focus_turn
        self.reset()
        self.filled, self.focus_turn = filled + 1, turn

    async def _look_up(self, actor: Actor) -> None:
        """Read what can be chosen from the workspace."""
        self.sites = [Choice("", "None"), *(Choice(row.id, row.name) for row in (await sites.list_(actor))[:_MAX_CHOICES])]
        self.groups = [Choice("", "None"), *(Choice(row.id, row.path) for row in (await groups.list_(actor))[:_MAX_CHOICES])]
        self.parents = [Choice("", "Nothing")]
        self.secrets = [row.name for row in await stored_secrets.list_(actor)] if may(actor, Action.READ_SECRETS) else []

    def _take_kind(self, kind: Kind, draft: dict[str, Any]) -> None:
        words = KINDS[kind]
        self.kind, self.kind_words, self.sentence, self.tried = kind.value, words.words, words.sentence, words.tried
        self._base = json.dumps(draft)
        json_draft = {name: value for name, value in draft.items() if value is not None}
        self._form = fill(sections_of(kind), json_draft)
        self._errors, self.view, self.as_json, self.run = {}, "form", False, RunView()
        self.filled += 1
        self._draw()

    def _put_address(self, kind: Kind, url: str) -> None:
        assert self._form is not None
        names = [name for name in KINDS[kind].address.split(".") if name]
        path = "check"
        for name in names:
            rows = self._form.rows.get(path, [])
            path += f".{rows[0]}" if name == "0" and rows else f".{name}"
        host = url.partition("://")[2].split("/")[0].split(":")[0] or url
        if names:
            self._form.put(path, host if path.endswith((".host", ".domain", ".name")) else url)

    # Drawing.

    def _sections(self) -> Sections:
        return sections_of(Kind(self.kind))

    def _draw(self) -> None:
        if self._form is None:
            return
        self.cards = view(self._sections(), self._form, self._errors, filled=self.filled)
        self.comes = []
        cron = self._form.text("check.cron").strip()
        if self.kind == Kind.HEARTBEAT and self._form.text("check.rhythm") == "cron" and cron:
            self.comes = next_times(cron, self._form.text("check.zone").strip() or "UTC", datetime.now(UTC))

    def _focus(self, element_id: str) -> None:
        self.focus_id, self.focus_turn = element_id, self.focus_turn + 1

    # Rows and choices.

    @rx.event
    @signed_in
    async def steer(self, path: str, value: str):
        """Take a choice that others may depend on."""
        form = self._form
        if form is None or path not in form.values:
            return
        form.put(path, value[:200])
        self._draw()

    @rx.event
    @signed_in
    async def add(self, path: str):
        """Add a row to a list, and put the focus into it."""
        found = find_rows(self._sections(), self._form, path) if self._form else None
        if found is None or self._form is None:
            return
        rows, owner = found
        if len(self._form.rows.get(path, ())) >= rows.most:
            return
        row = add_row(rows, owner, self._form)
        self._draw()
        below = rows.parts[0] if isinstance(rows, Repeated) else rows
        self._focus(f"{row}.{below.fields[0].path}")

    @rx.event
    @signed_in
    async def remove(self, path: str):
        """Take a row out. The focus goes to the button that adds one."""
        place, numbers = self._row(path)
        if numbers is None or (len(numbers) == 1 and place == "check.steps"):
            return
        numbers.remove(int(path.rpartition(".")[2]))
        self._draw()
        self._focus(f"add-{place}")

    @rx.event
    @signed_in
    async def up(self, path: str):
        """Move a row before the one above it."""
        _, numbers = self._row(path)
        if numbers is None:
            return
        number = int(path.rpartition(".")[2])
        at = numbers.index(number)
        if at:
            numbers[at - 1 : at + 1] = [number, numbers[at - 1]]
            self._draw()

    def _row(self, path: str) -> tuple[str, list[int] | None]:
        """Return a row's list and its numbers; None for a row that there is none of, whatever a client sent."""
        place, _, number = path.rpartition(".")
        numbers = self._form.rows.get(place) if self._form else None
        return place, numbers if numbers and number.isascii() and number.isdigit() and int(number[:9]) in numbers else None

    @rx.event
    @signed_in
    async def pick(self, path: str, name: str):
        """Put the name of a secret into a field."""
        if self._form is None or path not in self._form.values or name not in self.secrets:
            return
        self._form.put(path, f"{{{{secret.{name}}}}}")
        self._draw()
        self._focus(path)

    @rx.event
    @signed_in
    async def find_parent(self, text: str):
        """Offer the monitors that a text finds, and the one that is chosen."""
        try:
            found = await overview.read(await actor_of(self), Filter(text=text[:200], sort="name", group_by="none"))
        except SeamwatchError:
            return
        chosen = self._form.text("parent_id") if self._form else ""
        kept = [one for one in self.parents if one.value == chosen and one.value]
        offered = [Choice(row.id, row.name) for row in found.rows[:_MAX_FOUND] if row.id not in (chosen, self.monitor_id)]
        self.parents = [Choice("", "Nothing"), *kept, *offered]

    # Submitting.

    @rx.event
    @signed_in
    async def intend(self, what: str):
        """Note which button is about to submit the form."""
        self._intent = what if what in _INTENTS else "save"

    @rx.event
    @signed_in
    async def submit(self, form: dict[str, Any]):
        if self._form is None or self.view != "form":
            return
        self.form_error, self.json_error, self._errors = "", "", {}
        intent, self._intent = self._intent, "save"
        self.busy = intent == "save"
        yield
        try:
            draft = self._read(form)
            match intent:
                case "json":
                    self._show_json(draft)
                case "fields":
                    self._show_fields(draft)
                case "try":
                    self._draft, self.running, self.run = json.dumps(draft), True, RunView()
                    yield MonitorFormState.try_it
                case _:
                    yield await self._save(draft)
        except Invalid as error:
            self._show(error)
        except SeamwatchError as error:
            if isinstance(error, Unauthenticated):
                yield refused(error, self.router.url.path)
            self.form_error = error.message
        finally:
            self.busy = False

    def _read(self, form: dict[str, Any]) -> dict[str, Any]:
        """Return the draft as plain JSON, of the fields or of the text. Raises Invalid."""
        assert self._form is not None
        if self.as_json:
            text = form.get("json")
            return json.loads(self._base) | reveal(text if isinstance(text, str) else "", self._hidden, _MAX_JSON)
        sections = self._sections()
        take(sections, self._form, form)
        read = collect(sections, self._form)
        if read.errors:
            errors = [FieldError(path, text) for path, text in read.errors.items()]
            raise Invalid(errors[0].field, errors[0].message, *errors[1:])
        return json.loads(self._base) | read.json

    async def _save(self, draft: dict[str, Any]) -> Any:
        actor = await actor_of(self)
        if not str(draft.get("name") or "").strip():
            draft["name"] = suggested_name(Kind(self.kind), draft.get("check"))
        wanted = replace(monitor_form.partial(monitor_form.defaults(self.kind), draft), kind=self.kind)
        if self.editing:
            saved = await monitors.change(actor, self.monitor_id, wanted)
            show_changed(await self.get_state(MonitorState), saved)
        else:
            saved = await monitors.create(actor, wanted)
        self.saved = True
        moved = f" {', '.join(saved.made_secrets)} moved to the vault." if saved.made_secrets else ""
        said = f"{saved.draft.name} changed." if self.editing else f"{saved.draft.name} is watched."
        return [rx.redirect(f"/monitors/{saved.id}"), done(said + moved)]

    def _show(self, invalid: Invalid) -> None:
        """Put each sentence at its field and the focus on the first of them."""
        assert self._form is not None
        if self.as_json:
            self.json_error = " ".join(f"{error.field}: {error.message}" if error.field else error.message for error in invalid.errors[:5])
            self._focus("json")
            return
        sections = self._sections()
        places = collect(sections, self._form).places
        known = {error.field: error.message for error in invalid.errors if error.field in self._form.values}
        others = {error.field: error.message for error in invalid.errors if error.field not in known}
        self._errors = blame(sections, self._form, places, others) | known
        self.form_error = self._errors.pop("", "")
        self._draw()
        if wrong := first_wrong(self.cards):
            self._focus(wrong)

    # As JSON.

    def _show_json(self, draft: dict[str, Any]) -> None:
        shown, self._hidden = hide({name: value for name, value in draft.items() if name != "kind"})
        self.json_text, self.as_json = json.dumps(shown, indent=2, ensure_ascii=False), True
        self.filled += 1
        self._focus("json")

    def _show_fields(self, draft: dict[str, Any]) -> None:
        shown, _ = hide(draft)
        self._take_kind(Kind(self.kind), shown)
        assert self._form is not None
        for path, text in self._form.values.items():
            if text == HIDDEN:
                self._form.values[path] = ""
                self._errors[path] = "Type this again, or pick it from the vault: what was typed is not shown."
        self._draw()

    # Running before saving.

    @rx.event(background=True, supersedes=True)
    @internal
    async def try_it(self):
        """Run the draft once and show what it found."""
        async with self:
            draft, kind, monitor_id, actor = json.loads(self._draft), self.kind, self.monitor_id, await actor_of(self)
            self._draft = "{}"
        shown, refusal = RunView(), None
        try:
            made = await trying.try_(actor, kind, draft.get("check", {}), draft.get("timeout_s", 10), monitor_id)
            shown = run_view(made.outcome, made.text, made.timing, made.findings, made.exchanges, made.facts)
        except SeamwatchError as error:
            refusal = error
        async with self:
            if self.kind != kind or not self.running:
                return
            self.running, self.run = False, shown
            if isinstance(refusal, Invalid):
                self._show(refusal)
            elif refusal is not None:
                self.form_error = refusal.message
            else:
                self._focus("run")

    @rx.event
    @signed_in
    async def stop(self):
        self.running = False

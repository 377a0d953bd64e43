"""The scan form: addresses and calls to try. What is typed stays in the browser until it is submitted."""

from dataclasses import dataclass, replace
from typing import Any

import reflex as rx

from app.services import scans
from app.services.errors import FieldError, Invalid, SeamwatchError, Unauthenticated
from app.services.scan_form import MAX_CALLS, CallForm, ScanForm, parse_headers, to_request
from app.state.gate import public, signed_in
from app.state.session import actor_of
from app.state.shown import new_scan_path, sign_in_path


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call to try: a row of fields named by `id`, and the sentences of what is wrong in them."""

    id: int
    method_error: str = ""
    url_error: str = ""
    headers_error: str = ""
    credentials_error: str = ""


class NewScanState(rx.State):
    """The rows that are shown and the errors per field."""

    page_url: rx.Field[str] = rx.field("")
    api_url: rx.Field[str] = rx.field("")
    ready: rx.Field[bool] = rx.field(False)  # until then a submit would send fields that are not filled yet
    filled: rx.Field[int] = rx.field(0)  # rises when the fields are to be filled anew
    rows: rx.Field[list[CallRow]] = rx.field(default_factory=list)
    page_error: rx.Field[str] = rx.field("")
    api_error: rx.Field[str] = rx.field("")
    calls_error: rx.Field[str] = rx.field("")
    form_error: rx.Field[str] = rx.field("")
    busy: rx.Field[bool] = rx.field(False)
    _next_row: int = 1

    @rx.event
    @signed_in
    async def load(self):
        asked = self.router.url.query_parameters
        page_url = str(asked.get("url") or asked.get("page") or "")[:4000]
        api_url = str(asked.get("api") or "")[:4000]
        if await actor_of(self) is None:
            return rx.redirect(sign_in_path(new_scan_path(page_url, api_url)), replace=True)
        if (page_url, api_url) != (self.page_url, self.api_url):  # else what was typed meanwhile would be lost
            self.page_url, self.api_url, self.filled = page_url, api_url, self.filled + 1
        self.ready = True
        self.rows = []
        self._clear()
        return None

    def _clear(self) -> None:
        self.page_error = self.api_error = self.calls_error = self.form_error = ""
        self.rows = [CallRow(row.id) for row in self.rows]
        self.busy = False

    @rx.event
    @signed_in
    async def add_call(self):
        if len(self.rows) < MAX_CALLS:
            row, self._next_row = CallRow(self._next_row), self._next_row + 1
            self.rows = [*self.rows, row]

    @rx.event
    @signed_in
    async def remove_call(self, row_id: int):
        self.rows = [row for row in self.rows if row.id != row_id]

    @rx.event
    @public
    async def submit(self, form: dict[str, Any]):
        self._clear()
        self.busy = True
        yield
        try:
            scan_id = await scans.start(await actor_of(self), self._read(form))
        except Unauthenticated:
            yield rx.redirect(sign_in_path(new_scan_path(_text(form, "url"), _text(form, "api"))))
        except Invalid as error:
            yield self._show(error)
        except SeamwatchError as error:
            self.form_error = error.message
        else:
            yield rx.redirect(f"/scans/{scan_id}")
        finally:
            self.busy = False

    def _read(self, form: dict[str, Any]) -> ScanForm:
        """Read the fields. A row without a path is left out: an empty one is no mistake."""
        used = [row for row in self.rows if _text(form, f"url-{row.id}")]
        self.rows = used
        calls: list[CallForm] = []
        errors: list[FieldError] = []
        for place, row in enumerate(used):
            headers = ()
            try:
                headers = parse_headers(_text(form, f"headers-{row.id}"))
            except Invalid as error:
                errors.append(FieldError(f"calls.{place}.headers", error.message))
            method, credentials = _text(form, f"method-{row.id}") or "GET", _text(form, f"credentials-{row.id}") or "same-origin"
            calls.append(CallForm(method, _text(form, f"url-{row.id}"), headers, credentials, _body_kind(method)))
        scan_form = ScanForm(_text(form, "url"), _text(form, "api"), tuple(calls))
        if errors:  # what else is wrong is said in the same go
            try:
                to_request(scan_form)
            except Invalid as error:
                errors += error.errors
            raise Invalid(errors[0].field, errors[0].message, *errors[1:])
        return scan_form

    def _show(self, invalid: Invalid):
        """Put each sentence under its field, and the focus on an address at fault."""
        for error in invalid.errors:
            match error.field.split("."):
                case ["page_url"]:
                    self.page_error = self.page_error or error.message
                case ["api_url"]:
                    self.api_error = self.api_error or error.message
                case ["calls", number, "method" | "url" | "headers" | "credentials" as part] if int(number) < len(self.rows):
                    changed = replace(self.rows[int(number)], **{f"{part}_error": error.message})
                    self.rows = [changed if place == int(number) else row for place, row in enumerate(self.rows)]
                case ["calls", *_]:
                    self.calls_error = error.message
                case _:
                    self.form_error = error.message
        if self.page_error or self.api_error:
            return rx.set_focus("url" if self.page_error else "api")
        return None


def _text(form: dict[str, Any], name: str) -> str:
    return str(form.get(name) or "").strip()[:20_000]


def _body_kind(method: str) -> str | None:
    """Return the body that a call to try is given: writing methods have one of text, which alone never needs a preflight."""
    return None if method.upper() in ("GET", "HEAD", "OPTIONS", "DELETE") else "text"

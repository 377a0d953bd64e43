"""What a person enters to have a site scanned, checked and made into a `ScanRequest`. Pure; the command line uses it too."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

from app.core.exchange import Headers
from app.core.inventory import Call, Source, SourceKind
from app.core.observation import ScanRequest
from app.core.urls import InvalidTarget, parse_target
from app.services.errors import FieldError, Invalid

MAX_CALLS = 20
MAX_HEADERS = 30
MAX_VALUE_CHARS = 2000
CREDENTIALS = ("omit", "same-origin", "include")
BODIES = ("text", "urlencoded", "multipart", "blob", "bytes")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")  # RFC 9110, 5.6.2
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class CallForm:
    """One call to try. `url`: a path ("/api/items/1", relative to the API's address, else to the page's origin) or absolute."""

    method: str
    url: str
    headers: Headers = ()
    credentials: str = "same-origin"
    body: str | None = None


@dataclass(frozen=True, slots=True)
class ScanForm:
    page_url: str
    api_url: str = ""  # "" when it does not differ
    calls: tuple[CallForm, ...] = ()


def parse_headers(text: str) -> Headers:
    """Read "Name: value" lines; empty lines are left out.

    Raises:
        Invalid: for field "headers", naming the line.
    """
    headers: list[tuple[str, str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name.strip()):
            raise Invalid("headers", f"“{line[:60]}” is not a header. Write one a line, like X-Requested-With: fetch.")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


def parse_call(text: str) -> CallForm:
    """Read "PUT /api/items/1", as the command line takes it; the method may be left out.

    Raises:
        Invalid: for field "call".
    """
    words = text.split()
    if len(words) not in (1, 2):
        raise Invalid("call", f"“{text[:60]}” is not a call. Write method and path, like PUT /api/items/1.")
    return CallForm(words[0] if len(words) == 2 else "GET", words[-1])


def to_request(form: ScanForm) -> ScanRequest:
    """Return the request with normalised addresses.

    Raises:
        Invalid: names every field at fault: "page_url", "api_url", "calls", "calls.0.method", "calls.0.url", "calls.0.headers", …
    """
    errors: list[FieldError] = []

    def target(field: str, text: str) -> str:
        try:
            return parse_target(text)
        except InvalidTarget as error:
            errors.append(FieldError(field, str(error)))
            return ""

    page_url = target("page_url", form.page_url)
    api_url = target("api_url", form.api_url) if form.api_url.strip() else None
    if len(form.calls) > MAX_CALLS:
        errors.append(FieldError("calls", f"At most {MAX_CALLS} calls can be tried in one scan; these are {len(form.calls)}."))
    calls: list[Call] = []
    for number, call in enumerate(form.calls[:MAX_CALLS]):
        field = f"calls.{number}"
        errors += (FieldError(f"{field}.{part}", problem) for part, problem in _problems(call))
        # Without the scheme a path like "items:1" would be taken for one, so only a slash or a scheme is looked at.
        absolute = bool(_SCHEME.match(call.url.strip())) or call.url.strip().startswith("//")
        url = call.url.strip() if absolute else _join(api_url or page_url, call.url.strip(), to_api=bool(api_url))
        if (page_url and api_url != "") or absolute:  # else the base is at fault, and has been named
            calls.append(
                Call(
                    method=call.method.strip() or "GET",
                    url=target(f"{field}.url", url),
                    headers=call.headers,
                    body=call.body or None,
                    credentials=call.credentials,
                    template=call.url.strip() if not absolute else "",
                    source=Source(SourceKind.USER, excerpt=f"{call.method.strip()} {call.url.strip()}"[:200]),
                )
            )
    if errors:
        raise Invalid(errors[0].field, errors[0].message, *errors[1:])
    return ScanRequest(page_url, api_url, tuple(calls))


def _join(base: str, path: str, *, to_api: bool) -> str:
    """Join a path as a client's base URL does: under the API's own path for "items", at its origin for "/items"."""
    return urljoin(base if not to_api or base.endswith("/") else f"{base}/", path)


def _problems(call: CallForm) -> Iterable[tuple[str, str]]:
    """Yield (part, sentence) for what is wrong with a call apart from its address."""
    if not _TOKEN.fullmatch(call.method.strip() or "GET"):
        yield "method", f"“{call.method[:40]}” is not a method."
    if not call.url.strip():
        yield "url", "Enter a path, for example /api/items."
    if len(call.headers) > MAX_HEADERS:
        yield "headers", f"At most {MAX_HEADERS} headers can be sent with a call."
    for name, value in call.headers:
        if not _TOKEN.fullmatch(name):
            yield "headers", f"“{name[:60]}” is not a header name."
        elif len(value) > MAX_VALUE_CHARS or any(ord(character) < 32 and character != "\t" for character in value):
            yield "headers", f"The value of {name} cannot be sent."
    if call.credentials not in CREDENTIALS:
        yield "credentials", "Credentials are omit, same-origin or include."
    if call.body and call.body not in BODIES:
        yield "body", f"A body is {', '.join(BODIES)} or nothing."

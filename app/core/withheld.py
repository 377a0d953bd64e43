"""What of a scan's request may be stored and shown, and how the rest is kept out of all that is said about the scan.

A scan asks with the values that people typed. A server may send such a value back under any name and in any place, so it is
looked for by itself, not by what stands around it.
"""

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import TypeVar
from urllib.parse import quote, quote_plus

from app.core.inventory import UNKEPT, Call
from app.core.observation import ScanRequest
from app.core.redact import hashed, redact_header, redact_request, secrets_of_url

MIN_CHARS = 6  # a shorter value stands everywhere by chance
Value = TypeVar("Value")


def without_secrets(request: ScanRequest) -> ScanRequest:
    """Return the request as it may be stored and shown: secrets in addresses hashed, secret-looking header values left out."""
    shown = redact_request(request)
    calls = tuple(replace(call, headers=_kept(asked)) for call, asked in zip(shown.calls, request.calls, strict=True))
    return replace(shown, calls=calls)


def _kept(call: Call) -> tuple[tuple[str, str], ...]:
    return tuple((name, UNKEPT if _is_secret(name, value) else value) for name, value in call.headers)


def _is_secret(name: str, value: str) -> bool:
    return redact_header(name, value) != value


@dataclass(frozen=True, slots=True)
class Withheld:
    """The values that `without_secrets` leaves out of a request, in every form in which a server may send them back."""

    forms: tuple[tuple[str, str], ...] = ()  # (form, its stand-in), longest first: one may be part of another

    @classmethod
    def of(cls, request: ScanRequest) -> "Withheld":
        found = {form: hashed(value) for value in _values(request) if len(value) >= MIN_CHARS for form in _forms(value)}
        return cls(tuple(sorted(found.items(), key=lambda pair: (-len(pair[0]), pair[0]))))

    def hide(self, text: str) -> str:
        """Return the text with each of the values hashed."""
        for form, stand_in in self.forms:
            if form in text:
                text = text.replace(form, stand_in)
        return text

    def within(self, text: str) -> "Withheld":
        """Return those that stand in this text, be it JSON or plain: usually none."""
        return Withheld(tuple((form, stand_in) for form, stand_in in self.forms if form in text or json.dumps(form)[1:-1] in text))

    def hide_all(self, value: Value) -> Value:
        """Return a plain value (dataclasses, tuples, texts) with each of the values hashed in all its texts."""
        return _map(value, self) if self.forms else value


def _values(request: ScanRequest) -> Iterator[str]:
    yield from secrets_of_url(request.page_url)
    yield from secrets_of_url(request.api_url or "")
    for call in request.calls:
        yield from secrets_of_url(call.url)
        yield from secrets_of_url(call.template)
        for name, value in call.headers:
            if not _is_secret(name, value):
                continue
            yield value
            # "Bearer …", "Token …": a server sends the second word back alone.
            yield from value.split()[1:]
            if name.lower() == "cookie":
                yield from (pair.partition("=")[2].strip() for pair in value.split(";"))


def _forms(value: str) -> set[str]:
    return {value, quote(value, safe=""), quote(value), quote_plus(value), html.escape(value), json.dumps(value)[1:-1]}


def _map(value: Value, withheld: Withheld) -> Value:
    made: object = value
    if isinstance(value, str):
        made = value if isinstance(value, Enum) else withheld.hide(value)
    elif isinstance(value, tuple):
        made = tuple(_map(part, withheld) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{field.name: _map(getattr(value, field.name), withheld) for field in fields(value)})
    return made  # pyright: ignore[reportReturnType]

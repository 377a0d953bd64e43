"""What a form sends, and what is wrong with it. Any client may send any JSON value, so nothing but text of a bounded length is taken."""

from collections.abc import Mapping

from app.services.errors import Invalid


def text(form: object, name: str, at_most: int = 400) -> str:
    """Return a field without space around it; "" when it is not there, or not text."""
    return raw(form, name, at_most).strip()


def raw(form: object, name: str, at_most: int) -> str:
    """Return a field as it was typed; "" when it is not there, or not text."""
    value = form.get(name) if isinstance(form, Mapping) else None
    return value[:at_most] if isinstance(value, str) else ""


def number(form: object, name: str) -> int:
    """Return a whole number from a field; -1 when it is none, which no service takes."""
    digits = text(form, name)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else -1


def put_errors(state: object, invalid: Invalid, places: Mapping[str, str], other: str = "form_error") -> None:
    """Put each sentence where the form shows it.

    Args:
        places: field → var of the state that stands under it.
        other: the var for what no field of these is to blame for.
    """
    for error in invalid.errors:
        setattr(state, places.get(error.field, other), error.message)

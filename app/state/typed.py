"""What a form sends. Any client may send any JSON value, so nothing but text of a bounded length is taken from it."""

from collections.abc import Mapping


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

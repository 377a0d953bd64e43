"""Values that stand in a check by their name: `{{secret.API_TOKEN}}` from the vault, `{{csrf}}` captured by an earlier step of a flow.

They are replaced as they stand, once, and nothing else is understood: no expressions, no template engine.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

_PLACEHOLDER = re.compile(r"\{\{\s*(?P<name>(?:secret\.)?[A-Za-z][A-Za-z0-9_]{0,63})\s*\}\}")
SECRET = "secret."
HIDDEN = "•••"
_MIN_MASKED_CHARS = 4  # shorter values stand everywhere, and masking them would tell more than it hides
Value = TypeVar("Value")


class Unfilled(ValueError):
    """A name that nothing stands for; `name` is as written: "secret.API_TOKEN", "csrf"."""

    def __init__(self, name: str) -> None:
        known = f"There is no secret named {name.removeprefix(SECRET)}." if name.startswith(SECRET) else f"No earlier step captures {name}."
        super().__init__(known)
        self.name = name


def names_in(value: Any) -> frozenset[str]:
    """Return every name that stands in a text, or in the texts of a frozen dataclass, tuple or mapping."""
    return frozenset(match["name"] for text in _texts(value) for match in _PLACEHOLDER.finditer(text))


def filled(value: Value, values: Mapping[str, str]) -> Value:
    """Return the same shape with every placeholder replaced. What a value itself holds is not looked at again.

    Raises:
        Unfilled: for the first name that `values` does not have.
    """
    return _map(value, lambda text: _PLACEHOLDER.sub(lambda match: _value(match["name"], values), text))


def masked(value: Value, secrets: Iterable[str]) -> Value:
    """Return the same shape in which no secret stands: each is replaced by three dots, the longest first."""
    hidden = sorted({secret for secret in secrets if len(secret) >= _MIN_MASKED_CHARS}, key=len, reverse=True)
    if not hidden:
        return value
    pattern = re.compile("|".join(map(re.escape, hidden)))
    return _map(value, lambda text: pattern.sub(HIDDEN, text))


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise Unfilled(name)
    return values[name]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _texts(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))


def _map(value: Any, change: Any) -> Any:
    if type(value) is str:  # not an enum, which is a str as well
        return change(value)
    if isinstance(value, bytes):
        return change(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if isinstance(value, tuple):
        return tuple(_map(item, change) for item in value)
    if isinstance(value, list):
        return [_map(item, change) for item in value]
    if isinstance(value, Mapping):
        return {_map(key, change): _map(item, change) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {field.name: _map(getattr(value, field.name), change) for field in fields(value) if field.init}
        return type(value)(**changed)
    return value

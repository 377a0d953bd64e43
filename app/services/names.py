"""Names and ids as clients sent them: of any JSON type, checked before they are used."""

import re
import unicodedata
from typing import TypeGuard

from app.services.errors import Invalid

MAX_NAME_CHARS = 120
_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{1,24}")
# Control characters, halves of surrogate pairs, and separators of lines and paragraphs: none of them is part of a name.
_NO_NAME = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Characters that turn the direction of what follows, by which one name can be made to look like another.
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")


def is_public_id(value: object) -> TypeGuard[str]:
    """Whether this can be an id that left our services. What cannot is answered like an id that does not exist."""
    return isinstance(value, str) and _PUBLIC_ID.fullmatch(value) is not None


def name(value: object, field: str, *, most_chars: int = MAX_NAME_CHARS, empty: bool = False) -> str:
    """Return a name without the spaces around it.

    Raises:
        Invalid: for `field`, when it is no text, empty (unless it may be), too long or holds a control character.
    """
    if not isinstance(value, str):
        raise Invalid(field, "This is not a text.")
    text = value.strip()
    if not text and not empty:
        raise Invalid(field, "Enter a name.")
    if len(text) > most_chars:
        raise Invalid(field, f"{len(text)} characters are too many. At most {most_chars} fit.")
    if any(unicodedata.category(char) in _NO_NAME or char in _TURNING for char in text):
        raise Invalid(field, "This holds a character that cannot be seen, such as a line break. Take it out.")
    return text

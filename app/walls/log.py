"""Keeps secrets and floods out of the log, whichever library writes it.

Reflex logs an event that it cannot place (an old tab after an update sends such) with the headers of its socket, cookie included.
"""

import logging
import re

MAX_CHARS = 4000
_HEADER = re.compile(
    r"(?P<name>(['\"])(?:cookie|authorization|proxy-authorization)\2\s*[:,]\s*)(?P<quote>['\"])(?:\\.|(?!(?P=quote)).)*(?P=quote)",
    re.I | re.S,
)
_PAIR = re.compile(r"(?P<name>\b(?:__Host-)?seam=)[\w-]{20,}")
_HIDDEN = "(hidden)"


def clean(text: str) -> str:
    """Return a log message without cookies and credentials, cut where it is too long."""
    if len(text) > 4 * MAX_CHARS:
        text = text[: 4 * MAX_CHARS]  # before the patterns, which need not read what is not kept
    text = _PAIR.sub(rf"\g<name>{_HIDDEN}", _HEADER.sub(rf"\g<name>'{_HIDDEN}'", text))
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} … (cut)"


class CleanRecord(logging.LogRecord):
    """A record whose message is clean, before any handler sees it."""

    def getMessage(self) -> str:  # noqa: N802  the standard library's name
        return clean(super().getMessage())


def install() -> None:
    """Make every record of this process a clean one. More than once does no harm."""
    logging.setLogRecordFactory(CleanRecord)

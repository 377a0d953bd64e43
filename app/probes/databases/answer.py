"""What the engines have in common: how an answer is written, what may be asked, and how a refusal is told."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from app.core.incident import Outcome
from app.core.results import Cause

MAX_CHARS = 10_000  # of a value
# Statements that read. What they call is the server's to forbid: a user of the check's own that may only read is the real wall.
_READING = frozenset({"SELECT", "SHOW", "WITH", "VALUES", "TABLE", "EXPLAIN", "DESCRIBE", "DESC"})
_BEFORE = re.compile(r"(?:\s+|\(|--[^\n]*(?:\n|$)|/\*(?!!).*?\*/)*", re.S)
_WORD = re.compile(r"[A-Za-z]+")


class NotAnswered(Exception):
    """The database was reached, or could have been, and gave no answer: with what that means, in words."""

    def __init__(self, cause: Cause, text: str, outcome: Outcome = Outcome.DOWN) -> None:
        super().__init__(text)
        self.cause, self.text, self.outcome = cause, text, outcome


def cannot(text: str) -> NotAnswered:
    """The check cannot be run as it is configured."""
    return NotAnswered(Cause.CONFIGURATION, text, Outcome.UNKNOWN)


def check_reads(query: str) -> None:
    """Raise NotAnswered for a statement of SQL that does not begin as those that read do.

    The first of two walls: the statement also runs in a transaction that the server lets read only.
    """
    before = _BEFORE.match(query)
    word = _WORD.match(query, before.end() if before else 0)
    if word is None or word[0].upper() not in _READING:
        said = word[0].upper() if word else query.strip()[:20]
        raise cannot(f"The query must only read, and {said} may write. Begin it with SELECT, SHOW, WITH, VALUES, TABLE or EXPLAIN.")


def writes(message: str) -> NotAnswered:
    """The server found that a statement writes."""
    return cannot(f"The query must only read, and the server refuses it: {sentence(message)}")


def sentence(message: str) -> str:
    """Return what a server says, in one line with a full stop at its end."""
    text = " ".join(message.split())[:300].rstrip(". ")
    return f"{text}."


def text_of(value: Any) -> str:
    """Write a value as people compare it: true and false, whole numbers without a point, times as ISO 8601, nothing for NULL."""
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            text = str(int(value))
        case Decimal():
            text = f"{value:f}"
        case datetime() | date() | time():
            text = value.isoformat()
        case bytes() | bytearray() | memoryview():
            text = bytes(value).decode("utf-8", "replace")
        case _:
            text = str(value)
    return text[:MAX_CHARS]

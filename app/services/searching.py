"""How lists are searched: for a text that stands somewhere in a column, whatever its case."""

from typing import Any

from sqlalchemy import ColumnElement, or_

from app.settings import settings

MAX_CHARS = 200


def sought(text: object) -> str:
    """Return what a client searches for as every database takes it; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    return text.strip()[:MAX_CHARS].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether the text stands in the column, whatever its case; wildcards in it are ordinary characters."""
    pattern = f"%{text.replace('/', '//').replace('%', '/%').replace('_', '/_')}%"
    if not settings().sqlite:
        return column.ilike(pattern, escape="/")
    # SQLite's LIKE takes A for a, but not Å for å: so a text with such letters is looked for in each way that people write it.
    cased = {pattern} if text.isascii() else {pattern, pattern.lower(), pattern.upper(), pattern.title()}
    return or_(*(column.like(one, escape="/") for one in sorted(cased)))

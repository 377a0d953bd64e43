"""One page of a list: lists are never sent whole."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")
MAX_PAGE = 1_000_000  # beyond it, offsets leave what a database counts with


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    items: tuple[Row, ...]
    number: int  # from 1
    pages: int  # at least 1
    total: int  # rows on all pages


def page_number(asked: object) -> int:
    """Return a usable page number whatever a client sent."""
    return min(max(asked, 1), MAX_PAGE) if isinstance(asked, int) and not isinstance(asked, bool) else 1

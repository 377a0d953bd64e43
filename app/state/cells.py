"""The cells of the rows in view: all that a check changes. A push is one list of short texts; the browser draws it (components/bars.py).

Functions, not methods: every public method of a state is an event that a client can send.
"""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import reflex as rx

Rows: TypeAlias = tuple[tuple[str, str], ...]  # public id and cell of each row in view, in their order


class CellsState(rx.State):
    cells: rx.Field[list[str]] = rx.field(default_factory=list)  # `Cell.text` by place, at most a page of rows
    now_s: rx.Field[int] = rx.field(0)  # the server's clock when these were sent, in seconds since 1970

    # Tuples: Reflex watches lists and dicts, and every look into one would cost more than what is looked for.
    _rows: Rows = ()


def fill(state: CellsState, ids: Sequence[str], texts: Sequence[str]) -> None:
    """Take the rows' ids and cells, in their order."""
    before, state._rows = state._rows, tuple(zip(ids, texts, strict=True))
    if [text for _, text in before] != list(texts):
        state.cells, state.now_s = list(texts), int(time.time())


def renew(state: CellsState, texts: Mapping[str, str]) -> bool:
    """Take what was found, by public id. Return whether a monitor stands otherwise than before, in view or not."""
    seen, turned = compare(state._rows, texts)
    if seen:
        fill(state, [public_id for public_id, _ in state._rows], [seen.get(place, text) for place, (_, text) in enumerate(state._rows)])
    return turned


def compare(rows: Rows, texts: Mapping[str, str]) -> tuple[dict[int, str], bool]:
    """Return the cells that would be others, by place, and whether a monitor stands otherwise than before, in view or not."""
    seen, turned = {}, False
    for place, (public_id, before) in enumerate(rows):
        text = texts.get(public_id)
        if text is not None and text != before:
            seen[place] = text
            turned = turned or text.partition("|")[0] != before.partition("|")[0]
    return seen, turned or any(map(_decided, texts.values()))


@functools.lru_cache(maxsize=4096)  # every open tab is told the same
def _decided(text: str) -> bool:
    """Whether the check that is told of made the monitor stand as it does."""
    _, since_s, _, last_s, *_ = [*text.split("|"), "", "", "", ""]
    return since_s == last_s

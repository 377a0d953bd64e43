"""The cells of the rows in view: all that a check changes. A push is one list of short texts; the browser draws it (components/bars.py).

Functions, not methods: every public method of a state is an event that a client can send.
"""

import time
from collections.abc import Mapping, Sequence

import reflex as rx


class CellsState(rx.State):
    cells: rx.Field[list[str]] = rx.field(default_factory=list)  # `Cell.text` by place, at most a page of rows
    now_s: rx.Field[int] = rx.field(0)  # the server's clock when these were sent, in seconds since 1970

    _places: rx.Field[dict[str, int]] = rx.field(default_factory=dict)  # by public id


def fill(state: CellsState, ids: Sequence[str], texts: Sequence[str]) -> None:
    """Take the rows' ids and cells, in their order."""
    state._places = {public_id: place for place, public_id in enumerate(ids)}
    if state.cells != list(texts):
        state.cells, state.now_s = list(texts), int(time.time())


def renew(state: CellsState, texts: Mapping[str, str]) -> bool:
    """Take what was found, by public id. Return whether a monitor stands otherwise than before, in view or not."""
    seen, turned = compare(state, texts)
    if seen:
        state.cells, state.now_s = [seen.get(place, cell) for place, cell in enumerate(state.cells)], int(time.time())
    return turned


def compare(state: CellsState, texts: Mapping[str, str]) -> tuple[dict[int, str], bool]:
    """Return the cells that would be others, by place, and whether a monitor stands otherwise than before. It only reads."""
    cells, places, turned, seen = list(state.cells), dict(state._places), False, {}
    for public_id, text in texts.items():
        place = places.get(public_id)
        if place is None or place >= len(cells):
            _, since_s, _, last_s, *_ = [*text.split("|"), "", "", "", ""]
            turned = turned or since_s == last_s  # the check that is told of made it so
        elif cells[place] != text:
            turned = turned or cells[place].partition("|")[0] != text.partition("|")[0]
            seen[place] = text
    return seen, turned

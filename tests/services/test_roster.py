"""The roster follows what anybody changes, without reading everything again."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select, update

from app import db
from app.models import Monitor, now
from app.services import monitors, roster
from app.services.monitors import BulkChange, Draft
from app.services.roster import Roster
from tests.conftest import Cast

PAGE = Draft("Shop", "page", {"ask": {"url": "https://shop.example/"}})


async def read(cast: Cast) -> Roster:
    async with db.reading() as session:
        return await roster.current(session, cast.alice.workspace_id)


def names(known: Roster) -> list[str]:
    return [row.place[0] for row in known.by_name]


async def made(cast: Cast, *names: str, **fields: Any) -> list[str]:
    return [(await monitors.create(cast.bob, replace(PAGE, name=name, **fields))).id for name in names]


async def test_what_is_added_renamed_deleted_and_restored_is_followed(cast: Cast):
    ids = await made(cast, "b", "D")
    assert names(await read(cast)) == ["b", "d"]
    await made(cast, "c")
    await monitors.change(cast.bob, ids[0], replace(PAGE, name="E", tags=("new",)))
    known = await read(cast)
    assert (names(known), known.by_name[-1].tags, known.tags) == (["c", "d", "e"], ("new",), {"new": 1})
    await monitors.delete(cast.bob, ids)
    assert names(await read(cast)) == ["c"]
    await monitors.restore(cast.bob, ids[1:])
    assert names(await read(cast)) == ["c", "d"]


async def test_many_changes_at_once_are_followed(cast: Cast):
    names_ = [f"{number:02}" for number in range(60)]
    ids = await made(cast, *names_, paused=True)
    before = await read(cast)
    await monitors.bulk(cast.bob, ids, BulkChange(add_tags=("x",)))
    after = await read(cast)
    assert (names(after), len(after.of_mark["x"]), len(after.by_id)) == (names_, 60, 60)
    assert "x" not in before.of_mark


async def test_what_says_nothing_new_changes_nothing(cast: Cast):
    ids = await made(cast, "a", "b")
    known = await read(cast)
    await monitors.pause(cast.bob, ids)  # a change, but of nothing that a roster tells
    assert await read(cast) is known


async def test_what_was_written_seconds_ago_and_committed_since_is_found(cast: Cast):
    (public_id,) = await made(cast, "a")
    this = col(Monitor.public_id) == public_id
    await read(cast)
    async with db.transaction() as session:
        await session.exec(update(Monitor).where(this).values(name="late", changed_at=now() - timedelta(seconds=8)))
    await monitors.pause(cast.bob, await made(cast, "z"))
    assert names(await read(cast)) == ["late", "z"]


async def test_what_a_cancelled_read_saw_is_found_by_the_next(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    ids = await made(cast, "a", "b")
    await read(cast)
    for public_id, name in zip(ids, ("c", "d"), strict=True):
        await monitors.change(cast.bob, public_id, replace(PAGE, name=name))
    listed, calls = roster._listed, 0

    async def cancelled_at_the_second(*args: Any) -> list[roster.Listed]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise asyncio.CancelledError
        return await listed(*args)

    monkeypatch.setattr(roster, "_AT_ONCE", 1)
    monkeypatch.setattr(roster, "_listed", cancelled_at_the_second)
    with pytest.raises(asyncio.CancelledError):
        await read(cast)
    assert names(await read(cast)) == ["c", "d"]


async def test_all_is_read_anew_from_time_to_time(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    await made(cast, "a", "b")
    await read(cast)
    async with db.transaction() as session:  # nothing says that it was removed
        await session.delete((await session.exec(select(Monitor).where(Monitor.name == "a"))).one())
    assert names(await read(cast)) == ["a", "b"]
    monkeypatch.setattr(roster, "_WHOLE_S", -1.0)
    assert names(await read(cast)) == ["a", "b"]  # nobody waits for it
    renewal = roster._of(cast.alice.workspace_id).renewal
    assert renewal
    monkeypatch.setattr(roster, "_WHOLE_S", 300.0)
    await made(cast, "c")
    await renewal
    assert names(await read(cast)) == ["b", "c"]


async def test_the_workspaces_looked_at_last_are_kept(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    await made(cast, "a", "b")
    await monitors.create(cast.charlie, PAGE)
    monkeypatch.setattr(roster, "_MOST_ROWS", 2)
    known = await read(cast)
    assert await read(cast) is known
    async with db.reading() as session:
        assert names(await roster.current(session, cast.charlie.workspace_id)) == ["shop"]
    assert await read(cast) is not known


async def test_a_change_among_many_reads_that_one(cast: Cast):
    ids = await made(cast, *"abc")
    await read(cast)
    async with db.transaction() as session:  # long ago, as most are
        await session.exec(update(Monitor).values(changed_at=now() - timedelta(days=1)))
    await read(cast)
    await monitors.change(cast.bob, ids[1], replace(PAGE, name="d"))
    read_rows: list[Any] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "FROM monitor" in statement:
            read_rows.append((statement.partition("FROM")[2], parameters))

    event.listen(db.engine().sync_engine, "before_cursor_execute", note)
    assert names(await read(cast)) == ["a", "c", "d"]
    assert len(read_rows) == 3  # what changed; that monitor; its tags
    read_rows.clear()
    await read(cast)
    assert len(read_rows) in (1, 3)


def listed(*texts: str) -> Roster:
    rows = [
        roster.Listed(number, None, None, None, (text, number), "page", text.casefold(), (), frozenset(), 60_000, 0)
        for number, text in enumerate(texts)
    ]
    return Roster({row.id: row for row in rows}, rows)


@pytest.mark.parametrize(
    ("text", "found"),
    [("a", [0, 2, 4]), ("ab", [0]), ("b", [0, 1, 3]), ("bb", []), ("straße".casefold(), [4]), ("zz", []), ("%", []), ("_", [])],
)
def test_a_text_is_found_in_each_row_once_and_never_across_two(text: str, found: list[int]):
    known = listed("abab", "b", "a", "bxb", "STRASSE", "")
    assert [row.id for row in known.holding(text)] == found


def test_what_all_hold_is_all():
    known = listed("ab", "ba")
    assert known.holding("a") is known.by_name
    assert listed().holding("a") == []

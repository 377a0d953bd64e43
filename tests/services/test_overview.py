"""The dashboard's reads. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger with monitors of his own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from app import db
from app.core.cell import Cell
from app.models import Incident, Monitor, MonitorSummary, now
from app.services import board, groups, maintenance, monitors, overview, sites
from app.services.errors import Unauthenticated
from app.services.maintenance import WindowDraft
from app.services.monitor_status import STATUSES
from app.services.monitors import BulkChange, Draft
from app.services.overview import Filter, Row
from tests.conftest import Cast

PAGE = Draft("Shop", "page", {"ask": {"url": "https://shop.example/"}})
FLAT = Filter(sort="name", group_by="none")


async def stand(public_id: str, **values: Any) -> int:
    async with db.transaction() as session:
        this = col(Monitor.public_id) == public_id
        await session.exec(update(Monitor).where(this).values(**values))
        row = (await session.exec(select(Monitor.id).where(this))).one()
        assert row is not None
        return row


async def made(cast: Cast, *names: str, **fields: Any) -> list[str]:
    return [(await monitors.create(cast.bob, replace(PAGE, name=name, **fields))).id for name in names]


async def names(cast: Cast, wanted: Filter) -> list[str]:
    return [row.name for row in (await overview.read(cast.alice, wanted)).rows]


async def test_statuses_are_counted_and_chosen_the_worst_first(cast: Cast):
    ids = dict(zip("abcdefg", await made(cast, *"abcdefg"), strict=True))
    await stand(ids["a"], standing="up")
    row_id = await stand(ids["b"], standing="down", standing_since=now())
    await stand(ids["c"], standing="degraded", standing_since=now())
    await stand(ids["d"], standing="up", unknown_since=now())
    await monitors.pause(cast.bob, [ids["e"]])
    await maintenance.create(cast.bob, WindowDraft("w", cron="* * * * *", duration_s=3600, monitors=(ids["f"],)))
    async with db.transaction() as session:
        session.add(Incident(workspace_id=cast.bob.workspace_id, monitor_id=row_id, severity="down", text="No answer.", opened_at=now()))
    read = await overview.read(cast.alice, Filter(group_by="none"))
    assert [row.name for row in read.rows] == ["b", "c", "d", "g", "a", "f", "e"]
    assert [row.cell.status for row in read.rows] == ["down", "degraded", "unknown", "pending", "up", "maintenance", "paused"]
    assert {status: count for status, count in read.counts.items() if count} == dict.fromkeys(
        ("down", "degraded", "unknown", "pending", "up", "maintenance", "paused"), 1
    )
    assert [(row.name, row.reason) for row in read.wrong] == [("b", "No answer."), ("c", "")]
    for status, name in (("down", "b"), ("maintenance", "f"), ("paused", "e")):
        chosen = await overview.read(cast.alice, Filter(status=status))
        assert ([row.name for row in chosen.rows], chosen.total, sum(chosen.counts.values())) == ([name], 1, 7)
    counts = await overview.counts(cast.alice)
    assert (counts.monitors, counts.open_incidents, counts.down, counts.degraded) == (7, 1, 1, 1)


async def test_text_finds_names_addresses_and_tags_whatever_their_case(cast: Cast):
    await made(cast, "Ålesund", "100%")
    await monitors.create(cast.bob, replace(PAGE, name="API", check={"ask": {"url": "https://api.example/v1"}}, tags=("Checkout",)))
    for text, found in (("ålES", ["Ålesund"]), ("%", ["100%"]), ("API.exa", ["API"]), ("checkout", ["API"]), ("status", []), ("_", [])):
        assert await names(cast, replace(FLAT, text=text)) == found, text
    assert await names(cast, replace(FLAT, tag="Checkout")) == ["API"]
    assert await names(cast, replace(FLAT, kind="api")) == []


async def test_pages_hold_fifty_rows_and_go_on_within_groups(cast: Cast):
    top = await groups.create(cast.bob, "Shop")
    inner = await groups.create(cast.bob, "Checkout", top)
    async with db.transaction() as session:
        ids = {group.name: group.id for group in (await session.exec(select(groups.MonitorGroup))).all()}
        for number in range(63):
            group = ("Shop", "Checkout", "")[number // 30]
            fields = {"name": f"{number:02}", "kind": "page", "configuration": "{}", "group_id": ids.get(group)}
            session.add(Monitor(workspace_id=cast.bob.workspace_id, **fields))
    by_name = Filter(sort="name")
    first, second = [await overview.read(cast.alice, replace(by_name, page=page)) for page in (1, 2)]
    assert [(head.key, head.words, head.count, head.depth) for head in first.heads] == [(top, "Shop", 60, 0), (inner, "Checkout", 30, 1)]
    assert [head.key for head in second.heads] == [top, inner, "none"]
    shown = [row.name for row in (*first.rows, *second.rows)]
    assert (shown, len(first.rows), first.pages, first.total) == ([f"{number:02}" for number in range(63)], 50, 2, 63)
    assert [row.group_key for row in second.rows] == [inner] * 10 + ["none"] * 3
    folded = await overview.read(cast.alice, replace(by_name, folded=(inner,)))
    assert ([len(folded.rows), folded.pages, folded.total], [head.folded for head in folded.heads]) == ([33, 1, 63], [False, True, False])
    folded = await overview.read(cast.alice, replace(by_name, folded=(top, "none")))
    assert ([len(folded.rows), folded.total], [head.key for head in folded.heads]) == ([0, 63], [top, "none"])
    flat = await overview.read(cast.alice, replace(FLAT, page=9, descending=True))
    assert ([row.name for row in flat.rows][-1], flat.page, flat.heads) == ("00", 2, ())


async def test_rows_are_sorted_by_uptime_p95_and_last_check(cast: Cast):
    ids = await made(cast, "a", "b", "c")
    rows = [await stand(public_id, created_at=now() - timedelta(days=40), standing="up", standing_since=now()) for public_id in ids]
    async with db.transaction() as session:
        at = now() - timedelta(days=2)
        for row_id, hours in ((rows[0], 3), (rows[1], 30)):
            session.add(
                Incident(
                    workspace_id=cast.bob.workspace_id, monitor_id=row_id, severity="down", opened_at=at,
                    closed_at=at + timedelta(hours=hours), closed_by="check",
                )
            )  # fmt: skip
        session.add_all(MonitorSummary(monitor_id=row_id, p95_ms=ms) for row_id, ms in ((rows[0], 900), (rows[2], 20)))
    read = await overview.read(cast.alice, Filter(sort="uptime", group_by="none"))
    assert [row.name for row in read.rows] == ["b", "a", "c"]
    assert [round(row.uptime or 0, 4) for row in read.rows] == [round(1 - 30 / 720, 4), round(1 - 3 / 720, 4), 1]
    assert await names(cast, Filter(sort="p95", group_by="none", descending=True)) == ["a", "c", "b"]
    assert sorted(await names(cast, Filter(sort="last", group_by="none"))) == ["a", "b", "c"]


async def test_values_to_filter_by_come_with_how_many_have_them(cast: Cast):
    site_id = await sites.create(cast.bob, "Shop", "https://shop.example/")
    await made(cast, "a", "b", tags=("eu",), site_id=site_id)
    await monitors.create(cast.bob, Draft("t", "tls", {"host": "shop.example"}))
    read = await overview.read(cast.alice, Filter(group_by="site"))
    assert (read.kinds, read.tags, read.sites) == ((("page", 2), ("tls", 1)), (("eu", 2),), ((site_id, "Shop", 2),))
    assert [(head.key, head.count) for head in read.heads] == [(site_id, 2), ("none", 1)]
    assert await names(cast, replace(FLAT, site_id=site_id)) == ["a", "b"]
    assert read.rows[-1].detail.startswith("tls · ")
    (site,) = await sites.list_(cast.alice)
    assert (site.monitors, site.worst, site.open_incidents) == (2, "pending", 0)


async def test_what_is_deleted_counts_nowhere(cast: Cast):
    site_id = await sites.create(cast.bob, "Shop", "https://shop.example/")
    ids = await made(cast, "a", "b", tags=("eu",), site_id=site_id)
    assert (await overview.read(cast.alice, Filter())).tags == (("eu", 2),)
    await monitors.delete(cast.bob, ids[:1])
    read = await overview.read(cast.alice, Filter())
    assert (read.tags, read.kinds, read.sites, read.total) == ((("eu", 1),), (("page", 1),), ((site_id, "Shop", 1),), 1)
    await monitors.restore(cast.bob, ids[:1])
    assert (await overview.read(cast.alice, Filter(tag="eu"))).total == 2


async def test_a_site_stands_as_its_worst_monitor_does_on_the_overview(cast: Cast):
    site_id, other = [await sites.create(cast.bob, name, "https://shop.example/") for name in ("Shop", "Empty")]
    parent, child, calm = await made(cast, "parent", "child", "calm")
    await monitors.bulk(cast.bob, [child, calm], BulkChange(site_id=site_id))
    await monitors.bulk(cast.bob, [child], BulkChange(parent_id=parent))
    await stand(parent, standing="down", standing_since=now())
    await stand(calm, standing="up", standing_since=now())
    child_id = await stand(child, standing="up", standing_since=now())

    async def worst() -> dict[str, str]:
        return {site.id: site.worst for site in await sites.list_(cast.alice)}

    assert await worst() == {site_id: "up", other: ""}
    board.put(child_id, Cell("unreachable", 7))
    assert await worst() == {site_id: "unreachable", other: ""}
    read = await overview.read(cast.alice, Filter(status="unreachable"))
    assert [(row.name, row.cell.status, row.cell.since_s) for row in read.rows] == [("child", "unreachable", 7)]
    assert (read.counts["unreachable"], read.nav) == (1, await overview.counts(cast.alice))
    await stand(parent, standing="up")
    await stand(child, standing="down")
    assert (await worst(), (await sites.get(cast.alice, site_id)).worst) == ({site_id: "down", other: ""}, "down")
    await monitors.pause(cast.bob, [child])
    assert await worst() == {site_id: "up", other: ""}
    await monitors.pause(cast.bob, [calm])
    assert await worst() == {site_id: "paused", other: ""}


async def test_of_many_that_are_wrong_the_worst_and_newest_are_told_and_the_rest_counted(cast: Cast):
    ids = await made(cast, *"abcdef")
    for minutes, public_id in enumerate(ids):
        await stand(public_id, standing="degraded" if minutes < 2 else "down", standing_since=now() - timedelta(minutes=minutes))
    await monitors.pause(cast.bob, ids[2:3])
    read = await overview.read(cast.alice, Filter(group_by="none"))
    assert ([row.name for row in read.wrong], read.wrong_more, read.nav.down, read.nav.degraded) == (["d", "e", "f"], 2, 3, 2)
    await monitors.pause(cast.bob, ids[3:5])
    read = await overview.read(cast.alice, Filter(group_by="none"))
    assert ([row.name for row in read.wrong], read.wrong_more) == (["f", "a", "b"], 0)


async def test_what_stood_in_a_removed_group_is_not_in_the_next_one(cast: Cast):
    group_id = await groups.create(cast.bob, "Shop")
    await made(cast, "a", group_id=group_id)
    assert [head.key for head in (await overview.read(cast.alice, Filter())).heads] == [group_id]
    await groups.delete(cast.bob, group_id)
    await groups.create(cast.bob, "Other")  # SQLite gives it the row id of the one that went
    assert [head.key for head in (await overview.read(cast.alice, Filter())).heads] == ["none"]


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_of_every_order_hold_each_row_once(cast: Cast, descending: bool):
    made_at = now()
    async with db.transaction() as session:
        rows = [
            Monitor(
                workspace_id=cast.bob.workspace_id, name=f"{number % 7}", kind="page", configuration="{}", interval_ms=60_000,
                phase_ms=number * 131 % 60_000, standing=("up", "down", "pending")[number % 3], standing_since=made_at,
                paused_at=made_at if number % 10 == 0 else None, created_at=made_at - timedelta(days=40),
            )
            for number in range(460)
        ]  # fmt: skip
        session.add_all(rows)
        await session.flush()
        ids = [row.id for row in rows if row.id]
        session.add_all(MonitorSummary(monitor_id=row_id, p95_ms=row_id * 37 % 100) for row_id in ids if row_id % 2)
        for row_id in ids[::5]:
            opened = made_at - timedelta(days=row_id % 28 + 1)
            session.add(
                Incident(
                    workspace_id=cast.bob.workspace_id, monitor_id=row_id, severity="down", opened_at=opened,
                    closed_at=opened + timedelta(minutes=row_id), closed_by="check",
                )
            )  # fmt: skip
    keys: dict[str, Callable[[Row], Any]] = {
        "status": lambda row: STATUSES.index(row.cell.status),
        "name": lambda row: row.name,
        "uptime": lambda row: row.uptime,
        "p95": lambda row: row.p95_ms,
    }
    for sort, key in keys.items():
        pages = [
            await overview.read(cast.alice, Filter(sort=sort, descending=descending, group_by="none", page=page))
            for page in (1, 2, 3, 9, 10)
        ]
        shown = [row for page in pages for row in page.rows]
        assert (len({row.id for row in shown}), pages[0].pages) == (210, 10), sort
        values = [value for row in shown if (value := key(row)) is not None]
        assert values == sorted(values, reverse=descending), sort
        if sort == "p95":
            assert [row.p95_ms for row in shown[150:]] == [None] * 60
        if sort == "status":
            same = [row.name for row in shown if row.cell.status == "down"]
            assert same == sorted(same)


async def test_a_stranger_sees_none_of_it_whatever_they_ask_for(cast: Cast):
    site_id = await sites.create(cast.bob, "Shop", "https://shop.example/")
    await made(cast, "a", tags=("eu",), site_id=site_id)
    for wanted in (Filter(), Filter(text="a"), Filter(site_id=site_id), Filter(tag="eu"), Filter(group_by="site")):
        read = await overview.read(cast.charlie, wanted)
        assert (read.rows, read.heads, read.total, read.kinds, read.tags, read.sites, read.wrong) == ((), (), 0, (), (), (), ())
    assert (await overview.counts(cast.charlie)).monitors == 0
    with pytest.raises(Unauthenticated):
        await overview.read(None, Filter())


@pytest.mark.parametrize("value", [None, True, -1, 10**400, 1.5, "x\0\ud800", [], {"a": 1}], ids=ascii)
async def test_whatever_a_client_puts_into_a_filter_is_answered(cast: Cast, value: Any):
    await made(cast, "a")
    for name in ("text", "status", "kind", "tag", "site_id", "sort", "descending", "folded", "page"):
        await overview.read(cast.alice, replace(Filter(), **{name: value}))
    await overview.read(cast.alice, replace(Filter(), group_by=value))

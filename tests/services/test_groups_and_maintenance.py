"""What frames monitors. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger with a workspace of his own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import db
from app.models import now
from app.net import Net
from app.net.addresses import AddressPolicy, Mode
from app.services import groups, maintenance, monitor_rows, monitors, sites, stored_secrets, trying, watched
from app.services.errors import Conflict, Invalid, NotFound
from app.services.maintenance import WindowDraft
from app.services.monitors import Draft
from tests.conftest import Cast

PAGE = Draft("Shop", "page", {"ask": {"url": "https://shop.example/"}})


async def test_a_path_leads_to_its_group_and_what_is_missing_of_it_is_added(cast: Cast):
    shop = await groups.create(cast.bob, "Shop")
    cards = await groups.at(cast.bob, " shop /Pay/ Cards ")
    assert await groups.at(cast.bob, "Shop / Pay / Cards/") == cards
    assert await groups.at(cast.bob, "SHOP") == shop
    assert [row.path for row in await groups.list_(cast.alice)] == ["Shop", "Shop / Pay", "Shop / Pay / Cards"]
    assert await groups.at(cast.charlie, "Shop") != shop
    for wrong in ("", "/", "a//b", "/".join("abcdefghi"), "x" * 10_000, None, 7, ["Shop"]):
        with pytest.raises(Invalid):
            await groups.at(cast.bob, wrong)  # pyright: ignore[reportArgumentType]
    assert len(await groups.list_(cast.alice)) == 3


async def test_groups_stand_in_each_other_and_what_stands_in_a_deleted_one_stays(cast: Cast):
    shop = await groups.create(cast.bob, "Shop")
    pay = await groups.create(cast.bob, "Pay", shop)
    cards = await groups.create(cast.bob, "Cards", pay)
    made = await monitors.create(cast.bob, replace(PAGE, group_id=pay))
    assert [(row.path, row.depth, row.monitors) for row in await groups.list_(cast.alice)] == [
        ("Shop", 0, 0), ("Shop / Pay", 1, 1), ("Shop / Pay / Cards", 2, 0),
    ]  # fmt: skip
    for wrong in (
        groups.change(cast.bob, shop, "Shop", cards),
        groups.create(cast.bob, "pay", shop),
        groups.create(cast.bob, "", "x" * 16),
    ):
        with pytest.raises(Invalid):
            await wrong
    await groups.delete(cast.bob, pay)
    assert [row.path for row in await groups.list_(cast.alice)] == ["Shop", "Shop / Cards"]
    assert (await monitors.get(cast.alice, made.id)).group == ""
    await groups.change(cast.bob, cards, "Cash")
    assert [row.path for row in await groups.list_(cast.alice)] == ["Cash", "Shop"]
    for public_id in (shop, "x" * 16, None):
        with pytest.raises(NotFound, match="no such group"):
            await groups.delete(cast.charlie, public_id)  # pyright: ignore[reportArgumentType]
        with pytest.raises(NotFound, match="no such group"):
            await groups.change(cast.charlie, public_id, "Mine")  # pyright: ignore[reportArgumentType]
    assert await groups.list_(cast.charlie) == ()


async def test_sites_keep_no_secret_and_leave_their_monitors_when_they_go(cast: Cast):
    site_id = await sites.create(cast.bob, "Shop", "https://shop.example/?token=s3cret-in-address")
    made = await monitors.create(cast.bob, replace(PAGE, site_id=site_id))
    site = await sites.get(cast.alice, site_id)
    assert (site.monitors, "s3cret" in site.page_url) == (1, False)
    with pytest.raises(Invalid) as caught:
        await sites.create(cast.bob, "", "ftp://x", "ftp://y")
    assert {error.field for error in caught.value.errors} == {"name", "page_url", "api_url"}
    await sites.change(cast.bob, site_id, "Store", "https://shop.example/")
    for public_id in (site_id, "x" * 16, 7):
        for call in (sites.get, sites.delete):
            with pytest.raises(NotFound, match="no such site"):
                await call(cast.charlie, public_id)  # pyright: ignore[reportArgumentType]
    await sites.delete(cast.bob, site_id)
    assert (await monitors.get(cast.alice, made.id)).site == ""


async def held(cast: Cast, public_id: str) -> bool:
    """Whether a monitor is in maintenance now: by lists and by the engine, which must agree."""
    status = (await monitors.get(cast.alice, public_id)).status == "maintenance"
    async with db.reading() as session:
        row = await monitor_rows.row_of(session, cast.alice, public_id)
    tags = frozenset((await monitors.get(cast.alice, public_id)).draft.tags)
    told = [one for one in await watched.windows() if one.workspace_id == row.workspace_id and one.holds(now())]
    assert status is any(
        not (one.monitors or one.tags or one.sites) or row.id in one.monitors or row.site_id in one.sites or bool(one.tags & tags)
        for one in told
    )
    return status


ALWAYS: dict[str, Any] = {"cron": "* * * * *", "duration_s": 3600}


async def test_a_window_is_for_what_it_names_and_for_all_when_it_names_nothing(cast: Cast):
    site_id = await sites.create(cast.bob, "Shop", "https://shop.example/")
    made = await monitors.create(cast.bob, replace(PAGE, tags=("eu",), site_id=site_id))
    other = await monitors.create(cast.bob, replace(PAGE, name="Other"))
    for draft in (
        WindowDraft("tag", **ALWAYS, tags=("eu",)),
        WindowDraft("site", **ALWAYS, sites=(site_id,)),
        WindowDraft("monitor", starts_at=now() - timedelta(hours=1), ends_at=now() + timedelta(hours=1), monitors=(made.id,)),
    ):
        window_id = await maintenance.create(cast.bob, draft)
        assert (await held(cast, made.id), await held(cast, other.id)) == (True, False), draft.name
        await maintenance.delete(cast.bob, window_id)
        assert not await held(cast, made.id)
    await maintenance.create(cast.bob, WindowDraft("all", **ALWAYS))
    assert (await held(cast, made.id), await held(cast, other.id)) == (True, True)


async def test_a_window_is_ended_early_and_one_that_recurs_comes_again(cast: Cast):
    made = await monitors.create(cast.bob, PAGE)
    once = WindowDraft("once", now() - timedelta(hours=1), now() + timedelta(hours=1))
    window_id = await maintenance.create(cast.bob, once)
    await maintenance.end_now(cast.bob, window_id)
    assert not await held(cast, made.id)
    assert (await maintenance.get(cast.alice, window_id)).state == "over"
    with pytest.raises(Conflict):
        await maintenance.end_now(cast.bob, window_id)
    at = now() - timedelta(minutes=2)
    weekly = WindowDraft("weekly", cron=f"{at.minute} {at.hour} * * {at.isoweekday() % 7}", duration_s=3600)
    window_id = await maintenance.create(cast.bob, weekly)
    assert await held(cast, made.id)
    await maintenance.end_now(cast.bob, window_id)
    row = await maintenance.get(cast.alice, window_id)
    assert (await held(cast, made.id), row.state) == (False, "next")
    assert row.next_at
    assert timedelta(days=6) < row.next_at - now() < timedelta(days=8)


async def test_every_fault_of_a_window_is_named_and_strangers_reach_none(cast: Cast):
    for draft, fields in (
        (WindowDraft("", cron="x y", monitors=("x" * 16,)), {"name", "monitors"}),
        (WindowDraft("w"), {"starts_at"}),
        (WindowDraft("w", cron="* * * * *"), {"duration_s"}),
        (WindowDraft("w", cron="61 * * * *", duration_s=60), {"cron"}),
        (WindowDraft("w", cron="* * * * *", zone="Mars/Base", duration_s=60), {"zone"}),
        (WindowDraft("w", datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)), {"ends_at"}),
        (WindowDraft("w", datetime(2026, 1, 2), None), {"starts_at"}),  # noqa: DTZ001  without a zone, as a client may send it
    ):
        with pytest.raises(Invalid) as caught:
            await maintenance.create(cast.bob, draft)
        assert {error.field for error in caught.value.errors} == fields, draft
    window_id = await maintenance.create(cast.bob, WindowDraft("w", **ALWAYS))
    for public_id in (window_id, "x" * 16, []):
        for call in (maintenance.get, maintenance.delete, maintenance.end_now):
            with pytest.raises(NotFound, match="no such maintenance window"):
                await call(cast.charlie, public_id)  # pyright: ignore[reportArgumentType]
    assert await maintenance.list_(cast.charlie) == ()
    assert [row.state for row in await maintenance.list_(cast.alice)] == ["now"]


async def test_a_check_is_run_once_before_it_is_saved(cast: Cast):
    await stored_secrets.put(cast.bob, "HOST_PART", "127.0.0.1")
    async with Net(AddressPolicy(Mode.PRIVATE), user_agent="x") as net:
        trying.connect(net)
        try:
            tried = await trying.try_(cast.bob, "tcp", {"host": "127.0.0.1", "port": 1})
            assert (tried.outcome, tried.cause) == ("down", "connection")
            api = {"ask": {"url": "http://127.0.0.1:1/", "auth": {"type": "basic", "user": "eve", "password": "hunter22"}}}
            tried = await trying.try_(cast.bob, "api", api)
            assert tried.outcome == "down"
            assert "hunter22" not in repr(tried)
            assert [row.name for row in await stored_secrets.list_(cast.bob)] == ["HOST_PART"]  # nothing of it was kept
            made = await monitors.create(cast.bob, PAGE)
            with pytest.raises(NotFound):
                await trying.try_(cast.charlie, "tcp", {"host": "127.0.0.1", "port": 1}, 10, made.id)
            for kind, check in (("heartbeat", {}), ("scan", {}), ("page", {"ask": {"url": "https://a.example/{{secret.HOST_PART}}"}})):
                with pytest.raises(Invalid):
                    await trying.try_(cast.charlie, kind, check)
        finally:
            trying.connect(None)

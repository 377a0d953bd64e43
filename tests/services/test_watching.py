"""Watching a report: what is proposed becomes monitors and a site, once, all or none; and can be taken back."""

from dataclasses import replace

import pytest
from sqlmodel import col, select

from app import db
from app.core import checks
from app.core.checks import Kind
from app.core.report import Report
from app.models import Monitor, Site
from app.services import monitors, scan_queue, scans, watching
from app.services.access import Actor, Role, Scope
from app.services.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from app.services.scan_form import ScanForm
from app.services.watching import Choice
from tests.conftest import Cast
from tests.core.test_proposals import ANSWER, FOREIGN, call
from tests.core.test_proposals import report as made_report

REPORT = made_report(ANSWER, FOREIGN, calls=(call(), call("POST", "/orders", allowed=False, rule="C1")))


async def scanned(actor: Actor, report: Report = REPORT) -> str:
    """Return the id of a scan with this report."""
    scan_id = await scans.start(actor, ScanForm(report.site.page_url))
    claim = await scan_queue.claim("worker")
    assert claim is not None
    await scan_queue.finish(claim, report)
    return scan_id


async def stored() -> tuple[list[Monitor], list[Site]]:
    async with db.reading() as session:
        made = (await session.exec(select(Monitor).where(col(Monitor.deleted_at).is_(None)).order_by(col(Monitor.id)))).all()
        return list(made), list((await session.exec(select(Site))).all())


def ticked(found: watching.Watchable) -> list[Choice]:
    return [Choice(one.key) for one in found.proposals if one.ticked and one.key not in found.already]


async def test_what_is_chosen_becomes_monitors_of_one_new_site(cast: Cast):
    scan_id = await scanned(cast.alice)
    found = await watching.proposals(cast.bob, scan_id)
    assert (found.site_name, found.site_id, found.already, found.may_watch) == ("app.shop.com", "", frozenset(), True)
    made = await watching.watch(cast.bob, scan_id, ticked(found))
    rows, (site,) = await stored()
    assert [row.public_id for row in rows] == list(made.monitors)
    assert {row.site_id for row in rows} == {site.id}
    assert (site.public_id, site.name, site.page_url, site.api_url) == (
        made.site_id, "app.shop.com", "https://app.shop.com/", "https://api.shop.com/",
    )  # fmt: skip
    assert [row.name for row in rows] == [one.name for one in found.proposals if one.ticked]
    assert made.made_site


async def test_every_proposal_can_be_made_and_the_engine_can_read_it(cast: Cast):
    scan_id = await scanned(cast.alice)
    found = await watching.proposals(cast.alice, scan_id)
    made = await watching.watch(cast.alice, scan_id, [Choice(one.key) for one in found.proposals])
    assert len(made.monitors) == len(found.proposals)
    for row in (await stored())[0]:
        assert checks.parse(Kind(row.kind), (await monitors.get(cast.alice, row.public_id)).draft.check)
        assert row.timeout_ms <= row.interval_ms


async def test_what_is_watched_already_is_said_and_not_made_again(cast: Cast):
    scan_id = await scanned(cast.alice)
    chosen = ticked(await watching.proposals(cast.alice, scan_id))
    first = await watching.watch(cast.alice, scan_id, chosen[:2])
    again = await scanned(cast.alice)  # another scan of the same site
    found = await watching.proposals(cast.alice, again)
    assert found.already == {choice.key for choice in chosen[:2]}
    assert found.site_id == first.site_id
    second = await watching.watch(cast.alice, again, chosen)
    assert (len(second.monitors), second.site_id, second.made_site) == (len(chosen) - 2, first.site_id, False)
    with pytest.raises(Conflict, match="watched already"):
        await watching.watch(cast.alice, again, chosen)
    rows, site = await stored()
    assert (len(rows), len(site)) == (len(chosen), 1)


async def test_names_and_intervals_can_be_chosen_and_what_is_wrong_is_named_by_key(cast: Cast):
    scan_id = await scanned(cast.alice)
    one, two, *_ = ticked(await watching.proposals(cast.alice, scan_id))
    with pytest.raises(Invalid) as refused:
        await watching.watch(cast.alice, scan_id, [replace(one, name=""), replace(two, interval_s=1)], "Shop")
    assert [error.field for error in refused.value.errors] == [f"{one.key}.name", f"{two.key}.interval_s"]
    assert await stored() == ([], [])
    await watching.watch(cast.alice, scan_id, [replace(one, name="The shop", interval_s=10)], "Shop")
    (row,), (site,) = await stored()
    assert (row.name, row.interval_ms, site.name) == ("The shop", 10_000, "Shop")


async def test_undo_takes_back_the_monitors_and_the_site_that_was_made_for_them(cast: Cast):
    scan_id = await scanned(cast.alice)
    made = await watching.watch(cast.alice, scan_id, ticked(await watching.proposals(cast.alice, scan_id)))
    await watching.undo(cast.alice, made.monitors, made.site_id)
    assert await stored() == ([], [])
    assert (await watching.proposals(cast.alice, scan_id)).already == frozenset()


async def test_undo_leaves_a_site_that_has_other_monitors(cast: Cast):
    scan_id = await scanned(cast.alice)
    chosen = ticked(await watching.proposals(cast.alice, scan_id))
    first = await watching.watch(cast.alice, scan_id, chosen[:1])
    await watching.watch(cast.alice, scan_id, chosen[1:])
    await watching.undo(cast.alice, first.monitors, first.site_id)
    rows, site = await stored()
    assert (len(rows), len(site)) == (len(chosen) - 1, 1)


@pytest.mark.parametrize("keys", [[], ["pag-0000000000000000"], [""], [7], "pag", 7])
async def test_what_the_report_does_not_propose_cannot_be_made(cast: Cast, keys: object):
    scan_id = await scanned(cast.alice)
    chosen = [Choice(key) for key in keys] if isinstance(keys, list) else keys  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    with pytest.raises(Invalid):
        await watching.watch(cast.alice, scan_id, chosen)  # pyright: ignore[reportArgumentType]
    assert await stored() == ([], [])


async def test_charlie_finds_no_scan_and_a_viewer_makes_nothing(cast: Cast, database: object):
    scan_id = await scanned(cast.alice)
    found = await watching.proposals(cast.alice, scan_id)
    for scan in (scan_id, "nothing", 7):
        with pytest.raises(NotFound, match="no such scan"):
            await watching.proposals(cast.charlie, scan)  # pyright: ignore[reportArgumentType]
        with pytest.raises(NotFound, match="no such scan"):
            await watching.watch(cast.charlie, scan, ticked(found))  # pyright: ignore[reportArgumentType]
    viewer = replace(cast.bob, role=Role.VIEWER)
    assert not (await watching.proposals(viewer, scan_id)).may_watch
    with pytest.raises(Forbidden):
        await watching.watch(viewer, scan_id, ticked(found))
    with pytest.raises(Unauthenticated):
        await watching.proposals(None, scan_id)
    made = await watching.watch(cast.alice, scan_id, ticked(found))
    with pytest.raises(NotFound):
        await watching.undo(cast.charlie, made.monitors, made.site_id)


async def test_a_token_reads_proposals_as_a_scan_and_watches_as_it_makes_monitors(cast: Cast):
    scan_id = await scanned(cast.alice)
    reads, writes = (replace(cast.alice, token="t", scopes=frozenset({scope})) for scope in (Scope.SCANS_READ, Scope.MONITORS_WRITE))
    found = await watching.proposals(reads, scan_id)
    assert not found.may_watch
    with pytest.raises(Forbidden):
        await watching.watch(reads, scan_id, None)
    with pytest.raises(Forbidden):
        await watching.proposals(writes, scan_id)
    assert len((await watching.watch(writes, scan_id, None)).monitors) == len(ticked(found))
    assert (await watching.proposals(reads, scan_id)).already == frozenset()


async def test_a_scan_without_a_report_has_nothing_to_watch(cast: Cast):
    with pytest.raises(NotFound, match="no report"):
        await watching.proposals(cast.alice, await scans.start(cast.alice, ScanForm("https://app.shop.com/")))

"""Scans as people use them. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import col, select, update

from app import db
from app.core.findings import Severity
from app.core.scan_events import ScanStatus
from app.models import Scan, now
from app.services import audit, scan_feed, scan_queue, scans
from app.services.access import Actor, Role
from app.services.errors import Conflict, Forbidden, Invalid, Limited, NotFound, SeamwatchError, Unauthenticated
from app.services.scan_form import CallForm, ScanForm
from tests.conftest import Cast
from tests.services.reports import call, finding, report

FORM = ScanForm("http://app.test/")


async def done(actor: Actor, *findings: str, form: ScanForm = FORM, blocked: bool = False) -> str:
    """Start a scan and end it with a report of these findings."""
    scan_id = await scans.start(actor, form)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert claim.public_id == scan_id
    calls = (call("GET", "http://api.test/items", allowed=not blocked, rule="C1" if blocked else "A1"),)
    await scan_queue.finish(claim, report(*map(finding, findings), calls=calls, sentence="Browsers block 1 of 1 call."))
    return scan_id


async def change(**values: object) -> None:
    async with db.transaction() as session:
        await session.exec(update(Scan).values(**values))


async def test_a_started_scan_waits_and_is_listed_for_the_whole_workspace(cast: Cast):
    scan_id = await scans.start(cast.bob, ScanForm("app.test:5000", "api.test:8000"))
    listed = await scans.list_(cast.alice)
    assert [(row.id, row.status, row.created_by) for row in listed.items] == [(scan_id, ScanStatus.QUEUED, "Bob")]
    detail = await scans.get(cast.alice, scan_id)
    assert (detail.request.page_url, detail.request.api_url) == ("http://app.test:5000/", "http://api.test:8000/")
    assert not detail.has_report


SECRET = "t0p-s3cret-value"
SECRETIVE = ScanForm(
    f"http://app.test/?token={SECRET}",
    f"http://api.test/?api_key={SECRET}",
    (CallForm("GET", f"/x?token={SECRET}", (("Authorization", f"Bearer {SECRET}"), ("X-Api-Key", "k3y-of-mine"), ("Accept", "a/b"))),),
)


async def stored() -> Scan:
    async with db.reading() as session:
        return (await session.exec(select(Scan).order_by(col(Scan.id).desc()))).all()[0]


@pytest.mark.parametrize("ending", ["waiting", "running", "done", "cancelled", "failed"])
async def test_secrets_of_a_scan_are_stored_sealed_and_shown_nowhere(cast: Cast, ending: str):
    scan_id = await scans.start(cast.alice, SECRETIVE)
    claim = await scan_queue.claim("worker") if ending not in ("waiting", "cancelled") else None
    if claim and ending == "done":
        await scan_queue.finish(claim, report())
    elif claim and ending == "failed":
        await scan_queue.fail(claim, f"No answer from http://app.test/?token={SECRET}")
    elif ending == "cancelled":
        await scans.cancel(cast.alice, scan_id)
    row, detail = await stored(), await scans.get(cast.alice, scan_id)
    for shown in (row.model_dump_json(), repr(detail), repr(await scans.list_(cast.alice)), repr(claim)):
        assert not [secret for secret in (SECRET, "k3y-of-mine") if secret in shown]
    assert row.sealed_request is not None
    assert "token=sha256:" in detail.row.page_url
    assert detail.request.calls[0].headers == (("Authorization", "…"), ("X-Api-Key", "…"), ("Accept", "a/b"))


async def test_what_holds_no_secret_is_not_sealed(cast: Cast):
    await scans.start(cast.alice, ScanForm("http://app.test/?page=2", calls=(CallForm("PUT", "/x", (("X-Requested-With", "fetch"),)),)))
    assert (await stored()).sealed_request is None


async def test_the_worker_asks_with_the_values_that_were_typed(cast: Cast):
    await scans.start(cast.alice, SECRETIVE)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert claim.request.page_url.endswith(f"?token={SECRET}")
    assert claim.request.calls[0].headers[0] == ("Authorization", f"Bearer {SECRET}")
    assert claim.withheld.hide(f"<{SECRET}>").startswith("<sha256:")


async def test_a_scan_that_held_secrets_is_repeated_with_them(cast: Cast):
    scan_id = await done(cast.alice, form=SECRETIVE)
    again = await scans.rescan(cast.bob, scan_id)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert claim.public_id == again
    assert claim.request.calls[0].headers[1] == ("X-Api-Key", "k3y-of-mine")


async def test_a_sealed_request_is_of_no_use_in_another_scan(cast: Cast):
    await done(cast.alice, form=SECRETIVE)
    sealed = (await stored()).sealed_request
    theirs = await done(cast.charlie)
    async with db.transaction() as session:
        await session.exec(update(Scan).where(col(Scan.public_id) == theirs).values(sealed_request=sealed))
    with pytest.raises(Conflict, match="cannot be read any more"):
        await scans.rescan(cast.charlie, theirs)


async def test_without_the_key_a_scan_is_not_repeated_and_one_that_waits_fails_and_lets_others_pass(cast: Cast, database: Path):
    first = await done(cast.alice, form=SECRETIVE)
    waiting = await scans.start(cast.alice, SECRETIVE)
    following = await scans.start(cast.alice, FORM)
    (database / "vault_keys").unlink()
    with pytest.raises(Conflict, match="cannot be read any more"):
        await scans.rescan(cast.alice, first)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert claim.public_id == following
    row = (await scans.get(cast.alice, waiting)).row
    assert (row.status, row.error) == (ScanStatus.FAILED, scan_queue._UNREADABLE)


async def test_a_scan_queued_before_there_was_a_vault_is_sealed_when_it_is_claimed(cast: Cast):
    await scans.start(cast.alice, FORM)
    plain = f'{{"page_url":"http://app.test/?token={SECRET}"}}'
    await change(request=plain)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert claim.request.page_url.endswith(SECRET)
    assert SECRET not in (await stored()).model_dump_json()


async def test_a_scan_from_before_there_was_a_vault_asks_for_its_addresses_again(cast: Cast):
    scan_id = await done(cast.alice)
    await change(request='{"page_url":"http://app.test/?token=sha256:1f2e3d4c"}')
    with pytest.raises(Conflict, match="was not kept"):
        await scans.rescan(cast.alice, scan_id)


async def test_what_is_done_to_scans_is_in_the_audit_log_without_secrets(cast: Cast):
    scan_id = await scans.start(cast.alice, SECRETIVE)
    await scans.cancel(cast.bob, scan_id)
    await scans.cancel(cast.bob, scan_id)
    await scans.delete(cast.bob, scan_id)
    await scans.restore(cast.alice, scan_id)
    rows = (await audit.list_(cast.alice)).rows
    assert [(row.actor_name, row.action) for row in reversed(rows)] == [
        ("Alice", "scan.started"), ("Bob", "scan.cancelled"), ("Bob", "scan.deleted"), ("Alice", "scan.restored"),
    ]  # fmt: skip
    assert all(row.target.endswith(f"({scan_id})") and row.target.startswith("http://app.test/?token=sha256:") for row in rows)


async def test_nothing_is_stored_for_what_cannot_be_scanned(cast: Cast):
    with pytest.raises(Invalid):
        await scans.start(cast.alice, ScanForm("not a url"))
    assert (await scans.list_(cast.alice)).total == 0


async def test_a_finished_scan_has_its_report_and_its_counts(cast: Cast):
    scan_id = await done(cast.alice, "COR-01", "COR-02", blocked=True)
    row = (await scans.get(cast.bob, scan_id)).row
    assert (row.status, row.high, row.critical, row.calls, row.blocked) == (ScanStatus.DONE, 2, 0, 1, 1)
    assert row.sentence == "Browsers block 1 of 1 call."
    assert row.finished_at is not None
    read = await scans.report(cast.bob, scan_id)
    assert [found.code for found in read.findings] == ["COR-01", "COR-02"]
    assert read.findings[0].severity is Severity.HIGH


async def test_a_scan_without_report_says_so(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    with pytest.raises(NotFound, match="no report"):
        await scans.report(cast.alice, scan_id)


CALLS: list[Callable[[Actor | None, str], Awaitable[object]]] = [
    scans.get,
    scans.report,
    scans.report_json_text,
    scans.cancel,
    scans.delete,
    scans.restore,
    scans.rescan,
    lambda actor, scan_id: scans.compare(actor, scan_id, "x"),
    lambda actor, scan_id: anext(scans.follow(actor, scan_id)),
]


async def answer(to: Awaitable[object]) -> tuple[type, str]:
    try:
        await to
    except SeamwatchError as error:
        return type(error), str(error)
    return type(None), ""


@pytest.mark.parametrize("use", CALLS)
async def test_charlie_cannot_tell_anothers_scan_from_one_that_does_not_exist(
    cast: Cast, use: Callable[[Actor | None, str], Awaitable[object]]
):
    scan_id = await done(cast.alice, "COR-01")
    theirs = await answer(use(cast.charlie, scan_id))
    assert theirs == await answer(use(cast.charlie, "AAAAAAAAAAAAAAAA"))
    assert theirs[0] is NotFound
    assert (await scans.get(cast.alice, scan_id)).row.status is ScanStatus.DONE


@pytest.mark.parametrize("use", CALLS)
async def test_nobody_gets_nothing(cast: Cast, use: Callable[[Actor | None, str], Awaitable[object]]):
    scan_id = await done(cast.alice)
    assert (await answer(use(None, scan_id)))[0] is Unauthenticated


@pytest.mark.parametrize("strange", [None, 1, [], {"a": 1}, "", "x" * 10_000, "' OR 1=1 --", "\x00", "\ud800"])
async def test_ids_of_any_json_type_are_just_not_found(cast: Cast, strange: object):
    with pytest.raises(NotFound):
        await scans.get(cast.alice, strange)  # pyright: ignore[reportArgumentType]


async def test_charlie_lists_only_their_own(cast: Cast):
    await done(cast.alice)
    assert (await scans.list_(cast.charlie)).items == ()


async def test_a_viewer_reads_but_starts_and_changes_nothing(cast: Cast):
    scan_id = await done(cast.alice)
    viewer = replace(cast.bob, role=Role.VIEWER)
    assert (await scans.list_(viewer)).total == 1
    for refused in (scans.start(viewer, FORM), scans.rescan(viewer, scan_id), scans.cancel(viewer, scan_id), scans.delete(viewer, scan_id)):
        with pytest.raises(Forbidden):
            await refused


async def test_the_list_is_paged_newest_first_without_reading_reports(cast: Cast, configure: pytest.MonkeyPatch):
    made = [await done(cast.alice, "COR-01") for _ in range(45)]
    statements: list[str] = []
    event.listen(db.engine().sync_engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    first, last, beyond = [await scans.list_(cast.alice, number) for number in (1, 3, 99)]
    assert [row.id for row in first.items] == made[::-1][:20]
    assert [row.id for row in last.items] == made[::-1][40:]
    assert (first.total, first.pages, beyond.number) == (45, 3, 3)
    assert not any("scan.report" in statement or "scan.request" in statement for statement in statements)


@pytest.mark.parametrize("page", [0, -5, None, "2", 10**30, True, 1.5])
async def test_any_page_number_gives_a_page(cast: Cast, page: object):
    await scans.start(cast.alice, FORM)
    assert (await scans.list_(cast.alice, page)).number == 1  # pyright: ignore[reportArgumentType]


async def test_a_waiting_scan_is_cancelled_at_once(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    await scans.cancel(cast.bob, scan_id)
    assert (await scans.get(cast.alice, scan_id)).row.status is ScanStatus.CANCELLED
    assert await scan_queue.claim("worker") is None


async def test_cancelling_a_finished_scan_changes_nothing(cast: Cast):
    scan_id = await done(cast.alice, "COR-01")
    await scans.cancel(cast.alice, scan_id)
    assert (await scans.get(cast.alice, scan_id)).row.status is ScanStatus.DONE


async def test_a_deleted_scan_is_gone_until_it_is_restored(cast: Cast):
    scan_id = await done(cast.alice, "COR-01")
    await scans.delete(cast.bob, scan_id)
    assert (await scans.list_(cast.alice)).total == 0
    with pytest.raises(NotFound):
        await scans.report(cast.alice, scan_id)
    await scans.restore(cast.alice, scan_id)
    assert (await scans.report(cast.alice, scan_id)).findings


async def test_a_deleted_scan_is_purged_after_an_hour(cast: Cast):
    scan_id = await done(cast.alice)
    kept = await done(cast.alice)
    await scans.delete(cast.alice, scan_id)
    assert await scan_queue.purge() == 0
    async with db.transaction() as session:
        await session.exec(update(Scan).where(Scan.public_id == scan_id).values(deleted_at=now() - timedelta(hours=2)))  # pyright: ignore[reportArgumentType]
    assert await scan_queue.purge() == 1
    with pytest.raises(NotFound):
        await scans.restore(cast.alice, scan_id)
    assert (await scans.get(cast.alice, kept)).has_report


async def test_scanning_again_asks_the_same(cast: Cast):
    first = await done(cast.alice, form=ScanForm("http://app.test/", "http://api.test/", (CallForm("PUT", "/x", (("X-A", "b"),)),)))
    again = await scans.rescan(cast.bob, first)
    assert again != first
    assert (await scans.get(cast.alice, again)).request == (await scans.get(cast.alice, first)).request


async def test_one_user_may_have_so_many_scans_under_way(cast: Cast):
    for _ in range(5):
        await scans.start(cast.alice, FORM)
    with pytest.raises(Limited, match="5 of your scans are still under way"):
        await scans.start(cast.alice, FORM)
    await scans.start(cast.bob, FORM)


async def test_the_limit_holds_when_all_are_started_at_once(cast: Cast):
    results = await asyncio.gather(*(scans.start(cast.alice, FORM) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(result, str) for result in results) == 5
    assert sum(isinstance(result, Limited) for result in results) == 7


async def test_one_user_may_start_so_many_scans_an_hour(cast: Cast, configure: pytest.MonkeyPatch):
    configure.setenv("SEAMWATCH_SCANS_PER_HOUR", "2")
    from app.settings import _settings

    _settings.cache_clear()
    for _ in range(2):
        await done(cast.alice)
    with pytest.raises(Limited, match="within an hour"):
        await scans.start(cast.alice, FORM)
    await change(created_at=now() - timedelta(minutes=61))
    await scans.start(cast.alice, FORM)


async def test_two_reports_are_compared_whichever_is_named_first(cast: Cast):
    older = await done(cast.alice, "COR-01", "COR-02", blocked=True)
    newer = await done(cast.alice, "COR-02", "COR-05")
    for first, second in ((older, newer), (newer, older)):
        compared = await scans.compare(cast.bob, first, second)
        assert (compared.older.id, compared.newer.id) == (older, newer)
        difference = compared.difference
        assert [line.code for line in difference.new] == ["COR-05"]
        assert [line.code for line in difference.gone] == ["COR-01"]
        assert [line.code for line in difference.unchanged] == ["COR-02"]
        (changed,) = difference.calls_changed
        assert (changed.was.allowed, changed.now.allowed) == (False, True)


async def test_a_scan_is_not_compared_with_itself_or_with_one_without_report(cast: Cast):
    scan_id, waiting = await done(cast.alice), await scans.start(cast.alice, FORM)
    for other in (scan_id, waiting):
        with pytest.raises(Conflict):
            await scans.compare(cast.alice, scan_id, other)


async def test_a_follower_hears_what_happened_before_it_came_and_what_happens_then(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    await scan_feed.publish(scan_id, ScanStatus.RUNNING, phase="Page")
    heard: list[tuple[int, ScanStatus, str]] = []
    arrived = asyncio.Event()

    async def follow() -> None:
        async for happened in scans.follow(cast.bob, scan_id):
            heard.append((happened.number, happened.status, happened.phase))
            arrived.set()

    follower = asyncio.create_task(follow())
    await arrived.wait()
    await scan_feed.publish(scan_id, ScanStatus.RUNNING, phase="Scripts")
    await scan_queue.finish(claim, report())
    await follower
    assert heard == [
        (1, ScanStatus.QUEUED, ""),
        (2, ScanStatus.RUNNING, "Page"),
        (3, ScanStatus.RUNNING, "Scripts"),
        (4, ScanStatus.DONE, ""),
    ]


async def test_a_follower_of_a_scan_that_ended_in_another_process_hears_its_end(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    await change(status="failed", error="No host answers at app.test.", finished_at=now(), public_id="elsewhere")
    heard = [happened async for happened in scans.follow(cast.alice, "elsewhere")]
    assert [(happened.status, happened.error) for happened in heard] == [(ScanStatus.FAILED, "No host answers at app.test.")]
    assert scan_id != "elsewhere"

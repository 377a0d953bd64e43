"""The worker: scans end as they should, whatever happens to them or to it. The examination is faked by hand; the rest is real."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select, update

from app import db
from app.core.exchange import Exchange, Head, Purpose, Timing
from app.core.findings import Severity
from app.core.observation import ScanRequest
from app.core.report import Report
from app.core.scan_events import ScanEvent, ScanStatus
from app.engine import scan_worker
from app.engine.scan import OnProgress, Progress, ScanFailed
from app.engine.scan_worker import ScanWorker
from app.models import Scan, now
from app.net import AddressPolicy, Net
from app.services import scan_queue, scans
from app.services.access import Actor
from app.services.scan_form import ScanForm
from tests.conftest import ROOT, Cast
from tests.services.reports import finding, report

FORM = ScanForm("http://app.test/?token=hunter2hunter2")


class Examination:
    """A scan that does what the test says, and tells how many run."""

    def __init__(self, then: Callable[[], Report] = report) -> None:
        self.then = then
        self.go_on = asyncio.Event()
        self.begun = asyncio.Semaphore(0)
        self.ended = asyncio.Event()
        self.running = self.most = self.count = 0
        self.cancelled = 0

    async def __call__(self, request: ScanRequest, net: Net, on_progress: OnProgress) -> Report:
        self.count += 1
        self.running += 1
        self.most = max(self.most, self.running)
        exchange = Exchange(1, Purpose.PAGE, "GET", request.page_url, response=Head(200), timing=Timing(total_ms=12.5))
        on_progress(Progress("Page"))
        on_progress(Progress("Page", exchange, "text/html", Severity.INFO))
        self.begun.release()
        try:
            await self.go_on.wait()
            return self.then()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
            self.ended.set()


@asynccontextmanager
async def working(examination: Examination, slots: int = 2) -> AsyncIterator[ScanWorker]:
    async with Net(AddressPolicy(), user_agent="test") as net:
        worker = ScanWorker(net, slots=slots, examine=examination)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def events(actor: Actor, scan_id: str) -> list[ScanEvent]:
    async with asyncio.timeout(20):
        return [event async for event in scans.follow(actor, scan_id)]


async def status(actor: Actor, scan_id: str) -> ScanStatus:
    return (await scans.get(actor, scan_id)).row.status


async def age_lease(**values: object) -> None:
    async with db.transaction() as session:
        await session.exec(update(Scan).values(lease_until=now() - timedelta(seconds=1), **values))


async def test_a_queued_scan_is_run_followed_and_stored(cast: Cast):
    examination = Examination(lambda: report(finding("COR-01")))
    async with working(examination):
        scan_id = await scans.start(cast.alice, FORM)
        examination.go_on.set()
        heard = await events(cast.alice, scan_id)
    assert [event.status for event in heard] == [ScanStatus.QUEUED, *[ScanStatus.RUNNING] * 3, ScanStatus.DONE]
    assert [event.number for event in heard] == [1, 2, 3, 4, 5]
    assert heard[2].phase == "Page"
    sent = heard[3].request
    assert sent is not None
    assert (sent.purpose, sent.status, sent.duration_ms, heard[3].noted) == ("page", 200, 12.5, "text/html")
    assert "hunter2" not in sent.url
    assert [found.code for found in (await scans.report(cast.alice, scan_id)).findings] == ["COR-01"]


async def test_a_scan_that_was_queued_before_the_start_is_run(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    examination = Examination()
    examination.go_on.set()
    async with working(examination):
        assert (await events(cast.alice, scan_id))[-1].status is ScanStatus.DONE


async def test_no_more_run_at_once_than_there_are_slots(cast: Cast):
    examination = Examination()
    async with working(examination, slots=2):
        ids = [await scans.start(actor, FORM) for actor in (cast.alice, cast.bob, cast.charlie, cast.alice)]
        for _ in range(2):
            await examination.begun.acquire()
        assert await status(cast.alice, ids[3]) is ScanStatus.QUEUED
        examination.go_on.set()
        assert (await events(cast.alice, ids[3]))[-1].status is ScanStatus.DONE
    assert (examination.most, examination.count) == (2, 4)


async def test_a_running_scan_stops_when_it_is_cancelled(cast: Cast):
    examination = Examination()
    async with working(examination):
        scan_id = await scans.start(cast.alice, FORM)
        await examination.begun.acquire()
        await scans.cancel(cast.bob, scan_id)
        assert (await events(cast.alice, scan_id))[-1].status is ScanStatus.CANCELLED
    assert (examination.running, examination.cancelled) == (0, 1)
    assert await status(cast.alice, scan_id) is ScanStatus.CANCELLED
    assert not (await scans.get(cast.alice, scan_id)).has_report


async def test_a_cancelled_scan_stays_cancelled_when_its_report_comes_at_the_same_moment(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    await scans.cancel(cast.alice, scan_id)
    await scan_queue.finish(claim, report())
    assert await status(cast.alice, scan_id) is ScanStatus.CANCELLED


async def test_what_a_cancel_did_not_tell_the_worker_its_lease_does(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scan_worker, "RENEW_S", 0.01)
    examination = Examination()
    async with working(examination):
        scan_id = await scans.start(cast.alice, FORM)
        await examination.begun.acquire()
        async with db.transaction() as session:  # as another process does, whose message is not heard here
            await session.exec(update(Scan).values(cancel_requested_at=now()))
        assert (await events(cast.alice, scan_id))[-1].status is ScanStatus.CANCELLED


async def test_a_deleted_scan_stops(cast: Cast):
    examination = Examination()
    async with working(examination):
        scan_id = await scans.start(cast.alice, FORM)
        await examination.begun.acquire()
        await scans.delete(cast.alice, scan_id)
        async with asyncio.timeout(10):
            await examination.ended.wait()
    await scans.restore(cast.alice, scan_id)
    assert await status(cast.alice, scan_id) is ScanStatus.CANCELLED


async def test_a_site_that_cannot_be_scanned_fails_with_the_reason(cast: Cast):
    def unreachable() -> Report:
        raise ScanFailed("No host answers at app.test.")

    examination = Examination(unreachable)
    examination.go_on.set()
    async with working(examination):
        scan_id = await scans.start(cast.alice, FORM)
        last = (await events(cast.alice, scan_id))[-1]
    assert (last.status, last.error) == (ScanStatus.FAILED, "No host answers at app.test.")
    assert (await scans.get(cast.alice, scan_id)).row.error == last.error


async def test_a_bug_fails_its_scan_alone_and_tells_no_details(cast: Cast, caplog: pytest.LogCaptureFixture):
    def broken() -> Report:
        if examination.count == 1:
            raise ZeroDivisionError("secret detail")
        return report()

    examination = Examination(broken)
    examination.go_on.set()
    async with working(examination):
        first = await scans.start(cast.alice, FORM)
        last = (await events(cast.alice, first))[-1]
        second = await scans.start(cast.alice, FORM)
        assert (await events(cast.alice, second))[-1].status is ScanStatus.DONE
    assert last.status is ScanStatus.FAILED
    assert "secret detail" not in last.error
    assert "secret detail" in caplog.text


async def test_a_worker_that_stops_in_good_order_gives_its_scans_back(cast: Cast):
    examination = Examination()
    async with working(examination):
        scan_id = await scans.start(cast.alice, FORM)
        await examination.begun.acquire()
    assert await status(cast.alice, scan_id) is ScanStatus.QUEUED
    async with db.reading() as session:
        assert (await session.exec(select(Scan.attempts))).one() == 0
    again = Examination()
    again.go_on.set()
    async with working(again):
        assert (await events(cast.alice, scan_id))[-1].status is ScanStatus.DONE


async def test_a_scan_whose_worker_was_killed_is_run_once_more_then_given_up(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    assert await scan_queue.claim("killed")
    assert await scan_queue.recover() == 0  # its lease still holds
    await age_lease()
    assert await scan_queue.recover() == 1
    assert await status(cast.alice, scan_id) is ScanStatus.QUEUED
    assert await scan_queue.claim("killed again")
    await age_lease()
    assert await scan_queue.recover() == 1
    row = (await scans.get(cast.alice, scan_id)).row
    assert row.status is ScanStatus.FAILED
    assert "stopped twice" in row.error
    assert row.finished_at is not None


async def test_a_worker_recovers_scans_of_a_killed_one(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    assert await scan_queue.claim("killed")
    await age_lease()
    examination = Examination()
    examination.go_on.set()
    async with working(examination):
        assert (await events(cast.alice, scan_id))[-1].status is ScanStatus.DONE


async def test_a_cancelled_scan_of_a_killed_worker_is_not_run_again(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    assert await scan_queue.claim("killed")
    await scans.cancel(cast.alice, scan_id)
    await age_lease()
    await scan_queue.recover()
    assert await status(cast.alice, scan_id) is ScanStatus.CANCELLED


async def test_a_worker_that_lost_its_lease_cannot_write(cast: Cast):
    scan_id = await scans.start(cast.alice, FORM)
    slow = await scan_queue.claim("slow")
    assert slow is not None
    await age_lease()
    await scan_queue.recover()
    quick = await scan_queue.claim("quick")
    assert quick is not None
    assert not await scan_queue.renew(slow)
    await scan_queue.finish(slow, report(finding("COR-01"), sentence="Old."))
    assert await status(cast.alice, scan_id) is ScanStatus.RUNNING
    await scan_queue.finish(quick, report(sentence="New."))
    assert (await scans.get(cast.alice, scan_id)).row.sentence == "New."


async def test_of_many_workers_one_gets_each_scan(cast: Cast):
    for actor in (cast.alice, cast.bob, cast.charlie):
        await scans.start(actor, FORM)
    claims = await asyncio.gather(*(scan_queue.claim(f"worker {number}") for number in range(8)))
    assert len({claim.public_id for claim in claims if claim}) == 3
    assert sum(claim is not None for claim in claims) == 3


KILLED = """
import asyncio
from app.engine.scan_worker import ScanWorker
from app.net import AddressPolicy, Net

async def examine(request, net, on_progress):
    print("begun", flush=True)
    await asyncio.Event().wait()

async def main():
    async with Net(AddressPolicy(), user_agent="test") as net:
        await ScanWorker(net, slots=1, examine=examine).run()

asyncio.run(main())
"""


async def test_a_process_killed_in_the_middle_of_a_scan_costs_nothing_but_time(cast: Cast, database: Path):
    scan_id = await scans.start(cast.alice, FORM)
    environment = {**os.environ, "SEAMWATCH_DATA_DIR": str(database), "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    process.kill()
    await process.wait()
    assert await status(cast.alice, scan_id) is ScanStatus.RUNNING
    await age_lease()
    examination = Examination(lambda: report(finding("COR-01")))
    examination.go_on.set()
    async with working(examination):
        assert (await events(cast.alice, scan_id))[-1].status is ScanStatus.DONE
    assert (await scans.get(cast.alice, scan_id)).row.high == 1

"""Heartbeats as jobs call them: through the guard, over HTTP, into the database."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from sqlmodel import col, select, update

from app import db, web
from app.models import Heartbeat, HeartbeatCall, Monitor, now
from app.services import engine_orders, heard, heartbeat_calls, heartbeats, rates
from app.services.access import Actor
from app.services.errors import NotFound
from app.services.heartbeat_calls import Said
from tests.conftest import PUBLIC_URL, Cast


async def add_heartbeat(actor: Actor, name: str = "Nightly backup") -> tuple[int, str]:
    """Add a heartbeat monitor; return its row id and its key."""
    async with db.transaction() as session:
        monitor = Monitor(workspace_id=actor.workspace_id, name=name, kind="heartbeat", configuration=json.dumps({"period_s": 3600}))
        session.add(monitor)
        await session.flush()
        assert monitor.id is not None
        return monitor.id, await heartbeats.make(session, monitor.id)


async def row_of(monitor_id: int) -> Heartbeat:
    async with db.reading() as session:
        return await session.get_one(Heartbeat, monitor_id)


async def calls_of(monitor_id: int) -> list[tuple[str, int, str]]:
    async with db.reading() as session:
        return [(call.kind, call.exit_code, call.text) for call in await heartbeats.calls(session, monitor_id)]


@pytest_asyncio.fixture
async def job(cast: Cast) -> AsyncIterator[httpx.AsyncClient]:
    """A job: no cookie, no Origin."""
    transport = httpx.ASGITransport(web.Guard(web.api))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as made:
        yield made
    await rates.close()


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_a_call_by_any_of_three_methods_counts_and_is_answered_ok(job: httpx.AsyncClient, cast: Cast, method: str):
    monitor_id, key = await add_heartbeat(cast.alice)
    answer = await job.request(method, f"/ping/{key}")
    assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "OK")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert await calls_of(monitor_id) == [("success", 0, "")]
    assert (await row_of(monitor_id)).succeeded_ms is not None


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/start", ("start", 0, "")),
        ("/fail", ("fail", 0, "")),
        ("/log", ("log", 0, "")),
        ("/0", ("success", 0, "")),
        ("/3/", ("fail", 3, "")),
        ("/255", ("fail", 255, "")),
    ],
)
async def test_what_stands_behind_the_key_says_what_happened(job: httpx.AsyncClient, cast: Cast, path: str, kept: tuple[str, int, str]):
    monitor_id, key = await add_heartbeat(cast.alice)
    assert (await job.get(f"/ping/{key}{path}")).status_code == 200
    assert await calls_of(monitor_id) == [kept]


async def test_a_log_is_kept_and_changes_nothing(job: httpx.AsyncClient, cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    before = await row_of(monitor_id)
    await job.post(f"/ping/{key}/log", content="half way")
    assert await calls_of(monitor_id) == [("log", 0, "half way")]
    assert await row_of(monitor_id) == before


async def test_a_body_is_kept_as_text_and_cut(job: httpx.AsyncClient, cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    await job.post(f"/ping/{key}/1", content=b"disk full\xff\x00" + b"x" * 20_000)
    ((kind, code, text),) = await calls_of(monitor_id)
    assert (kind, code, len(text)) == ("fail", 1, 10_000)
    assert text.startswith("disk full\ufffd\ufffdxxx")


async def test_a_body_of_any_length_does_not_lose_the_call_and_is_not_read_to_its_end(job: httpx.AsyncClient, cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 50_000
            yield b"x" * 50_000

    answer = await job.post(f"/ping/{key}", content=endless(), headers={"content-length": "50000000"})
    assert (answer.status_code, len(await calls_of(monitor_id))) == (200, 1)
    assert sent <= 200_000


@pytest.mark.parametrize("path", ["unknown", "{key}/256", "{key}/start/1", "{key}/restart", "{key}%2Fstart", "", "{key}x", "%00", "a" * 41])
async def test_what_is_no_heartbeats_address_is_not_found(job: httpx.AsyncClient, cast: Cast, path: str):
    monitor_id, key = await add_heartbeat(cast.alice)
    answer = await job.get(f"/ping/{path.format(key=key)}")
    if path == "{key}%2Fstart":  # decoded by every server before it comes to us
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.text) == (404, "There is no such heartbeat.")
    assert await calls_of(monitor_id) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(job: httpx.AsyncClient, cast: Cast, method: str):
    _, key = await add_heartbeat(cast.alice)
    answer = await job.request(method, f"/ping/{key}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, HEAD")


async def test_a_call_from_another_sites_page_counts_and_a_foreign_host_name_does_not(job: httpx.AsyncClient, cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    foreign = {"origin": "https://shop.example", "sec-fetch-site": "cross-site", "cookie": "seam=x"}
    answer = await job.post(f"/ping/{key}", headers=foreign)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert (await job.get(f"/ping/{key}", headers={"host": "rebound.example"})).status_code == 421
    assert len(await calls_of(monitor_id)) == 1


async def test_a_heartbeat_of_a_deleted_monitor_is_not_found(job: httpx.AsyncClient, cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    async with db.transaction() as session:
        await session.exec(update(Monitor).where(col(Monitor.id) == monitor_id).values(deleted_at=now()))
    assert (await job.get(f"/ping/{key}")).status_code == 404


async def test_one_key_may_be_called_so_often_and_others_still_count(job: httpx.AsyncClient, cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    _, other = await add_heartbeat(cast.alice, "Other")
    for _ in range(rates.Rate.PINGS.value[0]):
        await rates.hit(rates.Rate.PINGS, key)
    answer = await job.get(f"/ping/{key}")
    assert (answer.status_code, await calls_of(monitor_id)) == (429, [])
    assert int(answer.headers["retry-after"]) > 0
    assert (await job.get(f"/ping/{other}")).status_code == 200


async def test_calls_at_once_are_written_together_each_in_its_order(cast: Cast):
    monitors = [await add_heartbeat(cast.alice, f"Job {number}") for number in range(5)]
    said = [Said.START, Said.LOG, Said.SUCCESS]
    answers = await asyncio.gather(
        *(heartbeat_calls.receive(key, what) for _, key in monitors for what in said),
        heartbeat_calls.receive("nobody", Said.SUCCESS),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers if answer is not None] == [NotFound]
    for monitor_id, _ in monitors:
        assert [kind for kind, _, _ in await calls_of(monitor_id)] == ["success", "log", "start"]


async def test_of_each_heartbeat_the_newest_hundred_calls_are_kept(cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    other_id, other = await add_heartbeat(cast.alice, "Other")
    await heartbeat_calls.receive(other, Said.SUCCESS)
    for start in (0, 60):
        await asyncio.gather(*(heartbeat_calls.receive(key, Said.LOG, text=str(number)) for number in range(start, start + 60)))
    async with db.reading() as session:
        texts = (
            await session.exec(select(HeartbeatCall.text).where(HeartbeatCall.monitor_id == monitor_id).order_by(col(HeartbeatCall.id)))
        ).all()
    assert list(texts) == [str(number) for number in range(20, 120)]
    assert len(await calls_of(other_id)) == 1


async def test_how_long_a_run_took_is_kept(cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    for said, at_ms in ((Said.SUCCESS, 500), (Said.START, 1000), (Said.LOG, 1500), (Said.SUCCESS, 3500), (Said.SUCCESS, 9000)):
        await heartbeat_calls.receive(key, said, at_ms=at_ms)
    async with db.reading() as session:
        took = [(call.kind, call.took_ms) for call in await heartbeats.calls(session, monitor_id)]
    assert took == [("success", None), ("success", 2500), ("log", None), ("start", None), ("success", None)]


async def test_the_newest_call_counts_even_when_the_clock_was_set_back(cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    await heartbeat_calls.receive(key, Said.START, at_ms=8_000_000)
    await heartbeat_calls.receive(key, Said.SUCCESS, at_ms=9_000_000)
    await heartbeat_calls.receive(key, Said.FAIL, 7, at_ms=1_000_000)
    row = await row_of(monitor_id)
    assert (row.failed_ms, row.succeeded_ms, row.started_ms, row.exit_code) == (1_000_000, 999_999, 1_000_000, 7)


async def test_the_engine_hears_of_each_monitor_once_a_batch(cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    async with engine_orders.listen() as orders:
        await asyncio.gather(*(heartbeat_calls.receive(key, Said.SUCCESS) for _ in range(10)))
        order = await orders.next(5)
        assert order is not None
        assert (order.do, order.ids) == ("beat", (monitor_id,))
        assert await orders.next(0.05) is None


async def test_calls_that_cannot_be_written_are_not_answered_as_if_they_were(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monitor_id, key = await add_heartbeat(cast.alice)

    async def broken(_batch: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(heartbeat_calls, "_write", broken)
        with pytest.raises(OSError, match="disk full"):
            await heartbeat_calls.receive(key, Said.SUCCESS)
    assert await calls_of(monitor_id) == []


async def test_a_call_that_was_refused_is_written_when_the_database_takes_it_in_the_order_of_time(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
):
    monitor_id, key = await add_heartbeat(cast.alice)

    async def broken(_batch: object, **_: object) -> None:
        raise OSError("disk full")

    await heartbeat_calls.receive(key, Said.START, at_ms=1000)
    with monkeypatch.context() as patched:
        patched.setattr(heartbeat_calls, "_write", broken)
        for said, at_ms in ((Said.LOG, 2000), (Said.SUCCESS, 3500)):
            with pytest.raises(OSError, match="disk full"):
                await heartbeat_calls.receive(key, said, text="x" * 5000, at_ms=at_ms)
        await heartbeat_calls.write_late()
        assert len(heard.late()) == 2
    # A newer one that comes first counts: the late one only stands in the history.
    await heartbeat_calls.receive(key, Said.FAIL, at_ms=9000)
    while heard.late():  # noqa: ASYNC110  nothing tells
        await asyncio.sleep(0.001)
    assert [kind for kind, _, _ in await calls_of(monitor_id)] == ["fail", "success", "log", "start"]
    assert [len(text) for _, _, text in await calls_of(monitor_id)] == [0, heard.MAX_LATE_TEXT_CHARS, heard.MAX_LATE_TEXT_CHARS, 0]
    row = await row_of(monitor_id)
    assert (row.failed_ms, row.succeeded_ms) == (9000, None)


async def test_a_client_that_goes_away_while_its_call_is_written_does_not_lose_the_others(cast: Cast):
    monitor_id, key = await add_heartbeat(cast.alice)
    gone = asyncio.ensure_future(heartbeat_calls.receive(key, Said.LOG))
    staying = asyncio.ensure_future(heartbeat_calls.receive(key, Said.SUCCESS))
    await asyncio.sleep(0)
    gone.cancel()
    await staying
    assert len(await calls_of(monitor_id)) == 2

"""The supervisor: what dies is started again, and it says what does not run."""

import asyncio

import pytest

from app.engine import supervisor as supervising
from app.engine.supervisor import Supervisor


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "FIRST_PAUSE_S", 0.01)


async def test_a_task_that_dies_is_logged_and_started_again(caplog: pytest.LogCaptureFixture):
    supervisor, third = Supervisor(), asyncio.Event()
    starts = 0

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise ZeroDivisionError("once more")
        third.set()
        await asyncio.Event().wait()

    supervisor.start("work", work)
    async with asyncio.timeout(10):
        await third.wait()
    assert supervisor.healthy
    assert supervisor.state["work"].deaths == 2
    assert supervisor.state["work"].last_error == "ZeroDivisionError: once more"
    assert "work died" in caplog.text
    await supervisor.stop()
    assert not supervisor.healthy


async def test_a_task_that_ends_by_itself_counts_as_dead(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(supervising, "FIRST_PAUSE_S", 60)
    supervisor = Supervisor()

    async def work() -> None:
        return

    supervisor.start("work", work)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not supervisor.healthy
    await supervisor.stop()


async def test_nothing_started_is_not_healthy():
    assert not Supervisor().healthy


async def test_stopping_waits_until_the_work_has_cleaned_up():
    supervisor, begun, cleaned = Supervisor(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    supervisor.start("work", work)
    await begun.wait()
    await supervisor.stop()
    assert cleaned == [True]

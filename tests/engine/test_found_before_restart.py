"""What the newest check found is known after a restart, where the next one is far; and what is well pushes out no failure."""

from datetime import timedelta

from app.models import CheckDetail, now
from app.services import board, monitor_history
from tests.conftest import Cast
from tests.engine.watching import Times, add, engine, minute, rows, target

QUARTER_MS = 900_000


async def test_the_assertions_of_a_rare_check_are_known_after_a_restart_and_a_frequent_one_keeps_none(cast: Cast):
    times, workspace = Times((now() - timedelta(hours=3)).timestamp()), cast.alice.workspace_id
    known = {"standing": "up", "created_at": now() - timedelta(days=1)}
    async with target() as shop:
        rare = await add(workspace, shop.url, "Rare", interval_ms=QUARTER_MS, **known)
        often = await add(workspace, shop.url, "Often", interval_ms=QUARTER_MS // 3, **known)
        for status, held in ((200, True), (500, False), (200, True), (200, True)):
            async with engine(times) as made:
                shop.status = status
                await minute(made, times, 15)
            board.forget()  # as a new process begins
            (finding,) = await monitor_history.last_findings(cast.alice, rare.public_id)
            assert (finding.held, finding.found) == (held, str(status))
    kept = {(row.monitor_id, row.good) for row in await rows(CheckDetail)}
    assert kept == {(rare.id, True), (rare.id, False), (often.id, False)}
    (failed,) = (await monitor_history.results(cast.alice, rare.public_id, only_failures=True)).rows
    assert (failed.has_detail, failed.text != "") == (True, True)
    newest = (await monitor_history.results(cast.alice, rare.public_id)).rows[0]
    assert (newest.outcome, newest.has_detail, newest.text, newest.cause) == ("up", True, "", "")
    assert (await monitor_history.detail(cast.alice, rare.public_id, newest.due_ms)).exchanges == ()

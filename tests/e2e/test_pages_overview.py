"""The overview in a real Chromium: in order with rows in it, by keyboard, and what is done to several monitors at once."""

import re
import secrets
from datetime import timedelta

import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app import db
from app.models import Incident, Membership, Monitor, MonitorGroup, User, WebSession, Workspace, now
from app.services.sessions import LIFETIME, digest
from tests.conftest import PUBLIC_URL, Running
from tests.e2e.conftest import Complaints, faults

DAY_MS = 86_400_000  # so that no check runs within a test


async def _fill(engine: AsyncEngine, secret: str) -> None:
    """Add a workspace of its own: sixty monitors, of which one is down."""
    at = now()
    async with AsyncSession(engine) as session:
        user, workspace = User(name=f"Dana {secrets.token_hex(3)}"), Workspace(name="Fernway")
        session.add_all([user, workspace])
        await session.flush()
        assert user.id is not None
        assert workspace.id is not None
        group = MonitorGroup(workspace_id=workspace.id, name="Shop")
        session.add(group)
        await session.flush()
        session.add(Membership(workspace_id=workspace.id, user_id=user.id, role="owner"))
        session.add(
            WebSession(
                token_hash=digest(secret), user_id=user.id, workspace_id=workspace.id, method="github", created_at=at, last_seen_at=at,
                expires_at=at + LIFETIME, address="203.0.113.7", user_agent="Firefox",
            )
        )  # fmt: skip
        for number in range(60):
            row = Monitor(workspace_id=workspace.id, name=f"Item {number:02}", kind="tcp", configuration='{"host": "127.0.0.1", "port": 9}')
            row.address, row.interval_ms, row.phase_ms = "127.0.0.1:9", DAY_MS, int((at.timestamp() * 1000 - DAY_MS / 2) % DAY_MS)
            row.group_id = group.id if number < 5 else None
            row.standing, row.standing_since = ("down" if number == 3 else "up"), at - timedelta(minutes=14)
            session.add(row)
        await session.flush()
        down = (await session.exec(select(Monitor).where(Monitor.workspace_id == workspace.id, Monitor.standing == "down"))).one()
        assert down.id is not None
        session.add(Incident(workspace_id=workspace.id, monitor_id=down.id, severity="down", text="It answers 502.", opened_at=at))
        await session.commit()


@pytest_asyncio.fixture(loop_scope="session")
async def dana(seamwatch: Running, context: BrowserContext) -> Page:
    secret = secrets.token_urlsafe(32)
    engine = db.make_engine(f"sqlite+aiosqlite:///{seamwatch.data_dir / 'seamwatch.db'}")
    await _fill(engine, secret)
    await engine.dispose()
    await context.add_cookies([{"name": "seam", "value": secret, "url": PUBLIC_URL, "httpOnly": True, "sameSite": "Lax"}])
    return context.pages[0]


async def test_the_overview_and_the_engine_are_in_order_at_both_widths_and_themes(dana: Page, complaints: Complaints):
    complaints.listen(dana)
    for path, heading in (("/settings/engine", "check"), ("/monitors", "60 monitors"), ("/overview", "1 thing is down")):
        await dana.goto(path)
        await expect(dana.get_by_role("heading", level=1)).to_contain_text(heading)
        await dana.wait_for_load_state("networkidle")
        assert await faults(dana) == [], path
    await expect(dana).to_have_title("(1 down) Overview · Fernway · Seamwatch")
    assert complaints == []


async def test_rows_are_searched_walked_folded_and_paused(dana: Page, complaints: Complaints):
    complaints.listen(dana)
    await dana.goto("/overview")
    await expect(dana.get_by_role("article")).to_contain_text("It answers 502.")
    rows = dana.locator("a.open")
    await expect(rows).to_have_count(50)
    await expect(rows.first).to_have_text("Item 03")
    await dana.get_by_role("button", name=re.compile(r"^Shop \d")).click()
    await expect(rows.first).to_have_text("Item 05")
    await dana.keyboard.press("/")
    await dana.keyboard.type("item 1")
    await expect(rows).to_have_count(10)
    await expect(dana).to_have_url(re.compile(r"\?q=item\+1&fold="))
    await dana.keyboard.press("Escape")
    await dana.keyboard.press("j")
    await expect(rows.nth(1)).to_be_focused()
    await dana.keyboard.press("Enter")
    await dana.wait_for_url("**/monitors/*")
    await dana.go_back()
    await expect(dana.get_by_role("searchbox", name="Search monitors")).to_have_value("item 1")
    await expect(rows).to_have_count(10)

    await dana.get_by_role("checkbox", name="Choose Item 12").click()
    await dana.get_by_role("button", name="Pause").click()
    row = dana.get_by_role("row").filter(has_text="Item 12")
    await expect(row).to_contain_text("Paused")
    await dana.get_by_role("button", name="Undo").click()
    await expect(row).not_to_contain_text("Paused")
    assert complaints == []

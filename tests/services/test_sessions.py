"""Web sessions: who a cookie stands for, and when it no longer does."""

from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from app import db
from app.models import LoginLink, Membership, User, WebSession, now
from app.services import login_links, sessions
from tests.conftest import Cast


async def signed_in(cast: Cast) -> str:
    secret = await sessions.create(cast.alice.user_id, cast.alice.workspace_id, "owner_link", user_agent="x" * 999)
    return f"theme=dark; seam={secret}"


async def change(statement: object) -> None:
    async with db.transaction() as session:
        await session.exec(statement)  # pyright: ignore[reportCallIssue, reportArgumentType]
    sessions._cache.clear()


async def test_a_cookie_stands_for_its_user_in_their_workspace_and_role(cast: Cast):
    actor = await sessions.actor(await signed_in(cast))
    assert actor is not None
    assert (actor.user_id, actor.workspace_id, actor.role) == (cast.alice.user_id, cast.alice.workspace_id, cast.alice.role)


async def test_only_the_hash_of_the_secret_is_stored(cast: Cast):
    secret = (await signed_in(cast)).rpartition("=")[2]
    async with db.reading() as session:
        row = (await session.exec(select(WebSession))).one()
    assert len(secret) == 43  # 256 bits
    assert secret not in row.model_dump_json()
    assert row.token_hash == sessions.digest(secret)


@pytest.mark.parametrize("header", ["", "seam=", "seam=short", "other=1", "seamless=" + "x" * 43, "seam=" + "x" * 43, "seam=" + "x" * 500])
async def test_other_cookies_stand_for_nobody(cast: Cast, header: str):
    await signed_in(cast)
    assert await sessions.actor(header) is None


async def test_two_cookies_of_our_name_stand_for_nobody(cast: Cast):
    cookie = await signed_in(cast)
    assert await sessions.actor(f"{cookie}; seam={'x' * 43}") is None


async def test_a_revoked_session_stands_for_nobody_at_once(cast: Cast):
    cookie = await signed_in(cast)
    assert await sessions.actor(cookie)
    await sessions.revoke(cookie)
    assert await sessions.actor(cookie) is None
    sessions._cache.clear()
    assert await sessions.actor(cookie) is None


async def test_an_expired_session_stands_for_nobody(cast: Cast):
    cookie = await signed_in(cast)
    await change(update(WebSession).values(expires_at=now() - timedelta(seconds=1)))
    assert await sessions.actor(cookie) is None


async def test_sessions_and_links_that_ended_of_themselves_are_removed(cast: Cast):
    await sessions.create(cast.alice.user_id, cast.alice.workspace_id, "owner_link")
    await change(update(WebSession).values(expires_at=now() - timedelta(seconds=1)))
    await sessions.create(cast.alice.user_id, cast.alice.workspace_id, "owner_link")
    await login_links.issue()
    await change(update(LoginLink).values(expires_at=now() - timedelta(seconds=1)))
    assert await sessions.purge() == 2
    assert await sessions.purge() == 0


async def test_a_disabled_user_is_nobody(cast: Cast):
    cookie = await signed_in(cast)
    await change(update(User).where(col(User.id) == cast.alice.user_id).values(disabled_at=now()))
    assert await sessions.actor(cookie) is None


async def test_who_is_no_longer_a_member_is_nobody(cast: Cast):
    cookie = await signed_in(cast)
    await change(Membership.__table__.delete())  # pyright: ignore[reportAttributeAccessIssue]
    assert await sessions.actor(cookie) is None


async def test_a_change_in_the_database_is_seen_after_the_cache_has_aged(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    cookie = await signed_in(cast)
    clock = 1000.0
    monkeypatch.setattr(sessions.time, "monotonic", lambda: clock)
    assert await sessions.actor(cookie)
    async with db.transaction() as session:
        await session.exec(update(WebSession).values(revoked_at=now()))
    assert await sessions.actor(cookie)
    clock += sessions.CACHE_S
    assert await sessions.actor(cookie) is None


async def test_over_https_the_cookie_has_the_host_prefix(cast: Cast, configure: pytest.MonkeyPatch):
    cookie = await signed_in(cast)
    configure.setenv("SEAMWATCH_PUBLIC_URL", "https://seam.example")
    from app.settings import _settings

    _settings.cache_clear()
    assert sessions.cookie_name() == "__Host-seam"
    assert await sessions.actor(cookie) is None

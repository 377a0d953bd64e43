"""Web sessions: who a cookie stands for, and when it no longer does."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from app import db
from app.models import AuditEvent, LoginLink, Membership, User, WebSession, now
from app.services import login_links, sessions
from app.services.access import Actor
from app.services.errors import NotFound, Unauthenticated
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


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    cookie = await signed_in(cast)
    real = sessions._actor

    def slow(*row: Any) -> Actor:
        sessions.forget([])  # as whoever ends a session does, between the reading and the remembering
        return real(*row)

    monkeypatch.setattr(sessions, "_actor", slow)
    assert await sessions.actor(cookie)
    assert not sessions._cache


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


# My sessions


async def actor_of_new(actor: Actor, user_agent: str = "curl/8") -> Actor:
    secret = await sessions.create(actor.user_id, actor.workspace_id, "owner_link", user_agent=user_agent, address="192.0.2.1")
    found = await sessions.actor(f"seam={secret}")
    assert found is not None
    return found


async def test_my_sessions_are_listed_with_device_and_address_this_one_first(cast: Cast):
    this = await actor_of_new(cast.alice)
    await actor_of_new(cast.alice, "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0")
    await actor_of_new(cast.bob)
    rows = await sessions.list_mine(this)
    assert [(row.this, row.device, row.address, row.method_words) for row in rows] == [
        (True, "curl", "192.0.2.1", "Owner link"),
        (False, "Firefox on Linux", "192.0.2.1", "Owner link"),
    ]
    assert all(row.last_seen_at.second == 0 for row in rows)


async def test_a_session_of_mine_can_be_ended_and_its_tabs_are_told(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    told: list[tuple[frozenset[str], sessions.Ended]] = []

    async def listen(hashes: frozenset[str], why: sessions.Ended) -> None:
        told.append((hashes, why))

    monkeypatch.setattr(sessions, "listeners", [listen])
    this, other = await actor_of_new(cast.alice), await actor_of_new(cast.alice)
    row = next(row for row in await sessions.list_mine(this) if not row.this)
    await sessions.end_mine(this, row.id)
    assert told == [(frozenset({other.session}), sessions.Ended.REVOKED)]
    assert await sessions.actor_of(other.session) is None
    assert await sessions.actor_of(this.session)
    with pytest.raises(NotFound):
        await sessions.end_mine(this, row.id)


@pytest.mark.parametrize("wrong", ["", "x" * 16, "x" * 5000, None, 7, True, [], {"a": 1}])
async def test_a_session_that_is_not_mine_is_not_found(cast: Cast, wrong: object):
    this = await actor_of_new(cast.alice)
    with pytest.raises(NotFound):
        await sessions.end_mine(this, wrong)


async def test_charlie_cannot_end_a_session_of_alice(cast: Cast):
    alice, charlie = await actor_of_new(cast.alice), await actor_of_new(cast.charlie)
    [row] = await sessions.list_mine(alice)
    with pytest.raises(NotFound):
        await sessions.end_mine(charlie, row.id)
    assert await sessions.actor_of(alice.session)


async def test_all_others_or_all_can_be_ended(cast: Cast):
    this, others = await actor_of_new(cast.alice), [await actor_of_new(cast.alice) for _ in range(3)]
    bob = await actor_of_new(cast.bob)
    assert await sessions.end_others(this) == 3
    assert [await sessions.actor_of(other.session) for other in others] == [None] * 3
    assert await sessions.actor_of(this.session)
    assert await sessions.end_everywhere(this) == 1
    assert await sessions.actor_of(this.session) is None
    assert await sessions.actor_of(bob.session)


async def test_signing_in_and_out_and_ending_sessions_stand_in_the_log(cast: Cast):
    this = await actor_of_new(cast.alice)
    await actor_of_new(cast.alice)
    await sessions.end_others(this)
    await sessions.end_others(this)
    async with db.reading() as session:
        events = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all()
    assert [(event.action, event.target) for event in events] == [
        ("user.signed_in", "Owner link"), ("user.signed_in", "Owner link"), ("session.revoked", "1 session"),
    ]  # fmt: skip


async def test_last_seen_is_written_at_most_once_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    this = await actor_of_new(cast.alice)

    async def seen() -> bool:
        async with db.reading() as session:
            return (await session.exec(select(WebSession.last_seen_at))).one() > now() - timedelta(minutes=2)

    async def age() -> None:
        await change(update(WebSession).values(last_seen_at=now() - timedelta(hours=1)))

    await age()
    await sessions.actor_of(this.session)
    assert not await seen()  # it was noted when the session was first used
    sessions._seen.clear()
    sessions._cache.clear()
    await sessions.actor_of(this.session)
    assert await seen()
    await age()
    sessions._cache.clear()
    await sessions.actor_of(this.session)
    assert not await seen()


async def test_nobody_has_sessions(cast: Cast):
    with pytest.raises(Unauthenticated):
        await sessions.list_mine(None)

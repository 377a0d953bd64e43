"""Exchanges and refresh tokens: each works once, a second use ends all, and what ends an API token ends what came of it."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import col, delete, select, update

from app import db
from app.models import ApiToken, AuditEvent, Membership, RefreshToken, TokenGrant, User, now
from app.services import access_tokens, bearers, grants, signing_keys, token_text, tokens
from app.services.access import Role, Scope
from app.services.errors import Unauthenticated
from app.services.grants import Issued, OAuthError
from app.services.token_text import Prefix
from tests.conftest import Cast, add_actor
from tests.services.token_making import change, later, of_workspace, personal, signed_in


async def refused(asked: object) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        await asked  # pyright: ignore[reportGeneralTypeIssues]
    assert caught.value.message.isascii()
    assert not set(caught.value.message) & set('"\\')  # RFC 6749, 5.2
    return caught.value


async def counts(token: str) -> bool:
    try:
        await bearers.actor_of(token)
    except Unauthenticated:
        return False
    return True


async def logged() -> list[str]:
    async with db.reading() as session:
        return list((await session.exec(select(AuditEvent.action).order_by(col(AuditEvent.id)))).all())


async def exchanged(cast: Cast, *scopes: str) -> Issued:
    return await grants.exchange((await personal(cast.bob, *scopes)).secret)


# Exchange


async def test_an_access_token_stands_for_whom_its_api_token_does(cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    issued = await grants.exchange(made.secret)
    actor = await bearers.actor_of(issued.access_token)
    assert actor == await bearers.actor_of(made.secret)
    assert (issued.scopes, issued.expires_in_s) == (("scans:read", "scans:write"), 600)
    assert (await access_tokens.read(issued.access_token)).subject == actor.user_public_id
    assert token_text.prefix_of(issued.refresh_token) is Prefix.REFRESH
    assert (await tokens.mine(signed_in(cast.bob)))[0].last_used_at is not None


async def test_a_workspace_token_is_its_own_subject(cast: Cast):
    made = await of_workspace(cast.alice, "viewer")
    issued = await grants.exchange(made.secret)
    assert (await access_tokens.read(issued.access_token)).subject == made.row.id
    actor = await bearers.actor_of(issued.access_token)
    assert (actor.role, actor.token) == (Role.VIEWER, made.row.id)


async def test_an_exchange_narrows_and_never_widens(cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    issued = await grants.exchange(made.secret, "scans:read")
    assert (await bearers.actor_of(issued.access_token)).scopes == {Scope.SCANS_READ}
    for scope in ("secrets:read", "scans:read secrets:read", "everything", "SCANS:READ", "scans:read,scans:write", "ſ"):
        assert (await refused(grants.exchange(made.secret, scope))).code == "invalid_scope"
    assert (await grants.exchange(made.secret, "  ")).scopes == ("scans:read", "scans:write")


async def test_a_token_whose_role_fell_is_exchanged_for_what_it_still_opens(cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    issued = await grants.exchange(made.secret)
    await later(update(Membership).where(col(Membership.user_id) == cast.bob.user_id).values(role="viewer"))
    assert (await bearers.actor_of(issued.access_token)).scopes == {Scope.SCANS_READ}
    assert (await grants.exchange(made.secret)).scopes == ("scans:read",)
    assert (await refused(grants.exchange(made.secret, "scans:write"))).code == "invalid_scope"
    assert (await grants.refresh(issued.refresh_token)).scopes == ("scans:read",)


@pytest.mark.parametrize("ending", ["revoked", "expired", "disabled", "left"])
async def test_what_ends_an_api_token_ends_what_came_of_it(cast: Cast, ending: str):
    made = await personal(cast.bob)
    issued = await grants.exchange(made.secret)
    assert await counts(issued.access_token)
    if ending == "revoked":
        await tokens.revoke(signed_in(cast.bob), made.row.id)  # counts at once, without `later`
    elif ending == "expired":
        await later(update(ApiToken).values(expires_at=now()))
    elif ending == "disabled":
        await later(update(User).where(col(User.id) == cast.bob.user_id).values(disabled_at=now()))
    else:
        await later(delete(Membership).where(col(Membership.user_id) == cast.bob.user_id))
    assert not await counts(issued.access_token)
    assert (await refused(grants.refresh(issued.refresh_token))).code == "invalid_grant"
    assert (await refused(grants.exchange(made.secret))).code == "invalid_request"


async def test_nothing_but_an_api_token_can_be_exchanged(cast: Cast):
    issued = await exchanged(cast)
    for text in ("", "seam_pat_", issued.access_token, issued.refresh_token, token_text.make(Prefix.PERSONAL), "x" * 10_000):
        assert (await refused(grants.exchange(text))).code == "invalid_request"


async def test_an_access_token_does_not_outlive_the_api_token(cast: Cast):
    made = await personal(cast.bob)
    await change(update(ApiToken).values(expires_at=now() + timedelta(seconds=90)))
    assert 80 <= (await grants.exchange(made.secret)).expires_in_s <= 90


async def test_a_further_exchange_ends_the_oldest_grant(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(grants, "MAX_LIVE", 2)
    made = await personal(cast.bob)
    first, second, third = [await grants.exchange(made.secret) for _ in range(3)]
    assert not await counts(first.access_token)
    assert await counts(second.access_token)
    assert await counts(third.access_token)


async def test_only_hashes_of_refresh_tokens_are_stored(cast: Cast):
    issued = await exchanged(cast)
    async with db.reading() as session:
        (row,) = (await session.exec(select(RefreshToken))).all()
    assert issued.refresh_token not in row.model_dump_json()
    assert row.token_hash == token_text.digest(issued.refresh_token)


# Refresh


async def test_a_refresh_token_gives_the_next_pair(cast: Cast):
    first = await exchanged(cast, "scans:read", "scans:write")
    second = await grants.refresh(first.refresh_token)
    third = await grants.refresh(second.refresh_token)
    assert len({issued.refresh_token for issued in (first, second, third)}) == 3
    assert len({issued.access_token for issued in (first, second, third)}) == 3
    assert await counts(third.access_token)
    assert await counts(first.access_token)  # until it expires


async def test_a_refresh_narrows_one_access_token_and_not_the_next(cast: Cast):
    first = await exchanged(cast, "scans:read", "scans:write")
    second = await grants.refresh(first.refresh_token, "scans:read")
    assert second.scopes == ("scans:read",)
    assert (await bearers.actor_of(second.access_token)).scopes == {Scope.SCANS_READ}
    assert (await grants.refresh(second.refresh_token)).scopes == ("scans:read", "scans:write")


async def test_a_scope_beyond_the_grant_is_refused_and_uses_nothing_up(cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    first = await grants.exchange(made.secret, "scans:read")
    assert (await refused(grants.refresh(first.refresh_token, "scans:write"))).code == "invalid_scope"
    assert await grants.refresh(first.refresh_token)


async def test_a_second_use_ends_the_whole_grant_and_stands_in_the_log(cast: Cast):
    made = await personal(cast.bob)
    first = await grants.exchange(made.secret)
    second = await grants.refresh(first.refresh_token)
    assert await counts(second.access_token)
    assert (await refused(grants.refresh(first.refresh_token))).code == "invalid_grant"
    for issued in (first, second):
        assert not await counts(issued.access_token)
        assert (await refused(grants.refresh(issued.refresh_token))).code == "invalid_grant"
    assert (await logged()).count("token.reused") == 1
    # The API token lives: whoever holds it goes on.
    assert await counts((await grants.exchange(made.secret)).access_token)


async def test_of_two_uses_at_once_one_wins_and_the_grant_ends(cast: Cast):
    for _ in range(5):
        first = await exchanged(cast)
        both = await asyncio.gather(*(grants.refresh(first.refresh_token) for _ in range(4)), return_exceptions=True)
        won = [answer for answer in both if isinstance(answer, Issued)]
        assert len(won) == 1
        assert all(isinstance(answer, Issued) or (isinstance(answer, OAuthError) and answer.code == "invalid_grant") for answer in both)
        assert not await counts(won[0].access_token)
        assert (await refused(grants.refresh(won[0].refresh_token))).code == "invalid_grant"


async def test_a_grant_ends_thirty_days_after_its_exchange_however_often_it_was_refreshed(cast: Cast):
    first = await exchanged(cast)
    async with db.reading() as session:
        ends = (await session.exec(select(TokenGrant.expires_at))).one()
    assert timedelta(days=29, hours=23) < ends - now() <= timedelta(days=30)
    second = await grants.refresh(first.refresh_token)
    async with db.reading() as session:
        assert set((await session.exec(select(RefreshToken.expires_at))).all()) == {ends}
    await later(update(TokenGrant).values(expires_at=now()), update(RefreshToken).values(expires_at=now()))
    assert not await counts(second.access_token)
    assert "expired" in (await refused(grants.refresh(second.refresh_token))).message


@pytest.mark.parametrize("text", ["", "seam_rt_", "x" * 10_000, "ſ"])
async def test_what_is_no_refresh_token_is_refused(cast: Cast, text: str):
    assert (await refused(grants.refresh(text))).code == "invalid_grant"
    assert (await refused(grants.refresh(token_text.make(Prefix.REFRESH)))).code == "invalid_grant"
    assert (await refused(grants.refresh((await personal(cast.bob)).secret))).code == "invalid_grant"


# Given back


async def test_an_access_token_that_is_given_back_ends_its_grant_only(cast: Cast):
    made = await personal(cast.bob)
    one, other = await grants.exchange(made.secret), await grants.exchange(made.secret)
    await grants.give_back(one.access_token)
    assert not await counts(one.access_token)
    assert (await refused(grants.refresh(one.refresh_token))).code == "invalid_grant"
    assert await counts(other.access_token)
    assert await counts(made.secret)


async def test_a_refresh_token_that_is_given_back_ends_its_grant_even_when_it_was_used(cast: Cast):
    first = await exchanged(cast)
    second = await grants.refresh(first.refresh_token)
    await grants.give_back(first.refresh_token)
    assert not await counts(second.access_token)


async def test_an_api_token_that_is_given_back_ends_with_all_its_grants_and_stands_in_the_log(cast: Cast):
    made = await personal(cast.bob)
    issued = await grants.exchange(made.secret)
    await grants.give_back(made.secret)
    await grants.give_back(made.secret)
    assert not await counts(made.secret)
    assert not await counts(issued.access_token)
    assert (await logged()).count("token.revoked") == 1


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "seam_pat_" + "A" * 51, "ſ" * 20])
async def test_giving_back_what_does_not_count_tells_nothing(cast: Cast, text: str):
    await grants.give_back(text)
    await grants.give_back(token_text.make(Prefix.REFRESH))
    await grants.give_back(token_text.make(Prefix.WORKSPACE))


async def test_a_token_whose_grant_is_of_another_token_is_refused(cast: Cast):
    one, other = await exchanged(cast), await exchanged(cast)
    claims = [await access_tokens.read(issued.access_token) for issued in (one, other)]
    mixed = [
        (claims[0].subject, claims[1].client, claims[0].grant),
        ("somebody", claims[0].client, claims[0].grant),
        (claims[0].subject, claims[0].client, "A" * 16),
        (claims[0].subject, claims[0].client, "' OR 1=1 --"),
    ]
    for subject, client, grant in mixed:
        token, _ = await access_tokens.mint(subject, client, grant, frozenset(Scope), now() + timedelta(days=1))
        assert not await counts(token)


async def test_a_token_that_claims_more_than_its_grant_opens_no_more(cast: Cast):
    claims = await access_tokens.read((await exchanged(cast)).access_token)
    token, _ = await access_tokens.mint(claims.subject, claims.client, claims.grant, frozenset(Scope), now() + timedelta(days=1))
    assert (await bearers.actor_of(token)).scopes == {Scope.SCANS_READ}


async def test_a_revocation_elsewhere_is_noticed_when_the_cache_ends(cast: Cast):
    issued = await exchanged(cast)
    assert await counts(issued.access_token)
    await change(update(TokenGrant).values(revoked_at=now()))
    assert await counts(issued.access_token)  # five seconds at most
    bearers.forget()
    assert not await counts(issued.access_token)


async def test_what_ended_a_day_ago_is_removed(cast: Cast):
    await exchanged(cast)
    await grants.give_back((await exchanged(cast)).access_token)
    assert await grants.purge() == 0
    await change(update(TokenGrant).where(col(TokenGrant.revoked_at).is_not(None)).values(revoked_at=now() - timedelta(days=2)))
    assert await grants.purge() == 1
    async with db.reading() as session:
        assert len((await session.exec(select(RefreshToken))).all()) == 1


# On a server, where transactions run at once.


@pytest.fixture
async def served_cast(migrated_postgres: str) -> Cast:
    alice = await add_actor("Alice", Role.OWNER)
    return Cast(alice, await add_actor("Bob", Role.EDITOR), await add_actor("Charlie", Role.OWNER))


async def test_on_a_server_too_one_of_two_uses_at_once_wins_and_the_grant_ends(served_cast: Cast):
    made = await personal(served_cast.bob)
    for _ in range(5):
        first = await grants.exchange(made.secret)
        both = await asyncio.gather(*(grants.refresh(first.refresh_token) for _ in range(4)), return_exceptions=True)
        won = [answer for answer in both if isinstance(answer, Issued)]
        assert len(won) == 1
        assert all(isinstance(answer, Issued) or (isinstance(answer, OAuthError) and answer.code == "invalid_grant") for answer in both)
        assert not await counts(won[0].access_token)
    assert (await logged()).count("token.reused") == 5


async def test_on_a_server_exchanges_at_once_get_tokens_that_all_count(served_cast: Cast):
    made = await personal(served_cast.bob)
    issued = await asyncio.gather(*(grants.exchange(made.secret) for _ in range(6)))
    assert [await counts(one.access_token) for one in issued] == [True] * 6
    assert len((await signing_keys.jwks())["keys"]) == 1
    await tokens.revoke(signed_in(served_cast.bob), made.row.id)
    assert [await counts(one.access_token) for one in issued] == [False] * 6
    assert await grants.purge() + await tokens.purge() == 0

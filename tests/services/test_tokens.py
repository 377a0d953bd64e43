"""API tokens: made once, stored as a hash, and whom they stand for while what they stand on lasts."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import col, delete, select, update

from app import db
from app.models import ApiToken, AuditEvent, Membership, Passkey, User, Workspace, now
from app.services import audit, bearers, token_text, tokens
from app.services.access import RULES, Action, Role, Scope, may, require
from app.services.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from app.services.tokens import Kind, NewToken, State
from tests.conftest import Cast, add_actor
from tests.services.token_making import change, later, of_workspace, personal, signed_in

ALL = tuple(Scope)
BAD_TYPES = [None, 1, True, 1.5, [], {}, ["scans:read", 1], [["scans:read"]], {"a": 1}]


async def log() -> list[AuditEvent]:
    async with db.reading() as session:
        return list((await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all())


async def refused(secret: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await bearers.actor_of(secret)
    return caught.value.message


# What they look like


async def test_a_token_has_a_prefix_256_bits_and_a_checksum(cast: Cast):
    secret = (await personal(cast.alice)).secret
    assert secret.startswith("seam_pat_")
    assert len(secret) == len("seam_pat_") + 43 + 8
    assert (await of_workspace(cast.alice)).secret.startswith("seam_wst_")
    assert token_text.prefix_of(secret) is token_text.Prefix.PERSONAL


async def test_a_typo_asks_the_database_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    secret = (await personal(cast.alice)).secret
    monkeypatch.setattr(bearers, "reading", None)  # whoever asks fails with a TypeError
    for place in range(len(secret)):
        wrong = secret[:place] + ("A" if secret[place] != "A" else "B") + secret[place + 1 :]
        assert await refused(wrong) == bearers.NOT_A_TOKEN
    for wrong in (
        "",
        "seam_pat_",
        secret[:-1],
        secret + "0",
        secret.replace("pat", "wst"),
        " " + secret,
        secret + "\n",
        "x" * 5000,
        "ſ" * 60,
    ):
        assert await refused(wrong) == bearers.NOT_A_TOKEN


async def test_a_token_of_another_installation_is_not_known(cast: Cast):
    assert "not known" in await refused(token_text.make(token_text.Prefix.PERSONAL))
    assert await refused(token_text.make(token_text.Prefix.REFRESH)) == bearers.NOT_A_TOKEN


async def test_only_the_hash_of_a_token_is_stored_and_nothing_of_it_in_the_log(cast: Cast):
    made = await personal(cast.alice)
    async with db.reading() as session:
        row = (await session.exec(select(ApiToken))).one()
    assert made.secret not in row.model_dump_json()
    assert made.secret[9:40] not in "".join(event.model_dump_json() for event in await log())
    assert made.row.hint == made.secret[-4:]


# Making


async def test_a_personal_token_acts_as_its_user_in_the_workspace_it_was_made_in(cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    actor = await bearers.actor_of(made.secret)
    assert (actor.user_id, actor.workspace_id, actor.role) == (cast.bob.user_id, cast.alice.workspace_id, Role.EDITOR)
    assert (actor.token, actor.session) == (made.row.id, "")
    assert actor.scopes == {Scope.SCANS_READ, Scope.SCANS_WRITE}
    assert may(actor, Action.START_SCANS)
    assert not may(actor, Action.READ_SECRETS)
    assert actor.user_public_id


async def test_a_workspace_token_has_a_role_of_its_own(cast: Cast):
    made = await of_workspace(cast.alice, "viewer", "scans:read", "workspace:read")
    actor = await bearers.actor_of(made.secret)
    assert (actor.role, actor.user_public_id) == (Role.VIEWER, "")
    assert made.row.expires_at is None
    assert made.row.kind is Kind.WORKSPACE
    with pytest.raises(Forbidden):
        require(actor, Action.START_SCANS)


async def test_no_token_may_what_is_left_to_people(cast: Cast):
    actor = await bearers.actor_of((await personal(cast.alice, *ALL)).secret)
    assert actor.role is Role.OWNER
    for action in (action for action, rule in RULES.items() if rule.scope is None):
        with pytest.raises(Forbidden, match="A token may not"):
            require(actor, action)
    with pytest.raises(Forbidden):
        await tokens.make(actor, NewToken("another", ("scans:read",)))
    with pytest.raises(Forbidden):
        await tokens.mine(actor)
    with pytest.raises(Forbidden):
        await tokens.revoke(actor, actor.token)


@pytest.mark.parametrize("bad", [*BAD_TYPES, "", " ", "x" * 81, "a\u202eb", "a\x00b"])
async def test_a_name_must_be_readable(cast: Cast, bad: object):
    with pytest.raises(Invalid) as caught:
        await tokens.make(signed_in(cast.alice), NewToken(bad, ("scans:read",)))  # pyright: ignore[reportArgumentType]
    assert caught.value.field == "name"


@pytest.mark.parametrize("bad", [*BAD_TYPES, "", "everything", ["scans:read", "admin"], ("scans:read", None)])
async def test_scopes_must_be_known(cast: Cast, bad: object):
    with pytest.raises(Invalid) as caught:
        await tokens.make(signed_in(cast.alice), NewToken("ci", bad))  # pyright: ignore[reportArgumentType]
    assert caught.value.field == "scopes"


@pytest.mark.parametrize("bad", [None, 0, -1, 366, True, 1.5, "30", [], {}])
async def test_a_personal_token_lives_1_to_365_days(cast: Cast, bad: object):
    with pytest.raises(Invalid) as caught:
        await tokens.make(signed_in(cast.alice), NewToken("ci", ("scans:read",), bad))  # pyright: ignore[reportArgumentType]
    assert caught.value.field == "days"
    made = await personal(cast.alice, days=365)
    assert made.row.expires_at is not None
    assert timedelta(days=364) < made.row.expires_at - now() <= timedelta(days=365)


@pytest.mark.parametrize("bad", ["owner", "root", "", 1, [], {}, ["admin"]])
async def test_a_workspace_token_is_no_owner(cast: Cast, bad: object):
    with pytest.raises(Invalid) as caught:
        await tokens.make(signed_in(cast.alice), NewToken("ci", ("scans:read",), None, bad))  # pyright: ignore[reportArgumentType]
    assert caught.value.field == "role"


async def test_a_scope_that_opens_nothing_to_the_role_is_refused(cast: Cast):
    with pytest.raises(Invalid, match="audit:read opens nothing to the role editor"):
        await personal(cast.bob, "audit:read")
    with pytest.raises(Invalid, match="scans:write opens nothing to the role viewer"):
        await of_workspace(cast.alice, "viewer", "scans:write")


async def test_members_make_personal_tokens_and_only_managers_those_of_the_workspace(cast: Cast):
    with pytest.raises(Forbidden):
        await of_workspace(cast.bob)
    with pytest.raises(Forbidden):
        await tokens.of_workspace(signed_in(cast.bob))
    with pytest.raises(Unauthenticated):
        await tokens.make(None, NewToken("ci", ("scans:read",)))


async def test_a_hundred_live_tokens_are_enough(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "MAX_LIVE", 2)
    first = await personal(cast.alice)
    await personal(cast.alice)
    with pytest.raises(Conflict):
        await personal(cast.alice)
    await personal(cast.bob)
    await of_workspace(cast.alice)
    await tokens.revoke(signed_in(cast.alice), first.row.id)
    second = await personal(cast.alice)
    await change(update(ApiToken).where(col(ApiToken.public_id) == second.row.id).values(expires_at=now()))
    await personal(cast.alice)


# The second factor


async def test_without_the_second_factor_nobody_makes_a_token_that_manages(cast: Cast):
    asked = replace(signed_in(cast.alice), needs_second_factor=True)
    for new in (NewToken("ci", ("workspace:write",)), NewToken("ci", ("scans:read",), None, "viewer")):
        with pytest.raises(Forbidden, match="second factor"):
            await tokens.make(asked, new)
        await tokens.make(replace(asked, second_factor=True), new)
    await tokens.make(asked, NewToken("ci", ("scans:read",)))


async def test_where_it_is_asked_for_later_a_token_of_somebody_without_one_manages_no_more(cast: Cast):
    made = await personal(cast.alice, "workspace:read", "workspace:write")
    assert may(await bearers.actor_of(made.secret), Action.MANAGE_MEMBERS)
    await later(update(Workspace).values(require_second_factor=True))
    actor = await bearers.actor_of(made.secret)
    assert actor.scopes == {Scope.WORKSPACE_READ}
    async with db.transaction() as session:
        session.add(Passkey(user_id=cast.alice.user_id, name="key", credential_id=b"1", public_key=b"1"))
    bearers.forget()
    assert may(await bearers.actor_of(made.secret), Action.MANAGE_MEMBERS)


# What ends them


async def test_a_role_that_changes_changes_what_the_token_opens(cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    await later(update(Membership).where(col(Membership.user_id) == cast.bob.user_id).values(role="viewer"))
    actor = await bearers.actor_of(made.secret)
    assert (actor.role, actor.scopes) == (Role.VIEWER, {Scope.SCANS_READ})
    await later(update(Membership).where(col(Membership.user_id) == cast.bob.user_id).values(role="owner"))
    assert (await bearers.actor_of(made.secret)).scopes == {Scope.SCANS_READ, Scope.SCANS_WRITE}


async def test_a_personal_token_ends_with_the_membership(cast: Cast):
    made = await personal(cast.bob)
    await later(delete(Membership).where(col(Membership.user_id) == cast.bob.user_id))
    assert "no member" in await refused(made.secret)


async def test_a_personal_token_ends_with_the_account(cast: Cast):
    made = await personal(cast.bob)
    await later(update(User).where(col(User.id) == cast.bob.user_id).values(disabled_at=now()))
    assert "disabled" in await refused(made.secret)


async def test_a_workspace_token_lives_on_when_its_maker_leaves(cast: Cast):
    async with db.reading() as session:
        workspace = await session.get_one(Workspace, cast.alice.workspace_id)
    dora = await add_actor("Dora", Role.ADMIN, workspace)
    made = await of_workspace(dora, "admin", "workspace:read")
    await later(
        delete(Membership).where(col(Membership.user_id) == dora.user_id),
        update(User).where(col(User.id) == dora.user_id).values(disabled_at=now()),
    )
    actor = await bearers.actor_of(made.secret)
    assert (actor.role, actor.workspace_id) == (Role.ADMIN, cast.alice.workspace_id)


async def test_a_token_ends_with_its_workspace(cast: Cast):
    made = await of_workspace(cast.charlie)
    await later(delete(Workspace).where(col(Workspace.id) == cast.charlie.workspace_id))
    assert "not known" in await refused(made.secret)


async def test_an_expired_token_stands_for_nobody_even_while_it_is_remembered(cast: Cast):
    made = await personal(cast.alice)
    await change(update(ApiToken).values(expires_at=now() + timedelta(seconds=3)))
    assert await bearers.actor_of(made.secret)
    left = next(iter(bearers._cache.values()))[0]
    await change(update(ApiToken).values(expires_at=now()))
    bearers.forget()
    assert "expired" in await refused(made.secret)
    assert left - time.monotonic() <= 3  # not kept for the five seconds of the others


async def test_a_revoked_token_stands_for_nobody_at_once_here_and_within_the_cache_elsewhere(cast: Cast):
    made = await personal(cast.alice)
    await bearers.actor_of(made.secret)
    await tokens.revoke(signed_in(cast.alice), made.row.id)
    assert "revoked" in await refused(made.secret)
    other = await personal(cast.alice)
    await bearers.actor_of(other.secret)
    await change(update(ApiToken).values(revoked_at=now()))  # as another process does it
    assert all(until <= time.monotonic() + bearers.CACHE_S for until, _ in bearers._cache.values())
    bearers.forget()
    assert "revoked" in await refused(other.secret)


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    made = await personal(cast.alice)
    real = bearers.load

    async def slow(which: object) -> bearers.Credential:
        credential = await real(which)  # pyright: ignore[reportArgumentType]
        await tokens.revoke(signed_in(cast.alice), made.row.id)
        return credential

    monkeypatch.setattr(bearers, "load", slow)
    await bearers.actor_of(made.secret)
    monkeypatch.setattr(bearers, "load", real)
    assert "revoked" in await refused(made.secret)


async def test_a_token_that_is_used_asks_the_database_once_in_five_seconds(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    made = await personal(cast.alice)
    actor = await bearers.actor_of(made.secret)
    monkeypatch.setattr(bearers, "reading", None)
    assert await bearers.actor_of(made.secret) is actor


# Lists and revocation


async def test_lists_show_each_only_what_is_theirs(cast: Cast):
    mine, bobs, ours = await personal(cast.alice), await personal(cast.bob), await of_workspace(cast.alice)
    await personal(cast.charlie)
    await of_workspace(cast.charlie)
    assert [row.id for row in await tokens.mine(signed_in(cast.alice))] == [mine.row.id]
    assert [row.id for row in await tokens.mine(signed_in(cast.bob))] == [bobs.row.id]
    (row,) = await tokens.of_workspace(signed_in(cast.alice))
    assert row == ours.row
    assert (row.created_by, row.role, row.state, row.last_used_at) == ("Alice", Role.EDITOR, State.LIVE, None)


async def test_a_list_says_when_and_from_where_a_token_was_last_used(cast: Cast):
    made = await personal(cast.alice)
    audit.ADDRESS.set("192.0.2.7")
    await bearers.actor_of(made.secret)
    (row,) = await tokens.mine(signed_in(cast.alice))
    assert row.last_used_at is not None
    assert (row.last_used_address, row.last_used_at.second) == ("192.0.2.7", 0)
    assert now() - row.last_used_at < timedelta(minutes=2)
    audit.ADDRESS.set("192.0.2.8")
    await later(update(ApiToken).values(last_used_at=now() - timedelta(minutes=3)))
    await bearers.actor_of(made.secret)
    assert (await tokens.mine(signed_in(cast.alice)))[0].last_used_address == "192.0.2.8"
    audit.ADDRESS.set("")


async def test_a_use_is_noted_once_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    made = await personal(cast.alice)
    await change(update(ApiToken).values(last_used_at=now().replace(second=0, microsecond=0)))
    monkeypatch.setattr(bearers, "transaction", None)
    await bearers.actor_of(made.secret)


async def test_a_list_keeps_for_a_month_what_ended(cast: Cast):
    made, expired = await personal(cast.alice), await personal(cast.alice)
    await change(update(ApiToken).where(col(ApiToken.public_id) == expired.row.id).values(expires_at=now() - timedelta(days=1)))
    await tokens.revoke(signed_in(cast.alice), made.row.id)
    rows = await tokens.mine(signed_in(cast.alice))
    assert {row.id: row.state for row in rows} == {made.row.id: State.REVOKED, expired.row.id: State.EXPIRED}
    assert await tokens.purge() == 0
    await change(update(ApiToken).values(expires_at=now() - timedelta(days=31)))
    assert await tokens.mine(signed_in(cast.alice)) == ()
    assert await tokens.purge() == 2


async def test_revoking_is_logged_once(cast: Cast):
    made = await personal(cast.alice)
    for _ in range(2):
        await tokens.revoke(signed_in(cast.alice), made.row.id)
    events = [(event.action, event.actor_kind, event.target) for event in await log()]
    named = f"personal token ci (…{made.row.hint})"
    assert events == [("token.made", "user", named), ("token.revoked", "user", named)]


@pytest.mark.parametrize("bad", [*BAD_TYPES, "", "x" * 25, "ſ", "A" * 16])
async def test_what_is_no_token_cannot_be_revoked(cast: Cast, bad: object):
    with pytest.raises(NotFound):
        await tokens.revoke(signed_in(cast.alice), bad)  # pyright: ignore[reportArgumentType]


async def test_charlie_and_bob_cannot_revoke_what_is_not_theirs(cast: Cast):
    mine, ours = await personal(cast.alice), await of_workspace(cast.alice)
    answers = set()
    for actor in (cast.bob, cast.charlie):
        for token_id in (mine.row.id, ours.row.id, "A" * 16):
            with pytest.raises(NotFound) as caught:
                await tokens.revoke(signed_in(actor), token_id)
            answers.add(caught.value.message)
    assert len(answers) == 1
    assert await bearers.actor_of(mine.secret)
    with pytest.raises(NotFound):
        await tokens.revoke(signed_in(cast.alice), (await personal(cast.bob)).row.id)
    await tokens.revoke(signed_in(cast.alice), ours.row.id)

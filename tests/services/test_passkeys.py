"""Passkeys, by responses that a software authenticator signs: what is let in, what is not, and what follows from it."""

import asyncio
import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from sqlmodel import col, delete, select, update

from app import settings
from app.db import reading, transaction
from app.models import AuditEvent, Identity, Installation, Membership, Passkey, User, WebSession
from app.services import ceremonies, passkeys, recovery_codes, second_factor, sessions
from app.services.access import Actor
from app.services.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Unauthenticated
from app.services.sessions import Ended
from tests.conftest import Cast
from tests.services.authenticator import Authenticator, decode, encode
from tests.services.passkey_holders import Holder, add, holder, session_of, signed_in

BROWSER = "the secret of a browser's cookie, of 256 random bits"


@pytest.fixture
def told() -> Iterator[list[tuple[frozenset[str], Ended]]]:
    """What open tabs are told."""
    heard: list[tuple[frozenset[str], Ended]] = []

    async def listen(hashes: frozenset[str], why: Ended) -> None:
        heard.append((hashes, why))

    sessions.listeners.append(listen)
    yield heard
    sessions.listeners.remove(listen)


async def log_of(actor: Actor) -> list[tuple[str, str]]:
    query = select(AuditEvent.action, AuditEvent.target).where(AuditEvent.workspace_id == actor.workspace_id).order_by(col(AuditEvent.id))
    async with reading() as db:
        return [(action, target) for action, target in (await db.exec(query)).all()]


async def shows(holds: Holder, cookie: str, **changed: Any) -> str:
    return await second_factor.finish(cookie, holds.key.show(await second_factor.begin(cookie), **changed))


async def signs_in(key: Authenticator, browser: str = BROWSER, **changed: Any) -> tuple[int, int]:
    return await passkeys.finish_sign_in(browser, key.show(await passkeys.begin_sign_in(browser), **changed))


# Adding


async def test_the_first_passkey_makes_ten_codes_and_strengthens_this_session_under_a_new_secret(cast: Cast):
    cookie = await session_of(cast.alice)
    before = await sessions.actor(cookie)
    assert before is not None
    assert not before.second_factor
    key = Authenticator()
    added = await passkeys.finish_adding(before, "  Laptop ", key.make(await passkeys.begin_adding(before)))
    assert len(set(added.codes)) == 10
    assert added.secret
    assert await sessions.actor(cookie) is None
    after = await sessions.actor(f"seam={added.secret}")
    assert after is not None
    assert (after.user_id, after.second_factor) == (cast.alice.user_id, True)
    (row,) = await passkeys.list_mine(after)
    assert (row.id, row.name, row.last_used_at) == (added.id, "Laptop", None)
    assert [did for did, _ in await log_of(after)] == ["user.signed_in", "passkey.added", "recovery_codes.made"]


async def test_the_users_other_sessions_wait_for_the_passkey_at_once_and_their_tabs_empty(cast: Cast, told: list[Any]):
    others = [await session_of(cast.alice) for _ in range(2)]
    bob = await session_of(cast.bob)
    assert all([await sessions.actor(cookie) for cookie in (*others, bob)])  # remembered from here on
    told.clear()
    holds = await holder(cast.alice)
    assert [await sessions.actor(cookie) for cookie in others] == [None, None]
    assert all([await sessions.pending(cookie) for cookie in others])
    assert await sessions.actor(bob)
    this, theirs = told  # this one's other tabs go on with the new secret, the others are led to the sign-in
    assert (len(this[0]), this[1]) == (1, Ended.CHANGED)
    assert theirs == (frozenset(sessions.digest(cookie.removeprefix("seam=")) for cookie in others), Ended.REVOKED)
    assert holds.actor.session not in this[0]


async def test_the_options_name_this_host_and_user_and_leave_out_what_the_user_has(cast: Cast):
    holds = await holder(cast.alice)
    options = await passkeys.begin_adding(holds.actor)
    assert options["rp"]["id"] == "localhost"
    assert decode(options["user"]["id"]).decode() == holds.actor.user_public_id
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert [decode(one["id"]) for one in options["excludeCredentials"]] == [holds.key.credential_id]
    assert options["excludeCredentials"][0]["transports"] == ["internal", "hybrid"]  # of what the browser named, what is known


async def test_the_host_is_the_one_of_the_public_address(cast: Cast, configure: pytest.MonkeyPatch):
    alice = await signed_in(cast.alice)
    configure.setenv("SEAMWATCH_PUBLIC_URL", "https://seam.example:8443")
    settings._settings.cache_clear()
    options = await passkeys.begin_adding(alice)
    assert options["rp"]["id"] == "seam.example"
    far = Authenticator(origin="https://seam.example:8443", rp_id="seam.example")
    assert await passkeys.finish_adding(alice, "Phone", far.make(options))
    with pytest.raises(Forbidden):
        await signs_in(Authenticator(origin="https://seam.example", rp_id="seam.example", handle=far.handle, key=far.key,
                                     credential_id=far.credential_id, count=5))  # fmt: skip


async def test_a_second_passkey_makes_no_codes_and_keeps_the_session(cast: Cast, told: list[Any]):
    holds = await holder(cast.alice)
    told.clear()
    key = Authenticator()
    added = await passkeys.finish_adding(holds.actor, "Phone", key.make(await passkeys.begin_adding(holds.actor)))
    assert (added.codes, added.secret, told) == ((), None, [])
    assert await sessions.actor(holds.cookie) == holds.actor
    assert (await signs_in(key))[0] == cast.alice.user_id


async def test_a_session_remembered_from_before_the_first_passkey_cannot_add_another(cast: Cast):
    remembered = await signed_in(cast.alice)  # as another process still holds it
    await holder(cast.alice)
    key = Authenticator()
    options = await passkeys.begin_adding(remembered)
    with pytest.raises(Forbidden, match="showed no passkey"):
        await passkeys.finish_adding(remembered, "Mine", key.make(options))
    with pytest.raises(Forbidden):
        await recovery_codes.make_recovery_codes(remembered)


async def test_two_first_passkeys_at_once_leave_ten_codes(cast: Cast):
    one, two = await signed_in(cast.alice), await signed_in(cast.alice)
    keys = Authenticator(), Authenticator()
    answers = [key.make(await passkeys.begin_adding(who)) for key, who in zip(keys, (one, two), strict=True)]
    done = await asyncio.gather(
        passkeys.finish_adding(one, "One", answers[0]), passkeys.finish_adding(two, "Two", answers[1]), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in done) == ["Added", "Forbidden"]
    async with reading() as db:
        assert await recovery_codes.left(db, cast.alice.user_id) == 10


async def test_a_passkey_is_stored_once_and_not_for_a_second_user(cast: Cast):
    holds, bob = await holder(cast.alice), await signed_in(cast.bob)
    for who in (holds.actor, bob):
        with pytest.raises(Conflict, match="known here already"):
            await passkeys.finish_adding(who, "Again", holds.key.make(await passkeys.begin_adding(who)))
    assert await passkeys.list_mine(bob) == ()
    assert await sessions.actor_of(bob.session) == bob


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "two\nlines", "\ud800", None, 5, ["Laptop"]])
async def test_a_name_that_is_none_is_refused_and_nothing_is_stored(cast: Cast, name: Any):
    alice = await signed_in(cast.alice)
    with pytest.raises(Invalid) as refused:
        await passkeys.finish_adding(alice, name, Authenticator().make(await passkeys.begin_adding(alice)))
    assert refused.value.field == "name"
    assert await passkeys.list_mine(alice) == ()


async def test_more_than_twenty_are_not_kept(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    holds = await holder(cast.alice)
    options = await passkeys.begin_adding(holds.actor)
    monkeypatch.setattr(passkeys, "MAX_PASSKEYS", 1)
    with pytest.raises(Conflict):
        await passkeys.finish_adding(holds.actor, "More", Authenticator().make(options))
    with pytest.raises(Conflict):
        await passkeys.begin_adding(holds.actor)


# What cannot be verified

WRONG = {
    "another origin": Authenticator(origin="http://evil.test"),
    "another port": Authenticator(origin="http://localhost:3001"),
    "another scheme": Authenticator(origin="https://localhost:3000"),
    "another relying party": Authenticator(rp_id="evil.test"),
    "the port in the relying party": Authenticator(rp_id="localhost:3000"),
    "a frame of another origin": Authenticator(cross_origin=True),
    "nobody present": Authenticator(present=False),
    "user not verified": Authenticator(verified=False),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_a_new_passkey_is_not_stored_for(cast: Cast, wrong: Authenticator):
    alice = await signed_in(cast.alice)
    with pytest.raises(Forbidden):
        await passkeys.finish_adding(alice, "Wrong", wrong.make(await passkeys.begin_adding(alice)))
    assert await passkeys.list_mine(alice) == ()
    assert await sessions.actor_of(alice.session) == alice


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_nobody_is_let_in_for(cast: Cast, wrong: Authenticator):
    holds = await holder(cast.alice)
    key = copy.copy(wrong)
    key.credential_id, key.handle, key.key, key.count = holds.key.credential_id, holds.key.handle, holds.key.key, 50
    cookie = await holds.pending()
    with pytest.raises(Forbidden):
        await second_factor.finish(cookie, key.show(await second_factor.begin(cookie)))
    with pytest.raises(Forbidden):
        await signs_in(key)
    assert await sessions.actor(cookie) is None
    assert await shows(holds, cookie)  # and the right one still is


async def test_a_signature_of_another_key_is_refused_and_counts_for_nothing(cast: Cast):
    holds = await holder(cast.alice)
    forged = Authenticator(credential_id=holds.key.credential_id, handle=holds.key.handle, count=500)
    cookie = await holds.pending()
    with pytest.raises(Forbidden):
        await second_factor.finish(cookie, forged.show(await second_factor.begin(cookie)))
    forged.count = -1  # 0 at its next use: a count that went back, behind no signature
    with pytest.raises(Forbidden, match="could not be verified"):
        await second_factor.finish(cookie, forged.show(await second_factor.begin(cookie)))
    assert "passkey.refused" not in [did for did, _ in await log_of(cast.alice)]
    assert await shows(holds, cookie)


async def test_an_answer_of_one_ceremony_is_none_of_another(cast: Cast):
    holds = await holder(cast.alice)
    with pytest.raises(Forbidden):  # shown where one is made
        await passkeys.finish_adding(holds.actor, "x", holds.key.show(await passkeys.begin_adding(holds.actor)))
    cookie = await holds.pending()
    with pytest.raises(Forbidden, match="used already"):  # for signing in alone, as the second factor
        await second_factor.finish(cookie, holds.key.show(await passkeys.begin_sign_in(BROWSER)))
    with pytest.raises(Forbidden, match="used already"):
        await passkeys.finish_sign_in(BROWSER, holds.key.show(await second_factor.begin(cookie)))
    bob = await signed_in(cast.bob)
    with pytest.raises(Forbidden, match="used already"):
        await passkeys.finish_adding(bob, "x", Authenticator().make(await passkeys.begin_adding(holds.actor)))


async def test_a_challenge_works_once_and_for_the_session_that_asked(cast: Cast):
    holds = await holder(cast.alice)
    cookie, other = await holds.pending(), await holds.pending()
    answer = holds.key.show(await second_factor.begin(cookie))
    with pytest.raises(Forbidden, match="used already"):
        await second_factor.finish(other, answer)
    with pytest.raises(Forbidden, match="used already"):  # using it up in vain is using it up
        await second_factor.finish(cookie, answer)
    answer = holds.key.show(await second_factor.begin(cookie))
    assert await second_factor.finish(cookie, answer)
    with pytest.raises(Forbidden, match="used already"):
        await second_factor.finish(other, answer)


async def test_a_challenge_of_signing_in_alone_belongs_to_the_browser_that_asked(cast: Cast):
    holds = await holder(cast.alice)
    answer = holds.key.show(await passkeys.begin_sign_in(BROWSER))
    with pytest.raises(Forbidden, match="used already"):
        await passkeys.finish_sign_in("another browser", answer)


async def test_a_challenge_ends_after_ten_minutes(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    holds = await holder(cast.alice)
    answer = holds.key.show(await passkeys.begin_sign_in(BROWSER))
    at = ceremonies.now()
    monkeypatch.setattr(ceremonies, "now", lambda: at + timedelta(minutes=10, seconds=1))
    with pytest.raises(Forbidden, match="older than ten minutes"):
        await passkeys.finish_sign_in(BROWSER, answer)


async def test_a_challenge_of_nobodys_is_refused(cast: Cast):
    holds = await holder(cast.alice)
    with pytest.raises(Forbidden, match="used already"):
        await passkeys.finish_sign_in(BROWSER, holds.key.show({"challenge": encode(bytes(32))}))


BROKEN: list[Any] = [None, 5, True, "", "é", "A", "AAAA", [], {}, ["AAAA"], {"a": 1}, "\ud800", "x" * 70_000]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda value: repr(value)[:12])
async def test_whatever_a_client_sends_in_place_of_a_part_is_refused_in_words(cast: Cast, broken: Any):
    holds, bob = await holder(cast.alice), await signed_in(cast.bob)
    for part in ("", "id", "rawId", "type", "response", "clientDataJSON", "attestationObject"):
        answer = _with(Authenticator().make(await passkeys.begin_adding(bob)), part, broken)
        with pytest.raises(Forbidden):
            await passkeys.finish_adding(bob, "x", answer)
    for part in ("", "id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "signature", "userHandle"):
        with pytest.raises(Forbidden):
            await passkeys.finish_sign_in(BROWSER, _with(holds.key.show(await passkeys.begin_sign_in(BROWSER)), part, broken))


def _with(answer: dict[str, Any], part: str, value: Any) -> Any:
    if not part:
        return value
    if part in answer:
        return {**answer, part: value}
    return {**answer, "response": {**answer["response"], part: value}}


@pytest.mark.parametrize("shape", ["a key off its curve", "an unknown algorithm", "no key", "an empty id", "an id that is too long"])
async def test_a_passkey_that_could_never_be_shown_is_not_stored(cast: Cast, shape: str):
    alice, key = await signed_in(cast.alice), Authenticator()
    if shape == "an empty id":
        key.credential_id = b""
    elif shape == "an id that is too long":
        key.credential_id = bytes(1024)
    else:
        off = {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: b"\1" * 32}
        coded = {"a key off its curve": off, "an unknown algorithm": {**off, 3: -999}, "no key": {}}[shape]
        key.public_key = lambda: cbor2.dumps(coded)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(Forbidden):
        await passkeys.finish_adding(alice, "x", key.make(await passkeys.begin_adding(alice)))
    assert await passkeys.list_mine(alice) == ()


# Signing in with a passkey alone


async def test_a_passkey_alone_names_its_user_and_the_workspace_used_last(cast: Cast):
    holds = await holder(cast.alice)
    options = await passkeys.begin_sign_in(BROWSER)
    assert options["allowCredentials"] == []  # tells nobody who has a passkey
    assert options["userVerification"] == "required"
    assert await passkeys.finish_sign_in(BROWSER, holds.key.show(options)) == (cast.alice.user_id, cast.alice.workspace_id)
    (row,) = await passkeys.list_mine(holds.actor)
    assert row.last_used_at is not None


async def test_without_a_user_handle_or_with_another_users_nobody_is_signed_in(cast: Cast):
    holds, bob = await holder(cast.alice), await holder(cast.bob)
    for handle in (None, encode(bob.key.handle), encode(b"nobody")):
        with pytest.raises(Forbidden, match="not known here"):
            await signs_in(holds.key, userHandle=handle)


async def test_a_removed_passkey_opens_nothing(cast: Cast):
    holds = await holder(cast.alice)
    key = await add(holds, "Phone")
    cookie = await holds.pending()
    options = await second_factor.begin(cookie)
    await passkeys.remove_mine(holds.actor, next(row.id for row in await passkeys.list_mine(holds.actor) if row.name == "Phone"))
    with pytest.raises(Forbidden, match="not known here"):
        await second_factor.finish(cookie, key.show(options))
    with pytest.raises(Forbidden, match="not known here"):
        await signs_in(key)


async def test_a_disabled_user_gets_in_by_none_of_it(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    options, alone = await second_factor.begin(cookie), await passkeys.begin_sign_in(BROWSER)
    async with transaction() as db:
        await db.exec(update(User).where(col(User.id) == cast.alice.user_id).values(disabled_at=sessions.now()))
    with pytest.raises(Forbidden, match="disabled"):
        await passkeys.finish_sign_in(BROWSER, holds.key.show(alone))
    with pytest.raises(Unauthenticated):
        await second_factor.finish(cookie, holds.key.show(options))
    with pytest.raises(Unauthenticated):
        await second_factor.redeem(cookie, holds.codes[0])


async def test_whoever_is_in_no_workspace_any_more_is_told_so(cast: Cast):
    holds = await holder(cast.bob)
    cookie = await holds.pending()
    await _remove_memberships(cast.bob)
    with pytest.raises(Forbidden, match=r"in no workspace here any more\. Ask for an invitation"):
        await signs_in(holds.key)
    with pytest.raises(Forbidden, match="in no workspace here any more"):
        await shows(holds, cookie)
    with pytest.raises(Forbidden, match="in no workspace here any more"):
        await second_factor.redeem(cookie, holds.codes[0])
    async with reading() as db:
        assert await recovery_codes.left(db, cast.bob.user_id) == 10  # not used up in vain


async def _remove_memberships(actor: Actor, *, but: int = 0) -> None:
    async with transaction() as db:
        await db.exec(delete(Membership).where(col(Membership.user_id) == actor.user_id, col(Membership.workspace_id) != but))


async def test_a_session_whose_workspace_was_lost_while_it_waited_goes_on_in_another(cast: Cast):
    holds = await holder(cast.bob)
    cookie = await holds.pending()
    async with transaction() as db:
        db.add(Membership(workspace_id=cast.charlie.workspace_id, user_id=cast.bob.user_id, role="viewer"))
    await _remove_memberships(cast.bob, but=cast.charlie.workspace_id)
    actor = await sessions.actor(f"seam={await shows(holds, cookie)}")
    assert actor is not None
    assert actor.workspace_id == cast.charlie.workspace_id


# Counts


@pytest.mark.parametrize(
    ("stored", "shown", "let_in"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False), (2**32 - 1, 2**32 - 1, False)],
)
async def test_a_count_that_does_not_go_up_is_a_copy_unless_the_passkey_does_not_count(cast: Cast, stored: int, shown: int, let_in: bool):
    holds = await holder(cast.alice)
    async with transaction() as db:
        await db.exec(update(Passkey).values(sign_count=stored))
    for alone in (False, True):
        cookie = await holds.pending()
        holds.key.count = shown - 1 + (alone and let_in and shown > 0)  # goes up by one as it is used
        if shown == 0:
            holds.key.count = None
        if let_in:
            assert await (signs_in(holds.key) if alone else shows(holds, cookie))
        else:
            with pytest.raises(Forbidden, match="may be a copy"):
                await (signs_in(holds.key) if alone else shows(holds, cookie))
            assert await sessions.actor(cookie) is None
            assert (await log_of(cast.alice))[-1] == ("passkey.refused", "Laptop")
    async with reading() as db:
        (count,) = (await db.exec(select(Passkey.sign_count))).all()
    assert count == (stored if not let_in else shown + (shown > 0))


# The second factor


async def test_showing_the_passkey_lets_the_session_in_under_a_new_secret(cast: Cast, told: list[Any]):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    assert await sessions.actor(cookie) is None
    waits = await second_factor.waiting(cookie)
    assert waits == second_factor.Waiting("Alice", 10)
    told.clear()
    secret = await shows(holds, cookie)
    actor = await sessions.actor(f"seam={secret}")
    assert actor is not None
    assert actor.second_factor
    assert (await sessions.actor(cookie), await sessions.pending(cookie)) == (None, None)
    assert told == [(frozenset({sessions.digest(cookie.removeprefix("seam="))}), Ended.CHANGED)]
    assert (await log_of(cast.alice))[-1] == ("user.second_factor", "Laptop")


async def test_the_options_name_the_users_passkeys_only(cast: Cast):
    holds, bob = await holder(cast.alice), await holder(cast.bob)
    phone = await add(holds, "Phone")
    options = await second_factor.begin(await holds.pending())
    assert {decode(one["id"]) for one in options["allowCredentials"]} == {holds.key.credential_id, phone.credential_id}
    assert bob.key.credential_id not in {decode(one["id"]) for one in options["allowCredentials"]}
    assert options["userVerification"] == "required"


async def test_a_passkey_without_a_handle_will_do_where_the_user_is_known(cast: Cast):
    holds = await holder(cast.alice)
    assert await shows(holds, await holds.pending(), userHandle=None)


async def test_another_users_passkey_is_no_second_factor(cast: Cast):
    holds, bob = await holder(cast.alice), await holder(cast.bob)
    cookie = await holds.pending()
    for handle in (encode(bob.key.handle), encode(holds.key.handle), None):
        with pytest.raises(Forbidden, match="not known here"):
            await second_factor.finish(cookie, bob.key.show(await second_factor.begin(cookie), userHandle=handle))
    assert await sessions.actor(cookie) is None


async def test_only_a_pending_session_is_asked(cast: Cast):
    holds = await holder(cast.alice)
    for cookie in ("", "seam=" + "x" * 43, holds.cookie, await session_of(cast.bob)):
        assert await second_factor.waiting(cookie) is None
        for asked in (second_factor.begin(cookie), second_factor.finish(cookie, {}), second_factor.redeem(cookie, holds.codes[0])):
            with pytest.raises(Unauthenticated):
                await asked


async def test_a_sign_in_that_was_ended_meanwhile_is_not_revived(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    options = await second_factor.begin(cookie)
    await sessions.revoke(cookie)
    with pytest.raises(Unauthenticated):
        await second_factor.finish(cookie, holds.key.show(options))
    with pytest.raises(Unauthenticated):
        await second_factor.redeem(cookie, holds.codes[0])


async def test_a_one_time_link_counts_as_the_second_factor(cast: Cast):
    await holder(cast.alice)
    actor = await sessions.actor(await session_of(cast.alice, second_factor=True))
    assert actor is not None
    assert actor.second_factor


async def test_guessing_ends_soon_for_the_account_whatever_the_session(cast: Cast):
    holds = await holder(cast.alice)
    for _ in range(30):
        with pytest.raises(Invalid):
            await second_factor.redeem(await holds.pending(), "AAAAA-AAAAA-AAAAA")
    with pytest.raises(Limited) as limited:
        await second_factor.redeem(await holds.pending(), "AAAAA-AAAAA-AAAAA")
    assert limited.value.retry_after_s > 0
    with pytest.raises(Limited):  # the right one neither, for now
        await second_factor.redeem(await holds.pending(), holds.codes[0])
    bob = await holder(cast.bob)
    assert await second_factor.redeem(await bob.pending(), bob.codes[0])


# One's own passkeys


async def test_renaming_is_logged_with_both_names(cast: Cast):
    holds = await holder(cast.alice)
    await passkeys.rename_mine(holds.actor, holds.passkey_id, " Desk ")
    assert [row.name for row in await passkeys.list_mine(holds.actor)] == ["Desk"]
    async with reading() as db:
        event = (await db.exec(select(AuditEvent).where(AuditEvent.action == "passkey.renamed"))).one()
    assert (event.before, event.after) == ("Laptop", "Desk")


async def test_anothers_passkey_is_answered_as_one_that_does_not_exist(cast: Cast):
    alice = await holder(cast.alice)
    charlie = await holder(cast.charlie)
    missing: list[Any] = [alice.passkey_id, "no-such-passkey1", "", "x" * 5000, "\ud800", None, 7, ["a"], {"a": 1}]
    for passkey_id in missing:
        for attempt in (passkeys.rename_mine(charlie.actor, passkey_id, "Mine"), passkeys.remove_mine(charlie.actor, passkey_id)):
            with pytest.raises(NotFound, match=passkeys.NO_SUCH.replace(".", r"\.")):
                await attempt
    assert [row.name for row in await passkeys.list_mine(alice.actor)] == ["Laptop"]


async def test_the_only_way_in_cannot_be_removed(cast: Cast):
    holds = await holder(cast.bob)
    with pytest.raises(Conflict, match="“Laptop” is your only way in"):
        await passkeys.remove_mine(holds.actor, holds.passkey_id)
    await add(holds, "Phone")
    await passkeys.remove_mine(holds.actor, holds.passkey_id)
    assert [row.name for row in await passkeys.list_mine(holds.actor)] == ["Phone"]


@pytest.mark.parametrize("configured", [True, False])
async def test_an_identity_is_another_way_in_while_its_provider_is_configured(cast: Cast, configure: pytest.MonkeyPatch, configured: bool):
    holds = await holder(cast.bob)
    async with transaction() as db:
        db.add(Identity(user_id=cast.bob.user_id, provider="github", issuer="https://github.com", subject="7"))
    if configured:
        configure.setenv("SEAMWATCH_GITHUB_CLIENT_ID", "id")
        configure.setenv("SEAMWATCH_GITHUB_CLIENT_SECRET", "secret")
    settings._settings.cache_clear()
    if configured:
        await passkeys.remove_mine(holds.actor, holds.passkey_id)
        assert await passkeys.list_mine(holds.actor) == ()
    else:
        with pytest.raises(Conflict):
            await passkeys.remove_mine(holds.actor, holds.passkey_id)


async def test_with_the_last_passkey_go_its_codes_and_the_sessions_that_waited(cast: Cast, told: list[Any]):
    async with transaction() as db:
        db.add(Installation(owner_id=cast.alice.user_id, workspace_id=cast.alice.workspace_id))
    holds = await holder(cast.alice)
    waiting = await holds.pending()
    told.clear()
    await passkeys.remove_mine(holds.actor, holds.passkey_id)
    assert await recovery_codes.recovery_codes_left(holds.actor) == 0
    assert await sessions.actor(waiting) is None  # whoever had the first factor only is not let in by it
    assert told == [(frozenset({sessions.digest(waiting.removeprefix("seam="))}), Ended.REVOKED)]
    assert await sessions.actor(holds.cookie) == holds.actor
    assert await sessions.actor(await session_of(cast.alice))  # the next sign-in needs no passkey


async def test_a_session_that_showed_no_second_factor_changes_nothing(cast: Cast):
    remembered = await signed_in(cast.alice)
    holds = await holder(cast.alice)
    for attempt in (
        passkeys.rename_mine(remembered, holds.passkey_id, "Mine"),
        passkeys.remove_mine(remembered, holds.passkey_id),
        recovery_codes.make_recovery_codes(remembered),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_nobody_and_tokens_have_no_passkeys(cast: Cast):
    token = replace(cast.alice, token="t", second_factor=True)
    for actor, error in ((None, Unauthenticated), (token, Forbidden)):
        for attempt in (
            passkeys.list_mine(actor),
            passkeys.rename_mine(actor, "x", "y"),
            passkeys.remove_mine(actor, "x"),
            passkeys.begin_adding(actor),
            passkeys.finish_adding(actor, "x", {}),
            recovery_codes.recovery_codes_left(actor),
            recovery_codes.make_recovery_codes(actor),
        ):
            with pytest.raises(error):
                await attempt


async def test_no_challenge_code_or_secret_stands_in_the_database_as_it_is(cast: Cast, database: Any):
    holds = await holder(cast.alice)
    options = await passkeys.begin_sign_in(BROWSER)
    stored = b"".join(path.read_bytes() for path in database.glob("seamwatch.db*"))
    assert encode(holds.key.credential_id).encode() not in stored
    codes = [typed for code in holds.codes for typed in (code, code.replace("-", ""))]
    for secret in (options["challenge"], BROWSER, holds.cookie.removeprefix("seam="), *codes):
        assert secret.encode() not in stored
    async with reading() as db:
        assert (await db.exec(select(WebSession.id))).all()

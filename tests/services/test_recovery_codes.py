"""Recovery codes: ten, each once, however it is typed."""

import asyncio
import re

import pytest
from sqlmodel import col, select

from app.db import reading
from app.models import AuditEvent
from app.services import recovery_codes, second_factor, sessions
from app.services.errors import Conflict, Invalid
from tests.conftest import Cast
from tests.services.passkey_holders import holder, session_of, signed_in


async def test_a_code_has_75_random_bits_in_letters_that_are_not_confused(cast: Cast):
    codes = (await holder(cast.alice)).codes
    assert len(codes) == 10
    for code in codes:
        assert re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{5}-){2}[0-9A-HJKMNP-TV-Z]{5}", code)


async def test_a_code_lets_the_session_in_once_under_a_new_secret_and_is_logged(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    redeemed = await second_factor.redeem(cookie, holds.codes[3])
    assert redeemed.codes_left == 9
    actor = await sessions.actor(f"seam={redeemed.secret}")
    assert actor is not None
    assert actor.second_factor
    assert await sessions.actor(cookie) is None
    async with reading() as db:
        event = (await db.exec(select(AuditEvent).order_by(col(AuditEvent.id).desc()).limit(1))).one()
    assert (event.action, event.before, event.after) == ("recovery_codes.used", "10 left", "9 left")
    assert holds.codes[3] not in f"{event.target}{event.before}{event.after}"
    again = await holds.pending()
    with pytest.raises(Invalid, match="used already"):
        await second_factor.redeem(again, holds.codes[3])
    assert await sessions.actor(again) is None


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: f"  {code.replace('-', ' ')}\n",
        lambda code: code.replace("0", "o").replace("1", "l"),
    ],
)
async def test_it_counts_however_it_is_typed(cast: Cast, typed):
    holds = await holder(cast.alice)
    assert (await second_factor.redeem(await holds.pending(), typed(holds.codes[0]))).codes_left == 9


@pytest.mark.parametrize("typed", ["", "-", "AAAAA-AAAAA-AAAAA", "é" * 15, "\ud800", "x" * 10_000, "' OR 1=1 --"])
async def test_what_is_no_code_is_refused(cast: Cast, typed: str):
    holds = await holder(cast.alice)
    with pytest.raises(Invalid, match="none of your recovery codes"):
        await second_factor.redeem(await holds.pending(), typed)
    assert await recovery_codes.recovery_codes_left(holds.actor) == 10


async def test_anothers_code_is_none_of_mine_and_stays_theirs(cast: Cast):
    alice, bob = await holder(cast.alice), await holder(cast.bob)
    with pytest.raises(Invalid):
        await second_factor.redeem(await bob.pending(), alice.codes[0])
    assert await recovery_codes.recovery_codes_left(alice.actor) == 10


async def test_of_two_uses_at_once_one_counts(cast: Cast):
    holds = await holder(cast.alice)
    cookies = [await holds.pending() for _ in range(3)]
    results = await asyncio.gather(*(second_factor.redeem(cookie, holds.codes[0]) for cookie in cookies), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Invalid", "Invalid", "Redeemed"]


async def test_of_two_codes_in_one_session_at_once_one_is_used(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    results = await asyncio.gather(*(second_factor.redeem(cookie, code) for code in holds.codes[:2]), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Redeemed", "Unauthenticated"]
    assert await recovery_codes.recovery_codes_left(holds.actor) == 9


async def test_new_codes_take_the_place_of_the_old(cast: Cast):
    holds = await holder(cast.alice)
    await second_factor.redeem(await holds.pending(), holds.codes[0])
    new = await recovery_codes.make_recovery_codes(holds.actor)
    assert len(set(new)) == 10
    assert not set(new) & set(holds.codes)
    assert await recovery_codes.recovery_codes_left(holds.actor) == 10
    with pytest.raises(Invalid):
        await second_factor.redeem(await holds.pending(), holds.codes[1])
    assert (await second_factor.redeem(await holds.pending(), new[0])).codes_left == 9


async def test_without_a_passkey_there_is_nothing_a_code_could_stand_in_for(cast: Cast):
    alice = await signed_in(cast.alice)
    with pytest.raises(Conflict, match="Add a passkey first"):
        await recovery_codes.make_recovery_codes(alice)
    by_link = await sessions.actor(await session_of(cast.alice, second_factor=True))
    with pytest.raises(Conflict):
        await recovery_codes.make_recovery_codes(by_link)
    assert await recovery_codes.recovery_codes_left(alice) == 0


def test_codes_do_not_repeat():
    assert len({recovery_codes._new() for _ in range(1000)}) == 1000

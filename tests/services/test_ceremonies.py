"""What is remembered between leaving and coming back: once, for ten minutes, sealed."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select, update

from app import db
from app.models import Ceremony, now
from app.services import ceremonies

pytestmark = pytest.mark.usefixtures("database")
KEY = "test|0123456789abcdef0123456789abcdef"


async def test_a_value_is_taken_once():
    await ceremonies.begin(KEY, {"challenge": "é"})
    assert await ceremonies.take(KEY) == {"challenge": "é"}
    assert await ceremonies.take(KEY) is None


async def test_looking_takes_nothing():
    await ceremonies.begin(KEY, {"a": "b"})
    assert await ceremonies.peek(KEY) == await ceremonies.peek(KEY) == await ceremonies.take(KEY) == {"a": "b"}
    assert await ceremonies.peek(KEY) is None


async def test_of_many_takers_at_once_one_gets_it():
    await ceremonies.begin(KEY, {"a": "b"})
    taken = await asyncio.gather(*(ceremonies.take(KEY) for _ in range(8)))
    assert sum(value is not None for value in taken) == 1


async def test_beginning_again_replaces_the_value():
    await asyncio.gather(*(ceremonies.begin(KEY, {"n": str(number)}) for number in range(4)))
    assert await ceremonies.take(KEY) is not None
    assert await ceremonies.take(KEY) is None


async def test_an_expired_value_is_gone():
    await ceremonies.begin(KEY, {"a": "b"})
    async with db.transaction() as session:
        [row] = (await session.exec(select(Ceremony))).all()
        assert timedelta(minutes=9) < row.expires_at - now() <= timedelta(minutes=10)
        await session.exec(update(Ceremony).values(expires_at=now() - timedelta(milliseconds=1)))
    assert await ceremonies.peek(KEY) is None
    assert await ceremonies.take(KEY) is None


async def test_neither_key_nor_value_can_be_read_in_the_database():
    await ceremonies.begin(KEY, {"verifier": "the-verifier"})
    async with db.reading() as session:
        [row] = (await session.exec(select(Ceremony))).all()
    assert KEY not in row.model_dump_json()
    assert "the-verifier" not in row.model_dump_json()


async def test_a_value_whose_key_was_lost_counts_as_expired(database: Path):
    await ceremonies.begin(KEY, {"a": "b"})
    (database / "vault_keys").unlink()
    assert await ceremonies.peek(KEY) is None
    assert await ceremonies.take(KEY) is None

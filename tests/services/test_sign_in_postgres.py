"""Signing in on a real PostgreSQL server, where transactions run side by side."""

import asyncio

import pytest
from sqlmodel import select

from app import db
from app.models import Identity, Membership, User, Workspace
from app.services import accounts, ceremonies, sessions
from app.services.arrival import Arrival
from app.settings import _settings

DANA = Arrival("github", "https://github.com", "1", "Dana Vega", "dana@team.example", True, label="dana")


@pytest.fixture
def server(migrated_postgres: str, configure: pytest.MonkeyPatch) -> None:
    """PostgreSQL with our tables, and a Seamwatch that anybody may join."""
    for name, value in {"JOIN_OPEN": "on", "GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "secret"}.items():
        configure.setenv(f"SEAMWATCH_{name}", value)
    _settings.cache_clear()


async def test_signing_in_side_by_side(server: None):
    # One identity, many at once: one user, and nothing of the others is left behind.
    arrived = await asyncio.gather(*(accounts.arrive(DANA) for _ in range(8)))
    assert len(set(arrived)) == 1
    async with db.reading() as session:
        counts = [len((await session.exec(select(model))).all()) for model in (User, Identity, Membership, Workspace)]
    assert counts == [1, 1, 1, 1]

    # A value is taken once.
    key = "test|0123456789abcdef0123456789abcdef"
    await asyncio.gather(*(ceremonies.begin(key, {"n": str(number)}) for number in range(8)))
    taken = await asyncio.gather(*(ceremonies.take(key) for _ in range(8)))
    assert sum(value is not None for value in taken) == 1

    # Of two ways in that are removed at once, one stays.
    secret = await sessions.create(arrived[0].user_id, arrived[0].workspace_id, "github")
    dana = await sessions.actor(f"seam={secret}")
    assert dana is not None
    await accounts.arrive(Arrival("github", "https://github.com", "2", label="vega"), link_user_id=dana.user_id)
    ids = [row.id for row in (await accounts.profile(dana)).identities]
    results = await asyncio.gather(*(accounts.unlink(dana, one) for one in ids), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]

    # Times come back aware, and ended sessions are named.
    [row] = await sessions.list_mine(dana)
    assert row.expires_at.tzinfo is not None
    assert await sessions.end_everywhere(dana) == 1

"""What we remember between sending a browser away to prove something and its coming back: OAuth's state, a passkey's challenge.

Each row is single use: of two that take it at once, one gets it. The key is stored as its SHA-256, the value sealed by the vault.
"""

import json
from datetime import timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, delete, select

from app.db import reading, transaction
from app.models import Ceremony, now
from app.services import vault
from app.services.sessions import digest
from app.settings import settings

LIFETIME = timedelta(minutes=10)
_PURPOSE = "ceremony"


async def begin(key: str, value: dict[str, str], lifetime: timedelta = LIFETIME) -> None:
    """Remember the value under this key, in place of what the key held.

    The key must be a secret of at least 128 random bits, or hold one: whoever knows it can take the value.
    """
    row = {"value": vault.seal(json.dumps(value), _PURPOSE), "expires_at": now() + lifetime}
    insert = sqlite.insert if settings().sqlite else postgresql.insert
    # In one statement: of two that begin under one key at the same moment, the later one counts.
    query = insert(Ceremony).values(key_hash=digest(key), **row).on_conflict_do_update(index_elements=["key_hash"], set_=row)
    async with transaction() as db:
        await db.exec(query)


async def take(key: str) -> dict[str, str] | None:
    """Return the value and forget it; None when the key is unknown, used or expired."""
    async with transaction() as db:
        query = delete(Ceremony).where(col(Ceremony.key_hash) == digest(key)).returning(col(Ceremony.value), col(Ceremony.expires_at))
        row = (await db.exec(query)).first()
    return _open(row[0]) if row and row[1] > now() else None


async def peek(key: str) -> dict[str, str] | None:
    """Return the value and keep it: for a page that shows what will be confirmed."""
    async with reading() as db:
        query = select(Ceremony.value).where(Ceremony.key_hash == digest(key), Ceremony.expires_at > now())
        sealed = (await db.exec(query)).first()
    return _open(sealed) if sealed else None


def _open(sealed: str) -> dict[str, str] | None:
    try:
        return json.loads(vault.unseal(sealed, _PURPOSE))
    except vault.Sealed:
        return None  # the vault's key was changed meanwhile: as if it had expired

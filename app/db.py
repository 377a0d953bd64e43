"""The database: one asynchronous engine a process, and `transaction()`, the only place that commits."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from app.settings import settings

_WRITES = "seamwatch_writes"
# Pages of the write-ahead log after which they are written into the database, 16 MB: the later, the fewer are written twice. Who commits
# then waits for it; others write meanwhile.
_CHECKPOINT_PAGES = 4000


def make_engine(url: str) -> AsyncEngine:
    """Make an engine. SQLite: write-ahead log, foreign keys on, 10 s of patience with other writers."""
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10)
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
    engine = create_async_engine(url, connect_args={"timeout": 10})

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN is off; ours below says which kind of transaction is meant.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"wal_autocheckpoint={_CHECKPOINT_PAGES}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails with "database is locked" when another wrote in between, and
        # no timeout helps. So whoever means to write asks for the lock at the start.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine


@functools.cache
def engine() -> AsyncEngine:
    return make_engine(settings().database_url)


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncSession]:
    """Open a transaction that may write: committed at the end of the block, rolled back when it raises."""
    async with AsyncSession(engine().execution_options(**{_WRITES: True}), expire_on_commit=False) as session, session.begin():
        yield session


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncSession]:
    """Open a transaction that only reads; whatever it changed is rolled back."""
    # Closing rolls back, and unlike rollback() leaves what was read as it is.
    async with AsyncSession(engine(), expire_on_commit=False) as session:
        yield session


async def close() -> None:
    """Give back every connection. The next use of `engine()` opens a new pool."""
    if engine.cache_info().currsize:
        await engine().dispose()
        engine.cache_clear()

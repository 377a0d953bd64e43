"""Bring the database to the newest revision, or say that it is not there."""

import functools
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import engine
from app.settings import ROOT, settings


class NotMigrated(RuntimeError):
    """The database is older, or newer, than this program, and may not be changed without being asked."""


def _config() -> Config:
    return Config(Path(ROOT, "alembic.ini"))


def _current(connection: Connection) -> tuple[str, ...]:
    return tuple(sorted(MigrationContext.configure(connection).get_current_heads()))


async def upgrade(target: AsyncEngine | None = None) -> bool:
    """Migrate to the newest revision, in one transaction. Return whether there was anything to do."""

    def run(connection: Connection) -> bool:
        config = _config()
        config.attributes["connection"] = connection
        before = _current(connection)
        command.upgrade(config, "head")
        return _current(connection) != before

    # SQLite: the whole upgrade holds the write lock, so a second process that starts now waits and then has nothing to do.
    writing = (target or engine()).execution_options(seamwatch_writes=True)
    async with writing.begin() as connection:
        return await connection.run_sync(run)


@functools.cache
def _heads() -> tuple[str, ...]:
    """Return the newest revisions that this program knows. Kept: reading them opens files, and readiness asks often."""
    return tuple(sorted(ScriptDirectory.from_config(_config()).get_heads()))


async def is_current() -> bool:
    async with engine().connect() as connection:
        return await connection.run_sync(_current) == _heads()


async def at_start() -> None:
    """Make the database ready: an SQLite file is migrated, a server's database only by its operator.

    Raises:
        NotMigrated: for a server's database that is not at the newest revision; the text names the command.
    """
    if settings().sqlite:
        await upgrade()
    elif not await is_current():
        raise NotMigrated("The database is not at this program's revision. Back it up and run: python -m app migrate")

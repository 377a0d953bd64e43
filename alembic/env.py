"""How Alembic reaches the database: the app's own engine, so that SQLite migrates in one transaction as well.

Called by the `alembic` command and by `app.migrations`, which hands over a connection.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlmodel import AutoString, SQLModel, UTCDateTime

from app import models
from app.db import make_engine
from app.settings import settings

assert models.Scan.metadata is SQLModel.metadata


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Write SQLModel's types into migrations as SQLAlchemy's own: a migration must not change when a library does."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    return False


def migrate(connection: Connection) -> None:
    # Batch mode: SQLite cannot alter a column, so Alembic copies the table.
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    engine = make_engine(settings().database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(url=settings().database_url, target_metadata=SQLModel.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    migrate(given)
else:
    asyncio.run(connect_and_migrate())

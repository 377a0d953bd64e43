"""`python -m app migrate`: bring the database to this program's revision."""

import asyncio
from typing import Annotated

import typer


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 when there is something to do.")] = False,
) -> None:
    """Bring the database to this program's revision. SQLite is migrated at each start; PostgreSQL only by this."""
    raise typer.Exit(asyncio.run(_run(check)))


async def _run(check: bool) -> int:
    from app import db, migrations

    try:
        if check:
            current = await migrations.is_current()
            typer.echo("The database is at this program's revision." if current else "The database is not at this program's revision.")
            return 0 if current else 1
        changed = await migrations.upgrade()
        typer.echo("Migrated." if changed else "The database was at this program's revision already.")
        return 0
    except OSError as error:
        typer.echo(f"The database cannot be reached: {error}", err=True)
        return 2
    finally:
        await db.close()

"""`python -m app owner-link`: a fresh one-time link for the owner."""

import asyncio

import typer


def owner_link() -> None:
    """Print a link that signs you in as the owner: single use, 15 minutes."""
    typer.echo(asyncio.run(_issue()))


async def _issue() -> str:
    from app import db, migrations
    from app.services import owner_link as links

    try:
        await migrations.at_start()
        return await links.issue()
    except migrations.NotMigrated as error:
        raise SystemExit(str(error)) from None
    finally:
        await db.close()

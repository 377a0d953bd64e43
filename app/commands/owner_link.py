"""`python -m app owner-link` and `python -m app login-link USER`: fresh one-time links."""

import asyncio
from typing import Annotated

import typer


def owner_link() -> None:
    """Print a link that signs you in as the owner: single use, 15 minutes."""
    raise typer.Exit(asyncio.run(_issue(None)))


def login_link(user: Annotated[str, typer.Argument(help="E-mail address, name or id of the user whom the link signs in.")]) -> None:
    """Print a link that signs a user in who is locked out: single use, 15 minutes, without a second factor."""
    raise typer.Exit(asyncio.run(_issue(user)))


async def _issue(user: str | None) -> int:
    from app import db, migrations
    from app.services import login_links
    from app.services.errors import SeamwatchError

    try:
        await migrations.at_start()
        typer.echo(await login_links.issue(user))
        return 0
    except migrations.NotMigrated as error:
        raise SystemExit(str(error)) from None
    except login_links.Ambiguous as error:
        typer.echo(error.message, err=True)
        for one in error.candidates:
            typer.echo(f"  {one.id}  {one.name}{f' <{one.email}>' if one.email else ''}", err=True)
        return 1
    except SeamwatchError as error:
        typer.echo(error.message, err=True)
        return 1
    finally:
        await db.close()

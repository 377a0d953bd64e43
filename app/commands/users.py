"""What whoever has a shell does about accounts: one-time links, and who is locked out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

_User = Annotated[str, typer.Argument(help="E-mail address, name or id of the user.", metavar="USER")]


def owner_link() -> None:
    """Print a link that signs you in as the owner: single use, 15 minutes."""

    async def issue() -> str:
        from app.services import login_links

        return await login_links.issue()

    _run(issue)


def login_link(user: _User) -> None:
    """Print a link that signs a user in who is locked out: single use, 15 minutes, without a second factor."""

    async def issue() -> str:
        from app.services import login_links

        return await login_links.issue(user)

    _run(issue)


def disable_user(user: _User) -> None:
    """Lock a user out: every session and personal token ends. What they made stays."""

    async def disable() -> str:
        from app.services import users

        return f"{await users.disable(user)} is locked out. To let them in again: python -m app enable-user"

    _run(disable)


def enable_user(user: _User) -> None:
    """Let a disabled user in again."""

    async def enable() -> str:
        from app.services import users

        return f"{await users.enable(user)} may sign in again."

    _run(enable)


def _run(act: Callable[[], Awaitable[str]]) -> None:
    raise typer.Exit(asyncio.run(_acted(act)))


async def _acted(act: Callable[[], Awaitable[str]]) -> int:
    from app import db, migrations
    from app.services.errors import SeamwatchError
    from app.services.users import Ambiguous

    try:
        await migrations.at_start()
        typer.echo(await act())
        return 0
    except migrations.NotMigrated as error:
        raise SystemExit(str(error)) from None
    except Ambiguous as error:
        typer.echo(error.message, err=True)
        for one in error.candidates:
            typer.echo(f"  {one.id}  {one.name}{f' <{one.email}>' if one.email else ''}", err=True)
        return 1
    except SeamwatchError as error:
        typer.echo(error.message, err=True)
        return 1
    finally:
        await db.close()

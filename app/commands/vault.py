"""`python -m app vault-key` and `python -m app vault-rotate`: the keys that encrypt secrets at rest."""

import asyncio

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


def vault_key() -> None:
    """Print a new key for SEAMWATCH_VAULT_KEYS."""
    from app.services import vault

    typer.echo(vault.new_key())


def vault_rotate() -> None:
    """Encrypt every stored secret anew under a new key. Safe while Seamwatch runs; stopped, it is finished by running it again."""
    raise typer.Exit(asyncio.run(_rotate()))


async def _rotate() -> int:
    from app import db, migrations
    from app.services import vault_rotation
    from app.services.errors import SeamwatchError
    from app.settings import settings

    console = Console(stderr=True)
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True)
    tasks = {column.class_.__table__.name: bar.add_task(column.class_.__table__.name, total=None) for column in vault_rotation.SEALED}

    def show(progress: vault_rotation.Progress) -> None:
        bar.update(tasks[progress.table], completed=progress.seen, total=progress.of)

    try:
        if not await migrations.is_current():
            raise SystemExit("The database is not at this program's revision. Run `python -m app migrate` first.")
        with bar:
            done = await vault_rotation.rotate(show)
    except SeamwatchError as error:
        typer.echo(error.message, err=True)
        return 1
    except OSError as error:
        typer.echo(f"The keys or the database cannot be reached: {error}", err=True)
        return 2
    finally:
        await db.close()
    typer.echo(f"{_values(done.resealed)} encrypted anew; everything that can be read is under the newest key.")
    if done.dropped:
        typer.echo(f"{'A new key was made' if done.new_key else 'A rotation that was interrupted is finished'}, and the old one is gone.")
        typer.echo(f"Keep a copy of {settings().data_dir / 'vault_keys'}: backups of the database from now on need it.")
    if done.removable:
        keys = "the last key" if done.removable == 1 else f"the last {done.removable} keys"
        typer.echo(f"You may now remove {keys} from SEAMWATCH_VAULT_KEYS, and restart Seamwatch.")
        typer.echo("Did it run without the new key until now? Restart it with both first, and run this once more.")
    if done.unreadable:
        typer.echo(f"{_values(done.unreadable)} could not be opened by any key and stayed as they were: enter them again.", err=True)
        return 1
    return 0


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"

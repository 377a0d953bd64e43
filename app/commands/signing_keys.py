"""`python -m app rotate-signing-key`: a new key for access tokens."""

import asyncio
from typing import Annotated

import typer


def rotate_signing_key(
    compromised: Annotated[
        bool,
        typer.Option("--compromised", help="Trust the old keys no more: every access token ends now, and programs refresh theirs."),
    ] = False,
) -> None:
    """Sign access tokens with a new key from now on. Tokens of the old ones count until they expire, ten minutes at most."""
    typer.echo(f"Signing with the new key {asyncio.run(_rotate(compromised=compromised))}.")


async def _rotate(*, compromised: bool) -> str:
    from app import db, migrations
    from app.services import signing_keys

    try:
        await migrations.at_start()
        return await signing_keys.rotate(compromised=compromised)
    except migrations.NotMigrated as error:
        raise SystemExit(str(error)) from None
    finally:
        await db.close()

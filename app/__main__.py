"""The command line: `python -m app --help`. Each command imports what it needs when it runs, so that none pays for another."""

import typer

from app.commands import cors, migrate, scan, signing_keys, users, vault

cli = typer.Typer(
    name="seamwatch", no_args_is_help=True, add_completion=False, help="Find, explain and watch the seams of a web application."
)
cli.command("scan")(scan.scan)
cli.command("cors")(cors.cors)
cli.command("owner-link")(users.owner_link)
cli.command("login-link")(users.login_link)
cli.command("disable-user")(users.disable_user)
cli.command("enable-user")(users.enable_user)
cli.command("rotate-signing-key")(signing_keys.rotate_signing_key)
cli.command("vault-key")(vault.vault_key)
cli.command("vault-rotate")(vault.vault_rotate)
cli.command("migrate")(migrate.migrate)

if __name__ == "__main__":
    cli()

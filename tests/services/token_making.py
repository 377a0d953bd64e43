"""API tokens of the cast, and changes as another process makes them."""

from dataclasses import replace

from app import db
from app.services import bearers, tokens
from app.services.access import Actor
from app.services.tokens import NewToken


def signed_in(actor: Actor) -> Actor:
    return replace(actor, session="0" * 64)


async def change(*statements: object) -> None:
    """Change rows as another process would: what this one remembers stays until it is too old."""
    async with db.transaction() as session:
        for statement in statements:
            await session.exec(statement)  # pyright: ignore[reportCallIssue, reportArgumentType]


async def later(*statements: object) -> None:
    """Change rows, and let `CACHE_S` pass."""
    await change(*statements)
    bearers.forget()


async def personal(actor: Actor, *scopes: str, days: int = 90) -> tokens.MadeToken:
    return await tokens.make(signed_in(actor), NewToken("ci", scopes or ("scans:read",), days))


async def of_workspace(actor: Actor, role: str = "editor", *scopes: str, days: int | None = None) -> tokens.MadeToken:
    return await tokens.make(signed_in(actor), NewToken("deploy", scopes or ("scans:read",), days, role))

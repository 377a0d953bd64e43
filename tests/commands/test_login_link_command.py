"""`owner-link` and `login-link USER`, as whoever has a shell types them."""

import asyncio

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import db
from app.__main__ import cli
from app.models import User
from app.services import login_links
from app.services.access import Role
from tests.conftest import Cast, add_actor


async def run(*words: str) -> tuple[int, str]:
    """Run a command beside this test's event loop: it makes one of its own."""
    await db.close()
    result = await asyncio.to_thread(CliRunner().invoke, cli, words)
    return result.exit_code, result.output


async def test_the_link_that_is_printed_signs_the_user_in(cast: Cast):
    code, printed = await run("login-link", "Bob")
    assert (code, printed.count("\n")) == (0, 1)
    assert (await login_links.consume(printed.strip().partition("token=")[2])).user_id == cast.bob.user_id


async def test_without_a_user_it_is_the_owners(cast: Cast):
    code, printed = await run("owner-link")
    assert code == 0
    assert await login_links.usable(printed.strip().partition("token=")[2])


async def test_an_ambiguous_name_lists_whom_it_may_mean(cast: Cast):
    await add_actor("Bob", Role.OWNER)
    async with db.reading() as session:
        ids = (await session.exec(select(User.public_id).where(User.name == "Bob"))).all()
    code, printed = await run("login-link", "bob")
    assert code == 1
    assert all(one in printed for one in ids)
    assert "token=" not in printed


@pytest.mark.parametrize("nobody", ["Mallory", ""])
async def test_nobody_has_no_link(cast: Cast, nobody: str):
    code, printed = await run("login-link", nobody)
    assert (code, "There is no user" in printed) == (1, True)

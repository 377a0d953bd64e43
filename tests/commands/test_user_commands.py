"""`disable-user` and `enable-user`, as whoever has a shell types them."""

import pytest
from sqlmodel import select

from app import db
from app.models import AuditEvent, Installation
from app.services import bearers, login_links, sessions, tokens
from app.services.errors import Forbidden, Unauthenticated
from app.services.tokens import NewToken
from tests.commands.test_login_link_command import run
from tests.conftest import Cast


async def signed_in(cast: Cast) -> str:
    secret = await sessions.create(cast.bob.user_id, cast.bob.workspace_id, "login_link")
    return f"seam={secret}"


async def test_a_disabled_user_is_out_everywhere_until_enabled_again(cast: Cast):
    cookie = await signed_in(cast)
    bob = await sessions.actor(cookie)
    token = (await tokens.make(bob, NewToken("ci", ("scans:read",), 7, None))).secret
    assert await bearers.actor_of(token)
    link = (await run("login-link", "Bob"))[1].strip().partition("token=")[2]

    code, printed = await run("disable-user", "Bob")
    assert (code, "Bob is locked out" in printed) == (0, True)
    sessions._cache.clear()  # as it is in another process after five seconds
    bearers._cache.clear()
    assert await sessions.actor(cookie) is None
    with pytest.raises(Unauthenticated, match="disabled"):
        await bearers.actor_of(token)
    with pytest.raises(Forbidden):
        await login_links.consume(link)
    assert (await run("login-link", "Bob"))[0] == 1

    assert (await run("enable-user", "Bob"))[0] == 0
    assert await sessions.actor(cookie) is None  # what was ended stays ended
    bearers._cache.clear()
    assert await bearers.actor_of(token)
    async with db.reading() as session:
        did = (await session.exec(select(AuditEvent.action).where(AuditEvent.target == "Bob"))).all()
    assert {"user.disabled", "user.enabled"} <= set(did)


async def test_the_owner_of_the_installation_is_not_locked_out(cast: Cast):
    async with db.transaction() as session:
        session.add(Installation(owner_id=cast.alice.user_id, workspace_id=cast.alice.workspace_id))
    code, printed = await run("disable-user", "Alice")
    assert (code, "owns this Seamwatch" in printed) == (1, True)


@pytest.mark.parametrize(
    ("command", "user", "words"),
    [
        ("disable-user", "Mallory", "There is no user"),
        ("enable-user", "Mallory", "There is no user"),
        ("enable-user", "Bob", "is not disabled"),
    ],
)
async def test_what_cannot_be_done_is_said(cast: Cast, command: str, user: str, words: str):
    code, printed = await run(command, user)
    assert (code, words in printed) == (1, True)


async def test_who_is_disabled_is_not_disabled_again(cast: Cast):
    await run("disable-user", "Bob")
    code, printed = await run("disable-user", "Bob")
    assert (code, "disabled already" in printed) == (1, True)

"""Named secrets. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger with a workspace of his own."""

import asyncio
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from app import db
from app.models import AuditEvent, Secret, now
from app.services import stored_secrets
from app.services.access import Actor, Role, Scope
from app.services.errors import Forbidden, Invalid, Limited, NotFound, SeamwatchError, Unauthenticated
from app.services.stored_secrets import SecretRow
from app.services.vault import Sealed
from tests.conftest import Cast

VALUE = "s3cret-Grüße-✓"


async def rows() -> list[Secret]:
    async with db.reading() as session:
        return list((await session.exec(select(Secret).order_by(col(Secret.id)))).all())


async def did() -> list[tuple[str, str, str]]:
    async with db.reading() as session:
        events = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all()
    return [(event.actor_name, event.action, event.target) for event in events]


async def test_a_secret_is_listed_without_its_value_and_opened_where_it_is_used(cast: Cast):
    assert await stored_secrets.put(cast.bob, "SMTP_PASSWORD", VALUE) is False
    assert await stored_secrets.put(cast.alice, "api_key", "k") is False
    listed = await stored_secrets.list_(cast.alice)
    assert [(row.name, row.created_by, row.last_used_at) for row in listed] == [("api_key", "Alice", None), ("SMTP_PASSWORD", "Bob", None)]
    assert VALUE not in repr(listed)
    assert {field.name for field in fields(SecretRow)} == {"id", "name", "created_at", "updated_at", "last_used_at", "created_by"}
    assert await stored_secrets.value(cast.alice.workspace_id, "SMTP_PASSWORD") == VALUE
    assert VALUE not in (await rows())[0].sealed


async def test_a_value_put_again_replaces_the_first(cast: Cast):
    await stored_secrets.put(cast.alice, "A", "one")
    first = (await stored_secrets.list_(cast.alice))[0]
    assert await stored_secrets.put(cast.bob, "A", "two") is True
    (second,) = await stored_secrets.list_(cast.alice)
    assert (second.id, second.created_by, second.created_at) == (first.id, "Alice", first.created_at)
    assert second.updated_at > first.updated_at
    assert await stored_secrets.value(cast.alice.workspace_id, "A") == "two"


async def test_a_deleted_secret_is_gone(cast: Cast):
    await stored_secrets.put(cast.alice, "A", "one")
    (row,) = await stored_secrets.list_(cast.bob)
    await stored_secrets.delete(cast.bob, row.id)
    assert await rows() == []
    for again in (stored_secrets.delete(cast.bob, row.id), stored_secrets.value(cast.alice.workspace_id, "A")):
        with pytest.raises(NotFound):
            await again


async def test_what_happens_to_secrets_is_in_the_audit_log_without_their_values(cast: Cast):
    await stored_secrets.put(cast.alice, "A", "value-one")
    await stored_secrets.put(cast.bob, "A", "value-two")
    await stored_secrets.delete(cast.bob, (await stored_secrets.list_(cast.bob))[0].id)
    assert await did() == [("Alice", "secret.added", "A"), ("Bob", "secret.replaced", "A"), ("Bob", "secret.deleted", "A")]


async def test_the_last_use_is_known_to_the_minute_and_not_written_each_time(cast: Cast):
    await stored_secrets.put(cast.alice, "A", "one")
    await stored_secrets.value(cast.alice.workspace_id, "A")
    (row,) = await stored_secrets.list_(cast.alice)
    assert row.last_used_at is not None
    assert (row.last_used_at.second, row.last_used_at.microsecond) == (0, 0)
    assert timedelta(0) <= now() - row.last_used_at < timedelta(minutes=2)
    long_ago = now() - timedelta(hours=3)
    async with db.transaction() as session:
        await session.exec(update(Secret).values(last_used_at=long_ago))
    await stored_secrets.value(cast.alice.workspace_id, "A")
    assert ((await stored_secrets.list_(cast.alice))[0].last_used_at or long_ago) > long_ago


async def test_a_sealed_value_is_of_no_use_in_another_row(cast: Cast):
    await stored_secrets.put(cast.alice, "A", "alices")
    await stored_secrets.put(cast.alice, "B", "other")
    await stored_secrets.put(cast.charlie, "A", "charlies")
    sealed = (await rows())[0].sealed
    async with db.transaction() as session:
        await session.exec(update(Secret).values(sealed=sealed))
    assert await stored_secrets.value(cast.alice.workspace_id, "A") == "alices"
    for workspace_id, name in ((cast.alice.workspace_id, "B"), (cast.charlie.workspace_id, "A")):
        with pytest.raises(Sealed):
            await stored_secrets.value(workspace_id, name)


@pytest.mark.parametrize("name", ["", "1A", "_A", "A-B", "A B", "A\n", "Ä", "A" * 65, "a.b", None, 1, [], {"a": 1}, b"A"])
async def test_a_name_is_an_identifier(cast: Cast, name: object):
    with pytest.raises(Invalid) as raised:
        await stored_secrets.put(cast.alice, name, "value")  # pyright: ignore[reportArgumentType]
    assert raised.value.field == "name"


@pytest.mark.parametrize("value", ["", None, 1, [], {}, b"bytes", "\ud800", "x" * 8193, "é" * 4097])
async def test_a_value_is_text_of_at_most_8_kib(cast: Cast, value: object):
    with pytest.raises(Invalid) as raised:
        await stored_secrets.put(cast.alice, "A", value)  # pyright: ignore[reportArgumentType]
    assert raised.value.field == "value"
    assert await rows() == []


@pytest.mark.parametrize("value", ["x" * 8192, "é" * 4096, " ", "\0\n", "-----BEGIN KEY-----\nab\n"])
async def test_a_value_is_kept_as_it_was_given(cast: Cast, value: str):
    await stored_secrets.put(cast.alice, "A" * 64, value)
    assert await stored_secrets.value(cast.alice.workspace_id, "A" * 64) == value


async def test_a_workspace_has_so_many_secrets_and_no_more(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored_secrets, "AT_MOST", 3)
    for name in "ABC":
        await stored_secrets.put(cast.alice, name, "x")
    with pytest.raises(Limited, match="3 secrets"):
        await stored_secrets.put(cast.alice, "D", "x")
    assert await stored_secrets.put(cast.alice, "A", "y") is True
    await stored_secrets.put(cast.charlie, "D", "x")


async def test_of_many_puts_at_once_one_adds_and_the_others_replace(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored_secrets, "AT_MOST", 2)
    replaced = await asyncio.gather(*(stored_secrets.put(cast.alice, "A", f"value-{number}") for number in range(8)))
    assert sorted(replaced) == [False, *[True] * 7]
    assert len(await rows()) == 1
    results = await asyncio.gather(*(stored_secrets.put(cast.alice, f"B{number}", "x") for number in range(4)), return_exceptions=True)
    assert sum(isinstance(result, Limited) for result in results) == 3


async def answer(of: object) -> tuple[type, str]:
    try:
        await of  # pyright: ignore[reportGeneralTypeIssues]
    except SeamwatchError as error:
        return type(error), error.message
    return type(None), ""


async def test_charlie_neither_sees_nor_deletes_what_is_another_workspaces(cast: Cast):
    await stored_secrets.put(cast.alice, "A", "one")
    (row,) = await stored_secrets.list_(cast.alice)
    assert await stored_secrets.list_(cast.charlie) == ()
    theirs = await answer(stored_secrets.delete(cast.charlie, row.id))
    assert theirs == await answer(stored_secrets.delete(cast.charlie, "AAAAAAAAAAAAAAAA"))
    assert theirs[0] is NotFound
    with pytest.raises(NotFound):
        await stored_secrets.value(cast.charlie.workspace_id, "A")
    await stored_secrets.put(cast.charlie, "A", "two")
    assert await stored_secrets.value(cast.alice.workspace_id, "A") == "one"


@pytest.mark.parametrize("strange", [None, 1, [], {"a": 1}, "", "x" * 10_000, "' OR 1=1 --", "\x00", "\ud800"])
async def test_secret_ids_of_any_json_type_are_just_not_found(cast: Cast, strange: object):
    with pytest.raises(NotFound):
        await stored_secrets.delete(cast.alice, strange)  # pyright: ignore[reportArgumentType]


def refused(cast: Cast) -> list[tuple[Actor | None, type[SeamwatchError]]]:
    token = replace(cast.alice, token="t", scopes=frozenset({Scope.SCANS_READ, Scope.SCANS_WRITE}))
    return [(None, Unauthenticated), (replace(cast.bob, role=Role.VIEWER), Forbidden), (token, Forbidden)]


async def test_viewers_nobody_and_tokens_without_the_scope_do_nothing(cast: Cast):
    await stored_secrets.put(cast.alice, "A", "one")
    (row,) = await stored_secrets.list_(cast.alice)
    for actor, error in refused(cast):
        for use in (stored_secrets.list_(actor), stored_secrets.put(actor, "B", "x"), stored_secrets.delete(actor, row.id)):
            with pytest.raises(error):
                await use
    assert len(await rows()) == 1


async def test_a_token_with_the_scope_reads_names_and_puts_values(cast: Cast):
    reader = replace(cast.alice, token="t", scopes=frozenset({Scope.SECRETS_READ}))
    writer = replace(cast.alice, token="t", scopes=frozenset({Scope.SECRETS_WRITE}))
    await stored_secrets.put(writer, "A", "one")
    assert [row.name for row in await stored_secrets.list_(reader)] == ["A"]
    with pytest.raises(Forbidden):
        await stored_secrets.put(reader, "B", "x")

"""The audit log. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger with a workspace of his own."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine import Connection
from sqlmodel import col, select, update

from app import db
from app.models import AuditEvent, Workspace, now
from app.services import audit
from app.services.access import Actor, Role, Scope
from app.services.audit import WORDS, AuditFilter, AuditRow, Did
from app.services.errors import Forbidden, Invalid, Unauthenticated
from tests.conftest import Cast, add_actor


async def record(actor: Actor, did: Did, target: str = "", before: str = "", after: str = "") -> None:
    async with db.transaction() as session:
        audit.record(session, actor, did, target, before=before, after=after)


async def fill(actor: Actor, count: int, *, at: datetime | None = None, action: str = Did.SCAN_STARTED.value, target: str = "") -> None:
    """Add many lines, a second apart, the last at `at`."""
    at = at or now()
    same = {"workspace_id": actor.workspace_id, "actor_kind": "user", "actor_user_id": actor.user_id, "actor_name": actor.name}
    rows = [
        {**same, "action": action, "at": at - timedelta(seconds=count - number), "target": target or f"target {number}"}
        | {"before": "", "after": "", "address": ""}
        for number in range(count)
    ]
    async with db.transaction() as session:
        await (await session.connection()).execute(insert(AuditEvent), rows)


async def found(who: Actor, text: str = "", **more: object) -> list[str]:
    """Return the targets of what the filter chooses."""
    return [row.target for row in (await audit.list_(who, AuditFilter(text, **more))).rows]  # pyright: ignore[reportArgumentType]


async def text_of(pieces: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in pieces])


@pytest.fixture
def statements(cast: Cast) -> list[str]:
    """The SQL of this test, from here on, with its parameters filled in."""
    seen: list[str] = []
    event.listen(
        db.engine().sync_engine,
        "before_cursor_execute",
        lambda *arguments: seen.append((arguments[2], arguments[3])),  # type: ignore[arg-type]
    )
    return seen


def test_every_action_has_words():
    assert set(WORDS) == set(Did)
    assert all(words and words == words.strip() and not words.endswith(".") for words in WORDS.values())
    assert len(set(WORDS.values())) == len(WORDS)


async def test_a_line_says_who_did_what_from_what_to_what_and_from_where(cast: Cast):
    audit.ADDRESS.set("203.0.113.7")
    await record(cast.alice, Did.MEMBER_ROLE_CHANGED, "Bob", "viewer", "editor")
    (row,) = (await audit.list_(cast.alice)).rows
    assert (row.actor_kind, row.actor_name, row.action, row.action_words) == (
        "user", "Alice", "member.role_changed", "changed a member's role",
    )  # fmt: skip
    assert (row.target, row.before, row.after, row.address) == ("Bob", "viewer", "editor", "203.0.113.7")
    assert row.at.tzinfo is not None
    assert timedelta(0) <= now() - row.at < timedelta(minutes=1)


async def test_a_line_is_there_only_when_its_change_is(cast: Cast):
    async def change_and_fail() -> None:
        async with db.transaction() as session:
            audit.record(session, cast.alice, Did.SECRET_ADDED, "A")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert (await audit.list_(cast.alice)).rows == ()


async def test_tokens_and_seamwatch_itself_are_told_from_people(cast: Cast):
    await record(replace(cast.alice, token="abc", name="ci"), Did.SCAN_STARTED)
    async with db.transaction() as session:
        audit.system(session, cast.alice.workspace_id, Did.TOKEN_REUSED, "ci")
    rows = (await audit.list_(cast.alice)).rows
    assert [(row.actor_kind, row.actor_name) for row in rows] == [("system", "Seamwatch"), ("token", "ci")]


async def test_what_no_database_takes_is_stored_as_it_can_be(cast: Cast):
    await record(cast.alice, Did.SECRET_ADDED, "a\0b\ud800c", after="x" * 5000)
    (row,) = (await audit.list_(cast.alice)).rows
    assert row.target == "a\ufffdb?c"
    assert len(row.after) == 2000
    assert row.after.endswith("x…")


async def test_pages_lead_through_the_whole_log_once_newest_first(cast: Cast):
    await fill(cast.alice, 120)
    await fill(cast.charlie, 30)
    seen: list[AuditRow] = []
    before = 0
    sizes: list[int] = []
    while True:
        page = await audit.list_(cast.alice, AuditFilter(), before)
        seen += page.rows
        sizes.append(len(page.rows))
        if page.next is None:
            break
        before = page.next
        await fill(cast.alice, 1)  # what comes in meanwhile moves no page
    assert sizes == [50, 50, 20]
    assert [row.target for row in seen] == [f"target {number}" for number in reversed(range(120))]


async def test_a_page_that_is_just_full_is_the_last(cast: Cast):
    await fill(cast.alice, 50)
    page = await audit.list_(cast.alice)
    assert (len(page.rows), page.next) == (50, None)


@pytest.mark.parametrize("before", [None, "5", -1, True, 2**70, 1.5, [], {}])
async def test_any_cursor_gives_a_page(cast: Cast, before: object):
    await fill(cast.alice, 2)
    assert len((await audit.list_(cast.alice, AuditFilter(), before)).rows) == 2  # pyright: ignore[reportArgumentType]


async def test_text_is_found_in_every_part_of_a_line_whatever_its_case(cast: Cast):
    audit.ADDRESS.set("203.0.113.7")
    await record(replace(cast.alice, name="Zoë Ångström"), Did.SECRET_REPLACED, "SMTP_PASSWORD")
    await record(cast.bob, Did.MEMBER_ROLE_CHANGED, "Carol", "Viewer", "Admin")
    assert await found(cast.alice, "smtp_pass") == ["SMTP_PASSWORD"]
    for text in ("zoë", "ZOË", "ångström", "ÅNGSTRÖM", "Zoë ångström", "replaced a SECRET", "secret.replaced", "  zo  "):
        assert await found(cast.alice, text) == ["SMTP_PASSWORD"], text
    for text in ("bob", "CAROL", "view", "ADMIN", "Member's Role"):
        assert await found(cast.alice, text) == ["Carol"], text
    assert len(await found(cast.alice, "203.0.113")) == 2
    assert await found(cast.alice, "nobody") == []


@pytest.mark.parametrize("wild", ["%", "_", "/", "\\", "a%b", "a_b", "'", '"', "[a]", "a/%b"])
async def test_wildcards_in_a_search_are_ordinary_characters(cast: Cast, wild: str):
    await record(cast.alice, Did.PROFILE_CHANGED, "a-x-b")
    assert await found(cast.alice, wild) == []
    await record(cast.alice, Did.PROFILE_CHANGED, f"with {wild} in it")
    assert await found(cast.alice, wild) == [f"with {wild} in it"]


@pytest.mark.parametrize("strange", [None, 1, [], {"a": 1}, b"x"])
async def test_a_search_of_another_type_is_no_search(cast: Cast, strange: object):
    await record(cast.alice, Did.SCAN_STARTED, "x")
    assert await found(cast.alice, strange, action=strange, actor=strange) == ["x"]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("odd", ["x" * 100_000, "\0", "\ud800", "%" * 5000])
async def test_a_search_for_anything_is_answered(cast: Cast, odd: str):
    await record(cast.alice, Did.SCAN_STARTED, "x")
    assert await found(cast.alice, odd) == []


async def test_filters_choose_by_action_by_kind_of_action_by_actor_and_by_time(cast: Cast):
    await record(cast.alice, Did.SECRET_ADDED, "one")
    await record(cast.bob, Did.SECRET_DELETED, "two")
    await record(cast.bob, Did.SCAN_STARTED, "three")
    start = datetime(2026, 3, 29, tzinfo=UTC)
    async with db.transaction() as session:
        for days, target in enumerate(("one", "two", "three")):
            await session.exec(update(AuditEvent).where(col(AuditEvent.target) == target).values(at=start + timedelta(days=days)))
    assert await found(cast.alice, action="secret.added") == ["one"]
    assert await found(cast.alice, action="secret") == ["two", "one"]
    assert await found(cast.alice, action="secret.") == await found(cast.alice, action="nothing") == []
    assert await found(cast.alice, actor="BO") == ["three", "two"]
    assert await found(cast.alice, since=start + timedelta(days=1)) == ["three", "two"]
    assert await found(cast.alice, until=start + timedelta(days=1)) == ["one"]
    assert await found(cast.alice, "t", actor="bob", action="secret", since=start, until=start + timedelta(days=2)) == ["two"]


@pytest.mark.parametrize("moment", ["2026-03-29", 5, datetime(2026, 3, 29)])  # noqa: DTZ001
async def test_a_moment_without_a_zone_is_refused(cast: Cast, moment: object):
    for field in ("since", "until"):
        with pytest.raises(Invalid) as raised:
            await audit.list_(cast.alice, AuditFilter(**{field: moment}))  # pyright: ignore[reportArgumentType]
        assert raised.value.field == field


async def test_charlie_reads_only_their_own(cast: Cast):
    await record(cast.alice, Did.SECRET_ADDED, "alices")
    await record(cast.charlie, Did.SECRET_ADDED, "charlies")
    assert await found(cast.charlie) == await found(cast.charlie, "secret") == ["charlies"]
    newest = (await audit.list_(cast.alice)).rows[0].id
    assert [row.target for row in (await audit.list_(cast.charlie, AuditFilter(), newest + 10)).rows] == ["charlies"]
    assert "alices" not in await text_of(audit.export(cast.charlie))


async def test_only_admins_and_tokens_with_the_scope_read_the_log(cast: Cast):
    token = replace(cast.alice, token="t", scopes=frozenset({Scope.AUDIT_READ}))
    await audit.list_(token)
    for actor, error in ((None, Unauthenticated), (cast.bob, Forbidden), (replace(token, scopes=frozenset()), Forbidden)):
        with pytest.raises(error):
            await audit.list_(actor)
        with pytest.raises(error):
            audit.export(actor)
    await audit.list_(replace(cast.bob, role=Role.ADMIN))


async def test_an_export_holds_what_the_filter_chooses_and_is_recorded_itself(cast: Cast):
    await fill(cast.alice, 1203, target="https://app.test/")
    await record(cast.bob, Did.SECRET_ADDED, 'A "quoted", name', after="two\nlines")
    lines = list(csv.DictReader(io.StringIO(await text_of(audit.export(cast.alice)), newline="")))
    assert len(lines) == 1204
    assert (lines[0]["actor"], lines[0]["action"], lines[0]["action_words"]) == ("Bob", "secret.added", "added a secret")
    assert (lines[0]["target"], lines[0]["after"]) == ('A "quoted", name', "two\nlines")
    assert datetime.fromisoformat(lines[0]["at"]).tzinfo is not None
    objects = [json.loads(line) for line in (await text_of(audit.export(cast.alice, AuditFilter(actor="bob"), "jsonl"))).splitlines()]
    assert [entry["target"] for entry in objects] == ['A "quoted", name']
    assert await found(cast.alice, action="audit.exported") == ["jsonl", "csv"]


async def test_an_empty_export_has_its_columns(cast: Cast):
    text = await text_of(audit.export(cast.alice))
    assert text == "at,actor_kind,actor,action,action_words,target,before,after,address\r\n"
    assert await text_of(audit.export(cast.alice, AuditFilter("nothing"), "jsonl")) == ""
    with pytest.raises(Invalid):
        audit.export(cast.alice, AuditFilter(), "xml")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\ufeff=1", "＝1", "\n=HYPERLINK()", "\tx"])
async def test_no_cell_of_an_export_is_a_formula(cast: Cast, cell: str):
    await record(replace(cast.alice, name=cell), Did.WORKSPACE_CHANGED, cell, cell, cell)
    (line,) = csv.DictReader(io.StringIO(await text_of(audit.export(cast.alice)), newline=""))
    assert {line[column] for column in ("actor", "target", "before", "after")} == {f"'{cell}"}
    (entry,) = map(json.loads, (await text_of(audit.export(cast.alice, AuditFilter("changed"), "jsonl"))).splitlines())
    assert entry["target"] == cell


async def test_an_export_reads_a_batch_at_a_time_and_leaves_the_database_free_between(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit, "_EXPORT_BATCH", 10)
    await fill(cast.alice, 35)
    pieces = audit.export(cast.alice, AuditFilter(), "jsonl")
    sizes = []
    async for piece in pieces:
        sizes.append(len(piece.splitlines()))
        await record(cast.alice, Did.SCAN_STARTED, "meanwhile")  # would wait, were a transaction open
    assert sizes == [10, 10, 10, 5]


async def test_lines_older_than_the_workspace_keeps_them_are_removed_in_batches(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit, "_PRUNE_BATCH", 10)
    await fill(cast.alice, 25, at=now() - timedelta(days=31), target="old")
    await fill(cast.alice, 3, at=now() - timedelta(days=29), target="young")
    await fill(cast.charlie, 4, at=now() - timedelta(days=31), target="kept for a year")
    await fill(dora := await add_actor("Dora", Role.OWNER), 4, at=now() - timedelta(days=5000), target="kept for ever")
    async with db.transaction() as session:
        for actor, days in ((cast.alice, 30), (dora, 0)):
            await session.exec(update(Workspace).where(col(Workspace.id) == actor.workspace_id).values(audit_days=days))
    assert await audit.prune() == 25
    assert await audit.prune() == 0
    assert await found(cast.alice) == ["young"] * 3
    assert await found(cast.charlie) == ["kept for a year"] * 4
    assert await found(dora) == ["kept for ever"] * 4


@pytest.mark.parametrize(
    "wanted",
    [
        AuditFilter(),
        AuditFilter("needle"),
        AuditFilter(action="secret"),
        AuditFilter(actor="bob"),
        AuditFilter(since=datetime(2026, 1, 1, tzinfo=UTC)),
        AuditFilter("n", "scan.started", "b", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("before", [0, 1000])
async def test_every_list_is_read_by_an_index_of_its_workspace(
    cast: Cast, statements: list[tuple[str, object]], wanted: AuditFilter, before: int
):
    await audit.list_(cast.alice, wanted, before)
    sql, parameters = next((sql, parameters) for sql, parameters in statements if "FROM audit_event" in sql)
    assert "OFFSET ?" not in sql or tuple(parameters)[-1] == 0  # pyright: ignore[reportArgumentType]
    async with db.reading() as session:
        connection = await session.connection()

        def explain(sync: Connection) -> list[str]:
            return [row[3] for row in sync.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]  # type: ignore[arg-type]

        plan = await connection.run_sync(explain)
    assert any("INDEX ix_audit_event_workspace_id_" in line for line in plan), plan
    assert not any(line.startswith("SCAN audit_event") for line in plan), plan


async def test_what_a_later_version_wrote_is_listed_by_its_code(cast: Cast):
    await fill(cast.alice, 1, action="satellite.launched")
    (row,) = (await audit.list_(cast.alice)).rows
    assert (row.action, row.action_words) == ("satellite.launched", "satellite.launched")
    async with db.reading() as session:
        assert (await session.exec(select(AuditEvent.action))).all() == ["satellite.launched"]

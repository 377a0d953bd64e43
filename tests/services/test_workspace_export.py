"""A workspace as a file."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient
from sqlmodel import select

from app import db
from app.models import ApiToken, Invitation, Membership, Scan, Secret, User, now
from app.services import groups, invitations, monitors, scan_queue, scans, sessions, stored_secrets, workspace_export, workspaces
from app.services.access import Actor, Role
from app.services.errors import Conflict, Forbidden, Limited, Unauthenticated
from app.services.monitors import Draft
from app.services.scan_form import ScanForm
from app.web import Guard, api
from tests.conftest import PUBLIC_URL, Cast
from tests.services.reports import finding, report
from tests.services.signed_in import add_member, cookie_of, signed_in, written


@pytest_asyncio.fixture
async def alice(cast: Cast) -> Actor:
    return await signed_in(cast.alice)


@pytest_asyncio.fixture
async def client(cast: Cast) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(Guard(api)), base_url=PUBLIC_URL) as client:
        yield client


async def unpacked(actor: Actor) -> dict[str, str]:
    export = await workspace_export.export(actor)
    content = b"".join([chunk async for chunk in export.chunks])
    assert len(content) == export.size_bytes
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def scanned(actor: Actor, url: str = "http://app.test/") -> str:
    scan_id = await scans.start(actor, ScanForm(url))
    claim = await scan_queue.claim("worker")
    assert claim
    await scan_queue.finish(claim, report(finding("COR-01")))
    return scan_id


async def test_everything_of_the_workspace_is_in_the_archive(alice: Actor, cast: Cast):
    scan_id = await scanned(cast.bob)
    await stored_secrets.put(alice, "SMTP_PASSWORD", "hunter2hunter2")
    await monitors.create(alice, Draft("Shop", "page", {"ask": {"url": "https://shop.example/"}}, tags=("eu",)))
    await groups.create(alice, "Checkout")
    await invitations.make(alice, "viewer", "Carla")
    await workspaces.change(alice, name="Fernway & Söhne")
    files = await unpacked(alice)
    assert set(files) == {
        *("README.txt", "workspace.json", "members.json", "invitations.json", "secrets.json", "tokens.json"),
        *("scans.jsonl", "audit.jsonl", f"scans/{scan_id}.json"),
        *("monitors.jsonl", "incidents.jsonl", "sites.json", "groups.json", "maintenance.json"),
    }
    (monitor,) = map(json.loads, files["monitors.jsonl"].splitlines())
    assert (monitor["name"], monitor["check"]["ask"]["url"], monitor["tags"]) == ("Shop", "https://shop.example/", ["eu"])
    assert [row["path"] for row in json.loads(files["groups.json"])] == ["Checkout"]
    assert files[f"scans/{scan_id}.json"] == await scans.report_json_text(alice, scan_id)
    assert json.loads(files["workspace.json"])["name"] == "Fernway & Söhne"
    assert [(row["name"], row["role"]) for row in json.loads(files["members.json"])] == [("Alice", "owner"), ("Bob", "editor")]
    assert [(row["role"], row["note"], row["state"]) for row in json.loads(files["invitations.json"])] == [("viewer", "Carla", "open")]
    assert [row["name"] for row in json.loads(files["secrets.json"])] == ["SMTP_PASSWORD"]
    (line,) = map(json.loads, files["scans.jsonl"].splitlines())
    assert (line["id"], line["status"], line["high"], line["created_by"]) == (scan_id, "done", 1, "Bob")
    assert line["created_at"].endswith("Z")
    assert {"workspace.changed", "invitation.made", "secret.added"} <= {
        json.loads(line)["action"] for line in files["audit.jsonl"].splitlines()
    }
    assert "Fernway & Söhne" in files["README.txt"]
    assert all(name.partition("/")[0] in files["README.txt"] for name in files if name != "README.txt")


async def test_nothing_in_it_lets_anybody_act(alice: Actor):
    await stored_secrets.put(alice, "KEY", "hunter2hunter2")
    link = (await invitations.make(alice, "viewer")).link
    async with db.transaction() as session:
        session.add(
            ApiToken(
                workspace_id=alice.workspace_id,
                user_id=alice.user_id,
                created_by=alice.user_id,
                name="CI",
                token_hash="h4sh" * 16,
                hint="wxyz",
                scopes="scans:read",
            )
        )
    await scans.start(alice, ScanForm("http://app.test/?token=s3cret-in-address"))
    files = await unpacked(alice)
    whole = "".join(files.values())
    async with db.reading() as session:
        hidden = [
            (await session.exec(select(Secret.sealed))).one(),
            (await session.exec(select(Invitation.token_hash))).one(),
            *(await session.exec(select(ApiToken.token_hash))).all(),
        ]
    for text in ("hunter2hunter2", link.partition("token=")[2], "s3cret-in-address", alice.session, *hidden):
        assert text not in whole
    assert [(row["name"], row["kind"], row["scopes"]) for row in json.loads(files["tokens.json"])] == [("CI", "personal", ["scans:read"])]


async def test_what_is_deleted_and_what_is_others_is_not_in_it(alice: Actor, cast: Cast):
    await scans.delete(alice, await scanned(alice))
    await scanned(cast.charlie, "http://charlies.test/")
    kept = await scanned(alice)
    files = await unpacked(alice)
    assert [name for name in files if name.startswith("scans/")] == [f"scans/{kept}.json"]
    assert "charlie" not in "".join(files.values()).lower()


async def test_lists_longer_than_a_page_are_whole(alice: Actor):
    async with db.transaction() as session:
        users = [User(name=f"Member {n}") for n in range(120)]
        session.add_all(users)
        await session.flush()
        session.add_all(Membership(workspace_id=alice.workspace_id, user_id=user.id or 0, role="viewer") for user in users)
        session.add_all(
            Invitation(workspace_id=alice.workspace_id, token_hash=str(n), role="viewer", expires_at=now() + timedelta(days=1))
            for n in range(101)
        )
        session.add_all(
            Scan(
                public_id=f"scan{n}",
                workspace_id=alice.workspace_id,
                created_by=alice.user_id,
                request="{}",
                page_url="http://a.test/",
                status="failed",
            )
            for n in range(450)
        )
    files = await unpacked(alice)
    assert len(json.loads(files["members.json"])) == 122
    assert len(json.loads(files["invitations.json"])) == 101
    assert [json.loads(line)["id"] for line in files["scans.jsonl"].splitlines()] == [f"scan{n}" for n in range(450)]
    assert not [name for name in files if name.startswith("scans/")], "a scan without report has no file"


async def test_an_export_is_recorded_and_leaves_no_file(alice: Actor, database: Path):
    before = names_in(database)
    await unpacked(alice)
    first, *_ = await written(alice)
    assert (first.action, first.target) == ("workspace.exported", "Alice's workspace")
    assert names_in(database) - before <= {"vault_keys", "seamwatch.db-wal", "seamwatch.db-shm"}


async def test_one_archive_of_a_workspace_is_built_at_a_time(alice: Actor):
    results = await asyncio.gather(*(workspace_export.export(alice) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(result, Conflict) for result in results) == 2
    for result in results:
        if isinstance(result, workspace_export.Export):
            async for _ in result.chunks:
                pass
    await unpacked(alice)


async def test_an_archive_that_could_not_be_built_does_not_stand_in_the_way(alice: Actor, monkeypatch: pytest.MonkeyPatch):
    async def broken(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(workspace_export, "_build", broken)
        with pytest.raises(OSError, match="no space"):
            await workspace_export.export(alice)
    await unpacked(alice)


async def test_only_who_manages_the_workspace_exports_it_and_no_token_does(alice: Actor, cast: Cast):
    for actor in (cast.bob, await add_member("Victor", Role.VIEWER, alice), replace(alice, token="tok")):
        with pytest.raises(Forbidden):
            await workspace_export.export(actor)
    with pytest.raises(Unauthenticated):
        await workspace_export.export(None)
    await unpacked(await add_member("Dora", Role.ADMIN, alice))


async def test_exports_are_limited(alice: Actor, monkeypatch: pytest.MonkeyPatch):
    async def full(*key: object) -> None:
        assert key == (workspace_export.Rate.EXPORTS, str(alice.user_id))
        raise Limited("Too many exports.")

    monkeypatch.setattr(workspace_export.rates, "hit", full)
    with pytest.raises(Limited):
        await workspace_export.export(alice)


async def test_the_download_is_the_workspace_of_the_session_as_an_attachment(client: AsyncClient, alice: Actor, cast: Cast):
    cookie = await cookie_of(alice)
    answer = await client.get("/download/workspace.zip", headers={"cookie": cookie})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="seamwatch-alice-s-workspace-{now():%Y-%m-%d}.zip"'
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert json.loads(archive.read("workspace.json"))["id"] == alice.workspace_public_id


async def test_the_download_is_refused_to_nobody_and_to_editors(client: AsyncClient, cast: Cast):
    refused = await client.get("/download/workspace.zip")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthenticated")
    refused = await client.get("/download/workspace.zip", headers={"cookie": await cookie_of(cast.bob)})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert not await sessions.actor("seam=" + "x" * 43)

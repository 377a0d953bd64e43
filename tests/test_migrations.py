"""Migrations: they match the models, go up and down, and a server's database is never migrated without being asked."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlmodel import select

from app import db, migrations
from app.core.scan_events import ScanStatus
from app.models import User
from app.services import login_links, scan_queue, scans
from app.services.access import Role
from app.services.scan_form import ScanForm
from app.settings import ROOT, _settings
from tests.conftest import add_actor
from tests.services.reports import finding, report


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


async def alembic(what: Callable[[Config], object]) -> None:
    """Run one of Alembic's commands on the database of the settings."""

    def on(connection: Connection) -> None:
        config = Config(ROOT / "alembic.ini")
        config.attributes["connection"] = connection
        what(config)

    async with db.engine().begin() as connection:
        await connection.run_sync(on)


async def test_migrations_match_the_models(database: Path):
    await alembic(command.check)


async def test_migrations_go_down_and_up_again(database: Path):
    await alembic(lambda config: command.downgrade(config, "base"))
    await alembic(lambda config: command.upgrade(config, "head"))
    await alembic(command.check)
    assert await migrations.is_current()


async def test_an_sqlite_file_is_migrated_at_start_also_when_two_processes_start_at_once(configure: pytest.MonkeyPatch, tmp_path: Path):
    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _settings.cache_clear()
    await asyncio.gather(migrations.at_start(), migrations.at_start())
    assert await migrations.is_current()
    assert (tmp_path / "seamwatch.db").stat().st_mode & 0o077 == 0
    await db.close()


async def test_a_server_is_not_migrated_silently_and_the_command_is_named(postgres: str):
    with pytest.raises(migrations.NotMigrated, match="python -m app migrate"):
        await migrations.at_start()
    async with db.engine().connect() as connection:
        tables = (await connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    assert tables == []


async def test_the_command_migrates_a_server(postgres: str):
    def migrate(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run("app", "migrate", *arguments, SEAMWATCH_DATABASE_URL=postgres)

    assert (await asyncio.to_thread(migrate, "--check")).returncode == 1
    done = await asyncio.to_thread(migrate)
    assert (done.returncode, done.stdout) == (0, "Migrated.\n"), done.stderr
    assert not await migrations.upgrade()
    await migrations.at_start()
    await alembic(command.check)


async def test_on_a_server_two_first_links_at_once_sign_in_the_same_owner(postgres: str):
    await migrations.upgrade()
    secrets = [(await login_links.issue()).partition("token=")[2] for _ in range(4)]
    owners = await asyncio.gather(*(login_links.consume(secret) for secret in secrets))
    assert len(set(owners)) == 1
    async with db.reading() as session:
        assert len((await session.exec(select(User))).all()) == 1


async def test_on_a_server_scans_are_claimed_once_finished_and_listed(postgres: str):
    await migrations.upgrade()
    alice = await add_actor("Alice", Role.OWNER)
    ids = {await scans.start(alice, ScanForm("http://app.test/")) for _ in range(3)}
    claims = [claim for claim in await asyncio.gather(*(scan_queue.claim(f"worker {n}") for n in range(6))) if claim]
    assert {claim.public_id for claim in claims} == ids
    assert len(claims) == 3
    await asyncio.gather(*(scan_queue.finish(claim, report(finding("COR-01"))) for claim in claims))
    listed = await scans.list_(alice)
    assert {(row.id, row.status, row.high) for row in listed.items} == {(scan_id, ScanStatus.DONE, 1) for scan_id in ids}
    assert all(row.created_at.tzinfo and row.finished_at and row.finished_at >= row.created_at for row in listed.items)

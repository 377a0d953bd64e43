"""`python -m app rotate-signing-key`."""

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import db
from app.__main__ import cli
from app.models import SigningKey
from app.settings import _settings


@pytest.fixture
def data_dir(configure: pytest.MonkeyPatch, migrated_file: Path, tmp_path: Path) -> Path:
    shutil.copy(migrated_file, tmp_path / "seamwatch.db")
    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _settings.cache_clear()
    return tmp_path


def keys() -> dict[str, bool]:
    """Return the kids, and whether each is retired."""

    async def read() -> dict[str, bool]:
        async with db.reading() as session:
            found = {row.kid: row.retired_at is not None for row in (await session.exec(select(SigningKey))).all()}
        await db.close()
        return found

    return asyncio.run(read())


def test_a_rotation_makes_a_key_and_retires_the_others(data_dir: Path):
    kids = []
    for _ in range(2):
        done = CliRunner().invoke(cli, ["rotate-signing-key"])
        assert done.exit_code == 0, done.output
        kids.append(done.output.split()[-1].rstrip("."))
    assert keys() == {kids[0]: True, kids[1]: False}


def test_a_compromised_key_is_trusted_no_more(data_dir: Path):
    CliRunner().invoke(cli, ["rotate-signing-key"])
    done = CliRunner().invoke(cli, ["rotate-signing-key", "--compromised"])
    assert done.exit_code == 0
    assert list(keys().values()) == [False]

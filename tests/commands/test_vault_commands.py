"""`vault-key` and `vault-rotate`, as whoever runs Seamwatch types them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from app.__main__ import cli
from app.services import stored_secrets, vault, vault_rotation
from app.settings import _settings
from tests.conftest import ROOT, Cast


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_rotation, "SETTLE_S", 0.0)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, arguments)
    return result.exit_code, result.output


async def run_here(*arguments: str) -> tuple[int, str]:
    """Run a command beside this test's event loop: it makes one of its own."""
    import asyncio

    from app import db

    await db.close()
    return await asyncio.to_thread(run, *arguments)


def test_a_new_key_is_printed_each_time():
    (_, one), (_, other) = run("vault-key"), run("vault-key")
    assert one != other
    Fernet(one.strip())


def test_the_command_line_knows_both(tmp_path: Path):
    environment = {**os.environ, "SEAMWATCH_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "app", "--help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "vault-key" in done.stdout
    assert "vault-rotate" in done.stdout


async def test_rotation_says_what_it_did_and_no_key(cast: Cast, database: Path):
    await stored_secrets.put(cast.alice, "A", "one")
    old = (database / "vault_keys").read_text().strip()
    code, said = await run_here("vault-rotate")
    new = (database / "vault_keys").read_text().strip()
    assert code == 0, said
    assert "1 value encrypted anew" in said
    assert "A new key was made, and the old one is gone." in said
    assert "Keep a copy of" in said
    assert old not in said
    assert new not in said
    assert new != old
    assert await stored_secrets.value(cast.alice.workspace_id, "A") == "one"


async def test_an_interrupted_rotation_is_said_to_be_finished(cast: Cast, database: Path):
    await stored_secrets.put(cast.alice, "A", "one")
    vault.write(database / "vault_keys", [vault.new_key(), *vault.keys().texts])
    assert "A rotation that was interrupted is finished" in (await run_here("vault-rotate"))[1]


async def test_with_keys_in_the_settings_it_says_when_the_old_one_may_go(cast: Cast, configure: pytest.MonkeyPatch):
    old, new = vault.new_key(), vault.new_key()
    configure.setenv("SEAMWATCH_VAULT_KEYS", old)
    _settings.cache_clear()
    await stored_secrets.put(cast.alice, "A", "one")
    code, said = await run_here("vault-rotate")
    assert code == 1
    assert "holds one key" in said
    configure.setenv("SEAMWATCH_VAULT_KEYS", f"{new},{old}")
    _settings.cache_clear()
    code, said = await run_here("vault-rotate")
    assert code == 0
    assert "You may now remove the last key from SEAMWATCH_VAULT_KEYS, and restart Seamwatch." in said


@pytest.mark.parametrize(("text", "mode", "says"), [("", 0o600, "is empty"), ("x", 0o600, "no key"), ("", 0o644, "read by others")])
async def test_an_unusable_key_file_is_one_sentence_and_no_stack(cast: Cast, database: Path, text: str, mode: int, says: str):
    (database / "vault_keys").write_text(text)
    (database / "vault_keys").chmod(mode)
    code, said = await run_here("vault-rotate")
    assert code == 1
    assert says in said
    assert len(said.strip().splitlines()) == 1


async def test_what_cannot_be_opened_is_said(cast: Cast, database: Path):
    await stored_secrets.put(cast.alice, "A", "one")
    (database / "vault_keys").write_text(vault.new_key())
    code, said = await run_here("vault-rotate")
    assert code == 1
    assert "1 value could not be opened by any key" in said

"""Rotation of the vault's keys: complete, while others write, and however often it is killed."""

import asyncio
import fcntl
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import String
from sqlmodel import SQLModel, col, select, update

import app.models  # noqa: F401  every table
from app import db
from app.models import Ceremony, Scan, Secret, SigningKey, now
from app.services import scan_queue, scans, stored_secrets, vault, vault_rotation
from app.services.errors import Conflict
from app.services.scan_form import ScanForm
from app.services.vault_rotation import SEALED, rotate
from tests.conftest import ROOT, Cast


def key_file(database: Path) -> list[str]:
    return (database / "vault_keys").read_text().split()


def use_keys(configure: pytest.MonkeyPatch, *keys: str) -> None:
    from app.settings import _settings

    configure.setenv("SEAMWATCH_VAULT_KEYS", ",".join(keys))
    _settings.cache_clear()


async def fill(cast: Cast, secrets: int = 45) -> None:
    """Seal something in every column."""
    async with db.transaction() as session:
        for number in range(secrets):
            name = f"S{number}"
            sealed = vault.seal(f"value-{number}", stored_secrets._purpose(cast.alice.workspace_id, name))
            session.add(Secret(workspace_id=cast.alice.workspace_id, name=name, sealed=sealed))
        session.add(SigningKey(kid="k1", sealed_jwk=vault.seal("jwk", "signing-key")))
        session.add(Ceremony(key_hash="h", value=vault.seal("{}", "ceremony"), expires_at=now() + timedelta(minutes=10)))
    await scans.start(cast.alice, ScanForm("http://app.test/?token=t0p-s3cret"))
    await scans.start(cast.alice, ScanForm("http://app.test/"))


async def sealed_texts() -> list[str]:
    async with db.reading() as session:
        return [text for column in SEALED for text in (await session.exec(select(column).where(column.is_not(None)))).all()]


async def all_open(cast: Cast, secrets: int = 45) -> None:
    for number in range(secrets):
        assert await stored_secrets.value(cast.alice.workspace_id, f"S{number}") == f"value-{number}"


def test_every_sealed_column_of_the_models_is_rotated():
    registered = {f"{column.class_.__table__.name}.{column.key}" for column in SEALED}
    texts = [column for table in SQLModel.metadata.tables.values() for column in table.columns if isinstance(column.type, String)]
    assert {f"{column.table.name}.{column.name}" for column in texts if "sealed" in column.name} <= registered
    assert "ceremony.value" in registered


async def test_everything_is_under_the_new_key_and_the_old_one_is_gone(cast: Cast, database: Path):
    await fill(cast)
    (old,) = key_file(database)
    seen: list[vault_rotation.Progress] = []
    done = await rotate(seen.append, settle_s=0)
    (new,) = key_file(database)
    assert new != old
    assert (done.resealed, done.unreadable, done.new_key, done.dropped, done.removable) == (48, 0, True, 1, 0)
    texts = await sealed_texts()
    assert len(texts) == 48
    for text in texts:
        Fernet(new).decrypt(text)
    await all_open(cast)
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert claim.request.page_url.endswith("t0p-s3cret")
    assert (database / "vault_keys").stat().st_mode & 0o777 == 0o600
    assert {progress.table for progress in seen} == {"secret", "signing_key", "scan", "ceremony"}
    assert [(one.seen, one.of) for one in seen if one.table == "secret"][:3] == [(20, 45), (40, 45), (45, 45)]


async def test_a_rotation_without_anything_sealed_makes_a_new_key(cast: Cast, database: Path):
    first = await rotate(settle_s=0)
    (one,) = key_file(database)
    await rotate(settle_s=0)
    assert first.resealed == 0
    assert key_file(database) != [one]


async def test_an_interrupted_rotation_is_finished_by_the_next(cast: Cast, database: Path):
    await fill(cast)
    (old,) = key_file(database)
    new = vault.new_key()
    vault.write(database / "vault_keys", [new, old])
    done = await rotate(settle_s=0)
    assert key_file(database) == [new]
    assert (done.resealed, done.new_key, done.dropped) == (48, False, 1)
    await all_open(cast)


ROTATING = """
import asyncio, sys, time
from app.services import vault_rotation

def show(progress):
    print(progress.resealed, flush=True)
    if progress.resealed == int(sys.argv[1]):
        time.sleep(1000)

vault_rotation.BATCH = 1
asyncio.run(vault_rotation.rotate(show, settle_s=0))
"""


async def test_a_rotation_that_is_killed_again_and_again_loses_nothing(cast: Cast, database: Path):
    await fill(cast, 20)
    (first,) = key_file(database)
    environment = {**os.environ, "SEAMWATCH_DATA_DIR": str(database), "PYTHONPATH": str(ROOT)}
    for count in (2, 9):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ROTATING, str(count), cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        while await process.stdout.readline() != f"{count}\n".encode():
            assert process.returncode is None
        process.kill()
        await process.wait()
        assert len(key_file(database)) == 2
        await all_open(cast, 20)
    done = await rotate(settle_s=0)
    assert done.new_key is False
    assert len(key_file(database)) == 1
    assert first not in key_file(database)
    assert done.resealed == 23 - 2 - 9, "what was sealed anew before the kills stayed so"
    await all_open(cast, 20)
    for text in await sealed_texts():
        Fernet(key_file(database)[0]).decrypt(text)


STEPS = ["replaces", "passes", "settles", "drops"]


@pytest.mark.parametrize("step", STEPS)
async def test_a_rotation_may_end_at_every_step(cast: Cast, database: Path, monkeypatch: pytest.MonkeyPatch, step: str):
    await fill(cast)
    (old,) = key_file(database)
    real: dict[str, Callable[..., object]] = {"write": vault.write, "sleep": asyncio.sleep, "pass": vault_rotation._pass}

    def fail(*_arguments: object, **_more: object) -> Awaitable[None]:
        raise KeyboardInterrupt

    def write_once(path: Path, texts: list[str]) -> None:
        if step == "replaces" or len(texts) == 1:
            raise KeyboardInterrupt
        real["write"](path, texts)

    with monkeypatch.context() as broken:
        if step in ("replaces", "drops"):
            broken.setattr(vault, "write", write_once)
        elif step == "passes":
            broken.setattr(vault_rotation, "_reseal", fail)
        else:
            broken.setattr(vault_rotation.asyncio, "sleep", fail)
        with pytest.raises(KeyboardInterrupt):
            await rotate(settle_s=0)
    assert old in key_file(database)
    await all_open(cast)
    await rotate(settle_s=0)
    assert old not in key_file(database)
    assert len(key_file(database)) == 1
    await all_open(cast)


async def test_what_others_write_meanwhile_is_kept_and_can_be_read(cast: Cast, database: Path):
    await fill(cast, 200)
    rotating = asyncio.create_task(rotate(settle_s=0.2))
    written: dict[str, str] = {}
    number = 0
    while not rotating.done():
        name, number = f"S{number % 200}", number + 7
        written[name] = f"rewritten-{number}"
        await stored_secrets.put(cast.alice, name, written[name])
        assert await stored_secrets.value(cast.alice.workspace_id, name) == written[name]
    await rotating
    assert written
    for name, value in written.items():
        assert await stored_secrets.value(cast.alice.workspace_id, name) == value
    (new,) = key_file(database)
    for text in await sealed_texts():
        Fernet(new).decrypt(text)


async def test_what_was_sealed_under_the_old_key_at_the_last_moment_is_found(cast: Cast, database: Path, monkeypatch: pytest.MonkeyPatch):
    """A process read the keys before the rotation, and commits after its row was looked at."""
    await fill(cast)
    late = vault.seal("late", stored_secrets._purpose(cast.alice.workspace_id, "S0"))
    settled = 0

    async def settle(_seconds: float) -> None:
        nonlocal settled
        settled += 1
        if settled == 1:
            async with db.transaction() as session:
                await session.exec(update(Secret).where(col(Secret.name) == "S0").values(sealed=late))

    with monkeypatch.context() as waiting:
        waiting.setattr(vault_rotation.asyncio, "sleep", settle)
        done = await rotate()
    assert (done.resealed, settled) == (49, 2), "found, and looked for once more"
    assert await stored_secrets.value(cast.alice.workspace_id, "S0") == "late"


async def test_what_no_key_opens_is_counted_and_left_alone(cast: Cast):
    await fill(cast)
    foreign = Fernet(vault.new_key()).encrypt(b"x").decode()
    async with db.transaction() as session:
        await session.exec(update(Secret).where(col(Secret.name) == "S3").values(sealed=foreign))
        await session.exec(update(Scan).where(col(Scan.sealed_request).is_not(None)).values(sealed_request="broken"))
    done = await rotate(settle_s=0)
    assert (done.resealed, done.unreadable) == (46, 2)
    assert foreign in await sealed_texts()


async def test_of_two_rotations_at_once_one_is_refused(cast: Cast, database: Path):
    await fill(cast)
    with (database / "vault_keys.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="under way"):
            await rotate(settle_s=0)
    assert len(key_file(database)) == 1
    await rotate(settle_s=0)


async def test_with_keys_in_the_settings_everything_goes_under_the_first(cast: Cast, database: Path, configure: pytest.MonkeyPatch):
    old, new = vault.new_key(), vault.new_key()
    use_keys(configure, old)
    await fill(cast)
    with pytest.raises(Conflict, match="holds one key"):
        await rotate(settle_s=0)
    use_keys(configure, new, old)
    done = await rotate(settle_s=0)
    assert (done.resealed, done.new_key, done.dropped, done.removable) == (48, False, 0, 1)
    use_keys(configure, new)
    await all_open(cast)
    assert not (database / "vault_keys").exists()

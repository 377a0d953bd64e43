"""The vault: what is sealed is opened with any of its keys, for its purpose only, and its key file is watched over."""

import json
import os
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.services import vault
from app.services.vault import Sealed, VaultUnusable


@pytest.fixture
def directory(configure: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data directory without a key file."""
    from app.settings import _settings

    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _settings.cache_clear()
    return tmp_path


def use_keys(configure: pytest.MonkeyPatch, *keys: str) -> None:
    from app.settings import _settings

    configure.setenv("SEAMWATCH_VAULT_KEYS", ",".join(keys))
    _settings.cache_clear()


def put_keys(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "vault_keys"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", ["", "hunter2", "Größe ✓ \0 \n", "x" * 100_000])
def test_what_is_sealed_is_opened_and_cannot_be_read(directory: Path, text: str):
    sealed = vault.seal(text, "tests")
    assert vault.unseal(sealed, "tests") == text
    assert text == "" or text not in sealed
    assert vault.seal(text, "tests") != sealed


def test_what_was_sealed_for_one_purpose_is_not_opened_for_another(directory: Path):
    with pytest.raises(Sealed, match="something else"):
        vault.unseal(vault.seal("hunter2", "secret:1:A"), "secret:2:A")


@pytest.mark.parametrize("broken", ["", "x", "gAAAAA", "é", "\0"])
def test_what_was_changed_is_not_opened(directory: Path, broken: str):
    with pytest.raises(Sealed, match="cannot be read"):
        vault.unseal(broken, "tests")
    sealed = vault.seal("hunter2", "tests")
    with pytest.raises(Sealed, match="cannot be read"):
        vault.unseal(sealed[:-5] + ("A" if sealed[-5] != "A" else "B") + sealed[-4:], "tests")


def test_the_key_file_is_made_once_and_for_its_owner_only(directory: Path):
    vault.check()
    assert not (directory / "vault_keys").exists()
    vault.seal("x", "tests")
    made = (directory / "vault_keys").read_text()
    assert (directory / "vault_keys").stat().st_mode & 0o777 == 0o600
    vault.seal("x", "tests")
    assert (directory / "vault_keys").read_text() == made
    assert sorted(path.name for path in directory.glob("vault_keys*")) == ["vault_keys"]


def test_two_that_make_the_key_at_once_use_the_same(directory: Path):
    vault.check()  # reads the settings, once
    together = threading.Barrier(8)
    sealed: list[str] = []

    def seal() -> None:
        together.wait()
        sealed.append(vault.seal("x", "tests"))

    threads = [threading.Thread(target=seal) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [vault.unseal(text, "tests") for text in sealed] == ["x"] * 8


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o777])
def test_a_key_file_that_others_can_read_is_refused(directory: Path, mode: int):
    put_keys(directory, vault.new_key(), mode)
    for use in (vault.check, lambda: vault.seal("x", "tests")):
        with pytest.raises(VaultUnusable, match="can be read by others"):
            use()
    (directory / "vault_keys").chmod(0o600)
    vault.seal("x", "tests")


@pytest.mark.parametrize(
    ("text", "says"), [("", "is empty"), (" \n\n", "is empty"), ("hello", "no key"), ("x" * 44, "no key"), ("ключ", "no key")]
)
def test_an_unusable_key_file_is_said_in_one_sentence_and_left_alone(directory: Path, text: str, says: str):
    path = put_keys(directory, text)
    for use in (vault.check, lambda: vault.seal("x", "tests"), lambda: vault.unseal("x", "tests")):
        with pytest.raises(VaultUnusable, match=says) as raised:
            use()
        assert str(directory) not in raised.value.message
    assert path.read_text() == text


def test_a_folder_in_the_place_of_the_key_file_is_said(directory: Path):
    (directory / "vault_keys").mkdir()
    with pytest.raises(VaultUnusable, match="cannot be read"):
        vault.check()


def test_the_newest_key_seals_and_every_key_opens(directory: Path):
    old, new = vault.new_key(), vault.new_key()
    put_keys(directory, old)
    sealed = vault.seal("hunter2", "tests")
    vault.write(directory / "vault_keys", [new, old])
    assert vault.unseal(sealed, "tests") == "hunter2"
    fresh = vault.seal("hunter2", "tests")
    assert json.loads(Fernet(new).decrypt(fresh)) == ["tests", "hunter2"]
    vault.write(directory / "vault_keys", [new])
    assert vault.unseal(fresh, "tests") == "hunter2"
    with pytest.raises(Sealed):
        vault.unseal(sealed, "tests")


def test_a_file_that_was_written_in_place_is_seen_too(directory: Path):
    path = put_keys(directory, vault.new_key())
    sealed = vault.seal("x", "tests")
    path.write_text(vault.new_key())
    os.utime(path, ns=(1, 1))  # whatever the clock of the file system shows
    with pytest.raises(Sealed):
        vault.unseal(sealed, "tests")


def test_the_file_is_read_once_while_it_stays_as_it_is(directory: Path, monkeypatch: pytest.MonkeyPatch):
    vault.seal("x", "tests")
    first = vault.keys()
    monkeypatch.setattr(vault, "_read", None)
    assert all(vault.keys() is first for _ in range(5))


def test_keys_of_the_settings_come_before_the_file(directory: Path, configure: pytest.MonkeyPatch):
    use_keys(configure, one := vault.new_key())
    sealed = vault.seal("x", "tests")
    assert not (directory / "vault_keys").exists()
    use_keys(configure, vault.new_key(), one)
    assert vault.unseal(sealed, "tests") == "x"
    use_keys(configure, vault.new_key())
    with pytest.raises(Sealed):
        vault.unseal(sealed, "tests")

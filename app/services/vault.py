"""Encryption at rest, by Fernet (AES-128-CBC and HMAC-SHA256). The newest key seals, every key opens.

Keys come from SEAMWATCH_VAULT_KEYS, else from the file `vault_keys` in the data directory, readable by its owner only, which the
first use makes. `vault_rotation` replaces them. A process sees a changed file at its next use.
"""

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.services.errors import SeamwatchError
from app.settings import private_file, settings


class Sealed(SeamwatchError):
    """This text cannot be opened: its key is gone, it was changed, or it was sealed for another purpose."""

    code = "sealed"
    status = 409


class VaultUnusable(SeamwatchError):
    """The key file is not as it must be, so nothing can be sealed or opened. The text says what whoever runs Seamwatch does about it."""

    code = "vault_unusable"
    status = 503


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys ready for use. Immutable, so threads share it."""

    texts: tuple[str, ...]  # newest first
    ring: MultiFernet


_Stamp = tuple[int, ...]
# What was made of which keys: exchanged as a whole, so a thread sees a pair that belongs together. At worst two threads make the same.
_of_settings: tuple[tuple[str, ...], Keys] | None = None
_of_file: tuple[Path, _Stamp, Keys] | None = None


def seal(text: str, purpose: str) -> str:
    """Return the text encrypted. `purpose` must be given again to open it, so that a row's value is of no use in another row.

    Call it within the transaction that stores the result: rotation relies on no sealed text being under way for long.
    """
    return keys().ring.encrypt(json.dumps([purpose, text]).encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Return what was sealed for this purpose, or raise Sealed."""
    try:
        sealed_for, text = json.loads(keys().ring.decrypt(sealed.encode()))
    except (InvalidToken, ValueError) as error:
        raise Sealed("This value cannot be read any more. Was the vault's key lost? Enter it again.") from error
    if sealed_for != purpose:
        raise Sealed("This value was sealed for something else.")
    return text


def new_key() -> str:
    """Return a fresh random key as text."""
    return Fernet.generate_key().decode()


def keys() -> Keys:
    """Return the keys as they are now. Costs one `stat` while the file stays as it is.

    Raises:
        VaultUnusable: the file is empty, holds something else, can be read by others, or cannot be made.
    """
    global _of_settings, _of_file
    if texts := settings().vault_keys:
        if _of_settings is None or _of_settings[0] != texts:
            _of_settings = (texts, _keys(texts))
        return _of_settings[1]
    path = file()
    known = _of_file
    try:
        if known is not None and known[0] == path and known[1] == _stamp(path.stat()):
            return known[2]
        read = _read(path)
    except FileNotFoundError:
        _make(path)
        read = _read(path)
    _of_file = (path, *read)
    return read[1]


def check() -> None:
    """Raise VaultUnusable when there is a key file that cannot be used. Makes none."""
    if settings().vault_keys or file().exists():
        keys()


def file() -> Path:
    return settings().data_dir / "vault_keys"


def write(path: Path, texts: Sequence[str], *, replace: bool = True) -> None:
    """Put these keys into the file, newest first: at any instant it holds the old ones or the new ones, whole and on the disk.

    Raises:
        FileExistsError: there is a file, and `replace` is False.
    """
    private_file.write(path, "".join(f"{text}\n" for text in texts), replace=replace)


def _make(path: Path) -> None:
    try:
        write(path, [new_key()], replace=False)
    except FileExistsError:
        pass
    except OSError as error:
        raise VaultUnusable(f"The vault's key file {path.name} cannot be made in SEAMWATCH_DATA_DIR: {error.strerror}.") from error


def _stamp(status: os.stat_result) -> _Stamp:
    """Return what differs once a file was replaced, written or given other permissions."""
    return (status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read(path: Path) -> tuple[_Stamp, Keys]:
    try:
        with path.open(encoding="ascii") as opened:
            status = os.fstat(opened.fileno())  # of what is read, even when the path is given to another file meanwhile
            texts = tuple(opened.read(100_000).split())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise VaultUnusable(f"The vault's key file {path.name} in SEAMWATCH_DATA_DIR cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise _corrupt(path) from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise VaultUnusable(f"The vault's key file {path.name} in SEAMWATCH_DATA_DIR can be read by others. Run chmod 600 on it.")
    if not texts:
        raise VaultUnusable(
            f"The vault's key file {path.name} in SEAMWATCH_DATA_DIR is empty. Put it back from a backup; "
            "without one remove it, and enter every secret again."
        )
    try:
        return _stamp(status), _keys(texts)
    except ValueError as error:
        raise _corrupt(path) from error


def _corrupt(path: Path) -> VaultUnusable:
    return VaultUnusable(
        f"The vault's key file {path.name} in SEAMWATCH_DATA_DIR holds something that is no key. Put it back from a backup; "
        "without one remove it, and enter every secret again."
    )


def _keys(texts: tuple[str, ...]) -> Keys:
    return Keys(texts, MultiFernet([Fernet(text) for text in texts]))

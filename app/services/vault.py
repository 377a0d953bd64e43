"""Encryption at rest, by Fernet (AES-128-CBC and HMAC-SHA256). The newest key seals, every key opens.

Keys come from SEAMWATCH_VAULT_KEYS, else from a 0600 file in the data directory, which the first use makes.
"""

import json
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.settings import settings


class Sealed(Exception):
    """This text cannot be opened: its key is gone, it was changed, or it was sealed for another purpose."""


def seal(text: str, purpose: str) -> str:
    """Return the text encrypted. `purpose` must be given again to open it, so that a row's value is of no use in another row."""
    return _keys().encrypt(json.dumps([purpose, text]).encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Return what was sealed for this purpose, or raise Sealed."""
    try:
        sealed_for, text = json.loads(_keys().decrypt(sealed.encode()))
    except (InvalidToken, ValueError) as error:
        raise Sealed("This value cannot be read any more. Was the vault's key lost? Enter it again.") from error
    if sealed_for != purpose:
        raise Sealed("This value was sealed for something else.")
    return text


def _file() -> Path:
    return settings().data_dir / "vault_keys"


def _keys() -> MultiFernet:
    texts = settings().vault_keys or tuple(_file_keys())
    return MultiFernet([Fernet(text) for text in texts])


def _file_keys() -> list[str]:
    path = _file()
    try:
        # O_EXCL: of two processes that start at once, one makes the key and the other reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").split()
    key = Fernet.generate_key().decode()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
    return [key]

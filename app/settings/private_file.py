"""Files that only their owner reads, and that are never half written."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write(path: Path, text: str, *, replace: bool = True) -> None:
    """Put a text into a 0600 file: at any instant the file holds the old text or the new one, whole and on the disk.

    Raises:
        FileExistsError: there is a file, and `replace` is False.
        OSError: it cannot be written; what was there is as it was.
    """
    # mkstemp makes it 0600.
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as draft:
            draft.write(text)
            draft.flush()
            os.fsync(draft.fileno())
        if replace:
            Path(name).replace(path)
        else:
            # A link is made whole or not at all: of two processes that start at once, one makes the file and the other reads it.
            os.link(name, path)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

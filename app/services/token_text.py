"""What tokens look like: a prefix that secret scanners know, 256 random bits, and a checksum.

`seam_pat_` + 43 characters of base64url + 8 hexadecimal digits of the CRC-32 (as in zlib) over all that stands before them. The
checksum keeps typos and noise away from the database; it protects nothing, and is no secret.
"""

import re
import secrets
import zlib
from enum import StrEnum

from app.services.sessions import digest

__all__ = ["Prefix", "digest", "hint", "make", "prefix_of"]


class Prefix(StrEnum):
    PERSONAL = "seam_pat_"
    WORKSPACE = "seam_wst_"
    REFRESH = "seam_rt_"


HINT_CHARS = 4
_SHAPE = re.compile(rf"({'|'.join(Prefix)})[A-Za-z0-9_-]{{43}}[0-9a-f]{{8}}", re.ASCII)


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode('ascii')):08x}"


def make(prefix: Prefix) -> str:
    """Return a new token. Of it only `digest` is stored."""
    text = prefix + secrets.token_urlsafe(32)
    return text + _checksum(text)


def prefix_of(text: object) -> Prefix | None:
    """Return what kind of token this is, or None for what was never a token of ours."""
    if not isinstance(text, str) or len(text) > 64:
        return None
    shape = _SHAPE.fullmatch(text)
    return Prefix(shape[1]) if shape and text[-8:] == _checksum(text[:-8]) else None


def hint(text: str) -> str:
    """Return the last characters, by which people tell tokens apart."""
    return text[-HINT_CHARS:]

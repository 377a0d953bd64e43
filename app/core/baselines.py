"""What checks of change compare with, between two runs: small texts, the same for the same state, so that they are written rarely.

Each also tells what the newest run found that differs for the worse, so that somebody can take that as the new normal.
"""

import base64
import json
import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.core import api_shape
from app.core.api_shape import ApiShape
from app.core.checks import Kind

MAX_CHARS = 100_000
_WORSE = "!"  # before a packed text that holds something to accept: telling that must not cost unpacking it


@dataclass(frozen=True, slots=True)
class ScanBaseline:
    """What a scan is compared with."""

    report: str  # `app.core.drift.pack`
    scan: str  # its id
    seen: str = ""  # digest of what was worse in the run before; "" when nothing was
    last: str = ""  # id of the report that showed it

    def dump(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def load(text: str) -> "ScanBaseline | None":
        """Read what `dump` wrote; None for what cannot be read any more, and for nothing."""
        try:
            return ScanBaseline(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class SkewBaseline:
    """What a page's scripts count on."""

    bundle: str  # what tells these scripts from others
    shape: ApiShape | None  # the API as it was when they were first seen
    since: str  # when that was, in words
    worse: ApiShape | None = None  # the API as it was found last, while it lacks something of `shape`

    def dump(self) -> str:
        values: dict[str, Any] = {"bundle": self.bundle, "since": self.since}
        for whole in (True, False):  # of a very large API the operations alone
            for name, shape in (("api", self.shape), ("worse", self.worse)):
                if shape is not None:
                    values[name] = api_shape.dump(shape, whole=whole)
            text = base64.b64encode(zlib.compress(json.dumps(values, separators=(",", ":")).encode(), 9)).decode()
            if len(text) <= MAX_CHARS or self.shape is None:
                break
        return f"{_WORSE}{text}" if self.worse is not None else text

    @staticmethod
    def load(text: str) -> "SkewBaseline | None":
        """Read what `dump` wrote; None for what cannot be read any more."""
        try:
            values = json.loads(zlib.decompress(base64.b64decode(text.removeprefix(_WORSE))))
            shape, worse = (api_shape.load(values[name]) if name in values else None for name in ("api", "worse"))
            return SkewBaseline(values["bundle"], shape, values["since"], worse)
        except (ValueError, KeyError, TypeError, zlib.error):
            return None

    def accepted(self) -> "SkewBaseline":
        """Return the baseline of one who takes what was found last as it should be."""
        return replace(self, shape=self.worse or self.shape, worse=None)


def is_worse(kind: str, remembered: str) -> bool:
    """Whether the newest run that could compare found something worse than its baseline. Cheap."""
    if kind == Kind.SKEW:
        return remembered.startswith(_WORSE)
    baseline = ScanBaseline.load(remembered) if kind == Kind.SCAN else None
    return baseline is not None and bool(baseline.last)

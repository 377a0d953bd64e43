"""What happens to a scan, as its followers hear it: plain values that travel from the worker to every open page."""

from dataclasses import dataclass
from enum import StrEnum

from app.core.findings import Severity


class ScanStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing happens to the scan any more."""
        return self not in (ScanStatus.QUEUED, ScanStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request of a scan in a line. Secrets in the URL are hashed."""

    id: int
    purpose: str
    method: str
    url: str
    status: int  # 0: no response
    failure: str  # "" when there is a response
    started_ms: float  # since the scan began
    duration_ms: float


@dataclass(frozen=True, slots=True)
class ScanEvent:
    """One thing that happened to a scan. The last one has a final status."""

    number: int  # 1, 2, 3, … within one scan; a gap means that a slow follower missed some
    at: str  # ISO 8601, UTC
    status: ScanStatus
    phase: str = ""
    noted: str = ""  # what is worth saying about it, in a few words
    severity: Severity | None = None  # how bad `noted` looks at first sight
    request: RequestLine | None = None
    error: str = ""  # why it failed, for people

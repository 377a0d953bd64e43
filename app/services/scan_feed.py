"""What scans tell their followers, and what people tell the worker, over `app.live`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter

from app.core.findings import Severity
from app.core.scan_events import RequestLine, ScanEvent, ScanStatus
from app.live import Subscription, live
from app.models import now

_EVENT = TypeAdapter(ScanEvent)
_CONTROL = "scans"
_WAKE = "wake"
_CANCEL = "cancel "


def _topic(public_id: str) -> str:
    return f"scan:{public_id}"


async def publish(
    public_id: str,
    status: ScanStatus,
    *,
    phase: str = "",
    noted: str = "",
    severity: Severity | None = None,
    request: RequestLine | None = None,
    error: str = "",
) -> None:
    """Tell a scan's followers one thing."""
    event = ScanEvent(0, now().isoformat(), status, phase, noted, severity, request, error)
    await live().publish(_topic(public_id), _EVENT.dump_json(event).decode())


def closing_event(number: int, status: ScanStatus, at: datetime, error: str) -> ScanEvent:
    """Return the last event of a scan whose own was not heard here."""
    return ScanEvent(number, at.isoformat(), status, error=error)


@dataclass(frozen=True, slots=True)
class Events:
    """One follower's view of a scan."""

    _subscription: Subscription

    async def next(self, timeout_s: float) -> ScanEvent | None:
        """Return the next event, or None when none came in time."""
        message = await self._subscription.next(timeout_s)
        return replace(_EVENT.validate_json(message.text), number=message.number) if message else None


@asynccontextmanager
async def listen(public_id: str) -> AsyncIterator[Events]:
    """Follow one scan, from the first event that is still kept."""
    async with live().subscribe(_topic(public_id)) as subscription:
        yield Events(subscription)


async def wake_worker() -> None:
    """Tell the workers that something waits."""
    await live().publish(_CONTROL, _WAKE)


async def request_cancel(public_id: str) -> None:
    """Tell whichever worker runs the scan to stop; the row says so too, for one that does not hear this."""
    await live().publish(_CONTROL, f"{_CANCEL}{public_id}")


@dataclass(frozen=True, slots=True)
class Orders:
    """A worker's view of what people want."""

    _subscription: Subscription

    async def next_cancel(self, timeout_s: float) -> str | None:
        """Wait for an order; return the id of the scan to cancel, or None for anything else, which means: look at the queue."""
        message = await self._subscription.next(timeout_s)
        return message.text.removeprefix(_CANCEL) if message and message.text.startswith(_CANCEL) else None


@asynccontextmanager
async def orders() -> AsyncIterator[Orders]:
    async with live().subscribe(_CONTROL, history=False) as subscription:
        yield Orders(subscription)

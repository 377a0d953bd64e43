"""What every probe of a check works with."""

from dataclasses import dataclass
from datetime import datetime

from app.core.checked import Checked
from app.core.exchange import Exchange, Failure
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import Net


@dataclass(frozen=True, slots=True)
class Tools:
    net: Net
    timeout_s: float  # for the whole check
    now: datetime  # aware UTC
    remembered: str = ""  # what the run before left in `Checked.remember`


_CAUSES = {
    Failure.INVALID_URL: Cause.CONFIGURATION,
    Failure.REFUSED_ADDRESS: Cause.REFUSED_ADDRESS,
    Failure.DNS: Cause.DNS,
    Failure.CONNECT: Cause.CONNECT,
    Failure.TLS: Cause.TLS,
    Failure.TIMEOUT: Cause.TIMEOUT,
    Failure.PROTOCOL: Cause.PROTOCOL,
    Failure.TOO_MANY_REDIRECTS: Cause.PROTOCOL,
    Failure.CANCELLED: Cause.OURSELVES,
}


def failed(failure: Failure, text: str, exchanges: tuple[Exchange, ...] = ()) -> Checked:
    """Return what a check found that got no answer. What we cancelled ourselves says nothing about the target."""
    outcome = Outcome.UNKNOWN if failure is Failure.CANCELLED else Outcome.DOWN
    return Checked(outcome, _CAUSES[failure], text, exchanges=exchanges)

"""What was gathered from a site, and what is concluded per call: the input of rules and report."""

from dataclasses import dataclass

from app.core.exchange import Exchange, Head, Purpose
from app.core.findings import Certainty
from app.core.inventory import Call
from app.core.verdict import FetchCall, Verdict


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What a user asks for. URLs are checked and normalised (`app.core.urls.parse_target`)."""

    page_url: str
    api_url: str | None = None
    calls: tuple[Call, ...] = ()  # calls to try, added by hand; absolute URLs


@dataclass(frozen=True, slots=True)
class JudgedCall:
    """One call of the inventory with its verdict."""

    id: str  # "call-1", stable within a report
    call: Call
    fetch: FetchCall  # what the engine was asked, with the page's origin
    verdict: Verdict | None  # None: the answers could not be had
    certainty: Certainty
    why: str = ""  # why inferred or unknown, in one sentence
    exchanges: tuple[int, ...] = ()  # Exchange.id of preflights and answers, in order


@dataclass(frozen=True, slots=True)
class Observation:
    """The exchanges of one scan. `exchanges[i].id == i + 1`."""

    request: ScanRequest
    exchanges: tuple[Exchange, ...]
    judged: tuple[JudgedCall, ...] = ()
    notes: tuple[str, ...] = ()  # what limited the scan: "The server asked us to slow down (429). …"

    def of(self, *purposes: Purpose) -> list[Exchange]:
        """Return the exchanges with one of these purposes, in the order sent."""
        return [exchange for exchange in self.exchanges if exchange.purpose in purposes]

    def get(self, exchange_id: int) -> Exchange:
        return self.exchanges[exchange_id - 1]


def is_redirect(head: Head | None) -> bool:
    """Whether a browser follows this response: a redirect status (Fetch: 301, 302, 303, 307, 308) with a Location."""
    return head is not None and head.status in (301, 302, 303, 307, 308) and bool(head.get("location"))

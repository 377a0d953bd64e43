"""Findings: one weakness each, with a stable code, evidence and mends. Catalogue: CORS, API, WebSocket, session, delivery."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical up to 4 for info: sorts worst first."""
        return list(Severity).index(self)


class SeamKind(StrEnum):
    PAGE = "page"
    API = "api"
    CORS = "cors"
    WEBSOCKET = "websocket"
    SESSION = "session"
    AUTH = "auth"
    DELIVERY = "delivery"


class Certainty(StrEnum):
    OBSERVED = "observed"  # the exchange itself shows it
    INFERRED = "inferred"  # concluded from a stand-in (a GET for a POST) or from source text
    UNKNOWN = "unknown"  # bot wall, timeout, not asked


class Framework(StrEnum):
    """Where a mend is applied. The first four are always available on request."""

    FLASK = "flask"
    DJANGO = "django"
    FASTAPI = "fastapi"
    NGINX = "nginx"
    JAVASCRIPT = "javascript"  # the frontend itself: a method name in capitals, a relative URL


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was looked at. `faulty` is the part of `text` to underline; "" for none."""

    text: str  # a header line, a line of source, a status line; secrets already hashed
    faulty: str = ""
    exchange: int | None = None  # Exchange.id it was seen in
    note: str = ""  # what it shows, in one sentence


@dataclass(frozen=True, slots=True)
class Mend:
    """The change that cures a finding in one framework. Each is executed in a test, exactly as shown.

    `code` replaces the faulty lines; where there was nothing, it is added at `place`.
    """

    framework: Framework
    place: str  # where it goes: "settings.py", "after app = Flask(__name__)", "server block of the page's host"
    code: str
    language: str = "python"  # "python", "nginx", "javascript", "shell": for the highlighter
    note: str = ""  # what to know before applying it; "" for nothing
    install: str = ""  # package to install first ("flask-cors"); "" for none


@dataclass(frozen=True, slots=True)
class Finding:
    code: str  # "COR-01"
    severity: Severity
    seam: SeamKind
    title: str  # a sentence in the present tense, without full stop
    certainty: Certainty
    explanation: str  # why a browser (or a proxy) does this, in plain words; backticks mark code
    hits: str = ""  # what it hits, short: "3 calls blocked", "/api/items"
    evidence: tuple[Evidence, ...] = ()
    calls: tuple[str, ...] = ()  # CallReport.id of the calls it breaks; the first one's verdict path is shown
    console: str = ""  # what a developer sees in the browser's console; "" when nothing
    mends: tuple[Mend, ...] = ()  # recognised frameworks first, then the others in the order of Framework

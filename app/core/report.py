"""The report: what one scan concludes, as it is stored, shown, exported and published as a JSON schema."""

from dataclasses import dataclass

from app.core.exchange import Headers
from app.core.findings import Certainty, Finding, SeamKind, Severity
from app.core.verdict import SentRequest, Step

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Site:
    page_url: str  # as asked
    final_url: str  # after redirects
    page_origin: str
    api_origins: tuple[str, ...]
    scanned_at: str  # ISO 8601, UTC, "Z"
    duration_ms: int
    sentence: str  # the verdict in one sentence; backticks mark code
    detail: str = ""  # the second sentence: what else, and what is in order
    notes: tuple[str, ...] = ()  # what limited the scan
    generator: str = "Seamwatch"


@dataclass(frozen=True, slots=True)
class Architecture:
    kind: str  # "server-rendered", "decoupled", "hybrid", "unknown"
    joining: str  # "same origin", "same origin, proxied", "separate origins", "unknown"
    confidence: float  # 0 to 1
    evidence: tuple[str, ...]  # one line each


@dataclass(frozen=True, slots=True)
class Technology:
    name: str  # "Django", "DRF", "React", "nginx", "Cloudflare"
    category: str  # "frontend", "build", "framework", "library", "server", "proxy", "realtime", "host", "database"
    origin: str  # serialized origin it was seen on
    prefix: str  # path prefix: "/", "/api/"
    confidence: float  # 0 to 1; 1 - Π(1 - w) over independent signals
    certainty: str  # "yes" (>= 0.85), "likely" (>= 0.5)
    version: str = ""  # only when a signal carries it
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One box of the seam map, on the server's side."""

    id: str  # "page", "api-1", "websocket-1", "identity-1", "database"
    kind: str  # "page", "api", "websocket", "identity", "database"
    name: str  # "Page origin", "API origin"
    address: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Seam:
    """One line of the seam map: a join between the browser and a part."""

    id: str  # "page", "cors-1", "websocket-1"
    kind: SeamKind
    part: str  # Part.id
    label: str  # worst finding's title, or what is in order, short
    detail: str = ""  # counts: "14 calls, 3 blocked"
    worst: Severity | None = None  # None: in order
    blocked: bool = False  # a browser blocks something on it
    certainty: Certainty = Certainty.OBSERVED
    findings: tuple[str, ...] = ()  # codes, worst first


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call and its verdict path."""

    id: str
    method: str
    url: str
    template: str
    headers: Headers  # values that look secret are hashed
    credentials: str
    origin: str  # the page's
    source: str  # "script", "page", "form", "openapi", "user"
    source_excerpt: str
    allowed: bool | None  # None: unknown
    allowed_standard: bool | None
    rule: str
    type: str
    preflight: bool
    certainty: Certainty
    why: str
    status: int | None  # of the answer; None when unknown or never sent
    duration_ms: int | None
    console: str
    exposed: tuple[str, ...]
    path: tuple[Step, ...]
    sent: tuple[SentRequest, ...]
    requests: tuple[int, ...]  # RequestReport.id


@dataclass(frozen=True, slots=True)
class RequestReport:
    """One request that the scan sent, secrets hashed."""

    id: int
    purpose: str
    method: str
    url: str
    request_headers: Headers
    status: int | None
    reason: str
    response_headers: Headers
    body_bytes: int
    truncated: bool
    media_type: str
    excerpt: str  # the first 400 characters of a textual body
    failure: str  # "" when there is a response
    started_ms: float
    duration_ms: float
    address: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one scan concludes. Readable for ever: `schema_version` rises when a field changes its meaning."""

    schema_version: int
    site: Site
    architecture: Architecture
    technologies: tuple[Technology, ...]
    parts: tuple[Part, ...]
    seams: tuple[Seam, ...]
    calls: tuple[CallReport, ...]
    findings: tuple[Finding, ...]  # worst first, then by code
    requests: tuple[RequestReport, ...]

"""What can be watched, and how: one configuration a kind, read from and written to plain JSON values.

Texts may hold placeholders (`app.core.placeholders`); addresses are checked again when these are filled in. Whoever writes a check is
told at the door, by field, what cannot be used.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from app.core import placeholders
from app.core.ask import Ask, check_address, check_headers, check_host
from app.core.assertions import Assertion, Operator, Subject
from app.core.exchange import Headers
from app.core.openid import ALGORITHMS
from app.core.schedule import Rhythm
from app.core.verdict import FetchCall

MAX_STEPS = 20
_RESOLVER = re.compile(
    r"\[(?P<six>[0-9A-Fa-f:.]+)\](?::(?P<six_port>\d{1,5}))?|(?P<four>[0-9.]+)(?::(?P<port>\d{1,5}))?|(?P<bare>[0-9A-Fa-f:.]+)"
)


class Kind(StrEnum):
    """The kinds of monitors. Browser-driven checks will be one more."""

    PAGE = "page"
    API = "api"
    FLOW = "flow"
    CORS = "cors"
    WEBSOCKET = "websocket"
    SOCKETIO = "socketio"
    COOKIE = "cookie"
    OIDC = "oidc"
    TLS = "tls"
    DOMAIN = "domain"
    DNS = "dns"
    TCP = "tcp"
    PING = "ping"
    DATABASE = "database"
    HEARTBEAT = "heartbeat"
    SKEW = "skew"
    SCAN = "scan"


class BadCheck(ValueError):
    """A configuration that cannot be used. `errors` maps the field, as "steps.0.url", to a sentence for people."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class PageCheck:
    kind: ClassVar[Kind] = Kind.PAGE
    ask: Ask


@dataclass(frozen=True, slots=True)
class ApiCheck:
    kind: ClassVar[Kind] = Kind.API
    ask: Ask


class CaptureFrom(StrEnum):
    HEADER = "header"  # path: its name
    JSON = "json"  # path: a JSONPath
    COOKIE = "cookie"  # path: its name
    HTML = "html"  # path: a CSS selector; the element's value, else content, else text: a CSRF field
    REGEX = "regex"  # path: a pattern; its first group, else all of it


@dataclass(frozen=True, slots=True)
class Capture:
    """A value taken from a step's answer, for later steps: `{{name}}`."""

    name: str
    source: CaptureFrom
    path: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", self.name):
            raise ValueError("A captured value has a name of letters, digits and underscores.")
        if not self.path:
            raise ValueError("Say where the value stands.")
        # The same reading as of assertions, so that both are refused in the same words.
        match self.source:
            case CaptureFrom.HEADER:
                check_headers(((self.path, ""),))
            case CaptureFrom.JSON:
                Assertion(Subject.JSON, Operator.EXISTS, target=self.path)
            case CaptureFrom.HTML:
                Assertion(Subject.SELECTOR, Operator.EXISTS, target=self.path)
            case CaptureFrom.REGEX:
                Assertion(Subject.BODY, Operator.MATCHES, self.path)
            case CaptureFrom.COOKIE:
                pass


@dataclass(frozen=True, slots=True)
class FlowStep:
    name: str
    ask: Ask
    captures: tuple[Capture, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowCheck:
    """Steps in one cookie jar; the first one that fails ends the flow."""

    kind: ClassVar[Kind] = Kind.FLOW
    steps: tuple[FlowStep, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MAX_STEPS:
            raise ValueError(f"A flow has 1 to {MAX_STEPS} steps.")
        known: set[str] = set()
        for number, step in enumerate(self.steps, 1):
            used = {name for name in placeholders.names_in(step.ask) if not name.startswith(placeholders.SECRET)}
            if missing := sorted(used - known):
                raise ValueError(f"Step {number} uses {{{{{missing[0]}}}}}, which no earlier step captures.")
            known |= {capture.name for capture in step.captures}


@dataclass(frozen=True, slots=True)
class CorsCheck:
    """What a browser does with a call: it must be allowed from the call's own origin, or blocked; and blocked from foreign ones."""

    kind: ClassVar[Kind] = Kind.CORS
    call: FetchCall
    allowed: bool = True
    foreign_origins: tuple[str, ...] = ("https://seamwatch.invalid",)

    def __post_init__(self) -> None:
        check_address(self.call.url)
        check_headers(self.call.headers)
        for origin in (self.call.origin, *self.foreign_origins):
            if origin != "null":
                check_address(origin)
                if urlsplit(origin).path or urlsplit(origin).query:
                    raise ValueError(f"“{origin[:80]}” is not an origin: scheme, host and port only.")


class Expected(StrEnum):
    TEXT = "text"  # it contains
    REGEX = "regex"
    JSON = "json"  # a JSONPath that finds something


@dataclass(frozen=True, slots=True)
class Message:
    """Something that is sent, and what must come back in answer. Either may be left out."""

    send: str = ""
    expect: str = ""
    how: Expected = Expected.TEXT

    def __post_init__(self) -> None:
        if self.expect and self.how is not Expected.TEXT:
            # The same reading as of assertions, so that both are refused in the same words.
            subject, operator = (Subject.JSON, Operator.EXISTS) if self.how is Expected.JSON else (Subject.BODY, Operator.MATCHES)
            Assertion(subject, operator, self.expect, self.expect if self.how is Expected.JSON else "")


@dataclass(frozen=True, slots=True)
class WebSocketCheck:
    kind: ClassVar[Kind] = Kind.WEBSOCKET
    url: str  # ws:// or wss://
    origin: str = ""  # of the page that opens it; "" sends none
    foreign_origin: str = ""  # one that must be refused; "" asks nothing
    headers: Headers = ()
    subprotocols: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    hold_s: float = 0  # how long it must stay open when nothing is sent

    def __post_init__(self) -> None:
        check_address(self.url, ("ws", "wss"))
        check_headers(self.headers)
        if not 0 <= self.hold_s <= 120:
            raise ValueError("A socket is held open for 0 to 120 s.")


@dataclass(frozen=True, slots=True)
class SocketIoCheck:
    """Engine.IO 4 over a WebSocket: connect to a namespace, and an event's round trip."""

    kind: ClassVar[Kind] = Kind.SOCKETIO
    url: str  # http:// or https://; with the path of the server, /socket.io/ unless another is given
    origin: str = ""
    foreign_origin: str = ""
    namespace: str = "/"
    auth: str = ""  # JSON object; "" for none
    event: str = ""  # "" only connects
    payload: str = ""  # JSON, the event's arguments: an array
    expect_event: str = ""  # what comes back; "" waits for the acknowledgement
    expect: str = ""  # a JSONPath into its arguments that finds something

    def __post_init__(self) -> None:
        check_address(self.url)
        # With placeholders they are JSON once these are filled in.
        for text, kind, words in (
            (self.auth, dict, "What authenticates is a JSON object, like {“token”: “…”}."),
            (self.payload, list, "The event's arguments are a JSON array, like [“hello”, 1]."),
        ):
            if text.strip() and not placeholders.names_in(text) and not isinstance(_json(text), kind):
                raise ValueError(words)


def _json(text: str) -> Any:
    """Return the value of a JSON text; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class CookieCheck:
    """A cookie that an answer sets: its attributes, and which calls a browser sends it with."""

    kind: ClassVar[Kind] = Kind.COOKIE
    ask: Ask
    name: str
    secure: bool | None = True  # None: whichever
    http_only: bool | None = True
    same_site: Literal["", "lax", "strict", "none"] = ""  # "": whichever
    sent_with: tuple[FetchCall, ...] = ()  # a browser must send it with these
    kept_from: tuple[FetchCall, ...] = ()  # and not with these

    def __post_init__(self) -> None:
        # A token (RFC 6265, 4.1.1), or a placeholder.
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", self.name) and not placeholders.names_in(self.name):
            raise ValueError("Name the cookie, as the answer sets it.")


@dataclass(frozen=True, slots=True)
class OidcCheck:
    """A provider's discovery document and keys (OpenID Connect Discovery 1.0; RFC 7517)."""

    kind: ClassVar[Kind] = Kind.OIDC
    issuer: str
    algorithms: tuple[str, ...] = ("RS256",)  # of these, one key each at least
    max_clock_s: int = 60  # how far its clock may be off ours

    def __post_init__(self) -> None:
        check_address(self.issuer)
        if unknown := [name for name in self.algorithms if name not in ALGORITHMS]:
            raise ValueError(f"“{unknown[0][:20]}” is not an algorithm by which ID tokens are signed: {', '.join(ALGORITHMS)}.")
        if not 1 <= self.max_clock_s <= 86_400:
            raise ValueError("A clock may be off by 1 s to 1 day.")


@dataclass(frozen=True, slots=True)
class TlsCheck:
    kind: ClassVar[Kind] = Kind.TLS
    host: str
    port: int = 443
    server_name: str = ""  # SNI and the name to verify; "" for the host
    days: int = 14  # fewer until the certificate ends warn; none left fails

    def __post_init__(self) -> None:
        check_host(self.host)
        _port(self.port)
        if self.server_name:
            check_host(self.server_name)


def _port(port: int) -> None:
    if not 1 <= port <= 65535:
        raise ValueError("A port is a number from 1 to 65535.")


@dataclass(frozen=True, slots=True)
class DomainCheck:
    kind: ClassVar[Kind] = Kind.DOMAIN
    domain: str
    days: int = 30

    def __post_init__(self) -> None:
        check_host(self.domain)


@dataclass(frozen=True, slots=True)
class DnsCheck:
    kind: ClassVar[Kind] = Kind.DNS
    name: str
    record: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"] = "A"
    resolver: str = ""  # an IP address; "" for the system's
    expect: tuple[str, ...] = ()  # all of these must be answered; () for anything
    exactly: bool = False  # and nothing else

    def __post_init__(self) -> None:
        check_host(self.name)
        if self.resolver:
            resolver_of(self.resolver)


def resolver_of(text: str) -> tuple[str, int]:
    """Return IP address and port of a resolver. Raises ValueError for what is none."""
    found = _RESOLVER.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        ip, port = found["six"] or found["four"] or found["bare"], int(found["six_port"] or found["port"] or 53)
        ipaddress.ip_address(ip)
        _port(port)
    except ValueError:
        raise ValueError("The resolver is not an IP address, like 9.9.9.9, 9.9.9.9:53 or [2620:fe::fe]:53.") from None
    return ip, port


@dataclass(frozen=True, slots=True)
class TcpCheck:
    kind: ClassVar[Kind] = Kind.TCP
    host: str
    port: int
    message: Message = Message()

    def __post_init__(self) -> None:
        check_host(self.host)
        _port(self.port)


@dataclass(frozen=True, slots=True)
class PingCheck:
    kind: ClassVar[Kind] = Kind.PING
    host: str
    count: int = 3
    max_lost: int = 0

    def __post_init__(self) -> None:
        check_host(self.host)
        if not 1 <= self.count <= 10 or not 0 <= self.max_lost < self.count:
            raise ValueError("Send 1 to 10 pings, of which not all may be lost.")


@dataclass(frozen=True, slots=True)
class DatabaseCheck:
    """Connects and runs one read-only query."""

    kind: ClassVar[Kind] = Kind.DATABASE
    engine: Literal["postgresql", "mysql", "redis", "mongodb"]
    host: str
    port: int
    database: str = ""
    user: str = ""
    password: str = ""
    tls: bool = False
    query: str = ""  # "" for the engine's own sign of life: SELECT 1, PING, {ping: 1}
    expect: str = ""  # the first value of the first row, as text; "" for anything

    def __post_init__(self) -> None:
        check_host(self.host)
        _port(self.port)


@dataclass(frozen=True, slots=True)
class HeartbeatCheck:
    """The watched thing calls us."""

    kind: ClassVar[Kind] = Kind.HEARTBEAT
    grace_s: int = 300
    period_s: int | None = 3600
    cron: str = ""
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if not 60 <= self.grace_s <= 31 * 86_400 or not (self.period_s is None or 60 <= self.period_s <= 366 * 86_400):
            raise ValueError("Period and grace are at least a minute; the period at most a year, the grace at most 31 days.")
        self.rhythm  # noqa: B018  raises for what cannot be used

    @property
    def rhythm(self) -> Rhythm:
        period = timedelta(seconds=self.period_s) if self.period_s is not None else None
        return Rhythm(timedelta(seconds=self.grace_s), period, self.cron, self.zone)


@dataclass(frozen=True, slots=True)
class SkewCheck:
    """Whether frontend and backend change together: the page's scripts by their hash (VER-01), the OpenAPI document (VER-04)."""

    kind: ClassVar[Kind] = Kind.SKEW
    page_url: str
    openapi_url: str = ""

    def __post_init__(self) -> None:
        check_address(self.page_url)
        if self.openapi_url:
            check_address(self.openapi_url)


@dataclass(frozen=True, slots=True)
class ScanCheck:
    """The whole scan; a verdict that changed, or a finding that is new, is a failure."""

    kind: ClassVar[Kind] = Kind.SCAN
    page_url: str
    api_url: str = ""
    fail_on: Literal["critical", "high", "medium", "low", "info"] = "medium"  # new findings below only stand in the report

    def __post_init__(self) -> None:
        check_address(self.page_url)
        if self.api_url:
            check_address(self.api_url)


Check: TypeAlias = (
    PageCheck
    | ApiCheck
    | FlowCheck
    | CorsCheck
    | WebSocketCheck
    | SocketIoCheck
    | CookieCheck
    | OidcCheck
    | TlsCheck
    | DomainCheck
    | DnsCheck
    | TcpCheck
    | PingCheck
    | DatabaseCheck
    | HeartbeatCheck
    | SkewCheck
    | ScanCheck
)
_ADAPTERS: dict[Kind, TypeAdapter[Any]] = {made.kind: TypeAdapter(made) for made in Check.__args__}


def parse(kind: Kind, values: object) -> Check:
    """Read a configuration from plain JSON values. Names that the kind does not have are refused.

    Raises:
        BadCheck: names every field at fault.
    """
    try:
        return _ADAPTERS[kind].validate_python(values, extra="forbid")
    except ValidationError as error:
        raise BadCheck({_field(found["loc"]): _words(found) for found in error.errors()}) from None


def dump(check: Check) -> dict[str, Any]:
    """Return the plain JSON values that `parse` reads."""
    return _ADAPTERS[check.kind].dump_python(check, mode="json")


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "check"


def _words(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return {"missing": "This is needed.", "unexpected_keyword_argument": "There is no such field."}.get(error["type"], f"{error['msg']}.")

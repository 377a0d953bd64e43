"""One request and its response, as plain values: what every probe records and every rule reads."""

import codecs
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

# As sent or received: order, case and duplicates kept. A dict of headers would lose COR-08.
Headers: TypeAlias = tuple[tuple[str, str], ...]


def header_values(headers: Headers, name: str) -> list[str]:
    """Return every value of one header, trimmed of HTTP white space, in order. Names compare case-insensitively."""
    wanted = name.lower()
    return [value.strip(" \t\r\n") for key, value in headers if key.lower() == wanted]


def header_value(headers: Headers, name: str) -> str | None:
    """Return the values of one header joined by ", " (Fetch's "get"), or None when there is no such header.

    Source: https://fetch.spec.whatwg.org/#concept-header-list-get
    """
    values = header_values(headers, name)
    return ", ".join(values) if values else None


# Codecs of Python's that are no charsets of the web: they raise, read escapes, or (punycode) take the square of the length.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "raw-unicode-escape", "undefined", "unicode_escape", "unicode-escape"})


def decoded(body: bytes, charset: str) -> str:
    """Decode text by the name of a charset, as UTF-8 when nobody knows that name; undecodable bytes become U+FFFD."""
    try:
        if charset and codecs.lookup(charset).name not in _NO_CHARSETS:
            return body.decode(charset, "replace")
    except (LookupError, ValueError):  # also UnicodeError
        pass
    return body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of one response."""

    status: int
    headers: Headers = ()

    def values(self, name: str) -> list[str]:
        """Return every value of one header, in order."""
        return header_values(self.headers, name)

    def get(self, name: str) -> str | None:
        """Return the header's values joined by ", ", or None."""
        return header_value(self.headers, name)


class Purpose(StrEnum):
    """Why a scan sent a request. One purpose a request; a redirect hop keeps the purpose of its first request."""

    PAGE = "page"  # the page the user named, and pages it links to
    SCRIPT = "script"
    MISSING_PAGE = "missing_page"  # GET /<random> on the page's origin: what "not there" looks like
    MISSING_API = "missing_api"  # GET <api base>/<random>, Accept: application/json
    MISSING_ASSET = "missing_asset"  # GET /assets/<random>.js
    ENDPOINT = "endpoint"  # GET of a call's URL without Origin
    SLASH = "slash"  # the same URL with the trailing slash added or removed
    PREFLIGHT = "preflight"  # OPTIONS as the browser would send it for a call
    ACTUAL = "actual"  # the call itself with the page's Origin (GET and HEAD), or a GET in its place
    FOREIGN = "foreign"  # GET with Origin: https://seamwatch.invalid
    NULL_ORIGIN = "null_origin"  # GET with Origin: null
    ORIGIN_VARIANT = "origin_variant"  # GET with a near miss of the page's origin (www, scheme, localhost/127.0.0.1, slash)
    SCHEMA = "schema"  # OpenAPI documents
    DOCS = "docs"
    ADMIN = "admin"
    DISCOVERY = "discovery"  # /.well-known/openid-configuration
    OAUTH = "oauth"  # an OAuth start URL; its redirect is not followed
    SOCKETIO = "socketio"  # /socket.io/?EIO=4&transport=polling
    WEBSOCKET = "websocket"  # handshake with the page's own Origin
    WEBSOCKET_FOREIGN = "websocket_foreign"
    TWIN = "twin"  # the http:// twin of an https origin


class Failure(StrEnum):
    """Why there is no response. The words shown to people are in `Exchange.failure_text`."""

    INVALID_URL = "invalid_url"
    REFUSED_ADDRESS = "refused_address"  # our own guard: private, metadata, own port
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"  # not HTTP, broken framing, header block too large
    TOO_MANY_REDIRECTS = "too_many_redirects"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds since the request started at which each phase was over; 0 when the phase did not happen."""

    dns_ms: float = 0
    connect_ms: float = 0
    tls_ms: float = 0
    first_byte_ms: float = 0
    total_ms: float = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that was sent (or refused at the door) and what came back.

    `body` is what was read, decompressed, at most the limit of the asking probe; `truncated` says that there was more.
    Redirects are never folded: each hop is an exchange of its own.
    """

    id: int  # 1, 2, 3, … in the order sent within one scan
    purpose: Purpose
    method: str
    url: str  # absolute, without fragment
    request_headers: Headers = ()
    response: Head | None = None
    reason: str = ""  # the reason phrase as sent ("NOT FOUND" is a Flask signal); empty over h2
    http_version: str = ""  # "1.0", "1.1", "2", "3"
    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    failure: Failure | None = None
    failure_text: str = ""
    timing: Timing = Timing()
    address: str = ""  # peer address "127.0.0.1:8000", for the report
    started_ms: float = 0  # since the scan began

    @property
    def status(self) -> int:
        """The status, or 0 when there was no response."""
        return self.response.status if self.response else 0

    def header(self, name: str) -> str | None:
        """Return a response header's values joined by ", ", or None."""
        return self.response.get(name) if self.response else None

    @property
    def media_type(self) -> str:
        """The response's MIME essence in lower case ("text/html"), or ""."""
        return (self.header("content-type") or "").split(";")[0].strip().lower()

    def text(self) -> str:
        """Return the body as text: charset of Content-Type, else UTF-8; undecodable bytes are replaced."""
        content_type = self.header("content-type") or ""
        _, _, parameter = content_type.lower().partition("charset=")
        return decoded(self.body, parameter.split(";")[0].strip(" \"'"))

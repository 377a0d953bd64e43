"""The inventory: which page calls which API, from which origin, with what credentials."""

from dataclasses import dataclass
from enum import StrEnum

from app.core.exchange import Headers

# Stands for a header value, or a part of one, that looked secret or was computed: names matter to a verdict, these values do not.
UNKEPT = "…"


class SourceKind(StrEnum):
    SCRIPT = "script"
    PAGE = "page"  # inline script, or an attribute
    FORM = "form"
    LINK = "link"
    OPENAPI = "openapi"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was found."""

    kind: SourceKind
    exchange: int | None = None  # Exchange.id of the document it stands in
    excerpt: str = ""  # the piece of source, at most 200 characters, secrets hashed


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the frontend to a backend, as `fetch()`, XHR or axios would make it."""

    method: str  # as written in the source: "patch" stays "patch"
    url: str  # absolute, without fragment; path parameters filled with a plain "1"
    headers: Headers = ()  # names and values that the script sets; secret-looking values replaced by "…"
    body: str | None = None  # kind: "text", "urlencoded", "multipart", "blob", "bytes"
    credentials: str = "same-origin"  # "omit", "same-origin", "include"
    mode: str = "cors"
    redirect: str = "follow"
    template: str = ""  # the path as written, with its holes: "/api/items/{id}"; "" when it has none
    source: Source = Source(SourceKind.USER)


@dataclass(frozen=True, slots=True)
class SocketUse:
    url: str  # ws:// or wss://, absolute; for Socket.IO the polling URL's origin and path
    kind: str = "websocket"  # "websocket" or "socketio"
    source: Source = Source(SourceKind.USER)


@dataclass(frozen=True, slots=True)
class UrlLiteral:
    """An absolute URL in the frontend's source that names a host; for DEP-01 and DEP-02."""

    url: str
    source: Source


@dataclass(frozen=True, slots=True)
class OAuthStart:
    url: str
    provider: str = ""  # "google", "github", … when the path says so
    source: Source = Source(SourceKind.LINK)


@dataclass(frozen=True, slots=True)
class Inventory:
    page_url: str  # after redirects
    page_origin: str  # serialized: "https://app.example"
    scripts: tuple[str, ...] = ()  # absolute URLs, in page order, then imported chunks
    assets: tuple[str, ...] = ()  # other assets named by the page: styles, preloads, icons
    calls: tuple[Call, ...] = ()  # unique by (method, url without query, headers' names, credentials)
    sockets: tuple[SocketUse, ...] = ()
    literals: tuple[UrlLiteral, ...] = ()
    oauth_starts: tuple[OAuthStart, ...] = ()
    links: tuple[str, ...] = ()  # same-origin documents the page links to, absolute
    forms: tuple[Call, ...] = ()  # HTML forms: a navigation, not a fetch
    api_origins: tuple[str, ...] = ()  # origins the calls go to, most used first; includes the page's own when it is called
    api_bases: tuple[str, ...] = ()  # absolute prefixes of the calls ("http://x:8000/api/"), one per origin and first segment
    notes: tuple[str, ...] = ()  # what was not read of the frontend, one sentence each: "Only the first 3 MB of /app.js were read."

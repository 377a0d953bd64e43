"""What `fetch()` makes of a script's arguments before any network: the request, or the TypeError (Q1 to Q8)."""

from dataclasses import dataclass
from functools import lru_cache

from app.core import urls
from app.core.cors_headers import (
    HTTP_SPACE,
    SAFELISTED_METHODS,
    Profile,
    is_byte_string,
    is_forbidden_header,
    is_forbidden_method,
    is_header_value,
    is_no_cors_safelisted,
    is_token,
    normalize_method,
)
from app.core.verdict import Body, FetchCall

# What Chromium adds after "multipart/form-data; boundary=" is random; sixteen zeros stand for it.
MULTIPART_TYPE = "multipart/form-data; boundary=----WebKitFormBoundary0000000000000000"

# https://fetch.spec.whatwg.org/#port-blocking
BLOCKED_PORTS = frozenset(
    {
        0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115,
        117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587,
        601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
        6697, 10080,
    }
)  # fmt: skip


@dataclass(slots=True)  # not frozen: that would triple the cost of making one
class UrlParts:
    """What fetching needs to know of one URL."""

    href: str  # as parsed, without fragment
    bare: str  # the same without user name and password: what reaches the server and what answers are kept by
    origin: str
    scheme: str  # "http"
    host: str
    port: int
    has_credentials: bool
    fragment: str = ""  # with its "#"

    @property
    def is_http(self) -> bool:
        return self.scheme in ("http", "https")


@lru_cache(maxsize=65536)
def url_parts(url: str, base: str | None = None) -> UrlParts | None:
    """Parse a URL, relative to a base if given; None when a browser cannot parse it."""
    parsed = urls.parse(url, base)
    if parsed is None:
        return None
    href, mark, fragment = parsed.href.partition("#")
    scheme = parsed.protocol[:-1]
    has_credentials = bool(parsed.username or parsed.password)
    bare = href
    is_http = scheme in ("http", "https")
    if has_credentials and is_http:
        bare = f"{scheme}://{parsed.host}{parsed.pathname}{parsed.search}"
    origin = f"{scheme}://{parsed.host}" if is_http else "null"
    port = int(parsed.port) if parsed.port else (443 if scheme == "https" else 80)
    return UrlParts(href, bare, origin, scheme, parsed.hostname, port, has_credentials, mark + fragment)


@dataclass(frozen=True, slots=True)
class BadCall:
    """`fetch()` throws a TypeError before any network; `console` is its message."""

    rule: str
    console: str
    detail: str
    name: str = ""  # what was wrong: a method, a header name, a URL
    value: str = ""


@dataclass(slots=True)
class Request:
    """A request as Fetch defines it, changed from hop to hop."""

    origin: str  # the page's, serialized
    url: UrlParts
    method: str
    headers: dict[str, str]  # by lower-case name, values joined
    credentials: str
    mode: str
    redirect: str
    top_level: str = ""  # origin of the page around a frame
    dropped: tuple[str, ...] = ()  # header names that the guard dropped

    @property
    def credentialed(self) -> bool:
        return self.credentials == "include"


_FAILED = "Failed to execute 'fetch' on 'Window': "
_NO_BYTES = "String contains non ISO-8859-1 code point."
_CONTENT_TYPES = {
    "text": "text/plain;charset=UTF-8",
    "urlencoded": "application/x-www-form-urlencoded;charset=UTF-8",
    "multipart": MULTIPART_TYPE,
}


def content_type_of(body: Body) -> str:
    """Return the Content-Type that fetch() takes from the body, or "" for none (Q8)."""
    if body.kind == "blob":
        return _blob_type(body.type)
    return _CONTENT_TYPES.get(body.kind, "")


def _blob_type(given: str) -> str:
    # https://w3c.github.io/FileAPI/#constructorBlob: a type with a character outside U+0020 to U+007E becomes "".
    return given.lower() if all(" " <= character <= "~" for character in given) else ""


def build(call: FetchCall, profile: Profile) -> Request | BadCall:
    """Run the Request constructor's checks in the order in which Chromium reports them."""
    if not is_byte_string(call.method):
        text = f"TypeError: {_FAILED[:-2]}: Failed to read the 'method' property from 'RequestInit': {_NO_BYTES}"
        return BadCall("Q1", text, "The method holds a character above U+00FF.", call.method)
    for name, value in call.headers:
        if not (is_byte_string(name) and is_byte_string(value)):
            return BadCall(
                "Q4",
                f"TypeError: {_FAILED[:-2]}: Failed to read the 'headers' property from 'RequestInit': {_NO_BYTES}",
                "A header holds a character above U+00FF.",
                name,
                value,
            )
    page = _page_origin(call.origin)
    url = url_parts(call.url) or (url_parts(call.url, f"{page}/") if page != "null" else None)
    if url is None:
        return BadCall("Q3", f"TypeError: {_FAILED}Failed to parse URL from {call.url}", "The URL cannot be parsed.", call.url)
    if url.has_credentials:
        return BadCall(
            "Q3",
            f"TypeError: {_FAILED}Request cannot be constructed from a URL that includes credentials: {call.url}",
            "The URL holds a user name or password.",
            call.url,
        )
    bad = _bad_method(call)
    if bad is not None:
        return bad
    method = normalize_method(call.method)
    headers: dict[str, str] = {}
    dropped: list[str] = []
    for name, raw in call.headers:
        value = raw.strip(HTTP_SPACE)
        if not is_token(name):
            return BadCall("Q4", f"TypeError: {_FAILED}Invalid name", "A header name is not a token.", name, value)
        if not is_header_value(value):
            return BadCall("Q4", f"TypeError: {_FAILED}Invalid value", "A header value holds NUL, CR or LF.", name, value)
        if not _append(headers, name.lower(), value, call.mode, profile):
            dropped.append(name)
    if call.body is not None:
        if method in ("GET", "HEAD"):
            text = f"TypeError: {_FAILED}Request with GET/HEAD method cannot have body."
            return BadCall("Q5", text, f"{method} cannot have a body.", method)
        content_type = content_type_of(call.body)
        if content_type and "content-type" not in headers and not _append(headers, "content-type", content_type, call.mode, profile):
            dropped.append("Content-Type")
    return Request(
        origin=page,
        url=url,
        method=method,
        headers=headers,
        credentials=call.credentials,
        mode=call.mode,
        redirect=call.redirect,
        top_level=call.top_level,
        dropped=tuple(dropped),
    )


def _page_origin(origin: str) -> str:
    parts = None if origin == "null" else url_parts(origin)
    return parts.origin if parts is not None else "null"


def _bad_method(call: FetchCall) -> BadCall | None:
    if not is_token(call.method):
        text = f"TypeError: {_FAILED}'{call.method}' is not a valid HTTP method."
        return BadCall("Q1", text, "The method is not a token.", call.method)
    if is_forbidden_method(call.method):
        text = f"TypeError: {_FAILED}'{call.method}' HTTP method is unsupported."
        return BadCall("Q1", text, f"Scripts may not send {call.method.upper()}.", call.method)
    if call.mode == "no-cors" and normalize_method(call.method) not in SAFELISTED_METHODS:
        text = f"TypeError: {_FAILED}'{normalize_method(call.method)}' is unsupported in no-cors mode."
        return BadCall("Q2", text, "Mode no-cors allows GET, HEAD and POST only.", call.method)
    return None


def _append(headers: dict[str, str], name: str, value: str, mode: str, profile: Profile) -> bool:
    """Append as the Headers guard allows; tell whether the header was kept."""
    if is_forbidden_header(name, value):
        return False
    joined = f"{headers[name]}, {value}" if name in headers else value
    if mode == "no-cors" and not is_no_cors_safelisted(name, joined, profile):
        return False
    headers[name] = joined
    return True

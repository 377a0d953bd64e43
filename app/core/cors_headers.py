"""Request and response headers as fetch() sees them: forbidden names, safelists, token lists, names a script may read.

Header values are byte strings: one character is one byte (isomorphic decoding), as in the Fetch standard.
Sources: https://fetch.spec.whatwg.org/#headers-class, https://fetch.spec.whatwg.org/#cors-safelisted-request-header; where
Chromium 156 leaves the standard, a comment says so (checked by tests/e2e/test_cors_differential.py).
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache


class Profile(Enum):
    """Whose rules are applied where browsers leave the standard (A.10 of the rules)."""

    CHROMIUM = "chromium"
    STANDARD = "standard"


HTTP_SPACE = " \t\r\n"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_METHOD = re.compile(r"(?i:connect|trace|track)")
_NORMALISED_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})

_FORBIDDEN_NAMES = frozenset(
    {
        "accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method", "connection",
        "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te",
        "trailer", "transfer-encoding", "upgrade", "via",
    }
)  # fmt: skip
_METHOD_OVERRIDES = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})

MAX_SAFELISTED_VALUE_BYTES = 128
MAX_SAFELISTED_TOTAL_BYTES = 1024
_UNSAFE_BYTE = re.compile(r"[\x00-\x08\x0a-\x1f\"():<>?@\[\\\]{}\x7f]")
_LANGUAGE = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_SIMPLE_CONTENT_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_NO_CORS_NAMES = frozenset({"accept", "accept-language", "content-language", "content-type"})

# Chromium also safelists these (S8); most are hints about the device and the network.
_CHROMIUM_NUMBERS = frozenset({"device-memory", "dpr", "downlink"})
_CHROMIUM_INTEGERS = frozenset({"width", "viewport-width", "rtt"})
_CHROMIUM_EFFECTIVE_TYPES = frozenset({"slow-2g", "2g", "3g", "4g"})
# Dropped by Chromium when a redirect leaves the page's origin.
CLIENT_HINTS = _CHROMIUM_NUMBERS | _CHROMIUM_INTEGERS | {"ect"}
# Headers with which the profiles may part.
QUIRKY_NAMES = CLIENT_HINTS | {"user-agent", "intervention", "save-data", "range", "authorization"}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_INTEGER = re.compile(r"[0-9]+")

# Deleted when a redirect turns the method into GET.
BODY_HEADER_NAMES = ("content-encoding", "content-language", "content-location", "content-type")

_READABLE = frozenset({"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"})
_NEVER_READABLE = frozenset({"set-cookie", "set-cookie2"})


@lru_cache(maxsize=2048)
def is_token(text: str) -> bool:
    """Whether the text is an HTTP token (RFC 9110): not empty, no separators, ASCII."""
    return _TOKEN.fullmatch(text) is not None


def is_byte_string(text: str) -> bool:
    """Whether every character stands for one byte, as a script's header values must."""
    return text.isascii() or all(character <= "\xff" for character in text)


def is_header_value(value: str) -> bool:
    """Whether a normalised value may stand in a header: no NUL, CR or LF inside."""
    return "\x00" not in value and "\r" not in value and "\n" not in value


def is_forbidden_method(method: str) -> bool:
    """Whether fetch() refuses the method in any case: CONNECT, TRACE, TRACK."""
    return _FORBIDDEN_METHOD.fullmatch(method) is not None


def normalize_method(method: str) -> str:
    """Upper-case the six methods that the standard normalises; every other one stays as written ("patch")."""
    upper = method.upper()
    return upper if upper in _NORMALISED_METHODS else method


def is_forbidden_header(name: str, value: str) -> bool:
    """Whether a script's header is dropped silently (Q6). The name is in lower case."""
    if name in _FORBIDDEN_NAMES or name.startswith(("proxy-", "sec-")):
        return True
    return name in _METHOD_OVERRIDES and any(is_forbidden_method(method) for method in _split_value(value))


def _split_value(value: str) -> list[str]:
    # "Get, decode, and split": commas inside a quoted string do not split.
    if '"' not in value:
        return [item.strip(" \t") for item in value.split(",")]
    return [item.strip(" \t") for item in re.findall(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+', value)]


@lru_cache(maxsize=8192)
def is_safelisted(name: str, value: str, profile: Profile) -> bool:
    """Whether a request header needs no preflight (S1 to S9). The name is in lower case, the value normalised and joined."""
    if len(value) > MAX_SAFELISTED_VALUE_BYTES:
        return False
    match name:
        case "accept":
            return _UNSAFE_BYTE.search(value) is None
        case "accept-language" | "content-language":
            return _LANGUAGE.fullmatch(value) is not None
        case "content-type":
            return _UNSAFE_BYTE.search(value) is None and _essence(value) in _SIMPLE_CONTENT_TYPES
        case "range":
            return _is_simple_range(value, profile)
    return profile is Profile.CHROMIUM and _is_chromium_safelisted(name, value)


def _is_chromium_safelisted(name: str, value: str) -> bool:
    if name in ("user-agent", "intervention"):
        return True
    if name == "save-data":
        return value.lower() == "on"
    if name in _CHROMIUM_NUMBERS:
        return _NUMBER.fullmatch(value) is not None
    if name in _CHROMIUM_INTEGERS:
        return _INTEGER.fullmatch(value) is not None
    return name == "ect" and value in _CHROMIUM_EFFECTIVE_TYPES


def _essence(value: str) -> str:
    """Return the MIME essence in lower case, or "" when it cannot be parsed."""
    kind, slash, rest = value.strip(HTTP_SPACE).partition("/")
    subtype = rest.partition(";")[0].rstrip(HTTP_SPACE)
    return f"{kind}/{subtype}".lower() if slash and is_token(kind) and is_token(subtype) else ""


def _is_simple_range(value: str, profile: Profile) -> bool:
    match = _RANGE.fullmatch(value)
    if match is None:
        return False
    first = int(match[1])
    last = int(match[2]) if match[2] else None
    if profile is Profile.CHROMIUM and max(first, last or 0) >= 2**63 - 1:
        return False
    return last is None or first <= last


def is_no_cors_safelisted(name: str, value: str, profile: Profile) -> bool:
    """Whether a script may set the header in mode no-cors (Q2)."""
    return name in _NO_CORS_NAMES and is_safelisted(name, value, profile)


def unsafe_names(headers: Mapping[str, str], profile: Profile) -> tuple[str, ...]:
    """Return the names that a preflight must ask for: lower case, sorted.

    Args:
        headers: by lower-case name; joined values.
    """
    if not headers:
        return ()
    chromium = profile is Profile.CHROMIUM
    unsafe: list[str] = []
    safe: list[str] = []
    size = 0
    if chromium and "accept" not in headers:
        safe.append("accept")  # Chromium's own "*/*" counts
        size += len("*/*")
    for name, value in headers.items():
        if is_forbidden_header(name, value):
            continue  # cannot be set one by one, but a joined X-HTTP-Method may become one
        if chromium and name == "user-agent":
            continue  # the script's value is ignored, whatever its length
        if is_safelisted(name, value, profile):
            safe.append(name)
            size += len(value)
        else:
            unsafe.append(name)
    if size > MAX_SAFELISTED_TOTAL_BYTES:
        unsafe += safe
    return tuple(sorted(unsafe))


def parse_token_list(value: str | None) -> tuple[str, ...] | None:
    """Return the tokens of a comma list such as Access-Control-Allow-Methods, or None when one item is no token (P2).

    Empty items are skipped. None (no such header) gives an empty tuple.
    """
    if not value:
        return ()
    return _token_list(value)


@lru_cache(maxsize=2048)
def _token_list(value: str) -> tuple[str, ...] | None:
    items = [item.strip(" \t") for item in value.split(",")]
    tokens = tuple(item for item in items if item)
    return tokens if all(is_token(token) for token in tokens) else None


def first_bad_item(value: str) -> str:
    """Return the first item of a comma list that is no token, or ""."""
    return next((item for item in (part.strip(" \t") for part in value.split(",")) if item and not is_token(item)), "")


def readable_names(fields: Mapping[str, str], response_type: str, credentialed: bool) -> tuple[str, ...]:
    """Return the response headers that the script may read (A.6), lower case, sorted.

    Args:
        fields: the response's headers by lower-case name, values joined.
    """
    if response_type not in ("basic", "cors"):
        return ()
    present = fields.keys() - _NEVER_READABLE
    if response_type == "cors":
        exposed = parse_token_list(fields.get("access-control-expose-headers")) or ()
        if credentialed or "*" not in exposed:
            present &= _READABLE.union(_lowered(exposed))
    return tuple(sorted(present))


def _lowered(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}

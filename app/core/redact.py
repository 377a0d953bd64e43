"""Keep secrets out of everything that is stored or shown: a value becomes a short hash, so that two reports can still be compared."""

import hashlib
import re
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from app.core import placeholders
from app.core.exchange import Headers
from app.core.observation import ScanRequest

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token",
                            "x-csrftoken", "x-csrf-token", "x-xsrf-token", "x-amz-security-token"})  # fmt: skip
# Headers that applications name themselves: X-Tenant-Token, X-App-Key. Sec-WebSocket-Key and Idempotency-Key are no secrets.
_SECRET_HEADER = re.compile(
    r"(?!sec-|idempotency-|surrogate-)(?:.*[-_])?(?:token|secret|password|apikey|key|jwt|session(?:[-_]?id)?)", re.I
)
SECRET_WORDS = r"access_token|refresh_token|id_token|token|secret|client_secret|password|passwd|api_?key|csrf\w*|session\w*|sid|code|state|sig|signature|jwt|key"  # noqa: E501
_SECRET_NAME = re.compile(rf"(?:[\w-]*[_-])?(?:{SECRET_WORDS})", re.I)
_JSON_SECRET = re.compile(rf'("(?:[\w-]*[_-])?(?:{SECRET_WORDS})"\s*:\s*")([^"\\]{{6,}})"', re.I)
# In source: `'X-Api-Key': '…'`, `apiKey = "…"`, `setRequestHeader("X-Api-Key", "…")`. A key has a digit and no blank; paths are no secrets.
_SOURCE_SECRET = re.compile(
    r"""((?<![\w-])(["'`]?)(?:x-)?(?:[\w-]*[_-])?(?:authorization|api[_-]?key|(?:access|auth|refresh|id|csrf|xsrf)?[_-]?token|client[_-]?secret"""
    r"""|secret(?:[_-]?key)?|passw(?:or)?d)\2\s*[:=,]\s*(["'`]))(?!\.{0,2}/|https?:|sha256:)(?=[^"'`\s]*\d)([^"'`\s\\$]{6,})(?=\3)""",
    re.I,
)
# A value of a hidden form field, as Django, Flask-WTF and Rails write them; the name may stand before or after the value.
# Bounded, as below: else a page of half-open tags takes the square, or the cube, of its length.
_HIDDEN_FIELD = re.compile(r"""(<input\b[^<>]{0,500}?\bvalue=["']?)([A-Za-z0-9+/=_.\-]{16,})(?=["'\s/>])""", re.I)
_QUERY_SECRET = re.compile(rf"([?&](?:[\w-]*[_-])?(?:{SECRET_WORDS})=)(?!sha256:)([^&\s\"'`<>#${{}}]{{4,}})", re.I)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")
# Not of "Basic authentication", which is prose, nor of `Basic realm="…"`, which is a challenge.
_CREDENTIALS = re.compile(r"""\b(Bearer|Basic|Token)\s+(?![a-z_]+\.?(?:[^\w.~+/=-]|$)|[a-z_]+=["']|realm=)([\w.~+/=-]{6,})""")
_KEY = re.compile(r"\b(sk_live_|sk_test_|ghp_|gho_|xox[abp]-|AKIA)[\w-]{8,}")
_META_TOKEN = re.compile(r"""(<meta\b[^<>]{0,300}?csrf[^<>]{0,300}?\bcontent=["'])([^"']{6,})(?=["'])""", re.I)


def hashed(value: str) -> str:
    """Return a stand-in for a secret: the first 32 bits of its SHA-256. Too short to search for, long enough to compare."""
    return f"sha256:{hashlib.sha256(value.encode()).hexdigest()[:8]}"


def redact_set_cookie(line: str) -> str:
    """Return a Set-Cookie line with the value hashed and the attributes kept: `session=sha256:1f2e3d4c; HttpOnly`."""
    pair, separator, attributes = line.partition(";")
    name, equals, value = pair.partition("=")
    if not equals:
        return f"{hashed(pair)}{separator}{attributes}"
    return f"{name}={hashed(value.strip()) if value.strip() else ''}{separator}{attributes}"


def redact_cookies(value: str) -> str:
    """Return a Cookie header's value with each cookie hashed."""
    return "; ".join(redact_set_cookie(pair.strip()) for pair in value.split(";"))


def redact_url(url: str) -> str:
    """Return a URL with credentials removed and secret-looking query values hashed; placeholders stay."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return redact_text(url)
    netloc = parts.netloc.rpartition("@")[2]
    if not any(_is_secret(name, value) for name, value in pairs):
        return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment)) if netloc != parts.netloc else url
    kept = "&".join(
        f"{quote(name)}={hashed(value) if _is_secret(name, value) else value if placeholders.names_in(value) else quote(value)}"
        for name, value in pairs
    )
    return urlunsplit((parts.scheme, netloc, parts.path, kept, parts.fragment))


def _is_secret(name: str, value: str) -> bool:
    """Whether a parameter is a secret; a placeholder is the name of one."""
    return bool(value) and _SECRET_NAME.fullmatch(name) is not None and not placeholders.names_in(value)


def secrets_of_url(url: str) -> tuple[str, ...]:
    """Return what `redact_url` would hash or remove: user name, password, and secret-looking query values, as sent and decoded."""
    try:
        parts = urlsplit(url)
        decoded = [value for name, value in parse_qsl(parts.query) if _SECRET_NAME.fullmatch(name)]
    except ValueError:
        return ()
    sent = [value for name, _, value in (pair.partition("=") for pair in parts.query.split("&")) if _SECRET_NAME.fullmatch(name)]
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return tuple(filter(None, dict.fromkeys((*sent, *decoded, user, password))))


def redact_header(name: str, value: str) -> str:
    """Return one header's value as it may be stored."""
    lower = name.lower()
    if lower == "set-cookie":
        return redact_set_cookie(value)
    if lower == "cookie":
        return redact_cookies(value)
    if lower in SECRET_HEADERS or _SECRET_HEADER.fullmatch(lower):
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {hashed(value)}" if space and lower.endswith("authorization") else hashed(value)
    if lower in {"location", "content-location", "referer", "link", "refresh"}:
        return redact_url(value) if "://" in value or value.startswith("/") else redact_text(value)
    return redact_text(value)


def redact_headers(headers: Headers) -> Headers:
    """Return the headers with cookie, token and key values hashed; names, order and duplicates kept."""
    return tuple((name, redact_header(name, value)) for name, value in headers)


def redact_text(text: str) -> str:
    """Return text (a body excerpt, a line of source, a quoted header line) with secret-looking values hashed."""
    text = _JSON_SECRET.sub(lambda match: f'{match[1]}{hashed(match[2])}"', text)
    text = _SOURCE_SECRET.sub(lambda match: match[1] + hashed(match[4]), text)
    text = _HIDDEN_FIELD.sub(lambda match: match[1] + hashed(match[2]), text)
    text = _QUERY_SECRET.sub(lambda match: match[1] + hashed(match[2]), text)
    text = _META_TOKEN.sub(lambda match: match[1] + hashed(match[2]), text)
    text = _JWT.sub(lambda match: hashed(match[0]), text)
    text = _CREDENTIALS.sub(lambda match: f"{match[1]} {hashed(match[2])}", text)
    return _KEY.sub(lambda match: hashed(match[0]), text)


_COOKIE_LINE = re.compile(r"^(\s*set-cookie:\s*)(.*)$", re.I | re.M)


def redact_evidence(text: str) -> str:
    """Return a quoted piece of evidence (header lines, source) with secrets hashed."""
    kept = _COOKIE_LINE.sub(lambda match: match[1] + (match[2] if "sha256:" in match[2] else redact_set_cookie(match[2])), text)
    return redact_text(kept)


def redact_request(request: ScanRequest) -> ScanRequest:
    """Return what a scan was asked for with the secrets in its addresses hashed."""
    calls = tuple(
        replace(
            call,
            url=redact_url(call.url),
            template=redact_text(call.template),
            headers=redact_headers(call.headers),
            source=replace(call.source, excerpt=redact_evidence(call.source.excerpt)),
        )
        for call in request.calls
    )
    api_url = redact_url(request.api_url) if request.api_url else request.api_url
    return replace(request, page_url=redact_url(request.page_url), api_url=api_url, calls=calls)

"""Cookies: which Set-Cookie a browser stores, and which cookie travels with which request (rules K1 to K8).

Sources: RFC 6265bis (https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/), https://github.com/privacycg/CHIPS; checked
against Chromium 156 by tests/e2e/test_cookies_chromium.py. Times are seconds since the epoch and always given by the caller.
"""

import re
from calendar import timegm
from dataclasses import dataclass
from typing import TypeAlias

from app.core import urls

MAX_NAME_VALUE_BYTES = 4096
MAX_ATTRIBUTE_BYTES = 1024
MAX_LIFETIME_S = 400 * 24 * 3600
# A cookie without SameSite also travels with a cross-site top-level POST while it is this young (Chromium's "Lax + POST").
LAX_POST_AGE_S = 120
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie as a browser keeps it."""

    name: str
    value: str
    domain: str  # host, without leading dot
    host_only: bool
    path: str
    secure: bool = False
    http_only: bool = False
    same_site: str = ""  # "None", "Lax", "Strict"; "" when absent or unknown: then Lax, with an exception for young cookies
    partition: str | None = None  # top-level site of a Partitioned cookie
    expires_at: float | None = None  # None: until the browser closes
    created_at: float = 0


@dataclass(frozen=True, slots=True)
class Stored:
    cookie: Cookie
    removes: bool = False  # already expired: an older cookie of that name goes


@dataclass(frozen=True, slots=True)
class Refused:
    rule: str  # "K1" to "K6"; "domain", "prefix", "syntax", "partitioned" for what RFC 6265bis refuses by itself
    why: str


StoreResult: TypeAlias = Stored | Refused


@dataclass(frozen=True, slots=True)
class Travel:
    """Whether a cookie goes with a request, by which rule, and why in one sentence."""

    allowed: bool
    rule: str  # "K1" to "K8"; "domain", "path", "expired" when the cookie is not for this URL at all
    why: str


@dataclass(frozen=True, slots=True)
class SetCookie:
    """One Set-Cookie line taken apart; nothing is judged yet."""

    name: str
    value: str
    attributes: dict[str, str]  # by lower-case name; the last one of a name counts

    @property
    def same_site(self) -> str:
        """One of "None", "Lax", "Strict"; "" when it is absent or unknown."""
        return _SAME_SITE.get(self.attributes.get("samesite", "").lower(), "")


def stored(
    set_cookie_line: str,
    *,
    response_url: str,
    page_url: str | None = None,
    now: float,
    credentials: str = "include",
    third_party_cookies: bool = True,
) -> StoreResult:
    """Judge one Set-Cookie header (its value, as received).

    Args:
        page_url: the top-level page whose fetch() got the response; None when the response is itself a top-level page.
        credentials: of that fetch(): "omit", "same-origin", "include".
        third_party_cookies: whether the browser lets cross-site requests have unpartitioned cookies (K6).
    """
    refused = _withheld(response_url, page_url, credentials)
    if refused is not None:
        return refused
    parsed = parse_set_cookie(set_cookie_line)
    if isinstance(parsed, Refused):
        return parsed
    attributes = parsed.attributes
    host = urls.host_of(response_url).lower()
    domain = attributes.get("domain", "").removeprefix(".").lower()
    if domain and urls.parse(f"http://{domain}/") is not None:
        domain = urls.host_of(f"http://{domain}/")
    if domain and urls.is_public_suffix(domain):
        if domain != host:
            return Refused("domain", f"{domain} is a public suffix: a cookie for it would reach strangers.")
        domain = ""
    if domain and not domain_matches(host, domain):
        return Refused("domain", f"{host} may not set a cookie for {domain}.")
    path = attributes.get("path", "")
    cookie = Cookie(
        name=parsed.name,
        value=parsed.value,
        domain=domain or host,
        host_only=not domain or urls.is_ip_address(host),
        path=path if path.startswith("/") else default_path(response_url),
        secure="secure" in attributes,
        http_only="httponly" in attributes,
        same_site=parsed.same_site,
        partition=urls.site_of(page_url or response_url) if "partitioned" in attributes else None,
        expires_at=expiry_of(parsed, now),
        created_at=now,
    )
    refused = _refuse_attributes(cookie, attributes, response_url) or _refuse_context(cookie, response_url, page_url, third_party_cookies)
    if refused is not None:
        return refused
    return Stored(cookie, removes=cookie.expires_at is not None and cookie.expires_at <= now)


def travels(
    cookie: Cookie,
    target_url: str,
    *,
    page_url: str | None,
    now: float,
    kind: str = "fetch",
    method: str = "GET",
    credentials: str = "include",
    third_party_cookies: bool = True,
) -> Travel:
    """Judge whether a stored cookie goes with a request.

    Args:
        page_url: the top-level page that makes the request, or, for a navigation, that holds the link or form; None for an address
            typed by hand.
        kind: "fetch", "websocket", "navigation" (top-level) or "preflight".
        credentials: of a fetch; a WebSocket or navigation always includes.
    """
    if kind == "preflight":
        return Travel(False, "K7", "A preflight never carries cookies.")
    if kind == "fetch":
        withheld = _withheld(target_url, page_url, credentials)
        if withheld is not None:
            return Travel(False, withheld.rule, withheld.why.replace("stores", "sends"))
    unfit = _unfit(cookie, target_url, now)
    if unfit is not None:
        return unfit
    if kind == "navigation":
        return _travels_by_navigation(cookie, target_url, page_url, method, now)
    if cookie.partition is not None and cookie.partition != urls.site_of(page_url or target_url):
        return Travel(False, "K5", f"The cookie is partitioned: it works under {cookie.partition} only.")
    if page_url is None or urls.same_site(page_url, target_url):
        return Travel(True, "K2", "Page and target are the same site, so SameSite does not matter.")
    if cookie.same_site != "None":
        return Travel(False, "K3", f"The request is cross-site, and the cookie is SameSite={cookie.same_site or 'Lax (by default)'}.")
    if cookie.partition is not None:
        return Travel(True, "K5", "The cookie is partitioned by this page's site.")
    if not third_party_cookies:
        return Travel(False, "K6", "The browser blocks third-party cookies.")
    return Travel(True, "K3", "SameSite=None; Secure travels cross-site where third-party cookies are allowed.")


def _travels_by_navigation(cookie: Cookie, target_url: str, page_url: str | None, method: str, now: float) -> Travel:
    if cookie.partition is not None and cookie.partition != urls.site_of(target_url):
        return Travel(False, "K5", f"The cookie is partitioned: it works under {cookie.partition} only.")
    if page_url is None or urls.same_site(page_url, target_url) or cookie.same_site == "None":
        return Travel(True, "K2", "The user goes to the cookie's own site.")
    if cookie.same_site == "Strict":
        return Travel(False, "K3", "SameSite=Strict does not travel when another site links here.")
    if method.upper() in _SAFE_METHODS:
        return Travel(True, "K3", "SameSite=Lax travels with a link from another site.")
    if not cookie.same_site and now - cookie.created_at < LAX_POST_AGE_S:
        return Travel(True, "K3", "A cookie without SameSite travels with a cross-site POST for its first two minutes.")
    return Travel(False, "K3", f"SameSite=Lax does not travel with a cross-site {method.upper()}.")


def _withheld(url: str, page_url: str | None, credentials: str) -> Refused | None:
    """K1: the credentials mode."""
    if page_url is None or credentials == "include":
        return None
    if credentials == "omit":
        return Refused("K1", "credentials: omit neither sends nor stores cookies.")
    if urls.origin_of(page_url) == urls.origin_of(url) != "null":
        return None
    return Refused("K1", "credentials: same-origin neither sends nor stores cookies across origins.")


def _unfit(cookie: Cookie, url: str, now: float) -> Travel | None:
    host = urls.host_of(url).lower()
    if not (host == cookie.domain or (not cookie.host_only and domain_matches(host, cookie.domain))):
        return Travel(False, "domain", f"The cookie is for {cookie.domain}, not for {host}.")
    if not path_matches(_path_of(url), cookie.path):
        return Travel(False, "path", f"The cookie is for paths under {cookie.path}.")
    if cookie.expires_at is not None and cookie.expires_at <= now:
        return Travel(False, "expired", "The cookie has expired.")
    if cookie.secure and not urls.is_potentially_trustworthy(url):
        return Travel(False, "K4", "A Secure cookie does not travel over plain http.")
    return None


_SAME_SITE = {"none": "None", "lax": "Lax", "strict": "Strict"}


def parse_set_cookie(line: str) -> SetCookie | Refused:
    """Parse a Set-Cookie value by RFC 6265bis, section 5.6."""
    if _CONTROL.search(line):
        return Refused("syntax", "The header holds a control character.")
    pair, _, rest = line.partition(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", name
    name, value = name.strip(" \t"), value.strip(" \t")
    if not name and not value:
        return Refused("syntax", "The cookie has neither name nor value.")
    if len((name + value).encode("utf-8", "surrogatepass")) > MAX_NAME_VALUE_BYTES:
        return Refused("syntax", "Name and value together are longer than 4096 bytes.")
    attributes: dict[str, str] = {}
    for part in rest.split(";"):
        key, _, text = part.partition("=")
        text = text.strip(" \t")
        if len(text) <= MAX_ATTRIBUTE_BYTES and key.strip(" \t"):
            attributes[key.strip(" \t").lower()] = text
    return SetCookie(name, value, attributes)


def _refuse_attributes(cookie: Cookie, attributes: dict[str, str], response_url: str) -> Refused | None:
    if cookie.secure and not urls.is_potentially_trustworthy(response_url):
        return Refused("K4", "A Secure cookie cannot be set over plain http (localhost excepted).")
    if cookie.same_site == "None" and not cookie.secure:
        return Refused("K4", "SameSite=None needs Secure.")
    if "partitioned" in attributes and not cookie.secure:
        return Refused("K5", "Partitioned needs Secure.")
    # A cookie without a name is sent as its value, so a prefix may hide there.
    text = (cookie.name or cookie.value).lower()
    if not cookie.name and text.startswith(("__host-", "__secure-", "__http-")):
        return Refused("prefix", "A cookie without name may not begin with a prefix.")
    if text.startswith(("__secure-", "__host-", "__http-")) and not cookie.secure:
        return Refused("prefix", f"The prefix of {cookie.name} needs Secure.")
    if text.startswith("__host-") and (attributes.get("domain") or attributes.get("path") != "/"):
        return Refused("prefix", "__Host- needs Path=/ and no Domain.")
    if text.startswith(("__http-", "__host-http-")) and not cookie.http_only:
        return Refused("prefix", f"The prefix of {cookie.name} needs HttpOnly.")
    return None


def _refuse_context(cookie: Cookie, response_url: str, page_url: str | None, third_party_cookies: bool) -> Refused | None:
    """Judge by the site of the page, as for sending."""
    if page_url is None or urls.same_site(page_url, response_url):
        return None
    if cookie.same_site != "None":
        return Refused("K3", f"The response is cross-site, and the cookie is SameSite={cookie.same_site or 'Lax (by default)'}.")
    if cookie.partition is None and not third_party_cookies:
        return Refused("K6", "The browser blocks third-party cookies.")
    return None


def domain_matches(host: str, domain: str) -> bool:
    """Whether a host is the domain or one below it; IP addresses match themselves only."""
    return host == domain or (host.endswith(f".{domain}") and not urls.is_ip_address(host))


def _path_of(url: str) -> str:
    parsed = urls.parse(url)
    return parsed.pathname if parsed is not None and parsed.pathname else "/"


def default_path(url: str) -> str:
    """Return the directory of the URL's path, "/" at least (RFC 6265bis, 5.1.4)."""
    return _path_of(url).rpartition("/")[0] or "/"


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether a request path lies at or under the cookie's path."""
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")


def expiry_of(parsed: SetCookie, now: float) -> float | None:
    """Return when the cookie ends: Max-Age before Expires, at most 400 days from now."""
    max_age = parsed.attributes.get("max-age", "")
    if re.fullmatch(r"-?[0-9]+", max_age):
        seconds = int(max_age) if len(max_age) < 12 else (-1 if max_age.startswith("-") else MAX_LIFETIME_S)
        return now + min(seconds, MAX_LIFETIME_S) if seconds > 0 else 0
    expires = parse_cookie_date(parsed.attributes.get("expires", ""))
    return None if expires is None else min(expires, now + MAX_LIFETIME_S)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE_DELIMITERS = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")


def parse_cookie_date(text: str) -> float | None:
    """Parse an Expires value with RFC 6265's lenient algorithm (5.1.1); None when it is no date."""
    clock = day = month = year = None
    for token in _DATE_DELIMITERS.split(text):
        if clock is None and (found := _TIME.match(token)):
            clock = tuple(int(part) for part in found.groups())
        elif day is None and (found := re.match(r"([0-9]{1,2})(?![0-9])", token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := re.match(r"([0-9]{2,4})(?![0-9])", token)):
            year = int(found[1])
    if clock is None or day is None or month is None or year is None:
        return None
    year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    hour, minute, second = clock
    if year < 1601 or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 59:
        return None
    return float(timegm((year, month, day, hour, minute, second, 0, 0, 0)))

"""Sessions: cookies that a browser will not send where they are needed. SES-01."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.core.cookies import Refused, expiry_of, parse_set_cookie
from app.core.examined import Examined
from app.core.exchange import Exchange
from app.core.findings import Certainty, Finding, SeamKind, Severity
from app.core.redact import redact_set_cookie
from app.core.rules import check
from app.core.rules.baseline import says_nothing
from app.core.rules.delivery import unreachable_origins
from app.core.rules.diagnosis import is_login
from app.core.rules.facts import calls_to, facts_for, mends_of, path_of, plural
from app.core.rules.quoting import quote_exchange
from app.core.urls import host_of, origin_of, same_site, site_of

MAX_NAME_CHARS = 200
# A year after the epoch. Rules know no clock, and servers remove a cookie by a date at the epoch or by Max-Age.
LONG_AGO_S = 365 * 24 * 3600
# Names under which frameworks keep sessions and tokens: Flask, Django, Starlette, Express, PHP, Java, ASP.NET, JWT libraries.
_SESSION = re.compile(
    r"(?:__host-|__secure-)?(?:[\w.-]*sess(?:ion)?(?:[_.-]?id)?|sid|connect\.sid|[\w-]*[_-]sid|phpsessid|jsessionid|asp\.net_sessionid"
    r"|\.aspnetcore\.[\w.]+|auth|[\w-]*auth[_-]?token|[\w-]*_auth|jwt|token|(?:access|refresh|id)[_-]?token[\w-]*|remember_(?:token|me)"
    r"|[\w-]*session[\w-]*|laravel_session|_[\w]+_session)",
    re.I,
)
_CSRF = re.compile(r"csrf[_-]?token|xsrf-token|_csrf(?:_token)?|csrf_(?:access|refresh)_token|csrftoken", re.I)


@dataclass(frozen=True, slots=True)
class CookieLine:
    """One Set-Cookie line, its value hashed."""

    name: str
    line: str
    same_site: str  # "Lax", "Strict", "None", or "" when it says nothing


def read_cookie(line: str) -> CookieLine | None:
    """Read a Set-Cookie line; None when it names no cookie, or takes one away."""
    parsed = parse_set_cookie(line)
    if isinstance(parsed, Refused) or not 0 < len(parsed.name) <= MAX_NAME_CHARS:
        return None
    expires_at = expiry_of(parsed, LONG_AGO_S)
    if expires_at is not None and expires_at <= LONG_AGO_S:
        return None
    return CookieLine(parsed.name, redact_set_cookie(line), parsed.same_site)


def cookies_of(examined: Examined, origin: str) -> list[tuple[CookieLine, Exchange]]:
    """Return the cookies that the origin's host sets, each name once, with the exchange that set it. Cookies know no ports."""
    found: dict[str, tuple[CookieLine, Exchange]] = {}
    for exchange in examined.observation.exchanges:
        if host_of(exchange.url) != host_of(origin) or exchange.response is None or says_nothing(exchange):
            continue
        for line in exchange.response.values("set-cookie"):
            cookie = read_cookie(line)
            if cookie is not None:
                found.setdefault(cookie.name, (cookie, exchange))
    return list(found.values())


def session_cookies(examined: Examined, origin: str) -> list[tuple[CookieLine, Exchange]]:
    """Return the cookies of an origin that look like a session's or its CSRF defence's, sessions first."""
    found = [item for item in cookies_of(examined, origin) if _SESSION.fullmatch(item[0].name) or _CSRF.fullmatch(item[0].name)]
    return sorted(found, key=lambda item: bool(_CSRF.fullmatch(item[0].name)))


@check("SES-01")
def session_cookie_stays_home(examined: Examined) -> Iterator[Finding]:
    """The API's session cookie is Lax, Strict or unset, and the page is on another site: no call carries it."""
    page_origin, unreachable = examined.inventory.page_origin, unreachable_origins(examined)
    for api_origin in examined.inventory.api_origins:
        if api_origin == page_origin or same_site(api_origin, page_origin) or api_origin in unreachable:
            continue
        if page_origin.startswith("https:") and api_origin.startswith("http:"):
            continue  # mixed content: no call gets so far that a cookie matters
        bound = [item for item in session_cookies(examined, api_origin) if item[0].same_site != "None"]
        judged = calls_to(examined, api_origin)
        included = [item for item in judged if item.call.credentials == "include"]
        signs_in = any(is_login(item.call.url) for item in judged) or any(
            is_login(item.url) and origin_of(item.url) == api_origin
            for item in (*examined.inventory.forms, *examined.inventory.oauth_starts)
        )
        if not bound or not (included or signs_in):
            continue
        cookie, exchange = bound[0]
        says = f"says `SameSite={cookie.same_site}`" if cookie.same_site else "says nothing of `SameSite`, which means `Lax`"
        others = [other.name for other, _ in bound[1:]]
        explanation = (
            f"The cookie `{cookie.name}` {says}, so browsers send it only when the page is on the same site. The page "
            f"is on `{site_of(page_origin)}`, "
            f"the API on `{site_of(api_origin)}`: another site. Calls arrive without it, and the user looks signed out, "
            "with no error anywhere. "
        )
        if others:
            explanation += f"The same goes for `{'`, `'.join(others)}`. "
        if not included:
            explanation += (
                "The calls found do not ask for credentials either, so the cookie is not even stored: sign-in needs "
                '`credentials: "include"` too.'
            )
        elif host_of(page_origin) in ("localhost", "127.0.0.1") and host_of(api_origin) in ("localhost", "127.0.0.1"):
            explanation += "`localhost` and `127.0.0.1` are two sites: use the same name for both."
        else:
            explanation += (
                "The lasting mend is one site for both, as `app.` and `api.` of one domain; a third-party cookie is "
                "refused by some browsers."
            )
        facts = facts_for(examined, api_origin, path=path_of(exchange.url), cookie=cookie.name)
        yield Finding(
            "SES-01",
            Severity.HIGH,
            SeamKind.SESSION,
            f"The cookie {cookie.name} is never sent from the page, which is on another site",
            Certainty.OBSERVED,
            explanation,
            hits=f"{plural(len(included), 'call', 'calls')} without session" if included else cookie.name,
            evidence=quote_exchange(
                exchange, answer=("set-cookie",), faulty={"set-cookie": _faulty_attribute(cookie)}, note=f"Page: {page_origin}"
            ),
            calls=tuple(item.id for item in included),
            mends=mends_of(examined, "SES-01", facts),
        )


def _faulty_attribute(cookie: CookieLine) -> str:
    match = re.search(r"samesite=\w+", cookie.line, re.I)
    return match[0] if match else cookie.name

"""The words of the verdict path: title, rule and one sentence for every outcome of a step, and what it looked at."""

from collections.abc import Mapping

from app.core import cors_checks as checks
from app.core.cors_checks import Response, Stop
from app.core.cors_fetch import Hop
from app.core.cors_headers import CLIENT_HINTS, MAX_SAFELISTED_VALUE_BYTES, SAFELISTED_METHODS, Profile, is_safelisted
from app.core.verdict import Look

CACHED = "An earlier preflight of this call still covers the method and the headers."
OPAQUE = "The request is sent and fetch() resolves, but the script sees neither status nor headers nor body."
OPAQUE_REDIRECT = "redirect: manual resolves without following; the script sees neither status nor Location."

REFUSED_BRANCH = {
    "same_origin_mode": (
        "Mode same-origin refuses another origin",
        "The call asks for mode same-origin, and the target is another origin.",
    ),
    "same_origin_redirect": (
        "Mode same-origin refuses another origin",
        "The redirect leads to another origin, which mode same-origin does not allow.",
    ),
    "no_cors_redirect": ("Mode no-cors needs redirect: follow", "Across origins, mode no-cors works with redirect: follow only."),
    "scheme": ("The scheme cannot be fetched", "Across origins only http and https can be fetched."),
}
REDIRECT_STOPS = {
    "redirect_error": ("A redirect is refused", "The call asks for redirect: error, and the server redirects."),
    "invalid_redirect": ("The redirect target is no URL", "The Location header cannot be parsed as a URL."),
    "conflicting_locations": ("Two Location headers differ", "Chromium drops an answer with several Location headers that differ."),
    "unsafe_redirect": ("The redirect leaves http", "A fetch() may be redirected to http and https only."),
    "redirect_scheme": ("The redirect leaves http", "A fetch() may be redirected to http and https only."),
    "too_many_redirects": ("Too many redirects", "A browser follows 20 redirects, not more."),
    "silent_credentials": ("The redirect target holds a password", "Location names a user or password, which Chromium refuses."),
    "redirect_credentials": ("The redirect target holds a password", "Location names a user or password, which browsers refuse."),
}


def branch(hop: Hop, page: str) -> tuple[str, str, str]:
    """Return title, rule and detail of the cross-origin step that passes."""
    match hop.tainting:
        case "basic":
            return "Same origin", "M1", "Scheme, host and port are equal, so CORS does not apply."
        case "opaque":
            return "Cross-origin, mode no-cors", "M3", "Mode no-cors sends the request and hides the answer."
    if hop.origin != page:
        detail = "A redirect went from one foreign origin to another, so the browser now sends Origin: null."
        return "Cross-origin, origin lost", "D7", detail
    if page == hop.url.origin:
        return "Still cross-origin", "M1", "A redirect came back home, but a call that left its origin needs CORS to the end."
    return "Cross-origin", "M5", f"{_difference(page, hop)}, so the answer needs CORS headers."


def _difference(page: str, hop: Hop) -> str:
    if page == "null":
        return "A page without an origin of its own (sandbox, data:, file:) is cross-origin to everything"
    scheme, _, host = page.partition("://")
    if scheme != hop.url.scheme:
        return "The schemes differ"
    target = hop.url.origin.partition("://")[2]
    if host.rpartition(":")[0] == hop.url.host or host == hop.url.host or host.split(":")[0] == target.split(":")[0]:
        return "The ports differ"
    return "The hosts differ"


def why_unsafe(name: str, value: str) -> str:
    """Return the rule (S1 to S9) by which a request header needs a preflight."""
    if len(value) > MAX_SAFELISTED_VALUE_BYTES and name in ("accept", "accept-language", "content-language", "content-type", "range"):
        return "S1"
    if is_safelisted(name, value, Profile.CHROMIUM):
        return "S7"  # safe alone, but all together are too long
    simple = {"accept": "S2", "accept-language": "S3", "content-language": "S3", "content-type": "S4", "range": "S5"}
    if name == "range" and is_safelisted(name, value, Profile.STANDARD):
        return "S9"
    return simple.get(name) or ("S8" if name in CLIENT_HINTS or name == "save-data" else "S6")


def why_preflight(hop: Hop, values: Mapping[str, str]) -> str:
    """Return the sentence that says why there is a preflight, or why there is none."""
    if not hop.asks:
        return f"{hop.method} with safelisted headers only is sent without asking."
    parts = [] if hop.method in SAFELISTED_METHODS else [f"{hop.method} is not GET, HEAD or POST"]
    parts += [f"{name} is not safelisted ({why_unsafe(name, values.get(name, ''))})" for name in hop.names]
    return f"The browser asks first with OPTIONS: {', '.join(parts)}."


def checked(key: str, stop: Stop | None, hop: Hop, head: Response, credentialed: bool) -> tuple[str, str, str]:
    """Return title, rule and detail of one check of a response."""
    where, _, what = key.partition("_")
    name = "Preflight" if where == "preflight" else "Answer"
    if stop is not None:
        title, detail = _failed(stop, hop)
        return f"{name}: {title}", stop.rule, detail
    match what:
        case "origin":
            prefix = "PC" if where == "preflight" else "C"
            by_star = head.get(checks.ACAO) == "*"
            detail = "* covers every origin, as no credentials are sent." if by_star else "The origin is named exactly."
            return f"{name}: origin is allowed", f"{prefix}2", detail
        case "credentials":
            rule = "PC3" if where == "preflight" else "C3"
            return f"{name}: credentials are allowed", rule, "Access-Control-Allow-Credentials is exactly true."
        case "status":
            return "Preflight: status is fine", "P1", "A preflight needs a status from 200 to 299."
        case "method":
            listed = hop.method in (checks.parse_token_list(head.get(checks.ACAM)) or ())
            return "Preflight: method is allowed", "P3", f"{hop.method} is listed." if listed else f"* covers {hop.method}."
    allowed = checks.allowed_header_names(head)
    if "authorization" in hop.names and "authorization" not in allowed:
        return "Preflight: headers are allowed", "P4", "* covers Authorization in browsers; the standard wants it by name."
    by_name = all(header in allowed for header in hop.names)
    return "Preflight: headers are allowed", "P5", "Every header is listed." if by_name else "* covers every header."


def _failed(stop: Stop, hop: Hop) -> tuple[str, str]:
    value = stop.value
    match stop.reason.removeprefix("preflight_"):
        case "missing":
            return "origin is not allowed", "There is no Access-Control-Allow-Origin header."
        case "wildcard":
            return "* does not go with credentials", "Credentials are included, so the header must name the origin instead of *."
        case "multiple":
            return "several origins", "Access-Control-Allow-Origin may hold one value only, in one header."
        case "invalid":
            return "origin is no origin", "The value is not an origin: scheme and host belong to it, quotes do not."
        case "mismatch" if hop.origin == "null":
            return "origin is null", "The browser sends Origin: null here; only null or * matches it."
        case "mismatch":
            return "another origin is allowed", f"The value must equal {hop.origin}, byte for byte."
        case "credentials":
            return "credentials are not allowed", "Access-Control-Allow-Credentials must be exactly true, in lower case, once."
        case "redirect" | "location":
            return "redirect is refused", "A preflight is never redirected, whatever headers the answer has."
        case "conflicting_locations":
            return "two Location headers differ", "Chromium drops such an answer."
        case "status":
            return "status is not 2xx", f"The server answers OPTIONS with {value}; a preflight needs 200 to 299."
        case "bad_methods" | "bad_headers":
            return "list cannot be read", f"“{value}” is no token; items are parted by commas, without quotes."
        case "method":
            return "the method is refused", f"{value} is not listed; upper and lower case count."
    return "a header is refused", f"{value} is not listed."


_LOOKED_AT = {"origin": checks.ACAO, "credentials": checks.ACAC, "method": checks.ACAM, "headers": checks.ACAH}


def looks(key: str, stop: Stop | None, hop: Hop, head: Response) -> tuple[Look, ...]:
    """Return what one check of a response looked at; `faulty` is the part to underline."""
    what = key.partition("_")[2]
    if what == "status":
        found = [Look("status", str(head.status), str(head.status) if stop else "")]
        if head.get("location"):
            found.append(Look("location", head.get("location") or "", (head.get("location") or "") if stop else ""))
        return tuple(found)
    name = _LOOKED_AT[what]
    values = head.head.values(name)
    found = [Look(name, value, _faulty(stop, value)) for value in values] or [Look(name, "", "")]
    if what == "origin":
        return (Look("origin", hop.origin), *found)
    if what == "method":
        missing = (Look("missing", hop.method, hop.method),) if stop is not None and stop.rule == "P3" else ()
        return (Look("asked", hop.method), *found, *missing)
    if what == "headers":
        allowed = checks.allowed_header_names(head)
        lacking = [header for header in hop.names if header not in allowed] if stop is not None and stop.rule in ("P4", "P5") else []
        return (Look("asked", ", ".join(hop.names)), *found, *(Look("missing", header, header) for header in lacking))
    return tuple(found)


def _faulty(stop: Stop | None, value: str) -> str:
    if stop is None or stop.rule in ("P3", "P4", "P5"):
        return ""
    return stop.value if stop.rule == "P2" and stop.value in value else value if stop.rule != "P2" else ""


def lower_first(sentence: str) -> str:
    """Return the sentence to stand after a colon: "Every header" becomes "every header", "PUT" and "Access-Control-…" stay."""
    word = sentence.partition(" ")[0]
    return sentence if word[1:] != word[1:].lower() else sentence[0].lower() + sentence[1:]


def followed(hop: Hop, following: Hop, *, loses_token: bool) -> str:
    """Return the sentence on what a redirect that is followed changes."""
    parts = [f"The browser goes on to {following.url.href}"]
    if following.method != hop.method:
        parts.append(f"{hop.method} becomes {following.method} and loses its body (D9)")
    if loses_token and following.url.origin != hop.url.origin:
        parts.append("Authorization is dropped, as the origin changes (D10)")
    if following.origin != hop.origin and following.origin == "null":
        parts.append("the origin becomes null (D7)")
    return "; ".join(parts) + "."


def cookie(page: str, hop: Hop, same_site: bool) -> tuple[str, str, str]:
    """Return title, rule and detail of the cookie step: which cookies travel, by site."""
    if hop.tainting == "basic":
        return "Cookies: same origin", "K1", "Same origin: all cookies of this host travel."
    if same_site:
        return "Cookies: same site", "K2", "Same site: cookies travel, SameSite=Lax and Strict too."
    if page == "null":
        return "Cookies: cross-site", "K3", "The page has no origin, so only SameSite=None; Secure cookies may travel."
    detail = "Cross-site: only SameSite=None; Secure cookies travel, and only where third-party cookies are allowed."
    return "Cookies: cross-site", "K3", detail

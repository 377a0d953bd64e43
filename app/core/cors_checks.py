"""The checks that a browser makes on one response: CORS check, preflight response, resource policy, redirect target."""

from dataclasses import dataclass

from app.core import urls
from app.core.cors_headers import SAFELISTED_METHODS, Profile, first_bad_item, parse_token_list
from app.core.cors_request import Request, UrlParts, url_parts
from app.core.exchange import Head

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 20

ACAO = "access-control-allow-origin"
ACAC = "access-control-allow-credentials"
ACAM = "access-control-allow-methods"
ACAH = "access-control-allow-headers"


@dataclass(slots=True)
class Response:
    """A response head as the checks read it: every header joined once, because each check asks for one or two of them."""

    head: Head
    status: int
    fields: dict[str, str]  # by lower-case name, values trimmed and joined by ", " as Fetch's "get" does
    locations: list[str]  # Location is the one header whose values are not joined

    @classmethod
    def of(cls, head: Head) -> "Response":
        fields: dict[str, str] = {}
        locations: list[str] = []
        for name, raw in head.headers:
            key, value = name.lower(), raw.strip(" \t\r\n")
            fields[key] = f"{fields[key]}, {value}" if key in fields else value
            if key == "location":
                locations.append(value)
        return cls(head, head.status, fields, locations)

    def get(self, name: str) -> str | None:
        """Return the values of a header joined by ", ", or None. The name is in lower case."""
        return self.fields.get(name)


@dataclass(slots=True)
class Stop:
    """Where and why a call ends as a network error."""

    rule: str
    step: str  # key of the Step that stops
    reason: str  # key of the console text, see app.core.cors_console
    value: str = ""  # what the console text quotes


def origin_check(head: Response, origin: str, credentialed: bool) -> Stop | None:
    """C1 and C2: whether Access-Control-Allow-Origin names the origin.

    Source: https://fetch.spec.whatwg.org/#concept-cors-check, steps 1 to 4.
    """
    value = head.get(ACAO)
    if value is None:
        return Stop("C1", "answer_origin", "missing")
    if value == "*":
        return Stop("C3", "answer_origin", "wildcard", value) if credentialed else None
    if value == origin:
        return None
    if " " in value or "," in value:
        return Stop("C2", "answer_origin", "multiple", value)
    if value != "null" and url_parts(value) is None:
        return Stop("C2", "answer_origin", "invalid", value)
    return Stop("C2", "answer_origin", "mismatch", value)


def credentials_check(head: Response, credentialed: bool) -> Stop | None:
    """C3: with credentials, Access-Control-Allow-Credentials must be exactly "true". Steps 5 to 8 of the CORS check."""
    if not credentialed:
        return None
    value = head.get(ACAC) or ""
    return None if value == "true" else Stop("C3", "answer_credentials", "credentials", value)


def cors_check(head: Response, origin: str, credentialed: bool) -> Stop | None:
    """Judge one response by the CORS check; None is success."""
    return origin_check(head, origin, credentialed) or credentials_check(head, credentialed)


def as_preflight(stop: Stop | None) -> Stop | None:
    """Rename a stop of the CORS check for the preflight response (PC)."""
    if stop is None:
        return None
    step = stop.step.replace("answer_", "preflight_")
    return Stop("P" + stop.rule, step, "preflight_" + stop.reason, stop.value)


def status_check(head: Response) -> Stop | None:
    """P1: a preflight needs a status of 200 to 299."""
    return None if 200 <= head.status <= 299 else Stop("P1", "preflight_status", "status", str(head.status))


def lists_check(head: Response) -> Stop | None:
    """P2: both lists must be comma lists of tokens, whether or not the call needs them."""
    for name, step, reason in ((ACAM, "preflight_method", "bad_methods"), (ACAH, "preflight_headers", "bad_headers")):
        value = head.get(name)
        if value and parse_token_list(value) is None:
            return Stop("P2", step, reason, first_bad_item(value))
    return None


def method_check(head: Response, method: str, credentialed: bool) -> Stop | None:
    """P3: the method is safelisted, listed case-sensitively, or covered by "*" without credentials."""
    if method in SAFELISTED_METHODS:
        return None
    listed = parse_token_list(head.get(ACAM)) or ()
    if method in listed or ("*" in listed and not credentialed):
        return None
    return Stop("P3", "preflight_method", "method", method)


def allowed_header_names(head: Response) -> frozenset[str]:
    """Return the names in Access-Control-Allow-Headers, lower case."""
    return frozenset(name.lower() for name in parse_token_list(head.get(ACAH)) or ())


def headers_check(head: Response, names: tuple[str, ...], credentialed: bool, profile: Profile) -> Stop | None:
    """P4 and P5: every unsafe name is listed, or covered by "*" without credentials (Authorization: by Chromium only)."""
    if not names:
        return None
    listed = allowed_header_names(head)
    star = "*" in listed and not credentialed
    if star and profile is Profile.CHROMIUM:
        return None
    for name in names:
        if name not in listed and (not star or name == "authorization"):
            return Stop("P4" if name == "authorization" else "P5", "preflight_headers", "header", name)
    return None


def preflight_check(head: Response, request: Request, origin: str, names: tuple[str, ...], profile: Profile) -> Stop | None:
    """Judge a preflight's answer in the order that decides the console text (A.5)."""
    if head.status in REDIRECT_STATUSES and (profile is Profile.STANDARD or head.get("location")):
        broken = profile is Profile.CHROMIUM and url_parts(head.locations[0] or head.locations[-1], request.url.href) is None
        return Stop("P0", "preflight_status", "preflight_location" if broken else "preflight_redirect", str(head.status))
    credentialed = request.credentialed
    return (
        as_preflight(cors_check(head, origin, credentialed))
        or status_check(head)
        or lists_check(head)
        or method_check(head, request.method, credentialed)
        or headers_check(head, names, credentialed, profile)
    )


def max_age_s(head: Response) -> int:
    """Return for how long a preflight's answer may be reused, in seconds; at most Chromium's two hours (P7)."""
    value = head.get("access-control-max-age")
    if value is None:
        return 5
    try:
        return max(0, min(int(value), 7200)) if value.lstrip("-").isdigit() else 5
    except ValueError:
        return 5


def policy_check(head: Response, page_origin: str, url: UrlParts) -> Stop | None:
    """R1: Cross-Origin-Resource-Policy of a no-cors response. An unknown value is ignored.

    Source: https://fetch.spec.whatwg.org/#cross-origin-resource-policy-internal-check
    """
    policy = head.get("cross-origin-resource-policy")
    if policy == "same-origin":
        return None if page_origin == url.origin else Stop("R1", "answer_readable", "not_same_origin", policy)
    if policy == "same-site":
        upgraded = page_origin.startswith("https:") or url.scheme != "https"
        if upgraded and urls.schemelessly_same_site(page_origin, url.bare):
            return None
        return Stop("R1", "answer_readable", "not_same_site", policy)
    return None


@dataclass(frozen=True, slots=True)
class Redirect:
    """What a response's Location asks for."""

    location: str
    target: UrlParts | None  # None: it cannot be parsed

    @property
    def has_spaced_host(self) -> bool:
        """Whether only spaces in the host keep it from being a URL: Chromium writes them as %20 and finds no such host later."""
        return " " in self.location and url_parts(self.location.replace(" ", "-")) is not None


def redirect_of(head: Response, url: UrlParts, profile: Profile) -> Redirect | None:
    """Return where a redirect status points to, or None when the response is itself the answer (D2)."""
    if head.status not in REDIRECT_STATUSES:
        return None
    values = head.locations
    if profile is Profile.CHROMIUM:
        location = next((value for value in values if value), None)
        if location is None:
            return None
    elif not values:
        return None
    elif len(values) > 1:
        return Redirect(", ".join(values), None)
    else:
        location = values[0]
    return Redirect(location, url_parts(location, url.href))


def conflicting_locations(head: Response) -> bool:
    """Whether the response has several Location headers that differ: Chromium then drops it, whatever its status."""
    return len(head.locations) > 1 and len(set(head.locations)) > 1


def method_after(status: int, method: str) -> str:
    """Return the method with which a redirect is followed (D9)."""
    if (status in (301, 302) and method == "POST") or (status == 303 and method not in ("GET", "HEAD")):
        return "GET"
    return method

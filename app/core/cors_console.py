"""The console text that Chromium 156 shows for a blocked call, word for word (A.11); recorded in the browser."""

from http import HTTPStatus

from app.core.cors_checks import Stop
from app.core.cors_fetch import Hop
from app.core.urls import resolve

_ACAO = "The 'Access-Control-Allow-Origin' header "
_VALID = " Have the server send the header with a valid value."
# By Stop.reason; {value} is Stop.value. The same texts serve the preflight, with PREFLIGHT before them.
CORS_TEXTS = {
    "missing": "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
    "wildcard": "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' "
    "when the request's credentials mode is 'include'.",
    "multiple": _ACAO + "contains multiple values '{value}', but only one is allowed." + _VALID,
    "invalid": _ACAO + "contains the invalid value '{value}'." + _VALID,
    "mismatch": _ACAO + "has a value '{value}' that is not equal to the supplied origin." + _VALID,
    "credentials": "The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' which must be 'true' "
    "when the request's credentials mode is 'include'.",
    "redirect_scheme": "Cross origin requests are only supported for protocol schemes: chrome, chrome-experimental-site-token-provider, "
    "chrome-extension, chrome-untrusted, data, http, https, isolated-app.",
    "bad_methods": "Cannot parse Access-Control-Allow-Methods response header field in preflight response.",
    "bad_headers": "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
    "method": "Method {value} is not allowed by Access-Control-Allow-Methods in preflight response.",
    "header": "Request header field {value} is not allowed by Access-Control-Allow-Headers in preflight response.",
    # Chromium leaves the place between the quotes empty.
    "redirect_credentials": "Redirect location '' contains a username and password, which is disallowed for cross-origin requests.",
}
PREFLIGHT = "Response to preflight request doesn't pass access control check: "
PREFLIGHT_TEXTS = {
    "status": "It does not have HTTP ok status.",
    "preflight_redirect": "Redirect is not allowed for a preflight request.",
}
FETCH_TEXTS = {
    "same_origin_mode": 'Request mode is "same-origin" but the URL\'s origin is not same as the request origin {origin}.',
    "no_cors_redirect": 'Request mode is "no-cors" but the redirect mode is not "follow".',
    "scheme": 'URL scheme "{value}" is not supported.',
}
# The rest is told by the network stack: "GET http://… net::ERR_…" in DevTools.
NET_ERRORS = {
    "preflight_location": "net::ERR_INVALID_REDIRECT",
    "blocked_port": "net::ERR_UNSAFE_PORT",
    "redirect_error": "net::ERR_FAILED",
    "invalid_redirect": "net::ERR_INVALID_REDIRECT",
    "unsafe_redirect": "net::ERR_UNSAFE_REDIRECT",
    "too_many_redirects": "net::ERR_TOO_MANY_REDIRECTS",
    "conflicting_locations": "net::ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION",
    "proxy_auth": "net::ERR_UNEXPECTED_PROXY_AUTH",
    "not_same_origin": "net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin",
    "not_same_site": "net::ERR_BLOCKED_BY_RESPONSE.NotSameSite",
}


def console_text(stop: Stop, origin: str, hops: list[Hop]) -> str:
    """Return what the console says about a stop.

    Args:
        origin: the page's, serialized; Chromium names it even when the request's own origin has become "null".
        hops: those reached; the last is where it stopped.
    """
    last = hops[-1]
    reason = stop.reason
    if reason == "silent_credentials":
        return "TypeError: Failed to fetch"  # the console says nothing else
    if reason == "same_origin_redirect":
        return f"Unsafe attempt to load URL {last.shown} from frame with URL {origin}/. Domains, protocols and ports must match."
    if reason == "mixed_content":
        return (
            f"Mixed Content: The page at '{origin}/' was loaded over HTTPS, but requested an insecure resource '{last.shown}'. "
            "This request has been blocked; the content must be served over HTTPS."
        )
    if reason in FETCH_TEXTS:
        return f"Fetch API cannot load {last.shown}. {FETCH_TEXTS[reason].format(value=stop.value, origin=origin)}"
    if reason in NET_ERRORS:
        status = f" {_status(last)}" if reason == "redirect_error" else ""
        return f"{last.method} {last.shown} {NET_ERRORS[reason]}{status}"
    at = last.shown
    if reason == "redirect_scheme" and last.location is not None:
        at = resolve(last.location, last.url.href) or last.location
    redirected = f"(redirected from '{hops[0].shown}') " if at != hops[0].shown else ""
    prefix = f"Access to fetch at '{at}' {redirected}from origin '{origin}' has been blocked by CORS policy: "
    if reason in PREFLIGHT_TEXTS:
        return prefix + PREFLIGHT + PREFLIGHT_TEXTS[reason]
    if reason.startswith("preflight_"):
        return prefix + PREFLIGHT + CORS_TEXTS[reason.removeprefix("preflight_")].replace("{value}", stop.value)
    return prefix + CORS_TEXTS[reason].replace("{value}", stop.value)


def _status(hop: Hop) -> str:
    status = hop.actual.status if hop.actual else 0
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)

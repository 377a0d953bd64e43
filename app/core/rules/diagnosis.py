"""Why a browser stops one call: every fault that the deciding answer shows, not only the one it stops at.

The verdict says where a browser stops; an answer that refuses both the method and a header needs two mends.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from app.core.cors_headers import SAFELISTED_METHODS, parse_token_list
from app.core.examined import Examined
from app.core.exchange import Exchange, Head, Purpose, header_value
from app.core.findings import Certainty
from app.core.observation import JudgedCall, is_redirect
from app.core.rules.baseline import is_not_there, is_shell, says_nothing
from app.core.urls import origin_of
from app.core.verdict import Outcome, Step

# Starlette answers a refused preflight with 400 and this text, whatever else is right.
_DISALLOWED = re.compile(r"\s*Disallowed CORS ((?:origin|method|headers)(?:, (?:method|headers))*)\s*", re.I)
_CHECKS = ("preflight_", "answer_")  # `Step.key` of the steps that look at CORS headers
_LOGIN_SEGMENT = re.compile(r"(?:log|sign)[-_]?(?:in|on)|sso|oauth2?|saml2?|cas", re.I)
_LOGIN_START = re.compile(r"(?:^|/)(?:(?:log|sign)[-_]?(?:in|on)|sso)(?:[/.?_-]|$)", re.I)
_RETURN_PARAMETER = re.compile(r"(?:^|&)(?:next|return_?to|return_?url|redirect_?to|continue|came_from|rd)=", re.I)


class Kind(StrEnum):
    REDIRECT = "redirect"  # the preflight is redirected
    MISSING = "missing"  # no Access-Control-Allow-Origin
    DOUBLE = "double"  # more than one
    WILDCARD = "wildcard"  # "*" for a call with credentials
    CREDENTIALS = "credentials"  # the origin fits, Access-Control-Allow-Credentials is not "true"
    OTHER_ORIGIN = "other_origin"
    METHOD = "method"
    HEADERS = "headers"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the answer to one call."""

    kind: Kind
    judged: JudgedCall
    exchange: Exchange
    tokens: tuple[str, ...] = ()  # the method or the header names refused; the values of the origin header
    unreadable: bool = False  # the list cannot be parsed (P2)

    @property
    def certainty(self) -> Certainty:
        """A preflight is sent as the browser sends it; for the answer itself a GET may have stood in."""
        return Certainty.OBSERVED if self.exchange.method == "OPTIONS" else self.judged.certainty


def stopping_step(judged: JudgedCall) -> Step | None:
    """Return the step of the verdict path at which the call was stopped."""
    path = judged.verdict.path if judged.verdict else ()
    return next((step for step in path if step.outcome is Outcome.STOP), None)


def stopping_exchange(examined: Examined, judged: JudgedCall) -> Exchange | None:
    """Return the exchange whose answer stopped the call, or None when it was allowed or never asked."""
    verdict = judged.verdict
    if verdict is None or verdict.allowed or not judged.exchanges:
        return None
    exchanges = [examined.observation.get(number) for number in judged.exchanges]
    stop = stopping_step(judged)
    if stop is not None and stop.url:
        in_preflight = stop.key.startswith("preflight")
        there = [exchange for exchange in exchanges if exchange.url == stop.url and (exchange.method == "OPTIONS") == in_preflight]
        if there:
            return there[-1]
    return exchanges[-1]


def faults_of(examined: Examined, judged: JudgedCall) -> Iterator[Fault]:
    """Yield the faults of a blocked call. None when the path is not there, or when the answer says nothing of the application."""
    exchange, stop = stopping_exchange(examined, judged), stopping_step(judged)
    if stop is not None and not stop.key.startswith(_CHECKS):
        return  # mixed content, a bad redirect, a malformed call: no matter of CORS headers
    if exchange is None or exchange.response is None or says_nothing(exchange) or is_wrong_path(examined, judged, exchange):
        return
    if exchange.method == "OPTIONS":
        yield from _preflight_faults(judged, exchange, exchange.response)
    elif not _explained_otherwise(examined, judged, exchange):
        fault = _origin_fault(judged, exchange, exchange.response)
        if fault is not None:
            yield fault


def is_wrong_path(examined: Examined, judged: JudgedCall, stopped: Exchange) -> bool:
    """Whether the call goes to a path that does not exist, so that its missing CORS headers are no fault of CORS."""
    page = examined.page()
    if is_shell(stopped, page) or is_not_there(stopped, examined.observation):
        # A 404 for "/items/1" may only mean that there is no item 1; a preflight asks for the route itself.
        return stopped.method == "OPTIONS" or "{" not in judged.call.template
    for exchange in examined.observation.exchanges:
        if exchange.url != stopped.url or exchange.method != "GET" or exchange.response is None:
            continue
        if exchange.purpose not in (Purpose.ENDPOINT, Purpose.ACTUAL) or "{" in judged.call.template:
            continue
        if is_shell(exchange, page):
            return True
        if is_not_there(exchange, examined.observation):
            # Routers that match path and method together answer GET with 404 where only POST exists ("Cannot GET /x").
            return judged.call.method.upper() in ("GET", "HEAD") or stopped.status == 404
    return False


def _explained_otherwise(examined: Examined, judged: JudgedCall, exchange: Exchange) -> bool:
    """Whether an answer without the right CORS headers has another cause than the API's CORS set-up."""
    if origin_of(exchange.url) not in examined.inventory.api_origins and origin_of(exchange.url) != origin_of(judged.call.url):
        return True  # a redirect led somewhere that nobody calls
    sent = header_value(exchange.request_headers, "origin")
    if sent == "null" and judged.fetch.origin != "null":
        return True  # redirects across origins made the origin opaque
    if exchange.header("access-control-allow-origin") is not None:
        return False
    if exchange.status >= 500:
        return True  # many frameworks send no CORS headers with an unhandled error
    stand_in = judged.certainty is Certainty.INFERRED
    if stand_in and exchange.status >= 400 and judged.verdict is not None and judged.verdict.preflight:
        return True  # the preflight passed; nginx's add_header without "always" leaves them out of the stand-in's 404 or 405
    return is_redirect(exchange.response) and allows_page(examined, origin_of(exchange.url))


def allows_page(examined: Examined, api_origin: str) -> bool:
    """Whether the API answered the page's origin with CORS headers at least once."""
    page_origin = examined.inventory.page_origin
    return any(
        origin_of(exchange.url) == api_origin
        and header_value(exchange.request_headers, "origin") == page_origin
        and exchange.header("access-control-allow-origin") in ("*", page_origin)
        for exchange in examined.observation.exchanges
    )


def _preflight_faults(judged: JudgedCall, exchange: Exchange, head: Head) -> Iterator[Fault]:
    if is_redirect(head):
        yield Fault(Kind.REDIRECT, judged, exchange)
        return
    origin_fault = _origin_fault(judged, exchange, head)
    if origin_fault is not None:
        yield origin_fault
    refused = disallowed(exchange)
    if not 200 <= head.status < 300 and not refused:
        return
    lists_anything = head.get("access-control-allow-methods") is not None or head.get("access-control-allow-headers") is not None
    if origin_fault is not None and not lists_anything:
        return
    method_fault = _method_fault(judged, exchange, head, "method" in refused)
    if method_fault is not None:
        yield method_fault
        if not lists_anything:
            # flask-cors sends neither list once the method is refused, so nothing is known of the headers.
            return
    header_fault = _header_fault(judged, exchange, head)
    if header_fault is not None:
        yield header_fault


def disallowed(exchange: Exchange) -> tuple[str, ...]:
    """Return what Starlette's CORSMiddleware refused in a preflight: some of "origin", "method", "headers"."""
    match = _DISALLOWED.fullmatch(exchange.body[:200].decode("ascii", "replace")) if exchange.status == 400 else None
    return tuple(match[1].lower().split(", ")) if match else ()


def _origin_fault(judged: JudgedCall, exchange: Exchange, head: Head) -> Fault | None:
    origin = header_value(exchange.request_headers, "origin") or judged.fetch.origin
    values = head.values("access-control-allow-origin")
    include = judged.fetch.credentials == "include"
    if not values:
        return Fault(Kind.MISSING, judged, exchange)
    if len(values) > 1 or ("," in values[0] and values[0] != origin):
        return Fault(Kind.DOUBLE, judged, exchange, tuple(values))
    if values[0] == "*":
        return Fault(Kind.WILDCARD, judged, exchange, ("*",)) if include else None
    if values[0] != origin:
        return Fault(Kind.OTHER_ORIGIN, judged, exchange, (values[0],))
    if include and head.get("access-control-allow-credentials") != "true":
        return Fault(Kind.CREDENTIALS, judged, exchange, tuple(head.values("access-control-allow-credentials")))
    return None


def allow_list(head: Head, name: str) -> tuple[str, ...] | None:
    """Return the tokens of an Access-Control-Allow-* list, or None when a browser cannot parse it (P2)."""
    return parse_token_list(head.get(name))


def _method_fault(judged: JudgedCall, exchange: Exchange, head: Head, refused: bool) -> Fault | None:
    asked = header_value(exchange.request_headers, "access-control-request-method") or judged.fetch.method
    allowed = allow_list(head, "access-control-allow-methods")
    if allowed is None:
        return Fault(Kind.METHOD, judged, exchange, (asked,), unreadable=True)
    wildcard = "*" in allowed and judged.fetch.credentials != "include"
    if refused or not (asked in SAFELISTED_METHODS or asked in allowed or wildcard):
        return Fault(Kind.METHOD, judged, exchange, (asked,))
    return None


def _header_fault(judged: JudgedCall, exchange: Exchange, head: Head) -> Fault | None:
    asked = header_value(exchange.request_headers, "access-control-request-headers") or ""
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    allowed = allow_list(head, "access-control-allow-headers")
    if allowed is None:
        return Fault(Kind.HEADERS, judged, exchange, tuple(names), unreadable=True)
    lower = {name.lower() for name in allowed}
    if "*" in lower and judged.fetch.credentials != "include":
        return None
    missing = tuple(name for name in names if name not in lower)
    return Fault(Kind.HEADERS, judged, exchange, missing) if missing else None


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where an answer sends the browser, and by what its target differs."""

    location: str  # as sent
    target: str  # absolute, without fragment
    slash: bool  # only a trailing slash is added or removed (besides scheme and host)
    scheme: bool
    host: bool  # host or port
    login: bool


def redirection_of(exchange: Exchange) -> Redirection | None:
    """Describe a redirect, or return None when the answer is none."""
    if exchange.response is None or not is_redirect(exchange.response):
        return None
    location = exchange.header("location") or ""
    try:
        target = urljoin(exchange.url, location).partition("#")[0]
        here, there = urlsplit(exchange.url), urlsplit(target)
    except ValueError:
        return None
    slash = here.path != there.path and here.path.rstrip("/") == there.path.rstrip("/")
    return Redirection(
        location,
        target,
        slash,
        here.scheme != there.scheme,
        here.netloc.lower() != there.netloc.lower(),
        not slash and is_login(target) and not is_login(exchange.url),
    )


def is_login(url: str) -> bool:
    """Whether the address is a login page's: by a segment of its path, or because it says where to return to."""
    parts = urlsplit(url)
    if any(_LOGIN_SEGMENT.fullmatch(segment) for segment in parts.path.split("/")) or _LOGIN_START.search(parts.path):
        return True
    return bool(_RETURN_PARAMETER.search(parts.query)) and not parts.path.endswith(".json")

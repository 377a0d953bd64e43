"""One fetch() from hop to hop: which requests are sent, and where it ends. One profile at a time.

Source: https://fetch.spec.whatwg.org/#concept-main-fetch to #concept-http-redirect-fetch; the order of the checks is Chromium's,
because the first failing check decides the console text.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.core import cors_checks as checks
from app.core.cors_checks import Response, Stop
from app.core.cors_headers import BODY_HEADER_NAMES, CLIENT_HINTS, QUIRKY_NAMES, SAFELISTED_METHODS, Profile, unsafe_names
from app.core.cors_request import BLOCKED_PORTS, Request, UrlParts
from app.core.exchange import Head
from app.core.urls import is_loopback_host, same_site
from app.core.verdict import Answer, FetchCall, Missing, SentRequest

_QUIRKY_STATUSES = checks.REDIRECT_STATUSES | {407}
# A script's own conditional headers turn the HTTP cache off, and Chromium's preflight cache with it.
_CONDITIONAL_NAMES = ("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since")
Find = Callable[[str], Answer | None]  # by absolute URL without fragment and credentials


@dataclass(slots=True)
class Hop:
    """What happened at one URL, for the path."""

    index: int
    url: UrlParts
    method: str
    tainting: str = ""  # "basic", "cors", "opaque"; "" when no branch was reached
    origin: str = ""  # serialized request origin at this hop: the page's, or "null" once tainted
    names: tuple[str, ...] = ()  # unsafe header names
    asks: bool = False  # needs a preflight
    preflight: Response | None = None
    cached: bool = False  # an earlier preflight of the same call still covers this hop
    actual: Response | None = None
    location: str | None = None  # when redirected
    fragment: str = ""  # of the first URL, or of the last Location that had one; only the console shows it

    @property
    def shown(self) -> str:
        """The URL as the console shows it."""
        return self.url.href + self.fragment


@dataclass(slots=True)
class Decision:
    """How one profile ends the call."""

    allowed: bool
    rule: str
    type: str
    stop: Stop | None
    hops: list[Hop]
    sent: list[SentRequest]
    answer: Response | None = None  # what fetch() resolves with
    first_preflight: SentRequest | None = None


@dataclass(slots=True)
class _Fetch:
    request: Request
    find: Find
    profile: Profile
    tainted: bool = False  # the origin becomes "null" (D7)
    tainting: str = "basic"
    redirects: int = 0
    origin_lost: bool = False  # Chromium, no-cors: "Origin: null" after a cross-origin hop
    method_changed: bool = False
    hops: list[Hop] = field(default_factory=list)
    sent: list[SentRequest] = field(default_factory=list)
    first_preflight: SentRequest | None = None
    # By URL (Chromium: with its fragment) and origin: credentialed or not, methods and names that a preflight of this call allows.
    cache: dict[tuple[str, str], tuple[bool, tuple[str, ...], frozenset[str]]] = field(default_factory=dict)
    rule: str = "M1"

    def run(self) -> Decision | Missing:
        while True:
            hop = Hop(len(self.hops), self.request.url, self.request.method)
            hop.fragment = hop.url.fragment or (self.hops[-1].fragment if self.hops else "")
            self.hops.append(hop)
            ended = self._gate(hop) or self._preflight(hop)
            if ended is None:
                ended = self._actual(hop)
            if isinstance(ended, Stop):
                return Decision(False, ended.rule, "", ended, self.hops, self.sent, None, self.first_preflight)
            if ended is not None:
                return ended

    def _gate(self, hop: Hop) -> Stop | None:
        """Choose the branch of A.2; whatever is refused here never reaches the network."""
        request, url = self.request, hop.url
        if url.scheme == "http" and request.origin.startswith("https:") and not is_loopback_host(url.host):
            return Stop("T1", "mixed_content", "mixed_content")
        if self.tainting == "basic" and (request.origin == url.origin != "null" or url.scheme == "data"):
            pass
        elif request.mode == "same-origin":
            return Stop("M2", "cross_origin", "same_origin_mode" if not hop.index else "same_origin_redirect")
        elif request.mode == "no-cors":
            if request.redirect != "follow":
                return Stop("M3", "cross_origin", "no_cors_redirect")
            self.tainting, self.rule = "opaque", "M3"
        elif not url.is_http:
            return Stop("M4", "cross_origin", "scheme", url.scheme)
        else:
            self.tainting, self.rule = "cors", "C2"
        if url.is_http and url.port in BLOCKED_PORTS:
            return Stop("M0", "build", "blocked_port", str(url.port))
        if not url.is_http and url.scheme != "data":
            return Stop("M4", "cross_origin", "scheme", url.scheme)
        hop.tainting = self.tainting
        hop.origin = "null" if self.tainted else request.origin
        return None

    def _preflight(self, hop: Hop) -> Stop | Missing | None:
        """Ask first, if the call is not simple (M5), and judge the answer (A.5)."""
        request = self.request
        if hop.tainting != "cors":
            return None
        hop.names = unsafe_names(request.headers, self.profile)
        if request.method in SAFELISTED_METHODS and not hop.names:
            return None
        hop.asks = True
        if self._is_cached(hop):
            hop.cached = True
            return None
        acrh = ",".join(hop.names) or None
        answer = self.find(hop.url.bare)
        if answer is None or answer.preflight is None:
            headers = [("Origin", hop.origin), ("Access-Control-Request-Method", request.method)]
            if acrh:
                headers.append(("Access-Control-Request-Headers", acrh))
            return Missing("preflight", hop.url.bare, request.method, tuple(headers))
        sent = SentRequest("preflight", hop.url.bare, request.method, hop.origin, acrh)
        self._send(sent, answer.preflight)
        self.first_preflight = self.first_preflight or sent
        head = hop.preflight = Response.of(answer.preflight)
        if self.profile is Profile.CHROMIUM and checks.conflicting_locations(head):
            return Stop("D2", "preflight_status", "conflicting_locations")
        stop = checks.preflight_check(head, request, hop.origin, hop.names, self.profile)
        if stop is None:
            self._remember(hop, head)
        return stop

    def _is_cached(self, hop: Hop) -> bool:
        entry = self.cache.get((hop.shown, hop.origin))
        # A tainted origin is a new opaque origin each time, so nothing is found for it.
        if entry is None or self.tainted or any(name in self.request.headers for name in _CONDITIONAL_NAMES):
            return False
        credentialed, methods, names = entry
        star = not self.request.credentialed and not credentialed
        method_ok = self.request.method in SAFELISTED_METHODS or self.request.method in methods or (star and "*" in methods)
        return method_ok and (all(name in names for name in hop.names) or (star and "*" in names))

    def _remember(self, hop: Hop, head: Response) -> None:
        if checks.max_age_s(head) > 0:
            methods = checks.parse_token_list(head.get(checks.ACAM)) or ()
            self.cache[hop.shown, hop.origin] = (self.request.credentialed, methods, checks.allowed_header_names(head))

    def _actual(self, hop: Hop) -> Decision | Stop | Missing | None:
        """Send the request itself and judge its answer; None means that a redirect is followed."""
        request = self.request
        if hop.url.scheme == "data":
            return self._end("basic", Response.of(Head(200, (("Content-Type", "text/plain"),))))
        origin = self._origin_header(hop)
        answer = self.find(hop.url.bare)
        if answer is None or answer.actual is None:
            headers = (("Origin", origin), *request.headers.items()) if origin else tuple(request.headers.items())
            return Missing("actual", hop.url.bare, request.method, headers)
        fields = request.headers
        sent = SentRequest(
            "actual", hop.url.bare, request.method, origin, None, "authorization" in fields, _trimmed(fields.get("content-type"))
        )
        self._send(sent, answer.actual)
        head = hop.actual = Response.of(answer.actual)
        chromium = self.profile is Profile.CHROMIUM
        if chromium and checks.conflicting_locations(head):
            return Stop("D2", "redirect", "conflicting_locations")
        if chromium and head.status == 407:
            return Stop("C4", "answer_readable", "proxy_auth", "407")
        redirect = checks.redirect_of(head, hop.url, self.profile)
        if chromium and redirect is not None and redirect.target is None and not redirect.has_spaced_host:
            return Stop("D2", "redirect", "invalid_redirect", redirect.location)
        if self.tainting == "cors":
            stop = checks.cors_check(head, hop.origin, request.credentialed)
            if stop is not None:
                return stop
        elif self.tainting == "opaque":
            stop = checks.policy_check(head, request.origin, hop.url)
            if stop is not None:
                return stop
        if head.status in checks.REDIRECT_STATUSES:
            if request.redirect == "error" and (redirect is not None or not chromium):
                told = self._credentials_stop(redirect.target) if redirect is not None and redirect.target is not None else None
                return told if told is not None and told.rule == "D5" else Stop("D1", "redirect", "redirect_error")
            if request.redirect == "manual":
                self.rule = "D1"
                hop.location = redirect.location if redirect else None
                return self._end("opaqueredirect", head)
        if redirect is None:
            return self._end(self.tainting, head)
        hop.location = redirect.location
        return self._follow(hop, head, redirect)

    def _send(self, sent: SentRequest, head: Head) -> None:
        self.sent.append(sent)
        if head.status == 421 and self.profile is Profile.CHROMIUM:
            self.sent.append(sent)  # Misdirected Request: tried once more on a new connection

    def _origin_header(self, hop: Hop) -> str | None:
        if self.tainting != "cors" and self.request.method in ("GET", "HEAD"):
            return "null" if self._shows_storage_access() else None
        return "null" if self.origin_lost and self.tainting != "cors" else hop.origin

    def _shows_storage_access(self) -> bool:
        """Whether Chromium adds Origin although neither CORS nor the method asks for it: to a credentialed request that could be
        granted storage access, because a frame without an origin of its own asks for the site of the page around it.

        Decided at the first URL; redirects keep the header until the method changes. Seen with third-party cookies blocked.
        Source: https://privacycg.github.io/storage-access-headers/
        """
        request = self.request
        if self.profile is not Profile.CHROMIUM or request.origin != "null" or not (request.credentialed and request.top_level):
            return False
        return not self.method_changed and same_site(request.top_level, self.hops[0].url.bare)

    def _end(self, response_type: str, head: Response) -> Decision:
        return Decision(True, self.rule, response_type, None, self.hops, self.sent, head, self.first_preflight)

    def _follow(self, hop: Hop, head: Response, redirect: checks.Redirect) -> Stop | None:
        """HTTP-redirect fetch: check the target, then change the request for the next hop."""
        request, target = self.request, redirect.target
        chromium = self.profile is Profile.CHROMIUM
        if target is None:
            return Stop("D2", "redirect", "invalid_redirect", redirect.location)
        if not target.is_http:
            return Stop("D3", "redirect", self._unsafe_redirect(target), target.scheme)
        if self.redirects == checks.MAX_REDIRECTS:
            return Stop("D4", "redirect", "too_many_redirects")
        self.redirects += 1
        stop = self._credentials_stop(target)
        if stop is not None:
            return stop
        if target.origin != hop.url.origin:
            if request.origin == "null" or request.origin != hop.url.origin:
                self.tainted = True
            if chromium:
                self.origin_lost = True
            request.headers.pop("authorization", None)
        if chromium and target.origin != request.origin:
            for name in CLIENT_HINTS:
                request.headers.pop(name, None)
        method = checks.method_after(head.status, request.method)
        if method != request.method:
            self.method_changed = True
            request.method = method
            for name in BODY_HEADER_NAMES:
                request.headers.pop(name, None)
        request.url = target
        return None

    def _unsafe_redirect(self, target: UrlParts) -> str:
        """Choose between two texts: Chromium's CORS layer speaks first, except of the schemes that it leaves to the network stack."""
        spoken = self.request.mode == "cors" and target.scheme not in ("data", "file", "blob", "about")
        return "redirect_scheme" if spoken else "unsafe_redirect"

    def _credentials_stop(self, target: UrlParts) -> Stop | None:
        """D5 and D6: user name or password in the redirect's target."""
        if not target.has_credentials:
            return None
        request = self.request
        foreign = request.mode == "cors" and (self.tainting == "cors" or request.origin != target.origin)
        if self.profile is Profile.STANDARD:
            return Stop("D5", "redirect", "redirect_credentials") if foreign else None
        return Stop("D5", "redirect", "redirect_credentials") if foreign else Stop("D6", "redirect", "silent_credentials")


def _trimmed(value: str | None) -> str | None:
    """Return a value as a server reads it: joining an empty value leaves a space at the end."""
    return None if value is None else value.strip(" \t")


def run(request: Request, find: Find, profile: Profile) -> Decision | Missing:
    """Carry a built request to its end. The request is changed on the way.

    Returns:
        The decision, or what must be asked of the server first.
    """
    return _Fetch(request, find, profile).run()


def is_alike_in_both_profiles(call: FetchCall, decision: Decision) -> bool:
    """Whether the standard surely decides as Chromium did, because nothing in which they differ (A.10) came up."""
    if any(name.lower() in QUIRKY_NAMES for name, _ in call.headers):
        return False
    for hop in decision.hops:
        for response in (hop.preflight, hop.actual):
            if response is not None and (response.status in _QUIRKY_STATUSES or len(response.locations) > 1):
                return False
    return True

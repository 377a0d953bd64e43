"""From a report to monitors: what keeps each of its seams watched, named and ready, those ticked that hold today.

What does not hold today is proposed as it should be, without a tick: made so, it would be an incident from its first check on.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from app.core import cookies, placeholders
from app.core.ask import Ask
from app.core.assertions import Assertion, Operator, Subject
from app.core.checks import ApiCheck, CookieCheck, OidcCheck, PageCheck, ScanCheck, SkewCheck, SocketIoCheck, WebSocketCheck
from app.core.exchange import Purpose, header_value, header_values
from app.core.findings import SeamKind
from app.core.plan import FOREIGN_ORIGIN, socketio_base
from app.core.proposal import CHANGE, FIVE_MINUTES, MINUTE, OFTEN, SCAN, Proposal, is_whole, named, path_of
from app.core.proposals_of_calls import notes_of_calls, of_calls
from app.core.proposals_of_hosts import of_hosts
from app.core.report import Report, RequestReport
from app.core.urls import host_of, origin_of
from app.core.verdict import FetchCall

MAX_PROPOSALS = 40
_MAX_SOCKETS, _MAX_COOKIES, _MAX_SENT = 4, 3, 3
_MAX_TEXT = 120
# Cookies that say who somebody is, and those against forged requests, which scripts must be able to read.
_SESSION = re.compile(r"sess|sid$|auth|token|jwt|login|remember|identity", re.I)
_FORGERY = re.compile(r"csrf|xsrf", re.I)
_ISSUER = re.compile(r'"issuer"\s*:\s*"([^"\\]+)"')
_ALGORITHMS = re.compile(r'"id_token_signing_alg_values_supported"\s*:\s*\[([^\]]*)\]')
_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Proposed:
    proposals: tuple[Proposal, ...]  # by seam, at most 40
    notes: tuple[str, ...] = ()  # what cannot be watched as it is, one sentence each


def propose(report: Report, api_url: str = "") -> Proposed:
    """Return the monitors that keep the seams of a report watched.

    Args:
        api_url: the API's address that the scan was given; "" for none.
    """
    made: dict[str, Proposal] = {}
    notes: list[str] = []
    for proposal in _all(report, api_url, notes):
        if placeholders.names_in(proposal.check):
            # A page that writes {{secret.X}} into its addresses would be sent that secret.
            notes.append(f"{proposal.name} holds what reads like a placeholder, and is not proposed.")
        else:
            made.setdefault(proposal.key, proposal)
    order = list(SeamKind)
    chosen = sorted(made.values(), key=lambda proposal: not proposal.ticked)[:MAX_PROPOSALS]
    if len(made) > len(chosen):
        notes.append(f"{len(made) - len(chosen)} more could be watched. Add those by hand that matter.")
    notes += notes_of_calls(report)
    return Proposed(tuple(sorted(chosen, key=lambda proposal: order.index(proposal.seam))), tuple(dict.fromkeys(notes)))


def _all(report: Report, api_url: str, notes: list[str]) -> Iterator[Proposal]:
    makers: tuple[Callable[[], Iterable[Proposal]], ...] = (
        lambda: _page(report),
        lambda: _whole(report, api_url),
        lambda: _sockets(report),
        lambda: _cookies(report),
        lambda: _sign_in(report),
        lambda: of_hosts(report),
        lambda: of_calls(report),
    )
    if not is_whole(report.site.page_url):
        notes.append("The page's address held a secret, which was not kept. Add monitors of the page by hand.")
    for maker in makers:
        yield from maker()


# The page.


def _page(report: Report) -> Iterator[Proposal]:
    url = report.site.page_url
    page = _answer_of_page(report)
    if page is None or not is_whole(url):
        return
    must, holds = [Assertion(Subject.STATUS, Operator.IS, "200-299")], ["200–299"]
    for assertion, words in _looks(page):
        must.append(assertion)
        holds.append(words)
    must.append(Assertion(Subject.LATENCY, Operator.BELOW, "2000", warns=True))
    holds.append("above 2 s warns")
    why = "" if page.status and page.status < 300 else f"It answers {page.status} today."
    yield Proposal(
        SeamKind.PAGE, named("Page", urlsplit(url).netloc + _short_path(url)), PageCheck(Ask(url, assertions=tuple(must))),
        ", ".join(holds), MINUTE, not why, why,
    )  # fmt: skip


def _answer_of_page(report: Report) -> RequestReport | None:
    """Return the last hop of the page itself, not of what it links to."""
    pages = [request for request in report.requests if request.purpose == Purpose.PAGE and request.status]
    return next((request for request in pages if request.url == report.site.final_url), pages[0] if pages else None)


def _looks(page: RequestReport) -> Iterator[tuple[Assertion, str]]:
    """Yield what of a page must stay, as far as the report holds its beginning: its title, and a heading or its script."""
    if page.media_type != "text/html" or not page.status or page.status >= 300:
        return
    tree = LexborHTMLParser(page.excerpt)
    title, heading = tree.css_first("title"), tree.css_first("h1")
    # An element that the excerpt cuts is not whole.
    text = title.text(strip=True) if title and "</title" in page.excerpt.lower() else ""
    if text and is_whole(text) and len(text) <= _MAX_TEXT:
        yield Assertion(Subject.TITLE, Operator.IS, text), f"title “{text}”"
    said = heading.text(separator=" ", strip=True) if heading and "</h1" in page.excerpt.lower() else ""
    if said and is_whole(said) and len(said) <= _MAX_TEXT:
        yield Assertion(Subject.SELECTOR, Operator.IS, said, "h1"), f"heading “{said}”"
    elif tree.css_first("script[src]"):
        yield Assertion(Subject.SELECTOR, Operator.EXISTS, target="script[src]"), "loads its script"


def _short_path(url: str) -> str:
    path = path_of(url)
    return "" if path == "/" else path


# The whole.


def _whole(report: Report, api_url: str) -> Iterator[Proposal]:
    url = report.site.page_url
    if not is_whole(url):
        return
    host = urlsplit(url).netloc
    scripts = sum(request.purpose == Purpose.SCRIPT and request.status == 200 for request in report.requests)
    schema = next((request.url for request in report.requests if _is_schema(request)), "")
    if scripts or schema:
        found = [f"{scripts} script{'' if scripts == 1 else 's'}" if scripts else "", "OpenAPI" if schema else ""]
        yield Proposal(
            SeamKind.DELIVERY, named("Releases of", host), SkewCheck(url, schema),
            f"Frontend and API change together: {' and '.join(filter(None, found))}", CHANGE,
            why="A release of one half alone is told once.",
        )  # fmt: skip
    check = ScanCheck(url, api_url if is_whole(api_url) else "")
    yield Proposal(SeamKind.PAGE, named("Whole scan of", host), check, "No new finding, no changed verdict", SCAN)


def _is_schema(request: RequestReport) -> bool:
    said = '"openapi"' in request.excerpt or '"swagger"' in request.excerpt
    return request.purpose == Purpose.SCHEMA and request.status == 200 and said and is_whole(request.url)


# Sockets.


def _sockets(report: Report) -> Iterator[Proposal]:
    own = [request for request in report.requests if request.purpose == Purpose.WEBSOCKET and is_whole(request.url)]
    strangers = {request.url: request for request in report.requests if request.purpose == Purpose.WEBSOCKET_FOREIGN}
    for request in own[:_MAX_SOCKETS]:
        opens = request.status == 101
        stranger = strangers.get(request.url)
        lets_in = stranger is not None and stranger.status == 101
        refuses = opens and stranger is not None and stranger.status is not None and not lets_in
        answered = f"It is answered {request.status}" if request.status else request.failure.removesuffix(".") or "It got no answer"
        why = "" if opens else f"{answered} today."
        holds = "Opens for the page, refuses foreign pages" if refuses else "Opens for the page"
        yield _socket(request.url, report, holds, FOREIGN_ORIGIN if refuses else "", why)
        if lets_in:
            why = "It opens for foreign pages today. Tick it unless that is meant."
            yield _socket(request.url, report, "Refuses foreign pages", FOREIGN_ORIGIN, why, "Foreign pages kept from ")


def _socket(url: str, report: Report, holds: str, foreign: str, why: str, prefix: str = "") -> Proposal:
    origin = report.site.page_origin
    if "EIO=" in urlsplit(url).query:
        base = socketio_base(url.partition("?")[0])
        check = SocketIoCheck(base, origin, foreign)
        return Proposal(SeamKind.WEBSOCKET, named(f"{prefix}Socket.IO", urlsplit(base).path), check, holds, OFTEN, not why, why)
    check = WebSocketCheck(url, origin, foreign)
    return Proposal(SeamKind.WEBSOCKET, named(f"{prefix}WebSocket", path_of(url)), check, holds, OFTEN, not why, why)


# Cookies.

_ASKED_FOR_COOKIES = (Purpose.PAGE, Purpose.ENDPOINT, Purpose.ACTUAL, Purpose.SLASH)


def _cookies(report: Report) -> Iterator[Proposal]:
    origins = {report.site.page_origin, *report.site.api_origins}
    seen: set[str] = set()
    for request in report.requests:
        usable = request.purpose in _ASKED_FOR_COOKIES and request.method == "GET" and origin_of(request.url) in origins
        if not usable or not is_whole(request.url):
            continue
        for line in header_values(request.response_headers, "set-cookie"):
            parsed = cookies.parse_set_cookie(line)
            if isinstance(parsed, cookies.Refused) or parsed.name in seen or len(seen) >= _MAX_COOKIES:
                continue
            if "httponly" in parsed.attributes or _SESSION.search(parsed.name) or _FORGERY.search(parsed.name):
                seen.add(parsed.name)
                yield _cookie(report, request, line, parsed)


def _cookie(report: Report, request: RequestReport, line: str, parsed: cookies.SetCookie) -> Proposal:
    secure, http_only = "secure" in parsed.attributes, "httponly" in parsed.attributes
    over_tls = request.url.startswith("https://")
    hidden = not _FORGERY.search(parsed.name)
    sent, withheld = _journeys(report, request, line)
    why = ""
    if over_tls and not secure:
        why = "It is set without Secure today."
    elif hidden and not http_only:
        why = "Scripts can read it today: it is set without HttpOnly."
    elif withheld:
        why = f"{withheld[0][0].method} {urlsplit(withheld[0][0].url).path} goes without it today. {withheld[0][1]}"
    same_site = {"Lax": "lax", "Strict": "strict", "None": "none"}.get(parsed.same_site, "")
    travels = tuple([*sent, *(call for call, _ in withheld)][:_MAX_SENT])
    words = ["Secure" if over_tls or secure else "", "HttpOnly" if hidden else "", f"SameSite={parsed.same_site}" if same_site else ""]
    holds = "Set with " + ", ".join(filter(None, words)) if any(words) else "Set"
    if travels:
        holds += f", sent with {len(travels)} call{'' if len(travels) == 1 else 's'}"
    check = CookieCheck(
        Ask(request.url, follow_redirects=False, assertions=()),
        parsed.name,
        secure=True if over_tls or secure else None,
        http_only=True if hidden else None,
        same_site=same_site,  # pyright: ignore[reportArgumentType]  one of the four, by the line above
        sent_with=travels,
    )
    return Proposal(SeamKind.SESSION, named("Cookie", parsed.name), check, holds, FIVE_MINUTES, not why, why)


def _journeys(report: Report, request: RequestReport, line: str) -> tuple[list[FetchCall], list[tuple[FetchCall, str]]]:
    """Return the calls that take the cookie along, and those that mean to and do not, with the reason."""
    at = datetime.fromisoformat(report.site.scanned_at).timestamp()
    stored = cookies.stored(line, response_url=request.url, now=at)
    if isinstance(stored, cookies.Refused) or stored.removes:
        return [], []
    sent: list[FetchCall] = []
    withheld: list[tuple[FetchCall, str]] = []
    for call in report.calls:
        meant = call.credentials == "include" or (call.credentials == "same-origin" and origin_of(call.url) == call.origin)
        if not meant or not is_whole(call.url) or origin_of(call.url) != origin_of(request.url) or "EIO=" in call.url:
            continue
        fetch = FetchCall(call.origin, call.url, call.method, credentials=call.credentials)
        travel = cookies.travels(stored.cookie, call.url, page_url=call.origin, now=at, method=call.method, credentials=call.credentials)
        if travel.allowed:
            sent.append(fetch)
        elif travel.rule not in ("path", "domain"):
            withheld.append((fetch, travel.why))
    return sent, withheld


# Signing in.


def _sign_in(report: Report) -> Iterator[Proposal]:
    for request in report.requests:
        if request.purpose == Purpose.DISCOVERY and request.status == 200 and _ISSUER.search(request.excerpt):
            yield _provider(request)
        if request.purpose == Purpose.OAUTH and is_whole(request.url):
            yield from _start(request)


def _provider(request: RequestReport) -> Proposal:
    issuer = request.url.removesuffix(_DISCOVERY)
    found = _ISSUER.search(request.excerpt)
    says = found[1] if found else issuer
    why = "" if says.rstrip("/") == issuer.rstrip("/") else f"Its discovery document names another issuer today: {says}."
    named_algorithms = _ALGORITHMS.search(request.excerpt)
    algorithms = tuple(re.findall(r'"([A-Z]{2}\d{3}|EdDSA)"', named_algorithms[1])) if named_algorithms else ()
    usable = tuple(algorithm for algorithm in algorithms if not algorithm.startswith("HS"))  # their keys are published
    check = OidcCheck(says if not why else issuer, usable)
    return Proposal(
        SeamKind.AUTH, named("OpenID provider", urlsplit(issuer).netloc), check, "Discovery, keys and clock", FIVE_MINUTES, not why, why
    )


def _start(request: RequestReport) -> Iterator[Proposal]:
    location = header_value(request.response_headers, "location") or ""
    target = origin_of(location)
    if not request.status or not 300 <= request.status < 400 or target in ("null", origin_of(request.url)):
        return
    must = (
        Assertion(Subject.STATUS, Operator.IS, "300-399"),
        Assertion(Subject.HEADER, Operator.CONTAINS, f"{target}/", "location"),
    )
    check = ApiCheck(Ask(request.url, follow_redirects=False, assertions=must))
    name = named("Sign-in at", path_of(request.url))
    yield Proposal(SeamKind.AUTH, name, check, f"Leads to {host_of(target)}", FIVE_MINUTES)

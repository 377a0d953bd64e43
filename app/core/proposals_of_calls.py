"""What is proposed of the calls of a frontend: that each answers, and what a browser does with it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from app.core.ask import METHODS, Ask
from app.core.assertions import Assertion, Operator, Subject
from app.core.checks import ApiCheck, CorsCheck
from app.core.exchange import Headers, Purpose, header_value
from app.core.findings import SeamKind
from app.core.plan import FOREIGN_ORIGIN
from app.core.proposal import FIVE_MINUTES, MINUTE, Proposal, is_whole, named, path_of
from app.core.redact import redact_header
from app.core.report import CallReport, Report, RequestReport
from app.core.urls import origin_of
from app.core.verdict import FetchCall

_SAFE = ("GET", "HEAD")
_ANY_VALUE = "x"  # in place of a value that was not kept: a verdict looks at names
_USUAL_MS, _ROOM = 1000, 5  # a call may take a second, or five times what it took
_STEPS_MS = (1000, 2000, 5000, 8000)


def of_calls(report: Report) -> Iterator[Proposal]:
    """Yield what is proposed of every call: first that it answers, then its verdict. The user's own calls lead, then those in order."""
    calls = [call for call in report.calls if is_whole(call.url) and "EIO=" not in urlsplit(call.url).query]
    requests = {request.id: request for request in report.requests}
    several = len({origin_of(call.url) for call in calls}) > 1
    yield from _distinct(_answers(call, requests, several) for call in calls if call.method.upper() in _SAFE)
    yield from _distinct(_verdict(call, report, several) for call in calls if origin_of(call.url) != call.origin)
    yield from _strangers(calls, report, several)


def notes_of_calls(report: Report) -> Iterator[str]:
    """Yield a sentence for each thing that cannot be proposed of the calls."""
    kept = [call for call in report.calls if "EIO=" not in urlsplit(call.url).query]
    for call in kept:
        if not is_whole(call.url):
            yield f"The address of {call.method} {urlsplit(call.url).path} held a secret, which was not kept. Add its monitor by hand."
    unsafe = Counter(call.method.upper() for call in kept if call.method.upper() not in _SAFE and origin_of(call.url) == call.origin)
    if unsafe:
        listed = ", ".join(unsafe)
        yield f"Calls that change data ({listed}) are never sent, and on the page's own origin there is no CORS verdict to watch."


def _distinct(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Yield one of those that watch the same. Of two names that are alike, the second one gets a number."""
    seen: dict[str, Proposal] = {}
    for proposal in proposals:
        seen.setdefault(proposal.key, proposal)
    yield from seen.values()


def _name(prefix: str, call: CallReport, several: bool) -> str:
    path = call.template if call.template.startswith("/") else path_of(call.url)
    return named(prefix, call.method.upper(), path, f"at {urlsplit(call.url).netloc}" if several else "")


# That a call answers.


def _answers(call: CallReport, requests: Mapping[int, RequestReport], several: bool) -> Proposal:
    answers = [requests[number] for number in call.requests if number in requests and requests[number].method != "OPTIONS"]
    if call.status is None:  # of a call that a browser does not send, what the scan got that asked without a browser's rules
        answers = [request for request in requests.values() if request.purpose == Purpose.ENDPOINT and request.url == call.url]
    sent = tuple((name, value) for name, value in call.headers if is_whole(value))
    dropped = [name for name, value in call.headers if not is_whole(value)]
    last = answers[-1] if answers else None
    wanted, follow, why = _expected(call, answers)
    ticked = not why
    if dropped and ticked:
        ticked, why = False, f"The value of {_listed(dropped)} was not kept. Add it, as {{{{secret.NAME}}}} if it is one."
    elif wanted not in ("200-299",) and ticked:
        why = "It asks for a login, and is watched for that. Add credentials to look behind it."
    assertions = [Assertion(Subject.STATUS, Operator.IS, wanted)]
    holds = [wanted.replace("-", "–")]
    if last and last.status and 200 <= last.status < 500 and last.media_type and (follow or last is answers[0]):
        assertions.append(Assertion(Subject.HEADER, Operator.CONTAINS, last.media_type, "content-type"))
        holds.append(last.media_type)
    limit_ms = _limit_ms(last.duration_ms if last else 0)
    assertions.append(Assertion(Subject.LATENCY, Operator.BELOW, str(limit_ms), warns=True))
    holds.append(f"above {limit_ms // 1000} s warns")
    check = ApiCheck(Ask(call.url, _method(call), sent, follow_redirects=follow, assertions=tuple(assertions)))
    return Proposal(SeamKind.API, _name("", call, several), check, ", ".join(holds), MINUTE, ticked, why)


def _method(call: CallReport) -> str:
    return call.method.upper() if call.method.upper() in METHODS else "GET"


def _expected(call: CallReport, answers: list[RequestReport]) -> tuple[str, bool, str]:
    """Return the statuses that must be, whether redirects are followed, and why this does not hold today; "" where it does."""
    good = "200-299"
    if not answers or not answers[-1].status:
        return good, True, call.why or "The scan got no answer to it."
    first, last = answers[0], answers[-1]
    status = last.status or 0
    moved = urlsplit(last.url).path.rstrip("/") != urlsplit(first.url).path.rstrip("/")
    if moved and last.media_type == "text/html":
        return "200-299, 401, 403", False, f"It is redirected to {urlsplit(last.url).path} today; an API answers itself."
    if 200 <= status < 300:
        return good, True, ""
    if status in (401, 403):
        return str(status), True, ""
    if status == 404 and call.template:
        return good, True, f"Its path is a guess for {call.template}, and is answered 404."
    return good, True, f"It is answered {status} today."


def _limit_ms(took_ms: float) -> int:
    wanted = max(_USUAL_MS, took_ms * _ROOM)
    return next((step for step in _STEPS_MS if wanted <= step), _STEPS_MS[-1])


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# What a browser does with a call.


def _verdict(call: CallReport, report: Report, several: bool) -> Proposal:
    known, open_today = _seen_by_strangers(report, call)
    closed = known and not open_today
    check = CorsCheck(_fetch(call), True, (FOREIGN_ORIGIN,) if closed else ())
    why = ""
    if call.allowed is False:
        why = f"Browsers block it today ({call.rule}). Ticked, it stands as an incident until it is mended."
    elif call.allowed is None:
        why = f"The scan could not judge it. {call.why}".strip()
    holds = "Allowed from the page, blocked from foreign pages" if closed else "Allowed from the page"
    return Proposal(SeamKind.CORS, _name("CORS", call, several), check, holds, FIVE_MINUTES, not why, why)


def _fetch(call: CallReport) -> FetchCall:
    headers: Headers = tuple((name, value if is_whole(value) else _stand_in(name)) for name, value in call.headers)
    mode = "no-cors" if call.type == "opaque" else "cors"
    return FetchCall(call.origin, call.url, call.method, headers, None, call.credentials, mode)


def _stand_in(name: str) -> str:
    # What can hold a secret stays empty: a made-up one would be taken for one, and kept in the vault.
    return _ANY_VALUE if redact_header(name, _ANY_VALUE) == _ANY_VALUE else ""


def _seen_by_strangers(report: Report, call: CallReport) -> tuple[bool, bool]:
    """Return whether the scan asked this call's origin as a foreign page, and whether such a page could read the answer."""
    asked = next(
        (
            request
            for request in report.requests
            if request.purpose == Purpose.FOREIGN and request.status and origin_of(request.url) == origin_of(call.url)
        ),
        None,
    )
    if asked is None:
        return False, False
    allowed = header_value(asked.response_headers, "access-control-allow-origin")
    return True, allowed == FOREIGN_ORIGIN or (allowed == "*" and call.credentials != "include")


def _strangers(calls: list[CallReport], report: Report, several: bool) -> Iterator[Proposal]:
    """Yield, for each origin whose own proposals do not say so, that pages of strangers are kept out."""
    for origin in dict.fromkeys(origin_of(call.url) for call in calls):
        mine = [call for call in calls if origin_of(call.url) == origin and call.method.upper() == "GET"]
        call = next((call for call in mine if not call.template), mine[0] if mine else None)
        if call is None:
            continue
        known, open_today = _seen_by_strangers(report, call)
        if not known or (origin != call.origin and not open_today):
            continue
        why = "Foreign pages can read its answers today. Tick it unless that is meant." if open_today else ""
        name = named("Foreign pages kept from", path_of(call.url), f"at {urlsplit(origin).netloc}" if several else "")
        check = CorsCheck(_fetch(call), True, (FOREIGN_ORIGIN,))
        yield Proposal(SeamKind.CORS, name, check, "Blocked from foreign pages", FIVE_MINUTES, not why and call.allowed is True, why)

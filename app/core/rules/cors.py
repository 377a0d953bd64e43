"""CORS: why browsers keep the page's calls from the API, one finding for each cause. COR-01, 02, 05, 06, 07, 08, 09 and 11."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from app.core.examined import Examined
from app.core.exchange import Exchange, Purpose, header_value
from app.core.findings import Certainty, Evidence, Finding, Framework, SeamKind, Severity
from app.core.observation import JudgedCall
from app.core.redact import redact_text
from app.core.rules import check
from app.core.rules.baseline import says_nothing
from app.core.rules.delivery import unreachable_origins
from app.core.rules.diagnosis import NORMALISED_METHODS, Fault, Kind, allow_list, allows_page, disallowed, faults_of, redirection_of
from app.core.rules.facts import blocked, coded, facts_for, listed, mends_of, path_of, shown_path
from app.core.rules.origins import near_miss
from app.core.rules.quoting import ALLOWED, ASKED, quote_exchange
from app.core.rules.session import session_cookies
from app.core.urls import origin_of

ACAO = "access-control-allow-origin"
ACAC = "access-control-allow-credentials"
ACAM = "access-control-allow-methods"
ACAH = "access-control-allow-headers"
CORSHEADERS_DEFAULT = frozenset({"accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"})
STARLETTE_DEFAULT = frozenset({"accept", "accept-language", "content-language", "content-type"})


# Faults with one cause: a missing and a wrong origin come from the same list, "*" and missing credentials from the same setting.
_CAUSES = {
    Kind.MISSING: "origin",
    Kind.OTHER_ORIGIN: "origin",
    Kind.DOUBLE: "double",
    Kind.WILDCARD: "credentials",
    Kind.CREDENTIALS: "credentials",
    Kind.REDIRECT: "redirect",
    Kind.METHOD: "method",
    Kind.HEADERS: "headers",
}


@check("COR-01", "COR-02", "COR-05", "COR-06", "COR-07", "COR-08", "COR-09")
def blocked_calls_have_a_cause(examined: Examined) -> Iterator[Finding]:
    """Group the faults of all blocked calls by API and cause, and report each cause once."""
    unreachable = unreachable_origins(examined)
    by_cause: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    for judged in examined.observation.judged:
        api_origin = origin_of(judged.call.url)
        # What a page on the internet cannot reach has its own finding; its CORS headers are those of the scanner's neighbour.
        if api_origin in unreachable:
            continue
        for fault in faults_of(examined, judged):
            by_cause[origin_of(fault.exchange.url), _CAUSES[fault.kind]].append(fault)
    for (api_origin, cause), faults in by_cause.items():
        yield from _TELL[cause](examined, api_origin, faults)


def _finding(
    examined: Examined,
    code: str,
    api_origin: str,
    faults: Sequence[Fault],
    *,
    title: str,
    explanation: str,
    evidence: tuple[Evidence, ...],
    first: tuple[Framework, ...] = (),
    location: str = "",
) -> Finding:
    """Make a finding of severity high from faults with one cause; the first one leads."""
    calls = _unique([fault.judged for fault in faults])
    observed = any(fault.certainty is Certainty.OBSERVED for fault in faults)
    lead = faults[0].judged.call
    facts = facts_for(examined, api_origin, path=path_of(lead.url), url=lead.url, code=redact_text(lead.source.excerpt), location=location)
    return Finding(
        code,
        Severity.HIGH,
        SeamKind.CORS,
        title,
        Certainty.OBSERVED if observed else Certainty.INFERRED,
        explanation,
        hits=blocked(calls),
        evidence=evidence,
        calls=tuple(judged.id for judged in calls),
        console=calls[0].verdict.console if calls[0].verdict else "",
        mends=mends_of(examined, code, facts, first=first),
    )


def _unique(calls: Sequence[JudgedCall]) -> list[JudgedCall]:
    return list({judged.id: judged for judged in calls}.values())


def _lead(faults: Sequence[Fault]) -> Fault:
    """Return the fault that shows its cause best: one that was observed."""
    return next((fault for fault in faults if fault.certainty is Certainty.OBSERVED), faults[0])


def _lead_first(faults: Sequence[Fault]) -> list[Fault]:
    lead = _lead(faults)
    return [lead, *(fault for fault in faults if fault is not lead)]


# COR-01 and COR-09: the page's origin is not let in.


def _origin_not_allowed(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    faults = _lead_first(faults)
    page_origin = examined.inventory.page_origin
    misspelt = _misspelt(examined, api_origin, faults)
    if misspelt is not None:
        allowed, exchange = misspelt
        yield _misspelt_origin(examined, api_origin, faults, allowed, exchange)
        return
    wrong = [fault for fault in faults if fault.kind is Kind.OTHER_ORIGIN]
    faults = [*wrong, *(fault for fault in faults if fault.kind is not Kind.OTHER_ORIGIN)]
    lead, others = faults[0], [fault.tokens[0] for fault in wrong]
    if others:
        shown = others[0] or "an empty value"
        yield _finding(
            examined,
            "COR-01",
            api_origin,
            faults,
            title=f"The API allows {'an empty origin' if not others[0] else f'the origin {others[0]}'}, not {page_origin}",
            explanation=(
                f"The page comes from `{page_origin}`, and the API's answer names `{shown}` instead. A browser compares the two byte for "
                "byte and hands the answer to the script only when they are equal. The request may have reached the server; its answer "
                "is thrown away."
            ),
            evidence=quote_exchange(lead.exchange, request=ASKED, answer=ALLOWED, faulty={ACAO: others[0]}),
        )
        return
    knows_cors = "origin" in (header_value(lead.exchange.response.headers, "vary") or "").lower() if lead.exchange.response else False
    refused = bool(disallowed(lead.exchange)) or knows_cors
    yield _finding(
        examined,
        "COR-01",
        api_origin,
        faults,
        title=_no_headers_title(examined, api_origin, faults, refused),
        explanation=_no_headers_explanation(lead, page_origin, api_origin, refused),
        evidence=quote_exchange(
            lead.exchange,
            request=ASKED,
            answer=(*ALLOWED, "vary", "allow", "server", *(("*body",) if refused and disallowed(lead.exchange) else ())),
            note=f"The answer has no {ACAO}.",
        ),
    )


def _no_headers_title(examined: Examined, api_origin: str, faults: Sequence[Fault], refused: bool) -> str:
    page_origin = examined.inventory.page_origin
    if allows_page(examined, api_origin):
        # Other answers of this API have the headers: what lacks them is the preflight, or these paths.
        if all(fault.exchange.method == "OPTIONS" for fault in faults):
            return "The API answers preflights without CORS headers"
        return f"The API sends no CORS headers on {listed((shown_path(fault.judged.call) for fault in faults), 3)}"
    return f"The API does not allow the origin {page_origin}" if refused else f"The API sends no CORS headers to {page_origin}"


def _no_headers_explanation(lead: Fault, page_origin: str, api_origin: str, refused: bool) -> str:
    text = (
        f"The page at `{page_origin}` calls `{api_origin}`, which is another origin. A script may read such an answer only when the "
        "answer's `Access-Control-Allow-Origin` names the page's origin or `*`, and this one has no such header. "
    )
    if lead.exchange.method == "OPTIONS":
        status = lead.exchange.status
        if not 200 <= status < 300 and not disallowed(lead.exchange):
            text += f"The browser's preflight (`OPTIONS`) was answered with {status}, so nothing on the server answers preflights. "
        text += "The browser stops after the preflight, and the call itself is never sent."
    else:
        text += "The server did answer the call; the browser throws the answer away and reports a network error to the script."
    if refused:
        text += " The server knows CORS, so the origin is missing from its list."
    return text


def _misspelt(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> tuple[str, Exchange] | None:
    """Return an allowed near miss of the page's origin, and the exchange that shows it."""
    page_origin = examined.inventory.page_origin
    for fault in faults:
        if fault.kind is Kind.OTHER_ORIGIN and near_miss(fault.tokens[0], page_origin):
            return fault.tokens[0], fault.exchange
    here = [exchange for exchange in examined.observation.exchanges if origin_of(exchange.url) == api_origin and exchange.response]
    shown = [(exchange.header(ACAO) or "", header_value(exchange.request_headers, "origin"), exchange) for exchange in here]
    reflects = any(sent is not None and value == sent and exchange.purpose is Purpose.FOREIGN for value, sent, exchange in shown)
    if reflects:
        return None  # whoever is let in with a near miss is let in with anything
    # An answer that names the near miss unasked (flask-cors without Origin) shows the list itself; else the variants tell.
    ranked = sorted(shown, key=lambda item: (item[1] is not None, item[2].id))
    return next(((value, exchange) for value, _, exchange in ranked if near_miss(value, page_origin)), None)


def _misspelt_origin(examined: Examined, api_origin: str, faults: Sequence[Fault], allowed: str, shown: Exchange) -> Finding:
    page_origin = examined.inventory.page_origin
    lead = faults[0]
    evidence = quote_exchange(
        lead.exchange, request=ASKED, answer=ALLOWED, faulty={ACAO: allowed}, note="The page's own origin is refused."
    )
    if shown is not lead.exchange:
        asked_with = header_value(shown.request_headers, "origin")
        note = f"With {asked_with} it is let in." if asked_with else "Asked without an Origin, the API shows the one it allows."
        evidence += quote_exchange(shown, request=("origin",), answer=(ACAO, ACAC), faulty={ACAO: allowed}, note=note)
    return _finding(
        examined,
        "COR-09",
        api_origin,
        faults,
        title=f"The API allows {allowed}, not {page_origin}",
        explanation=(
            f"The page's origin is `{page_origin}`; the API's list has `{allowed}`, which {near_miss(allowed, page_origin)}. An origin is "
            "scheme, host and port and nothing else, and browsers compare it byte for byte. What looks the same to people is another "
            "origin to a browser."
        ),
        evidence=evidence,
    )


# COR-08


def _two_origins(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    faults = _lead_first(faults)
    values = list(faults[0].tokens)
    same = len(set(values)) == 1
    if len(values) > 1:
        title = f"The API sends {len(values)} Access-Control-Allow-Origin headers" + (", all alike" if same else "")
        explanation = (
            f"The answer has `Access-Control-Allow-Origin` {len(values)} times. A browser joins them to "
            f"`{', '.join(values)}`, compares that "
            "with the page's origin and finds that it differs; this fails even when each of them is right. Mostly the application and the "
            "proxy in front of it both add the header: leave it to one of them."
        )
    else:
        title = "The API lists several origins in one Access-Control-Allow-Origin"
        explanation = (
            f"The header's value is `{values[0]}`, and it may name only one origin or `*`. A browser compares the whole "
            "value with the page's "
            "origin, so a list matches nobody. The server has to look at the request's `Origin` and answer with that "
            "one when it is allowed."
        )
    marked = quote_exchange(faults[0].exchange, request=ASKED, answer=(*ALLOWED, "server"), faulty={ACAO: values[-1]})
    line = f"{ACAO}: {values[-1]}"
    last = max((number for number, piece in enumerate(marked) if piece.text == line), default=-1)
    # Only the second of two equal lines is underlined: one of them would be right.
    evidence = tuple(
        replace(piece, faulty="") if piece.text.startswith(ACAO) and number != last else piece for number, piece in enumerate(marked)
    )
    first = (Framework.NGINX,) if len(values) > 1 else ()
    yield _finding(examined, "COR-08", api_origin, faults, title=title, explanation=explanation, evidence=evidence, first=first)


# COR-02


def _credentials_refused(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    faults = _lead_first(faults)
    lead = next((fault for fault in faults if fault.kind is Kind.WILDCARD), faults[0])
    if lead.kind is Kind.WILDCARD:
        title = "The API answers calls with credentials with Access-Control-Allow-Origin *"
        explanation = (
            'The frontend makes these calls with `credentials: "include"` (axios: `withCredentials`), whether or not '
            "there is a cookie. For "
            "such calls browsers refuse the wildcard: the answer must name the page's origin itself and carry "
            "`Access-Control-Allow-Credentials: true`. Otherwise any page on the web could read what belongs to the signed-in user."
        )
        faulty = {ACAO: "*"}
    else:
        value = lead.tokens[0] if lead.tokens else ""
        title = f"The API answers Access-Control-Allow-Credentials {value}, not true" if value else "The API does not allow credentials"
        explanation = (
            'The frontend makes these calls with `credentials: "include"`. The API allows the page\'s origin, but for '
            "such calls a browser also "
            "wants `Access-Control-Allow-Credentials: true`, in exactly this spelling, in the preflight's answer and in the answer itself. "
            + (f"Here it is `{value}`." if value else "Here the header is missing.")
        )
        faulty = {ACAC: value}
    yield _finding(
        examined,
        "COR-02",
        api_origin,
        faults,
        title=title,
        explanation=explanation,
        evidence=quote_exchange(lead.exchange, request=ASKED, answer=ALLOWED, faulty=faulty),
    )


# COR-05


def _preflight_redirected(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    kept = [fault for fault in faults if _is_cors_redirect(fault.exchange)]
    if not kept:
        return
    lead = kept[0]
    to = redirection_of(lead.exchange)
    assert to is not None  # `_is_cors_redirect` saw it
    paths = list(dict.fromkeys(shown_path(fault.judged.call) for fault in kept))
    if to.slash:
        wants = "with a trailing slash" if path_of(to.target).endswith("/") else "without the trailing slash"
        target = path_of(to.target)
        cause = (
            f"The server has this route only {wants} and redirects `{path_of(lead.exchange.url)}` to `{path_of(to.target)}`. "
            "The shortest mend is to call the path as the server spells it."
        )
    elif to.scheme and not to.host:
        target, cause = to.target, "The server moves every request to the other scheme. Call the final address."
    else:
        target, cause = to.target, "Call the final address, or let the server answer `OPTIONS` before it redirects."
    title = f"The API redirects the preflight for {paths[0]} to {target}"
    if len(paths) > 1:
        title = f"The API redirects the preflights for {listed(paths, 3)}"
    yield _finding(
        examined,
        "COR-05",
        api_origin,
        kept,
        title=title,
        explanation=(
            f"Before {'this call' if len(kept) == 1 else 'these calls'} the browser asks with a preflight (`OPTIONS`), "
            "and a preflight must be "
            f"answered where it was sent: browsers do not follow its redirects. The call itself is never sent. {cause}"
        ),
        evidence=quote_exchange(lead.exchange, request=ASKED, answer=("location", *ALLOWED), faulty={"location": to.location}),
        first=(Framework.JAVASCRIPT,) if not to.slash else (),
        location=to.location,
    )


def _is_cors_redirect(exchange: Exchange) -> bool:
    """Whether the redirect itself is the cause, not a login (API-03) or a proxy that hides the scheme or host (API-05)."""
    to = redirection_of(exchange)
    if to is None or to.login:
        return False
    downgraded = exchange.url.startswith("https:") and to.target.startswith("http:")
    return to.slash or not downgraded


# COR-07


def _methods_refused(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    small = [fault for fault in faults if _is_written_small(fault)]
    if small:
        yield _method_written_small(examined, api_origin, small)
    refused = [fault for fault in faults if fault not in small]
    if not refused:
        return
    lead = refused[0]
    methods = [fault.tokens[0] for fault in refused]
    word = "method" if len(set(methods)) == 1 else "methods"
    head = lead.exchange.response
    assert head is not None
    value = head.get(ACAM)
    explanation = f"Before a {coded(methods)} call the browser asks with a preflight which methods the API allows to other origins. "
    if lead.unreadable:
        title = f"The API's list of allowed methods cannot be read: {value}"
        explanation += f"The answer `{value}` is not a comma-separated list of plain words, so the browser discards it and stops."
    else:
        title = f"The API does not allow the {word} {listed(methods)}"
        explanation += (
            f"The answer lists `{value}`, and {coded(methods)} {'is' if word == 'method' else 'are'} not in it, "
            if value
            else "The answer has no `Access-Control-Allow-Methods`, "
        )
        explanation += "so the browser stops and the call never leaves. The `Allow` header does not count here."
    if disallowed(lead.exchange):
        explanation += (
            " Starlette's `CORSMiddleware` allows only `GET` until `allow_methods` says otherwise, and refuses the preflight with 400."
        )
    yield _finding(
        examined,
        "COR-07",
        api_origin,
        refused,
        title=title,
        explanation=explanation,
        evidence=quote_exchange(
            lead.exchange,
            request=ASKED,
            answer=(*ALLOWED, "*body") if disallowed(lead.exchange) else ALLOWED,
            faulty={"access-control-request-method": methods[0], **({ACAM: value or ""} if lead.unreadable else {})},
            note="" if value else f"The answer has no {ACAM}.",
        ),
    )


def _is_written_small(fault: Fault) -> bool:
    """Whether the method would be allowed in capitals, which browsers write for DELETE, GET, POST and PUT, but not for PATCH."""
    method = fault.tokens[0]
    if method == method.upper() or method.upper() in NORMALISED_METHODS or fault.exchange.response is None:
        return False
    return method.upper() in (allow_list(fault.exchange.response, ACAM) or ())


def _method_written_small(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Finding:
    method = faults[0].tokens[0]
    return _finding(
        examined,
        "COR-07",
        api_origin,
        faults,
        title=f"The frontend writes the method {method} in small letters",
        explanation=(
            f"Methods are compared letter by letter, and browsers capitalise only `DELETE`, `GET`, `HEAD`, `OPTIONS`, `POST` and `PUT` by "
            f"themselves. So `{method}` is another method than the `{method.upper()}` that the API allows. Write it in "
            "capitals in the script."
        ),
        evidence=quote_exchange(
            faults[0].exchange, request=ASKED, answer=ALLOWED, faulty={"access-control-request-method": method, ACAM: method.upper()}
        ),
        first=(Framework.JAVASCRIPT,),
    )


# COR-06


def _headers_refused(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    lead = faults[0]
    names = list(dict.fromkeys(name for fault in faults for name in fault.tokens))
    head = lead.exchange.response
    assert head is not None
    value = head.get(ACAH)
    listed_names = {name.lower() for name in allow_list(head, ACAH) or ()}
    one = len(names) == 1
    explanation = (
        f"The frontend sends {coded(names)}, so the browser asks first whether the API takes {'this header' if one else 'these headers'} "
    )
    explanation += "from other origins. "
    if lead.unreadable:
        title = f"The API's list of allowed headers cannot be read: {value}"
        explanation += f"The answer `{value}` is not a comma-separated list of plain words, so the browser discards it and stops."
    else:
        title = f"The API does not allow the header{'' if one else 's'} {listed(names)}"
        explanation += (
            "The preflight's answer does not list " + ("it" if one else "them") + (f": it says `{value}`. " if value else " at all. ")
        )
        explanation += "The browser stops there, and the call itself never leaves."
    if listed_names == CORSHEADERS_DEFAULT:
        explanation += " django-cors-headers allows these six by default."
    elif listed_names == STARLETTE_DEFAULT:
        explanation += " These four are what Starlette's `CORSMiddleware` allows by default."
    elif "*" in listed_names:
        explanation += " For calls with credentials `*` is no wildcard here: each header must be named."
    asked = header_value(lead.exchange.request_headers, "access-control-request-headers") or ""
    together = ",".join(lead.tokens)
    yield _finding(
        examined,
        "COR-06",
        api_origin,
        faults,
        title=title,
        explanation=explanation,
        evidence=quote_exchange(
            lead.exchange,
            request=ASKED,
            answer=(*ALLOWED, "*body") if disallowed(lead.exchange) else ALLOWED,
            faulty={
                "access-control-request-headers": together if together in asked else lead.tokens[0],
                **({ACAH: value or ""} if lead.unreadable else {}),
            },
            note="" if value else f"The answer has no {ACAH}.",
        ),
    )


_TELL: dict[str, Callable[[Examined, str, Sequence[Fault]], Iterator[Finding]]] = {
    "origin": _origin_not_allowed,
    "double": _two_origins,
    "credentials": _credentials_refused,
    "redirect": _preflight_redirected,
    "method": _methods_refused,
    "headers": _headers_refused,
}


# COR-11


@check("COR-11")
def any_origin_may_use_credentials(examined: Examined) -> Iterator[Finding]:
    """A foreign origin is mirrored together with Access-Control-Allow-Credentials: true."""
    seen: set[str] = set()
    for exchange in examined.observation.of(Purpose.FOREIGN):
        api_origin, sent = origin_of(exchange.url), header_value(exchange.request_headers, "origin")
        if api_origin in seen or says_nothing(exchange) or sent is None:
            continue
        if exchange.header(ACAO) != sent or exchange.header(ACAC) != "true":
            continue
        seen.add(api_origin)
        yield _mirrored(examined, api_origin, exchange)


def _mirrored(examined: Examined, api_origin: str, exchange: Exchange) -> Finding:
    called = [call for call in examined.inventory.calls if origin_of(call.url) == api_origin]
    cookies = session_cookies(examined, api_origin)
    basic = [
        answer for answer in examined.observation.exchanges
        if origin_of(answer.url) == api_origin and (answer.header("www-authenticate") or "").lower().startswith("basic")
    ]  # fmt: skip
    included = [call for call in called if call.credentials == "include"]
    evidence = quote_exchange(
        exchange,
        request=("origin",),
        answer=(ACAO, ACAC, "vary"),
        faulty={ACAO: exchange.header(ACAO) or ""},
        note="An origin that nobody owns is allowed.",
    )
    explanation = (
        "The API returns whatever `Origin` it is asked with, together with `Access-Control-Allow-Credentials: true`. "
        "So every website may call "
        "it from a visitor's browser with the visitor's cookies and read the answers. "
    )
    if not called:
        severity = Severity.INFO
        explanation += "No script of this page calls it, so it may be meant for other clients."
    elif cookies or basic or included:
        severity = Severity.CRITICAL
        if cookies:
            cookie, seen_in = cookies[0]
            explanation += (
                f"It keeps sessions in the cookie `{cookie.name}`. `SameSite` limits which sites can use it, but not your own subdomains."
            )
            evidence += quote_exchange(seen_in, answer=("set-cookie",), faulty={"set-cookie": cookie.name})
        elif basic:
            explanation += "It asks for Basic authentication, which browsers send by themselves once it was entered."
            evidence += quote_exchange(basic[0], answer=("www-authenticate",))
        else:
            explanation += 'The frontend calls it with `credentials: "include"`, so its cookies count.'
    else:
        severity = Severity.LOW
        explanation += (
            "No cookie and no Basic authentication was seen on this API, so today there is nothing to steal this way. "
            "It becomes critical with "
            "the first session cookie."
        )
    path = path_of(exchange.url)
    return Finding(
        "COR-11",
        severity,
        SeamKind.CORS,
        "The API allows every origin with credentials",
        Certainty.OBSERVED,
        explanation,
        hits=path,
        evidence=evidence,
        mends=mends_of(examined, "COR-11", facts_for(examined, api_origin, path=path)),
    )

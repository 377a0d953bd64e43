"""Preflights: redirected, or refusing the method or a header. COR-05, COR-06 and COR-07."""

from collections.abc import Iterator, Sequence

from app.core.cors_checks import ACAH, ACAM
from app.core.cors_headers import normalize_method
from app.core.examined import Examined
from app.core.exchange import Exchange, header_value
from app.core.findings import Finding, Framework
from app.core.rules.blocked import blocked_finding
from app.core.rules.diagnosis import Fault, allow_list, disallowed, redirection_of
from app.core.rules.facts import coded, listed, path_of, shown, shown_path
from app.core.rules.quoting import ALLOWED, ASKED, quote_exchange

CORSHEADERS_DEFAULT = frozenset({"accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"})
STARLETTE_DEFAULT = frozenset({"accept", "accept-language", "content-language", "content-type"})


def preflight_redirected(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    kept = [fault for fault in faults if _is_cors_redirect(fault.exchange)]
    if not kept:
        return
    lead = kept[0]
    to = redirection_of(lead.exchange)
    assert to is not None  # `_is_cors_redirect` saw it
    paths = list(dict.fromkeys(shown_path(fault.judged.call) for fault in kept))
    if to.slash:
        wants = "with a trailing slash" if path_of(to.target).endswith("/") else "without the trailing slash"
        target = shown(path_of(to.target))
        cause = (
            f"The server has this route only {wants} and redirects `{shown(path_of(lead.exchange.url))}` to `{target}`. "
            "The shortest mend is to call the path as the server spells it."
        )
    elif to.scheme and not to.host:
        target, cause = shown(to.target), "The server moves every request to the other scheme. Call the final address."
    else:
        target, cause = shown(to.target), "Call the final address, or let the server answer `OPTIONS` before it redirects."
    title = f"The API redirects the preflight for {paths[0]} to {target}"
    if len(paths) > 1:
        title = f"The API redirects the preflights for {listed(paths, 3)}"
    yield blocked_finding(
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


def methods_refused(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    small = [fault for fault in faults if _is_written_small(fault)]
    if small:
        yield _method_written_small(examined, api_origin, small)
    refused = [fault for fault in faults if fault not in small]
    if not refused:
        return
    lead = refused[0]
    methods = [shown(fault.tokens[0]) for fault in refused]
    word = "method" if len(set(methods)) == 1 else "methods"
    head = lead.exchange.response
    assert head is not None
    value = head.get(ACAM)
    explanation = f"Before a {coded(methods)} call the browser asks with a preflight which methods the API allows to other origins. "
    if lead.unreadable:
        title = f"The API's list of allowed methods cannot be read: {shown(value or '')}"
        explanation += (
            f"The answer `{shown(value or '')}` is not a comma-separated list of plain words, so the browser discards it and stops."
        )
    else:
        title = f"The API does not allow the {word} {listed(methods)}"
        explanation += (
            f"The answer lists `{shown(value, 160)}`, and {coded(methods)} {'is' if word == 'method' else 'are'} not in it, "
            if value
            else "The answer has no `Access-Control-Allow-Methods`, "
        )
        explanation += "so the browser stops and the call never leaves. The `Allow` header does not count here."
    if disallowed(lead.exchange):
        explanation += (
            " Starlette's `CORSMiddleware` allows only `GET` until `allow_methods` says otherwise, and refuses the preflight with 400."
        )
    yield blocked_finding(
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
    if method == method.upper() or normalize_method(method) != method or fault.exchange.response is None:
        return False
    return method.upper() in (allow_list(fault.exchange.response, ACAM) or ())


def _method_written_small(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Finding:
    method = faults[0].tokens[0]
    return blocked_finding(
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


def headers_refused(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    lead = faults[0]
    names = list(dict.fromkeys(shown(name) for fault in faults for name in fault.tokens))
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
        title = f"The API's list of allowed headers cannot be read: {shown(value or '')}"
        explanation += (
            f"The answer `{shown(value or '')}` is not a comma-separated list of plain words, so the browser discards it and stops."
        )
    else:
        title = f"The API does not allow the header{'' if one else 's'} {listed(names)}"
        explanation += (
            "The preflight's answer does not list "
            + ("it" if one else "them")
            + (f": it says `{shown(value, 160)}`. " if value else " at all. ")
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
    yield blocked_finding(
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

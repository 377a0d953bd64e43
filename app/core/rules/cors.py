"""CORS: why browsers keep the page's calls from the API, one finding for each cause. COR-01, 02, 05, 06, 07, 08, 09 and 11."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from app.core.cors_checks import ACAC, ACAO
from app.core.examined import Examined
from app.core.exchange import Exchange, Purpose, header_value
from app.core.findings import Finding, Framework
from app.core.rules import check
from app.core.rules.blocked import blocked_finding, lead_first
from app.core.rules.credentials import credentials_refused
from app.core.rules.delivery import unreachable_origins
from app.core.rules.diagnosis import Fault, Kind, allows_page, disallowed, faults_of
from app.core.rules.facts import listed, shown, shown_path
from app.core.rules.origins import near_miss
from app.core.rules.preflight import headers_refused, methods_refused, preflight_redirected
from app.core.rules.quoting import ALLOWED, ASKED, quote_exchange
from app.core.urls import origin_of

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


def _origin_not_allowed(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    faults = lead_first(faults)
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
        value = shown(others[0])
        yield blocked_finding(
            examined,
            "COR-01",
            api_origin,
            faults,
            title=f"The API allows {f'the origin {value}' if value else 'an empty origin'}, not {page_origin}",
            explanation=(
                f"The page comes from `{page_origin}`, and the API's answer names "
                f"{f'`{value}`' if value else 'nothing'} instead. A browser compares the two byte for "
                "byte and hands the answer to the script only when they are equal. The request may have reached the server; its answer "
                "is thrown away."
            ),
            evidence=quote_exchange(lead.exchange, request=ASKED, answer=ALLOWED, faulty={ACAO: others[0]}),
        )
        return
    knows_cors = "origin" in (header_value(lead.exchange.response.headers, "vary") or "").lower() if lead.exchange.response else False
    refused = bool(disallowed(lead.exchange)) or knows_cors
    yield blocked_finding(
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


def _misspelt_origin(examined: Examined, api_origin: str, faults: Sequence[Fault], allowed: str, seen_in: Exchange) -> Finding:
    page_origin = examined.inventory.page_origin
    lead = faults[0]
    evidence = quote_exchange(
        lead.exchange, request=ASKED, answer=ALLOWED, faulty={ACAO: allowed}, note="The page's own origin is refused."
    )
    if seen_in is not lead.exchange:
        asked_with = header_value(seen_in.request_headers, "origin")
        note = f"With {asked_with} it is let in." if asked_with else "Asked without an Origin, the API shows the one it allows."
        evidence += quote_exchange(seen_in, request=("origin",), answer=(ACAO, ACAC), faulty={ACAO: allowed}, note=note)
    return blocked_finding(
        examined,
        "COR-09",
        api_origin,
        faults,
        title=f"The API allows {shown(allowed)}, not {page_origin}",
        explanation=(
            f"The page's origin is `{page_origin}`; the API's list has `{shown(allowed)}`, which "
            f"{near_miss(allowed, page_origin)}. An origin is "
            "scheme, host and port and nothing else, and browsers compare it byte for byte. What looks the same to people is another "
            "origin to a browser."
        ),
        evidence=evidence,
    )


def _two_origins(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    faults = lead_first(faults)
    values = list(faults[0].tokens)
    same = len(set(values)) == 1
    if len(values) > 1:
        title = f"The API sends {len(values)} Access-Control-Allow-Origin headers" + (", all alike" if same else "")
        explanation = (
            f"The answer has `Access-Control-Allow-Origin` {len(values)} times. A browser joins them to "
            f"`{shown(', '.join(values), 160)}`, compares that "
            "with the page's origin and finds that it differs; this fails even when each of them is right. Mostly the application and the "
            "proxy in front of it both add the header: leave it to one of them."
        )
    else:
        title = "The API lists several origins in one Access-Control-Allow-Origin"
        explanation = (
            f"The header's value is `{shown(values[0], 160)}`, and it may name only one origin or `*`. A browser compares the whole "
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
    yield blocked_finding(examined, "COR-08", api_origin, faults, title=title, explanation=explanation, evidence=evidence, first=first)


_TELL: dict[str, Callable[[Examined, str, Sequence[Fault]], Iterator[Finding]]] = {
    "origin": _origin_not_allowed,
    "double": _two_origins,
    "credentials": credentials_refused,
    "redirect": preflight_redirected,
    "method": methods_refused,
    "headers": headers_refused,
}

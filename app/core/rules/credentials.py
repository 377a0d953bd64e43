"""CORS with credentials: refused where they are needed, or granted to everybody. COR-02 and COR-11."""

from collections.abc import Iterator, Sequence

from app.core.cors_checks import ACAC, ACAO
from app.core.examined import Examined
from app.core.exchange import Exchange, Purpose, header_value
from app.core.findings import Certainty, Finding, SeamKind, Severity
from app.core.rules import check
from app.core.rules.baseline import says_nothing
from app.core.rules.blocked import blocked_finding, lead_first
from app.core.rules.delivery import unreachable_origins
from app.core.rules.diagnosis import Fault, Kind
from app.core.rules.facts import facts_for, mends_of, path_of, shown
from app.core.rules.quoting import ALLOWED, ASKED, quote_exchange
from app.core.rules.session import session_cookies
from app.core.urls import origin_of


def credentials_refused(examined: Examined, api_origin: str, faults: Sequence[Fault]) -> Iterator[Finding]:
    faults = lead_first(faults)
    lead = next((fault for fault in faults if fault.kind is Kind.WILDCARD), faults[0])
    if lead.kind is Kind.WILDCARD:
        title = "The API allows the wildcard * where calls carry credentials"
        explanation = (
            'The frontend makes these calls with `credentials: "include"` (axios: `withCredentials`), whether or not '
            "there is a cookie. For "
            "such calls browsers refuse the wildcard: the answer must name the page's origin itself and carry "
            "`Access-Control-Allow-Credentials: true`. Otherwise any page on the web could read what belongs to the signed-in user."
        )
        faulty = {ACAO: "*"}
    else:
        value = lead.tokens[0] if lead.tokens else ""
        title = (
            f"The API answers Access-Control-Allow-Credentials {shown(value)}, not true" if value else "The API does not allow credentials"
        )
        explanation = (
            'The frontend makes these calls with `credentials: "include"`. The API allows the page\'s origin, but for '
            "such calls a browser also "
            "wants `Access-Control-Allow-Credentials: true`, in exactly this spelling, in the preflight's answer and in the answer itself. "
            + (f"Here it is `{shown(value)}`." if value else "Here the header is missing.")
        )
        faulty = {ACAC: value}
    yield blocked_finding(
        examined,
        "COR-02",
        api_origin,
        faults,
        title=title,
        explanation=explanation,
        evidence=quote_exchange(lead.exchange, request=ASKED, answer=ALLOWED, faulty=faulty),
    )


@check("COR-11")
def any_origin_may_use_credentials(examined: Examined) -> Iterator[Finding]:
    """A foreign origin is mirrored together with Access-Control-Allow-Credentials: true."""
    seen = set(unreachable_origins(examined))
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

"""A check by HTTP: one request, the redirects it leads to, and what must hold of the last answer."""

import base64
import time
from dataclasses import replace

from app.core.ask import Ask, Basic, Bearer
from app.core.assertions import Answer, check
from app.core.checked import Checked, judged
from app.core.checks import ApiCheck, PageCheck
from app.core.exchange import Exchange, Failure, Headers, Purpose, Timing
from app.core.urls import origin_of, resolve
from app.net.transfer import Received
from app.probes.tools import Tools, failed

MAX_REDIRECTS = 10
MAX_BODY_BYTES = 1_000_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USUAL: Headers = (("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br"))


async def run(configured: PageCheck | ApiCheck, tools: Tools) -> Checked:
    """Ask, follow redirects, look at the last answer. A target that fails is a result."""
    return (await ask(configured.ask, tools))[0]


async def ask(wanted: Ask, tools: Tools, *, cookies: str = "") -> tuple[Checked, Exchange]:
    """Send one request of a check and return what it found, and the last exchange.

    Args:
        cookies: value of the Cookie header for the first request; "" sends none.
    """
    ends = time.monotonic() + tools.timeout_s
    method, url, body, headers = wanted.method, wanted.url, wanted.body, _headers(wanted, tools, cookies)
    exchanges: list[Exchange] = []
    spent_ms = 0.0
    while True:
        left_s = ends - time.monotonic()
        received = await tools.net.request(
            method,
            url,
            headers,
            body=None if body is None else body.encode(),
            timeout_s=max(left_s, 0.001),
            connect_timeout_s=max(left_s, 0.001),
            max_body_bytes=MAX_BODY_BYTES,
            fresh=wanted.new_connection,
            verify=wanted.verify_tls,
        )
        exchange = _exchange(len(exchanges) + 1, method, url, headers, received, spent_ms)
        exchanges.append(exchange)
        if exchange.response is None or received.failure is not None:
            return failed(received.failure or Failure.PROTOCOL, received.failure_text, tuple(exchanges)), exchange
        spent_ms += exchange.timing.total_ms
        following = exchange.header("location") if wanted.follow_redirects and exchange.status in _REDIRECTS else None
        if following is None:
            break
        target = resolve(following, url)
        if target is None or len(exchanges) > MAX_REDIRECTS:
            text = "It redirects more than ten times." if target else f"It redirects to “{following[:200]}”, which is no address."
            return failed(Failure.TOO_MANY_REDIRECTS, text, tuple(exchanges)), exchange
        if origin_of(target) != origin_of(url):
            headers = _usual(tools)  # what was meant for one origin, credentials first of all, is not for another
        if exchange.status == 303 or (exchange.status in (301, 302) and method == "POST"):
            method, body = ("HEAD" if method == "HEAD" else "GET"), None
        url = target
    return _look(wanted, exchanges, spent_ms), exchanges[-1]


def _look(wanted: Ask, exchanges: list[Exchange], total_ms: float) -> Checked:
    last = exchanges[-1]
    # Of the whole way, as people wait for it: the phases are the last answer's, after what the redirects took.
    before_ms = total_ms - last.timing.total_ms
    timing = Timing(*(ms + before_ms if ms else 0 for ms in _phases(last.timing))) if before_ms else last.timing
    findings = tuple(check(assertion, Answer(replace(last, timing=timing) if before_ms else last)) for assertion in wanted.assertions)
    outcome, cause, text = judged(findings)
    return Checked(outcome, cause, text, last.status, timing, findings, tuple(exchanges))


def _phases(timing: Timing) -> tuple[float, float, float, float, float]:
    return timing.dns_ms, timing.connect_ms, timing.tls_ms, timing.first_byte_ms, timing.total_ms


def _usual(tools: Tools) -> Headers:
    return (("User-Agent", tools.net.user_agent), *_USUAL)


def _headers(wanted: Ask, tools: Tools, cookies: str) -> Headers:
    given = {name.lower() for name, _ in wanted.headers}
    own = tuple((name, value) for name, value in _usual(tools) if name.lower() not in given)
    more: Headers = (("Cookie", cookies),) if cookies else ()
    if isinstance(wanted.auth, Basic):
        pair = base64.b64encode(f"{wanted.auth.user}:{wanted.auth.password}".encode()).decode()
        more += (("Authorization", f"Basic {pair}"),)
    elif isinstance(wanted.auth, Bearer):
        more += (("Authorization", f"Bearer {wanted.auth.token}"),)
    return (*wanted.headers, *own, *more)


def _exchange(number: int, method: str, url: str, headers: Headers, received: Received, started_ms: float) -> Exchange:
    return Exchange(
        id=number,
        purpose=Purpose.ENDPOINT,
        method=method,
        url=url,
        request_headers=headers,
        response=received.response,
        reason=received.reason,
        http_version=received.http_version,
        body=received.body,
        truncated=received.truncated,
        failure=received.failure,
        failure_text=received.failure_text,
        timing=received.timing,
        address=received.address,
        started_ms=round(started_ms, 3),
    )

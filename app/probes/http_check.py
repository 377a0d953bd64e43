"""A check by HTTP: one request, the redirects it leads to, and what must hold of the last answer."""

import asyncio
import base64
import time
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

from app.core import placeholders
from app.core.ask import Ask, Auth, Basic, Bearer, ClientCertificate, ClientCredentials
from app.core.assertions import Answer, Finding, Subject, check, takes_long
from app.core.checked import Checked, judged
from app.core.checks import ApiCheck, PageCheck
from app.core.cookie_jar import Jar
from app.core.exchange import Exchange, Failure, Headers, Purpose, Timing
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.urls import origin_of, resolve
from app.net import BadIdentity, Identity
from app.net.transfer import Received
from app.probes.access_token import NoToken, token_of
from app.probes.tools import Tools, failed

MAX_REDIRECTS = 10
MAX_BODY_BYTES = 1_000_000
# Reading a larger body as HTML or JSON takes milliseconds, in which no other check would run.
THREAD_BYTES = 50_000
DAY_S = 86_400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USUAL: Headers = (("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br"))
_OF_BODY = frozenset({Subject.BODY, Subject.JSON, Subject.SCHEMA, Subject.SELECTOR, Subject.TITLE})


async def run(configured: PageCheck | ApiCheck, tools: Tools) -> Checked:
    """Ask, follow redirects, look at the last answer. A target that fails is a result."""
    return await ask(configured.ask, tools)


async def ask(wanted: Ask, tools: Tools, *, jar: Jar | None = None) -> Checked:
    """Send one request of a check and return what it found; the exchanges with their whole bodies.

    Args:
        jar: cookies that go along, and that answers change; None sends none and keeps none.
    """
    auth = wanted.auth
    if not isinstance(auth, ClientCredentials):
        return await _Asking(wanted, tools, jar).run()
    ends = time.monotonic() + tools.timeout_s
    try:
        token = await token_of(auth, tools)
        checked = await _Asking(wanted, _left(tools, ends), jar, token).run()
        if checked.code == 401:
            # A token can be withdrawn before its end: a new one is asked for, once.
            token = await token_of(auth, _left(tools, ends), refused=token)
            checked = await _Asking(wanted, _left(tools, ends), jar, token).run()
    except NoToken as error:
        return error.checked
    return replace(checked, exchanges=tuple(_without(exchange, token) for exchange in checked.exchanges))


def _left(tools: Tools, ends: float) -> Tools:
    return replace(tools, timeout_s=max(ends - time.monotonic(), 0.001))


@dataclass(slots=True)
class _Asking:
    """One request and what it leads to, under way."""

    wanted: Ask
    tools: Tools
    jar: Jar | None
    token: str = ""

    async def run(self) -> Checked:
        wanted, tools, jar = self.wanted, self.tools, self.jar
        begun = time.monotonic()
        ends = begun + tools.timeout_s
        method, url, body = wanted.method, wanted.url, wanted.body
        headers = _headers(wanted.headers, wanted.auth, tools.net.user_agent, self.token)
        identity = Identity(wanted.auth.certificate, wanted.auth.key) if isinstance(wanted.auth, ClientCertificate) else None
        of_certificate = any(assertion.subject is Subject.CERTIFICATE for assertion in wanted.assertions)
        exchanges: list[Exchange] = []
        spent_ms = 0.0
        while True:
            left_s = ends - time.monotonic()
            sent = headers if jar is None else _with_cookies(headers, jar.header(url, self._now(begun)))
            try:
                received = await tools.net.request(
                    method,
                    url,
                    sent,
                    body=None if body is None else body.encode(),
                    timeout_s=max(left_s, 0.001),
                    connect_timeout_s=max(left_s, 0.001),
                    max_body_bytes=MAX_BODY_BYTES,
                    fresh=wanted.new_connection,
                    verify=wanted.verify_tls,
                    identity=identity,
                    with_certificate=of_certificate,
                )
            except ValueError as error:
                text = str(error) if isinstance(error, BadIdentity) else f"This request cannot be sent: {error}."
                return Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, text, exchanges=tuple(exchanges))
            exchange = recorded(len(exchanges) + 1, method, url, sent, received, spent_ms)
            exchanges.append(exchange)
            if exchange.response is None or received.failure is not None:
                failure = received.failure or Failure.PROTOCOL
                if failure is Failure.INVALID_URL and len(exchanges) > 1:
                    failure = Failure.PROTOCOL  # the target's redirect, not our configuration
                return failed(failure, received.failure_text, tuple(exchanges))
            if received.failure_text:  # the body broke off
                failure = Failure.TIMEOUT if time.monotonic() >= ends - 0.01 else Failure.PROTOCOL
                return replace(failed(failure, received.failure_text, tuple(exchanges)), code=exchange.status)
            if jar is not None:
                jar.take(exchange.response.headers, url, self._now(begun))
            spent_ms += exchange.timing.total_ms
            following = exchange.header("location") if wanted.follow_redirects and exchange.status in _REDIRECTS else None
            if following is None:
                break
            target = resolve(following, url)
            if target is None or len(exchanges) > MAX_REDIRECTS:
                shown = following if len(following) <= 200 else f"{following[:200]}…"
                text = "It redirects more than ten times." if target else f"It redirects to “{shown}”, which is no address."
                return failed(Failure.TOO_MANY_REDIRECTS, text, tuple(exchanges))
            if origin_of(target) != origin_of(url):
                # What was meant for one origin, credentials first of all, is not for another.
                headers, identity = _usual(tools.net.user_agent), None
            if exchange.status == 303 or (exchange.status in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
                headers = tuple(pair for pair in headers if not pair[0].lower().startswith("content-"))
            url = target
        return await _look(wanted, exchanges, spent_ms, received.certificate_ends, tools.now)

    def _now(self, begun: float) -> float:
        return self.tools.now.timestamp() + time.monotonic() - begun


async def _look(wanted: Ask, exchanges: list[Exchange], total_ms: float, certificate_ends: datetime | None, now: datetime) -> Checked:
    last = exchanges[-1]
    # Of the whole way, as people wait for it: the phases are the last answer's, after what the redirects took.
    before_ms = total_ms - last.timing.total_ms
    timing = Timing(*(ms + before_ms if ms else 0 for ms in _phases(last.timing))) if before_ms else last.timing
    days = None if certificate_ends is None else (certificate_ends - now).total_seconds() / DAY_S
    answer = Answer(replace(last, timing=timing) if before_ms else last, days)
    if len(last.body) > THREAD_BYTES:
        threaded = any(assertion.subject in _OF_BODY for assertion in wanted.assertions)
    else:
        threaded = any(assertion.subject is Subject.JSON and takes_long(assertion.target) for assertion in wanted.assertions)
    if threaded:
        findings = await asyncio.to_thread(_findings, wanted, answer)
    else:
        findings = _findings(wanted, answer)
    outcome, cause, text = judged(findings)
    if outcome is Outcome.DOWN and last.status == 401 and wanted.auth is not None:
        cause = Cause.LOGIN
    facts = () if certificate_ends is None else (("certificate ends", f"{certificate_ends:%Y-%m-%d}"),)
    return Checked(outcome, cause, text, last.status, timing, findings, tuple(exchanges), facts)


def _findings(wanted: Ask, answer: Answer) -> tuple[Finding, ...]:
    return tuple(check(assertion, answer) for assertion in wanted.assertions)


def _phases(timing: Timing) -> tuple[float, float, float, float, float]:
    return timing.dns_ms, timing.connect_ms, timing.tls_ms, timing.first_byte_ms, timing.total_ms


def _usual(user_agent: str) -> Headers:
    return (("User-Agent", user_agent), *_USUAL)


@lru_cache(maxsize=512)
def _headers(headers: Headers, auth: Auth | None, user_agent: str, token: str) -> Headers:
    given = {name.lower() for name, _ in headers}
    own = tuple((name, value) for name, value in _usual(user_agent) if name.lower() not in given)
    more: Headers = ()
    if isinstance(auth, Basic):
        pair = base64.b64encode(f"{auth.user}:{auth.password}".encode()).decode()
        more = (("Authorization", f"Basic {pair}"),)
    elif isinstance(auth, Bearer):
        more = (("Authorization", f"Bearer {auth.token}"),)
    elif token:
        more = (("Authorization", f"Bearer {token}"),)
    return (*headers, *own, *more)


def _with_cookies(headers: Headers, cookies: str) -> Headers:
    """Add cookies to those that are given by hand: a request has one Cookie header."""
    if not cookies:
        return headers
    given = [value for name, value in headers if name.lower() == "cookie"]
    return (*(pair for pair in headers if pair[0].lower() != "cookie"), ("Cookie", "; ".join([*given, cookies])))


def _without(exchange: Exchange, token: str) -> Exchange:
    """Return an exchange in which a token of ours does not stand, whatever the server sent back."""
    return placeholders.masked(exchange, {token, quote(token, safe="")})


def recorded(number: int, method: str, url: str, headers: Headers, received: Received, started_ms: float) -> Exchange:
    """Return a request of a check and its answer as an exchange."""
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

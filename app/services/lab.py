"""The lab's "ask the server": send what the case lacks, from this machine, for the signed-in."""

import asyncio
import time
from dataclasses import replace

from app.core.exchange import Exchange, Head, Headers, Purpose
from app.core.inventory import Call
from app.core.lab import SHOWN_HEADERS, BadText, LabAnswer, LabCase, as_fetch, write_answer
from app.core.redact import redact_headers
from app.core.urls import InvalidTarget, parse_target
from app.net import Net
from app.probes import http
from app.probes.judging import judge_call
from app.services.access import Action, Actor, require
from app.services.errors import Invalid, Limited

MAX_REQUESTS = 14  # seven hops, each with a preflight
BODY_BYTES = 64_000  # the body is not looked at
TIMEOUT_S = 8.0

_asking: set[int] = set()  # users with a question under way: one at a time
_net: list[Net] = []


def connect(net: Net | None) -> None:
    """Give the lab its way out, for as long as the app runs; None takes it away."""
    _net[:] = [net] if net else []


async def ask(actor: Actor | None, case: LabCase) -> LabCase:
    """Send the preflight and the call of a case, hop by hop, and return the case with the server's real answers.

    GET and HEAD are sent as they are; for other methods a GET stands in, because they would change data.

    Raises:
        Unauthenticated, Forbidden: who may not scan may not ask either.
        Invalid: the URL is none, or nothing answers there; the field is "url".
        Limited: another question of this user is under way.
    """
    user = require(actor, Action.START_SCANS).user_id
    try:
        url = parse_target(case.url)
    except InvalidTarget as error:
        raise Invalid("url", str(error)) from error
    if not _net:
        raise Limited("Seamwatch is starting. Ask again in a moment.")
    if user in _asking:
        raise Limited("Another question of yours is under way.")
    _asking.add(user)
    try:
        exchanges = await _ask(_net[0], replace(case, url=url))
    finally:
        _asking.discard(user)
    failed = next((exchange for exchange in exchanges if exchange.response is None), None)
    if failed and failed is exchanges[0]:
        raise Invalid("url", failed.failure_text)
    answers: dict[str, LabAnswer] = {url: LabAnswer(url)}
    for exchange in exchanges:
        if exchange.response is None:
            continue
        text = write_answer(Head(exchange.status, _shown(exchange.response.headers)))
        before = answers.get(exchange.url, LabAnswer(exchange.url))
        answers[exchange.url] = replace(before, preflight=text) if exchange.method == "OPTIONS" else replace(before, actual=text)
    return replace(case, url=url, answers=tuple(answers.values()))


async def _ask(net: Net, case: LabCase) -> list[Exchange]:
    exchanges: list[Exchange] = []
    started = time.monotonic()

    async def send(purpose: Purpose, url: str, headers: Headers, *, method: str = "GET") -> Exchange | None:
        if len(exchanges) >= MAX_REQUESTS:
            return None
        exchange = await http.ask(
            net, id=len(exchanges) + 1, purpose=purpose, method=method, url=url, headers=headers, started=started,
            max_body_bytes=BODY_BYTES, timeout_s=TIMEOUT_S,
        )  # fmt: skip
        exchanges.append(exchange)
        return exchange

    call = Call(case.method, case.url, case.headers, credentials=case.credentials, mode=case.mode, redirect=case.redirect)
    try:
        async with asyncio.timeout(2 * TIMEOUT_S):
            await judge_call("lab", call, as_fetch(case), send)
    except TimeoutError:
        if not exchanges:
            raise Invalid("url", f"No answer within {2 * TIMEOUT_S:.0f} s.") from None
    except BadText as error:
        raise Invalid("url", str(error)) from error
    return exchanges


def _shown(headers: Headers) -> Headers:
    """Return the headers that a verdict looks at, secrets hashed."""
    return redact_headers(tuple(pair for pair in headers if pair[0].lower().startswith(SHOWN_HEADERS)))

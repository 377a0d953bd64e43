"""Judge one call: let the engine say which answer it lacks, ask for it, judge again."""

from collections.abc import Awaitable, Callable

from app.core.cors import judge
from app.core.exchange import Exchange, Head, Headers, Purpose
from app.core.findings import Certainty
from app.core.inventory import UNKEPT, Call
from app.core.observation import JudgedCall
from app.core.verdict import Answer, FetchCall, Missing, Verdict

SAFE = frozenset({"GET", "HEAD"})
MAX_HOPS = 6  # a call whose redirects go further is unknown

Ask = Callable[..., Awaitable[Exchange | None]]


async def judge_call(call_id: str, call: Call, fetch: FetchCall, ask: Ask | None) -> JudgedCall:
    """Return the verdict on one call.

    Args:
        ask: `Scan.ask`; None when the budget has no place for this call: then it is judged unknown, unless no answer is needed.

    Unsafe methods are never sent: a GET to the same URL stands in, and the verdict is inferred.
    """
    unknown = frozenset(name.lower() for name, value in call.headers if UNKEPT in value)
    answers: dict[str, Answer] = {}
    used: list[int] = []
    certainty, why = Certainty.OBSERVED, ""
    for _ in range(2 * MAX_HOPS):
        outcome = judge(fetch, answers)
        if isinstance(outcome, Verdict):
            return JudgedCall(call_id, call, fetch, outcome, certainty, why, tuple(used))
        if ask is None:
            return JudgedCall(
                call_id, call, fetch, None, Certainty.UNKNOWN, "Not asked: the scan asks a few calls of each API.", tuple(used)
            )
        exchange = await _send(outcome, unknown, ask)
        if exchange is None or exchange.response is None:
            text = exchange.failure_text if exchange else "Not asked: see what limited this scan."
            if exchange:
                used.append(exchange.id)
            return JudgedCall(call_id, call, fetch, None, Certainty.UNKNOWN, text, tuple(used))
        used.append(exchange.id)
        if outcome.kind == "actual" and outcome.method.upper() not in SAFE:
            certainty = Certainty.INFERRED
            why = f"Inferred from a GET on the same path; a {outcome.method} would change data."
        head = Head(exchange.status, exchange.response.headers)
        before = answers.get(outcome.url, Answer())
        answers[outcome.url] = Answer(head, before.actual) if outcome.kind == "preflight" else Answer(before.preflight, head)
    return JudgedCall(call_id, call, fetch, None, Certainty.UNKNOWN, f"It redirects more than {MAX_HOPS} times.", tuple(used))


async def _send(missing: Missing, unknown: frozenset[str], ask: Ask) -> Exchange | None:
    if missing.kind == "preflight":
        return await ask(Purpose.PREFLIGHT, missing.url, missing.headers, method="OPTIONS")
    method = missing.method.upper() if missing.method.upper() in SAFE else "GET"
    return await ask(Purpose.ACTUAL, missing.url, sendable(missing.headers, unknown, method == missing.method.upper()), method=method)


def sendable(headers: Headers, unknown: frozenset[str], same_method: bool) -> Headers:
    """Return the headers to send for a call.

    Args:
        unknown: names, lower case, whose values the inventory did not keep: they are left out.
        same_method: False where a GET stands in; then the headers of a body are left out.
    """
    kept = [
        (name, value) for name, value in headers if name.lower() not in unknown and (same_method or not name.lower().startswith("content-"))
    ]
    if not any(name.lower() == "accept" for name, _ in kept):
        kept.append(("Accept", "application/json"))
    return tuple(kept)

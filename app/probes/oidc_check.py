"""An identity provider: its metadata, its keys and its clock, as clients read them."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from app.core import openid
from app.core.checked import Checked
from app.core.checks import OidcCheck
from app.core.exchange import Exchange, Failure, Headers, Purpose
from app.core.incident import Outcome
from app.core.openid import Problem
from app.core.results import Cause
from app.probes import http
from app.probes.tools import Tools, failed

MAX_BODY_BYTES = 300_000
_JSON: Headers = (("Accept", "application/json"),)


async def run(check: OidcCheck, tools: Tools) -> Checked:
    """Ask for the metadata, then for the keys that it names. The worst problem decides; all of them stand in the facts."""
    asking = _Asking(check, tools, time.monotonic())
    try:
        which, document = await asking.metadata()
        problems = list(openid.metadata_problems(document, check.issuer, which, check.algorithms))
        clock_s = asking.clock_s()
        if clock_s is not None and abs(clock_s) > check.max_clock_s:
            words = "ahead of" if clock_s > 0 else "behind"
            problems.append(Problem(f"Its clock is {abs(clock_s):.0f} s {words} ours: tokens are not valid yet, or no longer.", warns=True))
        keys, found = await asking.keys(document, which)
    except _Unusable as error:
        return error.checked
    problems += found
    for algorithm in check.algorithms:
        if not any(algorithm in key.algorithms for key in keys):
            problems.append(Problem(f"No published key can verify {algorithm}."))
    facts = [
        ("issuer", str(document.get("issuer"))[:200]),
        ("keys", ", ".join(f"{key.kind} ({key.kid[:40] or 'no kid'})" for key in keys[:10]) or "none"),
    ]
    if clock_s is not None:
        facts.append(("clock", f"{clock_s:+.0f} s"))
    facts += [("problem", problem.text) for problem in problems[:10]]
    worst = next((problem for problem in problems if not problem.warns), problems[0] if problems else None)
    outcome = Outcome.UP if worst is None else Outcome.DEGRADED if worst.warns else Outcome.DOWN
    cause = Cause.NONE if worst is None else Cause.ASSERTION
    last = asking.exchanges[-1]
    return Checked(
        outcome, cause, worst.text if worst else "", last.status, last.timing, exchanges=tuple(asking.exchanges), facts=tuple(facts)
    )


class _Unusable(Exception):
    """It ends here; `checked` says why."""

    def __init__(self, checked: Checked) -> None:
        super().__init__(checked.text)
        self.checked = checked


@dataclass(slots=True)
class _Asking:
    check: OidcCheck
    tools: Tools
    begun: float  # time.monotonic()
    exchanges: list[Exchange] = field(default_factory=list)
    answered_at: datetime | None = None  # when the metadata came

    async def metadata(self) -> tuple[str, Mapping[str, Any]]:
        """Return which metadata there is, and its document."""
        (which, url), (other, second) = openid.addresses(self.check.issuer)
        exchange = await self._ask(url)
        if exchange.status == 404:
            tried = await self._ask(second)
            if tried.status == 200:
                which, exchange = other, tried
        self.answered_at = self._now()
        return which, await self._document(exchange, "The metadata")

    async def keys(self, document: Mapping[str, Any], which: str) -> tuple[tuple[openid.Key, ...], tuple[Problem, ...]]:
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            # Of OpenID metadata that is said already.
            return (), (Problem("The metadata names no jwks_uri, so there are no keys."),) if which == openid.OAUTH else ()
        exchange = await self._ask(url)
        if exchange.failure is Failure.INVALID_URL:
            return (), (Problem("jwks_uri is no address that can be asked."),)
        found = await self._document(exchange, "The key set")
        return await asyncio.to_thread(openid.keys_of, found)

    def clock_s(self) -> float | None:
        """Return how far the provider's clock is ahead of ours; None when it does not tell. Precise to a second."""
        exchange = self.exchanges[-1]
        try:
            told = parsedate_to_datetime(exchange.header("date") or "")
        except ValueError:
            return None
        if told.tzinfo is None or self.answered_at is None:
            return None
        # What comes from a cache is older than it was sent: RFC 9111, 5.1.
        age = exchange.header("age") or ""
        return (told.astimezone(UTC) - self.answered_at).total_seconds() + (int(age) if age.isdecimal() and len(age) < 9 else 0)

    def _now(self) -> datetime:
        return self.tools.now + timedelta(seconds=time.monotonic() - self.begun)

    async def _ask(self, url: str) -> Exchange:
        left_s = max(self.begun + self.tools.timeout_s - time.monotonic(), 0.001)
        exchange = await http.ask(
            self.tools.net, id=len(self.exchanges) + 1, purpose=Purpose.DISCOVERY, method="GET", url=url, headers=_JSON,
            started=self.begun, max_body_bytes=MAX_BODY_BYTES, timeout_s=left_s,
        )  # fmt: skip
        self.exchanges.append(exchange)
        return exchange

    async def _document(self, exchange: Exchange, what: str) -> Mapping[str, Any]:
        """Read one answer as a JSON object. Raises _Unusable."""
        exchanges = tuple(self.exchanges)
        if exchange.response is None or exchange.failure_text:
            raise _Unusable(failed(exchange.failure or Failure.PROTOCOL, exchange.failure_text, exchanges))
        found = Checked(Outcome.DOWN, Cause.ASSERTION, "", exchange.status, exchange.timing, exchanges=exchanges)
        if exchange.status != 200:
            where = f" to {exchange.header('location')}" if exchange.header("location") else ""
            raise _Unusable(replace(found, text=f"{what} at {exchange.url} answers {exchange.status}{where}, not 200."))
        if exchange.truncated:
            raise _Unusable(replace(found, text=f"{what} at {exchange.url} is larger than {MAX_BODY_BYTES // 1000} kB."))
        try:
            document = json.loads(exchange.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            kind = f" but {exchange.media_type}" if exchange.media_type and "json" not in exchange.media_type else ""
            raise _Unusable(replace(found, text=f"{what} at {exchange.url} is not a JSON object{kind}."))
        return document

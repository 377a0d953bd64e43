"""A CORS check: one call as a browser makes it, judged by the Fetch standard; and the same call from pages that must not make it."""

import asyncio
import time
from dataclasses import dataclass, field, replace

from app.core.checked import Checked
from app.core.checks import CorsCheck
from app.core.exchange import Exchange, Failure, Headers, Purpose, Timing
from app.core.findings import Certainty
from app.core.incident import Outcome
from app.core.inventory import Call
from app.core.observation import JudgedCall
from app.core.results import Cause
from app.core.verdict import FetchCall, Step, Verdict
from app.core.verdict import Outcome as StepOutcome
from app.probes import http
from app.probes.judging import judge_call
from app.probes.tools import Tools, failed

MAX_REQUESTS = 14  # of one call: seven hops, each with a preflight
BODY_BYTES = 20_000  # bodies are not looked at


async def run(check: CorsCheck, tools: Tools) -> Checked:
    """Send the preflight and, for safe methods, the call; judge both. For other methods a GET stands in, as in a scan."""
    begun = time.monotonic()
    judgings = [
        _Judging(replace(check.call, origin=origin), tools, begun) for origin in dict.fromkeys((check.call.origin, *check.foreign_origins))
    ]
    await asyncio.gather(*(judging.run() for judging in judgings))
    own, foreign = judgings[0], judgings[1:]
    exchanges = tuple(
        replace(exchange, id=number) for number, exchange in enumerate((e for judging in judgings for e in judging.exchanges), 1)
    )
    for judging in judgings:
        if judging.judged is None or judging.judged.verdict is None:
            return replace(judging.unknown(), exchanges=exchanges)
    outcome, text = _conclude(check, own, foreign)
    cause = Cause.NONE if outcome is Outcome.UP else Cause.ASSERTION
    return Checked(outcome, cause, text, own.status, own.timing(), exchanges=exchanges, facts=_facts(own, foreign))


@dataclass(slots=True)
class _Judging:
    """One call from one origin, and what was asked for its verdict."""

    fetch: FetchCall
    tools: Tools
    begun: float
    exchanges: list[Exchange] = field(default_factory=list)
    judged: JudgedCall | None = None

    async def run(self) -> None:
        call = Call(self.fetch.method, self.fetch.url, self.fetch.headers)
        self.judged = await judge_call("check", call, self.fetch, self._ask)

    async def _ask(self, purpose: Purpose, url: str, headers: Headers, *, method: str = "GET") -> Exchange | None:
        if len(self.exchanges) >= MAX_REQUESTS:
            return None
        exchange = await http.ask(
            self.tools.net, id=len(self.exchanges) + 1, purpose=purpose, method=method, url=url, headers=headers, started=self.begun,
            max_body_bytes=BODY_BYTES, timeout_s=max(self.begun + self.tools.timeout_s - time.monotonic(), 0.001),
        )  # fmt: skip
        self.exchanges.append(exchange)
        return exchange

    @property
    def verdict(self) -> Verdict:
        assert self.judged is not None
        assert self.judged.verdict is not None
        return self.judged.verdict

    @property
    def status(self) -> int:
        return self.exchanges[-1].status if self.exchanges else 0

    @property
    def words(self) -> str:
        return f"{self.fetch.method} {self.fetch.url} from {self.fetch.origin}"

    def unknown(self) -> Checked:
        """Return what a call found that cannot be judged."""
        last = self.exchanges[-1] if self.exchanges else None
        if last is not None and last.response is None:
            return failed(last.failure or Failure.PROTOCOL, last.failure_text)
        return failed(Failure.TOO_MANY_REDIRECTS, self.judged.why if self.judged else "It could not be judged.")

    def timing(self) -> Timing | None:
        """Return how long preflight and call took together: a browser sends one after the other."""
        if not self.exchanges:
            return None
        before_ms = sum(exchange.timing.total_ms for exchange in self.exchanges[:-1])
        last = self.exchanges[-1].timing
        phases = (last.dns_ms, last.connect_ms, last.tls_ms, last.first_byte_ms, last.total_ms)
        return Timing(*(ms + before_ms if ms else 0 for ms in phases))


def _conclude(check: CorsCheck, own: _Judging, foreign: list[_Judging]) -> tuple[Outcome, str]:
    if own.verdict.allowed != check.allowed:
        if check.allowed:
            return Outcome.DOWN, f"A browser blocks {own.words}: {_stop(own)}"
        return Outcome.DOWN, f"A browser allows {own.words}, which should be blocked: {_pass(own)}"
    for judging in foreign:
        if judging.verdict.allowed:
            return Outcome.DOWN, f"A browser allows {judging.words}, a foreign page: {_pass(judging)}"
    return Outcome.UP, ""


def _stop(judging: _Judging) -> str:
    """Say at which step a call stops, and at which header."""
    step = next((step for step in judging.verdict.path if step.outcome is StepOutcome.STOP), None)
    if step is None:
        return judging.verdict.console
    looked = _header(step)
    # A gateway that fails answers without our headers; that it failed is the news then.
    late = f" It answers {judging.status}." if judging.status >= 400 and step.key != "preflight_status" else ""
    return f"{_lowered(step.title)}. {step.detail}{f' ({looked})' if looked else ''}{late}"


def _pass(judging: _Judging) -> str:
    """Say which header lets a call through."""
    steps = [
        step for step in judging.verdict.path if step.key in ("answer_origin", "preflight_origin") and step.outcome is StepOutcome.PASS
    ]
    return _header(steps[-1]) + "." if steps and _header(steps[-1]) else "no header is needed for it."


def _header(step: Step) -> str:
    look = next((look for look in step.looks if look.name.startswith("access-control-") or look.name in ("status", "location")), None)
    if look is None:
        return ""
    return f"{look.name}: {look.value[:200] if look.value else '(none)'}"


def _lowered(title: str) -> str:
    return title if title.startswith("GET") else title[:1].lower() + title[1:]


def _facts(own: _Judging, foreign: list[_Judging]) -> tuple[tuple[str, str], ...]:
    verdict = own.verdict
    facts = [
        ("verdict", "allowed" if verdict.allowed else "blocked"),
        ("rule", verdict.rule),
        ("preflight", "sent" if verdict.preflight else "not needed"),
    ]
    if verdict.acrh:
        facts.append(("preflight asks for", verdict.acrh))
    if verdict.console:
        facts.append(("console", verdict.console))
    if own.judged is not None and own.judged.certainty is Certainty.INFERRED:
        facts.append(("certainty", own.judged.why))
    facts += [(f"from {judging.fetch.origin}", "allowed" if judging.verdict.allowed else "blocked") for judging in foreign]
    return tuple(facts)

"""A flow: steps in one cookie jar, as a visitor or a client takes them; what one step captures, later ones use."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.core import placeholders
from app.core.assertions import Finding, takes_long
from app.core.captures import NotCaptured, captured
from app.core.checked import Checked
from app.core.checks import CaptureFrom, FlowCheck, FlowStep
from app.core.cookie_jar import Jar
from app.core.exchange import Exchange, Timing
from app.core.incident import Outcome
from app.core.results import Cause
from app.probes import http_check
from app.probes.tools import Tools

KEPT_BODY_BYTES = 50_000  # of each exchange of a flow: there may be two hundred of them
# What steps capture, and what cookies hold, is masked in all that is kept: tokens cannot be told from other values. Shorter ones are
# ids and words, which stand everywhere.
MIN_MASKED_CHARS = 8


async def run(check: FlowCheck, tools: Tools, values: Mapping[str, str] | None = None) -> Checked:
    """Take the steps in order; the first one that fails ends the flow.

    Args:
        values: what stands for the placeholders before the first step, by name as written ("secret.API_TOKEN").
    """
    flow = _Flow(tools, dict(values or {}), time.monotonic() + tools.timeout_s)
    found = Checked(Outcome.UP)
    for number, step in enumerate(check.steps, 1):
        named = f"Step {number} ({step.name})" if step.name else f"Step {number}"
        found = await flow.take(step)
        if found.text:
            found = replace(found, text=f"{named}: {found.text}")
        if found.outcome is Outcome.DEGRADED:
            flow.warned = flow.warned or found
        elif found.outcome is not Outcome.UP:
            return flow.concluded(found)
    return flow.concluded(flow.warned or found)


@dataclass(slots=True)
class _Flow:
    tools: Tools
    values: dict[str, str]
    ends: float
    jar: Jar = field(default_factory=Jar)
    captured: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    warned: Checked | None = None
    code: int = 0

    async def take(self, step: FlowStep) -> Checked:
        """Fill, ask, look, capture."""
        # What was captured may be no address, or hold a line break: that is what the answer was, not how the flow is written.
        by_target = any(not name.startswith(placeholders.SECRET) for name in placeholders.names_in(step.ask))
        try:
            ask = placeholders.filled(step.ask, self.values)
        except ValueError as error:
            return Checked(Outcome.DOWN if by_target else Outcome.UNKNOWN, Cause.PROTOCOL if by_target else Cause.CONFIGURATION, str(error))
        left_s = self.ends - time.monotonic()
        if left_s <= 0:
            return Checked(Outcome.DOWN, Cause.TIMEOUT, f"The steps before it took all of the {self.tools.timeout_s:g} s.")
        found = await http_check.ask(ask, replace(self.tools, timeout_s=left_s), jar=self.jar)
        if found.cause is Cause.CONFIGURATION and by_target:
            found = replace(found, outcome=Outcome.DOWN, cause=Cause.PROTOCOL)
        self.code = found.code
        # As they are written: what was filled in must not be shown.
        written = zip(step.ask.assertions, found.findings, strict=False)
        self.findings += [replace(finding, assertion=assertion) for assertion, finding in written]
        if found.outcome in (Outcome.UP, Outcome.DEGRADED) and step.captures:
            found = await self._capture(step, found)
        self._keep(found.exchanges)
        return found

    async def _capture(self, step: FlowStep, found: Checked) -> Checked:
        answer = found.exchanges[-1]
        for capture in step.captures:
            cookie = self.jar.value(capture.path) if capture.source is CaptureFrom.COOKIE else None
            try:
                if len(answer.body) > http_check.THREAD_BYTES or takes_long(capture.path):
                    value = await asyncio.to_thread(captured, capture, answer, cookie)
                else:
                    value = captured(capture, answer, cookie)
            except NotCaptured as error:
                return replace(found, outcome=Outcome.DOWN, cause=Cause.ASSERTION, text=str(error))
            self.values[capture.name] = value
            self.captured.add(value)
        return found

    def _keep(self, exchanges: tuple[Exchange, ...]) -> None:
        """Keep a step's exchanges, numbered through the flow, with the beginning of their bodies."""
        spent_ms = sum(exchange.timing.total_ms for exchange in self.exchanges)
        for exchange in exchanges:
            cut = len(exchange.body) > KEPT_BODY_BYTES
            self.exchanges.append(
                replace(
                    exchange,
                    id=len(self.exchanges) + 1,
                    started_ms=round(exchange.started_ms + spent_ms, 3),
                    body=exchange.body[:KEPT_BODY_BYTES],
                    truncated=exchange.truncated or cut,
                )
            )

    def concluded(self, decided: Checked) -> Checked:
        """Return what the whole flow found, decided by one step, without the values that were captured."""
        hidden = [value for value in (*self.captured, *self.jar.values) if len(value) >= MIN_MASKED_CHARS]
        findings = tuple(
            replace(found, found=placeholders.masked(found.found, hidden), problem=placeholders.masked(found.problem, hidden))
            for found in self.findings
        )
        return Checked(
            decided.outcome,
            decided.cause,
            placeholders.masked(decided.text, hidden),
            self.code,
            _together(self.exchanges) if decided.timing is not None else None,
            findings,
            placeholders.masked(tuple(self.exchanges), hidden),
            decided.facts,
        )


def _together(exchanges: list[Exchange]) -> Timing:
    """Return how long each phase took in all exchanges together, one after the other: all names, then all connections, and so on."""
    spent = [0.0] * 5
    for timing in (exchange.timing for exchange in exchanges):
        last = 0.0
        for place, over_ms in enumerate((timing.dns_ms, timing.connect_ms, timing.tls_ms, timing.first_byte_ms, timing.total_ms)):
            if over_ms > last:
                spent[place] += over_ms - last
                last = over_ms
    over: list[float] = []
    for ms in spent:
        over.append((over[-1] if over else 0.0) + ms)
    # A phase that never happened stays 0.
    return Timing(*(round(at_ms, 3) if ms else 0 for at_ms, ms in zip(over, spent, strict=True)))

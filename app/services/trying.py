"""Running a check once before it is saved: what was sent and answered, and each assertion, with secrets put in and masked."""

import asyncio
from dataclasses import dataclass
from typing import Any

from app.core.assertions import Finding
from app.core.checked import Checked
from app.core.checks import Check, Kind
from app.core.exchange import Exchange, Timing
from app.core.incident import Outcome
from app.core.results import Cause
from app.db import reading
from app.models import now
from app.net import Net
from app.probes.filled import run_filled
from app.probes.tools import Tools
from app.services import monitor_form, monitor_rows, monitor_secrets, rates, stored_secrets, vault
from app.services.access import Action, Actor, require
from app.services.errors import Invalid, Limited, NotFound
from app.services.incidents import cause_words
from app.services.monitor_detail import checked_of
from app.services.rates import Rate

LONGEST_S = 60.0  # somebody waits for it
_AT_ONCE = 20  # of all users
_trying: set[int] = set()  # users with a run under way: one at a time
_net: list[Net] = []


@dataclass(frozen=True, slots=True)
class Tried:
    """What one run found. Secrets are masked in all of it."""

    outcome: str  # `app.core.incident.Outcome`
    cause: str  # in words; "" when it is well
    text: str  # why it is not up
    code: int
    timing: Timing | None
    findings: tuple[Finding, ...]
    exchanges: tuple[Exchange, ...]
    facts: tuple[tuple[str, str], ...]


def connect(net: Net | None) -> None:
    """Give it its way out, for as long as the app runs; None takes it away."""
    _net[:] = [net] if net else []


async def try_(actor: Actor | None, kind: str, check: dict[str, Any], timeout_s: float = 10, monitor_id: str = "") -> Tried:
    """Run a check once that may not be saved yet. Nothing is recorded. Secrets that are typed in it are used and not kept.

    Args:
        timeout_s: of the run, at most `LONGEST_S`.
        monitor_id: the monitor that is being changed, whose check may name secrets as it does already; "" for none.

    Raises:
        Invalid: names every field at fault, as "check.<path>".
        Forbidden: the actor may not run checks, or names secrets without the right to see what there are.
        NotFound: no such monitor.
        Limited: too often, or another run of this user is under way.
    """
    actor = require(actor, Action.RUN_CHECKS)
    made = monitor_form.read_kind(kind)
    if made in (Kind.HEARTBEAT, Kind.SCAN):
        what = "is called and never calls" if made is Kind.HEARTBEAT else "takes minutes: start one under Scans"
        raise Invalid("kind", f"This kind cannot be tried: it {what}.")
    read = monitor_form.read_check(made, check)
    timeout_ms = monitor_form.read_timeout(timeout_s, made, None)
    monitor_form.check_time(read, timeout_ms)
    remembered = await _allowed(actor, read, monitor_id)
    ready, typed = monitor_secrets.typed(read)
    secrets = await _secrets(actor, ready, typed)
    await rates.hit(Rate.TRY_CHECK, str(actor.user_id))
    if not _net:
        raise Limited("Seamwatch is starting. Try again in a moment.")
    if actor.user_id in _trying:
        raise Limited("Another run of yours is under way.")
    if len(_trying) >= _AT_ONCE:
        raise Limited("Many try checks just now. Try again in a moment.")
    _trying.add(actor.user_id)
    try:
        checked = await _run(ready, Tools(_net[0], min(timeout_ms / 1000, LONGEST_S), now(), remembered), secrets)
    finally:
        _trying.discard(actor.user_id)
    return Tried(
        checked.outcome.value, cause_words(checked.cause), checked.text, checked.code, checked.timing, checked.findings,
        checked.exchanges, checked.facts,
    )  # fmt: skip


async def _allowed(actor: Actor, check: Check, monitor_id: str) -> str:
    """Return what the monitor remembers of its last run. Raises Forbidden when the check names secrets that the actor may not."""
    remembered, before = "", None
    if monitor_id:
        async with reading() as db:
            row = await monitor_rows.row_of(db, actor, monitor_id)
        remembered, before = row.remembered, checked_of(row)
    if monitor_secrets.names_of(check) and check != before:
        require(actor, Action.READ_SECRETS)
    return remembered


async def _secrets(actor: Actor, check: Check, typed: dict[str, str]) -> dict[str, str]:
    values = dict(typed)
    for name in sorted(monitor_secrets.names_of(check) - set(typed)):
        try:
            values[name] = await stored_secrets.value(actor.workspace_id, name)
        except (NotFound, vault.Sealed) as error:
            raise Invalid("check", str(error)) from error
    return values


async def _run(check: Check, tools: Tools, secrets: dict[str, str]) -> Checked:
    try:
        async with asyncio.timeout(tools.timeout_s + 1):
            return await run_filled(check, tools, secrets)
    except TimeoutError:
        return Checked(Outcome.DOWN, Cause.TIMEOUT, f"No answer within {tools.timeout_s:g} s.")

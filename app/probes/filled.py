"""One attempt at a check as it is configured: secrets are put in, the probe runs, and nothing secret comes out."""

import asyncio
import base64
import html
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from app.core import placeholders
from app.core.ask import Basic
from app.core.assertions import Assertion, Finding
from app.core.checked import Checked
from app.core.checks import Check, FlowCheck
from app.core.exchange import Exchange
from app.core.incident import Outcome
from app.core.redact import redact_headers, redact_text, redact_url
from app.core.results import Cause
from app.probes import flow_check, registry
from app.probes.tools import Tools

KEPT_BODY_BYTES = 20_000  # of each exchange, for people to read
THREAD_BYTES = 20_000
MIN_MASKED_CHARS = 4  # shorter values stand everywhere, and masking them would tell more than it hides
_CUT = "…"

Probe = Callable[[Any, Tools], Awaitable[Checked]]


async def run_filled(
    check: Check,
    tools: Tools,
    secrets: Mapping[str, str],
    *,
    probe: Probe | None = None,
    keep_up: bool = True,
    plain: bool = False,
) -> Checked:
    """Fill a check's placeholders, run it once, and mask what came back.

    Args:
        secrets: values by bare name ("API_TOKEN"); those at least that the check names.
        probe: what runs the filled check; None for the kind's own. Scans, which are not in the registry, bring theirs.
        keep_up: whether the exchanges of a check that found everything in order are of use; False makes such checks cheaper.
        plain: whether the caller knows that the check has no placeholders: to look for them takes as long as a tenth of a check.

    Returns:
        What the probe found, without secrets and with short bodies. Cause.CONFIGURATION, unknown, for what cannot be filled, or is
        not usable once filled.
    """
    values = {f"{placeholders.SECRET}{name}": value for name, value in secrets.items()}
    try:
        if isinstance(check, FlowCheck):
            missing = sorted(name for name in names_in(check) if name.startswith(placeholders.SECRET) and name not in values)
            if missing:
                raise placeholders.Unfilled(missing[0])
            return await _hide(await flow_check.run(check, tools, values), forms_of(secrets.values()), keep_up)
        ready = check if plain or not names_in(check) else placeholders.filled(check, values)
    except ValueError as error:
        return _kept(Checked(Outcome.UNKNOWN, Cause.CONFIGURATION, str(error)), forms_of(secrets.values()), keep_up)
    checked = await (probe or registry.run)(ready, tools)
    if ready is not check:
        written = dict(_pairs(check, ready))
        checked = replace(
            checked, findings=tuple(replace(found, assertion=written.get(found.assertion, found.assertion)) for found in checked.findings)
        )
    return await _hide(checked, forms_of((*secrets.values(), *_basic(ready))), keep_up)


@lru_cache(maxsize=20_000)
def names_in(check: Check) -> frozenset[str]:
    """Return the names of the placeholders of a check: "secret.API_TOKEN"."""
    return placeholders.names_in(check)


def _pairs(written: Any, ready: Any) -> Iterable[tuple[Assertion, Assertion]]:
    """Yield each assertion as it was filled, with the one that was written: the latter may be shown."""
    if isinstance(ready, Assertion):
        yield ready, written
    elif isinstance(ready, tuple):
        for one, other in zip(written, ready, strict=True):
            yield from _pairs(one, other)
    elif is_dataclass(ready):
        for field in fields(ready):
            yield from _pairs(getattr(written, field.name), getattr(ready, field.name))


def _basic(check: Any) -> tuple[str, ...]:
    """Return what HTTP Basic makes of a password, which a server may send back."""
    auth = getattr(getattr(check, "ask", None), "auth", None)
    return (base64.b64encode(f"{auth.user}:{auth.password}".encode()).decode(),) if isinstance(auth, Basic) else ()


def forms_of(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values in every form in which a server may send them back."""
    made: set[str] = set()
    for value in values:
        if len(value) >= MIN_MASKED_CHARS:
            made |= {
                value,
                unquote(value),
                quote(value, safe=""),
                quote(value),
                quote_plus(value),
                html.escape(value),
                json.dumps(value)[1:-1],
            }
    return tuple(made)


async def _hide(checked: Checked, forms: tuple[str, ...], keep_up: bool) -> Checked:
    """Return what may be stored and shown. Looking through large bodies takes time in which no other check would run."""
    kept = keep_up or checked.outcome is not Outcome.UP
    if kept and sum(len(exchange.body) for exchange in checked.exchanges) > THREAD_BYTES:
        return await asyncio.to_thread(_kept, checked, forms, keep_up)
    return _kept(checked, forms, keep_up)


def _kept(checked: Checked, forms: tuple[str, ...], keep_up: bool) -> Checked:
    exchanges = checked.exchanges if keep_up or checked.outcome is not Outcome.UP else ()
    kept = tuple(_kept_exchange(exchange, forms) for exchange in exchanges)
    # Where it redirects to, say, may hold a code or a token that no vault knows.
    text = redact_text(_hidden(checked.text, forms)) if checked.text else ""
    if not forms:
        return checked if kept == checked.exchanges and text == checked.text else replace(checked, text=text, exchanges=kept)
    return replace(
        checked,
        text=text,
        findings=tuple(_kept_finding(finding, forms) for finding in checked.findings),
        exchanges=kept,
        facts=placeholders.masked(checked.facts, forms),
        # What is remembered is not masked: probes remember digests and names in packed form, which a mask could only damage.
    )


def _kept_finding(finding: Finding, forms: tuple[str, ...]) -> Finding:
    return replace(finding, found=_hidden(finding.found, forms), problem=_hidden(finding.problem, forms))


def _kept_exchange(exchange: Exchange, forms: tuple[str, ...]) -> Exchange:
    """Return an exchange with its secrets masked, then with what merely looks secret hashed, its body cut."""
    # Before the cut, which could leave the beginning of a secret.
    exchange = placeholders.masked(exchange, forms)
    body = exchange.body[:KEPT_BODY_BYTES].decode("utf-8", "surrogateescape")
    if exchange.truncated:
        body = _hidden(f"{body}{_CUT}", forms).removesuffix(_CUT)
    return replace(
        exchange,
        url=redact_url(exchange.url),
        request_headers=redact_headers(exchange.request_headers),
        response=exchange.response and replace(exchange.response, headers=redact_headers(exchange.response.headers)),
        body=redact_text(body).encode("utf-8", "surrogateescape"),
        truncated=exchange.truncated or len(exchange.body) > KEPT_BODY_BYTES,
    )


def _hidden(text: str, forms: tuple[str, ...]) -> str:
    """Return a text without secrets; a secret of which a cut left the beginning is masked as well."""
    text = placeholders.masked(text, forms)
    if _CUT not in text:
        return text
    parts = text.split(_CUT)
    for place, part in enumerate(parts[:-1]):
        for form in forms:
            length = next(
                (size for size in range(min(len(form) - 1, len(part)), MIN_MASKED_CHARS - 1, -1) if part.endswith(form[:size])), 0
            )
            if length:
                parts[place] = part = part[:-length] + placeholders.HIDDEN
    return _CUT.join(parts)

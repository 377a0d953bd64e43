"""A cookie that an answer sets: whether a browser stores it, with which attributes, and which calls it travels with."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from app.core import cookies
from app.core.checked import Checked
from app.core.checks import CookieCheck
from app.core.cookies import Cookie, Refused
from app.core.exchange import Exchange, header_values
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.urls import parse
from app.core.verdict import FetchCall
from app.probes import http_check
from app.probes.tools import Tools


async def run(check: CookieCheck, tools: Tools) -> Checked:
    """Ask, then judge the cookie that was set last by this name, on the way or at its end."""
    begun = time.monotonic()
    found = await http_check.ask(check.ask, tools)
    if found.outcome not in (Outcome.UP, Outcome.DEGRADED):
        return found
    now = tools.now.timestamp() + time.monotonic() - begun
    line, exchange = _set(check.name, found.exchanges)
    if exchange is None:
        return _down(found, f"No answer sets a cookie named {check.name}.")
    judged = cookies.stored(line, response_url=exchange.url, now=now)
    if isinstance(judged, Refused):
        return _down(found, f"A browser does not store {check.name}: {judged.why}")
    if judged.removes:
        return _down(found, f"The answer removes {check.name}: it has expired already.")
    facts = _facts(judged.cookie)
    found = replace(found, facts=(*found.facts, *facts))
    text = _attributes(check, judged.cookie) or _travels(check, judged.cookie, now)
    return _down(found, text) if text else found


def _set(name: str, exchanges: tuple[Exchange, ...]) -> tuple[str, Exchange | None]:
    """Return the last Set-Cookie line of this name, and the exchange that it stands in."""
    for exchange in reversed(exchanges):
        for line in reversed(header_values(exchange.response.headers, "set-cookie") if exchange.response else []):
            parsed = cookies.parse_set_cookie(line)
            # A line that cannot be read is judged as well, where it names the cookie.
            if (line.partition("=")[0].strip() if isinstance(parsed, Refused) else parsed.name) == name:
                return line, exchange
    return "", None


def _attributes(check: CookieCheck, cookie: Cookie) -> str:
    for wanted, has, attribute in ((check.secure, cookie.secure, "Secure"), (check.http_only, cookie.http_only, "HttpOnly")):
        if wanted is not None and wanted != has:
            return f"{check.name} {'has' if has else 'lacks'} {attribute}."
    if check.same_site and check.same_site != cookie.same_site.lower():
        return f"{check.name} should be SameSite={check.same_site.capitalize()}; it is {_same_site(cookie)}."
    return ""


def _travels(check: CookieCheck, cookie: Cookie, now: float) -> str:
    for calls, wanted in ((check.sent_with, True), (check.kept_from, False)):
        for call in calls:
            travel = _travel(cookie, call, now)
            if travel.allowed != wanted:
                shown = f"{call.method} {call.url} from {call.top_level or call.origin}"
                return f"A browser {'does not send' if wanted else 'sends'} {check.name} with {shown}: {travel.why}"
    return ""


def _travel(cookie: Cookie, call: FetchCall, now: float) -> cookies.Travel:
    target = parse(call.url)
    url = target.href if target is not None else call.url
    travel = cookies.travels(cookie, url, page_url=call.origin, now=now, method=call.method, credentials=call.credentials)
    if not call.top_level or travel.rule == "K1":  # the credentials mode goes by the frame's own origin, the site by the page around
        return travel
    return cookies.travels(cookie, url, page_url=call.top_level, now=now, method=call.method)


def _same_site(cookie: Cookie) -> str:
    return f"SameSite={cookie.same_site}" if cookie.same_site else "without SameSite, which counts as Lax"


def _facts(cookie: Cookie) -> tuple[tuple[str, str], ...]:
    yes = {True: "yes", False: "no"}
    ends = "with the browser" if cookie.expires_at is None else f"{datetime.fromtimestamp(cookie.expires_at, UTC):%Y-%m-%d %H:%M} UTC"
    return (
        ("Secure", yes[cookie.secure]),
        ("HttpOnly", yes[cookie.http_only]),
        ("SameSite", cookie.same_site or "not set (Lax)"),
        ("for", f"{cookie.domain}{'' if cookie.host_only else ' and below'}{cookie.path}"),
        ("ends", ends),
    )


def _down(found: Checked, text: str) -> Checked:
    return replace(found, outcome=Outcome.DOWN, cause=Cause.ASSERTION, text=text)

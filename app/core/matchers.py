"""What a sign of a technology is, and the matchers that look for one in an exchange: headers, cookies, bodies, scripts, markup."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from app.core.exchange import Exchange, Purpose
from app.core.html import PageFacts, is_html, read_page

MAX_QUOTED = 80  # characters of evidence


@dataclass(frozen=True, slots=True)
class Seen:
    """One exchange with what is looked at often."""

    exchange: Exchange
    text: str = ""  # of textual bodies, the first 200,000 characters; scripts whole
    page: PageFacts | None = None
    is_script: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    evidence: str
    version: str = ""


Matcher: TypeAlias = Callable[[Seen], Match | None]


@dataclass(frozen=True, slots=True)
class Signal:
    technology: str
    category: str
    family: str  # "server", "cookie", "error page", "body", "path", "headers", "script", "markup", "host name", "cors", "handshake"
    weight: float
    matches: Matcher = field(repr=False)
    is_error_page: bool = False  # the exact error page of a framework: speaks against the others on the same prefix
    needs: str = ""  # a technology that must be likely on the same origin for this to be a sign at all


def seen(exchange: Exchange) -> Seen:
    """Prepare one exchange for matching."""
    is_script = exchange.purpose is Purpose.SCRIPT and not is_html(exchange)
    media = exchange.media_type
    textual = is_script or media.startswith("text/") or media.endswith(("json", "xml", "javascript")) or not media
    text = exchange.text() if textual and exchange.body else ""
    return Seen(exchange, text[: 3_000_000 if is_script else 200_000], read_page(exchange) if is_html(exchange) else None, is_script)


def quoted(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_QUOTED else f"{flat[: MAX_QUOTED - 1]}…"


# Matchers


def header(name: str, pattern: str = "") -> Matcher:
    """A response header whose value matches; the group "v" is the version."""
    compiled = re.compile(pattern, re.I)

    def matches(item: Seen) -> Match | None:
        for value in item.exchange.response.values(name) if item.exchange.response else ():
            found = compiled.search(value)
            if found:
                return Match(f"{name}: {quoted(value)}", found.groupdict().get("v") or "")
        return None

    return matches


def cookie(name: str, value: str = "", attributes: str = "") -> Matcher:
    """A Set-Cookie whose name, value and attributes match. The value is not repeated in the evidence."""
    names, values, rest = re.compile(name), re.compile(value), re.compile(attributes, re.I)

    def matches(item: Seen) -> Match | None:
        for line in item.exchange.response.values("set-cookie") if item.exchange.response else ():
            pair, _, tail = line.partition(";")
            key, _, content = pair.partition("=")
            found = rest.search(tail)
            if names.fullmatch(key.strip()) and values.search(content.strip()) and found:
                # Not the whole line: dates in it differ from scan to scan.
                return Match(f"Set-Cookie: {key.strip()}=…{f'; {quoted(found[0])}' if found[0] else ''}")
        return None

    return matches


def body(pattern: str, status: int | tuple[int, ...] = (), media: str = "", flags: int = re.S) -> Matcher:
    """A body (not a script) that matches, with one of these statuses and this media type."""
    compiled = re.compile(pattern, flags)
    statuses = (status,) if isinstance(status, int) else status

    def matches(item: Seen) -> Match | None:
        if item.is_script or (statuses and item.exchange.status not in statuses) or (media and item.exchange.media_type != media):
            return None
        found = compiled.search(item.text)
        if not found:
            return None
        return Match(f"{item.exchange.status} body: {quoted(found[0])}", found.groupdict().get("v") or "")

    return matches


def script(pattern: str) -> Matcher:
    """A string in a fetched script. The group "v" is the version."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        found = compiled.search(item.text) if item.is_script else None
        return Match(f"script contains {quoted(found[0])}", found.groupdict().get("v") or "") if found else None

    return matches


def address(pattern: str, *purposes: Purpose) -> Matcher:
    """The URL of something the page loads or that answered 200."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        urls = [item.exchange.url] if item.exchange.status == 200 and item.exchange.purpose in (purposes or (Purpose.SCRIPT,)) else []
        if item.page is not None and not purposes:
            urls += [*(tag.src for tag in item.page.scripts[:300] if tag.src), *item.page.styles, *item.page.modulepreloads]
        found = next((hit for url in urls if (hit := compiled.search(url))), None)
        return Match(f"loads {quoted(found.string)}", found.groupdict().get("v") or "") if found else None

    return matches


def markup(pattern: str) -> Matcher:
    """A framework's attribute, mount point, embedded state or generator in the page."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        page = item.page
        if page is None or item.exchange.purpose is not Purpose.PAGE:
            return None
        signs = [*page.markers, *page.roots, *page.states, *(f"generator={page.metas[n]}" for n in ("generator",) if n in page.metas)]
        for sign in signs:
            found = compiled.search(sign)
            if found:
                return Match(f"page has {quoted(sign)}", found.groupdict().get("v") or "")
        return None

    return matches


def host(pattern: str) -> Matcher:
    """The host name."""
    compiled = re.compile(pattern)

    def matches(item: Seen) -> Match | None:
        name = item.exchange.url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
        return Match(f"host {name}") if item.exchange.response and compiled.search(name) else None

    return matches


def both(*matchers: Matcher) -> Matcher:
    """All of several signs on one exchange."""

    def matches(item: Seen) -> Match | None:
        found: list[Match] = []
        for matcher in matchers:
            match = matcher(item)
            if match is None:
                return None
            found.append(match)
        return Match(" and ".join(match.evidence for match in found), next((match.version for match in found if match.version), ""))

    return matches


def status(*codes: int) -> Matcher:
    """One of these statuses."""
    return lambda item: Match(f"status {item.exchange.status}") if item.exchange.status in codes else None


def reason(pattern: str) -> Matcher:
    """The reason phrase as sent over HTTP/1.1."""
    compiled = re.compile(pattern)
    return lambda item: Match(f"{item.exchange.status} {item.exchange.reason}") if compiled.fullmatch(item.exchange.reason) else None


def purpose(*wanted: Purpose) -> Matcher:
    """Only answers to requests of these purposes."""
    return lambda item: Match(f"{item.exchange.method} {item.exchange.url}") if item.exchange.purpose in wanted else None

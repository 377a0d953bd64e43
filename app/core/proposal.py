"""A monitor that a report proposes, what tells two of them apart, and what a report no longer holds of an address or a header."""

import hashlib
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.checks import (
    ApiCheck,
    Check,
    CookieCheck,
    CorsCheck,
    DnsCheck,
    DomainCheck,
    Kind,
    OidcCheck,
    PageCheck,
    ScanCheck,
    SkewCheck,
    SocketIoCheck,
    TlsCheck,
    WebSocketCheck,
    dump,
)
from app.core.findings import SeamKind
from app.core.inventory import UNKEPT
from app.core.urls import resolve

MAX_NAME_CHARS = 120
_HASHED = "sha256:"  # how `app.core.redact` begins what stands for a secret


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a check runs, and how many bad ones in a row it takes."""

    interval_s: int
    timeout_s: int = 10
    retries: int = 0
    retry_interval_s: int = 5
    down: int = 2  # of as many


MINUTE = Pace(60)
OFTEN = Pace(120)
FIVE_MINUTES = Pace(300)
# What runs seldom tries once more a minute later instead of waiting for the next time.
HOURLY = Pace(3600, retries=1, retry_interval_s=60, down=1)
SIX_HOURS = Pace(6 * 3600, retries=1, retry_interval_s=60, down=1)
DAILY = Pace(86_400, timeout_s=30, retries=1, retry_interval_s=60, down=1)
# What compares with the run before says so once: the next run compares with what it found.
CHANGE = Pace(900, timeout_s=30, down=1)
SCAN = Pace(86_400, timeout_s=600, down=1)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One monitor, ready to be made."""

    seam: SeamKind
    name: str
    check: Check
    holds: str  # what must hold, in a few words: "200, application/json"
    pace: Pace
    ticked: bool = True
    why: str = ""  # one sentence: why it is not ticked, or what is to know of one that is

    @property
    def kind(self) -> Kind:
        return self.check.kind

    @property
    def key(self) -> str:
        return key_of(self.check)


def key_of(check: Check) -> str:
    """Return what two checks share exactly when they watch the same thing, however each is tuned: 20 characters, fit for a URL.

    It stays the same over scans, releases and edits of what must hold, so that what is watched already is known again.
    """
    text = json.dumps([check.kind.value, *_same(check)])
    return f"{check.kind.value[:3]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _same(check: Check) -> list[object]:
    match check:
        case PageCheck(ask):
            return [_url(ask.url)]
        case ApiCheck(ask):
            return [ask.method, _url(ask.url)]
        case CorsCheck(call):
            names = sorted(name.lower() for name, _ in call.headers)
            return [call.origin, call.method, _url(call.url), names, call.credentials, call.mode, bool(check.foreign_origins)]
        case WebSocketCheck() | SocketIoCheck():
            return [_url(check.url), check.origin, bool(check.foreign_origin)]
        case CookieCheck(ask, name):
            return [_url(ask.url), name]
        case OidcCheck(issuer):
            return [_url(issuer).rstrip("/")]
        case TlsCheck(host, port, server_name):
            return [host.lower(), port, server_name.lower()]
        case DomainCheck(domain):
            return [domain.lower()]
        case DnsCheck(name, record):
            return [name.lower(), record]
        case SkewCheck(page_url) | ScanCheck(page_url):
            return [_url(page_url)]
        case _:  # of the others there are no proposals: two are alike when all of them is
            return [dump(check)]


def _url(url: str) -> str:
    return resolve(url) or url


def is_whole(text: str) -> bool:
    """Whether a text of a report is as it was: no part of it was hashed or left out as a secret."""
    return _HASHED not in text and UNKEPT not in text and "%E2%80%A6" not in text


def path_of(url: str) -> str:
    """Return path and query of a URL, for names."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def named(*words: str) -> str:
    """Return a name that fits its column, cut at its end."""
    text = " ".join(word for word in words if word)
    return text if len(text) <= MAX_NAME_CHARS else f"{text[: MAX_NAME_CHARS - 1]}…"

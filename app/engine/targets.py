"""Which host a check is about."""

from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from app.core.checks import Check, DnsCheck

_HOSTS = ("host", "domain")
_ADDRESSES = ("url", "page_url", "issuer")
_PARTS = ("ask", "call", "steps")


def host_of(check: Check) -> str | None:
    """Return the host of the first thing that a check asks, without brackets; None when it asks none: a heartbeat."""
    if isinstance(check, DnsCheck):
        return check.resolver or check.name
    return _host(check)


def _host(part: Any) -> str | None:
    if isinstance(part, tuple):
        return _host(part[0]) if part else None
    if not is_dataclass(part):
        return None
    names = {field.name for field in fields(part)}
    for name in _HOSTS:
        if name in names and getattr(part, name):
            return getattr(part, name).strip("[]")
    for name in _ADDRESSES:
        if name in names:
            try:
                return urlsplit(getattr(part, name)).hostname
            except ValueError:
                return None
    return next((host for name in _PARTS if name in names and (host := _host(getattr(part, name)))), None)

"""Near misses of an origin: what people write into an allow-list when they mean the page's origin."""

import re
from fnmatch import fnmatchcase

from app.core.urls import is_loopback_host

_ORIGIN = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:?#\[\]]+)(?::(?P<port>\d+))?(?P<rest>[/?#].*)?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def near_miss(allowed: str, origin: str) -> str:
    """Say how an allowed value misses the page's origin: "has a trailing slash". "" when it is unrelated, or equal.

    Args:
        allowed: a value of Access-Control-Allow-Origin, or an Origin that the server lets in.
        origin: the page's serialized origin.
    """
    if allowed in ("*", origin) or origin == "null":
        return ""
    bare = allowed.strip(" \"'")
    if bare == origin:
        return "has quotes around it"
    if "*" in bare:
        return "is a pattern, and browsers know no patterns" if fnmatchcase(origin, bare) or fnmatchcase(origin, f"*://{bare}") else ""
    meant, wanted = _ORIGIN.fullmatch(bare), _ORIGIN.fullmatch(origin)
    if meant is None or wanted is None or _canonical(meant["host"]) != _canonical(wanted["host"]):
        return ""
    differences = [*_host_differences(meant["host"], wanted["host"]), *_other_differences(meant, wanted)]
    return " and ".join(differences)


def _canonical(host: str) -> str:
    lower = host.lower()
    return "localhost" if is_loopback_host(lower) else lower.removeprefix("www.")


def _host_differences(meant: str, wanted: str) -> list[str]:
    if meant == wanted:
        return []
    if meant.lower() == wanted:
        return ["has capital letters"]
    if is_loopback_host(meant):
        return [f"says {meant} instead of {wanted}"]
    return ["has www in front" if meant.lower().startswith("www.") else "lacks the www"]


def _other_differences(meant: re.Match[str], wanted: re.Match[str]) -> list[str]:
    found: list[str] = []
    scheme, right = meant["scheme"] or "", wanted["scheme"]
    if not scheme:
        found.append(f"lacks {right}://")
    elif scheme != right:
        found.append(f"says {scheme} instead of {right}" if scheme.lower() != right else "has capital letters")
    port = meant["port"]
    if port and not wanted["port"] and port == _DEFAULT_PORTS.get(scheme.lower()):
        found.append(f"spells out the default port {port}")
    elif port != wanted["port"]:
        found.append(f"names port {port} instead of {wanted['port'] or 'none'}" if port else f"lacks the port {wanted['port']}")
    rest = meant["rest"]
    if rest:
        found.append("has a trailing slash" if rest == "/" else "has a path")
    return found

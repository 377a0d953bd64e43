"""URLs as browsers read them: parsing after the WHATWG URL standard, origins, sites, and which hosts are private.

Sources: https://url.spec.whatwg.org, https://html.spec.whatwg.org/#origin, https://publicsuffix.org/list/.
"""

import ipaddress
import re
from functools import cache, lru_cache

import can_ada
from publicsuffixlist import PublicSuffixList

MAX_TARGET_CHARS = 8000
MAX_PATH_CHARS = 4000

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_PORT_NEXT = re.compile(r"\d{1,5}(?:[/?#\\]|$)")
# Names that public DNS never answers (RFC 6761, RFC 6762, RFC 8375, the "internal" top-level domain, Docker's own names).
_PRIVATE_SUFFIXES = (".local", ".internal", ".test", ".lan", ".home.arpa", ".intranet", ".corp", ".home")
_CREDENTIALS = "The address contains a user name or password. Leave it out: browsers refuse it in fetch(), and reports are shared."
_DEFAULT_PORTS = {"http:": "80", "https:": "443", "ws:": "80", "wss:": "443"}
_TUPLE_SCHEMES = frozenset({"http:", "https:", "ws:", "wss:"})


class InvalidTarget(ValueError):
    """The text is no address that can be examined; the message is for people."""


def parse(url: str, base: str | None = None) -> can_ada.URL | None:
    """Parse a URL as a browser does, or return None when a browser refuses it. A lone surrogate counts as U+FFFD."""
    try:
        return can_ada.parse(url) if base is None else can_ada.parse(base) + url
    except ValueError:
        return None
    except (TypeError, UnicodeEncodeError):  # can_ada takes only what UTF-8 can hold
        clean = url.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return None if clean == url else parse(clean, base)


@lru_cache(maxsize=4096)
def resolve(url: str, base: str | None = None) -> str | None:
    """Return the absolute URL, normalised and with its fragment, or None when it cannot be parsed."""
    parsed = parse(url, base)
    return parsed.href if parsed is not None else None


def without_fragment(url: str) -> str:
    """Return the URL up to its fragment."""
    return url.partition("#")[0]


def http_url(url: str) -> str:
    """Return a ws:// or wss:// URL as http:// or https://, which its handshake is sent to; any other as it is."""
    return f"http{url[2:]}" if url.startswith(("ws://", "wss://")) else url


HOME = "/overview"  # our own page that sign-in leads to


def local_path(text: str) -> str:
    """Return a path of our own pages that a browser may be sent to, or "" for anything else.

    Browsers read "//host", "/\\host" and both with tabs or line breaks between as another host, so a path with a backslash, a
    control character or a space is not taken at all.
    """
    leads_here = text.startswith("/") and not text.startswith("//") and len(text) <= MAX_PATH_CHARS
    return text if leads_here and text.isprintable() and not {"\\", " "} & set(text) else ""


def parse_target(text: str) -> str:
    """Turn what a person typed into an absolute http(s) URL, normalised, without fragment.

    Without a scheme, https is taken; http for loopback and private hosts, and for hosts with a port other than 443.

    Raises:
        InvalidTarget: with a sentence that says what is wrong.
    """
    typed = text.strip()
    if not typed:
        raise InvalidTarget("Enter the address of your application, for example https://app.example.")
    if len(typed) > MAX_TARGET_CHARS:
        raise InvalidTarget(f"This address is longer than {MAX_TARGET_CHARS} characters.")
    if any(character.isspace() for character in typed):
        raise InvalidTarget("An address cannot contain spaces or line breaks.")
    url = parse(_with_scheme(typed))
    if url is None or not url.hostname:
        raise InvalidTarget(f"“{_short(typed)}” is not an address. Write it like https://app.example or localhost:3000.")
    if url.username or url.password:
        raise InvalidTarget(_CREDENTIALS)
    if url.port == "0":
        raise InvalidTarget("0 is not a port: nothing listens there. Write the port that your application prints when it starts.")
    if url.hostname.strip(".") == "":
        raise InvalidTarget(f"“{_short(typed)}” has no host name.")
    return without_fragment(url.href)


def _with_scheme(typed: str) -> str:
    scheme = _SCHEME.match(typed)
    # "localhost:3000" looks like a scheme to a URL parser; a port number after the colon tells it from "mailto:x".
    if scheme and not _PORT_NEXT.match(typed, scheme.end()):
        name = scheme[1].lower()
        if name in ("http", "https"):
            return typed
        if name in ("ws", "wss"):
            raise InvalidTarget("Give the address of the page (http or https); its WebSockets are found from there.")
        if "@" in typed:
            raise InvalidTarget(_CREDENTIALS)
        raise InvalidTarget(f"Only http and https addresses can be examined, not “{_short(name)}:”.")
    rest = typed.replace("\\", "/")
    if rest.startswith("//"):
        rest = rest[2:]
    if rest.startswith(("/", "?", "#")):
        raise InvalidTarget("This is a path. Write the whole address, for example https://app.example/path.")
    if rest.count(":") > 1 and not rest.startswith("["):
        host, slash, path = rest.partition("/")
        if _address(host) is not None:
            rest = f"[{host}]{slash}{path}"
    guess = parse(f"http://{rest}")
    if guess is None:
        return f"https://{rest}"
    has_port = re.match(r"[^/?#]*:(\d+)", rest.rpartition("]")[2]) is not None
    plain = is_private_host(guess.hostname) or (has_port and guess.port != "443")
    return f"http://{rest}" if plain else f"https://{rest}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def parse_stand_in(entry: str) -> tuple[str, str]:
    """Read an address that stands in for DNS, as curl's --resolve takes it: host:port:address.

    Returns:
        "host:port" in lower case, and the IP address without brackets.

    Raises:
        ValueError: with a sentence that says so.
    """
    host, _, rest = entry.strip().partition(":")
    port, _, text = rest.partition(":")
    address = _address(text)
    if not host or address is None or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"'{entry}' is not host:port:address, like app.example:443:127.0.0.1.")
    return f"{host}:{port}".lower(), str(address)


@lru_cache(maxsize=4096)
def origin_of(url: str) -> str:
    """Return the serialized origin of a URL: "https://api.example:8443", or "null" for an opaque one (data:, file:, no URL)."""
    parsed = parse(url)
    if parsed is None or parsed.protocol not in _TUPLE_SCHEMES:
        return "null"
    return f"{parsed.protocol}//{parsed.host}"


def host_of(url: str) -> str:
    """Return the host of a URL or serialized origin, IPv6 in brackets, or "" when there is none."""
    parsed = parse(url)
    return parsed.hostname if parsed is not None else ""


def port_of(url: str) -> int:
    """Return the port a URL connects to, or 0 when its scheme has none."""
    parsed = parse(url)
    if parsed is None:
        return 0
    return int(parsed.port or _DEFAULT_PORTS.get(parsed.protocol, "0"))


@cache
def _suffixes() -> PublicSuffixList:
    # Reading the list takes 0.1 s, so only who asks for a site pays for it.
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str | None:
    """Return the host's public suffix plus one label, or None for IP addresses, public suffixes and single labels."""
    name = host.strip(".").lower()
    if not name or _address(name) is not None:
        return None
    return _suffixes().privatesuffix(name)


def is_public_suffix(host: str) -> bool:
    """Whether the host is itself a public suffix ("co.uk", "github.io"); an unknown single label counts as one."""
    name = host.strip(".").lower()
    return _address(name) is None and _suffixes().publicsuffix(name) == name


@lru_cache(maxsize=4096)
def site_of(url_or_origin: str) -> str:
    """Return the schemeful site: "https://example.co.uk". A host without registrable domain is its own site; an opaque origin is "null".

    ws and wss count as http and https, because a WebSocket handshake is an HTTP request to cookies.
    Source: https://html.spec.whatwg.org/#obtain-a-site
    """
    parsed = parse(url_or_origin)
    if parsed is None or parsed.protocol not in _TUPLE_SCHEMES:
        return "null"
    scheme = parsed.protocol.replace("ws", "http")
    return f"{scheme}//{registrable_domain(parsed.hostname) or parsed.hostname}"


def same_site(a: str, b: str) -> bool:
    """Whether two URLs or origins are same site, schemes included. An opaque origin is same site with nothing."""
    site = site_of(a)
    return site != "null" and site == site_of(b)


def schemelessly_same_site(a: str, b: str) -> bool:
    """Whether two URLs or origins have the same registrable domain (or the same host), whatever their schemes."""
    return "null" not in (site_of(a), site_of(b)) and site_of(a).partition(":")[2] == site_of(b).partition(":")[2]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_ip_address(host: str) -> bool:
    """Whether the host is an IPv4 or IPv6 literal, with or without brackets."""
    return _address(host) is not None


def is_loopback_host(host: str) -> bool:
    """Whether browsers treat the host as this machine: 127.0.0.0/8, ::1, localhost and *.localhost."""
    name = host.lower().removesuffix(".")
    address = _address(name)
    if address is not None:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address).is_loopback
    return name == "localhost" or name.endswith(".localhost")


def is_private_host(host: str) -> bool:
    """Whether the host is reachable only from inside some network: by its address, or by a name that public DNS never answers.

    Loopback, RFC 1918, shared (100.64.0.0/10), link-local, unique local and unspecified addresses; single labels ("backend"),
    `*.local`, `*.internal` (with `host.docker.internal`) and the like. A public name may still resolve to a private address:
    only who connects can know.
    """
    name = host.lower().removesuffix(".")
    if is_loopback_host(name):
        return True
    address = _address(name)
    if address is not None:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return not (mapped or address).is_global
    return "." not in name or name.endswith(_PRIVATE_SUFFIXES)


def is_potentially_trustworthy(url_or_origin: str) -> bool:
    """Whether browsers take the origin for a secure context: https, wss, or this machine.

    Source: https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
    """
    parsed = parse(url_or_origin)
    if parsed is None:
        return False
    return parsed.protocol in ("https:", "wss:") or (parsed.protocol in _TUPLE_SCHEMES and is_loopback_host(parsed.hostname))

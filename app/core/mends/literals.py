"""The site's own values as they are written in a mend: string literals and paths of each language.

They come from the scanned site, so they are foreign text that someone will paste and run: each function returns a
literal that cannot end early, or leaves out what cannot be written safely.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from app.core.mends import MendFacts

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PATH_SAFE = "/-._~!&'()*+,;=:@%"  # RFC 3986, 3.3: pchar and "/"
_NGINX_PATH_SAFE = "/-._~+@:%"  # without what nginx reads itself: $ { } ; quotes, and regular expressions' signs
DEFAULT_PREFIX = "/api/"
DEFAULT_ASSETS = "/assets/"
THIRD_PARTY = "Safari and Firefox refuse third-party cookies even so; an API under the page's own site lasts longer."
OWN_COOKIE = 'A cookie of your own takes `set_cookie(…, samesite="None", secure=True)`.'
NULL_ORIGIN = "Local files and sandboxed frames of any site have the origin `null`: open the page through a development server instead."
MOVED = "The API moves every request to this address, preflights too, and a preflight follows no redirect."


def literal(text: str) -> str:
    """Return a string literal that Python and JavaScript read alike: JSON's."""
    return json.dumps(text)


def listed(values: Iterable[str]) -> str:
    """Return a list literal of strings: ["a", "b"]."""
    return f"[{', '.join(literal(value) for value in values)}]"


def in_tuple(values: Iterable[str]) -> str:
    """Return the strings as the inside of a tuple literal with at least one element: '"a", "b",'."""
    return ", ".join(literal(value) for value in values) + ","


def quoted(text: str) -> str:
    """Return a double-quoted nginx parameter. nginx has no escape for "$", so variables are left out."""
    kept = re.sub(r"[\x00-\x1f\x7f$]", "", text)
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"') + '"'


def methods(facts: MendFacts) -> tuple[str, ...]:
    """Return the methods that the frontend uses; GET when none is known. Names that no method has are left out."""
    return tuple(method for method in facts.methods if _NAME.fullmatch(method)) or ("GET",)


def header_names(facts: MendFacts) -> tuple[str, ...]:
    """Return the header names that need allowing, without those that no header has."""
    return tuple(name for name in facts.headers if _NAME.fullmatch(name))


def called_path(facts: MendFacts) -> str:
    """Return the path the finding is about, percent-encoded; "/api/" when there is none."""
    return quote(facts.path, safe=_PATH_SAFE) or DEFAULT_PREFIX


def answered_path(facts: MendFacts) -> str:
    """Return the path that the redirect leads to: the called one with the other trailing slash, when no location says more."""
    path = called_path(facts)
    target = quote(urlsplit(facts.location).path, safe=_PATH_SAFE)
    if target.rstrip("/") == path.rstrip("/") and target != path:
        return target
    return path[:-1] if path.endswith("/") and path != "/" else f"{path}/"


def about_origin(facts: MendFacts, note: str) -> str:
    """Return the note of a CORS mend, with a warning where the origin is one that anybody can have."""
    return f"{note} {NULL_ORIGIN}" if facts.page_origin == "null" else note


def moved_origin(facts: MendFacts) -> str:
    """Return the origin that the API redirects to when only the origin changes, not the path: a slash is not the cause then."""
    parts = urlsplit(facts.location)
    origin = f"{parts.scheme}://{parts.netloc}"
    moved = parts.scheme in ("http", "https") and parts.netloc and parts.path == facts.path and origin != facts.api_origin
    return origin if moved else ""


def nginx_path(path: str) -> str:
    """Return the path for a `location` or a `rewrite`: nothing in it is read by nginx itself."""
    return quote(path, safe=_NGINX_PATH_SAFE)


def api_prefix(facts: MendFacts) -> str:
    """Return the path prefix of the API with a slash at both ends. A prefix that would cover the page itself is no prefix."""
    inner = quote(facts.api_prefix, safe=_NGINX_PATH_SAFE).strip("/")
    return f"/{inner}/" if inner else DEFAULT_PREFIX


def unknown_prefix(facts: MendFacts) -> str:
    """Return the prefix under which unknown paths are answered wrongly: the finding's path when that is a folder, else the API's."""
    inner = quote(facts.path, safe=_NGINX_PATH_SAFE).strip("/") if facts.path.endswith("/") else ""
    return f"/{inner}/" if inner else api_prefix(facts)


def guarded_prefix(facts: MendFacts) -> str:
    """Return the prefix of the paths that need a login: the API's, or the path of the finding itself when it lies outside."""
    prefix, path = api_prefix(facts), quote(facts.path, safe=_PATH_SAFE)
    return path if path and not path.startswith(prefix) else prefix


def assets_prefix(facts: MendFacts) -> str:
    """Return the first folder of the missing asset's path, with a slash at both ends."""
    first, slash, _ = quote(facts.path, safe=_NGINX_PATH_SAFE).lstrip("/").partition("/")
    return f"/{first}/" if first and slash else DEFAULT_ASSETS


def login_path(facts: MendFacts) -> str:
    """Return the path of the login page that the API redirects to."""
    return quote(urlsplit(facts.location).path, safe=_PATH_SAFE) or "/login"


def upstream(facts: MendFacts) -> str:
    """Return the application's address for `proxy_pass`: scheme and host only."""
    parts = urlsplit(facts.upstream)
    host = re.sub(r"[^A-Za-z0-9.:\[\]_-]", "", parts.netloc)
    return f"{'https' if parts.scheme == 'https' else 'http'}://{host or '127.0.0.1:8000'}"


def secure_origin(facts: MendFacts) -> str:
    """Return the origin of the called URL with https; "" when that is the page's own host, which a relative URL reaches."""
    parts = urlsplit(facts.url)
    return "" if parts.netloc == urlsplit(facts.page_origin).netloc else f"https://{parts.netloc}"


def cookie_name(facts: MendFacts, default: str) -> str:
    """Return the cookie's name, or the framework's default when none is known."""
    return facts.cookie if re.fullmatch(r"[A-Za-z0-9_.-]+", facts.cookie) else default

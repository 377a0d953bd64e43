"""What rules say about a site in common: who calls which API, what mends are filled with, and how things are counted in words."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from app.core.cors import preflight_names
from app.core.examined import Examined
from app.core.exchange import Exchange
from app.core.findings import Framework, Mend
from app.core.inventory import UNKEPT, Call
from app.core.mends import MendFacts, mends_for
from app.core.observation import JudgedCall
from app.core.redact import redact_text, redact_url
from app.core.urls import origin_of
from app.core.verdict import FetchCall

METHOD_ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Names of technologies (app.core.fingerprints) → where their mends are applied.
_FRAMEWORKS: dict[str, Framework] = {
    "flask": Framework.FLASK,
    "werkzeug": Framework.FLASK,
    "django": Framework.DJANGO,
    "drf": Framework.DJANGO,
    "corsheaders": Framework.DJANGO,
    "channels": Framework.DJANGO,
    "daphne": Framework.DJANGO,
    "fastapi": Framework.FASTAPI,
    "starlette": Framework.FASTAPI,
    "nginx": Framework.NGINX,
    "openresty": Framework.NGINX,
}
# Servers of ASGI applications: where no framework shows itself, most likely FastAPI or Starlette.
_ASGI_SERVERS = frozenset({"uvicorn", "hypercorn"})


def path_of(url: str) -> str:
    """Return the URL's path, "/" when it has none."""
    return urlsplit(url).path or "/"


def shown_path(call: Call) -> str:
    """Return the path as people know it: with its holes when the source has them."""
    return shown(path_of(call.template) if call.template else path_of(call.url))


def calls_to(examined: Examined, origin: str) -> list[JudgedCall]:
    """Return the judged calls that go to one origin."""
    return [judged for judged in examined.observation.judged if origin_of(judged.call.url) == origin]


def exchanges_at(examined: Examined, url: str, *methods: str) -> list[Exchange]:
    """Return the exchanges that asked exactly this URL with one of the methods (all methods when none is given)."""
    return [exchange for exchange in examined.observation.exchanges if exchange.url == url and (not methods or exchange.method in methods)]


def facts_for(examined: Examined, api_origin: str, *, calls: Sequence[Call] = (), path: str = "", **more: str) -> MendFacts:
    """Fill a mend's facts with the site's own values.

    Args:
        calls: the calls to count; all calls of the inventory to this API when empty, because a mend that lists only the
            method at fault would forbid the others.
        more: `socket_path`, `cookie`, `url`, `code`, `location`; secrets in them are hashed here.
    """
    page_origin = examined.inventory.page_origin
    counted = list(calls) or [call for call in examined.inventory.calls if origin_of(call.url) == api_origin]
    used = {call.method.upper() for call in counted}
    methods = [method for method in METHOD_ORDER if method in used] + sorted(used - {*METHOD_ORDER, "HEAD", "OPTIONS"})
    names = {name for call in counted for name in _asked_names(page_origin, call)}
    prefix = next((path_of(base) for base in examined.inventory.api_bases if origin_of(base) == api_origin), "/api/")
    return MendFacts(
        page_origin=page_origin,
        api_origin=api_origin,
        methods=tuple(methods),
        headers=tuple(sorted(names)),
        credentials=any(call.credentials == "include" for call in counted),
        path=path,
        api_prefix=prefix,
        **{name: redact_text(value) if name == "code" else redact_url(value) for name, value in more.items()},
    )


def _asked_names(page_origin: str, call: Call) -> tuple[str, ...]:
    # What stands for a secret value may not stand in a header; the names are what counts.
    headers = tuple((name, value.replace(UNKEPT, "x")) for name, value in call.headers)
    return preflight_names(FetchCall(page_origin, call.url, call.method, headers))


def recognised(examined: Examined, origin: str, path: str = "/") -> tuple[Framework, ...]:
    """Return the frameworks seen on an origin whose prefix covers the path, nearest prefix and highest confidence first."""
    here = [technology for technology in examined.technologies if technology.origin == origin and technology.confidence >= 0.5]
    # A path that no prefix covers is most likely served by one of those seen on its origin.
    seen = [technology for technology in here if path.startswith(technology.prefix)] or here
    seen.sort(key=lambda technology: (-len(technology.prefix), -technology.confidence))
    found = [framework for technology in seen if (framework := _framework_of(technology.name)) is not None]
    if not set(found) - {Framework.NGINX} and any(technology.name.lower() in _ASGI_SERVERS for technology in seen):
        found.append(Framework.FASTAPI)
    # A proxy stands in front of the framework; the framework is where the cause usually is.
    return tuple(dict.fromkeys(sorted(found, key=lambda framework: framework is Framework.NGINX)))


def _framework_of(name: str) -> Framework | None:
    words = name.lower().replace("-", " ").split()
    return next((_FRAMEWORKS[word] for word in words if word in _FRAMEWORKS), None)


def mends_of(
    examined: Examined, code: str, facts: MendFacts, *, first: Iterable[Framework] = (), path: str | None = None
) -> tuple[Mend, ...]:
    """Return the mends of a finding, those in `first` before the recognised frameworks, these before the others."""
    found = recognised(examined, facts.api_origin, facts.path or "/" if path is None else path)
    return mends_for(code, facts, tuple(dict.fromkeys([*first, *found])))


def plural(count: int, one: str, many: str) -> str:
    """Return "1 call" or "3 calls"."""
    return f"{count} {one if count == 1 else many}"


def shown(text: str, limit: int = 90) -> str:
    """Return foreign text as it may stand in a sentence: short, on one line, without backticks, secrets hashed."""
    clean = " ".join((redact_url(text) if "://" in text else redact_text(text)).replace("`", "'").split())
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"


def listed(items: Iterable[str], limit: int = 4) -> str:
    """Return "a", "a and b", "a, b and c", or "a, b, c, d and 3 more"."""
    every = list(dict.fromkeys(items))
    shown = every if len(every) <= limit else [*every[:limit], f"{len(every) - limit} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def coded(items: Iterable[str], limit: int = 4) -> str:
    """Return the items listed, each as code in backticks."""
    every = list(dict.fromkeys(items))
    rest = [f"{len(every) - limit} more"] if len(every) > limit else []
    return listed([*(f"`{item}`" for item in every[:limit]), *rest], limit + 1)


def blocked(judged: Sequence[JudgedCall]) -> str:
    """Return "3 calls blocked"."""
    return f"{plural(len(judged), 'call', 'calls')} blocked"

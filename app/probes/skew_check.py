"""Whether frontend and backend change together: which builds a page is served from, and what its API took away while they stayed."""

import asyncio
import hashlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from app.core import api_shape
from app.core.api_shape import ApiShape, Break
from app.core.ask import Ask
from app.core.baselines import SkewBaseline
from app.core.checked import Checked
from app.core.checks import SkewCheck
from app.core.exchange import Exchange, Failure
from app.core.html import read_page
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.urls import schemelessly_same_site
from app.probes import http_check
from app.probes.tools import Tools, failed

SHELLS = 4  # requests of the page: a balancer between two builds shows both with a chance of 7 in 8
MAX_SCRIPTS = 12  # that are read where their names do not tell their content
SCRIPT_BYTES = 3_000_000
DOCUMENT_BYTES = 4_000_000
_HASHED = re.compile(r"[.\-_~](?=[\w-]*\d|[\w-]*[a-z][\w-]*[A-Z]|[\w-]*[A-Z][\w-]*[a-z])[\w-]{8,}\.(?:m?js|css)$", re.A)
_PAGE = (("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),)


async def run(check: SkewCheck, tools: Tools) -> Checked:
    """Ask for the page several times and for the API's document; compare with what the run before remembered.

    VER-04: answers of the page name different builds. VER-01: the API took something away that it had when the page's scripts were
    first seen, and the scripts are still the same. A new build of the page starts anew: it was made for the API as it is then.
    """
    looking = _Looking(check, tools, time.monotonic())
    try:
        pages = await asyncio.gather(*(looking.page() for _ in range(SHELLS)))
        builds = await asyncio.to_thread(_builds, pages)
        mixed = await looking.mixed(builds) if len(builds) > 1 else None
        bundle = await looking.bundle(builds[0]) if builds[0].scripts else ""
        shape = await looking.shape() if check.openapi_url else None
        return await looking.concluded(pages[0], builds, mixed, bundle, shape)
    except _Ended as error:
        return error.checked


class _Ended(Exception):
    """What was asked for cannot be had; `checked` says why."""

    def __init__(self, checked: Checked) -> None:
        super().__init__(checked.text)
        self.checked = checked


@dataclass(frozen=True, slots=True)
class _Build:
    """What one answer of the page names of its own site."""

    scripts: frozenset[str]  # addresses
    assets: frozenset[str]  # these, and style sheets and preloads


@dataclass(slots=True)
class _Looking:
    check: SkewCheck
    tools: Tools
    begun: float  # time.monotonic()
    exchanges: list[Exchange] = field(default_factory=list)
    _texts: dict[str, bytes] = field(default_factory=dict)

    @property
    def left_s(self) -> float:
        return max(self.begun + self.tools.timeout_s - time.monotonic(), 0.001)

    async def page(self) -> Exchange:
        """Return the page after redirects, over a connection of its own. Raises _Ended when there is none."""
        # Bodies are read here: an assertion on them would look at each alone.
        found = await http_check.ask(Ask(self.check.page_url, headers=_PAGE, assertions=()), replace(self.tools, timeout_s=self.left_s))
        if found.outcome is not Outcome.UP:
            raise _Ended(found)
        last = found.exchanges[-1]
        if last.status >= 400:
            text = f"The page answers {last.status}."
            raise _Ended(Checked(Outcome.DOWN, Cause.ASSERTION, text, last.status, found.timing, exchanges=found.exchanges))
        self.exchanges.append(last)
        return last

    async def fetch(self, url: str, limit: int) -> Exchange:
        """Ask for one asset or document."""
        headers = (("User-Agent", self.tools.net.user_agent), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br"))
        received = await self.tools.net.request("GET", url, headers, timeout_s=self.left_s, max_body_bytes=limit, fresh=True)
        return http_check.recorded(len(self.exchanges) + 1, "GET", url, headers, received, (time.monotonic() - self.begun) * 1000)

    async def mixed(self, builds: list[_Build]) -> Checked:
        """Say what several builds at once do: whether what one of them names is missing on some server."""
        common = frozenset[str].intersection(*(build.assets for build in builds))
        differing = sorted(frozenset[str].union(*(build.assets for build in builds)) - common)
        names = " and ".join(_shown(url) for url in differing[:2])
        text = f"{SHELLS} requests of the page gave {len(builds)} sets of assets: several builds are served at once (VER-04), with {names}."
        asked = await asyncio.gather(*(self.fetch(url, 10_000) for url in differing[:6]))
        for exchange in asked:
            if exchange.status >= 400 or (exchange.status == 200 and exchange.media_type == "text/html"):
                self.exchanges.append(exchange)
                text = f"{text} {_shown(exchange.url)} is missing on the server that was asked: pages of that build break."
                return Checked(Outcome.DOWN, Cause.ASSERTION, text)
        return Checked(Outcome.DEGRADED, Cause.ASSERTION, text)

    async def bundle(self, build: _Build) -> str:
        """Return what tells this build's scripts from others: their names where these hold a hash, else what they contain."""
        plain = sorted(url for url in build.scripts if not _HASHED.search(urlsplit(url).path))
        await self._read(plain)
        named = sorted(urlsplit(url).path for url in build.scripts if url not in plain)
        contents = [f"{urlsplit(url).path} {hashlib.sha256(self._texts.get(url, b'')).hexdigest()}" for url in plain[:MAX_SCRIPTS]]
        return hashlib.sha256("\n".join([*named, *contents]).encode()).hexdigest()[:32]

    async def _read(self, urls: Iterable[str]) -> None:
        """Read scripts that were not read yet. Raises _Ended for one that cannot be had."""
        wanted = [url for url in urls if url not in self._texts][:MAX_SCRIPTS]
        for exchange in await asyncio.gather(*(self.fetch(url, SCRIPT_BYTES) for url in wanted)):
            if exchange.response is None or exchange.failure_text:
                raise _Ended(failed(exchange.failure or Failure.PROTOCOL, exchange.failure_text, (exchange,)))
            if exchange.status != 200:
                text = f"The page's script {_shown(exchange.url)} answers {exchange.status}."
                raise _Ended(Checked(Outcome.DOWN, Cause.ASSERTION, text, exchange.status, exchange.timing, exchanges=(exchange,)))
            self._texts[exchange.url] = exchange.body

    async def shape(self) -> ApiShape:
        exchange = await self.fetch(self.check.openapi_url, DOCUMENT_BYTES)
        if exchange.response is None or exchange.failure_text:
            raise _Ended(failed(exchange.failure or Failure.PROTOCOL, exchange.failure_text, (exchange,)))
        if exchange.status != 200:
            raise _Ended(self._no_document(exchange, f"answers {exchange.status}"))
        if exchange.truncated:
            raise _Ended(self._no_document(exchange, f"is larger than {DOCUMENT_BYTES // 1_000_000} MB"))
        shape = await asyncio.to_thread(api_shape.shape_of, exchange.body)
        if shape is None:
            raise _Ended(self._no_document(exchange, "is not an OpenAPI document in JSON"))
        return shape

    def _no_document(self, exchange: Exchange, what: str) -> Checked:
        text = f"The API's document at {exchange.url} {what}."
        return Checked(Outcome.DOWN, Cause.ASSERTION, text, exchange.status, exchange.timing, exchanges=(exchange,))

    async def concluded(self, page: Exchange, builds: list[_Build], mixed: Checked | None, bundle: str, shape: ApiShape | None) -> Checked:
        before = await asyncio.to_thread(SkewBaseline.load, self.tools.remembered) if self.tools.remembered else None
        found = Checked(Outcome.UP, code=page.status, timing=page.timing)
        same = before is not None and bundle != "" and before.bundle == bundle
        known = before.shape if before is not None else None
        keep = SkewBaseline(bundle, shape, f"{self.tools.now:%Y-%m-%d %H:%M} UTC")
        broken: tuple[Break, ...] = ()
        if same and before is not None:
            # The API as it was when these scripts were first seen stays what it is compared with: of small steps none is overlooked.
            keep = replace(before, shape=known or shape)
            if known is not None and shape is not None:
                broken = api_shape.breaks(known, shape)
            keep = replace(keep, worse=shape if broken else None)
        if mixed is not None:
            # Which build the baseline would be of is chance.
            keep = before if before is not None else keep
            found = replace(found, outcome=mixed.outcome, cause=mixed.cause, text=mixed.text)
        elif broken:
            found = await self._drifted(found, broken, builds[0], keep.since)
        remember = await asyncio.to_thread(keep.dump)
        return replace(found, exchanges=tuple(self.exchanges), facts=self._facts(builds, keep, shape, broken), remember=remember)

    async def _drifted(self, found: Checked, broken: tuple[Break, ...], build: _Build, since: str) -> Checked:
        await self._read(sorted(build.scripts))
        called = await asyncio.to_thread(lambda: [one for one in broken if _is_called(one.operation, self._texts.values())])
        first = (called or broken)[0]
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        use = "the scripts call it" if called else "no script names it as it stands"
        text = f"The API changed while the page's scripts stayed as they are since {since} (VER-01): {first.text} ({use}){more}."
        return replace(found, outcome=Outcome.DOWN if called else Outcome.DEGRADED, cause=Cause.ASSERTION, text=text)

    def _facts(
        self, builds: list[_Build], keep: SkewBaseline, shape: ApiShape | None, broken: tuple[Break, ...]
    ) -> tuple[tuple[str, str], ...]:
        facts = [("scripts", f"{len(builds[0].scripts)}, the same since {keep.since}" if builds[0].scripts else "none of its own")]
        if shape is not None:
            facts.append(("operations", str(len(shape.operations))))
        facts += [("changed", one.text) for one in broken[:10]]
        return tuple(facts)


def _builds(pages: Iterable[Exchange]) -> list[_Build]:
    """Return the different builds that these answers name, the most frequent one first."""
    found = [_build(page) for page in pages]
    bare = [frozenset(url.partition("?")[0] for url in build.assets) for build in found]
    if len({build.assets for build in found}) == len(found) and len(set(bare)) == 1:
        return found[:1]  # a query that is new at each request is there to pass caches by
    counted: dict[frozenset[str], int] = {}
    for build in found:
        counted[build.assets] = counted.get(build.assets, 0) + 1
    return sorted({build.assets: build for build in found}.values(), key=lambda build: (-counted[build.assets], sorted(build.assets)))


def _build(page: Exchange) -> _Build:
    facts = read_page(page)
    scripts = [tag.src for tag in facts.scripts if tag.runs and tag.src]
    assets = [*scripts, *facts.styles, *facts.modulepreloads]
    # What others bring along, for advertising say, changes from one request to the next; unless all assets are elsewhere: on a CDN.
    own = [url for url in assets if schemelessly_same_site(url, page.url)] or assets
    return _Build(frozenset(url for url in scripts if url in own), frozenset(own))


def _is_called(operation: str, texts: Iterable[bytes]) -> bool:
    """Whether a script holds the path of an operation, up to its first parameter."""
    literal = operation.partition(" ")[2].partition("{}")[0].rstrip("/").encode()
    return len(literal) > 1 and any(literal in text for text in texts)


def _shown(url: str) -> str:
    path = urlsplit(url).path
    return path if len(path) <= 100 else f"…{path[-99:]}"

"""One scan: ask a site a bounded number of harmless questions, and conclude.

What to ask next is decided from what came back, by the pure functions of `app.core`; this module sends, counts and stops.
"""

import asyncio
import re
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from app.core.architecture import is_bot_wall
from app.core.collect import collect, next_scripts, page_exchange
from app.core.csp import upgrades_insecure_requests
from app.core.examined import Examined
from app.core.exchange import Exchange, Failure, Headers, Purpose
from app.core.findings import Severity
from app.core.inventory import Inventory, SourceKind
from app.core.observation import JudgedCall, Observation, ScanRequest, is_redirect
from app.core.plan import (
    FOREIGN_ORIGIN,
    PHASES,
    as_fetch,
    documents_to_ask,
    limits_of,
    noted,
    order_calls,
    origin_variants,
    slash_variant,
    socketio_base,
)
from app.core.report import Report
from app.core.report_build import build_report, conclude
from app.core.rules.diagnosis import is_login
from app.core.urls import InvalidTarget, origin_of, parse_target, resolve, schemelessly_same_site
from app.net import Net
from app.probes import http, websocket
from app.probes.judging import judge_call

BUDGET = 48  # requests; "about 40", with room for a redirect chain
RESERVE = 14  # of these, kept for what comes after the calls: foreign origins, sockets, documents
MAX_CALLS = 12  # of which URLs are asked; the others are listed, and unknown
MAX_REDIRECTS = 10
PAGE_BYTES = 3_000_000
SCRIPT_BYTES = 3_000_000
API_BYTES = 512_000
TIMEOUT_S = 8.0
MAX_LATE = 3  # answers of one host that time out, before it is left alone
MAX_UNANSWERED = 2  # requests to a host that has not answered any yet
SCAN_TIMEOUT_S = 60.0  # whatever happens, a scan ends
BOT_CHECK = "shows a bot check"  # stands in the note of a report that knows nothing of the application for this reason

HTML: Headers = (("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),)
JSON: Headers = (("Accept", "application/json"),)
ANY: Headers = (("Accept", "*/*"),)


class ScanFailed(Exception):
    """Nothing could be scanned. The message is for people: what, why, what next."""

    def __init__(self, message: str, exchanges: tuple[Exchange, ...] = ()):
        super().__init__(message)
        self.exchanges = exchanges


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that happened in a scan: a request was answered, or (exchange None) a phase began."""

    phase: str  # one of PHASES
    exchange: Exchange | None = None
    noted: str = ""  # what is worth knowing about the answer, short
    severity: Severity | None = None  # of what was noted; None when in order


OnProgress = Callable[[Progress], None]


class Scan:
    """The running scan: numbers and sends requests, keeps the budget, stops asking a host that says 429."""

    def __init__(self, request: ScanRequest, net: Net, on_progress: OnProgress | None = None):
        self.request, self.net = request, net
        self.exchanges: list[Exchange | None] = []
        self.judged: list[JudgedCall] = []
        self.notes: list[str] = []
        self.slowed: set[str] = set()  # origins that are asked no more: they answered 429, were too slow too often, or do not answer
        self.late: Counter[str] = Counter()  # origin → answers that did not end in time
        self.answered: set[str] = set()  # origins
        self.unanswered: Counter[str] = Counter()  # origin → requests that met nobody, or silence
        self.phase = PHASES[0]
        self.started = time.monotonic()
        self.random = secrets.token_hex(6)  # a path nobody has
        self._on_progress = on_progress or (lambda progress: None)
        self._silent: dict[tuple[str, str], Exchange] = {}  # by method and URL: what did not answer in time
        self._dead: dict[str, Exchange] = {}  # by origin that does not answer: how it failed
        self._recent: dict[tuple[str, str, Headers], asyncio.Task[Exchange | None]] = {}

    def done(self) -> tuple[Exchange, ...]:
        """Return the exchanges that are over, in the order sent, up to the first one still under way."""
        finished: list[Exchange] = []
        for exchange in self.exchanges:
            if exchange is None:
                break
            finished.append(exchange)
        return tuple(finished)

    def begin(self, phase: str) -> None:
        self.phase = phase
        self._on_progress(Progress(phase))

    async def ask(
        self, purpose: Purpose, url: str, headers: Headers = ANY, *, method: str = "GET", max_body_bytes: int = API_BYTES
    ) -> Exchange | None:
        """Send one request and record it. None when the budget is used up or the host asked us to slow down.

        The same question (method, URL, headers) is asked once; who asks again gets the same exchange. So does who asks an
        address that did not answer in time: other headers would not wake it. And of an origin that answers nobody, its failure.
        """
        if silent := self._silent.get((method, url)) or self._dead.get(origin_of(url)):
            return silent
        key = (method, url, headers)
        if key not in self._recent:
            self._recent[key] = asyncio.ensure_future(
                self._send(
                    url,
                    lambda number: http.ask(
                        self.net, id=number, purpose=purpose, method=method, url=url, headers=headers,
                        started=self.started, max_body_bytes=max_body_bytes, timeout_s=TIMEOUT_S,
                    ),
                )
            )  # fmt: skip
        exchange = await self._recent[key]
        if exchange is not None and exchange.failure is Failure.TIMEOUT:
            self._silent[method, url] = exchange
        return exchange

    async def shake_hands(self, purpose: Purpose, url: str, origin: str) -> Exchange | None:
        """Send one WebSocket handshake and record it."""
        return await self._send(
            url,
            lambda number: websocket.handshake(
                self.net, id=number, purpose=purpose, url=url, origin=origin, started=self.started, timeout_s=TIMEOUT_S
            ),
        )

    async def _send(self, url: str, send: Callable[[int], Awaitable[Exchange]]) -> Exchange | None:
        origin = re.sub(r"^ws", "http", origin_of(url))  # a host's sockets are behind the same server
        if origin in self.slowed:
            return None
        if len(self.exchanges) >= BUDGET:
            self.note(f"The scan stopped asking after {BUDGET} requests; the report covers those.")
            return None
        self.exchanges.append(None)
        number, phase = len(self.exchanges), self.phase
        exchange = await send(number)
        self.exchanges[number - 1] = exchange
        if exchange.status == 429:
            self.slowed.add(origin)
            self.note(f"{urlsplit(url).netloc} asked us to slow down (429) after {number} requests; the report covers those.")
        if exchange.failure is Failure.TIMEOUT or exchange.timing.total_ms >= TIMEOUT_S * 950:
            self.late[origin] += 1
            if self.late[origin] >= MAX_LATE and origin not in self.slowed:
                self.slowed.add(origin)
                self.note(f"{urlsplit(url).netloc} did not end {MAX_LATE} answers within {TIMEOUT_S:.0f} s each, so it was asked no more.")
        self._count_unanswered(origin, exchange)
        text, severity = noted(exchange)
        self._on_progress(Progress(phase, exchange, text, severity))
        return exchange

    def _count_unanswered(self, origin: str, exchange: Exchange) -> None:
        """Give an origin up that let a few requests fail and answered none: each more would cost its whole time limit."""
        if exchange.response is not None:
            self.answered.add(origin)
        elif exchange.failure in (Failure.TIMEOUT, Failure.CONNECT) and origin not in self.answered:
            self.unanswered[origin] += 1
            if self.unanswered[origin] >= MAX_UNANSWERED and origin not in self._dead:
                self._dead[origin] = exchange
                self.slowed.add(origin)
                self.note(f"{urlsplit(exchange.url).netloc} does not answer; its seams are unknown.")

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    # The phases, in order.

    async def page(self) -> Exchange:
        """Fetch the page, hop by hop. Raises ScanFailed when there is none."""
        url = self.request.page_url
        for _ in range(MAX_REDIRECTS):
            exchange = await self.ask(Purpose.PAGE, url, HTML, max_body_bytes=PAGE_BYTES)
            if exchange is None:
                raise ScanFailed(f"{urlsplit(url).netloc} asked us to slow down (429). Wait a minute and scan again.", self.done())
            if exchange.response is None:
                raise ScanFailed(exchange.failure_text or f"No answer from {url}.", self.done())
            if not is_redirect(exchange.response):
                return exchange
            location = exchange.header("location") or ""
            try:
                url = parse_target(resolve(location, url) or location)
            except InvalidTarget as error:
                raise ScanFailed(f"{url} redirects to an address that cannot be opened: {error}", self.done()) from error
        raise ScanFailed(f"{self.request.page_url} redirects without end: {MAX_REDIRECTS} hops, the last to {url}.", self.done())

    async def scripts(self) -> None:
        """Fetch the scripts, level by level, as `next_scripts` names them."""
        asked: set[str] = set()
        # Naming the imports of a bundle takes as long as parsing it: off the loop, as all reading is.
        while urls := [url for url in await asyncio.to_thread(next_scripts, self.request, self.done()) if url not in asked]:
            asked.update(urls)
            await gather(self.ask(Purpose.SCRIPT, url, max_body_bytes=SCRIPT_BYTES) for url in urls)

    async def delivery(self, inventory: Inventory) -> None:
        """Learn what "not there" looks like on the page's origin, and ask its http:// twin."""
        origin = inventory.page_origin
        questions = [
            self.ask(Purpose.MISSING_PAGE, f"{origin}/{self.random}", HTML),
            self.ask(Purpose.MISSING_ASSET, f"{origin}/assets/{self.random}.js"),
        ]
        if origin.startswith("https://") and ":" not in origin.removeprefix("https://"):
            questions.append(self.ask(Purpose.TWIN, f"http://{origin.removeprefix('https://')}/", HTML))
        await gather(questions)

    async def api(self, inventory: Inventory) -> None:
        """Ask the API: what is not there, each call as the browser would make it, and as strangers would."""
        calls = order_calls(inventory)
        asked = calls[:MAX_CALLS]
        bases = dict.fromkeys([f"{inventory.page_origin}/api/", *inventory.api_bases])
        urls = list(dict.fromkeys(call.url for call in asked))
        # At once: an API that answers nothing costs its time limit once, not in each phase.
        await gather(
            [
                *(self.ask(Purpose.MISSING_API, f"{base}{self.random}", JSON) for base in list(bases)[:4]),
                *(self.ask(Purpose.ENDPOINT, url, JSON) for url in urls[:4]),
            ]
        )
        await gather(self.ask(Purpose.SLASH, slash_variant(url), JSON) for url in urls[:3])
        upgrade = upgrades_insecure_requests(page_exchange(self.request, self.done()))
        room = max(0, (BUDGET - RESERVE - len(self.exchanges)) // 2)  # a preflight and an answer each
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    judge_call(
                        f"call-{number}", call, as_fetch(call, inventory.page_origin, upgrade=upgrade), self.ask if number <= room else None
                    )
                )
                for number, call in enumerate(calls, start=1)
            ]
        self.judged = [task.result() for task in tasks]
        await self._strangers(inventory)

    async def _strangers(self, inventory: Inventory) -> None:
        """Ask one endpoint of each API origin as a foreign page and a sandboxed one would, and find near misses of our own origin."""
        for origin in inventory.api_origins[:3]:
            mine = [judged for judged in self.judged if origin_of(judged.call.url) == origin]
            if not mine:
                continue
            url = next((judged.call.url for judged in mine if judged.call.method.upper() == "GET"), mine[0].call.url)
            await gather(
                [
                    self.ask(Purpose.FOREIGN, url, (("Origin", FOREIGN_ORIGIN), *JSON)),
                    self.ask(Purpose.NULL_ORIGIN, url, (("Origin", "null"), *JSON)),
                ]
            )
            if any(
                judged.verdict and not judged.verdict.allowed and judged.verdict.rule.removeprefix("P") in {"C1", "C2"} for judged in mine
            ):
                variants = origin_variants(inventory.page_origin)
                await gather(self.ask(Purpose.ORIGIN_VARIANT, url, (("Origin", variant), *JSON)) for variant in variants)

    async def sockets(self, inventory: Inventory) -> None:
        for use in inventory.sockets[:3]:
            if use.kind == "socketio":
                base = socketio_base(use.url)
                await self.ask(Purpose.SOCKETIO, f"{base}?EIO=4&transport=polling", (("Origin", inventory.page_origin), *ANY))
                address = f"{base.replace('http', 'ws', 1)}?EIO=4&transport=websocket"
            else:
                address = use.url
            await self.shake_hands(Purpose.WEBSOCKET, address, inventory.page_origin)
            await self.shake_hands(Purpose.WEBSOCKET_FOREIGN, address, FOREIGN_ORIGIN)

    async def session_and_auth(self, inventory: Inventory) -> None:
        await gather(self.ask(purpose, url, JSON) for purpose, url in documents_to_ask(inventory, self.done()))
        for start in inventory.oauth_starts[:1]:
            await self.ask(Purpose.OAUTH, start.url, HTML)

    async def run(self) -> Report:
        """Ask and conclude. Raises ScanFailed when the page cannot be had."""
        began_at = datetime.now(UTC)
        try:
            async with asyncio.timeout(SCAN_TIMEOUT_S):
                await self._ask_everything()
        except TimeoutError:
            if not self.done():
                raise ScanFailed(f"{self.request.page_url} did not answer within {SCAN_TIMEOUT_S:.0f} s.") from None
            self.note(f"The scan stopped after {SCAN_TIMEOUT_S:.0f} s; what was not asked by then is unknown.")
        self.begin("Verdicts")
        exchanges = tuple(
            exchange
            or Exchange(number, Purpose.PAGE, "GET", self.request.page_url, failure=Failure.CANCELLED, failure_text="Not finished.")
            for number, exchange in enumerate(self.exchanges, start=1)
        )
        observation = Observation(self.request, exchanges, tuple(self.judged), tuple(self.notes))
        # Reading bundles takes tens of milliseconds: off the loop, so that sockets and other scans go on.
        examined: Examined = await asyncio.to_thread(conclude, observation)
        return await asyncio.to_thread(build_report, examined, began_at, (time.monotonic() - self.started) * 1000)

    def _names_anything(self) -> bool:
        """Whether what was read of a page that broke off, or the user, names scripts, calls or sockets."""
        inventory = collect(self.request, self.done())
        return bool(next_scripts(self.request, self.done()) or inventory.calls or inventory.sockets or inventory.forms)

    async def _ask_everything(self) -> None:
        self.begin("Page")
        page = await self.page()
        if is_bot_wall(page):
            self.note(f"{urlsplit(page.url).netloc} {BOT_CHECK}, so its seams are unknown. Allow our user agent and scan again.")
            return
        if is_login(page.url) and not schemelessly_same_site(page.url, self.request.page_url):
            # Who signs people in is not the application, and was not named by the user.
            self.note(f"The page sends visitors to sign in at {urlsplit(page.url).netloc}, so what is behind it is unknown.")
            return
        if limits := limits_of(page):
            self.note(limits)
        if page.failure_text and not await asyncio.to_thread(self._names_anything):
            return
        self.begin("Scripts")
        await self.scripts()
        inventory = await asyncio.to_thread(collect, self.request, self.done())
        self.begin("Delivery")
        await self.delivery(inventory)
        if self.request.api_url and all(call.source.kind is SourceKind.USER for call in inventory.calls):
            # The frontend shows no call: the API's own schema may name some.
            await gather(self.ask(purpose, url, JSON) for purpose, url in documents_to_ask(inventory, ()) if purpose is Purpose.SCHEMA)
            inventory = await asyncio.to_thread(collect, self.request, self.done())
        self.begin("API and CORS")
        await self.api(inventory)
        self.begin("WebSocket")
        await self.sockets(inventory)
        self.begin("Session and auth")
        await self.session_and_auth(inventory)


async def gather(questions: Iterable[Awaitable[Exchange | None]]) -> None:
    """Ask several questions at once; `Net` keeps the limit per host."""
    async with asyncio.TaskGroup() as group:
        for question in questions:
            group.create_task(_await(question))


async def _await(question: Awaitable[Exchange | None]) -> None:
    await question


async def run(request: ScanRequest, net: Net, on_progress: OnProgress | None = None) -> Report:
    """Scan one site and return its report.

    Args:
        request: normalised by `app.core.urls.parse_target`.
        on_progress: called on the event loop for each phase and each answered request; it must not block.

    Raises:
        ScanFailed: the page could not be had; the message says why and what to do.
    """
    return await Scan(request, net, on_progress).run()

"""How often something may be tried: per address, per account, per token, counted by the library `limits`.

Fixed windows that begin with the first try: one number a key, and at worst twice the amount around a window's end. Counted in memory,
or in Valkey, where several processes count together. While Valkey does not answer, each process counts by itself: a limit that
is a few times too wide for a minute is better than nobody getting in.
"""

import asyncio
import hashlib
import ipaddress
import logging
import math
import time
from dataclasses import dataclass
from enum import Enum

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

from app.services.errors import Limited
from app.settings import settings

MAX_KEYS = 20_000  # of each rate, in memory: about 5 MB
VALKEY_S = 0.5  # how long an answer may take
RETRY_S = 30.0  # how long a Valkey that failed is left alone
_PLAIN_CHARS = 80  # a part of a key that is longer stands by its hash

logger = logging.getLogger(__name__)


class Rate(Enum):
    """(how many, within how many seconds, of what). Wide enough for an office behind one address; guessing is hopeless anyway."""

    SIGN_IN = 300, 300, "sign-ins from your address"
    SECOND_FACTOR_OF_ACCOUNT = 30, 600, "tries of a second factor for this account"
    SECOND_FACTOR = 300, 600, "tries of a second factor from your address"
    LINK = 400, 300, "links opened from your address"  # owner links, login links, invitations
    TOKEN_EXCHANGE = 300, 300, "token exchanges from your address"
    API_TOKEN = 1200, 60, "requests with this token"
    API_ADDRESS = 600, 60, "requests with tokens that do not count from your address"
    INVITATIONS = 100, 3600, "invitations made by you"
    EXPORTS = 20, 3600, "exports of workspaces by you"
    SOCKETS = 1200, 60, "tabs opened from your address"
    TAB_EVENTS = 400, 10, "clicks in this tab"
    ACCOUNT_EVENTS = 2000, 10, "clicks in your tabs"
    TRY_CHECK = 60, 60, "checks run by hand by you"
    ERROR_REPORTS = 20, 60, "reports of errors from your address"
    PINGS = 600, 60, "calls of this heartbeat"
    PINGS_OF_ADDRESS = 60_000, 60, "calls of heartbeats from your address"  # a thousand jobs behind one address end on the minute


# The product's own sockets end in one process, which counts them itself: not a question to another server at each click. Nor at each
# call of a heartbeat, which costs hardly more than such a question.
_HERE = frozenset({Rate.SOCKETS, Rate.TAB_EVENTS, Rate.ACCOUNT_EVENTS, Rate.ERROR_REPORTS, Rate.PINGS, Rate.PINGS_OF_ADDRESS})


class Counters(Storage):
    """Counters in memory that stay few: the oldest go when there are too many.

    The library's own storage looks at every counter at each hit, and keeps as many as there are addresses.
    """

    STORAGE_SCHEME = None

    def __init__(self, most: int = MAX_KEYS) -> None:
        super().__init__()
        self._most = most
        self._counts: dict[str, tuple[int, float]] = {}  # key → (how many, until when on the clock)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        at = time.time()
        count, until = self._counts.get(key, (0, 0.0))
        if until <= at:
            self._counts.pop(key, None)  # put in again at the end: the order is that of the windows' starts
            count, until = 0, at + expiry
            if len(self._counts) >= self._most:
                self._drop(at)
        self._counts[key] = count + amount, until
        return count + amount

    def _drop(self, at: float) -> None:
        """Forget the windows that ended; when those are few, the oldest tenth."""
        self._counts = {key: counted for key, counted in self._counts.items() if counted[1] > at}
        for key in list(self._counts)[: max(0, len(self._counts) - self._most * 9 // 10)]:
            del self._counts[key]

    async def get(self, key: str) -> int:
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, time.time()))[1]

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        count = len(self._counts)
        self._counts.clear()
        return count

    async def clear(self, key: str) -> None:
        self._counts.pop(key, None)

    def __len__(self) -> int:
        return len(self._counts)


_ITEMS = {rate: RateLimitItemPerSecond(rate.value[0], rate.value[1], namespace=rate.name) for rate in Rate}
_here = {rate: FixedWindowRateLimiter(Counters()) for rate in _HERE}


@dataclass
class _Where:
    """Where this event loop counts. A connection to Valkey belongs to the loop that made it."""

    loop: asyncio.AbstractEventLoop
    valkey_url: str
    memory: dict[Rate, FixedWindowRateLimiter]  # one storage a rate: a flood of addresses does not push out accounts
    valkey: FixedWindowRateLimiter | None
    silent_until: float = 0.0  # monotonic; Valkey is not asked before
    told: bool = False


_where: _Where | None = None


def _counters() -> _Where:
    global _where
    loop, url = asyncio.get_running_loop(), settings().valkey_url
    if _where is None or _where.loop is not loop or _where.valkey_url != url:
        _where = _Where(
            loop, url, {rate: FixedWindowRateLimiter(Counters()) for rate in Rate if rate not in _HERE}, _connect(url) if url else None
        )
    return _where


def _connect(url: str) -> FixedWindowRateLimiter:
    scheme, _, rest = url.partition("://")
    uri = f"async+{scheme.replace('redis', 'valkey')}://{rest}"
    storage = storage_from_string(uri, key_prefix="seamwatch", socket_timeout=VALKEY_S, socket_connect_timeout=VALKEY_S)
    assert isinstance(storage, Storage)
    return FixedWindowRateLimiter(storage)


async def close() -> None:
    """Close the connections to Valkey of this event loop, and forget what was counted in memory."""
    global _where
    where, _where = _where, None
    for limiter in _here.values():
        await limiter.storage.reset()
    if where and where.valkey:
        storage = where.valkey.storage
        assert isinstance(storage, RedisStorage)
        assert isinstance(storage.bridge, RedispyBridge)
        await storage.bridge.storage.aclose()


def of_address(address: str) -> str:
    """Return what of an address is counted: of IPv6 the /64, within which one machine has as many addresses as it likes."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _part(text: str) -> str:
    plain = len(text) <= _PLAIN_CHARS and text.isprintable() and "/" not in text
    return text if plain else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def hit(rate: Rate, *key: str) -> None:
    """Count one try of whoever `key` names: an address (through `of_address`), a user, a token. Refused tries count too.

    Raises:
        Limited: when there were too many in this window; `retry_after_s` says when it ends.
    """
    item, what = _ITEMS[rate], rate.value[2]
    parts = tuple(map(_part, key))
    if (limiter := _here.get(rate)) is not None:
        return await _count(limiter, item, parts, what)
    where = _counters()
    if where.valkey and where.silent_until <= time.monotonic():
        try:
            await _count(where.valkey, item, parts, what)
        except Limited:
            raise
        except Exception as error:  # whatever the client raises: the product does not end with its counters
            where.silent_until = time.monotonic() + RETRY_S
            if not where.told:
                where.told = True
                logger.warning("Valkey does not answer; rates are counted in this process until it does: %s", type(error).__name__)
        else:
            if where.told:
                where.told = False
                logger.warning("Valkey answers again; rates are counted there")
            return None
    return await _count(where.memory[rate], item, parts, what)


async def _count(limiter: FixedWindowRateLimiter, item: RateLimitItem, parts: tuple[str, ...], what: str) -> None:
    if await limiter.hit(item, *parts):
        return
    left_s = max(1, math.ceil((await limiter.get_window_stats(item, *parts)).reset_time - time.time()))
    when = f"{left_s} seconds" if left_s < 90 else f"{round(left_s / 60)} minutes"
    raise Limited(f"Too many {what}. Try again in {when}.", retry_after_s=left_s)

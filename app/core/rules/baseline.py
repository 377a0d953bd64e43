"""What "not there" looks like on a host, and which answers say nothing: asked before any rule calls something bad."""

import hashlib
import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from app.core.architecture import is_bot_wall
from app.core.exchange import Exchange, Purpose
from app.core.observation import Observation
from app.core.urls import origin_of

GATEWAY_STATUSES = frozenset({429, 502, 503, 504, *range(520, 528), 530})  # 52x and 530 are Cloudflare's
MAX_COMPARED_CHARS = 50_000
_MISSING = (Purpose.MISSING_API, Purpose.MISSING_PAGE, Purpose.MISSING_ASSET)
# What differs from answer to answer of the same page: nonces, CSRF tokens, request ids, clock times.
_NONCE = re.compile(r"""\bnonce=["']?[^"'\s>]+""", re.I)
_TOKEN = re.compile(r"[A-Za-z0-9_+/=-]{24,}")
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(?:\.\d+)?")


def says_nothing(exchange: Exchange) -> bool:
    """Whether the answer tells nothing of the application: none came, or a gateway, a rate limit or a bot check gave it."""
    return exchange.response is None or exchange.status in GATEWAY_STATUSES or is_bot_wall(exchange)


def body_print(exchange: Exchange) -> str:
    """Return a hash of the body with the asked address and everything that changes by itself removed."""
    return _print(exchange.url, exchange.text()[:MAX_COMPARED_CHARS])


@lru_cache(maxsize=64)
def _print(url: str, text: str) -> str:
    # Each rule compares the same few answers with the same page.
    parts = urlsplit(url)
    segment = parts.path.rstrip("/").rpartition("/")[2]
    # Longest first, or the path would be cut out of the URL and leave its origin behind.
    for echoed in (url, url.partition("?")[0], unquote(url), parts.path, quote(parts.path), segment):
        if len(echoed) > 1:
            text = text.replace(echoed, "")
    for varying in (_NONCE, _TOKEN, _TIME):
        text = varying.sub("", text)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def same_answer(one: Exchange, other: Exchange) -> bool:
    """Whether two exchanges got the same answer: status, media type and body, whatever address was asked."""
    return (
        one.response is not None
        and one.status == other.status
        and one.media_type == other.media_type
        and body_print(one) == body_print(other)
    )


def is_not_there(exchange: Exchange, observation: Observation) -> bool:
    """Whether the answer is what its origin says of a random path: the path does not exist.

    A host that answers every path with 401 or a redirect hides what exists; then nothing is concluded.
    """
    origin = origin_of(exchange.url)
    return any(
        (missing.status in (404, 410) or (missing.status == 200 and missing.media_type == "text/html"))
        and missing is not exchange
        and origin_of(missing.url) == origin
        and same_answer(exchange, missing)
        for missing in observation.of(*_MISSING)
    )


def is_shell(exchange: Exchange, page: Exchange | None) -> bool:
    """Whether a path that is not the page's is answered with the page itself, as a single-page application's fallback does."""
    return page is not None and exchange.media_type == "text/html" and exchange.url != page.url and same_answer(exchange, page)

"""Access tokens by client credentials (RFC 6749, 4.4): fetched through `net`, kept in memory until they end."""

import asyncio
import base64
import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from urllib.parse import quote_plus, urlencode
from weakref import WeakKeyDictionary

from app.core.ask import ClientCredentials
from app.core.checked import Checked
from app.core.exchange import Exchange, Failure, Headers, Purpose
from app.core.incident import Outcome
from app.core.redact import redact_text
from app.core.results import Cause
from app.net import Net
from app.net.transfer import Received
from app.probes.tools import Tools, failed

MAX_KEPT = 1_000  # tokens of one Net; beyond, the one that was not used for longest goes
MAX_BODY_BYTES = 100_000
MAX_TOKEN_CHARS = 8_000  # what fits into a header
UNTOLD_S = 60.0  # how long a token is kept whose end the server does not tell
LONGEST_S = 86_400.0
# A token that ends on its way would be refused: it is fetched anew so long before its end, or after nine tenths of a short life.
SKEW_S = 30.0


class NoToken(Exception):
    """There is no token; `checked` says why, as what the check found."""

    def __init__(self, checked: Checked) -> None:
        super().__init__(checked.text)
        self.checked = checked


@dataclass(slots=True, eq=False)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = field(default="", repr=False)
    until: float = 0.0  # time.monotonic()
    in_body: bool = False  # whether the server wants the client's name and secret in the body, not by HTTP Basic
    failure: Checked | None = None  # of the newest request, and when it ended
    failed_at: float = 0.0


_kept: WeakKeyDictionary[Net, OrderedDict[tuple[str, str, str, bytes], _Kept]] = WeakKeyDictionary()


async def token_of(client: ClientCredentials, tools: Tools, refused: str = "") -> str:
    """Return a token, a kept one if there is. Those who wait for the same one wait for one request.

    Args:
        refused: a token that the API did not take: it is not used again.

    Raises:
        NoToken: the server gives none, or does not answer.
    """
    kept = _place(client, tools.net)
    began = time.monotonic()
    try:
        async with asyncio.timeout(tools.timeout_s):
            await kept.lock.acquire()
    except TimeoutError:
        raise NoToken(failed(Failure.TIMEOUT, f"No token: {client.token_url} does not answer within {tools.timeout_s:g} s.")) from None
    try:
        if kept.token and kept.token != refused and time.monotonic() < kept.until:
            return kept.token
        if kept.failure is not None and kept.failed_at >= began:
            raise NoToken(kept.failure)  # of the request that this one waited for
        kept.token = ""
        left = replace(tools, timeout_s=max(began + tools.timeout_s - time.monotonic(), 0.001))
        try:
            kept.token, lasts_s = await _fetch(client, left, kept)
        except NoToken as error:
            kept.failure, kept.failed_at = error.checked, time.monotonic()
            raise
        kept.failure = None
        kept.until = time.monotonic() + lasts_s - min(SKEW_S, lasts_s / 10)
        return kept.token
    finally:
        kept.lock.release()


def _place(client: ClientCredentials, net: Net) -> _Kept:
    # The secret is part of the key, so that whoever has another one does not get this one's token; its hash, so that it is not kept.
    key = (client.token_url, client.client_id, client.scope, hashlib.sha256(client.client_secret.encode()).digest())
    places = _kept.setdefault(net, OrderedDict())
    place = places.setdefault(key, _Kept())
    places.move_to_end(key)
    if len(places) > MAX_KEPT:
        places.popitem(last=False)
    return place


async def _fetch(client: ClientCredentials, tools: Tools, kept: _Kept) -> tuple[str, float]:
    received, exchange = await _ask(client, tools, in_body=kept.in_body)
    if received.response is not None and received.response.status in (400, 401) and "invalid_client" in _error(received):
        # RFC 6749, 2.3.1: servers must take HTTP Basic and may take the body; some take only one of them.
        second, other = await _ask(client, tools, in_body=not kept.in_body)
        if second.response is not None and second.response.status == 200:
            kept.in_body = not kept.in_body
            received, exchange = second, other
    if received.response is None:
        raise NoToken(failed(received.failure or Failure.PROTOCOL, f"No token: {received.failure_text}", (exchange,)))
    status = received.response.status
    if status != 200:
        said = _error(received)
        text = f"No token: {client.token_url} answers {status}{f', {said}' if said else ''}."
        cause = Cause.LOGIN if 400 <= status < 500 else Cause.PROTOCOL
        raise NoToken(Checked(Outcome.DOWN, cause, text, status, received.timing, exchanges=(exchange,)))
    answer = _json(received)
    token, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(token, str) or not token or not token.isprintable() or " " in token or len(token) > MAX_TOKEN_CHARS:
        raise NoToken(_unusable(client, "without an access_token", received, exchange))
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NoToken(_unusable(client, f"with a token of type {str(kind)[:40]}, not Bearer", received, exchange))
    return token, _lifetime_s(answer.get("expires_in"))


def _unusable(client: ClientCredentials, what: str, received: Received, exchange: Exchange) -> Checked:
    return Checked(
        Outcome.DOWN, Cause.PROTOCOL, f"No token: {client.token_url} answers {what}.", 200, received.timing, exchanges=(exchange,)
    )


def _lifetime_s(told: object) -> float:
    """Return how long a token lasts; some servers tell it as text."""
    try:
        lasts_s = float(told) if isinstance(told, int | float | str) and not isinstance(told, bool) else UNTOLD_S
    except (ValueError, OverflowError):  # the latter: a whole number of hundreds of digits
        lasts_s = UNTOLD_S
    return min(lasts_s, LONGEST_S) if lasts_s > 0 else 0.0  # NaN is not


async def _ask(client: ClientCredentials, tools: Tools, *, in_body: bool) -> tuple[Received, Exchange]:
    form = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
    headers: Headers = (
        ("User-Agent", tools.net.user_agent),
        ("Accept", "application/json"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    )
    if in_body:
        form |= {"client_id": client.client_id, "client_secret": client.client_secret}
    else:
        # RFC 6749, 2.3.1: both are form-encoded first.
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        headers += (("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"),)
    received = await tools.net.request(
        "POST", client.token_url, headers, body=urlencode(form).encode(), timeout_s=tools.timeout_s, max_body_bytes=MAX_BODY_BYTES
    )
    exchange = Exchange(
        id=1, purpose=Purpose.OAUTH, method="POST", url=client.token_url, request_headers=headers, response=received.response,
        reason=received.reason, http_version=received.http_version, body=redact_text(received.body.decode("utf-8", "replace")).encode(),
        truncated=received.truncated, failure=received.failure, failure_text=received.failure_text, timing=received.timing,
        address=received.address,
    )  # fmt: skip
    return received, exchange


def _json(received: Received) -> dict[str, object]:
    try:
        answer = json.loads(received.body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _error(received: Received) -> str:
    """Return the error code of RFC 6749, 5.2; "" when there is none."""
    said = _json(received).get("error")
    return redact_text(said[:60]) if isinstance(said, str) and said.isprintable() else ""

"""Where heartbeats are called: `/ping/<key>`, and behind it `/start`, `/fail`, `/log` or an exit code.

By any program that can open an address, so by GET, POST and HEAD alike, without token, cookie or Origin: the key is all there is. The body
of a POST is kept as what the call said.
"""

import re

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from app.services import heartbeat_calls, rates
from app.services.errors import Limited, NotFound
from app.services.heartbeat_calls import Said
from app.services.rates import Rate, of_address

MAX_READ_BYTES = 100_000  # the rest of a body is not read
_PATH = re.compile(r"/ping/(?P<key>[A-Za-z0-9_-]{1,40})(?:/(?P<said>start|fail|log|[0-9]{1,3}))?/?")
_METHODS = ("GET", "POST", "HEAD")
_HEADERS = {"Cache-Control": "no-store"}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one call. An application of its own, which costs less than a route: jobs end on the minute, all at once."""
    if scope["type"] != "http":
        return await send({"type": "websocket.close", "code": 1008})
    return await (await _answer(Request(scope, receive)))(scope, receive, send)


async def _answer(request: Request) -> PlainTextResponse:
    if request.method not in _METHODS:
        return _text(405, "Call it by GET, POST or HEAD.", Allow=", ".join(_METHODS))
    # What stands in the path as it was sent: the application is mounted.
    found = _PATH.fullmatch(request.scope["path"])
    said = found["said"] if found else None
    exit_code = int(said) if said and said.isdecimal() else 0
    address = of_address(request.client.host if request.client else "")
    try:
        await rates.hit(Rate.PINGS_OF_ADDRESS, address)
        if found is None or exit_code > 255:
            raise NotFound("There is no such heartbeat.")
        await rates.hit(Rate.PINGS, found["key"])
        text = await _body(request) if request.method == "POST" else ""
        await heartbeat_calls.receive(found["key"], Said(said) if said and not said.isdecimal() else Said.SUCCESS, exit_code, text)
    except Limited as error:
        return _text(error.status, error.message, **{"Retry-After": str(error.retry_after_s)})
    except NotFound as error:
        return _text(error.status, error.message)
    except ClientDisconnect:
        return _text(400, "The body broke off.")
    return _text(200, "OK")


async def _body(request: Request) -> str:
    """Return what can be kept of the body, and read not much more than that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) >= MAX_READ_BYTES:
            break
    return bytes(body[:MAX_READ_BYTES]).decode("utf-8", "replace")


def _text(status: int, text: str, **headers: str) -> PlainTextResponse:
    return PlainTextResponse(text, status, headers={**_HEADERS, **headers})

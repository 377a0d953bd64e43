"""One HTTP request, sent as a browser's `fetch()` would send it but under our own name, recorded as an exchange."""

import time

from app.core.exchange import Exchange, Headers, Purpose
from app.net import Net
from app.net.transfer import Target

# What Chromium sends for fetch(); a page is asked for with its own Accept. zstd is left out: this libcurl cannot read it.
ACCEPT = "*/*"
ACCEPT_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ACCEPT_LANGUAGE = "en-US,en;q=0.9"
ACCEPT_ENCODING = "gzip, deflate, br"
PAGE_PURPOSES = frozenset({Purpose.PAGE, Purpose.MISSING_PAGE, Purpose.DOCS, Purpose.ADMIN, Purpose.OAUTH, Purpose.TWIN})


async def ask(
    net: Net,
    *,
    id: int,  # noqa: A002, the name of the field in Exchange
    purpose: Purpose,
    method: str,
    url: str,
    headers: Headers = (),
    started: float,
    max_body_bytes: int = 2_000_000,
    timeout_s: float = 10,
) -> Exchange:
    """Send one request and record what was sent and what came back. A target that fails is an exchange with a `failure`.

    Args:
        headers: sent first, in this order; what a browser always sends is added unless given, User-Agent is ours.
        started: `time.monotonic()` at the start of the scan.

    Raises:
        ValueError: method or headers could not stand in a request.
    """
    url = url.partition("#")[0]
    sent = browser_headers(net, purpose, headers)
    started_ms = (time.monotonic() - started) * 1000
    received = await net.request(method, url, sent, timeout_s=timeout_s, max_body_bytes=max_body_bytes)
    target = Target.parse(url)
    given = {name.lower() for name, _ in headers}
    host: Headers = (("Host", target.authority),) if target is not None and "host" not in given else ()
    return Exchange(
        id=id,
        purpose=purpose,
        method=method,
        url=url,
        request_headers=host + sent,
        response=received.response,
        reason=received.reason,
        http_version=received.http_version,
        body=received.body,
        truncated=received.truncated,
        failure=received.failure,
        failure_text=received.failure_text,
        timing=received.timing,
        address=received.address,
        started_ms=round(started_ms, 3),
    )


def browser_headers(net: Net, purpose: Purpose, headers: Headers) -> Headers:
    """Return the caller's headers, then those that a browser always sends and the caller left out."""
    always = (
        ("User-Agent", net.user_agent),
        ("Accept", ACCEPT_PAGE if purpose in PAGE_PURPOSES else ACCEPT),
        ("Accept-Language", ACCEPT_LANGUAGE),
        ("Accept-Encoding", ACCEPT_ENCODING),
    )
    given = {name.lower() for name, _ in headers}
    return headers + tuple((name, value) for name, value in always if name.lower() not in given)

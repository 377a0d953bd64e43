"""WebSockets: handshakes that never become one. WS-01."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.examined import Examined
from app.core.exchange import Exchange, Purpose
from app.core.findings import Certainty, Evidence, Finding, Framework, SeamKind, Severity
from app.core.rules import check
from app.core.rules.baseline import is_not_there, says_nothing
from app.core.rules.delivery import unreachable_origins
from app.core.rules.facts import facts_for, listed, mends_of, path_of
from app.core.rules.quoting import quote_exchange
from app.core.urls import http_url, origin_of

# Servers of WSGI applications, which cannot speak WebSocket whatever the proxy passes on. Gunicorn can with another worker
# class, and Werkzeug with flask-sock: a 404 from it says that the route is missing.
WSGI_SERVERS = ("wsgiserver", "waitress", "cheroot", "gunicorn")
_WERKZEUG_404 = "if you entered the url manually please check your spelling"
_WERKZEUG_400 = "sent a request that this server could not understand"
_FASTAPI_404 = re.compile(r'\s*\{"detail":"not found"\}\s*')
_PLAIN_GET = (404, 405, 426)
_SAYS_UPGRADE = ("upgrade", "websocket")


@dataclass(frozen=True, slots=True)
class _Handshake:
    """A handshake that lost its Upgrade."""

    exchange: Exchange
    certainty: Certainty
    polling: Exchange | None = None  # Socket.IO's long polling, which works

    @property
    def path(self) -> str:
        return path_of(http_url(self.exchange.url))


@check("WS-01")
def upgrade_is_lost(examined: Examined) -> Iterator[Finding]:
    """WebSocket handshakes are answered as if they were plain GETs; one finding for each origin."""
    by_origin: dict[str, list[_Handshake]] = defaultdict(list)
    unreachable = unreachable_origins(examined)
    for exchange in examined.observation.of(Purpose.WEBSOCKET):
        url = http_url(exchange.url)
        if exchange.status == 101 or says_nothing(exchange) or {origin_of(exchange.url), origin_of(url)} & unreachable:
            continue
        query = urlsplit(url).query
        socketio = "transport=websocket" in query and "EIO=" in query
        polling = _polling(examined, url) if socketio else None
        if polling is not None and '"upgrades":["websocket"]' not in polling.text().replace(" ", ""):
            continue  # a server that refuses the origin, or offers no WebSocket, says nothing of the proxy
        certainty = _lost(exchange, _proxy(examined, exchange), socketio)
        if certainty is not None:
            by_origin[origin_of(url)].append(_Handshake(exchange, certainty, polling))
    for handshakes in by_origin.values():
        # One proxy loses them all: the surest one is shown.
        yield _finding(examined, sorted(handshakes, key=lambda item: item.certainty is not Certainty.OBSERVED))


def _polling(examined: Examined, url: str) -> Exchange | None:
    """Return the answer to long polling at the same Socket.IO server: the best one, or None when nobody asked."""
    wanted = urlsplit(url)
    found: list[Exchange] = []
    for exchange in examined.observation.exchanges:
        parts = urlsplit(http_url(exchange.url))
        same = (parts.netloc, parts.path) == (wanted.netloc, wanted.path)
        if same and exchange.method == "GET" and "transport=polling" in parts.query and "sid=" not in parts.query:
            found.append(exchange)
    return min(found, key=lambda exchange: exchange.status != 200, default=None)


def _proxy(examined: Examined, exchange: Exchange) -> str:
    """Return the name of the proxy in front of the socket, or ""."""
    origin = origin_of(http_url(exchange.url))
    server = (exchange.header("server") or "").lower()
    for name in ("nginx", "openresty", "apache", "caddy", "envoy", "cloudflare"):
        if server.startswith(name):
            return name if name in ("nginx", "openresty", "envoy") else name.capitalize()
    # A recognised proxy may hide behind its backend's Server header.
    known = [item.name for item in examined.technologies if item.origin == origin and item.category in ("proxy", "server")]
    return next((name for name in known if name.lower() in ("nginx", "openresty", "caddy", "envoy", "traefik", "apache")), "")


def _lost(exchange: Exchange, proxy: str, socketio: bool) -> Certainty | None:
    """Say how sure it is that the Upgrade header was lost on the way, or None when the answer has another meaning.

    Observed: 426, a page of HTML with 200, an answer that complains of a missing upgrade, FastAPI's 404, which its server gives
    only to plain requests (an unknown socket gets 403), and a 404 of a server that knows no WebSocket at all. Inferred: other
    404 and 405, which a WSGI server behind the proxy gives as well.
    """
    status, body = exchange.status, exchange.text()[:2000].lower()
    if status == 426:
        return Certainty.OBSERVED
    if status == 400:
        if any(word in body for word in _SAYS_UPGRADE):
            return Certainty.OBSERVED
        # Werkzeug's answer to a plain request for a WebSocket route.
        return Certainty.INFERRED if _WERKZEUG_400 in body and proxy else None
    if status == 200:
        return Certainty.OBSERVED if exchange.media_type == "text/html" or socketio else Certainty.INFERRED
    if status not in _PLAIN_GET:
        return None  # 401 and 403 are about who asks, a redirect and 500 about the route
    if _WERKZEUG_404 in body or (exchange.header("server") or "").lower().startswith("werkzeug"):
        return None
    if wsgi_server(exchange):
        return Certainty.INFERRED if wsgi_server(exchange) == "gunicorn" else Certainty.OBSERVED
    return Certainty.OBSERVED if _FASTAPI_404.fullmatch(body) and proxy else Certainty.INFERRED


def wsgi_server(exchange: Exchange) -> str:
    """Return the name of the WSGI server that answered, as it spells it, or ""."""
    name = (exchange.header("server") or "").partition("/")[0].partition(" ")[0]
    return name if name.lower() in WSGI_SERVERS else ""


def _is_page(exchange: Exchange) -> bool:
    return exchange.status == 200 and exchange.media_type == "text/html"


def _finding(examined: Examined, handshakes: Sequence[_Handshake]) -> Finding:
    lead = handshakes[0]
    exchange, polling = lead.exchange, lead.polling
    proxy, wsgi = _proxy(examined, exchange), wsgi_server(exchange)
    evidence: tuple[Evidence, ...] = ()
    if polling is not None:
        evidence += quote_exchange(
            polling, answer=("*body",), faulty={"*body": '"upgrades":["websocket"]'}, note="The server offers WebSocket."
        )
    evidence += quote_exchange(
        exchange,
        request=("origin", "connection", "upgrade"),
        answer=("server", "content-type", "*body"),
        faulty={"*status": str(exchange.status)},
        note="The handshake needs 101 Switching Protocols.",
    )
    facts = facts_for(examined, origin_of(http_url(exchange.url)), path=lead.path, socket_path=lead.path, url=exchange.url)
    in_proxy = proxy.lower() in ("nginx", "openresty", "") and not wsgi
    return Finding(
        "WS-01",
        Severity.HIGH,
        SeamKind.WEBSOCKET,
        _title(handshakes, proxy, wsgi),
        lead.certainty,
        _explanation(examined, lead, proxy, wsgi),
        hits="live updates by polling" if polling is not None else "live updates off",
        evidence=evidence,
        console=(
            f"WebSocket connection to '{_ws_url(exchange.url)}' failed: Error during WebSocket handshake: "
            f"Unexpected response code: {exchange.status}"
        ),
        mends=mends_of(examined, "WS-01", facts, first=(Framework.NGINX,) if in_proxy else ()),
    )


def _title(handshakes: Sequence[_Handshake], proxy: str, wsgi: str) -> str:
    lead = handshakes[0]
    status = lead.exchange.status
    one = len(handshakes) == 1
    paths = listed((item.path for item in handshakes), 3)
    if _is_page(lead.exchange):
        return f"The WebSocket{f' {paths} is' if one else f's {paths} are'} answered with an HTML page instead of 101"
    if lead.polling is not None:
        return f"{proxy or 'The proxy'} does not pass Upgrade, so Socket.IO stays on polling"
    if wsgi:
        return f"{wsgi} knows no WebSockets, so {paths} {'answers' if one else 'answer'} {status}"
    if proxy:
        return f"{proxy} does not pass Upgrade, so the {'WebSocket answers' if one else 'WebSockets answer'} {status}"
    start = f"The WebSocket {paths} is" if one else f"The WebSockets {paths} are"
    return f"{start} answered {status} like {'a plain request' if one else 'plain requests'}, so Upgrade is lost on the way"


def _explanation(examined: Examined, lead: _Handshake, proxy: str, wsgi: str) -> str:
    status = lead.exchange.status
    parts = ["A browser opens a WebSocket with a `GET` that carries `Upgrade: websocket`, and waits for status 101."]
    if _is_page(lead.exchange):
        parts.append(
            f"Here `{lead.path}` gets {status} and an HTML page: the request ended at a server of files, or at the fallback for pages, "
            "and never reached a WebSocket server."
        )
    elif wsgi:
        parts.append(
            f"Here the answer is {status}: `{wsgi}` serves WSGI applications, and WSGI knows requests and responses, but no WebSockets. "
            "Serve the application by ASGI."
        )
    else:
        parts.append(
            f"Here the answer is {status}, what the backend says to a plain `GET`: `Upgrade` and `Connection` were lost on the way."
        )
    if proxy.lower() in ("nginx", "openresty"):
        parts.append(f"These headers are valid for one hop only, and {proxy} passes them on only when its configuration says so.")
    elif not wsgi:
        parts.append("These headers are valid for one hop only, so every proxy between browser and server has to pass them on by itself.")
    if lead.certainty is Certainty.INFERRED and not wsgi:
        parts.append("An application that is served by WSGI instead of ASGI answers the same.")
    elif is_not_there(lead.exchange, examined.observation) and not _is_page(lead.exchange):
        parts.append("The answer is the one for unknown paths, because WebSocket routes do not exist for plain requests.")
    if lead.polling is not None:
        parts.append("Socket.IO goes on with long polling: it works, with several times the requests.")
    return " ".join(parts)


def _ws_url(url: str) -> str:
    return f"ws{url[4:]}" if url.startswith("http") else url

"""WebSocket findings: the Upgrade header lost on the way."""

import pytest
from made import DJANGO_404, FASTAPI_404, FLASK_404, PAGE, RANDOM, SHELL, Site, quoted, underlined

from app.core.exchange import Purpose
from app.core.findings import Certainty, Finding, Framework
from app.core.inventory import SocketUse

SOCKET = "wss://app.example/ws/chat"
SOCKETIO = f"{PAGE}/socket.io/?EIO=4&transport="
POLLING = (
    '200 OK\nserver: nginx\ncontent-type: text/plain\n\n0{"sid":"abc","upgrades":["websocket"],"pingTimeout":20000,"pingInterval":25000}'
)
HANDSHAKE = (("Origin", PAGE), ("Connection", "Upgrade"), ("Upgrade", "websocket"))


def shake(answer: str | None, *, proxy: str = "", url: str = SOCKET) -> dict[str, Finding]:
    site = Site()
    if proxy:
        site.runs(proxy, PAGE, "proxy")
    site.sockets.append(SocketUse(url))
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", FASTAPI_404)
    site.saw(Purpose.WEBSOCKET, url, answer, sent=HANDSHAKE)
    return site.findings()


@pytest.mark.parametrize(("not_found", "certainty"), [(FASTAPI_404, Certainty.OBSERVED), (DJANGO_404, Certainty.INFERRED)])
def test_nginx_without_upgrade_shows_the_backends_404(not_found: str, certainty: Certainty):
    """Django's 404 comes from an ASGI server that saw no Upgrade, or from a WSGI server that knows none."""
    answer = not_found.replace("server: uvicorn", "server: nginx/1.22.1")
    finding = shake(answer, proxy="nginx")["WS-01"]
    assert finding.title == "nginx does not pass Upgrade, so the WebSocket answers 404"
    assert finding.certainty is certainty
    assert underlined(finding) == ["404"]
    assert "upgrade: websocket" in quoted(finding)
    assert finding.mends[0].framework is Framework.NGINX
    assert "/ws/chat" in finding.mends[0].code
    assert "Unexpected response code: 404" in finding.console


def test_unknown_proxy_in_front_of_an_asgi_server_is_inferred():
    finding = shake(FASTAPI_404)["WS-01"]
    assert finding.certainty is Certainty.INFERRED
    assert "like a plain request" in finding.title


def test_fallback_page_instead_of_a_handshake():
    finding = shake(SHELL)["WS-01"]
    assert finding.title == "The WebSocket /ws/chat is answered with an HTML page instead of 101"
    assert finding.certainty is Certainty.OBSERVED


@pytest.mark.parametrize(
    "answer",
    ["426 Upgrade Required\nupgrade: websocket\n\n", '400 Bad Request\ncontent-type: application/json\n\n"Invalid websocket upgrade"',
     "400 Bad Request\n\nCan \"Upgrade\" only to \"WebSocket\"."],
)  # fmt: skip
def test_answer_that_misses_the_upgrade(answer: str):
    assert "WS-01" in shake(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "101 Switching Protocols\nupgrade: websocket\n\n",
        "403 Access denied\n\n",  # Channels' origin validator behind Daphne
        "403 Forbidden\nserver: uvicorn\n\n",  # FastAPI, unknown route
        "401 Unauthorized\n\n",
        "500 Internal Server Error\n\nInternal Server Error",  # Channels, unknown route
        "404 NOT FOUND\nserver: Werkzeug/3.1.9 Python/3.11.2\n\n",  # a WSGI server: the route is missing
        FLASK_404.replace("Werkzeug/3.1.9 Python/3.11.2", "nginx"),  # a missing route; a plain request for a socket's route gets 400
        "400 Bad Request\ncontent-type: text/html\n\n<h1>Bad Request (400)</h1>",  # Django: host not allowed
        "302 Found\nlocation: /login\n\n",
        "502 Bad Gateway\nserver: nginx\n\n",
        None,
    ],
)
def test_handshake_that_is_open_or_refused_for_another_reason(answer: str | None):
    assert shake(answer) == {}


def test_sockets_behind_one_proxy_are_one_finding():
    site = Site()
    for path in ("/ws/ticker", "/ws/echo"):
        site.saw(Purpose.WEBSOCKET, f"wss://app.example{path}", FASTAPI_404, sent=HANDSHAKE)
    expected = "The WebSockets /ws/ticker and /ws/echo are answered 404 like plain requests, so Upgrade is lost on the way"
    assert site.findings()["WS-01"].title == expected


def test_wsgi_server_is_named_instead_of_a_proxy():
    finding = shake(DJANGO_404.replace("content-type", "server: WSGIServer/0.2 CPython/3.11.2\ncontent-type"))["WS-01"]
    assert finding.title == "WSGIServer knows no WebSockets, so /ws/chat answers 404"
    assert finding.certainty is Certainty.OBSERVED
    assert "Serve the application by ASGI" in finding.explanation


def socketio(polling: str, handshake: str) -> dict[str, Finding]:
    site = Site()
    site.sockets.append(SocketUse(f"{PAGE}/socket.io/", "socketio"))
    site.saw(Purpose.SOCKETIO, f"{SOCKETIO}polling", polling)
    site.saw(Purpose.WEBSOCKET, f"{SOCKETIO}websocket".replace("https", "wss"), handshake, sent=HANDSHAKE)
    return site.findings()


def test_socketio_stays_on_polling_behind_nginx():
    finding = socketio(POLLING, '400 BAD REQUEST\nserver: nginx\ncontent-type: application/json\n\n"Invalid websocket upgrade"')["WS-01"]
    assert finding.title == "nginx does not pass Upgrade, so Socket.IO stays on polling"
    assert finding.hits == "live updates by polling"
    assert '"upgrades":["websocket"]' in underlined(finding)


@pytest.mark.parametrize(
    "polling",
    ['400 BAD REQUEST\ncontent-type: application/json\n\n"Not an accepted origin."', POLLING.replace('["websocket"]', "[]")],
)
def test_socketio_that_offers_no_websocket_is_another_matter(polling: str):
    assert socketio(polling, '400 BAD REQUEST\n\n"Invalid websocket upgrade"') == {}


def test_socketio_that_upgrades_is_fine():
    assert socketio(POLLING, "101 Switching Protocols\n\n") == {}


def test_frontend_that_speaks_socketio_by_itself_is_recognised_by_its_polling_call():
    site = Site()
    site.sockets.append(SocketUse(f"{SOCKETIO}websocket".replace("https", "wss")))
    site.says(f"GET {SOCKETIO}polling", POLLING)
    site.calls("GET", f"{SOCKETIO}polling")
    site.saw(Purpose.WEBSOCKET, f"{SOCKETIO}websocket".replace("https", "wss"), '400 BAD REQUEST\n\n"Invalid websocket upgrade"')
    assert site.findings()["WS-01"].title == "The proxy does not pass Upgrade, so Socket.IO stays on polling"

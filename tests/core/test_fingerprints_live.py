# ruff: noqa: E501 - served sources stand on one line
"""The signals against the frameworks themselves, started on loopback."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from app.core.exchange import Exchange, Head, Purpose
from app.core.fingerprints import identify
from app.core.inventory import Inventory

FLASK = """
from flask import Flask, session
from flask_cors import CORS
from flask_socketio import SocketIO
app = Flask(__name__); app.secret_key = "x"; CORS(app); SocketIO(app)
@app.get("/")
def home():
    session["a"] = 1
    return "<p>Hello</p>"
@app.get("/list/")
def listing(): return []
"""
FASTAPI = """
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
app = FastAPI(); app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
@app.get("/items/")
def items(limit: int = 1): return []
"""
DJANGO = """
import django
from django.conf import settings
from django.http import HttpResponse
from django.middleware.csrf import get_token
settings.configure(SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], INSTALLED_APPS=["django.contrib.auth",
    "django.contrib.contenttypes", "rest_framework", "corsheaders"], CORS_ALLOW_ALL_ORIGINS=True, MIDDLEWARE=["corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware"])
django.setup()
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.response import Response
def home(request): return HttpResponse(f'<form method=post><input type=hidden name="csrfmiddlewaretoken" value="{get_token(request)}"></form>')
@api_view(["GET"])
def items(request): return Response([])
urlpatterns = [path("", home), path("api/items/", items)]
"""
DJANGO_ASGI = """
from django.core.asgi import get_asgi_application
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from channels.generic.websocket import WebsocketConsumer
from django.urls import path as route
app = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": OriginValidator(URLRouter([route("ws/", WebsocketConsumer.as_asgi())]), ["https://a.example"])})
"""
BOTTLE = """
import bottle
app = bottle.Bottle()
"""
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Recorder:
    """Asks one server and keeps the exchanges."""

    def __init__(self, port: int) -> None:
        self.port, self.exchanges = port, []

    def ask(self, path: str, purpose: Purpose = Purpose.ENDPOINT, method: str = "GET", **headers: str) -> None:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=sent)
            response = connection.getresponse()
            body = response.read() if response.status != 101 else b""
            head = Head(response.status, tuple(response.getheaders()))
        finally:
            connection.close()
        url = f"http://127.0.0.1:{self.port}{path}"
        self.exchanges.append(
            Exchange(len(self.exchanges) + 1, purpose, method, url, tuple(sent.items()), head, response.reason, "1.1", body)
        )

    def found(self) -> dict[str, float]:
        origin = f"http://127.0.0.1:{self.port}"
        return {item.name: item.confidence for item in identify(self.exchanges, Inventory(f"{origin}/", origin))}


@contextmanager
def wsgi(source: str, name: str) -> Iterator[Recorder]:
    """Serve a WSGI application in a thread of this process."""
    space: dict[str, object] = {"__name__": name}
    exec(source, space)

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = make_server("127.0.0.1", 0, space["app"], handler_class=Quiet)  # pyright: ignore[reportArgumentType]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Recorder(server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def process(tmp_path, source: str, port: int, command: Callable[[str], list[str]]) -> Iterator[Recorder]:
    """Serve an application in a process of its own."""
    (tmp_path / "served.py").write_text(source)
    child = subprocess.Popen([sys.executable, *command(str(port))], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert child.poll() is None, "the server did not start"
                time.sleep(0.1)
        yield Recorder(port)
    finally:
        child.terminate()
        child.wait(10)


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that is held, without listening, so that only a server that is told of it gets it: servers set SO_REUSEADDR too."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_flask_and_flask_cors_and_its_socketio(tmp_path, free_port):
    serve = ["-m", "flask", "--app", "served", "run", "--port"]
    with process(tmp_path, FLASK, free_port, lambda port: [*serve, port]) as server:
        server.ask("/nope", Purpose.MISSING_PAGE)
        assert server.found()["Flask"] >= 0.8
        server.ask("/")
        server.ask("/list")
        server.ask("/", Purpose.PREFLIGHT, "OPTIONS", Origin="https://a.example", Access_Control_Request_Method="PUT")
        server.ask("/socket.io/?EIO=3&transport=polling", Purpose.SOCKETIO)
        server.ask("/socket.io/?EIO=4&transport=polling", Purpose.SOCKETIO)
        found = server.found()
    assert {"Flask", "Werkzeug", "Flask-CORS", "Socket.IO", "python-engineio"} <= set(found)
    assert "Node Socket.IO" not in found
    assert not {"Django", "FastAPI", "Bottle", "Express"} & set(found)


def test_fastapi_and_starlettes_cors_and_uvicorn(tmp_path, free_port):
    with process(tmp_path, FASTAPI, free_port, lambda port: ["-m", "uvicorn", "served:app", "--port", port]) as server:
        server.ask("/nope", Purpose.MISSING_API)
        server.ask("/openapi.json", Purpose.SCHEMA)
        server.ask("/items/?limit=x")
        server.ask("/items", Purpose.SLASH)
        server.ask("/items/", Purpose.PREFLIGHT, "OPTIONS", Origin="https://b.example", Access_Control_Request_Method="PUT")
        found = server.found()
    assert {"FastAPI", "Starlette", "Uvicorn"} <= set(found)
    assert found["FastAPI"] > 0.99
    assert not {"Django", "Flask", "Bottle", "DRF"} & set(found)


def test_django_and_drf_and_channels_behind_daphne(tmp_path, free_port):
    source = DJANGO + DJANGO_ASGI
    with process(tmp_path, source, free_port, lambda port: ["-m", "daphne", "-p", port, "served:app"]) as server:
        server.ask("/nope", Purpose.MISSING_PAGE)
        assert server.found()["Django"] >= 0.8
        server.ask("/", Purpose.PAGE)
        server.ask("/api/items/", Accept="application/json")
        server.ask("/api/items", Purpose.SLASH)
        server.ask("/api/items/", Purpose.PREFLIGHT, "OPTIONS", Origin="https://a.example", Access_Control_Request_Method="PUT")
        server.ask("/ws/", Purpose.WEBSOCKET_FOREIGN, Origin="https://b.example", **HANDSHAKE)
        found = server.found()
    assert {"Django", "DRF", "django-cors-headers", "Channels", "Daphne"} <= set(found)
    assert found["Django"] > 0.99
    assert not {"Flask", "FastAPI", "Bottle"} & set(found)


def test_bottle_is_told_from_django_behind_the_same_development_server():
    with wsgi(BOTTLE, "bottle_served") as server:
        server.ask("/nope", Purpose.MISSING_PAGE)
        found = server.found()
    assert {"Bottle", "wsgiref"} <= set(found)
    assert not {"Flask", "FastAPI", "Django"} & set(found)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("gunicorn", ["-m", "gunicorn", "--workers", "1", "served:app", "--bind", "127.0.0.1:{port}"]),
        ("Granian", ["-m", "granian", "--interface", "wsgi", "served:app", "--port", "{port}"]),
    ],
)
def test_a_server_is_known_whatever_application_it_runs(tmp_path, free_port, name: str, command: list[str]):
    with process(tmp_path, BOTTLE, free_port, lambda port: [part.replace("{port}", port) for part in command]) as server:
        server.ask("/nope", Purpose.MISSING_PAGE)
        found = server.found()
    assert {"Bottle", name} <= set(found)
    assert not {"Flask", "FastAPI", "Django", "wsgiref"} & set(found)

"""Notes in Bottle: a page from a template, and a small JSON endpoint on an origin of its own.

    python -m examples.bottle_notes.app [--port 5103] [--api-port 5104] [--broken | --fault NAME]

Bottle has no CORS plugin of its own, so the endpoint sets the headers in a hook and answers preflights by one route.

--fault missing    Nobody thought of CORS: the page may not read a single answer (COR-01).
--fault twice      The route adds the header, and the hook adds it once more instead of setting it (COR-08).
"""

import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIServer

import bottle
from bottle import Bottle, request, response

from examples.serving import LOOPBACK, parse_options

FAULTS = {
    "missing": "no CORS headers (COR-01)",
    "twice": "two Access-Control-Allow-Origin headers (COR-08)",
}
HERE = Path(__file__).parent


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """Bottle's development server, but one thread a connection: browsers hold idle ones open."""

    daemon_threads = True


class Notes:
    """The notes, shared by the page and the endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts = ["Water the plants on Thursday.", "The spare key is with Charlie.", "Bottle fits in one file."]

    def list(self) -> list[str]:
        with self._lock:
            return list(self._texts)

    def add(self, text: str) -> int:
        with self._lock:
            self._texts.append(text)
            return len(self._texts)


def create_page(notes: Notes, api_url: str) -> Bottle:
    """Build the page: the notes that exist are rendered here, new ones are sent to the endpoint by its script."""
    app = Bottle()

    @app.get("/")
    def page() -> str:
        response.set_header("Cache-Control", "no-cache")
        return bottle.template("notes", template_lookup=[str(HERE / "views")], notes=notes.list(), api_url=api_url)

    @app.get("/static/<name>")
    def static(name: str) -> bottle.HTTPResponse:
        return bottle.static_file(name, root=str(HERE / "static"))

    return app


def create_api(notes: Notes, page_origin: str, fault: str = "") -> Bottle:
    """Build the endpoint for one page's origin ("http://127.0.0.1:5103")."""
    app = Bottle()

    if fault != "missing":

        @app.hook("after_request")
        def allow_page() -> None:
            put = response.add_header if fault == "twice" else response.set_header
            put("Access-Control-Allow-Origin", page_origin)
            response.set_header("Access-Control-Allow-Methods", "GET, POST")
            response.set_header("Access-Control-Allow-Headers", "Content-Type")

        @app.route("/<path:path>", method="OPTIONS")
        def preflight(path: str) -> None:
            response.status = 204

    @app.get("/api/notes")
    def list_notes() -> dict[str, Any]:
        if fault == "twice":
            response.add_header("Access-Control-Allow-Origin", page_origin)
        return {"notes": notes.list()}

    @app.post("/api/notes")
    def add_note() -> dict[str, Any]:
        text = str((request.json or {}).get("text", "")).strip()
        if not text:
            response.status = 422
            return {"error": "A note needs a text."}
        response.status = 201
        return {"count": notes.add(text[:500])}

    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5103, api_port=5104, faults=FAULTS)
    notes = Notes()
    page = create_page(notes, f"http://{LOOPBACK}:{options.api_port}/api/notes")
    api = create_api(notes, f"http://{LOOPBACK}:{options.port}", options.fault)
    serve = {"server": "wsgiref", "server_class": ThreadingServer, "host": LOOPBACK, "quiet": True}
    threading.Thread(target=lambda: bottle.run(page, port=options.port, **serve), daemon=True).start()
    print(f"Notes: http://{LOOPBACK}:{options.port}/", flush=True)
    bottle.run(api, port=options.api_port, **serve)


if __name__ == "__main__":
    main()

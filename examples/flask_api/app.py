"""A JSON API in Flask with flask-cors, called by a page on an origin of its own.

    python -m examples.flask_api.app [--port 5113] [--api-port 5114] [--broken | --fault NAME]

The page lists books and adds one by POST with a JSON body, which makes browsers send a preflight.

--fault slash     The route is declared as "/api/books/", the page calls "/api/books". Flask redirects, also the
                  preflight, and a preflight may not be redirected (COR-05).
--fault origin    The allowed origin is written with a slash at its end, which no browser ever sends (COR-09).
"""

from pathlib import Path

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from flask_cors import CORS

from examples.serving import LOOPBACK, parse_options, serve_page

FAULTS = {
    "slash": "the route has a slash at its end, the page's URL has none (COR-05)",
    "origin": "the allowed origin ends in a slash (COR-09)",
}


def create_app(page_origin: str, fault: str = "") -> Flask:
    """Build the API for one page's origin ("http://127.0.0.1:5113")."""
    app = Flask(__name__)
    if fault == "origin":
        CORS(app, resources={r"/api/*": {"origins": [f"{page_origin}/"]}})
    else:
        CORS(app, resources={r"/api/*": {"origins": [page_origin]}})

    books = [
        {"id": 1, "title": "The Left Hand of Darkness", "author": "Ursula K. Le Guin"},
        {"id": 2, "title": "Invisible Cities", "author": "Italo Calvino"},
        {"id": 3, "title": "The Summer Book", "author": "Tove Jansson"},
    ]
    path = "/api/books/" if fault == "slash" else "/api/books"

    @app.get(path)
    def list_books() -> ResponseReturnValue:
        return jsonify(books)

    @app.post(path)
    def add_book() -> ResponseReturnValue:
        fields = request.get_json()
        title, author = (str(fields.get(name, "")).strip() for name in ("title", "author"))
        if not title or not author:
            return jsonify(error="A book needs a title and an author."), 422
        books.append({"id": len(books) + 1, "title": title[:200], "author": author[:200]})
        return jsonify(books[-1]), 201

    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5113, api_port=5114, faults=FAULTS)
    serve_page(Path(__file__).parent / "page", options.port, {"API": f"http://{LOOPBACK}:{options.api_port}"})
    print(f"Bookshelf: http://{LOOPBACK}:{options.port}/", flush=True)
    create_app(f"http://{LOOPBACK}:{options.port}", options.fault).run(host=LOOPBACK, port=options.api_port)


if __name__ == "__main__":
    main()

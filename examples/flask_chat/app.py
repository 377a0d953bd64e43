"""A chat in Flask-SocketIO, with a small Socket.IO client of its own in the page.

    python -m examples.flask_chat.app [--port 5121] [--broken]

The client (static/socketio.js) speaks Engine.IO 4: a WebSocket first and, where that is refused, HTTP long polling.

--fault proxy    A reverse proxy stands in front that does not pass Upgrade: each WebSocket is refused with 400, and the chat
                 limps along on polling (WS-01).
"""

import secrets

from flask import Flask, render_template
from flask_socketio import SocketIO, emit
from werkzeug.serving import make_server

from examples.front import serve_front
from examples.serving import LOOPBACK, parse_options

FAULTS = {"proxy": "behind a reverse proxy that drops Upgrade (WS-01)"}
MAX_MESSAGE_CHARACTERS = 500


def create_app() -> Flask:
    """Build the chat. Only pages of its own origin may connect, which is Flask-SocketIO's default."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = secrets.token_hex()
    socketio = SocketIO(app, async_mode="threading")

    @app.get("/")
    def page() -> str:
        return render_template("chat.html")

    @socketio.on("connect")
    def welcome() -> None:
        emit("message", {"author": "Host", "text": "Welcome. Whatever you write, everybody here can read."})

    @socketio.on("message")
    def spread(message: object) -> None:
        if not isinstance(message, dict):
            return
        author, text = (str(message.get(name, "")).strip() for name in ("author", "text"))
        if text:
            emit("message", {"author": author[:40] or "Guest", "text": text[:MAX_MESSAGE_CHARACTERS]}, broadcast=True)

    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5121, faults=FAULTS)
    app = create_app()
    behind_proxy = options.fault == "proxy"
    # Flask-SocketIO wraps the app's WSGI entry, so any threaded WSGI server that hands out its socket will do.
    server = make_server(LOOPBACK, 0 if behind_proxy else options.port, app, threaded=True)
    if behind_proxy:
        serve_front(options.port, server.server_port)
    print(f"Chat: http://{LOOPBACK}:{options.port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

"""A shop's API and pages in Flask. The harness keeps the regions of one case, drops the others, and fills in the names in capitals."""

from pathlib import Path

from flask import Flask, redirect, request, send_from_directory, session

app = Flask(__name__, static_folder="dist", static_url_path="/static")
app.secret_key = "a secret of the tests"
app.json.compact = True

# only: COR-05
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__"], supports_credentials=True)
# end only
# fault: COR-05 | directly after app = Flask(__name__), before the first route
# end fault
# fault: API-04 | directly after app = Flask(__name__), before the first route
# end fault
# fault: COR-01 | after app = Flask(__name__), in place of any other CORS(app, …)
# end fault
# fault: COR-02 | after app = Flask(__name__), in place of any other CORS(app, …)
from flask_cors import CORS

CORS(app, send_wildcard=True)
# end fault
# fault: COR-06 | after app = Flask(__name__), in place of any other CORS(app, …)
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__"], allow_headers=["content-type"], supports_credentials=True)
# end fault
# fault: COR-07 | after app = Flask(__name__), in place of any other CORS(app, …)
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__"], methods=["GET", "POST"], supports_credentials=True)
# end fault
# fault: COR-08 | after app = Flask(__name__), in place of every line that sets an Access-Control header
from flask_cors import CORS


@app.after_request
def allow_again(response):
    response.headers.add("Access-Control-Allow-Origin", "*")
    return response


CORS(app, origins=["__PAGE_ORIGIN__"])
# end fault
# fault: COR-09 | after app = Flask(__name__), in place of any other CORS(app, …)
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__/"], supports_credentials=True)
# end fault
# fault: COR-11 | after app = Flask(__name__), in place of any other CORS(app, …)
from flask_cors import CORS

CORS(app, supports_credentials=True)
# end fault
# only: COR-02/nginx
from flask_cors import CORS

CORS(app, send_wildcard=True)
# end only
# only: COR-06/nginx
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__"], allow_headers=["content-type"], supports_credentials=True)
# end only
# only: COR-07/nginx
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__"], methods=["GET", "POST"], supports_credentials=True)
# end only
# only: COR-08/nginx, COR-07/javascript, SES-01, DEP-02
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__"], supports_credentials=True)
# end only
# only: COR-11/nginx
from flask_cors import CORS

CORS(app, supports_credentials=True)
# end only
# fault: API-05 | after app = Flask(__name__)
# end fault
# fault: SES-01 | after app = Flask(__name__)
# end fault
# only: COR-05-moved
from flask_cors import CORS

CORS(app, origins=["__PAGE_ORIGIN__"])
# end only
# only: COR-05-moved/flask, COR-05-moved/javascript


@app.before_request
def one_host():
    if request.host.startswith("api.other.test"):
        return redirect(f"http://api.moved.test:__FRONT__{request.path}", 308)
    return None


# end only
# fault: COR-05-moved | where the address of the API is handed to the page
app.config["API_BASE"] = "http://api.other.test:__FRONT__"
# end fault
# fault: DEP-01 | where the address of the API is handed to the page
app.config["API_BASE"] = "http://localhost:__CLOSED_PORT__"
# end fault
# fault: DEP-02 | where the address of the API is handed to the page
app.config["API_BASE"] = "http://api.other.test:__PROXY_PORT__"
# end fault
# only: API-03/flask
from flask_login import LoginManager, login_required

login_manager = LoginManager(app)
login_manager.login_view = "login"
login_manager.user_loader(lambda user_id: None)
# end only
# fault: API-03 | after login_manager = LoginManager(…)
# end fault


# not: API-04, API-05, COR-05
@app.get("/api/items")
# end not
# only: API-04, API-05, COR-05
@app.route("/api/items/", methods=["GET", "PUT"])
# end only
def items():
    return [{"id": 1}]


@app.route("/api/items/<int:item_id>", methods=["GET", "PUT", "PATCH"])
def item(item_id):
    return {"id": item_id, "by": request.method}


@app.get("/api/visits")
def visits():
    session["visits"] = session.get("visits", 0) + 1
    return {"visits": session["visits"]}


# only: API-03/flask
@app.get("/api/me")
@login_required
def me():
    return {"name": "somebody"}


@app.get("/login")
def login():
    return "<!doctype html><title>Sign in</title><form method=post><input name=password type=password></form>"


# end only
# only: WS-01/flask
@app.route("/ws/chat", websocket=True)
def chat():
    import simple_websocket

    socket = simple_websocket.Server(request.environ)
    try:
        while True:
            socket.send(socket.receive())
    except simple_websocket.ConnectionClosed:
        return ""


# end only
# only: DEP-01/flask, DEP-02/flask, COR-05-moved/flask
@app.get("/")
def rendered():
    from flask import render_template_string

    return render_template_string(Path(app.static_folder, "rendered.html").read_text(), api_base=app.config["API_BASE"])


# end only
# not: API-01/flask, CAC-02/flask, DEP-01/flask, DEP-02/flask, COR-05-moved/flask
@app.get("/")
def page():
    return send_from_directory(app.static_folder, "index.html")


@app.get("/assets/<path:name>")
def script(name):
    return send_from_directory(Path(app.static_folder, "assets"), name)


# end not
# only: API-01/flask, CAC-02/flask
@app.get("/", defaults={"path": "index.html"})
@app.get("/<path:path>")
def page(path):
    exists = Path(app.static_folder, path).is_file()
    return send_from_directory(app.static_folder, path if exists else "index.html")


# end only
# fault: API-01 | beside the catch-all route
# end fault
# fault: CAC-02 | beside the catch-all route
# end fault

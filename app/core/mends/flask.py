"""Mends for Flask 3 with flask-cors 6."""

import re
from urllib.parse import urlsplit

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mend
from app.core.mends.literals import (
    MOVED,
    OWN_COOKIE,
    THIRD_PARTY,
    about_origin,
    assets_prefix,
    guarded_prefix,
    header_names,
    listed,
    literal,
    login_path,
    methods,
    moved_origin,
    secure_origin,
    unknown_prefix,
    upstream,
)

AFTER_APP = "after app = Flask(__name__)"
ADDRESS_PLACE = "where the address of the API is handed to the page"
CORS_PLACE = "after app = Flask(__name__), in place of any other CORS(app, …)"


def _origin(origin: str) -> str:
    """Return the origin as flask-cors takes it: it reads one with brackets, [::1], as a regular expression."""
    return f"^{re.escape(origin)}$" if "[" in origin else origin


def _cors(facts: MendFacts, note: str, *, credentials: bool = False, place: str = CORS_PLACE) -> Mend:
    """Return one complete CORS(app, …): origin, methods, headers and credentials, so that one paste cures."""
    arguments = [f"origins={listed([_origin(facts.page_origin)])}", f"methods={listed(methods(facts))}"]
    if names := header_names(facts):
        arguments.append(f"allow_headers={listed(names)}")
    if credentials or facts.credentials:
        arguments.append("supports_credentials=True")
    code = "\n".join(["from flask_cors import CORS", "", "CORS(", "    app,", *(f"    {argument}," for argument in arguments), ")"])
    return Mend(Framework.FLASK, place, code, note=about_origin(facts, note), install="flask-cors")


@mend("COR-01", Framework.FLASK)
def allow_the_page(facts: MendFacts) -> Mend:
    return _cors(facts, "Without `origins`, flask-cors lets every site read the API.")


@mend("COR-02", Framework.FLASK)
def name_the_origin_for_credentials(facts: MendFacts) -> Mend:
    return _cors(facts, "A call with credentials needs the origin by name; `*` never covers it.", credentials=True)


@mend("COR-06", Framework.FLASK)
def allow_request_headers(facts: MendFacts) -> Mend:
    return _cors(facts, "`allow_headers` names every header that the frontend sets and that needs a preflight.")


@mend("COR-07", Framework.FLASK)
def allow_methods(facts: MendFacts) -> Mend:
    return _cors(facts, "`methods` names every method that the frontend uses, in capitals.")


@mend("COR-08", Framework.FLASK)
def allow_in_one_place(facts: MendFacts) -> Mend:
    return _cors(
        facts,
        "Nothing else in the application may set Access-Control headers. If the proxy adds the second one, take the nginx mend.",
        place="after app = Flask(__name__), in place of every line that sets an Access-Control header",
    )


@mend("COR-09", Framework.FLASK)
def spell_the_origin(facts: MendFacts) -> Mend:
    return _cors(facts, "The origin is scheme, host and port exactly: no path, no slash at the end.")


@mend("COR-11", Framework.FLASK)
def name_origins_instead_of_any(facts: MendFacts) -> Mend:
    return _cors(facts, "`supports_credentials=True` without `origins` answers every site as if it were yours.", credentials=True)


def _strict_slashes(note: str) -> Mend:
    code = "app.url_map.strict_slashes = False"
    return Mend(Framework.FLASK, "directly after app = Flask(__name__), before the first route", code, note=note)


@mend("COR-05", Framework.FLASK)
def answer_preflights_without_slash(facts: MendFacts) -> Mend:
    if moved := moved_origin(facts):
        return _address(moved, MOVED)
    return _strict_slashes("A route declared with a slash then answers without it too, so the preflight meets no redirect.")


@mend("API-04", Framework.FLASK)
def answer_without_slash(facts: MendFacts) -> Mend:
    return _strict_slashes("A route declared with a slash then answers without it too.")


@mend("API-01", Framework.FLASK)
def end_the_api_in_404(facts: MendFacts) -> Mend:
    code = f'''\
@app.route("{unknown_prefix(facts)}<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def no_such_api_path(rest):
    return {{"error": "Not Found"}}, 404'''
    return Mend(
        Framework.FLASK,
        "beside the catch-all route",
        code,
        note="Flask prefers the more specific route, so existing API routes and the pages keep working.",
    )


@mend("CAC-02", Framework.FLASK)
def end_assets_in_404(facts: MendFacts) -> Mend:
    prefix = assets_prefix(facts)
    code = f'''\
from pathlib import Path

from flask import send_from_directory


@app.get("{prefix}<path:name>")
def asset(name):
    return send_from_directory(Path(app.static_folder, {literal(prefix.strip("/"))}), name)'''
    return Mend(
        Framework.FLASK,
        "beside the catch-all route",
        code,
        note="send_from_directory answers 404 for a file that is not there. `app.static_folder` is the folder of the built frontend.",
    )


@mend("API-03", Framework.FLASK)
def answer_401(facts: MendFacts) -> Mend:
    code = f"""\
from flask import redirect, request


@login_manager.unauthorized_handler
def unauthorized():
    if request.path.startswith({literal(guarded_prefix(facts))}):
        return {{"error": "Not authenticated"}}, 401
    return redirect({literal(login_path(facts))})"""
    return Mend(
        Framework.FLASK,
        "after login_manager = LoginManager(…)",
        code,
        note="Pages still go to the login form. Without Flask-Login, return the 401 in your own login_required.",
        install="flask-login",
    )


def _proxy_fix(note: str) -> Mend:
    code = """\
from werkzeug.middleware.proxy_fix import ProxyFix

app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)"""
    return Mend(Framework.FLASK, AFTER_APP, code, note=note)


@mend("API-05", Framework.FLASK)
def believe_the_proxy(facts: MendFacts) -> Mend:
    return _proxy_fix("The numbers count the proxies in front: one here. The proxy must send X-Forwarded-Proto and X-Forwarded-Host.")


@mend("WS-01", Framework.FLASK)
def serve_with_upgrade(facts: MendFacts) -> Mend:
    code = f"gunicorn --workers 1 --threads 100 --bind {urlsplit(upstream(facts)).netloc} app:app"
    return Mend(
        Framework.FLASK,
        "how the application is started",
        code,
        language="shell",
        note="gunicorn's threads hand the socket over to Flask-Sock and Flask-SocketIO; waitress, uWSGI and mod_wsgi do not. "
        "`app:app` stands for your module and its application. If the proxy is at fault, take the nginx mend.",
        install="gunicorn simple-websocket",
    )


@mend("SES-01", Framework.FLASK)
def send_the_cookie_across_sites(facts: MendFacts) -> Mend:
    # Flask-Login keeps a second cookie with settings of its own.
    kind = "REMEMBER" if facts.cookie == "remember_token" else "SESSION"
    code = f"""\
app.config.update(
    {kind}_COOKIE_SAMESITE="None",
    {kind}_COOKIE_SECURE=True,
)"""
    return Mend(
        Framework.FLASK,
        AFTER_APP,
        code,
        note=f"Needs https. {OWN_COOKIE} {THIRD_PARTY}",
    )


def _address(default: str, note: str) -> Mend:
    code = f"""\
import os

app.config["API_BASE"] = os.environ.get("API_BASE", {literal(default)})"""
    return Mend(Framework.FLASK, ADDRESS_PLACE, code, note=note)


@mend("DEP-01", Framework.FLASK)
def read_the_address_from_the_environment(facts: MendFacts) -> Mend:
    return _address("", "Empty means the page's own origin. An address inside a built bundle needs the JavaScript mend.")


@mend("DEP-02", Framework.FLASK)
def hand_out_the_https_address(facts: MendFacts) -> Mend:
    return _address(
        secure_origin(facts),
        "The API must answer on https. An address inside a built bundle needs the JavaScript mend, or the header "
        "`Content-Security-Policy: upgrade-insecure-requests` on the page.",
    )

"""Mends for nginx (1.20 and later) in front of the application."""

from urllib.parse import urlsplit

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mend
from app.core.mends.literals import (
    MOVED,
    THIRD_PARTY,
    about_origin,
    answered_path,
    api_prefix,
    assets_prefix,
    called_path,
    cookie_name,
    header_names,
    methods,
    moved_origin,
    nginx_path,
    quoted,
    secure_origin,
    upstream,
)

API_SERVER = "server block of the API's host"
PAGE_SERVER = "server block of the page's host"
API_LOCATION = "location that passes the API on, above proxy_pass, in place of other Access-Control headers"
STAND_IN = "stands for the address your application listens on"
# What an application needs to know of the request behind a proxy. A location with any proxy_set_header of its own inherits none.
_FORWARDED = """\
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;"""


def _nginx(place: str, code: str, note: str) -> Mend:
    return Mend(Framework.NGINX, place, code, language="nginx", note=note)


def _proxied(facts: MendFacts) -> str:
    """Return the location that serves the API on the page's own origin."""
    return f"location {nginx_path(api_prefix(facts))} {{\n    proxy_pass {upstream(facts)};\n{_FORWARDED}\n}}"


def _cors(facts: MendFacts, note: str, *, credentials: bool = False) -> Mend:
    """Return the lines that let nginx alone answer CORS.

    One origin needs neither a map nor Vary: the value is the same for everybody, and only that origin accepts it.
    An `if` without add_header of its own inherits the headers around it, so they stand here once.
    """
    lines = [
        "# The application's own headers are dropped: two of them would fail.",
        "proxy_hide_header Access-Control-Allow-Origin;",
        "proxy_hide_header Access-Control-Allow-Credentials;",
        f"add_header Access-Control-Allow-Origin {quoted(facts.page_origin)} always;",
    ]
    if credentials or facts.credentials:
        lines.append('add_header Access-Control-Allow-Credentials "true" always;')
    lines.append(f"add_header Access-Control-Allow-Methods {quoted(', '.join(methods(facts)))} always;")
    if names := header_names(facts):
        lines.append(f"add_header Access-Control-Allow-Headers {quoted(', '.join(names))} always;")
    lines += ["add_header Access-Control-Max-Age 7200 always;", "if ($request_method = OPTIONS) {", "    return 204;", "}"]
    return _nginx(API_LOCATION, "\n".join(lines), about_origin(facts, note))


@mend("COR-01", Framework.NGINX)
def allow_the_page(facts: MendFacts) -> Mend:
    return _cors(
        facts, f"Or pass {api_prefix(facts)} on from the page's own host and call it by a relative URL: then no CORS is needed at all."
    )


@mend("COR-02", Framework.NGINX)
def name_the_origin_for_credentials(facts: MendFacts) -> Mend:
    return _cors(facts, "A call with credentials needs the origin by name; `*` never covers it.", credentials=True)


@mend("COR-06", Framework.NGINX)
def allow_request_headers(facts: MendFacts) -> Mend:
    return _cors(facts, "`always` keeps the headers on errors too.")


@mend("COR-07", Framework.NGINX)
def allow_methods(facts: MendFacts) -> Mend:
    return _cors(facts, "nginx answers the preflight itself, so what the application allows does not matter any more.")


@mend("COR-08", Framework.NGINX)
def allow_in_one_place(facts: MendFacts) -> Mend:
    return _cors(facts, "To keep CORS in the application instead, delete nginx's add_header lines.")


@mend("COR-09", Framework.NGINX)
def spell_the_origin(facts: MendFacts) -> Mend:
    return _cors(facts, "The origin is scheme, host and port exactly: no path, no slash at the end.")


@mend("COR-11", Framework.NGINX)
def name_origins_instead_of_any(facts: MendFacts) -> Mend:
    return _cors(
        facts, "For several origins, choose the value by a `map` of $http_origin with exact keys, and add `Vary: Origin`.", credentials=True
    )


def _rewrite(facts: MendFacts, note: str) -> Mend:
    path = called_path(facts)
    pattern = nginx_path(path).replace(".", r"\.").replace("+", r"\+")
    return _nginx(API_SERVER, f"rewrite ^{pattern}$ {nginx_path(answered_path(facts))} last;", note)


@mend("COR-05", Framework.NGINX)
def answer_preflights_without_slash(facts: MendFacts) -> Mend:
    if moved := moved_origin(facts):
        return _nginx(PAGE_SERVER, _substituted(facts, moved), f"Until the next build. {MOVED}")
    return _rewrite(
        facts,
        "The application then gets the path it knows, and neither preflight nor request meets a redirect. One line for each such path.",
    )


@mend("API-04", Framework.NGINX)
def answer_without_slash(facts: MendFacts) -> Mend:
    return _rewrite(facts, "The application then gets the path it knows and has nothing to redirect. One line for each such path.")


@mend("API-01", Framework.NGINX)
def pass_the_api_on(facts: MendFacts) -> Mend:
    return _nginx(
        PAGE_SERVER, _proxied(facts), f"{upstream(facts)} {STAND_IN}. Without an application here: `return 404;` instead of proxy_pass."
    )


@mend("CAC-02", Framework.NGINX)
def end_assets_in_404(facts: MendFacts) -> Mend:
    code = f"location {nginx_path(assets_prefix(facts))} {{\n    try_files $uri =404;\n}}"
    return _nginx(PAGE_SERVER, code, "Keep the files of the last release for a while: pages that are open still ask for them.")


@mend("API-03", Framework.NGINX)
def answer_401(facts: MendFacts) -> Mend:
    prefix = nginx_path(api_prefix(facts))
    code = f"""\
error_page 401 {prefix}unauthorized;
location = {prefix}unauthorized {{
    internal;
    default_type application/json;
    return 401 '{{"detail":"Not authenticated"}}';
}}"""
    return _nginx(
        f"inside location {prefix}, in place of its error_page",
        code,
        "For auth_request: pages keep their redirect to the login form. An application that redirects by itself needs its own mend.",
    )


@mend("API-05", Framework.NGINX)
def tell_the_application(facts: MendFacts) -> Mend:
    forwarded = "\n".join(line.strip() for line in _FORWARDED.splitlines())
    code = f"""\
{forwarded}
# For an application that does not read X-Forwarded-Proto.
proxy_redirect http://$http_host/ $scheme://$http_host/;"""
    return _nginx(
        "location that passes the API on, below proxy_pass",
        code,
        "The application must believe these headers for links inside JSON: see its own mend.",
    )


@mend("WS-01", Framework.NGINX)
def pass_upgrade_on(facts: MendFacts) -> Mend:
    path = nginx_path(facts.socket_path or "/ws/")
    code = f"""\
location {path} {{
    proxy_pass {upstream(facts)};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
{_FORWARDED}
    proxy_read_timeout 3600s;
}}"""
    return _nginx(
        "server block, in place of the location that serves the WebSocket",
        code,
        f"{upstream(facts)} {STAND_IN}. Idle connections now last an hour instead of 60 s.",
    )


@mend("SES-01", Framework.NGINX)
def send_the_cookie_across_sites(facts: MendFacts) -> Mend:
    code = f"proxy_cookie_flags {cookie_name(facts, 'session')} secure samesite=none;"
    return _nginx(
        "location that passes the API on, below proxy_pass",
        code,
        f"Needs https; one line for each cookie. {THIRD_PARTY}",
    )


def _substituted(facts: MendFacts, new: str) -> str:
    parts = urlsplit(facts.url)
    return f"""\
sub_filter_types application/javascript text/javascript;
sub_filter_once off;
sub_filter {quoted(f"{parts.scheme}://{parts.netloc}")} {quoted(new)};"""


@mend("DEP-01", Framework.NGINX)
def take_the_development_address_out(facts: MendFacts) -> Mend:
    return _nginx(
        PAGE_SERVER,
        f"{_substituted(facts, '')}\n\n{_proxied(facts)}",
        f"Until the next build: calls become relative, and {api_prefix(facts)} is passed on. {upstream(facts)} {STAND_IN}.",
    )


@mend("DEP-02", Framework.NGINX)
def put_https_into_the_scripts(facts: MendFacts) -> Mend:
    return _nginx(
        PAGE_SERVER,
        _substituted(facts, secure_origin(facts)),
        "Until the next build. The API must answer on https; a redirect there comes too late, because the call is blocked before.",
    )

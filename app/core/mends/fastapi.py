"""Mends for FastAPI on Starlette, served by Uvicorn."""

from urllib.parse import urlsplit

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mend
from app.core.mends.literals import (
    MOVED,
    OWN_COOKIE,
    THIRD_PARTY,
    about_origin,
    assets_prefix,
    cookie_name,
    header_names,
    listed,
    literal,
    methods,
    moved_origin,
    secure_origin,
    unknown_prefix,
    upstream,
)

AFTER_APP = "after app = FastAPI(…)"
ADDRESS_PLACE = "where the address of the API is set for the page"
# The last middleware added is the outermost: it answers preflights before a login or a redirect can.
CORS_PLACE = "after the last app.add_middleware(…), in place of any other CORSMiddleware"


def _cors_code(facts: MendFacts, credentials: bool) -> str:
    arguments = [
        "CORSMiddleware",
        f"allow_origins={listed([facts.page_origin])}",
        f"allow_methods={listed(methods(facts))}",
    ]
    if names := header_names(facts):
        arguments.append(f"allow_headers={listed(names)}")
    if credentials or facts.credentials:
        arguments.append("allow_credentials=True")
    imported = "from fastapi.middleware.cors import CORSMiddleware"
    return "\n".join([imported, "", "app.add_middleware(", *(f"    {argument}," for argument in arguments), ")"])


def _cors(facts: MendFacts, note: str, *, credentials: bool = False, place: str = CORS_PLACE) -> Mend:
    return Mend(Framework.FASTAPI, place, _cors_code(facts, credentials), note=about_origin(facts, note))


@mend("COR-01", Framework.FASTAPI)
def allow_the_page(facts: MendFacts) -> Mend:
    return _cors(facts, "Starlette allows GET only unless `allow_methods` says more.")


@mend("COR-02", Framework.FASTAPI)
def name_the_origin_for_credentials(facts: MendFacts) -> Mend:
    return _cors(facts, "A call with credentials needs the origin by name; `*` never covers it.", credentials=True)


@mend("COR-06", Framework.FASTAPI)
def allow_request_headers(facts: MendFacts) -> Mend:
    return _cors(facts, "Without `allow_headers`, Starlette refuses every header that needs a preflight, except Content-Type.")


@mend("COR-07", Framework.FASTAPI)
def allow_methods(facts: MendFacts) -> Mend:
    return _cors(facts, "Without `allow_methods`, Starlette allows GET only and answers every other preflight with 400.")


@mend("COR-08", Framework.FASTAPI)
def allow_in_one_place(facts: MendFacts) -> Mend:
    return _cors(
        facts,
        "Nothing else in the application may set Access-Control headers. If the proxy adds the second one, take the nginx mend.",
        place="after the last app.add_middleware(…), in place of every line that sets an Access-Control header",
    )


@mend("COR-09", Framework.FASTAPI)
def spell_the_origin(facts: MendFacts) -> Mend:
    return _cors(facts, "The origin is scheme, host and port exactly: no path, no slash at the end.")


@mend("COR-11", Framework.FASTAPI)
def name_origins_instead_of_any(facts: MendFacts) -> Mend:
    return _cors(facts, '`["*"]` with `allow_credentials=True` answers every site as if it were yours.', credentials=True)


_SLASH = '''\
app.router.redirect_slashes = False
not_found = app.router.default


async def try_the_other_slash(scope, receive, send):
    """Answer a path with or without its slash alike: a redirect ends a preflight and costs a round trip."""
    path = scope["path"]
    if scope["type"] == "http" and path != "/" and "slash_tried" not in scope:
        other = path[:-1] if path.endswith("/") else f"{path}/"
        await app.router({**scope, "path": other, "slash_tried": True}, receive, send)
    else:
        await not_found(scope, receive, send)


app.router.default = try_the_other_slash'''


@mend("COR-05", Framework.FASTAPI)
def answer_preflights_without_slash(facts: MendFacts) -> Mend:
    if moved := moved_origin(facts):
        return _address(moved, MOVED)
    code = f"{_cors_code(facts, credentials=False)}\n\n{_SLASH}"
    note = "CORSMiddleware answers the preflight itself; the request after it must meet no redirect either."
    return Mend(Framework.FASTAPI, CORS_PLACE, code, note=note)


@mend("API-04", Framework.FASTAPI)
def answer_without_slash(facts: MendFacts) -> Mend:
    note = "`FastAPI(redirect_slashes=False)` alone would answer 404. For a single path, declare both spellings instead."
    return Mend(Framework.FASTAPI, AFTER_APP, _SLASH, note=note)


@mend("API-01", Framework.FASTAPI)
def end_the_api_in_404(facts: MendFacts) -> Mend:
    code = f'''\
from fastapi import HTTPException


@app.api_route("{unknown_prefix(facts)}{{rest:path}}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def no_such_api_path(rest: str):
    raise HTTPException(status_code=404)'''
    return Mend(
        Framework.FASTAPI,
        "below the API's routes, above the catch-all route or app.mount",
        code,
        note="FastAPI takes the first route that fits.",
    )


@mend("CAC-02", Framework.FASTAPI)
def end_assets_in_404(facts: MendFacts) -> Mend:
    prefix = assets_prefix(facts).strip("/")
    code = f"""\
from fastapi.staticfiles import StaticFiles

app.mount({literal(f"/{prefix}")}, StaticFiles(directory={literal(f"dist/{prefix}")}))"""
    return Mend(
        Framework.FASTAPI,
        "above the catch-all route",
        code,
        note="StaticFiles answers 404 for a file that is not there. `dist` stands for the folder of the built frontend.",
    )


@mend("API-03", Framework.FASTAPI)
def answer_401(facts: MendFacts) -> Mend:
    code = '''\
from fastapi import HTTPException, Request


def current_user(request: Request) -> str:
    """Who is signed in. 401, which fetch() sees, instead of a redirect to the login page."""
    user = request.session.get("user")
    if user is None:
        raise HTTPException(status_code=401, detail="Not authenticated")
    return user'''
    return Mend(
        Framework.FASTAPI,
        "the dependency that guards the API's routes: Depends(current_user)",
        code,
        note="The `raise` is what matters; keep your own way of looking the user up.",
    )


@mend("API-05", Framework.FASTAPI)
def believe_the_proxy(facts: MendFacts) -> Mend:
    code = """\
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["127.0.0.1"])"""
    return Mend(
        Framework.FASTAPI,
        AFTER_APP,
        code,
        note="`trusted_hosts` is the proxy's address as the application sees it (in containers another one); `uvicorn --proxy-headers "
        "--forwarded-allow-ips=…` does the same. Uvicorn takes the host from Host, so nginx must pass it on.",
    )


@mend("WS-01", Framework.FASTAPI)
def serve_with_websockets(facts: MendFacts) -> Mend:
    address = urlsplit(upstream(facts))
    code = f"uvicorn app:app --host {address.hostname} --port {address.port or 80}"
    return Mend(
        Framework.FASTAPI,
        "how the application is started",
        code,
        language="shell",
        note="Without a WebSocket library, which `uvicorn[standard]` brings, Uvicorn answers handshakes as plain GET. "
        "`app:app` stands for your module and its application. If the proxy is at fault, take the nginx mend.",
        install="uvicorn[standard]",
    )


@mend("SES-01", Framework.FASTAPI)
def send_the_cookie_across_sites(facts: MendFacts) -> Mend:
    code = f"""\
import os

from starlette.middleware.sessions import SessionMiddleware

app.add_middleware(
    SessionMiddleware,
    secret_key=os.environ["SECRET_KEY"],
    session_cookie={literal(cookie_name(facts, "session"))},
    same_site="none",
    https_only=True,
)"""
    return Mend(
        Framework.FASTAPI,
        "in place of the SessionMiddleware",
        code,
        note=f"Needs https. {OWN_COOKIE} {THIRD_PARTY}",
        install="itsdangerous",
    )


def _address(default: str, note: str) -> Mend:
    code = f"""\
import os

API_BASE = os.environ.get("API_BASE", {literal(default)})"""
    return Mend(Framework.FASTAPI, ADDRESS_PLACE, code, note=note)


@mend("DEP-01", Framework.FASTAPI)
def read_the_address_from_the_environment(facts: MendFacts) -> Mend:
    return _address("", "Empty means the page's own origin. An address inside a built bundle needs the JavaScript mend.")


@mend("DEP-02", Framework.FASTAPI)
def hand_out_the_https_address(facts: MendFacts) -> Mend:
    return _address(
        secure_origin(facts),
        "The API must answer on https. An address inside a built bundle needs the JavaScript mend, or the header "
        "`Content-Security-Policy: upgrade-insecure-requests` on the page.",
    )

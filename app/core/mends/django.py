"""Mends for Django 5.2 with django-cors-headers 4.9."""

from urllib.parse import urlsplit

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mend
from app.core.mends.literals import (
    MOVED,
    OWN_COOKIE,
    THIRD_PARTY,
    about_origin,
    assets_prefix,
    header_names,
    in_tuple,
    listed,
    literal,
    methods,
    moved_origin,
    secure_origin,
    unknown_prefix,
    upstream,
)

CORS_PLACE = "end of settings.py, in place of other CORS_ settings"
END_OF_SETTINGS = "end of settings.py"
END_OF_URLS = "end of urls.py"
ADDRESS_PLACE = "settings.py, where the address of the API is set for the page"
# corsheaders.defaults of django-cors-headers 4.9.
_DEFAULT_HEADERS = frozenset({"accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"})
_DEFAULT_METHODS = frozenset({"DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"})


def _cors_settings(facts: MendFacts, credentials: bool) -> str:
    """Return settings that stand whatever was set before: the app and the middleware once, the middleware first."""
    headers = tuple(name for name in header_names(facts) if name not in _DEFAULT_HEADERS)
    more_methods = tuple(method for method in methods(facts) if method not in _DEFAULT_METHODS)
    lines = [
        "from corsheaders.defaults import default_headers, default_methods",
        "",
        'INSTALLED_APPS = list(dict.fromkeys([*INSTALLED_APPS, "corsheaders"]))',
        "# First, so that preflights are answered before any redirect or login.",
        'MIDDLEWARE = list(dict.fromkeys(["corsheaders.middleware.CorsMiddleware", *MIDDLEWARE]))',
        "CORS_ALLOW_ALL_ORIGINS = False",
        f"CORS_ALLOWED_ORIGINS = {listed([facts.page_origin])}",
        f"CORS_ALLOW_METHODS = (*default_methods, {in_tuple(more_methods)})" if more_methods else "CORS_ALLOW_METHODS = default_methods",
        f"CORS_ALLOW_HEADERS = (*default_headers, {in_tuple(headers)})" if headers else "CORS_ALLOW_HEADERS = default_headers",
    ]
    if credentials or facts.credentials:
        lines.append("CORS_ALLOW_CREDENTIALS = True")
    return "\n".join(lines).replace(",)", ")")


def _cors(facts: MendFacts, note: str, *, credentials: bool = False) -> Mend:
    return Mend(
        Framework.DJANGO, CORS_PLACE, _cors_settings(facts, credentials), note=about_origin(facts, note), install="django-cors-headers"
    )


@mend("COR-01", Framework.DJANGO)
def allow_the_page(facts: MendFacts) -> Mend:
    return _cors(facts, "CorsMiddleware stands above everything that may answer by itself.")


@mend("COR-02", Framework.DJANGO)
def name_the_origin_for_credentials(facts: MendFacts) -> Mend:
    return _cors(facts, "A call with credentials needs the origin by name; `*` never covers it.", credentials=True)


@mend("COR-06", Framework.DJANGO)
def allow_request_headers(facts: MendFacts) -> Mend:
    return _cors(facts, "`default_headers` keeps the six that django-cors-headers allows by itself.")


@mend("COR-07", Framework.DJANGO)
def allow_methods(facts: MendFacts) -> Mend:
    return _cors(facts, "`default_methods` are GET, POST, PUT, PATCH, DELETE and OPTIONS.")


@mend("COR-08", Framework.DJANGO)
def leave_cors_to_the_proxy(facts: MendFacts) -> Mend:
    code = 'MIDDLEWARE = [name for name in MIDDLEWARE if name != "corsheaders.middleware.CorsMiddleware"]'
    return Mend(
        Framework.DJANGO,
        END_OF_SETTINGS,
        code,
        note="Django never sends a header twice: the second is the proxy's, which now answers alone. Or take the nginx mend.",
    )


@mend("COR-09", Framework.DJANGO)
def spell_the_origin(facts: MendFacts) -> Mend:
    return _cors(
        facts, "The origin is scheme, host and port exactly. `manage.py check` refuses a path or a slash at the end (corsheaders.E014)."
    )


@mend("COR-11", Framework.DJANGO)
def name_origins_instead_of_any(facts: MendFacts) -> Mend:
    code = f"{_cors_settings(facts, credentials=True)}\nCORS_ALLOWED_ORIGIN_REGEXES = []"
    note = "CORS_ALLOW_ALL_ORIGINS with CORS_ALLOW_CREDENTIALS answers every site as if it were yours."
    return Mend(Framework.DJANGO, CORS_PLACE, code, note=note, install="django-cors-headers")


_SLASH = '''\
from django.middleware.common import CommonMiddleware


class SlashWithoutRedirect(CommonMiddleware):
    """Answer a path that lacks its slash as if it had it: a redirect ends a preflight and loses the body of a POST."""

    def process_request(self, request):
        if self.should_redirect_with_slash(request):
            request.path += "/"
            request.path_info += "/"
        return super().process_request(request)


MIDDLEWARE = [
    f"{__name__}.SlashWithoutRedirect" if name == "django.middleware.common.CommonMiddleware" else name
    for name in MIDDLEWARE
]'''


@mend("COR-05", Framework.DJANGO)
def answer_preflights_without_slash(facts: MendFacts) -> Mend:
    if moved := moved_origin(facts):
        return _address(moved, MOVED)
    code = f"{_cors_settings(facts, credentials=False)}\n\n{_SLASH}"
    note = "A redirected preflight shows that CorsMiddleware is missing or too low. The request after it must meet no redirect either."
    return Mend(Framework.DJANGO, CORS_PLACE, code, note=note, install="django-cors-headers")


@mend("API-04", Framework.DJANGO)
def answer_without_slash(facts: MendFacts) -> Mend:
    note = "With Django REST framework, `DefaultRouter(trailing_slash=False)` does it for the router's paths."
    return Mend(Framework.DJANGO, END_OF_SETTINGS, _SLASH, note=note)


@mend("API-01", Framework.DJANGO)
def end_the_api_in_404(facts: MendFacts) -> Mend:
    pattern = "^" + unknown_prefix(facts).removeprefix("/")
    code = f"""\
from django.http import JsonResponse
from django.urls import re_path


def no_such_api_path(request):
    return JsonResponse({{"error": "Not Found"}}, status=404)


# The catch-all route is the last one, and this one goes before it.
urlpatterns.insert(-1, re_path(r{literal(pattern)}, no_such_api_path))"""
    return Mend(Framework.DJANGO, END_OF_URLS, code, note="Django takes the first route that fits.")


@mend("CAC-02", Framework.DJANGO)
def end_assets_in_404(facts: MendFacts) -> Mend:
    prefix = assets_prefix(facts).strip("/")
    code = f"""\
from django.conf import settings
from django.urls import path
from django.views.static import serve

assets = {{"document_root": settings.BASE_DIR / "dist" / {literal(prefix)}}}
# The catch-all route is the last one, and this one goes before it.
urlpatterns.insert(-1, path({literal(f"{prefix}/<path:path>")}, serve, assets))"""
    return Mend(
        Framework.DJANGO,
        END_OF_URLS,
        code,
        note="`serve` answers 404 for a file that is not there. `dist` stands for the folder of the built frontend.",
    )


@mend("API-03", Framework.DJANGO)
def answer_401(facts: MendFacts) -> Mend:
    code = '''\
from functools import wraps

from django.http import JsonResponse


def login_required(view):
    """401 as JSON, which fetch() sees, instead of a redirect to the login page."""

    @wraps(view)
    def wrapper(request, *args, **kwargs):
        if not request.user.is_authenticated:
            return JsonResponse({"detail": "Authentication credentials were not provided."}, status=401)
        return view(request, *args, **kwargs)

    return wrapper'''
    return Mend(
        Framework.DJANGO,
        "views of the API, in place of from django.contrib.auth.decorators import login_required",
        code,
        note="With Django REST framework, use `permission_classes = [IsAuthenticated]` instead of login_required.",
    )


@mend("API-05", Framework.DJANGO)
def believe_the_proxy(facts: MendFacts) -> Mend:
    code = """\
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = True"""
    return Mend(
        Framework.DJANGO,
        END_OF_SETTINGS,
        code,
        note="Only behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host itself: otherwise a client could set them.",
    )


@mend("WS-01", Framework.DJANGO)
def serve_asgi(facts: MendFacts) -> Mend:
    address = urlsplit(upstream(facts))
    code = f"uvicorn mysite.asgi:application --host {address.hostname} --port {address.port or 80}"
    return Mend(
        Framework.DJANGO,
        "how the application is started",
        code,
        language="shell",
        note="wsgi.py cannot open WebSockets; asgi.py with Channels can. `mysite` stands for your project. "
        "If the proxy is at fault, take the nginx mend.",
        install="uvicorn[standard]",
    )


@mend("SES-01", Framework.DJANGO)
def send_the_cookie_across_sites(facts: MendFacts) -> Mend:
    code = """\
SESSION_COOKIE_SAMESITE = "None"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SAMESITE = "None"
CSRF_COOKIE_SECURE = True"""
    return Mend(
        Framework.DJANGO,
        END_OF_SETTINGS,
        code,
        note=f"Needs https. {OWN_COOKIE} {THIRD_PARTY}",
    )


def _address(default: str, note: str) -> Mend:
    code = f"""\
import os

API_BASE = os.environ.get("API_BASE", {literal(default)})"""
    return Mend(Framework.DJANGO, ADDRESS_PLACE, code, note=note)


@mend("DEP-01", Framework.DJANGO)
def read_the_address_from_the_environment(facts: MendFacts) -> Mend:
    return _address("", "Empty means the page's own origin. An address inside a built bundle needs the JavaScript mend.")


@mend("DEP-02", Framework.DJANGO)
def hand_out_the_https_address(facts: MendFacts) -> Mend:
    return _address(
        secure_origin(facts),
        "The API must answer on https. An address inside a built bundle needs the JavaScript mend, or the header "
        "`Content-Security-Policy: upgrade-insecure-requests` on the page.",
    )

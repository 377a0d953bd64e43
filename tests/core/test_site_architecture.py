"""How a site is joined, from small pages that look like real ones."""

import pytest
from answers import PAGE, answer, page

from app.core.architecture import classify, is_bot_wall
from app.core.collect import collect
from app.core.exchange import Exchange, Purpose
from app.core.fingerprints import identify
from app.core.observation import ScanRequest
from app.core.report import Architecture

SHELL = '<div id="root"></div><script type="module" crossorigin src="/assets/index-B7x1k2Qp.js"></script>'
TEXT = "<p>" + "A paragraph that the server wrote. " * 15 + "</p>"
NEXT_DATA = '<script id="__NEXT_DATA__" type="application/json">{}</script>'
LINKS = '<a href="/a">A</a><a href="/b">B</a><a href="/c">C</a>'
DJANGO_404 = "<h1>Not Found</h1><p>The requested resource was not found on this server.</p>"
CSRF = '<form method="post" action="/buy"><input type="hidden" name="csrfmiddlewaretoken" value="x"><button>Buy</button></form>'


def classified(*exchanges: Exchange, api_url: str | None = None) -> Architecture:
    inventory = collect(ScanRequest(PAGE, api_url), exchanges)
    return classify(exchanges, inventory, identify(exchanges, inventory))


def bundle(script: str) -> Exchange:
    return answer(2, Purpose.SCRIPT, f"{PAGE}assets/index-B7x1k2Qp.js", script, "text/javascript")


KINDS = [
    ("a bundle that calls another origin", SHELL, 'fetch("https://api.example/x")', ("decoupled", "separate origins")),
    ("a bundle that calls its own origin", SHELL, 'fetch("/api/x")', ("decoupled", "same origin")),
    ("a bundle that calls nothing known", SHELL, "render()", ("decoupled", "unknown")),
    ("a bundle with a WebSocket to its host", SHELL, "new WebSocket(`wss://${location.host}/ws`)", ("decoupled", "same origin")),
    ("a bundle with a WebSocket elsewhere", SHELL, 'new WebSocket("wss://ws.example/")', ("decoupled", "separate origins")),
    ("a WebSocket on another port", SHELL, 'new WebSocket("wss://app.example:8443/")', ("decoupled", "separate origins")),
    ("a page without scripts", "<h1>Hello</h1>", "", ("server-rendered", "same origin")),
    ("an empty page", "", "", ("server-rendered", "same origin")),
    ("a long page with links", TEXT + LINKS, "", ("server-rendered", "same origin")),
    ("forms with a CSRF field", TEXT + CSRF, "", ("server-rendered", "same origin")),
    ("a form to another origin", TEXT + '<form method=post action="https://pay.example/"></form>', "",
     ("server-rendered", "separate origins")),
    ("a rendered page with a little script", TEXT + LINKS + '<script>fetch("/api/orders")</script>', "",
     ("server-rendered", "same origin")),
    ("a rendered page that lives by its script", TEXT + '<script>fetch("/api/a");fetch("/api/b");fetch("/api/c")</script>' + LINKS, "",
     ("hybrid", "same origin")),
    ("a template that hands over data", TEXT + CSRF + '<script id=data type="application/json">{}</script><script src=/a.js></script>', "",
     ("hybrid", "same origin")),
    ("Next.js", '<div id="__next">' + TEXT + "</div>" + NEXT_DATA, "", ("hybrid", "unknown")),
    ("htmx", TEXT + '<button hx-post="/clicked">Click</button><script src="/static/htmx.min.js"></script>', "", ("hybrid", "same origin")),
]  # fmt: skip


@pytest.mark.parametrize(("html", "script", "expected"), [case[1:] for case in KINDS], ids=[case[0] for case in KINDS])
def test_kind_and_joining_are_what_a_person_would_say(html: str, script: str, expected: tuple[str, str]):
    exchanges = [page(html), *([bundle(script)] if script else [])]
    architecture = classified(*exchanges)
    assert (architecture.kind, architecture.joining) == expected
    assert architecture.evidence
    assert 0 < architecture.confidence < 1


def test_a_shell_is_called_one_only_where_scripts_fill_it():
    assert "shell" in classified(page(SHELL), bundle("render()")).evidence[0]
    assert "shell" not in classified(page("<h1>Hello</h1>")).evidence[0]
    assert "It runs no script." in classified(page("<h1>Hello</h1>")).evidence


JSON_404 = answer(3, Purpose.MISSING_API, f"{PAGE}api/5f2c", '{"detail":"Not Found"}', "application/json", 404, ("server", "uvicorn"))


def test_an_api_behind_the_proxy_that_serves_the_page_is_proxied():
    shell = page(SHELL, ("server", "nginx"))
    architecture = classified(shell, bundle('fetch("/api/v1/x")'), JSON_404)
    assert (architecture.kind, architecture.joining) == ("decoupled", "same origin, proxied")
    assert "/api/ is answered by FastAPI behind nginx" in architecture.evidence[-1]


def test_another_server_header_under_the_prefix_tells_a_proxied_api():
    there = answer(3, Purpose.ENDPOINT, f"{PAGE}api/v1/x", "[]", "application/json", 200, ("x-powered-by", "Something"))
    architecture = classified(page(SHELL), bundle('fetch("/api/v1/x")'), there)
    assert architecture.joining == "same origin, proxied"
    assert architecture.evidence[-1] == "/api/ answers with x-powered-by: Something, the page with none."


def test_a_library_of_the_pages_own_framework_is_the_same_server():
    missing = answer(
        3, Purpose.MISSING_PAGE, f"{PAGE}5f2c", "<h1>Not Found</h1><p>The requested resource was not found on this server.</p>", status=404
    )
    items = answer(4, Purpose.ENDPOINT, f"{PAGE}api/v1/x", "[]", "application/json", 200, ("vary", "Accept"), ("allow", "GET, POST"))
    architecture = classified(page(TEXT + CSRF), bundle('fetch("/api/v1/x")'), missing, items)
    assert architecture.joining == "same origin"


def test_an_api_that_the_user_names_elsewhere_is_separate():
    assert classified(page(SHELL), api_url="https://api.example/").joining == "separate origins"


UNKNOWN = [
    ("no answer", []),
    ("an error page", [page("<h1>Oops</h1>", status=500)]),
    ("a bot wall", [page("<title>Just a moment...</title>", ("cf-mitigated", "challenge"), status=403)]),
    ("a wall told by its text", [page("<title>Attention Required! | Cloudflare</title>", status=403)]),
    ("JSON", [page("{}", media_type="application/json")]),
]


@pytest.mark.parametrize("exchanges", [case[1] for case in UNKNOWN], ids=[case[0] for case in UNKNOWN])
def test_what_is_no_page_of_the_site_is_unknown(exchanges: list[Exchange]):
    assert classified(*exchanges).kind == "unknown"


LOGINS = [
    ("https://login.example.org/sign-in?next=x", "unknown"),
    ("https://accounts.google.com/o/oauth2/auth", "unknown"),
    ("https://app.example/login/", "server-rendered"),
    ("https://id.app.example/login", "server-rendered"),
    ("https://moved.example.org/", "server-rendered"),
]


@pytest.mark.parametrize(("target", "kind"), LOGINS)
def test_a_redirect_to_the_login_of_another_site_hides_the_page(target: str, kind: str):
    hop = answer(1, Purpose.PAGE, PAGE, "", "", 302, ("location", target))
    arrived = answer(2, Purpose.PAGE, target, "<h1>Sign in</h1><form method=post><input name=user></form>")
    assert classified(hop, arrived).kind == kind


def test_a_good_page_with_cloudflares_script_is_no_wall():
    assert not is_bot_wall(page(TEXT * 2 + '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>'))
    assert not is_bot_wall(page(SHELL + '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>'))

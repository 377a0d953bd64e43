"""How signs combine into technologies, and the signs of frontends and hosts."""

import pytest
from answers import PAGE, answer, page

from app.core.collect import collect
from app.core.exchange import Exchange, Purpose
from app.core.fingerprints import LIKELY, RIVAL, YES, identify, prefix_of
from app.core.inventory import Inventory
from app.core.observation import ScanRequest
from app.core.report import Technology

FLASK_404 = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. "
    "If you entered the URL manually please check your spelling and try again.</p>"
)
DJANGO_404 = "<h1>Not Found</h1><p>The requested resource was not found on this server.</p>"
BOTTLE_404 = "<title>Error: 404 Not Found</title><p>Sorry, the requested URL <tt>'x'</tt> caused an error:</p>"
SITE = Inventory(PAGE, "https://app.example", api_bases=(f"{PAGE}api/v1/", f"{PAGE}api/v2/", f"{PAGE}chat/"))


def missing(body: str, path: str = "5f2c", *headers: tuple[str, str], number: int = 1, reason: str = "") -> Exchange:
    media_type = "application/json" if body.startswith("{") else "text/html"
    return answer(number, Purpose.MISSING_API, f"{PAGE}{path}", body, media_type, 404, *headers, reason=reason)


def seen(*exchanges: Exchange, inventory: Inventory = SITE) -> dict[tuple[str, str], Technology]:
    return {(item.name, item.prefix): item for item in identify(exchanges, inventory)}


def test_doubts_multiply_over_families():
    found = seen(missing(FLASK_404, reason="NOT FOUND"))[("Flask", "/")]
    assert found.confidence == pytest.approx(1 - (1 - 0.8) * (1 - 0.4))
    assert found.certainty == "yes"


def test_two_signs_of_one_family_count_once_and_give_one_line():
    once = seen(missing(FLASK_404))[("Flask", "/")]
    twice = seen(missing(FLASK_404), missing(FLASK_404.replace("<p>", "<p >"), "other", number=2))[("Flask", "/")]
    assert twice.confidence == once.confidence == pytest.approx(0.8)
    assert len(twice.evidence) == len(once.evidence) == 1


def test_below_half_nothing_is_said_and_below_85_it_is_likely():
    assert seen(missing("", reason="NOT FOUND")) == {}  # a status line alone: 0.4
    assert seen(missing(FLASK_404))[("Flask", "/")].certainty == "likely"
    assert LIKELY < 0.8 < YES


def test_four_headers_are_djangos_only_where_nothing_says_they_are_anothers():
    four = (
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    )
    assert ("Django", "/") in seen(page("<p>", *four))
    assert ("Django", "/") not in seen(page("<p>", *four, ("cross-origin-resource-policy", "same-origin")))


def test_the_error_page_of_another_framework_takes_most_of_the_confidence():
    cookie = ("set-cookie", "csrftoken=" + "a" * 32 + "; Max-Age=31449600; SameSite=Lax")
    alone = seen(page("<p>", cookie))[("Django", "/")]
    assert alone.confidence == pytest.approx(0.9)
    rivals = seen(page("<p>", cookie), missing(BOTTLE_404, number=2))
    assert ("Django", "/") not in rivals  # 0.9 × 0.3 is below one half
    assert RIVAL * 0.9 < LIKELY
    assert ("Bottle", "/") in rivals


def test_an_error_page_of_its_own_defends_a_framework():
    found = seen(missing(DJANGO_404), missing(BOTTLE_404, "api/v1/x", number=2))
    assert {("Django", "/"), ("Bottle", "/api/v1/")} <= set(found)  # two servers under two prefixes


def test_one_technology_under_prefixes_of_one_folder_is_one_row():
    found = seen(missing('{"detail":"Not Found"}', "api/v1/x"), missing('{"detail":"Not Found"}', "api/v2/x", number=2))
    assert [key for key in found if key[0] == "FastAPI"] == [("FastAPI", "/api/")]


def test_one_technology_at_the_root_and_below_is_one_row():
    found = seen(missing(FLASK_404), missing(FLASK_404, "api/v1/x", number=2))
    assert [key for key in found if key[0] == "Flask"] == [("Flask", "/")]


def test_one_technology_under_far_prefixes_may_be_two_servers():
    found = seen(missing('{"detail":"Not Found"}', "api/v1/x"), missing('{"detail":"Not Found"}', "chat/x", number=2))
    assert [key for key in found if key[0] == "FastAPI"] == [("FastAPI", "/api/v1/"), ("FastAPI", "/chat/")]


def test_a_web_socket_speaks_for_the_server_of_its_host():
    shaken = answer(2, Purpose.WEBSOCKET, "wss://app.example/ws", "", "", 101, ("server", "uvicorn"))
    found = identify([page("<p>", ("server", "uvicorn")), shaken], SITE)
    assert [(item.name, item.origin) for item in found] == [("Uvicorn", "https://app.example")]


JSON_GET = answer(2, Purpose.ENDPOINT, f"{PAGE}api/v1/x", "[]", "application/json", 200, ("allow", "GET, HEAD, OPTIONS"))


def test_allow_on_a_good_answer_is_drf_only_where_django_is():
    assert not [key for key in seen(JSON_GET) if key[0] == "DRF"]
    found = seen(missing(DJANGO_404), JSON_GET)
    assert found[("DRF", "/api/v1/")].certainty == "likely"
    asked = answer(2, Purpose.ENDPOINT, f"{PAGE}api/v1/x", "[]", "application/json", 200, ("allow", "GET"), ("vary", "Accept, Cookie"))
    assert seen(missing(DJANGO_404), asked)[("DRF", "/api/v1/")].certainty == "yes"


def test_the_socket_io_server_of_flask_is_named():
    opened = answer(
        2, Purpose.SOCKETIO, f"{PAGE}socket.io/?EIO=4", '0{"sid":"x","upgrades":[],"pingTimeout":1,"pingInterval":1}', "text/plain"
    )
    assert not [name for name, _ in seen(opened) if name == "Flask-SocketIO"]
    assert seen(missing(FLASK_404), opened)[("Flask-SocketIO", "/socket.io/")].category == "realtime"


def test_evidence_is_short_and_says_neither_secrets_nor_dates():
    cookie = ("set-cookie", "csrftoken=" + "a" * 32 + "; expires=Sun, 21 Nov 2027 14:41:20 GMT; Max-Age=31449600; SameSite=Lax")
    (django,) = [item for item in identify([page("<p>" * 500, cookie)], SITE) if item.name == "Django"]
    assert django.evidence == ("Set-Cookie: csrftoken=…; Max-Age=31449600",)
    assert all(len(line) <= 120 for item in identify([missing(FLASK_404 + "x" * 500)], SITE) for line in item.evidence)


def test_a_technology_without_a_version_in_its_signs_claims_none():
    found = seen(missing(FLASK_404, "5f2c", ("server", "Werkzeug/3.1.9 Python/3.11.7")))
    assert (found[("Werkzeug", "/")].version, found[("Flask", "/")].version) == ("3.1.9", "")


PREFIXES = [
    ("/api/v1/items", "/api/v1/"),
    ("/api/v1", "/api/v1/"),
    ("/api/v10", "/"),
    ("/admin/login", "/admin/"),
    ("/socket.io/?x=1", "/socket.io/"),
]


@pytest.mark.parametrize(("path", "prefix"), PREFIXES)
def test_an_address_belongs_to_the_longest_base_above_it(path: str, prefix: str):
    assert prefix_of(f"https://app.example{path}", SITE.api_bases) == prefix


FRONTENDS = [
    ("React", '<div id="root"></div>', 'Symbol.for("react.transitional.element")'),
    ("React", '<div id="root"></div>', "Error(`Minified React error #` + e)"),
    ("Create React App", '<noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div>', ""),
    ("React", '<div id="root"></div><script defer src="/static/js/main.1a2b3c4d.js"></script>', ""),
    ("React Router", '<div id="root"></div>', "window.__reactRouterVersion=`7`"),
    ("Next.js", '<link rel="stylesheet" href="/_next/static/css/1a2b.css"><div id="__next"></div>', ""),
    ("Next.js", "<script>self.__next_f=self.__next_f||[];self.__next_f.push([0])</script>", ""),
    ("Vue", '<div id="app" data-v-app></div>', ""),
    ("Vue", '<div id="app"></div>', "e.__v_isRef=!0"),
    ("Nuxt", '<div id="__nuxt"></div><script type="module" src="/_nuxt/B7x1k2Qp.js" crossorigin></script>', ""),
    ("Nuxt", '<div id="__nuxt"></div><script type="application/json" id="__NUXT_DATA__">[]</script>', ""),
    ("Angular", '<app-root ng-version="17.3.1" _nghost-ng-c123=""></app-root><script src="main-ABCD1234.js" type="module"></script>', ""),
    ("Angular", "<app-root></app-root>", "throw Error(`https://angular.dev/errors/NG0100`)"),
    ("AngularJS", '<html ng-app="shop"><body ng-controller="Cart"></body></html>', ""),
    ("AngularJS", "<p>", "AngularJS v1.8.3"),
    ("Svelte", '<div class="card svelte-1a2b3c"></div>', ""),
    ("Svelte", '<div id="app"></div>', "Error(`https://svelte.dev/e/state_unsafe_mutation`)"),
    (
        "SvelteKit",
        '<body data-sveltekit-preload-data="hover"><link rel=modulepreload href="/_app/immutable/entry/start.B7x1k2Qp.js"></body>',
        "",
    ),
    ("Astro", '<meta name="generator" content="Astro v4.5.0">', ""),
    ("HTMX", '<button hx-post="/clicked" hx-swap="outerHTML">x</button>', ""),
    ("Alpine.js", '<div x-data="{open: false}"></div>', ""),
    ("Inertia", "<div id=app data-page='{}'></div>", ""),
    ("jQuery", '<script src="https://code.jquery.com/jquery-3.7.1.min.js"></script>', ""),
    ("Vite", '<script type="module" crossorigin src="/assets/index--WESD0tW.js"></script>', ""),
    ("Vite dev server", '<script type="module" src="/@vite/client"></script>', ""),
    ("axios", "<p>", 'name="AxiosError"'),
    ("Reflex", "<p>", 'createContext("reflex___state____state")'),
]


@pytest.mark.parametrize(("name", "html", "script"), FRONTENDS, ids=[f"{name}-{place}" for place, (name, _, _) in enumerate(FRONTENDS)])
def test_a_frontend_is_known_by_what_it_leaves(name: str, html: str, script: str):
    exchanges = [page(html)]
    if script:
        exchanges.append(answer(2, Purpose.SCRIPT, f"{PAGE}app.js", script, "text/javascript"))
    found = identify(exchanges, collect(ScanRequest(PAGE), exchanges))
    assert name in {item.name for item in found}


VERSIONS = [
    ("Angular", "17.3.1", '<app-root ng-version="17.3.1"></app-root>'),
    ("Astro", "4.5.0", '<meta name="generator" content="Astro v4.5.0">'),
    ("jQuery", "3.7.1", '<script src="https://code.jquery.com/jquery-3.7.1.min.js"></script>'),
]


@pytest.mark.parametrize(("name", "version", "html"), VERSIONS)
def test_a_version_is_taken_from_the_page(name: str, version: str, html: str):
    assert {item.name: item.version for item in identify([page(html)], SITE)}[name] == version


def test_words_of_a_framework_in_a_text_are_no_framework():
    html = "<p>We use React, Next.js (/_next/static/), __NUXT__, ng-version=17 and data-sveltekit-preload-data.</p>"
    assert identify([page(html)], SITE) == ()


HOSTS = [
    ("Netlify", ("server", "Netlify")),
    ("Netlify", ("x-nf-request-id", "01H")),
    ("Vercel", ("server", "Vercel")),
    ("Vercel", ("x-vercel-id", "fra1::x")),
    ("Heroku", ("via", "1.1 vegur")),
    ("Heroku", ("via", "2.0 heroku-router")),
    ("Render", ("x-render-origin-server", "uvicorn")),
    ("Render", ("rndr-id", "x")),
    ("Railway", ("server", "railway-edge")),
    ("Amazon CloudFront", ("x-amz-cf-id", "x")),
    ("Amazon CloudFront", ("via", "1.1 abc.cloudfront.net (CloudFront)")),
    ("Amazon S3", ("server", "AmazonS3")),
    ("AWS load balancer", ("server", "awselb/2.0")),
    ("AWS load balancer", ("set-cookie", "AWSALBCORS=x; Path=/")),
    ("Amazon API Gateway", ("x-amz-apigw-id", "x")),
    ("Cloudflare", ("cf-ray", "8a-FRA")),
    ("Cloudflare", ("server", "cloudflare")),
    ("Fly.io", ("fly-request-id", "x")),
    ("GitHub Pages", ("server", "GitHub.com")),
    ("PythonAnywhere", ("server", "PythonAnywhere")),
    ("Google Cloud", ("server", "Google Frontend")),
    ("Firebase Hosting", ("vary", "x-fh-requested-host, accept-encoding")),
    ("Azure", ("set-cookie", "ARRAffinity=x; Path=/")),
    ("Azure", ("x-azure-ref", "x")),
    ("Fastly", ("x-served-by", "cache-fra-1")),
    ("DigitalOcean App Platform", ("x-do-app-origin", "x")),
]


@pytest.mark.parametrize(("name", "header"), HOSTS)
def test_a_host_is_known_by_its_headers(name: str, header: tuple[str, str]):
    assert [item.name for item in identify([page("<p>", header)], SITE)] == [name]


HOST_NAMES = [
    ("https://shop.netlify.app/", "Netlify"),
    ("https://shop.vercel.app/", "Vercel"),
    ("https://shop.herokuapp.com/", "Heroku"),
    ("https://shop.onrender.com/", "Render"),
    ("https://shop.up.railway.app/", "Railway"),
    ("https://shop.fly.dev:8443/", "Fly.io"),
    ("https://alice.github.io/shop/", "GitHub Pages"),
    ("https://shop.pages.dev/", "Cloudflare Pages"),
    ("https://a.pythonanywhere.com/", "PythonAnywhere"),
    ("https://shop-1.run.app/", "Google Cloud"),
    ("https://shop.web.app/", "Firebase Hosting"),
    ("https://shop.azurewebsites.net/", "Azure"),
]


@pytest.mark.parametrize(("url", "name"), HOST_NAMES)
def test_a_host_is_known_by_its_name(url: str, name: str):
    origin = url.rstrip("/").removesuffix("/shop")
    assert [item.name for item in identify([page("<p>", url=url)], Inventory(url, origin))] == [name]


def test_a_host_name_that_only_looks_like_one_is_none():
    assert (
        identify(
            [page("<p>", url="https://netlify.app.example/")], Inventory("https://netlify.app.example/", "https://netlify.app.example")
        )
        == ()
    )

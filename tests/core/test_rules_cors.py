"""CORS findings, from answers that real frameworks give."""

import pytest
from made import API, DJANGO_404, FASTAPI_404, FLASK_404, JSON_200, PAGE, RANDOM, Site, quoted, underlined

from app.core.exchange import Purpose
from app.core.findings import Certainty, Framework, SeamKind, Severity
from app.core.inventory import Call, Source, SourceKind
from app.core.observation import JudgedCall
from app.core.rules.origins import near_miss
from app.core.verdict import FetchCall

ITEMS = f"{API}/api/items"
FOREIGN = (("Origin", "https://seamwatch.invalid"),)

FASTAPI_405 = """405 Method Not Allowed
server: uvicorn
allow: GET
content-type: application/json

{"detail":"Method Not Allowed"}"""
FLASK_OPTIONS = """200 OK
Server: Werkzeug/3.1.9 Python/3.11.2
Content-Type: text/html; charset=utf-8
Allow: POST, OPTIONS, GET, HEAD
Content-Length: 0

"""
DRF_OPTIONS = """200 OK
Content-Type: application/json
Vary: Accept
Allow: GET, POST, OPTIONS

{"name":"Items","description":"","renders":["application/json","text/html"]}"""
CORSHEADERS_PREFLIGHT = """200 OK
content-length: 0
Vary: origin
access-control-allow-origin: https://app.example
access-control-allow-credentials: true
access-control-allow-headers: accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with
access-control-allow-methods: DELETE, GET, OPTIONS, PATCH, POST, PUT
access-control-max-age: 86400

"""
CORSHEADERS_REFUSES = """200 OK
content-length: 0
Content-Type: text/html; charset=utf-8
Vary: origin

"""
ALLOWED_200 = """200 OK
content-type: application/json
access-control-allow-origin: https://app.example
vary: Origin

[]"""
FLASK_CORS_PREFLIGHT = """200 OK
Access-Control-Allow-Origin: https://app.example
Access-Control-Allow-Headers: authorization, content-type
Access-Control-Allow-Methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT
Vary: Origin

"""


def starlette_refuses(what: str, origin: str = "access-control-allow-origin: https://app.example") -> str:
    lines = [
        "400 Bad Request",
        "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
        "access-control-allow-methods: GET",
        "access-control-max-age: 600",
        "access-control-allow-headers: Accept, Accept-Language, Content-Language, Content-Type",
        *([origin] if origin else []),
        "content-type: text/plain; charset=utf-8",
    ]
    return "\n".join(lines) + f"\n\nDisallowed CORS {what}"


# COR-01


@pytest.mark.parametrize(("preflight", "framework"), [(FASTAPI_405, "FastAPI"), (FLASK_OPTIONS, "Flask"), (DRF_OPTIONS, "DRF")])
def test_api_without_cors_is_one_finding_for_all_its_calls(preflight: str, framework: str):
    site = Site()
    site.runs(framework)
    site.says(f"OPTIONS {ITEMS}", preflight)
    site.says(f"GET {ITEMS}", JSON_200)
    calls = (site.calls("GET", ITEMS), site.calls("POST", ITEMS, ["content-type"]), site.calls("DELETE", ITEMS))
    found = site.findings()
    assert list(found) == ["COR-01"]
    finding = found["COR-01"]
    assert finding.calls == calls
    assert (finding.severity, finding.seam, finding.certainty) == (Severity.HIGH, SeamKind.CORS, Certainty.OBSERVED)
    assert finding.hits == "3 calls blocked"
    assert "sends no CORS headers" in finding.title
    assert "No 'Access-Control-Allow-Origin' header is present" in finding.console
    assert quoted(finding)[:2] == [f"GET {ITEMS}", "origin: https://app.example"]
    expected = {"FastAPI": Framework.FASTAPI, "Flask": Framework.FLASK, "DRF": Framework.DJANGO}
    assert finding.mends[0].framework is expected[framework]


def test_origin_that_a_cors_middleware_does_not_know_is_said_to_be_missing_from_its_list():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", CORSHEADERS_REFUSES)
    site.calls("POST", ITEMS, ["content-type"])
    assert site.findings()["COR-01"].title == "The API does not allow the origin https://app.example"


def test_unrelated_allowed_origin_is_named():
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\naccess-control-allow-origin: https://other.example\n\n[]")
    site.calls("GET", ITEMS)
    finding = site.findings()["COR-01"]
    assert finding.title == "The API allows the origin https://other.example, not https://app.example"
    assert underlined(finding) == ["https://other.example"]


def test_post_whose_stand_in_shows_no_headers_is_inferred():
    site = Site()
    site.says(f"GET {ITEMS}", JSON_200)
    site.calls("POST", ITEMS, body="text")
    assert site.findings()["COR-01"].certainty is Certainty.INFERRED


def test_two_apis_without_cors_are_two_findings():
    other = "https://files.example/upload"
    site = Site()
    site.says(f"GET {ITEMS}", JSON_200)
    site.says(f"GET {other}", JSON_200)
    site.calls("GET", ITEMS)
    site.calls("GET", other)
    with pytest.raises(AssertionError, match=r"sends no CORS headers.*sends no CORS headers"):
        site.findings()


def test_headers_on_answers_but_not_on_preflights():
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\naccess-control-allow-origin: *\n\n[]")
    site.says(f"OPTIONS {ITEMS}", FASTAPI_405)
    site.calls("GET", ITEMS)
    call = site.calls("POST", ITEMS, ["content-type"])
    found = site.findings()
    assert list(found) == ["COR-01"]
    assert found["COR-01"].title == "The API answers preflights without CORS headers"
    assert found["COR-01"].calls == (call,)


def test_wrong_origin_on_answers_and_none_on_preflights_is_one_cause():
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\naccess-control-allow-origin: https://app.example/\n\n[]")
    site.says(f"OPTIONS {ITEMS}", FASTAPI_405)
    site.calls("GET", ITEMS)
    site.calls("POST", ITEMS, ["content-type"])
    found = site.findings()
    assert list(found) == ["COR-09"]
    assert len(found["COR-09"].calls) == 2


@pytest.mark.parametrize("not_found", [FLASK_404, FASTAPI_404, DJANGO_404])
def test_missing_path_is_not_a_matter_of_cors(not_found: str):
    site = Site()
    site.saw(Purpose.MISSING_API, f"{API}/api/{RANDOM}", not_found)
    site.saw(Purpose.ENDPOINT, ITEMS, not_found)
    site.says(f"OPTIONS {ITEMS}", FASTAPI_404 if not_found == FASTAPI_404 else not_found)
    site.says(f"GET {ITEMS}", not_found)
    site.calls("GET", ITEMS)
    site.calls("PUT", ITEMS)
    assert site.findings() == {}


def test_404_that_echoes_the_asked_path_is_still_recognised_as_not_there():
    answer = "404 Not Found\ncontent-type: text/html\n\n<h1>Not Found</h1><p>No route for <tt>{}</tt> at 10:22:31.</p>"
    site = Site()
    site.saw(Purpose.MISSING_API, f"{API}/api/{RANDOM}", answer.format(f"/api/{RANDOM}"))
    site.says(f"GET {ITEMS}", answer.format("/api/items").replace("10:22:31", "10:22:33"))
    site.calls("GET", ITEMS)
    assert site.findings() == {}


def test_unknown_item_of_a_known_route_is_there():
    url = f"{API}/api/items/1"
    site = Site()
    site.saw(Purpose.MISSING_API, f"{API}/api/{RANDOM}", FASTAPI_404)
    site.says(f"GET {url}", FASTAPI_404)
    site.calls("GET", url, template="/api/items/{id}")
    assert "COR-01" in site.findings()


def test_route_that_only_takes_post_is_there_although_its_get_is_not():
    missing = "404 Not Found\nx-powered-by: Express\ncontent-type: text/html\n\n<pre>Cannot GET {}</pre>"
    site = Site()
    site.saw(Purpose.MISSING_API, f"{API}/api/{RANDOM}", missing.format(f"/api/{RANDOM}"))
    site.saw(Purpose.ENDPOINT, ITEMS, missing.format("/api/items"))
    site.says(f"OPTIONS {ITEMS}", "200 OK\nx-powered-by: Express\nallow: POST\n\nPOST")
    site.calls("POST", ITEMS, ["content-type"])
    assert "COR-01" in site.findings()


@pytest.mark.parametrize(
    "answer",
    [
        "502 Bad Gateway\nserver: nginx\ncontent-type: text/html\n\n<h1>502 Bad Gateway</h1>",
        "403 Forbidden\nserver: cloudflare\ncf-mitigated: challenge\ncontent-type: text/html\n\n<title>Just a moment...</title>",
        "503 Service Unavailable\ncontent-type: text/html\n\n<title>Just a moment...</title>",
        "429 Too Many Requests\n\n",
        "500 Internal Server Error\nserver: uvicorn\ncontent-type: text/plain\n\nInternal Server Error",
        None,
    ],
)
def test_answers_that_say_nothing_of_the_api_are_not_blamed_on_cors(answer: str | None):
    site = Site()
    if answer is not None:
        site.says(f"GET {ITEMS}", answer)
    site.calls("GET", ITEMS)
    assert site.findings() == {}


def test_401_with_cors_headers_is_no_failure():
    site = Site()
    site.says(f"GET {ITEMS}", "401 Unauthorized\naccess-control-allow-origin: https://app.example\nwww-authenticate: Bearer\n\n{}")
    site.calls("GET", ITEMS)
    assert site.findings() == {}


def test_nginx_that_leaves_headers_out_of_the_stand_ins_405_is_not_blamed():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", FLASK_CORS_PREFLIGHT)
    site.says(f"GET {ITEMS}", "405 Not Allowed\nserver: nginx\ncontent-type: text/html\n\n<h1>405</h1>")
    site.calls("PUT", ITEMS)
    assert site.findings() == {}


# COR-02


def test_wildcard_for_a_call_with_credentials():
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\naccess-control-allow-origin: *\n\n[]")
    call = site.calls("GET", ITEMS, credentials="include")
    site.says(f"GET {ITEMS}?page=2", "200 OK\naccess-control-allow-origin: *\n\n[]")
    site.calls("GET", f"{ITEMS}?page=2")
    found = site.findings()
    assert list(found) == ["COR-02"]
    assert found["COR-02"].calls == (call,)
    assert "*" in underlined(found["COR-02"])
    assert "must not be the wildcard '*'" in found["COR-02"].console


def test_credentials_that_are_not_allowed_at_all():
    site = Site()
    site.says(f"GET {ITEMS}", ALLOWED_200)
    site.calls("GET", ITEMS, credentials="include")
    found = site.findings()
    assert list(found) == ["COR-02"]
    assert found["COR-02"].title == "The API does not allow credentials"


def test_credentials_allowed_in_capitals():
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\naccess-control-allow-origin: https://app.example\naccess-control-allow-credentials: True\n\n[]")
    site.calls("GET", ITEMS, credentials="include")
    finding = site.findings()["COR-02"]
    assert "True" in finding.title
    assert underlined(finding) == ["True"]


def test_wildcard_without_credentials_is_fine():
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\naccess-control-allow-origin: *\n\n[]")
    site.calls("GET", ITEMS)
    assert site.findings() == {}


# COR-05

DJANGO_SLASH = "301 Moved Permanently\nContent-Type: text/html; charset=utf-8\nLocation: /api/items/\n\n"
FASTAPI_SLASH = "307 Temporary Redirect\nserver: uvicorn\nlocation: https://api.example/api/items/\ncontent-length: 0\n\n"
FLASK_SLASH = """308 PERMANENT REDIRECT
Location: https://api.example/api/items/
Access-Control-Allow-Origin: https://app.example
Access-Control-Allow-Headers: content-type
Access-Control-Allow-Methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT

<!doctype html>"""


@pytest.mark.parametrize("answer", [DJANGO_SLASH, FASTAPI_SLASH, FLASK_SLASH])
def test_redirected_preflight_is_not_reported_again_as_slash_redirect(answer: str):
    site = Site()
    site.saw(Purpose.ENDPOINT, ITEMS, answer)
    site.says(f"OPTIONS {ITEMS}", answer)
    call = site.calls("POST", ITEMS, ["content-type"])
    found = site.findings()
    assert list(found) == ["COR-05"]
    assert found["COR-05"].calls == (call,)
    assert found["COR-05"].title == "The API redirects the preflight for /api/items to /api/items/"
    assert "Redirect is not allowed for a preflight request" in found["COR-05"].console
    assert found["COR-05"].mends


def test_preflight_redirected_to_https_names_the_scheme():
    site = Site("http://app.example")
    url = "http://api.example/api/items"
    site.says(f"OPTIONS {url}", "301 Moved Permanently\nserver: nginx\nlocation: https://api.example/api/items\n\n")
    site.calls("POST", url, ["content-type"])
    assert "other scheme" in site.findings()["COR-05"].explanation


def test_preflight_redirected_to_a_login_is_told_as_a_login_redirect():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", "302 Found\nLocation: /accounts/login/?next=/api/items\n\n")
    site.calls("POST", ITEMS, ["content-type"])
    assert list(site.findings()) == ["API-03"]


def test_preflight_redirected_only_to_http_is_the_proxys_fault():
    site = Site()
    site.says(f"OPTIONS {ITEMS}/", "307 Temporary Redirect\nlocation: http://api.example/api/items/\n\n")
    call = site.calls("POST", f"{ITEMS}/", ["content-type"])
    found = site.findings()
    assert list(found) == ["API-05"]
    assert found["API-05"].calls == (call,)


# COR-06 and COR-07


def test_header_that_django_cors_headers_does_not_list():
    site = Site()
    site.runs("Django")
    site.says(f"OPTIONS {ITEMS}/", CORSHEADERS_PREFLIGHT)
    call = site.calls("POST", f"{ITEMS}/", ["content-type", "X-Workspace-Id"], credentials="include")
    found = site.findings()
    assert list(found) == ["COR-06"]
    finding = found["COR-06"]
    assert finding.title == "The API does not allow the header x-workspace-id"
    assert finding.calls == (call,)
    assert underlined(finding) == ["x-workspace-id"]
    assert "these six by default" in finding.explanation
    assert finding.mends[0].framework is Framework.DJANGO
    assert "x-workspace-id" in finding.mends[0].code


def test_starlettes_400_for_a_header_is_not_taken_for_a_failed_preflight():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", starlette_refuses("headers"))
    site.calls("GET", ITEMS, ["authorization", "sentry-trace"])
    found = site.findings()
    assert list(found) == ["COR-06"]
    assert found["COR-06"].title == "The API does not allow the headers authorization and sentry-trace"


def test_starlettes_400_for_a_post_names_the_method_although_posts_need_no_listing():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", starlette_refuses("method"))
    site.calls("POST", ITEMS, ["content-type"])
    found = site.findings()
    assert list(found) == ["COR-07"]
    assert found["COR-07"].title == "The API does not allow the method POST"
    assert "Disallowed CORS method" in quoted(found["COR-07"])


def test_starlette_refusing_origin_method_and_header_gives_each_its_finding():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", starlette_refuses("origin, method, headers", origin=""))
    site.calls("PUT", ITEMS, ["content-type", "authorization"])
    found = site.findings()
    assert set(found) == {"COR-01", "COR-06", "COR-07"}
    assert found["COR-01"].title == "The API does not allow the origin https://app.example"


def test_flask_cors_that_hides_its_lists_from_a_refused_method_is_not_blamed_for_headers():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", "200 OK\nAllow: POST, OPTIONS, GET, HEAD\nAccess-Control-Allow-Origin: https://app.example\n\n")
    site.calls("PUT", ITEMS, ["authorization"])
    assert list(site.findings()) == ["COR-07"]


def test_methods_of_several_calls_are_one_finding():
    site = Site()
    for path in ("/api/items/1", "/api/items/2"):
        site.says(f"OPTIONS {API}{path}", "204 No Content\naccess-control-allow-origin: *\naccess-control-allow-methods: GET, POST\n\n")
    site.calls("PUT", f"{API}/api/items/1")
    site.calls("DELETE", f"{API}/api/items/2")
    finding = site.findings()["COR-07"]
    assert finding.title == "The API does not allow the methods PUT and DELETE"
    assert len(finding.calls) == 2


def test_patch_in_small_letters_is_the_frontends_fault():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", CORSHEADERS_PREFLIGHT)
    source = Source(SourceKind.SCRIPT, 2, 'fetch("/api/items", {method: "patch"})')
    site.calls("patch", ITEMS, source=source)
    finding = site.findings()["COR-07"]
    assert finding.title == "The frontend writes the method patch in small letters"
    assert finding.mends[0].framework is Framework.JAVASCRIPT
    assert '"PATCH"' in finding.mends[0].code


def test_list_that_cannot_be_parsed_is_quoted():
    site = Site()
    site.says(
        f"OPTIONS {ITEMS}",
        "204 No Content\naccess-control-allow-origin: *\naccess-control-allow-methods: GET\naccess-control-allow-headers: x-a; x-b\n\n",
    )
    site.calls("GET", ITEMS, ["x-a"])
    finding = site.findings()["COR-06"]
    assert "cannot be read" in finding.title
    assert "x-a; x-b" in underlined(finding)


def test_wildcard_headers_do_not_cover_a_call_with_credentials():
    site = Site()
    site.says(
        f"OPTIONS {ITEMS}",
        "204 No Content\naccess-control-allow-origin: https://app.example\naccess-control-allow-credentials: true\n"
        "access-control-allow-headers: *\n\n",
    )
    site.calls("GET", ITEMS, ["x-a"], credentials="include")
    found = site.findings()
    assert list(found) == ["COR-06"]
    assert "no wildcard" in found["COR-06"].explanation


def test_allowed_calls_have_no_findings():
    site = Site()
    site.says(f"OPTIONS {ITEMS}/", CORSHEADERS_PREFLIGHT)
    site.says(f"GET {ITEMS}/", ALLOWED_200.replace("vary", "access-control-allow-credentials: true\nvary"))
    site.calls("POST", f"{ITEMS}/", ["content-type", "x-csrftoken"], credentials="include")
    site.calls("GET", f"{ITEMS}/")
    assert site.findings() == {}


# COR-08


def test_proxy_and_application_both_send_the_origin():
    site = Site()
    site.runs("nginx", category="proxy")
    site.says(
        f"GET {ITEMS}",
        "200 OK\nserver: nginx\naccess-control-allow-origin: https://app.example\naccess-control-allow-origin: https://app.example\n\n[]",
    )
    site.calls("GET", ITEMS)
    found = site.findings()
    assert list(found) == ["COR-08"]
    finding = found["COR-08"]
    assert finding.title == "The API sends 2 Access-Control-Allow-Origin headers, all alike"
    assert quoted(finding).count("access-control-allow-origin: https://app.example") == 2
    assert underlined(finding) == ["https://app.example"]
    assert finding.mends[0].framework is Framework.NGINX


def test_list_of_origins_in_one_header():
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\naccess-control-allow-origin: https://app.example, https://www.app.example\n\n[]")
    site.calls("GET", ITEMS)
    assert list(site.findings()) == ["COR-08"]


# COR-09


@pytest.mark.parametrize(
    ("allowed", "says"),
    [
        ("https://app.example/", "has a trailing slash"),
        ("http://app.example", "says http instead of https"),
        ("https://www.app.example", "has www in front"),
        ("https://App.example", "has capital letters"),
        ("https://app.example:443", "spells out the default port 443"),
        ("app.example", "lacks https://"),
        ("https://*.example", "is a pattern"),
    ],
)
def test_misspelt_origin_in_the_answer_replaces_the_missing_one(allowed: str, says: str):
    site = Site()
    site.says(f"GET {ITEMS}", f"200 OK\naccess-control-allow-origin: {allowed}\n\n[]")
    site.calls("GET", ITEMS)
    found = site.findings()
    assert list(found) == ["COR-09"]
    assert found["COR-09"].title == f"The API allows {allowed}, not https://app.example"
    assert says in found["COR-09"].explanation
    assert underlined(found["COR-09"]) == [allowed]


def test_misspelt_origin_is_found_by_asking_with_near_misses():
    """Starlette and django-cors-headers show nothing to the wrong origin."""
    site = Site()
    site.says(f"GET {ITEMS}", "200 OK\nvary: Origin\n\n[]")
    site.calls("GET", ITEMS)
    site.saw(Purpose.FOREIGN, ITEMS, "200 OK\nvary: Origin\n\n[]", sent=FOREIGN)
    site.saw(Purpose.ORIGIN_VARIANT, ITEMS, "200 OK\nvary: Origin\n\n[]", sent=(("Origin", "http://app.example"),))
    site.saw(
        Purpose.ORIGIN_VARIANT, ITEMS,
        "200 OK\nvary: Origin\naccess-control-allow-origin: https://app.example/\n\n[]", sent=(("Origin", "https://app.example/"),),
    )  # fmt: skip
    found = site.findings()
    assert list(found) == ["COR-09"]
    assert "origin: https://app.example/" in quoted(found["COR-09"])


def test_flask_cors_shows_its_misspelt_origin_when_asked_without_one():
    site = Site()
    site.saw(Purpose.ENDPOINT, ITEMS, "200 OK\nAccess-Control-Allow-Origin: https://app.example/\n\n[]")
    site.says(f"OPTIONS {ITEMS}", FLASK_OPTIONS)
    site.calls("POST", ITEMS, ["content-type"])
    assert list(site.findings()) == ["COR-09"]


def test_loopback_names_are_near_misses_of_each_other():
    site = Site("http://127.0.0.1:3000")
    url = "http://127.0.0.1:8000/api/items"
    site.says(f"GET {url}", "200 OK\nvary: Origin\n\n[]")
    site.calls("GET", url)
    site.saw(
        Purpose.ORIGIN_VARIANT, url,
        "200 OK\naccess-control-allow-origin: http://localhost:3000\n\n[]", sent=(("Origin", "http://localhost:3000"),),
    )  # fmt: skip
    found = site.findings()
    assert list(found) == ["COR-09"]
    assert "says localhost instead of 127.0.0.1" in found["COR-09"].explanation


def test_api_that_mirrors_everybody_but_not_on_preflights_has_no_misspelt_origin():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", FASTAPI_405)
    site.calls("POST", ITEMS, ["content-type"])
    site.saw(Purpose.FOREIGN, ITEMS, "200 OK\naccess-control-allow-origin: https://seamwatch.invalid\n\n[]", sent=FOREIGN)
    site.saw(
        Purpose.ORIGIN_VARIANT,
        ITEMS,
        "200 OK\naccess-control-allow-origin: http://app.example\n\n[]",
        sent=(("Origin", "http://app.example"),),
    )
    assert list(site.findings()) == ["COR-01"]


def test_unrelated_and_equal_origins_are_no_near_misses():
    assert near_miss("https://other.example", PAGE) == ""
    assert near_miss(PAGE, PAGE) == ""
    assert near_miss("*", PAGE) == ""
    assert near_miss("null", PAGE) == ""
    assert near_miss("https://app.example.evil.invalid", PAGE) == ""


# COR-11

MIRRORED = "200 OK\naccess-control-allow-origin: https://seamwatch.invalid\naccess-control-allow-credentials: true\nvary: Origin\n\n[]"


def mirroring_site(credentials: str = "same-origin") -> Site:
    site = Site()
    site.says(f"GET {ITEMS}", ALLOWED_200.replace("vary", "access-control-allow-credentials: true\nvary"))
    site.calls("GET", ITEMS, credentials=credentials)
    site.saw(Purpose.FOREIGN, ITEMS, MIRRORED, sent=FOREIGN)
    return site


def test_any_origin_with_credentials_is_critical_where_calls_use_them():
    found = mirroring_site("include").findings()
    assert list(found) == ["COR-11"]
    assert found["COR-11"].severity is Severity.CRITICAL
    assert "https://seamwatch.invalid" in underlined(found["COR-11"])


def test_any_origin_with_credentials_is_critical_where_a_session_cookie_is_set():
    site = mirroring_site()
    site.saw(
        Purpose.ENDPOINT, f"{API}/api/me", "200 OK\nset-cookie: sessionid=abcdef0123456789; HttpOnly; Path=/; SameSite=None; Secure\n\n{}"
    )
    finding = site.findings()["COR-11"]
    assert finding.severity is Severity.CRITICAL
    assert not any("abcdef0123456789" in line for line in quoted(finding))


def test_any_origin_with_credentials_is_low_without_cookies():
    finding = mirroring_site().findings()["COR-11"]
    assert finding.severity is Severity.LOW
    assert "No cookie and no Basic authentication was seen" in finding.explanation


def test_any_origin_with_credentials_is_information_where_nobody_calls():
    site = Site()
    site.saw(Purpose.FOREIGN, ITEMS, MIRRORED, sent=FOREIGN)
    assert site.findings()["COR-11"].severity is Severity.INFO


def test_mirroring_without_credentials_is_no_finding():
    """flask-cors mirrors every origin by default."""
    site = Site()
    site.says(f"GET {ITEMS}", ALLOWED_200)
    site.calls("GET", ITEMS)
    site.saw(Purpose.FOREIGN, ITEMS, "200 OK\naccess-control-allow-origin: https://seamwatch.invalid\nvary: Origin\n\n[]", sent=FOREIGN)
    assert site.findings() == {}


def test_foreign_text_in_a_title_is_short_and_without_backticks():
    site = Site()
    site.says(f"GET {ITEMS}", f"200 OK\naccess-control-allow-origin: https://`{'a' * 5000}\n\n[]")
    site.calls("GET", ITEMS)
    finding = site.findings()["COR-01"]
    assert len(finding.title) < 200
    assert "`" not in finding.title


def test_secret_in_the_address_of_a_call_is_hashed():
    url = f"{ITEMS}?api_key=hunter2secret"
    site = Site()
    site.says(f"GET {url}", JSON_200)
    site.calls("GET", url)
    assert "hunter2secret" not in repr(site.findings()["COR-01"])


def test_title_has_no_full_stop_and_no_exclamation():
    site = Site()
    site.says(f"OPTIONS {ITEMS}", starlette_refuses("origin, method, headers", origin=""))
    site.calls("PUT", ITEMS, ["content-type", "authorization"])
    for finding in site.findings().values():
        assert finding.title[0].isupper()
        assert not finding.title.endswith((".", "!"))
        assert finding.explanation.endswith(".")
        assert "!" not in finding.explanation


def test_mend_lists_all_methods_and_headers_of_the_frontend_also_where_the_value_is_hidden():
    site = Site()
    site.runs("FastAPI")
    site.says(f"OPTIONS {ITEMS}", starlette_refuses("method"))
    site.calls("DELETE", ITEMS)
    hidden = Call("PUT", ITEMS, (("Authorization", "…"), ("Content-Type", "application/json")), source=Source(SourceKind.SCRIPT))
    site.judged.append(JudgedCall("call-2", hidden, FetchCall(PAGE, ITEMS, "PUT"), None, Certainty.UNKNOWN))
    code = site.findings()["COR-07"].mends[0].code
    for word in ("PUT", "DELETE", "authorization", "content-type", PAGE):
        assert word in code

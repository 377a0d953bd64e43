"""API findings: pages and redirects where data was expected."""

import pytest
from made import API, DJANGO_404, FASTAPI_404, FLASK_404, JSON_200, PAGE, RANDOM, SHELL, Site, quoted, underlined

from app.core.exchange import Purpose
from app.core.findings import Certainty, Framework, Severity
from app.core.inventory import Source, SourceKind, UrlLiteral

DJANGO_SLASH = "301 Moved Permanently\nContent-Type: text/html; charset=utf-8\nLocation: /api/items/\n\n"
FLASK_SLASH = "308 PERMANENT REDIRECT\nLocation: https://app.example/api/items/\n\n<!doctype html>"
FASTAPI_SLASH = "307 Temporary Redirect\nserver: uvicorn\nlocation: https://app.example/api/items/\n\n"


# API-01


def test_single_page_fallback_answers_unknown_api_paths():
    site = Site()
    site.saw(Purpose.MISSING_PAGE, f"{PAGE}/{RANDOM}", SHELL)
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", SHELL, sent=(("Accept", "application/json"),))
    site.says(f"GET {PAGE}/api/items", JSON_200)
    site.calls("GET", f"{PAGE}/api/items")
    found = site.findings()
    assert list(found) == ["API-01"]
    finding = found["API-01"]
    assert finding.title == "Unknown paths under /api/ are answered with the page and status 200"
    assert finding.calls == ()  # the call that is found works
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.OBSERVED)
    assert "text/html" in underlined(finding)
    assert "accept: application/json" in quoted(finding)
    assert finding.mends


@pytest.mark.parametrize(
    ("seen", "first"),
    [
        ((("Uvicorn", "server"),), Framework.FASTAPI),
        ((("Uvicorn", "server"), ("Django", "framework")), Framework.DJANGO),
        ((("Uvicorn", "server"), ("nginx", "proxy")), Framework.FASTAPI),
    ],
)
def test_mend_for_the_framework_comes_first_and_for_what_its_server_tells_where_none_is_seen(seen, first):
    site = Site()
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", SHELL)
    site.says(f"GET {PAGE}/api/items", JSON_200)
    site.calls("GET", f"{PAGE}/api/items")
    for name, category in seen:
        site.runs(name, PAGE, category)
    assert site.findings()["API-01"].mends[0].framework is first


def test_call_that_gets_the_page_itself_is_named():
    site = Site()
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", SHELL)
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/items", SHELL)
    site.says(f"GET {PAGE}/api/items", SHELL)
    call = site.calls("GET", f"{PAGE}/api/items")
    assert site.findings()["API-01"].calls == (call,)


def test_shell_with_a_fresh_nonce_is_the_same_shell():
    shell = SHELL.replace("<script", '<script nonce="{}"')
    site = Site(shell=shell.format("r4nd0mA"))
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", shell.format("0therB"))
    site.says(f"GET {PAGE}/api/items", JSON_200)
    site.calls("GET", f"{PAGE}/api/items")
    assert "API-01" in site.findings()


def test_fallback_on_the_page_is_no_fault_when_the_api_is_elsewhere():
    site = Site()
    site.saw(Purpose.MISSING_PAGE, f"{PAGE}/{RANDOM}", SHELL)
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", SHELL)
    site.says(f"GET {API}/api/items", JSON_200.replace("content-type", "access-control-allow-origin: *\ncontent-type"))
    site.calls("GET", f"{API}/api/items")
    assert site.findings() == {}


@pytest.mark.parametrize("not_found", [FLASK_404, FASTAPI_404, DJANGO_404])
def test_api_that_answers_404_has_no_fallback(not_found: str):
    site = Site()
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", not_found)
    site.says(f"GET {PAGE}/api/items", JSON_200)
    site.calls("GET", f"{PAGE}/api/items")
    assert site.findings() == {}


def test_other_origin_whose_unknown_paths_are_a_page_gives_no_cors_finding():
    page = SHELL.replace("root", "landing")
    site = Site()
    site.saw(Purpose.MISSING_API, f"{API}/api/{RANDOM}", page)
    site.says(f"GET {API}/api/items", page)
    site.calls("GET", f"{API}/api/items")
    assert list(site.findings()) == ["API-01"]


def test_bot_check_is_no_fallback():
    wall = "200 OK\ncf-mitigated: challenge\ncontent-type: text/html\n\n<title>Just a moment...</title>"
    site = Site(shell=wall)
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", wall)
    site.says(f"GET {PAGE}/api/items", wall)
    site.calls("GET", f"{PAGE}/api/items")
    assert site.findings() == {}


# API-03


@pytest.mark.parametrize(
    "location",
    ["/accounts/login/?next=/api/me", "https://app.example/login?next=%2Fapi%2Fme", "/auth/signin", "https://sso.example/cas?service=x",
     "/users/sign_in", "/welcome?next=/api/me"],
)  # fmt: skip
def test_login_redirect_is_named(location: str):
    site = Site()
    site.says(f"GET {PAGE}/api/me", f"302 Found\nLocation: {location}\n\n")
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/me", f"302 Found\nLocation: {location}\n\n")
    site.says(f"GET {PAGE}/accounts/login/?next=/api/me", "200 OK\ncontent-type: text/html\n\n<form>")
    call = site.calls("GET", f"{PAGE}/api/me")
    found = site.findings()
    assert list(found) == ["API-03"]
    assert found["API-03"].calls == (call,)
    assert "instead of answering 401" in found["API-03"].title
    assert found["API-03"].certainty is Certainty.OBSERVED
    assert found["API-03"].mends


def test_login_redirect_of_a_post_is_inferred_from_a_get():
    site = Site()
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/save", "302 FOUND\nLocation: /login?next=%2Fapi%2Fsave\n\n")
    site.calls("POST", f"{PAGE}/api/save")
    assert site.findings()["API-03"].certainty is Certainty.INFERRED


def test_login_redirect_without_cors_headers_is_not_reported_as_missing_cors():
    site = Site()
    allowed = "200 OK\ncontent-type: application/json\naccess-control-allow-origin: https://app.example\nvary: Origin\n\n[]"
    site.says(f"GET {API}/api/items", allowed)
    site.calls("GET", f"{API}/api/items")
    site.says(f"GET {API}/api/me", "302 Found\nLocation: /accounts/login/?next=/api/me\n\n")
    site.calls("GET", f"{API}/api/me")
    assert list(site.findings()) == ["API-03"]


def test_call_to_the_login_itself_may_redirect():
    site = Site()
    site.says(f"GET {PAGE}/login", "302 Found\nLocation: https://idp.example/oauth2/authorize?state=abc\n\n")
    site.saw(Purpose.ENDPOINT, f"{PAGE}/login", "302 Found\nLocation: https://idp.example/oauth2/authorize?state=abc\n\n")
    site.calls("POST", f"{PAGE}/login")
    assert site.findings() == {}


@pytest.mark.parametrize("path", ["/blog/how-to-login-faster", "/api/logins/recent", "/catalogue"])
def test_redirect_elsewhere_is_no_login(path: str):
    site = Site()
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/me", f"302 Found\nLocation: {path}\n\n")
    site.calls("POST", f"{PAGE}/api/me")
    assert site.findings() == {}


def test_401_is_no_failure():
    site = Site()
    site.says(f"GET {PAGE}/api/me", '401 Unauthorized\ncontent-type: application/json\n\n{"detail":"Not authenticated"}')
    site.calls("GET", f"{PAGE}/api/me")
    assert site.findings() == {}


# API-04


@pytest.mark.parametrize(
    ("answer", "says"), [(DJANGO_SLASH, "`POST` as a `GET`"), (FLASK_SLASH, "two round trips"), (FASTAPI_SLASH, "two round trips")]
)
def test_called_path_redirects_to_its_slash(answer: str, says: str):
    site = Site()
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/items", answer)
    call = site.calls("POST", f"{PAGE}/api/items", ["content-type"])
    found = site.findings()
    assert list(found) == ["API-04"]
    finding = found["API-04"]
    assert finding.title == "The API redirects /api/items to /api/items/"
    assert finding.calls == (call,)
    assert says in finding.explanation
    assert finding.certainty is Certainty.INFERRED
    assert any(mend.framework is Framework.JAVASCRIPT for mend in finding.mends)


def test_redirect_of_a_get_is_observed():
    site = Site()
    site.says(f"GET {PAGE}/api/items", DJANGO_SLASH)
    site.says(f"GET {PAGE}/api/items/", JSON_200)
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/items", DJANGO_SLASH)
    site.calls("GET", f"{PAGE}/api/items")
    assert site.findings()["API-04"].certainty is Certainty.OBSERVED


def test_variant_that_nobody_calls_may_redirect():
    site = Site()
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/items/", JSON_200)
    site.saw(Purpose.SLASH, f"{PAGE}/api/items", DJANGO_SLASH)
    site.says(f"GET {PAGE}/api/items/", JSON_200)
    site.calls("GET", f"{PAGE}/api/items/")
    assert site.findings() == {}


def test_slash_redirect_after_a_passed_preflight():
    """With django-cors-headers the preflight is answered before the redirect."""
    url = f"{API}/api/items"
    site = Site()
    cors = "access-control-allow-origin: https://app.example\naccess-control-allow-headers: content-type\n"
    site.says(f"OPTIONS {url}", f"200 OK\n{cors}\n")
    site.says(f"GET {url}", f"301 Moved Permanently\nLocation: /api/items/\n{cors}\n")
    site.says(f"OPTIONS {url}/", f"200 OK\n{cors}\n")
    site.says(f"GET {url}/", f"200 OK\n{cors}\n[]")
    site.calls("POST", url, ["content-type"])
    assert list(site.findings()) == ["API-04"]


def test_slash_redirect_that_loses_the_cors_headers_is_one_cause():
    """CommonMiddleware above CorsMiddleware: everything else on the API has the headers."""
    site = Site()
    allowed = "200 OK\ncontent-type: application/json\naccess-control-allow-origin: https://app.example\n\n[]"
    site.says(f"GET {API}/api/users/", allowed)
    site.says(f"GET {API}/api/items", DJANGO_SLASH)
    site.calls("GET", f"{API}/api/users/")
    site.calls("GET", f"{API}/api/items")
    assert list(site.findings()) == ["API-04"]


# API-05


def test_redirect_says_http_on_an_https_site():
    site = Site()
    answer = "307 Temporary Redirect\nserver: nginx\nlocation: http://app.example/api/items/\n\n"
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/items", answer)
    site.says(f"GET {PAGE}/api/items", answer)
    call = site.calls("GET", f"{PAGE}/api/items")
    found = site.findings()
    assert set(found) == {"API-04", "API-05"}
    assert found["API-05"].title == "Redirects say http:// on an https site"
    assert found["API-05"].calls == (call,)
    assert "http://app.example" in underlined(found["API-05"])
    assert found["API-05"].mends


@pytest.mark.parametrize("inner", ["http://127.0.0.1:8000", "http://backend:8000", "http://app.example:8000", "http://web.internal"])
def test_redirect_names_the_inner_host(inner: str):
    site = Site()
    site.saw(Purpose.SLASH, f"{PAGE}/api/items", f"308 PERMANENT REDIRECT\nLocation: {inner}/api/items/\n\n")
    site.says(f"GET {PAGE}/api/items/", JSON_200)
    site.calls("GET", f"{PAGE}/api/items/")
    found = site.findings()
    assert list(found) == ["API-05"]
    assert found["API-05"].title == f"Redirects name {inner} instead of https://app.example"


def test_redirect_names_the_inner_port_behind_a_local_proxy():
    page = "http://127.0.0.1:21310"
    site = Site(page)
    site.saw(Purpose.SLASH, f"{page}/api/items", "307 Temporary Redirect\nlocation: http://127.0.0.1:21311/api/items/\n\n")
    site.says(f"GET {page}/api/items/", JSON_200)
    site.calls("GET", f"{page}/api/items/")
    assert list(site.findings()) == ["API-05"]


def test_next_page_and_schema_name_the_inner_host():
    site = Site()
    listing = '200 OK\ncontent-type: application/json\n\n{"count": 40, "next": "http://app.example/api/items/?page=2", "results": []}'
    site.says(f"GET {PAGE}/api/items/", listing)
    site.calls("GET", f"{PAGE}/api/items/")
    site.saw(
        Purpose.SCHEMA,
        f"{PAGE}/openapi.json",
        '200 OK\ncontent-type: application/json\n\n{"openapi": "3.1.0", "servers": [{"url": "http://app.example"}]}',
    )
    finding = site.findings()["API-05"]
    assert '"next": "http://app.example/api/items/?page=2"' in quoted(finding)
    assert '"servers": [{"url": "http://app.example"}]' in quoted(finding)


@pytest.mark.parametrize("location", ["/api/items/", "https://app.example/api/items/", "https://other.example/", "https://cdn.example/x"])
def test_redirect_to_a_public_address_is_right(location: str):
    site = Site()
    site.saw(Purpose.PAGE, f"{PAGE}/old", f"302 Found\nLocation: {location}\n\n")
    assert "API-05" not in site.findings()


def test_redirect_from_http_to_https_is_right():
    site = Site()
    site.saw(Purpose.TWIN, "http://app.example/", "301 Moved Permanently\nlocation: https://app.example/\n\n")
    assert site.findings() == {}


@pytest.mark.parametrize(
    "location", ["https://api.example:8443/items", "http://api.example:9000/items"], ids=["to https", "to another port"]
)
def test_address_that_moved_on_its_own_host_is_no_inner_address(location: str):
    site = Site("http://app.example")
    site.says("GET http://api.example:8080/items", f"301 Moved Permanently\nserver: nginx\nlocation: {location}\n\n")
    site.calls("GET", "http://api.example:8080/items")
    assert "API-05" not in site.findings()


def test_link_to_the_page_itself_is_right():
    page = "http://localhost:3000"
    site = Site(page)
    site.says("GET http://localhost:8000/api/me", "302 Found\naccess-control-allow-origin: *\nlocation: http://localhost:3000/welcome\n\n")
    site.says(f"GET {page}/welcome", "200 OK\naccess-control-allow-origin: *\n\n")
    site.calls("GET", "http://localhost:8000/api/me")
    assert site.findings() == {}


def test_address_that_users_entered_is_no_link_of_the_api():
    site = Site()
    listing = '200 OK\ncontent-type: application/json\n\n{"title": "Router", "url": "http://192.168.1.1/admin"}'
    site.says(f"GET {PAGE}/api/bookmarks/1", listing)
    site.calls("GET", f"{PAGE}/api/bookmarks/1")
    assert site.findings() == {}


def test_address_of_the_item_itself_is_a_link_of_the_api():
    site = Site()
    item = '200 OK\ncontent-type: application/json\n\n{"url": "http://127.0.0.1:8000/api/items/1/"}'
    site.says(f"GET {PAGE}/api/items/1/", item)
    site.calls("GET", f"{PAGE}/api/items/1/")
    assert "API-05" in site.findings()


def test_secrets_in_redirects_are_hashed():
    site = Site()
    answer = "302 Found\nlocation: http://backend:8000/api/items/?token=hunter2secret\n\n"
    site.saw(Purpose.ENDPOINT, f"{PAGE}/api/items", answer)
    site.calls("POST", f"{PAGE}/api/items", ["content-type"])
    for finding in site.findings().values():
        assert "hunter2secret" not in repr(finding)


def test_deeply_nested_json_is_passed_over():
    site = Site()
    site.says(f"GET {PAGE}/api/items", f"200 OK\ncontent-type: application/json\n\n{'[' * 100_000}")
    site.calls("GET", f"{PAGE}/api/items")
    assert site.findings() == {}


def fallback_site(script: str) -> Site:
    site = Site()
    site.saw(Purpose.SCRIPT, f"{PAGE}/assets/app.js", f"200 OK\ncontent-type: text/javascript\n\n{script}")
    site.saw(Purpose.MISSING_PAGE, f"{PAGE}/{RANDOM}", SHELL)
    site.saw(Purpose.MISSING_API, f"{PAGE}/api/{RANDOM}", SHELL)
    return site


@pytest.mark.parametrize("script", ['const API = "/api";', "fetch(`/api/${kind}`)", "get('/api/items')"])
def test_prefix_that_scripts_name_is_reason_enough_when_no_call_could_be_read(script: str):
    finding = fallback_site(script).findings()["API-01"]
    assert finding.certainty is Certainty.INFERRED
    assert "they name `/api/`" in finding.explanation


def test_prefix_of_an_api_at_another_origin_is_not_the_pages():
    site = fallback_site('axios.create({baseURL: "https://api.example"}).get("/api/items")')
    site.literals.append(UrlLiteral("https://api.example", Source(SourceKind.SCRIPT, 3)))
    assert site.findings() == {}


def test_scripts_that_name_no_api_leave_the_fallback_alone():
    assert fallback_site('import("/assets/x.js")').findings() == {}


def test_fallback_for_the_frontends_own_routes_is_right():
    site = Site()
    site.saw(Purpose.MISSING_API, f"{PAGE}/{RANDOM}", SHELL)
    site.says(f"GET {PAGE}/items", JSON_200)
    site.calls("GET", f"{PAGE}/items")
    assert site.findings() == {}

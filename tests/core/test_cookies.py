"""Which cookies are stored and which travel: tables after RFC 6265bis and the rules K1 to K8."""

import pytest

from app.core.cookies import Cookie, Refused, Stored, parse_cookie_date, stored, travels

NOW = 1_800_000_000.0
APP = "https://app.example.com/page"


def store(line: str, url: str = APP, page: str | None = None, **options: object) -> Stored | Refused:
    return stored(line, response_url=url, page_url=page, now=NOW, **options)  # pyright: ignore[reportArgumentType]


def cookie(line: str, url: str = APP, page: str | None = None) -> Cookie:
    result = store(line, url, page)
    assert isinstance(result, Stored), result
    return result.cookie


@pytest.mark.parametrize(
    ("line", "name", "value", "domain", "host_only", "path"),
    [
        ("a=b", "a", "b", "app.example.com", True, "/"),
        (" a = b ; Path=/x", "a", "b", "app.example.com", True, "/x"),
        ("a=b; Domain=.Example.COM", "a", "b", "example.com", False, "/"),
        ("a=b; Domain=", "a", "b", "app.example.com", True, "/"),
        ("a=b=c", "a", "b=c", "app.example.com", True, "/"),
        ("novalue", "", "novalue", "app.example.com", True, "/"),
        ("=v", "", "v", "app.example.com", True, "/"),
        ("a=", "a", "", "app.example.com", True, "/"),
        ('a="q"; path=x', "a", '"q"', "app.example.com", True, "/"),
        ("a=b; Domain=other.com; Domain=app.example.com", "a", "b", "app.example.com", False, "/"),
    ],
)
def test_a_set_cookie_line_is_parsed(line: str, name: str, value: str, domain: str, host_only: bool, path: str):
    found = cookie(line)
    assert (found.name, found.value, found.domain, found.host_only, found.path) == (name, value, domain, host_only, path)


def test_the_default_path_is_the_directory_of_the_request():
    assert cookie("a=b", "https://app.example.com/x/y/z?q=/w").path == "/x/y"


@pytest.mark.parametrize(
    ("line", "url", "rule"),
    [
        ("a=b; Secure", "http://app.example.com/", "K4"),
        ("a=b; SameSite=None", "https://app.example.com/", "K4"),
        ("a=b; SameSite=none; Secure", "http://app.example.com/", "K4"),
        ("a=b; Partitioned", "https://app.example.com/", "K5"),
        ("a=b; Domain=com", "https://app.example.com/", "domain"),
        ("a=b; Domain=co.uk", "https://x.co.uk/", "domain"),
        ("a=b; Domain=other.example.com", "https://app.example.com/", "domain"),
        ("a=b; Domain=x.app.example.com", "https://app.example.com/", "domain"),
        ("a=b; Domain=0.0.1", "http://127.0.0.1/", "domain"),
        ("__Secure-a=b", "https://app.example.com/", "prefix"),
        ("__secure-a=b", "https://app.example.com/", "prefix"),
        ("__Host-a=b; Secure", "https://app.example.com/x/", "prefix"),
        ("__Host-a=b; Secure; Path=/; Domain=app.example.com", "https://app.example.com/", "prefix"),
        ("__Host-a=b; Path=/", "https://app.example.com/", "prefix"),
        ("=__Host-a=b", "https://app.example.com/", "prefix"),
        ("a\x00=b", "https://app.example.com/", "syntax"),
        ("", "https://app.example.com/", "syntax"),
        ("=", "https://app.example.com/", "syntax"),
        ("a=" + "x" * 4096, "https://app.example.com/", "syntax"),
    ],
)
def test_a_bad_cookie_is_refused(line: str, url: str, rule: str):
    result = store(line, url)
    assert isinstance(result, Refused)
    assert result.rule == rule
    assert result.why.endswith(".")


def test_secure_is_allowed_on_localhost():
    assert cookie("a=b; Secure; SameSite=None", "http://localhost:8000/").secure
    assert cookie("__Host-a=b; Secure; Path=/", "http://127.0.0.1:8000/").host_only


def test_a_host_that_is_a_public_suffix_may_keep_a_cookie_for_itself():
    assert cookie("a=b; Domain=github.io", "https://github.io/").host_only


@pytest.mark.parametrize(
    ("line", "expires_in_s"),
    [
        ("a=b", None),
        ("a=b; Max-Age=60", 60),
        ("a=b; Max-Age=x", None),
        ("a=b; Max-Age=99999999999", 400 * 86400),
        ("a=b; Expires=Fri, 15 Jan 2027 09:00:00 GMT; Max-Age=5", 5),
        ("a=b; Expires=Fri, 15 Jan 2027 09:00:00 GMT", 3600),
        ("a=b; Expires=tomorrow", None),
    ],
)
def test_lifetime(line: str, expires_in_s: float | None):
    found = cookie(line)
    assert found.expires_at == (None if expires_in_s is None else NOW + expires_in_s)


def test_a_past_date_removes():
    for line in ("a=; Max-Age=0", "a=; Max-Age=-1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"):
        result = store(line)
        assert isinstance(result, Stored)
        assert result.removes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Thu, 01 Jan 1970 00:00:10 GMT", 10),
        ("Thursday, 01-Jan-70 00:00:10 GMT", 10),
        ("Thu Jan  1 00:00:10 1970", 10),
        ("1 jan 70 0:0:10", 10),
        ("01 Jan 00 00:00:00", 946684800),
        ("32 Jan 2000 00:00:00", None),
        ("01 Jan 1600 00:00:00", None),
        ("01 Jan 2000 24:00:00", None),
        ("01 Jan 2000", None),
        ("", None),
    ],
)
def test_cookie_dates_are_read_leniently(text: str, value: float | None):
    assert parse_cookie_date(text) == value


@pytest.mark.parametrize(
    ("line", "url", "page_url", "credentials", "third_party", "rule"),
    [
        ("a=b", "https://api.example.com/", APP, "include", True, ""),
        ("a=b", "https://api.example.com/", APP, "same-origin", True, "K1"),
        ("a=b", "https://app.example.com/", APP, "same-origin", True, ""),
        ("a=b", "https://app.example.com/", APP, "omit", True, "K1"),
        ("a=b", "https://api.other.com/", APP, "include", True, "K3"),
        ("a=b; SameSite=Lax", "https://api.other.com/", APP, "include", True, "K3"),
        ("a=b; SameSite=None; Secure", "https://api.other.com/", APP, "include", True, ""),
        ("a=b; SameSite=None; Secure", "https://api.other.com/", APP, "include", False, "K6"),
        ("a=b; SameSite=None; Secure; Partitioned", "https://api.other.com/", APP, "include", False, ""),
        ("a=b", "http://localhost:8000/", "http://localhost:3000/", "include", True, ""),
        ("a=b", "http://127.0.0.1:8000/", "http://localhost:3000/", "include", True, "K3"),
        ("a=b", "https://app.example.com/", "http://app.example.com/", "include", True, "K3"),
    ],
)
def test_a_response_to_fetch_stores_by_site_and_mode(line: str, url: str, page_url: str, credentials: str, third_party: bool, rule: str):
    result = store(line, url, page_url, credentials=credentials, third_party_cookies=third_party)
    assert (result.rule if isinstance(result, Refused) else "") == rule


SESSION = "sid=1"
LAX = "sid=1; SameSite=Lax"
STRICT = "sid=1; SameSite=Strict"
NONE = "sid=1; SameSite=None; Secure"
HOME = "https://api.example.com/"
FOREIGN = "https://shop.other.com/"


@pytest.mark.parametrize(
    ("line", "page_url", "kind", "method", "third_party", "allowed", "rule"),
    [
        (STRICT, "https://app.example.com/", "fetch", "POST", True, True, "K2"),
        (SESSION, FOREIGN, "fetch", "GET", True, False, "K3"),
        (LAX, FOREIGN, "websocket", "GET", True, False, "K3"),
        (NONE, FOREIGN, "websocket", "GET", True, True, "K3"),
        (NONE, FOREIGN, "fetch", "GET", False, False, "K6"),
        (NONE, FOREIGN, "preflight", "PUT", True, False, "K7"),
        (LAX, FOREIGN, "navigation", "GET", False, True, "K3"),
        (LAX, FOREIGN, "navigation", "POST", True, False, "K3"),
        (SESSION, FOREIGN, "navigation", "POST", True, True, "K3"),
        (STRICT, FOREIGN, "navigation", "GET", True, False, "K3"),
        (STRICT, None, "navigation", "GET", True, True, "K2"),
        (NONE, "null", "fetch", "GET", True, True, "K3"),
        (LAX, "null", "fetch", "GET", True, False, "K3"),
        (LAX, "http://api.example.com/", "fetch", "GET", True, False, "K3"),
    ],
)
def test_a_cookie_travels_by_site(line: str, page_url: str | None, kind: str, method: str, third_party: bool, allowed: bool, rule: str):
    found = travels(cookie(line, HOME), HOME, page_url=page_url, now=NOW, kind=kind, method=method, third_party_cookies=third_party)
    assert (found.allowed, found.rule) == (allowed, rule)


def test_a_cookie_without_same_site_stops_travelling_with_posts_after_two_minutes():
    old = travels(cookie(SESSION, HOME), HOME, page_url=FOREIGN, now=NOW + 121, kind="navigation", method="POST")
    assert (old.allowed, old.rule) == (False, "K3")


def test_a_partitioned_cookie_works_under_its_own_top_level_site_only():
    found = cookie(NONE + "; Partitioned", HOME, FOREIGN)
    assert found.partition == "https://other.com"
    assert travels(found, HOME, page_url=FOREIGN, now=NOW, third_party_cookies=False) == travels(
        found, HOME, page_url="https://x.other.com/", now=NOW, third_party_cookies=False
    )
    assert travels(found, HOME, page_url=FOREIGN, now=NOW, third_party_cookies=False).allowed
    assert travels(found, HOME, page_url="https://third.com/", now=NOW).rule == "K5"
    assert travels(found, HOME, page_url=HOME, now=NOW).rule == "K5"


@pytest.mark.parametrize(
    ("line", "set_at", "target", "rule"),
    [
        ("a=b", "https://app.example.com/", "https://sub.app.example.com/", "domain"),
        ("a=b; Domain=example.com", "https://app.example.com/", "https://api.example.com/", "K2"),
        ("a=b; Path=/x", "https://app.example.com/", "https://app.example.com/xy", "path"),
        ("a=b; Path=/x", "https://app.example.com/", "https://app.example.com/x/y", "K2"),
        ("a=b; Secure", "https://app.example.com/", "http://app.example.com/", "K4"),
        ("a=b; Max-Age=0", "https://app.example.com/", "https://app.example.com/", "expired"),
        ("a=b; Secure", "http://localhost/", "http://localhost:99/", "K2"),
    ],
)
def test_a_cookie_fits_host_path_and_scheme(line: str, set_at: str, target: str, rule: str):
    assert travels(cookie(line, set_at), target, page_url=None, now=NOW).rule == rule

"""Session findings: cookies that stay at home."""

import pytest
from made import API, JSON_200, PAGE, Site, quoted, underlined

from app.core.exchange import Purpose
from app.core.findings import Certainty, SeamKind, Severity
from app.core.inventory import Call
from app.core.rules.session import read_cookie

OTHER_SITE = "https://api.other-site.example"
CORS = "access-control-allow-origin: https://app.example\naccess-control-allow-credentials: true\n"
FLASK = "session=eyJ1c2VyIjoxfQ.aSGFpA.5cq0T9uPoGxW8-abcdefghijklm; HttpOnly; Path=/"
DJANGO = "sessionid=3b1d8m0c7q5k2x9w4z6y1v8u5t2s0r7p; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax"
STARLETTE = "session=eyJhIjogMX0=.aSGF.x; path=/; Max-Age=1209600; httponly; samesite=lax"


def visit(cookie: str, *, api: str = OTHER_SITE, page: str = "https://app.example-site.example", credentials: str = "include") -> Site:
    site = Site(page)
    site.says(f"GET {api}/api/me", f"200 OK\n{CORS.replace(PAGE, page)}set-cookie: {cookie}\ncontent-type: application/json\n\n{{}}")
    site.calls("GET", f"{api}/api/me", credentials=credentials)
    return site


# "example" itself is a public suffix to browsers, so "a.example" and "b.example" are two sites.
@pytest.mark.parametrize(
    ("cookie", "name"),
    [(FLASK, "session"), (DJANGO, "sessionid"), (STARLETTE, "session"), ("access_token=abc; SameSite=Strict", "access_token")],
)
def test_session_cookie_of_another_site_stays_at_home(cookie: str, name: str):
    found = visit(cookie).findings()
    assert list(found) == ["SES-01"]
    finding = found["SES-01"]
    assert finding.title == f"The cookie {name} is never sent from the page, which is on another site"
    assert (finding.severity, finding.seam, finding.certainty) == (Severity.HIGH, SeamKind.SESSION, Certainty.OBSERVED)
    assert finding.calls == ("call-1",)
    assert finding.mends


def test_value_of_the_cookie_is_hashed_and_its_attribute_underlined():
    finding = visit(DJANGO).findings()["SES-01"]
    assert not any("3b1d8m0c7q5k2x9w" in line for line in quoted(finding))
    assert underlined(finding) == ["SameSite=Lax"]


@pytest.mark.parametrize(
    "cookie",
    [
        "session=x; SameSite=None; Secure; HttpOnly",
        "theme=dark; SameSite=Lax",
        'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0',
        "PHPSESSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/",
        "session=; Max-Age=-1",
    ],
)
def test_other_cookies_are_left_alone(cookie: str):
    assert visit(cookie).findings() == {}


def test_cookie_of_the_same_site_travels():
    assert visit(DJANGO, api="https://api.fernway.example", page="https://app.fernway.example").findings() == {}


def test_other_port_of_the_same_host_is_the_same_site():
    assert visit(DJANGO, api="http://localhost:8000", page="http://localhost:3000").findings() == {}


def test_localhost_and_127_0_0_1_are_two_sites():
    finding = visit(DJANGO, api="http://127.0.0.1:8000", page="http://localhost:3000").findings()["SES-01"]
    assert "use the same name for both" in finding.explanation


def test_cookie_that_no_call_asks_for_is_no_finding():
    assert visit(DJANGO, credentials="same-origin").findings() == {}


def test_sign_in_form_is_reason_enough():
    site = visit(DJANGO, credentials="same-origin")
    site.forms.append(Call("POST", f"{OTHER_SITE}/accounts/login/"))
    assert "not even stored" in site.findings()["SES-01"].explanation


def test_csrf_cookie_counts_after_the_session():
    site = visit("csrftoken=nbKmRGKtFaGGtKyMCYBfWrq7NlgG9cUe; Path=/; SameSite=Lax")
    assert "csrftoken" in site.findings()["SES-01"].title
    site.saw(Purpose.ENDPOINT, f"{OTHER_SITE}/api/x", f"200 OK\nset-cookie: {DJANGO}\n\n")
    finding = site.findings()["SES-01"]
    assert "sessionid" in finding.title
    assert "`csrftoken`" in finding.explanation


def test_gateways_cookie_says_nothing():
    site = Site()
    site.says(f"GET {API}/api/me", JSON_200)
    site.saw(Purpose.ENDPOINT, f"{API}/api/me", f"502 Bad Gateway\nset-cookie: {DJANGO}\n\n")
    site.calls("GET", f"{API}/api/me", credentials="include")
    assert "SES-01" not in site.findings()


def test_line_without_a_name_is_no_cookie():
    assert read_cookie("HttpOnly") is None
    assert read_cookie("=value") is None

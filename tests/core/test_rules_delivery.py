"""Delivery findings: what was built or deployed so that it cannot reach the other half."""

import pytest
from made import JSON_200, PAGE, RANDOM, SHELL, Site, underlined

from app.core.exchange import Purpose
from app.core.findings import Certainty, Framework, Severity
from app.core.inventory import Source, SourceKind, UrlLiteral
from app.core.rules.delivery import Reach, reach_of


def in_script(excerpt: str) -> Source:
    return Source(SourceKind.SCRIPT, 2, excerpt)


def names(url: str, *, page: str = PAGE, excerpt: str = "") -> Site:
    site = Site(page)
    site.literals.append(UrlLiteral(url, in_script(excerpt or f'const api="{url}"')))
    return site


# DEP-01


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8000", "http://127.0.0.1:5000/api", "http://10.0.0.7/api", "http://192.168.1.20:8000", "http://172.16.4.2:8000",
     "https://abcd-12.ngrok-free.app/api", "http://host.docker.internal:8000", "http://backend:8000/api"],
)  # fmt: skip
def test_public_page_that_names_a_developers_machine_is_critical(url: str):
    found = names(url).findings()
    assert list(found) == ["DEP-01"]
    finding = found["DEP-01"]
    assert finding.severity is Severity.CRITICAL
    assert finding.certainty is Certainty.INFERRED  # only named, no call was found
    assert underlined(finding) == [url]
    assert finding.mends[0].framework is Framework.JAVASCRIPT


def test_call_to_a_developers_machine_is_observed_and_has_no_cors_finding():
    site = Site()
    url = "http://localhost:8000/api/items"
    site.says(f"GET {url}", JSON_200)
    call = site.calls("GET", url, source=in_script('fetch("http://localhost:8000/api/items")'))
    found = site.findings()
    assert list(found) == ["DEP-01"]
    assert found["DEP-01"].certainty is Certainty.OBSERVED
    assert found["DEP-01"].calls == (call,)
    assert found["DEP-01"].title == "The frontend calls http://localhost:8000, the visitor's own computer"


def test_several_forgotten_addresses_are_one_finding():
    site = names("http://localhost:8000")
    site.literals.append(UrlLiteral("ws://localhost:8001/ws", in_script('new WebSocket("ws://localhost:8001/ws")')))
    assert "http://localhost:8000 and ws://localhost:8001" in site.findings()["DEP-01"].title


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8080"])
def test_loopback_address_in_development_is_ordinary(origin: str):
    assert names("http://localhost:8000", page=origin).findings() == {}
    assert names("http://127.0.0.1:8000", page=origin).findings() == {}


@pytest.mark.parametrize("url", ["http://192.168.1.20:8000", "https://abcd.ngrok.io/api"])
def test_private_or_tunnel_address_in_development_is_critical_too(url: str):
    assert names(url, page="http://localhost:3000").findings()["DEP-01"].severity is Severity.CRITICAL


def test_page_in_a_private_network_that_names_loopback_is_critical():
    assert names("http://localhost:8000", page="http://192.168.1.20").findings()["DEP-01"].severity is Severity.CRITICAL
    assert names("http://192.168.1.21:8000", page="http://192.168.1.20").findings() == {}


@pytest.mark.parametrize(
    ("url", "excerpt"),
    [
        ("http://localhost", 'new URL(e,"http://localhost")'),  # axios, Angular
        ("http://localhost:8000", 'location.hostname==="localhost"?"http://localhost:8000":"https://api.example"'),
    ],
)
def test_constant_of_a_library_and_switch_at_run_time_are_no_findings(url: str, excerpt: str):
    assert names(url, excerpt=excerpt).findings() == {}


def test_development_server_has_no_old_builds():
    shell = SHELL.replace("<script", '<script type="module" src="/@vite/client"></script><script')
    assert missing_asset(shell).findings() == {}


def test_call_whose_address_is_chosen_by_the_pages_host_is_no_finding():
    site = names("http://localhost:8000", excerpt='let a=window.location.hostname=="localhost"?"http://localhost:8000":"/api"')
    site.says("GET http://localhost:8000/items", JSON_200)
    site.calls("GET", "http://localhost:8000/items")
    assert "DEP-01" not in site.findings()


def test_address_given_by_the_user_is_not_in_the_bundle():
    site = Site()
    url = "http://localhost:8000/api/items"
    site.says(f"GET {url}", JSON_200)
    site.calls("GET", url, source=Source(SourceKind.USER))
    assert "DEP-01" not in site.findings()


def test_page_served_through_the_same_tunnel_is_no_finding():
    assert names("https://abcd.ngrok.io/api", page="https://abcd.ngrok.io").findings() == {}


def test_hosts_are_told_apart():
    assert reach_of("[::1]") is Reach.MACHINE
    assert reach_of("0.0.0.0") is Reach.MACHINE
    assert reach_of("printer") is Reach.NETWORK
    assert reach_of("x.trycloudflare.com") is Reach.TUNNEL
    assert reach_of("api.example") is Reach.INTERNET


# DEP-02


def test_https_page_that_calls_http_is_blocked_before_anything_is_sent():
    site = Site()
    call = site.calls("GET", "http://api.example/api/items", source=in_script('fetch("http://api.example/api/items")'))
    found = site.findings()
    assert list(found) == ["DEP-02"]
    finding = found["DEP-02"]
    assert finding.title == "The https page calls http://api.example without encryption"
    assert finding.calls == (call,)
    assert finding.certainty is Certainty.OBSERVED
    assert finding.mends[0].framework is Framework.JAVASCRIPT


def test_literal_that_looks_like_an_api_is_inferred():
    assert names("http://api.other.example/v1").findings()["DEP-02"].certainty is Certainty.INFERRED


@pytest.mark.parametrize("url", ["http://www.w3.org/2000/svg", "http://jquery.org/license", "https://api.other.example/v1"])
def test_namespaces_and_links_are_no_calls(url: str):
    assert names(url).findings() == {}


def test_http_page_may_call_http():
    assert names("http://api.example/v1", page="http://app.example").findings() == {}


@pytest.mark.parametrize(
    "shell",
    [
        SHELL.replace("200 OK", "200 OK\ncontent-security-policy: default-src https:; Upgrade-Insecure-Requests"),
        SHELL.replace("<head>", '<head><meta http-equiv="Content-Security-Policy" content="upgrade-insecure-requests">'),
    ],
)
def test_a_page_whose_policy_upgrades_its_requests_calls_https(shell: str):
    site = Site(PAGE, shell)
    site.literals.append(UrlLiteral("http://api.example/v1", in_script('const api="http://api.example/v1"')))
    assert "DEP-02" not in site.findings()


# CAC-02


def missing_asset(answer: str) -> Site:
    site = Site()
    site.saw(Purpose.MISSING_ASSET, f"{PAGE}/assets/{RANDOM}.js", answer)
    return site


def test_missing_script_that_gets_the_shell():
    found = missing_asset(SHELL).findings()
    assert list(found) == ["CAC-02"]
    assert found["CAC-02"].title == "Missing scripts are answered with the page itself and status 200"
    assert "text/html" in underlined(found["CAC-02"])
    assert found["CAC-02"].mends


@pytest.mark.parametrize(
    "answer",
    ["404 Not Found\ncontent-type: text/html\n\n<h1>404</h1>", "200 OK\ncontent-type: text/javascript\n\n",
     "503 Service Unavailable\ncontent-type: text/html\n\n<title>Just a moment...</title>"],
)  # fmt: skip
def test_other_answers_for_a_missing_script_are_fine(answer: str):
    assert missing_asset(answer).findings() == {}


def test_page_without_scripts_has_no_assets_to_miss():
    site = missing_asset(SHELL)
    site.scripts = ()
    assert site.findings() == {}


@pytest.mark.parametrize("url", ["http://a/c%20d?a=1&c=3", "http://x"])
def test_addresses_by_which_polyfills_test_themselves_are_no_findings(url: str):
    assert names(url).findings() == {}


def test_what_the_scanner_finds_at_an_unreachable_address_is_not_reported():
    """It is the scanner's own neighbour, not what visitors meet."""
    site = Site()
    url = "http://localhost:8000/api/items"
    site.says(f"GET {url}", JSON_200.replace("content-type", "set-cookie: session=abcdef; Path=/\ncontent-type"))
    site.calls("GET", url, credentials="include", source=in_script('fetch("http://localhost:8000/api/items")'))
    mirrored = "200 OK\naccess-control-allow-origin: https://seamwatch.invalid\naccess-control-allow-credentials: true\n\n[]"
    site.saw(Purpose.FOREIGN, url, mirrored, sent=(("Origin", "https://seamwatch.invalid"),))
    site.saw(Purpose.MISSING_API, f"http://localhost:8000/api/{RANDOM}", SHELL)
    site.saw(Purpose.WEBSOCKET, "ws://localhost:8000/ws", "426 Upgrade Required\n\n")
    assert list(site.findings()) == ["DEP-01"]


def test_line_that_names_the_address_is_quoted_when_the_call_does_not():
    site = names("http://localhost:8000", excerpt='const base="http://localhost:8000"')
    site.says("GET http://localhost:8000/items", JSON_200)
    site.calls("GET", "http://localhost:8000/items", source=in_script("fetch(`${base}/items`)"))
    finding = site.findings()["DEP-01"]
    assert underlined(finding) == ["http://localhost:8000"]
    assert finding.certainty is Certainty.OBSERVED


def test_documentation_link_to_somebody_elses_api_is_no_call():
    assert names("http://api.jqueryui.com/position/").findings() == {}


def test_own_plain_http_api_that_is_only_named_is_inferred():
    assert "DEP-02" in names("http://app.example:8000").findings()


def test_page_that_names_thousands_of_hosts_is_bounded():
    site = names("http://10.0.0.1:8000")
    site.literals += [UrlLiteral(f"http://10.1.{number // 250}.{number % 250}:8000", in_script("x")) for number in range(5_000)]
    finding = site.findings()["DEP-01"]
    assert len(finding.evidence) <= 4
    assert len(finding.title) < 200

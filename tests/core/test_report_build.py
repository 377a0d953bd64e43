"""From an observation to a report: its sentence, and that no secret of a call is left in it."""

from dataclasses import replace
from datetime import UTC, datetime

from made import API, JSON_200, PAGE, Site

from app.core.exchange import Purpose
from app.core.inventory import SocketUse
from app.core.report import Report
from app.core.report_build import build_report
from app.core.report_json import dump

SECRET = "s3cr3t-value"
ALLOWED = f"access-control-allow-origin: {PAGE}"


def built(site: Site) -> Report:
    return build_report(site.examined(), datetime(2026, 1, 2, tzinfo=UTC), 100)


def test_blocked_preflight_without_a_finding_is_explained_in_the_sentence():
    site = Site()
    site.says(f"OPTIONS {API}/items", f"401 Unauthorized\n{ALLOWED}\naccess-control-allow-headers: authorization\n\n")
    site.calls("GET", f"{API}/items", ["Authorization"])
    report = built(site)
    assert report.findings == ()
    assert report.site.sentence == "Browsers block the only call: the server answers OPTIONS with 401; a preflight needs 200 to 299."


def test_blocked_error_answer_without_a_finding_is_explained_in_the_sentence():
    site = Site()
    site.says(f"GET {API}/items", "500 Internal Server Error\ncontent-type: text/plain\n\nInternal Server Error")
    site.calls("GET", f"{API}/items")
    report = built(site)
    assert report.findings == ()
    assert report.site.sentence == (
        "Browsers block the only call: GET /items is answered 500, and there is no Access-Control-Allow-Origin header."
    )


def test_preflight_that_a_gateway_answers_is_explained_in_the_sentence():
    site = Site()
    site.says(f"OPTIONS {API}/items", "502 Bad Gateway\nserver: nginx\n\n<h1>502 Bad Gateway</h1>")
    site.calls("PUT", f"{API}/items")
    assert built(site).site.sentence == (
        "Browsers block the only call: OPTIONS is answered 502, and there is no Access-Control-Allow-Origin header."
    )


def test_redirect_to_a_host_without_cors_headers_is_explained_in_the_sentence():
    site = Site()
    site.says(f"GET {API}/items", f"302 Found\n{ALLOWED}\nlocation: https://cdn.example/items\n\n")
    site.says("GET https://cdn.example/items", JSON_200)
    site.calls("GET", f"{API}/items")
    assert "GET /items is redirected to cdn.example, where there is no Access-Control-Allow-Origin" in built(site).site.sentence


def test_socket_that_did_not_open_is_not_nothing():
    site = Site()
    site.saw(Purpose.WEBSOCKET, "wss://app.example/live?token=abc", "403 Forbidden\n\n")
    assert built(site).site.sentence == "The WebSocket wss://app.example/live did not open: it answers 403."


def test_values_of_a_calls_headers_are_in_no_part_of_the_report():
    site = Site()
    site.says(f"OPTIONS {API}/items?api_key={SECRET}", f"204 No Content\n{ALLOWED}\naccess-control-allow-headers: x-api-key\n\n")
    site.says(f"GET {API}/items?api_key={SECRET}", "200 OK\ncontent-type: application/json\n\n{}")
    site.calls("GET", f"{API}/items?api_key={SECRET}", ["X-Api-Key", "Authorization"], template=f"/items?api_key={SECRET}")
    judged = site.judged[0]
    path = tuple(
        replace(
            step, looks=tuple(replace(look, value=look.value.replace("x", SECRET)) if look.value == "x" else look for look in step.looks)
        )
        for step in judged.verdict.path  # pyright: ignore[reportOptionalMemberAccess]
    )
    assert any(look.value == SECRET for step in path for look in step.looks)  # or the test proves nothing
    site.judged[0] = replace(judged, verdict=replace(judged.verdict, path=path))  # pyright: ignore[reportArgumentType]
    assert SECRET not in dump(built(site))


def test_secrets_of_a_sockets_address_are_in_no_part_of_the_report():
    site = Site()
    address = f"{API.replace('https', 'wss')}/ws?token={SECRET}"
    site.sockets.append(SocketUse(address))
    site.saw(Purpose.WEBSOCKET, address, "426 Upgrade Required\n\n")
    report = built(site)
    assert "failed" in report.findings[0].console
    assert SECRET not in dump(report)


def test_sentence_names_the_finding_that_blocks():
    site = Site()
    site.says(f"GET {API}/items", JSON_200)
    site.saw(Purpose.MISSING_API, f"{API}/0123456789ab", "404 Not Found\n\n")
    site.calls("GET", f"{API}/items")
    assert built(site).site.sentence == f"Browsers block the only call: the API sends no CORS headers to {PAGE}."


def test_what_limited_the_reading_of_scripts_stands_in_the_notes():
    site = Site()
    examined = site.examined()
    examined = replace(examined, inventory=replace(examined.inventory, notes=("Only the first 3 MB of a script were read.",)))
    report = build_report(examined, datetime(2026, 1, 2, tzinfo=UTC), 100)
    assert "Only the first 3 MB of a script were read." in report.site.notes


def test_no_secret_is_left_in_the_evidence_of_a_technology():
    site = Site()
    site.runs("Socket.IO")
    examined = site.examined()
    shown = replace(examined.technologies[0], evidence=(f'0{{"sid":"{SECRET}"}}',))
    report = build_report(replace(examined, technologies=(shown,)), datetime(2026, 1, 2, tzinfo=UTC), 100)
    assert SECRET not in dump(report)

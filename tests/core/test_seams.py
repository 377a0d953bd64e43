"""Which boxes and lines a report's map has, and where its findings stand."""

from made import API, JSON_200, PAGE, Site

from app.core.exchange import Purpose
from app.core.findings import SeamKind
from app.core.inventory import SocketUse
from app.core.report import Part, Seam
from app.core.rules import run_checks
from app.core.seams import lay_out_seams


def laid_out(site: Site) -> tuple[dict[str, Part], dict[tuple[str, str], Seam]]:
    examined = site.examined()
    parts, seams = lay_out_seams(examined, run_checks(examined))
    return {part.id: part for part in parts}, {(seam.kind.value, seam.part): seam for seam in seams}


def test_a_call_on_another_origin_is_a_seam_of_its_own_part():
    site = Site()
    site.says(f"GET {API}/items", f"{JSON_200}")
    site.calls("GET", f"{API}/items")
    parts, seams = laid_out(site)
    assert parts["api-1"].address == "api.example"
    seam = seams["cors", "api-1"]
    assert (seam.blocked, seam.findings) == (True, ("COR-01",))


def test_a_finding_on_a_websocket_stands_at_the_websocket_even_where_it_shares_the_apis_origin():
    site = Site()
    site.says(f"GET {PAGE}/api/items", JSON_200)
    site.calls("GET", f"{PAGE}/api/items")
    site.sockets.append(SocketUse("wss://app.example/ws/"))
    site.saw(
        Purpose.WEBSOCKET,
        "wss://app.example/ws/",
        '404 Not Found\nserver: nginx/1.22.1\ncontent-type: application/json\n\n{"detail":"Not Found"}',
    )
    _, seams = laid_out(site)
    assert ("websocket", "api-1") not in seams
    assert seams["websocket", "websocket-1"].findings == ("WS-01",)


def test_a_call_blocked_before_cors_is_not_drawn_as_in_order():
    site = Site()
    site.calls("GET", "http://status.example/api/items")
    _, seams = laid_out(site)
    seam = seams["cors", "api-1"]
    assert seam.kind is SeamKind.CORS
    assert (seam.blocked, seam.findings, seam.worst and seam.worst.value) == (True, ("DEP-02",), "high")

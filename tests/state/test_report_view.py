"""A report as its page shows it: texts split, paths and mends worded, rows closed until they are opened."""

from app.core.findings import Certainty, Evidence, Finding, Framework, Mend, SeamKind, Severity
from app.core.report import SCHEMA_VERSION, Architecture, CallReport, Part, Report, Seam, Site, Technology
from app.core.verdict import Look, Outcome, Step
from app.state.report_map import map_view
from app.state.report_view import (
    Piece,
    call_row,
    closed_finding,
    common_host,
    evidence_lines,
    finding_ids,
    marked,
    mend_views,
    open_finding,
    path_steps,
    prose,
)

STOP = Step("preflight_headers", "A header is refused", "P5", Outcome.STOP, looks=(Look("missing", "x-a", "x-a"),))
PASS = Step("cross_origin", "Cross-origin", "M5", Outcome.PASS, "The hosts differ.", (Look("allow", ""),))


def call(name: str = "call-1", url: str = "https://api.example/x?page=1", *, allowed: bool | None = False, **changes) -> CallReport:
    values = {
        "method": "POST", "template": "", "headers": (), "credentials": "omit", "origin": "https://app.example", "source": "user",
        "source_excerpt": "", "allowed_standard": allowed, "rule": "P5", "type": "", "preflight": True, "certainty": Certainty.OBSERVED,
        "why": "", "status": None, "duration_ms": None, "console": "", "exposed": (), "path": (PASS, STOP), "sent": (), "requests": (),
    }  # fmt: skip
    return CallReport(id=name, url=url, allowed=allowed, **{**values, **changes})


def finding(code: str = "COR-06", **changes) -> Finding:
    return Finding(code, Severity.HIGH, SeamKind.CORS, "The header `x-a` is refused", Certainty.OBSERVED, "Because of `x-a`.", **changes)


def report(*calls: CallReport, findings: tuple[Finding, ...] = (), technologies: tuple[Technology, ...] = ()) -> Report:
    site = Site("https://app.example/", "https://app.example/", "https://app.example", (), "2026-01-01T00:00:00Z", 12, "Blocked.")
    api = Part("api-1", "api", "API origin", "api.example")
    seam = Seam("cors-1", SeamKind.CORS, "api-1", "refused", worst=Severity.HIGH, blocked=True, findings=("COR-06",))
    kind = Architecture("unknown", "unknown", 0.0, ())
    return Report(SCHEMA_VERSION, site, kind, technologies, (api,), (seam,), calls, findings, ())


def test_backticks_are_code_and_the_first_faulty_part_is_underlined():
    assert prose("List `x-a` here") == [Piece("", "List "), Piece("code", "x-a"), Piece("", " here")]
    assert marked("allow: GET", "GET") == [Piece("", "allow: "), Piece("hl", "GET")]
    assert marked("allow: GET", "PUT") == [Piece("", "allow: GET")]


def test_findings_of_one_code_have_ids_of_their_own():
    assert finding_ids([finding(), finding("WS-01"), finding()]) == ["COR-06", "WS-01", "COR-06-2"]


def test_an_empty_line_parts_the_evidence_of_two_exchanges():
    lines = evidence_lines([Evidence("GET /\n200 OK", "200", 1), Evidence("vary: Origin", "", 1), Evidence("404", "", 2)])
    assert ["".join(piece.text for piece in line) for line in lines] == ["GET /", "200 OK", "vary: Origin", "", "404"]


def test_a_closed_finding_carries_no_body_and_an_open_one_the_path_of_its_first_judged_call():
    shown = finding(calls=("call-2", "call-1"))
    made = report(call(), call("call-2", path=()), findings=(shown,))
    assert closed_finding("COR-06", shown).explanation == []
    row = open_finding("COR-06", shown, made, "/cors?case=x")
    assert (row.call, row.lab, row.others) == ("POST api.example/x?page=1", "/cors?case=x", "The other 1 call")
    assert [(step.kind, step.said) for step in row.path] == [("pass", "Passed"), ("stop", "Stops here")]


def test_a_step_that_found_nothing_says_so_and_a_changed_outcome_is_another_key():
    assert path_steps([PASS])[0].looks[0].value == [Piece("none", "nothing")]
    assert path_steps([PASS])[0].key != path_steps([Step("cross_origin", "Cross-origin", "M5", Outcome.STOP)])[0].key


def test_the_steps_after_a_redirect_have_one_heading():
    hops = [PASS, Step("cross_origin", "", "M5", Outcome.PASS, hop=1, url="https://b.example/"), Step("x", "", "C2", Outcome.PASS, hop=1)]
    assert [step.hop for step in path_steps(hops)] == ["", "https://b.example/", ""]


def test_the_first_mend_is_shown_and_a_recognised_framework_is_said_to_be_yours():
    mends = (Mend(Framework.DJANGO, "settings.py", "a"), Mend(Framework.FLASK, "app.py", "b"))
    assert [(view.word, view.yours, view.first) for view in mend_views(mends, {"DRF"})] == [("Django", True, True), ("Flask", False, False)]


def test_a_host_that_all_calls_share_is_not_repeated_in_their_rows():
    same = report(call(), call("call-2"))
    assert common_host(same) == "api.example"
    assert call_row(call(), "api.example").host == ""
    assert call_row(call(), "app.example").host == "api.example"
    assert common_host(report(call(), call("call-2", "https://other.example/"))) == ""


def test_a_call_row_says_its_verdict_and_holds_the_rest_only_when_open():
    row = call_row(call(), "api.example")
    assert (row.path, row.verdict, row.marks, row.status, row.steps) == ("/x?page=1", "Blocked, P5", ["ok", "stop"], "–", [])
    assert call_row(call(allowed=None, path=()), "").verdict == "Unknown"
    assert call_row(call(allowed=True, allowed_standard=False), "").standard == "The Fetch standard blocks this."
    assert call_row(call(certainty=Certainty.INFERRED, allowed=True), "").verdict == "Allowed, inferred"
    assert call_row(call(), "", open_=True).source == "Named by you."


def test_a_line_of_the_map_leads_to_its_finding():
    view = map_view(report(call(), findings=(finding(),)), {"COR-06": "COR-06"})
    assert [(line.target, line.href, line.blocked) for line in view.lines] == [("COR-06", "#COR-06", True)]
    assert [(part.name, len(part.lines)) for part in view.parts] == [("API origin", 1)]
    assert "1 blocked" in view.said

"""A judged case as the lab shows it."""

import pytest

from app.core.lab import LabAnswer, LabCase, judge_case
from app.core.lab_cases import DEFAULT, READY
from app.state.lab_view import cleaned, path_of, title_of, verdict_view, visited

CASES = {ready.key: ready.case for ready in READY}


def text(pieces) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("key", "headline"),
    [
        ("method", "Blocked at the preflight."),
        ("wildcard", "Blocked at the answer."),
        ("hops", "Blocked at the answer after the redirect."),
        ("star", "Allowed by browsers."),
    ],
)
def test_the_headline_says_where_a_call_ends(key: str, headline: str):
    assert verdict_view(judge_case(CASES[key])).headline == headline


def test_a_blocked_call_says_the_step_the_lines_that_change_and_the_console():
    view = verdict_view(judge_case(DEFAULT))
    assert (view.look, view.rule, view.summary) == ("stop", "P3", "5 steps passed, stops at step 6 of 11")
    assert (view.changes[0].removed, view.changes[0].added) == (
        ["access-control-allow-methods: GET, POST"],
        ["access-control-allow-methods: GET, POST, PUT"],
    )
    assert text(view.changes[0].said) == "The answer to the preflight of /api/invoices/88/:"
    assert view.allowed_after
    assert "Method PUT is not allowed" in view.console
    assert title_of(view) == "Blocked at P3 · CORS lab · Seamwatch"


def test_where_an_answer_is_missing_the_view_says_which():
    view = verdict_view(judge_case(LabCase("https://a.example", "https://b.example/x", "PUT")))
    assert (view.look, view.headline) == ("unknown", "Not decided yet.")
    assert text(view.said).endswith("OPTIONS https://b.example/x")


def test_where_redirects_lost_the_origin_no_mend_by_name_is_offered():
    view = verdict_view(judge_case(CASES["hops"]))
    assert view.mends == []
    assert text(view.advice).startswith("Better: call https://files.example/7 directly.")


def test_a_verdict_that_the_standard_does_not_share_is_told():
    view = verdict_view(judge_case(CASES["star"]))
    assert text(view.standard).startswith("The Fetch standard blocks this call at P4.")


def test_a_readable_answer_lists_the_headers_a_script_sees():
    case = LabCase(
        "https://a.example",
        "https://b.example/",
        answers=(LabAnswer("https://b.example/", "", "200\naccess-control-allow-origin: *\ncontent-type: text/plain\nx-a: 1"),),
    )
    view = verdict_view(judge_case(case))
    assert (view.look, view.exposed) == ("ok", ["content-type"])


def test_every_url_on_the_way_has_its_kinds_of_requests():
    assert visited(judge_case(CASES["hops"])) == {"https://api.fernway.example/files/7": {"actual"}, "https://files.example/7": {"actual"}}
    assert visited(judge_case(DEFAULT)) == {DEFAULT.url: {"preflight"}}


def test_a_hidden_value_becomes_one_that_a_header_may_hold():
    case = cleaned(LabCase("https://a.example", "https://b.example/", headers=(("authorization", "Bearer …"),)))
    assert case.headers == (("authorization", "Bearer secret"),)


@pytest.mark.parametrize(("url", "path"), [("https://a.example/b?c", "/b?c"), ("https://a.example", "/"), ("not one", "not one")])
def test_the_path_of_an_address(url: str, path: str):
    assert path_of(url) == path

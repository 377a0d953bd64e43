"""The CORS lab: a case as typed, what must change, and its link."""

import base64
import zlib

import pytest

from app.core.exchange import Head
from app.core.findings import Framework
from app.core.lab import BadText, LabAnswer, LabCase, from_link, judge_case, parse_answer, to_link

PAGE = "https://app.fernway.example"
URL = "https://api.fernway.example/api/invoices/88/"
ALLOWED = f"204\naccess-control-allow-origin: {PAGE}\naccess-control-allow-credentials: true"


def case(preflight: str = "", actual: str = ALLOWED, **parts) -> LabCase:
    return LabCase(PAGE, URL, answers=(LabAnswer(URL, preflight, actual),), **parts)


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("200 OK\nVary: Origin", Head(200, (("Vary", " Origin"),))),
        ("HTTP/1.1 404 Not Found\r\nA: b\r\n", Head(404, (("A", " b"),))),
        ("access-control-allow-origin: *", Head(200, (("access-control-allow-origin", " *"),))),
        ("", Head(200)),
    ],
)
def test_an_answer_is_a_status_line_and_header_lines(text, head):
    assert parse_answer(text) == head


def test_a_line_that_is_no_header_is_named():
    with pytest.raises(BadText, match="Line 2"):
        parse_answer("200 OK\nnot a header")


def test_an_answer_that_is_not_given_yet_is_asked_for():
    judgement = judge_case(case(method="PUT", preflight=""))
    assert judgement.verdict is None
    assert judgement.missing is not None
    assert (judgement.missing.kind, judgement.missing.url) == ("preflight", URL)


def test_a_method_that_is_not_listed_is_added_to_the_list_and_then_allowed():
    judgement = judge_case(case(f"{ALLOWED}\naccess-control-allow-methods: GET, POST", method="PUT", credentials="include"))
    assert judgement.verdict is not None
    assert judgement.verdict.rule == "P3"
    assert [(change.before, change.after) for change in judgement.changes] == [
        ("access-control-allow-methods: GET, POST", "access-control-allow-methods: GET, POST, PUT")
    ]
    assert judgement.allowed_after
    assert {mend.framework for mend in judgement.mends} >= {Framework.FLASK, Framework.DJANGO, Framework.FASTAPI, Framework.NGINX}


def test_applying_the_changes_makes_the_case_allowed():
    judgement = judge_case(case("404", "500", method="PUT", headers=(("Authorization", "x"), ("X-A", "1")), credentials="include"))
    assert judgement.mended is not None
    again = judge_case(judgement.mended)
    assert again.verdict is not None
    assert again.verdict.allowed


@pytest.mark.parametrize(
    ("actual", "credentials", "before"),
    [
        ("200", "same-origin", [""]),
        ("200\naccess-control-allow-origin: *", "include", ["access-control-allow-origin: *", ""]),
        (
            "200\naccess-control-allow-origin: https://app.fernway.example/",
            "omit",
            ["access-control-allow-origin: https://app.fernway.example/"],
        ),
        (
            f"200\naccess-control-allow-origin: {PAGE}\naccess-control-allow-origin: *",
            "omit",
            [f"access-control-allow-origin: {PAGE}", "access-control-allow-origin: *"],
        ),
    ],
)
def test_a_wrong_origin_line_becomes_the_right_one(actual, credentials, before):
    judgement = judge_case(case(actual=actual, credentials=credentials))
    assert [
        change.before for change in judgement.changes if change.after != "access-control-allow-credentials: true" or not change.before
    ] == before
    assert judgement.allowed_after


def test_a_redirected_preflight_must_answer_by_itself():
    judgement = judge_case(case(f"307\nlocation: {URL}x\naccess-control-allow-origin: {PAGE}", method="PUT"))
    assert judgement.verdict is not None
    assert judgement.verdict.rule == "P0"
    assert ("307", "204") in [(change.before, change.after) for change in judgement.changes]
    assert judgement.allowed_after


def test_a_call_that_no_answer_can_allow_gets_advice_instead_of_changes():
    judgement = judge_case(case(method="TRACE"))
    assert judgement.changes == ()
    assert "Change the call" in judgement.advice


def test_a_link_holds_the_whole_case():
    whole = case(
        "204", method="PUT", headers=(("X-A", "ü"), ("X-A", "2")), body="blob", body_type="image/png", mode="no-cors", redirect="error"
    )
    assert from_link(to_link(whole)) == whole


# A case that names half of a surrogate pair, as only a script can; no var may hold it.
HALF = base64.urlsafe_b64encode(zlib.compress(rb'{"origin": "https://app.example", "url": "https://api.example/\ud83e"}')).decode()


@pytest.mark.parametrize("text", ["", "x", "eJw", to_link(case())[:-9], "A" * 30_000, "eJyrVkrLz1eyUkpKLFKqBQAdXgQs", HALF])
def test_a_link_that_was_cut_or_is_from_elsewhere_is_refused_in_words(text):
    with pytest.raises(BadText, match="cannot be read"):
        from_link(text)

"""Ready cases, cases of console messages, and calls as JavaScript."""

from dataclasses import replace

import pytest

from app.core.console import explain_console
from app.core.cors_rules import BY_NUMBER, title_of_rule
from app.core.lab import LabCase, base_rule, from_link, judge_case, to_link
from app.core.lab_cases import DEFAULT, PAGE, READY, case_of_console, read_fetch, write_fetch

BLOCKED = "Access to fetch at 'https://api.example/x' from origin 'https://app.example' has been blocked by CORS policy: "
PREFLIGHT = BLOCKED + "Response to preflight request doesn't pass access control check: "


@pytest.mark.parametrize("ready", READY, ids=lambda ready: ready.key)
def test_a_ready_case_shows_the_rule_it_is_for(ready):
    judgement = judge_case(ready.case)
    assert judgement.verdict is not None
    assert judgement.verdict.rule == ready.rule
    assert from_link(to_link(ready.case)) == ready.case


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (BLOCKED + "No 'Access-Control-Allow-Origin' header is present on the requested resource.", "C1"),
        (
            BLOCKED + "The 'Access-Control-Allow-Origin' header has a value 'https://b.example' that is not equal to the supplied origin.",
            "C2",
        ),
        (BLOCKED + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when", "C3"),
        (PREFLIGHT + "No 'Access-Control-Allow-Origin' header is present on the requested resource.", "PC1"),
        (PREFLIGHT + "It does not have HTTP ok status.", "P1"),
        (PREFLIGHT + "Redirect is not allowed for a preflight request.", "P0"),
        (BLOCKED + "Method PATCH is not allowed by Access-Control-Allow-Methods in preflight response.", "P3"),
        (BLOCKED + "Request header field x-a is not allowed by Access-Control-Allow-Headers in preflight response.", "P5"),
    ],
)
def test_a_console_message_becomes_a_case_that_makes_a_browser_say_it(message: str, rule: str):
    (match,) = explain_console(message)
    case = case_of_console(match)
    assert case is not None
    assert (case.origin, case.url) == ("https://app.example", "https://api.example/x")
    judgement = judge_case(case)
    assert judgement.verdict is not None
    assert base_rule(judgement.verdict.rule) == base_rule(rule)
    again = explain_console(judgement.verdict.console)
    assert [found.rule for found in again] == [match.rule]


def test_a_message_that_tells_too_little_makes_no_case():
    (match,) = explain_console("https://api.example/x net::ERR_TOO_MANY_REDIRECTS")
    assert case_of_console(match) is None


@pytest.mark.parametrize("body", ["", "text", "urlencoded", "multipart", "bytes"])
def test_a_call_written_as_javascript_is_read_back(body: str):
    case = replace(DEFAULT, body=body, redirect="manual", mode="cors")
    call = read_fetch(write_fetch(case), PAGE)
    assert call is not None
    assert (call.method, call.url, call.credentials, call.redirect) == ("PUT", case.url, "include", "manual")
    assert [name for name, _ in call.headers] == ["content-type", "authorization"]


def test_defaults_are_left_out_of_the_javascript():
    assert write_fetch(LabCase(PAGE, "https://api.example/x")) == 'await fetch("https://api.example/x");'


def test_a_quote_in_a_header_stays_inside_its_string():
    assert '"a\\"b"' in write_fetch(replace(DEFAULT, headers=(("x-a", 'a"b'),)))


def test_code_without_a_call_has_none():
    assert read_fetch("const a = 1;", PAGE) is None
    assert read_fetch("fetch('" + "a" * 30_000 + "')", PAGE) is None


def test_every_rule_that_a_ready_case_passes_is_explained():
    shown = {step.rule for ready in READY if (verdict := judge_case(ready.case).verdict) for step in verdict.path}
    assert shown <= set(BY_NUMBER)
    assert title_of_rule("P5") == "Every other header is listed"
    assert title_of_rule("Z9") == ""


def test_every_rule_that_the_engine_names_is_explained():
    from pathlib import Path
    from re import findall

    core = Path(__file__).parents[2] / "app" / "core"
    named = {
        rule for path in core.glob("cors*.py") if path.name != "cors_rules.py" for rule in findall(r'"((?:PC|[A-Z])\d+)"', path.read_text())
    }
    assert named - set(BY_NUMBER) == set()

"""Assertions: what holds of which answer, what is said of what does not, and that no text of a user's stops the others."""

import json

import pytest

from app.core.assertions import Answer, Assertion, BadAssertion, Operator, Subject, check
from app.core.exchange import Exchange, Head, Headers, Purpose, Timing

PAGE = b"<html><head><title> Fernway  shop </title></head><body><h1 id=a>Hello <b>you</b></h1><p></p></body></html>"
DATA = json.dumps({"ok": True, "n": 3, "name": "Ada", "none": None, "items": [{"id": 1}, {"id": 2}], "ü": "ß"}).encode()
JSON: Headers = (("Content-Type", "application/json"), ("X-A", "1"), ("x-a", "2"))


def answer(
    body: bytes = DATA, status: int = 200, headers: Headers = JSON, *, truncated: bool = False, days: float | None = 30.26
) -> Answer:
    timing = Timing(total_ms=120.04)
    return Answer(
        Exchange(
            1, Purpose.ENDPOINT, "GET", "https://a.example/", (), Head(status, headers), body=body, truncated=truncated, timing=timing
        ),
        days,
    )


S, O = Subject, Operator  # noqa: E741


@pytest.mark.parametrize(
    ("assertion", "held", "found"),
    [
        ((S.STATUS, O.IS, "200-299, 304"), True, "200"),
        ((S.STATUS, O.IS, "201"), False, "200"),
        ((S.STATUS, O.IS_NOT, "500-599"), True, "200"),
        ((S.HEADER, O.CONTAINS, "json", "content-type"), True, "application/json"),
        ((S.HEADER, O.IS, "1, 2", "X-A"), True, "1, 2"),
        ((S.HEADER, O.EXISTS, "", "server"), False, "nothing"),
        ((S.HEADER, O.EXISTS_NOT, "", "server"), True, "nothing"),
        ((S.HEADER, O.IS, "", "server"), False, "nothing"),
        ((S.HEADER, O.CONTAINS_NOT, "x", "server"), True, "nothing"),
        ((S.BODY, O.CONTAINS, '"name": "Ada"'), True, DATA.decode()),
        ((S.BODY, O.MATCHES, r"na\w+"), True, DATA.decode()),
        ((S.JSON, O.IS, "true", "$.ok"), True, "true"),
        ((S.JSON, O.IS, "Ada", "$.name"), True, "Ada"),
        ((S.JSON, O.IS, "null", "$.none"), True, "null"),
        ((S.JSON, O.EXISTS, "", "$.none"), True, "null"),
        ((S.JSON, O.EXISTS, "", "$.nowhere"), False, "nothing"),
        ((S.JSON, O.IS, "ß", "$['ü']"), True, "ß"),
        ((S.JSON, O.ABOVE, "2.5", "$.n"), True, "3"),
        ((S.JSON, O.BELOW, "3", "$.n"), False, "3"),
        ((S.JSON, O.IS, "[1, 2]", "$.items[*].id"), True, "[1, 2]"),
        ((S.JSON, O.IS, "2", "$.items[?@.id > 1].id"), True, "2"),
        ((S.JSON, O.IS, "2", "$.items[?length(@) == 1].id"), False, "[1, 2]"),
        ((S.SCHEMA, O.MATCHES, '{"required": ["n"], "properties": {"n": {"type": "integer"}}}'), True, "it does"),
        ((S.SCHEMA, O.MATCHES, '{"properties": {"n": {"type": "string"}}}'), False, '/n: 3 is not of type "string"'),
        ((S.LATENCY, O.BELOW, "120"), False, "120.0"),
        ((S.LATENCY, O.BELOW, "121"), True, "120.0"),
        ((S.CERTIFICATE, O.ABOVE, "30"), True, "30.3"),
    ],
)
def test_what_holds_of_an_answer(assertion: tuple[str, ...], held: bool, found: str):
    result = check(Assertion(*assertion), answer())  # pyright: ignore[reportArgumentType]
    assert (result.held, result.found, result.problem) == (held, found, "")


@pytest.mark.parametrize(
    ("assertion", "held", "found"),
    [
        ((S.TITLE, O.IS, "Fernway shop"), False, "Fernway  shop"),
        ((S.TITLE, O.CONTAINS, "shop"), True, "Fernway  shop"),
        ((S.SELECTOR, O.EXISTS, "", "h1#a > b"), True, "you"),
        ((S.SELECTOR, O.IS, "Hello you", "h1"), True, "Hello you"),
        ((S.SELECTOR, O.EXISTS_NOT, "", ".error"), True, "nothing"),
        ((S.SELECTOR, O.EXISTS, "", "p"), True, ""),
        ((S.WEIGHT, O.BELOW, "1000"), True, str(len(PAGE))),
    ],
)
def test_what_holds_of_a_page(assertion: tuple[str, ...], held: bool, found: str):
    result = check(Assertion(*assertion), answer(PAGE, headers=(("content-type", "text/html"),)))  # pyright: ignore[reportArgumentType]
    assert (result.held, result.found, result.problem) == (held, found, "")


@pytest.mark.parametrize(
    ("assertion", "got", "problem"),
    [
        (Assertion(S.JSON, O.EXISTS, "", "$.a"), answer(b"<html>"), "the body is not JSON"),
        (Assertion(S.JSON, O.EXISTS, "", "$.a"), answer(b"[" * 200_000), "the body is not JSON"),
        (Assertion(S.JSON, O.EXISTS, "", "$.a"), answer(truncated=True), "too large"),
        (Assertion(S.WEIGHT, O.BELOW, "1"), answer(truncated=True), "larger than the"),
        (Assertion(S.CERTIFICATE, O.ABOVE, "1"), answer(days=None), "not encrypted"),
        (Assertion(S.JSON, O.ABOVE, "1", "$.name"), answer(), "not a number"),
        (Assertion(S.JSON, O.ABOVE, "0", "$.ok"), answer(), "not a number"),
        (Assertion(S.HEADER, O.BELOW, "5", "content-type"), answer(), "not a number"),
        (Assertion(S.BODY, O.MATCHES, "(a|aa)+$"), answer(b"a" * 5000 + b"!"), "took more than 0.05 s"),
    ],
)
def test_what_cannot_be_looked_at_does_not_hold_and_says_why(assertion: Assertion, got: Answer, problem: str):
    result = check(assertion, got)
    assert not result.held
    assert problem in result.problem


@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        ((S.STATUS, O.CONTAINS, "2"), "cannot be asserted of status"),
        ((S.STATUS, O.IS, "2xx"), "does not list statuses"),
        ((S.STATUS, O.IS, "299-200"), "does not list statuses"),
        ((S.STATUS, O.IS, "99"), "does not list statuses"),
        ((S.HEADER, O.IS, "x"), "Say which header"),
        ((S.SELECTOR, O.EXISTS, "", "##"), "not a CSS selector"),
        ((S.SELECTOR, O.EXISTS), "Write a CSS selector"),
        ((S.JSON, O.EXISTS, "", "$.["), "not a JSONPath"),
        ((S.JSON, O.EXISTS, "", "$[?match(@.a, '(a|aa)+b')]"), "not a JSONPath"),
        ((S.BODY, O.MATCHES, "("), "not a regular expression"),
        ((S.LATENCY, O.BELOW, "fast"), "not a number"),
        ((S.LATENCY, O.BELOW, "nan"), "not a number"),
        ((S.LATENCY, O.BELOW, "inf"), "not a number"),
        ((S.SCHEMA, O.MATCHES, "{"), "not JSON"),
        ((S.SCHEMA, O.MATCHES, "[]"), "is an object"),
        ((S.SCHEMA, O.MATCHES, '{"type": "nonsense"}'), "can be used"),
        ((S.SCHEMA, O.MATCHES, '{"$ref": "http://127.0.0.1:1/schema.json"}'), "can be used"),
    ],
)
def test_an_assertion_that_cannot_be_checked_is_refused_when_it_is_made(assertion: tuple[str, ...], words: str):
    with pytest.raises(BadAssertion, match=words):
        Assertion(*assertion)  # pyright: ignore[reportArgumentType]


def test_what_was_found_is_cut():
    result = check(Assertion(S.BODY, O.IS, "x"), answer(b"y" * 10_000))
    assert len(result.found) == 200
    assert result.found.endswith("…")


@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        (Assertion(S.HEADER, O.CONTAINS, "html", "content-type"), "header content-type contains html"),
        (Assertion(S.LATENCY, O.BELOW, "500"), "latency is below 500 ms"),
        (Assertion(S.JSON, O.EXISTS, "", "$.a"), "json $.a is there"),
        (Assertion(S.SCHEMA, O.MATCHES, "{}"), "the body follows the JSON Schema"),
    ],
)
def test_an_assertion_says_itself_in_words(assertion: Assertion, words: str):
    assert assertion.words == words


@pytest.mark.parametrize("subject", [Subject.TITLE, Subject.SELECTOR])
def test_html_that_nests_without_end_is_looked_at_in_time(subject: Subject):
    assertion = Assertion(subject, Operator.IS, "x", "p" if subject is Subject.SELECTOR else "")
    exchange = Exchange(1, Purpose.PAGE, "GET", "http://a.example/", response=Head(200), body=b"<div>" * 200_000)
    assert not check(assertion, Answer(exchange)).held


def test_what_is_found_can_be_written_whatever_the_target_escaped():
    found = check(Assertion(S.JSON, O.IS, "x", "$.a"), answer(b'{"a": "\\ud800"}'))
    assert (found.held, found.found) == (False, "?")


def test_a_path_that_leads_everywhere_again_and_again_ends():
    body = ("[" * 60 + "1" + "]" * 60).encode()
    found = check(Assertion(Subject.JSON, Operator.EXISTS, "", "$..*..*..*..*..*..*..*..nothing"), answer(body))
    assert (found.held, found.problem) == (False, "the path leads to too many places in this body")


@pytest.mark.parametrize("path", ["$.*[?count($..*) > 1]", "$..[?@..a]", "$.a[?'?' == @.b && $.c]"])
def test_a_filter_that_looks_at_everything_for_each_place_is_refused(path: str):
    with pytest.raises(BadAssertion, match="Behind the"):
        Assertion(Subject.JSON, Operator.EXISTS, "", path)


def test_a_filter_may_name_texts_that_look_like_paths():
    Assertion(Subject.JSON, Operator.EXISTS, "", "$..a[?@.b == '$..?' && @.c[?@.d]].e")

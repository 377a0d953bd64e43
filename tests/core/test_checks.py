"""Configurations of checks: read and written without loss, and refused by field and in words."""

import json
from typing import Any

import pytest

from app.core.assertions import Answer, Assertion, Operator, Subject, check
from app.core.checked import judged
from app.core.checks import BadCheck, Check, Kind, dump, parse
from app.core.exchange import Exchange, Head, Purpose
from app.core.incident import Outcome
from app.core.placeholders import filled

CALL = {"origin": "https://app.example", "url": "https://api.example/items", "method": "PUT", "headers": [["X-A", "1"]]}
ASK = {"url": "https://app.example/"}
LEAST: dict[Kind, dict[str, Any]] = {
    Kind.PAGE: {"ask": ASK},
    Kind.API: {"ask": {**ASK, "method": "POST", "body": "{}", "auth": {"type": "bearer", "token": "{{secret.T}}"}}},
    Kind.FLOW: {
        "steps": [
            {"name": "form", "ask": ASK, "captures": [{"name": "csrf", "source": "html", "path": "input[name=csrf]"}]},
            {"name": "log in", "ask": {**ASK, "method": "POST", "body": "csrf={{csrf}}&password={{secret.PASSWORD}}"}},
        ]
    },
    Kind.CORS: {"call": CALL},
    Kind.WEBSOCKET: {"url": "wss://app.example/ws", "messages": [{"send": "ping", "expect": "$.pong", "how": "json"}]},
    Kind.SOCKETIO: {"url": "https://app.example/socket.io/"},
    Kind.COOKIE: {"ask": ASK, "name": "session", "sent_with": [CALL]},
    Kind.OIDC: {"issuer": "https://id.example"},
    Kind.TLS: {"host": "app.example"},
    Kind.DOMAIN: {"domain": "app.example"},
    Kind.DNS: {"name": "app.example", "record": "MX"},
    Kind.TCP: {"host": "::1", "port": 22},
    Kind.PING: {"host": "192.0.2.1"},
    Kind.DATABASE: {"engine": "postgresql", "host": "db.example", "port": 5432, "password": "{{secret.DB}}"},
    Kind.HEARTBEAT: {"period_s": None, "cron": "0 3 * * *", "zone": "Europe/Berlin"},
    Kind.SKEW: {"page_url": "https://app.example"},
    Kind.SCAN: {"page_url": "https://app.example"},
}


@pytest.mark.parametrize("kind", Kind)
def test_a_configuration_comes_back_from_json_as_it_was(kind: Kind):
    made: Check = parse(kind, LEAST[kind])
    assert made.kind is kind
    assert parse(kind, json.loads(json.dumps(dump(made)))) == made


@pytest.mark.parametrize("kind", Kind)
def test_a_field_that_the_kind_does_not_have_is_refused(kind: Kind):
    with pytest.raises(BadCheck) as caught:
        parse(kind, {**LEAST[kind], "workspace_id": 2})
    assert caught.value.errors == {"workspace_id": "There is no such field."}


@pytest.mark.parametrize(
    ("kind", "change", "field", "words"),
    [
        (Kind.PAGE, {"ask": {}}, "ask.url", "This is needed."),
        (Kind.PAGE, {"ask": {"url": "file:///etc/passwd"}}, "ask", "starts with http"),
        (Kind.PAGE, {"ask": {"url": "https://user:password@a.example"}}, "ask", "without a password"),
        (Kind.PAGE, {"ask": {"url": "https://a.example/a b"}}, "ask", "absolute address"),
        (Kind.PAGE, {"ask": {"url": "https://a.example:99999/"}}, "ask", "absolute address"),
        (Kind.PAGE, {"ask": {**ASK, "method": "TRACE"}}, "ask", "The method is one of"),
        (Kind.PAGE, {"ask": {**ASK, "headers": [["A b", "c"]]}}, "ask", "is not the name of a header"),
        (Kind.PAGE, {"ask": {**ASK, "headers": [["A", "b\r\nC: d"]]}}, "ask", "line break"),
        (Kind.PAGE, {"ask": {**ASK, "body": "x" * 100_001}}, "ask", "more than 100000"),
        (Kind.PAGE, {"ask": {**ASK, "auth": {"type": "ntlm"}}}, "ask.auth", "."),
        (
            Kind.PAGE,
            {"ask": {**ASK, "assertions": [{"subject": "body", "operator": "matches", "value": "("}]}},
            "ask.assertions.0",
            "not a regular",
        ),
        (Kind.FLOW, {"steps": []}, "check", "1 to 20 steps"),
        (Kind.FLOW, {"steps": [{"name": "a", "ask": {"url": "https://a.example/{{x}}"}}]}, "check", "no earlier step captures"),
        (Kind.CORS, {"call": {**CALL, "origin": "https://app.example/path"}}, "check", "is not an origin"),
        (Kind.WEBSOCKET, {"url": "https://a.example"}, "check", "starts with ws"),
        (Kind.WEBSOCKET, {"url": "wss://a.example", "messages": [{"expect": "$[", "how": "json"}]}, "messages.0", "not a JSONPath"),
        (Kind.COOKIE, {"name": ""}, "check", "Name the cookie"),
        (Kind.COOKIE, {"name": "a b"}, "check", "Name the cookie"),
        (Kind.TLS, {"host": "a b"}, "check", "host name"),
        (Kind.TLS, {"host": "a.example", "server_name": "x\r\nMAIL FROM:<a@b.example>"}, "check", "host name"),
        (Kind.DNS, {"name": "a.example", "resolver": "dns.example"}, "check", "not an IP address, like 9.9.9.9"),
        (Kind.DNS, {"name": "a.example", "resolver": "9.9.9.9:0"}, "check", "not an IP address, like 9.9.9.9"),
        (Kind.SOCKETIO, {"auth": "token"}, "check", "is a JSON object"),
        (Kind.SOCKETIO, {"auth": "[" * 100_000}, "check", "is a JSON object"),
        (Kind.SOCKETIO, {"payload": '{"a": 1}'}, "check", "are a JSON array"),
        (Kind.TCP, {"host": "a.example", "port": 0}, "check", "1 to 65535"),
        (Kind.PING, {"host": "a.example", "count": 2, "max_lost": 2}, "check", "not all may be lost"),
        (Kind.HEARTBEAT, {"period_s": 3600}, "check", "either a period or a cron"),
        (Kind.HEARTBEAT, {"period_s": 10, "cron": ""}, "check", "at least a minute"),
        (Kind.DATABASE, {"engine": "oracle"}, "engine", "."),
    ],
)
def test_what_cannot_be_used_is_named_by_field_and_in_words(kind: Kind, change: dict[str, Any], field: str, words: str):
    with pytest.raises(BadCheck) as caught:
        parse(kind, {**LEAST[kind], **change})
    assert list(caught.value.errors) == [field]
    assert words in caught.value.errors[field]


@pytest.mark.parametrize("values", [None, "x", [], 3, {"ask": "x"}])
def test_what_is_no_configuration_at_all_is_refused(values: object):
    with pytest.raises(BadCheck):
        parse(Kind.PAGE, values)


def test_a_placeholder_may_stand_in_an_address():
    assert parse(Kind.PAGE, {"ask": {"url": "https://{{secret.HOST}}:{{secret.PORT}}/x"}})


def test_what_holds_a_placeholder_is_json_once_that_is_filled_in():
    for auth in ('{"token": {{secret.T}}}', "{{secret.WHOLE}}"):
        made = parse(Kind.SOCKETIO, {**LEAST[Kind.SOCKETIO], "auth": auth})
        assert filled(made, {"secret.T": '"x"', "secret.WHOLE": "{}"})
        with pytest.raises(ValueError, match="is a JSON object"):
            filled(made, {"secret.T": "x", "secret.WHOLE": "x"})


def test_an_assertion_that_warns_degrades_and_one_that_counts_is_worse():
    answer = Answer(Exchange(1, Purpose.ENDPOINT, "GET", "https://a.example/", response=Head(500)))
    warns = check(Assertion(Subject.STATUS, Operator.IS, "200-299", warns=True), answer)
    counts = check(Assertion(Subject.STATUS, Operator.IS_NOT, "500"), answer)
    assert judged(())[0] is Outcome.UP
    assert judged((warns,))[0] is Outcome.DEGRADED
    assert judged((warns, counts))[0] is Outcome.DOWN
    assert judged((warns,))[2] == "It should hold that status is 200-299; found 500."

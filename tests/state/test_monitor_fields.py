"""Each kind's form and the JSON of its check, there and back."""

from typing import Any

import pytest

from app.core.checks import BadCheck, Kind, dump, parse
from app.state.form_fields import Part, Repeated, Shape
from app.state.form_values import add_row, blame, collect, fill, take
from app.state.monitor_kinds import KINDS, SEAMS
from app.state.monitor_parts import OPTIONS
from app.state.monitor_sections import sections_of

_AUTH = {
    "type": "client_credentials",
    "token_url": "https://id.example/token",
    "client_id": "a",
    "client_secret": "{{secret.B}}",
    "scope": "x",
}
_ASK = {
    "url": "https://api.example/items", "method": "POST", "headers": [["accept", " a"], ["accept", "b"]], "body": '{"a": 1}\n',
    "auth": _AUTH, "follow_redirects": False, "verify_tls": False, "new_connection": False,
    "assertions": [
        {"subject": "json", "operator": "above", "value": "3", "target": "$.n", "warns": True},
        {"subject": "schema", "operator": "matches", "value": '{"type": "object"}', "target": "", "warns": False},
        {"subject": "header", "operator": "exists_not", "value": "", "target": "server", "warns": False},
    ],
}  # fmt: skip
_CALL = {
    "origin": "https://app.example", "url": "https://api.example/x", "method": "PUT", "headers": [["x-a", "1"]],
    "body": {"kind": "blob", "type": "a/b"}, "credentials": "include", "mode": "cors", "redirect": "manual", "top_level": "",
}  # fmt: skip
# Of every kind one check in which nothing is as in a new form.
FULL: dict[Kind, dict[str, Any]] = {
    Kind.PAGE: {"ask": {**_ASK, "auth": {"type": "basic", "user": "u", "password": " p "}}},
    Kind.API: {"ask": _ASK},
    Kind.FLOW: {
        "steps": [
            {"name": "One", "ask": {**_ASK, "auth": {"type": "bearer", "token": "t"}},
             "captures": [{"name": "csrf", "source": "html", "path": "[name=csrf]"}]},
            {"name": "Two", "captures": [],
             "ask": {**_ASK, "auth": {"type": "mtls", "certificate": "c\n", "key": "k\n"}, "body": "{{csrf}}"}},
        ]
    },
    Kind.CORS: {"call": _CALL, "allowed": False, "foreign_origins": ["https://a.invalid", "null"]},
    Kind.WEBSOCKET: {
        "url": "wss://a.example/ws", "origin": "https://a.example", "foreign_origin": "https://b.invalid", "headers": [["x", "y"]],
        "subprotocols": ["a", "b"], "messages": [{"send": "a\nb", "expect": " b", "how": "regex"}], "hold_s": 2.5,
    },
    Kind.SOCKETIO: {
        "url": "https://a.example", "origin": "https://a.example", "foreign_origin": "https://b.invalid", "namespace": "/n",
        "auth": '{"a": 1}', "event": "e", "payload": "[1]", "expect_event": "f", "expect": "$[0]",
    },
    Kind.COOKIE: {
        "ask": _ASK, "name": "sid", "secure": None, "http_only": False, "same_site": "lax", "sent_with": [_CALL],
        "kept_from": [{**_CALL, "body": None, "headers": []}],
    },
    Kind.OIDC: {"issuer": "https://id.example", "algorithms": ["ES256", "RS256"], "max_clock_s": 5},
    Kind.TLS: {"host": "a.example", "port": 8443, "server_name": "b.example", "days": 3},
    Kind.DOMAIN: {"domain": "a.example", "days": 3},
    Kind.DNS: {"name": "a.example", "record": "MX", "resolver": "192.0.2.1", "expect": ["10 a", "20 b"], "exactly": True},
    Kind.TCP: {"host": "a.example", "port": 25, "message": {"send": "EHLO\n", "expect": "220", "how": "regex"}},
    Kind.PING: {"host": "a.example", "count": 5, "max_lost": 2},
    Kind.DATABASE: {
        "engine": "mysql", "host": "a.example", "port": 3306, "database": "d", "user": "u", "password": "{{secret.P}}", "tls": True,
        "query": "SELECT 2", "expect": "2",
    },
    Kind.HEARTBEAT: {"grace_s": 600, "period_s": None, "cron": "0 3 * * *", "zone": "Europe/Berlin"},
    Kind.SKEW: {"page_url": "https://a.example/", "openapi_url": "https://a.example/o.json"},
    Kind.SCAN: {"page_url": "https://a.example/", "api_url": "https://b.example/", "fail_on": "low"},
}  # fmt: skip
kinds = pytest.mark.parametrize("kind", Kind)


def draft(kind: Kind) -> dict[str, Any]:
    return {"name": "x", "check": dump(parse(kind, FULL[kind])), "tags": ["a"], "labels": [["b", "c"]], "interval_s": 90, "notes": "n\n"}


def test_every_kind_has_a_form_below_a_seam():
    assert set(KINDS) == set(Kind)
    assert {form.seam for form in KINDS.values()} == set(SEAMS)


@kinds
def test_a_check_goes_through_its_form_unchanged(kind: Kind):
    sections = sections_of(kind)
    read = collect(sections, _filled(kind))
    assert read.errors == {}
    wanted = draft(kind)
    assert dump(parse(kind, read.json["check"])) == wanted["check"]
    for name in set(wanted) - {"check"} - ({"interval_s"} if kind is Kind.HEARTBEAT else set()):
        assert read.json[name] == wanted[name]


def _filled(kind: Kind) -> Any:
    return fill(sections_of(kind), draft(kind))


@kinds
def test_what_a_browser_submits_is_what_was_filled(kind: Kind):
    sections, form = sections_of(kind), _filled(kind)
    sent = {path: value.replace("\n", "\r\n") for path, value in form.values.items() if value or not path.endswith(("tls", "redirects"))}
    before = collect(sections, form).json
    take(sections, form, sent)
    assert collect(sections, form).json == before


@kinds
def test_a_new_form_lacks_nothing_but_what_only_the_user_knows(kind: Kind):
    sections = sections_of(kind)
    form = fill(sections)
    read = collect(sections, form)
    try:
        parse(kind, read.json["check"])
    except BadCheck as error:
        found = blame(sections, form, read.places, {f"check.{place}": text for place, text in error.errors.items()})
        assert "" not in found
        # Each sentence stands at a field: an address, a host, a port.
        assert all(path.rpartition(".")[2] in ("url", "origin", "issuer", "host", "domain", "name", "page_url", "port") for path in found)
    else:
        assert kind in (Kind.HEARTBEAT, Kind.COOKIE)


@kinds
def test_every_choice_is_in_a_list(kind: Kind):
    def fields(parts: Any):
        for part in parts:
            yield from (part.fields if isinstance(part, Part) else fields(part.parts) if isinstance(part, Repeated) else part.fields)

    for section in sections_of(kind):
        for one in fields((section,) if isinstance(section, Repeated) else section.parts):
            if one.shape in (Shape.CHOICE, Shape.FLAG, Shape.TRI):
                names = [one.options] if one.options else list((one.options_by or ("", {}))[1].values())
                assert names
                assert all(name in OPTIONS or name in ("sites", "groups", "parents") for name in names)


def test_errors_of_a_flow_stand_at_the_field_of_their_step_whatever_was_removed_before():
    sections = sections_of(Kind.FLOW)
    steps = next(one for one in sections if isinstance(one, Repeated))
    form = fill(sections)
    second = add_row(steps, "", form)
    form.values[f"{second}.ask.url"] = "nowhere"
    form.rows["check.steps"].pop(0)
    form.rows[f"{second}.captures"] = []
    captures = next(part for part in steps.parts if getattr(part, "path", "") == "captures")
    capture = add_row(captures, f"{second}.", form, {"name": "1", "source": "json", "path": "$"})  # pyright: ignore[reportArgumentType]
    read = collect(sections, form)
    with pytest.raises(BadCheck) as raised:
        parse(Kind.FLOW, read.json["check"])
    found = blame(sections, form, read.places, {f"check.{place}": text for place, text in raised.value.errors.items()})
    assert set(found) == {f"{second}.ask.url", capture}


def test_numbers_that_are_none_are_named_and_spans_keep_their_unit():
    sections = sections_of(Kind.TLS)
    form = fill(sections, {"interval_s": 7200})
    assert (form.values["interval_s"], form.values["interval_s~unit"]) == ("2", "3600")
    take(sections, form, {"check.port": "x", "interval_s": "1.5", "timeout_s": "", "check.days": 5, "check.host": ["a"]})
    read = collect(sections, form)
    assert read.json["interval_s"] == 5400
    assert read.errors == {"check.port": "“x” is not a number.", "timeout_s": "Enter a number."}
    assert read.json["check"]["days"] == 14

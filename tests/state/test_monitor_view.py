"""What the page of one monitor says."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.core.assertions import Assertion, Finding, Operator, Subject
from app.core.checks import HeartbeatCheck, Kind
from app.core.exchange import Exchange, Failure, Head, Purpose, Timing
from app.services.errors import Invalid
from app.services.monitor_history import Call, Latency, Point, ResultRow
from app.state.exchange_view import MAX_BODY_CHARS, longest, run_view, spans
from app.state.monitor_json import hide, reveal
from app.state.monitor_sections import suggested_name
from app.state.monitor_view import WINDOW_S, WINDOWS, examples, latency_view, length, result_view, rhythms, share, tiles

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()


def found(**changed: object) -> Latency:
    points = tuple(Point(int(NOW_S) - 3600 + 60 * place, 100, 300, 400, 1, 2, 3, 90, 4, up=1) for place in range(60))
    values = {"points": points, "uptime": 0.9994, "downtime_s": 26 * 60, "p50": 100, "p95": 300, "p99": 400, "checks": 60, "bucket_s": 60}
    return Latency(**(values | {"limit_ms": None} | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(("uptime", "said"), [(None, "–"), (1.0, "100"), (0.99999, "99.99"), (0.9994, "99.94"), (0.0, "0.00")])
def test_uptime_is_never_rounded_up_to_a_hundred(uptime: float | None, said: str):
    assert share(uptime) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (1560, "26 min"), (11_100, "3 h 5 min"), (7200, "2 h"), (1_036_800, "12 d")]
)
def test_spans_are_said_shortly(seconds: float, said: str):
    assert length(seconds) == said


def test_tiles_say_that_p95_is_over_its_limit():
    made = tiles(found(), found(p50=148), found(limit_ms=200.0))
    assert (made.uptime, made.lost, made.p95, made.p95_note, made.over) == ("99.94", "26 min down", "300", "limit 200 ms", True)
    assert made.p50_note == "24 h: 148 ms"
    nothing = tiles(*[found(points=(), uptime=None, downtime_s=0, p50=None, p95=None, p99=None)] * 3)
    assert (nothing.uptime, nothing.lost, nothing.p95, nothing.over) == ("–", "not checked yet", "–", False)


@pytest.mark.parametrize("window", WINDOWS)
def test_every_window_has_its_charts_a_sentence_and_a_table_of_at_most_48_rows(window: str):
    step = WINDOW_S[window] // 96
    points = tuple(Point(int(NOW_S) - WINDOW_S[window] + step * place, 100, 300, 400) for place in range(96))
    view = latency_view(found(points=points, bucket_s=step, limit_ms=200.0), window, NOW_S, ())
    assert view.known
    assert not view.phased
    assert view.said.startswith("Latency over ")
    assert "above the limit of 200 ms in 96 of 96" in view.said
    assert 1 < len(view.rows) <= 48
    assert view.wide.limit_text == "limit 200"


def test_a_result_says_why_it_failed_or_what_took_longest():
    timing = Timing(1, 3, 6, 1137, 1204)
    row = ResultRow(int(NOW_S * 1000) - 5000, "up", "", 200, timing, False, False, "", False)
    assert result_view(row, NOW).note == "wait 1,131 ms"
    assert result_view(row, NOW).time == "11:59:55"
    yesterday = ResultRow(int(NOW_S * 1000) - 86_400_000, "down", "timeout", 0, None, True, True, "No answer within 10 s.", True)
    view = result_view(yesterday, NOW)
    assert (view.time, view.note, view.code, view.ms) == ("21 Nov, 12:00:00", "No answer within 10 s.", "–", "–")
    assert view.marks == ["late", "in maintenance"]
    assert result_view(replace(yesterday, text=""), NOW).note == "No answer in time"


def test_a_phase_that_did_not_happen_took_nothing():
    assert spans(Timing(0, 0.4, 0, 10, 11)) == [0, 0.4, 0, 9.6, 1]
    assert longest(None) == ""


def test_a_run_shows_what_was_found_and_expected_and_bodies_cut():
    failed = Finding(Assertion(Subject.STATUS, Operator.IS, "200"), False, "500")
    warned = Finding(Assertion(Subject.LATENCY, Operator.BELOW, "5", warns=True), False, "", "it is not a number")
    page = Exchange(
        1, Purpose.PAGE, "GET", "https://a.example/", (("accept", "*/*"),), Head(500, (("content-type", "text/html"),)), "Oops",
        body=b"x" * (MAX_BODY_CHARS + 1),
    )  # fmt: skip
    image = Exchange(2, Purpose.PAGE, "GET", "https://a.example/i", (), Head(200, (("content-type", "image/png"),)), body=b"\x89PNG")
    silent = Exchange(3, Purpose.PAGE, "GET", "https://b.example/", failure=Failure.DNS, failure_text="No such host.")
    view = run_view("down", "It failed.", None, (failed, warned), (page, image, silent))
    assert [(one.glyph, one.said, one.found, one.wanted) for one in view.findings] == [
        ("down", "Failed", "500", "200"), ("degraded", "Failed", "it is not a number", "5"),
    ]  # fmt: skip
    assert len(view.exchanges[0].body) == MAX_BODY_CHARS
    assert view.exchanges[0].body_note == "The first 6,000 characters."
    assert (view.exchanges[1].body, view.exchanges[1].body_note) == ("", "4 bytes of image/png.")
    assert (view.exchanges[2].answer, view.exchanges[2].failure) == ("", "No such host.")


def test_a_heartbeat_says_when_it_called_and_when_it_is_expected():
    check = HeartbeatCheck(grace_s=300, period_s=3600)
    calls = (Call(int(NOW_S * 1000) - 7_200_000, "success", 0, None, ""),)
    assert rhythms((), check, NOW).expected == "–"
    made = rhythms(calls, check, NOW)
    assert (made.last, made.last_note) == ("10:00:00", "Succeeded, 2 h ago")
    assert (made.expected, made.expected_note) == ("11:00", "overdue, and may be 5 min late")


def test_examples_hold_the_address_and_the_own_cron_expression():
    made = examples("https://a.example/ping/key", "5 4 * * *")
    assert all("https://a.example/ping/key" in one.text for one in made)
    assert made[1].text.startswith("5 4 * * * ")


@pytest.mark.parametrize(
    ("kind", "check", "name"),
    [
        (Kind.API, {"ask": {"url": "https://a.example/api/items?x=1", "method": "PUT"}}, "PUT /api/items"),
        (Kind.PAGE, {"ask": {"url": "https://a.example/shop/"}}, "a.example/shop"),
        (Kind.CORS, {"call": {"url": "https://a.example/api"}}, "CORS of GET /api"),
        (Kind.FLOW, {"steps": [{"ask": {"url": "https://a.example/login"}}]}, "Several steps: a.example/login"),
        (Kind.TLS, {"host": "a.example"}, "TLS certificate: a.example"),
        (Kind.HEARTBEAT, {}, "Heartbeat"),
        (Kind.API, None, "An API call"),
        (Kind.FLOW, {"steps": "x"}, "Several steps"),
    ],
)
def test_a_monitor_without_a_name_is_named_by_what_it_asks(kind: Kind, check: object, name: str):
    assert suggested_name(kind, check) == name


def test_typed_secrets_are_dots_in_json_and_come_back_where_these_still_stand():
    draft = {
        "check": {
            "ask": {
                "auth": {"type": "basic", "user": "u", "password": "p4ss"},
                "headers": [["authorization", "Bearer abc"], ["accept", "text/html"], ["x-api-key", "{{secret.K}}"]],
            }
        },
        "name": "key",
    }
    shown, hidden = hide(draft)
    text = json.dumps(shown)
    assert "p4ss" not in text
    assert "abc" not in text
    assert shown["check"]["ask"]["headers"][1:] == [["accept", "text/html"], ["x-api-key", "{{secret.K}}"]]
    assert reveal(text, hidden, 10_000) == draft
    shown["check"]["ask"]["auth"]["password"] = "new"
    assert reveal(json.dumps(shown), hidden, 10_000)["check"]["ask"]["auth"]["password"] == "new"
    assert hidden


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "x" * 20, '{"a":' * 30 + "1" + "}" * 30, "[" * 100_000])
def test_what_is_no_object_is_refused(text: str):
    with pytest.raises(Invalid):
        reveal(text, {}, 200_000)

"""The CORS engine against the recorded vectors and against tables of single rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core import cases
from app.core.console import explain_console
from app.core.cors import judge, preflight_names
from app.core.exchange import Head, Headers
from app.core.verdict import Answer, Body, FetchCall, Missing, Outcome, Verdict

# Recorded in Chromium 156; the format is that of `python -m app cors`.
VECTORS = [json.loads(line) for line in (Path(__file__).parent / "vectors" / "cors.jsonl").read_text("utf-8").splitlines()]
PAGE = "http://app.test"
API = "http://api.test/x"
STAR: Headers = (("Access-Control-Allow-Origin", "*"),)


def comparable(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A multipart boundary is random."""
    return [
        {**request, "content_type": request["content_type"] and request["content_type"].partition("boundary=")[0]} for request in requests
    ]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_recorded_call_is_judged_as_the_browser_did(vector: dict[str, Any]):
    observed = vector["observed"]
    found = cases.judge_case(cases.parse_case(json.dumps(vector)))
    assert found["id"] == vector["id"]
    assert found["allowed"] == vector["expect"] == observed["ok"]
    assert found["allowed_standard"] == vector["expect_standard"]
    assert comparable(found["requests"]) == comparable(observed["requests"])
    assert found["preflight"] == any(request["kind"] == "preflight" for request in observed["requests"])
    if observed["ok"]:
        assert found["type"] == observed["type"]
        assert found["exposed"] == observed["exposed"]
        assert found["console"] == ""
    else:
        assert found["type"] is None


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if not vector["expect"]], ids=lambda vector: vector["id"])
def test_the_console_text_of_a_blocked_call_leads_back_to_its_rule(vector: dict[str, Any]):
    found = cases.judge_case(cases.parse_case(json.dumps(vector)))
    matches = explain_console(f"(index):1 {found['console']}\nUncaught (in promise) TypeError: Failed to fetch")
    assert [match.rule for match in matches] == [found["rule"]]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_path_stops_once_where_the_verdict_is_decided(vector: dict[str, Any]):
    case = cases.parse_case(json.dumps(vector))
    verdict = judge(case.call, case.answers, standard_default=Answer(Head(404), Head(404)))
    assert isinstance(verdict, Verdict)
    stops = [step for step in verdict.path if step.outcome is Outcome.STOP]
    assert [step.rule for step in stops] == ([] if verdict.allowed else [verdict.rule])
    outcomes = [step.outcome for step in verdict.path if step.key != "cookie"]
    after = outcomes[outcomes.index(Outcome.STOP) + 1 :] if stops else []
    assert all(outcome is Outcome.NOT_REACHED for outcome in after)
    assert all(step.title and step.rule and step.detail.endswith((".", ":")) for step in verdict.path)


def answer(*headers: tuple[str, str], status: int = 200) -> Answer:
    return Answer(Head(204, headers), Head(status, headers))


def judged(call: FetchCall, answers: dict[str, Answer]) -> Verdict:
    verdict = judge(call, answers)
    assert isinstance(verdict, Verdict), verdict
    return verdict


@pytest.mark.parametrize(
    ("name", "value", "chromium", "standard"),
    [
        ("Content-Type", "text/plain x", False, False),
        ("Content-Type", "text/plain;x=\xe9", True, True),
        ("Content-Type", "text/plain, text/plain", False, False),
        ("Range", "bytes=0-9223372036854775806", True, True),
        ("Range", "bytes=0-9223372036854775807", False, True),
        ("Range", "bytes=0-1,", False, False),
        ("DPR", "1.5", True, False),
        ("DPR", "1e3", False, False),
        ("DPR", ".5", False, False),
        ("DPR", "-1", False, False),
        ("Width", "99999999999", True, False),
        ("Width", "1.0", False, False),
        ("ECT", "4g", True, False),
        ("ECT", "4G", False, False),
        ("Save-Data", "ON", True, False),
        ("Save-Data", "off", False, False),
        ("User-Agent", "me", True, False),
        ("Accept", "\x80\xff", True, True),
        ("Accept", "a\tb", True, True),
        ("Accept-Language", "\xe9", False, False),
        ("Access-Control-Request-Foo", "x", False, False),
        ("X-HTTP-Method-Override", "PUT", False, False),
        ("X-HTTP-Method-Override", "GET, trace", True, True),
        ("X-HTTP-Method-Override", '"TRACE"', False, False),
        ("Sec-", "1", True, True),
    ],
)
def test_which_headers_are_sent_without_a_preflight(name: str, value: str, chromium: bool, standard: bool):
    call = FetchCall(PAGE, API, headers=((name, value),))
    answers = {API: Answer(Head(404), Head(200, STAR))}
    verdict = judged(call, answers)
    assert (verdict.allowed, verdict.allowed_standard) == (chromium, standard)
    assert bool(preflight_names(call)) is not chromium


@pytest.mark.parametrize(("accept", "last", "asks"), [(None, 125, False), (None, 126, True), ("a" * 100, 28, False), ("a" * 100, 29, True)])
def test_safelisted_headers_over_1024_bytes_need_a_preflight(accept: str | None, last: int, asks: bool):
    # Seven values of 128 bytes are 896; without an Accept of the script's own, the browser's "*/*" counts.
    names = ("DPR", "Device-Memory", "Downlink", "Width", "RTT", "Viewport-Width")
    headers = [(name, "1" * 128) for name in names] + [("Content-Language", "a" * 128), ("User-Agent", "u" * 500)]
    headers.append(("Intervention", "i" * last))
    if accept:
        headers.append(("Accept", accept))
    assert bool(preflight_names(FetchCall(PAGE, API, headers=tuple(headers)))) is asks


@pytest.mark.parametrize(("status", "times"), [(200, 1), (421, 2)])
def test_a_misdirected_request_is_sent_twice(status: int, times: int):
    assert len(judged(FetchCall(PAGE, API), {API: answer(*STAR, status=status)}).requests) == times


def test_a_407_from_a_server_is_an_error_in_chromium_only():
    verdict = judged(FetchCall(PAGE, API), {API: answer(*STAR, status=407)})
    assert (verdict.allowed, verdict.allowed_standard, verdict.rule) == (False, True, "C4")


def test_the_engine_says_what_to_ask_next():
    call = FetchCall(PAGE, API, "PUT", (("Authorization", "Bearer x"), ("X-B", "1"), ("X-A", "1")), credentials="include")
    first = judge(call, {})
    assert first == Missing(
        "preflight",
        API,
        "PUT",
        (("Origin", PAGE), ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "authorization,x-a,x-b")),
    )
    good = Head(
        200,
        (
            ("Access-Control-Allow-Origin", PAGE),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Allow-Methods", "PUT"),
            ("Access-Control-Allow-Headers", "Authorization, X-A, X-B"),
        ),
    )
    second = judge(call, {API: Answer(preflight=good)})
    assert isinstance(second, Missing)
    assert (second.kind, second.method, second.headers[0]) == ("actual", "PUT", ("Origin", PAGE))
    assert dict(second.headers)["authorization"] == "Bearer x"
    assert judged(call, {API: Answer(good, good)}).allowed


def test_the_answers_of_a_redirect_are_asked_hop_by_hop():
    call = FetchCall(PAGE, API)
    moved = Answer(actual=Head(302, (*STAR, ("Location", "https://cdn.test/y#top"))))
    missing = judge(call, {API: moved})
    assert isinstance(missing, Missing)
    assert (missing.url, missing.headers) == ("https://cdn.test/y", (("Origin", "null"),))


def test_twenty_redirects_are_followed_and_the_next_is_an_error():
    def chain(length: int) -> dict[str, Answer]:
        answers = {f"{API}/{hop}": answer(*STAR, ("Location", f"{API}/{hop + 1}"), status=302) for hop in range(length)}
        return {**answers, f"{API}/{length}": answer(*STAR)}

    assert judged(FetchCall(PAGE, f"{API}/0"), chain(20)).allowed
    verdict = judged(FetchCall(PAGE, f"{API}/0"), chain(21))
    assert (verdict.allowed, verdict.rule, len(verdict.requests)) == (False, "D4", 21)


@pytest.mark.parametrize(
    ("origin", "url", "rule"),
    [
        ("https://app.test", "http://api.test/x", "T1"),
        ("https://app.test", "http://127.0.0.1:8000/x", "C2"),
        ("https://app.test", "http://localhost:8000/x", "C2"),
        ("http://app.test", "http://api.test:6667/x", "M0"),
        ("http://app.test", "ftp://api.test/x", "M4"),
        ("http://app.test", "http://u:p@api.test/x", "Q3"),
        ("http://app.test", "http://[bad/", "Q3"),
    ],
)
def test_some_targets_are_refused_before_anything_is_sent(origin: str, url: str, rule: str):
    verdict = judged(FetchCall(origin, url), {url: answer(*STAR)})
    assert verdict.rule == rule
    assert verdict.allowed is (rule == "C2")
    assert len(verdict.requests) == (1 if verdict.allowed else 0)


def test_the_standard_differs_where_a_star_covers_authorization():
    headers = (*STAR, ("Access-Control-Allow-Headers", "*"), ("Access-Control-Allow-Methods", "*"))
    verdict = judged(FetchCall(PAGE, API, "PUT", (("Authorization", "x"), ("X-A", "1"))), {API: answer(*headers)})
    assert (verdict.allowed, verdict.allowed_standard, verdict.rule, verdict.standard_rule) == (True, False, "P4", "P4")


def test_steps_after_the_stop_say_what_would_happen():
    preflight = Head(200, (("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Methods", "PUT")))
    call = FetchCall(PAGE, "http://api.app.test/x", "PUT", (("X-A", "1"),), credentials="include")
    verdict = judged(call, {"http://api.app.test/x": Answer(preflight, Head(200, STAR))})
    assert [(step.key, step.outcome.value) for step in verdict.path] == [
        ("cross_origin", "pass"),
        ("preflight_needed", "pass"),
        ("preflight_origin", "stop"),
        ("preflight_credentials", "not_reached"),
        ("preflight_status", "not_reached"),
        ("preflight_method", "not_reached"),
        ("preflight_headers", "not_reached"),
        ("answer_origin", "not_reached"),
        ("answer_credentials", "not_reached"),
        ("answer_readable", "not_reached"),
        ("cookie", "not_reached"),
    ]
    steps = {step.key: step for step in verdict.path}
    assert steps["preflight_method"].detail == "Would pass: PUT is listed."
    assert steps["preflight_headers"].detail.startswith("Would stop here too: x-a is not listed")
    assert [look.value for look in steps["preflight_headers"].looks if look.name == "missing"] == ["x-a"]
    assert steps["cookie"].detail == "Would be sent: same site: cookies travel, SameSite=Lax and Strict too."


def test_a_second_hop_is_told_as_its_own_list():
    target = "http://cdn.other.test/y"
    answers = {API: answer(*STAR, ("Location", target), status=307), target: answer(("Access-Control-Allow-Origin", PAGE))}
    verdict = judged(FetchCall(PAGE, API), answers)
    assert (verdict.allowed, verdict.rule) == (False, "C2")
    assert {step.hop for step in verdict.path} == {0, 1}
    assert next((step.rule, step.url) for step in verdict.path if step.hop == 1) == ("D7", target)


def test_a_body_brings_its_content_type():
    def names(body: Body) -> tuple[str, ...]:
        return preflight_names(FetchCall(PAGE, API, "POST", body=body))

    assert names(Body("text")) == names(Body("urlencoded")) == names(Body("multipart")) == names(Body("bytes")) == ()
    assert names(Body("blob", "application/json")) == ("content-type",)
    assert names(Body("blob", "")) == names(Body("blob", "Text/Plain")) == ()


def test_the_quick_way_without_the_standards_run_decides_alike(monkeypatch: pytest.MonkeyPatch):
    found = [cases.judge_case(cases.parse_case(json.dumps(vector))) for vector in VECTORS]
    monkeypatch.setattr("app.core.cors_fetch.is_alike_in_both_profiles", lambda call, decision: False)
    assert [cases.judge_case(cases.parse_case(json.dumps(vector))) for vector in VECTORS] == found

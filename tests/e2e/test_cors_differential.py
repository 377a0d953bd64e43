"""The engine against the real Chromium, on random calls.

SEAMWATCH_TEST_CORS_SEED sets the seed (else it is drawn and printed), SEAMWATCH_TEST_CORS_CASES the number of cases for a longer run.
"""

import json
import os
import random
from typing import Any

import pytest
from cors_lab import Case, Observed, open_lab
from cors_random import Maker

from app.core.cases import BadCase, judge_case, parse_case

pytestmark = pytest.mark.e2e

CASES = int(os.environ.get("SEAMWATCH_TEST_CORS_CASES", "300"))


def differences(case: Case, observed: Observed, verdict: dict[str, Any]) -> list[str]:
    """Name what the engine and the browser see differently."""
    found = []
    if verdict["allowed"] != observed["ok"]:
        found.append(f"allowed: engine {verdict['allowed']} ({verdict['rule']}, {verdict['console'][-90:]}), browser {observed}")
    elif observed["ok"]:
        found += [f"{key}: engine {verdict[key]}, browser {observed[key]}" for key in ("type", "exposed") if verdict[key] != observed[key]]
    seen = [_comparable(request) for request in observed["requests"]]
    # The server writes down only what is asked under /c/<id>/.
    told = [_comparable(request) for request in verdict["requests"] if f"/c/{case['id']}/" in request["url"]]
    if seen != told:
        found.append(f"requests:\n    engine  {told}\n    browser {seen}")
    return found


def _comparable(request: dict[str, Any]) -> tuple[Any, ...]:
    content_type = (request["content_type"] or "").partition("boundary=")[0] if request["content_type"] is not None else None
    method = request["method"] if request["kind"] == "preflight" else request["method"].upper()
    return request["kind"], request["url"], method, request["origin"], request["acrh"], request["authorization"], content_type


def judge_like_lab(case: Case) -> dict[str, Any]:
    """Judge, with a bare 404 where the case has no answer, as the lab's server does."""
    parsed = parse_case(json.dumps(case))
    for _ in range(30):
        try:
            return judge_case(parsed)
        except BadCase as missing:
            url = str(missing).rpartition(" at ")[2]
            extra = {"preflight": {"status": 404, "headers": []}, "actual": {"status": 404, "headers": []}}
            case = {**case, "responses": {**case["responses"], url: extra}}
            parsed = parse_case(json.dumps(case))
    raise AssertionError("a case needs more answers than redirects allow")


async def test_random_calls_end_in_the_browser_as_the_engine_says(chromium_path: str):
    seed = int(os.environ.get("SEAMWATCH_TEST_CORS_SEED") or random.randrange(10**6))
    print(f"SEAMWATCH_TEST_CORS_SEED={seed}")
    maker = Maker(seed)
    cases = [maker.case() for _ in range(CASES)]
    async with open_lab(chromium_path=chromium_path) as lab:
        observed = await lab.run(cases)
    wrong = []
    for case, seen in zip(cases, observed, strict=True):
        found = differences(case, seen, judge_like_lab(case))
        if found:
            wrong.append(f"{case['id']}: {'; '.join(found)}\n    {case}")
    assert not wrong, f"seed {seed}: {len(wrong)} of {len(cases)} differ\n" + "\n".join(wrong[:20])

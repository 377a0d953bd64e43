"""Skew: builds that are mixed behind a balancer, and an API that changes while the page's scripts do not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core import baselines
from app.core.baselines import SkewBaseline, is_worse
from app.core.checked import Checked
from app.core.checks import SkewCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import Net
from app.probes import skew_check
from app.probes.tools import Tools
from tests.engine.test_scan import http_answer, site

HTML, JS, JSON = "Content-Type: text/html", "Content-Type: text/javascript", "Content-Type: application/json"


class App:
    """A page with its scripts, and its API's document; a deployment changes its attributes."""

    def __init__(self, *scripts: str) -> None:
        self.scripts: Callable[[int], tuple[str, ...]] = lambda _count: scripts
        self.texts = dict.fromkeys(scripts, "fetch('/api/items')")
        self.operations: dict[str, Any] = {"/api/items": {"get": {}}, "/api/orders": {"get": {}}}
        self.document: bytes | None = None
        self.count = 0

    def __call__(self, _method: str, path: str, _headers: dict[str, str]) -> bytes:
        if path == "/":
            self.count += 1
            tags = "".join(f'<script src="{name}"></script>' for name in self.scripts(self.count))
            return http_answer("200 OK", f"<!doctype html><p>{self.count}</p>{tags}", HTML)
        if path == "/openapi.json":
            body = json.dumps({"openapi": "3.1.0", "paths": self.operations}).encode()
            return self.document or http_answer("200 OK", body, JSON)
        name = path.partition("?")[0]
        if name in self.texts:
            return http_answer("200 OK", self.texts[name], JS)
        return http_answer("404 Not Found", "nothing here")


class Run:
    def __init__(self, net: Net, url: str, *, openapi: bool = True) -> None:
        self.net = net
        self.check = SkewCheck(f"{url}/", f"{url}/openapi.json" if openapi else "")
        self.remembered = ""

    async def again(self) -> Checked:
        found = await skew_check.run(self.check, Tools(self.net, 5, datetime.now(UTC), self.remembered))
        self.remembered = found.remember or self.remembered
        return found


@pytest.mark.parametrize("script", ["/assets/index-a1b2c3d4.js", "/app.js"])
async def test_an_api_that_breaks_while_the_scripts_stay_is_down_until_it_or_they_change(net: Net, script: str):
    app = App(script)
    async with site(app) as served:
        run = Run(net, served.url)
        assert (await run.again()).outcome is Outcome.UP
        first = run.remembered
        app.operations["/api/new"] = {"get": {}}
        assert (await run.again()).outcome is Outcome.UP  # more is no break
        assert run.remembered == first

        kept = app.operations.pop("/api/items")
        for _ in range(2):
            found = await run.again()
            assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
            assert "(VER-01): GET /api/items is gone (the scripts call it)." in found.text
        app.operations["/api/items"] = kept
        assert (await run.again()).outcome is Outcome.UP

        del app.operations["/api/items"]
        assert (await run.again()).outcome is Outcome.DOWN
        # A new build of the page was made for the API as it is now.
        app.texts[script] = "fetch('/api/new')"
        app.texts["/assets/index-ffffff01.js"] = "fetch('/api/new')"
        if script != "/app.js":
            app.scripts = lambda _count: ("/assets/index-ffffff01.js",)
        assert (await run.again()).outcome is Outcome.UP
        assert (await run.again()).outcome is Outcome.UP


async def test_what_is_accepted_is_what_the_next_run_compares_with(net: Net):
    app = App("/app.js")
    async with site(app) as served:
        run = Run(net, served.url)
        await run.again()
        assert not is_worse("skew", run.remembered)
        del app.operations["/api/items"]
        assert (await run.again()).outcome is Outcome.DOWN
        assert is_worse("skew", run.remembered)
        found = SkewBaseline.load(run.remembered)
        assert found is not None
        run.remembered = found.accepted().dump()
        assert (await run.again()).outcome is Outcome.UP
        assert not is_worse("skew", run.remembered)
        del app.operations["/api/orders"]
        worse = await run.again()
        assert [text for name, text in worse.facts if name == "changed"] == ["GET /api/orders is gone"]


async def test_what_no_script_names_only_degrades(net: Net):
    app = App("/assets/index-a1b2c3d4.js")
    async with site(app) as served:
        run = Run(net, served.url)
        await run.again()
        del app.operations["/api/orders"]
        found = await run.again()
    assert found.outcome is Outcome.DEGRADED
    assert "GET /api/orders is gone (no script names it as it stands)." in found.text
    assert ("changed", "GET /api/orders is gone") in found.facts


async def test_several_builds_at_once_degrade_and_are_down_where_assets_are_missing(net: Net):
    old, new = "/assets/index-a1b2c3d4.js", "/assets/index-e5f6a7b8.js"
    app = App(old)
    app.scripts = lambda count: (old,) if count % 2 else (new,)
    async with site(app) as served:
        run = Run(net, served.url)
        found = await run.again()
        assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
        assert "2 sets of assets: several builds are served at once (VER-04)" in found.text
        assert f"{new} is missing" in found.text
        app.texts[new] = ""
        found = await run.again()
        assert found.outcome is Outcome.DEGRADED
        assert old in found.text
        assert new in found.text


async def test_a_query_that_is_new_each_time_makes_no_build_of_its_own(net: Net):
    app = App("/app.js")
    app.scripts = lambda count: (f"/app.js?t={count}",)
    async with site(app) as served:
        run = Run(net, served.url)
        assert (await run.again()).outcome is Outcome.UP
        del app.operations["/api/items"]
        assert (await run.again()).outcome is Outcome.DOWN  # and the build is still known as the same


async def test_scripts_of_others_are_not_looked_at(net: Net):
    app = App("/assets/index-a1b2c3d4.js")
    app.scripts = lambda count: ("/assets/index-a1b2c3d4.js", f"https://ads.example/{count}-abcdef01.js")
    async with site(app) as served:
        found = await Run(net, served.url, openapi=False).again()
    assert found.outcome is Outcome.UP
    assert dict(found.facts)["scripts"].startswith("1, the same since ")


async def test_a_page_without_scripts_and_without_a_document_is_up(net: Net):
    async with site(App()) as served:
        run = Run(net, served.url, openapi=False)
        assert (await run.again()).outcome is Outcome.UP
        assert (await run.again()).facts == (("scripts", "none of its own"),)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (http_answer("404 Not Found"), "answers 404."),
        (http_answer("200 OK", "openapi: 3.1.0", "Content-Type: application/yaml"), "is not an OpenAPI document in JSON."),
        (http_answer("200 OK", "[" * 100_000, JSON), "is not an OpenAPI document in JSON."),
    ],
)
async def test_a_document_that_cannot_be_read_is_down(net: Net, document: bytes, words: str):
    app = App("/app.js")
    app.document = document
    async with site(app) as served:
        found = await Run(net, served.url).again()
    assert (found.outcome, found.remember) == (Outcome.DOWN, "")
    assert found.text.startswith("The API's document at ")
    assert words in found.text


async def test_a_page_or_script_that_fails_is_down(net: Net):
    app = App("/app.js")
    async with site(app) as served:
        run = Run(net, served.url)
        app.texts.clear()
        found = await run.again()
        assert found.text == "The page's script /app.js answers 404."
    found = await run.again()
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.CONNECT)
    async with site(lambda *_: http_answer("503 Unavailable", "<p>", HTML)) as served:
        found = await Run(net, served.url).again()
    assert (found.outcome, found.text, found.code) == (Outcome.DOWN, "The page answers 503.", 503)


async def test_a_memory_that_cannot_be_read_starts_anew(net: Net):
    async with site(App("/app.js")) as served:
        run = Run(net, served.url)
        for damaged in ("not base64!", "AAAA", "e30="):
            run.remembered = damaged
            assert (await run.again()).outcome is Outcome.UP


def test_what_is_remembered_of_a_large_api_stays_small():
    answer = {"responses": {"200": {"content": {"application/json": {"schema": {"properties": {}}}}}}}
    paths = {}
    for number in range(900):
        fields = {f"{number:x}{field:x}{number * field:x}name": {} for field in range(60)}
        answer["responses"]["200"]["content"]["application/json"]["schema"] = {"properties": fields}
        paths[f"/api/{number}"] = {"get": json.loads(json.dumps(answer))}
    shape = skew_check.api_shape.shape_of(json.dumps({"openapi": "3.1.0", "paths": paths}).encode())
    text = SkewBaseline("bundle", shape, "now").dump()
    assert len(text) <= baselines.MAX_CHARS
    read = SkewBaseline.load(text)
    assert read is not None
    assert read.shape is not None
    assert len(read.shape.operations) == 900

"""The routes of passkeys and of the second factor, guard included, and what a session that waits for it can reach."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app import web
from app.auth import passkeys as routes
from app.services import passkeys, sessions
from tests.conftest import Cast
from tests.services.authenticator import Authenticator
from tests.services.passkey_holders import Holder, holder, session_of

OURS = "http://localhost:3000"


@asynccontextmanager
async def browser(cookie: str = "", **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a cookie jar, whose requests come from our own pages."""
    cookies = httpx.Cookies()
    if cookie:
        cookies.set(*cookie.split("=", 1), domain="localhost.local")  # as its jar names a host without a dot
    transport = httpx.ASGITransport(web.Guard(web.api))
    async with httpx.AsyncClient(transport=transport, base_url=OURS, cookies=cookies, headers={"origin": OURS, **headers}) as made:
        yield made


async def ceremony(client: httpx.AsyncClient, path: str, key: Authenticator, **more: Any) -> httpx.Response:
    """Do what the script of the page does."""
    options = (await client.post(f"{path}/begin", json={})).json()
    answer = key.make(options) if "user" in options else key.show(options)
    return await client.post(f"{path}/finish", json={"credential": answer, **more})


def session_cookies(answer: httpx.Response) -> list[str]:
    return [value for value in answer.headers.get_list("set-cookie") if value.startswith("seam=")]


def secret_of(answer: httpx.Response) -> str:
    (found,) = session_cookies(answer)
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in found.split(";")}
    return found.partition(";")[0]


# Pages


async def test_the_page_to_add_one_asks_for_a_name_and_loads_its_script_only(cast: Cast):
    agent = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"
    async with browser(await session_of(cast.alice), **{"user-agent": agent}) as client:
        shown = await client.get("/auth/passkeys/new", params={"next": "/settings/profile"})
    assert shown.status_code == 200
    assert 'value="Firefox on Linux"' in shown.text
    assert re.findall(r"<script[^>]*>[^<]*", shown.text) == ['<script src="/auth/static/passkeys.js" defer>']
    assert "style=" not in shown.text
    assert shown.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("who", "path", "leads_to"),
    [
        ("nobody", "/auth/passkeys/new?next=/scans", f"{OURS}/sign-in?next=%2Fscans"),
        ("pending", "/auth/passkeys/new?next=/scans", "/auth/second-factor?next=%2Fscans"),
        ("nobody", "/auth/second-factor?next=/scans", f"{OURS}/sign-in?next=%2Fscans"),
        ("signed in", "/auth/second-factor?next=/scans", f"{OURS}/scans"),
        ("signed in", "/auth/second-factor?next=//evil.test", f"{OURS}/"),
        ("nobody", "/auth/second-factor?next=https://evil.test", f"{OURS}/sign-in?next=%2F"),
        ("nobody", "/auth/passkeys/new?next=/auth/logout", f"{OURS}/sign-in?next=%2F"),
    ],
)
async def test_who_has_no_business_on_a_page_is_led_to_the_right_one(cast: Cast, who: str, path: str, leads_to: str):
    holds = await holder(cast.alice)
    cookie = {"nobody": "", "pending": await holds.pending(), "signed in": holds.cookie}[who]
    async with browser(cookie) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, leads_to)


async def test_what_a_name_or_an_address_says_is_escaped(cast: Cast):
    holds = await holder(cast.alice)
    async with browser(await holds.pending()) as client:
        shown = await client.get("/auth/second-factor", params={"next": '/"><script>alert(1)</script>'})
        failed = await client.post("/auth/second-factor/code", data={"code": '"><script>', "next": '/"><script>alert(1)</script>'})
    for page in (shown, failed):
        assert "<script>" not in page.text
        assert "alert(1)" in page.text


# Adding


async def test_adding_the_first_passkey_answers_with_codes_and_the_sessions_new_cookie(cast: Cast):
    cookie = await session_of(cast.alice)
    async with browser(cookie) as client:
        added = await ceremony(client, "/auth/passkeys/new", Authenticator(), name="Laptop", next="/settings/profile")
        assert added.status_code == 200
        assert added.json()["to"] == f"{OURS}/settings/profile"
        assert len(added.json()["codes"]) == 10
        new = secret_of(added)
        assert added.headers["cache-control"] == "no-store"
        again = await ceremony(client, "/auth/passkeys/new", Authenticator(), name="Phone")
        assert again.json() == {"to": f"{OURS}/", "codes": []}
        assert not session_cookies(again)
    assert await sessions.actor(cookie) is None
    actor = await sessions.actor(new)
    assert actor is not None
    assert [row.name for row in await passkeys.list_mine(actor)] == ["Laptop", "Phone"]


async def test_adding_without_a_session_is_refused_in_words(cast: Cast):
    async with browser() as client:
        for step in ("begin", "finish"):
            answer = await client.post(f"/auth/passkeys/new/{step}", json={})
            assert answer.status_code == 401
            assert "Your session ended" in answer.json()["error"]["message"]


# The second factor


async def test_a_passkey_lets_the_pending_session_in_and_leads_on(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    async with browser(cookie) as client:
        shown = await client.get("/auth/second-factor", params={"next": "/scans?page=2"})
        assert "You are almost signed in as Alice." in shown.text
        done = await ceremony(client, "/auth/second-factor", holds.key, next="/scans?page=2")
    assert done.json() == {"to": f"{OURS}/scans?page=2"}
    actor = await sessions.actor(secret_of(done))
    assert actor is not None
    assert actor.user_id == cast.alice.user_id
    assert await sessions.actor(cookie) is None


@pytest.mark.parametrize("goal", ["//evil.test", "https://evil.test/", "/\\evil.test", "javascript:alert(1)", "/auth/logout"])
async def test_no_way_through_leads_to_another_site(cast: Cast, goal: str):
    holds = await holder(cast.alice)
    async with browser(await holds.pending()) as client:
        assert f'data-goal="{OURS}' not in (shown := await client.get("/auth/second-factor", params={"next": goal})).text
        assert 'data-goal="/"' in shown.text
        assert (await ceremony(client, "/auth/second-factor", holds.key, next=goal)).json()["to"] == f"{OURS}/"
    async with browser(await holds.pending()) as client:
        by_code = await client.post("/auth/second-factor/code", data={"code": holds.codes[0], "next": goal})
        assert by_code.headers["location"] == f"{OURS}/"
    async with browser() as client:
        assert (await ceremony(client, "/auth/passkeys/sign-in", holds.key, next=goal)).json()["to"] == f"{OURS}/"


async def test_a_recovery_code_needs_no_script(cast: Cast):
    holds = await holder(cast.alice)
    async with browser(await holds.pending()) as client:
        done = await client.post("/auth/second-factor/code", data={"code": holds.codes[0].lower(), "next": "/scans"})
    assert (done.status_code, done.headers["location"]) == (303, f"{OURS}/scans")
    assert await sessions.actor(secret_of(done))


async def test_a_wrong_code_is_answered_on_the_page_and_the_session_still_waits(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    async with browser(cookie) as client:
        failed = await client.post("/auth/second-factor/code", data={"code": "AAAAA-AAAAA-AAAAA", "next": "/scans"})
        assert failed.status_code == 422
        assert "none of your recovery codes" in failed.text
        assert "<details open>" in failed.text
        assert not session_cookies(failed)
        assert 'name="next" value="/scans"' in failed.text
        assert (await client.post("/auth/second-factor/code", data={"code": holds.codes[0]})).status_code == 303


async def test_few_codes_left_are_said_when_one_is_used(cast: Cast):
    holds = await holder(cast.alice)
    said: list[str] = []
    for code in holds.codes:
        async with browser(await holds.pending()) as client:
            done = await client.post("/auth/second-factor/code", data={"code": code, "next": "/scans"})
            assert await sessions.actor(secret_of(done))
            said += re.findall(r"<h1>(.*?)</h1>", done.text)
            if done.status_code == 200:
                assert f'href="{OURS}/scans"' in done.text
    assert said == [
        "3 recovery codes are left", "2 recovery codes are left", "1 recovery code is left", "That was your last recovery code",
    ]  # fmt: skip


async def test_too_many_tries_say_when_to_come_back(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    async with browser(cookie) as client:
        for _ in range(30):
            assert (await client.post("/auth/second-factor/code", data={"code": "x"})).status_code == 422
        for _ in range(2):
            refused = await client.post("/auth/second-factor/code", data={"code": holds.codes[0]})
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
            assert "Too many tries" in refused.text
        by_script = await client.post("/auth/second-factor/begin", json={})
        assert by_script.status_code == 429
        assert "Try again in" in by_script.json()["error"]["message"]
    assert await sessions.actor(cookie) is None


async def test_without_a_pending_session_a_code_leads_to_the_sign_in(cast: Cast):
    async with browser() as client:
        answer = await client.post("/auth/second-factor/code", data={"code": "x", "next": "/scans"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{OURS}/sign-in?next=%2Fscans")


# What a pending session reaches


def _own(path: str) -> bool:
    """What a pending session is for, and what anybody may."""
    return path.startswith(("/auth/second-factor", "/auth/passkeys/", "/auth/logout"))


def _routes(routes: Any) -> list[tuple[str, str]]:
    """Every (method, path), with something in place of its parameters."""
    return [
        (method, re.sub(r"\{[^}]*\}", "x", route.path))
        for route in iter_route_contexts(routes)
        if route.path
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


async def test_a_pending_session_reaches_on_every_route_what_nobody_does(cast: Cast):
    holds = await holder(cast.alice)
    reached = [(method, path) for method, path in _routes(web.api.routes) if not _own(path)]
    assert {("GET", "/auth/owner"), ("GET", "/download/scans/x.json"), ("GET", "/api/x")} <= set(reached)
    for method, path in reached:
        async with browser() as nobody, browser(await holds.pending()) as pending:
            theirs, ours = await nobody.request(method, path), await pending.request(method, path)
        assert (ours.status_code, ours.headers.get("location"), ours.content) == (
            theirs.status_code,
            theirs.headers.get("location"),
            theirs.content,
        ), f"{method} {path}"


async def test_a_pending_session_can_sign_out(cast: Cast):
    holds = await holder(cast.alice)
    cookie = await holds.pending()
    async with browser(cookie) as client:
        assert (await client.post("/auth/logout")).status_code == 303
    assert await sessions.pending(cookie) is None


async def test_a_pending_session_can_not_add_a_passkey(cast: Cast):
    holds = await holder(cast.alice)
    async with browser(await holds.pending()) as client:
        for step in ("begin", "finish"):
            assert (await client.post(f"/auth/passkeys/new/{step}", json={"name": "Mine", "credential": {}})).status_code == 401


# Signing in with a passkey alone


async def test_a_passkey_alone_makes_a_session_that_showed_both_factors(cast: Cast):
    holds = await holder(cast.alice)
    async with browser() as client:
        assert (await client.get("/auth/passkeys/sign-in", params={"next": "/scans"})).status_code == 200
        done = await ceremony(client, "/auth/passkeys/sign-in", holds.key, next="/scans")
        assert done.json() == {"to": f"{OURS}/scans"}
        assert "seam_passkey" not in client.cookies
    actor = await sessions.actor(secret_of(done))
    assert actor is not None
    assert (actor.user_id, actor.second_factor) == (cast.alice.user_id, True)


async def test_the_session_that_was_there_ends_when_another_user_signs_in(cast: Cast):
    alice, bob = await holder(cast.alice), await holder(cast.bob)
    async with browser(alice.cookie) as client:
        await ceremony(client, "/auth/passkeys/sign-in", bob.key)
    assert await sessions.actor(alice.cookie) is None


async def test_a_second_tab_does_not_break_the_first(cast: Cast):
    holds = await holder(cast.alice)
    async with browser() as client:
        first = (await client.post("/auth/passkeys/sign-in/begin", json={})).json()
        await client.post("/auth/passkeys/sign-in/begin", json={})
        done = await client.post("/auth/passkeys/sign-in/finish", json={"credential": holds.key.show(first)})
        assert done.status_code == 200
        assert await sessions.actor(secret_of(done))


async def test_an_answer_from_another_browser_signs_nobody_in(cast: Cast):
    holds = await holder(cast.alice)
    async with browser() as mine, browser() as other:
        options = (await mine.post("/auth/passkeys/sign-in/begin", json={})).json()
        await other.post("/auth/passkeys/sign-in/begin", json={})
        answer = await other.post("/auth/passkeys/sign-in/finish", json={"credential": holds.key.show(options)})
        assert answer.status_code == 403
        assert not session_cookies(answer)
        without = await mine.post("/auth/passkeys/sign-in/finish", json={"credential": {}}, headers={"cookie": ""})
        assert without.status_code == 403


# Foreign pages

_POSTS = [path for method, path in _routes(routes.router.routes) if method == "POST"]


@pytest.mark.parametrize("origin", ["http://evil.test", "http://localhost:3001", "null", ""])
async def test_a_foreign_page_can_post_to_none_of_it(cast: Cast, origin: str):
    holds = await holder(cast.alice)
    assert len(_POSTS) == 7
    for path in _POSTS:
        async with browser(await holds.pending(), origin=origin) as foreign:
            answer = await foreign.post(path, json={})
            assert (answer.status_code, session_cookies(answer)) == (403, []), path


async def _bodies(client: httpx.AsyncClient, path: str) -> list[httpx.Response]:
    json = {"content-type": "application/json"}
    return [
        await client.post(path, content=b"{", headers=json),
        await client.post(path, content=b"[]", headers=json),
        await client.post(path, content=b"null", headers=json),
        await client.post(path, json={"credential": [], "name": {}, "next": 5}),
        await client.post(path, json={"credential": {"response": {"clientDataJSON": []}}, "next": "/" * 5000}),
        await client.post(path, content=b'{"credential": {"a": "\\ud800"}, "name": "\\ud800", "next": "\\ud800"}', headers=json),
        await client.post(path, content=b"[" * 50_000, headers=json),
        await client.post(path, data={"code": "x" * 5000}),
        await client.post(path, content=b"\xff\xfe"),
    ]


@pytest.mark.parametrize("who", ["nobody", "pending", "signed in"])
async def test_no_body_brings_a_route_down(cast: Cast, who: str):
    holds: Holder = await holder(cast.alice)
    for path in _POSTS:
        cookie = {"nobody": "", "pending": await holds.pending(), "signed in": holds.cookie}[who]
        async with browser(cookie) as client:
            for answer in await _bodies(client, path):
                assert answer.status_code < 500, (path, answer.request.content)
                assert not session_cookies(answer)

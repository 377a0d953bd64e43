"""Cookies: whether browsers store them, their attributes, and which calls they travel with."""

from datetime import UTC, datetime

import pytest

from app.core.ask import Ask
from app.core.checked import Checked
from app.core.checks import CookieCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.core.verdict import FetchCall
from app.net import Net
from app.probes import cookie_check
from app.probes.tools import Tools
from tests.loopback import Serve


def sets(*cookies: str, status: str = "200 OK", more: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Length: 0", *(f"Set-Cookie: {cookie}" for cookie in cookies), *([more] if more else [])]
    return "\r\n".join([*lines, "", ""]).encode()


async def run(net: Net, url: str, **options) -> Checked:
    return await cookie_check.run(CookieCheck(Ask(url), "sid", **options), Tools(net, 5, datetime.now(UTC)))


FULL = "sid=abc; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=3600"


async def test_a_cookie_as_it_should_be_is_up_with_its_facts(net: Net, serve: Serve):
    found = await run(net, (await serve(sets("other=1", FULL))).url, same_site="lax")
    assert (found.outcome, found.text, found.code) == (Outcome.UP, "", 200)
    assert dict(found.facts) | {"ends": ""} == {"Secure": "yes", "HttpOnly": "yes", "SameSite": "Lax", "for": "127.0.0.1/", "ends": ""}
    assert "abc" not in repr(found.facts)


@pytest.mark.parametrize(
    ("cookie", "options", "words"),
    [
        ("other=1", {}, "No answer sets a cookie named sid."),
        ("sid=abc; HttpOnly", {}, "sid lacks Secure."),
        ("sid=abc; Secure", {}, "sid lacks HttpOnly."),
        (FULL, {"http_only": False}, "sid has HttpOnly."),
        (FULL, {"same_site": "strict"}, "sid should be SameSite=Strict; it is SameSite=Lax."),
        ("sid=abc; Secure; HttpOnly", {"same_site": "lax"}, "sid should be SameSite=Lax; it is without SameSite, which counts as Lax."),
        ("sid=; Max-Age=0; Secure; HttpOnly", {}, "The answer removes sid: it has expired already."),
        ("sid=abc; Domain=com; Secure; HttpOnly", {}, "A browser does not store sid: com is a public suffix"),
        ("sid=abc; SameSite=None", {}, "A browser does not store sid: SameSite=None needs Secure."),
    ],
)
async def test_a_cookie_that_is_not_as_it_should_be_is_down_and_says_how(net: Net, serve: Serve, cookie: str, options: dict, words: str):
    found = await run(net, (await serve(sets(cookie))).url, **options)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert found.text.startswith(words)


async def test_what_does_not_matter_is_not_looked_at(net: Net, serve: Serve):
    assert (await run(net, (await serve(sets("sid=abc"))).url, secure=None, http_only=None)).outcome is Outcome.UP


async def test_a_cookie_set_before_a_redirect_counts_and_the_last_one_wins(net: Net, serve: Serve):
    last = await serve(sets())
    first = await serve(sets("sid=old", FULL, status="302 Found", more=f"Location: {last.url}"))
    assert (await run(net, first.url)).outcome is Outcome.UP


def call(origin: str, url: str, **options) -> FetchCall:
    return FetchCall(origin, url, **{"credentials": "include", **options})


async def test_calls_that_it_must_and_must_not_travel_with(net: Net, serve: Serve):
    server = await serve(sets(FULL))
    here, far = server.url.rstrip("/"), "https://elsewhere.example"
    path = f"{server.url}api"
    assert (await run(net, server.url, sent_with=(call(here, path),), kept_from=(call(far, path),))).outcome is Outcome.UP
    found = await run(net, server.url, sent_with=(call(far, path),))
    assert found.outcome is Outcome.DOWN
    assert (
        found.text == f"A browser does not send sid with GET {path} from {far}: The request is cross-site, and the cookie is SameSite=Lax."
    )
    found = await run(net, server.url, kept_from=(call(here, path),))
    assert found.text.startswith(f"A browser sends sid with GET {path} from {here}")
    found = await run(net, server.url, sent_with=(call(far, path, credentials="omit"),))
    assert "credentials: omit" in found.text
    # In a frame of a foreign page the cookie stays behind, whoever the frame itself is.
    assert (await run(net, server.url, kept_from=(call(here, path, top_level=far),))).outcome is Outcome.UP


async def test_a_page_that_fails_is_the_failure(net: Net, serve: Serve):
    found = await run(net, (await serve(sets(FULL, status="500 Oops"))).url)
    assert (found.outcome, found.text) == (Outcome.DOWN, "It should hold that status is 200-299; found 500.")
    assert (await run(net, "http://127.0.0.1:1/")).cause is Cause.CONNECT

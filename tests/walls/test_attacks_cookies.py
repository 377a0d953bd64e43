"""Cookies as attackers write them: every layer must see the same ones, or the guard binds a tab to nobody while the gate lets it act."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from app.services import rates, sessions
from app.walls.binding import Binding, browser_of
from app.walls.guard import Guard
from tests.conftest import Cast
from tests.product import Product, running

# Characters that Python counts as blanks and browsers as part of a name: as the two ways to decode a header make them of the bytes.
NO_BLANKS = ["\u00a0", "\u0085", "\u3000", "\u2000", "\u001f"]


@pytest_asyncio.fixture
async def product(database: object) -> AsyncIterator[Product]:
    async with running() as product:
        yield product
    await rates.close()


async def alices(cast: Cast) -> str:
    return f"seam={await sessions.create(cast.alice.user_id, cast.alice.workspace_id, 'owner_link')}"


@pytest.mark.parametrize("before", NO_BLANKS)
async def test_a_cookie_whose_name_only_looks_like_ours_stands_for_nobody(cast: Cast, before: str):
    header = f"theme=dark; {before}{await alices(cast)}"
    assert await sessions.actor(header) is None
    assert await sessions.actor(header.encode().decode("latin-1")) is None
    assert browser_of(f"{before}seam-tab={'b' * 22}") == ""


@pytest.mark.parametrize("after", NO_BLANKS)
async def test_a_secret_with_anything_behind_it_is_no_secret(cast: Cast, after: str):
    assert await sessions.actor(f"{await alices(cast)}{after}") is None


@pytest.mark.parametrize("before", ["", " ", "\t", "theme=dark; ", "theme=dark;"])
async def test_blanks_as_browsers_write_them_are_nothing(cast: Cast, before: str):
    assert await sessions.actor(f"{before}{await alices(cast)} ; x=1") is not None


async def test_a_cookie_of_ours_beside_one_that_looks_like_it_still_counts(cast: Cast):
    """Else a page of a sibling domain could sign everybody out."""
    assert await sessions.actor(f"\u00a0seam={'x' * 43}; {await alices(cast)}") is not None


@pytest.mark.parametrize("before", NO_BLANKS)
async def test_a_tab_acts_for_nobody_but_whom_it_is_bound_to(product: Product, cast: Cast, before: str):
    cookie = before + await alices(cast)
    tab = await product.tab(cookie, path="/scans")
    await tab.idle()
    assert (await Binding.of(cookie.encode().decode("latin-1"))).session == ""
    assert not tab.vars.get("session_state.signed_in")
    assert cast.alice.name not in str(tab.vars)


async def test_cookies_that_come_in_several_headers_are_one_to_every_layer(configure: pytest.MonkeyPatch):
    """HTTP/2 lets a browser part them (RFC 9113, 8.2.3); routes would read the first header and the walls all."""
    seen: list[list[str]] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(Headers(scope=scope).getlist("cookie"))
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def nothing(message: Message) -> None:
        pass

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    headers = [(b"host", b"localhost:3000"), (b"cookie", b"theme=dark"), (b"accept", b"*/*"), (b"Cookie", b"seam=x")]
    scope = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
    await Guard(inner)(scope, receive, nothing)
    assert seen == [["theme=dark; seam=x"]]

"""Programs that call the API as it is served: through the guard, over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from app import web
from tests.conftest import PUBLIC_URL, Cast
from tests.services.token_making import personal

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest_asyncio.fixture
async def program(cast: Cast) -> AsyncIterator[httpx.AsyncClient]:
    """A client without token, origin or cookie, as a program is."""
    transport = httpx.ASGITransport(web.Guard(web.api))
    async with httpx.AsyncClient(transport=transport, base_url=f"{PUBLIC_URL}") as made:
        yield made


@pytest_asyncio.fixture
async def alices(cast: Cast) -> dict[str, str]:
    """The header of a personal token of Alice, who owns the workspace, with every scope."""
    from app.services.access import Scope

    return bearer((await personal(cast.alice, *Scope)).secret)

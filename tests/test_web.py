"""The whole of what speaks HTTP, guard included: sign-in by owner link, downloads, the API's edges, health."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import jsonschema
import pytest
import pytest_asyncio

from app import db, web
from app.engine.supervisor import Supervisor
from app.models import EngineState
from app.services import engine_state, login_links, scan_queue, scans, sessions
from app.services.engine_state import Report
from app.services.scan_form import ScanForm
from app.settings import _settings
from tests.conftest import Cast
from tests.services.reports import finding, report

OURS = "http://localhost:3000"


@asynccontextmanager
async def client(base: str = OURS, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(web.Guard(web.api))
    async with httpx.AsyncClient(transport=transport, base_url=base, headers={"origin": base, **headers}) as made:
        yield made


@pytest_asyncio.fixture
async def browser_like(database: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client() as made:
        yield made


async def token() -> str:
    return (await login_links.issue()).partition("token=")[2]


# Sign-in


async def test_the_owner_link_signs_in_and_leads_on(browser_like: httpx.AsyncClient):
    secret = await token()
    shown = await browser_like.get("/auth/owner", params={"token": secret, "next": "/scans/new?page=x"})
    assert shown.status_code == 200
    assert "Become the owner" in shown.text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', shown.text))
    assert fields == {"token": secret, "next": "/scans/new?page=x"}
    done = await browser_like.post("/auth/owner", data={**fields, "name": "Alice"})
    assert (done.status_code, done.headers["location"]) == (303, f"{OURS}/scans/new?page=x")
    cookie = done.headers["set-cookie"]
    assert cookie.startswith("seam=")
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert "secure" not in cookie.lower()
    actor = await sessions.actor(f"seam={browser_like.cookies['seam']}")
    assert actor is not None
    assert (actor.name, actor.role) == ("Alice", "owner")


async def test_looking_at_the_link_uses_nothing_up(browser_like: httpx.AsyncClient):
    secret = await token()
    for method in ("GET", "HEAD", "GET"):
        await browser_like.request(method, "/auth/owner", params={"token": secret})
    assert (await browser_like.post("/auth/owner", data={"token": secret})).status_code == 303


async def test_a_used_link_says_how_to_get_a_new_one(browser_like: httpx.AsyncClient):
    secret = await token()
    await browser_like.post("/auth/owner", data={"token": secret})
    for answer in (
        await browser_like.get("/auth/owner", params={"token": secret}),
        await browser_like.post("/auth/owner", data={"token": secret}),
    ):
        assert answer.status_code == 403
        assert "python -m app owner-link" in answer.text
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


async def test_of_two_browsers_at_once_one_gets_in(browser_like: httpx.AsyncClient):
    secret = await token()
    answers = await asyncio.gather(*(browser_like.post("/auth/owner", data={"token": secret}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 403, 403, 403]


@pytest.mark.parametrize("origin", ["http://evil.test", "null", ""])
async def test_a_foreign_page_cannot_use_the_link(database: Path, origin: str):
    secret = await token()
    async with client(origin=origin, cookie="theme=dark") as foreign:
        assert (await foreign.post("/auth/owner", data={"token": secret})).status_code == 403
    assert await login_links.usable(secret)


@pytest.mark.parametrize("goal", ["//evil.test", "https://evil.test/", "/\\evil.test", "javascript:alert(1)"])
async def test_a_link_never_leads_to_another_site(browser_like: httpx.AsyncClient, goal: str):
    secret = await token()
    shown = await browser_like.get("/auth/owner", params={"token": secret, "next": goal})
    assert 'name="next" value="/"' in shown.text
    done = await browser_like.post("/auth/owner", data={"token": secret, "next": goal})
    assert done.headers["location"] == f"{OURS}/"


async def test_what_the_link_says_is_escaped(browser_like: httpx.AsyncClient):
    secret = await token()
    shown = await browser_like.get("/auth/owner", params={"token": secret, "next": '/"><script>alert(1)</script>'})
    assert "<script>" not in shown.text
    assert (await browser_like.get("/auth/owner", params={"token": '"><script>'})).status_code == 403


async def test_signing_in_ends_the_session_that_was_there(browser_like: httpx.AsyncClient):
    await browser_like.post("/auth/owner", data={"token": await token()})
    first = browser_like.cookies["seam"]
    await browser_like.post("/auth/owner", data={"token": await token()})
    assert browser_like.cookies["seam"] != first
    assert await sessions.actor(f"seam={first}") is None


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(browser_like: httpx.AsyncClient):
    await browser_like.post("/auth/owner", data={"token": await token()})
    cookie = f"seam={browser_like.cookies['seam']}"
    done = await browser_like.post("/auth/logout")
    assert (done.status_code, done.headers["location"]) == (303, f"{OURS}/")
    assert "seam" not in browser_like.cookies
    assert await sessions.actor(cookie) is None
    assert (await browser_like.get("/auth/logout")).status_code == 405


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host(database: Path, configure: pytest.MonkeyPatch):
    configure.setenv("SEAMWATCH_PUBLIC_URL", "https://seam.example")
    _settings.cache_clear()
    async with client("https://seam.example") as made:
        done = await made.post("/auth/owner", data={"token": await token()})
    cookie = done.headers["set-cookie"]
    assert cookie.startswith("__Host-seam=")
    assert "; Secure" in cookie
    assert "domain" not in cookie.lower()
    assert "max-age=31536000" in done.headers["strict-transport-security"]


# Downloads


async def finished(cast: Cast) -> str:
    scan_id = await scans.start(cast.alice, ScanForm("http://app.test/"))
    claim = await scan_queue.claim("worker")
    assert claim is not None
    await scan_queue.finish(claim, report(finding("COR-01")))
    return scan_id


async def test_a_member_downloads_the_report_and_it_follows_the_published_schema(cast: Cast, browser_like: httpx.AsyncClient):
    scan_id = await finished(cast)
    browser_like.cookies.set("seam", await sessions.create(cast.bob.user_id, cast.alice.workspace_id, "test"))
    answer = await browser_like.get(f"/download/scans/{scan_id}.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["content-disposition"] == f'attachment; filename="seamwatch-{scan_id}.json"'
    schema = (await browser_like.get("/api/v1/schemas/report.json")).json()
    jsonschema.Draft202012Validator(schema).validate(answer.json())
    assert answer.json()["findings"][0]["code"] == "COR-01"


async def test_charlie_and_nobody_download_nothing(cast: Cast, browser_like: httpx.AsyncClient):
    scan_id = await finished(cast)
    nobody = await browser_like.get(f"/download/scans/{scan_id}.json")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "unauthenticated")
    browser_like.cookies.set("seam", await sessions.create(cast.charlie.user_id, cast.charlie.workspace_id, "test"))
    theirs, missing = [await browser_like.get(f"/download/scans/{name}.json") for name in (scan_id, "AAAAAAAAAAAAAAAA")]
    assert theirs.status_code == missing.status_code == 404
    assert theirs.json() == missing.json()


# The API's edges, and health


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/v1/nothing", "/api/v1/schemas/report.json/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_endpoint_is_answered_as_json(browser_like: httpx.AsyncClient, method: str, path: str):
    answer = await browser_like.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_the_api_is_described_by_data_alone(browser_like: httpx.AsyncClient):
    described = (await browser_like.get("/api/openapi.json")).json()
    assert "/api/v1/schemas/report.json" in described["paths"]
    assert (await browser_like.get("/docs")).status_code == 404


async def test_health_is_what_the_supervised_tasks_say(browser_like: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch):
    supervisor = Supervisor()
    monkeypatch.setattr(web, "supervisor", supervisor)
    assert (await browser_like.get("/healthz")).status_code == 503
    supervisor.start("work", asyncio.Event().wait)  # pyright: ignore[reportArgumentType]
    await asyncio.sleep(0)
    assert (await browser_like.get("/healthz")).json()["healthy"] is True
    assert (await browser_like.get("/readyz")).json() == {"ready": True, "database": True, "healthy": True, "engine": None}
    await supervisor.stop()
    assert (await browser_like.get("/healthz")).status_code == 503


async def test_without_its_tables_the_app_is_not_ready(browser_like: httpx.AsyncClient, database: Path, configure: pytest.MonkeyPatch):
    configure.setenv("SEAMWATCH_DATABASE_URL", f"sqlite:///{database}/empty.db")
    _settings.cache_clear()
    from app import db

    await db.close()
    answer = await browser_like.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, False)


async def test_the_lifespan_prints_a_link_while_nobody_owns_it_and_runs_the_worker(
    configure: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _settings.cache_clear()
    async with web.lifespan():
        printed = capsys.readouterr().out
        await asyncio.sleep(0)
        assert web.supervisor.healthy
        secret = re.findall(r"http://localhost:3000/auth/owner\?token=([\w-]{43})\n", printed)[0]
        await login_links.consume(secret, "Alice")
    assert not web.supervisor.healthy
    async with web.lifespan():
        assert "token=" not in capsys.readouterr().out


async def test_it_is_ready_only_while_the_engine_lives_and_is_on_time(browser_like: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch):
    supervisor, overdue_ms = Supervisor(), 0
    monkeypatch.setattr(web, "supervisor", supervisor)
    supervisor.start("work", asyncio.Event().wait)  # pyright: ignore[reportArgumentType]
    await asyncio.sleep(0)

    def report() -> Report:
        return Report(1, 0, 1.0, 0.0, 0, overdue_ms, 0.0, 0.0, (), 0, None)

    async def ready(alive_s_ago: float) -> tuple[int, bool]:
        alive_ms = round((time.time() - alive_s_ago) * 1000)
        async with db.transaction() as session:
            await session.merge(EngineState(region=0, alive_ms=alive_ms))
        answer = await browser_like.get("/readyz")
        return answer.status_code, answer.json()["engine"]["alive"]

    engine_state.connect(report)
    try:
        assert await ready(5) == (200, True)
        assert await ready(16) == (503, False)
        overdue_ms = 20_000
        assert (await ready(5))[0] == 503
        overdue_ms = 500
        assert await ready(5) == (200, True)
    finally:
        engine_state.connect(None)
        await supervisor.stop()

"""Every handler of every state and every route, tried by those who may not. The doors come from the registries, new ones too."""

import functools
import json
import logging
import re
import shutil
import types
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from reflex_base.event import EventHandler

from app import db, web
from app.app import app
from app.services import rates, sessions, tokens
from app.services.tokens import NewToken
from app.state import gate
from tests import world as worlds
from tests.conftest import _forget
from tests.product import OURS, Product, Tab, policies, running
from tests.world import MARK, Somebody, World, without

ROOT = "reflex___state____state."
Maker = Callable[[World], Awaitable[Somebody]]


_built: tuple[Path, World] | None = None


@pytest_asyncio.fixture
async def world(database: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Alice's world in a database of this test's own. It is built once, then copied."""
    global _built
    if _built is None:
        world = await worlds.build()
        await db.close()
        kept = tmp_path_factory.mktemp("world")
        shutil.copytree(database, kept, dirs_exist_ok=True)
        _built = kept, world
    else:
        shutil.copytree(_built[0], database, dirs_exist_ok=True)
    _forget()
    yield _built[1]
    await rates.close()


@pytest_asyncio.fixture
async def product(world: World) -> AsyncIterator[Product]:
    async with running() as product:
        yield product


# Handlers

POLICIES = policies()
HANDLERS: dict[str, EventHandler] = {
    name: registered.handler for name, registered in app._registration_context.event_handlers.items() if name in POLICIES
}
OURS_BY_STATE: dict[str, list[str]] = {}
for _name in sorted(HANDLERS):
    if _name not in gate.FRAMEWORK and POLICIES[_name] != "deny":
        OURS_BY_STATE.setdefault(_name.rpartition(".")[0], []).append(_name)
states = pytest.mark.parametrize("state", OURS_BY_STATE, ids=lambda state: state.rpartition("____")[2])


def page_of(state: str, ids: dict[str, str]) -> str:
    """Return the address of a page that loads this state; "/" for one that none loads."""
    for route, events in app._load_events.items():
        loaded = [getattr(event, "handler", event) for event in events]
        if any(getattr(handler, "state_full_name", "") == state for handler in loaded):
            return f"/{route.replace('[scan]', ids['scan']).replace('[monitor]', ids['monitor']).removeprefix('index')}"
    return "/"


def arguments(name: str, text: str) -> dict[str, Any]:
    """Return arguments of the annotated types, with `text` wherever one can be."""
    hints = HANDLERS[name]._get_type_hints()
    return {parameter: _value(hints.get(parameter, Any), text) for parameter in list(HANDLERS[name].get_parameters())[1:]}


def _value(hint: Any, text: str) -> Any:
    origin = typing.get_origin(hint) or hint
    if origin in (typing.Union, types.UnionType):
        return _value(typing.get_args(hint)[0], text)
    if origin is typing.Literal:
        return typing.get_args(hint)[0]
    if origin is dict:
        named = ("id", "name", "value", "url", "api", "role", "note", "email", "title", "typed_name", "days", "text", "scopes", "kind")
        return dict.fromkeys(named, text)
    if origin in (list, tuple, set):
        return [text]
    return {int: 1, float: 1.0, bool: True}.get(origin, text)


async def opened(product: Product, somebody: Somebody, path: str) -> Tab:
    tab = await product.tab(somebody.cookie, path=path)
    await tab.idle()
    return tab


def told(tab: Tab) -> str:
    """Return all that a tab was ever told."""
    return json.dumps([tab.vars, tab.events, tab.heard], sort_keys=True)


def in_order(text: str) -> str:
    """Return what a tab was told with lists in one order: some are shown by names, which here are ids."""

    def sort(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: sort(item) for key, item in value.items()}
        return sorted(map(sort, value), key=repr) if isinstance(value, list) else value

    return json.dumps(sort(json.loads(text)), sort_keys=True)


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


OUTSIDERS = [worlds.nobody, worlds.tossed, worlds.pending, worlds.stranger]


class Visit:
    """Somebody at one page, who is followed by another like them when what they did cost them their session or their tab."""

    def __init__(self, product: Product, world: World, maker: Maker, path: str) -> None:
        self._product, self._world, self._maker, self._path = product, world, maker, path
        self.somebody: Somebody
        self.tab: Tab | None = None

    async def renew(self) -> bool:
        """Open the first tab, or a new one where the last is of no use any more. Return whether it is a new one."""
        if self.tab is not None and not self.tab.closed and (self.somebody.actor is None or await sessions.actor(self.somebody.cookie)):
            return False
        if self.tab is not None:
            await self.tab.close()
        self.somebody = await self._maker(self._world)
        self.tab = await opened(self._product, self.somebody, self._path)
        return True

    async def send(self, name: str, payload: dict[str, Any]) -> Tab:
        assert self.tab is not None
        self.tab.send(name, payload, self._path)
        await self.tab.idle()
        return self.tab


def payloads(name: str, ids: dict[str, str]) -> list[dict[str, Any]]:
    """Return the arguments with each id in turn; once, where no argument can hold one."""
    made = [arguments(name, text) for text in ids.values()]
    return made if made[0] != made[1] else made[:1]


@states
async def test_no_handler_gives_an_outsider_anything_of_alices_or_changes_it(
    product: Product, world: World, state: str, caplog: pytest.LogCaptureFixture
):
    await worlds.pending(world)
    for maker in OUTSIDERS:
        visit = Visit(product, world, maker, page_of(state, world.ids))
        before: dict[str, list[str]] = {}
        for name in OURS_BY_STATE[state]:
            if await visit.renew():
                before = await world.snapshot()
            for payload in payloads(name, world.ids):
                await visit.send(name, payload)
            assert visit.tab is not None
            assert MARK not in told(visit.tab), name
            assert await world.snapshot() == before, name
    assert failures(caplog) == []


@states
async def test_no_handler_lets_a_viewer_change_what_is_not_theirs(
    product: Product, world: World, state: str, caplog: pytest.LogCaptureFixture
):
    visit = Visit(product, world, worlds.viewer, page_of(state, world.ids))
    before: dict[str, list[str]] = {}
    for name in OURS_BY_STATE[state]:
        if await visit.renew():
            before = await world.snapshot(but=visit.somebody.user_id)
        for payload in payloads(name, world.ids):
            await visit.send(name, payload)
        assert await world.snapshot(but=visit.somebody.user_id) == before, name
    assert failures(caplog) == []


@states
async def test_the_signed_out_reach_no_handler_that_is_not_for_them(product: Product, world: World, state: str):
    tab = await opened(product, await worlds.nobody(world), "/cors/rules")
    for name in OURS_BY_STATE[state]:
        tab.events.clear()
        vars_before = dict(tab.vars)
        tab.send(name, arguments(name, "x"), "/somewhere")
        await tab.idle()
        if POLICIES[name] != "public":
            assert tab.vars == vars_before, name
            led = [event["payload"]["path"] for event in tab.events]
            assert led == (["/sign-in?next=%2Fsomewhere"] if POLICIES[name] == "signed_in" else []), name


@states
async def test_another_workspaces_id_is_answered_exactly_as_one_that_does_not_exist(
    product: Product, world: World, state: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.state.notice._SHOWN_S", 0)  # a notice goes at once, and is heard all the same
    monkeypatch.setattr("app.state.copied._SHOWN_S", 3600)
    monkeypatch.setattr("app.state.scans._UNDO_S", 3600)
    monkeypatch.setattr("app.state.bulk._UNDO_S", 3600)
    visits = [(ids, Visit(product, world, worlds.stranger, page_of(state, ids))) for ids in (world.ids, world.ghosts)]
    for name in OURS_BY_STATE[state]:
        answers: list[list[str]] = []
        for ids, visit in visits:
            await visit.renew()
            assert visit.tab is not None
            answers.append([])
            for payload in payloads(name, ids):
                visit.tab.vars.clear()
                visit.tab.events.clear()
                visit.tab.heard.clear()
                answers[-1].append(in_order(without(told(await visit.send(name, payload)), world)))
        assert answers[0] == answers[1], name


TEXTS = [
    "",
    " ",
    "x" * 10_000,
    "../../etc/passwd",
    "'; DROP TABLE workspace; --",
    "<script>alert(1)</script>",
    "é\u202e\U0001f9ca",
    "-1",
    "%00",
]
WRONG: list[Any] = [None, True, -1, 0, 2**53, 10**400, 1.5, "x", [], ["x"], {}, {"x": {"y": []}}]


@states
async def test_no_handler_fails_whatever_an_owner_sends(product: Product, world: World, state: str, caplog: pytest.LogCaptureFixture):
    visit = Visit(product, world, worlds.owner, page_of(state, world.ids))
    for name in OURS_BY_STATE[state]:
        right = arguments(name, "x")
        tries = [right, {}, {**right, "more": 1}, *(arguments(name, text) for text in TEXTS if right)]
        tries += [{**right, parameter: value} for parameter in right for value in WRONG]
        for payload in tries:
            await visit.renew()
            tab = await visit.send(name, payload)
            assert not tab.vars.get("trouble_state.said"), (name, payload)
        assert failures(caplog) == [], name


# Routes

ROUTES = sorted(
    {
        (method, context.path)
        for context in iter_route_contexts(web.api.routes)
        for method in (getattr(context, "methods", None) or ())
        if method != "HEAD"
    }
)
routes = pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: str(part))
READINESS = {"/healthz", "/readyz"}  # nothing is supervised in these tests, which they tell by 503
# Whoever asks gets these without saying who they are. A new one needs its line here.
FOR_ANYBODY = {
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/api/openapi.json",
    "/api/v1/schemas/report.json",
    "/auth/static/{name}",
    "/healthz",
    "/readyz",
}


@pytest_asyncio.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(web.Guard(web.api), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
        yield client


async def asked(client: httpx.AsyncClient, method: str, path: str, text: str, somebody: Somebody, *, bearer: str = "") -> httpx.Response:
    """Ask a route with `text` wherever something can be put: path, query, form or JSON."""
    headers = {"origin": OURS, "cookie": somebody.cookie, "accept": "*/*"}
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    filled = "/".join(text if part.startswith("{") else part.replace("{scan_id}", text) for part in path.split("/"))
    fields = dict.fromkeys(_fields(method, path), text)
    client.cookies.clear()
    if path.startswith("/api/") and not path.startswith("/api/v1/oauth"):
        return await client.request(method, filled, headers=headers, json=fields if method in ("POST", "PUT", "PATCH") else None)
    if method == "GET":
        return await client.request(method, filled, headers=headers, params=fields)
    return await client.request(method, filled, headers=headers, data=fields)


READS = ("scans:read", "workspace:read", "monitors:read")
WRITES = (*READS, "scans:write", "monitors:write")
WATCHED = {"site", "group", "monitor", "heartbeat", "deleted monitor", "window", "incident"}
OF_WATCHED = ("/api/v1/monitors", "/api/v1/sites", "/api/v1/groups", "/api/v1/maintenance")


def texts(path: str, ids: dict[str, str]) -> list[str]:
    """Return the ids to ask a route for: where one stands in its path, all that could be meant there, and many that could not."""
    if "{" not in path:
        return [ids["workspace"], ids["member"], ids["monitor"]]
    of_watched = path.startswith(OF_WATCHED)
    return [public_id for kind, public_id in ids.items() if (kind in WATCHED) is of_watched]


@functools.cache
def _fields(method: str, path: str) -> set[str]:
    found = {"id", "name", "token", "next", "role", "workspace", "page", "url", "value", "note"}
    for context in iter_route_contexts(web.api.routes):
        if context.path == path and method in (getattr(context, "methods", None) or ()):
            dependant = getattr(context, "dependant", None)
            for place in ("query_params", "body_params"):
                for parameter in getattr(dependant, place, ()):
                    found.add(parameter.alias)
                    found |= set(getattr(parameter.field_info.annotation, "model_fields", {}))
    return found


def answer_of(answer: httpx.Response, world: World) -> str:
    kept = sorted((name, value) for name, value in answer.headers.items() if name not in ("set-cookie", "date"))
    said = re.sub(r'(?<="challenge":")[\w-]+|(?<="id":")[\w-]+', "0", answer.text)  # made anew for each
    return without(f"{answer.status_code} {kept} {said}", world)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here one address asks more often than an attacker might."""

    async def hit(rate: rates.Rate, *key: str) -> None:
        return None

    monkeypatch.setattr(rates, "hit", hit)


@routes
async def test_no_route_gives_an_outsider_anything_of_alices_or_changes_it(client: httpx.AsyncClient, world: World, method: str, path: str):
    strangers = await worlds.stranger(world)
    assert strangers.actor is not None
    token = await tokens.make(await _with_session(strangers), NewToken("x", WRITES))
    alices = Somebody(
        None, f"seam={await sessions.create(world.alice.user_id, world.alice.workspace_id, 'owner_link', second_factor=True)}"
    )
    pending = await worlds.pending(world)
    tries: list[tuple[Somebody, str]] = [*[(await maker(world), "") for maker in OUTSIDERS if maker is not worlds.pending], (pending, "")]
    tries.append((Somebody(None, ""), token.secret))
    tries.append((strangers, token.secret))
    if path.startswith("/api/"):
        tries += [(alices, ""), (alices, "seam_pat_made_up"), (alices, token.secret)]  # a cookie counts for nothing there
    before = await world.snapshot()
    for somebody, bearer in tries:
        for text in texts(path, world.ids):
            answer = await asked(client, method, path, text, somebody, bearer=bearer)
            assert answer.status_code < 500 or path in READINESS
            shown = answer.text if somebody.cookie != pending.cookie else answer.text.replace(world.alice.name, "")
            assert MARK not in shown  # whoever showed the first factor is told whose second one is asked for
            assert MARK not in str(answer.headers)
        after = await world.snapshot()
        if somebody is pending and path.startswith("/auth/logout"):  # what is pending may end itself, and nothing more
            assert await sessions.actor(alices.cookie)
            before |= {table: after[table] for table in ("websession", "audit_event")}
        assert after == before


async def _with_session(somebody: Somebody) -> Any:
    return await sessions.actor(somebody.cookie)


@routes
async def test_no_route_lets_a_viewer_change_what_is_not_theirs(client: httpx.AsyncClient, world: World, method: str, path: str):
    dave = await worlds.viewer(world)
    token = await tokens.make(await _with_session(dave), NewToken("x", READS))
    before = await world.snapshot(but=dave.user_id)
    for bearer in (token.secret, ""):
        for text in texts(path, world.ids):
            answer = await asked(client, method, path, text, dave, bearer=bearer)
            assert answer.status_code < 500 or path in READINESS
        assert await world.snapshot(but=dave.user_id) == before


@routes
async def test_a_route_that_answers_anybody_is_in_the_list(client: httpx.AsyncClient, world: World, method: str, path: str):
    nobody = await worlds.nobody(world)
    answers = [await asked(client, method, path, text, nobody) for text in ("x", world.ids["scan"])]
    if path.startswith(("/auth/", "/api/v1/oauth/")) and "static" not in path:
        return  # the ways in: what they give is tested where they are made
    assert path in FOR_ANYBODY or not any(answer.is_success for answer in answers)


@routes
async def test_a_route_answers_another_workspaces_id_exactly_as_one_that_does_not_exist(
    client: httpx.AsyncClient, world: World, method: str, path: str
):
    if method == "GET" and "{" not in path:
        return  # it takes no id, and shows what is the asker's own
    for with_token in (False, True):
        answers: list[list[str]] = []
        for ids in (world.ids, world.ghosts):
            somebody = await worlds.stranger(world)
            made = await tokens.make(
                await _with_session(somebody),
                NewToken("x", WRITES),
            )
            bearer = made.secret if with_token else ""
            cookie = Somebody(None, "") if with_token else somebody
            answers.append([answer_of(await asked(client, method, path, text, cookie, bearer=bearer), world) for text in texts(path, ids)])
        assert answers[0] == answers[1]


@routes
async def test_no_route_fails_whatever_an_owner_sends(client: httpx.AsyncClient, world: World, method: str, path: str):
    eve = await worlds.owner(world)
    for text in [
        "x",
        " ",
        "x" * 2000,
        "..%2f..%2fetc",
        "'; DROP TABLE workspace; --",
        "é\u202e",
        "-1",
        "%00",
        *(["a\0b"] if method != "GET" and "{" not in path else []),
    ]:
        answer = await asked(client, method, path, text, eve)
        assert answer.status_code < 500 or path in READINESS, text

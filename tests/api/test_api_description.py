"""The description of the API: valid, complete, and true to what the routes do."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute, iter_route_contexts

from app import web
from app.net import Net
from app.net.addresses import AddressPolicy, Mode
from app.services import trying
from app.services.access import RULES, Role, Scope
from app.services.bearers import scopes_of
from tests.api.conftest import bearer
from tests.conftest import Cast
from tests.services.token_making import of_workspace, personal

DESCRIBED: dict[str, Any] = web.api.openapi()
OPERATIONS = [(method, path, operation) for path, item in DESCRIBED["paths"].items() for method, operation in item.items()]
GUARDED = [(method, path, operation) for method, path, operation in OPERATIONS if "security" in operation]
IDS = [operation["operationId"] for _, _, operation in OPERATIONS]
GUARDED_IDS = [operation["operationId"] for _, _, operation in GUARDED]
# What anybody may ask, and where the token stands in the body.
OPEN = {"report_schema", "token", "revoke_token", "jwks", "oauth_metadata"}


def scopes_needed(operation: dict[str, Any]) -> list[str]:
    return operation["security"][0]["bearer"]


def address(path: str) -> str:
    return path.replace("{id}", "A" * 16).replace("{name}", "KEY").replace("{kind}", "api").replace("{due_ms}", "1")


def test_every_route_of_the_api_is_described():
    served = {
        (method, context.path)
        for context in iter_route_contexts(web.api.routes)
        if isinstance(context.original_route, APIRoute) and context.path.startswith(("/api/v1", "/.well-known"))
        for method in context.methods or ()
    }
    assert served == {(method.upper(), path) for method, path, _ in OPERATIONS}


def test_every_operation_that_is_not_open_to_all_needs_a_bearer():
    assert {operation["operationId"] for _, _, operation in OPERATIONS if "security" not in operation} == OPEN
    for _, _, operation in GUARDED:
        assert [list(entry) for entry in operation["security"]] == [["bearer"]]
        assert len(scopes_needed(operation)) == (0 if operation["operationId"] in ("me", "end_token") else 1)
        assert set(scopes_needed(operation)) <= set(Scope)
    assert {scope for _, _, operation in GUARDED for scope in scopes_needed(operation)} == set(Scope)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=IDS)
def test_every_operation_is_told_to_people(method: str, path: str, operation: dict[str, Any]):
    assert operation["summary"]
    assert operation["tags"]
    assert operation["operationId"].replace("_", "").isalpha()
    if "security" in operation:
        assert {"401", "403", "422", "429"} <= operation["responses"].keys()
        for status in ("401", "422"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}


def test_operation_ids_are_unique():
    assert len(IDS) == len(set(IDS))


def test_the_description_is_one_by_the_standards_shape():
    assert DESCRIBED["openapi"].startswith("3.1")
    assert DESCRIBED["info"]["description"]
    assert DESCRIBED["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in DESCRIBED["components"]["schemas"]
    for schema in DESCRIBED["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    for reference in references(DESCRIBED):
        node: Any = DESCRIBED
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_what_is_asked_for_is_closed():
    for _, _, operation in OPERATIONS:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content:
            reference = content["schema"]["$ref"].rpartition("/")[2]
            assert DESCRIBED["components"]["schemas"][reference]["additionalProperties"] is False


async def test_the_description_is_served(program: httpx.AsyncClient):
    assert (await program.get("/api/openapi.json")).json()["paths"].keys() == DESCRIBED["paths"].keys()


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED, ids=GUARDED_IDS)
async def test_without_a_token_no_operation_answers(program: httpx.AsyncClient, method: str, path: str, operation: dict[str, Any]):
    answer = await program.request(method, address(path), json={} if "requestBody" in operation else None)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="Seamwatch"')


BODIES: dict[str, dict[str, Any]] = {
    "start_scan": {"page_url": "http://app.test/"},
    "change_member": {"role": "viewer"},
    "make_invitation": {"role": "viewer"},
    "put_secret": {"value": "v"},
    "watch": {},
    "make_monitor": {"name": "m", "kind": "tcp", "check": {"host": "127.0.0.1", "port": 1}, "paused": True},
    "put_monitor": {"name": "m", "kind": "tcp", "check": {"host": "127.0.0.1", "port": 1}},
    "patch_monitor": {"name": "m"},
    "try_check": {"kind": "tcp", "check": {"host": "127.0.0.1", "port": 1}},
    **{name: {"ids": ["A" * 16]} for name in ("change_monitors", "pause_monitors", "resume_monitors")},
    **{name: {"name": "s", "page_url": "http://app.test/"} for name in ("make_site", "put_site")},
    **{name: {"name": "g"} for name in ("make_group", "put_group")},
    **{name: {"name": "w", "cron": "0 3 * * *", "duration_s": 3600} for name in ("make_maintenance", "put_maintenance")},
}


@pytest_asyncio.fixture
async def way_out() -> AsyncIterator[None]:
    async with Net(AddressPolicy(Mode.PRIVATE), user_agent="x") as net:
        trying.connect(net)
        yield
        trying.connect(None)


@pytest.mark.usefixtures("way_out")
@pytest.mark.parametrize(("method", "path", "operation"), GUARDED, ids=GUARDED_IDS)
async def test_each_operation_needs_the_scope_that_is_described_and_no_other(
    program: httpx.AsyncClient, cast: Cast, method: str, path: str, operation: dict[str, Any]
):
    needed = scopes_needed(operation)
    if not needed:
        return
    asked = {"method": method, "url": address(path), "json": BODIES.get(operation["operationId"])}
    with_all_others = bearer((await personal(cast.alice, *set(Scope) - set(needed))).secret)
    refused = await program.request(**asked, headers=with_all_others)
    assert refused.status_code == 403
    assert f'scope="{needed[0]}"' in refused.headers["www-authenticate"]
    with_it_alone = bearer((await personal(cast.alice, *needed)).secret)
    assert (await program.request(**asked, headers=with_it_alone)).status_code in (200, 201, 202, 204, 404)


@pytest.mark.usefixtures("way_out")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
@pytest.mark.parametrize(("method", "path", "operation"), GUARDED, ids=GUARDED_IDS)
async def test_each_operation_needs_a_role_that_reaches(
    program: httpx.AsyncClient, cast: Cast, method: str, path: str, operation: dict[str, Any], role: Role
):
    headers = bearer((await of_workspace(cast.alice, role, *scopes_of(role))).secret)
    answer = await program.request(method, address(path), headers=headers, json=BODIES.get(operation["operationId"]))
    reaches = set(scopes_needed(operation)) <= scopes_of(role)
    assert (answer.status_code == 403) is not reaches, answer.text


def test_every_scope_that_a_rule_names_has_an_operation():
    described = {scope for _, _, operation in GUARDED for scope in scopes_needed(operation)}
    assert {rule.scope for rule in RULES.values() if rule.scope} == described

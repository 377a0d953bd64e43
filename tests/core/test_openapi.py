"""What is read from an OpenAPI document."""

import json
from typing import Any

import pytest
from answers import answer

from app.core.exchange import Purpose
from app.core.openapi import MAX_OPERATIONS, SchemaFacts, read_schema

URL = "https://api.example/v1/openapi.json"


def schema(document: object, status: int = 200) -> SchemaFacts | None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_schema(answer(1, Purpose.SCHEMA, URL, body, "application/json", status))


def read(**fields: Any) -> SchemaFacts:
    facts = schema({"openapi": "3.1.0", "paths": {}} | fields)
    assert facts is not None
    return facts


NOT_A_SCHEMA = [
    b"", b"<html>", b"[]", b'"openapi"', b"openapi: 3.1.0\npaths: {}", b'{"openapi":"3.1.0"', b"{}", b'{"openapi":"3.1.0"}',
    b'{"openapi":3,"paths":{}}',
    b'{"openapi":"3.1.0","paths":[]}', b'{"a":' * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_A_SCHEMA, ids=[str(body[:30]) for body in NOT_A_SCHEMA])
def test_anything_else_is_no_schema(body: bytes):
    assert schema(body) is None


def test_a_schema_that_was_not_found_is_none():
    assert schema({"openapi": "3.1.0", "paths": {}}, status=404) is None


SERVERS = [
    ([], "https://api.example/items"),
    ([{"url": "/"}], "https://api.example/items"),
    ([{"url": "/v2"}], "https://api.example/v2/items"),
    ([{"url": "https://other.example/base/"}, {"url": "/v2"}], "https://other.example/base/items"),
    ([{"url": "relative"}], "https://api.example/v1/relative/items"),
    ("nonsense", "https://api.example/items"),
    ([None, {"url": 3}], "https://api.example/items"),
]


@pytest.mark.parametrize(("servers", "address"), SERVERS)
def test_operations_are_addressed_at_the_first_server(servers: object, address: str):
    facts = read(servers=servers, paths={"/items": {"get": {}}})
    assert facts.address_of(facts.operations[0]) == address


def test_swagger_2_names_host_and_base():
    document = {"swagger": "2.0", "host": "api.example", "basePath": "/v2", "schemes": ["https", "http"], "paths": {"/items": {"get": {}}}}
    facts = schema(document)
    assert facts is not None
    assert facts.servers == ("https://api.example/v2", "http://api.example/v2")
    assert facts.address_of(facts.operations[0]) == "https://api.example/v2/items"


def test_plain_gets_need_no_parameter_and_unsecured_ones_come_first():
    paths = {
        "/me": {"get": {"security": [{"bearer": []}]}},
        "/items": {"get": {"parameters": [{"in": "query", "name": "q"}]}, "post": {"requestBody": {}}},
        "/items/{id}": {"get": {}},
        "/search": {"get": {"parameters": [{"in": "query", "name": "q", "required": True}]}},
        "/shared": {"parameters": [{"$ref": "#/x"}], "get": {}},
        "/traced": {"get": {"parameters": [{"in": "header", "name": "traceparent", "required": True}]}},
    }
    facts = read(paths=paths)
    assert [operation.path for operation in facts.plain_gets()] == ["/items", "/traced", "/me"]
    assert [operation.path for operation in facts.operations if operation.has_body] == ["/items"]


GENERATORS = [
    ({"components": {"schemas": {"HTTPValidationError": {}}}}, "FastAPI"),
    ({"paths": {"/items/": {"get": {"operationId": "read_items_items__get"}}}}, "FastAPI"),
    ({"openapi": "3.0.3", "paths": {"/items/": {"get": {"operationId": "items_list"}, "post": {"operationId": "items_create"}}}},
     "drf-spectacular"),
    ({"openapi": "3.0.3", "paths": {"/items/": {"get": {"operationId": "listItems"}}}}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("document", "generator"), GENERATORS)
def test_the_generator_shows_in_its_habits(document: dict[str, object], generator: str):
    assert read(**document).generator == generator


def test_wrong_types_inside_are_passed_over_and_too_much_is_cut():
    facts = read(
        paths={"/a": None, "/b": {"get": []}, "c": {"get": {}}, "/d": {"get": {"parameters": [1], "operationId": 7}}}, info=[], security=3
    )
    assert [operation.path for operation in facts.operations] == ["/d"]
    assert len(read(paths={f"/{n}": {"get": {}} for n in range(MAX_OPERATIONS + 50)}).operations) == MAX_OPERATIONS

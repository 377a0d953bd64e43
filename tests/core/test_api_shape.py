"""What clients of an API count on, and what of it was taken away."""

import json
from typing import Any

import pytest

from app.core.api_shape import MAX_FIELDS, ApiShape, breaks, dump, load, shape_of


def openapi(paths: dict[str, Any], **more: Any) -> ApiShape:
    shape = shape_of(json.dumps({"openapi": "3.1.0", "paths": paths, **more}).encode())
    assert shape is not None
    return shape


def get(**answer: Any) -> dict[str, Any]:
    return {"get": {"responses": {"200": {"content": {"application/json": {"schema": answer}}}}}}


def fields(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {} for name in names}}


def post(*required: str, **options: Any) -> dict[str, Any]:
    return {"post": {"requestBody": {"content": {"application/json": {"schema": {"required": list(required)}}}}, **options}}


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ({"/a": get()}, {}, ["GET /a is gone"]),
        ({"/a": get()}, {"/a": post()}, ["GET /a is gone"]),
        ({"/a/{id}": get()}, {"/a/{item_id}": get()}, []),  # no client sends the name
        ({"/a": get()}, {"/a": get(), "/b": get()}, []),
        ({"/a": get(**fields("id", "name"))}, {"/a": get(**fields("id"))}, ["GET /a no longer answers name"]),
        ({"/a": get(**fields("id"))}, {"/a": get(**fields("id", "more"))}, []),
        ({"/a": get(**fields("id"))}, {"/a": get()}, []),  # documented less, not lost
        (
            {"/a": get(type="array", items=fields("id", "b"))},
            {"/a": get(type="array", items=fields("id"))},
            ["GET /a no longer answers b"],
        ),
        ({"/a": post("x")}, {"/a": post("x", "y")}, ["POST /a now needs body y"]),
        ({"/a": post("x", "y")}, {"/a": post("x")}, []),
        (
            {"/a": {"get": {}}},
            {"/a": {"get": {"parameters": [{"in": "query", "name": "q", "required": True}]}}},
            ["GET /a now needs query q"],
        ),
        ({"/a": {"get": {}}}, {"/a": {"get": {"parameters": [{"in": "query", "name": "q"}]}}}, []),
        ({"/a": {"get": {}}}, {"/a": {"get": {"security": [{"oauth": []}]}}}, ["GET /a now needs a login"]),
        ({"/a": {"get": {}}}, {"/a": {"get": {"security": [{}, {"oauth": []}]}}}, []),
    ],
)
def test_what_an_older_client_does_not_survive_is_named(was: dict[str, Any], now: dict[str, Any], words: list[str]):
    assert [one.text for one in breaks(openapi(was), openapi(now))] == words


def test_references_are_followed_within_the_document():
    components = {"components": {"schemas": {"Item": fields("id", "name"), "Loop": {"$ref": "#/components/schemas/Loop"}}}}
    was = openapi({"/a": get(**{"$ref": "#/components/schemas/Item"})}, **components)
    assert was.operations["GET /a"].gives == {"id", "name"}
    assert openapi({"/a": get(**{"$ref": "#/components/schemas/Loop"})}, **components).operations["GET /a"].gives == set()
    assert openapi({"/a": get(**{"$ref": "https://elsewhere.example/schema"})}).operations["GET /a"].gives == set()


def test_swagger_2_is_read_as_well():
    parameters = [{"in": "body", "schema": {"required": ["x"]}}, {"in": "formData", "name": "file", "required": True}]
    document = {"swagger": "2.0", "basePath": "/v1/", "paths": {"/a": {"post": {"parameters": parameters}}}}
    shape = shape_of(json.dumps(document).encode())
    assert shape is not None
    assert shape.operations["POST /v1/a"].needs == {"body x", "body file"}


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"openapi": 3}', b'{"openapi": "3.1.0"}', b'{"openapi": "3.1.0", "paths": []}', b"[" * 99_999]
)
def test_what_is_no_document_is_none(body: bytes):
    assert shape_of(body) is None


@pytest.mark.parametrize("odd", [None, 5, "x", [], {"get": 7}, {"get": {"parameters": 7, "responses": [], "security": 7}}])
def test_odd_documents_are_read_as_far_as_they_go(odd: Any):
    openapi({"/a": odd, "b": odd}, components=odd)


def test_it_is_remembered_in_full_or_by_its_operations():
    shape = openapi({"/a": get(**fields("id")), "/b": post("x", security=[{"oauth": []}])})
    assert load(json.loads(json.dumps(dump(shape)))) == shape
    bare = load(json.loads(json.dumps(dump(shape, whole=False))))
    assert bare is not None
    assert breaks(bare, openapi({"/a": get(**fields("other"))})) == breaks(openapi({"/b": {"post": {}}}), ApiShape())
    for damaged in (None, 5, "x", {"a": 7}, {"a": [1]}):
        assert load(damaged) is None


def test_of_what_was_cut_nothing_is_said():
    many = [f"field{number:03}" for number in range(MAX_FIELDS + 5)]
    was, now = openapi({"/a": get(**fields(*many))}), openapi({"/a": get(**fields("a0", *many))})
    assert breaks(was, now) == ()

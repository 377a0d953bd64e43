"""What an OpenAPI document says: which operations an API declares, at which servers, behind which security."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from app.core.exchange import Exchange
from app.core.urls import resolve

MAX_OPERATIONS = 2_000
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FASTAPI_OPERATION = re.compile(r"[a-z0-9_]+__?(?:get|post|put|patch|delete)$")


@dataclass(frozen=True, slots=True)
class Operation:
    method: str  # upper case
    path: str  # as declared: "/api/items/{item_id}"
    operation_id: str = ""
    needs_parameters: bool = False  # a path parameter, or another one that is required
    has_body: bool = False
    is_secured: bool = False


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """One OpenAPI 3 or Swagger 2 document."""

    url: str
    version: str  # "3.1.0", "2.0"
    title: str = ""
    servers: tuple[str, ...] = ()  # absolute, as a client reads them
    server_urls: tuple[str, ...] = ()  # as written
    operations: tuple[Operation, ...] = ()
    security_schemes: tuple[str, ...] = ()
    generator: str = ""  # "FastAPI", "drf-spectacular", …, when its habits show

    def plain_gets(self) -> tuple[Operation, ...]:
        """Return the GET operations that need no parameter and, as far as declared, no login first."""
        gets = [operation for operation in self.operations if operation.method == "GET" and not operation.needs_parameters]
        return tuple(sorted(gets, key=lambda operation: operation.is_secured))

    def address_of(self, operation: Operation) -> str | None:
        """Return an operation's absolute URL at the first server."""
        server = self.servers[0] if self.servers else self.url
        if self.server_urls in ((), ("/",), ("",)):
            return resolve(operation.path, self.url)
        return resolve(server.rstrip("/") + operation.path)


def read_schema(exchange: Exchange) -> SchemaFacts | None:
    """Read an OpenAPI document in JSON. Anything else (YAML, HTML, broken or huge JSON) gives None."""
    start = exchange.body[:200].lstrip()
    if exchange.status != 200 or exchange.truncated or not start.startswith(b"{"):
        return None
    return _read(exchange.body, exchange.url)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}


def _listing(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    return value[:500] if isinstance(value, str) else ""


@lru_cache(maxsize=8)
def _read(body: bytes, url: str) -> SchemaFacts | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    root = _mapping(document)
    version = _string(root.get("openapi")) or _string(root.get("swagger"))
    if not version or not isinstance(root.get("paths"), dict):
        return None
    secured = bool(root.get("security"))
    operations: list[Operation] = []
    for path, item in _mapping(root["paths"]).items():
        entries = _mapping(item)
        shared = _listing(entries.get("parameters"))
        for method in _METHODS:
            operation = entries.get(method)
            if isinstance(operation, dict) and path.startswith("/") and len(operations) < MAX_OPERATIONS:
                operations.append(_operation(method, path, _mapping(operation), shared, secured))
    written = tuple(address for server in _listing(root.get("servers"))[:10] if (address := _string(_mapping(server).get("url"))))
    if not written and root.get("swagger"):
        host, base = _string(root.get("host")), _string(root.get("basePath"))
        schemes = [_string(scheme) for scheme in _listing(root.get("schemes"))] or [url.partition(":")[0]]
        written = tuple(f"{scheme}://{host}{base}" for scheme in schemes) if host else ((base,) if base else ())
    components = _mapping(_mapping(root.get("components")).get("securitySchemes")) or _mapping(root.get("securityDefinitions"))
    return SchemaFacts(
        url=url,
        version=version,
        title=_string(_mapping(root.get("info")).get("title")),
        servers=tuple(server for server in (resolve(server, url) for server in written) if server),
        server_urls=written,
        operations=tuple(operations),
        security_schemes=tuple(components)[:20],
        generator=_generator(root, operations),
    )


def _operation(method: str, path: str, operation: Mapping[str, Any], shared: list[Any], secured: bool) -> Operation:
    parameters = [_mapping(parameter) for parameter in [*shared, *_listing(operation.get("parameters"))]]
    required = any((parameter.get("required") and parameter.get("in") != "header") or "$ref" in parameter for parameter in parameters)
    return Operation(
        method.upper(),
        path,
        _string(operation.get("operationId")),
        "{" in path or required,
        "requestBody" in operation or any(parameter.get("in") == "body" for parameter in parameters),
        bool(operation.get("security", secured)),
    )


def _generator(root: Mapping[str, Any], operations: list[Operation]) -> str:
    schemas = _mapping(_mapping(root.get("components")).get("schemas"))
    named = [operation.operation_id for operation in operations if operation.operation_id]
    # FastAPI names operations after function, path and method, and always declares its validation error.
    if "HTTPValidationError" in schemas or (named and all(_FASTAPI_OPERATION.fullmatch(name) for name in named)):
        return "FastAPI"
    if _string(root.get("openapi")).startswith("3.0.3") and named and all("_" in name for name in named):
        suffixes = ("_list", "_create", "_retrieve", "_update", "_partial_update", "_destroy")
        if all(name.endswith(suffixes) for name in named):
            return "drf-spectacular"
    return ""

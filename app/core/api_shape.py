"""What a client counts on of an API, taken from its OpenAPI document, small enough to be remembered; and what of it was taken away.

Compared are operations, what a request must bring, and what the answer's first level holds: a client that worked with the older shape
works with the newer one unless something here says otherwise.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

MAX_OPERATIONS = 1_000
MAX_FIELDS = 60  # of one operation; an object with more is remembered by its first ones in alphabetical order
MAX_NAME_CHARS = 60
MAX_REFERENCES = 20  # one after the other
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


@dataclass(frozen=True, slots=True)
class Operation:
    needs: frozenset[str] = frozenset()  # "query limit", "body name"
    gives: frozenset[str] = frozenset()  # names of the answer's first level; of an array, of its items
    takes_login: bool = False


@dataclass(frozen=True, slots=True)
class ApiShape:
    operations: Mapping[str, Operation] = field(default_factory=dict)  # by "GET /api/items/{}"
    whole: bool = True  # False: only which operations there are is known


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that an older client does not survive."""

    operation: str
    text: str  # "GET /api/items is gone"


def shape_of(body: bytes) -> ApiShape | None:
    """Read an OpenAPI 3 or Swagger 2 document in JSON; None for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    root = _mapping(document)
    paths = root.get("paths")
    if not isinstance(root.get("openapi") or root.get("swagger"), str) or not isinstance(paths, dict):
        return None
    operations: dict[str, Operation] = {}
    base = root.get("basePath")
    prefix = base.rstrip("/") if isinstance(base, str) and len(base) < 200 else ""
    for path, item in paths.items():
        for method in _METHODS:
            entry = _mapping(item).get(method)
            if isinstance(entry, dict) and isinstance(path, str) and len(path) < 500 and len(operations) < MAX_OPERATIONS:
                operations[f"{method.upper()} {_nameless(prefix + path)}"] = _operation(root, _mapping(item), entry)
    return ApiShape(operations)


def _nameless(path: str) -> str:
    """Return a path without the names of its parameters, which no client sends."""
    return "/".join("{}" if part.startswith("{") and part.endswith("}") else part for part in path.split("/"))


def _operation(root: Mapping[str, Any], item: Mapping[str, Any], entry: Mapping[str, Any]) -> Operation:
    needs: set[str] = set()
    body: Mapping[str, Any] = {}
    for parameter in (_resolved(root, value) for value in (*_listing(item.get("parameters")), *_listing(entry.get("parameters")))):
        where, name = parameter.get("in"), parameter.get("name")
        if where == "body":
            body = _mapping(parameter.get("schema"))
        elif where in ("query", "header", "cookie", "formData") and parameter.get("required") is True and isinstance(name, str):
            needs.add(f"{'body' if where == 'formData' else where} {name[:MAX_NAME_CHARS]}")
    content = _mapping(_resolved(root, entry.get("requestBody")).get("content"))
    for media in content.values():
        body = body or _mapping(_mapping(media).get("schema"))
    needs |= {f"body {name}" for name in _required(root, body)}
    security = entry.get("security", root.get("security"))
    login = isinstance(security, list) and bool(security) and {} not in security
    return Operation(frozenset(sorted(needs)[:MAX_FIELDS]), frozenset(sorted(_given(root, entry))[:MAX_FIELDS]), login)


def _given(root: Mapping[str, Any], entry: Mapping[str, Any]) -> set[str]:
    responses = _mapping(entry.get("responses"))
    good = next((responses[status] for status in sorted(responses, key=str) if str(status).startswith("2")), responses.get("default"))
    answer = _resolved(root, good)
    schemas = [_mapping(_mapping(media).get("schema")) for name, media in _mapping(answer.get("content")).items() if "json" in str(name)]
    schema = schemas[0] if schemas else _mapping(answer.get("schema"))
    return set(_properties(root, schema))


def _properties(root: Mapping[str, Any], schema: object, depth: int = 0) -> Iterator[str]:
    found = _resolved(root, schema)
    if depth > 4:
        return
    for name in _mapping(found.get("properties")):
        yield str(name)[:MAX_NAME_CHARS]
    if found.get("items"):
        yield from _properties(root, found["items"], depth + 1)
    for part in _listing(found.get("allOf"))[:10]:
        yield from _properties(root, part, depth + 1)


def _required(root: Mapping[str, Any], schema: object, depth: int = 0) -> Iterator[str]:
    found = _resolved(root, schema)
    if depth > 4:
        return
    for name in _listing(found.get("required")):
        if isinstance(name, str):
            yield name[:MAX_NAME_CHARS]
    for part in _listing(found.get("allOf"))[:10]:
        yield from _required(root, part, depth + 1)


def _resolved(root: Mapping[str, Any], value: object) -> Mapping[str, Any]:
    """Follow references within the document; those to others are not fetched."""
    found = _mapping(value)
    for _ in range(MAX_REFERENCES):
        reference = found.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return found
        place: object = root
        for part in reference[2:].split("/"):
            place = _mapping(place).get(part.replace("~1", "/").replace("~0", "~"))
        found = _mapping(place)
    return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}


def _listing(value: object) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []


def breaks(was: ApiShape, now: ApiShape) -> tuple[Break, ...]:
    """Return what clients of the older shape do not survive, those operations first that are gone."""
    gone = [Break(name, f"{name} is gone") for name in was.operations if name not in now.operations]
    rest: list[Break] = []
    for name, before in was.operations.items():
        after = now.operations.get(name)
        if after is None or not (was.whole and now.whole):
            continue
        # Of what was cut, nobody knows what is new.
        if len(before.needs) < MAX_FIELDS and (needed := sorted(after.needs - before.needs)):
            rest.append(Break(name, f"{name} now needs {_named(needed)}"))
        # An answer that declares nothing any more has not lost its fields: it is documented less.
        if after.gives and len(after.gives) < MAX_FIELDS and (lost := sorted(before.gives - after.gives)):
            rest.append(Break(name, f"{name} no longer answers {_named(lost)}"))
        if after.takes_login and not before.takes_login:
            rest.append(Break(name, f"{name} now needs a login"))
    return (*gone, *rest)


def _named(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def dump(shape: ApiShape, *, whole: bool = True) -> dict[str, list[Any]] | list[str]:
    """Return plain JSON values, short: operation → [needs, gives, whether it takes a login]; or, not whole, the operations alone."""
    if not (whole and shape.whole):
        return list(shape.operations)
    return {name: [sorted(found.needs), sorted(found.gives), int(found.takes_login)] for name, found in shape.operations.items()}


def load(values: object) -> ApiShape | None:
    """Read what `dump` wrote; None for anything else."""
    if isinstance(values, list):
        return ApiShape({str(name): Operation() for name in cast(list[Any], values)}, whole=False)
    try:
        entries = cast(Mapping[str, list[Any]], values).items()
        return ApiShape({name: Operation(frozenset(needs), frozenset(gives), bool(login)) for name, (needs, gives, login) in entries})
    except (AttributeError, TypeError, ValueError):
        return None

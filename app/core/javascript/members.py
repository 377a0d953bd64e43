"""What `a.b`, `this` and `import.meta` stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tree_sitter import Node

from app.core.javascript.documents import current_script, own_element
from app.core.javascript.scopes import Scope
from app.core.javascript.values import (
    UNDEFINED,
    ClassValue,
    Closure,
    Constant,
    Environment,
    Global,
    Instance,
    Listing,
    Record,
    Text,
    Unknown,
    Value,
    text_of,
)

if TYPE_CHECKING:
    from app.core.javascript.evaluator import Evaluator

_HOLE_NAME = re.compile(r"[A-Za-z_$][\w$]*")
GLOBAL_OBJECTS = frozenset({"window", "globalThis", "self", "top", "parent", "document"})
_ENVIRONMENT: dict[str, Value] = {
    "PROD": Constant(True),
    "DEV": Constant(False),
    "MODE": Text(("production",)),
    "NODE_ENV": Text(("production",)),
    "SSR": Constant(False),
    "BASE_URL": Text(("/",)),
}


def member_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    if node.type == "subscript_expression":
        index = evaluator.evaluate(node.child_by_field_name("index"), scope, env, depth)
        name = text_of(index).known
    else:
        member = node.child_by_field_name("property")
        name = scope.module.text(member) if member is not None else None
    target = node.child_by_field_name("object")
    value = evaluator.evaluate(target, scope, env, depth)
    if name == "currentScript" and value == Global("document"):
        return current_script(evaluator, scope.module)
    return member_of(evaluator, value, name, depth) if name is not None else Unknown()


def member_of(evaluator: Evaluator, value: Value, name: str, depth: int = 0) -> Value:
    """Return `value.name`."""
    match value:
        case Global(path="window"):
            return evaluator.global_value(name, depth) if name not in GLOBAL_OBJECTS else Global(name if name == "document" else "window")
        case Global(path="document") if name in ("location", "baseURI", "URL", "documentURI"):
            return Global("location") if name == "location" else Text((evaluator.page.base if name == "baseURI" else evaluator.page.url,))
        case Global(path="document") if name in ("body", "documentElement"):
            found = own_element(evaluator, name)
            return found if isinstance(found, Instance) else Global(f"document.{name}")
        case Global(path="location") if evaluator.location is not None:
            return _location(evaluator, name)
        case Global(path="import.meta.env" | "process.env"):
            return _ENVIRONMENT.get(name, Unknown(name))
        case Global(path=path):
            return Global(f"{path}.{name}") if len(path) < 80 else Unknown(name)
        case Record(fields=fields, is_open=is_open):
            found = fields.get(name)
            return found if found is not None else Unknown(name) if is_open else UNDEFINED
        case Instance(of=ClassValue() as of):
            return _class_member(evaluator, of, name, depth)
        case Instance(record=record) if name in record.fields:
            return record.fields[name]
        case Listing(items=items) if name.isdigit():
            return items[int(name)] if int(name) < len(items) else UNDEFINED
        case ClassValue():
            return _class_member(evaluator, value, name, depth)
        case Constant():
            return UNDEFINED if name != "toString" else Unknown(name)
        case _:
            return Unknown(name if _HOLE_NAME.fullmatch(name) else "value")


def _location(evaluator: Evaluator, name: str) -> Value:
    location = evaluator.location
    assert location is not None
    match name:
        case "origin":
            return Text((f"{location.protocol}//{location.host}",))
        case "href" | "toString":
            return Text((location.href,))
        case "protocol" | "host" | "hostname" | "port" | "pathname" | "search" | "hash":
            return Text((str(getattr(location, name)),))
        case _:
            return Unknown(name)


def _class_member(evaluator: Evaluator, of: ClassValue, name: str, depth: int) -> Value:
    known = of.scope.module.this_members(of.node).get(name)
    if known is not None:
        return evaluator.evaluate(known[0], known[1], evaluator.bound, depth)
    body = of.node.child_by_field_name("body")
    for child in body.named_children[:200] if body is not None else ():
        label = child.child_by_field_name("name")
        if child.type == "method_definition" and label is not None and of.scope.module.text(label) == name:
            return Closure(child, of.scope)
    return Unknown(name)


def meta_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    key = evaluator.page.key_of(scope.module)
    return Record({"url": Text((key if key.startswith("http") else evaluator.page.url,)), "env": Global("import.meta.env")})


def this_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    for function in scope.functions():
        if function.type == "arrow_function":
            continue
        around = function.parent
        if around is not None and around.type == "pair":
            around = around.parent
        if around is not None and around.type == "class_body" and around.parent is not None:
            return ClassValue(around.parent, scope.module.scopes[function.id].parent or scope)
        if around is not None and around.type == "object":
            return evaluator.object_value(around, scope.module.scopes[function.id].parent or scope, env, depth)
        break
    return Unknown("this")

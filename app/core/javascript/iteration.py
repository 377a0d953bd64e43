"""What the variable of a loop stands for: `for (const x of …)`, `list.map(x => …)`, and the lists that objects give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node

from app.core.javascript.scopes import Binding, Scope
from app.core.javascript.values import Argument, Environment, Listing, Record, Text, Unknown, Value

if TYPE_CHECKING:
    from app.core.javascript.evaluator import Evaluator
    from app.core.javascript.modules import Module

MAX_ROUNDS = 6  # of one loop
_EACH = frozenset({b"map", b"forEach", b"flatMap", b"filter", b"some", b"every", b"find", b"from", b"each"})


def is_loop(function: Node) -> bool:
    """Whether what stands for the function of a parameter is a loop, or a function handed to one."""
    return function.type == "for_in_statement" or _each_call(function) is not None


def _each_call(function: Node) -> Node | None:
    """Return the called member `list.map` when the function is the first argument."""
    arguments = function.parent
    call = arguments.parent if arguments is not None and arguments.type == "arguments" else None
    if arguments is None or call is None or not arguments.named_children or arguments.named_children[0].id != function.id:
        return None
    callee = call.child_by_field_name("function")
    member = callee.child_by_field_name("property") if callee is not None else None
    return callee if member is not None and member.text in _EACH else None


def rounds(evaluator: Evaluator, function: Node, module: Module, env: Environment, depth: int = 0) -> tuple[Value, ...]:
    """Return the first few values that a loop goes through; none when they are not known."""
    callee = function if function.type == "for_in_statement" else _each_call(function)
    node = callee.child_by_field_name("right" if callee.type == "for_in_statement" else "object") if callee is not None else None
    if callee is None or node is None:
        return ()
    value = evaluator.evaluate(node, module.scope_around(callee), env, depth)
    operator = callee.child_by_field_name("operator")
    if operator is not None and operator.text == b"in":
        value = listed("keys", value)
    return value.items[:MAX_ROUNDS] if isinstance(value, Listing) else ()


def bind_round(value: Value, place: int, parameters: Scope, function: Node, env: Environment) -> dict[Binding, Argument]:
    """Return what the parameters of a loop stand for in one of its rounds."""
    handed: tuple[Value, ...] = (value, Text((str(place),)))
    return {
        binding: Argument((), parameters, env, value=handed[binding.index] if binding.index < len(handed) else Unknown(binding.name))
        for binding in parameters.bindings.values()
        if binding.kind == "parameter" and binding.function is not None and binding.function.id == function.id
    }


def listed(how: str, value: Value) -> Value:
    """Return `Object.keys(value)`, `Object.values(value)` or `Object.entries(value)`."""
    if isinstance(value, Listing):
        value = Record({str(place): item for place, item in enumerate(value.items)})
    if not isinstance(value, Record) or value.is_open:
        return Unknown(how)
    pairs = list(value.fields.items())[:MAX_ROUNDS]
    match how:
        case "keys":
            return Listing(tuple(Text((name,)) for name, _ in pairs))
        case "values":
            return Listing(tuple(item for _, item in pairs))
        case _:
            return Listing(tuple(Listing((Text((name,)), item)) for name, item in pairs))

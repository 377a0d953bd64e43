"""What operators give: +, ||, ??, &&, comparisons, !, typeof and the conditional."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node

from app.core.javascript.scopes import Scope
from app.core.javascript.values import (
    UNDEFINED,
    ClassValue,
    Closure,
    Constant,
    Environment,
    Global,
    Instance,
    Record,
    Text,
    Unknown,
    Value,
    joined,
    text_of,
    truth_of,
)

if TYPE_CHECKING:
    from app.core.javascript.evaluator import Evaluator


def inner_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    return evaluator.evaluate(node.named_children[-1] if node.named_children else None, scope, env, depth)


def assignment_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    return evaluator.evaluate(node.child_by_field_name("right"), scope, env, depth)


def unary_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    operator, argument = node.child_by_field_name("operator"), node.child_by_field_name("argument")
    match scope.module.text(operator) if operator is not None else "":
        case "!":
            truth = truth_of(evaluator.evaluate(argument, scope, env, depth))
            return Unknown() if truth is None else Constant(not truth)
        case "void":
            return UNDEFINED
        case "typeof":
            value = evaluator.evaluate(argument, scope, env, depth)
            match value:
                case Text():
                    return Text(("string",))
                case Closure() | ClassValue():
                    return Text(("function",))
                case Global(path="window" | "document" | "location" | "navigator") | Record() | Instance():
                    return Text(("object",))
                case Global(path="process" | "global" | "require" | "module"):
                    return Text(("undefined",))
                case _:
                    return Unknown()
        case "-":
            value = evaluator.evaluate(argument, scope, env, depth)
            return Constant(-value.value) if isinstance(value, Constant) and isinstance(value.value, float) else Unknown()
        case _:
            return Unknown()


def binary_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    operator = node.child_by_field_name("operator")
    symbol = scope.module.text(operator) if operator is not None else ""
    if symbol not in ("+", "||", "??", "&&", "===", "==", "!==", "!="):
        return Unknown()
    left = evaluator.evaluate(node.child_by_field_name("left"), scope, env, depth)
    right_node = node.child_by_field_name("right")
    truth = truth_of(left)
    if symbol in ("||", "&&") and truth is not None:
        return left if truth == (symbol == "||") else evaluator.evaluate(right_node, scope, env, depth)
    if symbol == "??" and not isinstance(left, Unknown | Global):
        return evaluator.evaluate(right_node, scope, env, depth) if left in (UNDEFINED, Constant(None)) else left
    right = evaluator.evaluate(right_node, scope, env, depth)
    if symbol in ("||", "??"):
        # The left side is not known, so the default is the best that the source says.
        return left if isinstance(right, Unknown) or right in (UNDEFINED, Constant(None)) else right
    if symbol == "&&":
        return right
    if symbol == "+":
        if isinstance(left, Constant) and isinstance(right, Constant):
            return Unknown("number")
        return joined(text_of(left), text_of(right))
    return _compared(left, right, symbol.startswith("!"))


def _compared(left: Value, right: Value, negated: bool) -> Value:
    if isinstance(left, Text) and isinstance(right, Text) and left.known is not None and right.known is not None:
        return Constant((left.known == right.known) != negated)
    if isinstance(left, Constant) and isinstance(right, Constant):
        return Constant((left.value == right.value) != negated)
    if {type(left), type(right)} <= {Text, Constant} and type(left) is not type(right):
        return Constant(negated)
    return Unknown()


def ternary_value(evaluator: Evaluator, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
    condition = node.child_by_field_name("condition")
    truth = truth_of(evaluator.evaluate(condition, scope, env, depth))
    if truth is None:
        key = scope.module.text(condition)[:200] if condition is not None else ""
        evaluator.circumstances += 1
        evaluator.assumed[key] = None
        truth = evaluator.assumptions.get(key, True)
    return evaluator.evaluate(node.child_by_field_name("consequence" if truth else "alternative"), scope, env, depth)

"""What a call in an expression gives back: the browser's own functions that build URLs and requests, and the script's small functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node

from app.core.javascript.documents import LOOK_UPS, LOOKS_UP, attribute_of, looked_up, parsed_json
from app.core.javascript.iteration import MAX_ROUNDS, bind_round, listed
from app.core.javascript.members import member_of
from app.core.javascript.modules import CallSite
from app.core.javascript.scopes import Binding, Scope
from app.core.javascript.strings import replace_text
from app.core.javascript.values import (
    UNDEFINED,
    Argument,
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
    joined,
    merged,
    text_of,
)  # fmt: skip
from app.core.urls import parse, resolve

if TYPE_CHECKING:
    from app.core.javascript.evaluator import Evaluator

MAX_RETURNS = 4
MAX_INLINED = 5
_CREATED_BY_OPTIONS = frozenset({"baseURL", "withCredentials", "prefixUrl"})


def call_value(evaluator: Evaluator, site: CallSite, env: Environment, depth: int) -> Value:
    """Return what a call or `new` expression gives."""
    arguments = site.arguments()
    scope = site.scope
    if site.callee.type in ("member_expression", "subscript_expression"):
        member = site.callee.child_by_field_name("property") or site.callee.child_by_field_name("index")
        name = scope.module.text(member).strip("\"'`") if member is not None else ""
        target = evaluator.evaluate(site.callee.child_by_field_name("object"), scope, env, depth)
        return _method(evaluator, site, target, name, arguments, env, depth)
    if site.callee.type == "import" and arguments:
        source = text_of(evaluator.evaluate(arguments[0], scope, env, depth)).known
        module = evaluator.page.linked(source, scope.module) if source is not None else None
        return evaluator.namespace(module, depth) if module is not None else Unknown()
    if site.callee.type == "identifier":
        callee = evaluator.evaluate(site.callee, scope, env, depth)
        if isinstance(callee, Closure):
            return returned(evaluator, callee, arguments, scope, env, depth)
        if isinstance(callee, ClassValue):
            return Instance("class", of=callee)
        if isinstance(callee, Global):
            return _known(evaluator, callee.path.rpartition(".")[2], site, arguments, env, depth)
    return Unknown()


def _argument(evaluator: Evaluator, arguments: list[Node], index: int, scope: Scope, env: Environment, depth: int) -> Value:
    return evaluator.evaluate(arguments[index], scope, env, depth) if index < len(arguments) else UNDEFINED


def _known(evaluator: Evaluator, name: str, site: CallSite, arguments: list[Node], env: Environment, depth: int) -> Value:
    first = _argument(evaluator, arguments, 0, site.scope, env, depth)
    match name:
        case "String" | "encodeURIComponent" | "encodeURI" | "decodeURIComponent" | "Number" | "parseInt":
            return text_of(first)
        case "URL":
            return _url(evaluator, first, _argument(evaluator, arguments, 1, site.scope, env, depth), len(arguments) > 1)
        case "Headers":
            return _headers(first)
        case "FormData" | "URLSearchParams" | "Blob" | "File" | "XMLHttpRequest" | "ArrayBuffer" | "Uint8Array":
            return Instance(name, first if isinstance(first, Record) else Record({}))
        case "Request":
            options = _argument(evaluator, arguments, 1, site.scope, env, depth)
            fields: dict[str, Value] = {"href": text_of(first)}
            fields, is_open = merged(fields, options, is_open=False)
            return Instance("Request", Record(fields, is_open))
        case "$" | "jQuery" if isinstance(first, Text):
            return looked_up(evaluator, "querySelector", first)
        case "Boolean":
            return Unknown()
        case _:
            return Unknown()


def _url(evaluator: Evaluator, relative: Value, base: Value, has_base: bool) -> Value:
    written = text_of(relative)
    if has_base:
        base_text, path = text_of(base).known, written.parts[0]
        if base_text is None or not isinstance(path, str):
            return Unknown("url")
        start = resolve(path, base_text if parse(base_text) else evaluator.page.base)
        if start is None:
            return Unknown("url")
        written = joined(Text((start,)), Text(tuple(written.parts[1:]) or ("",)))
    known = written.known
    fields: dict[str, Value] = {"href": written, "searchParams": Instance("URLSearchParams")}
    parsed = parse(known) if known is not None else None
    if parsed is not None:
        fields |= {name: Text((str(getattr(parsed, name)),)) for name in ("protocol", "host", "hostname", "port", "pathname", "search")}
        fields["origin"] = Text((f"{parsed.protocol}//{parsed.host}",))
    return Instance("URL", Record(fields))


def _headers(value: Value) -> Value:
    if isinstance(value, Instance):
        return Instance("Headers", value.record)
    if isinstance(value, Listing):
        pairs = [item.items for item in value.items if isinstance(item, Listing) and len(item.items) == 2]
        return Instance("Headers", Record({text_of(name).known or "": text for name, text in pairs if text_of(name).known}))
    return Instance("Headers", value if isinstance(value, Record) else Record({}, is_open=isinstance(value, Unknown)))


def _method(evaluator: Evaluator, site: CallSite, target: Value, name: str, arguments: list[Node], env: Environment, depth: int) -> Value:
    scope = site.scope
    is_element = isinstance(target, Instance) and target.kind == "element"
    if name == "getAttribute" and is_element:
        return attribute_of(target, _argument(evaluator, arguments, 0, scope, env, depth))
    if is_element and name in ("data", "attr"):  # of jQuery
        first = _argument(evaluator, arguments, 0, scope, env, depth)
        return attribute_of(target, joined(Text(("data-",)), text_of(first)) if name == "data" else first)
    if name in LOOK_UPS and (is_element or (isinstance(target, Global) and target.path in LOOKS_UP)):
        return looked_up(evaluator, name, _argument(evaluator, arguments, 0, scope, env, depth))
    if name == "bind" and len(arguments) < 2 and isinstance(target, Global | Closure):
        return target  # fetch.bind(window): only `this` is bound
    if isinstance(target, Global):
        if target.path == "window" or (site.is_new and target.path in ("window", "globalThis")):
            return _known(evaluator, name, site, arguments, env, depth)
        if target.path in ("Object", "JSON", "Promise"):
            return _static(evaluator, target.path, name, arguments, scope, env, depth)
    if name in ("create", "extend") and not isinstance(target, ClassValue):
        options = _argument(evaluator, arguments, 0, scope, env, depth)
        known = isinstance(target, Global) and target.path.rpartition(".")[2] in ("axios", "ky", "ofetch", "$fetch")
        if known or (isinstance(options, Record) and _CREATED_BY_OPTIONS & set(options.fields)):
            inherited = target.record.fields if isinstance(target, Instance) else {}
            fields, is_open = merged(dict(inherited), options, is_open=False)
            return Instance("axios", Record(fields, is_open))
    if isinstance(target, Text | Constant | Unknown) or (isinstance(target, Instance) and name == "toString"):
        return _text_method(evaluator, text_of(target), target, name, arguments, scope, env, depth)
    if isinstance(target, Listing):
        return _listing_method(evaluator, target, name, arguments, scope, env, depth)
    member = member_of(evaluator, target, name, depth)
    if isinstance(member, Closure):
        return returned(evaluator, member, arguments, scope, env, depth)
    if isinstance(member, ClassValue):
        return Instance("class", of=member)
    return Unknown(name)


def _static(evaluator: Evaluator, of: str, name: str, arguments: list[Node], scope: Scope, env: Environment, depth: int) -> Value:
    values = [evaluator.evaluate(argument, scope, env, depth) for argument in arguments[:6]]
    match name:
        case "stringify":
            return Instance("json")
        case "assign":
            fields: dict[str, Value] = {}
            is_open = False
            for value in values:
                fields, is_open = merged(fields, value, is_open)
            return Record(fields, is_open)
        case "parse" if of == "JSON" and values:
            return parsed_json(values[0])
        case "keys" | "values" | "entries" if of == "Object" and values:
            return listed(name, values[0])
        case "freeze" | "seal" | "resolve" | "create":
            return values[0] if values else Unknown()
        case _:
            return Unknown()


def _text_method(
    evaluator: Evaluator, text: Text, target: Value, name: str, arguments: list[Node], scope: Scope, env: Environment, depth: int
) -> Value:
    known = text.known
    if isinstance(target, Unknown):
        # x.toString() keeps the hole's name; anything else of something unknown is a new unknown.
        return text if name in ("toString", "trim", "toLowerCase", "toUpperCase", "replace", "slice") else Unknown(name)
    values = [evaluator.evaluate(argument, scope, env, depth) for argument in arguments[:6]]
    match name:
        case "toString" | "trim" | "valueOf":
            return Text((known.strip(),)) if known is not None and name == "trim" else text
        case "concat":
            return joined(text, *(text_of(value) for value in values))
        case "toUpperCase" | "toLowerCase" if known is not None:
            return Text((known.upper() if name == "toUpperCase" else known.lower(),))
        case "startsWith" | "endsWith" | "includes" if known is not None and values and (part := text_of(values[0]).known) is not None:
            return Constant({"startsWith": known.startswith, "endsWith": known.endswith, "includes": known.__contains__}[name](part))
        case "replace" | "replaceAll" if known is not None and len(values) > 1 and (by := text_of(values[1]).known) is not None:
            pattern = scope.module.text(arguments[0])
            if arguments[0].type not in ("regex", "string", "template_string"):
                return text
            replaced = replace_text(known, pattern, by)
            return Text((replaced,)) if replaced is not None else text
        case "replace" | "replaceAll":
            return text
        case _:
            return Unknown(name)


def _listing_method(
    evaluator: Evaluator, target: Listing, name: str, arguments: list[Node], scope: Scope, env: Environment, depth: int
) -> Value:
    first = _argument(evaluator, arguments, 0, scope, env, depth)
    match name:
        case "join":
            separator = text_of(first) if arguments else Text((",",))
            texts: list[Text] = []
            for item in target.items:
                texts += [text_of(item), separator]
            return joined(*texts[:-1]) if texts else Text(("",))
        case "includes":
            wanted = text_of(first).known
            items = [text_of(item).known for item in target.items]
            return Constant(wanted in items) if wanted is not None and None not in items else Unknown()
        case "filter" | "flat" | "concat":
            return target
        case "map" if isinstance(first, Closure) and len(target.items) <= MAX_ROUNDS:
            return Listing(tuple(_mapped(evaluator, first, item, place, env, depth) for place, item in enumerate(target.items)))
        case _:
            return Unknown()


def _mapped(evaluator: Evaluator, closure: Closure, item: Value, place: int, env: Environment, depth: int) -> Value:
    inner = closure.scope.module.scopes.get(closure.node.id)
    around = {**env, **bind_round(item, place, inner, closure.node, env)} if inner is not None else env
    return returned(evaluator, closure, None, closure.scope, around, depth)


def bind(closure: Closure, arguments: list[Node], scope: Scope, env: Environment) -> dict[Binding, Argument]:
    """Return what the parameters of a function stand for in a call with these arguments."""
    inner = closure.scope.module.scopes.get(closure.node.id)
    bound: dict[Binding, Argument] = {}
    if inner is None:
        return bound
    spread = next((place for place, argument in enumerate(arguments) if argument.type == "spread_element"), len(arguments))
    for binding in inner.bindings.values():
        if binding.kind != "parameter" or binding.function is None or binding.function.id != closure.node.id:
            continue
        if binding.index > spread or (binding.index == spread and spread < len(arguments)):
            continue  # f(...arguments): not known
        if binding.path[:1] == ("...",):
            bound[binding] = Argument(tuple(arguments[binding.index :]), scope, env, is_rest=True)
        else:
            nodes = (arguments[binding.index],) if binding.index < len(arguments) else ()
            bound[binding] = Argument(nodes, scope, env)
    return bound


def returned(evaluator: Evaluator, closure: Closure, arguments: list[Node] | None, scope: Scope, env: Environment, depth: int) -> Value:
    """Return what a function of the script returns for these arguments (None: bound already): its first return that can be told."""
    inner = closure.scope.module.scopes.get(closure.node.id)
    body = closure.node.child_by_field_name("body")
    if inner is None or body is None:
        return Unknown()
    if evaluator.inlined >= MAX_INLINED:
        evaluator.circumstances += 1
        return Unknown()
    evaluator.inlined += 1
    try:
        return _first_return(evaluator, closure, body, inner, arguments, scope, env, depth)
    finally:
        evaluator.inlined -= 1


def _first_return(
    evaluator: Evaluator,
    closure: Closure,
    body: Node,
    inner: Scope,
    arguments: list[Node] | None,
    scope: Scope,
    env: Environment,
    depth: int,
) -> Value:
    bound = {**env, **bind(closure, arguments, scope, env)} if arguments is not None else env
    if body.type != "statement_block":
        return evaluator.evaluate(body, inner, bound, depth)
    value: Value = Unknown()
    for node, around in _returns(body, inner, closure):
        value = evaluator.evaluate(node, around, bound, depth)
        if not isinstance(value, Unknown) and value not in (UNDEFINED, Constant(None)):
            return value
    return value


def _returns(body: Node, inner: Scope, closure: Closure) -> list[tuple[Node, Scope]]:
    """Find the return statements of a function, not those of functions in it, the last first: early returns are the odd cases."""
    found: list[tuple[Node, Scope]] = []
    scopes = closure.scope.module.scopes
    pending: list[tuple[Node, Scope]] = [(body, scopes.get(body.id, inner))]
    looked = 0
    while pending and looked < 200 and len(found) < MAX_RETURNS:
        node, scope = pending.pop()
        looked += 1
        if node.type == "return_statement":
            if node.named_children:
                found.append((node.named_children[0], scope))
        elif node.type in ("statement_block", "if_statement", "else_clause", "try_statement"):
            pending += [(child, scopes.get(child.id, scope)) for child in node.named_children[:50]]
    return found

"""What an expression of a script stands for, as far as that can be told without running it.

Unknown things stay unknown: a string keeps them as holes ("/api/items/{id}"), everything else becomes `Unknown`. A condition that cannot
be decided is assumed to be true, and noted, so that the caller can ask again with the other assumption.
"""

import re
from collections.abc import Mapping

from tree_sitter import Node

from app.core.javascript.functions import call_value
from app.core.javascript.reader import Binding, CallSite, Module, Path, Scope
from app.core.javascript.strings import unescape
from app.core.javascript.values import (
    MAX_PARTS,
    NOTHING_BOUND,
    UNDEFINED,
    ClassValue,
    Closure,
    Constant,
    Environment,
    Global,
    Instance,
    Listing,
    Page,
    Record,
    Text,
    Unknown,
    Value,
    joined,
    merged,
    text_of,
    truth_of,
)  # fmt: skip
from app.core.urls import parse

MAX_DEPTH = 48
MAX_STEPS = 2_000  # of one question; a hostile script cannot make it longer
MAX_ALL_STEPS = 400_000  # of one page
_GLOBAL_OBJECTS = frozenset({"window", "globalThis", "self", "top", "parent", "document"})
_HOLE_NAME = re.compile(r"[A-Za-z_$][\w$]*")


class Evaluator:
    """Answers what nodes stand for. `touched` are the unbound parameters an answer depends on, `assumed` the undecided conditions."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.location = parse(page.url)
        self.touched: dict[Binding, None] = {}
        self.assumptions: Mapping[str, bool] = {}
        self.assumed: dict[str, None] = {}
        self.steps = 0
        self.all_steps = 0
        self.bound: Environment = NOTHING_BOUND
        self._globals: dict[str, Value] = {}
        self._resolving: set[tuple[int, int]] = set()
        # What names stand for, when that hangs on nothing but the source: no parameter, no assumption, no limit was met on the way.
        self._settled: dict[Binding, Value] = {}
        self.circumstances = 0
        self.inlined = 0  # functions of the script being looked through at the moment

    def begin(self, assumptions: Mapping[str, bool], bound: Environment = NOTHING_BOUND) -> None:
        """Start a new question. `bound` is what parameters stand for where a class is asked for what its constructor kept."""
        self.bound = bound
        self.all_steps += self.steps
        self.touched, self.assumed, self.assumptions, self.steps = {}, {}, assumptions, 0

    @property
    def is_exhausted(self) -> bool:
        """Whether this page has cost all that a page may cost."""
        return self.all_steps > MAX_ALL_STEPS

    def evaluate(self, node: Node | None, scope: Scope, env: Environment, depth: int = 0) -> Value:
        """Return what an expression stands for."""
        self.steps += 1
        if node is None:
            return UNDEFINED
        if depth > MAX_DEPTH or self.steps > MAX_STEPS:
            self.circumstances += 1
            return Unknown()
        method = _EVALUATORS.get(node.type)
        return method(self, node, scope, env, depth + 1) if method else Unknown()

    # Literals

    def _string(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        return Text((unescape(scope.module.text(node)[1:-1]),))

    def _template(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        texts: list[Text] = []
        for child in node.named_children[:MAX_PARTS]:
            if child.type == "template_substitution":
                inner = child.named_children[0] if child.named_children else None
                texts.append(text_of(self.evaluate(inner, scope, env, depth)))
            else:
                texts.append(Text((unescape(scope.module.text(child)),)))
        return joined(*texts) if texts else Text(("",))

    def _number(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        try:
            return Constant(float(scope.module.text(node).replace("_", "")[:40]))
        except ValueError:
            return Unknown("number")

    def _object(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        fields: dict[str, Value] = {}
        is_open = False
        for child in node.named_children[:200]:
            match child.type:
                case "pair":
                    key = self._key(child.child_by_field_name("key"), scope, env, depth)
                    if key is not None:
                        fields[key] = self.evaluate(child.child_by_field_name("value"), scope, env, depth)
                case "shorthand_property_identifier":
                    fields[scope.module.text(child)] = self._name(scope.module.text(child), scope, env, depth)
                case "method_definition":
                    key = self._key(child.child_by_field_name("name"), scope, env, depth)
                    if key is not None:
                        fields[key] = Closure(child, scope)
                case "spread_element":
                    spread = self.evaluate(child.named_children[0] if child.named_children else None, scope, env, depth)
                    fields, is_open = merged(fields, spread, is_open)
                case _:
                    pass
        return Record(fields, is_open)

    def _key(self, node: Node | None, scope: Scope, env: Environment, depth: int) -> str | None:
        if node is None:
            return None
        if node.type == "computed_property_name":
            inner = node.named_children[0] if node.named_children else None
            return text_of(self.evaluate(inner, scope, env, depth)).known
        text = scope.module.text(node)
        return unescape(text[1:-1]) if node.type == "string" else text

    def _array(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        return Listing(tuple(self.evaluate(child, scope, env, depth) for child in node.named_children[:50]))

    def _closure(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        return Closure(node, scope)

    def _class(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        return ClassValue(node, scope)

    # Names

    def _identifier(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        return self._name(scope.module.text(node), scope, env, depth)

    def _name(self, name: str, scope: Scope, env: Environment, depth: int) -> Value:
        binding = scope.find(name)
        if binding is not None:
            return self.value_of(binding, env, depth)
        if name in ("undefined", "NaN"):
            return UNDEFINED
        return self.global_value(name, depth)

    def value_of(self, binding: Binding, env: Environment, depth: int = 0) -> Value:
        """Return what a name stands for: its first value with the members that are assigned to it later."""
        known = self._settled.get(binding)
        if known is not None:
            return known
        key = (id(binding), id(env))
        if key in self._resolving or depth > MAX_DEPTH or self.steps > MAX_STEPS:
            self.circumstances += 1
            return Unknown(binding.name)
        self._resolving.add(key)
        before = self.circumstances
        try:
            value = self._bound(binding, env, depth)
            value = self._with_members(value, binding.members, env, depth) if binding.members else value
        finally:
            self._resolving.discard(key)
        if self.circumstances == before:
            self._settled[binding] = value
        return value

    def _bound(self, binding: Binding, env: Environment, depth: int) -> Value:
        match binding.kind:
            case "function":
                return Closure(binding.node, binding.scope) if binding.node is not None else Unknown(binding.name)
            case "class":
                return ClassValue(binding.node, binding.scope) if binding.node is not None else Unknown(binding.name)
            case "import":
                return self._imported(binding, depth)
            case "parameter":
                return self._parameter(binding, env, depth)
            case _:
                if binding.node is not None:
                    value = self._taken(self.evaluate(binding.node, binding.scope, env, depth), binding, env, depth)
                    if binding.path or not (isinstance(value, Unknown) or value in (UNDEFINED, Constant(None), Text(("",)))):
                        return value
                for node, scope in binding.assigned[:4]:
                    value = self.evaluate(node, scope, env, depth)
                    if not isinstance(value, Unknown) and value not in (UNDEFINED, Constant(None)):
                        return value
                return Unknown(binding.name) if binding.node is None or binding.assigned else self._named(
                    self.evaluate(binding.node, binding.scope, env, depth), binding.name)  # fmt: skip

    def _named(self, value: Value, name: str) -> Value:
        return Unknown(name) if isinstance(value, Unknown) else value

    def _parameter(self, binding: Binding, env: Environment, depth: int) -> Value:
        self.circumstances += 1
        argument = env.get(binding)
        if argument is None:
            self.touched[binding] = None
            # Unbound, the default is the best guess: request(path, method = "GET").
            if binding.default is not None:
                value = self.evaluate(binding.default, binding.scope, env, depth)
                if not isinstance(value, Unknown):
                    return value
            return Unknown(binding.name)
        # What was bound later, for a function further out, counts as well: get = p => api(p), called as get("/a").
        around = {**env, **argument.environment} if argument.environment else env
        if argument.is_rest:
            return Listing(tuple(self.evaluate(node, argument.scope, around, depth) for node in argument.nodes[:20]))
        value = self.evaluate(argument.nodes[0], argument.scope, around, depth) if argument.nodes else UNDEFINED
        value = self._taken(value, binding, env, depth)
        return self._named(value, binding.name)

    def _taken(self, value: Value, binding: Binding, env: Environment, depth: int) -> Value:
        """Follow a destructuring path into a value."""
        for place, step in enumerate(binding.path):
            if step == "...":
                if isinstance(value, Listing):
                    return value
                return Record(value.fields, is_open=True) if isinstance(value, Record) else Record({}, is_open=True)
            value = self.member(value, str(step), depth) if value != UNDEFINED else UNDEFINED
            if value == UNDEFINED and place < len(binding.path) - 1:
                break
        if value == UNDEFINED and binding.default is not None:
            return self.evaluate(binding.default, binding.scope, env, depth)
        return value

    def _with_members(self, value: Value, members: list[tuple[Path, Node, Scope]], env: Environment, depth: int) -> Value:
        """Return an object with `name.a.b = …` applied, as far as two levels."""
        record = value.record if isinstance(value, Instance) else value
        if not isinstance(record, Record):
            return value
        fields = dict(record.fields)
        for path, node, scope in members[:40]:
            assigned = self.evaluate(node, scope, env, depth)
            head, *rest = (str(step) for step in path)
            if not rest:
                fields[head] = assigned
                continue
            inner = fields.get(head)
            inner_fields = dict(inner.fields) if isinstance(inner, Record) else {}
            inner_fields[rest[-1]] = assigned  # defaults.headers.common["X"] counts as headers["X"]
            fields[head] = Record(inner_fields)
        changed = Record(fields, record.is_open)
        return Instance(value.kind, changed, value.of) if isinstance(value, Instance) else changed

    def _imported(self, binding: Binding, depth: int) -> Value:
        module = self.page.linked(binding.source, binding.scope.module)
        if module is None:
            bare = binding.source.rpartition("/")[2] if binding.source.startswith(("http", ".", "/")) else binding.source
            return Global(bare.removesuffix(".js") if binding.imported in ("default", "*") else f"{bare}.{binding.imported}")
        if binding.imported == "*":
            return Record({name: self.exported(module, name, depth + 1) for name in list(module.exports)[:60]})
        return self.exported(module, binding.imported, depth + 1)

    def exported(self, module: Module, name: str, depth: int = 0) -> Value:
        """Return what a module exports under a name."""
        if depth > MAX_DEPTH:
            return Unknown(name)
        how, what = module.exports.get(name, ("", ""))
        if how == "value" and isinstance(what, Node):
            if what.type in ("function_declaration", "generator_function_declaration"):
                return Closure(what, module.scope)
            return self.evaluate(what, module.scope, NOTHING_BOUND, depth)
        if how == "local" and isinstance(what, str):
            binding = module.scope.find(what)
            return self.value_of(binding, NOTHING_BOUND, depth) if binding else Unknown(name)
        if how.startswith("from:") and isinstance(what, str):
            other = self.page.linked(how.removeprefix("from:"), module)
            return self.exported(other, what, depth + 1) if other else Unknown(name)
        for source in module.star_exports[:10]:
            other = self.page.linked(source, module)
            if other is not None and name in other.exports:
                return self.exported(other, name, depth + 1)
        return Unknown(name)

    def global_value(self, name: str, depth: int) -> Value:
        """Return a name of the global scope: declared by a classic script, assigned to window, or the browser's own."""
        if name in _GLOBAL_OBJECTS:
            return Global("window" if name != "document" else name)
        if name not in self._globals:
            self._globals[name] = Global(name)  # stands while it is being worked out
            self._globals[name] = self._shared(name, depth)
        return self._globals[name]

    def _shared(self, name: str, depth: int) -> Value:
        value: Value = Global(name)
        members: list[tuple[Path, Node, Scope]] = []
        for key in self.page.classic:
            binding = self.page.modules[key].scope.bindings.get(name)
            if binding is not None and binding.kind != "import" and isinstance(value, Global):
                value = self.value_of(binding, NOTHING_BOUND, depth)
        for module in self.page.modules.values():
            for root in ("window", "globalThis", "self"):
                for path, node, scope in module.global_members.get(root, ()):
                    if path == (name,) and isinstance(value, Global):
                        value = self.evaluate(node, scope, NOTHING_BOUND, depth)
                    elif path[0] == name and len(path) > 1:
                        members.append((path[1:], node, scope))
            members += module.global_members.get(name, ())
        if isinstance(value, Global) and members and name in ("axios", "$http"):
            value = Instance("axios")
        elif isinstance(value, Global) and members and name not in ("location", "navigator", "document"):
            value = Record({}, is_open=True)
        return self._with_members(value, members, NOTHING_BOUND, depth) if members else value

    # Operators

    def _inner(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        return self.evaluate(node.named_children[-1] if node.named_children else None, scope, env, depth)

    def _assignment(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        return self.evaluate(node.child_by_field_name("right"), scope, env, depth)

    def _unary(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        operator, argument = node.child_by_field_name("operator"), node.child_by_field_name("argument")
        match scope.module.text(operator) if operator is not None else "":
            case "!":
                truth = truth_of(self.evaluate(argument, scope, env, depth))
                return Unknown() if truth is None else Constant(not truth)
            case "void":
                return UNDEFINED
            case "typeof":
                value = self.evaluate(argument, scope, env, depth)
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
                value = self.evaluate(argument, scope, env, depth)
                return Constant(-value.value) if isinstance(value, Constant) and isinstance(value.value, float) else Unknown()
            case _:
                return Unknown()

    def _binary(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        operator = node.child_by_field_name("operator")
        symbol = scope.module.text(operator) if operator is not None else ""
        if symbol not in ("+", "||", "??", "&&", "===", "==", "!==", "!="):
            return Unknown()
        left = self.evaluate(node.child_by_field_name("left"), scope, env, depth)
        right_node = node.child_by_field_name("right")
        truth = truth_of(left)
        if symbol in ("||", "&&") and truth is not None:
            return left if truth == (symbol == "||") else self.evaluate(right_node, scope, env, depth)
        if symbol == "??" and not isinstance(left, Unknown | Global):
            return self.evaluate(right_node, scope, env, depth) if left in (UNDEFINED, Constant(None)) else left
        right = self.evaluate(right_node, scope, env, depth)
        if symbol in ("||", "??"):
            # The left side is not known, so the default is the best that the source says.
            return left if isinstance(right, Unknown) or right in (UNDEFINED, Constant(None)) else right
        if symbol == "&&":
            return right
        if symbol == "+":
            if isinstance(left, Constant) and isinstance(right, Constant):
                return Unknown("number")
            return joined(text_of(left), text_of(right))
        return self._compared(left, right, symbol.startswith("!"))

    def _compared(self, left: Value, right: Value, negated: bool) -> Value:
        if isinstance(left, Text) and isinstance(right, Text) and left.known is not None and right.known is not None:
            return Constant((left.known == right.known) != negated)
        if isinstance(left, Constant) and isinstance(right, Constant):
            return Constant((left.value == right.value) != negated)
        if {type(left), type(right)} <= {Text, Constant} and type(left) is not type(right):
            return Constant(negated)
        return Unknown()

    def _ternary(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        condition = node.child_by_field_name("condition")
        truth = truth_of(self.evaluate(condition, scope, env, depth))
        if truth is None:
            key = scope.module.text(condition)[:200] if condition is not None else ""
            self.circumstances += 1
            self.assumed[key] = None
            truth = self.assumptions.get(key, True)
        return self.evaluate(node.child_by_field_name("consequence" if truth else "alternative"), scope, env, depth)

    # Members

    def _member(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        if node.type == "subscript_expression":
            index = self.evaluate(node.child_by_field_name("index"), scope, env, depth)
            name = text_of(index).known
        else:
            member = node.child_by_field_name("property")
            name = scope.module.text(member) if member is not None else None
        target = node.child_by_field_name("object")
        value = self.evaluate(target, scope, env, depth)
        return self.member(value, name, depth) if name is not None else Unknown()

    def member(self, value: Value, name: str, depth: int = 0) -> Value:
        """Return `value.name`."""
        match value:
            case Global(path="window"):
                return self.global_value(name, depth) if name not in _GLOBAL_OBJECTS else Global(name if name == "document" else "window")
            case Global(path="document") if name in ("location", "baseURI", "URL", "documentURI"):
                return Global("location") if name == "location" else Text((self.page.base if name == "baseURI" else self.page.url,))
            case Global(path="location") if self.location is not None:
                return self._location(name)
            case Global(path="import.meta.env" | "process.env"):
                return _ENVIRONMENT.get(name, Unknown(name))
            case Global(path=path):
                return Global(f"{path}.{name}") if len(path) < 80 else Unknown(name)
            case Record(fields=fields, is_open=is_open):
                found = fields.get(name)
                return found if found is not None else Unknown(name) if is_open else UNDEFINED
            case Instance(of=ClassValue() as of):
                return self._class_member(of, name, depth)
            case Instance(record=record) if name in record.fields:
                return record.fields[name]
            case Listing(items=items) if name.isdigit():
                return items[int(name)] if int(name) < len(items) else UNDEFINED
            case ClassValue():
                return self._class_member(value, name, depth)
            case Constant():
                return UNDEFINED if name != "toString" else Unknown(name)
            case _:
                return Unknown(name if _HOLE_NAME.fullmatch(name) else "value")

    def _location(self, name: str) -> Value:
        location = self.location
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

    def _class_member(self, of: ClassValue, name: str, depth: int) -> Value:
        known = of.scope.module.this_members.get(of.node.id, {}).get(name)
        if known is not None:
            return self.evaluate(known[0], known[1], self.bound, depth)
        body = of.node.child_by_field_name("body")
        for child in body.named_children[:200] if body is not None else ():
            label = child.child_by_field_name("name")
            if child.type == "method_definition" and label is not None and of.scope.module.text(label) == name:
                return Closure(child, of.scope)
        return Unknown(name)

    def _meta(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        key = self.page.key_of(scope.module)
        return Record({"url": Text((key if key.startswith("http") else self.page.url,)), "env": Global("import.meta.env")})

    def _this(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        for function in scope.functions():
            if function.type == "arrow_function":
                continue
            around = function.parent
            if around is not None and around.type == "pair":
                around = around.parent
            if around is not None and around.type == "class_body" and around.parent is not None:
                return ClassValue(around.parent, scope.module.scopes[function.id].parent or scope)
            if around is not None and around.type == "object":
                return self._object(around, scope.module.scopes[function.id].parent or scope, env, depth)
            break
        return Unknown("this")

    # Calls

    def _call(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        callee = node.child_by_field_name("constructor" if node.type == "new_expression" else "function")
        while callee is not None and callee.type in ("parenthesized_expression", "sequence_expression") and callee.named_children:
            callee = callee.named_children[-1]
        if callee is None:
            return Unknown()
        return call_value(self, CallSite(node, callee, scope, ""), env, depth)


_ENVIRONMENT: dict[str, Value] = {
    "PROD": Constant(True),
    "DEV": Constant(False),
    "MODE": Text(("production",)),
    "NODE_ENV": Text(("production",)),
    "SSR": Constant(False),
    "BASE_URL": Text(("/",)),
}
_EVALUATORS = {
    "string": Evaluator._string,
    "template_string": Evaluator._template,
    "number": Evaluator._number,
    "true": lambda *_: Constant(True),
    "false": lambda *_: Constant(False),
    "null": lambda *_: Constant(None),
    "undefined": lambda *_: UNDEFINED,
    "object": Evaluator._object,
    "array": Evaluator._array,
    "identifier": Evaluator._identifier,
    "member_expression": Evaluator._member,
    "subscript_expression": Evaluator._member,
    "meta_property": Evaluator._meta,
    "this": Evaluator._this,
    "call_expression": Evaluator._call,
    "new_expression": Evaluator._call,
    "parenthesized_expression": Evaluator._inner,
    "sequence_expression": Evaluator._inner,
    "await_expression": Evaluator._inner,
    "assignment_expression": Evaluator._assignment,
    "unary_expression": Evaluator._unary,
    "binary_expression": Evaluator._binary,
    "ternary_expression": Evaluator._ternary,
    "arrow_function": Evaluator._closure,
    "function_expression": Evaluator._closure,
    "generator_function": Evaluator._closure,
    "class": Evaluator._class,
}

"""What an expression of a script stands for, as far as that can be told without running it.

Unknown things stay unknown: a string keeps them as holes ("/api/items/{id}"), everything else becomes `Unknown`. A condition that cannot
be decided is assumed to be true, and noted, so that the caller can ask again with the other assumption.
"""

from collections.abc import Mapping

from tree_sitter import Node

from app.core.javascript.functions import call_value
from app.core.javascript.iteration import is_loop, rounds
from app.core.javascript.members import GLOBAL_OBJECTS, member_of, member_value, meta_value, this_value
from app.core.javascript.modules import CallSite, Module
from app.core.javascript.operators import assignment_value, binary_value, inner_value, ternary_value, unary_value
from app.core.javascript.scopes import Binding, Path, Scope
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
)  # fmt: skip
from app.core.urls import parse

MAX_DEPTH = 48
MAX_STEPS = 2_000  # of one question; a hostile script cannot make it longer
MAX_ALL_STEPS = 400_000  # of one page


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

    def object_value(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
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
            awaited = self._awaited(binding, env, depth)
            if awaited is not None:
                return awaited
            self.touched[binding] = None
            if binding.function is not None and is_loop(binding.function):
                rounds(self, binding.function, binding.scope.module, env, depth)  # for what the list itself depends on
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
        if argument.value is not None:
            value = argument.value
        else:
            value = self.evaluate(argument.nodes[0], argument.scope, around, depth) if argument.nodes else UNDEFINED
        value = self._taken(value, binding, env, depth)
        return self._named(value, binding.name)

    def _awaited(self, binding: Binding, env: Environment, depth: int) -> Value | None:
        """Return what `import("./x.js").then(parameter => …)` hands over, or None when the parameter is another one."""
        around = binding.function.parent if binding.function is not None and binding.index == 0 else None
        call = around.parent if around is not None and around.type == "arguments" else None
        callee = call.child_by_field_name("function") if call is not None else None
        member = callee.child_by_field_name("property") if callee is not None else None
        if callee is None or member is None or member.text != b"then":
            return None
        module = binding.scope.module
        value = self.evaluate(callee.child_by_field_name("object"), module.scope_around(callee), env, depth)
        return self._taken(value, binding, env, depth) if isinstance(value, Record) else None

    def _taken(self, value: Value, binding: Binding, env: Environment, depth: int) -> Value:
        """Follow a destructuring path into a value."""
        for place, step in enumerate(binding.path):
            if step == "...":
                if isinstance(value, Listing):
                    return value
                return Record(value.fields, is_open=True) if isinstance(value, Record) else Record({}, is_open=True)
            value = member_of(self, value, str(step), depth) if value != UNDEFINED else UNDEFINED
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
            return self.namespace(module, depth)
        return self.exported(module, binding.imported, depth + 1)

    def namespace(self, module: Module, depth: int) -> Record:
        """Return what `import * as x` and `await import(…)` give."""
        return Record({name: self.exported(module, name, depth + 1) for name in list(module.exports)[:60]})

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
        if name in GLOBAL_OBJECTS:
            return Global("window" if name != "document" else name)
        if name == "fetch":
            return Global(name)  # also where a script puts its own around it: that calls the first
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
                for path, node, scope in module.global_members(root):
                    if path == (name,) and isinstance(value, Global):
                        value = self.evaluate(node, scope, NOTHING_BOUND, depth)
                    elif path[0] == name and len(path) > 1:
                        members.append((path[1:], node, scope))
            for node, scope in module.global_values(name):
                if isinstance(value, Global):
                    value = self.evaluate(node, scope, NOTHING_BOUND, depth)
            members += module.global_members(name)
        if isinstance(value, Global) and members and name in ("axios", "$http"):
            value = Instance("axios")
        elif isinstance(value, Global) and members and name not in ("location", "navigator", "document"):
            value = Record({}, is_open=True)
        return self._with_members(value, members, NOTHING_BOUND, depth) if members else value

    # Calls

    def _call(self, node: Node, scope: Scope, env: Environment, depth: int) -> Value:
        callee = node.child_by_field_name("constructor" if node.type == "new_expression" else "function")
        while callee is not None and callee.type in ("parenthesized_expression", "sequence_expression") and callee.named_children:
            callee = callee.named_children[-1]
        if callee is None:
            return Unknown()
        return call_value(self, CallSite(node, callee, scope, ""), env, depth)


_EVALUATORS = {
    "string": Evaluator._string,
    "template_string": Evaluator._template,
    "number": Evaluator._number,
    "true": lambda *_: Constant(True),
    "false": lambda *_: Constant(False),
    "null": lambda *_: Constant(None),
    "undefined": lambda *_: UNDEFINED,
    "object": Evaluator.object_value,
    "array": Evaluator._array,
    "identifier": Evaluator._identifier,
    "member_expression": member_value,
    "subscript_expression": member_value,
    "meta_property": meta_value,
    "this": this_value,
    "call_expression": Evaluator._call,
    "new_expression": Evaluator._call,
    "parenthesized_expression": inner_value,
    "sequence_expression": inner_value,
    "await_expression": inner_value,
    "assignment_expression": assignment_value,
    "unary_expression": unary_value,
    "binary_expression": binary_value,
    "ternary_expression": ternary_value,
    "arrow_function": Evaluator._closure,
    "function_expression": Evaluator._closure,
    "generator_function": Evaluator._closure,
    "class": Evaluator._class,
}

"""Reading a script without running it: its scopes, names, assignments, calls, imports and exports, from a tolerant syntax tree.

What the names stand for is worked out in `javascript_values`, what the calls send in `javascript_calls`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

# A script beyond this is cut. Parsing costs about one second per megabyte of dense source.
MAX_SOURCE_BYTES = 2_000_000
MAX_PATTERN_DEPTH = 6

_LANGUAGE = Language(tree_sitter_javascript.language())
_FUNCTIONS = frozenset({"function_declaration", "generator_function_declaration", "function_expression", "generator_function",
                        "arrow_function", "method_definition"})  # fmt: skip
_BLOCKS = frozenset({"statement_block", "for_statement", "for_in_statement", "catch_clause", "switch_body", "class_static_block"})
# A script without any of these words has nothing for us, and is not parsed.
_WORTH_PARSING = re.compile(
    rb"fetch|XMLHttpRequest|axios|\.ajax|getJSON|sendBeacon|WebSocket|EventSource|baseURL|socket\.io|\bio\(|https?://|"
    rb"\.(?:get|post|put|patch|delete)\(|window\.|export|import"
)

Path = tuple[str | int, ...]  # ("headers", "X-Foo"); an int is a place in an array, "..." the rest


@dataclass(slots=True, eq=False)
class Scope:
    """One lexical scope. `function` is the function node whose parameters it holds; None for blocks and the program."""

    parent: "Scope | None"
    module: "Module"
    function: Node | None = None
    bindings: dict[str, "Binding"] = field(default_factory=dict)

    def find(self, name: str) -> "Binding | None":
        scope: Scope | None = self
        while scope is not None:
            binding = scope.bindings.get(name)
            if binding is not None:
                return binding
            scope = scope.parent
        return None

    def functions(self) -> Iterator[Node]:
        """Yield the functions around this scope, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            if scope.function is not None:
                yield scope.function
            scope = scope.parent


@dataclass(slots=True, eq=False)
class Binding:
    """What one name stands for: the node that gives its value, and the path into that value when it was destructured."""

    name: str
    kind: str  # "variable", "function", "class", "parameter", "import"
    scope: Scope  # where `node` is evaluated
    node: Node | None = None
    path: Path = ()
    default: Node | None = None  # of a destructured name
    function: Node | None = None  # of a parameter
    index: int = 0  # of a parameter
    source: str = ""  # of an import
    imported: str = ""  # "default", "*", or the exported name
    assigned: list[tuple[Node, Scope]] = field(default_factory=list)
    members: list[tuple[Path, Node, Scope]] = field(default_factory=list)  # headers["X"] = …


@dataclass(frozen=True, slots=True)
class CallSite:
    node: Node  # call_expression or new_expression
    callee: Node
    scope: Scope
    name: str  # the called name, or the last member's: "fetch", "get", "WebSocket"

    @property
    def module(self) -> "Module":
        return self.scope.module

    @property
    def is_new(self) -> bool:
        return self.node.type == "new_expression"

    def arguments(self) -> list[Node]:
        arguments = self.node.child_by_field_name("arguments")
        if arguments is None:
            return []
        if arguments.type == "template_string":
            return [arguments]
        return [child for child in arguments.named_children if child.type != "comment"]


@dataclass(slots=True, eq=False)
class Module:
    """One script's names and calls."""

    source: bytes
    root: Node | None = None
    scope: Scope = field(init=False)
    scopes: dict[int, Scope] = field(default_factory=dict)  # function or block node id → its scope
    calls: dict[str, list[CallSite]] = field(default_factory=dict)  # by name, in source order
    object_calls: list[CallSite] = field(default_factory=list)  # f({…}): maybe axios(config)
    function_names: dict[int, list[str]] = field(default_factory=dict)  # function or class node id → names it goes by
    global_members: dict[str, list[tuple[Path, Node, Scope]]] = field(default_factory=dict)  # window.API = …
    this_members: dict[int, dict[str, tuple[Node, Scope]]] = field(default_factory=dict)  # class node id → this.x = …
    exports: dict[str, tuple[str, Node | str]] = field(
        default_factory=dict
    )  # name → ("local", name), ("value", node), ("from:<source>", name)
    star_exports: list[str] = field(default_factory=list)
    imports: list[Binding] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)  # what import, export … from and import() name, in source order

    def __post_init__(self) -> None:
        self.scope = Scope(None, self)

    def text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def scope_of(self, node: Node, around: Scope) -> Scope:
        return self.scopes.get(node.id, around)


def read_module(source: str) -> Module:
    """Read one script. Broken source gives what can be made out; source beyond MAX_SOURCE_BYTES is cut. Cached by source."""
    return _read_module(source.encode("utf-8", "replace")[:MAX_SOURCE_BYTES])


@lru_cache(maxsize=48)
def _read_module(source: bytes) -> Module:
    module = Module(source)
    if _WORTH_PARSING.search(source) and not _is_too_nested(source):
        tree = Parser(_LANGUAGE).parse(source)
        module.root = tree.root_node
        _Reader(module).read()
    return module


def _is_too_nested(source: bytes) -> bool:
    """Whether brackets stand so deep that no program of people or bundlers is like it; such trees cost the square of their depth."""
    depth = 0
    for match in re.finditer(rb"[(\[{]+|[)\]}]+", source):
        run = match[0]
        depth = depth + len(run) if run[0] in b"([{" else max(0, depth - len(run))
        if depth > 1_000:
            return True
    return False


class _Reader:
    """One pass over the tree with a cursor: declares names, collects assignments and calls, then joins assignments to names."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.assignments: list[tuple[Node, Node, Scope]] = []
        self.classes: list[tuple[int, Node]] = []  # (depth, class node) of the classes around the cursor

    def read(self) -> None:
        root = self.module.root
        assert root is not None
        cursor = root.walk()
        stack: list[tuple[int, Scope]] = [(0, self.module.scope)]
        depth = 0
        while True:
            node = cursor.node
            assert node is not None
            kind = node.type
            scope = stack[-1][1]
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, node, scope)
            if kind in _FUNCTIONS or kind in _BLOCKS:
                inner = Scope(scope, self.module, node if kind in _FUNCTIONS else None)
                self.module.scopes[node.id] = inner
                stack.append((depth, inner))
                if kind in _FUNCTIONS:
                    self._declare_parameters(node, inner)
            elif kind in ("class_declaration", "class"):
                self.classes.append((depth, node))
            if kind not in _LEAVES and cursor.goto_first_child():
                depth += 1
                continue
            while True:
                while stack and len(stack) > 1 and stack[-1][0] >= depth:
                    stack.pop()
                while self.classes and self.classes[-1][0] >= depth:
                    self.classes.pop()
                if cursor.goto_next_sibling():
                    break
                if not cursor.goto_parent():
                    self._join_assignments()
                    return
                depth -= 1

    # Names

    def _name_function(self, node: Node | None, name: str) -> None:
        if node is not None and (node.type in _FUNCTIONS or node.type in ("class", "class_declaration")):
            names = self.module.function_names.setdefault(node.id, [])
            if name not in names:
                names.append(name)

    def _declare(self, scope: Scope, binding: Binding) -> None:
        known = scope.bindings.get(binding.name)
        if known is None or (known.node is None and known.kind == "variable"):
            if known is not None:
                binding.assigned, binding.members = known.assigned, known.members
            scope.bindings[binding.name] = binding
        elif binding.node is not None and not binding.path and known.kind == "variable":
            known.assigned.append((binding.node, binding.scope))

    def _declare_pattern(self, pattern: Node, scope: Scope, make: Binding, path: Path = (), default: Node | None = None) -> None:
        """Declare every name of a pattern; `make` is the model of the bindings."""
        if len(path) > MAX_PATTERN_DEPTH:
            return
        text = self.module.text
        match pattern.type:
            case "identifier" | "shorthand_property_identifier_pattern":
                if pattern.type.startswith("short"):
                    path = (*path, text(pattern))
                self._declare(scope, Binding(text(pattern), make.kind, make.scope, make.node, path, default, make.function, make.index))
            case "assignment_pattern" | "object_assignment_pattern":
                left, right = pattern.child_by_field_name("left"), pattern.child_by_field_name("right")
                if left is not None:
                    self._declare_pattern(left, scope, make, path, right)
            case "object_pattern":
                for child in pattern.named_children:
                    if child.type == "pair_pattern":
                        key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                        if key is not None and value is not None:
                            self._declare_pattern(value, scope, make, (*path, text(key).strip("\"'`")), None)
                    else:
                        self._declare_pattern(child, scope, make, path, default if child.type != "rest_pattern" else None)
            case "array_pattern":
                for place, child in enumerate(pattern.named_children):
                    self._declare_pattern(child, scope, make, (*path, place), None)
            case "rest_pattern":
                if pattern.named_children:
                    self._declare_pattern(pattern.named_children[0], scope, make, (*path, "..."), None)
            case _:
                pass

    def _declare_parameters(self, function: Node, inner: Scope) -> None:
        single = function.child_by_field_name("parameter")
        parameters = function.child_by_field_name("parameters")
        nodes = [single] if single is not None else parameters.named_children if parameters is not None else []
        for index, node in enumerate(nodes[:20]):
            make = Binding("", "parameter", inner, None, (), None, function, index)
            # f({method = "GET"} = {}): the outer default only says that the argument may be left out.
            if node.type == "assignment_pattern" and (left := node.child_by_field_name("left")) and left.type == "object_pattern":
                self._declare_pattern(left, inner, make)
            else:
                self._declare_pattern(node, inner, make)

    def on_variables(self, node: Node, scope: Scope) -> None:
        target = scope
        if node.type == "variable_declaration":  # var: belongs to the function
            while target.parent is not None and target.function is None:
                target = target.parent
        for declarator in node.named_children:
            name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
            if name is None:
                continue
            self._declare_pattern(name, target, Binding("", "variable", scope, value))
            if name.type == "identifier":
                self._name_function(value, self.module.text(name))

    def on_function(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._declare(scope, Binding(self.module.text(name), "function", scope, node))
            self._name_function(node, self.module.text(name))

    def on_class(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            if node.type == "class_declaration":
                self._declare(scope, Binding(self.module.text(name), "class", scope, node))
            self._name_function(node, self.module.text(name))

    def on_method(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._name_function(node, self.module.text(name))

    def on_pair(self, node: Node, scope: Scope) -> None:
        key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
        if key is not None and value is not None and value.type in _FUNCTIONS:
            self._name_function(value, self.module.text(key).strip("\"'`"))

    def on_field(self, node: Node, scope: Scope) -> None:
        name, value = node.child_by_field_name("property"), node.child_by_field_name("value")
        if name is not None and value is not None and self.classes:
            self._name_function(value, self.module.text(name))
            self.module.this_members.setdefault(self.classes[-1][1].id, {}).setdefault(self.module.text(name), (value, scope))

    def on_assignment(self, node: Node, scope: Scope) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        if left.type == "identifier":
            self._name_function(right, self.module.text(left))
        elif left.type == "member_expression":
            member, target = left.child_by_field_name("property"), left.child_by_field_name("object")
            if member is not None:
                self._name_function(right, self.module.text(member))
                if target is not None and target.type == "this" and self.classes:
                    known = self.module.this_members.setdefault(self.classes[-1][1].id, {})
                    known.setdefault(self.module.text(member), (right, scope))
        if left.type in ("identifier", "member_expression", "subscript_expression"):
            self.assignments.append((left, right, scope))

    def _join_assignments(self) -> None:
        for left, right, scope in self.assignments:
            if left.type == "identifier":
                name = self.module.text(left)
                binding = scope.find(name)
                if binding is None:
                    self.module.global_members.setdefault("window", []).append(((name,), right, scope))
                elif binding.kind == "variable":
                    binding.assigned.append((right, scope))
                continue
            root, path = member_path(left, self.module)
            if root is None or not path:
                continue
            binding = scope.find(root) if root != "this" else None
            if binding is not None:
                binding.members.append((path, right, scope))
            elif root != "this":
                self.module.global_members.setdefault(root, []).append((path, right, scope))

    # Calls, imports, exports

    def on_call(self, node: Node, scope: Scope) -> None:
        callee = node.child_by_field_name("constructor" if node.type == "new_expression" else "function")
        while callee is not None and callee.type in ("parenthesized_expression", "sequence_expression") and callee.named_children:
            callee = callee.named_children[-1]  # webpack writes (0, x.get)(…)
        if callee is None:
            return
        match callee.type:
            case "identifier":
                name = self.module.text(callee)
            case "member_expression":
                member = callee.child_by_field_name("property")
                name = self.module.text(member) if member is not None else ""
            case "import":
                name = "import"
            case "subscript_expression":
                index = callee.child_by_field_name("index")
                name = self.module.text(index).strip("\"'`") if index is not None else ""
            case _:
                return
        site = CallSite(node, callee, scope, name)
        self.module.calls.setdefault(name, []).append(site)
        if name == "import":
            for argument in site.arguments()[:1]:
                if argument.type in ("string", "template_string"):
                    self.module.sources.append(self.module.text(argument)[1:-1])
        elif callee.type == "identifier":
            arguments = node.child_by_field_name("arguments")
            first = arguments.named_child(0) if arguments is not None and arguments.named_child_count else None
            if first is not None and first.type == "object":
                self.module.object_calls.append(site)

    def on_import(self, node: Node, scope: Scope) -> None:
        source_node = node.child_by_field_name("source")
        if source_node is None:
            return
        source = self.module.text(source_node)[1:-1]
        self.module.sources.append(source)
        for clause in node.named_children:
            if clause.type != "import_clause":
                continue
            for child in clause.named_children:
                if child.type == "identifier":
                    self._import(child, "default", source, scope)
                elif child.type == "namespace_import" and child.named_children:
                    self._import(child.named_children[0], "*", source, scope)
                elif child.type == "named_imports":
                    for specifier in child.named_children:
                        name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
                        if name is not None:
                            self._import(alias or name, self.module.text(name), source, scope)

    def _import(self, local: Node, imported: str, source: str, scope: Scope) -> None:
        binding = Binding(self.module.text(local), "import", scope, source=source, imported=imported)
        self._declare(scope, binding)
        self.module.imports.append(binding)

    def on_export(self, node: Node, scope: Scope) -> None:
        module = self.module
        source_node = node.child_by_field_name("source")
        source = module.text(source_node)[1:-1] if source_node is not None else ""
        if source:
            module.sources.append(source)
        declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
        default = any(child.type == "default" for child in node.children)
        if value is not None:
            module.exports["default"] = ("value", value)
        elif declaration is not None:
            name = declaration.child_by_field_name("name")
            if default:
                module.exports["default"] = ("value", declaration)
            elif name is not None:
                module.exports[module.text(name)] = ("local", module.text(name))
            else:
                for declarator in declaration.named_children:
                    declared = declarator.child_by_field_name("name")
                    if declared is not None and declared.type == "identifier":
                        module.exports[module.text(declared)] = ("local", module.text(declared))
        else:
            clauses = [child for child in node.named_children if child.type == "export_clause"]
            for specifier in [specifier for clause in clauses for specifier in clause.named_children]:
                name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
                if name is not None:
                    exported = module.text(alias or name).strip("\"'")
                    module.exports[exported] = (f"from:{source}" if source else "local", module.text(name))
            if source and not clauses:
                module.star_exports.append(source)


_HANDLERS = {
    "variable_declaration": _Reader.on_variables,
    "lexical_declaration": _Reader.on_variables,
    "function_declaration": _Reader.on_function,
    "generator_function_declaration": _Reader.on_function,
    "class_declaration": _Reader.on_class,
    "class": _Reader.on_class,
    "method_definition": _Reader.on_method,
    "pair": _Reader.on_pair,
    "field_definition": _Reader.on_field,
    "assignment_expression": _Reader.on_assignment,
    "call_expression": _Reader.on_call,
    "new_expression": _Reader.on_call,
    "import_statement": _Reader.on_import,
    "export_statement": _Reader.on_export,
}
_LEAVES = frozenset({"string", "regex", "number", "identifier", "comment", "property_identifier", "import_statement"})


def member_path(node: Node, module: Module) -> tuple[str | None, Path]:
    """Return the root name and the path of a member chain: `a.b["c"]` gives ("a", ("b", "c")). (None, ()) when it is not simple."""
    path: list[str | int] = []
    current: Node | None = node
    while current is not None and current.type in ("member_expression", "subscript_expression"):
        if len(path) >= MAX_PATTERN_DEPTH:
            return None, ()
        if current.type == "member_expression":
            member = current.child_by_field_name("property")
        else:
            member = current.child_by_field_name("index")
            if member is not None and member.type not in ("string", "template_string"):
                return None, ()
        if member is None:
            return None, ()
        path.append(module.text(member).strip("\"'`"))
        current = current.child_by_field_name("object")
    if current is None or current.type not in ("identifier", "this"):
        return None, ()
    return module.text(current), tuple(reversed(path))

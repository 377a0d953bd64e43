"""Reading a script without running it: where its scopes, assignments, calls, imports and exports are, from a tolerant syntax tree.

One query of the tree notes the places; what stands there is read when it is asked for. What the names stand for is worked out in
`evaluator`, what the calls send in `calls`.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser, Query, QueryCursor

from app.core.javascript.scopes import MAX_PATTERN_DEPTH, Binding, Path, Scope

# A script beyond this is cut. Parsing alone costs about half a second per megabyte of dense source.
MAX_SOURCE_BYTES = 3_000_000
MAX_NESTING = 1_000

_LANGUAGE = Language(tree_sitter_javascript.language())
_FUNCTIONS = frozenset({"function_declaration", "generator_function_declaration", "function_expression", "generator_function",
                        "arrow_function", "method_definition"})  # fmt: skip
_CALLS = frozenset({"call_expression", "new_expression"})
_CLASSES = frozenset({"class", "class_declaration"})
# webpack writes (0, x.get)(…)
_PLACES = Query(
    _LANGUAGE,
    """
    [(function_declaration) (generator_function_declaration) (function_expression) (generator_function) (arrow_function)
     (method_definition) (statement_block) (for_statement) (for_in_statement) (catch_clause) (switch_body) (class_static_block)] @scope
    [(variable_declaration) (lexical_declaration) (class_declaration)] @declaration
    [(class) (class_declaration)] @class
    (call_expression function: [
        (identifier) @call (member_expression property: (_) @call) (subscript_expression index: (_) @call)
        (parenthesized_expression (member_expression property: (_) @call))
        (parenthesized_expression (identifier) @call)
        (parenthesized_expression (sequence_expression (member_expression property: (_) @call) .))
        (parenthesized_expression (sequence_expression (identifier) @call .))])
    (new_expression constructor: [
        (identifier) @call (member_expression property: (_) @call) (parenthesized_expression (member_expression property: (_) @call))])
    (call_expression function: (identifier) @object_call arguments: (arguments . (object)))
    (call_expression function: (import)) @import_call
    (assignment_expression left: (identifier) @assigned)
    (assignment_expression left: [(member_expression) (subscript_expression)] @member)
    (import_statement) @import
    (export_statement) @export
    """,
)
# A script without any of these words has nothing for us, and is not parsed.
_WORTH_PARSING = re.compile(
    rb"fetch|XMLHttpRequest|axios|\.ajax|getJSON|sendBeacon|WebSocket|EventSource|baseURL|socket\.io|\bio\(|https?://|"
    rb"\.(?:get|post|put|patch|delete)\(|window\.|export|import"
)
_ROOT_NAME = re.compile(rb"[\w$\x80-\xff]+")
_BRACKETS = b"([{)]}"
_NOT_BRACKETS = bytes(code for code in range(256) if code not in _BRACKETS)
_DEPTHS = [1 if code in b"([{" else -1 for code in range(256)]


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
    is_cut: bool = False  # longer than what is read, or nested too deeply to be read
    root: Node | None = None
    scope: Scope = field(init=False)
    scopes: dict[int, Scope] = field(default_factory=dict)  # function or block node id → its scope
    exports: dict[str, tuple[str, Node | str]] = field(
        default_factory=dict
    )  # name → ("local", name), ("value", node), ("from:<source>", name)
    star_exports: list[str] = field(default_factory=list)
    imports: list[Binding] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)  # what import, export … from and import() name, in source order
    called: dict[str, list[Node]] = field(default_factory=dict)  # the called names, by name, in source order
    object_called: list[Node] = field(default_factory=list)  # f in f({…})
    assigned: dict[str, list[Node]] = field(default_factory=dict)  # left sides that are a name, by it
    assigned_below: dict[str, list[Node]] = field(default_factory=dict)  # left sides like a.b or this["c"], by their root
    classes: list[Node] = field(default_factory=list)
    _turns: list[int] = field(default_factory=list)  # places where another scope begins
    _around: list[Scope] = field(default_factory=list)  # the scope from each of them on
    _fields: dict[int, dict[str, tuple[Node, Scope]]] = field(default_factory=dict)
    _sites: dict[str, tuple[CallSite, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope = Scope(None, self, len(self.source))

    def text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def scope_around(self, node: Node) -> Scope:
        """Return the innermost scope that a node stands in, not the one it makes."""
        own = self.scopes.get(node.id)
        if own is not None:
            return own.parent or self.scope
        place = bisect_right(self._turns, node.start_byte) - 1
        scope = self._around[place] if place >= 0 else self.scope
        # function () {}() begins where its own function begins, and ends later.
        while scope.end_byte < node.end_byte and scope.parent is not None:
            scope = scope.parent
        return scope

    # Calls

    def calls_of(self, name: str) -> tuple[CallSite, ...]:
        """Return the calls of a function or method by the name it is called by, in source order."""
        if name not in self._sites:
            self._sites[name] = tuple(site for node in self.called.get(name, ()) if (site := self._site(node, name)) is not None)
        return self._sites[name]

    def calls_on(self, target: str, name: str) -> Iterator[CallSite]:
        """Yield the calls written `target.name(…)`."""
        written = f"{target}.".encode()
        for node in self.called.get(name, ()):
            before = self.source[max(0, node.start_byte - len(written) - 1) : node.start_byte]
            if (before == written or (before.endswith(written) and not _ROOT_NAME.match(before) and before[:1] != b".")) and (
                site := self._site(node, name)
            ) is not None:
                yield site

    def object_calls(self) -> Iterator[CallSite]:
        """Yield the calls f({…}) whose first argument mentions a url: maybe axios(config)."""
        for node in self.object_called:
            if b"url" in self.source[node.end_byte : node.end_byte + 600] and (site := self._site(node, self.text(node))) is not None:
                yield site

    def _site(self, name_node: Node, name: str) -> CallSite | None:
        node = name_node.parent
        while node is not None and node.type not in _CALLS:
            node = node.parent
        return self.site_of(node, name) if node is not None else None

    def site_of(self, node: Node, name: str = "") -> CallSite | None:
        """Return a call or `new` expression as a call site."""
        callee = node.child_by_field_name("constructor" if node.type == "new_expression" else "function")
        while callee is not None and callee.type in ("parenthesized_expression", "sequence_expression") and callee.named_children:
            callee = callee.named_children[-1]
        return CallSite(node, callee, self.scope_around(node), name) if callee is not None else None

    # Names

    def names_of(self, node: Node) -> list[str]:
        """Return the names that a function or class goes by: its own, a variable's, a property's, a method's."""
        named = node.child_by_field_name("name") if node.type not in ("function_expression", "generator_function") else None
        parent = node.parent
        if named is None and parent is not None:
            match parent.type:
                case "variable_declarator":
                    named = parent.child_by_field_name("name")
                    named = named if named is not None and named.type == "identifier" else None
                case "assignment_expression":
                    named = parent.child_by_field_name("left")
                    if named is not None and named.type == "member_expression":
                        named = named.child_by_field_name("property")
                    elif named is not None and named.type != "identifier":
                        named = None
                case "pair":
                    named = parent.child_by_field_name("key")
                case "field_definition":
                    named = parent.child_by_field_name("property")
                case _:
                    pass
        return [self.text(named).strip("\"'`")] if named is not None else []

    def assigned_to(self, binding: Binding) -> list[tuple[Node, Scope]]:
        """Return what is assigned to a declared name, with the scope of each assignment."""
        found: list[tuple[Node, Scope]] = []
        for left in _within(self.assigned.get(binding.name, []), binding.home):
            around = self.scope_around(left)
            if around.find(binding.name) is binding and (right := _right_of(left)) is not None:
                found.append((right, around))
        return found

    def members_of(self, binding: Binding) -> list[tuple[Path, Node, Scope]]:
        """Return what is assigned below a declared name: `name.a["b"] = value` gives (("a", "b"), value, scope)."""
        lefts = _within(self.assigned_below.get(binding.name, []), binding.home)
        return list(self._assigned_at(left for left in lefts if self.scope_around(left).find(binding.name) is binding))

    def global_members(self, root: str) -> list[tuple[Path, Node, Scope]]:
        """Return what is assigned below a name that is not declared: `window.API = value` gives (("API",), value, scope)."""
        lefts = self.assigned_below.get(root, [])
        return list(self._assigned_at(left for left in lefts if self.scope_around(left).find(root) is None))

    def global_values(self, name: str) -> Iterator[tuple[Node, Scope]]:
        """Yield what is assigned to a name that is not declared: it becomes a property of window."""
        for left in self.assigned.get(name, ()):
            around = self.scope_around(left)
            if around.find(name) is None and (right := _right_of(left)) is not None:
                yield right, around

    def this_members(self, class_node: Node) -> dict[str, tuple[Node, Scope]]:
        """Return the fields of a class: declared ones, then those set by `this.x = …`, the first of each name."""
        if class_node.id not in self._fields:
            self._fields[class_node.id] = self._fields_of(class_node)
        return self._fields[class_node.id]

    def _fields_of(self, class_node: Node) -> dict[str, tuple[Node, Scope]]:
        found: dict[str, tuple[Node, Scope]] = {}
        body = class_node.child_by_field_name("body")
        for child in body.named_children if body is not None else ():
            name, value = child.child_by_field_name("property"), child.child_by_field_name("value")
            if child.type == "field_definition" and name is not None and value is not None:
                found.setdefault(self.text(name), (value, self.scope_around(child)))
        inner = _between(self.classes, class_node.start_byte + 1, class_node.end_byte)
        for left in _between(self.assigned_below.get("this", []), class_node.start_byte, class_node.end_byte):
            target, member, right = left.child_by_field_name("object"), left.child_by_field_name("property"), _right_of(left)
            if target is None or target.type != "this" or member is None or right is None:
                continue
            if not any(other.start_byte < left.start_byte < other.end_byte for other in inner):
                found.setdefault(self.text(member), (right, self.scope_around(left)))
        return found

    def _assigned_at(self, lefts: Iterable[Node]) -> Iterator[tuple[Path, Node, Scope]]:
        for left in lefts:
            root, path = member_path(left, self)
            if root is not None and path and (right := _right_of(left)) is not None:
                yield path, right, self.scope_around(left)


def _right_of(left: Node) -> Node | None:
    return left.parent.child_by_field_name("right") if left.parent is not None else None


def _between(nodes: list[Node], start_byte: int, end_byte: int) -> list[Node]:
    return nodes[bisect_left(nodes, start_byte, key=_start_byte) : bisect_left(nodes, end_byte, key=_start_byte)]


def _within(nodes: list[Node], scope: Scope | None) -> list[Node]:
    return _between(nodes, scope.start_byte, scope.end_byte) if scope is not None else nodes


def _start_byte(node: Node) -> int:
    return node.start_byte


def read_module(source: str) -> Module:
    """Read one script. Broken source gives what can be made out; source beyond MAX_SOURCE_BYTES is cut. Cached by source."""
    return _read_module(source)


@lru_cache(maxsize=48)
def _read_module(source: str) -> Module:
    encoded = source.encode("utf-8", "replace")
    module = Module(encoded[:MAX_SOURCE_BYTES], is_cut=len(encoded) > MAX_SOURCE_BYTES)
    if _WORTH_PARSING.search(module.source):
        if _is_too_nested(module.source):
            module.is_cut = True
        else:
            module.root = Parser(_LANGUAGE).parse(module.source).root_node
            _note_places(module, module.root)
    return module


def _is_too_nested(source: bytes) -> bool:
    """Whether brackets stand so deep that no program of people or bundlers is like it; such trees cost the square of their depth."""
    depths = list(accumulate((_DEPTHS[bracket] for bracket in source.translate(None, _NOT_BRACKETS)), initial=0))
    # Brackets that close nothing, as in strings and regular expressions, begin again at the lowest depth so far.
    return any(depth - lowest > MAX_NESTING for depth, lowest in zip(depths, accumulate(depths, min), strict=True))


def _note_places(module: Module, root: Node) -> None:
    places = QueryCursor(_PLACES).captures(root)
    _lay_out_scopes(module, places.get("scope", []))
    module.classes = _sorted(places.get("class", []))
    for node in places.get("declaration", []):
        around = module.scope_around(node)
        home = around
        if node.type == "variable_declaration":  # var: belongs to the function
            while home.parent is not None and home.function is None:
                home = home.parent
        home.declaring.append((node, around))
    source = module.source
    for node in _sorted(places.get("call", [])):
        name = source[node.start_byte : node.end_byte].decode("utf-8", "replace").strip("\"'`")
        module.called.setdefault(name, []).append(node)
    module.object_called = places.get("object_call", [])
    for node in _sorted(places.get("assigned", [])):
        module.assigned.setdefault(module.text(node), []).append(node)
    for node in _sorted(places.get("member", [])):
        written = _ROOT_NAME.match(source, node.start_byte)
        if written:
            module.assigned_below.setdefault(written[0].decode("utf-8", "replace"), []).append(node)
    linking = [*places.get("import", []), *places.get("export", []), *places.get("import_call", [])]
    for node in _sorted(linking):
        _LINKS[node.type](module, node)


def _sorted(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=_start_byte)


def _lay_out_scopes(module: Module, nodes: list[Node]) -> None:
    """Make the scopes, and note where in the source which of them is the innermost."""
    stack = [module.scope]
    for node in sorted(nodes, key=lambda node: (node.start_byte, -node.end_byte)):
        start_byte, end_byte = node.start_byte, node.end_byte
        while stack[-1].end_byte <= start_byte and len(stack) > 1:
            _turn(module, stack.pop().end_byte, stack[-1])
        is_function = node.type in _FUNCTIONS
        scope = Scope(stack[-1], module, end_byte, start_byte, node if is_function else None)
        if is_function and node.type.endswith("declaration"):
            stack[-1].declaring.append((node, stack[-1]))
        module.scopes[node.id] = scope
        stack.append(scope)
        _turn(module, start_byte, scope)
    while len(stack) > 1:
        _turn(module, stack.pop().end_byte, stack[-1])


def _turn(module: Module, place: int, scope: Scope) -> None:
    module._turns.append(place)
    module._around.append(scope)


# Imports and exports


def _on_import_call(module: Module, node: Node) -> None:
    site = module.site_of(node, "import")
    for argument in site.arguments()[:1] if site is not None else ():
        if argument.type in ("string", "template_string"):
            module.sources.append(module.text(argument)[1:-1])


def _on_import(module: Module, node: Node) -> None:
    source_node = node.child_by_field_name("source")
    if source_node is None:
        return
    source = module.text(source_node)[1:-1]
    module.sources.append(source)
    for clause in node.named_children:
        for child in clause.named_children if clause.type == "import_clause" else ():
            if child.type == "identifier":
                _import(module, child, "default", source)
            elif child.type == "namespace_import" and child.named_children:
                _import(module, child.named_children[0], "*", source)
            elif child.type == "named_imports":
                for specifier in child.named_children:
                    name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
                    if name is not None:
                        _import(module, alias or name, module.text(name), source)


def _import(module: Module, local: Node, imported: str, source: str) -> None:
    binding = Binding(module.text(local), "import", module.scope, source=source, imported=imported)
    module.scope.imports.append(binding)
    module.imports.append(binding)


def _on_export(module: Module, node: Node) -> None:
    source_node = node.child_by_field_name("source")
    source = module.text(source_node)[1:-1] if source_node is not None else ""
    if source:
        module.sources.append(source)
    declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
    if value is not None:
        module.exports["default"] = ("value", value)
    elif declaration is not None:
        _export_declaration(module, declaration, is_default=any(child.type == "default" for child in node.children))
    else:
        clauses = [child for child in node.named_children if child.type == "export_clause"]
        for specifier in [specifier for clause in clauses for specifier in clause.named_children]:
            name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
            if name is not None:
                exported = module.text(alias or name).strip("\"'")
                module.exports[exported] = (f"from:{source}" if source else "local", module.text(name))
        if source and not clauses:
            module.star_exports.append(source)


def _export_declaration(module: Module, declaration: Node, *, is_default: bool) -> None:
    name = declaration.child_by_field_name("name")
    if is_default:
        module.exports["default"] = ("value", declaration)
    elif name is not None:
        module.exports[module.text(name)] = ("local", module.text(name))
    else:
        for declarator in declaration.named_children:
            declared = declarator.child_by_field_name("name")
            if declared is not None and declared.type == "identifier":
                module.exports[module.text(declared)] = ("local", module.text(declared))


_LINKS = {"call_expression": _on_import_call, "import_statement": _on_import, "export_statement": _on_export}


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

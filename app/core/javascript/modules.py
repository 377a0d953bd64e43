"""One script that was read: where its calls and assignments are, and what stands there once that is asked for."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from tree_sitter import Node

from app.core.javascript.scopes import MAX_PATTERN_DEPTH, Binding, Path, Scope

START_BYTE = attrgetter("start_byte")
ROOT_NAME = re.compile(rb"[\w$\x80-\xff]+")
_CALLS = frozenset({"call_expression", "new_expression"})


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
    unread: str = ""  # why not all of it was read: "long", "nested"
    root: Node | None = None
    scope: Scope = field(init=False)
    scopes: dict[int, Scope] = field(default_factory=dict)  # function or block node id → its scope
    exports: dict[str, tuple[str, Node | str]] = field(
        default_factory=dict
    )  # name → ("local", name), ("value", node), ("from:<source>", name)
    star_exports: list[str] = field(default_factory=list)
    imports: list[Binding] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)  # what import, export … from and import() name, in source order
    called: dict[bytes, list[Node]] = field(default_factory=dict)  # the called names, by name, in source order
    object_called: list[Node] = field(default_factory=list)  # f in f({…})
    assigned: dict[bytes, list[Node]] = field(default_factory=dict)  # left sides that are a name, by it
    assigned_below: dict[bytes, list[Node]] = field(default_factory=dict)  # left sides like a.b or this["c"], by their root
    classes: list[Node] = field(default_factory=list)
    declarations: dict[Scope, list[tuple[Node, Scope]]] = field(default_factory=dict)  # of a scope's names, and where they stand
    bindings: dict[Scope, dict[str, Binding]] = field(default_factory=dict)  # what is known of it; ask the scope
    turns: list[int] = field(default_factory=list)  # places where another scope begins
    around_turns: list[Scope] = field(default_factory=list)  # the scope from each of them on
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
        place = bisect_right(self.turns, node.start_byte) - 1
        scope = self.around_turns[place] if place >= 0 else self.scope
        # function () {}() begins where its own function begins, and ends later.
        while scope.end_byte < node.end_byte and scope.parent is not None:
            scope = scope.parent
        return scope

    # Calls

    def calls_of(self, name: str) -> tuple[CallSite, ...]:
        """Return the calls of a function or method by the name it is called by, in source order."""
        if name not in self._sites:
            self._sites[name] = tuple(site for node in self.called.get(name.encode(), ()) if (site := self._site(node, name)) is not None)
        return self._sites[name]

    def calls_on(self, target: str, name: str) -> Iterator[CallSite]:
        """Yield the calls written `target.name(…)`."""
        written = f"{target}.".encode()
        for node in self.called.get(name.encode(), ()):
            before = self.source[max(0, node.start_byte - len(written) - 1) : node.start_byte]
            if (before == written or (before.endswith(written) and not ROOT_NAME.match(before) and before[:1] != b".")) and (
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
        for left in _within(self.assigned.get(binding.name.encode(), []), binding.home):
            around = self.scope_around(left)
            if around.find(binding.name) is binding and (right := _right_of(left)) is not None:
                found.append((right, around))
        return found

    def members_of(self, binding: Binding) -> list[tuple[Path, Node, Scope]]:
        """Return what is assigned below a declared name: `name.a["b"] = value` gives (("a", "b"), value, scope)."""
        lefts = _within(self.assigned_below.get(binding.name.encode(), []), binding.home)
        return list(self._assigned_at(left for left in lefts if self.scope_around(left).find(binding.name) is binding))

    def global_members(self, root: str) -> list[tuple[Path, Node, Scope]]:
        """Return what is assigned below a name that is not declared: `window.API = value` gives (("API",), value, scope)."""
        lefts = self.assigned_below.get(root.encode(), [])
        return list(self._assigned_at(left for left in lefts if self.scope_around(left).find(root) is None))

    def global_values(self, name: str) -> Iterator[tuple[Node, Scope]]:
        """Yield what is assigned to a name that is not declared: it becomes a property of window."""
        for left in self.assigned.get(name.encode(), ()):
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
        for left in _between(self.assigned_below.get(b"this", []), class_node.start_byte, class_node.end_byte):
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
    return nodes[bisect_left(nodes, start_byte, key=START_BYTE) : bisect_left(nodes, end_byte, key=START_BYTE)]


def _within(nodes: list[Node], scope: Scope | None) -> list[Node]:
    return _between(nodes, scope.start_byte, scope.end_byte) if scope is not None else nodes


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

"""The names of a script: its scopes, what declares each name, and what is assigned to it later.

All of it is worked out when it is asked for: of a bundle of two megabytes, only the surroundings of its few calls are ever looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tree_sitter import Node

if TYPE_CHECKING:
    from app.core.javascript.modules import Module

MAX_PATTERN_DEPTH = 6
MAX_PARAMETERS = 20

Path = tuple[str | int, ...]  # ("headers", "X-Foo"); an int is a place in an array, "..." the rest


@dataclass(slots=True, eq=False)
class Scope:
    """One lexical scope. `function` is the function node whose parameters it holds; None for blocks and the program."""

    parent: "Scope | None"
    module: "Module"
    end_byte: int
    start_byte: int = 0
    function: Node | None = None

    @property
    def bindings(self) -> "dict[str, Binding]":
        """The names declared here."""
        known = self.module.bindings.get(self)
        # Modules are shared between threads; setdefault makes all of them see the same Binding objects.
        return known if known is not None else self.module.bindings.setdefault(self, _declared(self))

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
    function: Node | None = None  # of a parameter; of a loop's variable, the loop
    index: int = 0  # of a parameter
    source: str = ""  # of an import
    imported: str = ""  # "default", "*", or the exported name
    home: Scope | None = None  # the scope that holds it
    redeclared: list[tuple[Node, Scope]] = field(default_factory=list)  # var a = 1, a = 2
    _assigned: list[tuple[Node, Scope]] | None = None
    _members: list[tuple[Path, Node, Scope]] | None = None

    @property
    def assigned(self) -> list[tuple[Node, Scope]]:
        """The expressions that are assigned to the name, each with the scope it stands in, in source order."""
        if self._assigned is None:
            found = self.scope.module.assigned_to(self) if self.kind == "variable" else []
            self._assigned = [*self.redeclared, *found]
        return self._assigned

    @property
    def members(self) -> list[tuple[Path, Node, Scope]]:
        """What is assigned below the name: headers["X"] = …"""
        if self._members is None:
            self._members = self.scope.module.members_of(self)
        return self._members


def _declared(scope: Scope) -> dict[str, Binding]:
    declarations = _Declarations(scope)
    for binding in scope.module.imports if scope.parent is None else ():
        declarations.add(binding)
    if scope.function is not None:
        declarations.add_parameters(scope.function)
    for node, around in scope.module.declarations.get(scope, ()):
        declarations.add_declaration(node, around)
    return declarations.bindings


class _Declarations:
    """The names of one scope while they are being gathered."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.text = scope.module.text
        self.bindings: dict[str, Binding] = {}

    def add(self, binding: Binding) -> None:
        binding.home = self.scope
        known = self.bindings.get(binding.name)
        if known is None or (known.node is None and known.kind == "variable"):
            if known is not None:
                binding.redeclared = known.redeclared
            self.bindings[binding.name] = binding
        elif binding.node is not None and not binding.path and known.kind == "variable":
            known.redeclared.append((binding.node, binding.scope))

    def add_declaration(self, node: Node, around: Scope) -> None:
        if node.type in ("variable_declaration", "lexical_declaration"):
            for declarator in node.named_children:
                name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
                if name is not None:
                    self._add_pattern(name, Binding("", "variable", around, value))
            return
        if node.type == "for_in_statement":  # like the parameter of a function that is called for each
            if (left := node.child_by_field_name("left")) is not None:
                self._add_pattern(left, Binding("", "parameter", self.scope, None, (), None, node, 0))
            return
        name = node.child_by_field_name("name")
        if name is not None:
            self.add(Binding(self.text(name), "class" if node.type == "class_declaration" else "function", around, node))

    def add_parameters(self, function: Node) -> None:
        single = function.child_by_field_name("parameter")
        parameters = function.child_by_field_name("parameters")
        nodes = [single] if single is not None else parameters.named_children if parameters is not None else []
        for index, node in enumerate(nodes[:MAX_PARAMETERS]):
            make = Binding("", "parameter", self.scope, None, (), None, function, index)
            # f({method = "GET"} = {}): the outer default only says that the argument may be left out.
            if node.type == "assignment_pattern" and (left := node.child_by_field_name("left")) and left.type == "object_pattern":
                self._add_pattern(left, make)
            else:
                self._add_pattern(node, make)

    def _add_pattern(self, pattern: Node, make: Binding, path: Path = (), default: Node | None = None) -> None:
        """Declare every name of a pattern; `make` is the model of the bindings."""
        if len(path) > MAX_PATTERN_DEPTH:
            return
        match pattern.type:
            case "identifier" | "shorthand_property_identifier_pattern":
                name = self.text(pattern)
                if pattern.type.startswith("short"):
                    path = (*path, name)
                self.add(Binding(name, make.kind, make.scope, make.node, path, default, make.function, make.index))
            case "assignment_pattern" | "object_assignment_pattern":
                left, right = pattern.child_by_field_name("left"), pattern.child_by_field_name("right")
                if left is not None:
                    self._add_pattern(left, make, path, right)
            case "object_pattern":
                for child in pattern.named_children:
                    if child.type == "pair_pattern":
                        key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                        if key is not None and value is not None:
                            self._add_pattern(value, make, (*path, self.text(key).strip("\"'`")), None)
                    else:
                        self._add_pattern(child, make, path, default if child.type != "rest_pattern" else None)
            case "array_pattern":
                for place, child in enumerate(pattern.named_children):
                    self._add_pattern(child, make, (*path, place), None)
            case "rest_pattern":
                if pattern.named_children:
                    self._add_pattern(pattern.named_children[0], make, (*path, "..."), None)
            case _:
                pass

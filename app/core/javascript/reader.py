"""Reading a script without running it: where its scopes, assignments, calls, imports and exports are, from a tolerant syntax tree.

One query of the tree notes the places; what stands there is read when it is asked for. What the names stand for is worked out in
`evaluator`, what the calls send in `calls`.
"""

import re
from functools import lru_cache
from itertools import accumulate
from operator import sub

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser, Query, QueryCursor

from app.core.javascript.modules import ROOT_NAME, START_BYTE, Module
from app.core.javascript.scopes import Binding, Scope

# A script beyond this is cut. Parsing alone costs about half a second per megabyte of dense source.
MAX_SOURCE_BYTES = 3_000_000
MAX_NESTING = 1_000

_LANGUAGE = Language(tree_sitter_javascript.language())
_FUNCTIONS = frozenset({"function_declaration", "generator_function_declaration", "function_expression", "generator_function",
                        "arrow_function", "method_definition"})  # fmt: skip
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
# A script without any of these words has nothing for us, and is not parsed; a small one may name what another one uses.
MAX_SMALL_BYTES = 5_000
_WORTH_PARSING = re.compile(
    rb"fetch|XMLHttpRequest|axios|\.ajax|getJSON|sendBeacon|WebSocket|EventSource|baseURL|socket\.io|\bio\(|https?://|"
    rb"\.(?:get|post|put|patch|delete)\(|window\.|export|import"
)
_BRACKETS = b"([{)]}"
_NOT_BRACKETS = bytes(code for code in range(256) if code not in _BRACKETS)
_DEPTHS = [1 if code in b"([{" else -1 for code in range(256)]


def read_module(source: str) -> Module:
    """Read one script. Broken source gives what can be made out; source beyond MAX_SOURCE_BYTES is cut. Cached by source."""
    return _read_module(source)


@lru_cache(maxsize=48)
def _read_module(source: str) -> Module:
    encoded = source.encode("utf-8", "replace")
    module = Module(encoded[:MAX_SOURCE_BYTES], unread="long" if len(encoded) > MAX_SOURCE_BYTES else "")
    if len(module.source) <= MAX_SMALL_BYTES or _WORTH_PARSING.search(module.source):
        if _is_too_nested(module.source):
            module.unread = "nested"
        else:
            module.root = Parser(_LANGUAGE).parse(module.source).root_node
            _note_places(module, module.root)
    return module


def _is_too_nested(source: bytes) -> bool:
    """Whether brackets stand so deep that no program of people or bundlers is like it; such trees cost the square of their depth."""
    depths = list(accumulate(map(_DEPTHS.__getitem__, source.translate(None, _NOT_BRACKETS)), initial=0))
    # Brackets that close nothing, as in strings and regular expressions, begin again at the lowest depth so far.
    return max(map(sub, depths, accumulate(depths, min))) > MAX_NESTING


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
        module.declarations.setdefault(home, []).append((node, around))
    source = module.source
    for node in _sorted(places.get("call", [])):
        module.called.setdefault(source[node.start_byte : node.end_byte].strip(b"\"'`"), []).append(node)
    module.object_called = places.get("object_call", [])
    for node in _sorted(places.get("assigned", [])):
        module.assigned.setdefault(source[node.start_byte : node.end_byte], []).append(node)
    for node in _sorted(places.get("member", [])):
        if written := ROOT_NAME.match(source, node.start_byte):
            module.assigned_below.setdefault(written[0], []).append(node)
    linking = [*places.get("import", []), *places.get("export", []), *places.get("import_call", [])]
    for node in _sorted(linking):
        _LINKS[node.type](module, node)


def _sorted(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=START_BYTE)


def _lay_out_scopes(module: Module, nodes: list[Node]) -> None:
    """Make the scopes, and note where in the source which of them is the innermost."""
    innermost = module.scope
    for node in _sorted(nodes):
        start_byte, end_byte, kind = node.start_byte, node.end_byte, node.type
        while innermost.end_byte <= start_byte and innermost.parent is not None:
            _turn(module, innermost.end_byte, innermost.parent)
            innermost = innermost.parent
        is_function = kind in _FUNCTIONS
        if kind == "statement_block" and end_byte == innermost.end_byte and innermost.function is not None:
            continue  # a function's body: its names are the function's
        if is_function and kind.endswith("declaration"):
            module.declarations.setdefault(innermost, []).append((node, innermost))
        innermost = Scope(innermost, module, end_byte, start_byte, node if is_function else None)
        module.scopes[node.id] = innermost
        if kind == "for_in_statement" and node.child_by_field_name("kind") is not None:
            module.declarations[innermost] = [(node, innermost)]
        _turn(module, start_byte, innermost)
    while innermost.parent is not None:
        _turn(module, innermost.end_byte, innermost.parent)
        innermost = innermost.parent


def _turn(module: Module, place: int, scope: Scope) -> None:
    module.turns.append(place)
    module.around_turns.append(scope)


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

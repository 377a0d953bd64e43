"""The values that a script's expressions stand for: strings with holes, objects, functions, and what is not known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tree_sitter import Node

from app.core.elements import Element
from app.core.javascript.modules import Module
from app.core.javascript.scopes import Binding, Scope
from app.core.urls import resolve

MAX_PARTS = 60


@dataclass(frozen=True, slots=True)
class Hole:
    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string; what is not known of it are holes."""

    parts: tuple[str | Hole, ...]

    @property
    def known(self) -> str | None:
        """The whole string, or None when it has holes."""
        return "".join(str(part) for part in self.parts) if not any(isinstance(part, Hole) for part in self.parts) else None


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool | float | None  # None is null; UNDEFINED is another object
    undefined: bool = False


UNDEFINED = Constant(None, undefined=True)


@dataclass(frozen=True, slots=True)
class Record:
    fields: Mapping[str, "Value"]
    is_open: bool = False  # something unknown was spread into it


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Closure:
    node: Node
    scope: Scope  # around the function


@dataclass(frozen=True, slots=True)
class ClassValue:
    node: Node
    scope: Scope


@dataclass(frozen=True, slots=True)
class Instance:
    """An object made by a known constructor: "URL", "Headers", "FormData", "axios", "Request", "json", or "class" of the script's own."""

    kind: str
    record: Record = Record({})
    of: ClassValue | None = None


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the browser or an unseen library provides: "location.host", "axios", "import.meta.env"."""

    path: str


@dataclass(frozen=True, slots=True)
class Unknown:
    name: str = "value"


Value: TypeAlias = Text | Constant | Record | Listing | Closure | ClassValue | Instance | Global | Unknown
Environment: TypeAlias = Mapping[Binding, "Argument"]


@dataclass(frozen=True, slots=True, eq=False)
class Argument:
    """What a parameter stands for in one call: an expression at the place of the call, evaluated when asked for."""

    nodes: tuple[Node, ...]  # more than one for a rest parameter
    scope: Scope
    environment: Environment
    is_rest: bool = False
    value: "Value | None" = None  # instead of nodes: what one round of a loop hands over


NOTHING_BOUND: Environment = {}


@dataclass(slots=True)
class Page:
    """What scripts of one page share."""

    url: str
    base: str
    modules: Mapping[str, Module] = field(default_factory=dict)  # by absolute URL; inline scripts under "inline:<n>"
    classic: tuple[str, ...] = ()  # keys of scripts that share the global scope, in page order
    elements: tuple[Element, ...] = ()  # of its markup, that hand something to scripts

    def key_of(self, module: Module) -> str:
        return next((key for key, value in self.modules.items() if value is module), "")

    def linked(self, source: str, importer: Module) -> Module | None:
        """Return the module that an import in `importer` names, when it was fetched."""
        key = self.key_of(importer)
        if not source.startswith((".", "/", "http")):
            return None
        absolute = resolve(source, key if key.startswith("http") else self.base)
        return self.modules.get(absolute or "")


def text_of(value: Value) -> Text:
    """Return a value as a string has it: a hole for what is not known."""
    match value:
        case Text():
            return value
        case Constant(value=constant, undefined=undefined):
            if isinstance(constant, bool):
                return Text(("true" if constant else "false",))
            if constant is None:
                # Nobody means to send "undefined": something was not seen, so it is a hole.
                return Text((Hole("value"),)) if undefined else Text(("null",))
            return Text((f"{constant:g}",))
        case Instance(record=record) if isinstance(href := record.fields.get("href"), Text):
            return href
        case Unknown(name=name):
            return Text((Hole(name),))
        case Global(path=path):
            return Text((Hole(path.rpartition(".")[2]),))
        case _:
            return Text((Hole("value"),))


def joined(*texts: Text) -> Text:
    """Return the concatenation; neighbouring literals become one part."""
    parts: list[str | Hole] = []
    for part in [part for text in texts for part in text.parts][:MAX_PARTS]:
        if isinstance(part, str) and parts and isinstance(last := parts[-1], str):
            parts[-1] = last + part
        elif part != "":
            parts.append(part)
    return Text(tuple(parts) or ("",))


def truth_of(value: Value) -> bool | None:
    """Return whether a value is truthy, or None when that is not known."""
    match value:
        case Constant(value=constant):
            return bool(constant)
        case Text(parts=parts):
            return True if any(isinstance(part, str) and part for part in parts) else None if isinstance(parts[0], Hole) else False
        case Record() | Listing() | Closure() | ClassValue() | Instance():
            return True
        case Global(path=path):
            return True if path in ("window", "document", "location", "navigator") else None
        case _:
            return None


def merged(fields: dict[str, Value], spread: Value, is_open: bool) -> tuple[dict[str, Value], bool]:
    """Return an object's fields after `...spread`."""
    if isinstance(spread, Instance):
        spread = spread.record
    if isinstance(spread, Record):
        return fields | {name: value for name, value in spread.fields.items() if value != UNDEFINED}, is_open or spread.is_open
    return fields, is_open or isinstance(spread, Unknown | Global)

"""What a script reads from the markup around it: elements, their data and attributes, and blocks of JSON."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from app.core.elements import Element, select
from app.core.javascript.values import Constant, Instance, Listing, Record, Text, Unknown, Value, text_of

if TYPE_CHECKING:
    from app.core.javascript.evaluator import Evaluator
    from app.core.javascript.modules import Module

MAX_JSON_CHARS = 200_000
MAX_JSON_DEPTH = 12
MAX_FIELDS = 200
MAX_ITEMS = 50
# Objects that look elements up: what they find is found in the whole page.
LOOKS_UP = frozenset({"document", "document.head", "document.body", "document.documentElement"})
LOOK_UPS = frozenset({"getElementById", "querySelector", "querySelectorAll", "getElementsByName"})
MAX_FOUND = 6  # of querySelectorAll
_DASHED = re.compile(r"-([a-z])")


def looked_up(evaluator: Evaluator, name: str, first: Value) -> Value:
    """Return what `document.getElementById(first)`, `document.querySelector(first)` and their like give."""
    wanted = text_of(first).known
    if wanted is None:
        return Unknown(name)
    elements = evaluator.page.elements
    if name == "getElementById":
        return _element(next((element for element in elements if element.attribute("id") == wanted), None), name)
    if name == "getElementsByName":
        wanted = f'[name="{wanted}"]'
    found = [_element(element, name) for element in islice(select(elements, wanted), MAX_FOUND)]
    if name == "querySelector":
        return found[0] if found else Unknown(name)
    return Listing(tuple(found)) if found else Unknown(name)


def own_element(evaluator: Evaluator, name: str) -> Value:
    """Return `document.body` or `document.documentElement`."""
    return _element(next(select(evaluator.page.elements, "body" if name == "body" else "html"), None), name)


def current_script(evaluator: Evaluator, module: Module) -> Value:
    """Return `document.currentScript`: the element of a classic script, null in a module."""
    key = evaluator.page.key_of(module)
    if key not in evaluator.page.classic:
        return Constant(None)
    found = next((element for element in evaluator.page.elements if element.script == key), Element("script", script=key))
    return _element(found, "currentScript")


def _element(element: Element | None, name: str) -> Value:
    if element is None:
        return Unknown(name)
    given = {key: _known(value, key) for key, value in element.attributes}
    data = {_DASHED.sub(lambda dash: dash[1].upper(), key[5:]): value for key, value in given.items() if key.startswith("data-")}
    fields: dict[str, Value] = {"dataset": Record(data), "attributes": Record(given)}
    if "content" in given:
        fields["content"] = given["content"]
    if element.script.startswith("http"):
        fields["src"] = Text((element.script,))
    if element.text is not None:
        fields |= dict.fromkeys(("textContent", "innerText", "innerHTML", "text"), Text((element.text,)))
    return Instance("element", Record(fields))


def _known(value: str | None, name: str) -> Value:
    return Text((value,)) if value is not None else Unknown(name)


def attribute_of(element: Value, first: Value) -> Value:
    """Return what `element.getAttribute(first)` gives."""
    name = text_of(first).known
    attributes = element.record.fields.get("attributes") if isinstance(element, Instance) else None
    if name is None or not isinstance(attributes, Record):
        return Unknown("attribute")
    return attributes.fields.get(name.lower(), Constant(None))


def parsed_json(text: Value) -> Value:
    """Return what `JSON.parse(text)` gives."""
    known = text.known if isinstance(text, Text) else None
    return _parsed(known) if known is not None and len(known) <= MAX_JSON_CHARS else Unknown("parse")


@lru_cache(maxsize=32)
def _parsed(text: str) -> Value:
    try:
        return _value_of(json.loads(text), MAX_JSON_DEPTH)
    except (ValueError, RecursionError):
        return Unknown("parse")


def _value_of(parsed: object, depth: int) -> Value:
    match parsed:
        case str():
            return Text((parsed,))
        case bool() | None:
            return Constant(parsed)
        case int() | float():
            return Constant(float(parsed)) if abs(parsed) < 1e15 else Unknown("number")
        case dict() if depth:
            fields = {str(name): _value_of(value, depth - 1) for name, value in list(parsed.items())[:MAX_FIELDS]}
            return Record(fields, is_open=len(parsed) > MAX_FIELDS)
        case list() if depth:
            return Listing(tuple(_value_of(item, depth - 1) for item in parsed[:MAX_ITEMS]))
        case _:
            return Unknown()

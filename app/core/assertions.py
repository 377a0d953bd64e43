"""What a check asserts of an answer, and whether it holds: with what was expected and what was found, in words.

Everything here takes text that users wrote: patterns are matched with a time limit or by an engine without backtracking, schemas fetch
nothing, and what was found is cut.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import jsonpath_rfc9535
import jsonschema_rs
import regex
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from app.core.exchange import Exchange, header_values
from app.core.html import shallow

PATTERN_TIMEOUT_S = 0.05  # checks share a thread
MAX_FOUND_CHARS = 200
MAX_PATH_STEPS = 300_000  # two seconds; of a body of a megabyte a path without a second ".." takes less
_MAX_JSON_BYTES = 4_000_000


class Subject(StrEnum):
    """What is looked at. `Assertion.target` names the part of it, where there are several."""

    STATUS = "status"  # ranges: "200-299, 304"
    HEADER = "header"  # target: its name
    BODY = "body"  # the text
    JSON = "json"  # target: a JSONPath (RFC 9535); no target: the whole body
    SCHEMA = "schema"  # value: a JSON Schema
    SELECTOR = "selector"  # target: a CSS selector; looked at: the text of the first element
    TITLE = "title"
    WEIGHT = "weight"  # bytes of the body, decompressed
    LATENCY = "latency"  # ms in all
    CERTIFICATE = "certificate"  # days until it ends


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    CONTAINS_NOT = "contains_not"
    MATCHES = "matches"  # a regular expression, anywhere
    BELOW = "below"
    ABOVE = "above"
    EXISTS = "exists"
    EXISTS_NOT = "exists_not"


_TEXT = (Operator.IS, Operator.IS_NOT, Operator.CONTAINS, Operator.CONTAINS_NOT, Operator.MATCHES)
_NUMBER = (Operator.BELOW, Operator.ABOVE)
_THERE = (Operator.EXISTS, Operator.EXISTS_NOT)
ALLOWED: dict[Subject, tuple[Operator, ...]] = {
    Subject.STATUS: (Operator.IS, Operator.IS_NOT),
    Subject.HEADER: (*_TEXT, *_NUMBER, *_THERE),
    Subject.BODY: _TEXT,
    Subject.JSON: (*_TEXT, *_NUMBER, *_THERE),
    Subject.SCHEMA: (Operator.MATCHES,),
    Subject.SELECTOR: (*_TEXT, *_THERE),
    Subject.TITLE: _TEXT,
    Subject.WEIGHT: _NUMBER,
    Subject.LATENCY: _NUMBER,
    Subject.CERTIFICATE: _NUMBER,
}
_TARGETED = {Subject.HEADER, Subject.SELECTOR}
_WORDS = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.CONTAINS_NOT: "does not contain",
    Operator.MATCHES: "matches",
    Operator.BELOW: "is below",
    Operator.ABOVE: "is above",
    Operator.EXISTS: "is there",
    Operator.EXISTS_NOT: "is not there",
}
_UNITS = {Subject.WEIGHT: " bytes", Subject.LATENCY: " ms", Subject.CERTIFICATE: " days"}


class BadAssertion(ValueError):
    """The assertion cannot be checked; the text is for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """One thing that must hold.

    Raises:
        BadAssertion: for an operator the subject does not have, a pattern, path, selector, schema or number that cannot be read.
    """

    subject: Subject
    operator: Operator
    value: str = ""
    target: str = ""
    warns: bool = False  # whether a failure means degraded, not down

    def __post_init__(self) -> None:
        _check(self)

    @property
    def words(self) -> str:
        """What is asserted, as a sentence without its subject's value: "header content-type contains text/html"."""
        named = f"{self.subject} {self.target}".strip()
        if self.subject is Subject.SCHEMA:
            return "the body follows the JSON Schema"
        value = "" if self.operator in _THERE else f" {_shortened(self.value)}"
        return f"{named} {_WORDS[self.operator]}{value}{_UNITS.get(self.subject, '')}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check got: the last exchange, and what its connection told."""

    exchange: Exchange
    certificate_days: float | None = None  # None: no TLS


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one assertion held. `found` is cut to 200 characters."""

    assertion: Assertion
    held: bool
    found: str
    problem: str = ""  # why it could not be looked at: "the body is not JSON"; it did not hold then


def check(assertion: Assertion, answer: Answer) -> Finding:
    """Look at one answer. Never raises: what cannot be looked at did not hold."""
    try:
        found = _look(assertion, answer)
    except Unlooked as error:
        return Finding(assertion, False, "", str(error))
    if assertion.subject is Subject.SCHEMA:
        return _by_schema(assertion, found)
    try:
        held = _holds(assertion, found)
    except TimeoutError:
        return Finding(assertion, False, _shown(found), f"the pattern took more than {PATTERN_TIMEOUT_S:g} s")
    except ValueError:
        return Finding(assertion, False, _shown(found), "it is not a number")
    return Finding(assertion, held, _shown(found))


class Unlooked(Exception):
    """What is asserted of cannot be had from this answer."""


class Absent:
    """Stands for what is not there."""


ABSENT = Absent()

# RFC 9535 without match() and search(): their patterns would run without a time limit. The operator "matches" has one.
_PATHS = jsonpath_rfc9535.JSONPathEnvironment()
del _PATHS.function_extensions["match"], _PATHS.function_extensions["search"]
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")


def _look(assertion: Assertion, answer: Answer) -> Any:
    exchange, target = answer.exchange, assertion.target
    match assertion.subject:
        case Subject.STATUS:
            return exchange.status
        case Subject.HEADER:
            values = header_values(exchange.response.headers, target) if exchange.response else []
            return ", ".join(values) if values else ABSENT
        case Subject.BODY:
            return exchange.text()
        case Subject.JSON:
            return json_at(json_of(exchange), target)
        case Subject.SCHEMA:
            return json_of(exchange)
        case Subject.SELECTOR:
            node = element_at(exchange, target)
            return node.text(separator=" ", strip=True) if node else ABSENT
        case Subject.TITLE:
            node = element_at(exchange, "title")
            return node.text(strip=True) if node else ""
        case Subject.WEIGHT:
            if exchange.truncated:
                raise Unlooked(f"the body is larger than the {len(exchange.body)} bytes that are read")
            return len(exchange.body)
        case Subject.LATENCY:
            return round(exchange.timing.total_ms, 1)
        case Subject.CERTIFICATE:
            if answer.certificate_days is None:
                raise Unlooked("the connection is not encrypted")
            return round(answer.certificate_days, 1)


def element_at(exchange: Exchange, selector: str) -> LexborNode | None:
    """Return the first element that a CSS selector finds in the body, read as HTML."""
    # The parser's time grows with the square of the depth: without the cut, 1 MB of open tags would take minutes.
    return LexborHTMLParser(shallow(exchange.text().replace("\0", ""))).css_first(selector)


def json_of(exchange: Exchange) -> Any:
    """Return the body read as JSON. Raises Unlooked when it is none, or too large."""
    if exchange.truncated or len(exchange.body) > _MAX_JSON_BYTES:
        raise Unlooked("the body is too large to be read as JSON")
    try:
        return json.loads(exchange.text())
    except (ValueError, RecursionError):
        raise Unlooked("the body is not JSON") from None


def json_at(data: Any, path: str) -> Any:
    """Return the value at a path: the only one, or the list of all; ABSENT when there is none."""
    values = all_at(data, path)
    return ABSENT if not values else values[0] if len(values) == 1 else values


def all_at(data: Any, path: str) -> list[Any]:
    """Return every value at a JSONPath; the data itself for no path. Raises Unlooked when the body is nested too deeply."""
    if not path:
        return [data]
    try:
        compiled = _path(path)
        nodes: Iterable[jsonpath_rfc9535.JSONPathNode] = [_Step(data, (), None, data, [0])]
        for segment in compiled.segments:
            nodes = segment.resolve(nodes)
        return [node.value for node in nodes]
    except (jsonpath_rfc9535.JSONPathError, RecursionError):
        raise Unlooked("the path cannot be followed in this body") from None


class _Step(jsonpath_rfc9535.JSONPathNode):
    """A place on the way, which counts how many there were: "$..*..*..*" takes a power of the body's size."""

    __slots__ = ("_count",)

    def __init__(self, value: object, location: tuple[int | str, ...], parent: Any, root: Any, count: list[int]) -> None:
        super().__init__(value=value, location=location, parent=parent, root=root)
        self._count = count

    def new_child(self, value: object, key: int | str, parent: Any) -> "_Step":
        self._count[0] += 1
        if self._count[0] > MAX_PATH_STEPS:
            raise Unlooked("the path leads to too many places in this body")
        return _Step(value, (), parent, self.root, self._count)


def takes_long(path: str) -> bool:
    """Whether a JSONPath may take long even in a small body."""
    return path.count("..") > 1


def _by_schema(assertion: Assertion, data: Any) -> Finding:
    try:
        error = next(_schema(assertion.value).iter_errors(data), None)
    except ValueError:  # deeper than the validator follows
        return Finding(assertion, False, "", "the body is nested too deeply")
    if error is None:
        return Finding(assertion, True, "it does")
    place = "/".join(map(str, error.instance_path))
    return Finding(assertion, False, _shortened(f"{f'/{place}: ' if place else ''}{error.message}"))


def _holds(assertion: Assertion, found: Any) -> bool:
    operator, value = assertion.operator, assertion.value
    if operator in _THERE:
        return (found is not ABSENT) == (operator is Operator.EXISTS)
    if found is ABSENT:
        return operator in (Operator.IS_NOT, Operator.CONTAINS_NOT)
    if assertion.subject is Subject.STATUS:
        return any(found in span for span in _ranges(value)) == (operator is Operator.IS)
    if operator in _NUMBER:
        if isinstance(found, bool):
            raise ValueError
        number = float(found)
        return number < float(value) if operator is Operator.BELOW else number > float(value)
    text = plain(found)
    match operator:
        case Operator.IS:
            return text == value
        case Operator.IS_NOT:
            return text != value
        case Operator.CONTAINS:
            return value in text
        case Operator.CONTAINS_NOT:
            return value not in text
        case _:
            return pattern(value).search(text, timeout=PATTERN_TIMEOUT_S) is not None


def plain(found: Any) -> str:
    """Return a value as people write it: texts bare, the rest as JSON."""
    if type(found) is int:  # a status, most of the time
        return str(found)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _shown(found: Any) -> str:
    return "nothing" if found is ABSENT else _shortened(plain(found))


def _shortened(text: str) -> str:
    # JSON may escape half a surrogate pair, which no page, log or database takes.
    text = text[: MAX_FOUND_CHARS + 1].encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_FOUND_CHARS else f"{text[: MAX_FOUND_CHARS - 1]}…"


# Reading what users wrote.


def _check(assertion: Assertion) -> None:
    subject, operator, value = assertion.subject, assertion.operator, assertion.value
    if operator not in ALLOWED[subject]:
        raise BadAssertion(f"“{_WORDS[operator]}” cannot be asserted of {subject}.")
    if subject in _TARGETED and not assertion.target:
        raise BadAssertion("Say which header." if subject is Subject.HEADER else "Write a CSS selector.")
    if subject is Subject.STATUS:
        _ranges(value)
    elif subject is Subject.SCHEMA:
        _schema(value)
    elif operator is Operator.MATCHES:
        pattern(value)
    elif operator in _NUMBER:
        _number(value)
    if subject is Subject.JSON and assertion.target:
        _path(assertion.target)
    if subject is Subject.SELECTOR:
        try:
            LexborHTMLParser("<p></p>").css_first(assertion.target)
        except (SelectolaxError, ValueError):
            raise BadAssertion(f"“{_shortened(assertion.target)}” is not a CSS selector.") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e15:
        raise BadAssertion(f"“{_shortened(text)}” is not a number.")
    return number


@lru_cache(maxsize=256)
def _ranges(text: str) -> tuple[range, ...]:
    """Read "200-299, 304"."""
    spans = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        high = high.strip() if dash else low
        low = low.strip()
        if not (low.isdecimal() and high.strip().isdecimal() and 100 <= int(low) <= int(high) <= 599):
            raise BadAssertion(f"“{_shortened(text)}” does not list statuses, like 200-299, 304.")
        spans.append(range(int(low), int(high) + 1))
    return tuple(spans)


@lru_cache(maxsize=256)
def pattern(text: str) -> "regex.Pattern[str]":
    """Return a compiled pattern, to be searched with `timeout=PATTERN_TIMEOUT_S`. Raises BadAssertion for what is none."""
    try:
        return regex.compile(text)
    except (regex.error, RecursionError) as error:
        raise BadAssertion(f"This is not a regular expression: {error}.") from None


@lru_cache(maxsize=256)
def _path(text: str) -> jsonpath_rfc9535.JSONPathQuery:
    _, is_filter, behind = _QUOTED.sub("", text).partition("?")
    if is_filter and (".." in behind or "$" in behind):  # asked anew of each place: the square of the body's size, or more
        raise BadAssertion("Behind the ? of a filter neither .. nor $ can stand: on a large body that would take too long.")
    try:
        return _PATHS.compile(text)
    except (jsonpath_rfc9535.JSONPathError, RecursionError) as error:
        raise BadAssertion(f"This is not a JSONPath: {error}.") from None


@lru_cache(maxsize=64)
def _schema(text: str) -> jsonschema_rs.Validator:
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict | bool):
            raise BadAssertion("A JSON Schema is an object.")
        # offline: a $ref to another address is never fetched. RegexOptions: patterns run in an engine without backtracking.
        return jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise BadAssertion(f"This is not a JSON Schema that can be used: {_shortened(str(error).splitlines()[0])}") from None
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, BadAssertion) else BadAssertion("The schema is not JSON.") from None

"""What a field of a form is, as data: from it the form is drawn, filled from plain JSON, and read back into it.

A path names a place in the JSON below its owner: "ask.url". An owner is the whole draft, or one row of a list.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Shape(StrEnum):
    """How a value is typed, and what it is in JSON."""

    TEXT = "text"  # a string without space around it
    RAW = "raw"  # a string as typed
    ADDRESS = "address"
    HOST = "host"
    SECRET = "secret"  # hidden while typed; or picked from the vault
    SECRET_AREA = "secret_area"
    AREA = "area"
    NUMBER = "number"
    SPAN = "span"  # seconds, typed as a number and a unit
    CHECK = "check"
    TRI = "tri"  # yes, no, either: true, false, null
    CHOICE = "choice"
    FLAG = "flag"  # yes or no, as a choice between two words
    LINES = "lines"  # one string a line: a list
    WORDS = "words"  # parted by commas: a list
    PAIRS = "pairs"  # "Name: value" a line: a list of pairs


class Special(StrEnum):
    """What stands for no value of its own."""

    KEEP = "keep"  # the empty text is written as it is
    LEFT_OUT = "left out"  # nothing is written


# (a field of the same owner, values): all of these must hold for a field to be shown.
When = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. Two fields may share a path, when they are never shown together."""

    path: str
    label: str
    shape: Shape = Shape.TEXT
    start: Any = ""  # JSON of a new form
    hint: str = ""
    placeholder: str = ""
    options: str = ""  # name of a list of choices
    options_by: tuple[str, dict[str, str]] | None = None  # or by the value of another field
    when: When = ()
    empty: Any = Special.KEEP  # what an empty text is written as
    absent: Any = Special.LEFT_OUT  # what is written while it is not shown
    switch: bool = False  # without a value, the object it stands in is null
    steers: bool = False  # others are shown by its value
    virtual: tuple[str, str] | None = None  # of the form alone, never written: (field, what this one holds when that one is not empty)
    owns: str = ""  # the beginning of a sentence about the whole that is about this field
    width: str = ""  # "s", "m", or all there is
    bare: bool = False  # its label is for screen readers alone


@dataclass(frozen=True, slots=True)
class Part:
    """Fields side by side."""

    fields: tuple[Field, ...]
    title: str = ""
    advanced: bool = False  # folded
    sentence: bool = False  # labels and fields read as one sentence


@dataclass(frozen=True, slots=True)
class Rows:
    """A list that the user adds to. Each row is a line of fields."""

    path: str
    title: str
    one: str  # "header"
    fields: tuple[Field, ...]
    hint: str = ""  # shown while there are none
    most: int = 30
    start: tuple[Any, ...] = ()  # JSON of a new form
    fresh: Any = field(default_factory=dict)  # JSON of a new row
    pair: bool = False  # a row is a list of two
    skips: bool = False  # a row in which nothing is typed is left out
    ordered: bool = False  # rows can be moved up
    advanced: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A card of the form."""

    title: str
    parts: tuple[Part | Rows, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list of which each item is a card of its own: the steps of a flow."""

    path: str
    one: str  # "Step"
    parts: tuple[Part | Rows, ...]
    most: int = 20
    start: tuple[Any, ...] = ({},)
    fresh: Any = field(default_factory=dict)


Sections = tuple[Section | Repeated, ...]

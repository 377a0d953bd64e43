"""A form as it is drawn: cards, blocks, rows and fields, each with what is wrong with it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.state.form_fields import Field, Part, Repeated, Rows, Section, Sections, Shape
from app.state.form_values import UNIT, Form

_LOOKS = {
    Shape.FLAG: "choice", Shape.TRI: "choice", Shape.LINES: "area", Shape.PAIRS: "area", Shape.CHOICE: "choice", Shape.CHECK: "check",
    Shape.AREA: "area", Shape.SECRET: "secret", Shape.SECRET_AREA: "area", Shape.SPAN: "span",
}  # fmt: skip
_MODES = {Shape.NUMBER: "decimal", Shape.ADDRESS: "url"}
_PLAIN = (Shape.TEXT, Shape.NUMBER, Shape.WORDS, Shape.CHOICE, Shape.SPAN)  # the rest is written in the type of code


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field. Its value stands here as it was filled; what is typed stays in the browser, and a typed secret never comes back."""

    path: str  # its name, and its id
    key: str
    look: str  # "text", "live" (told when it is left), "area", "secret", "choice", "found" (searched for), "check", "span"
    label: str
    value: str = ""
    error: str = ""
    hint: str = ""
    placeholder: str = ""
    options: str = ""
    unit: str = ""
    mode: str = "text"
    classes: str = ""
    bare: bool = False


@dataclass(frozen=True, slots=True)
class RowView:
    path: str
    key: str
    said: str  # "header 2"
    fields: list[FieldView]
    error: str = ""
    up: bool = False  # whether it can be moved up


@dataclass(frozen=True, slots=True)
class BlockView:
    """Fields side by side, or a list with its rows."""

    key: str
    path: str  # of a list; "" for fields
    title: str
    look: str = ""  # "sentence": labels and fields read as one
    fields: list[FieldView] = field(default_factory=list)
    rows: list[RowView] = field(default_factory=list)
    add: str = ""  # "Add header"
    full: bool = False
    hint: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class CardView:
    key: str
    title: str
    path: str = ""  # of a repeated card's row
    hint: str = ""
    blocks: list[BlockView] = field(default_factory=list)
    folded: list[BlockView] = field(default_factory=list)  # "Advanced"
    opened: bool = False  # whether it stands open: something in it is wrong
    error: str = ""
    up: bool = False
    removable: bool = False
    add: str = ""  # on the last of repeated cards: "Add step"
    list_path: str = ""


def view(sections: Sections, form: Form, errors: Mapping[str, str], *, filled: int) -> list[CardView]:
    """Return the cards of a form. `filled` rises when every field is to be filled anew."""
    drawing = _Drawing(form, errors, filled)
    cards: list[CardView] = []
    for number, section in enumerate(sections):
        if isinstance(section, Section):
            cards.append(drawing.card(str(number), section.title, section.parts, "", hint=section.hint))
        else:
            cards += drawing.repeated(section)
    return cards


@dataclass(frozen=True, slots=True)
class _Drawing:
    form: Form
    errors: Mapping[str, str]
    filled: int

    def repeated(self, section: Repeated) -> Iterator[CardView]:
        numbers = self.form.rows.get(section.path, [])
        for place, number in enumerate(numbers):
            path, last = f"{section.path}.{number}", place == len(numbers) - 1
            add = f"Add {section.one.lower()}" if last and len(numbers) < section.most else ""
            yield self.card(
                path, f"{section.one} {place + 1}", section.parts, f"{path}.", path=path, up=place > 0, removable=len(numbers) > 1,
                add=add, list_path=section.path,
            )  # fmt: skip

    def card(self, key: str, title: str, parts: tuple[Part | Rows, ...], owner: str, **more: Any) -> CardView:
        blocks: list[BlockView] = []
        folded: list[BlockView] = []
        for number, part in enumerate(parts):
            block = self.block(f"{key}-{number}", part, owner)
            if block is not None:
                (folded if part.advanced else blocks).append(block)
        wrong = any(block.error or any(one.error for one in block.fields) or any(map(_wrong, block.rows)) for block in folded)
        return CardView(
            f"{self.filled}-{key}", title, blocks=blocks, folded=folded, opened=wrong, error=self.errors.get(more.get("path") or "-", ""),
            **more,
        )  # fmt: skip

    def block(self, key: str, part: Part | Rows, owner: str) -> BlockView | None:
        if isinstance(part, Part):
            fields = self.fields(part.fields, owner)
            return BlockView(key, "", part.title, "sentence" if part.sentence else "", fields) if fields else None
        path = owner + part.path
        numbers = self.form.rows.get(path, [])
        rows = [
            RowView(
                f"{path}.{number}",
                f"{self.filled}-{number}",
                f"{part.one} {place + 1}",
                self.fields(part.fields, f"{path}.{number}."),
                self.errors.get(f"{path}.{number}", ""),
                part.ordered and place > 0,
            )
            for place, number in enumerate(numbers)
        ]
        full = len(numbers) >= part.most
        return BlockView(key, path, part.title, "", [], rows, f"Add {part.one}", full, part.hint, self.errors.get(path, ""))

    def fields(self, fields: tuple[Field, ...], owner: str) -> list[FieldView]:
        return [self.field(one, owner, place) for place, one in enumerate(fields) if self.form.shown(one, owner)]

    def field(self, one: Field, owner: str, place: int) -> FieldView:
        path, options = owner + one.path, one.options
        if one.options_by:
            named, by = one.options_by
            options = by.get(self.form.text(owner + named), "")
        value = self.form.values.get(path, "")
        if one.shape in (Shape.SECRET, Shape.SECRET_AREA) and "{{" not in value:
            value = ""
        look = _LOOKS.get(one.shape, "live" if one.steers else "text")
        if options == "parents":
            look = "found"
        classes = " ".join(part for part in (f"w-{one.width}" if one.width else "w-l", "" if one.shape in _PLAIN else "code") if part)
        return FieldView(
            path, f"{self.filled}-{path}-{place}-{options}-{value if look == 'secret' else ''}", look, one.label, value,
            self.errors.get(path, ""), one.hint, one.placeholder, options, self.form.values.get(path + UNIT, ""),
            _MODES.get(one.shape, "text"), classes, one.bare,
        )  # fmt: skip


def _wrong(row: RowView) -> bool:
    return bool(row.error) or any(one.error for one in row.fields)


def first_wrong(cards: list[CardView]) -> str:
    """Return the id of the first field at fault, in the order drawn; of a row, that of its first field; "" when nothing is."""
    for card in cards:
        for block in (*card.blocks, *card.folded):
            for one in block.fields:
                if one.error:
                    return one.path
            for row in block.rows:
                if _wrong(row):
                    return next((one.path for one in row.fields if one.error), row.fields[0].path if row.fields else "")
    return ""


def find_rows(sections: Sections, form: Form, path: str) -> tuple[Rows | Repeated, str] | None:
    """Return the list at a path of the form, and the path of its owner. None for what is none, whatever a client sent."""
    for section in sections:
        if isinstance(section, Repeated):
            if section.path == path:
                return section, ""
            owners = [f"{section.path}.{number}." for number in form.rows.get(section.path, ())]
        else:
            owners = [""]
        for owner in owners:
            for part in section.parts:
                if isinstance(part, Rows) and owner + part.path == path:
                    return part, owner
    return None

"""A form and plain JSON, each made from the other by the table of fields.

What is typed stands by the path of its field, in which rows are named by a number that stays with them: so rows can be added, removed
and moved while the rest stays in the browser.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.ask import check_address, check_host
from app.state.form_fields import Field, Part, Repeated, Rows, Sections, Shape, Special

MAX_CHARS = 100_000
UNIT = "~unit"  # of a span, beside its path
_SPANS = (86_400, 3600, 60)
_ON = "on"
_TRI = {True: "yes", False: "no", None: ""}


@dataclass(slots=True)
class Form:
    """What a form holds: texts by path, and the rows of each list in order."""

    values: dict[str, str] = field(default_factory=dict)  # as the fields were filled: what is typed stays in the browser
    typed: dict[str, str] = field(default_factory=dict)  # as they were submitted last: it may hold secrets, and is never shown
    rows: dict[str, list[int]] = field(default_factory=dict)
    next_row: int = 1

    def text(self, path: str) -> str:
        return self.typed.get(path, self.values.get(path, ""))

    def put(self, path: str, text: str) -> None:
        """Fill a field anew."""
        self.values[path] = text
        self.typed.pop(path, None)

    def shown(self, one: Field, owner: str) -> bool:
        """Whether a field is there, by what others hold."""
        return all(self.text(owner + path) in values for path, values in one.when)


@dataclass(frozen=True, slots=True)
class Collected:
    """What was read from a form: JSON, where each place of it is in the form, and what cannot be written as JSON."""

    json: dict[str, Any]
    places: dict[str, str]
    errors: dict[str, str]  # by path of the form


# From JSON to the form.


def fill(sections: Sections, json: Mapping[str, Any] | None = None) -> Form:
    """Return the form of a draft; without one, of a new one."""
    form = Form()
    for section in sections:
        _fill_parts((section,) if isinstance(section, Repeated) else section.parts, json, "", form)
    return form


def _fill_parts(parts: tuple[Any, ...], json: Any, owner: str, form: Form) -> None:
    for part in parts:
        if isinstance(part, Part):
            for one in part.fields:
                _fill_field(one, json, owner, form)
            continue
        given = _at(json, part.path) if json is not None else Special.LEFT_OUT
        items = part.start if given is Special.LEFT_OUT else given
        form.rows[owner + part.path] = []
        for item in items or ():
            add_row(part, owner, form, item)


def add_row(rows: Rows | Repeated, owner: str, form: Form, item: Any = None) -> str:
    """Add a row at the end and return its path. `item`: its JSON; without it, that of a new row."""
    number, form.next_row = form.next_row, form.next_row + 1
    form.rows.setdefault(owner + rows.path, []).append(number)
    path = f"{owner}{rows.path}.{number}"
    given = rows.fresh if item is None else item
    if isinstance(given, list | tuple):
        given = {str(place): value for place, value in enumerate(given)}
    _fill_parts(rows.parts if isinstance(rows, Repeated) else (Part(rows.fields),), given, f"{path}.", form)
    return path


def _fill_field(one: Field, json: Any, owner: str, form: Form) -> None:
    path, value = owner + one.path, _at(json, one.path) if json is not None else Special.LEFT_OUT
    if one.virtual:
        named, holds = one.virtual
        form.values[path] = holds if json is not None and _at(json, named) not in ("", Special.LEFT_OUT) else one.start
        return
    if value is Special.LEFT_OUT:
        if path in form.values:
            return  # another field of the same path
        value = one.start
    text = form.values[path] = _text(one.shape, value)
    if one.shape is Shape.SPAN:
        form.values[path], form.values[path + UNIT] = _span(value, text)


def _at(json: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(json, Mapping) or name not in json:
            return Special.LEFT_OUT
        json = json[name]
    return json


def _text(shape: Shape, value: Any) -> str:
    match shape:
        case Shape.CHECK | Shape.FLAG:
            return _ON if value else ""
        case Shape.TRI:
            return _TRI.get(value, "")
        case Shape.LINES:
            return "\n".join(map(str, value or ()))
        case Shape.WORDS:
            return ", ".join(map(str, value or ()))
        case Shape.PAIRS:
            return "\n".join(f"{name}: {text}" for name, text in value or ())
        case _ if value is None:
            return ""
        case Shape.NUMBER | Shape.SPAN:
            return f"{value:g}" if isinstance(value, float) else str(value)
        case _:
            return str(value)


def _span(value: Any, text: str) -> tuple[str, str]:
    unit = next((one for one in _SPANS if isinstance(value, int | float) and value and value % one == 0), 1)
    return (f"{value / unit:g}" if unit > 1 else text), str(unit)


# From what a browser sent to the form.


def take(sections: Sections, form: Form, sent: Mapping[str, Any]) -> None:
    """Put what was submitted into the form. Fields that are not shown keep what they held; what is no text counts as not sent."""
    for one, owner in fields_of(sections, form):
        path = owner + one.path
        for name in (path, path + UNIT) if one.shape is Shape.SPAN else (path,):
            value = sent.get(name)
            if isinstance(value, str):
                # A form is submitted with CRLF at the end of its lines.
                form.typed[name] = value[:MAX_CHARS].replace("\r\n", "\n")
            elif one.shape is Shape.CHECK:
                form.typed[name] = ""


def fields_of(sections: Sections, form: Form) -> Iterator[tuple[Field, str]]:
    """Yield every field that is shown, with the path of its owner ("" or one that ends with a dot)."""
    for section in sections:
        yield from _fields((section,) if isinstance(section, Repeated) else section.parts, "", form)


def _fields(parts: tuple[Any, ...], owner: str, form: Form) -> Iterator[tuple[Field, str]]:
    for part in parts:
        if isinstance(part, Part):
            yield from ((one, owner) for one in part.fields if form.shown(one, owner))
            continue
        below = part.parts if isinstance(part, Repeated) else (Part(part.fields),)
        for number in form.rows.get(owner + part.path, ()):
            yield from _fields(below, f"{owner}{part.path}.{number}.", form)


# From the form to JSON.


def collect(sections: Sections, form: Form) -> Collected:
    """Return the draft as JSON. It is not judged: services do that."""
    read = Collected({}, {}, {})
    for section in sections:
        _collect_parts((section,) if isinstance(section, Repeated) else section.parts, "", "", read.json, form, read)
    return read


def _collect_parts(parts: tuple[Any, ...], owner: str, place: str, into: dict[str, Any], form: Form, read: Collected) -> None:
    off: list[str] = []
    for part in parts:
        if isinstance(part, Part):
            off += [path for one in part.fields if (path := _collect_field(one, owner, place, into, form, read))]
            continue
        items: list[Any] = []
        read.places[place + part.path] = owner + part.path
        below = part.parts if isinstance(part, Repeated) else (Part(part.fields),)
        for number in form.rows.get(owner + part.path, ()):
            row = f"{owner}{part.path}.{number}"
            if isinstance(part, Rows) and part.skips and _blank(part, row, form):
                continue
            item: dict[str, Any] = {}
            read.places[f"{place}{part.path}.{len(items)}"] = row
            _collect_parts(below, f"{row}.", f"{place}{part.path}.{len(items)}.", item, form, read)
            items.append([item.get("0", ""), item.get("1", "")] if isinstance(part, Rows) and part.pair else item)
        _put(into, part.path, items)
    for path in off:
        _put(into, path.rpartition(".")[0], None)


def _collect_field(one: Field, owner: str, place: str, into: dict[str, Any], form: Form, read: Collected) -> str:
    """Write one field; return its path when it switches off the object it stands in."""
    path = owner + one.path
    if one.virtual:
        read.places[place + one.path] = path
        return ""
    if not form.shown(one, owner):
        if one.absent is not Special.LEFT_OUT:
            _put(into, one.path, one.absent)
        return ""
    read.places[place + one.path] = path
    text = form.text(path)
    if one.switch and not text:
        return one.path
    try:
        value = _value(one, text, form.text(path + UNIT) or "1")
    except ValueError as error:
        read.errors[path] = str(error)
        return ""
    _put(into, one.path, value)
    return ""


def _blank(rows: Rows, row: str, form: Form) -> bool:
    return not any(form.text(f"{row}.{one.path}").strip() for one in rows.fields if one.shape not in (Shape.CHOICE, Shape.FLAG))


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    *names, last = path.split(".")
    for name in names:
        into = into.setdefault(name, {})
    into[last] = value


def _value(one: Field, text: str, unit: str) -> Any:
    shape = one.shape
    if shape not in (Shape.RAW, Shape.AREA, Shape.SECRET, Shape.SECRET_AREA, Shape.LINES, Shape.PAIRS):
        text = text.strip()
    if not text and one.empty is not Special.KEEP:
        return one.empty
    match shape:
        case Shape.CHECK | Shape.FLAG:
            return bool(text)
        case Shape.TRI:
            return {"yes": True, "no": False}.get(text)
        case Shape.NUMBER:
            return _number(text)
        case Shape.SPAN:
            seconds = _number(text) * _number(unit)
            return int(seconds) if seconds == int(seconds) else seconds
        case Shape.LINES:
            return [line.strip() for line in text.splitlines() if line.strip()]
        case Shape.WORDS:
            return [word.strip() for word in text.split(",") if word.strip()]
        case Shape.PAIRS:
            return [_pair(line) for line in text.splitlines() if line.strip()]
        case _:
            return text


def _number(text: str) -> float:
    try:
        number = float(text)
        if abs(number) < 1e12:
            return int(number) if number == int(number) else number
    except ValueError:
        pass
    raise ValueError(f"“{text[:40]}” is not a number." if text else "Enter a number.")


def _pair(line: str) -> list[str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"“{line[:60]}” is not a header. Write one a line, like X-Requested-With: fetch.")
    return [name.strip(), value.strip()]


# Where an error belongs.


def blame(sections: Sections, form: Form, places: Mapping[str, str], errors: Mapping[str, str]) -> dict[str, str]:
    """Return errors by the form's paths: a field, a row, a card ("" for the whole).

    Services name places of the JSON, and what is wrong with an address by the object it stands in: the field is found by asking each
    address below it for the same sentence.
    """
    found: dict[str, str] = {}
    shown = [(one, owner + one.path) for one, owner in fields_of(sections, form)]
    fields = {path for _, path in shown}
    for place, text in errors.items():
        path = _nearest(place, places)
        if path not in fields:
            below = [(one, at) for one, at in shown if not path or at.startswith(f"{path}.")]
            path = next((at for one, at in below if _says(one, form.text(at), text)), path)
        found.setdefault(path, text)
    return found


def _nearest(place: str, places: Mapping[str, str]) -> str:
    names = place.split(".")
    while names:
        # A union's place holds the name of the alternative: "auth.basic.password".
        for kept in (names, *(names[:skip] + names[skip + 1 :] for skip in range(1, len(names) - 1))):
            if ".".join(kept) in places:
                return places[".".join(kept)]
        names.pop()
    return ""


_SCHEMES: tuple[tuple[str, ...], ...] = (("http", "https"), ("ws", "wss"))


def _says(one: Field, text: str, sentence: str) -> bool:
    if one.owns and sentence.startswith(one.owns):
        return True
    checks: list[Callable[[], None]] = []
    if one.shape is Shape.HOST:
        checks = [lambda: check_host(text)]
    elif one.shape in (Shape.ADDRESS, Shape.TEXT) and ("url" in one.path or "origin" in one.path or "issuer" in one.path):
        checks = [lambda schemes=schemes: check_address(text, schemes) for schemes in _SCHEMES]
    for check in checks:
        try:
            check()
        except ValueError as error:
            if str(error) == sentence:
                return True
    return f"“{text.strip()[:80]}” is not an origin" in sentence if text.strip() else False

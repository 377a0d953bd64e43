"""What a form or a program writes to have something watched, checked at the door with all errors by field. Pure."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

from app.core import checks, placeholders
from app.core.checks import BadCheck, Check, FlowCheck, Kind, WebSocketCheck
from app.core.incident import Thresholds
from app.core.schedule import MAX_INTERVAL_MS, MIN_INTERVAL_MS
from app.services import names
from app.services.errors import FieldError, Invalid

MAX_NOTES_CHARS = 4000
MAX_TAGS = 20
MAX_LABELS = 20
MAX_TAG_CHARS = 60
MAX_VALUE_CHARS = 120
MAX_RETRIES = 10
MAX_RETRY_INTERVAL_S = 300
MIN_TIMEOUT_S = 0.5
# How long one check may take. A flow has up to twenty requests, a scan dozens; a socket is held open for up to two minutes.
MAX_TIMEOUT_S = 120
LONGER_TIMEOUT_S = {Kind.FLOW: 300, Kind.SCAN: 900, Kind.WEBSOCKET: 180}
MAX_CONFIGURATION_CHARS = 250_000
_MAX_ERRORS = 50
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Draft:
    """A monitor as it is written. Nothing is checked yet: a client may have put anything into any field."""

    name: str
    kind: str
    check: dict[str, Any]  # plain JSON for `app.core.checks.parse`
    interval_s: float = 60
    timeout_s: float = 10
    retries: int = 0
    retry_interval_s: float = 5
    down: int = 2
    down_of: int = 2
    up: int = 1
    up_of: int = 1
    upside_down: bool = False
    site_id: str = ""  # public ids; "" for none
    group_id: str = ""
    parent_id: str = ""
    tags: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    notes: str = ""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A draft that can be stored. Site, group and parent are still names of what may not exist."""

    name: str
    check: Check
    interval_ms: int
    timeout_ms: int
    retries: int
    retry_interval_ms: int
    thresholds: Thresholds
    upside_down: bool
    site_id: str
    group_id: str
    parent_id: str
    tags: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    notes: str
    paused: bool


@dataclass(slots=True)
class Faults:
    """What is wrong with which field, gathered."""

    errors: list[FieldError] = field(default_factory=list)

    def add(self, name: str, text: str) -> None:
        self.errors.append(FieldError(name, text))

    def take(self, read: Callable[[], Made]) -> Made | None:
        """Return what `read` returns; None when it refused, which is noted."""
        try:
            return read()
        except Invalid as error:
            self.errors.extend(error.errors)
            return None

    def raise_any(self) -> None:
        if self.errors:
            first, *rest = self.errors[:_MAX_ERRORS]
            raise Invalid(first.field, first.message, *rest)


def read(draft: Draft) -> Form:
    """Return what can be stored. Raises Invalid with every field at fault; those of the check as "check.<path>"."""
    faults = Faults()
    name = faults.take(lambda: names.name(draft.name, "name"))
    kind = faults.take(lambda: read_kind(draft.kind))
    check = faults.take(lambda: read_check(kind, draft.check)) if kind else None
    interval_ms = faults.take(lambda: read_interval(draft.interval_s))
    timeout_ms = faults.take(lambda: read_timeout(draft.timeout_s, kind, interval_ms))
    if check is not None and timeout_ms is not None:
        faults.take(lambda: check_time(check, timeout_ms))
    retries = faults.take(lambda: read_retries(draft.retries))
    pause_ms = faults.take(lambda: milliseconds(draft.retry_interval_s, "retry_interval_s", 0, MAX_RETRY_INTERVAL_S))
    thresholds = faults.take(lambda: read_thresholds(draft.down, draft.down_of, draft.up, draft.up_of))
    tags = faults.take(lambda: read_tags(draft.tags))
    labels = faults.take(lambda: read_labels(draft.labels, tags or ()))
    notes = faults.take(lambda: read_notes(draft.notes))
    for switch in ("upside_down", "paused"):
        if not isinstance(getattr(draft, switch), bool):
            faults.add(switch, "This is either on or off.")
    faults.raise_any()
    assert name is not None
    assert check is not None
    assert interval_ms is not None
    assert timeout_ms is not None
    assert retries is not None
    assert pause_ms is not None
    assert thresholds is not None
    assert tags is not None
    assert labels is not None
    assert notes is not None
    return Form(
        name, check, interval_ms, timeout_ms, retries, pause_ms, thresholds, draft.upside_down,
        draft.site_id, draft.group_id, draft.parent_id, tags, labels, notes, draft.paused,
    )  # fmt: skip


def read_kind(kind: object) -> Kind:
    if isinstance(kind, str) and kind in set(Kind):
        return Kind(kind)
    raise Invalid("kind", f"There is no such kind. Choose one of {', '.join(Kind)}.")


def read_check(kind: Kind, values: object) -> Check:
    """Return the configuration. Raises Invalid for each "check.<path>" that cannot be used."""
    if not isinstance(values, dict):
        raise Invalid("check", "The configuration is an object.")
    try:
        check = checks.parse(kind, values)
        size = len(json.dumps(checks.dump(check)))
    except BadCheck as error:
        first, *rest = [FieldError("check" if name == "check" else f"check.{name}", text) for name, text in error.errors.items()][
            :_MAX_ERRORS
        ]
        raise Invalid(first.field, first.message, *rest) from error
    except (ValueError, RecursionError) as error:
        raise Invalid("check", "The configuration is nested too deeply, or holds what is no text.") from error
    if size > MAX_CONFIGURATION_CHARS:
        raise Invalid("check", f"The configuration has {size} characters; at most {MAX_CONFIGURATION_CHARS} can be kept.")
    if not isinstance(check, FlowCheck):
        for name in sorted(placeholders.names_in(check)):
            if not name.startswith(placeholders.SECRET):
                raise Invalid("check", f"{{{{{name}}}}} stands for nothing here: only the steps of a flow capture values.")
    return check


def number(value: object, name: str, least: float, most: float, unit: str = "") -> float:
    """Return a number within bounds. Raises Invalid for `name`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:  # which NaN is not either
        raise Invalid(name, f"Write a number from {least:g} to {most:g}{unit}.")
    return value


def milliseconds(seconds: object, name: str, least_s: float, most_s: float) -> int:
    return round(number(seconds, name, least_s, most_s, " seconds") * 1000)


def whole(value: object, name: str, least: int, most: int) -> int:
    """Return a whole number within bounds. Raises Invalid for `name`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Invalid(name, f"Write a whole number from {least} to {most}.")
    return value


def read_interval(seconds: object) -> int:
    return milliseconds(seconds, "interval_s", MIN_INTERVAL_MS / 1000, MAX_INTERVAL_MS / 1000)


def longest_timeout_s(kind: Kind | None) -> int:
    return LONGER_TIMEOUT_S.get(kind, MAX_TIMEOUT_S) if kind else MAX_TIMEOUT_S


def read_timeout(seconds: object, kind: Kind | None, interval_ms: int | None) -> int:
    """Return a timeout that ends before the next check is due."""
    longest_s = longest_timeout_s(kind)
    timeout_ms = milliseconds(seconds, "timeout_s", MIN_TIMEOUT_S, longest_s)
    if interval_ms is not None and timeout_ms > interval_ms:
        text = f"The timeout is longer than the interval of {interval_ms / 1000:g} s. A check ends before the next is due."
        raise Invalid("timeout_s", text)
    return timeout_ms


def check_time(check: Check, timeout_ms: int) -> None:
    """Raise Invalid when a check cannot do within its timeout what it is to do."""
    if isinstance(check, WebSocketCheck) and check.hold_s * 1000 >= timeout_ms:
        text = f"To be held open for {check.hold_s:g} s, the check needs a timeout that is longer than that."
        raise Invalid("check.hold_s", text)


def read_retries(value: object) -> int:
    return whole(value, "retries", 0, MAX_RETRIES)


def read_thresholds(down: object, down_of: object, up: object, up_of: object) -> Thresholds:
    faults = Faults()
    for name, first, second in (("down", down, down_of), ("up", up, up_of)):
        numbers = [value for value in (first, second) if isinstance(value, int) and not isinstance(value, bool)]
        if len(numbers) < 2:
            faults.add(name, "Write two whole numbers: how many of how many checks.")
            continue
        try:
            Thresholds(down=numbers[0], down_of=numbers[1])
        except ValueError as error:
            faults.add(name, str(error))
    faults.raise_any()
    assert isinstance(down, int)
    assert isinstance(down_of, int)
    assert isinstance(up, int)
    assert isinstance(up_of, int)
    return Thresholds(down, down_of, up, up_of)


def read_tags(value: object, name: str = "tags") -> tuple[str, ...]:
    """Return tags, each once, in the order given."""
    if not isinstance(value, list | tuple):
        raise Invalid(name, "Tags are a list of words.")
    if len(value) > MAX_TAGS:
        raise Invalid(name, f"At most {MAX_TAGS} tags fit.")
    found: dict[str, str] = {}
    for entry in value:
        tag = names.name(entry, name, most_chars=MAX_TAG_CHARS, empty=True)
        if "," in tag:
            raise Invalid(name, "A comma parts tags, so none can stand in one.")
        if tag:
            found.setdefault(tag.casefold(), tag)
    return tuple(found.values())


def read_labels(value: object, tags: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return labels in the order given; of one name there is one, and no tag is named alike."""
    if not isinstance(value, list | tuple):
        raise Invalid("labels", "Labels are a list of pairs: a name and a value.")
    if len(value) > MAX_LABELS:
        raise Invalid("labels", f"At most {MAX_LABELS} labels fit.")
    taken = {tag.casefold() for tag in tags}
    found: list[tuple[str, str]] = []
    for entry in value:
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise Invalid("labels", "A label is a pair: a name and a value.")
        key = names.name(entry[0], "labels", most_chars=MAX_TAG_CHARS)
        text = names.name(entry[1], "labels", most_chars=MAX_VALUE_CHARS, empty=True)
        if not text:
            raise Invalid("labels", f"The label “{key}” has no value. Without one it is a tag.")
        if key.casefold() in taken:
            raise Invalid("labels", f"There is already a tag or a label named “{key}”.")
        taken.add(key.casefold())
        found.append((key, text))
    return tuple(found)


def read_notes(value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("notes", "Notes are a text.")
    if len(value) > MAX_NOTES_CHARS:
        raise Invalid("notes", f"{len(value)} characters are too many. At most {MAX_NOTES_CHARS} fit.")
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def partial(before: Draft, changes: dict[str, Any]) -> Draft:
    """Return the draft with some fields changed. Raises Invalid for a field that there is none of."""
    known = {entry.name for entry in fields(Draft)}
    for name in changes:
        if name not in known:
            raise Invalid(str(name)[:80], "There is no such field.")
    return replace(before, **changes)


# What suits each kind. Where a check has to name something, that is left empty for whoever writes it.

_DAY_S, _HOUR_S = 86_400, 3600
_DEFAULTS: dict[Kind, dict[str, Any]] = {
    Kind.PAGE: {"check": {"ask": {"url": ""}}},
    Kind.API: {"check": {"ask": {"url": ""}}},
    Kind.FLOW: {"check": {"steps": [{"name": "Sign in", "ask": {"url": ""}}]}, "interval_s": 300, "timeout_s": 60},
    Kind.CORS: {"check": {"call": {"origin": "", "url": ""}}, "interval_s": 300},
    Kind.WEBSOCKET: {"check": {"url": ""}},
    Kind.SOCKETIO: {"check": {"url": ""}},
    Kind.COOKIE: {"check": {"ask": {"url": ""}, "name": ""}, "interval_s": 300},
    Kind.OIDC: {"check": {"issuer": ""}, "interval_s": 300},
    Kind.TLS: {"check": {"host": ""}, "interval_s": _HOUR_S},
    Kind.DOMAIN: {"check": {"domain": ""}, "interval_s": _DAY_S, "timeout_s": 30},
    Kind.DNS: {"check": {"name": ""}, "interval_s": 300},
    Kind.TCP: {"check": {"host": "", "port": 443}},
    Kind.PING: {"check": {"host": ""}},
    Kind.DATABASE: {"check": {"engine": "postgresql", "host": "", "port": 5432}},
    # A call that did not come, or says that it failed, needs no second one to be believed.
    Kind.HEARTBEAT: {"check": {"period_s": 3600, "grace_s": 300}, "down": 1, "down_of": 1},
    # Each of these compares with the run before: what changed is told once, and the next run finds nothing new.
    Kind.SKEW: {"check": {"page_url": ""}, "interval_s": 900, "timeout_s": 30, "down": 1, "down_of": 1},
    Kind.SCAN: {"check": {"page_url": ""}, "interval_s": _DAY_S, "timeout_s": 600, "down": 1, "down_of": 1},
}


def defaults(kind: object) -> Draft:
    """Return a draft with what suits a kind. Raises Invalid for field "kind"."""
    made = read_kind(kind)
    values = json.loads(json.dumps(_DEFAULTS[made]))  # a copy: whoever gets it may write into it
    return Draft(name="", kind=made.value, **values)


def plain(draft: Draft) -> dict[str, Any]:
    """Return the draft as plain JSON values."""
    return asdict(draft) | {"tags": list(draft.tags), "labels": [list(label) for label in draft.labels]}

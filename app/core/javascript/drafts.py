"""One request of a script as far as it is known, and what its recognisers share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.core.javascript.evaluator import Evaluator
from app.core.javascript.modules import CallSite
from app.core.javascript.values import (
    UNDEFINED,
    ClassValue,
    Closure,
    Constant,
    Environment,
    Instance,
    Listing,
    Record,
    Text,
    Unknown,
    Value,
    text_of,
)  # fmt: skip

NOTHING = Record({})
_GET = Text(("GET",))


@dataclass(frozen=True, slots=True)
class Draft:
    """One request as far as it is known: strings may have holes."""

    site: CallSite
    url: Text
    kind: str = "call"  # "call", "websocket", "socketio"
    method: Text = _GET
    headers: Mapping[str, Value] = field(default_factory=dict)
    body: str | None = None
    credentials: str = "same-origin"
    mode: str = "cors"
    redirect: str = "follow"
    is_generic: bool = False  # client.get("/x") of a client that was not seen being made


Recognise = Callable[[Evaluator, CallSite, Environment], Draft | None]


def body_kind(value: Value) -> str | None:
    """Return the kind of a request body, as `Call.body` has it."""
    match value:
        case Constant():
            return None
        case Instance(kind="FormData"):
            return "multipart"
        case Instance(kind="URLSearchParams"):
            return "urlencoded"
        case Instance(kind="Blob" | "File"):
            return "blob"
        case Instance(kind="ArrayBuffer" | "Uint8Array"):
            return "bytes"
        case _:
            return "text"


def fields_of(value: Value) -> dict[str, Value]:
    if isinstance(value, Instance):
        value = value.record
    return dict(value.fields) if isinstance(value, Record) else {}


def word_of(value: Value | None, default: str) -> str:
    return (text_of(value).known if value is not None else None) or default


def argument_of(evaluator: Evaluator, site: CallSite, index: int, env: Environment) -> Value:
    arguments = site.arguments()[: index + 1]
    for place, argument in enumerate(arguments):
        if argument.type == "spread_element":
            spread = evaluator.evaluate(argument.named_children[0] if argument.named_children else None, site.scope, env)
            if not isinstance(spread, Listing):
                return Unknown()
            return spread.items[index - place] if index - place < len(spread.items) else UNDEFINED
    return evaluator.evaluate(arguments[index], site.scope, env) if index < len(arguments) else UNDEFINED


def method_text(fields: Mapping[str, Value], *names: str, default: str = "GET") -> Text:
    for name in names:
        value = fields.get(name)
        if value is not None and value not in (UNDEFINED, Constant(None)):
            return text_of(value)
    return Text((default,))


def is_own_function(evaluator: Evaluator, site: CallSite, env: Environment) -> bool:
    """Whether the called name is a function of the script: then what is inside it counts, not this call."""
    return isinstance(evaluator.evaluate(site.callee, site.scope, env), Closure | ClassValue)

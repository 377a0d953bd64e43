"""A draft as JSON text for people to edit. Secrets that were typed stand in it as dots: nothing that is shown holds one."""

import json
from typing import Any

from app.core.placeholders import HIDDEN, names_in
from app.core.redact import redact_header
from app.services.errors import Invalid

_SECRETS = frozenset({"password", "token", "client_secret", "key"})


def hide(value: Any, place: str = "") -> tuple[Any, dict[str, str]]:
    """Return the draft with dots for every typed secret, and these by their place."""
    hidden: dict[str, str] = {}

    def walk(value: Any, place: str, name: str) -> Any:
        if isinstance(value, dict):
            socket = "namespace" in value  # of Socket.IO: what it says on connecting
            return {key: walk(item, f"{place}.{key}", "password" if socket and key == "auth" else str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            if name == "header" and len(value) == 2 and all(isinstance(part, str) for part in value):
                return [value[0], value[1] if redact_header(*value) == value[1] or names_in(value[1]) else put(value[1], f"{place}.1")]
            return [walk(item, f"{place}.{number}", "header" if name == "headers" else "") for number, item in enumerate(value)]
        return put(value, place) if isinstance(value, str) and value and name in _SECRETS and not names_in(value) else value

    def put(text: str, place: str) -> str:
        hidden[place] = text
        return HIDDEN

    return walk(value, place, ""), hidden


def reveal(text: str, hidden: dict[str, str], most: int) -> dict[str, Any]:
    """Read the text, with the secrets where their dots still stand. Raises Invalid."""
    if len(text) > most:
        raise Invalid("", f"{len(text)} characters are too many. At most {most} fit.")
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("", f"This is not JSON: {error}.") from error
    if not isinstance(read, dict):
        raise Invalid("", "Write an object: {…}.")

    def walk(value: Any, place: str, depth: int) -> Any:
        if depth > 20:
            raise Invalid("", "This is nested too deeply.")
        if isinstance(value, dict):
            return {key: walk(item, f"{place}.{key}", depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, f"{place}.{number}", depth + 1) for number, item in enumerate(value)]
        return hidden.get(place, value) if value == HIDDEN else value

    return walk(read, "", 0)

"""Secrets that somebody wrote into a check as they are: they go into the vault, and a placeholder stands in their place.

So neither the configuration, nor its history, nor an export ever holds them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core import checks, placeholders
from app.core.checks import Check
from app.core.redact import redact_header
from app.db import reading
from app.models import Monitor, Secret
from app.services import stored_secrets
from app.services.access import Action, Actor, may, require
from app.services.errors import Invalid, NotFound
from app.services.names import is_public_id

_MAX_NAME_CHARS = 64
_OF_AUTH = {"basic": "password", "bearer": "token", "client_credentials": "client_secret", "mtls": "key"}
_OF_ADDRESS = frozenset({"url", "page_url", "api_url", "openapi_url", "token_url", "issuer"})
# Parameters of an address whose value is a secret whatever it is: "token", "X-Amz-Signature", "accessToken", "api_key".
_PARAMETER = re.compile(
    r"(?:[\w-]*[_-])?(?:(?:access|auth|refresh|id|api|bearer)?_?token|(?:client|app|api|shared)?_?secret|passw(?:or)?d|passwd|pwd|api_?key|"
    r"access_?key|sig|signature|jwt|credential)",
    re.I,
)
# And those that are called alike and often hold something else, which is short: "key=name".
_PERHAPS = re.compile(r"(?:[\w-]*[_-])?(?:key|auth|sid|session(?:_?id)?|code)", re.I)
_MIN_CHARS = 12
# The scheme of an Authorization header stays readable, and the secret is found alone in what a server sends back.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9-]*\s+)(?=\S)")


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place in a check's plain values where a secret may stand."""

    holder: Any
    key: Any
    path: str  # as errors name it: "ask.auth.password"
    word: str  # what it is, for the secret's name: "PASSWORD"
    text: str
    before: str = ""  # what of the value is no secret


class _Parts(list[str]):
    """The parts of an address that stands in a holder: replacing one replaces it there."""

    def __init__(self, holder: dict[str, Any], key: str, parts: list[str]) -> None:
        super().__init__(parts)
        self._holder, self._key = holder, key

    def __setitem__(self, place: Any, text: Any) -> None:
        super().__setitem__(place, text)
        self._holder[self._key] = "".join(self)


def _spots(values: Any, path: str = "") -> Iterator[_Spot]:
    if isinstance(values, list):
        for number, item in enumerate(values):
            yield from _spots(item, f"{path}{number}.")
        return
    if not isinstance(values, dict):
        return
    secret = _OF_AUTH.get(str(values.get("type")), "password")
    for key, value in values.items():
        here = f"{path}{key}"
        if key == "headers" and isinstance(value, list):
            for number, pair in enumerate(value):
                yield from _of_header(pair, f"{here}.{number}")
        elif isinstance(value, str):
            if key in _OF_ADDRESS:
                yield from _of_address(values, key, here)
            elif key == secret or (key == "auth" and "namespace" in values):  # the latter: what Socket.IO's CONNECT carries
                yield _Spot(values, key, here, key.upper(), value)
        else:
            yield from _spots(value, f"{here}.")


def _of_header(pair: list[str], path: str) -> Iterator[_Spot]:
    name, value = pair
    if redact_header(name, value) == value:
        return
    scheme = _SCHEME.match(value) if name.lower().endswith("authorization") else None
    before = scheme[1] if scheme else ""
    yield _Spot(pair, 1, path, re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_"), value[len(before) :], before)


def _of_address(holder: dict[str, Any], key: str, path: str) -> Iterator[_Spot]:
    """Yield the secrets among an address's parameters, as they are sent: percent-encoded, if they are."""
    address: str = holder[key]
    before, mark, rest = address.partition("?")
    query, sharp, after = rest.partition("#")
    if not query:
        return
    parts = _Parts(holder, key, [f"{before}{mark}"])
    found: list[tuple[int, str]] = []
    for number, pair in enumerate(query.split("&")):
        name, equals, value = pair.partition("=")
        plain = unquote_plus(name)
        parts.extend((f"{'&' if number else ''}{name}{equals}", value))
        # What a report hashed was a secret, and is none any more.
        if value and not value.startswith("sha256:") and (_PARAMETER.fullmatch(plain) or _is_perhaps(plain, value)):
            found.append((len(parts) - 1, plain))
    parts.append(f"{sharp}{after}")
    for place, name in found:
        yield _Spot(parts, place, f"{path}.{place}.{name}", re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_"), parts[place])


def _is_perhaps(name: str, value: str) -> bool:
    return len(value) >= _MIN_CHARS and _PERHAPS.fullmatch(name) is not None


def _literals(values: dict[str, Any]) -> list[_Spot]:
    return [spot for spot in _spots(values) if spot.text.strip() and not placeholders.names_in(spot.text)]


def names_of(check: Check) -> frozenset[str]:
    """Return the names of the secrets that stand in a check."""
    return frozenset(
        name.removeprefix(placeholders.SECRET) for name in placeholders.names_in(check) if name.startswith(placeholders.SECRET)
    )


async def stored(db: AsyncSession, actor: Actor, monitor_name: str, check: Check, before: Check | None) -> tuple[Check, tuple[str, ...]]:
    """Return the check with placeholders for the secrets that it held, and the names under which these now stand in the vault.

    Args:
        before: the check as it is stored. A secret that is written where one stood replaces it, unless another monitor uses it too.

    Raises:
        Forbidden: the actor may not add secrets, or names some without the right to see what there are.
        Invalid: for the field that names a secret that there is none of, or whose value cannot be stored.
    """
    values = checks.dump(check)
    literals = _literals(values)
    old = {spot.path: spot.text for spot in _spots(checks.dump(before))} if before else {}
    if not may(actor, Action.CHANGE_SECRETS):
        # What stands there since before it was taken for a secret bars nobody from changing the rest.
        literals = [spot for spot in literals if old.get(spot.path) != spot.text]
    if literals:
        require(actor, Action.CHANGE_SECRETS)
    named = names_of(check)
    if named and check != before:
        # Whoever decides where a secret is sent could have it sent to themselves.
        require(actor, Action.READ_SECRETS)
    taken = set((await db.exec(select(Secret.name).where(Secret.workspace_id == actor.workspace_id))).all())
    if check != before and (missing := sorted(named - taken)):
        raise Invalid("check", f"There is no secret named {missing[0]} in this workspace. Add it under Settings, Secrets.")
    made: list[str] = []
    for spot in literals:
        name = await _replaceable(db, actor, old.get(spot.path, ""))
        if not name:
            name = _free(_wanted(monitor_name, spot.word), taken)
        taken.add(name)
        try:
            await stored_secrets.put_in(db, actor, name, spot.text)
        except Invalid as error:
            raise Invalid(f"check.{spot.path}", error.message) from error
        spot.holder[spot.key] = f"{spot.before}{{{{{placeholders.SECRET}{name}}}}}"
        made.append(name)
    return (checks.parse(check.kind, values) if made else check), tuple(made)


async def _replaceable(db: AsyncSession, actor: Actor, text: str) -> str:
    """Return the secret's name that stands alone in this text, when one monitor at most uses it."""
    found = [name.removeprefix(placeholders.SECRET) for name in placeholders.names_in(text) if name.startswith(placeholders.SECRET)]
    if len(found) != 1:
        return ""
    return found[0] if len(await users(db, actor.workspace_id, found[0])) == 1 else ""


async def used_by(actor: Actor | None, secret_id: str) -> tuple[tuple[str, str], ...]:
    """Return (id, name) of the monitors that use a secret, by name: without it they can tell nothing. Raises NotFound."""
    actor = require(actor, Action.READ_SECRETS)
    require(actor, Action.READ_MONITORS)
    async with reading() as db:
        name = None
        if is_public_id(secret_id):
            this = (Secret.public_id == secret_id, Secret.workspace_id == actor.workspace_id)
            name = (await db.exec(select(Secret.name).where(*this))).first()
        if name is None:
            raise NotFound("There is no such secret in this workspace.")
        return tuple(await users(db, actor.workspace_id, name))


async def users(db: AsyncSession, workspace_id: int, name: str) -> list[tuple[str, str]]:
    """Return (public id, name) of the monitors in whose checks a secret stands, by name."""
    like = f"%{{{{%{placeholders.SECRET}{name.replace('_', '/_')}%}}}}%"
    query = select(Monitor.public_id, Monitor.name, Monitor.configuration, Monitor.kind).where(
        Monitor.workspace_id == workspace_id, col(Monitor.deleted_at).is_(None), col(Monitor.configuration).like(like, escape="/")
    )
    rows = (await db.exec(query.order_by(col(Monitor.name)))).all()
    wanted = f"{placeholders.SECRET}{name}"
    return [(public_id, shown) for public_id, shown, configuration, _ in rows if wanted in placeholders.names_in(configuration)]


def _wanted(monitor_name: str, word: str) -> str:
    stem = re.sub(r"[^A-Z0-9]+", "_", monitor_name.upper()).strip("_")
    stem = stem if stem[:1].isalpha() else f"MONITOR_{stem}".rstrip("_")
    return f"{stem[: _MAX_NAME_CHARS - len(word) - 5].rstrip('_')}_{word}"[: _MAX_NAME_CHARS - 4]


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def typed(check: Check) -> tuple[Check, dict[str, str]]:
    """Return the check with placeholders for the secrets that it holds, and these by name: for a run that stores nothing."""
    values = checks.dump(check)
    taken, found = set(names_of(check)), {}
    for spot in _literals(values):
        name = _free("TYPED", taken)
        taken.add(name)
        found[name] = spot.text
        spot.holder[spot.key] = f"{spot.before}{{{{{placeholders.SECRET}{name}}}}}"
    return (checks.parse(check.kind, values) if found else check), found

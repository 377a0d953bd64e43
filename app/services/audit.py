"""The audit log of a workspace: who changed what, when, from what, to what, from which address.

`record` is called inside the transaction of the change, so that neither is there without the other.
"""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Mapped
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import reading, transaction
from app.models import AuditEvent, Workspace, now
from app.services.access import Action, Actor, require
from app.services.errors import Invalid
from app.settings import settings

PAGE_SIZE = 50
MAX_TEXT_CHARS = 200  # of a search
_EXPORT_BATCH = 500  # rows of an export that are in memory at once, about half a megabyte at most
_PRUNE_BATCH = 1000  # rows of one transaction: others may write in between
_SYSTEM = "Seamwatch"
_FORMULA = re.compile(r"[\s\0\ufeff]*[=+\-@＝＋－＠]|[\t\r\n]")

# The address of whoever is being served; the walls set it for each request and event. "" for commands.
ADDRESS: ContextVar[str] = ContextVar("address", default="")


class Did(StrEnum):
    """What can stand in the log. Stable codes, for filters and exports."""

    SIGNED_IN = "user.signed_in"
    SIGNED_OUT = "user.signed_out"
    SECOND_FACTOR_SHOWN = "user.second_factor"
    LOGIN_LINK_MADE = "user.login_link"  # on the machine: a one-time link that signs a user in
    USER_DISABLED = "user.disabled"  # on the machine, as the next
    USER_ENABLED = "user.enabled"
    SESSION_REVOKED = "session.revoked"
    PROFILE_CHANGED = "user.changed"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_RENAMED = "passkey.renamed"
    PASSKEY_REMOVED = "passkey.removed"
    PASSKEY_REFUSED = "passkey.refused"  # its counter did not go up: there may be a copy of it
    RECOVERY_CODES_MADE = "recovery_codes.made"
    RECOVERY_CODE_USED = "recovery_codes.used"
    INVITATION_MADE = "invitation.made"
    INVITATION_REVOKED = "invitation.revoked"
    MEMBER_JOINED = "member.joined"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MEMBER_REMOVED = "member.removed"
    MEMBER_LEFT = "member.left"
    WORKSPACE_CREATED = "workspace.created"
    WORKSPACE_CHANGED = "workspace.changed"
    WORKSPACE_TRANSFERRED = "workspace.transferred"
    WORKSPACE_EXPORTED = "workspace.exported"
    AUDIT_EXPORTED = "audit.exported"
    TOKEN_MADE = "token.made"
    TOKEN_REVOKED = "token.revoked"
    TOKEN_REUSED = "token.reused"  # a refresh token was used twice, and its grant ended
    SECRET_ADDED = "secret.added"
    SECRET_REPLACED = "secret.replaced"
    SECRET_DELETED = "secret.deleted"
    SCAN_STARTED = "scan.started"
    SCAN_CANCELLED = "scan.cancelled"
    SCAN_DELETED = "scan.deleted"
    SCAN_RESTORED = "scan.restored"
    MONITOR_ADDED = "monitor.added"
    MONITOR_CHANGED = "monitor.changed"
    MONITOR_PAUSED = "monitor.paused"
    MONITOR_RESUMED = "monitor.resumed"
    MONITOR_DELETED = "monitor.deleted"
    MONITOR_RESTORED = "monitor.restored"
    MONITOR_ACCEPTED = "monitor.accepted"  # what a check of change found last is what it compares with from now on
    SITE_ADDED = "site.added"
    SITE_CHANGED = "site.changed"
    SITE_DELETED = "site.deleted"
    GROUP_ADDED = "group.added"
    GROUP_CHANGED = "group.changed"
    GROUP_DELETED = "group.deleted"
    MAINTENANCE_ADDED = "maintenance.added"
    MAINTENANCE_CHANGED = "maintenance.changed"
    MAINTENANCE_ENDED = "maintenance.ended"
    MAINTENANCE_DELETED = "maintenance.deleted"


# What people read: completes "Alice …".
WORDS: dict[Did, str] = {
    Did.SIGNED_IN: "signed in",
    Did.SIGNED_OUT: "signed out",
    Did.SECOND_FACTOR_SHOWN: "showed a second factor",
    Did.LOGIN_LINK_MADE: "made a one-time link",
    Did.USER_DISABLED: "disabled an account",
    Did.USER_ENABLED: "enabled an account",
    Did.SESSION_REVOKED: "ended a session",
    Did.PROFILE_CHANGED: "changed a profile",
    Did.IDENTITY_LINKED: "linked a way to sign in",
    Did.IDENTITY_UNLINKED: "removed a way to sign in",
    Did.PASSKEY_ADDED: "added a passkey",
    Did.PASSKEY_RENAMED: "renamed a passkey",
    Did.PASSKEY_REMOVED: "removed a passkey",
    Did.PASSKEY_REFUSED: "showed a passkey that may be a copy",
    Did.RECOVERY_CODES_MADE: "made recovery codes",
    Did.RECOVERY_CODE_USED: "used a recovery code",
    Did.INVITATION_MADE: "made an invitation",
    Did.INVITATION_REVOKED: "revoked an invitation",
    Did.MEMBER_JOINED: "joined",
    Did.MEMBER_ROLE_CHANGED: "changed a member's role",
    Did.MEMBER_REMOVED: "removed a member",
    Did.MEMBER_LEFT: "left",
    Did.WORKSPACE_CREATED: "created the workspace",
    Did.WORKSPACE_CHANGED: "changed the workspace",
    Did.WORKSPACE_TRANSFERRED: "transferred the workspace",
    Did.WORKSPACE_EXPORTED: "exported the workspace",
    Did.AUDIT_EXPORTED: "exported the audit log",
    Did.TOKEN_MADE: "made a token",
    Did.TOKEN_REVOKED: "revoked a token",
    Did.TOKEN_REUSED: "used a refresh token twice",
    Did.SECRET_ADDED: "added a secret",
    Did.SECRET_REPLACED: "replaced a secret",
    Did.SECRET_DELETED: "deleted a secret",
    Did.SCAN_STARTED: "started a scan",
    Did.SCAN_CANCELLED: "cancelled a scan",
    Did.SCAN_DELETED: "deleted a scan",
    Did.SCAN_RESTORED: "restored a scan",
    Did.MONITOR_ADDED: "added a monitor",
    Did.MONITOR_CHANGED: "changed a monitor",
    Did.MONITOR_PAUSED: "paused a monitor",
    Did.MONITOR_RESUMED: "resumed a monitor",
    Did.MONITOR_DELETED: "deleted a monitor",
    Did.MONITOR_RESTORED: "restored a monitor",
    Did.MONITOR_ACCEPTED: "took what a monitor found as the new normal",
    Did.SITE_ADDED: "added a site",
    Did.SITE_CHANGED: "changed a site",
    Did.SITE_DELETED: "deleted a site",
    Did.GROUP_ADDED: "added a group",
    Did.GROUP_CHANGED: "changed a group",
    Did.GROUP_DELETED: "deleted a group",
    Did.MAINTENANCE_ADDED: "added a maintenance window",
    Did.MAINTENANCE_CHANGED: "changed a maintenance window",
    Did.MAINTENANCE_ENDED: "ended a maintenance window early",
    Did.MAINTENANCE_DELETED: "deleted a maintenance window",
}


def words_of(action: str) -> str:
    """Return an action in words; one that a later version wrote as its code."""
    return WORDS.get(Did(action), action) if action in _CODES else action


_CODES = frozenset(did.value for did in Did)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines. Empty parts choose all; the others must all hold."""

    text: str = ""  # stands in actor, action's words or code, target, before, after or address, whatever its case
    action: str = ""  # a `Did`, or what stands before its dot: "secret" for all that happened to secrets
    actor: str = ""  # stands in the actor's name, whatever its case
    since: datetime | None = None  # aware; included
    until: datetime | None = None  # aware; not included


@dataclass(frozen=True, slots=True)
class AuditRow:
    id: int  # an opaque cursor: later lines have greater ones
    at: datetime
    actor_kind: str  # "user", "token", "system"
    actor_name: str
    action: str  # stable code
    action_words: str
    target: str
    before: str
    after: str
    address: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    rows: tuple[AuditRow, ...]  # newest first, at most `PAGE_SIZE`
    next: int | None  # `before` of the next page; None on the last


def record(db: AsyncSession, actor: Actor, did: Did, target: str = "", *, before: str = "", after: str = "") -> None:
    """Add a line to the log of the actor's workspace, in this transaction. No secret may be in any argument."""
    _add(db, actor.workspace_id, "token" if actor.token else "user", actor.user_id, actor.name, did, target, before, after)


def system(db: AsyncSession, workspace_id: int, did: Did, target: str = "", *, before: str = "", after: str = "") -> None:
    """Add a line on what nobody did: Seamwatch itself, or a command on its machine. No secret may be in any argument."""
    _add(db, workspace_id, "system", None, _SYSTEM, did, target, before, after)


def _add(
    db: AsyncSession, workspace_id: int, kind: str, user_id: int | None, name: str, did: Did, target: str, before: str, after: str
) -> None:
    db.add(
        AuditEvent(
            workspace_id=workspace_id,
            actor_kind=kind,
            actor_user_id=user_id,
            actor_name=_storable(name, 160),
            action=did.value,
            target=_storable(target, 320),
            before=_storable(before, 2000),
            after=_storable(after, 2000),
            address=ADDRESS.get()[:64],
        )
    )


def _storable(text: str, chars: int) -> str:
    """Return the text as every database takes it: without NUL and halves of surrogate pairs, cut where it is too long."""
    text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return text if len(text) <= chars else f"{text[: chars - 1]}…"


async def list_(actor: Actor | None, filter: AuditFilter | None = None, before: int = 0) -> AuditPage:  # noqa: A002  the field's own word
    """Return one page of the workspace's log, newest first.

    Args:
        before: `AuditPage.next` of the page before; 0 for the first.

    Raises:
        Invalid: for field "since" or "until".
    """
    actor = require(actor, Action.READ_AUDIT)
    known = isinstance(before, int) and not isinstance(before, bool) and 0 < before < 2**63
    rows = await _rows(actor.workspace_id, _conditions(filter or AuditFilter()), before if known else 0, PAGE_SIZE + 1)
    shown = rows[:PAGE_SIZE]
    return AuditPage(tuple(shown), shown[-1].id if len(rows) > PAGE_SIZE else None)


def export(
    actor: Actor | None,
    filter: AuditFilter | None = None,  # noqa: A002  the field's own word
    format: Literal["csv", "jsonl"] = "csv",  # noqa: A002
) -> AsyncIterator[str]:
    """Return the whole log, or what the filter chooses, newest first, in pieces of text. The export itself is recorded.

    Lines that come in meanwhile are left out. Each piece is a transaction of its own, so however slowly it is read, nothing waits.

    Raises:
        Unauthenticated, Forbidden, Invalid: at the call, not at the first piece.
    """
    actor = require(actor, Action.READ_AUDIT)
    if format not in ("csv", "jsonl"):
        raise Invalid("format", "The audit log is exported as csv or jsonl.")
    return _pieces(actor, _conditions(filter or AuditFilter()), format)


async def _pieces(actor: Actor, conditions: list[ColumnElement[bool]], format: str) -> AsyncIterator[str]:  # noqa: A002
    # The first rows before the record: an export does not tell of itself.
    rows = await _rows(actor.workspace_id, conditions, 0, _EXPORT_BATCH)
    async with transaction() as db:
        record(db, actor, Did.AUDIT_EXPORTED, format)
    if format == "csv":
        yield _csv_lines([_COLUMNS])
    while rows:
        if format == "csv":
            yield _csv_lines([[_harmless(str(text)) for text in _plain(row).values()] for row in rows])
        else:
            yield "".join(f"{json.dumps(_plain(row), ensure_ascii=False)}\n" for row in rows)
        rows = await _rows(actor.workspace_id, conditions, rows[-1].id, _EXPORT_BATCH) if len(rows) == _EXPORT_BATCH else []


_COLUMNS = ("at", "actor_kind", "actor", "action", "action_words", "target", "before", "after", "address")


def _plain(row: AuditRow) -> dict[str, str]:
    at = row.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    values = (at, row.actor_kind, row.actor_name, row.action, row.action_words, row.target, row.before, row.after, row.address)
    return dict(zip(_COLUMNS, values, strict=True))


def _csv_lines(rows: list[list[str]] | list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)  # RFC 4180
    return text.getvalue()


def _harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe before what would begin one, blanks skipped.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{text}" if _FORMULA.match(text) else text


async def _rows(workspace_id: int, conditions: list[ColumnElement[bool]], before: int, limit: int) -> list[AuditRow]:
    # The ids first: where time alone chooses, its index answers that without a look at any line.
    chosen = (
        select(AuditEvent.id)
        .where(AuditEvent.workspace_id == workspace_id, *([col(AuditEvent.id) < before] if before else []), *conditions)
        .order_by(col(AuditEvent.id).desc())
        .limit(limit)
    )
    query = select(AuditEvent).where(col(AuditEvent.id).in_(chosen)).order_by(col(AuditEvent.id).desc())
    async with reading() as db:
        return [_row(event) for event in (await db.exec(query)).all()]


def _row(event: AuditEvent) -> AuditRow:
    assert event.id is not None
    return AuditRow(
        event.id, event.at, event.actor_kind, event.actor_name, event.action, words_of(event.action),
        event.target, event.before, event.after, event.address,
    )  # fmt: skip


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if text := _sought(wanted.text):
        columns = (AuditEvent.actor_name, AuditEvent.target, AuditEvent.before, AuditEvent.after, AuditEvent.address)
        named = [did.value for did, words in WORDS.items() if text.casefold() in words or text.casefold() in did.value]
        in_action = [col(AuditEvent.action).in_(named)] if named else []
        conditions.append(or_(*in_action, *(_holds(col(column), text) for column in columns)))
    if action := _sought(wanted.action):
        chosen = [did.value for did in Did if action in (did.value, did.value.partition(".")[0])]
        conditions.append(col(AuditEvent.action).in_(chosen or [action]))
    if actor := _sought(wanted.actor):
        conditions.append(_holds(col(AuditEvent.actor_name), actor))
    if wanted.since is not None:
        conditions.append(col(AuditEvent.at) >= _utc("since", wanted.since))
    if wanted.until is not None:
        conditions.append(col(AuditEvent.at) < _utc("until", wanted.until))
    return conditions


def _utc(field: str, moment: object) -> datetime:
    try:
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except OverflowError:  # year 1 or 9999, and the zone leads beyond
        pass
    raise Invalid(field, "This is no moment: write a date and a time with its zone, like 2026-03-29T12:00:00Z.")


def _sought(text: object) -> str:
    return _storable(text.strip()[:MAX_TEXT_CHARS], MAX_TEXT_CHARS) if isinstance(text, str) else ""


def _holds(column: Mapped[str], text: str) -> ColumnElement[bool]:
    """Whether the text stands in the column, whatever its case; wildcards in it are ordinary characters."""
    pattern = f"%{text.replace('/', '//').replace('%', '/%').replace('_', '/_')}%"
    if not settings().sqlite:
        return column.ilike(pattern, escape="/")
    # SQLite's LIKE takes A for a, but not Å for å: so a text with such letters is looked for in each way that people write it.
    cased = {pattern} if text.isascii() else {pattern, pattern.lower(), pattern.upper(), pattern.title()}
    return or_(*(column.like(one, escape="/") for one in sorted(cased)))


async def prune() -> int:
    """Remove the lines that are older than their workspace keeps them (`audit_days`; 0: for ever). Return how many."""
    async with reading() as db:
        kept = (await db.exec(select(Workspace.id, Workspace.audit_days).where(Workspace.audit_days > 0))).all()
    removed = 0
    for workspace_id, days in kept:
        old = (AuditEvent.workspace_id == workspace_id, col(AuditEvent.at) < now() - timedelta(days=days))
        query = select(AuditEvent.id).where(*old).order_by(col(AuditEvent.at)).limit(_PRUNE_BATCH)
        while True:
            async with reading() as db:
                ids = (await db.exec(query)).all()
            if not ids:
                break
            async with transaction() as db:
                removed += (await db.exec(delete(AuditEvent).where(col(AuditEvent.id).in_(ids)))).rowcount
    return removed

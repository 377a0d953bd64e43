"""A workspace as a file: everything that people made in it, without what would let anybody act in its name.

The archive is built in a file without a name in the data directory, one report at a time, and compressed beside the event loop. So
memory stays small however many scans there are, no transaction lasts as long as a slow reader, and nothing stays behind.
"""

import asyncio
import json
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import IO, Any

from sqlmodel import col, select

from app.db import reading, transaction
from app.models import ApiToken, Scan, User, Workspace, now
from app.services import (
    audit,
    groups,
    incidents,
    invitations,
    maintenance,
    members,
    memberships,
    monitor_form,
    monitors,
    rates,
    sites,
    stored_secrets,
)  # fmt: skip
from app.services.access import Action, Actor, require
from app.services.audit import Did
from app.services.errors import Conflict
from app.services.rates import Rate
from app.settings import VERSION, settings

_CHUNK_BYTES = 256 * 1024
_PAGE = 200  # scans whose lines are read at once, without their reports
_README = """\
Workspace "{name}", exported from {url} on {at} by {by} (Seamwatch {version}).

workspace.json    its name and settings
members.json      who is a member, since when, in which role
invitations.json  who was invited as what; no link
scans.jsonl       every scan, one JSON object a line, oldest first; deleted ones are left out
scans/ID.json     the report of a scan as it is stored; its "schema_version" says which version of Seamwatch wrote it
monitors.jsonl    every monitor as it can be made again, one JSON object a line; secrets stand in it by name
sites.json        sites; groups.json, maintenance.json: groups of monitors and maintenance windows
incidents.jsonl   every incident, one JSON object a line, newest first
audit.jsonl       the audit log, one JSON object a line, newest first
secrets.json      names of secrets, never their values
tokens.json       tokens for programs, with neither the tokens nor their hashes

Times are UTC (RFC 3339). Text is UTF-8. Addresses in scans hold no secrets: those are hashed when a scan ends.
Of the single results of checks there are none here: they are asked for through the API.
"""

_under_way: set[int] = set()  # row ids of workspaces whose archive is being built in this process


@dataclass(frozen=True, slots=True)
class Export:
    file_name: str
    size_bytes: int
    chunks: AsyncIterator[bytes]


async def export(actor: Actor | None) -> Export:
    """Build the archive of the actor's workspace, a zip. The export stands in the audit log.

    Raises:
        Conflict: one is being built just now.
        Limited: the actor exported too often within the hour.
    """
    actor = require(actor, Action.EXPORT_WORKSPACE)
    await rates.hit(Rate.EXPORTS, str(actor.user_id))
    if actor.workspace_id in _under_way:
        raise Conflict("This workspace is being exported just now. Wait until that is done.")
    _under_way.add(actor.workspace_id)
    file: IO[bytes] | None = None
    try:
        async with transaction() as db:
            workspace = await memberships.lock(db, actor.workspace_id)
            actor = await memberships.still(db, actor, Action.EXPORT_WORKSPACE)
            audit.record(db, actor, Did.WORKSPACE_EXPORTED, workspace.name)
        file = await asyncio.to_thread(tempfile.TemporaryFile, dir=settings().data_dir)
        await _build(actor, workspace, file)
        size_bytes = file.tell()
        file.seek(0)
    except BaseException:
        if file:
            file.close()
        raise
    finally:
        _under_way.discard(actor.workspace_id)
    slug = re.sub(r"[^a-z0-9]+", "-", workspace.name.lower()).strip("-")[:40] or "workspace"
    return Export(f"seamwatch-{slug}-{now():%Y-%m-%d}.zip", size_bytes, _chunks(file))


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


async def _build(actor: Actor, workspace: Workspace, file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:

        async def put(name: str, text: str) -> None:
            await asyncio.to_thread(archive.writestr, name, text)

        async def put_lines(name: str, pieces: AsyncIterator[str]) -> None:
            with archive.open(name, "w", force_zip64=True) as entry:
                async for piece in pieces:
                    await asyncio.to_thread(entry.write, piece.encode())

        values = {"name": workspace.name, "url": settings().public_url, "at": _plain(now()), "by": actor.name, "version": VERSION}
        await put("README.txt", _README.format(**values))
        await put("workspace.json", _json(_workspace(workspace)))
        await put("members.json", _json(await _members(actor)))
        await put("invitations.json", _json(await _invitations(actor)))
        await put("secrets.json", _json([asdict(row) for row in await stored_secrets.list_(actor)]))
        await put("tokens.json", _json(await _tokens(actor)))
        await put("sites.json", _json([asdict(row) for row in await sites.list_(actor)]))
        await put("groups.json", _json([asdict(row) for row in await groups.list_(actor)]))
        await put("maintenance.json", _json([asdict(row) for row in await maintenance.list_(actor)]))
        await put_lines("monitors.jsonl", _monitor_lines(actor))
        await put_lines("incidents.jsonl", _incident_lines(actor))
        await put_lines("scans.jsonl", _scan_lines(actor))
        await put_lines("audit.jsonl", audit.export(actor, None, "jsonl"))
        async for page in _scan_pages(actor):
            for scan in page:
                if scan.schema_version:
                    await _put_report(put, actor, scan.public_id)


def _plain(value: object) -> str:
    assert isinstance(value, datetime)
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: object) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n"


def _workspace(workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.public_id,
        "name": workspace.name,
        "created_at": workspace.created_at,
        "audit_days": workspace.audit_days,
        "require_second_factor": workspace.require_second_factor,
    }


def _without(row: Any, *left_out: str) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in left_out}


async def _members(actor: Actor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = await members.list_(actor)
    while True:
        found += [_without(row, "you", "may_change") for row in page.items]
        if page.number >= page.pages:
            return found
        page = await members.list_(actor, page.number + 1)


async def _invitations(actor: Actor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    number = 1
    while rows := await invitations.list_(actor, number):
        found += map(_without, rows)
        number += 1
    return found


async def _tokens(actor: Actor) -> list[dict[str, Any]]:
    query = select(ApiToken, User.name).join(User, col(User.id) == ApiToken.created_by)
    query = query.where(ApiToken.workspace_id == actor.workspace_id).order_by(col(ApiToken.id))
    async with reading() as db:
        rows = (await db.exec(query)).all()
    return [
        {
            "id": token.public_id,
            "name": token.name,
            "kind": "personal" if token.user_id else "workspace",
            "hint": token.hint,
            "role": token.role,
            "scopes": token.scopes.split(),
            "created_by": created_by,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "last_used_at": token.last_used_at,
            "revoked_at": token.revoked_at,
        }
        for token, created_by in rows
    ]


_SCAN = ("public_id", "page_url", "api_url", "status", "created_at", "started_at", "finished_at", "sentence", "error", "schema_version")
_COUNTS = ("critical", "high", "medium", "low", "info", "calls", "blocked")


@dataclass(frozen=True, slots=True)
class _ScanLine:
    public_id: str
    schema_version: int  # 0: no report
    line: str


async def _scan_pages(actor: Actor) -> AsyncIterator[list[_ScanLine]]:
    """Yield the workspace's scans, oldest first, without request and report."""
    names = (*_SCAN, *_COUNTS)
    columns = [getattr(Scan, name) for name in ("id", *names)]
    last = 0
    while True:
        query = (
            select(*columns, User.name)  # pyright: ignore[reportCallIssue]
            .join(User, col(User.id) == Scan.created_by)
            .where(Scan.workspace_id == actor.workspace_id, col(Scan.deleted_at).is_(None), col(Scan.id) > last)
            .order_by(col(Scan.id))
            .limit(_PAGE)
        )
        async with reading() as db:
            rows = (await db.exec(query)).all()
        if not rows:
            return
        last = rows[-1][0]
        yield [_scan_line(dict(zip((*names, "created_by"), row[1:], strict=True))) for row in rows]


def _scan_line(values: dict[str, Any]) -> _ScanLine:
    public_id, version = values.pop("public_id"), values["schema_version"]
    line = json.dumps({"id": public_id, **values}, default=_plain, ensure_ascii=False)
    return _ScanLine(public_id, version, f"{line}\n")


async def _scan_lines(actor: Actor) -> AsyncIterator[str]:
    async for page in _scan_pages(actor):
        yield "".join(scan.line for scan in page)


async def _monitor_lines(actor: Actor) -> AsyncIterator[str]:
    """Yield the workspace's monitors in the order in which they were made."""
    last = 0
    while last is not None:
        page, last = await monitors.written(actor, last)
        lines = ({"id": public_id, "created_at": at, **monitor_form.plain(draft)} for public_id, at, draft in page)
        yield "".join(f"{json.dumps(line, default=_plain, ensure_ascii=False)}\n" for line in lines)


async def _incident_lines(actor: Actor) -> AsyncIterator[str]:
    page = await incidents.list_(actor)
    while True:
        yield "".join(f"{json.dumps(asdict(row), default=_plain, ensure_ascii=False)}\n" for row in page.items)
        if page.number >= page.pages:
            return
        page = await incidents.list_(actor, page.number + 1)


async def _put_report(put: Callable[[str, str], Any], actor: Actor, scan_id: str) -> None:
    query = select(Scan.report).where(Scan.workspace_id == actor.workspace_id, Scan.public_id == scan_id)
    async with reading() as db:
        report = (await db.exec(query)).first()
    if report is not None:
        await put(f"scans/{scan_id}.json", report)

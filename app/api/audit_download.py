"""The audit log as a file for the signed-in browser, as it is filtered in the query: only GET, only as an attachment."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from app.services import audit, sessions
from app.services.audit import AuditFilter
from app.services.errors import Invalid

router = APIRouter(prefix="/download", include_in_schema=False)
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl; charset=utf-8"}


@router.get("/audit.csv")
async def as_csv(
    request: Request, text: str = "", action: str = "", actor: str = "", since: str = "", until: str = ""
) -> StreamingResponse:
    """For spreadsheets."""
    return await _download(request, "csv", AuditFilter(text, action, actor, _moment("since", since), _moment("until", until)))


@router.get("/audit.jsonl")
async def as_json_lines(
    request: Request, text: str = "", action: str = "", actor: str = "", since: str = "", until: str = ""
) -> StreamingResponse:
    """For programs: one JSON object a line."""
    return await _download(request, "jsonl", AuditFilter(text, action, actor, _moment("since", since), _moment("until", until)))


async def _download(request: Request, form: Literal["csv", "jsonl"], wanted: AuditFilter) -> StreamingResponse:
    who = await sessions.actor(request.headers.get("cookie", ""))
    pieces = audit.export(who, wanted, form)
    name = f"seamwatch-audit-{datetime.now(UTC):%Y-%m-%d}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(pieces, media_type=_MEDIA_TYPES[form], headers=headers)


def _moment(field: str, text: str) -> datetime | None:
    """Read a date, "2026-03-29", as the beginning of that day in UTC, and as `until` its end; or a date and time, UTC without a zone."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if field == "until" and len(text) <= len("2026-03-29"):
            moment += timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise Invalid(field, "Write a date like 2026-03-29, or a date and time like 2026-03-29T12:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

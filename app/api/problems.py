"""How errors leave the API: one JSON shape, `{"error": {"code", "message", "fields"}}`."""

from fastapi import Request
from fastapi.responses import JSONResponse

from app.services.errors import Invalid, Limited, SeamwatchError


def problem(status: int, code: str, message: str, fields: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "fields": fields or {}}}, status)


async def from_error(_request: Request, error: Exception) -> JSONResponse:
    """Translate what a service raised."""
    assert isinstance(error, SeamwatchError)
    fields = {entry.field: entry.message for entry in error.errors} if isinstance(error, Invalid) else None
    answer = problem(error.status, error.code, error.message, fields)
    if isinstance(error, Limited) and error.retry_after_s:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer

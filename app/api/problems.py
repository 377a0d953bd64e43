"""How errors leave the API: one JSON shape, `{"error": {"code", "message", "fields"}}`."""

from collections.abc import Sequence

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.services.access import Actor, Scope
from app.services.errors import Forbidden, Invalid, Limited, SeamwatchError, Unauthenticated

REALM = 'Bearer realm="Seamwatch"'
MAX_FIELDS = 50
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


class ErrorBody(BaseModel):
    code: str = Field(description="Stable, for programs.", examples=["invalid"])
    message: str = Field(description="For people; may change.", examples=["Enter an address that starts with http:// or https://."])
    fields: dict[str, str] = Field(description="What is wrong with which field; empty unless the code is `invalid`.", examples=[{}])


class Problem(BaseModel):
    """How every error answers, but for those of the OAuth endpoints."""

    model_config = ConfigDict(title="Problem")
    error: ErrorBody


def problem(status: int, code: str, message: str, fields: dict[str, str] | None = None) -> JSONResponse:
    told = {_whole(name): _whole(text) for name, text in (fields or {}).items()}
    return JSONResponse({"error": {"code": code, "message": _whole(message), "fields": told}}, status)


def _whole(text: str) -> str:
    """Return the text without halves of surrogate pairs, which JSON may bring in and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


async def from_error(request: Request, error: Exception) -> JSONResponse:
    """Translate what a service raised."""
    assert isinstance(error, SeamwatchError)
    fields = {entry.field: entry.message for entry in error.errors} if isinstance(error, Invalid) else None
    answer = problem(error.status, error.code, error.message, fields)
    if isinstance(error, Limited) and error.retry_after_s:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    if challenge := _challenge(request, error):
        answer.headers["WWW-Authenticate"] = challenge
    return answer


def _challenge(request: Request, error: SeamwatchError) -> str:
    """Return the header of RFC 6750, 3; "" where none belongs."""
    if not request.url.path.startswith("/api/"):
        return ""
    if isinstance(error, Unauthenticated):
        # Whoever showed nothing is told no code: "the resource server SHOULD NOT include an error code".
        shown = "authorization" in request.headers
        return f'{REALM}, error="invalid_token", error_description="{_quotable(error.message)}"' if shown else REALM
    actor: Actor | None = getattr(request.state, "actor", None)
    needed: Scope | None = getattr(request.state, "scope", None)
    if isinstance(error, Forbidden) and actor and needed and needed not in actor.scopes:
        return f'{REALM}, error="insufficient_scope", scope="{needed}"'
    return ""


def _quotable(text: str) -> str:
    """Return the text as it may stand in a quoted string of a header: RFC 6750 allows printable ASCII without quote and backslash."""
    return "".join(character for character in text if " " <= character <= "~" and character not in '"\\')


async def from_validation(_request: Request, error: Exception) -> JSONResponse:
    """Translate what does not fit the described parameters and bodies. Values are not repeated: they may be secrets."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()[:MAX_FIELDS]
    if any(entry["type"] == "json_invalid" for entry in found):
        return problem(400, "bad_request", "The body is not JSON.")
    fields = {_field(entry["loc"]): _sentence(entry["type"], entry["msg"]) for entry in found}
    name, message = next(iter(fields.items()))
    return problem(422, Invalid.code, f"{name}: {message}", fields)


def _field(location: Sequence[object]) -> str:
    """Return a field as services name theirs: ("body", "calls", 0, "url") is "calls.0.url"."""
    return ".".join(str(part)[:80] for part in location[1:]) or str(location[0])


def _sentence(kind: str, message: str) -> str:
    known = {"extra_forbidden": "There is no such field.", "missing": "This field is required."}
    return known.get(kind) or f"{message}."


async def from_http(_request: Request, error: Exception) -> Response:
    """Translate what the framework refuses."""
    assert isinstance(error, HTTPException)
    answer = problem(error.status_code, _CODES.get(error.status_code, "error"), f"{error.detail}.")
    answer.headers.update(error.headers or {})
    return answer


async def from_bug(request: Request, _error: Exception) -> Response:
    """Answer what nobody caught. It is logged with its stack by whoever calls this."""
    if request.url.path.startswith("/api/"):
        return problem(500, "internal", "Something went wrong in Seamwatch. Whoever runs it finds the reason in its log.")
    return PlainTextResponse("Internal Server Error", 500)

"""REST, version 1: one router a noun. What anybody may ask is the schema that every JSON report follows."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from app.api import audit_log, me, members, monitor_frames, monitor_history, monitors, oauth, proposals, scans, stored_secrets
from app.core import report_json

DESCRIPTION = """
What pages do, programs do here.

**Tokens.** Make one under Settings, Tokens, and send it as `Authorization: Bearer seam_pat_…`; nothing else counts, cookies least of
all. A personal token acts as you, in the workspace it was made in; a workspace token has a role of its own. Each opens what its scopes
name, as far as the role reaches. For short-lived access tokens see *oauth*.

**Errors** are `{"error": {"code", "message", "fields"}}`; branch on `code`. 429 comes with `Retry-After`.

**CORS.** None: no page of another origin can read an answer. Call the API from a server.
"""

PREFIX = "/api/v1"
_NOUNS = (
    me.router, scans.router, proposals.router, monitors.router, monitor_history.router, monitor_frames.router, members.router,
    stored_secrets.router, audit_log.router, oauth.router,
)  # fmt: skip
router = APIRouter(prefix=PREFIX)
for _noun in _NOUNS:
    router.include_router(_noun)


@router.get("/schemas/report.json", tags=["scans"], summary="The JSON Schema of a report", operation_id="report_schema")
async def report_schema() -> dict[str, Any]:
    """Draft 2020-12. What a scan's download gives and `python -m app scan --format json` writes follows it."""
    return report_json.schema()


def _patterns() -> Iterator[tuple[re.Pattern[str], set[str]]]:
    for prefix, routes in ((PREFIX, chain.from_iterable(noun.routes for noun in _NOUNS)), ("", router.routes)):
        for route in routes:
            if isinstance(route, APIRoute):
                yield compile_path(prefix + route.path)[0], route.methods or set()


_PATTERNS = tuple(_patterns())


def methods_of(path: str) -> list[str]:
    """Return the methods that there is an endpoint for at this path; none where there is no endpoint at all."""
    return sorted(set().union(*(methods for pattern, methods in _PATTERNS if pattern.match(path))))

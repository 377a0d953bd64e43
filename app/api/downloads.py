"""Files for the signed-in browser. Only GET, only as attachments: another site can start a download but never read it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.services import scans, sessions

router = APIRouter(prefix="/download", include_in_schema=False)


@router.get("/scans/{scan_id}.json")
async def report(request: Request, scan_id: str) -> Response:
    """The report as it is stored."""
    actor = await sessions.actor(request.headers.get("cookie", ""))
    text = await scans.report_json_text(actor, scan_id)
    disposition = f'attachment; filename="seamwatch-{scan_id}.json"'
    return Response(text, media_type="application/json", headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})

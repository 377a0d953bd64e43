"""Files for the signed-in browser. Only GET, only as attachments: another site can start a download but never read it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from app.services import scans, sessions, workspace_export

router = APIRouter(prefix="/download", include_in_schema=False)


@router.get("/scans/{scan_id}.json")
async def report(request: Request, scan_id: str) -> Response:
    """The report as it is stored."""
    actor = await sessions.actor(request.headers.get("cookie", ""))
    text = await scans.report_json_text(actor, scan_id)
    disposition = f'attachment; filename="seamwatch-{scan_id}.json"'
    return Response(text, media_type="application/json", headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


@router.get("/workspace.zip")
async def workspace(request: Request) -> StreamingResponse:
    """The workspace that the session looks at, whole: before it is deleted, or to keep."""
    export = await workspace_export.export(await sessions.actor(request.headers.get("cookie", "")))
    headers = {
        "Content-Disposition": f'attachment; filename="{export.file_name}"',
        "Content-Length": str(export.size_bytes),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(export.chunks, media_type="application/zip", headers=headers)

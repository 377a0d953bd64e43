"""What anybody may ask: the schema that every JSON report follows, whether downloaded or written by the command line."""

from typing import Any

from fastapi import APIRouter

from app.core import report_json

router = APIRouter(prefix="/api/v1")


@router.get("/schemas/report.json", summary="The JSON Schema of a report")
async def report_schema() -> dict[str, Any]:
    return report_json.schema()

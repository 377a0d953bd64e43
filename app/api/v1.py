"""What anybody may ask: the schema that every JSON report follows, whether downloaded or written by the command line."""

from typing import Any

from fastapi import APIRouter

from app.core import report_json

router = APIRouter(prefix="/api/v1")


@router.get("/schemas/report.json", summary="The JSON Schema of a report", operation_id="report_schema")
async def report_schema() -> dict[str, Any]:
    """Draft 2020-12. What a scan's download gives and `python -m app scan --format json` writes follows it."""
    return report_json.schema()

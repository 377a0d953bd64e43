"""The report as JSON: written, read back whatever version wrote it, and its published schema."""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.core.report import SCHEMA_VERSION, Report

SCHEMA_ID = "https://seamwatch.dev/schemas/report.json"
_ADAPTER = TypeAdapter(Report)


class UnreadableReport(ValueError):
    """The text is not a report, or a newer Seamwatch wrote it."""


def dump(report: Report, *, indent: int | None = None) -> str:
    """Return the report as JSON text, fields in the order of `Report`."""
    return _ADAPTER.dump_json(report, indent=indent).decode()


def load(text: str | bytes) -> Report:
    """Read a report of this or an older schema version.

    Raises:
        UnreadableReport: not JSON, not a report, or of a newer version than this program knows.
    """
    try:
        raw = json.loads(text)
        version = raw["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableReport("This is not a Seamwatch report.") from error
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise UnreadableReport(f"This report has schema version {version}; this Seamwatch reads up to {SCHEMA_VERSION}. Update it.")
    try:
        # Fields added since have defaults; a field that changed its meaning is mended here, version by version.
        return _ADAPTER.validate_python(raw)
    except ValidationError as error:
        raise UnreadableReport(f"This report is damaged: {error.errors()[0]['msg']}.") from error


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report."""
    made = _ADAPTER.json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "Seamwatch report", **made}

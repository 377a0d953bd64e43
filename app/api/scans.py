"""Scans: start, follow, read, end."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Response
from pydantic import Field

from app.api.bearer import ReadsScans, WritesScans, answers
from app.api.shapes import Answer, Asked, Id, PageNumber, Pages
from app.core.redact import redact_request
from app.core.scan_events import ScanStatus
from app.services import scans
from app.services.scan_form import BODIES, CREDENTIALS, MAX_CALLS, CallForm, ScanForm

router = APIRouter(prefix="/scans", tags=["scans"])


class CallAsked(Asked):
    """One call that the frontend makes, to be tried."""

    method: str = Field(default="GET", max_length=40, examples=["PUT"])
    url: str = Field(
        description="A path, relative to the API's address or else to the page's, or absolute.", max_length=4000, examples=["/api/items/1"]
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="That the script sets. Values that look secret are stored encrypted and never shown.",
        examples=[{"X-Requested-With": "fetch"}],
    )
    credentials: Literal["omit", "same-origin", "include"] = Field(default="same-origin", description="As in `fetch()`.")
    body: Literal["text", "urlencoded", "multipart", "blob", "bytes"] | None = Field(
        default=None, description="The kind of body, which decides its Content-Type."
    )


class ScanAsked(Asked):
    page_url: str = Field(description="Address of the application's page.", max_length=4000, examples=["https://app.example/"])
    api_url: str = Field(
        default="", description="Address of its API, where that is elsewhere.", max_length=4000, examples=["https://api.example/v1"]
    )
    calls: list[CallAsked] = Field(
        default_factory=list, description=f"Calls to try beside those that are found; at most {MAX_CALLS}.", max_length=MAX_CALLS
    )


class Scan(Answer):
    id: str = Field(examples=["b0Jq3vYx7mZr5sKd"])
    page_url: str = Field(examples=["https://app.example/"])
    api_url: str = Field(description="Empty when none was given.")
    status: ScanStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    sentence: str = Field(description="The verdict in one sentence; empty while there is none.")
    critical: int = Field(description="Findings of this severity; so with the next four.")
    high: int
    medium: int
    low: int
    info: int
    calls: int = Field(description="How many calls of the frontend were judged.")
    blocked: int = Field(description="How many of them a browser blocks.")
    error: str = Field(description="Why the scan failed; empty otherwise.")
    created_by: str = Field(examples=["Alice"])


class CallOfScan(Answer):
    method: str
    url: str
    credentials: str


class ScanDetail(Scan):
    has_report: bool
    asked_calls: list[CallOfScan] = Field(description="The calls to try that were asked for; secrets in addresses as their hashes.")


class Started(Answer):
    id: str = Field(description="Ask `GET /api/v1/scans/{id}` until the status is final.", examples=["b0Jq3vYx7mZr5sKd"])
    status: ScanStatus = ScanStatus.QUEUED


assert CREDENTIALS == ("omit", "same-origin", "include")
assert BODIES == ("text", "urlencoded", "multipart", "blob", "bytes")


def _started(response: Response, scan_id: str) -> Started:
    response.headers["Location"] = f"/api/v1/scans/{scan_id}"
    return Started(id=scan_id)


@router.get("", summary="List scans", operation_id="list_scans", responses=answers())
async def list_scans(actor: ReadsScans, page: PageNumber = 1) -> Pages[Scan]:
    """Newest first, 20 on a page."""
    found = await scans.list_(actor, page)
    items = [Scan.model_validate(row) for row in found.items]
    return Pages[Scan](items=items, page=found.number, pages=found.pages, total=found.total)


@router.post("", status_code=202, summary="Start a scan", operation_id="start_scan", responses=answers(400))
async def start_scan(
    actor: WritesScans,
    response: Response,
    asked: Annotated[
        ScanAsked,
        Body(
            openapi_examples={
                "a page": {"summary": "A page, and what it calls", "value": {"page_url": "https://app.example/"}},
                "with calls": {
                    "summary": "An API elsewhere, and a call to try",
                    "value": {
                        "page_url": "https://app.example/",
                        "api_url": "https://api.example/v1",
                        "calls": [{"method": "PUT", "url": "items/1", "headers": {"X-Api-Key": "demo"}, "credentials": "include"}],
                    },
                },
            }
        ),
    ],
) -> Started:
    """The scan waits for its turn: 202, with its address in `Location`. It counts among the scans of the token's user."""
    calls = tuple(CallForm(call.method, call.url, tuple(call.headers.items()), call.credentials, call.body) for call in asked.calls)
    return _started(response, await scans.start(actor, ScanForm(asked.page_url, asked.api_url, calls)))


@router.get("/{id}", summary="One scan", operation_id="get_scan", responses=answers(404))
async def get_scan(actor: ReadsScans, id: Id) -> ScanDetail:  # noqa: A002  as it stands in the address
    found = await scans.get(actor, id)
    calls = [CallOfScan.model_validate(call) for call in redact_request(found.request).calls]
    row = Scan.model_validate(found.row).model_dump()
    return ScanDetail(**row, has_report=found.has_report, asked_calls=calls)


@router.get(
    "/{id}/report",
    summary="A scan's report",
    operation_id="get_report",
    responses={
        **answers(404),
        200: {
            "description": "The report as it is stored; `/api/v1/schemas/report.json` describes it.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    },
    response_class=Response,
)
async def get_report(actor: ReadsScans, id: Id) -> Response:  # noqa: A002
    """404 while there is none."""
    return Response(await scans.report_json_text(actor, id), media_type="application/json")


@router.post("/{id}/cancel", status_code=204, summary="Cancel a scan", operation_id="cancel_scan", responses=answers(404))
async def cancel_scan(actor: WritesScans, id: Id) -> None:  # noqa: A002
    """One that waits ends at once, one that runs within a second. No effect on one that has ended."""
    await scans.cancel(actor, id)


@router.delete("/{id}", status_code=204, summary="Delete a scan", operation_id="delete_scan", responses=answers(404))
async def delete_scan(actor: WritesScans, id: Id) -> None:  # noqa: A002
    """It can be restored for an hour. One that is under way is cancelled."""
    await scans.delete(actor, id)


@router.post("/{id}/restore", status_code=204, summary="Restore a deleted scan", operation_id="restore_scan", responses=answers(404))
async def restore_scan(actor: WritesScans, id: Id) -> None:  # noqa: A002
    await scans.restore(actor, id)


@router.post("/{id}/rescan", status_code=202, summary="Scan the same again", operation_id="rescan", responses=answers(404, 409))
async def rescan(actor: WritesScans, response: Response, id: Id) -> Started:  # noqa: A002
    """With the secrets it was started with; 409 where they cannot be read any more."""
    return _started(response, await scans.rescan(actor, id))

"""What the checks of one monitor found."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.bearer import ReadsMonitors, answers
from app.api.monitor_shapes import (
    Call,
    Calls,
    ExchangeShown,
    FindingShown,
    Incident,
    Latency,
    Result,
    ResultDetail,
    Results,
    Window,
)
from app.api.shapes import Id, PageNumber, Pages
from app.services import incidents, monitor_history

router = APIRouter(prefix="/monitors/{id}", tags=["monitors"])
Due = Annotated[int, Path(description="`due_ms` of a result.", ge=0, le=2**53, examples=[1_767_225_600_000])]


@router.get("/results", summary="Results of a monitor", operation_id="list_results", responses=answers(404))
async def list_results(
    actor: ReadsMonitors,
    id: Id,  # noqa: A002  as it stands in the address
    before_ms: Annotated[int | None, Query(description="`next_before_ms` of the page before.", ge=0, le=2**53)] = None,
    only_failures: Annotated[bool, Query(description="Leave out what was up.")] = False,
) -> Results:
    """Newest first, as far as single results are kept: seven days unless the operator says otherwise."""
    found = await monitor_history.results(actor, id, before_ms, only_failures)
    return Results(items=[Result.model_validate(row) for row in found.rows], next_before_ms=found.next_before_ms)


@router.get("/results/{due_ms}", summary="What stands behind a result", operation_id="get_result", responses=answers(404))
async def get_result(actor: ReadsMonitors, id: Id, due_ms: Due) -> ResultDetail:  # noqa: A002
    """Of failed checks, the newest 20 of a monitor."""
    found = await monitor_history.detail(actor, id, due_ms)
    return ResultDetail(
        result=Result.model_validate(found.row),
        findings=[FindingShown.of(finding) for finding in found.findings],
        exchanges=[ExchangeShown.of(exchange) for exchange in found.exchanges],
        facts=list(found.facts),
    )


@router.get("/latency", summary="Latency and uptime of a monitor", operation_id="get_latency", responses=answers(404))
async def get_latency(actor: ReadsMonitors, id: Id, window: Window = "24h") -> Latency:  # noqa: A002
    """Percentiles are right for the window, not averages of averages."""
    return Latency.model_validate(await monitor_history.latency(actor, id, window))


@router.get("/incidents", summary="Incidents of a monitor", operation_id="list_incidents_of_monitor", responses=answers(404))
async def list_incidents_of_monitor(actor: ReadsMonitors, id: Id, page: PageNumber = 1) -> Pages[Incident]:  # noqa: A002
    found = await incidents.list_(actor, page, monitor_id=id)
    return Pages[Incident](
        items=[Incident.model_validate(row) for row in found.items], page=found.number, pages=found.pages, total=found.total
    )


@router.get("/calls", summary="Calls of a heartbeat", operation_id="list_calls", responses=answers(404))
async def list_calls(actor: ReadsMonitors, id: Id) -> Calls:  # noqa: A002
    """The newest hundred, newest first."""
    return Calls(items=[Call.model_validate(call) for call in await monitor_history.calls(actor, id)])

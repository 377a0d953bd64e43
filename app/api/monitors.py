"""Monitors: make, read, change, pause, delete, try."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from app.api.bearer import ReadsMonitors, WritesMonitors, answers
from app.api.monitor_shapes import (
    BulkAsked,
    Changed,
    Copied,
    ExchangeShown,
    FindingShown,
    Ids,
    Monitor,
    MonitorAsked,
    MonitorListed,
    MonitorPatch,
    MonitorWritten,
    TimingShown,
    Tried,
    TryAsked,
)
from app.api.shapes import Id, PageNumber, Pages
from app.services import heartbeats, monitor_baselines, monitors, overview, trying
from app.services.access import Action, require
from app.services.overview import Filter

router = APIRouter(prefix="/monitors", tags=["monitors"])
Text = Annotated[str, Query(max_length=200)]
Kind = Annotated[str, Path(max_length=20, examples=["api"])]


@router.get("", summary="List monitors", operation_id="list_monitors", responses=answers())
async def list_monitors(
    actor: ReadsMonitors,
    page: PageNumber = 1,
    text: Annotated[str, Query(description="Stands in name, address or a tag.", max_length=200)] = "",
    status: Annotated[str, Query(description="up, degraded, down, unreachable, unknown, pending, maintenance or paused.")] = "",
    kind: Text = "",
    tag: Text = "",
    site_id: Text = "",
    sort: Annotated[str, Query(description="name, status (worst first), uptime, p95 or last.", max_length=20)] = "name",
    descending: bool = False,
) -> Pages[MonitorListed]:
    """50 on a page. A filter that names nothing there is chooses all, except for `tag` and `site_id`."""
    wanted = Filter(text, status, kind, tag, site_id, sort, descending, group_by="none", page=page)
    found = await overview.read(actor, wanted)
    return Pages[MonitorListed](items=[MonitorListed.of(row) for row in found.rows], page=found.page, pages=found.pages, total=found.total)


@router.post("", status_code=201, summary="Make a monitor", operation_id="make_monitor", responses=answers(400))
async def make_monitor(
    actor: WritesMonitors,
    response: Response,
    asked: Annotated[
        MonitorAsked,
        Body(
            openapi_examples={
                "page": {
                    "summary": "A page that must say something",
                    "value": {
                        "name": "Shop",
                        "kind": "page",
                        "check": {
                            "ask": {
                                "url": "https://shop.example/",
                                "assertions": [
                                    {"subject": "status", "operator": "is", "value": "200-299"},
                                    {"subject": "title", "operator": "contains", "value": "Shop"},
                                    {"subject": "latency", "operator": "below", "value": "800", "warns": True},
                                ],
                            }
                        },
                        "tags": ["shop"],
                    },
                },
                "heartbeat": {
                    "summary": "A job that calls us",
                    "value": {
                        "name": "Backup",
                        "kind": "heartbeat",
                        "check": {"period_s": 86400, "grace_s": 3600},
                        "down": 1,
                        "down_of": 1,
                    },
                },
            }
        ),
    ],
) -> Monitor:
    """It is checked within seconds, then at its interval. Secrets in `check` need `secrets:write`, names of secrets `secrets:read`."""
    made = await monitors.create(actor, asked.draft())
    response.headers["Location"] = f"/api/v1/monitors/{made.id}"
    return Monitor.whole(made)


@router.get("/defaults/{kind}", summary="What suits a kind", operation_id="monitor_defaults", responses=answers())
async def monitor_defaults(actor: ReadsMonitors, kind: Kind) -> MonitorWritten:
    """A monitor of this kind, but for what only you can know: fill that in and send it to `POST /api/v1/monitors`."""
    require(actor, Action.READ_MONITORS)
    return MonitorWritten.of(monitors.defaults(kind))


@router.post("/try", summary="Run a check once", operation_id="try_check", responses=answers(400, 404))
async def try_check(actor: WritesMonitors, asked: TryAsked) -> Tried:
    """Nothing is recorded. It takes as long as the check, at most 60 s; one at a time."""
    found = await trying.try_(actor, asked.kind, asked.check, asked.timeout_s, asked.monitor_id)
    return Tried(
        outcome=found.outcome,
        cause=found.cause,
        text=found.text,
        code=found.code,
        timing=TimingShown.model_validate(found.timing) if found.timing else None,
        findings=[FindingShown.of(finding) for finding in found.findings],
        exchanges=[ExchangeShown.of(exchange) for exchange in found.exchanges],
        facts=list(found.facts),
    )


@router.post("/bulk", summary="Change several monitors", operation_id="change_monitors", responses=answers(400, 404))
async def change_monitors(actor: WritesMonitors, asked: BulkAsked) -> Changed:
    """All or none: a change that does not suit one of them changes nothing."""
    return Changed(count=await monitors.bulk(actor, asked.ids, asked.change()))


@router.post("/pause", summary="Pause several monitors", operation_id="pause_monitors", responses=answers(400, 404))
async def pause_monitors(actor: WritesMonitors, asked: Ids) -> Changed:
    """Their open incidents end."""
    return Changed(count=await monitors.pause(actor, asked.ids))


@router.post("/resume", summary="Resume several monitors", operation_id="resume_monitors", responses=answers(400, 404))
async def resume_monitors(actor: WritesMonitors, asked: Ids) -> Changed:
    return Changed(count=await monitors.resume(actor, asked.ids))


@router.get("/{id}", summary="One monitor", operation_id="get_monitor", responses=answers(404))
async def get_monitor(actor: ReadsMonitors, id: Id) -> Monitor:  # noqa: A002  as it stands in the address
    return Monitor.whole(await monitors.get(actor, id))


@router.put("/{id}", summary="Write a monitor anew", operation_id="put_monitor", responses=answers(400, 404))
async def put_monitor(actor: WritesMonitors, id: Id, asked: MonitorAsked) -> Monitor:  # noqa: A002
    """What is left out becomes what suits most. A `{{secret.NAME}}` that is sent back keeps its secret."""
    return Monitor.whole(await monitors.change(actor, id, asked.draft()))


@router.patch("/{id}", summary="Change a monitor", operation_id="patch_monitor", responses=answers(400, 404))
async def patch_monitor(actor: WritesMonitors, id: Id, asked: MonitorPatch) -> Monitor:  # noqa: A002
    """Only the fields that are sent."""
    return Monitor.whole(await monitors.patch(actor, id, asked.changes()))


@router.delete("/{id}", status_code=204, summary="Delete a monitor", operation_id="delete_monitor", responses=answers(404))
async def delete_monitor(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    """It can be restored for an hour."""
    await monitors.delete(actor, [id])


@router.post("/{id}/restore", status_code=204, summary="Restore a deleted monitor", operation_id="restore_monitor", responses=answers(404))
async def restore_monitor(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    await monitors.restore(actor, [id])


@router.post("/{id}/pause", status_code=204, summary="Pause a monitor", operation_id="pause_monitor", responses=answers(404))
async def pause_monitor(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    """Its open incident ends. No effect on one that is paused."""
    await monitors.pause(actor, [id])


@router.post("/{id}/resume", status_code=204, summary="Resume a monitor", operation_id="resume_monitor", responses=answers(404))
async def resume_monitor(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    await monitors.resume(actor, [id])


@router.post("/{id}/clone", status_code=201, summary="Copy a monitor", operation_id="clone_monitor", responses=answers(404))
async def clone_monitor(actor: WritesMonitors, response: Response, id: Id) -> Copied:  # noqa: A002
    """The copy is paused."""
    copy = await monitors.clone(actor, id)
    response.headers["Location"] = f"/api/v1/monitors/{copy}"
    return Copied(id=copy)


@router.post("/{id}/check", status_code=202, summary="Check now", operation_id="check_now", responses=answers(404, 409))
async def check_now(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    """Beside the schedule; what it finds stands among the results in a moment."""
    await monitors.check_now(actor, id)


@router.post(
    "/{id}/accept", status_code=204, summary="Take this as the new normal", operation_id="accept_monitor", responses=answers(404, 409)
)
async def accept_monitor(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    """A skew or scan monitor whose `worse` is true compares with what it found last from now on, and is checked soon."""
    await monitor_baselines.accept(actor, id)


@router.post("/{id}/address", summary="Give a heartbeat a new address", operation_id="rotate_heartbeat", responses=answers(404))
async def rotate_heartbeat(actor: WritesMonitors, id: Id) -> Monitor:  # noqa: A002
    """From then on nobody is heard at the old one."""
    await heartbeats.rotate(actor, id)
    return Monitor.whole(await monitors.get(actor, id))

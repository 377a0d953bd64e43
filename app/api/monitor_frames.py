"""What frames monitors: sites, groups, maintenance windows; and the incidents of the workspace."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.bearer import ReadsMonitors, WritesMonitors, answers
from app.api.monitor_shapes import Incident
from app.api.shapes import Answer, Asked, Id, PageNumber, Pages
from app.services import groups, incidents, maintenance, sites
from app.services.maintenance import WindowDraft

router = APIRouter(tags=["monitors"])
_ID = "b0Jq3vYx7mZr5sKd"


class SiteAsked(Asked):
    name: str = Field(max_length=200, examples=["Shop"])
    page_url: str = Field(max_length=4000, examples=["https://shop.example/"])
    api_url: str = Field(default="", description="Where that is elsewhere.", max_length=4000)


class Site(Answer):
    id: str = Field(examples=[_ID])
    name: str
    page_url: str
    api_url: str
    monitors: int
    worst: str = Field(description="Status of the monitor that stands worst; empty without monitors.")
    open_incidents: int


class Sites(Answer):
    items: list[Site]


class Made(Answer):
    id: str = Field(examples=[_ID])


@router.get("/sites", summary="List sites", operation_id="list_sites", responses=answers())
async def list_sites(actor: ReadsMonitors) -> Sites:
    """By name, all of them: a workspace has at most 500."""
    return Sites(items=[Site.model_validate(row) for row in await sites.list_(actor)])


@router.post("/sites", status_code=201, summary="Add a site", operation_id="make_site", responses=answers(400))
async def make_site(actor: WritesMonitors, response: Response, asked: SiteAsked) -> Made:
    made = await sites.create(actor, asked.name, asked.page_url, asked.api_url)
    response.headers["Location"] = f"/api/v1/sites/{made}"
    return Made(id=made)


@router.get("/sites/{id}", summary="One site", operation_id="get_site", responses=answers(404))
async def get_site(actor: ReadsMonitors, id: Id) -> Site:  # noqa: A002  as it stands in the address
    return Site.model_validate(await sites.get(actor, id))


@router.put("/sites/{id}", status_code=204, summary="Change a site", operation_id="put_site", responses=answers(400, 404))
async def put_site(actor: WritesMonitors, id: Id, asked: SiteAsked) -> None:  # noqa: A002
    """Its monitors go where they went."""
    await sites.change(actor, id, asked.name, asked.page_url, asked.api_url)


@router.delete("/sites/{id}", status_code=204, summary="Delete a site", operation_id="delete_site", responses=answers(404))
async def delete_site(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    """Its monitors stay, without a site."""
    await sites.delete(actor, id)


class GroupAsked(Asked):
    name: str = Field(max_length=200, examples=["Checkout"])
    parent_id: str = Field(default="", description="The group that it stands in; empty at the top.", max_length=64)


class Group(Answer):
    id: str = Field(examples=[_ID])
    name: str
    parent_id: str
    path: str = Field(examples=["Shop / Checkout"])
    depth: int
    monitors: int = Field(description="That stand in it itself.")


class Groups(Answer):
    items: list[Group]


@router.get("/groups", summary="List groups", operation_id="list_groups", responses=answers())
async def list_groups(actor: ReadsMonitors) -> Groups:
    """All of them, each before what stands in it: a workspace has at most 500."""
    return Groups(items=[Group.model_validate(row) for row in await groups.list_(actor)])


@router.post("/groups", status_code=201, summary="Add a group", operation_id="make_group", responses=answers(400))
async def make_group(actor: WritesMonitors, asked: GroupAsked) -> Made:
    return Made(id=await groups.create(actor, asked.name, asked.parent_id))


@router.put("/groups/{id}", status_code=204, summary="Rename or move a group", operation_id="put_group", responses=answers(400, 404))
async def put_group(actor: WritesMonitors, id: Id, asked: GroupAsked) -> None:  # noqa: A002
    """With all that stands in it."""
    await groups.change(actor, id, asked.name, asked.parent_id)


@router.delete("/groups/{id}", status_code=204, summary="Delete a group", operation_id="delete_group", responses=answers(404))
async def delete_group(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    """Its monitors stay, without a group; the groups in it move up."""
    await groups.delete(actor, id)


class WindowAsked(Asked):
    """A window that comes once has a start and an end; one that recurs a cron expression, a zone and a duration."""

    name: str = Field(max_length=200, examples=["Deployments"])
    starts_at: datetime | None = Field(default=None, strict=False, description="With its zone.", examples=["2026-03-29T01:00:00Z"])
    ends_at: datetime | None = Field(default=None, strict=False)
    cron: str = Field(default="", description="Five fields; empty for one that comes once.", max_length=200, examples=["0 3 * * 0"])
    zone: str = Field(default="UTC", max_length=64, examples=["Europe/Berlin"])
    duration_s: int = Field(default=0, description="From a minute to 31 days, of one that recurs.", examples=[3600])
    monitors: list[str] = Field(default_factory=list, description="Ids. With no monitors, tags and sites it is for all.", max_length=500)
    tags: list[str] = Field(default_factory=list, max_length=50)
    sites: list[str] = Field(default_factory=list, description="Ids.", max_length=500)

    def draft(self) -> WindowDraft:
        values = self.model_dump()
        for name in ("monitors", "tags", "sites"):
            values[name] = tuple(values[name])
        return WindowDraft(**values)


class MaintenanceWindow(Answer):
    id: str = Field(examples=[_ID])
    name: str
    starts_at: datetime | None
    ends_at: datetime | None
    cron: str
    zone: str
    duration_s: int
    monitors: list[str]
    tags: list[str]
    sites: list[str]
    state: str = Field(description="now, next or over.")
    next_at: datetime | None
    until: datetime | None = Field(description="Of one that holds now.")
    words: str = Field(examples=["0 3 * * 0 (Europe/Berlin), for 1 h"])


class MaintenanceWindows(Answer):
    items: list[MaintenanceWindow]


@router.get("/maintenance", summary="List maintenance windows", operation_id="list_maintenance", responses=answers())
async def list_maintenance(actor: ReadsMonitors) -> MaintenanceWindows:
    """Those that hold first, then those that come, then those that are over."""
    return MaintenanceWindows(items=[MaintenanceWindow.model_validate(row) for row in await maintenance.list_(actor)])


@router.post("/maintenance", status_code=201, summary="Add a maintenance window", operation_id="make_maintenance", responses=answers(400))
async def make_maintenance(actor: WritesMonitors, response: Response, asked: WindowAsked) -> Made:
    """Results within it are kept and do not count."""
    made = await maintenance.create(actor, asked.draft())
    response.headers["Location"] = f"/api/v1/maintenance/{made}"
    return Made(id=made)


@router.get("/maintenance/{id}", summary="One maintenance window", operation_id="get_maintenance", responses=answers(404))
async def get_maintenance(actor: ReadsMonitors, id: Id) -> MaintenanceWindow:  # noqa: A002
    return MaintenanceWindow.model_validate(await maintenance.get(actor, id))


@router.put(
    "/maintenance/{id}", status_code=204, summary="Change a maintenance window", operation_id="put_maintenance", responses=answers(400, 404)
)
async def put_maintenance(actor: WritesMonitors, id: Id, asked: WindowAsked) -> None:  # noqa: A002
    await maintenance.change(actor, id, asked.draft())


@router.post(
    "/maintenance/{id}/end", status_code=204, summary="End maintenance now", operation_id="end_maintenance", responses=answers(404, 409)
)
async def end_maintenance(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    """One that recurs comes again. 409 when it does not hold."""
    await maintenance.end_now(actor, id)


@router.delete(
    "/maintenance/{id}", status_code=204, summary="Delete a maintenance window", operation_id="delete_maintenance", responses=answers(404)
)
async def delete_maintenance(actor: WritesMonitors, id: Id) -> None:  # noqa: A002
    await maintenance.delete(actor, id)


@router.get("/incidents", summary="List incidents", operation_id="list_incidents", responses=answers(404))
async def list_incidents(
    actor: ReadsMonitors,
    page: PageNumber = 1,
    open_only: bool = False,
    site_id: Annotated[str, Query(description="Only those of this site.", max_length=64)] = "",
) -> Pages[Incident]:
    """Open ones first, then newest first, 50 on a page."""
    found = await incidents.list_(actor, page, open_only, site_id=site_id)
    return Pages[Incident](
        items=[Incident.model_validate(row) for row in found.items], page=found.number, pages=found.pages, total=found.total
    )

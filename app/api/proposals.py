"""What a scan's report proposes to watch, and making monitors of it."""

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.bearer import ReadsScans, WritesMonitors, answers
from app.api.shapes import Answer, Asked, Id
from app.core.proposals import MAX_PROPOSALS
from app.services import watching
from app.services.watching import Choice

router = APIRouter(prefix="/scans", tags=["monitors"])


class ProposedMonitor(Answer):
    key: str = Field(description="Stays the same over scans of the same site.", examples=["cor-9f0ec49140a5728c"])
    seam: str = Field(description="page, api, cors, websocket, session, auth or delivery.", examples=["cors"])
    kind: str = Field(description="The monitor's kind.", examples=["cors"])
    name: str = Field(examples=["CORS POST /api/items"])
    address: str = Field(description="Where its check goes.", examples=["https://api.example/items"])
    holds: str = Field(description="What must hold, in a few words.", examples=["Allowed from the page, blocked from foreign pages"])
    interval_s: int = Field(examples=[300])
    ticked: bool = Field(description="Whether what it asks holds today: what `watch` makes when no choices are given.")
    why: str = Field(description="Why it is not ticked, or what is to know of one that is; empty when nothing is.")
    already: bool = Field(description="Whether a monitor of the workspace watches this already.")


class Proposals(Answer):
    site_name: str = Field(description="Of the site they would belong to.")
    site_id: str = Field(description="Empty when the site would be made.")
    page_url: str
    api_url: str = Field(description="Empty when it is the page's.")
    proposals: list[ProposedMonitor]
    notes: list[str] = Field(description="What cannot be watched as it is, one sentence each.")


class ChoiceAsked(Asked):
    key: str = Field(description="Of a proposal.", max_length=40, examples=["cor-9f0ec49140a5728c"])
    name: str | None = Field(default=None, description="As proposed, when it is left out.", max_length=400)
    interval_s: float | None = Field(default=None, description="As proposed, when it is left out.", examples=[60])


class WatchAsked(Asked):
    choices: list[ChoiceAsked] | None = Field(
        default=None, description="What to make; without it, all that are ticked and not watched already.", max_length=MAX_PROPOSALS
    )
    site_name: str = Field(default="", description="Of a new site; its host, when it is left out.", max_length=400)


class MadeOfReport(Answer):
    monitors: list[str] = Field(description="Ids, in the order chosen.")
    site_id: str
    site_name: str
    made_site: bool = Field(description="Whether the site was made for them.")


@router.get("/{id}/proposals", summary="What a report proposes to watch", operation_id="list_proposals", responses=answers(404))
async def list_proposals(actor: ReadsScans, id: Id) -> Proposals:  # noqa: A002  as it stands in the address
    """404 while the scan has no report. What is watched already is told to tokens that may read monitors."""
    found = await watching.proposals(actor, id)
    items = [
        ProposedMonitor(
            key=one.key, seam=one.seam, kind=one.kind, name=one.name, address=one.address, holds=one.holds, interval_s=one.interval_s,
            ticked=one.ticked, why=one.why, already=one.key in found.already,
        )
        for one in found.proposals
    ]  # fmt: skip
    return Proposals(
        site_name=found.site_name, site_id=found.site_id, page_url=found.page_url, api_url=found.api_url, proposals=items,
        notes=list(found.notes),
    )  # fmt: skip


@router.post("/{id}/watch", status_code=201, summary="Watch what a report proposes", operation_id="watch", responses=answers(400, 404, 409))
async def watch(actor: WritesMonitors, response: Response, id: Id, asked: WatchAsked) -> MadeOfReport:  # noqa: A002
    """Makes the monitors, and the site they belong to unless there is one with its page; all or none.

    What is watched already is left as it is; 409 when all of it is.
    """
    choices = [Choice(one.key, one.name, one.interval_s) for one in asked.choices] if asked.choices is not None else None
    made = await watching.watch(actor, id, choices, asked.site_name)
    response.headers["Location"] = f"/api/v1/sites/{made.site_id}"
    return MadeOfReport(monitors=list(made.monitors), site_id=made.site_id, site_name=made.site_name, made_site=made.made_site)

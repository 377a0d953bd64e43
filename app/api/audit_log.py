"""The audit log: who changed what."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.bearer import ReadsAudit, answers
from app.api.shapes import Answer
from app.services import audit

router = APIRouter(tags=["audit"])


class Line(Answer):
    id: int = Field(description="Later lines have greater ones; nothing else follows from it.")
    at: datetime
    actor_kind: str = Field(examples=["user"])
    actor_name: str = Field(examples=["Alice"])
    action: str = Field(description="Stable, for programs.", examples=["token.made"])
    action_words: str = Field(description="For people; may change.")
    target: str
    before: str
    after: str
    address: str = Field(description="Whence it was done; empty for what was done on the machine itself.", examples=["192.0.2.7"])


class Lines(Answer):
    items: list[Line]
    next: int | None = Field(description="`before` of the next page; null on the last.")


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", max_length=200, description="Stands in actor, action, target, before, after or address.")
    action: str = Field(default="", max_length=48, description="A code, or what stands before its dot: `token`.", examples=["token"])
    actor: str = Field(default="", max_length=160, description="Stands in the actor's name.")
    since: AwareDatetime | None = Field(default=None, description="With its zone; included.", examples=["2026-03-29T12:00:00Z"])
    until: AwareDatetime | None = Field(default=None, description="With its zone; not included.", examples=["2026-03-30T12:00:00Z"])
    before: int = Field(default=0, ge=0, lt=2**63, description="`next` of the page before; 0 for the first.")


@router.get("/audit", summary="Read the audit log", operation_id="read_audit", responses=answers())
async def read_audit(actor: ReadsAudit, wanted: Annotated[Wanted, Query()]) -> Lines:
    """Newest first, 50 lines a page. Filters must all hold."""
    chosen = audit.AuditFilter(wanted.text, wanted.action, wanted.actor, wanted.since, wanted.until)
    found = await audit.list_(actor, chosen, wanted.before)
    return Lines(items=[Line.model_validate(row) for row in found.rows], next=found.next)

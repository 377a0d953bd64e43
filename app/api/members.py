"""Who belongs to the workspace, and who is invited."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from app.api.bearer import ReadsWorkspace, WritesWorkspace, answers
from app.api.shapes import Answer, Asked, Id, PageNumber, Pages
from app.services import invitations, members
from app.services.access import Role
from app.services.invitations import State

router = APIRouter(tags=["members"])
GivenRole = Literal["admin", "editor", "viewer"]


class Member(Answer):
    id: str = Field(examples=["b0Jq3vYx7mZr5sKd"])
    name: str = Field(examples=["Bob"])
    email: str = Field(description="As a provider verified it; empty when none did.")
    role: Role
    joined_at: datetime
    last_seen_at: datetime | None
    second_factor: bool | None = Field(description="Whether they have one; null for whoever may not manage members.")
    may_change: bool = Field(description="Whether this token may change their role and remove them.")


class RoleAsked(Asked):
    role: GivenRole = Field(examples=["editor"])


class Invitation(Answer):
    id: str = Field(examples=["b0Jq3vYx7mZr5sKd"])
    role: Role
    note: str = Field(description="Whom it is for, in the inviter's words.")
    created_by: str = Field(examples=["Alice"])
    created_at: datetime
    expires_at: datetime
    state: State
    used_by: str = Field(description="Empty while nobody used it.")


class Invitations(Answer):
    items: list[Invitation]


class InvitationAsked(Asked):
    role: GivenRole = Field(examples=["viewer"])
    note: str = Field(default="", max_length=invitations.MAX_NOTE_CHARS, examples=["Bob, frontend"])
    days: int = Field(default=7, ge=invitations.DAYS[0], le=invitations.DAYS[1])


class MadeInvitation(Answer):
    link: str = Field(description="Works once. It is not shown again.")
    invitation: Invitation


@router.get("/members", summary="List members", operation_id="list_members", responses=answers())
async def list_members(actor: ReadsWorkspace, page: PageNumber = 1) -> Pages[Member]:
    found = await members.list_(actor, page)
    items = [Member.model_validate(row) for row in found.items]
    return Pages[Member](items=items, page=found.number, pages=found.pages, total=found.total)


@router.patch(
    "/members/{id}", status_code=204, summary="Change a member's role", operation_id="change_member", responses=answers(400, 404, 409)
)
async def change_member(actor: WritesWorkspace, id: Id, asked: RoleAsked) -> None:  # noqa: A002  as it stands in the address
    """409 for the owner: ownership is transferred in the browser."""
    await members.change_role(actor, id, asked.role)


@router.delete("/members/{id}", status_code=204, summary="Remove a member", operation_id="remove_member", responses=answers(404, 409))
async def remove_member(actor: WritesWorkspace, id: Id) -> None:  # noqa: A002
    """Their personal tokens here end with it."""
    await members.remove(actor, id)


@router.get("/invitations", summary="List invitations", operation_id="list_invitations", responses=answers())
async def list_invitations(actor: WritesWorkspace, page: PageNumber = 1) -> Invitations:
    """Those that are open first, then the newest; 50 on a page, fewer on the last."""
    return Invitations(items=[Invitation.model_validate(row) for row in await invitations.list_(actor, page)])


@router.post("/invitations", status_code=201, summary="Invite somebody", operation_id="make_invitation", responses=answers(400))
async def make_invitation(actor: WritesWorkspace, asked: InvitationAsked) -> MadeInvitation:
    """Makes a link that whoever opens it becomes a member by. Send it to them yourself."""
    made = await invitations.make(actor, asked.role, asked.note, asked.days)
    return MadeInvitation(link=made.link, invitation=Invitation.model_validate(made.row))


@router.delete(
    "/invitations/{id}", status_code=204, summary="Take an invitation back", operation_id="revoke_invitation", responses=answers(404, 409)
)
async def revoke_invitation(actor: WritesWorkspace, id: Id) -> None:  # noqa: A002
    await invitations.revoke(actor, id)

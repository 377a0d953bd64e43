"""Whom a token stands for, and where; and the end of the token itself."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from app.api.bearer import AnyToken, ReadsWorkspace, TheToken, answers
from app.api.shapes import Answer
from app.services import grants, workspaces
from app.services.access import Role, Scope
from app.services.bearers import Kind

router = APIRouter()


class ThisToken(Answer):
    id: str = Field(description="Of the API token, also when an access token was shown.", examples=["b0Jq3vYx7mZr5sKd"])
    name: str = Field(examples=["nightly build"])
    kind: Kind
    expires_at: datetime | None = Field(description="When what was shown ends; null: when it is revoked.")


class ThisUser(Answer):
    id: str
    name: str = Field(examples=["Alice"])


class ThisWorkspace(Answer):
    id: str
    name: str = Field(examples=["Harbour"])


class Me(Answer):
    token: ThisToken
    user: ThisUser | None = Field(description="Whom a personal token acts for; null for a workspace token.")
    workspace: ThisWorkspace
    role: Role
    scopes: list[Scope] = Field(description="What this token opens now: its scopes, as far as the role reaches.")


class WorkspaceAnswer(Answer):
    id: str
    name: str = Field(examples=["Harbour"])
    role: Role = Field(description="The token's.")
    created_at: datetime
    members: int = Field(description="How many people belong to it.", examples=[4])
    audit_days: int = Field(description="How many days the audit log is kept.", examples=[365])
    require_second_factor: bool = Field(description="Whether those who manage it need a second factor.")


@router.get("/me", tags=["tokens"], summary="Whom this token stands for", operation_id="me", responses=answers())
async def me(shown: AnyToken) -> Me:
    """Any token may ask, whatever its scopes."""
    actor = shown.actor
    return Me(
        token=ThisToken(id=actor.token, name=shown.name, kind=shown.kind, expires_at=shown.expires_at),
        user=ThisUser(id=actor.user_public_id, name=shown.user_name) if actor.user_public_id else None,
        workspace=ThisWorkspace(id=actor.workspace_public_id, name=actor.workspace),
        role=actor.role,
        scopes=[scope for scope in Scope if scope in actor.scopes],
    )


@router.delete("/tokens/current", tags=["tokens"], status_code=204, summary="End this token", operation_id="end_token", responses=answers())
async def end_token(_shown: AnyToken, token: TheToken) -> None:
    """An API token is revoked, and with it every grant it was exchanged for. An access token ends with its grant, and the API token
    lives on. Any token may end itself, whatever its scopes."""
    await grants.give_back(token)


@router.get("/workspace", tags=["workspace"], summary="The workspace of this token", operation_id="workspace", responses=answers())
async def workspace(actor: ReadsWorkspace) -> WorkspaceAnswer:
    return WorkspaceAnswer.model_validate(await workspaces.details(actor))

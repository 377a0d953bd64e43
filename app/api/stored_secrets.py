"""Secrets: their names. A value goes in and never comes out."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from app.api.bearer import ReadsSecrets, WritesSecrets, answers
from app.api.shapes import Answer, Asked, Id
from app.services import stored_secrets

router = APIRouter(prefix="/secrets", tags=["secrets"])
Name = Annotated[str, Path(description="A letter, then letters, digits and underscores.", max_length=64, examples=["SMTP_PASSWORD"])]


class Secret(Answer):
    id: str = Field(examples=["b0Jq3vYx7mZr5sKd"])
    name: str = Field(examples=["SMTP_PASSWORD"])
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None
    created_by: str = Field(examples=["Alice"])


class Secrets(Answer):
    items: list[Secret]


class ValueAsked(Asked):
    value: str = Field(description="Stored encrypted, and never shown again.", min_length=1, max_length=8192)


@router.get("", summary="List secrets", operation_id="list_secrets", responses=answers())
async def list_secrets(actor: ReadsSecrets) -> Secrets:
    """By name. Values are not among what can be had."""
    return Secrets(items=[Secret.model_validate(row) for row in await stored_secrets.list_(actor)])


@router.put(
    "/{name}",
    status_code=204,
    summary="Put a secret",
    operation_id="put_secret",
    responses={**answers(400), 201: {"description": "There was none of this name."}, 204: {"description": "Its value was replaced."}},
)
async def put_secret(actor: WritesSecrets, name: Name, asked: ValueAsked) -> Response:
    return Response(status_code=204 if await stored_secrets.put(actor, name, asked.value) else 201)


@router.delete("/{id}", status_code=204, summary="Delete a secret", operation_id="delete_secret", responses=answers(404))
async def delete_secret(actor: WritesSecrets, id: Id) -> None:  # noqa: A002  as it stands in the address
    await stored_secrets.delete(actor, id)

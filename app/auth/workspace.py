"""Switching the workspace: a form of its own, since the answer is a full load, which opens a socket that looks at the new one."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.auth.cookie import to_page
from app.auth.page import message
from app.services import sessions, workspaces
from app.services.errors import SeamwatchError, Unauthenticated
from app.settings import settings

router = APIRouter(include_in_schema=False)


@router.post("/auth/workspace")
async def switch(
    request: Request,
    workspace_id: Annotated[str, Form(alias="id", max_length=200)],
    goal: Annotated[str, Form(alias="next", max_length=4000)] = "/",
) -> Response:
    try:
        await workspaces.switch(await sessions.actor(request.headers.get("cookie", "")), workspace_id)
    except Unauthenticated:
        return RedirectResponse(f"{settings().public_url}/sign-in", 303)
    except SeamwatchError as error:
        return message("This workspace cannot be shown", error.message, status=error.status)
    return to_page(goal)

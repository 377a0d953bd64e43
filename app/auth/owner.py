"""The owner's one-time link. GET shows a form and uses nothing up, since chats and mail clients open links for a preview."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader

from app.auth.cookie import safe_next, sign_in, to_page
from app.services import owner_link
from app.services.errors import Forbidden

router = APIRouter()
_pages = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
_Text = Annotated[str, Form(max_length=2000)]


def _page(status: int, **values: object) -> HTMLResponse:
    return HTMLResponse(_pages.get_template("owner.html").render(**values), status)


@router.get("/auth/owner", response_class=HTMLResponse, include_in_schema=False)
async def ask(token: Annotated[str, Query(max_length=200)] = "", goal: Annotated[str, Query(alias="next")] = "/") -> HTMLResponse:
    if not await owner_link.usable(token):
        return _page(403, error=owner_link.USED_UP)
    return _page(200, token=token, goal=safe_next(goal), first=not await owner_link.has_owner())


@router.post("/auth/owner", include_in_schema=False)
async def sign_in_as_owner(request: Request, token: _Text, goal: Annotated[str, Form(alias="next")] = "/", name: _Text = "") -> Response:
    try:
        owner = await owner_link.consume(token, name)
    except Forbidden as error:
        return _page(error.status, error=error.message)
    response = to_page(goal)
    await sign_in(request, response, user_id=owner.user_id, workspace_id=owner.workspace_id, method=owner_link.METHOD)
    return response

"""One-time links. GET shows a form and uses nothing up, since chats and mail clients open links for a preview."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from app.auth.cookie import enter, safe_next
from app.auth.page import message, page
from app.core.urls import HOME
from app.services import audit, login_links, rates
from app.services.errors import Forbidden, Limited
from app.services.rates import Rate

router = APIRouter()
_Text = Annotated[str, Form()]


@router.get("/auth/owner", response_class=HTMLResponse, include_in_schema=False)
async def ask(request: Request, token: str = "", goal: Annotated[str, Query(alias="next")] = HOME) -> HTMLResponse:
    try:
        await rates.hit(Rate.LINK, rates.of_address(audit.ADDRESS.get()))
    except Limited as error:
        return message("Too many tries", error.message, status=error.status)
    if not await login_links.usable(token):
        return _refused(login_links.USED_UP)
    named = await login_links.name_of(token)
    return page("owner.html", token=token, goal=safe_next(goal), name=named, first=not (named or await login_links.has_owner()))


@router.post("/auth/owner", include_in_schema=False)
async def sign_in_by_link(
    request: Request, token: _Text = "", goal: Annotated[str, Form(alias="next")] = HOME, name: _Text = ""
) -> Response:
    try:
        await rates.hit(Rate.LINK, rates.of_address(audit.ADDRESS.get()))
        who = await login_links.consume(token, name)
    except Limited as error:
        return message("Too many tries", error.message, status=error.status)
    except Forbidden as error:
        return _refused(error.message)
    # Whoever makes a link has a shell on this machine, which is more than a second factor.
    return await enter(request, goal, user_id=who.user_id, workspace_id=who.workspace_id, method=who.method, second_factor=True)


def _refused(why: str) -> HTMLResponse:
    return message("This link does not work", why, status=403)

"""The page of an invitation. GET uses nothing up, since chats and mail clients open links for a preview.

Who is signed in joins with their account; others sign in first and carry the invitation along. Where no provider is configured, a
name makes an account, and the next page adds a passkey to it, by which its owner comes back.
"""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.auth.cookie import safe_next, sign_in, to_invitation, to_page
from app.auth.page import message, page
from app.core.urls import HOME
from app.services import audit, invitations, rates, sessions, ways_in, workspaces
from app.services.access import Actor, Role
from app.services.errors import Invalid, SeamwatchError
from app.services.invitations import Offer
from app.services.rates import Rate
from app.settings import settings

router = APIRouter(include_in_schema=False)
_Token = Annotated[str, Form(max_length=200)]
_MAY = {
    Role.ADMIN: "Admins manage members, tokens, secrets and the workspace itself.",
    Role.EDITOR: "Editors start scans and keep secrets.",
    Role.VIEWER: "Viewers read scans, monitors and incidents.",
}


async def _count() -> None:
    await rates.hit(Rate.LINK, rates.of_address(audit.ADDRESS.get()))


def _refused(error: SeamwatchError) -> Response:
    return message("This invitation does not work", error.message, status=error.status)


@router.get("/auth/invitation")
async def ask(request: Request, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    try:
        await _count()
        return await _ask(request, token)
    except SeamwatchError as error:
        return _refused(error)


async def _ask(request: Request, token: str, *, error: str = "", name: str = "") -> Response:
    offer = await invitations.offer(token)
    cookies = request.headers.get("cookie", "")
    actor = await sessions.actor(cookies)
    if actor is not None:
        return await _ask_signed_in(actor, offer, token)
    if await sessions.pending(cookies):
        # They began to sign in: the second factor comes first, then this page again.
        return RedirectResponse(f"/auth/second-factor?{urlencode({'next': safe_next(to_invitation(token))})}", 303)
    options = await ways_in.options()
    return page(
        "invitation.html",
        422 if error else 200,
        offer=offer,
        may=_MAY[offer.role],
        token=token,
        providers=[
            (way.label, way.kind, f"/auth/login/{way.key}?{urlencode({'invitation': token, 'next': HOME})}") for way in options.providers
        ],
        passkey=f"/auth/passkeys/sign-in?{urlencode({'next': safe_next(to_invitation(token))})}" if options.passkeys else "",
        error=error,
        name=name,
    )


async def _ask_signed_in(actor: Actor, offer: Offer, token: str) -> Response:
    held = next((row for row in await workspaces.mine(actor) if row.id == offer.workspace_id), None)
    member = held is not None and held.role.at_least(offer.role)
    return page(
        "invitation_signed_in.html",
        offer=offer,
        may=_MAY[offer.role],
        token=token,
        user=actor.name,
        held=held,
        member=member,
        goal=HOME,
    )


@router.post("/auth/invitation")
async def answer(
    request: Request, token: _Token, how: Annotated[Literal["join", "new"], Form()], name: Annotated[str, Form()] = ""
) -> Response:
    """Join as whoever is signed in, or as somebody new; never as the one when the page asked about the other."""
    try:
        await _count()
        actor = await sessions.actor(request.headers.get("cookie", ""))
        if (actor is not None) != (how == "join"):
            return await _ask(request, token)
        if actor is not None:
            await invitations.join(actor, token)
            return to_page(HOME)
        joined = await invitations.join_as_new(name, token)
    except Invalid as error:
        return await _ask(request, token, error=error.message, name="".join(filter(str.isprintable, name[:120])))
    except SeamwatchError as error:
        return _refused(error)
    response = RedirectResponse(f"{settings().backend_url}/auth/passkeys/new?{urlencode({'next': HOME})}", 303)
    await sign_in(request, response, user_id=joined.user_id, workspace_id=joined.workspace_id, method=invitations.METHOD)
    return response

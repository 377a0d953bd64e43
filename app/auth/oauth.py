"""Signing in at a provider. Whatever goes wrong ends on a page that says what happened and what to do."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.auth import flow, link
from app.auth.clients import PinnedApp, client_of
from app.auth.cookie import enter, safe_next, to_invitation
from app.auth.flow import NotConfirmed, Purpose
from app.auth.page import message
from app.services import accounts, audit, rates
from app.services.errors import Forbidden, Limited, SeamwatchError
from app.services.rates import Rate
from app.settings import settings

router = APIRouter()
# Longer ones are cut here and not refused by FastAPI, whose answer is JSON: whoever follows a link sees a page.
_MAX_TOKEN_CHARS = 200


@router.get("/auth/login/{provider}", include_in_schema=False)
async def login(
    request: Request,
    provider: str,
    goal: Annotated[str, Query(alias="next")] = "/",
    invitation: str = "",
    moved: str = "",
) -> Response:
    client, invitation = client_of(provider), invitation[:_MAX_TOKEN_CHARS]
    if client is None:
        return _unknown_provider()
    own = urlsplit(settings().backend_url)
    if request.headers.get("host", "").lower() != own.netloc and not moved:
        # At 127.0.0.1 instead of localhost: the way back leads to the address in the settings, where no marker would be.
        # Once, since a proxy may put its own name into Host.
        query = urlencode({"next": safe_next(goal), **({"invitation": invitation} if invitation else {}), "moved": "1"})
        return RedirectResponse(f"{settings().backend_url}/auth/login/{client.provider.key}?{query}", 302)
    try:
        return RedirectResponse(await flow.start(request, client, Purpose(safe_next(goal), invitation)), 302)
    except Limited as error:
        return message("Too many tries", error.message, status=429)
    except NotConfirmed as error:
        return _failed(client, str(error), Purpose(safe_next(goal), invitation))


@router.get("/auth/callback/{provider}", include_in_schema=False)
async def callback(request: Request, provider: str) -> Response:
    client = client_of(provider)
    if client is None:
        return _unknown_provider()
    purpose = Purpose()
    try:
        await rates.hit(Rate.SIGN_IN, rates.of_address(audit.ADDRESS.get()))
        started = await flow.started(request, client)
        purpose = started.purpose
        arrival = await flow.arrival(request, client, started)
    except Limited as error:
        return message("Too many tries", error.message, status=429)
    except NotConfirmed as error:
        return _failed(client, str(error), purpose)
    except Forbidden as error:
        return message("Not signed in", error.message, status=403, actions=_other_ways(purpose))
    if purpose.link_session:
        return await link.to_confirm(request, arrival, purpose)
    try:
        arrived = await accounts.arrive(arrival, purpose.invitation)
    except SeamwatchError as error:
        title = f"This {arrival.provider_label} account does not let you in"
        return message(title, error.message, status=error.status, actions=_other_ways(purpose))
    goal = to_invitation(purpose.invitation) if arrived.asked else purpose.goal
    return await enter(request, goal, user_id=arrived.user_id, workspace_id=arrived.workspace_id, method=arrival.provider)


def _unknown_provider() -> HTMLResponse:
    return message("There is no such way to sign in", "This Seamwatch is not set up for it.", status=404, actions=_other_ways(Purpose()))


def _other_ways(purpose: Purpose) -> tuple[tuple[str, str], ...]:
    query = f"?{urlencode({'next': purpose.goal})}" if purpose.goal != "/" else ""
    return (("Sign in another way", f"{settings().public_url}/sign-in{query}"),)


def _failed(client: PinnedApp, why: str, purpose: Purpose) -> HTMLResponse:
    label, key = client.provider.label, client.provider.key
    said = f"{label} did not confirm the sign-in ({why}). Start again."
    if purpose.link_session:
        return link.nothing(said, 400)
    query = urlencode({"next": purpose.goal, **({"invitation": purpose.invitation} if purpose.invitation else {})})
    again = (f"Start again with {label}", f"{settings().backend_url}/auth/login/{key}?{query}")
    hint = ["A sign-in must be finished in the browser that started it, within ten minutes, and works once."] if why == flow.EXPIRED else []
    return message("Not signed in", said, *hint, status=400, actions=(again, *_other_ways(purpose)))

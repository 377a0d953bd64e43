"""Linking another account at a provider to the signed-in user: asked for by a form, proved at the provider, then confirmed by a form.

Never by e-mail address: whoever can have a provider write an address into an account would take over the one that has it here.
"""

import json
from dataclasses import asdict
from secrets import token_urlsafe
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.auth import flow
from app.auth.clients import client_of
from app.auth.flow import NotConfirmed, Purpose
from app.auth.page import message, page
from app.services import accounts, ceremonies, sessions
from app.services.access import Actor
from app.services.arrival import Arrival
from app.services.errors import SeamwatchError
from app.settings import settings

router = APIRouter()
_Text = Annotated[str, Form()]
_PROFILE = "/settings/profile"
_EXPIRED = "This step was done already, or is older than ten minutes. Start again from your profile."


@router.post("/auth/link/{provider}", include_in_schema=False)
async def begin(request: Request, provider: str) -> Response:
    """Send the signed-in user to a provider.

    By a page and not by a redirect: our policy's form-action stops a form whose answer leads to another site.
    """
    client = client_of(provider)
    if client is None:
        return nothing("This Seamwatch is not set up for that provider.", 404)
    actor = await _actor(request)
    if actor is None:
        return _signed_out()
    try:
        address = await flow.start(request, client, Purpose(_PROFILE, link_session=actor.session))
    except SeamwatchError as error:
        return nothing(error.message, error.status)
    except NotConfirmed as error:
        return nothing(f"{client.provider.label} cannot be reached ({error}).", 502)
    return page("leave.html", label=client.provider.label, address=address)


async def to_confirm(request: Request, arrival: Arrival, purpose: Purpose) -> Response:
    """Keep who arrived until the signed-in user confirms that the account is theirs."""
    actor = await _actor(request)
    if actor is None or actor.session != purpose.link_session:
        return nothing("You signed out or in meanwhile. Start again from your profile.", 403)
    owner = await accounts.owner_of(arrival)
    if owner == actor.user_id:
        return message("This account is linked already", f"{_named(arrival)} signs you in here.", actions=_back())
    if owner is not None:
        return nothing(accounts.taken(arrival), 409)
    ticket = token_urlsafe(24)
    await ceremonies.begin(_key(actor, ticket), {"arrival": json.dumps(asdict(arrival))})
    return RedirectResponse(f"{settings().backend_url}/auth/link?{urlencode({'ticket': ticket})}", 303)


@router.get("/auth/link", include_in_schema=False)
async def ask(request: Request, ticket: str = "") -> HTMLResponse:
    actor = await _actor(request)
    if actor is None:
        return _signed_out()
    kept = await ceremonies.peek(_key(actor, ticket))
    if kept is None:
        return nothing(_EXPIRED, 410)
    return page("link.html", account=_named(_arrival(kept)), name=actor.name, ticket=ticket)


@router.post("/auth/link", include_in_schema=False)
async def confirm(request: Request, ticket: _Text = "", answer: _Text = "") -> Response:
    actor = await _actor(request)
    if actor is None:
        return _signed_out()
    kept = await ceremonies.take(_key(actor, ticket))
    if kept is None:
        return nothing(_EXPIRED, 410)
    if answer == "link":
        try:
            await accounts.arrive(_arrival(kept), link_user_id=actor.user_id)
        except SeamwatchError as error:
            return nothing(error.message, error.status)
    return RedirectResponse(f"{settings().public_url}{_PROFILE}", 303)


def nothing(why: str, status: int) -> HTMLResponse:
    """Return the page that says why nothing was linked."""
    return message("Nothing was linked", why, status=status, actions=_back())


def _back() -> tuple[tuple[str, str], ...]:
    return (("Back to your profile", f"{settings().public_url}{_PROFILE}"),)


def _signed_out() -> HTMLResponse:
    where = urlencode({"next": _PROFILE})
    sign_in = ("Sign in", f"{settings().public_url}/sign-in?{where}")
    return message("Nothing was linked", "You are not signed in any more. Sign in and start again.", status=401, actions=(sign_in,))


async def _actor(request: Request) -> Actor | None:
    return await sessions.actor(request.headers.get("cookie", ""))


def _key(actor: Actor, ticket: str) -> str:
    return f"link|{actor.session}|{ticket}"


def _arrival(kept: dict[str, str]) -> Arrival:
    values = json.loads(kept["arrival"])
    return Arrival(**{**values, "orgs": tuple(values["orgs"])})


def _named(arrival: Arrival) -> str:
    return f"{arrival.provider_label} account {arrival.label or arrival.email or arrival.name or arrival.subject}"

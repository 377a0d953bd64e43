"""Passkeys: adding one, showing one as the second factor (or a recovery code), and signing in with one alone.

Each ceremony is a page, and two posts of its script: `begin` returns the options for the browser, `finish` takes its answer and says
where to go on. The guard lets such posts in from our own pages only.
"""

import secrets
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Cookie, Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from app.auth.cookie import keep, safe_next, sign_in, to_invitation, to_page
from app.auth.page import message, page
from app.services import ceremonies, devices, passkeys, second_factor, sessions, webauthn_ceremonies
from app.services.access import Actor
from app.services.errors import Limited, SeamwatchError, Unauthenticated
from app.services.recovery_codes import FEW
from app.settings import settings

router = APIRouter(include_in_schema=False)

_BROWSER = "seam_passkey"  # a cookie that ties the sign-in's challenge to the browser that asked for it
_SIGN_IN = "/auth/passkeys/sign-in"
_Goal = Annotated[str, Query(alias="next", max_length=4000)]
_BodyGoal = Annotated[str, Body(alias="next", max_length=4000)]
_Credential = Annotated[Any, Body()]


def _cookies(request: Request) -> str:
    return request.headers.get("cookie", "")


async def _actor(request: Request) -> Actor:
    actor = await sessions.actor(_cookies(request))
    if actor is None:
        raise Unauthenticated("Your session ended. Load this page again to sign in.")
    return actor


def _ceremony_page(template: str, goal: str, status: int = 200, **values: object) -> Response:
    return page(template, status, goal=safe_next(goal), back=_address(goal), host=webauthn_ceremonies.rp_id(), **values)


def _address(goal: str) -> str:
    return to_page(goal).headers["location"]


def _goes_on(goal: str, **values: object) -> JSONResponse:
    return JSONResponse({"to": _address(goal), **values})


def _to_sign_in(goal: str) -> RedirectResponse:
    return RedirectResponse(f"{settings().public_url}/sign-in?{urlencode({'next': safe_next(goal)})}", 303)


# Adding one


@router.get("/auth/passkeys/new")
async def new(request: Request, goal: _Goal = "/settings/profile") -> Response:
    actor = await sessions.actor(_cookies(request))
    if actor is None:
        waits = await second_factor.waiting(_cookies(request))
        return RedirectResponse(f"/auth/second-factor?{urlencode({'next': safe_next(goal)})}", 303) if waits else _to_sign_in(goal)
    return _ceremony_page(
        "passkey_new.html",
        goal,
        user=actor.name,
        device=devices.words(request.headers.get("user-agent", "")),
        first=not await passkeys.list_mine(actor),
    )


@router.post("/auth/passkeys/new/begin")
async def begin_adding(request: Request) -> JSONResponse:
    return JSONResponse(await passkeys.begin_adding(await _actor(request)))


@router.post("/auth/passkeys/new/finish")
async def finish_adding(
    request: Request, credential: _Credential = None, name: Annotated[Any, Body()] = None, goal: _BodyGoal = "/"
) -> JSONResponse:
    added = await passkeys.finish_adding(await _actor(request), name, credential)
    response = _goes_on(goal, codes=added.codes)
    if added.secret:
        keep(response, added.secret)
    return response


# The second factor


@router.get("/auth/second-factor")
async def second(request: Request, goal: _Goal = "/") -> Response:
    return await _second(request, goal)


async def _second(request: Request, goal: str, error: SeamwatchError | None = None) -> Response:
    waits = await second_factor.waiting(_cookies(request))
    if waits is None:
        return to_page(goal) if await sessions.actor(_cookies(request)) else _to_sign_in(goal)
    status = error.status if error else 200
    response = _ceremony_page("second_factor.html", goal, status, waits=waits, error=error.message if error else "")
    if isinstance(error, Limited):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


@router.post("/auth/second-factor/begin")
async def begin_second(request: Request) -> JSONResponse:
    return JSONResponse(await second_factor.begin(_cookies(request)))


@router.post("/auth/second-factor/finish")
async def finish_second(request: Request, credential: _Credential = None, goal: _BodyGoal = "/") -> JSONResponse:
    secret = await second_factor.finish(_cookies(request), credential)
    response = _goes_on(goal)
    keep(response, secret)
    return response


@router.post("/auth/second-factor/code")
async def redeem(
    request: Request, code: Annotated[str, Form(max_length=200)] = "", goal: Annotated[str, Form(alias="next", max_length=4000)] = "/"
) -> Response:
    try:
        redeemed = await second_factor.redeem(_cookies(request), code)
    except Unauthenticated:
        return _to_sign_in(goal)
    except SeamwatchError as error:
        return await _second(request, goal, error)
    response = to_page(goal) if redeemed.codes_left > FEW else _few_left(redeemed.codes_left, goal)
    keep(response, redeemed.secret)
    return response


def _few_left(left: int, goal: str) -> Response:
    return message(
        "That was your last recovery code" if left == 0 else f"{left} recovery {'code is' if left == 1 else 'codes are'} left",
        "You are signed in. Make new codes under Settings, Profile: without one, a lost passkey locks you out.",
        actions=(("Make new codes", _address("/settings/profile")), ("Later", _address(goal))),
    )


# Signing in with a passkey alone


@router.get(_SIGN_IN)
async def sign_in_page(goal: _Goal = "/", invitation: Annotated[str, Query(max_length=200)] = "") -> Response:
    if invitation:  # whoever signs in to accept one comes back to its page
        goal = to_invitation(invitation)
    return _ceremony_page("passkey_sign_in.html", goal, other=f"{settings().public_url}/sign-in?{urlencode({'next': safe_next(goal)})}")


@router.post(f"{_SIGN_IN}/begin")
async def begin_sign_in(browser: Annotated[str, Cookie(alias=_BROWSER)] = "") -> JSONResponse:
    # Kept when there is one already, so that a second tab does not break the first.
    browser = browser if 40 <= len(browser) <= 64 else secrets.token_urlsafe(32)
    response = JSONResponse(await passkeys.begin_sign_in(browser))
    lifetime_s = int(ceremonies.LIFETIME.total_seconds())
    response.set_cookie(_BROWSER, browser, max_age=lifetime_s, path=_SIGN_IN, httponly=True, secure=settings().https, samesite="strict")
    return response


@router.post(f"{_SIGN_IN}/finish")
async def finish_sign_in(
    request: Request, browser: Annotated[str, Cookie(alias=_BROWSER)] = "", credential: _Credential = None, goal: _BodyGoal = "/"
) -> JSONResponse:
    user_id, workspace_id = await passkeys.finish_sign_in(browser, credential)
    response = _goes_on(goal)
    await sign_in(request, response, user_id=user_id, workspace_id=workspace_id, method=passkeys.METHOD, second_factor=True)
    response.delete_cookie(_BROWSER, path=_SIGN_IN, httponly=True, secure=settings().https, samesite="strict")
    return response

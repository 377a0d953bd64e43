"""The session cookie, and where a sign-in may lead."""

from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.urls import local_path
from app.services import audit, sessions
from app.settings import settings

_INVITATION = "/auth/invitation?token="


def safe_next(value: str) -> str:
    """Return where a sign-in may lead: a path on our own pages, else "/". Never back to signing in or out.

    An invitation's page is one too: whoever signs in to accept it comes back to it.
    """
    path = local_path(value)
    return path if path and (not path.startswith("/auth/") or path.startswith(_INVITATION)) else "/"


def to_invitation(token: str) -> str:
    """Return the path of an invitation's page."""
    return f"{_INVITATION}{quote(token, safe='')}"


def to_page(path: str) -> RedirectResponse:
    """Send the browser to one of our pages by a full load, which opens a socket that carries the new cookie."""
    goal = safe_next(path)
    return RedirectResponse(f"{settings().backend_url if goal.startswith(_INVITATION) else settings().public_url}{goal}", 303)


async def sign_in(
    request: Request, response: Response, *, user_id: int, workspace_id: int, method: str, second_factor: bool = False
) -> None:
    """Make a session for this browser. One that it had before ends: a session never outlives a change of who is signed in.

    The session of a user with passkeys is pending without `second_factor`; `enter` leads such a user on.
    """
    await sessions.revoke(request.headers.get("cookie", ""))
    secret = await sessions.create(
        user_id,
        workspace_id,
        method,
        second_factor=second_factor,
        address=audit.ADDRESS.get(),
        user_agent=request.headers.get("user-agent", ""),
    )
    keep(response, secret)


def keep(response: Response, secret: str) -> None:
    """Give the browser the secret of its session."""
    response.set_cookie(
        sessions.cookie_name(),
        secret,
        max_age=int(sessions.LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        secure=settings().https,
        samesite="lax",
    )


async def enter(
    request: Request, goal: str, *, user_id: int, workspace_id: int, method: str, second_factor: bool = False
) -> RedirectResponse:
    """Sign this browser in and return the answer: to the goal, or to the second factor when the user has passkeys and showed none."""
    response = to_page(goal)
    if not second_factor and await sessions.has_passkeys(user_id):
        query = urlencode({"next": safe_next(goal)})
        response = RedirectResponse(f"{settings().backend_url}/auth/second-factor?{query}", 303)
    await sign_in(request, response, user_id=user_id, workspace_id=workspace_id, method=method, second_factor=second_factor)
    return response


async def sign_out(request: Request, response: Response) -> None:
    await sessions.revoke(request.headers.get("cookie", ""))
    forget(response)


def forget(response: Response) -> None:
    """Remove the session cookie from the browser."""
    response.delete_cookie(sessions.cookie_name(), path="/", httponly=True, secure=settings().https, samesite="lax")

"""Every route under /auth."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.auth import invitation, link, oauth, owner, page, passkeys, workspace
from app.auth.cookie import sign_out, to_page
from app.services import sessions

router = APIRouter()
router.include_router(owner.router)
router.include_router(oauth.router)
router.include_router(link.router)
router.include_router(invitation.router)
router.include_router(page.router)
router.include_router(passkeys.router)
router.include_router(workspace.router)


@router.post("/auth/logout", include_in_schema=False)
async def logout(request: Request) -> Response:
    response = to_page("/")
    await sign_out(request, response)
    return response


@router.post("/auth/logout-everywhere", include_in_schema=False)
async def logout_everywhere(request: Request) -> Response:
    """End every session of whoever is signed in, in whatever browser."""
    response = to_page("/")
    if actor := await sessions.actor(request.headers.get("cookie", "")):
        await sessions.end_everywhere(actor)
    await sign_out(request, response)  # one that waits for a second factor is no actor's
    return response

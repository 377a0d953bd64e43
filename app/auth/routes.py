"""Every route under /auth."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.auth import owner, page, passkeys
from app.auth.cookie import sign_out, to_page

router = APIRouter()
router.include_router(owner.router)
router.include_router(page.router)
router.include_router(passkeys.router)


@router.post("/auth/logout", include_in_schema=False)
async def logout(request: Request) -> Response:
    response = to_page("/")
    await sign_out(request, response)
    return response

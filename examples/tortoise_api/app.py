"""Bookmarks in FastAPI with Tortoise ORM and a cookie session, used by a page on an origin of its own.

    python -m examples.tortoise_api.app [--port 5127] [--api-port 5128] [--broken | --fault NAME]

The page calls with `credentials: "include"`, so that the session cookie travels. Page and API differ in their port: that is
cross-origin (CORS applies) but same-site (a SameSite=Lax cookie is sent).

--fault wildcard    Every origin is allowed by "*", which browsers refuse as soon as a call carries credentials (COR-02).
--fault site        The page is opened as http://localhost and calls http://127.0.0.1. CORS is right, but these are two sites:
                    the Lax cookie is not sent, and each call starts a new session (SES-01).
"""

import secrets
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, ConfigDict, Field, HttpUrl
from starlette.middleware.sessions import SessionMiddleware
from tortoise import fields
from tortoise.contrib.fastapi import RegisterTortoise, tortoise_exception_handlers
from tortoise.models import Model

from examples.serving import LOOPBACK, parse_options, serve_page

FAULTS = {
    "wildcard": "allow_origins=[“*”] for calls with credentials (COR-02)",
    "site": "page on localhost, API on 127.0.0.1, cookie SameSite=Lax (SES-01)",
}


class Bookmark(Model):
    id = fields.IntField(primary_key=True)
    visitor = fields.CharField(max_length=32, db_index=True)
    title = fields.CharField(max_length=200)
    url = fields.CharField(max_length=2000)
    added_at = fields.DatetimeField(auto_now_add=True)


class NewBookmark(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    url: HttpUrl


class BookmarkOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    url: str
    added_at: datetime


async def current_visitor(request: Request) -> str:
    """Return who is here; whoever is new gets a session."""
    return request.session.setdefault("visitor", uuid.uuid4().hex)


Visitor = Annotated[str, Depends(current_visitor)]


def create_app(database: Path, page_origin: str, fault: str = "") -> FastAPI:
    """Build the API on an SQLite file for one page's origin ("http://127.0.0.1:5127")."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with RegisterTortoise(app, db_url=f"sqlite://{database}", modules={"models": [__name__]}, generate_schemas=True):
            yield

    app = FastAPI(title="Bookmarks", lifespan=lifespan, exception_handlers=tortoise_exception_handlers())
    app.add_middleware(SessionMiddleware, secret_key=secrets.token_hex(), same_site="lax")
    # Added last, so outermost: preflights are answered before anything looks for a session.
    if fault == "wildcard":
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    else:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[page_origin],
            allow_credentials=True,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Content-Type"],
        )

    @app.get("/api/bookmarks")
    async def list_bookmarks(visitor: Visitor) -> list[BookmarkOut]:
        return [BookmarkOut.model_validate(row) for row in await Bookmark.filter(visitor=visitor).order_by("-id")]

    @app.post("/api/bookmarks", status_code=201)
    async def add_bookmark(new: NewBookmark, visitor: Visitor) -> BookmarkOut:
        row = await Bookmark.create(visitor=visitor, title=new.title, url=str(new.url))
        return BookmarkOut.model_validate(row)

    @app.delete("/api/bookmarks/{bookmark_id}", status_code=204)
    async def delete_bookmark(bookmark_id: int, visitor: Visitor) -> Response:
        row = await Bookmark.get(id=bookmark_id, visitor=visitor)
        await row.delete()
        return Response(status_code=204)

    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5127, api_port=5128, faults=FAULTS)
    serve_page(Path(__file__).parent / "page", options.port, {"API": f"http://{LOOPBACK}:{options.api_port}"})
    page_origin = f"http://{'localhost' if options.fault == 'site' else LOOPBACK}:{options.port}"
    print(f"Bookmarks: {page_origin}/", flush=True)
    with tempfile.TemporaryDirectory(prefix="tortoise-api-") as folder:
        app = create_app(Path(folder) / "bookmarks.sqlite3", page_origin, options.fault)
        uvicorn.run(app, host=LOOPBACK, port=options.api_port, log_level="warning")


if __name__ == "__main__":
    main()

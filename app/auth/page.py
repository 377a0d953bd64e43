"""The server-rendered pages under /auth, and the few files that they load. They need no script and no socket."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.services.errors import NotFound
from app.settings import ROOT, settings

router = APIRouter()
_HERE = Path(__file__).parent
_templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined)
# In development the pages have a port of their own, so the styles that they share with ours are served here too.
_FILES = {path.name: path for path in (*(_HERE / "static").iterdir(), ROOT / "assets" / "tokens.css", ROOT / "assets" / "theme.css")}


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page made of app/auth/templates. Everything in `values` is escaped."""
    return HTMLResponse(_templates.get_template(template).render(home=settings().public_url, **values), status)


def message(title: str, *text: str, status: int = 200, actions: tuple[tuple[str, str], ...] = ()) -> HTMLResponse:
    """Return a page that says one thing. `actions`: words and addresses; without any, the way to the start page."""
    return page("message.html", status, title=title, text=text, actions=actions or (("To Seamwatch", f"{settings().public_url}/"),))


@router.get("/auth/static/{name}", include_in_schema=False)
async def static(name: str) -> FileResponse:
    if name not in _FILES:
        raise NotFound("There is no such file.")
    return FileResponse(_FILES[name])

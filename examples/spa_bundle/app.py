"""A single-page application and its API from one FastAPI server: the API first, then the shell for every other path.

    python -m examples.spa_bundle.app [--port 5133] [--broken | --fault NAME]

--fault fallback    The catch-all answers really everything with the shell: unknown API paths get HTML with status 200
                    (API-01), and so do scripts that a new release has removed (CAC-02).
--fault address     The frontend was built with the address that the backend has inside of Docker (DEP-01).
"""

from collections.abc import Mapping
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Response

from examples.serving import LOOPBACK, built_files, parse_options

FAULTS = {
    "fallback": "the shell answers unknown API paths and assets too (API-01, CAC-02)",
    "address": "the bundle names a development host (DEP-01)",
}
DIST = Path(__file__).parent / "dist"
QUOTES = (
    ("Simplicity is prerequisite for reliability.", "Edsger W. Dijkstra"),
    ("The most damaging phrase in the language is: it's always been done that way.", "Grace Hopper"),
    ("Programs must be written for people to read.", "Harold Abelson and Gerald Jay Sussman"),
)

api = APIRouter(prefix="/api")


@api.get("/quotes")
async def list_quotes() -> list[dict[str, str]]:
    return [{"text": text, "author": author} for text, author in QUOTES]


@api.get("/quotes/{number}")
async def read_quote(number: int) -> dict[str, str]:
    if not 1 <= number <= len(QUOTES):
        raise HTTPException(404, f"There are {len(QUOTES)} quotes.")
    text, author = QUOTES[number - 1]
    return {"text": text, "author": author}


def create_app(files: Mapping[str, tuple[str, bytes]], fault: str = "") -> FastAPI:
    """Build the server on a built frontend: URL path → (media type, content)."""
    app = FastAPI(title="Quotes")
    app.include_router(api)

    def file(path: str) -> Response:
        media_type, content = files[path]
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    @app.get("/{path:path}", include_in_schema=False)
    async def frontend(path: str) -> Response:
        """Answer a file by itself, and a route of the frontend ("/about") by the shell, which shows it."""
        if f"/{path}" in files:
            return file(f"/{path}")
        if fault != "fallback" and path.startswith(("api/", "assets/")):
            raise HTTPException(404)
        return file("/index.html")

    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5133, faults=FAULTS)
    files = built_files(DIST, {"API": "http://host.docker.internal:8000/api" if options.fault == "address" else "/api"})
    print(f"Quotes: http://{LOOPBACK}:{options.port}/", flush=True)
    uvicorn.run(create_app(files, options.fault), host=LOOPBACK, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()

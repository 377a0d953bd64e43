"""A shop's API and pages in FastAPI. The harness keeps the regions of one case, drops the others, and fills in the names in capitals."""

from pathlib import Path

from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

HERE = Path(__file__).parent
app = FastAPI()
# fault: API-04 | after app = FastAPI(…)
# end fault
# fault: API-05 | after app = FastAPI(…)
# end fault
# fault: SES-01 | in place of the SessionMiddleware
from starlette.middleware.sessions import SessionMiddleware

app.add_middleware(SessionMiddleware, secret_key="a secret of the tests")
# end fault
# only: API-03/fastapi
from starlette.middleware.sessions import SessionMiddleware

app.add_middleware(SessionMiddleware, secret_key="a secret of the tests")
# end only
# only: DEP-02
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

app.add_middleware(ProxyHeadersMiddleware)
# end only
# only: SES-01, DEP-02
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["__PAGE_ORIGIN__"], allow_credentials=True)
# end only
# fault: COR-01 | after the last app.add_middleware(…), in place of any other CORSMiddleware
# end fault
# fault: COR-02 | after the last app.add_middleware(…), in place of any other CORSMiddleware
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["*"])
# end fault
# fault: COR-05 | after the last app.add_middleware(…), in place of any other CORSMiddleware
# end fault
# fault: COR-06 | after the last app.add_middleware(…), in place of any other CORSMiddleware
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["__PAGE_ORIGIN__"], allow_methods=["*"], allow_credentials=True)
# end fault
# fault: COR-07 | after the last app.add_middleware(…), in place of any other CORSMiddleware
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["__PAGE_ORIGIN__"], allow_headers=["*"], allow_credentials=True)
# end fault
# fault: COR-08 | after the last app.add_middleware(…), in place of every line that sets an Access-Control header
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["__PAGE_ORIGIN__"])


@app.middleware("http")
async def allow_again(request, call_next):
    response = await call_next(request)
    response.headers.append("Access-Control-Allow-Origin", "*")
    return response


# end fault
# fault: COR-09 | after the last app.add_middleware(…), in place of any other CORSMiddleware
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["__PAGE_ORIGIN__/"], allow_methods=["*"], allow_headers=["*"], allow_credentials=True)
# end fault
# fault: COR-11 | after the last app.add_middleware(…), in place of any other CORSMiddleware
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)
# end fault
# only: COR-05-moved
from fastapi.middleware.cors import CORSMiddleware

app.add_middleware(CORSMiddleware, allow_origins=["__PAGE_ORIGIN__"], allow_headers=["*"])


@app.middleware("http")
async def one_host(request, call_next):
    if request.headers["host"].startswith("api.other.test"):
        return RedirectResponse(f"http://api.moved.test:__FRONT__{request.url.path}", 308)
    return await call_next(request)


# end only
# fault: COR-05-moved | where the address of the API is set for the page
API_BASE = "http://api.other.test:__FRONT__"
# end fault
# fault: DEP-01 | where the address of the API is set for the page
API_BASE = "http://localhost:__CLOSED_PORT__"
# end fault
# fault: DEP-02 | where the address of the API is set for the page
API_BASE = "http://api.other.test:__PROXY_PORT__"
# end fault


# not: API-04, API-05, COR-05
@app.get("/api/items")
# end not
# only: API-04, API-05, COR-05
@app.get("/api/items/")
@app.put("/api/items/")
# end only
def items():
    return [{"id": 1}]


@app.get("/api/items/{item_id}")
@app.put("/api/items/{item_id}")
@app.patch("/api/items/{item_id}")
def item(item_id: int, request: Request):
    return {"id": item_id, "by": request.method}


# only: SES-01
@app.get("/api/visits")
def visits(request: Request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return {"visits": request.session["visits"]}


# end only
# fault: API-03 | the dependency that guards the API's routes: Depends(current_user)
def current_user(request: Request) -> str:
    user = request.session.get("user")
    if user is None:
        raise HTTPException(status_code=303, headers={"Location": "/login"})
    return user


# end fault
# only: API-03/fastapi
@app.get("/api/me")
def me(user: str = Depends(current_user)):
    return {"name": user}


@app.get("/login")
def login():
    return HTMLResponse("<!doctype html><title>Sign in</title><form method=post><input name=password type=password></form>")


# end only
@app.websocket("/ws/chat")
async def chat(websocket: WebSocket):
    await websocket.accept()
    await websocket.close()


# only: DEP-01/fastapi, DEP-02/fastapi, COR-05-moved/fastapi
@app.get("/")
def rendered():
    from jinja2 import Template

    return HTMLResponse(Template((HERE / "dist/rendered.html").read_text()).render(api_base=API_BASE))


# end only
# fault: API-01 | below the API's routes, above the catch-all route or app.mount
# end fault
# fault: CAC-02 | above the catch-all route
# end fault
# only: API-01/fastapi, CAC-02/fastapi
@app.get("/{path:path}")
def page(path: str):
    file = HERE / "dist" / path
    return FileResponse(file if path and file.is_file() else HERE / "dist/index.html")


# end only
# not: API-01/fastapi, CAC-02/fastapi, DEP-01/fastapi, DEP-02/fastapi, COR-05-moved/fastapi
@app.get("/")
def page():
    return FileResponse(HERE / "dist/index.html")


@app.get("/assets/{name}")
def script(name: str):
    file = HERE / "dist/assets" / name
    if not file.is_file():
        raise HTTPException(status_code=404)
    return FileResponse(file)


# end not

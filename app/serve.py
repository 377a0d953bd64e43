"""`python -m app.serve`: what `bin/run` starts. Builds the frontend when its sources changed, then serves everything on one port.

`reflex run` would build at every start, which takes twenty seconds.
"""

import argparse
import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from app.settings import ROOT, WEB, Settings, settings

STAMP = WEB / "seamwatch.build"
INDEX = WEB / "build" / "client" / "index.html"


def _sources() -> Iterator[Path]:
    """Yield every file that the built frontend depends on. All of app/: pages may show what stands in any room."""
    yield from sorted((ROOT / "app").rglob("*.py"))
    yield from sorted(path for folder in ("assets", "reflex.lock") for path in (ROOT / folder).rglob("*") if path.is_file())
    yield ROOT / "rxconfig.py"


def fingerprint(of: Settings) -> str:
    """Return a hash of all that the built frontend depends on."""
    made = hashlib.sha256(f"{version('reflex')} {of.public_url}".encode())
    for path in _sources():
        made.update(f"\0{path.relative_to(ROOT)}\0".encode())
        made.update(path.read_bytes())
    return made.hexdigest()


def _is_built(of: Settings) -> bool:
    return INDEX.is_file() and STAMP.is_file() and STAMP.read_text("ascii") == fingerprint(of)


def build(of: Settings) -> None:
    """Build the frontend; its messages are shown only when it fails."""
    say("Building the pages. This takes about half a minute, at the first start and after changes …")
    STAMP.unlink(missing_ok=True)
    # The pages look for their socket where browsers reach us, which behind a proxy or in a container is not where we listen.
    os.environ["REFLEX_API_URL"] = of.public_url
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    made = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    if made.returncode != 0 or not INDEX.is_file():
        say(made.stdout)
        raise SystemExit("The pages could not be built. The reason stands above.")
    STAMP.write_text(fingerprint(of), "ascii")  # anew: the build may have completed reflex.lock


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SystemExit(f"SEAMWATCH_PORT: {host}:{port} cannot be used ({error.strerror}). Choose another.") from None


def _npm_registry() -> None:
    """Use the registry that npm is set up for; without this Reflex measures which of two public ones answers faster."""
    if "NPM_CONFIG_REGISTRY" not in os.environ:
        found = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, check=False)  # noqa: S607
        if found.returncode == 0 and found.stdout.startswith("http"):
            os.environ["NPM_CONFIG_REGISTRY"] = found.stdout.strip()


def main() -> None:
    arguments = argparse.ArgumentParser(prog="bin/run")
    arguments.add_argument("--dev", action="store_true", help="hot reload, pages and backend on two ports")
    arguments.add_argument("--build-only", action="store_true", help="build the pages, start nothing")
    asked = arguments.parse_args()
    os.chdir(ROOT)
    of = settings()
    from app import node

    node.put_on_path(of.data_dir / "node")
    if asked.dev:
        _npm_registry()
        os.execv(sys.executable, [sys.executable, "-m", "reflex", "run"])  # noqa: S606
    if not asked.build_only:
        _require_free_port(of.host, of.port)
    # As `reflex run --single-port` sets them.
    os.environ["REFLEX_FRONTEND_PORT"] = os.environ["REFLEX_BACKEND_PORT"] = str(of.port)
    os.environ["REFLEX_ENV_MODE"] = "prod"
    if not _is_built(of):
        _npm_registry()
        build(of)
    if not asked.build_only:
        serve(of)


def serve(of: Settings) -> None:
    """Serve pages, API and socket from one process, until interrupted."""
    from reflex.utils import exec as reflex_exec
    from reflex_base.constants import LogLevel
    from reflex_base.environment import environment

    environment.REFLEX_SKIP_COMPILE.set(True)
    environment.REFLEX_USE_GRANIAN.set(True)  # else it depends on what the examples have installed
    say(f"Seamwatch {of.public_url}")
    reflex_exec.run_backend_prod(of.host, of.port, LogLevel.WARNING, mount_frontend_compiled_app=True)


if __name__ == "__main__":
    main()

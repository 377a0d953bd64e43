"""Real applications with one fault each, which the code of a mend replaces as it stands.

The sources lie in `apps/`. A region is marked by comments, and belongs to cases "CODE" or "CODE/framework":

    # fault: COR-06 | place of the mend     the fault, which the mend's code replaces
    # only: SES-01, COR-08/nginx            there in these cases only
    # not: API-04                           there in all cases but these
    # end fault | # end only | # end not
"""

import functools
import importlib.util
import itertools
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, chdir, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer

import trustme
import uvicorn
from werkzeug.serving import WSGIRequestHandler, make_server

APPS = Path(__file__).parent / "apps"
SHOP, OTHER, MOVED = "shop.test", "api.other.test", "api.moved.test"  # sites by name, all on loopback
START_S = 20.0
_MARK = re.compile(r"^\s*(?:#|//) (?P<end>end )?(?P<kind>fault|only|not)(?:: (?P<cases>[^|\n]+?))?(?: \| (?P<place>.+))?$")
# Below the range from which the system takes the ports of outgoing connections: those could occupy a port between two starts.
_ports = itertools.cycle(range(20_000 + os.getpid() % 5_000, 30_000))


class RegionError(Exception):
    """A source's marks do not fit the case: no region, two regions, or another place than the mend says."""


def free_port() -> int:
    for port in _ports:
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the ports repeat")


@dataclass
class Region:
    """What stands at the fault of a case."""

    code: str
    framework: str
    mended: str | None = None  # None: the fault stands
    places: list[str] = field(default_factory=list)  # of the regions found

    def names(self, cases: str) -> bool:
        return bool({self.code, f"{self.code}/{self.framework}"} & {case.strip() for case in cases.split(",")})

    def select(self, source: str, *, own: bool) -> str:
        """Return the source of the case. `own`: the file belongs to the framework that is mended."""
        kept: list[str] = []
        inside = [True]
        for line in source.splitlines():
            mark = _MARK.match(line)
            if mark is None:
                if inside[-1]:
                    kept.append(line)
            elif mark["end"]:
                inside.pop()
            elif mark["kind"] == "fault":
                here = inside[-1] and own and self.names(mark["cases"])
                if here:
                    self.places.append(mark["place"])
                    kept += [] if self.mended is None else self.mended.splitlines()
                inside.append(here and self.mended is None)
            else:
                inside.append(inside[-1] and self.names(mark["cases"]) is (mark["kind"] == "only"))
        if len(inside) != 1:
            raise RegionError("a region is not closed")
        return "\n".join(kept) + "\n"


@dataclass(frozen=True)
class Case:
    """One finding in one framework."""

    code: str
    framework: str
    call: str  # what the page's script does, up to "const response = …"; "__API__" for the API's origin
    page: str = "apart"  # "apart": another origin; "same": the API's own; "shop": a site by name; "sites": two sites by name
    app: str = ""  # the application behind nginx, or called by JavaScript
    proxied: bool = False
    tls: bool = False
    command: str = ""  # how the application is started, when that is the fault; "__PORT__" for its port
    before: str = "failed"  # how the outcome in the browser begins
    after: str = "["
    variant: str = ""  # where a finding has two causes; marks then say "COR-05-moved"
    strangers_read: bool = False  # whether a page of another site reads the answer too, which is the fault then
    in_report: bool = True  # whether a scan can tell; the browser always can

    @property
    def id(self) -> str:
        return f"{self.marked}-{self.framework}"

    @property
    def marked(self) -> str:
        """The finding as the marks name it."""
        return f"{self.code}-{self.variant}" if self.variant else self.code


class Site:
    """One case on ports of its own, to be started with the fault and again with the mend."""

    def __init__(self, case: Case, folder: Path, certificate: Path) -> None:
        self.case, self.folder, self.certificate = case, folder, certificate
        self.app_port, self.proxy_port, self.page_port, self.closed_port = (free_port() for _ in range(4))
        self.starts = 0
        scheme = "https" if case.tls else "http"
        front = self.proxy_port if case.proxied else self.app_port
        self.front = str(front)
        local = f"{scheme}://127.0.0.1:{front}"
        self.upstream = f"http://127.0.0.1:{self.app_port}"
        self.resolve = {f"{host}:{front}": "127.0.0.1" for host in (SHOP, OTHER, MOVED)}
        self.page_origin, self.api_origin = {
            "apart": (f"http://127.0.0.1:{self.page_port}", local),
            "same": (local, local),
            "shop": (f"{scheme}://{SHOP}:{front}", f"{scheme}://{SHOP}:{front}"),
            "sites": (f"{scheme}://{SHOP}:{front}", f"{scheme}://{OTHER}:{front}"),
        }[case.page]
        self.call = self._fill(case.call)

    @property
    def page_url(self) -> str:
        return f"{self.page_origin}/"

    @property
    def expression(self) -> str:
        """The call itself, without what becomes of it."""
        return self.call[self.call.index("fetch(") : self.call.rindex(")") + 1]

    @property
    def strangers_url(self) -> str:
        """The same page on another site: "localhost" is not "127.0.0.1"."""
        return self.page_url.replace("127.0.0.1", "localhost")

    def _fill(self, text: str) -> str:
        values = {
            "__API__": self.api_origin,
            "__SOCKET__": self.api_origin.replace("http", "ws", 1),
            "__PAGE_ORIGIN__": self.page_origin,
            "__MISSPELT_ORIGIN__": self.page_origin.replace("127.0.0.1", "localhost"),
            "__PROXY_PORT__": str(self.proxy_port),
            "__CLOSED_PORT__": str(self.closed_port),
            "__PORT__": str(self.app_port),
            "__FRONT__": self.front,
            "__OPTIONS__": '{ headers: { "X-Workspace-Id": "1" } }' if self.case.variant == "moved" else "{}",
            "__UPSTREAM__": self.upstream,
            "__CERTIFICATE__": str(self.certificate),
        }
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    @contextmanager
    def running(self, mended: str | None = None, place: str = "") -> Iterator[None]:
        """Run the site with the fault, or with the mend's code in its place."""
        self.starts += 1
        here = self.folder / f"{self.case.id}-{self.starts}"
        region = Region(self.case.marked, self.case.framework, mended)
        call = self.call
        if mended is not None and self.case.framework == "javascript":
            call = call.replace(self.expression, mended)
        used = [self.case.app or self.case.framework, *(["nginx"] if self.case.proxied else [])]
        for source in [APPS / "page", *(APPS / name for name in used)]:
            own = source.name == self.case.framework
            for file in sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
                target = here / ("dist" if source.name == "page" else "") / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = region.select(file.read_text(), own=own).replace("__CALL__", call).replace("__HERE__", str(here))
                target.write_text(self._fill(text))
        if not self.case.command and self.case.framework != "javascript":
            if len(region.places) != 1:
                raise RegionError(f"{self.case.id} has {len(region.places)} regions")
            if place and region.places[0] != place:
                raise RegionError(f"{self.case.id}: the mend says {place!r}, the source {region.places[0]!r}")
        with ExitStack() as stack:
            stack.enter_context(chdir(here))  # applications name their folders from where they are started
            if self.case.command:
                command = self._fill(self.case.command) if mended is None else mended
                stack.enter_context(_process(shlex.split(command), here, self.app_port))
            else:
                stack.enter_context(_SERVERS[used[0]](here, self.app_port))
            if self.case.proxied:
                stack.enter_context(nginx(here, self.proxy_port))
            if self.case.page == "apart":
                stack.enter_context(files(here / "dist", self.page_port))
            yield


def _load(file: Path) -> object:
    """Import an application from its file, under a name that no other has."""
    name = "mended_" + re.sub(r"\W", "_", f"{file.parent.name}_{file.stem}")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # FastAPI looks names of annotations up in the module.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


@contextmanager
def _in_thread(server: BaseServer) -> Iterator[None]:
    """Run a server in a thread, and at the end close what clients left open.

    Browsers open connections ahead of need; the thread that holds one would answer for the faulty application later.
    """
    connections: list[socket.socket] = []
    accept = server.get_request

    def get_request() -> tuple[socket.socket, object]:
        connection, address = accept()
        connections.append(connection)
        return connection, address

    server.get_request = get_request
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        for connection in connections:
            with suppress(OSError):  # most are closed
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()


def flask(here: Path, port: int) -> AbstractContextManager[None]:
    return _in_thread(make_server("127.0.0.1", port, _load(here / "app.py").app, threaded=True, request_handler=_Quiet))


@contextmanager
def fastapi(here: Path, port: int) -> Iterator[None]:
    # proxy_headers off: as for a proxy on another machine, which Uvicorn does not believe by itself.
    config = uvicorn.Config(
        _load(here / "app.py").app, log_level="critical", lifespan="off", proxy_headers=False, timeout_graceful_shutdown=1
    )
    listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@functools.cache
def _django_forks() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("django_forks.py"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def end_django_forks() -> None:
    """End what `django` started."""
    if _django_forks.cache_info().currsize:
        with _django_forks() as process:
            process.kill()
        _django_forks.cache_clear()


@contextmanager
def django(here: Path, port: int) -> Iterator[None]:
    """Serve a project in a process of its own; it says when it listens."""
    forks = _django_forks()
    assert forks.stdin is not None
    assert forks.stdout is not None
    forks.stdin.write(f"{here}\t{port}\n")
    forks.stdin.flush()
    child = int(forks.stdout.readline())
    try:
        assert forks.stdout.readline() == "listening\n"
        yield
    finally:
        os.kill(child, signal.SIGKILL)


_SERVERS = {"flask": flask, "fastapi": fastapi, "django": django}


class _QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def files(folder: Path, port: int) -> AbstractContextManager[None]:
    """Serve a folder: the page on an origin of its own."""
    return _in_thread(ThreadingHTTPServer(("127.0.0.1", port), partial(_QuietFiles, directory=str(folder))))


def find_nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx(here: Path, port: int) -> AbstractContextManager[None]:
    return _process([find_nginx() or "nginx", "-p", str(here), "-c", str(here / "nginx.conf")], here, port)


@contextmanager
def _process(command: list[str], here: Path, port: int) -> Iterator[None]:
    """Run a command until the port is open; its tools are those of this Python's environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    log = here / "output.log"
    with log.open("wb") as output:
        program = shutil.which(command[0], path=path) or command[0]
        environment = {**os.environ, "PATH": path}
        with subprocess.Popen([program, *command[1:]], cwd=here, stdout=output, stderr=output, env=environment) as process:
            try:
                _wait_for(port, process, log)
                yield
            finally:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError(f"nothing listens on {port}: {log.read_text()}")


def server_certificate(folder: Path) -> tuple[Path, Path]:
    """Return the file of a certificate with its key for the sites by name, and the file of its authority."""
    authority = trustme.CA()
    certificate, root = folder / "server.pem", folder / "authority.pem"
    authority.issue_cert(SHOP, OTHER, MOVED).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(root))
    return certificate, root
